//! Themes: semantic roles to colours and modifiers, in helix-like files with `inherits` and `[palette]`.
//!
//! `"status.ok" = "green"` or `"title" = { fg = "accent", bg = "#101418", modifiers = ["bold"] }`. A colour is a
//! name of `[palette]`, one of the terminal's sixteen names, `#rrggbb`, or a number of the 256-colour table.
//! A file lies on top of the one it inherits, palette names included, so that changing one palette colour
//! changes every role that uses it. A file without `inherits` lies on the built-in one of its name, or on `dark`.

mod read;

pub use read::resolve;

/// The built-in themes by name.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    ("high-contrast", include_str!("../../themes/high-contrast.toml")),
    ("monochrome", include_str!("../../themes/monochrome.toml")),
    ("deuteranopia", include_str!("../../themes/deuteranopia.toml")),
    ("tritanopia", include_str!("../../themes/tritanopia.toml")),
];

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

/// The steps of the colour cube in the 256-colour table.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

impl Color {
    /// The nearest colour of the 256-colour table, for terminals without true colour.
    #[must_use]
    pub fn reduced(self) -> Self {
        let Self::Rgb(red, green, blue) = self else { return self };
        let nearest =
            |value: u8| (0..6usize).min_by_key(|step| STEPS[*step].abs_diff(value)).unwrap_or_default();
        let distance = |other: [u8; 3]| {
            [red, green, blue]
                .iter()
                .zip(other)
                .map(|(one, other)| u32::from(one.abs_diff(other)).pow(2))
                .sum::<u32>()
        };
        let cube = [nearest(red), nearest(green), nearest(blue)];
        let cube_distance = distance(cube.map(|step| STEPS[step]));
        let average = (u16::from(red) + u16::from(green) + u16::from(blue)) / 3;
        let gray = (average.saturating_sub(3) / 10).min(23) as u8;
        let gray_distance = distance([8 + 10 * gray; 3]);
        if gray_distance < cube_distance {
            Self::Indexed(232 + gray)
        } else {
            Self::Indexed((16 + 36 * cube[0] + 6 * cube[1] + cube[2]) as u8)
        }
    }
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

macro_rules! roles {
    ($($role:ident $name:literal $doc:literal),+ $(,)?) => {
        /// What a piece of the screen means; a theme says how it looks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Role {
            $(#[doc = $doc] $role,)+
        }

        impl Role {
            /// All roles.
            pub const ALL: &[Self] = &[$(Self::$role,)+];

            /// Its name in theme files.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$role => $name,)+
                }
            }

            /// What it is for.
            pub const fn documentation(self) -> &'static str {
                match self {
                    $(Self::$role => $doc,)+
                }
            }
        }
    };
}

roles! {
    Background "background" "The whole screen.",
    Text "text" "Ordinary text.",
    Dim "dim" "What matters less.",
    Line "line" "Lines between panes.",
    FocusLine "focus.line" "The line of the pane that has the keys.",
    Accent "accent" "The one colour for where the person is.",
    Title "title" "A pane's title.",
    Header "header" "Column headers.",
    Selection "selection" "The row under the cursor.",
    SelectionQuiet "selection.quiet" "The row under the cursor of a pane that does not have the keys.",
    Related "related" "The selected service where it occurs in other panes.",
    Marked "marked" "A marked row.",
    Match "match" "A filter that is set.",
    Strip "strip" "The strips at the top and the bottom.",
    Production "production" "The mark of a production environment.",
    ReadOnly "read-only" "The mark of an environment that may not be changed.",
    StatusOk "status.ok" "A promise is kept.",
    StatusWarning "status.warning" "Something needs a look.",
    StatusCritical "status.critical" "Something is broken.",
    StatusUnknown "status.unknown" "Nothing is known.",
    Key "key" "A key to press.",
    NoticeInfo "notice.info" "A notice that something went well.",
    NoticeWarning "notice.warning" "A notice that something was not done.",
    NoticeError "notice.error" "A notice that something went wrong.",
    Input "input" "Text being typed.",
    DiffAdded "diff.added" "What a change adds.",
    DiffRemoved "diff.removed" "What a change removes.",
    Chart "chart" "Lines of charts and filled parts of bars.",
    ChartRest "chart.rest" "Empty parts of bars.",
    GraphEdge "graph.edge" "Lines of the dependency graph.",
    GraphSelected "graph.selected" "The service in the middle of the graph.",
    GraphForeign "graph.foreign" "Dependencies that cross into another project.",
    Overlay "overlay" "The ground of what lies over the panes.",
    OverlayLine "overlay.line" "The frame of what lies over the panes.",
    Button "button" "A button.",
    ButtonFocus "button.focus" "The button that enter presses.",
    Source "source" "Lines of a source file.",
    SourceGutter "source.gutter" "Line numbers beside a source file.",
    SyntaxKey "syntax.key" "A key in a file that is shown.",
    SyntaxTable "syntax.table" "The head of a table in a file that is shown.",
    SyntaxString "syntax.string" "A text in a file that is shown.",
    SyntaxNumber "syntax.number" "A number, a date, or yes and no in a file that is shown.",
    SyntaxComment "syntax.comment" "A comment in a file that is shown.",
}

impl Role {
    /// The role of a name, if there is one.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.as_str() == name)
    }
}

/// A theme, ready to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    /// Its name.
    pub name: String,
    looks: Vec<Look>,
}

impl Default for Theme {
    /// The built-in dark theme.
    fn default() -> Self {
        Self::built_in("dark")
    }
}

impl Theme {
    /// A built-in theme; `dark` for a name that is none.
    pub fn built_in(name: &str) -> Self {
        resolve(name, &std::collections::BTreeMap::new()).0
    }

    /// The theme for `NO_COLOR`: no colour at all, only bold, dim, underline and reverse.
    pub fn no_color() -> Self {
        Self::built_in("monochrome")
    }

    /// How a role looks.
    pub fn look(&self, role: Role) -> Look {
        self.looks.get(role as usize).copied().unwrap_or_default()
    }

    /// The same theme in the 256-colour table, for terminals without true colour.
    #[must_use]
    pub fn reduced(mut self) -> Self {
        for look in &mut self.looks {
            look.foreground = look.foreground.map(Color::reduced);
            look.background = look.background.map(Color::reduced);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_built_in_theme_says_every_role_and_has_no_problem() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/themes");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let mut known: Vec<String> = BUILT_IN.iter().map(|(name, _)| format!("{name}.toml")).collect();
        known.sort();
        assert_eq!(files, known);
        for (name, _) in BUILT_IN {
            let (defined, problems) = read::defined(name, &BTreeMap::new());
            assert_eq!(problems, [], "{name}");
            let missing: Vec<_> = Role::ALL
                .iter()
                .filter(|role| !defined.contains_key(role))
                .map(|role| role.as_str())
                .collect();
            assert_eq!(missing, [""; 0], "{name}");
        }
    }

    #[test]
    fn no_color_means_no_color() {
        let theme = Theme::no_color();
        for role in Role::ALL {
            let look = theme.look(*role);
            assert_eq!((look.foreground, look.background), (None, None), "{}", role.as_str());
        }
        for role in [Role::Selection, Role::StatusCritical, Role::ButtonFocus] {
            assert_ne!(theme.look(role), Look::default(), "{}", role.as_str());
        }
    }

    #[test]
    fn true_colours_come_down_to_the_nearest_of_the_table() {
        for (color, index) in [
            (Color::Rgb(0, 0, 0), 16),
            (Color::Rgb(255, 255, 255), 231),
            (Color::Rgb(255, 0, 0), 196),
            (Color::Rgb(18, 18, 18), 233),
            (Color::Rgb(98, 130, 180), 67),
        ] {
            assert_eq!(color.reduced(), Color::Indexed(index), "{color:?}");
        }
        assert_eq!(Color::Ansi(3).reduced(), Color::Ansi(3));
    }
}
