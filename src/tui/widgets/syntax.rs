//! The words of a line of TOML or YAML by what they are, for showing files in colours. A line is looked at by itself:
//! what a difference shows may begin in the middle of a file.

use crate::config::theme::Role;

/// The language of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// TOML.
    Toml,
    /// YAML.
    Yaml,
    /// Any other text: it has no colours.
    Plain,
}

impl Language {
    /// By the end of a path.
    pub fn of(path: &str) -> Self {
        match path.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).as_deref() {
            Some("toml") => Self::Toml,
            Some("yml" | "yaml") => Self::Yaml,
            _ => Self::Plain,
        }
    }
}

/// Takes a line apart. The pieces together are the line; what has no meaning of its own has the role `plain`.
pub fn pieces(language: Language, line: &str, plain: Role) -> Vec<(&str, Role)> {
    let mut cut = Cut { line, at: 0, begun: 0, plain, pieces: Vec::new() };
    match language {
        Language::Plain => {}
        Language::Toml => toml(&mut cut),
        Language::Yaml => yaml(&mut cut),
    }
    cut.at = line.len();
    cut.flush();
    cut.pieces
}

struct Cut<'a> {
    line: &'a str,
    /// How far it was looked at.
    at: usize,
    /// From where on there is no piece yet.
    begun: usize,
    plain: Role,
    pieces: Vec<(&'a str, Role)>,
}

impl<'a> Cut<'a> {
    fn rest(&self) -> &'a str {
        &self.line[self.at..]
    }

    /// What was passed over becomes a piece without meaning.
    fn flush(&mut self) {
        if self.begun < self.at {
            self.pieces.push((&self.line[self.begun..self.at], self.plain));
        }
        self.begun = self.at;
    }

    fn take(&mut self, length: usize, role: Role) {
        self.flush();
        self.at += length;
        self.pieces.push((&self.line[self.begun..self.at], role));
        self.begun = self.at;
    }

    fn skip(&mut self) {
        self.at += self.rest().chars().next().map_or(0, char::len_utf8);
    }
}

/// How long a quoted text is that the rest begins with: to its end, or to that of the line.
fn quoted(rest: &str, escapes: bool) -> usize {
    let Some(quote) = rest.chars().next() else { return 0 };
    let mut inside = rest.char_indices().skip(1);
    while let Some((at, character)) = inside.next() {
        if character == '\\' && escapes {
            inside.next();
        } else if character == quote {
            return at + quote.len_utf8();
        }
    }
    rest.len()
}

fn length_while(rest: &str, is_part: impl Fn(char) -> bool) -> usize {
    rest.find(|character| !is_part(character)).unwrap_or(rest.len())
}

/// Whether a word is a number, a date, a time, or yes and no.
fn is_value(word: &str) -> bool {
    matches!(word, "true" | "false" | "inf" | "nan" | "null" | "~")
        || word.trim_start_matches(['+', '-']).starts_with(|first: char| first.is_ascii_digit())
}

fn toml(cut: &mut Cut<'_>) {
    let trimmed = cut.line.trim_start();
    if trimmed.starts_with('[') && !trimmed.contains('=') && !trimmed.ends_with(',') {
        // `[service.api]`, `[[rule]]`; a list over several lines has only its bracket here.
        let end = trimmed.rfind(']').map_or(0, |at| at + 1);
        if end > 0 {
            cut.at = cut.line.len() - trimmed.len();
            cut.take(end, Role::SyntaxTable);
        }
    }
    while let Some(next) = cut.rest().chars().next() {
        let rest = cut.rest();
        match next {
            '#' => cut.take(rest.len(), Role::SyntaxComment),
            '"' | '\'' => {
                let length = quoted(rest, next == '"');
                let is_key = rest[length..].trim_start().starts_with('=');
                cut.take(length, if is_key { Role::SyntaxKey } else { Role::SyntaxString });
            }
            _ if next.is_alphanumeric() || matches!(next, '_' | '+' | '-') => {
                let length =
                    length_while(rest, |c| c.is_alphanumeric() || matches!(c, '_' | '+' | '-' | '.' | ':'));
                if rest[length..].trim_start().starts_with('=') {
                    cut.take(length, Role::SyntaxKey);
                } else if is_value(&rest[..length]) {
                    cut.take(length, Role::SyntaxNumber);
                } else {
                    cut.at += length;
                }
            }
            _ => cut.skip(),
        }
    }
}

fn yaml(cut: &mut Cut<'_>) {
    let mut after_space = true;
    while let Some(next) = cut.rest().chars().next() {
        let rest = cut.rest();
        match next {
            '#' if after_space => cut.take(rest.len(), Role::SyntaxComment),
            '"' | '\'' if after_space => {
                let length = quoted(rest, next == '"');
                let is_key = is_yaml_key(&rest[length..]);
                cut.take(length, if is_key { Role::SyntaxKey } else { Role::SyntaxString });
            }
            _ if after_space && (next.is_alphanumeric() || matches!(next, '_' | '+' | '-' | '.' | '~')) => {
                // To the colon that makes it a key, or to what ends a plain value.
                let word = length_while(rest, |c| !matches!(c, ' ' | ',' | ']' | '}' | '[' | '{'));
                let key = rest[..word].strip_suffix(':').filter(|_| is_yaml_key(&rest[word - 1..]));
                match key {
                    Some(key) if !key.is_empty() => cut.take(key.len(), Role::SyntaxKey),
                    _ if is_value(&rest[..word]) && word > 0 => cut.take(word, Role::SyntaxNumber),
                    _ => cut.at += word.max(1),
                }
            }
            _ => cut.skip(),
        }
        after_space = cut.line[..cut.at].ends_with([' ', '[', '{', ',']);
    }
}

/// Whether what follows makes a key of what stands before it.
fn is_yaml_key(after: &str) -> bool {
    after.strip_prefix(':').is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(language: Language, line: &str) -> String {
        let mark = |role| match role {
            Role::SyntaxKey => "k",
            Role::SyntaxTable => "t",
            Role::SyntaxString => "s",
            Role::SyntaxNumber => "n",
            Role::SyntaxComment => "c",
            _ => "",
        };
        pieces(language, line, Role::Text)
            .into_iter()
            .map(|(text, role)| match mark(role) {
                "" => text.to_owned(),
                mark => format!("{mark}‹{text}›"),
            })
            .collect()
    }

    #[test]
    fn toml_is_taken_apart() {
        for (line, expected) in [
            ("[service.api]", "t‹[service.api]›"),
            ("[[rule]] # one", "t‹[[rule]]› c‹# one›"),
            (r#"version = "1.2.3" # it"#, r#"k‹version› = s‹"1.2.3"› c‹# it›"#),
            (r#"a."b c" = 'x # no'"#, r#"a.k‹"b c"› = s‹'x # no'›"#),
            ("port = 8_080", "k‹port› = n‹8_080›"),
            ("since = 2026-11-25T10:00:00Z", "k‹since› = n‹2026-11-25T10:00:00Z›"),
            (r#"x = [ "a", true, -1 ]"#, r#"k‹x› = [ s‹"a"›, n‹true›, n‹-1› ]"#),
            (r#"  "one", # of many"#, r#"  s‹"one"›, c‹# of many›"#),
            (r#"t = { a = 1, "b" = "\"" }"#, r#"k‹t› = { k‹a› = n‹1›, k‹"b"› = s‹"\""› }"#),
            (r#"open = "no end"#, r#"k‹open› = s‹"no end›"#),
            ("", ""),
        ] {
            assert_eq!(told(Language::Toml, line), expected, "{line}");
        }
    }

    #[test]
    fn yaml_is_taken_apart() {
        for (line, expected) in [
            ("kind: Dashboard # it", "k‹kind›: Dashboard c‹# it›"),
            ("  - name: 12", "  - k‹name›: n‹12›"),
            (r#"time: "7d""#, r#"k‹time›: s‹"7d"›"#),
            ("list: [a, true, 1.5]", "k‹list›: [a, n‹true›, n‹1.5›]"),
            ("url: http://x#y", "k‹url›: http://x#y"),
            ("sections:", "k‹sections›:"),
        ] {
            assert_eq!(told(Language::Yaml, line), expected, "{line}");
        }
    }

    #[test]
    fn the_language_follows_the_path() {
        assert_eq!(Language::of("services/catalog.toml"), Language::Toml);
        assert_eq!(Language::of("monitoring-dashboard.yml"), Language::Yaml);
        assert_eq!(told(Language::of("README.md"), "a = 1"), "a = 1");
    }

    proptest! {
        #[test]
        fn the_pieces_are_the_line(line in any::<String>()) {
            for language in [Language::Toml, Language::Yaml, Language::Plain] {
                let whole: String = pieces(language, &line, Role::Text).into_iter().map(|(text, _)| text).collect();
                prop_assert_eq!(&whole, &line);
            }
        }
    }
}
