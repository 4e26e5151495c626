//! The clocks of an open incident: until when somebody must have taken it, and when it escalates next.

use crate::domain::{escalation::SeverityMatrix, incident::Incident};
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
    /// How many levels have been called, from 1.
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
    let Some(policy) = matrix.rows.get(&incident.severity) else { return Clocks::default() };
    let response = incident.acknowledged.is_none().then(|| Clock {
        label: "ack due",
        due: incident.declared_at + policy.response,
        total: policy.response,
    });
    let period = policy.escalation.filter(|period| period.num_seconds() > 0);
    let passed = period
        .map_or(0, |period| (now - incident.declared_at).num_seconds().max(0) / period.num_seconds())
        .clamp(0, 1000) as i32;
    let escalation = period.map(|period| Clock {
        label: "escalates",
        due: incident.declared_at + period * (passed + 1),
        total: period,
    });
    Clocks { response, escalation, level: passed as usize + 1 }
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
            acknowledged: None,
            resolved: None,
        };
        let matrix = SeverityMatrix::default();
        for (minutes, response, escalation, level) in
            [(0, 5, 15, 1), (4, 1, 11, 1), (7, -2, 8, 1), (16, -11, 14, 2), (31, -26, 14, 3)]
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
