//! What drawing asks the model again and again: the catalog, the environment looked at, how a source stands.

use crate::{
    config::theme::Role,
    domain::{
        catalog::{Catalog, Environment},
        name::ServiceName,
        people::Person,
        units::format_duration,
    },
    error::{Failure, FailureKind},
    model::{
        Model,
        join::{Joined, ServiceRow},
        layout::Pane,
        world::{Freshness, Source},
    },
};
use chrono::{DateTime, Duration, TimeZone, Utc};
use std::sync::Arc;

/// A model, seen by drawing.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The whole of it.
    pub model: &'a Model,
    /// The catalog, once it is read.
    pub catalog: Option<&'a Catalog>,
    /// Everything joined.
    pub joined: &'a Joined,
    /// The environment that is looked at.
    pub environment: Option<&'a Environment>,
}

/// How one source stands.
#[derive(Debug, Clone, Copy)]
pub struct SourceState<'a> {
    /// Its name for people.
    pub name: &'a str,
    /// Its mark.
    pub freshness: Freshness,
    /// When its last good picture was taken.
    pub at: Option<DateTime<Utc>>,
    /// Why there is no newer one.
    pub failure: Option<&'a Failure>,
    /// Whether there is a picture at all.
    pub has_picture: bool,
}

impl SourceState<'_> {
    /// `2s`, `unreachable 4m`, `loading`: what its mark says in words.
    pub fn words(&self, now: DateTime<Utc>) -> String {
        let age = self.at.map(|at| age(now, at));
        match (self.freshness, self.failure) {
            (Freshness::Failed, failure) => {
                let word = match failure.map(|failure| failure.kind) {
                    Some(FailureKind::Unreachable) => "unreachable",
                    Some(FailureKind::Forbidden) => "forbidden",
                    Some(FailureKind::Configuration) => "misconfigured",
                    _ => "failed",
                };
                age.map_or_else(|| word.to_owned(), |age| format!("{word} {age}"))
            }
            (Freshness::Loading, _) => "loading".to_owned(),
            (Freshness::Partial, _) => "no deployments".to_owned(),
            (Freshness::Stale, _) => format!("stale {}", age.unwrap_or_default()),
            (Freshness::Live, _) => age.unwrap_or_default(),
        }
    }
}

fn age(now: DateTime<Utc>, at: DateTime<Utc>) -> String {
    format_duration(Duration::seconds((now - at).num_seconds().max(0)))
}

/// How old the picture of each kind of source may be before it is called stale.
const LIMITS: [(&str, i64); 6] =
    [("git", 900), ("cluster", 60), ("metrics", 30), ("alerts", 120), ("forge", 180), ("agent", 30)];

fn limit(kind: &str) -> Duration {
    LIMITS
        .iter()
        .find(|(name, _)| *name == kind)
        .map_or(Duration::days(3650), |(_, seconds)| Duration::seconds(*seconds))
}

impl<'a> View<'a> {
    /// The view of a model.
    pub fn new(model: &'a Model) -> Self {
        let catalog = model.world.catalog.value.as_deref();
        let environment = catalog.and_then(|catalog| catalog.settings.environments.get(model.ui.environment));
        Self { model, catalog, joined: &model.world.joined, environment }
    }

    /// The time of the frame.
    pub const fn now(&self) -> DateTime<Utc> {
        self.model.now
    }

    /// How long ago something was, in whole seconds.
    pub fn age(&self, at: DateTime<Utc>) -> String {
        age(self.model.now, at)
    }

    /// The selected service's row.
    pub fn selected(&self) -> Option<&'a Arc<ServiceRow>> {
        self.model.ui.selected.as_ref().and_then(|name| self.joined.service(name.as_str()))
    }

    /// Whether `service` is the selected one.
    pub fn is_selected(&self, service: &ServiceName) -> bool {
        self.model.ui.selected.as_ref() == Some(service)
    }

    /// Whether nothing may be changed where the person looks.
    pub fn is_read_only(&self) -> bool {
        self.model.config.read_only || self.environment.is_some_and(|environment| environment.read_only)
    }

    fn state<T>(&self, name: &'a str, source: &'a Source<T>, limit: Duration) -> SourceState<'a> {
        SourceState {
            name,
            freshness: source.freshness(self.model.now, limit),
            at: source.at,
            failure: source.failure.as_ref(),
            has_picture: source.value.is_some(),
        }
    }

    /// All sources that matter here, in the order they are shown.
    pub fn sources(&self) -> Vec<SourceState<'a>> {
        let world = &self.model.world;
        let mut states = vec![self.git()];
        for environment in self.catalog.iter().flat_map(|catalog| &catalog.settings.environments) {
            states.push(self.cluster(environment));
        }
        if self.catalog.is_some_and(|catalog| catalog.settings.scrape.is_some()) {
            states.push(self.state("metrics", &world.metrics, limit("metrics")));
        }
        if self.catalog.is_some_and(|catalog| catalog.settings.alertmanager.is_some()) {
            states.push(self.state("alerts", &world.alerts, limit("alerts")));
        }
        if self.catalog.is_some_and(|catalog| catalog.settings.forge.is_some()) {
            states.push(self.state("forge", &world.requests, limit("forge")));
        }
        states.push(self.state("ledger", &world.ledger, limit("ledger")));
        if world.agent.at.is_some() || world.agent.failure.is_some() {
            states.push(self.state("agent", &world.agent, limit("agent")));
        }
        states
    }

    /// The repository: its working tree first, because nothing holds without it, then its remote.
    fn git(&self) -> SourceState<'a> {
        let world = &self.model.world;
        let tree = self.state("git", &world.catalog, limit("catalog"));
        let remote = self.state("git", &world.remote, limit("git"));
        if tree.freshness == Freshness::Live && (remote.at.is_some() || remote.failure.is_some()) {
            SourceState { has_picture: true, ..remote }
        } else {
            tree
        }
    }

    /// How the cluster of an environment stands, by the environment's name.
    pub fn cluster(&self, environment: &'a Environment) -> SourceState<'a> {
        match self.model.world.clusters.get(&environment.context) {
            Some(source) => {
                let state = self.state(environment.name.as_str(), source, limit("cluster"));
                let freshness = source.cluster_freshness(self.model.now, limit("cluster"));
                SourceState { freshness, ..state }
            }
            None => SourceState {
                name: environment.name.as_str(),
                freshness: Freshness::Loading,
                at: None,
                failure: None,
                has_picture: false,
            },
        }
    }

    /// How the history of what is going away stands.
    pub fn history(&self) -> SourceState<'a> {
        self.state("history", &self.model.world.history, limit("history"))
    }

    /// How the scrapes stand.
    pub fn metrics(&self) -> SourceState<'a> {
        self.state("metrics", &self.model.world.metrics, limit("metrics"))
    }

    /// The source that a pane's rows come from.
    pub fn pane_source(&self, pane: Pane) -> SourceState<'a> {
        let world = &self.model.world;
        match pane {
            Pane::Inventory | Pane::Graph | Pane::Sla | Pane::CrossProject | Pane::Calendar => {
                self.state("repository", &world.catalog, limit("catalog"))
            }
            Pane::Changes | Pane::Pipeline => self.state("changes", &world.changes, limit("catalog")),
            Pane::Escalation | Pane::Deployments => self.state("ledger", &world.ledger, limit("ledger")),
        }
    }

    /// Who is on call, and until when in the rotation's own time (`08:00`, with the day if it is far).
    pub fn on_call(&self) -> Option<(&'a Person, String)> {
        let catalog = self.catalog?;
        let team = catalog.severities.on_call.as_ref()?;
        let rotation = catalog.people.team(team.as_str())?.rotation.as_ref()?;
        let shift = rotation.on_call(self.model.now)?;
        let person = catalog.people.persons.get(&shift.person)?;
        let local = rotation.time_zone.from_utc_datetime(&shift.until.naive_utc());
        let is_near = shift.until - self.model.now < Duration::hours(20);
        let until = local.format(if is_near { "%H:%M" } else { "%a %H:%M" }).to_string();
        Some((person, until))
    }
}

/// The role that a source's words are written in: quiet unless something is wrong.
pub const fn freshness_role(freshness: Freshness) -> Role {
    match freshness {
        Freshness::Live | Freshness::Loading => Role::Dim,
        Freshness::Partial | Freshness::Stale => Role::StatusWarning,
        Freshness::Failed => Role::StatusCritical,
    }
}
