//! Settings in layers, each with its origin: built in, the user's files, the environment, the command line.

pub mod environment;
pub mod key;
pub mod keymap;
pub mod load;
pub mod paths;
pub mod theme;

use keymap::Keymap;
use theme::Theme;

/// Something in a settings file that could not be used; everything else of the file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which file, or `built in`.
    pub file: String,
    /// Which line, from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(formatter, "{}: {}", self.file, self.message),
            line => write!(formatter, "{}:{line}: {}", self.file, self.message),
        }
    }
}

/// Everything that settings decide.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Keys to actions.
    pub keymap: Keymap,
    /// Roles to colours.
    pub theme: Theme,
    /// Nothing outside may be changed; set by the flag, the user's file, or both.
    pub read_only: bool,
    /// What was wrong with the settings.
    pub problems: Vec<Problem>,
}
