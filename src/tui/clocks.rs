//! The clocks of an open incident: until when somebody must have taken it, and when it escalates next.

use crate::domain::{
    escalation::{self, Response, SeverityMatrix},
    incident::Incident,
};
use chrono::{DateTime, Duration, Utc};

/// One running clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// What happens when it ends.
    pub label: &'static str,
    /// When it ends.
    pub due: DateTime<Utc>,
    /// How long it runs in all.
    pub total: Duration,
}

impl Clock {
    /// What is left; negative once it is breached.
    pub fn remaining(&self, now: DateTime<Utc>) -> Duration {
        self.due - now
    }

    /// Which share of its time has gone, from 0 to 1 and beyond.
    pub fn elapsed(&self, now: DateTime<Utc>) -> f64 {
        let total = self.total.num_milliseconds();
        if total <= 0 {
            return 1.0;
        }
        1.0 - self.remaining(now).num_milliseconds() as f64 / total as f64
    }

    /// Whether its end has passed.
    pub fn is_breached(&self, now: DateTime<Utc>) -> bool {
        self.due < now
    }
}

/// All clocks of one incident.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clocks {
    /// Until when it must be acknowledged; `None` once it is.
    pub response: Option<Clock>,
    /// When it goes up one level; `None` where the matrix never escalates.
    pub escalation: Option<Clock>,
    /// How often it has escalated; 0 while its first responders have it.
    pub level: usize,
}

impl Clocks {
    /// The clock that matters most now: the one that is due first.
    pub fn next(&self) -> Option<Clock> {
        self.response.into_iter().chain(self.escalation).min_by_key(|clock| clock.due)
    }
}

/// The clocks of `incident` by the severity matrix.
pub fn clocks(incident: &Incident, matrix: &SeverityMatrix, now: DateTime<Utc>) -> Clocks {
    let clock = escalation::clock(incident, matrix, now);
    let is_waiting = matches!(clock.response, Response::Waiting | Response::Overdue);
    let response = is_waiting.then(|| Clock {
        label: "ack due",
        due: clock.response_due,
        total: clock.response_due - incident.declared_at,
    });
    let escalation = clock.escalation_due.map(|due| {
        let steps = i32::try_from(clock.level).unwrap_or(i32::MAX).saturating_add(1);
        Clock { label: "escalates", due, total: (due - incident.declared_at) / steps }
    });
    Clocks { response, escalation, level: clock.level as usize }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::escalation::Severity;

    #[test]
    fn clocks_run_from_the_declaration_and_go_up_a_level_each_period() {
        let declared: DateTime<Utc> = "2026-03-02T03:00:00Z".parse().unwrap();
        let mut incident = Incident {
            id: "INC-1".into(),
            severity: Severity::Critical,
            title: "t".into(),
            service: None,
            declared_at: declared,
            declared_by: "d".into(),
            escalated: None,
            acknowledged: None,
            resolved: None,
            deployment: None,
            post_mortem: None,
        };
        let matrix = SeverityMatrix::default();
        for (minutes, response, escalation, level) in
            [(0, 5, 15, 0), (4, 1, 11, 0), (7, -2, 8, 0), (16, -11, 14, 1), (31, -26, 14, 2)]
        {
            let now = declared + Duration::minutes(minutes);
            let clocks = clocks(&incident, &matrix, now);
            assert_eq!(clocks.response.unwrap().remaining(now).num_minutes(), response, "{minutes}");
            assert_eq!(clocks.escalation.unwrap().remaining(now).num_minutes(), escalation, "{minutes}");
            assert_eq!(clocks.level, level, "{minutes}");
        }
        incident.acknowledged = Some((declared, "a".into()));
        assert_eq!(clocks(&incident, &matrix, declared).response, None);
        incident.severity = Severity::Info;
        assert_eq!(clocks(&incident, &matrix, declared).next(), None);
    }
}
