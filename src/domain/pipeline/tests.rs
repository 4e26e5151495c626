//! Tests of where changes stand.

use super::*;
use crate::domain::{
    change::{Identity, Proposal},
    cross_project::Running,
    finding::{Finding, Level},
    gate::{Gate, GateStatus},
    ledger::{Entry, EntryBody, Happening, Merged},
    name::EnvironmentName,
    people::Person,
    sla::SlaVerdict,
};

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + minutes * 60, 0).unwrap()
}

fn change(id: &str, errors: usize, open: &[Gate], minute: i64) -> Arc<Change> {
    let gate = |gate: Gate| {
        let approved = GateState::Approved { by: "bo".into(), at: at(0), carried: false };
        GateStatus {
            gate,
            teams: vec![],
            state: if open.contains(&gate) { GateState::Open } else { approved },
        }
    };
    let finding = Finding {
        code: "QD204",
        name: "x",
        level: Level::Error,
        message: String::new(),
        labels: vec![],
        help: None,
    };
    Arc::new(Change {
        proposal: Proposal {
            id: id.into(),
            branch: format!("change/{id}"),
            head: "a".repeat(40).as_str().into(),
            base: "b".into(),
            authors: vec![],
            last_committer: Identity::default(),
            subject: String::new(),
            committed_at: at(minute),
            opened_at: at(minute),
            paths: vec![],
            messages: Vec::new(),
            objects: std::collections::BTreeMap::new(),
        },
        class: ChangeClass::Feature,
        services: vec!["api".into()],
        fields: vec![],
        findings: Arc::new(vec![finding; errors]),
        gates: vec![gate(Gate::CodeReview), gate(Gate::Security)],
        breaking: false,
        harm: crate::domain::change::HarmCount::default(),
        patch: Arc::default(),
        wishes: Vec::new(),
        seals: Arc::default(),
        signatures: std::collections::BTreeMap::new(),
        unproven: Vec::new(),
        request: None,
    })
}

/// What runs: environment, production, version.
struct Platform(Vec<(EnvironmentName, bool, Option<&'static str>)>);

impl Observed for Platform {
    fn verdict(&self, _: &ServiceName) -> SlaVerdict {
        SlaVerdict::NoData
    }

    fn running(&self, _: &ServiceName) -> Vec<Running<'_>> {
        self.0
            .iter()
            .map(|(environment, production, version)| Running {
                environment,
                production: *production,
                version: *version,
            })
            .collect()
    }
}

fn platform(staging: Option<&'static str>, one: Option<&'static str>, two: Option<&'static str>) -> Platform {
    Platform(vec![("staging".into(), false, staging), ("one".into(), true, one), ("two".into(), true, two)])
}

fn merge(id: &str, tags: &[&str], break_glass: bool) -> Happening {
    Happening::ChangeMerged(Box::new(Merged {
        change: id.into(),
        class: ChangeClass::Feature,
        branch: "main".into(),
        head: "m".repeat(40).as_str().into(),
        onto: "b".into(),
        commit: id.into(),
        services: vec!["api".into()],
        tags: tags.iter().map(ToString::to_string).collect(),
        approvals: vec![],
        request: None,
        break_glass,
    }))
}

fn ledger(happenings: Vec<(i64, Happening)>) -> Operations {
    let entries: Vec<Entry> = happenings
        .into_iter()
        .map(|(minute, happening)| Entry {
            commit: format!("{minute:040x}").into(),
            at: at(minute),
            actor: Identity { name: "Cy".into(), email: "cy@example.com".into() },
            subject: String::new(),
            body: EntryBody::Known(happening),
        })
        .collect();
    Operations::fold(&entries)
}

fn told(open: &[Arc<Change>], operations: &Operations, platform: &Platform, minute: i64) -> Vec<String> {
    let person = Person {
        handle: "cy".into(),
        name: "Cy".into(),
        emails: vec!["cy@example.com".into()],
        ..Person::default()
    };
    let people = People { persons: [("cy".into(), person)].into(), ..People::default() };
    chips(open, operations, &people, platform, "<service>-v<version>", at(minute))
        .into_iter()
        .map(|chip| format!("{} {}: {}", chip.stage.as_str(), chip.change, chip.words))
        .collect()
}

#[test]
fn open_changes_stand_where_they_wait_the_oldest_first() {
    let open = [
        change("ready", 0, &[], 5),
        change("younger", 0, &[Gate::Security], 4),
        change("older", 0, &[Gate::CodeReview, Gate::Security], 3),
        change("broken", 2, &[Gate::Security], 2),
    ];
    assert_eq!(
        told(&open, &Operations::default(), &platform(None, None, None), 10),
        [
            "validation broken: 2 errors",
            "review older: waits for code-review, security",
            "review younger: waits for security",
            "merge ready: ready to merge",
        ]
    );
}

#[test]
fn merged_changes_stand_where_their_version_runs() {
    let tagged = ledger(vec![(0, merge("api-2", &["api-v2.0.0"], false))]);
    for (platform, expected) in [
        (Platform(vec![]), "merge api-2: merged; runs nowhere that is known"),
        (platform(Some("1.9.0"), Some("1.9.0"), None), "merge api-2: merged; runs in 0 of 3 places"),
        (platform(Some("2.0.0"), Some("1.9.0"), None), "staging api-2: production 0 of 2"),
        (platform(Some("2.0.0"), Some("v2.0.0"), Some("1.9.0")), "staging api-2: production 1 of 2"),
        // A later version has it as well, wherever staging is.
        (platform(None, Some("2.0.0"), Some("2.1.0")), "production api-2: runs in production"),
        // Rolled back.
        (platform(Some("2.0.0"), Some("1.9.0"), Some("1.9.0")), "staging api-2: production 0 of 2"),
    ] {
        assert_eq!(told(&[], &tagged, &platform, 10), [expected]);
    }
    let plain = ledger(vec![(0, merge("texts", &[], false))]);
    assert_eq!(told(&[], &plain, &Platform(vec![]), 1), ["merge texts: merged; brings no version"]);
}

#[test]
fn a_merged_change_stays_for_two_weeks_unless_it_comes_again() {
    let operations = ledger(vec![(0, merge("api-2", &[], false))]);
    let nothing = Platform(vec![]);
    assert_eq!(told(&[], &operations, &nothing, KEPT.num_minutes() - 1).len(), 1);
    assert_eq!(told(&[], &operations, &nothing, KEPT.num_minutes()), Vec::<String>::new());
    let again = [change("api-2", 0, &[], 3)];
    assert_eq!(told(&again, &operations, &nothing, 5), ["merge api-2: ready to merge"]);
}

#[test]
fn broken_glass_is_told_until_it_is_settled() {
    let opened = |head: &str| Happening::GlassOpened {
        change: "api-2".into(),
        head: head.repeat(40).as_str().into(),
        reason: "r".into(),
        expires: at(60),
        incident: "INC-1".into(),
    };
    let open = [change("api-2", 0, &[Gate::Security], 0)];
    let waiting = ledger(vec![(0, opened("a"))]);
    assert_eq!(
        told(&open, &waiting, &Platform(vec![]), 5),
        ["review api-2: glass waits for a second person; waits for security"]
    );
    // Once its time is over nobody has anything to do about it.
    assert_eq!(told(&open, &waiting, &Platform(vec![]), 60), ["review api-2: waits for security"]);
    let mut used = vec![(0, opened("m")), (1, merge("api-2", &[], true))];
    assert_eq!(
        told(&[], &ledger(used.clone()), &Platform(vec![]), 5),
        ["merge api-2: post-mortem due; merged; brings no version"]
    );
    used.push((2, Happening::GlassSettled { change: "api-2".into(), note: "n".into() }));
    assert_eq!(told(&[], &ledger(used), &Platform(vec![]), 5), ["merge api-2: merged; brings no version"]);
}
