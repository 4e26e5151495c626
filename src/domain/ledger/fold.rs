//! Folding events into the state of operations.

use super::{
    changes::{Approval, ChangeRecord},
    event::{Entry, EntryBody},
    happening::{Happening, Restored, Verdict},
    precondition::ROLLBACK_CLAIM,
    turn::{Frozen, Quarantine},
    untold::Untold,
};
use crate::domain::{
    change::Identity,
    deployment::record::DeploymentRecord,
    incident::{Escalated, Incident, PostMortem},
    name::{ChangeId, CommitId, EnvironmentName, IncidentId, ServiceName},
};
use chrono::{DateTime, Duration, Utc};
use std::collections::{BTreeMap, VecDeque};

/// How far beyond the highest number a declared incident's number may lie. What is further off was
/// not given out by this program, and would use the numbers up.
const LARGEST_GAP: u32 = 10_000;

/// How many contradictions are kept in words; all are counted.
const KEPT_ANOMALIES: usize = 100;

/// Another number for every other way to read and fold events, so that a state which another version of
/// this program folded is not taken for this one's.
pub const FOLD_VERSION: u64 = {
    let sources: [&[u8]; 10] = [
        include_bytes!("changes.rs"),
        include_bytes!("event.rs"),
        include_bytes!("fold.rs"),
        include_bytes!("happening.rs"),
        include_bytes!("precondition.rs"),
        include_bytes!("untold.rs"),
        include_bytes!("deployments.rs"),
        include_bytes!("turn.rs"),
        include_bytes!("../deployment/order.rs"),
        include_bytes!("../deployment/record.rs"),
    ];
    let mut sum: u64 = 0xcbf2_9ce4_8422_2325;
    let mut file = 0;
    while file < sources.len() {
        let mut at = 0;
        while at < sources[file].len() {
            sum = (sum ^ sources[file][at] as u64).wrapping_mul(0x0100_0000_01b3);
            at += 1;
        }
        file += 1;
    }
    sum
};

/// A broken main branch that was brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restoration {
    /// What was done.
    pub restored: Restored,
    /// When it was done; between `restored.detected_at` and this it was broken and known to be.
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: Identity,
}

/// A rollback that was started and has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningRollback {
    /// The version that ran.
    pub from: String,
    /// The version to go back to.
    pub to: String,
    /// What is changed.
    pub object: String,
    /// When it was started.
    pub since: DateTime<Utc>,
    /// By whom.
    pub by: Identity,
}

/// A rollback that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRollback {
    /// Which service.
    pub service: ServiceName,
    /// Where.
    pub environment: EnvironmentName,
    /// The version that ran.
    pub from: String,
    /// The version to go back to.
    pub to: String,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// Who started it.
    pub by: Identity,
    /// From start to end; never negative, even when two people's clocks differ.
    pub duration: Duration,
    /// How it was verified.
    pub verdict: Verdict,
    /// What was seen.
    pub detail: String,
}

/// An event that contradicts what came before it. It stays in the log and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly {
    /// The event's commit.
    pub commit: CommitId,
    /// What does not fit.
    pub text: String,
}

/// What all events together say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Operations {
    /// Incidents by number, so that INC-2 comes before INC-10.
    pub incidents: BTreeMap<u32, Incident>,
    /// The highest number that was given out; 0 while there was no incident.
    pub last_incident: u32,
    /// What was said and done about changes.
    pub changes: BTreeMap<ChangeId, ChangeRecord>,
    /// When a broken main branch was brought back, oldest first.
    pub restorations: Vec<Restoration>,
    /// Rollbacks that were started and have not ended.
    pub running_rollbacks: BTreeMap<(ServiceName, EnvironmentName), RunningRollback>,
    /// Rollbacks that have ended, oldest first.
    pub past_rollbacks: Vec<PastRollback>,
    /// Events that channels may want to hear of and that not all have heard, oldest first; only the newest are kept.
    pub untold: VecDeque<Untold>,
    /// Deployments by number, so that DEP-2 comes before DEP-10.
    pub deployments: BTreeMap<u32, DeploymentRecord>,
    /// The highest number that was given out; 0 while there was no deployment.
    pub last_deployment: u32,
    /// Versions that may not be deployed.
    pub quarantine: BTreeMap<(ServiceName, String), Quarantine>,
    /// Services of which nothing may be deployed.
    pub frozen: BTreeMap<ServiceName, Frozen>,
    /// How many events were folded.
    pub events: usize,
    /// How many of them are of a kind that this program does not know.
    pub unknown: usize,
    /// How many of them contradict what came before.
    pub contradictions: usize,
    /// The latest of those in words.
    pub anomalies: Vec<Anomaly>,
    /// The newest event's time.
    pub last_event: Option<DateTime<Utc>>,
}

/// `INC-14` as its number; `None` for what no incident is called.
pub fn incident_number(id: &str) -> Option<u32> {
    let digits = id.strip_prefix("INC-")?;
    // `INC-014` and `INC-+14` would be second names of INC-14.
    let canonical = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    canonical.then(|| digits.parse().ok()).flatten()
}

/// Whether a number was given out by this program, after the highest one.
pub(super) const fn is_next(number: u32, highest: u32) -> bool {
    number <= highest.saturating_add(LARGEST_GAP)
}

/// `DEP-7` as its number; `None` for what no deployment is called.
pub fn deployment_number(id: &str) -> Option<u32> {
    incident_number(&id.strip_prefix("DEP-").map(|digits| format!("INC-{digits}"))?)
}

/// The id of an incident's number.
pub fn incident_id(number: u32) -> IncidentId {
    format!("INC-{number}").into()
}

/// How an identity is shown: by name, or by e-mail address where there is none.
pub(super) fn shown(identity: &Identity) -> String {
    if identity.name.trim().is_empty() { identity.email.clone() } else { identity.name.clone() }
}

impl Operations {
    /// The state after `entries`, oldest first.
    pub fn fold<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut operations = Self::default();
        for entry in entries {
            operations.apply(entry);
        }
        operations
    }

    /// The incident of an id.
    pub fn incident(&self, id: &str) -> Option<&Incident> {
        self.incidents.get(&incident_number(id)?)
    }

    /// Incidents that still need somebody, by number.
    pub fn open_incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values().filter(|incident| incident.is_open())
    }

    /// The id that the next declared incident gets.
    pub fn next_incident(&self) -> IncidentId {
        incident_id(self.last_incident.saturating_add(1))
    }

    /// All approvals of a change, oldest first.
    pub fn approvals_of(&self, change: &ChangeId) -> &[Approval] {
        self.changes.get(change).map_or(&[], |record| record.approvals.as_slice())
    }

    /// Whether the ledger has a merge of a change at this head, so that its branch is only left over.
    pub fn is_merged(&self, change: &ChangeId, head: &CommitId) -> bool {
        let record = self.changes.get(change);
        record.is_some_and(|record| record.merges.iter().any(|merge| merge.merged.head == *head))
    }

    /// Adds one event. It never fails: what contradicts is counted and changes nothing else.
    pub fn apply(&mut self, entry: &Entry) {
        self.events += 1;
        self.last_event = self.last_event.max(Some(entry.at));
        let result = match &entry.body {
            EntryBody::Known(happening) => {
                let applied = self.apply_known(entry, happening);
                if applied.is_ok() {
                    self.remember(entry, happening);
                }
                applied
            }
            EntryBody::Unknown { .. } => {
                self.unknown += 1;
                Ok(())
            }
        };
        if let Err(text) = result {
            self.contradictions += 1;
            if self.anomalies.len() == KEPT_ANOMALIES {
                self.anomalies.remove(0);
            }
            self.anomalies.push(Anomaly { commit: entry.commit.clone(), text });
        }
    }

    fn apply_known(&mut self, entry: &Entry, happening: &Happening) -> Result<(), String> {
        let turned = self.turn(entry, happening);
        self.apply_rest(entry, happening)?;
        turned
    }

    fn apply_rest(&mut self, entry: &Entry, happening: &Happening) -> Result<(), String> {
        match happening {
            Happening::ChangeApproved { change, .. }
            | Happening::ApprovalWithdrawn { change, .. }
            | Happening::ChangesRequested { change, .. }
            | Happening::RequestWithdrawn { change, .. }
            | Happening::ChangeCommented { change, .. }
            | Happening::ChangeReverted { change, .. }
            | Happening::ChangeValidated { change, .. }
            | Happening::GlassOpened { change, .. }
            | Happening::GlassSeconded { change, .. }
            | Happening::GlassSettled { change, .. }
            | Happening::ChangeProposed { change, .. } => {
                self.changes.entry(change.clone()).or_default().apply(entry, happening)
            }
            Happening::ChangeMerged(merged) => {
                self.changes.entry(merged.change.clone()).or_default().apply(entry, happening)
            }
            Happening::MainRestored(restored) => {
                self.restorations.push(Restoration {
                    restored: (**restored).clone(),
                    at: entry.at,
                    by: entry.actor.clone(),
                });
                Ok(())
            }
            // How somebody was told changes nothing about what they were told of.
            Happening::NoticeDelivered { about, event, deliveries, of } => {
                self.told((about, event, of.as_ref()), deliveries, entry.at);
                Ok(())
            }
            Happening::RollbackStarted { service, environment, from, to, object } => {
                self.rollback_started(entry, (service, environment), (from, to, object))
            }
            Happening::RollbackFinished { service, environment, verdict, detail } => {
                let key = (service.clone(), environment.clone());
                let running = self
                    .running_rollbacks
                    .remove(&key)
                    .ok_or_else(|| format!("no rollback of {service} in {environment} was running"))?;
                self.rollback_ended(key, running, entry.at, *verdict, detail.clone());
                Ok(())
            }
            Happening::IncidentDeclared {
                incident: id,
                severity,
                title,
                service,
                deployment,
                post_mortem_due,
            } => {
                let number = incident_number(id.as_str())
                    .filter(|number| is_next(*number, self.last_incident))
                    .ok_or_else(|| format!("{id} is not an incident's id that can come next"))?;
                if self.incidents.contains_key(&number) {
                    return Err(format!("{id} was declared before"));
                }
                self.last_incident = self.last_incident.max(number);
                let incident = Incident {
                    id: id.clone(),
                    severity: *severity,
                    title: title.clone(),
                    service: service.clone(),
                    declared_at: entry.at,
                    declared_by: shown(&entry.actor),
                    escalated: None,
                    acknowledged: None,
                    resolved: None,
                    deployment: deployment.clone(),
                    post_mortem: post_mortem_due.map(|due| PostMortem { due, written: None }),
                };
                self.incidents.insert(number, incident);
                Ok(())
            }
            Happening::IncidentEscalated { incident: id, level, to, unanswered } => {
                let incident = self.open_incident(id)?;
                let before = incident.escalated.as_ref();
                if before.is_some_and(|before| before.level >= *level) {
                    return Err(format!("level {level} of {id} was called before"));
                }
                let unanswered = *unanswered || before.is_some_and(|before| before.unanswered);
                incident.escalated =
                    Some(Escalated { level: *level, at: entry.at, to: to.clone(), unanswered });
                Ok(())
            }
            Happening::IncidentAcknowledged { incident: id } => {
                let incident = self.open_incident(id)?;
                if incident.acknowledged.is_some() {
                    return Err(format!("{id} was acknowledged before"));
                }
                incident.acknowledged = Some((entry.at, shown(&entry.actor)));
                Ok(())
            }
            Happening::IncidentResolved { incident: id, .. } => {
                self.open_incident(id)?.resolved = Some((entry.at, shown(&entry.actor)));
                Ok(())
            }
            Happening::PostMortemWritten { incident: id, note } => {
                let incident = incident_number(id.as_str())
                    .and_then(|number| self.incidents.get_mut(&number))
                    .ok_or_else(|| format!("{id} was never declared"))?;
                let due = incident.post_mortem.as_ref().map_or(entry.at, |known| known.due);
                let written = Some((entry.at, shown(&entry.actor), note.clone()));
                incident.post_mortem = Some(PostMortem { due, written });
                Ok(())
            }
            Happening::DeploymentStarted { deployment: id, order } => {
                self.deployment_started(entry, id, order)
            }
            Happening::ReleaseQuarantined { service, version, image, reason, deployment } => {
                let quarantine = Quarantine {
                    image: image.clone(),
                    reason: reason.clone(),
                    at: entry.at,
                    by: entry.actor.clone(),
                    deployment: deployment.clone(),
                };
                self.quarantine.insert((service.clone(), version.clone()), quarantine);
                Ok(())
            }
            Happening::ReleaseCleared { service, version, .. } => {
                let removed = self.quarantine.remove(&(service.clone(), version.clone()));
                removed.map(drop).ok_or_else(|| format!("{service} {version} was not in quarantine"))
            }
            Happening::ServiceFrozen { service, reason } => {
                let frozen = Frozen { reason: reason.clone(), at: entry.at, by: entry.actor.clone() };
                self.frozen.insert(service.clone(), frozen);
                Ok(())
            }
            Happening::ServiceThawed { service, .. } => {
                let removed = self.frozen.remove(service);
                removed.map(drop).ok_or_else(|| format!("{service} was not frozen"))
            }
            // The cluster itself tells what became of a service; what happens to a deployment is done already.
            Happening::ServiceActed { .. }
            | Happening::StageBegan { .. }
            | Happening::StageJudged { .. }
            | Happening::DeploymentHeld { .. }
            | Happening::DeploymentContinued { .. }
            | Happening::DeploymentGlassOpened { .. }
            | Happening::DeploymentGlassSeconded { .. }
            | Happening::DeploymentApproved { .. }
            | Happening::DeploymentScheduled { .. }
            | Happening::DeploymentCancelled { .. }
            | Happening::DeploymentFinished { .. } => Ok(()),
        }
    }

    fn open_incident(&mut self, id: &IncidentId) -> Result<&mut Incident, String> {
        let incident = incident_number(id.as_str())
            .and_then(|number| self.incidents.get_mut(&number))
            .ok_or_else(|| format!("{id} was never declared"))?;
        if incident.is_open() { Ok(incident) } else { Err(format!("{id} was resolved before")) }
    }

    fn rollback_started(
        &mut self,
        entry: &Entry,
        (service, environment): (&ServiceName, &EnvironmentName),
        (from, to, object): (&str, &str, &str),
    ) -> Result<(), String> {
        let key = (service.clone(), environment.clone());
        let mut contradiction = Ok(());
        // The newer one counts in any case: it is what runs in the cluster.
        if let Some(former) = self.running_rollbacks.remove(&key) {
            if entry.at.signed_duration_since(former.since) < ROLLBACK_CLAIM {
                contradiction = Err(format!(
                    "a rollback of {service} in {environment} was already running, started by {}",
                    shown(&former.by)
                ));
            }
            let detail = "it never reported its end; another one was started".to_owned();
            self.rollback_ended(key.clone(), former, entry.at, Verdict::Error, detail);
        }
        let running = RunningRollback {
            from: from.to_owned(),
            to: to.to_owned(),
            object: object.to_owned(),
            since: entry.at,
            by: entry.actor.clone(),
        };
        self.running_rollbacks.insert(key, running);
        contradiction
    }

    fn rollback_ended(
        &mut self,
        (service, environment): (ServiceName, EnvironmentName),
        running: RunningRollback,
        at: DateTime<Utc>,
        verdict: Verdict,
        detail: String,
    ) {
        self.past_rollbacks.push(PastRollback {
            service,
            environment,
            from: running.from,
            to: running.to,
            started_at: running.since,
            by: running.by,
            duration: at.signed_duration_since(running.since).max(Duration::zero()),
            verdict,
            detail,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::escalation::Severity;
    use proptest::prelude::*;

    fn entry(minute: i64, body: EntryBody) -> Entry {
        Entry {
            commit: format!("{minute:040x}").into(),
            at: DateTime::from_timestamp(1_790_000_000 + minute * 60, 0).unwrap(),
            actor: Identity { name: "Ana".into(), email: "ana@example.com".into() },
            subject: String::new(),
            body,
        }
    }

    fn known(minute: i64, happening: Happening) -> Entry {
        entry(minute, EntryBody::Known(happening))
    }

    fn declared(id: &str) -> Happening {
        Happening::IncidentDeclared {
            incident: id.into(),
            severity: Severity::High,
            title: id.to_owned(),
            service: None,
            deployment: None,
            post_mortem_due: None,
        }
    }

    fn taken(id: &str) -> Happening {
        Happening::IncidentAcknowledged { incident: id.into() }
    }

    fn over(id: &str) -> Happening {
        Happening::IncidentResolved { incident: id.into(), note: None }
    }

    fn started(to: &str) -> Happening {
        Happening::RollbackStarted {
            service: "api".into(),
            environment: "production".into(),
            from: "2".into(),
            to: to.into(),
            object: "deployment/shop/api".into(),
        }
    }

    fn finished(verdict: Verdict) -> Happening {
        Happening::RollbackFinished {
            service: "api".into(),
            environment: "production".into(),
            verdict,
            detail: "seen".into(),
        }
    }

    #[test]
    fn an_incident_goes_through_its_life() {
        let events = [known(0, declared("INC-1")), known(3, taken("INC-1")), known(9, over("INC-1"))];
        let operations = Operations::fold(&events);
        let incident = operations.incident("INC-1").unwrap();
        assert_eq!(incident.declared_by, "Ana");
        assert_eq!(incident.acknowledged, Some((events[1].at, "Ana".into())));
        assert_eq!(incident.resolved, Some((events[2].at, "Ana".into())));
        assert_eq!(operations.open_incidents().count(), 0);
        assert_eq!((operations.contradictions, operations.last_event), (0, Some(events[2].at)));
    }

    #[test]
    fn incidents_are_in_the_order_of_their_numbers() {
        let events: Vec<_> =
            (1..=12).map(|number| known(number.into(), declared(&format!("INC-{number}")))).collect();
        let operations = Operations::fold(&events);
        let ids: Vec<_> = operations.incidents.values().map(|incident| incident.id.as_str()).collect();
        assert_eq!((ids[1], ids[9], ids[11]), ("INC-2", "INC-10", "INC-12"));
        assert_eq!(operations.next_incident(), "INC-13");
    }

    #[test]
    fn what_contradicts_is_counted_and_changes_nothing() {
        for (events, text) in [
            (vec![taken("INC-1")], "never declared"),
            (vec![over("INC-1")], "never declared"),
            (vec![declared("INC-1"), declared("INC-1")], "declared before"),
            (vec![declared("INC-1"), taken("INC-1"), taken("INC-1")], "acknowledged before"),
            (vec![declared("INC-1"), over("INC-1"), over("INC-1")], "resolved before"),
            (vec![declared("INC-1"), over("INC-1"), taken("INC-1")], "resolved before"),
            (vec![declared("INC-01")], "not an incident's id"),
            (vec![declared("INC-0")], "not an incident's id"),
            (vec![declared("INC-4294967295")], "not an incident's id"),
            (vec![declared("disaster")], "not an incident's id"),
            (vec![finished(Verdict::Pass)], "no rollback of api in production was running"),
            (vec![started("1"), started("1")], "already running, started by Ana"),
        ] {
            let entries: Vec<_> =
                (0..).zip(&events).map(|(minute, event)| known(minute, event.clone())).collect();
            let operations = Operations::fold(&entries);
            assert_eq!((operations.contradictions, operations.events), (1, events.len()), "{events:?}");
            assert!(operations.anomalies[0].text.contains(text), "{:?}", operations.anomalies);
            assert_eq!(operations.anomalies[0].commit, entries[events.len() - 1].commit);
        }
    }

    #[test]
    fn a_rollback_runs_and_ends() {
        let mut operations = Operations::fold(&[known(0, started("1"))]);
        let key = ("api".into(), "production".into());
        assert_eq!(operations.running_rollbacks[&key].to, "1");
        operations.apply(&known(4, finished(Verdict::Pass)));
        assert!(operations.running_rollbacks.is_empty());
        let past = &operations.past_rollbacks[0];
        assert_eq!((past.duration, past.verdict), (Duration::minutes(4), Verdict::Pass));
    }

    #[test]
    fn an_abandoned_rollback_gives_way_and_clocks_that_differ_give_no_negative_time() {
        let operations = Operations::fold(&[
            known(0, started("1")),
            known(15, started("0")),
            known(-5, finished(Verdict::Fail)),
        ]);
        assert_eq!(operations.contradictions, 0);
        let verdicts: Vec<_> =
            operations.past_rollbacks.iter().map(|past| (past.verdict, past.duration)).collect();
        assert_eq!(verdicts, [(Verdict::Error, Duration::minutes(15)), (Verdict::Fail, Duration::zero())]);
    }

    #[test]
    fn unknown_events_and_many_contradictions_are_bounded() {
        let mut operations = Operations::default();
        for minute in 0..300 {
            operations.apply(&known(minute, taken("INC-9")));
        }
        operations.apply(&entry(300, EntryBody::Unknown { kind: String::new(), text: String::new() }));
        assert_eq!((operations.contradictions, operations.unknown, operations.events), (300, 1, 301));
        assert_eq!(operations.anomalies.len(), KEPT_ANOMALIES);
    }

    fn any_happening() -> impl Strategy<Value = Happening> {
        let id = (0..4_u32).prop_map(|number| format!("INC-{number}"));
        prop_oneof![
            id.clone().prop_map(|id| declared(&id)),
            id.clone().prop_map(|id| taken(&id)),
            id.prop_map(|id| over(&id)),
            Just(started("1")),
            Just(finished(Verdict::Pass)),
        ]
    }

    proptest! {
        #[test]
        fn folding_in_two_parts_is_folding_at_once(
            happenings in proptest::collection::vec(any_happening(), 0..30), cut in 0..30_usize,
        ) {
            let entries: Vec<_> = (0..).zip(happenings).map(|(minute, event)| known(minute, event)).collect();
            let mut parts = Operations::fold(entries.iter().take(cut));
            entries.iter().skip(cut).for_each(|entry| parts.apply(entry));
            prop_assert_eq!(parts, Operations::fold(&entries));
        }
    }
}
