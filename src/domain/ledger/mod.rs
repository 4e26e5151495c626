//! The ledger's events, the operations state that folding them gives, and who may append what.

mod event;
mod fold;
mod precondition;

pub use event::*;
pub use fold::*;
pub use precondition::*;
