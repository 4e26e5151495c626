//! Reference documentation of actions, keys and theme roles; and the test that holds docs/ to the code.

use crate::{
    action::{
        registry,
        spec::{ActionSpec, ArgumentKind},
    },
    config::{
        keymap::{self, CONTEXTS, Keymap},
        theme::Role,
    },
    domain::plan::Risk,
    generate::reference::cell,
};
use std::collections::BTreeMap;

/// The reference of all actions with their keys and commands, as Markdown (docs/ACTIONS.md).
pub fn actions() -> String {
    let mut out = String::from(
        "# Actions\n\n\
         This file is generated from the table of actions in `src/action/registry.rs` and the built-in keymap. Do\n\
         not edit it; renew it with `UPDATE_DOCS=1 cargo test --lib reference`.\n\n\
         Every action can be bound to keys (see [CONFIGURATION.md](CONFIGURATION.md)) and is found in the command\n\
         palette (`:`) by its name. What an action needs and is not given comes from the selection; what is still\n\
         missing is asked for in a form. An action that cannot run now says why.\n\n\
         Keys are listed with the context in which they work; without one they work while no overlay is open. The\n\
         contexts `pane` and `overlay` mean every pane and every overlay. The risks are: *read* changes nothing, *local*\n\
         changes this console only, *shared* is seen by others, *destructive* takes something away from users while\n\
         it runs. Shared and destructive actions show their plan and wait for a yes.\n",
    );
    let keymap = built_in();
    let mut families: Vec<(&str, Vec<&ActionSpec>)> = Vec::new();
    for action in registry::all() {
        let family = action.id.split('.').next().unwrap_or(action.id);
        match families.iter_mut().find(|(known, _)| *known == family) {
            Some((_, members)) => members.push(action),
            None => families.push((family, vec![action])),
        }
    }
    for (family, members) in families {
        out += &format!(
            "\n## {family}\n\n| Action | What it does | Keys | Command line | Risk |\n|---|---|---|---|---|\n"
        );
        for action in members {
            let aliases: String = action.aliases.iter().map(|alias| format!("<br>also `{alias}`")).collect();
            out += &format!(
                "| `{}`{aliases} | **{}.** {} | {} | {} | {} |\n",
                action.id,
                action.title,
                cell(action.doc),
                cell(&keys(&keymap, action)),
                cell(&command_line(action)),
                risk(action.risk),
            );
        }
    }
    out
}

/// The roles of themes, as a Markdown table (a part of docs/CONFIGURATION.md).
pub fn roles() -> String {
    let rows: String = Role::ALL
        .iter()
        .map(|role| format!("| `{}` | {} |\n", role.as_str(), role.documentation()))
        .collect();
    format!("\n| Role | What it is for |\n|---|---|\n{rows}")
}

fn built_in() -> Keymap {
    let mut keymap = Keymap::default();
    let known = |run: &str| registry::parse(run).map(drop).map_err(|failure| failure.to_string());
    for (name, text) in keymap::BUILT_IN {
        keymap.merge(name, text, &known, &mut Vec::new());
    }
    keymap
}

/// The keys of an action: those that work everywhere, then context by context.
fn keys(keymap: &Keymap, action: &ActionSpec) -> String {
    let mut by_context: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (rank, context) in CONTEXTS.iter().rev().enumerate() {
        for binding in keymap.contexts.get(*context).into_iter().flatten() {
            let (id, arguments) = binding.run.split_once(' ').unwrap_or((&binding.run, ""));
            if id == action.id || action.aliases.contains(&id) {
                let arguments = if arguments.is_empty() { String::new() } else { format!(" {arguments}") };
                let text = format!("`{}`{arguments}", keymap::show(&binding.on));
                by_context.entry(rank).or_default().push(text);
            }
        }
    }
    let parts: Vec<String> = by_context
        .into_iter()
        .map(|(rank, keys)| match CONTEXTS[CONTEXTS.len() - 1 - rank] {
            "global" => keys.join(", "),
            context => format!("{context}: {}", keys.join(", ")),
        })
        .collect();
    parts.join("<br>")
}

/// How the command line asks for an action; empty for what only a console can do.
fn command_line(action: &ActionSpec) -> String {
    if action.cli.is_empty() {
        // `check` reads files and revisions too, and so has a command of its own.
        return if action.id == "repository.validate" {
            "`quarterdeck check`".to_owned()
        } else {
            String::new()
        };
    }
    let mut text = format!("quarterdeck {}", action.cli.join(" "));
    for spec in action.arguments {
        let value = spec.name.to_uppercase();
        let part = match spec.kind {
            ArgumentKind::Flag => format!("--{}", spec.name),
            _ if spec.positional => value,
            _ => format!("--{} {value}", spec.name),
        };
        text += &if spec.required { format!(" {part}") } else { format!(" [{part}]") };
    }
    format!("`{text}`")
}

const fn risk(risk: Risk) -> &'static str {
    match risk {
        Risk::Read => "read",
        Risk::Local => "local",
        Risk::Shared => "shared",
        Risk::Destructive => "destructive",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::{
            arguments::{self, Request},
            check::{self, Format, Limit},
            rule_fixtures,
        },
        config::environment::var,
        generate::reference,
    };
    use serde_json::Value;
    use std::{fs, path::Path};

    /// Fails when a file of docs/ differs from what the code says; with `UPDATE_DOCS=1` it is rewritten.
    fn hold(file: &str, expected: impl FnOnce(&str) -> String) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(file);
        let present = fs::read_to_string(&path).unwrap_or_default();
        let expected = expected(&present);
        if var("UPDATE_DOCS").as_deref() == Some("1") {
            fs::write(&path, expected).unwrap();
        } else if present != expected {
            let line = present.lines().zip(expected.lines()).take_while(|(is, should)| is == should).count();
            panic!(
                "docs/{file} is not what the code says, from line {} on; renew it with \
                 `UPDATE_DOCS=1 cargo test --lib reference`",
                line + 1
            );
        }
    }

    /// A document whose part between the two marks is `text`.
    fn between_marks(document: &str, text: &str) -> String {
        let (begin, end) = ("<!-- generated: begin -->\n", "<!-- generated: end -->");
        let (before, rest) = document.split_once(begin).expect("the document marks where the part begins");
        let (_, after) = rest.split_once(end).expect("the document marks where the part ends");
        format!("{before}{begin}{text}\n{end}{after}")
    }

    #[test]
    fn the_reference_of_rules_is_up_to_date() {
        hold("RULES.md", |_| reference::rules(&rule_fixtures::examples()));
    }

    #[test]
    fn the_reference_of_actions_is_up_to_date() {
        hold("ACTIONS.md", |_| actions());
    }

    #[test]
    fn the_reference_of_control_files_is_up_to_date() {
        hold("CONTROL-REPOSITORY.md", |present| {
            between_marks(present, &reference::control_repository_keys())
        });
    }

    #[test]
    fn the_reference_of_theme_roles_is_up_to_date() {
        hold("CONFIGURATION.md", |present| between_marks(present, &roles()));
    }

    #[test]
    fn the_example_of_the_json_of_findings_is_what_is_printed() {
        let findings = rule_fixtures::check("missing-dependency", "invalid");
        let printed = check::print(&findings, Format::Json, false, false, Limit::ALL);
        hold("CHECK.md", |present| between_marks(present, &format!("\n```json\n{}```\n", printed.out)));
    }

    /// Every text in a document.
    fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::String(text) => found.push(text),
            Value::Array(list) => list.iter().for_each(|entry| texts(entry, found)),
            Value::Object(map) => map.values().for_each(|entry| texts(entry, found)),
            _ => {}
        }
    }

    #[test]
    fn the_pipelines_are_yaml_and_ask_for_what_there_is() {
        for (file, format) in [("github.yml", Format::Github), ("gitlab.yml", Format::Gitlab)] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci").join(file);
            let document: Value = serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap();
            let mut found = Vec::new();
            texts(&document, &mut found);
            let lines = found.iter().flat_map(|text| text.lines());
            let commands: Vec<&str> = lines.filter(|line| line.starts_with("quarterdeck ")).collect();
            let mut formats = Vec::new();
            for command in &commands {
                // What GitHub's first push lacks is given only where it is there.
                let command = command.replace("${BASE:+\"$BASE\"}", "--base $BASE");
                let words = command.split(" > ").next().unwrap_or_default().split_whitespace();
                let words = words.map(|word| word.trim_matches('"').into());
                let Ok((_, Request::Check(options))) = arguments::parse(words) else {
                    panic!("{file}: {command}")
                };
                assert_eq!(options.base.as_deref(), Some("$BASE"), "{file}: {command}");
                formats.push(options.format);
            }
            assert!(commands.len() == 2 && formats.contains(&format), "{file}: {commands:?}");
            // Where it began must be in the clone, or nothing can be compared.
            let whole = if file == "github.yml" { "\"fetch-depth\":0" } else { "\"GIT_DEPTH\":\"0\"" };
            assert!(document.to_string().contains(whole), "{file}");
        }
    }

    #[test]
    fn commands_keys_and_risk_of_an_action_are_named() {
        let text = actions();
        let row = text.lines().find(|line| line.starts_with("| `service.rollback`")).unwrap();
        for part in [
            "pane: `R`",
            "`quarterdeck service rollback SERVICE --environment ENVIRONMENT [--to TO]`",
            "destructive",
        ] {
            assert!(row.contains(part), "{row}");
        }
        assert!(text.contains("`1` inventory"), "{text}");
    }
}
