//! Reference documentation made from the domain's own tables, so that it cannot say anything else.

use crate::domain::{
    catalog::reader::{
        shape::{Kind, Names, Table},
        shapes::{DASHBOARD, FILES, WIDGETS},
    },
    rules::{self, Rule},
};

/// The reference of all validation rules, as Markdown (docs/RULES.md).
pub fn rules() -> String {
    let mut out = String::from(
        "# Validation rules\n\n\
         This file is generated from the table of rules in `src/domain/rules/`. Do not edit it; renew it with\n\
         `UPDATE_DOCS=1 cargo test --lib reference`.\n\n\
         `quarterdeck check` and the key `V` run every rule. The level of a rule can be set in `quarterdeck.toml`:\n\n\
         ```toml\n[rules]\nQD207 = \"error\"   # allow, note, warning or error\n```\n\n\
         An error makes `check` end with exit code 1; a warning does so with `--deny warning`. The rules QD1xx are\n\
         found while files are read, QD2xx look at one state of the repository, and QD3xx compare a state with the\n\
         one before it: they need `--base`, or a change. A file of the working tree that cannot be opened at all is\n\
         reported as QD001, whose level is fixed. Every rule but QD111 and QD112, whose examples would be too large,\n\
         has an example that breaks it and one that does not in `tests/fixtures/rules/<name>/`.\n\n\
         | Code | Name | Level | What is wrong |\n|---|---|---|---|\n",
    );
    for Rule { code, name, level, summary, .. } in rules::all() {
        out += &format!("| [{code}](#{}) | {name} | {level} | {} |\n", anchor(code, name), cell(summary));
    }
    for Rule { code, name, level, summary, help, .. } in rules::all() {
        out += &format!("\n## {code} {name}\n\n{summary} Level: {level}.\n\n{help}\n");
    }
    out
}

/// The anchor that Markdown viewers give to a rule's heading.
fn anchor(code: &str, name: &str) -> String {
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
        let more = if table.open { " Other keys are allowed; nothing reads them yet." } else { "" };
        *out += &format!(
            "\n**{}**{more}\n\n| Key | Value | Required | Meaning |\n|---|---|---|---|\n",
            here.title()
        );
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

    #[test]
    fn every_rule_is_named_and_explained() {
        let text = rules();
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
        assert!(text.contains("| `compat_version_min` |"));
        assert_eq!(text.matches("| `break_changes_notice` |").count(), 1);
        assert!(text.contains("**`[service.<name>]`**: as `[service.<name>]` of services/catalog.toml."));
    }

    #[test]
    fn cells_stay_in_their_row() {
        assert_eq!(cell("a|b\nc"), "a\\|b c");
    }
}
