//! Where the keys of a service stand, in little room: a large repository has hundreds of thousands of them.

use crate::domain::finding::Span;

/// Every key whose place is remembered, by the alphabet.
const KEYS: [&str; 46] = [
    "alerts",
    "alerts.critical",
    "alerts.escalation.escalate_to",
    "alerts.high",
    "alerts.info",
    "alerts.warning",
    "compat_version_min",
    "consumers.projects",
    "consumers.required_by",
    "dependencies.accept_beta",
    "deployment.environments",
    "deployment.privileges",
    "deprecation_date",
    "governance.approvers",
    "governance.break_changes_notice",
    "governance.change_log",
    "image",
    "maintenance_date",
    "metrics.availability_threshold",
    "metrics.error_rate_threshold",
    "metrics.error_type_alerts",
    "metrics.histogram_buckets",
    "metrics.response_time_p50",
    "metrics.response_time_p95",
    "metrics.response_time_p99",
    "network.egress",
    "network.ingress",
    "notice.date",
    "notice.projects",
    "notice.services",
    "notice.version",
    "owner",
    "pattern",
    "port",
    "regulated",
    "replacement_service",
    "sla.availability",
    "sla.error_rate",
    "sla.response_time_p99",
    "status",
    "status?",
    "sunset_date",
    "support_until",
    "tier",
    "type",
    "version",
];

/// The places of single keys, by dotted key (`version`, `sla.availability`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places(Vec<(u8, Span)>);

/// The number of a key.
fn number(key: &str) -> Option<u8> {
    KEYS.binary_search(&key).ok().and_then(|number| u8::try_from(number).ok())
}

impl Places {
    fn find(&self, number: u8) -> Result<usize, usize> {
        self.0.binary_search_by_key(&number, |(known, _)| *known)
    }

    /// The place of a key, if it is known.
    pub fn get(&self, key: &str) -> Option<&Span> {
        let at = self.find(number(key)?).ok()?;
        self.0.get(at).map(|(_, span)| span)
    }

    /// Whether the place of a key is known.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Remembers the place of a key. One that is not in the table above would be forgotten; the tests do not let it
    /// come to that.
    pub fn insert(&mut self, key: &'static str, span: Span) {
        let known = number(key);
        debug_assert!(known.is_some(), "`{key}` is not in the table of keys");
        let Some(number) = known else { return };
        match self.find(number) {
            Ok(at) => self.0[at].1 = span,
            Err(at) => self.0.insert(at, (number, span)),
        }
    }

    /// Gives back the room that is not used: nothing more will come.
    pub fn close(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Every key with its place, by the alphabet.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Span)> {
        self.0.iter().filter_map(|(number, span)| Some((*KEYS.get(usize::from(*number))?, span)))
    }
}

impl Extend<(&'static str, Span)> for Places {
    fn extend<I: IntoIterator<Item = (&'static str, Span)>>(&mut self, places: I) {
        for (key, span) in places {
            self.insert(key, span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_by_their_keys() {
        assert!(KEYS.is_sorted_by(|one, other| one < other), "{KEYS:?}");
        let span = |start| Span { file: 1, start, end: start + 1 };
        let mut places = Places::default();
        for (start, key) in KEYS.iter().rev().enumerate() {
            places.insert(key, span(start as u32));
        }
        places.extend([("version", span(900))]);
        places.close();
        assert_eq!(places.get("version"), Some(&span(900)));
        assert_eq!(places.get("alerts"), Some(&span(KEYS.len() as u32 - 1)));
        assert_eq!((places.get("verson"), places.contains_key("owner")), (None, true));
        assert!(places.iter().map(|(key, _)| key).eq(KEYS));
    }
}
