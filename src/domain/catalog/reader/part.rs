//! What one file of services says by itself, so that a file that did not change is not read again.

use super::{
    Sink,
    decode::Damage,
    services::{self, Estate},
    shapes::{self, FileShape},
    view::View,
};
use crate::domain::{
    catalog::{AlertRouting, Deployment, MetricThresholds, Places, Project, Service},
    deployment::parameters::Delivery,
    finding::{SourceFile, Span},
    name::{EnvironmentName, ProjectName, ServiceName},
    rules::reading,
    text::clean,
};
use chrono::Duration;
use std::{collections::BTreeMap, sync::Arc};
use toml::de::DeTable;

/// A file of services, read by itself.
#[derive(Debug)]
pub struct Part {
    /// What was found wrong in it alone.
    pub sink: Sink,
    /// What it says.
    pub content: Content,
}

/// What a file of services says.
#[derive(Debug)]
pub enum Content {
    /// `services/catalog.toml`, or a project's `services.toml`.
    Services {
        /// The project whose folder it lies in.
        project: Option<Box<Project>>,
        /// Where the project's owner and environment are named, by dotted path.
        places: BTreeMap<String, Span>,
        /// Its services in the order of the file.
        services: Vec<Arc<Service>>,
    },
    /// A project's `deployment.toml` or `monitoring.toml`: what is laid over services.
    Overlays {
        /// The project whose folder it lies in.
        project: ProjectName,
        /// Namespace by environment.
        namespaces: BTreeMap<EnvironmentName, String>,
        /// How closely the project is watched.
        monitoring_level: Option<String>,
        /// Bounds of the histograms of its services.
        histogram_buckets: Vec<Duration>,
        /// How its services are deployed.
        delivery: Option<Box<Delivery>>,
        /// What it says of services, with the place of each name.
        services: Vec<(ServiceName, Span, Arc<Overlay>)>,
    },
    /// A file that is kept for its text alone.
    Text,
}

/// What a project's files say of a service beside its definition.
#[derive(Debug, Default)]
pub struct Overlay {
    /// `deployment.toml`.
    pub deployment: Option<Deployment>,
    /// Thresholds of `monitoring.toml`.
    pub metrics: Option<MetricThresholds>,
    /// Alerts of `monitoring.toml`.
    pub alerts: Option<AlertRouting>,
    /// Where its keys stand, by the service's dotted keys.
    pub spans: Places,
}

impl Overlay {
    /// Lays it over a definition.
    pub fn apply(&self, service: &mut Service) {
        if let Some(deployment) = &self.deployment {
            service.deployment = deployment.clone();
        }
        if let Some(metrics) = &self.metrics {
            service.metrics = Some(Box::new(metrics.clone()));
        }
        if let Some(alerts) = &self.alerts {
            service.alerts = Some(Box::new(alerts.clone()));
        }
        service.spans.extend(self.spans.iter().map(|(key, span)| (key, span.clone())));
        service.spans.close();
    }
}

/// Whether files of this shape are parts: read by themselves, side by side, and kept while they stay the same.
pub fn is_part(shape: Option<&FileShape>) -> bool {
    shape.is_none_or(|shape| shape.path == super::CATALOG_PATH || shape.path.starts_with("projects/"))
}

impl Part {
    /// Reads one file. `damage` is what was amiss with its bytes.
    pub fn read(file: &Arc<SourceFile>, index: u32, damage: Option<Damage>) -> Self {
        let mut sink = Sink::new(Arc::clone(file), index);
        let Some(shape) = shapes::of(&file.path) else {
            return Self { sink, content: Content::Text };
        };
        sink.damaged(damage);
        let document = parse(file, &mut sink);
        let top = View { table: document.get_ref(), shape: shape.table, file: index };
        sink.verify(top.table, shape.table, "", &(0..0));
        let folder = file.path.split('/').nth(1).unwrap_or_default();
        let content = match shape.path {
            "projects/*/services.toml" => services::read_project(top, folder, &mut sink),
            "projects/*/deployment.toml" => services::read_deployments(top, folder),
            "projects/*/monitoring.toml" => services::read_monitoring(top, folder, &mut sink),
            _ => services::read_catalog(top, &mut sink),
        };
        Self { sink, content }
    }

    /// Joins it with what the files before it said; its findings, and those of the join.
    pub fn join(&self, estate: &mut Estate, files: &[Arc<SourceFile>]) -> Sink {
        let mut sink = self.sink.clone();
        estate.join(&self.content, files, &mut sink);
        sink
    }
}

/// Parses a TOML file and reports every error of its syntax.
pub fn parse<'f>(file: &'f SourceFile, sink: &mut Sink) -> toml::Spanned<DeTable<'f>> {
    let (document, errors) = DeTable::parse_recoverable(&file.text);
    for error in errors {
        let at = error.span().unwrap_or(0..0);
        sink.report(&reading::SYNTAX, &at, format!("not TOML: {}", clean(error.message())), None);
    }
    document
}
