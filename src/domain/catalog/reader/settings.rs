//! `quarterdeck.toml`: backends, patterns, presets and rule levels.

use super::{sink::Sink, view::View};
use crate::domain::{
    catalog::{Catalog, Environment, ScrapeSettings},
    finding::Level,
    name::{ContextName, EnvironmentName},
    rules::{self, reading},
    text::clean,
};
use chrono::Duration;

/// Reads `quarterdeck.toml`.
pub fn read_settings(top: View<'_, '_>, catalog: &mut Catalog, sink: &mut Sink) {
    let settings = &mut catalog.settings;
    if let Some(name) = top.owned("name") {
        settings.name = name;
    }
    if let Some(repository) = top.table("repository") {
        for (key, target) in [
            ("remote", &mut settings.remote),
            ("main", &mut settings.main),
            ("changes", &mut settings.changes),
            ("tags", &mut settings.tags),
        ] {
            let Some(text) = repository.text(key) else { continue };
            let problem = match key {
                "changes" if text.matches('*').count() != 1 => Some("it needs exactly one `*`"),
                "tags" if !(text.contains("<service>") && text.contains("<version>")) => {
                    Some("it needs `<service>` and `<version>`")
                }
                // These reach git as arguments: an option in their place must not.
                _ if text.is_empty() || text.starts_with('-') => Some("it is no name in Git"),
                _ => None,
            };
            match (problem, repository.span(key)) {
                (Some(problem), Some(at)) => {
                    let message = format!("`{key}`: `{}` cannot be used: {problem}", clean(text));
                    sink.report(
                        &reading::INVALID_VALUE,
                        &(at.start as usize..at.end as usize),
                        message,
                        None,
                    );
                }
                _ => text.clone_into(target),
            }
        }
    }
    for (name, at, view) in top.named("environment") {
        if let Some(context) = view.text("context") {
            settings.environments.push(Environment {
                name: EnvironmentName::from(name),
                context: ContextName::from(context),
                namespace: view.owned("namespace").unwrap_or_else(|| "default".to_owned()),
                // One that calls itself production is production unless it says that it is not.
                production: view.boolean("production").unwrap_or(name == "production"),
                read_only: view.boolean("read_only").unwrap_or_default(),
            });
            catalog.places.insert(format!("environment.{name}"), at);
        }
    }
    settings.scrape = top.table("metrics").and_then(|metrics| metrics.table("scrape")).and_then(|scrape| {
        Some(ScrapeSettings {
            url: scrape.owned("url")?,
            interval: scrape.duration("interval").unwrap_or_else(|| Duration::seconds(15)),
            timeout: scrape.duration("timeout").unwrap_or_else(|| Duration::seconds(5)),
        })
    });
    settings.alertmanager = top.table("alertmanager").and_then(|alertmanager| alertmanager.owned("url"));
    for (name, _, view) in top.named("preset") {
        if let Some(filter) = view.owned("filter") {
            settings.presets.insert(name.to_owned(), filter);
        }
    }
    for (code, level, at) in top.texts("rules") {
        let range = at.start as usize..at.end as usize;
        if rules::find(code).is_none() {
            let codes = rules::all().map(|rule| rule.code).collect::<Vec<_>>();
            sink.unknown_key(code, &range, codes.into_iter(), "`[rules]`");
            continue;
        }
        let level = match level {
            "allow" => None,
            "note" => Some(Level::Note),
            "warning" => Some(Level::Warning),
            "error" => Some(Level::Error),
            _ => continue,
        };
        settings.rules.insert(code.to_owned(), level);
    }
}
