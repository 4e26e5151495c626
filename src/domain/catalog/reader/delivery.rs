//! How services are deployed: the keys of `[tests]`, `[rollout]`, `[rollback]` and `[[wave]]`, which a project's
//! `deployment.toml` has at its top and `quarterdeck.toml` below `[delivery]`.

use super::{
    shape::{Key, Kind, Table},
    shapes::{NAMES, TEXTS, closed, optional, required},
    view::View,
};
use crate::domain::deployment::parameters::{Delivery, TestMeans};

pub(super) const TESTS: Key =
    optional("tests", Kind::Table(&TEST_COMMANDS), "What is run in staging, and before production");
static TEST_COMMANDS: Table = closed(&[
    optional(
        "integration",
        TEXTS,
        "Command of the integration test, as a list of arguments; there is no shell",
    ),
    optional(
        "integration_job",
        Kind::Text,
        "Manifest of a Job that is the integration test, as a YAML file of this repository; goes before the others",
    ),
    optional(
        "integration_image",
        Kind::Text,
        "Image of a Job that is the integration test; `integration` is its command then",
    ),
    optional("integration_time", Kind::Duration, "How long it may take; 10 minutes unless said"),
    optional("performance", TEXTS, "Command of the performance test"),
    optional(
        "performance_job",
        Kind::Text,
        "Manifest of a Job that is the performance test, in the same way",
    ),
    optional("performance_image", Kind::Text, "Image of a Job that is the performance test, in the same way"),
    optional("performance_time", Kind::Duration, "How long it may take; 5 minutes unless said"),
    optional("infrastructure", TEXTS, "Command that says whether the files below infrastructure/ are valid"),
]);
pub(super) const ROLLOUT: Key =
    optional("rollout", Kind::Table(&ROLLOUT_KEYS), "How a new version comes and is judged");
static ROLLOUT_KEYS: Table = closed(&[
    optional("health_time", Kind::Duration, "How long pods may take to be ready; 5 minutes unless said"),
    optional("step_time", Kind::Duration, "How long each step is judged; 5 minutes unless said"),
    optional("interval", Kind::Duration, "Time between two looks at the metrics; 30 seconds unless said"),
    optional("intervals", Kind::Integer(1, 60), "How many intervals decide together; 5 unless said"),
    optional(
        "minimum_events",
        Kind::Integer(1, 1_000_000),
        "Fewer requests than this in an interval are no evidence; 50 unless said",
    ),
    optional(
        "error_rate",
        Kind::Percent,
        "Most errors of a new version; what monitoring or the SLA says unless said",
    ),
    optional("response_time_p99", Kind::Duration, "Most of its 99th percentile, in the same way"),
    optional(
        "worse_than_baseline",
        Kind::Number,
        "How many times worse than the version before it may be; 2 unless said",
    ),
    optional("stale_after", Kind::Duration, "Metrics older than this are not judged; 2 minutes unless said"),
    optional(
        "steps",
        Kind::List(&Kind::Integer(1, 99)),
        "Per cent of the traffic, step by step, where no pattern has them; 5, 25, 50 unless said",
    ),
    optional("watch", Kind::Duration, "How long production is watched afterwards; 24 hours unless said"),
]);
pub(super) const ROLLBACK: Key =
    optional("rollback", Kind::Table(&ROLLBACK_KEYS), "What many rollbacks lead to");
static ROLLBACK_KEYS: Table = closed(&[
    optional("freeze_after", Kind::Integer(0, 1_000), "So many freeze a service; 3 unless said, 0 for never"),
    optional("freeze_window", Kind::Duration, "Within this time; 7 days unless said"),
]);
pub(super) const WAVES: Key =
    optional("wave", Kind::Tables(&WAVE), "Regions, one wave after the other; the first is the canary");
static WAVE: Table =
    closed(&[required("environments", NAMES, "Environments of production that get a version together")]);
pub(super) static DELIVERY: Table = closed(&[TESTS, ROLLOUT, ROLLBACK, WAVES]);
pub(super) static REGISTRY: Table = closed(&[required(
    "url",
    Kind::Text,
    "Where the images' registry is reached, when not by the name in the image",
)]);

/// Reads `[tests]`, `[rollout]`, `[rollback]` and `[[wave]]`.
pub fn read_delivery(view: View<'_, '_>) -> Delivery {
    let mut delivery = Delivery {
        waves: view.tables("wave").into_iter().map(|wave| wave.list("environments")).collect(),
        ..Delivery::default()
    };
    if let Some(tests) = view.table("tests") {
        let means = |name: &str, image: &str, job: &str| {
            TestMeans::of(tests.list(name), tests.owned(image), tests.owned(job))
        };
        delivery.integration = means("integration", "integration_image", "integration_job");
        delivery.integration_time = tests.duration("integration_time");
        delivery.performance = means("performance", "performance_image", "performance_job");
        delivery.performance_time = tests.duration("performance_time");
        delivery.infrastructure = tests.list("infrastructure");
    }
    if let Some(rollout) = view.table("rollout") {
        delivery.health_time = rollout.duration("health_time");
        delivery.step_time = rollout.duration("step_time");
        delivery.interval = rollout.duration("interval");
        delivery.intervals = rollout.integer("intervals");
        delivery.minimum_events = rollout.integer("minimum_events");
        delivery.error_rate = rollout.percent("error_rate");
        delivery.response_time_p99 = rollout.duration("response_time_p99");
        delivery.worse_than_baseline = rollout.number("worse_than_baseline");
        delivery.stale_after = rollout.duration("stale_after");
        delivery.steps = rollout.integers("steps");
        delivery.watch = rollout.duration("watch");
    }
    if let Some(rollback) = view.table("rollback") {
        delivery.freeze_after = rollback.integer("freeze_after");
        delivery.freeze_window = rollback.duration("freeze_window");
    }
    delivery
}
