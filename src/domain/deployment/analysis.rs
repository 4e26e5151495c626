//! What the metrics say of a new version: judged interval by interval against what is promised and against the
//! version before, never on too little, and never on what is old.

use super::{parameters::Parameters, record::Figures};
use crate::domain::{
    ledger::Verdict,
    sla::{QUANTILE_EVENTS, Sample, VersionSample, histogram_quantile, increase_of},
    units::{format_duration, format_percent},
};
use chrono::{DateTime, Duration, Utc};
use std::collections::VecDeque;

/// Fewer errors than this in an interval are bad luck and no verdict.
const LEAST_ERRORS: f64 = 3.0;

/// What floating-point arithmetic may add to a ratio: exactly at the limit is kept.
const ROUNDING: f64 = 1e-9;

/// What one version answered in one interval.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answered {
    /// Requests.
    pub requests: f64,
    /// Of them failed.
    pub errors: f64,
    /// Their 99th percentile, in seconds; `None` where it cannot be told.
    pub p99: Option<f64>,
}

impl Answered {
    fn between(before: &VersionSample, after: &VersionSample) -> Self {
        let gain = increase_of(before, after);
        Self {
            requests: gain.requests,
            errors: gain.errors,
            p99: histogram_quantile(0.99, &gain.durations).filter(|seconds| seconds.is_finite()),
        }
    }

    /// Share of failed requests; `None` without requests.
    pub fn error_ratio(&self) -> Option<f64> {
        (self.requests > 0.0).then(|| (self.errors / self.requests).clamp(0.0, 1.0))
    }

    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.p99 = match (self.p99, other.p99) {
            (Some(one), Some(two)) => Some(one.max(two)),
            (one, two) => one.or(two),
        };
    }
}

/// One interval between two scrapes.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// When it ended.
    pub at: DateTime<Utc>,
    /// What the new version answered.
    pub fresh: Answered,
    /// What the version before answered in the same time, where it still does.
    pub stable: Option<Answered>,
}

/// How an interval came out, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntervalVerdict {
    /// Pass, fail, or no data.
    pub verdict: Verdict,
    /// Why, in a few words.
    pub words: String,
}

/// Judges one interval.
///
/// - No data: fewer than `minimum_events` requests.
/// - Fail: the error ratio is above the promise, or `worse_than_baseline` times that of the version before; or
///   the 99th percentile is. Where the version before breaks the promise just as much, the new one is not to blame.
/// - A 99th percentile counts from a fifth of [`QUANTILE_EVENTS`] requests on.
pub fn judge_interval(interval: &Interval, parameters: &Parameters) -> IntervalVerdict {
    let fresh = &interval.fresh;
    let stable = interval.stable.as_ref().filter(|stable| stable.requests >= parameters.minimum_events);
    let Some(ratio) = fresh.error_ratio().filter(|_| fresh.requests >= parameters.minimum_events) else {
        let words =
            format!("{:.0} requests, {:.0} are needed to judge", fresh.requests, parameters.minimum_events);
        return IntervalVerdict { verdict: Verdict::NoData, words };
    };
    let factor = parameters.worse_than_baseline;
    let baseline = stable.and_then(Answered::error_ratio);
    let mut against = Vec::new();
    let mut seen = vec![match baseline {
        Some(baseline) => {
            format!("errors {} beside {}", format_percent(ratio), format_percent(baseline))
        }
        None => format!("errors {}", format_percent(ratio)),
    }];
    // Within what is promised nobody is harmed, however good the version before is: twice a tiny share is still
    // a tiny share. Without a promise, the version before is the measure.
    if fresh.errors >= LEAST_ERRORS {
        let excused = baseline.is_some_and(|baseline| ratio <= baseline * factor + ROUNDING);
        match (parameters.error_rate, baseline) {
            (Some(limit), _) if ratio > limit + ROUNDING && !excused => {
                against.push(format!("errors {} are above {}", format_percent(ratio), format_percent(limit)));
            }
            (None, Some(baseline)) if !excused => against.push(format!(
                "errors {} are more than {factor}× the {} of the version before",
                format_percent(ratio),
                format_percent(baseline)
            )),
            _ => {}
        }
    }
    if let Some(p99) = fresh.p99.filter(|_| fresh.requests >= QUANTILE_EVENTS / 5.0) {
        let before = stable.and_then(|stable| stable.p99);
        let shown = |seconds: f64| format_duration(Duration::milliseconds((seconds * 1_000.0) as i64));
        seen.push(match before {
            Some(before) => format!("p99 {} beside {}", shown(p99), shown(before)),
            None => format!("p99 {}", shown(p99)),
        });
        let excused = before.is_some_and(|before| p99 <= before * factor + ROUNDING);
        match (parameters.p99_seconds, before) {
            (Some(limit), _) if p99 > limit + ROUNDING && !excused => {
                against.push(format!("p99 {} is above {}", shown(p99), shown(limit)));
            }
            (None, Some(before)) if !excused => {
                against.push(format!(
                    "p99 {} is more than {factor}× the {} before",
                    shown(p99),
                    shown(before)
                ));
            }
            _ => {}
        }
    }
    if against.is_empty() {
        IntervalVerdict { verdict: Verdict::Pass, words: seen.join(", ") }
    } else {
        IntervalVerdict { verdict: Verdict::Fail, words: against.join("; ") }
    }
}

/// What is known from all intervals together.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// Pass, fail, no data or error.
    pub verdict: Verdict,
    /// Why, in a sentence without a full stop.
    pub detail: String,
    /// What was measured.
    pub figures: Figures,
}

/// The intervals of one version in one place since it got its share of the traffic.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    last: Option<(DateTime<Utc>, VersionSample, VersionSample)>,
    intervals: VecDeque<Interval>,
    problem: Option<String>,
}

/// How many intervals are kept for the picture.
const KEPT: usize = 60;

impl Series {
    /// Takes in a scrape. `fresh` and `stable` name the versions; without labels of versions the whole counts as
    /// the new version where `whole` says that nothing else runs.
    pub fn push(
        &mut self,
        at: DateTime<Utc>,
        sample: &Sample,
        (fresh, stable, whole): (&str, Option<&str>, bool),
        interval: Duration,
    ) {
        let of = |version: &str| sample.versions.get(version).cloned();
        let new = if sample.versions.is_empty() && whole { Some(sample.whole()) } else { of(fresh) };
        let Some(new) = new else {
            self.problem = Some(if sample.versions.is_empty() {
                "the metrics carry no version label".to_owned()
            } else {
                format!("no metrics of {fresh} yet")
            });
            return;
        };
        self.problem = None;
        let old = stable.and_then(of).unwrap_or_default();
        let Some((then, before, old_before)) = &self.last else {
            self.last = Some((at, new, old));
            return;
        };
        // A millisecond of grace, because scrapes never come on the dot.
        if at - *then + Duration::milliseconds(1) < interval {
            return;
        }
        let has_old = old.requests > old_before.requests;
        self.intervals.push_back(Interval {
            at,
            fresh: Answered::between(before, &new),
            stable: has_old.then(|| Answered::between(old_before, &old)),
        });
        if self.intervals.len() > KEPT {
            self.intervals.pop_front();
        }
        self.last = Some((at, new, old));
    }

    /// Notes that a scrape failed.
    pub fn fail(&mut self, why: impl Into<String>) {
        self.problem = Some(why.into());
    }

    /// Begins anew, when the version gets another share of the traffic.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The intervals, oldest first.
    pub fn intervals(&self) -> impl ExactSizeIterator<Item = &Interval> {
        self.intervals.iter()
    }

    /// What they say together at `now`: more than half of the last `intervals` that were measured must fail for a
    /// failure, and more than half must have been measured for a pass.
    pub fn judge(&self, parameters: &Parameters, now: DateTime<Utc>) -> Analysis {
        let mut figures = Answered::default();
        let mut stable = Answered::default();
        for interval in &self.intervals {
            figures.add(&interval.fresh);
            if let Some(known) = &interval.stable {
                stable.add(known);
            }
        }
        let figures = Figures {
            requests: figures.requests,
            error_ratio: figures.error_ratio(),
            p99: figures.p99,
            baseline_error_ratio: stable.error_ratio(),
            baseline_p99: stable.p99,
        };
        let say = |verdict, detail: String| Analysis { verdict, detail, figures: figures.clone() };
        let newest = self.last.as_ref().map(|(at, ..)| *at);
        if let Some(newest) = newest.filter(|newest| now - *newest > parameters.stale_after) {
            let why = self.problem.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            let age = format_duration(now - newest);
            return say(Verdict::Error, format!("the newest metrics are {age} old{why}"));
        }
        let window = parameters.intervals;
        let verdicts: Vec<IntervalVerdict> =
            self.intervals.iter().map(|interval| judge_interval(interval, parameters)).collect();
        let recent = &verdicts[verdicts.len().saturating_sub(window)..];
        let count = |wanted| recent.iter().filter(|known| known.verdict == wanted).count();
        let last = |wanted| recent.iter().rev().find(|known| known.verdict == wanted);
        let majority = window / 2 + 1;
        let (failed, passed) = (count(Verdict::Fail), count(Verdict::Pass));
        if let Some(worst) = last(Verdict::Fail).filter(|_| failed >= majority) {
            return say(
                Verdict::Fail,
                format!("{failed} of {} intervals failed, last: {}", recent.len(), worst.words),
            );
        }
        if passed >= majority {
            let words = last(Verdict::Pass).map_or_else(String::new, |known| known.words.clone());
            return say(
                Verdict::Pass,
                format!("{passed} of {} intervals passed, last: {words}", recent.len()),
            );
        }
        let why = self
            .problem
            .clone()
            .or_else(|| last(Verdict::NoData).map(|known| known.words.clone()))
            .unwrap_or_else(|| "waiting for requests".to_owned());
        let is_dead = self.problem.is_some() && newest.is_none();
        let verdict = if is_dead { Verdict::Error } else { Verdict::NoData };
        let measured = failed + passed;
        say(verdict, format!("{measured} of {majority} intervals could be judged: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ledger::Verdict::{Error, Fail, NoData, Pass};

    fn parameters() -> Parameters {
        Parameters {
            error_rate: Some(0.01),
            p99_seconds: Some(0.2),
            intervals: 3,
            minimum_events: 50.0,
            interval: Duration::seconds(10),
            ..Parameters::default()
        }
    }

    fn answered(requests: f64, ratio: f64, p99: Option<f64>) -> Answered {
        Answered { requests, errors: requests * ratio, p99 }
    }

    #[test]
    fn one_interval() {
        let base = |ratio, p99| Some(answered(1_000.0, ratio, Some(p99)));
        for (name, fresh, stable, verdict, words) in [
            ("fine", answered(1_000.0, 0.001, Some(0.1)), base(0.001, 0.1), Pass, "errors 0.1% beside 0.1%"),
            ("at the promise", answered(1_000.0, 0.01, Some(0.2)), None, Pass, "errors 1%"),
            ("idle", answered(0.0, 0.0, None), base(0.0, 0.1), NoData, "0 requests"),
            ("few", answered(49.0, 1.0, None), base(0.0, 0.1), NoData, "49 requests"),
            ("broken", answered(1_000.0, 0.05, None), base(0.001, 0.1), Fail, "errors 5% are above 1%"),
            ("both broken", answered(1_000.0, 0.05, None), base(0.05, 0.1), Pass, "beside 5%"),
            ("worse than broken", answered(1_000.0, 0.15, None), base(0.05, 0.1), Fail, "above 1%"),
            ("two errors", answered(100.0, 0.02, None), base(0.0, 0.1), Pass, "errors 2%"),
            ("slow", answered(1_000.0, 0.0, Some(0.5)), base(0.0, 0.1), Fail, "p99 500ms is above 200ms"),
            ("all slow", answered(1_000.0, 0.0, Some(0.5)), base(0.0, 0.4), Pass, "beside 400ms"),
            ("slow by few", answered(60.0, 0.0, Some(0.5)), None, Pass, "errors 0%"),
            ("alone", answered(1_000.0, 0.02, None), None, Fail, "above 1%"),
            // The version before does not serve enough to compare with.
            ("no baseline", answered(1_000.0, 0.02, None), Some(answered(3.0, 1.0, None)), Fail, "above"),
        ] {
            let interval = Interval { at: DateTime::UNIX_EPOCH, fresh, stable };
            let found = judge_interval(&interval, &parameters());
            assert_eq!(found.verdict, verdict, "{name}: {found:?}");
            assert!(found.words.contains(words), "{name}: {found:?}");
        }
    }

    #[test]
    fn without_a_promise_the_version_before_is_the_measure() {
        let parameters = Parameters { error_rate: None, p99_seconds: None, ..parameters() };
        for (fresh, stable, verdict) in [
            (answered(1_000.0, 0.05, None), Some(answered(1_000.0, 0.01, None)), Fail),
            (answered(1_000.0, 0.02, None), Some(answered(1_000.0, 0.01, None)), Pass),
            (answered(1_000.0, 0.0, Some(0.3)), Some(answered(1_000.0, 0.0, Some(0.1))), Fail),
            (answered(1_000.0, 0.5, None), None, Pass),
        ] {
            let interval = Interval { at: DateTime::UNIX_EPOCH, fresh, stable };
            assert_eq!(judge_interval(&interval, &parameters).verdict, verdict, "{interval:?}");
        }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    fn scraped(fresh: (f64, f64), stable: (f64, f64)) -> Sample {
        let of = |(requests, errors)| VersionSample { requests, errors, ..VersionSample::default() };
        Sample {
            versions: [("2".to_owned(), of(fresh)), ("1".to_owned(), of(stable))].into(),
            ..Sample::default()
        }
    }

    /// A series of intervals with so many errors of 100 requests each; `None` for no requests.
    fn series(intervals: &[Option<f64>]) -> Series {
        let mut series = Series::default();
        let (mut requests, mut errors) = (0.0, 0.0);
        let names = ("2", Some("1"), false);
        series.push(at(0), &scraped((0.0, 0.0), (0.0, 0.0)), names, Duration::seconds(10));
        for (failed, place) in intervals.iter().zip(1..) {
            if let Some(failed) = failed {
                requests += 100.0;
                errors += failed;
            }
            let second: i64 = place * 10;
            let sample = scraped((requests, errors), (second as f64 * 100.0, 0.0));
            series.push(at(second), &sample, names, Duration::seconds(10));
        }
        series
    }

    #[test]
    fn a_majority_decides_and_nothing_is_judged_on_nothing() {
        let (good, bad, idle) = (Some(0.0), Some(50.0), None);
        for (intervals, verdict) in [
            (&[][..], NoData),
            (&[good], NoData),
            (&[bad], NoData),
            (&[good, good], Pass),
            (&[bad, bad], Fail),
            (&[bad, good, good], Pass),
            (&[good, bad, bad], Fail),
            (&[bad, bad, good], Fail),
            (&[bad, bad, good, good], Pass),
            (&[bad, idle, bad], Fail),
            (&[idle, idle, bad], NoData),
            (&[idle, idle, good], NoData),
            (&[idle, bad, good], NoData),
            (&[good, good, idle, idle, idle], NoData),
        ] {
            let series = series(intervals);
            let now = at(i64::try_from(intervals.len()).unwrap() * 10);
            let found = series.judge(&parameters(), now);
            assert_eq!(found.verdict, verdict, "{intervals:?}: {found:?}");
        }
    }

    #[test]
    fn what_is_old_is_not_judged_and_what_is_missing_is_said() {
        let series = series(&[Some(0.0), Some(0.0), Some(0.0)]);
        assert_eq!(series.judge(&parameters(), at(30)).verdict, Pass);
        let stale = series.judge(&parameters(), at(30 + 121));
        assert_eq!(stale.verdict, Error);
        assert!(stale.detail.contains("2m old"), "{stale:?}");
        let mut none = Series::default();
        none.fail("connection refused");
        let dead = none.judge(&parameters(), at(0));
        assert_eq!(dead.verdict, Error);
        assert!(dead.detail.contains("connection refused"), "{dead:?}");
        let mut plain = Series::default();
        plain.push(at(0), &Sample::default(), ("2", Some("1"), false), Duration::seconds(10));
        assert!(plain.judge(&parameters(), at(1)).detail.contains("no version label"));
        // Where nothing else runs, the whole is the new version.
        for second in [0_u32, 10, 20] {
            let requests = f64::from(second) * 100.0;
            let sample = Sample { requests, errors: requests / 2.0, ..Sample::default() };
            plain.push(at(second.into()), &sample, ("2", None, true), Duration::seconds(10));
        }
        assert_eq!(plain.judge(&parameters(), at(20)).verdict, Fail);
    }

    #[test]
    fn figures_add_up() {
        let found = series(&[Some(10.0), Some(0.0)]).judge(&parameters(), at(20));
        assert_eq!((found.figures.requests, found.figures.error_ratio), (200.0, Some(0.05)));
        assert_eq!(found.figures.baseline_error_ratio, Some(0.0));
    }
}
