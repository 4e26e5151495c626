//! Text made from what is known: pure, from the domain to files.

pub mod calendar;
pub mod examples;
pub mod graph;
pub mod reference;
pub mod schema;
pub mod starter;
