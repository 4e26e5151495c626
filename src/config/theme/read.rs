//! Reading theme files: layers of inheritance, one palette, and a problem with its line for whatever is wrong.

use super::{BUILT_IN, Color, Look, Role, Theme};
use crate::{config::Problem, domain::text};
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// Names of the terminal's sixteen colours, by ANSI number.
const ANSI: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "light-gray",
    "gray",
    "light-red",
    "light-green",
    "light-yellow",
    "light-blue",
    "light-magenta",
    "light-cyan",
    "white",
];

const MODIFIERS: [&str; 5] = ["bold", "dim", "italic", "underlined", "reversed"];

/// The theme of a name from the user's files (name to origin and text) and the built-in ones. Whatever is
/// wrong is reported with its line, and only that line is dropped; a theme that does not exist becomes `dark`.
pub fn resolve(name: &str, sources: &BTreeMap<String, (String, String)>) -> (Theme, Vec<Problem>) {
    let (defined, problems) = defined(name, sources);
    let looks = Role::ALL.iter().map(|role| defined.get(role).copied().unwrap_or_default()).collect();
    (Theme { name: name.to_owned(), looks }, problems)
}

/// The looks that the chain of files behind `name` gives.
pub(super) fn defined(
    name: &str,
    sources: &BTreeMap<String, (String, String)>,
) -> (BTreeMap<Role, Look>, Vec<Problem>) {
    let mut problems = Vec::new();
    let layers = layers(name, sources, &mut problems);
    let mut palette = BTreeMap::new();
    for layer in layers.iter().rev() {
        layer.palette(&mut palette, &mut problems);
    }
    let mut looks = BTreeMap::new();
    for layer in layers.iter().rev() {
        layer.roles(&palette, &mut looks, &mut problems);
    }
    (looks, problems)
}

/// The file of `name` first, then what it inherits, and so on.
fn layers<'a>(
    name: &str,
    sources: &'a BTreeMap<String, (String, String)>,
    problems: &mut Vec<Problem>,
) -> Vec<Layer<'a>> {
    let mut layers: Vec<Layer<'a>> = Vec::new();
    let mut visited: Vec<(String, bool)> = Vec::new();
    // The next name, whether the user's files may answer to it, and who asked where.
    let mut next = Some((name.to_owned(), true, ("theme".to_owned(), 0)));
    while let Some((name, users_too, (file, line))) = next {
        let user = sources.get(&name).filter(|_| users_too);
        let built_in = BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
        let mut fall_back = |message: String| {
            problems.push(Problem { file: file.clone(), line, message });
            let is_there = visited.iter().any(|(known, user)| known == "dark" && !user);
            (!is_there).then(|| ("dark".to_owned(), false, (file.clone(), line)))
        };
        let (layer, is_user) = match (user, built_in) {
            (Some((origin, text)), _) => (Layer::new(origin.clone(), text), true),
            (None, Some(text)) => (Layer::new(format!("built-in theme {name}"), text), false),
            (None, None) => {
                let known: Vec<&str> = BUILT_IN
                    .iter()
                    .map(|(known, _)| *known)
                    .chain(sources.keys().map(String::as_str))
                    .collect();
                let hint = text::nearest(&name, known.iter().copied()).map_or_else(
                    || format!("known: {}", known.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                next = fall_back(format!("unknown theme `{}`; {hint}", text::clean(&name)));
                continue;
            }
        };
        if visited.contains(&(name.clone(), is_user)) {
            next = fall_back(format!("theme `{name}` inherits itself"));
            continue;
        }
        visited.push((name.clone(), is_user));
        problems.extend(layer.errors.iter().cloned());
        next = match layer.inherits() {
            Some((parent, offset)) => {
                let asked = (layer.origin.clone(), layer.line_of(offset));
                // A user's `dark` that inherits `dark` means the built-in one.
                let users_too = parent != name;
                Some((parent, users_too, asked))
            }
            None if !is_user => None,
            None if built_in.is_some() => Some((name, false, (layer.origin.clone(), 0))),
            None => Some(("dark".to_owned(), false, (layer.origin.clone(), 0))),
        };
        layers.push(layer);
    }
    layers
}

/// One theme file.
struct Layer<'a> {
    origin: String,
    text: &'a str,
    table: toml::Spanned<DeTable<'a>>,
    errors: Vec<Problem>,
}

impl<'a> Layer<'a> {
    fn new(origin: String, text: &'a str) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut layer = Self { origin, text, table, errors: Vec::new() };
        layer.errors = errors
            .into_iter()
            .map(|error| layer.problem(error.span().map_or(0, |span| span.start), error.message().to_owned()))
            .collect();
        layer
    }

    fn line_of(&self, offset: usize) -> usize {
        self.text.as_bytes()[..offset.min(self.text.len())].split(|byte| *byte == b'\n').count()
    }

    fn problem(&self, offset: usize, message: String) -> Problem {
        Problem { file: self.origin.clone(), line: self.line_of(offset), message }
    }

    fn inherits(&self) -> Option<(String, usize)> {
        let value = self.table.get_ref().get("inherits")?;
        match value.get_ref() {
            DeValue::String(name) => Some((name.to_string(), value.span().start)),
            _ => None,
        }
    }

    fn palette(&self, palette: &mut BTreeMap<String, Color>, problems: &mut Vec<Problem>) {
        let Some(value) = self.table.get_ref().get("palette") else { return };
        let DeValue::Table(table) = value.get_ref() else {
            problems
                .push(self.problem(value.span().start, "`palette` must be a table of colours".to_owned()));
            return;
        };
        for (name, value) in table {
            match color(value.get_ref(), &BTreeMap::new()) {
                Ok(Some(color)) => {
                    palette.insert(name.get_ref().to_string(), color);
                }
                Ok(None) => {}
                Err(message) => problems.push(self.problem(name.span().start, message)),
            }
        }
    }

    fn roles(
        &self,
        palette: &BTreeMap<String, Color>,
        looks: &mut BTreeMap<Role, Look>,
        problems: &mut Vec<Problem>,
    ) {
        for (key, value) in self.table.get_ref() {
            let name = key.get_ref().as_ref();
            let offset = key.span().start;
            match name {
                "palette" => continue,
                "inherits" => {
                    if !matches!(value.get_ref(), DeValue::String(_)) {
                        problems
                            .push(self.problem(offset, "`inherits` must be the name of a theme".to_owned()));
                    }
                    continue;
                }
                _ => {}
            }
            let Some(role) = Role::parse(name) else {
                let near = text::nearest(name, Role::ALL.iter().map(|role| role.as_str()));
                let hint = near.map_or_else(
                    || "docs/CONFIGURATION.md lists all roles".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                problems.push(self.problem(offset, format!("unknown role `{}`; {hint}", text::clean(name))));
                continue;
            };
            match look(value.get_ref(), palette) {
                Ok(look) => {
                    looks.insert(role, look);
                }
                Err(message) => problems.push(self.problem(offset, message)),
            }
        }
    }
}

fn look(value: &DeValue<'_>, palette: &BTreeMap<String, Color>) -> Result<Look, String> {
    let DeValue::Table(table) = value else {
        return Ok(Look { foreground: color(value, palette)?, ..Look::default() });
    };
    let mut look = Look::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "fg" => look.foreground = color(value.get_ref(), palette)?,
            "bg" => look.background = color(value.get_ref(), palette)?,
            "modifiers" => {
                let DeValue::Array(names) = value.get_ref() else {
                    return Err(format!("`modifiers` must be a list of {}", MODIFIERS.join(", ")));
                };
                for name in names {
                    let flag = match name.get_ref() {
                        DeValue::String(name) => match name.as_ref() {
                            "bold" => &mut look.bold,
                            "dim" => &mut look.dim,
                            "italic" => &mut look.italic,
                            "underlined" => &mut look.underlined,
                            "reversed" => &mut look.reversed,
                            other => {
                                let name = text::clean(other);
                                return Err(format!(
                                    "unknown modifier `{name}`; known: {}",
                                    MODIFIERS.join(", ")
                                ));
                            }
                        },
                        _ => return Err(format!("`modifiers` must be a list of {}", MODIFIERS.join(", "))),
                    };
                    *flag = true;
                }
            }
            other => return Err(format!("unknown key `{}`; known: fg, bg, modifiers", text::clean(other))),
        }
    }
    Ok(look)
}

/// A colour; `None` for `default`, the terminal's own.
fn color(value: &DeValue<'_>, palette: &BTreeMap<String, Color>) -> Result<Option<Color>, String> {
    let name = match value {
        DeValue::String(name) => name.to_string(),
        DeValue::Integer(number) => number.to_string(),
        _ => return Err("a colour is text: a palette name, red, #rrggbb or 0 to 255".to_owned()),
    };
    if let Some(color) = palette.get(&name) {
        return Ok(Some(*color));
    }
    if name == "default" {
        return Ok(None);
    }
    if let Some(number) = ANSI.iter().position(|known| *known == name) {
        return Ok(Some(Color::Ansi(number as u8)));
    }
    if let Some(digits) = name.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())
        && let Ok(number) = u32::from_str_radix(digits, 16)
    {
        let [_, red, green, blue] = number.to_be_bytes();
        return Ok(Some(Color::Rgb(red, green, blue)));
    }
    if let Ok(number) = name.parse() {
        return Ok(Some(Color::Indexed(number)));
    }
    let known = palette.keys().map(String::as_str).chain(ANSI);
    let hint = text::nearest(&name, known).map_or_else(
        || "write a palette name, a name such as red or light-blue, #rrggbb, or 0 to 255".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    Err(format!("unknown colour `{}`; {hint}", text::clean(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(files: &[(&str, &str)]) -> BTreeMap<String, (String, String)> {
        files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (format!("{name}.toml"), (*text).to_owned())))
            .collect()
    }

    #[test]
    fn colours_are_palette_names_terminal_names_hex_or_numbers() {
        let files = sources(&[(
            "mine",
            "\"text\" = \"ink\"\n\"dim\" = \"light-blue\"\n\"line\" = \"#0a0B0c\"\n\"accent\" = 200\n\"title\" = { fg = \"ink\", bg = \"default\", modifiers = [\"bold\", \"reversed\"] }\n[palette]\nink = \"#010203\"\n",
        )]);
        let (theme, problems) = resolve("mine", &files);
        assert_eq!(problems, []);
        assert_eq!(theme.look(Role::Text).foreground, Some(Color::Rgb(1, 2, 3)));
        assert_eq!(theme.look(Role::Dim).foreground, Some(Color::Ansi(12)));
        assert_eq!(theme.look(Role::Line).foreground, Some(Color::Rgb(10, 11, 12)));
        assert_eq!(theme.look(Role::Accent).foreground, Some(Color::Indexed(200)));
        let title = theme.look(Role::Title);
        assert!(title.bold && title.reversed && title.background.is_none());
        // What it does not say comes from dark.
        assert_eq!(theme.look(Role::StatusOk), Theme::built_in("dark").look(Role::StatusOk));
    }

    #[test]
    fn one_palette_colour_changes_every_role_that_uses_it() {
        let files = sources(&[("dark", "[palette]\nred = \"#ff0001\"\n")]);
        let (theme, problems) = resolve("dark", &files);
        assert_eq!(problems, []);
        assert_eq!(theme.look(Role::StatusCritical).foreground, Some(Color::Rgb(255, 0, 1)));
        assert_eq!(theme.look(Role::StatusOk), Theme::built_in("dark").look(Role::StatusOk));
    }

    #[test]
    fn only_the_wrong_lines_are_dropped_and_each_is_named() {
        let files = sources(&[(
            "mine",
            "inherits = \"lihgt\"\n\"txet\" = \"red\"\n\"dim\" = \"bleu\"\n\"line\" = { fg = \"red\", modifiers = [\"blink\"] }\n\"header\" = { colour = 1 }\n\"accent\" = \"magenta\"\n[palette]\nx = \"#12\"\n",
        )]);
        let (theme, problems) = resolve("mine", &files);
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(shown.join("\n"));
        assert_eq!(theme.look(Role::Accent).foreground, Some(Color::Ansi(5)));
        assert_eq!(theme.look(Role::Dim), Theme::built_in("dark").look(Role::Dim));
    }

    #[test]
    fn unknown_themes_broken_files_and_circles_still_give_a_theme() {
        let dark = Theme::built_in("dark");
        let (theme, problems) = resolve("drak", &BTreeMap::new());
        assert_eq!(problems[0].message, "unknown theme `drak`; did you mean `dark`?");
        assert_eq!(theme.look(Role::StatusOk), dark.look(Role::StatusOk));

        let files =
            sources(&[("a", "inherits = \"b\"\n"), ("b", "inherits = \"a\"\n\"text\" = \"magenta\"")]);
        let (theme, problems) = resolve("a", &files);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].message.contains("inherits itself"));
        assert_eq!(theme.look(Role::Text).foreground, Some(Color::Ansi(5)));
        assert_eq!(theme.look(Role::StatusOk), dark.look(Role::StatusOk));

        let files = sources(&[("mine", "\"text\" = \"magenta\"\n\"dim\" = = 3\n\"line\" = \"blue\"\n")]);
        let (theme, problems) = resolve("mine", &files);
        assert_eq!(problems[0].line, 2, "{problems:?}");
        assert_eq!(theme.look(Role::Text).foreground, Some(Color::Ansi(5)));
    }
}
