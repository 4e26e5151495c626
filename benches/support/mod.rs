//! What the benches share: generated repositories, a platform of any size, children under a
//! pseudo-terminal, and the table that is printed. Each bench uses a part of it.
#![allow(dead_code, reason = "every bench is a program of its own and uses a part")]

pub mod child;
pub mod clusters;
pub mod console;
pub mod model;
pub mod platform;
pub mod report;
pub mod repository;

use std::path::PathBuf;

/// The release binary that Cargo built for this bench.
pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_quarterdeck"))
}
