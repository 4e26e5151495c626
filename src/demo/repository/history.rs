//! What happened in the demo's control repository in the last thirty days, and who did it.

use super::changes;
use crate::demo::{
    Scenario,
    estate::{Environment, SERVICES, Service},
    manifests, noise,
    past::FAILURES,
    scenario::MergedVersion,
};
use chrono::{DateTime, TimeDelta, Utc};
use semver::Version;
use std::collections::{BTreeMap, BTreeSet};

/// Who wrote a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Author {
    /// As Git shows it.
    pub name: &'static str,
    /// The address, which is the person's in `policies/teams.toml`.
    pub email: &'static str,
}

/// Who does what is due while nobody watches: no human being.
pub const AGENT: &str = "agent";

/// The people: handle, name, address.
pub const PEOPLE: [(&str, Author); 9] = [
    ("m-ruiz", Author { name: "Marta Ruiz", email: "m.ruiz@example.com" }),
    ("a-chen", Author { name: "Amy Chen", email: "a.chen@example.com" }),
    ("l-okafor", Author { name: "Lola Okafor", email: "l.okafor@example.com" }),
    ("s-novak", Author { name: "Stefan Novak", email: "s.novak@example.com" }),
    ("k-ito", Author { name: "Kenji Ito", email: "k.ito@example.com" }),
    ("j-bauer", Author { name: "Jana Bauer", email: "j.bauer@example.com" }),
    ("p-martin", Author { name: "Paul Martin", email: "p.martin@example.com" }),
    ("d-silva", Author { name: "Diana Silva", email: "d.silva@example.com" }),
    (AGENT, Author { name: "Quarterdeck Agent", email: "agent@example.com" }),
];

/// The teams: name, description, members (the first leads), channel.
pub const TEAMS: [(&str, &str, &[&str], &str); 7] = [
    ("platform-team", "Runs what everybody shares", &["m-ruiz", "s-novak", "k-ito"], "slack#platform"),
    ("security-team", "Reviews what is sensitive", &["l-okafor", "m-ruiz", "j-bauer"], "slack#security"),
    ("shop-team", "Builds the shop", &["a-chen", "p-martin", "d-silva"], "slack#shop"),
    ("documents-team", "Builds the document portal", &["j-bauer", "d-silva"], "slack#documents"),
    ("devices-team", "Builds the device fleet", &["k-ito", "p-martin"], "slack#devices"),
    ("compliance-team", "Sees that rules are kept", &["d-silva", "l-okafor"], "slack#compliance"),
    ("operations", "Stands the watch", &["m-ruiz", "p-martin", "s-novak"], "slack#operations"),
];

/// What a part of the repository needs before it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// `policies/calendar.toml`.
    Calendar,
    /// `monitoring-dashboard.yml`.
    Dashboard,
    /// `policies/escalation.toml`.
    Escalation,
    /// `policies/compliance.toml`.
    Compliance,
    /// `documentation/README.md`.
    Documentation,
    /// The freeze at the end of the quarter, in the calendar.
    Freeze,
    /// `infrastructure/*.k`.
    Infrastructure,
    /// The query presets of `quarterdeck.toml`.
    Presets,
}

/// One released version, as the changelog and `versions.toml` tell it.
#[derive(Debug, Clone)]
pub struct Release {
    /// The service.
    pub service: &'static str,
    /// The version.
    pub version: String,
    /// What it brought, as a sentence without its full stop.
    pub what: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What the repository says at one commit.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Each service's versions, the current one last; a service without an entry is not there yet.
    pub versions: BTreeMap<&'static str, Vec<String>>,
    /// What else is there.
    pub features: BTreeSet<Feature>,
    /// All releases so far.
    pub releases: Vec<Release>,
    /// Services that still require what is deprecated, beyond the estate's requirements.
    pub legacy: BTreeMap<&'static str, &'static str>,
    /// Optional dependencies beyond the estate's, by service.
    pub optional: BTreeMap<&'static str, Vec<&'static str>>,
}

impl State {
    /// The current version of `service`.
    pub fn version(&self, service: &str) -> Option<&str> {
        self.versions.get(service)?.last().map(String::as_str)
    }

    /// Releases a version.
    pub fn release(&mut self, service: &'static str, version: &str, what: &str, at: DateTime<Utc>) {
        self.versions.entry(service).or_default().push(version.to_owned());
        let (version, what) = (version.to_owned(), what.to_owned());
        self.releases.push(Release { service, version, what, at });
    }

    /// Takes the newest version of a service back; the version that holds then.
    pub fn take_back(&mut self, service: &str) -> Option<String> {
        let versions = self.versions.get_mut(service)?;
        let taken = versions.pop()?;
        self.releases.retain(|release| release.service != service || release.version != taken);
        versions.last().cloned()
    }
}

/// One commit to be.
#[derive(Debug)]
pub struct Commit {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub author: Author,
    /// Subject and body.
    pub message: String,
    /// What the repository says after it.
    pub state: State,
    /// Tags on it, with their messages.
    pub tags: Vec<(String, String)>,
    /// The change it belongs to; none for main.
    pub branch: Option<&'static str>,
    /// Slips of the pen: file, what it should say, what it says.
    pub slips: &'static [(&'static str, &'static str, &'static str)],
    /// What it brings to the main branch, if a version.
    pub brings: Option<Brought>,
}

/// The version of a service that a commit brings to the main branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brought {
    /// The service.
    pub service: &'static str,
    /// The version that holds from here on.
    pub version: String,
    /// Whether it takes a newer one back.
    pub back: bool,
    /// The merged change that it comes from.
    pub merged: Option<&'static MergedVersion>,
}

impl Commit {
    /// The rendered files with this commit's slips.
    pub fn finish(&self, mut files: BTreeMap<String, String>) -> BTreeMap<String, String> {
        for (path, right, wrong) in self.slips {
            if let Some(text) = files.get_mut(*path) {
                *text = text.replacen(right, wrong, 1);
            }
        }
        files
    }
}

/// The author with that handle; the first when there is none.
pub fn person(handle: &str) -> Author {
    PEOPLE.iter().find(|(name, _)| *name == handle).map_or(PEOPLE[0].1, |(_, author)| *author)
}

enum Deed {
    Leave(&'static str, &'static str),
    Release(&'static Service, String),
    Merge(&'static MergedVersion),
    /// A version failed and is taken back.
    Return(&'static str, &'static str),
    Add(Feature, &'static str),
}

struct Event {
    at: DateTime<Utc>,
    author: Author,
    deed: Deed,
}

/// What was added beside releases: days ago, who, what, the message.
const ADDITIONS: [(f64, &str, Feature, &str); 8] = [
    (27.6, "m-ruiz", Feature::Infrastructure, "feat(infrastructure): describe both clusters in KCL"),
    (26.2, "p-martin", Feature::Escalation, "feat(policies): response times and escalation by severity"),
    (23.4, "d-silva", Feature::Compliance, "feat(policies): gates and rules for regulated services"),
    (20.1, "s-novak", Feature::Dashboard, "feat(monitoring): the control center's dashboard"),
    (17.3, "m-ruiz", Feature::Calendar, "feat(policies): maintenance windows"),
    (12.5, "k-ito", Feature::Documentation, "docs: how this repository is laid out"),
    (6.7, "p-martin", Feature::Freeze, "feat(policies): freeze at the end of the quarter"),
    (3.2, "m-ruiz", Feature::Presets, "feat: query presets for the morning briefing"),
];

/// Who has left the old API: days ago, who did it, the service.
const DEPARTURES: [(f64, &str, &str); 5] = [
    (25.4, "a-chen", "project-a-frontend"),
    (19.2, "p-martin", "project-c-console"),
    (18.6, "k-ito", "project-c-api"),
    (11.3, "j-bauer", "report-builder"),
    (4.8, "d-silva", "order-worker"),
];

/// What they have left, and what for.
const DEPRECATED: (&str, &str) = ("old-api", "new-api");

/// What patches and other releases brought; which one is drawn by the release's name.
const FIXES: [&str; 6] = [
    "retry once while a dependency restarts",
    "close idle connections before the proxy does",
    "count a timeout as an error",
    "answer 404 instead of 500 for an unknown identifier",
    "read the new certificate without a restart",
    "keep the order of events that share a second",
];
const FEATURES: [&str; 6] = [
    "page through long lists",
    "log the caller of each request",
    "cache lookups for a minute",
    "accept batches of up to a hundred",
    "tell why a request was refused",
    "measure each dependency apart",
];

/// All commits in order: main's, then those of the open changes. With a `past`, also versions that failed and were
/// taken back are among them.
pub fn commits(scenario: Scenario, past: bool, now: DateTime<Utc>) -> Vec<Commit> {
    let start = now - TimeDelta::hours(29 * 24 + 10);
    let mut state = State {
        legacy: DEPARTURES.iter().map(|(_, _, service)| (*service, DEPRECATED.0)).collect(),
        ..State::default()
    };
    let mut tags = Vec::new();
    for service in SERVICES.iter().filter(|service| service.status != "development") {
        let oldest = service.previous.last().copied().unwrap_or(service.version);
        state.versions.insert(service.name, vec![oldest.to_owned()]);
        tags.push(tag(service.name, oldest, "as it was when this repository began"));
    }
    let mut commits = vec![Commit {
        at: start,
        author: person("m-ruiz"),
        message: "feat: one repository for services, projects and policies\n\n\
                  What runs, who may change it and what was promised, in one place."
            .to_owned(),
        state: state.clone(),
        tags,
        branch: None,
        slips: &[],
        brings: None,
    }];
    for event in events(scenario, past, start, now) {
        let mut brings = None;
        let (message, tags) = match &event.deed {
            Deed::Add(feature, message) => {
                state.features.insert(*feature);
                ((*message).to_owned(), Vec::new())
            }
            Deed::Return(service, why) => {
                let Some(version) = state.take_back(service) else { continue };
                let message = format!("fix({service}): back to {version}\n\n{why}\n\nChange-Type: bugfix");
                brings = Some(Brought { service, version, back: true, merged: None });
                (message, Vec::new())
            }
            Deed::Merge(merged) => {
                let MergedVersion { service, version, what, .. } = *merged;
                let before = state.version(service).map(str::to_owned);
                state.release(service, version, what, event.at);
                brings = Some(Brought {
                    service,
                    version: (*version).to_owned(),
                    back: false,
                    merged: Some(merged),
                });
                (subject(service, before.as_deref(), version, what), vec![tag(service, version, what)])
            }
            Deed::Leave(service, deprecated) => {
                state.legacy.remove(service);
                let replacement = DEPRECATED.1;
                (format!("feat({service}): leave {deprecated} for {replacement}"), Vec::new())
            }
            Deed::Release(service, version) => {
                let before = state.version(service.name).map(str::to_owned);
                let what = what(service.name, before.as_deref(), version);
                state.release(service.name, version, what, event.at);
                let (service_name, version_now) = (service.name, version.clone());
                brings =
                    Some(Brought { service: service_name, version: version_now, back: false, merged: None });
                (
                    subject(service.name, before.as_deref(), version, what),
                    vec![tag(service.name, version, what)],
                )
            }
        };
        let (at, author) = (event.at, event.author);
        let state = state.clone();
        commits.push(Commit { at, author, message, state, tags, branch: None, slips: &[], brings });
    }
    commits.extend(changes::commits(&state, now));
    commits
}

fn events(scenario: Scenario, past: bool, start: DateTime<Utc>, now: DateTime<Utc>) -> Vec<Event> {
    let mut events: Vec<Event> = ADDITIONS
        .into_iter()
        .map(|(days, handle, feature, message)| Event {
            at: now - TimeDelta::minutes((days * 1440.0) as i64),
            author: person(handle),
            deed: Deed::Add(feature, message),
        })
        .collect();
    events.extend(DEPARTURES.into_iter().map(|(days, handle, service)| Event {
        at: now - TimeDelta::minutes((days * 1440.0) as i64),
        author: person(handle),
        deed: Deed::Leave(service, DEPRECATED.0),
    }));
    for service in SERVICES {
        let mut versions: Vec<&str> =
            service.previous.iter().rev().copied().chain([service.version]).collect();
        if service.status != "development" {
            versions.remove(0);
        }
        // The newest was merged some hours before the first environment got it.
        let last = Environment::ALL
            .into_iter()
            .filter(|place| service.runs_in(*place) && service.running(*place) == service.version)
            .map(|place| manifests::deployed_at(scenario, place, service, now))
            .min()
            .unwrap_or(now)
            - TimeDelta::minutes(200);
        let count = i32::try_from(versions.len()).unwrap_or(i32::MAX).max(1);
        for (index, version) in (1..).zip(versions) {
            let luck = noise::hash(11, &[service.name, version]);
            // The earlier ones lie evenly between the beginning and the newest, a little shaken.
            let shake = if index == count { 0 } else { (noise::unit(luck) * 900.0) as i32 };
            let at = start + (last - start) * index / count + TimeDelta::minutes(i64::from(shake / 10));
            let members =
                TEAMS.iter().find(|team| team.0 == service.owner).map_or(&["m-ruiz"][..], |team| team.2);
            let author = person(members[(luck % members.len() as u64) as usize]);
            events.push(Event { at, author, deed: Deed::Release(service, version.to_owned()) });
        }
    }
    events.extend(scenario.row().merged.iter().map(|merged| Event {
        at: now - TimeDelta::hours(merged.hours),
        author: person(merged.reviewer),
        deed: Deed::Merge(merged),
    }));
    for failure in FAILURES.iter().filter(|_| past) {
        let deed =
            Service::find(failure.service).map(|service| Deed::Release(service, failure.version.to_owned()));
        let began = Some(failure.released(now)).zip(deed).map(|(at, deed)| (at, failure.starter, deed));
        let returned = failure.settled(now);
        let ended = (returned, AGENT, Deed::Return(failure.service, failure.detail));
        let pair = began.into_iter().chain([ended]);
        events.extend(pair.map(|(at, who, deed)| Event { at, author: person(who), deed }));
    }
    events.sort_by_key(|event| event.at);
    events
}

/// The class of a change, in the words of the control repository.
pub fn class(before: Option<&str>, version: &str) -> &'static str {
    let (Some(before), Ok(version)) =
        (before.and_then(|text| Version::parse(text).ok()), Version::parse(version))
    else {
        return "feature";
    };
    if before.major != version.major && before.pre.is_empty() {
        "breaking"
    } else if before.minor != version.minor || !version.pre.is_empty() || !before.pre.is_empty() {
        "feature"
    } else {
        "bugfix"
    }
}

fn what(service: &str, before: Option<&str>, version: &str) -> &'static str {
    let luck = noise::hash(5, &[service, version]);
    let pool = if class(before, version) == "bugfix" { FIXES } else { FEATURES };
    pool[(luck % pool.len() as u64) as usize]
}

/// A release's commit message, in the conventional form, with the class of the change.
pub fn subject(service: &str, before: Option<&str>, version: &str, what: &str) -> String {
    let class = class(before, version);
    let kind = match class {
        "bugfix" => "fix",
        "breaking" => "feat!",
        _ => "feat",
    };
    let from = before.map_or_else(String::new, |before| format!("From {before}. "));
    let (kind, mark) = kind.strip_suffix('!').map_or((kind, ""), |kind| (kind, "!"));
    format!("{kind}({service}){mark}: {version}, {what}\n\n{from}See CHANGELOG.md.\n\nChange-Type: {class}")
}

fn tag(service: &str, version: &str, what: &str) -> (String, String) {
    (format!("{service}-v{version}"), format!("{service} {version}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_the_version() {
        for (before, after, expected) in [
            ("1.0.0", "1.0.1", "bugfix"),
            ("1.0.0", "1.1.0", "feature"),
            ("1.0.0", "2.0.0", "breaking"),
            ("1.0.0-beta.3", "1.0.0-beta.4", "feature"),
            ("2.0.0-rc.2", "2.0.0", "feature"),
        ] {
            assert_eq!(class(Some(before), after), expected, "{before} to {after}");
        }
    }

    #[test]
    fn commits_are_in_order_and_end_at_the_estate() {
        let now = DateTime::from_timestamp(1_790_000_000, 0).expect("a date");
        let commits = commits(Scenario::BadRelease, true, now);
        assert!(commits.is_sorted_by_key(|commit| commit.at));
        assert!(commits.iter().all(|commit| commit.at < now));
        let main = commits.iter().filter(|commit| commit.branch.is_none());
        let legacy: Vec<usize> = main.map(|commit| commit.state.legacy.len()).collect();
        assert!(legacy.is_sorted_by(|one, other| one >= other), "they leave one after the other");
        assert_eq!((legacy[0], legacy[legacy.len() - 1]), (DEPARTURES.len(), 0));
        let main = commits.iter().rfind(|commit| commit.branch.is_none()).expect("main");
        for service in SERVICES {
            assert_eq!(main.state.version(service.name), Some(service.version), "{}", service.name);
        }
    }
}
