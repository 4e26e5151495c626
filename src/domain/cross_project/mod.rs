//! What the services of one project mean for the others: who uses what is shared, whose versions fit, and who
//! still has to leave what is going away.
//!
//! [`Outline`] is what the catalog alone says and holds until the catalog changes. [`Tables`] puts beside it what
//! was observed, and changes with every look at a cluster.

mod compliance;
mod history;
mod migration;
mod outline;
mod usage;

#[cfg(test)]
mod tests;

pub use compliance::{ComplianceRow, ComplianceState, Demand, Requirement, Run, Standing};
pub use history::{
    History, HistoryRequest, MOST_POINTS, Moment, Point, Progress, Step, WINDOW_DAYS, consumers_of, thin,
};
pub use migration::{Migration, MigrationRow, MigrationState};
pub use outline::{Outline, ProjectUse};
pub use usage::{Deprecation, Usage, UsageRow};

use super::{
    catalog::Catalog,
    name::{EnvironmentName, ServiceName},
    sla::SlaVerdict,
};
use chrono::{DateTime, Utc};
use std::{collections::HashMap, sync::Arc};

/// Which of the three tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Shared services and who uses them.
    #[default]
    Usage,
    /// Versions that are required, beside those that run.
    Compliance,
    /// Who still depends on what is going away.
    Migrations,
}

impl Table {
    /// All of them, in the order they are shown.
    pub const ALL: [Self; 3] = [Self::Usage, Self::Compliance, Self::Migrations];

    /// Its position, from 0.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Usage => "Shared services",
            Self::Compliance => "Version compliance",
            Self::Migrations => "Migrations",
        }
    }
}

/// What the widgets of the dashboard ask for; everything unless they say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// `shared_service_usage.show_deprecations`: whether deprecations are marked, and weigh in the order.
    pub show_deprecations: bool,
    /// `version_compliance.check_min_versions`: whether `compat_version_min` is checked.
    pub check_min_versions: bool,
    /// `migration_status.for_deprecated_services`: only services whose status is `deprecated`.
    pub only_deprecated: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { show_deprecations: true, check_min_versions: true, only_deprecated: true }
    }
}

impl Options {
    /// What the dashboard document of a catalog asks for; the first widget of a kind decides.
    pub fn of(catalog: &Catalog) -> Self {
        let flag = |kind: &str, parameter: &str| {
            let mut widgets = catalog.dashboard.iter().flat_map(|section| &section.widgets);
            let widget = widgets.find(|widget| widget.kind == kind);
            widget.and_then(|widget| widget.parameters.get(parameter)?.as_bool()).unwrap_or(true)
        };
        Self {
            show_deprecations: flag("shared_service_usage", "show_deprecations"),
            check_min_versions: flag("version_compliance", "check_min_versions"),
            only_deprecated: flag("migration_status", "for_deprecated_services"),
        }
    }
}

/// What runs of a service in one environment where it is meant to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running<'a> {
    /// Where.
    pub environment: &'a EnvironmentName,
    /// Whether it is marked as production.
    pub production: bool,
    /// The version that the cluster reports, if it reports one.
    pub version: Option<&'a str>,
}

/// What was observed of the services of a catalog.
pub trait Observed {
    /// How a service keeps its promise.
    fn verdict(&self, service: &ServiceName) -> SlaVerdict;
    /// What runs of it, in the order of the environments.
    fn running(&self, service: &ServiceName) -> Vec<Running<'_>>;
}

/// The three tables, each in the order of worry.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tables {
    /// Shared services and who uses them.
    pub usage: Vec<UsageRow>,
    /// Versions that are required, beside those that run.
    pub compliance: Vec<ComplianceRow>,
    /// Who still depends on what is going away.
    pub migrations: Vec<MigrationRow>,
    /// How many rows of each table need a look, by [`Table::index`].
    pub worries: [usize; 3],
    index: [HashMap<Arc<str>, usize>; 3],
}

impl Tables {
    /// Puts what was observed beside what the catalog says.
    pub fn new(
        outline: &Outline,
        observed: &dyn Observed,
        history: Option<&History>,
        now: DateTime<Utc>,
    ) -> Self {
        let today = now.date_naive();
        let usage = usage::rows(outline, observed, today);
        let compliance = compliance::rows(outline, observed);
        let migrations = migration::rows(outline, history, now);
        let index = [
            index(usage.iter().map(|row| row.usage.id())),
            index(compliance.iter().map(|row| row.requirement.id.clone())),
            index(migrations.iter().map(|row| row.migration.id())),
        ];
        let worries = [
            usage.iter().filter(|row| row.is_worrying()).count(),
            compliance.iter().filter(|row| row.is_worrying()).count(),
            migrations.iter().filter(|row| row.is_worrying()).count(),
        ];
        Self { usage, compliance, migrations, worries, index }
    }

    /// How many rows a table has.
    pub const fn len(&self, table: Table) -> usize {
        match table {
            Table::Usage => self.usage.len(),
            Table::Compliance => self.compliance.len(),
            Table::Migrations => self.migrations.len(),
        }
    }

    fn position(&self, table: Table, id: &str) -> Option<usize> {
        self.index[table.index()].get(id).copied()
    }

    /// The row of an id in the table of usage.
    pub fn usage_row(&self, id: &str) -> Option<&UsageRow> {
        self.usage.get(self.position(Table::Usage, id)?)
    }

    /// The row of an id in the table of compliance.
    pub fn compliance_row(&self, id: &str) -> Option<&ComplianceRow> {
        self.compliance.get(self.position(Table::Compliance, id)?)
    }

    /// The row of an id in the table of migrations.
    pub fn migration_row(&self, id: &str) -> Option<&MigrationRow> {
        self.migrations.get(self.position(Table::Migrations, id)?)
    }

    /// The service that a row is about.
    pub fn service(&self, table: Table, id: &str) -> Option<&ServiceName> {
        match table {
            Table::Usage => self.usage_row(id).map(|row| &row.usage.service),
            Table::Compliance => self.compliance_row(id).map(|row| &row.requirement.service),
            Table::Migrations => self.migration_row(id).map(|row| &row.migration.service),
        }
    }

    /// Whether the row of an id is not well.
    pub fn is_worrying(&self, table: Table, id: &str) -> bool {
        match table {
            Table::Usage => self.usage_row(id).is_some_and(UsageRow::is_worrying),
            Table::Compliance => self.compliance_row(id).is_some_and(ComplianceRow::is_worrying),
            Table::Migrations => self.migration_row(id).is_some_and(MigrationRow::is_worrying),
        }
    }
}

fn index(ids: impl Iterator<Item = Arc<str>>) -> HashMap<Arc<str>, usize> {
    ids.enumerate().map(|(index, id)| (id, index)).collect()
}
