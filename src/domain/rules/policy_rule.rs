//! The organisation's own rules, and the controls of its frameworks.

use super::{Context, Rule};
use crate::domain::{
    catalog::Catalog,
    expression::{About, Expression, ExpressionError, Subject},
    finding::{Finding, Level, Span},
    policy::{Condition, PolicyRule},
    text::clean,
};
use std::cell::OnceCell;

/// A control of a framework is not met.
pub static CONTROL: Rule = Rule {
    code: "QD602",
    name: "framework-control",
    level: Level::Error,
    summary: "A service does not meet a control of a framework of policies/compliance.toml.",
    help: "The control says what is missing. Meet it, or ask for an `[[exemption]]` with a reason and an end.",
    check: None,
};

/// A rule of one's own is broken.
pub static RULE: Rule = Rule {
    code: "QD603",
    name: "policy-rule",
    level: Level::Error,
    summary: "A service, a project or a change breaks a rule that the organisation wrote itself.",
    help: "The rules stand in policies/security.toml and policies/compliance.toml under `[[rule]]`. Meet it, or ask for an `[[exemption]]` with a reason and an end.",
    check: Some(check),
};

/// A condition cannot be used.
pub static INVALID: Rule = Rule {
    code: "QD601",
    name: "invalid-condition",
    level: Level::Error,
    summary: "A policy's condition is no CEL, uses a name that does not exist, or has no answer.",
    help: "It demands nothing until it is mended. The variables of services, projects and changes are listed in docs/CONTROL-REPOSITORY.md.",
    check: None,
};

/// Reads a condition and checks the names in it.
fn parse(condition: &Condition, about: About) -> Result<Expression, ExpressionError> {
    let expression = Expression::parse(&condition.text)?;
    expression.about(about)?;
    Ok(expression)
}

/// A rule with its conditions read.
struct Ready {
    applies: Option<Expression>,
    condition: Expression,
}

impl Ready {
    /// Whether a subject meets it; one that it does not speak of does.
    fn is_met(&self, subject: &Subject<'_>) -> Result<bool, (bool, String)> {
        if let Some(applies) = &self.applies
            && !applies.matches(subject).map_err(|error| (true, error))?
        {
            return Ok(true);
        }
        self.condition.matches(subject).map_err(|error| (false, error))
    }
}

/// Every subject of a rule with what it is called and where it stands, until `each` has seen enough.
fn subjects(
    context: &Context<'_>,
    about: About,
    change: &OnceCell<Subject<'static>>,
    mut each: impl FnMut(&Subject<'_>, String, Option<&Span>) -> bool,
) {
    let head = context.head;
    match about {
        About::Service => {
            for service in head.services.values() {
                let name = format!("`{}`", service.name);
                if !each(&Subject::service(head, service), name, Some(&service.span)) {
                    return;
                }
            }
        }
        About::Project => {
            for project in head.projects.values() {
                let name = format!("the project `{}`", project.name);
                if !each(&Subject::project(head, project), name, Some(&project.span)) {
                    return;
                }
            }
        }
        About::Change => {
            if let Some(base) = context.base {
                each(change.get_or_init(|| Subject::change(base, head)), "the change".to_owned(), None);
            }
        }
    }
}

/// Findings of all three: every condition is read once and asked once of each subject.
fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    // The difference of two catalogs is told once for all rules about it.
    let change = OnceCell::new();
    // A change does not get round a rule by deleting it, or by writing it anew: the base's hold as well.
    let known = &context.head.policies.rules;
    let dropped = context.base.into_iter().flat_map(|base| {
        let gone = base.policies.rules.iter().filter(|old| !known.iter().any(|new| is_same(old, new)));
        gone.map(move |rule| (base, rule))
    });
    for (home, rule) in known.iter().map(|rule| (context.head, rule)).chain(dropped) {
        let Some(ready) = read(context, home, rule, &mut findings) else { continue };
        subjects(context, rule.about, &change, |subject, name, at| match ready.is_met(subject) {
            Ok(true) => true,
            Ok(false) => {
                findings.push(broken(context, home, rule, &name, at));
                true
            }
            // One subject without an answer tells enough.
            Err((applies, error)) => {
                let condition = rule.applies.as_ref().filter(|_| applies).unwrap_or(&rule.condition);
                let message = format!("{} has no answer for {name}: {error}", title(rule));
                findings.push(labelled(home, INVALID.finding(message), &condition.span, ""));
                false
            }
        });
    }
    findings
}

/// Whether two rules demand the same of the same, however they explain it.
fn is_same(one: &PolicyRule, other: &PolicyRule) -> bool {
    let applies = |rule: &PolicyRule| rule.applies.as_ref().map(|applies| applies.text.clone());
    one.name == other.name
        && one.framework == other.framework
        && one.about == other.about
        && one.level == other.level
        && one.condition.text == other.condition.text
        && applies(one) == applies(other)
}

/// `finding` with a place in the catalog that a rule stands in.
fn labelled(home: &Catalog, finding: Finding, span: &Span, text: &str) -> Finding {
    match home.label(span, text) {
        Some(label) => finding.at(label),
        None => finding,
    }
}

/// The conditions of a rule; `None`, and what is wrong, if any cannot be used. What the base has wrong is no fault
/// of the change.
fn read(
    context: &Context<'_>,
    home: &Catalog,
    rule: &PolicyRule,
    findings: &mut Vec<Finding>,
) -> Option<Ready> {
    let mut expression = |condition: &Condition, key: &str| {
        let read = parse(condition, rule.about);
        read.map_err(|error| {
            let whose = format!("`{key}` of {}", title(rule));
            if std::ptr::eq(home, context.head) {
                findings.push(at_condition(context, &INVALID, condition, &error, &whose));
            }
        })
    };
    let condition = expression(&rule.condition, "rule");
    let applies = rule.applies.as_ref().map(|applies| expression(applies, "applies_to")).transpose();
    Some(Ready { applies: applies.ok()?, condition: condition.ok()? })
}

/// The finding that a subject does not meet a rule.
fn broken(
    context: &Context<'_>,
    home: &Catalog,
    rule: &PolicyRule,
    name: &str,
    at: Option<&Span>,
) -> Finding {
    let (kind, title) = match &rule.framework {
        Some(framework) => (&CONTROL, format!("`{}` of `{}`", clean(&rule.name), clean(framework))),
        None => (&RULE, format!("`{}`", clean(&rule.name))),
    };
    let why = rule.message.as_deref().map(|message| format!(": {}", clean(message))).unwrap_or_default();
    let mut finding = kind.finding(format!("{name} does not meet {title}{why}"));
    finding.level = rule.level;
    if let Some(at) = at {
        finding = context.place(finding, at, "");
    }
    let said =
        if std::ptr::eq(home, context.head) { "demanded here" } else { "demanded here, before the change" };
    labelled(home, finding, &rule.condition.span, said)
}

fn title(rule: &PolicyRule) -> String {
    match &rule.framework {
        Some(framework) => format!("the control `{}` of `{}`", clean(&rule.name), clean(framework)),
        None => format!("the rule `{}`", clean(&rule.name)),
    }
}

/// A finding at the very part of a condition that is wrong.
pub fn at_condition(
    context: &Context<'_>,
    rule: &Rule,
    condition: &Condition,
    error: &ExpressionError,
    whose: &str,
) -> Finding {
    let finding = rule.finding(format!("{whose} cannot be used: {}", error.message));
    let Some(mut label) = context.head.label(&condition.span, "") else { return finding };
    let written = label.file.text.get(label.start..label.end).unwrap_or_default();
    // With escapes in it the text in the file is another one, and the whole is shown.
    if let Some(at) = written.find(&condition.text) {
        label.end = label.start + at + error.end.max(error.start);
        label.start += at + error.start;
    }
    finding.at(label)
}
