//! Releases: a version that is to run, how it is brought there, and the steps that a cluster is asked to take.

use crate::domain::name::{CommitId, ServiceName};
use serde::{Deserialize, Serialize};

/// A version that is to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Of which service.
    pub service: ServiceName,
    /// Which version.
    pub version: String,
    /// Its image with tag or digest; `None` where the catalog names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The commit of the main branch that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
}

/// How a version takes over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Strategy {
    /// All at once, as the cluster's own rolling update does.
    Immediate,
    /// By and by: per cent of the traffic (or of the pods) that the new version gets, rising, each below 100.
    Canary {
        /// The weights.
        weights: Vec<u8>,
    },
    /// Beside what runs, then switched at once.
    BlueGreen,
}

impl Strategy {
    /// The word in files and for people.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Immediate => "immediate",
            Self::Canary { .. } => "canary",
            Self::BlueGreen => "blue-green",
        }
    }
}

/// One thing that a cluster is asked to do on the way. Each is one mutation (or a short, fixed series of them), and
/// whether it was done can be read from the cluster, so that whoever goes on after an interruption asks first. A
/// step may be taken again: what of it is done already is not done twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseStep {
    /// Immediate: the new version everywhere.
    Apply,
    /// Canary: the new version gets this many per cent.
    Weight(u8),
    /// Canary: the new version gets everything, and what carried the canary is gone.
    Promote,
    /// Canary: the old version gets everything again, and what carried the canary is gone.
    Abort,
    /// Blue-green: the new version stands beside what runs, without traffic.
    Prepare,
    /// Blue-green: traffic goes to the new version; the old one still stands.
    Switch,
    /// Blue-green: traffic goes to the old version again.
    SwitchBack,
    /// Blue-green: what gets no traffic is taken away. Where the new version has it, the workload itself is brought
    /// to it first, and this step waits for that.
    Retire,
}

/// How a release gets into a cluster, with what was seen when it was planned; a step fails with a `Conflict` when
/// somebody else has moved it meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRoute {
    /// What is to run.
    pub release: Release,
    /// How it takes over.
    pub strategy: Strategy,
    /// The version that runs; `None` where nothing does yet.
    pub from_version: Option<String>,
    /// The image that runs.
    pub from_image: Option<String>,
    /// The objects that will be changed or made, as kubectl would name them.
    pub objects: Vec<String>,
    /// What a person should know before confirming, such as that automated sync is suspended meanwhile.
    pub notes: Vec<String>,
}
