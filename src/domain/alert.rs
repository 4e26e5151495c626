//! Alerts as Alertmanager tells them.

use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// One alert that is firing or silenced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Alertmanager's fingerprint.
    pub fingerprint: String,
    /// Label `alertname`.
    pub name: String,
    /// All labels.
    pub labels: BTreeMap<String, String>,
    /// Annotation `summary`, or the empty text.
    pub summary: String,
    /// Since when.
    pub starts_at: DateTime<Utc>,
    /// Whether a silence or an inhibition mutes it.
    pub suppressed: bool,
}

impl Alert {
    /// The service it is about, by the label `service`.
    pub fn service(&self) -> Option<&str> {
        self.labels.get("service").map(String::as_str)
    }
}
