//! Names of things as types of their own, so that a project is never passed where a service is meant.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{borrow::Borrow, fmt, sync::Arc};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::from)
            }
        }
        impl Default for $name {
            fn default() -> Self {
                Self::from("")
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(Arc::from(text))
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }
        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, formatter)
            }
        }
    )+};
}

names! {
    /// A service, unique in the whole control repository.
    ServiceName,
    /// A project (a tenant of the platform); the folder's name below `projects/`.
    ProjectName,
    /// An environment of `quarterdeck.toml`, such as `staging` or `production`.
    EnvironmentName,
    /// A cluster, by its context in the kubeconfig.
    ContextName,
    /// A person of `policies/teams.toml`, by handle without `@`.
    PersonName,
    /// A team of `policies/teams.toml`, by handle without `@`.
    TeamName,
    /// A change under review: its branch without the prefix of the pattern.
    ChangeId,
    /// An incident, such as `INC-14`.
    IncidentId,
    /// A deployment, such as `DEP-7`.
    DeploymentId,
    /// A Git commit, as 40 hexadecimal digits.
    CommitId,
}

impl CommitId {
    /// The first eight digits, as people write them.
    pub fn short(&self) -> &str {
        self.as_str().get(..8).unwrap_or(self.as_str())
    }
}
