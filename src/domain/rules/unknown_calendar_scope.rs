//! A freeze or a window names an environment or a project that does not exist.

use super::{Context, Rule, suggest};
use crate::domain::{
    finding::{Finding, Level},
    name::{EnvironmentName, ProjectName},
    text::clean,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD806",
    name: "unknown-calendar-scope",
    level: Level::Error,
    summary: "A freeze or a window names an environment or a project that does not exist.",
    help: "It would not hold where it was meant to. Environments are defined in quarterdeck.toml, projects are the folders below projects/.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    let environments: Vec<_> = head.settings.environments.iter().map(|known| known.name.as_str()).collect();
    let projects: Vec<_> = head.projects.keys().map(ProjectName::as_str).collect();
    let mut findings = Vec::new();
    for entry in &head.calendar {
        let named: [(&str, &str, Vec<&str>, &Vec<&str>); 2] = [
            (
                "environments",
                "environment",
                entry.environments.iter().map(EnvironmentName::as_str).collect(),
                &environments,
            ),
            ("projects", "project", entry.projects.iter().map(ProjectName::as_str).collect(), &projects),
        ];
        for (key, title, names, known) in named {
            // Where there is none at all, there is nothing to compare with.
            for name in names.into_iter().filter(|name| !known.is_empty() && !known.contains(name)) {
                let message = format!(
                    "the {} `{}` names the {title} `{name}`, which does not exist",
                    entry.kind.as_str(),
                    clean(&entry.name)
                );
                let mut finding = context.place_entry(RULE.finding(message), &entry.place(key), name);
                finding.help = suggest(name, known.iter().copied());
                findings.push(finding);
            }
        }
    }
    findings
}
