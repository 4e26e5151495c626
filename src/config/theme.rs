//! Themes: semantic roles to colours and modifiers, in helix-like files with `inherits` and `[palette]`.

use std::collections::BTreeMap;

/// A colour as a theme names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// One of the terminal's 16 colours, by ANSI number.
    Ansi(u8),
    /// A colour of the 256-colour table.
    Indexed(u8),
    /// A true colour.
    Rgb(u8, u8, u8),
}

/// How a role looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent terminal attribute")]
pub struct Look {
    /// Foreground; the terminal's own if `None`.
    pub foreground: Option<Color>,
    /// Background; the terminal's own if `None`.
    pub background: Option<Color>,
    /// Bold.
    pub bold: bool,
    /// Dim.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined.
    pub underlined: bool,
    /// Foreground and background exchanged.
    pub reversed: bool,
}

/// A theme, ready to use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Theme {
    /// Its name.
    pub name: String,
    /// Looks by role.
    pub roles: BTreeMap<String, Look>,
}
