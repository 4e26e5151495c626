//! What indicators mean against a promise.
//!
//! The two questions are kept apart. *Violated*: the promise itself is broken over what was observed, or
//! breaks so fast that a person must act now. *Burning*: it still holds, but at the recent rate it will not.
//! The burn rate is the recent error ratio over what the promise allows; 1 spends the budget exactly by the
//! end of its window. Of a 30-day budget, 14.4 spends 2 % in an hour (a page), 6 spends 5 % in six hours, 1
//! spends 10 % in three days (a ticket).

use super::{Indicators, Sample, history::ratio, increase};
use crate::domain::{
    catalog::Sla,
    units::{format_duration, format_percent},
};
use chrono::Duration;
use serde::Serialize;

/// Fewer requests than this are no evidence: an idle service is neither healthy nor broken.
pub const MINIMUM_EVENTS: f64 = 20.0;

/// From this burn rate on a promise counts as violated even while its budget lasts.
pub const BURN_PAGE: f64 = 14.4;
/// From this burn rate on it is said to burn fast.
pub const BURN_FAST: f64 = 6.0;
/// Above this burn rate the budget will not last.
pub const BURN_SLOW: f64 = 1.0;

/// Requests in the recent window from which a 99th percentile is judged: below, the slowest one percent
/// is fewer than five requests, and one of them would decide.
pub const QUANTILE_EVENTS: f64 = 500.0;

/// Errors in the recent window from which a burn rate is judged.
pub const ERROR_EVENTS: f64 = 5.0;

/// What floating-point arithmetic may add to a ratio: exactly at the promise is kept.
const ROUNDING: f64 = 1e-9;

/// Whether a promise is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlaVerdict {
    /// It is broken, or breaks fast.
    Violated,
    /// It holds, and will not at this rate.
    Burning,
    /// Nothing can be said.
    NoData,
    /// It holds.
    Met,
}

impl SlaVerdict {
    /// All verdicts in the order of worry.
    pub const ALL: [Self; 4] = [Self::Violated, Self::Burning, Self::NoData, Self::Met];

    /// The word that lists show.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Violated => "violated",
            Self::Burning => "burning",
            Self::NoData => "no data",
            Self::Met => "met",
        }
    }
}

/// A verdict with what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Whether the promise is kept.
    pub verdict: SlaVerdict,
    /// Share of good requests over all that was observed.
    pub availability: Option<f64>,
    /// Share of the error budget that is left: 1 is untouched, below 0 is overdrawn. `None` without requests,
    /// or where the promise leaves no budget.
    pub budget_remaining: Option<f64>,
    /// How many times too fast the budget goes, from the recent window.
    pub burn_rate: Option<f64>,
    /// Why, the worst first; empty for a promise that is met.
    pub reasons: Vec<String>,
}

/// Share of an error budget that is left: 1 is untouched, below 0 is overdrawn; `None` where `target` (a share
/// of good requests) leaves none.
pub fn budget_remaining(availability: f64, target: f64) -> Option<f64> {
    let remaining = 1.0 - (1.0 - availability) / (1.0 - target);
    (target < 1.0 && remaining.is_finite()).then_some(remaining)
}

/// How many times too fast an error ratio spends the budget of `target`; `None` where that leaves none.
pub fn burn_rate(error_ratio: f64, target: f64) -> Option<f64> {
    let rate = error_ratio / (1.0 - target);
    (target < 1.0 && rate.is_finite()).then_some(rate)
}

/// Judges indicators against a promise.
///
/// - No data: nothing is promised; or fewer than [`MINIMUM_EVENTS`] requests were ever seen; or the last
///   scrape failed and nothing recent is known.
/// - A recent 99th percentile counts from [`QUANTILE_EVENTS`] requests on, a burn rate from
///   [`ERROR_EVENTS`] errors on.
/// - Violated: the availability of all that was observed is below the promise, or its error ratio above
///   the promised one; or the recent 99th percentile is above the promised one; or the recent burn rate
///   reaches [`BURN_PAGE`]. A recent error ratio above the promised one is not enough: the promise is about
///   its whole window, and a minute is not a month.
/// - Burning: the recent burn rate is above [`BURN_SLOW`].
pub fn judge(promise: &Sla, indicators: &Indicators) -> Judgement {
    // The stricter of the two ways to say the same.
    let allowed = match (promise.availability, promise.error_rate) {
        (Some(availability), Some(errors)) => Some(availability.complement().min(errors.share())),
        (Some(availability), None) => Some(availability.complement()),
        (None, Some(errors)) => Some(errors.share()),
        (None, None) => None,
    };
    let target = allowed.map(|allowed| 1.0 - allowed);
    let both = |known: Option<f64>, formula: fn(f64, f64) -> Option<f64>| {
        known.zip(target).and_then(|(known, target)| formula(known, target))
    };
    let mut judgement = Judgement {
        verdict: SlaVerdict::NoData,
        availability: indicators.availability,
        budget_remaining: both(indicators.availability, budget_remaining),
        burn_rate: both(indicators.error_ratio, burn_rate),
        reasons: Vec::new(),
    };
    if let Some(why) = unknown(promise, indicators) {
        judgement.reasons.push(why);
        return judgement;
    }

    let mut violated = Vec::new();
    if let (Some(promised), Some(is)) = (promise.availability, indicators.availability)
        && is < promised.share() - ROUNDING
    {
        violated.push(format!("availability {} is below the promised {promised}", format_percent(is)));
    }
    if let (Some(promised), Some(is)) = (promise.error_rate, indicators.availability)
        && 1.0 - is > promised.share() + ROUNDING
    {
        violated.push(format!("errors {} are above the promised {promised}", format_percent(1.0 - is)));
    }
    if let (Some(promised), Some(is)) = (promise.response_time_p99, indicators.p99_seconds)
        && is > promised.as_seconds_f64()
        && indicators.recent_requests >= QUANTILE_EVENTS
    {
        violated.push(format!(
            "p99 {} is above the promised {}",
            format_duration(Duration::milliseconds((is * 1000.0).round() as i64)),
            format_duration(promised)
        ));
    }
    let mut burning = Vec::new();
    if let Some(recent) = indicators.error_ratio {
        let recent_errors = format_percent(recent);
        match (judgement.burn_rate, allowed) {
            // One unlucky request among a hundred is no trend.
            _ if indicators.recent_errors < ERROR_EVENTS && allowed != Some(0.0) => {}
            (Some(rate), _) if rate >= BURN_PAGE => {
                violated.push(format!("recent errors {recent_errors} burn the budget {rate:.1}× too fast"));
            }
            (Some(rate), _) if rate >= BURN_FAST => {
                burning.push(format!("recent errors {recent_errors} burn the budget fast, {rate:.1}×"));
            }
            (Some(rate), _) if rate > BURN_SLOW + ROUNDING => {
                burning.push(format!("recent errors {recent_errors} burn the budget {rate:.1}×"));
            }
            // A promise without any budget: every error breaks it.
            (None, Some(_)) if recent > 0.0 => {
                violated.push(format!("recent errors {recent_errors}, and none are allowed"));
            }
            _ => {}
        }
    }
    judgement.verdict = match (violated.is_empty(), burning.is_empty()) {
        (false, _) => SlaVerdict::Violated,
        (true, false) => SlaVerdict::Burning,
        (true, true) => SlaVerdict::Met,
    };
    judgement.reasons = violated;
    judgement.reasons.extend(burning);
    judgement
}

/// Why nothing can be said, if so.
fn unknown(promise: &Sla, indicators: &Indicators) -> Option<String> {
    if promise.availability.is_none() && promise.error_rate.is_none() && promise.response_time_p99.is_none() {
        return Some("nothing is promised".to_owned());
    }
    if let (Some(problem), None) = (&indicators.problem, indicators.error_ratio) {
        return Some(problem.clone());
    }
    if indicators.at.is_none() {
        return Some("not scraped yet".to_owned());
    }
    if indicators.requests < MINIMUM_EVENTS {
        return Some(format!(
            "only {:.0} requests seen, {MINIMUM_EVENTS:.0} are needed",
            indicators.requests
        ));
    }
    let only_latency = promise.availability.is_none() && promise.error_rate.is_none();
    if !indicators.requests.is_finite() || !only_latency && indicators.availability.is_none() {
        return Some("its request counters are not numbers".to_owned());
    }
    (only_latency && indicators.p99_seconds.is_none()).then(|| "no recent response times".to_owned())
}

/// Whether an error ratio is under a threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// It is at or under it; the ratio.
    Pass(f64),
    /// It is above it; the ratio.
    Fail(f64),
    /// Too few requests to say; how many there were.
    NoData(f64),
}

/// Whether the requests between two scrapes failed at most by `threshold` (a share), for the verification of a
/// rollback: take `before` once the rollout is complete. Fewer than [`MINIMUM_EVENTS`] requests are no data, and
/// so is a threshold or sample that is not a number.
pub fn compare_after(before: &Sample, after: &Sample, threshold: f64) -> Verdict {
    let gain = increase(before, after);
    // Both comparisons are false for a threshold that is NaN, which so is no data.
    match ratio(gain.errors, gain.requests) {
        Some(ratio) if gain.requests >= MINIMUM_EVENTS && ratio <= threshold => Verdict::Pass(ratio),
        Some(ratio) if gain.requests >= MINIMUM_EVENTS && ratio > threshold => Verdict::Fail(ratio),
        _ => Verdict::NoData(gain.requests),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Ratio;

    fn promise() -> Sla {
        Sla {
            availability: Ratio::from_percent(99.9),
            error_rate: Ratio::from_percent(0.1),
            response_time_p99: Some(Duration::milliseconds(100)),
            ..Sla::default()
        }
    }

    fn seen(availability: f64, recent: Option<f64>, p99: Option<f64>) -> Indicators {
        Indicators {
            availability: Some(availability),
            requests: 100_000.0,
            error_ratio: recent,
            p99_seconds: p99,
            rate: Some(100.0),
            recent_requests: 6_000.0,
            recent_errors: 6_000.0 * recent.unwrap_or(0.0),
            at: chrono::DateTime::from_timestamp(0, 0),
            ..Indicators::default()
        }
    }

    #[test]
    fn verdicts() {
        use SlaVerdict::{Burning, Met, NoData, Violated};
        let few = Indicators { requests: 19.0, ..seen(1.0, None, None) };
        let dead = Indicators { problem: Some("refused".into()), ..seen(1.0, None, None) };
        let flaky = Indicators { problem: Some("refused".into()), ..seen(1.0, Some(0.0), None) };
        let strict = Sla { availability: Ratio::from_percent(100.0), ..Sla::default() };
        let latency = Sla { response_time_p99: Some(Duration::milliseconds(100)), ..Sla::default() };
        for (name, promise, indicators, verdict, reason) in [
            ("fine", promise(), seen(0.9995, Some(0.0005), Some(0.08)), Met, ""),
            ("at the promise", promise(), seen(0.999, Some(0.001), Some(0.1)), Met, ""),
            ("idle but known", promise(), seen(0.9995, None, None), Met, ""),
            ("one failed scrape", promise(), flaky, Met, ""),
            ("broken", promise(), seen(0.972, Some(0.0), None), Violated, "availability 97.2% is below"),
            (
                "slow",
                promise(),
                seen(0.9999, Some(0.0), Some(0.18)),
                Violated,
                "p99 180ms is above the promised 100ms",
            ),
            ("breaking fast", promise(), seen(0.9999, Some(0.028), None), Violated, "28.0× too fast"),
            (
                "burning fast",
                promise(),
                seen(0.9999, Some(0.007), None),
                Burning,
                "burn the budget fast, 7.0×",
            ),
            ("burning", promise(), seen(0.9999, Some(0.003), None), Burning, "burn the budget 3.0×"),
            ("few", promise(), few, NoData, "only 19 requests"),
            ("never", promise(), Indicators::default(), NoData, "not scraped yet"),
            (
                "no counts",
                promise(),
                Indicators { requests: f64::NAN, ..seen(1.0, None, None) },
                NoData,
                "not numbers",
            ),
            (
                "no share",
                promise(),
                Indicators { availability: None, ..seen(1.0, None, None) },
                NoData,
                "not numbers",
            ),
            ("dead", promise(), dead, NoData, "refused"),
            ("nothing promised", Sla::default(), seen(1.0, Some(0.0), None), NoData, "nothing is promised"),
            ("no budget", strict.clone(), seen(1.0, Some(0.01), None), Violated, "none are allowed"),
            ("no budget, no errors", strict, seen(1.0, Some(0.0), None), Met, ""),
            ("latency only", latency.clone(), seen(0.5, Some(0.5), Some(0.05)), Met, ""),
            ("latency unknown", latency, seen(0.5, Some(0.5), None), NoData, "no recent response times"),
        ] {
            let judgement = judge(&promise, &indicators);
            assert_eq!(judgement.verdict, verdict, "{name}: {judgement:?}");
            assert!(judgement.reasons.join("; ").contains(reason), "{name}: {:?}", judgement.reasons);
            assert_eq!(judgement.reasons.is_empty(), verdict == Met, "{name}: {:?}", judgement.reasons);
        }
    }

    #[test]
    fn budgets_and_burn_rates() {
        let near =
            |found: Option<f64>, expected: f64| found.is_some_and(|found| (found - expected).abs() < 1e-6);
        assert!(near(budget_remaining(0.9995, 0.999), 0.5));
        assert!(near(budget_remaining(1.0, 0.999), 1.0));
        assert!(near(budget_remaining(0.972, 0.999), -27.0));
        assert!(near(burn_rate(0.0144, 0.999), 14.4));
        assert_eq!(
            (budget_remaining(1.0, 1.0), burn_rate(0.1, 1.0), burn_rate(0.0, 1.0)),
            (None, None, None)
        );
    }

    #[test]
    fn a_rollback_is_verified_by_what_came_after() {
        let sample = |requests, errors| Sample { requests, errors, ..Sample::default() };
        for (before, after, verdict) in [
            (sample(1000.0, 30.0), sample(1100.0, 30.0), Verdict::Pass(0.0)),
            (sample(1000.0, 30.0), sample(1100.0, 31.0), Verdict::Pass(0.01)),
            (sample(1000.0, 30.0), sample(1100.0, 40.0), Verdict::Fail(0.1)),
            // The new pods count from zero.
            (sample(1000.0, 30.0), sample(50.0, 0.0), Verdict::Pass(0.0)),
            (sample(1000.0, 30.0), sample(1019.0, 30.0), Verdict::NoData(19.0)),
            (sample(1000.0, 30.0), sample(1000.0, 30.0), Verdict::NoData(0.0)),
        ] {
            assert_eq!(compare_after(&before, &after, 0.01), verdict);
        }
        assert_eq!(compare_after(&sample(0.0, 0.0), &sample(100.0, 0.0), f64::NAN), Verdict::NoData(100.0));
    }
}
