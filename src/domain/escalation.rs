//! The severity matrix (`policies/escalation.toml`) and the clocks that run from it.

use super::{incident::Incident, name::TeamName};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use std::{cmp::Reverse, collections::BTreeMap, fmt};

/// How bad an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Daily digest.
    Info,
    /// Hours.
    Low,
    /// Half an hour.
    Medium,
    /// A quarter of an hour.
    High,
    /// At once.
    Critical,
}

impl Severity {
    /// All severities, the worst first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info];

    /// The word in files and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of a word, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == text)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// One row of the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeverityPolicy {
    /// Time until somebody must have acknowledged.
    pub response: Duration,
    /// Time until it escalates while unresolved; `None` never escalates.
    pub escalation: Option<Duration>,
    /// What is done, in words.
    pub notification: String,
    /// Channels that hear of it.
    pub channels: Vec<String>,
}

/// The matrix and its levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeverityMatrix {
    /// Row by severity.
    pub rows: BTreeMap<Severity, SeverityPolicy>,
    /// Whom each level calls: level 1 first.
    pub levels: Vec<Vec<String>>,
    /// The team whose rotation is *the* on-call.
    pub on_call: Option<TeamName>,
}

/// The seed's matrix, which holds until `policies/escalation.toml` says otherwise.
impl Default for SeverityMatrix {
    fn default() -> Self {
        let row = |response, escalation: Option<i64>, notification: &str| SeverityPolicy {
            response: Duration::minutes(response),
            escalation: escalation.map(Duration::minutes),
            notification: notification.to_owned(),
            channels: Vec::new(),
        };
        Self {
            rows: BTreeMap::from([
                (Severity::Critical, row(5, Some(15), "Page on-call")),
                (Severity::High, row(15, Some(30), "Slack #high")),
                (Severity::Medium, row(30, Some(60), "Slack #med")),
                (Severity::Low, row(60, Some(240), "Slack #low")),
                (Severity::Info, row(240, None, "Daily digest")),
            ]),
            levels: vec![vec!["@on-call".to_owned()]],
            on_call: None,
        }
    }
}

/// How an incident's clocks stand at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EscalationClock {
    /// When somebody must have acknowledged it.
    pub response_due: DateTime<Utc>,
    /// How the response stands.
    pub response: Response,
    /// When it next reaches a level: declared + (level + 1) × escalation interval. `None` when it is
    /// resolved or its severity never escalates.
    pub escalation_due: Option<DateTime<Utc>>,
    /// How many escalation intervals have passed while it was unresolved. 0 is its first responders.
    pub level: u32,
    /// The nearer of the deadlines that still run: the response while nobody has acknowledged, and the
    /// escalation. A response that was missed stays the deadline until somebody acknowledges.
    pub next_deadline: Option<DateTime<Utc>>,
    /// Whether something needs somebody now: the response is overdue, or it has escalated.
    pub breached: bool,
    /// Seconds to [`Self::next_deadline`], negative when it has passed; `None` without one.
    #[serde(rename = "remaining_seconds", serialize_with = "as_seconds")]
    pub remaining: Option<Duration>,
}

/// How the response to an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Response {
    /// Nobody has acknowledged, and there is time left.
    Waiting,
    /// Acknowledged (or resolved) in time.
    Met,
    /// Acknowledged (or resolved) too late.
    Late,
    /// Nobody has acknowledged, and time is up.
    Overdue,
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn as_seconds<S: serde::Serializer>(value: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(|duration| duration.num_seconds()).serialize(serializer)
}

/// The clocks of `incident` at `now`, by `matrix`. A severity that the matrix leaves out follows the
/// seed's row. Acknowledgement stops the response clock, resolution stops all.
///
/// A `now` before the declaration (another machine's clock is ahead) counts as the moment of the
/// declaration: nothing is breached, and no more than the whole interval remains.
pub fn clock(incident: &Incident, matrix: &SeverityMatrix, now: DateTime<Utc>) -> EscalationClock {
    let seed;
    let policy = if let Some(policy) = matrix.rows.get(&incident.severity) {
        policy
    } else {
        seed = SeverityMatrix::default();
        &seed.rows[&incident.severity]
    };
    let declared = incident.declared_at;
    let now = now.max(declared);
    let resolved = incident.resolved.as_ref().map(|(at, _)| *at);
    let answered = [incident.acknowledged.as_ref().map(|(at, _)| *at), resolved].into_iter().flatten().min();
    let response_due = after(declared, policy.response);
    let response = match answered {
        Some(at) if at <= response_due => Response::Met,
        Some(_) => Response::Late,
        None if now < response_due => Response::Waiting,
        None => Response::Overdue,
    };
    // An interval of zero would be passed infinitely often.
    let interval = policy.escalation.filter(|interval| *interval > Duration::zero());
    let until = resolved.unwrap_or(now).max(declared);
    let level = interval.map_or(0, |interval| {
        let passed =
            until.signed_duration_since(declared).num_milliseconds() / interval.num_milliseconds().max(1);
        u32::try_from(passed).unwrap_or(u32::MAX)
    });
    let open = incident.is_open();
    let escalation_due = interval.filter(|_| open).map(|interval| {
        let steps = i32::try_from(level).unwrap_or(i32::MAX).saturating_add(1);
        interval.checked_mul(steps).map_or(DateTime::<Utc>::MAX_UTC, |wait| after(declared, wait))
    });
    let waiting = matches!(response, Response::Waiting | Response::Overdue);
    let next_deadline = waiting.then_some(response_due).into_iter().chain(escalation_due).min();
    EscalationClock {
        response_due,
        response,
        escalation_due,
        level,
        next_deadline,
        breached: open && (response == Response::Overdue || level > 0),
        remaining: next_deadline.map(|deadline| deadline.signed_duration_since(now)),
    }
}

/// How often a level beyond the last one calls the last one again.
const REPEATS: u32 = 3;

/// A level that is to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// The level, from 1: how many deadlines have passed.
    pub level: u32,
    /// Whom it calls: the level, and those that were passed over below it.
    pub to: Vec<String>,
    /// Whether the time to acknowledge it has passed and nobody has.
    pub unanswered: bool,
}

/// The level of `incident` that is due at `now` and was not called yet. Each deadline that passes is a level: the one to
/// acknowledge, which counts once, and every escalation interval. Beyond the last level the last is called again, a few
/// times.
pub fn due(incident: &Incident, matrix: &SeverityMatrix, now: DateTime<Utc>) -> Option<Escalation> {
    if !incident.is_open() {
        return None;
    }
    let clock = clock(incident, matrix, now);
    let unanswered = clock.response == Response::Overdue;
    let before = incident.escalated.as_ref();
    // Who came late has still let a deadline pass, if somebody was called for it.
    let missed = unanswered || before.is_some_and(|before| before.unanswered);
    let called = before.map_or(0, |before| before.level);
    let last = u32::try_from(matrix.levels.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let level = clock.level.saturating_add(u32::from(missed)).min(last.saturating_add(REPEATS));
    (level > called).then(|| Escalation {
        level,
        to: called_by(matrix, called.saturating_add(1)..=level),
        unanswered: unanswered && before.is_none_or(|before| !before.unanswered),
    })
}

/// Whom the next level calls that a person wants called now.
pub fn next(incident: &Incident, matrix: &SeverityMatrix) -> Escalation {
    let level = incident.escalated.as_ref().map_or(0, |before| before.level).saturating_add(1);
    Escalation { level, to: called_by(matrix, level..=level), unanswered: false }
}

/// Whom a run of levels calls, each once.
fn called_by(matrix: &SeverityMatrix, levels: std::ops::RangeInclusive<u32>) -> Vec<String> {
    let last = matrix.levels.len().saturating_sub(1);
    let mut to: Vec<String> = Vec::new();
    // More than there are would be the last one again and again.
    for level in levels.take(matrix.levels.len() + 1) {
        let place = usize::try_from(level).unwrap_or(usize::MAX).min(last);
        for word in matrix.levels.get(place).into_iter().flatten() {
            if !to.contains(word) {
                to.push(word.clone());
            }
        }
    }
    to
}

fn after(start: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    start.checked_add_signed(wait).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Orders incidents by worry: breached first, then by the nearest deadline, then by severity, then the
/// older one. What has no deadline comes after those, and what is resolved last.
pub fn order(incidents: &mut [(&Incident, EscalationClock)]) {
    incidents.sort_by_key(|(incident, clock)| {
        (
            Reverse(clock.breached),
            !incident.is_open(),
            clock.next_deadline.is_none(),
            clock.next_deadline,
            Reverse(incident.severity),
            incident.declared_at,
        )
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::incident::Escalated;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap() + Duration::minutes(minutes)
    }

    fn incident(severity: Severity, acknowledged: Option<i64>, resolved: Option<i64>) -> Incident {
        Incident {
            id: "INC-1".into(),
            severity,
            title: "shared-auth 5xx".into(),
            service: None,
            declared_at: at(0),
            declared_by: "ana".into(),
            escalated: None,
            acknowledged: acknowledged.map(|minute| (at(minute), "bo".into())),
            resolved: resolved.map(|minute| (at(minute), "bo".into())),
            deployment: None,
            post_mortem: None,
        }
    }

    #[test]
    fn clocks_run_by_the_seeds_matrix() {
        use Response::{Late, Met, Overdue, Waiting};
        use Severity::{Critical, High, Info, Low, Medium};
        // Severity, acknowledged, resolved, now → response, level, next deadline, breached; all in minutes.
        for (severity, acknowledged, resolved, now, response, level, next, breached) in [
            (Critical, None, None, 0, Waiting, 0, Some(5), false),
            (Critical, None, None, 4, Waiting, 0, Some(5), false),
            (Critical, None, None, 5, Overdue, 0, Some(5), true),
            (Critical, None, None, 14, Overdue, 0, Some(5), true),
            (Critical, None, None, 31, Overdue, 2, Some(5), true),
            (Critical, Some(3), None, 10, Met, 0, Some(15), false),
            (Critical, Some(5), None, 10, Met, 0, Some(15), false),
            (Critical, Some(6), None, 10, Late, 0, Some(15), false),
            (Critical, Some(3), None, 15, Met, 1, Some(30), true),
            (Critical, Some(3), None, 46, Met, 3, Some(60), true),
            (Critical, Some(3), Some(46), 900, Met, 3, None, false),
            (Critical, None, Some(4), 900, Met, 0, None, false),
            (Critical, None, Some(7), 900, Late, 0, None, false),
            (High, None, None, 14, Waiting, 0, Some(15), false),
            (High, Some(1), None, 30, Met, 1, Some(60), true),
            (Medium, None, None, 29, Waiting, 0, Some(30), false),
            (Medium, Some(1), None, 59, Met, 0, Some(60), false),
            (Low, None, None, 60, Overdue, 0, Some(60), true),
            (Low, Some(1), None, 240, Met, 1, Some(480), true),
            // Info never escalates; once taken it has no deadline at all.
            (Info, None, None, 239, Waiting, 0, Some(240), false),
            (Info, None, None, 100_000, Overdue, 0, Some(240), true),
            (Info, Some(1), None, 100_000, Met, 0, None, false),
            // A clock that runs backwards: now, or the acknowledgement, lies before the declaration.
            (Critical, None, None, -600, Waiting, 0, Some(5), false),
            (Critical, Some(-3), None, 1, Met, 0, Some(15), false),
            (Critical, None, Some(-3), 1, Met, 0, None, false),
        ] {
            let case = format!("{severity} acknowledged {acknowledged:?} resolved {resolved:?} at {now}");
            let clock =
                clock(&incident(severity, acknowledged, resolved), &SeverityMatrix::default(), at(now));
            assert_eq!(clock.response, response, "{case}");
            assert_eq!((clock.level, clock.breached), (level, breached), "{case}");
            assert_eq!(clock.next_deadline, next.map(at), "{case}");
            assert_eq!(clock.remaining, next.map(|next| Duration::minutes(next - now.max(0))), "{case}");
        }
    }

    #[test]
    fn each_deadline_that_passes_is_a_level_and_is_due_once() {
        use Severity::{Critical, Info};
        let matrix = SeverityMatrix {
            levels: [&["@on-call"][..], &["@on-call", "slack#ops"], &["@lead"]]
                .map(|level| level.iter().map(|word| (*word).to_owned()).collect())
                .into(),
            ..SeverityMatrix::default()
        };
        // Severity, acknowledged, resolved, called (level, unanswered), now → level, whom, unanswered.
        for (severity, acknowledged, resolved, called, now, expected) in [
            (Critical, None, None, None, 4, None),
            (Critical, None, None, None, 5, Some((1, "@on-call slack#ops", true))),
            (Critical, None, None, Some((1, true)), 14, None),
            (Critical, None, None, Some((1, true)), 15, Some((2, "@lead", false))),
            (Critical, Some(4), None, None, 14, None),
            (Critical, Some(4), None, None, 15, Some((1, "@on-call slack#ops", false))),
            // Acknowledged late: what was called for that stays called.
            (Critical, Some(6), None, None, 7, None),
            (Critical, Some(6), None, Some((1, true)), 15, Some((2, "@lead", false))),
            // Nobody watched for long: the highest that is due, with those below it.
            (Critical, None, None, None, 31, Some((3, "@on-call slack#ops @lead", true))),
            (Critical, None, None, Some((3, true)), 46, Some((4, "@lead", false))),
            // Beyond the last one a few times, then never again.
            (Critical, None, None, Some((4, true)), 100_000, Some((5, "@lead", false))),
            (Critical, None, None, Some((5, true)), 100_000, None),
            (Critical, None, Some(3), None, 900, None),
            (Info, None, None, None, 240, Some((1, "@on-call slack#ops", true))),
            (Info, None, None, Some((1, true)), 100_000, None),
            (Info, Some(1), None, None, 100_000, None),
        ] {
            let case = format!("{severity} {acknowledged:?} {resolved:?} {called:?} at {now}");
            let mut incident = incident(severity, acknowledged, resolved);
            incident.escalated =
                called.map(|(level, unanswered)| Escalated { level, at: at(0), to: Vec::new(), unanswered });
            let due = due(&incident, &matrix, at(now));
            let due = due.as_ref().map(|due| (due.level, due.to.join(" "), due.unanswered));
            let expected = expected.map(|(level, to, unanswered)| (level, to.to_owned(), unanswered));
            assert_eq!(due, expected, "{case}");
        }
        // Without levels of one's own the on-call is called again.
        let incident = incident(Critical, None, None);
        let due = due(&incident, &SeverityMatrix::default(), at(5)).unwrap();
        assert_eq!((due.level, due.to), (1, vec!["@on-call".to_owned()]));
        assert_eq!(next(&incident, &matrix).to, ["@on-call", "slack#ops"]);
    }

    #[test]
    fn a_strange_matrix_does_no_harm() {
        let mut matrix = SeverityMatrix::default();
        matrix.rows.remove(&Severity::High);
        assert_eq!(clock(&incident(Severity::High, None, None), &matrix, at(0)).response_due, at(15));
        if let Some(row) = matrix.rows.get_mut(&Severity::Low) {
            row.escalation = Some(Duration::zero());
            row.response = Duration::MAX;
        }
        let clock = clock(&incident(Severity::Low, None, None), &matrix, DateTime::<Utc>::MAX_UTC);
        assert_eq!((clock.level, clock.escalation_due), (0, None));
        assert_eq!(clock.response_due, DateTime::<Utc>::MAX_UTC);
    }

    #[test]
    fn the_order_is_the_order_of_worry() {
        let named = |id: &str, severity, acknowledged, resolved| Incident {
            id: id.into(),
            ..incident(severity, acknowledged, resolved)
        };
        let incidents = [
            named("over", Severity::Critical, Some(1), Some(2)),
            named("quiet", Severity::Info, Some(1), None),
            named("soon", Severity::High, Some(1), None),
            named("late", Severity::Critical, None, None),
            named("later", Severity::Low, Some(1), None),
        ];
        let mut clocks: Vec<_> =
            incidents.iter().map(|i| (i, clock(i, &SeverityMatrix::default(), at(6)))).collect();
        order(&mut clocks);
        let ids: Vec<_> = clocks.iter().map(|(incident, _)| incident.id.as_str()).collect();
        assert_eq!(ids, ["late", "soon", "later", "quiet", "over"]);
    }

    #[test]
    fn clocks_are_readable_json() {
        let clock = clock(&incident(Severity::Critical, None, None), &SeverityMatrix::default(), at(6));
        let json = serde_json::to_value(&clock).unwrap();
        assert_eq!(
            (json["remaining_seconds"].as_i64(), json["response"].as_str()),
            (Some(-60), Some("overdue"))
        );
    }
}
