//! The control repository as types, with the place in a file where each thing was said.

mod places;
pub mod reader;
mod types;

pub use places::Places;
pub use reader::{Reader, is_control_file, read};
pub use types::*;
