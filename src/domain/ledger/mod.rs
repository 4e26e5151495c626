//! The ledger's events, the operations state that folding them gives, who may append what, and whether a
//! ledger can be believed.

mod changes;
mod deployment_glass;
mod deployments;
mod event;
mod fold;
mod happening;
mod landing;
mod precondition;
mod precondition_agent;
mod precondition_glass;
mod query;
mod subject;
mod synced;
mod turn;
mod untold;
mod verify;

pub use changes::*;
pub use deployment_glass::*;
pub use deployments::*;
pub use event::*;
pub use fold::*;
pub use happening::*;
pub use landing::*;
pub use precondition::*;
pub use precondition_agent::*;
pub use precondition_glass::*;
pub use query::*;
pub use synced::*;
pub use turn::{Frozen, Quarantine};
pub use untold::*;
pub use verify::*;
