//! Tests that run in a cluster: what is asked of it, and what it shows of them.

use super::order::{Order, Test};
use crate::domain::name::{DeploymentId, EnvironmentName};
use chrono::{DateTime, Duration, Utc};

/// What a Job is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobBody {
    /// An image, with a command unless it has its own.
    Image {
        /// The image, with its tag or digest.
        image: String,
        /// The program and its arguments; none for the image's own.
        command: Vec<String>,
    },
    /// A manifest, as YAML.
    Manifest {
        /// Its path in the control repository, for sentences.
        path: String,
        /// Its text.
        text: String,
    },
}

/// What tells the Job of one test of one deployment from all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobMark {
    /// Its name, the same whoever makes it: so there is never a second one.
    pub name: String,
    /// Its labels, by which it is found.
    pub labels: Vec<(&'static str, String)>,
}

/// A Job that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobDraft {
    /// Which one.
    pub mark: JobMark,
    /// What it is made of.
    pub body: JobBody,
    /// Variables of its containers.
    pub variables: Vec<(String, String)>,
    /// How long it may take; then the cluster ends it.
    pub limit: Duration,
}

/// How a Job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// It is not over, with what is seen.
    Running(String),
    /// It passed.
    Passed,
    /// It did not, and why, in the cluster's words.
    Failed(String),
}

/// The longest name that a Job's pods can be labelled with.
const NAME_LENGTH: usize = 63;

/// Label that every Job of ours has.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "quarterdeck");
/// Label that one run of a test has, and its pods.
pub const RUN: &str = "quarterdeck/run";

impl JobMark {
    /// The mark of a test of a deployment in an environment. Ids of deployments are given out by each control
    /// repository for itself: what else is known of the deployment keeps two of them apart in one namespace.
    pub fn of(
        deployment: &DeploymentId,
        started_at: DateTime<Utc>,
        order: &Order,
        test: Test,
        environment: &EnvironmentName,
    ) -> Self {
        let id = deployment.as_str().to_lowercase();
        let whole = format!(
            "{id}/{}/{}/{}/{environment}/{}",
            started_at.timestamp_micros(),
            order.service,
            order.version,
            test.as_str()
        );
        let tail = format!("-{}-{id}-{:08x}", test.as_str(), digest(&whole));
        let plain: String = order
            .service
            .as_str()
            .to_lowercase()
            .chars()
            .map(|character| if character.is_ascii_alphanumeric() { character } else { '-' })
            .take(NAME_LENGTH.saturating_sub(tail.len()))
            .collect();
        // A service whose name has no letter of these leaves nothing before the tail.
        let name = format!("{}{tail}", plain.trim_matches('-')).trim_matches('-').to_owned();
        let labels = vec![
            (MANAGED_BY.0, MANAGED_BY.1.to_owned()),
            (RUN, name.clone()),
            ("quarterdeck/deployment", deployment.to_string()),
            ("quarterdeck/test", test.as_str().to_owned()),
        ];
        Self { name, labels }
    }

    /// The selector that finds it.
    pub fn selector(&self) -> String {
        let terms: Vec<String> = self.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        terms.join(",")
    }
}

/// FNV-1a, which is the same on every machine.
fn digest(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::deployment::release::Strategy;

    fn order(service: &str) -> Order {
        Order {
            service: service.into(),
            version: "2.0.0".into(),
            image: None,
            commit: None,
            change: None,
            production: false,
            places: Vec::new(),
            strategy: Strategy::Immediate,
            tests: vec![Test::Integration],
            not_before: None,
            window: false,
        }
    }

    #[test]
    fn a_job_has_a_name_of_its_own_that_is_the_same_for_everybody() {
        let mark = |service: &str, started: i64, test| {
            let at = DateTime::from_timestamp(started, 0).unwrap();
            JobMark::of(&"DEP-7".into(), at, &order(service), test, &"staging".into())
        };
        let first = mark("Cart_API", 1, Test::Integration);
        assert!(first.name.starts_with("cart-api-integration-dep-7-"), "{first:?}");
        assert_eq!(first, mark("Cart_API", 1, Test::Integration));
        let long = "s".repeat(100);
        let others = [
            mark("Cart_API", 2, Test::Integration),
            mark("Cart_API", 1, Test::Performance),
            mark(&long, 1, Test::Integration),
            mark("\u{e9}\u{e9}", 1, Test::Integration),
        ];
        for other in &others {
            assert_ne!(other.name, first.name);
            let is_plain = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
            assert!(other.name.len() <= NAME_LENGTH, "{other:?}");
            assert!(other.name.chars().all(|character| is_plain(character) || character == '-'), "{other:?}");
            assert!(other.name.starts_with(is_plain) && other.name.ends_with(is_plain), "{other:?}");
        }
        assert!(
            first.selector().contains("app.kubernetes.io/managed-by=quarterdeck,quarterdeck/run=cart-api-")
        );
    }
}
