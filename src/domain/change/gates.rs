//! Which gates a change needs, who may open them, and how they stand.

use super::{Classification, Identity, Proposal, Wish};
use crate::domain::{
    catalog::Catalog,
    gate::{Gate, GateState, GateStatus},
    ledger::{Approval, ChangeRecord},
    name::{ServiceName, TeamName},
    people::{People, Person},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why `person` may not approve a gate of `teams`; `None` when they may.
pub fn objection(
    person: &Person,
    people: &People,
    proposal: &Proposal,
    teams: &[TeamName],
) -> Option<String> {
    if person.is_agent() {
        return Some("it is an agent, and agents approve nothing".to_owned());
    }
    let is_person = |identity: &Identity| {
        person.emails.iter().any(|known| known.eq_ignore_ascii_case(identity.email.trim()))
    };
    if proposal.authors.iter().any(is_person) {
        return Some("it is their own change".to_owned());
    }
    if is_person(&proposal.last_committer) {
        return Some("they committed last to it".to_owned());
    }
    if !teams.iter().any(|team| people.is_member(&person.handle, team.as_str())) {
        let names: Vec<_> = teams.iter().map(TeamName::as_str).collect();
        return Some(match names.as_slice() {
            [] => "no team owns this gate".to_owned(),
            names => format!("they are not in {}", names.join(" or ")),
        });
    }
    None
}

/// How each of `gates` stands by `approvals` (oldest first).
///
/// The ledger is not believed: whoever can push can write an approval. One counts only when its author
/// is a person of a team of the gate, neither author nor last committer, and fills no other gate; and
/// only for what was reviewed: while the change alters the same, it outlives a rebase. One without a digest, as
/// programs wrote it before there was any, counts for its head alone. What was withdrawn never was.
pub fn gate_states(
    gates: &[GateStatus],
    proposal: &Proposal,
    digest: &str,
    people: &People,
    approvals: &[Approval],
) -> Vec<GateState> {
    let mut states = vec![GateState::Open; gates.len()];
    for approval in approvals.iter().filter(|approval| approval.withdrawn.is_none()) {
        let Some(index) = gates.iter().position(|status| status.gate == approval.gate) else { continue };
        let Some(person) = people.by_email(&approval.by.email) else { continue };
        if matches!(states[index], GateState::Approved { .. }) {
            continue;
        }
        let same_head = approval.head == proposal.head;
        if !approval.digest.as_deref().map_or(same_head, |reviewed| reviewed == digest) {
            states[index] = GateState::Fallen { by: person.handle.clone() };
            continue;
        }
        let fills_another = states
            .iter()
            .any(|state| matches!(state, GateState::Approved { by, .. } if *by == person.handle));
        if !fills_another && objection(person, people, proposal, &gates[index].teams).is_none() {
            states[index] =
                GateState::Approved { by: person.handle.clone(), at: approval.at, carried: !same_head };
        }
    }
    states
}

/// Who wants the change done otherwise, the oldest first and each person once: members of any team of its gates
/// who are neither author nor last committer, until they approve or take it back. What was asked of a change that
/// alters something else since counts as answered.
pub fn wishes(
    gates: &[GateStatus],
    proposal: &Proposal,
    digest: &str,
    people: &People,
    record: &ChangeRecord,
) -> Vec<Wish> {
    let teams: Vec<TeamName> = gates.iter().flat_map(|status| status.teams.iter().cloned()).collect();
    let mut wishes: Vec<Wish> = Vec::new();
    for request in record.requests.iter().filter(|request| request.withdrawn.is_none()) {
        let Some(person) = people.by_email(&request.by.email) else { continue };
        if objection(person, people, proposal, &teams).is_some() {
            continue;
        }
        let approved_since = record.approvals.iter().any(|approval| {
            approval.withdrawn.is_none()
                && approval.place > request.place
                && people.by_email(&approval.by.email).is_some_and(|other| other.handle == person.handle)
        });
        wishes.retain(|wish| wish.by != person.handle);
        if !approved_since {
            wishes.push(Wish {
                by: person.handle.clone(),
                at: request.at,
                note: request.note.clone(),
                answered: request.digest != digest,
            });
        }
    }
    wishes
}

/// The gates of a change, all still open, with the teams that may open them, as the main branch has them: a
/// change must not appoint its own approvers.
pub fn gates(classification: &Classification, main: &Catalog, head: &HeadMarks) -> Vec<GateStatus> {
    needed(&classification.services, classification.breaking, main, head)
}

/// What the head of a change says of the services that it touches, as far as gates depend on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadMarks {
    /// Whether any is sensitive.
    pub sensitive: bool,
    /// Whether any is regulated.
    pub regulated: bool,
    /// Their owners.
    pub owners: BTreeMap<ServiceName, TeamName>,
}

impl HeadMarks {
    /// Looks at the touched services.
    pub fn of(services: &[ServiceName], head: &Catalog) -> Self {
        let touched = || services.iter().filter_map(|name| head.services.get(name));
        Self {
            sensitive: touched().any(|service| service.sensitive),
            regulated: touched().any(|service| service.regulated),
            owners: touched()
                .filter_map(|service| Some((service.name.clone(), service.owner.clone()?)))
                .collect(),
        }
    }
}

pub(super) fn needed(
    services: &[ServiceName],
    breaking: bool,
    main: &Catalog,
    head: &HeadMarks,
) -> Vec<GateStatus> {
    // A change cannot shed a gate by unmarking the service: either side's mark is enough.
    let marked = |mark: fn(&crate::domain::catalog::Service) -> bool| {
        services.iter().any(|name| main.services.get(name).is_some_and(|service| mark(service)))
    };
    let code_review = code_review_teams(services, main, head);
    let mut gates =
        vec![GateStatus { gate: Gate::CodeReview, teams: code_review.clone(), state: GateState::Open }];
    for (gate, needed) in [
        (Gate::Security, head.sensitive || marked(|service| service.sensitive)),
        (Gate::Architecture, breaking),
        (Gate::Compliance, head.regulated || marked(|service| service.regulated)),
    ] {
        if needed {
            let teams = gate_team(gate, main).map_or_else(|| code_review.clone(), |team| vec![team]);
            gates.push(GateStatus { gate, teams, state: GateState::Open });
        }
    }
    gates
}

/// The team that owns `gate`: as the policies say, else `<gate>-team` where there is one.
pub fn gate_team(gate: Gate, main: &Catalog) -> Option<TeamName> {
    main.gate_teams
        .get(gate.as_str())
        .cloned()
        .or_else(|| main.people.team(&format!("{gate}-team")).map(|team| team.handle.clone()))
}

/// The approvers of the touched services, else their owners, else the code-review gate's own team.
fn code_review_teams(services: &[ServiceName], main: &Catalog, head: &HeadMarks) -> Vec<TeamName> {
    let mut teams: Vec<&TeamName> = Vec::new();
    for name in services {
        if let Some(service) = main.services.get(name) {
            if service.governance.approvers.is_empty() {
                teams.extend(&service.owner);
            } else {
                teams.extend(&service.governance.approvers);
            }
        } else {
            // A new service names its owner itself; that team must at least exist already.
            let owner = head.owners.get(name);
            teams.extend(owner.filter(|team| main.people.team(team.as_str()).is_some()));
        }
    }
    let own_team = gate_team(Gate::CodeReview, main);
    if teams.is_empty() {
        match &own_team {
            Some(team) => teams.push(team),
            // Without any rule about it, everybody who has a team may review.
            None => teams.extend(main.people.teams.keys()),
        }
    }
    let mut handles: Vec<TeamName> = Vec::new();
    for team in teams {
        let handle = TeamName::from(team.as_str().trim_start_matches('@'));
        if !handles.contains(&handle) {
            handles.push(handle);
        }
    }
    handles
}
