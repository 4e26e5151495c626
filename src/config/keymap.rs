//! Keymaps: which keys run which action, in which context.
//!
//! A file has one table per context with yazi-like entries:
//! `keymap = [{ on = ["g", "g"], run = "cursor.top", desc = "…" }]`. The user's file may `prepend_keymap`
//! (its entries win), `append_keymap` (the built-in ones win) or replace `keymap` as a whole.

use super::{Problem, key::Key};
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// The built-in keymaps by name.
pub const BUILT_IN: &[(&str, &str)] = &[("default", include_str!("../../keymaps/default.toml"))];

/// The contexts that a keymap may name, from the innermost to the outermost where they nest.
pub const CONTEXTS: &[&str] = &[
    "inventory",
    "graph",
    "changes",
    "change",
    "sla",
    "escalation",
    "cross-project",
    "calendar",
    "pipeline",
    "deployments",
    "pane",
    "service",
    "columns",
    "inspect",
    "findings",
    "running",
    "confirm",
    "help",
    "palette",
    "form",
    "detail",
    "overlay",
    "global",
];

/// One line of a keymap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The keys, in order.
    pub on: Vec<Key>,
    /// The action with its arguments, as text; the registry reads it.
    pub run: String,
    /// What it does; empty for the action's own title.
    pub description: String,
    /// File and line it comes from.
    pub origin: (String, usize),
}

/// Bindings by context, the winning ones first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keymap {
    /// By context name.
    pub contexts: BTreeMap<String, Vec<Binding>>,
}

/// What typed keys mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved<'a> {
    /// They run something.
    Run(&'a Binding),
    /// They begin a longer sequence.
    Partial,
    /// They mean nothing.
    Nothing,
}

impl Keymap {
    /// What `keys` mean in `contexts`, the first context that knows them wins.
    pub fn resolve(&self, contexts: &[&str], keys: &[Key]) -> Resolved<'_> {
        let mut partial = false;
        for context in contexts {
            for binding in self.contexts.get(*context).into_iter().flatten() {
                if binding.on == keys {
                    // A sequence that began in an inner context beats an outer binding of its first key.
                    return if partial { Resolved::Partial } else { Resolved::Run(binding) };
                }
                partial |= binding.on.len() > keys.len() && binding.on.starts_with(keys);
            }
        }
        if partial { Resolved::Partial } else { Resolved::Nothing }
    }

    /// The keys that run exactly `run` in `contexts`, as text; the first binding counts.
    pub fn keys_for(&self, contexts: &[&str], run: &str) -> Option<String> {
        contexts
            .iter()
            .flat_map(|context| self.contexts.get(*context).into_iter().flatten())
            .find(|binding| binding.run == run)
            .map(|binding| show(&binding.on))
    }

    /// Reads the text of a keymap file on top of this one. Whatever is wrong is reported with its line,
    /// and only that entry is dropped. `known` says whether an action's text can be read, or why not.
    pub fn merge(
        &mut self,
        file: &str,
        text: &str,
        known: &dyn Fn(&str) -> Result<(), String>,
        problems: &mut Vec<Problem>,
    ) {
        let line_of =
            |offset: usize| text.as_bytes()[..offset.min(text.len())].split(|byte| *byte == b'\n').count();
        let before = problems.len();
        let mut report = |offset: usize, message: String| {
            problems.push(Problem { file: file.to_owned(), line: line_of(offset), message });
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            report(error.span().map_or(0, |span| span.start), error.message().to_owned());
        }
        for (context, value) in table.get_ref() {
            let name = context.get_ref().as_ref();
            if !CONTEXTS.contains(&name) {
                let nearest = crate::domain::text::nearest(name, CONTEXTS.iter().copied());
                let hint = nearest.map_or_else(
                    || format!("known: {}", CONTEXTS.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                report(context.span().start, format!("unknown context `{name}`; {hint}"));
                continue;
            }
            let DeValue::Table(lists) = value.get_ref() else {
                report(
                    value.span().start,
                    format!("`{name}` must be a table with keymap, prepend_keymap or append_keymap"),
                );
                continue;
            };
            for (list, entries) in lists {
                let DeValue::Array(entries) = entries.get_ref() else {
                    report(entries.span().start, format!("`{}` must be a list of bindings", list.get_ref()));
                    continue;
                };
                let mut bindings = Vec::new();
                for entry in entries {
                    match binding(entry.get_ref(), known) {
                        Ok(mut binding) => {
                            binding.origin = (file.to_owned(), line_of(entry.span().start));
                            bindings.push(binding);
                        }
                        Err(message) => report(entry.span().start, message),
                    }
                }
                let present = self.contexts.entry(name.to_owned()).or_default();
                match list.get_ref().as_ref() {
                    "keymap" => *present = bindings,
                    "prepend_keymap" => {
                        bindings.append(present);
                        *present = bindings;
                    }
                    "append_keymap" => present.append(&mut bindings),
                    other => report(
                        list.span().start,
                        format!("unknown list `{other}`; known: keymap, prepend_keymap, append_keymap"),
                    ),
                }
            }
        }
        // Tables come by name; a person reads them by line.
        problems[before..].sort_by_key(|problem| problem.line);
    }
}

/// Keys as people read them: `g g`, `ctrl-d`.
pub fn show(keys: &[Key]) -> String {
    keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
}

fn binding(value: &DeValue<'_>, known: &dyn Fn(&str) -> Result<(), String>) -> Result<Binding, String> {
    let DeValue::Table(table) = value else {
        return Err("a binding is a table: { on = \"x\", run = \"action\", desc = \"…\" }".to_owned());
    };
    let mut binding = Binding {
        on: Vec::new(),
        run: String::new(),
        description: String::new(),
        origin: Default::default(),
    };
    for (key, value) in table {
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("on", DeValue::String(text)) => binding.on = vec![Key::parse(text)?],
            ("on", DeValue::Array(keys)) => {
                binding.on = keys
                    .iter()
                    .map(|key| match key.get_ref() {
                        DeValue::String(text) => Key::parse(text),
                        _ => Err("`on` is a key or a list of keys".to_owned()),
                    })
                    .collect::<Result<_, _>>()?;
            }
            ("run", DeValue::String(text)) => binding.run = text.to_string(),
            ("desc", DeValue::String(text)) => binding.description = crate::domain::text::clean(text),
            ("on" | "run" | "desc", _) => return Err(format!("`{}` must be text", key.get_ref())),
            (other, _) => return Err(format!("unknown key `{other}`; known: on, run, desc")),
        }
    }
    if binding.on.is_empty() || binding.run.is_empty() {
        return Err("a binding needs `on` and `run`".to_owned());
    }
    known(&binding.run)?;
    Ok(binding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(run: &str) -> Result<(), String> {
        if run.starts_with("cursor.") { Ok(()) } else { Err(format!("unknown action `{run}`")) }
    }

    fn keymap() -> Keymap {
        let mut keymap = Keymap::default();
        let mut problems = Vec::new();
        let text = "[pane]\nkeymap = [\n{ on = [\"g\", \"g\"], run = \"cursor.top\" },\n{ on = \"j\", run = \"cursor.down\" },\n]\n[global]\nkeymap = [{ on = \"g\", run = \"cursor.global\" }]";
        keymap.merge("test", text, &known, &mut problems);
        assert_eq!(problems, []);
        keymap
    }

    fn resolve(keymap: &Keymap, keys: &str) -> String {
        match keymap.resolve(&["pane", "global"], &Key::parse_all(keys).unwrap()) {
            Resolved::Run(binding) => binding.run.clone(),
            Resolved::Partial => "partial".into(),
            Resolved::Nothing => "nothing".into(),
        }
    }

    #[test]
    fn sequences_wait_for_their_end_and_inner_contexts_win() {
        let keymap = keymap();
        for (keys, meaning) in [
            ("g", "partial"),
            ("g g", "cursor.top"),
            ("j", "cursor.down"),
            ("x", "nothing"),
            ("g x", "nothing"),
        ] {
            assert_eq!(resolve(&keymap, keys), meaning, "{keys}");
        }
    }

    #[test]
    fn a_user_file_is_laid_on_top_and_only_its_wrong_lines_are_dropped() {
        let mut keymap = keymap();
        let mut problems = Vec::new();
        let text = "[pane]\nprepend_keymap = [\n  { on = \"j\", run = \"cursor.up\" },\n  { on = \"kk\", run = \"cursor.up\" },\n  { on = \"x\", run = \"launch\" },\n  { on = \"y\", run = \"cursor.bottom\" },\n]\n[pan]\n";
        keymap.merge("mine.toml", text, &known, &mut problems);
        assert_eq!(resolve(&keymap, "j"), "cursor.up");
        assert_eq!(resolve(&keymap, "y"), "cursor.bottom");
        assert_eq!(resolve(&keymap, "g g"), "cursor.top");
        let lines: Vec<_> = problems.iter().map(|problem| (problem.line, problem.message.as_str())).collect();
        assert_eq!(lines[1], (5, "unknown action `launch`"));
        assert_eq!(lines[0].0, 4);
        assert_eq!(lines[2], (8, "unknown context `pan`; did you mean `pane`?"));
    }

    #[test]
    fn a_broken_file_keeps_what_can_be_read() {
        let mut keymap = keymap();
        let mut problems = Vec::new();
        keymap.merge("mine.toml", "[pane\nkeymap = [", &known, &mut problems);
        assert!(!problems.is_empty());
        assert_eq!(resolve(&keymap, "j"), "cursor.down");
    }
}
