//! What watches over clocks and heads may append: levels of incidents that are called, and heads that were validated.

use super::{fold::Operations, happening::Happening, precondition::open_incident};
use crate::{
    domain::name::{ChangeId, CommitId, IncidentId},
    error::Failure,
};

/// Calls a level of an open incident. Each level is called once; one that lies higher may be called before those
/// below it. `unanswered` says that nobody has acknowledged it in time. Anybody may.
///
/// # Errors
/// A usage failure for an incident that is not there; refused for one that is over, that was acknowledged meanwhile, or
/// whose level was called already.
pub fn escalate(
    operations: &Operations,
    incident: &IncidentId,
    level: u32,
    to: &[String],
    unanswered: bool,
) -> Result<Happening, Failure> {
    let known = open_incident(operations, incident)?;
    if unanswered && let Some((_, by)) = &known.acknowledged {
        return Err(Failure::refused(format!("{incident} was acknowledged by {by}; nobody is called")));
    }
    let called = known.escalated.as_ref().map_or(0, |escalated| escalated.level);
    if level <= called {
        return Err(Failure::refused(format!("level {called} of {incident} was called already")));
    }
    Ok(Happening::IncidentEscalated { incident: known.id.clone(), level, to: to.to_vec(), unanswered })
}

/// What validating a head came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatedHead {
    /// The head.
    pub head: CommitId,
    /// The merge base that it was held against.
    pub base: CommitId,
    /// How many errors were found.
    pub errors: usize,
    /// How many warnings were found.
    pub warnings: usize,
    /// Whether the forge shows it.
    pub posted: bool,
}

/// Records that a head was validated, once for each head and merge base; once more when the forge shows it. Anybody may.
///
/// # Errors
/// Refused when that was recorded already.
pub fn validated(
    operations: &Operations,
    change: &ChangeId,
    result: &ValidatedHead,
) -> Result<Happening, Failure> {
    let record = operations.changes.get(change).and_then(|record| record.validated.as_ref());
    if let Some(known) = record
        && known.is_of(&result.head, &result.base)
        && (known.result.posted || !result.posted)
    {
        return Err(Failure::refused(format!(
            "{change} was validated at {} by {} already",
            result.head.short(),
            known.by.name
        )));
    }
    let ValidatedHead { head, base, errors, warnings, posted } = result.clone();
    Ok(Happening::ChangeValidated { change: change.clone(), head, base, errors, warnings, posted })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            change::Identity,
            escalation::Severity,
            ledger::{Entry, EntryBody, fits},
        },
        error::FailureKind,
    };
    use chrono::DateTime;

    fn entry(happening: Happening) -> Entry {
        Entry {
            commit: "a".repeat(40).into(),
            at: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
            actor: Identity { name: "agent".into(), email: "agent@example.com".into() },
            subject: String::new(),
            body: EntryBody::Known(happening),
        }
    }

    fn open() -> Operations {
        let (severity, title) = (Severity::Critical, "5xx".to_owned());
        let incident = "INC-1".into();
        Operations::fold(&[entry(Happening::IncidentDeclared {
            incident,
            severity,
            title,
            service: None,
            deployment: None,
            post_mortem_due: None,
        })])
    }

    #[test]
    fn each_level_is_called_once_and_not_after_somebody_came() {
        let to = ["@on-call".to_owned()];
        let mut operations = open();
        let call = |operations: &Operations, level, unanswered| {
            escalate(operations, &"INC-1".into(), level, &to, unanswered)
        };
        assert_eq!(
            escalate(&operations, &"INC-2".into(), 1, &to, false).unwrap_err().kind,
            FailureKind::Usage
        );
        assert_eq!(call(&operations, 0, false).unwrap_err().kind, FailureKind::Refused);
        let first = entry(call(&operations, 1, true).unwrap());
        assert_eq!(fits(&operations, &first), Ok(()));
        operations.apply(&first);
        assert!(call(&operations, 1, true).unwrap_err().message.contains("called already"));
        assert!(fits(&operations, &first).is_err());
        let third = entry(call(&operations, 3, false).unwrap());
        operations.apply(&third);
        assert!(call(&operations, 2, false).is_err());
        let escalated = operations.incident("INC-1").unwrap().escalated.as_ref().unwrap();
        assert_eq!((escalated.level, escalated.unanswered), (3, true));
        operations.apply(&entry(Happening::IncidentAcknowledged { incident: "INC-1".into() }));
        assert!(call(&operations, 4, true).unwrap_err().message.contains("acknowledged by agent"));
        assert!(call(&operations, 4, false).is_ok());
        operations.apply(&entry(Happening::IncidentResolved { incident: "INC-1".into(), note: None }));
        assert!(call(&operations, 5, false).is_err());
        assert_eq!(operations.contradictions, 0);
        operations.apply(&third);
        assert_eq!(operations.contradictions, 1);
    }

    #[test]
    fn a_head_is_recorded_once_and_once_more_when_it_is_posted() {
        let mut operations = Operations::default();
        let result = |head: &str, posted| ValidatedHead {
            head: head.repeat(40).as_str().into(),
            base: "b".repeat(40).as_str().into(),
            errors: 1,
            warnings: 0,
            posted,
        };
        for (head, posted, expected) in [
            ("a", false, true),
            ("a", false, false),
            ("a", true, true),
            ("a", true, false),
            ("a", false, false),
            ("c", false, true),
            ("a", true, true),
        ] {
            let made = validated(&operations, &"api-2".into(), &result(head, posted));
            assert_eq!(made.is_ok(), expected, "{head} {posted}");
            if let Ok(happening) = made {
                let written = entry(happening);
                assert_eq!(fits(&operations, &written), Ok(()));
                operations.apply(&written);
            }
        }
        assert_eq!(operations.contradictions, 0);
    }
}
