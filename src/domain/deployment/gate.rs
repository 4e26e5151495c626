//! The gates before production: staging passed, product owner, security if sensitive, operations.

use super::record::{DeploymentRecord, Ending};
use crate::domain::{
    catalog::{Catalog, Environment, Service},
    change::Seals,
    ledger::Operations,
    name::{PersonName, TeamName},
    people::Person,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A kind of approval before production.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseGate {
    /// The version passed staging; nobody approves it.
    Staging,
    /// The product owner.
    Product,
    /// If the service is sensitive.
    Security,
    /// Who runs it.
    Operations,
}

impl ReleaseGate {
    /// All gates in the order they are shown.
    pub const ALL: [Self; 4] = [Self::Staging, Self::Product, Self::Security, Self::Operations];

    /// Those that people open.
    pub const APPROVED: [Self; 3] = [Self::Product, Self::Security, Self::Operations];

    /// The word in files and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Product => "product",
            Self::Security => "security",
            Self::Operations => "operations",
        }
    }

    /// The gate of a word, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|gate| gate.as_str() == text)
    }
}

impl fmt::Display for ReleaseGate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// How a gate of a deployment stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReleaseGateStatus {
    /// Which gate.
    pub gate: ReleaseGate,
    /// Teams whose members may open it.
    pub teams: Vec<TeamName>,
    /// Who opened it, and when; `None` while it is closed.
    pub opened: Option<(PersonName, DateTime<Utc>)>,
    /// Whether it is open; staging opens without a person.
    pub is_open: bool,
    /// Why it is not open, or what opened it.
    pub detail: String,
}

/// Teams that may open a gate, as the main branch has them.
pub fn teams(gate: ReleaseGate, main: &Catalog, service: &Service) -> Vec<TeamName> {
    let known = |name: &str| main.people.team(name).map(|team| team.handle.clone());
    let named = main.gate_teams.get(gate.as_str()).cloned().or_else(|| known(&format!("{gate}-team")));
    let fallback = || match gate {
        ReleaseGate::Product => service.owner.clone(),
        ReleaseGate::Operations => known("operations").or_else(|| main.severities.on_call.clone()),
        ReleaseGate::Security | ReleaseGate::Staging => None,
    };
    named.or_else(fallback).into_iter().collect()
}

/// Whether a person may open a gate, as the main branch has its teams; an agent opens none.
pub fn may_open(gate: ReleaseGate, main: &Catalog, service: &Service, who: &PersonName) -> bool {
    let is_agent = main.people.persons.get(who).is_none_or(Person::is_agent);
    !is_agent && teams(gate, main, service).iter().any(|team| main.people.is_member(who, team.as_str()))
}

/// Why an acceptance of a failed check does not count: for its signature, or because it is by somebody who may not open
/// the operations gate. The ledger is not believed.
pub fn distrusted(
    record: &DeploymentRecord,
    main: &Catalog,
    service: &Service,
    seals: &Seals,
) -> Option<String> {
    record.accepted.iter().find_map(|accepted| {
        let accepting = format!("{} was accepted by {}", accepted.leg, accepted.by.name);
        if let Some(why) = seals.objection(&accepted.commit) {
            return Some(format!("{accepting}, and that does not count: {why}"));
        }
        let person = main.people.by_email(&accepted.by.email);
        person
            .is_none_or(|person| !may_open(ReleaseGate::Operations, main, service, &person.handle))
            .then(|| format!("{accepting}, who may not open the operations gate"))
    })
}

/// Whether a version passed staging: a deployment of it to an environment that is not production ended well, or it is
/// meant for none. Else why it did not.
pub fn staged(operations: &Operations, record: &DeploymentRecord, main: &Catalog) -> Result<String, String> {
    let order = &record.order;
    let Some(service) = main.services.get(&order.service) else {
        return Err(format!("{} is not in the catalog", order.service));
    };
    let environments = &main.settings.environments;
    let is_staged =
        |environment: &Environment| !environment.production && main.is_meant_for(service, environment);
    if !environments.iter().any(is_staged) {
        return Ok("there is no staging environment for it".to_owned());
    }
    let passed = operations.deployments.values().rev().find(|known| {
        let order_of = &known.order;
        order_of.service == order.service
            && order_of.version == order.version
            && !order_of.production
            && known.finished.as_ref().is_some_and(|finished| finished.ending == Ending::Done)
    });
    match passed {
        Some(known) => Ok(format!("passed as {}", known.id)),
        None => Err(format!("{} {} has not passed staging", order.service, order.version)),
    }
}

/// The gates of a deployment, and how each stands by the people of the main branch. The ledger is not believed: an
/// approval counts only when its author is a person of a team of the gate and opens no other one. `staged` says
/// what is known of the version in staging: that it passed, or why it did not.
pub fn standings(
    record: &DeploymentRecord,
    main: &Catalog,
    service: &Service,
    staged: &Result<String, String>,
) -> Vec<ReleaseGateStatus> {
    let mut gates: Vec<ReleaseGateStatus> = Vec::new();
    for gate in ReleaseGate::ALL {
        if gate == ReleaseGate::Security && !service.sensitive {
            continue;
        }
        let teams = teams(gate, main, service);
        let status = if gate == ReleaseGate::Staging {
            let (is_open, detail) = match staged {
                Ok(why) => (true, why.clone()),
                Err(why) => (false, why.clone()),
            };
            ReleaseGateStatus { gate, teams: Vec::new(), opened: None, is_open, detail }
        } else {
            let given = record.approvals.iter().filter(|given| given.gate == gate).find_map(|given| {
                let person = main.people.by_email(&given.by.email)?;
                let is_member = teams.iter().any(|team| main.people.is_member(&person.handle, team.as_str()));
                let fills_another = gates
                    .iter()
                    .any(|known| known.opened.as_ref().is_some_and(|(by, _)| *by == person.handle));
                (is_member && !fills_another).then(|| (person.handle.clone(), given.at))
            });
            let detail = match (&given, teams.as_slice()) {
                (Some((by, _)), _) => format!("approved by {by}"),
                (None, []) => "no team owns it: name one under [gate] of policies/security.toml".to_owned(),
                (None, teams) => {
                    let names: Vec<String> = teams.iter().map(|team| format!("@{team}")).collect();
                    format!("somebody of {} must approve it", names.join(" or "))
                }
            };
            ReleaseGateStatus { gate, teams, is_open: given.is_some(), opened: given, detail }
        };
        gates.push(status);
    }
    gates
}
