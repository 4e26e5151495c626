//! Everything the program knows at one moment, and the values that go in and out of its loop.

pub mod calendar;
pub mod cross;
pub mod effect;
pub mod event;
pub mod graph_view;
pub mod inspection;
pub mod inventory;
pub mod jobs;
pub mod join;
pub mod layout;
pub mod list;
pub mod pages;
pub mod rows;
pub mod ui;
pub mod world;

use crate::{
    config::Config,
    domain::{
        catalog::Environment,
        change::{Change, Identity},
        deployment::record::DeploymentRecord,
        incident::Incident,
        name::ServiceName,
    },
};
use chrono::{DateTime, NaiveDate, Utc};
use layout::Pane;
use std::sync::Arc;

/// Who wants the program to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The person.
    Asked,
    /// The system: a signal, or a terminal that is gone.
    Interrupted,
}

/// The whole state. One loop owns it; drawing borrows it.
#[derive(Debug, Clone)]
pub struct Model {
    /// The time of the last event.
    pub now: DateTime<Utc>,
    /// What the sources said.
    pub world: world::World,
    /// What the person sees and does.
    pub ui: ui::Ui,
    /// What is running.
    pub jobs: jobs::Jobs,
    /// Settings, keymap and theme.
    pub config: Arc<Config>,
    /// Who acts; empty until the repository told.
    pub operator: Identity,
    /// Set when something visible changed since the last frame.
    pub dirty: bool,
    /// Set when a source changed and the join is not rebuilt yet.
    pub stale: bool,
    /// Set when the terminal should be handed over to the person's editor.
    pub handover: Option<event::EditFile>,
    /// Set when the program should end, and by whose wish.
    pub ending: Option<Ending>,
}

impl Model {
    /// An empty model: nothing loaded, the Deck in front.
    pub fn new(config: Arc<Config>, now: DateTime<Utc>, size: layout::Size) -> Self {
        Self {
            now,
            world: world::World::default(),
            ui: ui::Ui::new(size),
            jobs: jobs::Jobs::default(),
            config,
            operator: Identity::default(),
            dirty: true,
            stale: false,
            handover: None,
            ending: None,
        }
    }
}

/// What the person looks at, looked up.
impl Model {
    /// The environment that is looked at and acted on.
    pub fn environment(&self) -> Option<&Environment> {
        let environments = &self.world.catalog.value.as_ref()?.settings.environments;
        environments.get(self.ui.environment.min(environments.len().saturating_sub(1)))
    }

    /// The service under the cursor of a pane; of what is about several, the first. None on a group of them, on what is
    /// about no service, and where nothing matches.
    pub fn service_at(&self, pane: Pane) -> Option<&ServiceName> {
        let row = || self.ui.list(pane).current();
        match pane {
            Pane::Inventory => self.world.joined.service(row()?).map(|row| &row.service.name),
            Pane::Graph => match self.graph_spot()?.services() {
                [service] => Some(&service.name),
                _ => None,
            },
            Pane::Changes => self.selected_change()?.services.first(),
            Pane::Calendar => None,
            Pane::Deployments => self.selected_deployment().map(|record| &record.order.service),
            Pane::Pipeline => {
                let row = row()?;
                self.world.calendar.chips.iter().find(|chip| chip.change == *row)?.services.first()
            }
            Pane::Sla => {
                let row = row()?;
                let project = self.world.joined.projects.iter().find(|project| project.name() == row)?;
                project.worst.as_ref().map(|(service, _)| service)
            }
            Pane::Escalation => self.selected_incident()?.service.as_ref(),
            Pane::CrossProject => self.world.cross.tables.service(self.ui.table, row()?),
        }
    }

    /// The service that an action means when none is named: the one whose window is open, else the one under the cursor,
    /// and none where nothing is: what is not in sight is never acted upon. A project and a day show the selected one.
    pub fn subject(&self) -> Option<&ServiceName> {
        let opened = self.ui.overlays.iter().rev().find_map(|overlay| match overlay {
            ui::Overlay::Service { service, .. } | ui::Overlay::Source { service, .. } => Some(service),
            _ => None,
        });
        match opened {
            Some(service) => Some(service),
            None if matches!(self.ui.focus, Pane::Sla | Pane::Calendar) => self.ui.selected.as_ref(),
            None => self.service_at(self.ui.focus),
        }
    }

    /// The environment that an action means when none is named. Under the cursor may be a deployment, or the incident of
    /// one: then it is where that failed, else the one that is looked at if it goes there, else where it goes first. Else
    /// it is the one that is looked at.
    pub fn meant_environment(&self) -> Option<&Environment> {
        let record = match (self.ui.overlays.last(), self.ui.focus) {
            (Some(ui::Overlay::Deployment { .. }), _) | (None, Pane::Deployments) => {
                self.selected_deployment()
            }
            (None, Pane::Escalation) => {
                let deployment = self.selected_incident().and_then(|incident| incident.deployment.as_ref());
                let ledger = self.world.ledger.value.as_ref();
                ledger.zip(deployment).and_then(|(ledger, id)| ledger.operations.deployment(id.as_str()))
            }
            _ => None,
        };
        let shown = self.environment();
        let Some(record) = record else { return shown };
        let failed = record.failed.as_ref().and_then(|failed| failed.leg.environment.as_ref());
        let places = &record.order.places;
        let is_there = shown.is_some_and(|shown| places.iter().any(|place| place.environment == shown.name));
        let first = || places.first().map(|place| &place.environment).filter(|_| !is_there);
        let catalog = self.world.catalog.value.as_ref();
        let named = catalog.zip(failed.or_else(first));
        named.and_then(|(catalog, name)| catalog.environment(name.as_str())).or(shown)
    }

    /// The services that are marked and in sight, while the inventory has the keys and no window is open over it.
    pub fn marked_services(&self) -> Vec<String> {
        if self.ui.focus != Pane::Inventory || !self.ui.overlays.is_empty() {
            return Vec::new();
        }
        let list = self.ui.list(Pane::Inventory);
        list.rows.iter().filter(|row| list.marked.contains(*row)).cloned().collect()
    }

    /// The id of the change under the cursor; in the pipeline it may be one that is merged.
    pub fn selected_change_id(&self) -> Option<&str> {
        let pane = if self.ui.focus == Pane::Pipeline { Pane::Pipeline } else { Pane::Changes };
        self.ui.list(pane).current()
    }

    /// The day that the calendar shows: today, unless somebody looks at another one.
    pub fn shown_day(&self) -> NaiveDate {
        self.ui.day.unwrap_or_else(|| self.now.date_naive())
    }

    /// The open change under the cursor of its pane.
    pub fn selected_change(&self) -> Option<&Arc<Change>> {
        let id = match self.ui.overlays.last() {
            Some(ui::Overlay::Change { change, .. }) => change.as_str(),
            _ => self.selected_change_id()?,
        };
        self.world.joined.changes.iter().find(|change| change.proposal.id == *id)
    }

    /// The deployment whose window is open, else the one under the cursor of its page.
    pub fn selected_deployment(&self) -> Option<&DeploymentRecord> {
        let opened = self.ui.overlays.iter().rev().find_map(|overlay| match overlay {
            ui::Overlay::Deployment { deployment, .. } => Some(deployment.as_str()),
            _ => None,
        });
        let id = opened.or_else(|| self.ui.list(Pane::Deployments).current())?;
        self.world.ledger.value.as_ref()?.operations.deployment(id)
    }

    /// The open incident under the cursor of its pane.
    pub fn selected_incident(&self) -> Option<&Incident> {
        let id = self.ui.list(Pane::Escalation).current()?;
        self.world.joined.incidents.iter().find(|incident| incident.id == *id)
    }
}
