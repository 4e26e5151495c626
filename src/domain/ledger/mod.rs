//! The ledger's events, the operations state that folding them gives, who may append what, and whether a
//! ledger can be believed.

mod event;
mod fold;
mod precondition;
mod query;
mod synced;
mod verify;

pub use event::*;
pub use fold::*;
pub use precondition::*;
pub use query::*;
pub use synced::*;
pub use verify::*;
