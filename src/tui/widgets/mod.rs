//! Small things that panes and overlays are made of.

pub mod bar;
pub mod source;
pub mod sparkline;
pub mod status;
pub mod syntax;
pub mod table;
