//! A theme's looks as the terminal library's styles, resolved once per frame.

use crate::config::theme::{Color, Look, Role, Theme};
use ratatui::style::{Color as TerminalColor, Modifier, Style};

/// Styles by role.
#[derive(Debug, Clone)]
pub struct Styles([Style; Role::ALL.len()]);

impl Styles {
    /// All styles of a theme.
    pub fn new(theme: &Theme) -> Self {
        let mut styles = [Style::new(); Role::ALL.len()];
        for role in Role::ALL {
            styles[*role as usize] = style(theme.look(*role));
        }
        Self(styles)
    }

    /// The style of a role.
    pub const fn of(&self, role: Role) -> Style {
        self.0[role as usize]
    }
}

fn style(look: Look) -> Style {
    let mut style = Style::new();
    style.fg = look.foreground.map(color);
    style.bg = look.background.map(color);
    for (is_set, modifier) in [
        (look.bold, Modifier::BOLD),
        (look.dim, Modifier::DIM),
        (look.italic, Modifier::ITALIC),
        (look.underlined, Modifier::UNDERLINED),
        (look.reversed, Modifier::REVERSED),
    ] {
        if is_set {
            style = style.add_modifier(modifier);
        }
    }
    style
}

const fn color(color: Color) -> TerminalColor {
    match color {
        Color::Ansi(0) => TerminalColor::Black,
        Color::Ansi(1) => TerminalColor::Red,
        Color::Ansi(2) => TerminalColor::Green,
        Color::Ansi(3) => TerminalColor::Yellow,
        Color::Ansi(4) => TerminalColor::Blue,
        Color::Ansi(5) => TerminalColor::Magenta,
        Color::Ansi(6) => TerminalColor::Cyan,
        Color::Ansi(7) => TerminalColor::Gray,
        Color::Ansi(8) => TerminalColor::DarkGray,
        Color::Ansi(9) => TerminalColor::LightRed,
        Color::Ansi(10) => TerminalColor::LightGreen,
        Color::Ansi(11) => TerminalColor::LightYellow,
        Color::Ansi(12) => TerminalColor::LightBlue,
        Color::Ansi(13) => TerminalColor::LightMagenta,
        Color::Ansi(14) => TerminalColor::LightCyan,
        Color::Ansi(15) => TerminalColor::White,
        Color::Ansi(number) | Color::Indexed(number) => TerminalColor::Indexed(number),
        Color::Rgb(red, green, blue) => TerminalColor::Rgb(red, green, blue),
    }
}
