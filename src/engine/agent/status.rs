//! How an agent is doing, for its endpoints: kept while it runs, and written in the text format of Prometheus.

use super::leader::Standing;
use crate::engine::reconcile;
use chrono::{DateTime, Utc};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// After how long without a tick the agent counts as hanging: making one plan takes two minutes at most.
const HANGING: chrono::Duration = chrono::Duration::minutes(3);

/// How a source stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceStatus {
    /// Its name.
    pub name: String,
    /// When its last good picture was taken.
    pub at: Option<DateTime<Utc>>,
    /// Whether the last look failed.
    pub failed: bool,
    /// Whether nothing can be decided without it.
    pub needed: bool,
}

/// How often a reconciler did what.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    looks: u64,
    done: u64,
    failed: u64,
    refused: u64,
}

/// How a command came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Result {
    /// As it should.
    Done,
    /// It was refused: somebody was first, or what was seen has changed.
    Refused,
    /// It failed, or could not be verified.
    Failed,
}

#[derive(Debug)]
struct Inner {
    started: DateTime<Utc>,
    ticked: DateTime<Utc>,
    ticks: u64,
    standing: Standing,
    transitions: u64,
    queue: usize,
    counts: BTreeMap<&'static str, Counts>,
    sources: Vec<SourceStatus>,
}

/// Shared by the agent and its endpoints.
#[derive(Debug, Clone)]
pub struct Status(Arc<Mutex<Inner>>);

impl Status {
    /// Of an agent that begins now.
    pub fn new(now: DateTime<Utc>) -> Self {
        let counts = reconcile::TABLE.iter().map(|row| (row.name, Counts::default())).collect();
        Self(Arc::new(Mutex::new(Inner {
            started: now,
            ticked: now,
            ticks: 0,
            standing: Standing::Waiting(None),
            transitions: 0,
            queue: 0,
            counts,
            sources: Vec::new(),
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It looked what there is to do.
    pub fn ticked(&self, now: DateTime<Utc>, sources: Vec<SourceStatus>) {
        let mut inner = self.inner();
        (inner.ticked, inner.sources) = (now, sources);
        inner.ticks += 1;
    }

    /// It leads, or does not.
    pub fn stands(&self, standing: &Standing) {
        let mut inner = self.inner();
        if inner.standing != *standing {
            let was = inner.standing == Standing::Leading;
            inner.transitions += u64::from(was != (*standing == Standing::Leading));
            inner.standing = standing.clone();
        }
    }

    /// How much is under way.
    pub fn queued(&self, queue: usize) {
        self.inner().queue = queue;
    }

    /// A reconciler looked.
    pub fn looked(&self, name: &'static str) {
        self.inner().counts.entry(name).or_default().looks += 1;
    }

    /// A command of a reconciler came out.
    pub fn came_out(&self, name: &'static str, result: Result) {
        let mut inner = self.inner();
        let counts = inner.counts.entry(name).or_default();
        match result {
            Result::Done => counts.done += 1,
            Result::Refused => counts.refused += 1,
            Result::Failed => counts.failed += 1,
        }
    }

    /// Why it should be started again; nothing where it is well.
    pub fn hangs(&self, now: DateTime<Utc>) -> Option<String> {
        let since = now - self.inner().ticked;
        (since > HANGING).then(|| format!("the last tick was {} seconds ago", since.num_seconds()))
    }

    /// What keeps it from working; nothing where it works, or waits for its turn.
    pub fn is_missing(&self) -> Option<String> {
        let inner = self.inner();
        if inner.ticks == 0 {
            return Some("it has not looked yet".to_owned());
        }
        let missing = inner.sources.iter().filter(|source| source.needed && source.at.is_none());
        let names: Vec<&str> = missing.map(|source| source.name.as_str()).collect();
        (!names.is_empty()).then(|| format!("nothing has come from {}", names.join(", ")))
    }

    /// The metrics at `now`.
    pub fn metrics(&self, now: DateTime<Utc>) -> String {
        let inner = self.inner();
        let mut out = String::new();
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, f64)]| {
            let _ = writeln!(
                out,
                "# HELP quarterdeck_agent_{name} {help}\n# TYPE quarterdeck_agent_{name} {kind}"
            );
            for (labels, value) in samples {
                let _ = writeln!(out, "quarterdeck_agent_{name}{labels} {value}");
            }
        };
        let one = |value: f64| vec![(String::new(), value)];
        let seconds = |at: DateTime<Utc>| at.timestamp_millis() as f64 / 1000.0;
        family(
            "info",
            "gauge",
            "The program.",
            &[(format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1.0)],
        );
        family("start_time_seconds", "gauge", "When it began.", &one(seconds(inner.started)));
        family(
            "ticks_total",
            "counter",
            "How often it looked what there is to do.",
            &one(inner.ticks as f64),
        );
        family("last_tick_timestamp_seconds", "gauge", "When it looked last.", &one(seconds(inner.ticked)));
        let leads = f64::from(u8::from(inner.standing == Standing::Leading));
        family("is_leader", "gauge", "Whether it leads.", &one(leads));
        family(
            "leader_transitions_total",
            "counter",
            "How often it took or lost the lead.",
            &one(inner.transitions as f64),
        );
        family("queue", "gauge", "Commands under way.", &one(inner.queue as f64));
        let named = |name: &str| format!("{{reconciler=\"{name}\"}}");
        let looks: Vec<_> =
            inner.counts.iter().map(|(name, counts)| (named(name), counts.looks as f64)).collect();
        family("reconciler_runs_total", "counter", "How often a reconciler looked.", &looks);
        let mut commands = Vec::new();
        for (name, counts) in &inner.counts {
            for (result, count) in
                [("done", counts.done), ("refused", counts.refused), ("failed", counts.failed)]
            {
                commands.push((format!("{{reconciler=\"{name}\",result=\"{result}\"}}"), count as f64));
            }
        }
        family("commands_total", "counter", "Commands by how they came out.", &commands);
        let label = |source: &SourceStatus| {
            let name = source.name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ");
            format!("{{source=\"{name}\"}}")
        };
        let up: Vec<_> = inner
            .sources
            .iter()
            .map(|source| (label(source), f64::from(u8::from(source.at.is_some() && !source.failed))))
            .collect();
        family("source_up", "gauge", "Whether the last look at a source came back.", &up);
        let ages: Vec<_> = inner
            .sources
            .iter()
            .filter_map(|source| Some((label(source), (now - source.at?).num_milliseconds() as f64 / 1000.0)))
            .collect();
        family("source_age_seconds", "gauge", "Since when the newest picture of a source is there.", &ages);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + second, 0).unwrap()
    }

    fn source(name: &str, seen: Option<i64>, needed: bool) -> SourceStatus {
        SourceStatus { name: name.into(), at: seen.map(at), failed: false, needed }
    }

    #[test]
    fn it_is_ready_once_what_it_needs_has_come_and_hangs_without_ticks() {
        let status = Status::new(at(0));
        assert_eq!(status.is_missing().unwrap(), "it has not looked yet");
        assert_eq!(status.hangs(at(1)), None);
        assert!(status.hangs(at(181)).unwrap().contains("181 seconds"));
        status.ticked(at(200), vec![source("ledger", None, true), source("alerts", None, false)]);
        assert_eq!(status.is_missing().unwrap(), "nothing has come from ledger");
        assert_eq!(status.hangs(at(201)), None);
        status.ticked(at(201), vec![source("ledger", Some(200), true)]);
        assert_eq!(status.is_missing(), None);
    }

    #[test]
    fn the_metrics_are_read_by_a_parser_of_prometheus() {
        let status = Status::new(at(0));
        status.stands(&Standing::Leading);
        status.stands(&Standing::Leading);
        status.looked("escalate");
        status.came_out("escalate", Result::Done);
        status.came_out("escalate", Result::Failed);
        status.queued(2);
        let odd = source("cluster/blue \"1\"", Some(-3), false);
        status.ticked(at(5), vec![source("ledger", Some(2), true), odd, source("forge", None, false)]);
        let text = status.metrics(at(6));
        let lines = text.lines().map(|line| Ok(line.to_owned()));
        let scrape = prometheus_parse::Scrape::parse(lines).unwrap();
        let value = |name: &str, labels: &[(&str, &str)]| {
            let found = scrape.samples.iter().find(|sample| {
                sample.metric == format!("quarterdeck_agent_{name}")
                    && labels.iter().all(|(label, value)| sample.labels.get(label) == Some(value))
            });
            match found.map(|sample| &sample.value) {
                Some(prometheus_parse::Value::Counter(value) | prometheus_parse::Value::Gauge(value)) => {
                    *value
                }
                other => panic!("{name}: {other:?} in\n{text}"),
            }
        };
        assert!((value("is_leader", &[]) - 1.0).abs() < f64::EPSILON);
        for (name, labels, expected) in [
            ("ticks_total", &[][..], 1.0),
            ("leader_transitions_total", &[], 1.0),
            ("queue", &[], 2.0),
            ("last_tick_timestamp_seconds", &[], 1_790_000_005.0),
            ("reconciler_runs_total", &[("reconciler", "escalate")], 1.0),
            ("commands_total", &[("reconciler", "escalate"), ("result", "failed")], 1.0),
            ("commands_total", &[("reconciler", "notify"), ("result", "done")], 0.0),
            ("source_up", &[("source", "ledger")], 1.0),
            ("source_up", &[("source", "forge")], 0.0),
            ("source_age_seconds", &[("source", "ledger")], 4.0),
        ] {
            assert!((value(name, labels) - expected).abs() < 1e-9, "{name} {labels:?}\n{text}");
        }
        let samples = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(scrape.samples.len(), samples, "{text}");
    }
}
