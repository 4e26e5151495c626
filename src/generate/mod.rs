//! Text made from what is known: pure, from the domain to files.

pub mod reference;
pub mod starter;
