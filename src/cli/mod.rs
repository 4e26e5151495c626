//! The one-shot face: arguments from the registry, output as text or JSON, exit codes.

pub mod arguments;
pub mod oneshot;
pub mod render;
pub mod report;
pub mod table;
