//! Loading the settings: built in, then the user's files, then the command line.

use super::{
    Config, Problem,
    environment::var,
    keymap::{self, Keymap},
    paths::config_dir,
    theme::{self, Theme},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What the command line says about settings.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Settings file instead of the one in the XDG directory.
    pub file: Option<PathBuf>,
    /// Theme by name.
    pub theme: Option<String>,
    /// Keymap by name.
    pub keymap: Option<String>,
    /// Change nothing outside.
    pub read_only: bool,
}

/// What `config.toml` may say.
#[derive(Debug, Default)]
struct UserFile {
    theme: Option<String>,
    keymap: Option<String>,
    read_only: Option<bool>,
}

/// The largest settings file that is read, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// Loads everything. What is wrong is reported in [`Config::problems`]; the rest holds. `known` says
/// whether an action's text in a keymap can be read.
pub fn load(overrides: &Overrides, known: &dyn Fn(&str) -> Result<(), String>) -> Config {
    let mut problems = Vec::new();
    let directory = config_dir();
    let user = user_file(overrides, directory.as_deref(), &mut problems);
    let keymap_name = overrides.keymap.clone().or(user.keymap);
    let keymap = load_keymap(keymap_name.as_deref(), directory.as_deref(), known, &mut problems);
    let theme_name = overrides.theme.clone().or(user.theme).unwrap_or_else(|| "dark".to_owned());
    let theme = load_theme(&theme_name, directory.as_deref(), &mut problems);
    // https://no-color.org: present and not empty, whatever its value.
    let theme = match (var("NO_COLOR"), var("COLORTERM")) {
        (Some(_), _) => Theme::no_color(),
        (None, Some(depth)) if ["truecolor", "24bit"].contains(&depth.as_str()) => theme,
        // A terminal that does not say so may not understand true colour; 256 colours every one does.
        (None, _) => theme.reduced(),
    };
    Config { keymap, theme, read_only: overrides.read_only || user.read_only.unwrap_or(false), problems }
}

/// Every theme that can be named: the built-in ones and the user's.
pub fn themes() -> BTreeMap<String, (String, String)> {
    theme_sources(config_dir().as_deref(), &mut Vec::new())
}

fn user_file(overrides: &Overrides, directory: Option<&Path>, problems: &mut Vec<Problem>) -> UserFile {
    let mut settings = UserFile::default();
    let (path, must_exist) = match (&overrides.file, directory) {
        (Some(path), _) => (path.clone(), true),
        (None, Some(directory)) => (directory.join("config.toml"), false),
        (None, None) => return settings,
    };
    if !must_exist && !path.exists() {
        return settings;
    }
    let Some(text) = read(&path, problems) else { return settings };
    let file = path.display().to_string();
    let (table, errors) = toml::de::DeTable::parse_recoverable(&text);
    let line_of =
        |offset: usize| text.as_bytes()[..offset.min(text.len())].split(|byte| *byte == b'\n').count();
    for error in errors {
        let line = error.span().map_or(0, |span| line_of(span.start));
        problems.push(Problem { file: file.clone(), line, message: error.message().to_owned() });
    }
    for (key, value) in table.get_ref() {
        use toml::de::DeValue::{Boolean, String};
        let message = match (key.get_ref().as_ref(), value.get_ref()) {
            ("theme", String(name)) => {
                settings.theme = Some(name.to_string());
                continue;
            }
            ("keymap", String(name)) => {
                settings.keymap = Some(name.to_string());
                continue;
            }
            ("read_only", Boolean(on)) => {
                settings.read_only = Some(*on);
                continue;
            }
            (name @ ("theme" | "keymap"), _) => format!("`{name}` must be text"),
            ("read_only", _) => {
                // A safety switch that cannot be read is on.
                settings.read_only = Some(true);
                "`read_only` must be true or false; it is taken as true".to_owned()
            }
            (other, _) => match crate::domain::text::nearest(other, ["theme", "keymap", "read_only"]) {
                Some(near) => {
                    if near == "read_only" {
                        settings.read_only = Some(true);
                    }
                    format!("unknown key `{other}`; did you mean `{near}`?")
                }
                None => format!("unknown key `{other}`; known: theme, keymap, read_only"),
            },
        };
        problems.push(Problem { file: file.clone(), line: line_of(key.span().start), message });
    }
    settings
}

fn load_keymap(
    name: Option<&str>,
    directory: Option<&Path>,
    known: &dyn Fn(&str) -> Result<(), String>,
    problems: &mut Vec<Problem>,
) -> Keymap {
    let mut keymap = Keymap::default();
    for (name, text) in keymap::BUILT_IN {
        keymap.merge(&format!("built-in keymap {name}"), text, known, problems);
    }
    let Some(directory) = directory else { return keymap };
    let mut lay_on = |path: PathBuf, problems: &mut Vec<Problem>| {
        if let Some(text) = read(&path, problems) {
            keymap.merge(&path.display().to_string(), &text, known, problems);
        }
    };
    let own = directory.join("keymap.toml");
    match name {
        None | Some("default") => {}
        Some(name) if is_plain(name) => {
            lay_on(directory.join("keymaps").join(format!("{name}.toml")), problems);
        }
        Some(name) => problems.push(Problem {
            file: "keymap".to_owned(),
            line: 0,
            message: format!("`{}` is no keymap name", crate::domain::text::clean(name)),
        }),
    }
    if own.exists() {
        lay_on(own, problems);
    }
    keymap
}

fn load_theme(name: &str, directory: Option<&Path>, problems: &mut Vec<Problem>) -> Theme {
    let sources = theme_sources(directory, problems);
    let (theme, mut found) = theme::resolve(name, &sources);
    problems.append(&mut found);
    theme
}

/// Theme texts by name, with where each comes from; a user's theme hides a built-in one of its name.
fn theme_sources(
    directory: Option<&Path>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, (String, String)> {
    let mut sources: BTreeMap<String, (String, String)> = theme::BUILT_IN
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (format!("built-in theme {name}"), (*text).to_owned())))
        .collect();
    let Some(folder) = directory.map(|directory| directory.join("themes")) else { return sources };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Some(name) = path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned) else { continue };
        if path.extension().is_some_and(|extension| extension == "toml")
            && let Some(text) = read(&path, problems)
        {
            sources.insert(name, (path.display().to_string(), text));
        }
    }
    sources
}

/// Whether a name is a file name and nothing more.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

fn read(path: &Path, problems: &mut Vec<Problem>) -> Option<String> {
    let mut report = |message: String| {
        problems.push(Problem { file: path.display().to_string(), line: 0, message });
        None
    };
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > LARGEST_FILE => {
            return report(format!("is larger than {} KiB and was not read", LARGEST_FILE / 1024));
        }
        // A pipe would be waited for without end.
        Ok(metadata) if !metadata.is_file() => return report("is no file and was not read".to_owned()),
        _ => {}
    }
    match std::fs::read_to_string(path) {
        Ok(text) => Some(text.trim_start_matches('\u{feff}').to_owned()),
        Err(error) => report(format!("could not be read: {error}")),
    }
}
