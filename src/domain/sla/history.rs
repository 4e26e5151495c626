//! The scrapes of one endpoint over time, and the indicators that follow from them.

use super::{Buckets, Indicators, MINIMUM_EVENTS, Sample, VersionSample, histogram_quantile};
use chrono::{DateTime, Duration, Utc};
use std::collections::VecDeque;

/// Most points that are kept: enough for a sparkline, and small for a thousand services.
const CAPACITY: u8 = 33;

/// Counters at one moment, resets already made up for, so that they never fall.
#[derive(Debug, Clone, Default, PartialEq)]
struct Point {
    at: DateTime<Utc>,
    requests: f64,
    errors: f64,
    /// Counts by bound.
    durations: Buckets,
}

/// What was scraped from one endpoint, in bounded memory: the oldest and the densest points go first.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Least time between two points that are both kept.
    spacing: Duration,
    points: VecDeque<Point>,
    /// The newest sample as it was scraped, to see resets by.
    raw: Option<Sample>,
    problem: Option<String>,
}

impl Default for History {
    fn default() -> Self {
        Self::new(Duration::minutes(1))
    }
}

impl History {
    /// A history that can answer for windows up to `longest`.
    pub fn new(longest: Duration) -> Self {
        let spacing = longest / i32::from(CAPACITY - 1);
        Self { spacing, points: VecDeque::with_capacity(usize::from(CAPACITY)), raw: None, problem: None }
    }

    /// Takes in a scrape. One that is not newer than the last is dropped: it came late. One whose counters are no counts
    /// says nothing, and stands for a scrape that failed.
    pub fn push(&mut self, at: DateTime<Utc>, sample: Sample) {
        if self.points.back().is_some_and(|last| at <= last.at) {
            return;
        }
        let is_count = |number: f64| number.is_finite() && number >= 0.0;
        if !is_count(sample.requests) || !is_count(sample.errors) {
            self.fail(at, "its request counters are not numbers");
            return;
        }
        self.problem = None;
        let mut point = Point {
            at,
            requests: sample.requests,
            errors: sample.errors,
            durations: sample.durations.clone(),
        };
        if let (Some(last), Some(raw)) = (self.points.back(), &self.raw) {
            let gain = increase(raw, &sample);
            point.requests = last.requests + gain.requests;
            point.errors = last.errors + gain.errors;
            for (bound, count) in &mut point.durations {
                *count = count_at(&last.durations, *bound) + count_at(&gain.durations, *bound);
            }
        }
        self.raw = Some(sample);
        // The newest point always counts; the one before it gives way if it stands too near to its own
        // predecessor. A millisecond of grace, because scrapes never come on the dot.
        if let [.., before, last] = self.points.make_contiguous()
            && last.at - before.at + Duration::milliseconds(1) < self.spacing
        {
            self.points.pop_back();
        }
        if self.points.len() == usize::from(CAPACITY) {
            self.points.pop_front();
        }
        self.points.push_back(point);
    }

    /// Notes that a scrape failed. What was known stays, and ages.
    pub fn fail(&mut self, _at: DateTime<Utc>, why: impl Into<String>) {
        self.problem = Some(why.into());
    }

    /// The newest sample as it was scraped.
    pub fn latest(&self) -> Option<&Sample> {
        self.raw.as_ref()
    }

    /// What is known at `now`, where recent means the last `window`. The recent figures need at least two
    /// scrapes and [`MINIMUM_EVENTS`] requests within it, and are `None` otherwise.
    pub fn indicators(&self, now: DateTime<Utc>, window: Duration) -> Indicators {
        let mut indicators = Indicators { problem: self.problem.clone(), ..Indicators::default() };
        let Some(last) = self.points.back() else { return indicators };
        indicators.at = Some(last.at);
        indicators.requests = last.requests;
        indicators.availability = ratio(last.errors, last.requests).map(|errors| 1.0 - errors);
        indicators.trend = self.trend();
        let Some(first) = self.points.iter().find(|point| point.at >= now - window) else {
            return indicators;
        };
        let seconds = (last.at - first.at).as_seconds_f64();
        if seconds > 0.0 {
            let requests = last.requests - first.requests;
            indicators.rate = Some(requests / seconds);
            indicators.recent_requests = requests;
            indicators.recent_errors = last.errors - first.errors;
            if requests >= MINIMUM_EVENTS {
                indicators.error_ratio = ratio(last.errors - first.errors, requests);
                let durations = last
                    .durations
                    .iter()
                    .map(|(bound, count)| (*bound, count - count_at(&first.durations, *bound)))
                    .collect();
                indicators.p99_seconds = histogram_quantile(0.99, &durations);
            }
        }
        indicators
    }

    /// Error ratios between neighbouring points that have requests between them, oldest first, at most 32.
    fn trend(&self) -> Vec<f64> {
        self.points
            .iter()
            .zip(self.points.iter().skip(1))
            .filter_map(|(one, next)| ratio(next.errors - one.errors, next.requests - one.requests))
            .collect()
    }
}

/// How much each counter of a sample grew since the one before. A counter that fell means that the
/// process began anew, with all its counters: then what it shows is what it gained, as in Prometheus.
pub fn increase(before: &Sample, after: &Sample) -> Sample {
    let (earlier, later) = (before.whole(), after.whole());
    let reset = is_reset(&earlier, &later);
    let gain = increase_of(&earlier, &later);
    Sample {
        requests: gain.requests,
        errors: gain.errors,
        durations: gain.durations,
        cpu_seconds: match (before.cpu_seconds, after.cpu_seconds) {
            (Some(before), Some(after)) => Some(if reset || after < before { after } else { after - before }),
            _ => None,
        },
        memory_bytes: after.memory_bytes,
        unread_lines: after.unread_lines,
        versions: after
            .versions
            .iter()
            .map(|(version, after)| {
                let none = VersionSample::default();
                (version.clone(), increase_of(before.versions.get(version).unwrap_or(&none), after))
            })
            .collect(),
    }
}

/// The same of one version.
pub fn increase_of(before: &VersionSample, after: &VersionSample) -> VersionSample {
    let reset = is_reset(before, after);
    let gained = |before: f64, after: f64| if reset || after < before { after } else { after - before };
    VersionSample {
        requests: gained(before.requests, after.requests),
        errors: gained(before.errors, after.errors),
        durations: after
            .durations
            .iter()
            .map(|(bound, count)| (*bound, gained(count_at(&before.durations, *bound), *count)))
            .collect(),
    }
}

/// Whether the process began anew between two samples.
fn is_reset(before: &VersionSample, after: &VersionSample) -> bool {
    after.requests < before.requests || after.errors < before.errors
}

/// Share of `part` in `whole`, between 0 and 1; `None` where there is nothing to share.
pub(super) fn ratio(part: f64, whole: f64) -> Option<f64> {
    let ratio = part / whole;
    (whole > 0.0 && ratio.is_finite()).then(|| ratio.clamp(0.0, 1.0))
}

/// The count of the bucket with this bound; 0 where there is none.
fn count_at(buckets: &Buckets, bound: f64) -> f64 {
    buckets.iter().find(|(other, _)| other.total_cmp(&bound).is_eq()).map_or(0.0, |(_, count)| *count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn sample(requests: f64, errors: f64) -> Sample {
        let durations = vec![(0.1, requests * 0.5), (0.2, requests), (f64::INFINITY, requests)];
        Sample { requests, errors, durations, ..Sample::default() }
    }

    fn near(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-9)
    }

    #[test]
    fn counters_gain_across_resets() {
        for (before, after, requests, errors) in [
            ((100.0, 5.0), (150.0, 6.0), 50.0, 1.0),
            ((100.0, 5.0), (30.0, 2.0), 30.0, 2.0),
            // Requests have passed their old value already, but errors show that the process began anew.
            ((100.0, 5.0), (110.0, 2.0), 110.0, 2.0),
            ((100.0, 5.0), (100.0, 5.0), 0.0, 0.0),
        ] {
            let gain = increase(&sample(before.0, before.1), &sample(after.0, after.1));
            assert_eq!((gain.requests, gain.errors), (requests, errors), "{before:?} {after:?}");
        }
    }

    #[test]
    fn indicators_follow_from_the_window_and_the_whole_life() {
        let mut history = History::default();
        let window = Duration::seconds(30);
        assert_eq!(history.indicators(at(0), window), Indicators::default());
        history.push(at(0), sample(10_000.0, 10.0));
        let first = history.indicators(at(1), window);
        assert!(
            near(first.availability, 0.999) && first.error_ratio.is_none() && first.p99_seconds.is_none()
        );
        history.push(at(10), sample(10_100.0, 20.0));
        let second = history.indicators(at(11), window);
        assert_eq!((first.span(), second.span()), (None, Some(Duration::seconds(10))));
        assert!(near(second.error_ratio, 0.1) && near(second.rate, 10.0) && near(second.p99_seconds, 0.198));
        assert_eq!((second.requests, second.trend.clone(), second.at), (10_100.0, vec![0.1], Some(at(10))));
        // The process begins anew: nothing is lost, nothing falls.
        history.push(at(20), sample(100.0, 0.0));
        let third = history.indicators(at(21), window);
        assert!(near(third.error_ratio, 0.05) && near(third.availability, 1.0 - 20.0 / 10_200.0));
        // Later nothing is recent any more.
        let stale = history.indicators(at(200), window);
        assert!(stale.error_ratio.is_none() && stale.rate.is_none() && stale.availability.is_some());
    }

    #[test]
    fn counters_that_are_no_numbers_are_a_failed_scrape() {
        let window = Duration::seconds(30);
        for (requests, errors) in [
            (f64::NAN, 0.0),
            (20_000.0, f64::NAN),
            (f64::INFINITY, 0.0),
            (20_000.0, f64::INFINITY),
            (f64::NAN, f64::NAN),
            (-1.0, 0.0),
        ] {
            let mut history = History::default();
            history.push(at(0), sample(10_000.0, 0.0));
            history.push(at(10), sample(requests, errors));
            let seen = history.indicators(at(11), window);
            assert_eq!((seen.requests, seen.availability, seen.at), (10_000.0, Some(1.0), Some(at(0))));
            let problem = seen.problem.unwrap_or_default();
            assert!(problem.contains("not numbers"), "{requests} {errors}: {problem}");
            // What comes next is counted from what was known.
            history.push(at(20), sample(10_100.0, 1.0));
            let next = history.indicators(at(21), window);
            assert!(near(next.error_ratio, 0.01) && next.problem.is_none(), "{requests} {errors}: {next:?}");
        }
    }

    #[test]
    fn too_few_requests_are_no_ratio() {
        let mut history = History::default();
        history.push(at(0), sample(100.0, 0.0));
        history.push(at(10), sample(100.0 + MINIMUM_EVENTS - 1.0, 1.0));
        let indicators = history.indicators(at(10), Duration::seconds(30));
        assert!(indicators.error_ratio.is_none() && indicators.p99_seconds.is_none());
        assert!(indicators.rate.is_some());
    }

    #[test]
    fn memory_is_bounded_and_spans_the_window() {
        let mut history = History::new(Duration::seconds(320));
        for second in 0..2_000 {
            history.push(at(second), sample(second as f64 * 100.0, second as f64));
        }
        assert!(history.points.len() <= usize::from(CAPACITY));
        let span = history.points.back().unwrap().at - history.points.front().unwrap().at;
        assert!((Duration::seconds(300)..=Duration::seconds(340)).contains(&span), "{span}");
        let indicators = history.indicators(at(1_999), Duration::seconds(300));
        assert!(near(indicators.error_ratio, 0.01) && near(indicators.rate, 100.0));
        assert!(indicators.trend.len() <= 32 && indicators.trend.len() > 25);
    }

    #[test]
    fn a_failed_scrape_is_said_until_one_succeeds() {
        let mut history = History::default();
        history.fail(at(0), "connection refused");
        assert_eq!(
            history.indicators(at(0), Duration::seconds(30)).problem.as_deref(),
            Some("connection refused")
        );
        history.push(at(1), sample(1.0, 0.0));
        assert_eq!(history.indicators(at(1), Duration::seconds(30)).problem, None);
        // One that comes late is dropped.
        history.push(at(0), sample(500.0, 500.0));
        assert_eq!(history.latest().map(|sample| sample.requests), Some(1.0));
    }
}
