//! `check --explain`: what a rule finds, why it matters, how it is mended and how its level is set.

use super::{arguments::Output, oneshot::Printed};
use crate::{
    domain::{
        rules::{self, Rule},
        text::{clean, nearest},
    },
    error::Failure,
    generate::examples::{self, Example},
};
use serde_json::json;

/// Explains a rule by its code, in any case, or by its name.
///
/// # Errors
/// There is no such rule.
pub fn explain(asked: &str, output: Output) -> Result<Printed, Failure> {
    let rule = find(asked)?;
    let example = examples::built_in().into_iter().find(|example| example.rule == rule.name);
    let out = match output {
        Output::Text => text(rule, example.as_ref()),
        Output::Json => {
            let document = json!({
                "code": rule.code,
                "name": rule.name,
                "level": rule.level,
                "summary": rule.summary,
                "help": rule.help,
                "example": example.map(|Example { finding, mended, .. }| json!({
                    "finding": finding, "mended": mended,
                })),
            });
            serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
        }
    };
    Ok(Printed { out, ..Printed::default() })
}

fn find(asked: &str) -> Result<&'static Rule, Failure> {
    let (code, name) = (asked.to_uppercase(), asked.to_lowercase());
    if let Some(rule) = rules::all().find(|rule| rule.code == code || rule.name == name) {
        return Ok(rule);
    }
    let failure = Failure::usage(format!("there is no rule `{}`", clean(asked)));
    // A code with another number is no misspelling: its neighbours help, not the code that looks like it.
    let number = code.strip_prefix("QD").filter(|number| number.chars().all(|c| c.is_ascii_digit()));
    let neighbours: Vec<String> =
        number.and_then(|number| number.get(..1)).map_or_else(Vec::new, |hundred| {
            let near = rules::all().filter(|rule| rule.code[2..].starts_with(hundred));
            near.map(|rule| format!("{} {}", rule.code, rule.name)).collect()
        });
    if !neighbours.is_empty() {
        return Err(failure.hint(format!("ask for one of {}", neighbours.join(", "))));
    }
    let meant = nearest(&code, rules::all().map(|rule| rule.code))
        .or_else(|| nearest(&name, rules::all().map(|rule| rule.name)));
    Err(match meant {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None => {
            failure.hint("findings name their rule as QD203 and as dependency-cycle; docs/RULES.md has all")
        }
    })
}

fn text(rule: &Rule, example: Option<&Example>) -> String {
    let Rule { code, name, level, summary, help, .. } = rule;
    let mut out =
        format!("{code} {name}: {level} unless the repository says otherwise\n\n{summary}\n\n{help}\n");
    if let Some(Example { finding, mended, .. }) = example {
        out += &format!("\nFor example:\n\n{}\n", indented(finding));
        if !mended.is_empty() {
            out += &format!("\nMended by:\n\n{}\n", indented(mended));
        }
    }
    out += &format!(
        "\nTo change its level, write in quarterdeck.toml (allow, note, warning or error):\n\n  [rules]\n  {code} = \"allow\"\n"
    );
    out
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_found_by_code_and_by_name_and_says_how_it_is_mended() {
        for asked in ["QD203", "qd203", "dependency-cycle"] {
            let printed = explain(asked, Output::Text).unwrap();
            insta::allow_duplicates! { insta::assert_snapshot!(printed.out) };
        }
        let document: serde_json::Value =
            serde_json::from_str(&explain("QD203", Output::Json).unwrap().out).unwrap();
        assert_eq!((&document["name"], &document["level"]), (&"dependency-cycle".into(), &"error".into()));
        assert!(document["example"]["finding"].as_str().unwrap().contains("QD203"));
    }

    #[test]
    fn every_rule_is_explained() {
        for rule in rules::all() {
            let shown = explain(rule.code, Output::Text).unwrap().out;
            assert!(
                shown.contains(rule.help) && shown.contains(&format!("{} = \"allow\"", rule.code)),
                "{shown}"
            );
        }
    }

    #[test]
    fn what_was_meant_is_named() {
        for (asked, hint) in [
            ("QD399", "QD301 removed-in-use, "),
            ("QD2O3", "QD203"),
            ("dependency-cylce", "`dependency-cycle`"),
            ("\u{1b}[31mzzzzzz", "docs/RULES.md"),
        ] {
            let failure = explain(asked, Output::Text).unwrap_err();
            assert_eq!(failure.kind.exit_code(), 2);
            let shown = failure.render();
            assert!(shown.contains(hint) && !shown.contains('\u{1b}'), "{shown}");
        }
    }
}
