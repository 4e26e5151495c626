//! SLA mathematics: counters and histograms to availability, error ratio, quantile and verdict.

mod history;
mod judgement;
mod quantile;

pub use history::{History, increase, increase_of};
pub use judgement::{
    BURN_FAST, BURN_PAGE, BURN_SLOW, ERROR_EVENTS, Judgement, MINIMUM_EVENTS, QUANTILE_EVENTS, SlaVerdict,
    Verdict, budget_remaining, burn_rate, compare_after, judge,
};
pub use quantile::histogram_quantile;

use super::name::{EnvironmentName, ServiceName};
use chrono::{DateTime, Duration, Utc};
use std::collections::BTreeMap;

/// A histogram's cumulative buckets at one moment: upper bound in seconds and count, the last one `+Inf`.
pub type Buckets = Vec<(f64, f64)>;

/// What one scrape of one service said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    /// Requests in total, since the process started; not a number where a counter was none.
    pub requests: f64,
    /// Of them answered with 5xx.
    pub errors: f64,
    /// Their durations.
    pub durations: Buckets,
    /// CPU seconds in total.
    pub cpu_seconds: Option<f64>,
    /// Resident memory in bytes.
    pub memory_bytes: Option<f64>,
    /// Lines that could not be understood.
    pub unread_lines: usize,
    /// The same by the label `version`, where the service has one.
    pub versions: BTreeMap<String, VersionSample>,
}

/// What one scrape said of one version of a service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VersionSample {
    /// Requests in total, since the process started.
    pub requests: f64,
    /// Of them answered with 5xx.
    pub errors: f64,
    /// Their durations.
    pub durations: Buckets,
}

impl Sample {
    /// All versions together.
    pub fn whole(&self) -> VersionSample {
        VersionSample { requests: self.requests, errors: self.errors, durations: self.durations.clone() }
    }
}

/// Which service, where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Which service.
    pub service: ServiceName,
    /// In which environment.
    pub environment: EnvironmentName,
}

/// What is known about one endpoint from its scrapes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Indicators {
    /// Share of good requests over the counters' whole life; `None` without requests.
    pub availability: Option<f64>,
    /// Requests that the availability rests on.
    pub requests: f64,
    /// Share of failed requests in the recent window; `None` without requests in it.
    pub error_ratio: Option<f64>,
    /// Requests in the recent window.
    pub recent_requests: f64,
    /// Of them answered with 5xx.
    pub recent_errors: f64,
    /// 99th percentile in the recent window, in seconds.
    pub p99_seconds: Option<f64>,
    /// Requests per second in the recent window.
    pub rate: Option<f64>,
    /// Error ratios of the last windows, oldest first, for a sparkline.
    pub trend: Vec<f64>,
    /// When it was last scraped well.
    pub at: Option<DateTime<Utc>>,
    /// Why the last scrape failed, if it did.
    pub problem: Option<String>,
}

impl Indicators {
    /// Over how long the recent figures were seen; `None` without requests in that time.
    pub fn span(&self) -> Option<Duration> {
        let rate = self.rate.filter(|rate| *rate > 0.0)?;
        let seconds = (self.recent_requests / rate).round();
        Duration::try_seconds(seconds as i64)
    }
}

/// All endpoints' indicators.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricsView {
    /// By endpoint.
    pub endpoints: BTreeMap<Endpoint, Indicators>,
}
