//! The rules of the house that no compiler checks: who may know whom, a purpose line in every file, files
//! of a readable size, and built-in keymaps and themes that load without a word.

use quarterdeck::{
    action::registry,
    config::{
        keymap::{self, Keymap},
        theme,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// What each module may name of the others, besides itself and `error`.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("error", &["domain"]),
    ("domain", &[]),
    ("ports", &["domain"]),
    ("config", &["domain"]),
    ("generate", &["domain"]),
    ("model", &["domain", "config"]),
    ("action", &["model", "domain", "config"]),
    ("engine", &["action", "model", "ports", "generate", "domain", "config"]),
    ("adapters", &["ports", "domain", "config"]),
    ("tui", &["model", "domain", "action", "config"]),
    ("cli", &["action", "engine", "model", "generate", "domain", "config"]),
    ("demo", &["ports", "domain", "adapters"]),
];

/// What a module may not name of other crates and of the standard library.
const MUST_NOT_NAME: &[(&str, &[&str])] = &[
    (
        "domain",
        &["std::fs", "std::net", "std::process", "tokio", "kube", "reqwest", "gix", "ratatui", "crossterm"],
    ),
    ("config", &["std::net", "std::process", "tokio", "kube", "reqwest", "gix", "ratatui", "crossterm"]),
    ("generate", &["std::fs", "std::process", "tokio", "kube", "reqwest", "gix", "ratatui", "crossterm"]),
    ("model", &["std::fs", "std::process", "tokio", "kube", "reqwest", "gix", "ratatui", "crossterm"]),
    ("action", &["std::fs", "std::process", "tokio", "kube", "reqwest", "gix", "ratatui", "crossterm"]),
    ("engine", &["std::fs", "std::process", "kube", "reqwest", "gix", "ratatui", "crossterm"]),
    ("adapters", &["ratatui", "crossterm"]),
    ("tui", &["std::fs", "std::process", "kube", "k8s_openapi", "reqwest", "gix"]),
    ("cli", &["std::fs", "std::process", "kube", "reqwest", "gix", "ratatui", "crossterm"]),
];

const MOST_LINES: usize = 700;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every `.rs` file below the folders, by its path from the root of the crate.
fn sources(folders: &[&str]) -> BTreeMap<String, String> {
    fn collect(folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    for folder in folders {
        collect(&root().join(folder), &mut found);
    }
    found
}

/// The code of a file: comments and the insides of texts become blanks, so that offsets and lines hold.
fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let blank = |out: &mut Vec<u8>, from: usize, to: usize| {
        for byte in &mut out[from..to.min(bytes.len())] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    };
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text.as_bytes()[at..];
        let end = if rest.starts_with(b"//") {
            at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            at + rest.windows(2).position(|pair| pair == b"*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with(b"r\"") || rest.starts_with(b"r#") && is_raw(rest) {
            let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
            let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
            let body = 2 + hashes;
            at + rest[body..]
                .windows(close.len())
                .position(|window| window == close)
                .map_or(rest.len(), |end| body + end + close.len())
        } else if rest.starts_with(b"\"") {
            let mut end = 1;
            while end < rest.len() && rest[end] != b'"' {
                end += if rest[end] == b'\\' { 2 } else { 1 };
            }
            at + end + 1
        } else if rest.starts_with(b"'\\") {
            at + 3 + rest.iter().skip(3).position(|byte| *byte == b'\'').unwrap_or(0) + 1
        } else if rest.len() > 2 && rest[0] == b'\'' && rest[2] == b'\'' {
            at + 3
        } else {
            at += 1;
            continue;
        };
        blank(&mut out, at, end);
        at = end.max(at + 1);
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn is_raw(rest: &[u8]) -> bool {
    rest[1..].iter().find(|byte| **byte != b'#') == Some(&b'"')
}

/// The code without its inline test module, which by the style of the house ends a file.
fn without_tests(code: &str) -> &str {
    code.find("#[cfg(test)]\nmod tests {").map_or(code, |start| &code[..start])
}

/// Files that only tests compile, named by `#[cfg(test)] mod x;` (with or without a `#[path]`).
fn test_files(files: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, text) in files {
        let folder = match path.strip_suffix("/mod.rs").or_else(|| path.strip_suffix("/lib.rs")) {
            Some(folder) => folder.to_owned(),
            None => path.trim_end_matches(".rs").to_owned(),
        };
        let beside = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (start, marker) in text.match_indices("#[cfg(test)]") {
            let rest = text[start + marker.len()..].trim_start();
            let (file, rest) = match rest.strip_prefix("#[path = \"") {
                Some(rest) => {
                    let (file, rest) = rest.split_once("\"]").unwrap();
                    (Some(format!("{beside}/{file}")), rest.trim_start())
                }
                None => (None, rest),
            };
            let Some((name, rest)) = rest
                .trim_start_matches("pub ")
                .trim_start_matches("pub(crate) ")
                .strip_prefix("mod ")
                .and_then(|rest| rest.split_once([';', ' ']).map(|(name, _)| (name, rest)))
            else {
                continue;
            };
            if rest[name.len()..].starts_with(';') {
                found.insert(file.unwrap_or_else(|| format!("{folder}/{name}.rs")));
            }
        }
    }
    found
}

/// The modules that are named right behind `crate::`, also in a group, with the line of each.
fn named(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let identifier = |text: &str| -> String {
        text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
    };
    for (start, path) in code.match_indices("crate::") {
        let line = |offset: usize| code[..offset].matches('\n').count() + 1;
        let begin = start + path.len();
        if !code[begin..].starts_with('{') {
            found.push((line(begin), identifier(&code[begin..])));
            continue;
        }
        let mut depth = 0;
        let mut first = false;
        for (offset, character) in code[begin..].char_indices() {
            match character {
                '{' => {
                    depth += 1;
                    first = depth == 1;
                }
                '}' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                ',' if depth == 1 => first = true,
                _ if character.is_whitespace() => {}
                _ if first => {
                    found.push((line(begin + offset), identifier(&code[begin + offset..])));
                    first = false;
                }
                _ => {}
            }
        }
    }
    found
}

/// Lines where a chain of `super::` leaves the top module of the file.
fn escapes(path: &str, code: &str) -> Vec<usize> {
    let inside = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    let depth = inside.split('/').count();
    let mut found = Vec::new();
    let mut after = 0;
    for (start, word) in code.match_indices("super::") {
        if start < after {
            continue;
        }
        let chain =
            code.as_bytes()[start..].chunks(word.len()).take_while(|part| *part == b"super::").count();
        after = start + chain * word.len();
        if chain >= depth {
            found.push(code[..start].matches('\n').count() + 1);
        }
    }
    found
}

fn top_module(path: &str) -> &str {
    let inside = path.trim_start_matches("src/");
    inside.split_once('/').map_or(inside.trim_end_matches(".rs"), |(module, _)| module)
}

#[test]
fn modules_know_only_whom_they_may() {
    let files = sources(&["src"]);
    let only_tests = test_files(&files);
    for file in &only_tests {
        assert!(files.contains_key(file), "{file} is named as a test module, and is not there");
    }
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (path, text) in &files {
        let module = top_module(path);
        if matches!(module, "main" | "lib") || only_tests.contains(path) {
            continue;
        }
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{path}: `{module}` is not in the table of modules"));
            continue;
        };
        seen.insert(module.to_owned());
        let code = code(text);
        let code = without_tests(&code);
        for (line, name) in named(code) {
            if name != module && name != "error" && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{path}:{line}: {module} may not name {name}"));
            }
        }
        for line in escapes(path, code) {
            wrong.push(format!("{path}:{line}: say `crate::…` to leave a top module, so that it is seen"));
        }
        for (_, banned) in MUST_NOT_NAME.iter().filter(|(name, _)| *name == module) {
            for (number, line) in code.lines().enumerate() {
                let outside = |name: &&&str| {
                    line.match_indices(**name).any(|(at, _)| {
                        let before = line[..at].chars().next_back();
                        line[at + name.len()..].starts_with("::")
                            && !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':'))
                    })
                };
                if let Some(name) = banned.iter().find(outside) {
                    wrong.push(format!("{path}:{}: {module} may not use {name}", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(seen.len(), MAY_IMPORT.len(), "the table names a module that is not there: {seen:?}");
}

#[test]
fn groups_and_hidden_paths_are_read() {
    let text = "use crate::{\n    action::{a, b},\n    model,\n};\nfn x() { crate::ports::y(); }\n// crate::tui\nlet s = \"crate::cli\"; let r = r#\"crate::demo \"#; let c = '\"'; crate::config::z();\n#[cfg(test)]\nmod tests {\n use crate::engine;\n}\n";
    let code = code(text);
    let found: Vec<_> =
        named(without_tests(&code)).into_iter().map(|(line, name)| format!("{line} {name}")).collect();
    assert_eq!(found, ["2 action", "3 model", "5 ports", "7 config"]);
    assert_eq!(escapes("src/tui/panes/sla.rs", "super::super::x"), [0; 0]);
    assert_eq!(escapes("src/tui/panes/sla.rs", "super::super::super::ports"), [1]);
    assert_eq!(escapes("src/tui/mod.rs", "use super::ports;"), [1]);
}

#[test]
fn every_file_says_what_it_is_for_and_stays_readable() {
    let mut wrong = Vec::new();
    for (path, text) in sources(&["src", "tests", "benches"]) {
        if !text.lines().next().is_some_and(|line| line.starts_with("//! ") && line.len() > 12) {
            wrong.push(format!("{path}: the first line must be `//! ` and the file's purpose"));
        }
        let lines = text.lines().count();
        if lines > MOST_LINES {
            wrong.push(format!("{path}: {lines} lines; split it"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The files of a folder without their `.toml`.
fn names(folder: &str) -> BTreeSet<String> {
    fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap().trim_end_matches(".toml").to_owned())
        .collect()
}

#[test]
fn every_keymap_loads_and_every_action_can_be_reached() {
    assert_eq!(
        names("keymaps"),
        keymap::BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect(),
        "every file of keymaps/ is built in"
    );
    let known = |run: &str| registry::parse(run).map(|_| ()).map_err(|failure| failure.render());
    for (name, text) in keymap::BUILT_IN {
        let (mut keymap, mut problems) = (Keymap::default(), Vec::new());
        keymap.merge(name, text, &known, &mut problems);
        assert_eq!(problems, [], "{name}");
        for (context, bindings) in &keymap.contexts {
            let keys: BTreeSet<String> = bindings.iter().map(|binding| keymap::show(&binding.on)).collect();
            assert_eq!(keys.len(), bindings.len(), "{name}: a key stands twice in [{context}]");
        }
        let bound: BTreeSet<&str> = keymap
            .contexts
            .values()
            .flatten()
            .filter_map(|binding| binding.run.split_whitespace().next())
            .filter_map(registry::find)
            .map(|action| action.id)
            .collect();
        // What steers an overlay, or needs an argument that only a keymap gives, is not in the palette.
        for action in registry::all() {
            let palette = !["plan.", "form.", "cursor.", "view.submit", "view.palette", "view.focus"]
                .iter()
                .any(|hidden| action.id.starts_with(hidden));
            assert!(
                palette || bound.contains(action.id),
                "{name}: {} has no key, and the palette does not show it",
                action.id
            );
        }
    }
}

#[test]
fn ids_are_unique_and_of_one_form() {
    let mut ids = BTreeSet::new();
    let mut words = BTreeSet::new();
    for action in registry::all() {
        assert!(ids.insert(action.id), "{} stands twice", action.id);
        for alias in action.aliases {
            assert!(ids.insert(alias), "{alias} stands twice");
        }
        assert!(
            action.id.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '.' | '-')),
            "{} is not family.verb",
            action.id
        );
        assert!(
            action.cli.is_empty() || words.insert(action.cli),
            "two actions answer to `{}`",
            action.cli.join(" ")
        );
    }
}

#[test]
fn every_theme_loads() {
    assert_eq!(
        names("themes"),
        theme::BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect(),
        "every file of themes/ is built in"
    );
    let built_in: BTreeMap<String, (String, String)> = theme::BUILT_IN
        .iter()
        .map(|(name, text)| ((*name).to_owned(), ((*name).to_owned(), (*text).to_owned())))
        .collect();
    for (name, _) in theme::BUILT_IN {
        let (_, problems) = theme::resolve(name, &built_in);
        assert_eq!(problems, [], "{name}");
    }
}
