//! The open changes of the demo's control repository: a repair, an addition, and a break with a fault.

use super::history::{Commit, State, person, subject};
use chrono::{DateTime, TimeDelta, Utc};

/// One open change.
struct Change {
    branch: &'static str,
    author: &'static str,
    hours: i64,
    service: &'static str,
    version: &'static str,
    what: &'static str,
    slips: &'static [(&'static str, &'static str, &'static str)],
    optional: &'static [&'static str],
}

/// Three changes of three classes, by three people, none of them the demo's operator.
const CHANGES: [Change; 3] = [
    Change {
        branch: "project-a-api-2.1.1",
        author: "a-chen",
        hours: 26,
        service: "project-a-api",
        version: "2.1.1",
        what: "do not lose a basket when the gateway times out",
        slips: &[],
        optional: &[],
    },
    Change {
        branch: "catalog-search-1.5.0",
        author: "s-novak",
        hours: 19,
        service: "catalog-search",
        version: "1.5.0",
        what: "rank products by what visitors look at",
        slips: &[],
        optional: &["analytics-service"],
    },
    // The fault: a service that does not exist, and a key that nobody reads.
    Change {
        branch: "shared-auth-2.0.0",
        author: "l-okafor",
        hours: 5,
        service: "shared-auth",
        version: "2.0.0",
        what: "tokens of the second generation only",
        slips: &[
            ("services/catalog.toml", "\"session-cache >= 2.0\"", "\"sesion-cache >= 3.0\""),
            ("services/catalog.toml", "compat_version_min = \"1.0.0\"", "compat_version_mn = \"2.0.0\""),
        ],
        optional: &[],
    },
];

/// The changes' commits, each on top of main.
pub fn commits(main: &State, now: DateTime<Utc>) -> Vec<Commit> {
    // One that is merged is no longer open.
    let is_open = |change: &&Change| main.version(change.service) != Some(change.version);
    CHANGES
        .iter()
        .filter(is_open)
        .map(|change| {
            let at = now - TimeDelta::hours(change.hours);
            let mut state = main.clone();
            let before = state.version(change.service).map(str::to_owned);
            state.release(change.service, change.version, change.what, at);
            if !change.optional.is_empty() {
                state.optional.insert(change.service, change.optional.to_vec());
            }
            Commit {
                at,
                author: person(change.author),
                message: subject(change.service, before.as_deref(), change.version, change.what),
                state,
                tags: Vec::new(),
                branch: Some(change.branch),
                slips: change.slips,
                brings: None,
            }
        })
        .collect()
}
