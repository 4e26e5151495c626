//! Reference documentation made from the domain's own tables, so that it cannot say anything else.

use super::examples::Example;
use crate::domain::{
    catalog::reader::{
        shape::{Kind, Names, Table},
        shapes::{COLUMNS, DASHBOARD, FILES, WIDGETS},
    },
    expression::About,
    rules::{self, Rule},
};

/// The reference of all validation rules with their examples, as Markdown (docs/RULES.md).
pub fn rules(examples: &[Example]) -> String {
    let mut out = String::from(
        "# Validation rules\n\n\
         This file is generated from the table of rules in `src/domain/rules/`. Do not edit it; renew it with\n\
         `UPDATE_DOCS=1 cargo test --lib reference`.\n\n\
         `quarterdeck check` and the key `V` run every rule. The level of a rule can be set in `quarterdeck.toml`:\n\n\
         ```toml\n[rules]\nQD207 = \"error\"   # allow, note, warning or error\n```\n\n\
         An error makes `check` end with exit code 1; a warning does so with `--deny warning`. The rules QD1xx are\n\
         found while files are read, QD2xx look at one state of the repository, and QD3xx compare a state with the\n\
         one before it: they need `--base`, or a change. QD5xx are about security, QD6xx about the organisation's own\n\
         policies, QD7xx about monitoring, and QD8xx about the dashboard, the calendar, people and patterns. With a\n\
         base, only files that differ from it are searched for credentials, and the levels are those of the base, so\n\
         that a change cannot silence the rule that blocks it. Every rule has an example that breaks it and one that\n\
         does not in `tests/fixtures/rules/<name>/`; those of QD001 and QD111 to QD114, which take a link or a large file,\n\
         are made by `tests/suite/check.rs`.\n\
         `quarterdeck check --explain QD203` prints what is said here about a rule. How findings are printed is in\n\
         [CHECK.md](CHECK.md).\n\n\
         | Code | Name | Level | What is wrong |\n|---|---|---|---|\n",
    );
    for Rule { code, name, level, summary, .. } in rules::all() {
        out += &format!("| [{code}](#{}) | {name} | {level} | {} |\n", anchor(code, name), cell(summary));
    }
    for Rule { code, name, level, summary, help, .. } in rules::all() {
        out += &format!("\n## {code} {name}\n\n{summary} Level: {level}.\n\n{help}\n");
        if let Some(Example { finding, mended, .. }) = examples.iter().find(|example| example.rule == *name) {
            out += &format!("\n```text\n{finding}\n```\n");
            if !mended.is_empty() {
                out += &format!("\nMended by:\n\n```diff\n{mended}\n```\n");
            }
        }
    }
    out
}

/// The anchor that Markdown viewers give to a rule's heading.
pub fn anchor(code: &str, name: &str) -> String {
    format!("{}-{name}", code.to_lowercase())
}

/// Every key of every file of the control repository, as Markdown (a part of docs/CONTROL-REPOSITORY.md).
pub fn control_repository_keys() -> String {
    let mut out = String::new();
    let mut written = Vec::new();
    for file in FILES {
        out += &format!("\n### {}\n\n{}.\n", file.path.replace('*', "<project>"), file.doc);
        section(&mut out, &mut written, &Section { file: file.path, name: "", is_array: false }, file.table);
    }
    out += &format!(
        "\n### {DASHBOARD}\n\nSections, each with a `name` and a list of `widgets`. A widget has a `type` and these \
         parameters, all optional:\n\n| type | parameters |\n|---|---|\n"
    );
    for widget in WIDGETS {
        let parameters: Vec<String> = widget
            .parameters
            .iter()
            .map(|key| format!("`{}`: {}; {}", key.name, key.doc.to_lowercase(), key.kind.expected()))
            .collect();
        out += &format!("| `{}` | {} |\n", widget.kind, cell(&parameters.join("<br>")));
    }
    out += &format!("\nColumns of `service_list`: {}.\n", COLUMNS.join(", "));
    out += &conditions();
    out
}

/// The variables of conditions.
fn conditions() -> String {
    let mut out = "\n### Variables of conditions\n".to_owned();
    for about in About::ALL {
        out += &format!("\n**a {}**\n\n| Variable | Meaning |\n|---|---|\n", about.as_str());
        for (name, meaning) in about.variables() {
            out += &format!("| `{name}` | {} |\n", cell(meaning));
        }
    }
    out
}

/// A table of a file, by its dotted name.
struct Section<'a> {
    file: &'static str,
    name: &'a str,
    is_array: bool,
}

impl Section<'_> {
    fn title(&self) -> String {
        match (self.name, self.is_array) {
            ("", _) => "top level".to_owned(),
            (name, true) => format!("`[[{name}]]`"),
            (name, false) => format!("`[{name}]`"),
        }
    }
}

/// Where a table was described first; the same table may stand in several files.
type Written = Vec<(&'static Table, String)>;

fn section(out: &mut String, written: &mut Written, here: &Section<'_>, table: &'static Table) {
    if let Some((_, place)) = written.iter().find(|(known, _)| std::ptr::eq(*known, table)) {
        *out += &format!("\n**{}**: as {place}.\n", here.title());
        return;
    }
    written.push((table, format!("{} of {}", here.title(), here.file)));
    let mut rows = String::new();
    for key in table.keys {
        let name = match &key.kind {
            Kind::Table(_) | Kind::Tables(_) | Kind::Named(Names { value: Kind::Table(_), .. }) => continue,
            Kind::Named(_) => format!("{}.<name>", key.name),
            _ => key.name.to_owned(),
        };
        let expected = match &key.kind {
            Kind::Named(Names { value, .. }) => value.expected(),
            kind => kind.expected(),
        };
        let required = if key.required { "yes" } else { "" };
        rows += &format!("| `{name}` | {} | {required} | {} |\n", cell(&expected), cell(key.doc));
    }
    if !rows.is_empty() {
        *out +=
            &format!("\n**{}**\n\n| Key | Value | Required | Meaning |\n|---|---|---|---|\n", here.title());
        *out += &rows;
    }
    for key in table.keys {
        let base =
            if here.name.is_empty() { key.name.to_owned() } else { format!("{}.{}", here.name, key.name) };
        let (name, is_array, inner) = match &key.kind {
            Kind::Table(inner) => (base, false, inner),
            Kind::Tables(inner) => (base, true, inner),
            Kind::Named(Names { name, value: Kind::Table(inner) }) => {
                let placeholder = match name {
                    Kind::Word(words) => words.join("|"),
                    _ => "name".to_owned(),
                };
                (format!("{base}.<{placeholder}>"), false, inner)
            }
            _ => continue,
        };
        section(out, written, &Section { file: here.file, name: &name, is_array }, inner);
    }
}

/// Text as a cell of a Markdown table.
pub fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::examples;

    #[test]
    fn every_rule_is_named_and_explained() {
        let text = rules(&examples::built_in());
        for rule in rules::all() {
            assert!(text.contains(&format!("\n## {} {}\n", rule.code, rule.name)), "{}", rule.code);
            assert!(text.contains(rule.help), "{}", rule.code);
        }
    }

    #[test]
    fn every_file_and_its_keys_are_there_and_a_shared_table_is_written_once() {
        let text = control_repository_keys();
        for file in FILES {
            assert!(text.contains(&format!("### {}", file.path.replace('*', "<project>"))), "{}", file.path);
        }
        assert!(text.contains("**`[service.<name>.consumers]`**"));
        assert!(text.contains("**`[[freeze]]`**"));
        assert!(text.contains("| `tier` | `critical`, `high`, `medium` or `low` |"));
        assert!(text.contains("| `compat_version_min` |"));
        assert_eq!(text.matches("| `break_changes_notice` |").count(), 1);
        assert!(text.contains("**`[service.<name>]`**: as `[service.<name>]` of services/catalog.toml."));
    }

    #[test]
    fn cells_stay_in_their_row() {
        assert_eq!(cell("a|b\nc"), "a\\|b c");
    }
}
