//! A model of any size with everything in it, without any source.

use chrono::{DateTime, Duration, Utc};
use quarterdeck::{
    action::run::refresh_lists,
    config::{Config, keymap, theme::Theme},
    domain::{
        catalog::{
            Catalog, Dependency, Deployment, Environment, Governance, Places, ScrapeSettings, Service,
            Settings, Sla, Tier,
        },
        deployment::{ClusterView, Health, Workload, WorkloadDetail},
        finding::Span,
        lifecycle::Lifecycle,
        sla::{Endpoint, Indicators, MetricsView},
        units::Ratio,
    },
    model::{Model, join::Joined, layout::Size, world::Source},
};
use std::sync::Arc;

/// The time of every model.
pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_780_000_000, 0).unwrap_or_default()
}

/// The name of a service.
pub fn name(index: usize) -> String {
    format!("service-{index:05}")
}

fn service(index: usize) -> Service {
    let needs = [index / 2, index / 7, 0].into_iter().filter(|other| *other < index);
    Service {
        accept_beta: Vec::new(),
        maintenance_date: None,
        network: None,
        notice: None,
        support_until: None,
        name: name(index).into(),
        kind: "microservice".into(),
        owner: Some("platform-team".into()),
        description: None,
        version: Some(semver::Version::new(1, (index % 9) as u64, 0)),
        status: Lifecycle::Ga,
        tier: Tier::ALL[index % 4],
        project: (!index.is_multiple_of(20)).then(|| format!("project-{}", index % 20).into()),
        compat_version_min: None,
        compat_with: Vec::new(),
        deprecation_date: None,
        sunset_date: None,
        replacement_service: None,
        image: None,
        port: None,
        health_check: None,
        sensitive: false,
        regulated: false,
        pattern: None,
        consumer_projects: Vec::new(),
        required_by: Vec::new(),
        dependencies: needs
            .map(|other| Dependency {
                service: name(other).into(),
                requirement: None,
                optional: false,
                span: Span::default(),
            })
            .collect(),
        governance: Governance::default(),
        sla: Some(Sla { availability: Ratio::from_percent(99.9), ..Sla::default() }),
        migration: None,
        deployment: Deployment::default(),
        metrics: None,
        alerts: None,
        span: Span::default(),
        spans: Places::default(),
    }
}

/// A source that has just said `value`.
fn live<T>(value: T) -> Source<T> {
    Source { value: Some(Arc::new(value)), at: Some(now()), failure: None }
}

/// A model with `services` services that all run and are all measured.
pub fn model(services: usize, size: Size) -> Model {
    let mut keys = keymap::Keymap::default();
    let (file, text) = keymap::BUILT_IN[0];
    keys.merge(file, text, &|_| Ok(()), &mut Vec::new());
    let config = Config { keymap: keys, theme: Theme::default(), read_only: false, problems: Vec::new() };
    let mut model = Model::new(Arc::new(config), now(), size);
    let environment = Environment {
        name: "production".into(),
        context: "bench".into(),
        namespace: "shared".into(),
        production: true,
        read_only: false,
    };
    let catalog = Catalog {
        services: (0..services).map(|index| (name(index).into(), Arc::new(service(index)))).collect(),
        settings: Settings {
            environments: vec![environment],
            scrape: Some(ScrapeSettings {
                url: String::new(),
                interval: Duration::seconds(1),
                timeout: Duration::seconds(1),
            }),
            ..Settings::default()
        },
        ..Catalog::default()
    };
    let mut cluster = ClusterView::default();
    let mut metrics = MetricsView::default();
    for (index, target) in catalog.targets().enumerate() {
        let workload = Workload {
            namespace: target.namespace.clone(),
            name: target.workload.clone(),
            managed_by: target.managed_by,
            version: Some("1.0.0".into()),
            desired: 3,
            updated: 3,
            ready: 3,
            health: Health::Healthy,
            revision: Some(1),
            detail: WorkloadDetail::default(),
        };
        cluster.put(workload);
        let share = (index % 50) as f64 / 10_000.0;
        let indicators = Indicators {
            availability: Some(1.0 - share),
            requests: 100_000.0,
            error_ratio: Some(share),
            p99_seconds: Some(0.1),
            rate: Some(10.0),
            trend: vec![share; 60],
            at: Some(now()),
            ..Indicators::default()
        };
        metrics
            .endpoints
            .insert(Endpoint { service: target.service, environment: target.environment }, indicators);
    }
    model.world.clusters.insert("bench".into(), live(cluster));
    model.world.metrics = live(metrics);
    model.world.catalog = live(catalog);
    model.world.changes = live(quarterdeck::domain::change::Review::default());
    model.world.ledger = live(quarterdeck::model::world::LedgerView::default());
    model.world.joined = Arc::new(Joined::new(&model.world));
    refresh_lists(&mut model);
    model
}
