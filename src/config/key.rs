//! Keys as people write them in keymaps: `g`, `G`, `ctrl-d`, `enter`, `alt-x`, `space`.

use std::fmt;

/// Which key, without modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyCode {
    /// A key that types a character.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Shift and tab.
    BackTab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Arrow.
    Up,
    /// Arrow.
    Down,
    /// Arrow.
    Left,
    /// Arrow.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// A function key.
    F(u8),
}

/// A key with its modifiers. Shift is part of the character (`G`), not a modifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Which key.
    pub code: KeyCode,
    /// Control was down.
    pub ctrl: bool,
    /// Alt was down.
    pub alt: bool,
}

const NAMES: [(&str, KeyCode); 17] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backtab", KeyCode::BackTab),
    ("shift-tab", KeyCode::BackTab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("space", KeyCode::Char(' ')),
    ("minus", KeyCode::Char('-')),
];

impl Key {
    /// A key without modifiers.
    pub const fn plain(code: KeyCode) -> Self {
        Self { code, ctrl: false, alt: false }
    }

    /// A character without modifiers.
    pub const fn char(character: char) -> Self {
        Self::plain(KeyCode::Char(character))
    }

    /// Reads a key's name.
    ///
    /// # Errors
    /// A sentence that says what a key looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "`{}` is not a key: write a character, a name such as enter, esc, tab, space, up, f5, \
                 with ctrl- or alt- before it",
                crate::domain::text::clean(text)
            )
        };
        let (mut ctrl, mut alt, mut rest) = (false, false, text);
        loop {
            if let Some(tail) = rest.strip_prefix("ctrl-").filter(|tail| !tail.is_empty()) {
                (ctrl, rest) = (true, tail);
            } else if let Some(tail) = rest.strip_prefix("alt-").filter(|tail| !tail.is_empty()) {
                (alt, rest) = (true, tail);
            } else {
                break;
            }
        }
        let mut characters = rest.chars();
        let code = match (characters.next(), characters.next()) {
            (Some(character), None) if !character.is_control() => KeyCode::Char(character),
            _ => NAMES
                .iter()
                .find(|(name, _)| *name == rest)
                .map(|(_, code)| *code)
                .or_else(|| {
                    let number = rest.strip_prefix('f')?.parse().ok()?;
                    (1..=24).contains(&number).then_some(KeyCode::F(number))
                })
                .ok_or_else(refuse)?,
        };
        Ok(Self { code, ctrl, alt })
    }

    /// Reads several keys separated by blanks, as tests write them: `j j R enter`.
    ///
    /// # Errors
    /// As [`Key::parse`].
    pub fn parse_all(text: &str) -> Result<Vec<Self>, String> {
        text.split_whitespace().map(Self::parse).collect()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            formatter.write_str("ctrl-")?;
        }
        if self.alt {
            formatter.write_str("alt-")?;
        }
        match self.code {
            KeyCode::F(number) => write!(formatter, "f{number}"),
            code => match NAMES.iter().find(|(_, known)| *known == code) {
                Some((name, KeyCode::Char(' ') | KeyCode::BackTab)) => formatter.write_str(name),
                Some((name, known)) if !matches!(known, KeyCode::Char(_)) => formatter.write_str(name),
                _ => match code {
                    KeyCode::Char(character) => write!(formatter, "{character}"),
                    _ => Ok(()),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for text in
            ["g", "G", "?", "-", "ctrl-d", "alt-x", "ctrl-alt-x", "enter", "space", "f5", "backtab", "/"]
        {
            assert_eq!(Key::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Key::parse("shift-tab").unwrap().code, KeyCode::BackTab);
    }

    #[test]
    fn what_is_no_key_is_refused_with_an_example() {
        for text in ["", "gg", "hyper-x", "f0", "f99", "ctrl-", "\u{1b}"] {
            assert!(Key::parse(text).unwrap_err().contains("is not a key"), "{text:?}");
        }
    }
}
