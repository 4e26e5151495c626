//! Quarterdeck: a terminal operations console. The map of the house is in docs/ARCHITECTURE.md.

pub mod demo;
pub mod error;

/// What Quarterdeck knows, as pure data.
pub mod domain {
    pub mod name;
    pub mod text;
}
