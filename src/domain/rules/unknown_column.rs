//! A widget names a column or a stage that does not exist.

use super::{Context, Rule, suggest};
use crate::domain::{
    catalog::reader::shapes::COLUMNS,
    finding::{Finding, Level},
    text::clean,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD802",
    name: "unknown-column",
    level: Level::Warning,
    summary: "A widget of the dashboard names a column or a stage that does not exist.",
    help: "It would be left out. Columns and stages are listed in docs/CONTROL-REPOSITORY.md.",
    check: Some(check),
};

/// Stages of a change beside the deployment to each environment.
const STAGES: &[&str] = &["validation", "review", "merge", "verification"];

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    let environments: Vec<_> =
        head.settings.environments.iter().map(|environment| environment.name.as_str()).collect();
    // `deploy-prod` is the deployment to `production`.
    let is_deployment = |stage: &str| {
        stage.strip_prefix("deploy-").is_some_and(|name| {
            environments.is_empty() || environments.iter().any(|environment| environment.starts_with(name))
        })
    };
    let deployments: Vec<_> = environments.iter().map(|name| format!("deploy-{name}")).collect();
    let stages: Vec<&str> = STAGES.iter().copied().chain(deployments.iter().map(String::as_str)).collect();
    let mut findings = Vec::new();
    for widget in head.dashboard.iter().flat_map(|section| &section.widgets) {
        for (key, title, known) in [("columns", "column", COLUMNS), ("stages", "stage", &stages)] {
            let (Some(list), Some(span)) =
                (widget.parameters.get(key).and_then(|list| list.as_array()), widget.spans.get(key))
            else {
                continue;
            };
            let is_known = |name: &str| known.contains(&name) || (key == "stages" && is_deployment(name));
            for name in list.iter().filter_map(|name| name.as_str()).filter(|name| !is_known(name)) {
                let message = format!("`{}` has no {title} `{}`", widget.kind, clean(name));
                let mut finding = context.place_word(RULE.finding(message), span, name);
                finding.help = suggest(name, known.iter().copied())
                    .or_else(|| Some(format!("known are {}", known.join(", "))));
                findings.push(finding);
            }
        }
    }
    findings
}
