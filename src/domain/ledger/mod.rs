//! The ledger's events, and the operations state that folding them gives.

mod event;
mod fold;

pub use event::*;
pub use fold::*;
