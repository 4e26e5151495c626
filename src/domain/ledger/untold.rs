//! Which events people outside should hear of, and who of them has not been told yet.

use super::{
    event::Entry,
    fold::{Operations, shown},
    happening::Happening,
};
use crate::domain::{
    deployment::{order::Order, record::Ending},
    escalation::Severity,
    name::{CommitId, ServiceName},
    notice::{Delivery, NoticeEvent},
};
use chrono::{DateTime, Utc};

/// How many such events are kept; what is older is history and no news.
const KEPT: usize = 200;

/// An event that channels may want to hear of, until all that were tried have heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// The event's commit.
    pub commit: CommitId,
    /// What happened.
    pub event: NoticeEvent,
    /// The incident, the change, the branch or the deployment.
    pub about: String,
    /// What it is, in one line.
    pub title: String,
    /// How bad, where that can be said.
    pub severity: Option<Severity>,
    /// Which service, if one.
    pub service: Option<ServiceName>,
    /// Whom it calls by the severity matrix.
    pub calls: Vec<String>,
    /// Who did it.
    pub by: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The channels that could not be told.
    pub failed: Vec<String>,
    /// How often somebody tried to tell.
    pub tries: u32,
    /// When last.
    pub tried_at: Option<DateTime<Utc>>,
}

/// What channels are told of a deployment that began.
pub fn started_words(order: &Order) -> String {
    format!("{} {} to production", order.service, order.version)
}

/// What channels are told of a deployment's end; `None` where it is nobody's news.
pub fn finished_event(order: &Order, ending: Ending) -> Option<NoticeEvent> {
    match ending {
        Ending::RolledBack => Some(NoticeEvent::RollbackFinished),
        Ending::Done | Ending::Cancelled => order.production.then_some(NoticeEvent::DeploymentFinished),
    }
}

/// The same in words.
pub fn finished_words(ending: Ending, detail: &str) -> String {
    format!("{}: {detail}", ending.as_str())
}

impl Operations {
    /// Keeps an event that channels may want to hear of. Called after it was folded.
    pub(super) fn remember(&mut self, entry: &Entry, happening: &Happening) {
        let incident = |id: &str| self.incident(id);
        let (event, title, severity, service, calls) = match happening {
            Happening::IncidentDeclared { severity, title, service, .. } => {
                (NoticeEvent::IncidentDeclared, title.clone(), Some(*severity), service.clone(), Vec::new())
            }
            Happening::IncidentEscalated { incident: id, level, to, .. } => {
                let Some(known) = incident(id.as_str()) else { return };
                let title = format!("{}; level {level} calls {}", known.title, to.join(", "));
                let (severity, service) = (known.severity, known.service.clone());
                (NoticeEvent::IncidentEscalated, title, Some(severity), service, to.clone())
            }
            Happening::IncidentResolved { incident: id, .. } => {
                let Some(known) = incident(id.as_str()) else { return };
                let (severity, service) = (known.severity, known.service.clone());
                (NoticeEvent::IncidentResolved, known.title.clone(), Some(severity), service, Vec::new())
            }
            Happening::ChangeApproved { gate, .. } => {
                (NoticeEvent::ChangeApproved, format!("{gate} approved"), None, None, Vec::new())
            }
            Happening::MainRestored(restored) => {
                (NoticeEvent::MainRestored, restored.reason.clone(), Some(Severity::High), None, Vec::new())
            }
            Happening::DeploymentStarted { order, .. } if order.production => {
                let title = started_words(order);
                (NoticeEvent::DeploymentStarted, title, None, Some(order.service.clone()), Vec::new())
            }
            Happening::DeploymentHeld { deployment, reason, verdict: Some(_) } => {
                let Some(record) = self.deployment(deployment.as_str()) else { return };
                let service = Some(record.order.service.clone());
                (NoticeEvent::DeploymentHeld, reason.clone(), None, service, Vec::new())
            }
            Happening::DeploymentFinished { deployment, ending, detail } => {
                let order = self.deployment(deployment.as_str()).map(|record| &record.order);
                let Some((order, event)) =
                    order.and_then(|order| Some((order, finished_event(order, *ending)?)))
                else {
                    return;
                };
                (event, finished_words(*ending, detail), None, Some(order.service.clone()), Vec::new())
            }
            _ => return,
        };
        if self.untold.len() == KEPT {
            self.untold.pop_front();
        }
        self.untold.push_back(Untold {
            commit: entry.commit.clone(),
            event,
            about: happening.about(),
            title,
            severity,
            service,
            calls,
            by: shown(&entry.actor),
            at: entry.at,
            failed: Vec::new(),
            tries: 0,
            tried_at: None,
        });
    }

    /// Notes who was told. The event is named by its commit; where that is not said, or the event was written again
    /// since, the oldest of its kind about the same is meant.
    pub(super) fn told(
        &mut self,
        (about, event, of): (&str, &str, Option<&CommitId>),
        deliveries: &[Delivery],
        at: DateTime<Utc>,
    ) {
        let Some(event) = NoticeEvent::parse(event) else { return };
        let by_commit =
            self.untold.iter().position(|known| known.event == event && Some(&known.commit) == of);
        let alike = |known: &Untold| known.event == event && known.about == about;
        let place = by_commit
            .or_else(|| self.untold.iter().position(|known| alike(known) && known.tries == 0))
            .or_else(|| self.untold.iter().position(alike));
        let Some(place) = place else { return };
        let untold = &mut self.untold[place];
        untold.tries += 1;
        untold.tried_at = Some(at);
        for delivery in deliveries {
            untold.failed.retain(|channel| *channel != delivery.channel);
            if !delivery.is_sent() {
                untold.failed.push(delivery.channel.clone());
            }
        }
        if untold.failed.is_empty() {
            self.untold.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{change::Identity, ledger::EntryBody};
    use std::collections::VecDeque;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + minute * 60, 0).unwrap()
    }

    fn entry(minute: i64, happening: Happening) -> Entry {
        Entry {
            commit: format!("{minute:040x}").into(),
            at: at(minute),
            actor: Identity { name: "Ana".into(), email: "ana@example.com".into() },
            subject: String::new(),
            body: EntryBody::Known(happening),
        }
    }

    fn declared(minute: i64, id: &str) -> Entry {
        let (severity, title) = (Severity::High, "5xx".to_owned());
        entry(
            minute,
            Happening::IncidentDeclared {
                incident: id.into(),
                severity,
                title,
                service: Some("api".into()),
                deployment: None,
                post_mortem_due: None,
            },
        )
    }

    fn told(minute: i64, about: &str, of: Option<i64>, deliveries: &[(&str, bool)]) -> Entry {
        let delivery = |(channel, sent): &(&str, bool)| Delivery {
            channel: (*channel).to_owned(),
            failed: (!sent).then(|| "503".to_owned()),
            attempts: 1,
            at: at(minute),
        };
        entry(
            minute,
            Happening::NoticeDelivered {
                about: about.into(),
                event: "incident.declared".into(),
                deliveries: deliveries.iter().map(delivery).collect(),
                of: of.map(|minute| format!("{minute:040x}").into()),
            },
        )
    }

    #[test]
    fn an_event_stays_until_all_that_were_tried_have_heard() {
        let mut operations = Operations::fold(&[declared(0, "INC-1"), declared(1, "INC-2")]);
        assert_eq!(operations.untold.len(), 2);
        assert_eq!((operations.untold[1].by.as_str(), operations.untold[1].tries), ("Ana", 0));
        operations.apply(&told(2, "INC-2", Some(1), &[("ops", true), ("pager", false)]));
        assert_eq!((operations.untold.len(), operations.untold[1].tries), (2, 1));
        assert_eq!(operations.untold[1].failed, ["pager"]);
        operations.apply(&told(9, "INC-2", Some(1), &[("pager", true)]));
        assert_eq!(operations.untold.len(), 1);
        // One that names no commit, or one that is gone, means the oldest about the same.
        operations.apply(&told(10, "INC-2", None, &[("ops", true)]));
        assert_eq!(operations.untold.len(), 1);
        operations.apply(&told(11, "INC-1", Some(77), &[("ops", true)]));
        assert_eq!(operations.untold, VecDeque::new());
    }

    #[test]
    fn an_escalation_says_whom_it_calls_and_few_are_kept() {
        let mut operations = Operations::fold(&[declared(0, "INC-1")]);
        let to = vec!["@on-call".to_owned(), "slack#ops".to_owned()];
        let escalated = |level| Happening::IncidentEscalated {
            incident: "INC-1".into(),
            level,
            to: to.clone(),
            unanswered: true,
        };
        operations.apply(&entry(5, escalated(1)));
        let last = operations.untold.back().unwrap();
        assert_eq!(last.title, "5xx; level 1 calls @on-call, slack#ops");
        assert_eq!((last.severity, &last.calls), (Some(Severity::High), &to));
        for level in 2..300 {
            operations.apply(&entry(5 + i64::from(level), escalated(level)));
        }
        assert_eq!(operations.untold.len(), KEPT);
        assert_eq!(operations.contradictions, 0);
    }
}
