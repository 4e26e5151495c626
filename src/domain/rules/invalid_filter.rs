//! A filter of the dashboard or a preset cannot be used.

use super::{Context, Rule, policy_rule::at_condition};
use crate::domain::{
    expression::{About, Expression},
    finding::{Finding, Level},
    policy::Condition,
    text::clean,
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD801",
    name: "invalid-filter",
    level: Level::Error,
    summary: "A filter of the dashboard or a preset is no condition in CEL over services.",
    help: "It would show nothing, or everything. The variables of services are listed in docs/CONTROL-REPOSITORY.md.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let head = context.head;
    let mut findings = Vec::new();
    let mut expect = |condition: &Condition, whose: &str| {
        let read = Expression::parse(&condition.text).and_then(|expression| expression.about(About::Service));
        if let Err(error) = read {
            findings.push(at_condition(context, &RULE, condition, &error, whose));
        }
    };
    for (section, widget) in
        head.dashboard.iter().flat_map(|s| s.widgets.iter().map(move |widget| (s, widget)))
    {
        if let (Some(text), Some(span)) =
            (widget.parameters.get("filter").and_then(|filter| filter.as_str()), widget.spans.get("filter"))
        {
            let condition = Condition { text: text.to_owned(), span: span.clone() };
            expect(&condition, &format!("the filter of `{}` in `{}`", widget.kind, clean(&section.name)));
        }
    }
    for (name, text) in &head.settings.presets {
        if let Some(span) = head.places.get(&format!("preset.{name}")) {
            let condition = Condition { text: text.clone(), span: span.clone() };
            expect(&condition, &format!("the preset `{}`", clean(name)));
        }
    }
    findings
}
