//! Actions: each declared once; keymap, palette, help, command line and documentation derive from it.

pub mod available;
pub mod command;
mod questions;
pub mod registry;
pub mod run;
pub mod spec;
