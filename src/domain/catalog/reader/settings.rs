//! `quarterdeck.toml`: backends, patterns, presets and rule levels.

use super::{sink::Sink, view::View};
use crate::domain::{
    catalog::{AgentSettings, Catalog, Environment, ScrapeSettings},
    escalation::Severity,
    finding::{Level, Span},
    forge::{ForgeKind, ForgeSettings, SecretPlace},
    leadership::{LeasePlace, LeaseTerms},
    name::{ContextName, EnvironmentName, ProjectName},
    notice::{AddressPlace, Channel, ChannelKind, NoticeEvent},
    rules::{self, reading},
    text::clean,
};
use chrono::Duration;
use std::{collections::BTreeMap, time};

/// A shorter one could not be renewed in time over a slow network.
const SHORTEST_LEASE: time::Duration = time::Duration::from_secs(3);
/// A longer one would leave everything undone for that long after an agent died.
const LONGEST_LEASE: time::Duration = time::Duration::from_mins(10);

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
    settings.mass_deletion = top.table("limits").and_then(|limits| limits.percent("mass_deletion"));
    if let Some(changes) = top.table("changes") {
        settings.merge_on_forge = changes.text("merge") == Some("forge");
        settings.direct_revert = changes.boolean("direct_revert").unwrap_or_default();
    }
    if let Some(view) = top.table("agent") {
        settings.agent = agent(view, sink);
    }
    if let Some(delivery) = top.table("delivery") {
        settings.delivery = super::delivery::read_delivery(delivery);
    }
    settings.registry = top.table("registry").and_then(|registry| registry.owned("url"));
    settings.forge = top.table("forge").and_then(|view| forge(view, sink));
    for (name, at, view) in top.named("notify") {
        settings.channels.extend(channel(name, &at, view, sink));
    }
    for (name, _, view) in top.named("preset") {
        if let (Some(filter), Some(at)) = (view.owned("filter"), view.span("filter")) {
            settings.presets.insert(name.to_owned(), filter);
            catalog.places.insert(format!("preset.{name}"), at);
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
        catalog.places.insert(format!("rules.{code}"), at);
    }
}

/// Says that a value cannot be used.
fn refuse(sink: &mut Sink, at: &Span, message: String, help: &str) {
    let range = at.start as usize..at.end as usize;
    sink.report(&reading::INVALID_VALUE, &range, message, Some(help.to_owned()));
}

/// Where a secret is, by the keys `<name>_env` and `<name>_file`; naming both is wrong.
fn secret(view: View<'_, '_>, sink: &mut Sink, variable: &str, file: &str) -> Option<SecretPlace> {
    match (view.owned(variable), view.owned(file), view.span(file)) {
        (Some(name), Some(_), Some(at)) => {
            let message = format!("`{file}` has no effect: `{variable}` names the same secret");
            refuse(sink, &at, message, "keep one of the two");
            Some(SecretPlace::Environment(name))
        }
        (Some(name), ..) => Some(SecretPlace::Environment(name)),
        (None, Some(path), _) => Some(SecretPlace::File(path)),
        (None, None, _) => None,
    }
}

/// `[forge]`; `None` when it cannot be used.
fn forge(view: View<'_, '_>, sink: &mut Sink) -> Option<ForgeSettings> {
    let kind = ForgeKind::parse(view.text("kind")?)?;
    let repository = view.owned("repository")?;
    if !ForgeSettings::is_repository(kind, &repository) {
        let at = view.span("repository")?;
        let message = format!("`repository`: `{}` names no repository", clean(&repository));
        refuse(sink, &at, message, "write it as `owner/name`");
        return None;
    }
    let Some(url) = view.owned("url").or_else(|| kind.default_url().map(str::to_owned)) else {
        let at = view.span("kind")?;
        refuse(sink, &at, format!("a {} needs its `url`", kind.as_str()), "add its address as `url`");
        return None;
    };
    let token = secret(view, sink, "token_env", "token_file");
    let review = view.boolean("review").unwrap_or_default();
    let mut projects = BTreeMap::new();
    for (project, repository, at) in view.texts("projects") {
        if ForgeSettings::is_repository(kind, repository) {
            projects.insert(ProjectName::from(project), repository.to_owned());
        } else {
            let message = format!("`projects`: `{}` names no repository", clean(repository));
            refuse(sink, &at, message, "write it as `owner/name`");
        }
    }
    Some(ForgeSettings { kind, url, repository, token, review, projects })
}

/// `[agent]`.
fn agent(view: View<'_, '_>, sink: &mut Sink) -> AgentSettings {
    let mut settings = AgentSettings {
        run: view.table.contains_key("run").then(|| view.list("run")),
        restore: view.boolean("restore").unwrap_or_default(),
        ..AgentSettings::default()
    };
    let Some(lease) = view.table("lease") else { return settings };
    if let Some(context) = lease.text("context") {
        settings.lease = LeasePlace::Cluster {
            context: ContextName::from(context),
            namespace: lease.owned("namespace").unwrap_or_else(|| "default".to_owned()),
            name: lease.owned("name").unwrap_or_else(|| "quarterdeck-agent".to_owned()),
        };
    }
    if let (Some(duration), Some(at)) = (lease.duration("duration"), lease.span("duration")) {
        match duration.to_std() {
            Ok(duration) if (SHORTEST_LEASE..=LONGEST_LEASE).contains(&duration) => {
                settings.terms = LeaseTerms { duration };
            }
            _ => {
                let message = "a lease holds between 3 seconds and 10 minutes".to_owned();
                refuse(sink, &at, message, "write for example `duration = \"15s\"`");
            }
        }
    }
    settings
}

/// `[notify.<name>]`; `None` when it cannot be used.
fn channel(name: &str, at: &Span, view: View<'_, '_>, sink: &mut Sink) -> Option<Channel> {
    let kind = ChannelKind::parse(view.text("kind")?)?;
    let hidden = secret(view, sink, "url_env", "url_file");
    let address = match (view.owned("url"), hidden) {
        (_, Some(place)) => AddressPlace::Secret(place),
        (Some(url), None) => AddressPlace::Plain(url),
        (None, None) => {
            let message = format!("the channel `{name}` has no address");
            refuse(sink, at, message, "name it by `url_env`, `url_file` or `url`");
            return None;
        }
    };
    let secret = secret(view, sink, "secret_env", "secret_file");
    if let (ChannelKind::Slack, Some(_)) = (kind, &secret) {
        let message = format!("the channel `{name}` has a secret, and Slack takes no signature");
        refuse(sink, at, message, "remove the secret");
    }
    let words: Vec<&str> = view.list("on");
    Some(Channel {
        name: name.to_owned(),
        kind,
        address,
        secret,
        on: words.into_iter().filter_map(NoticeEvent::parse).collect(),
        severity: view.text("severity").and_then(Severity::parse),
    })
}
