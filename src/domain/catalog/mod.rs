//! The control repository as types, with the place in a file where each thing was said.

pub mod reader;
mod types;

pub use reader::{Reader, is_control_file, read};
pub use types::*;
