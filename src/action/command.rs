//! Commands: what keys, palette, mouse, command line and agent all build.

use crate::{
    domain::{
        escalation::Severity,
        gate::Gate,
        name::{ChangeId, EnvironmentName, IncidentId, ServiceName},
    },
    model::layout::Pane,
};

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the one after.
    Next,
    /// To the one before.
    Previous,
}

/// The program itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppCommand {
    /// End it.
    Quit,
    /// Read every source again.
    Refresh,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewCommand {
    /// Give a pane the keys.
    Focus(Pane),
    /// The pane after or before.
    Cycle(Direction),
    /// Whole screen; if it has it already, details.
    Zoom,
    /// Details of the row under the cursor.
    Details,
    /// Close what is on top, unzoom, or clear the filter, in this order.
    Back,
    /// Keys that work here.
    Help,
    /// Command palette.
    Palette,
    /// Filter the focused pane.
    Filter,
    /// Look at another environment.
    Environment(Direction),
    /// How the sources stand.
    Sources,
    /// Accept what an overlay holds.
    Submit,
}

/// The cursor of whatever has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CursorCommand {
    /// By rows; up when negative.
    By(isize),
    /// By half pages.
    HalfPages(isize),
    /// By pages.
    Pages(isize),
    /// To the first row.
    Top,
    /// To the last row.
    Bottom,
    /// Mark the row.
    Mark,
    /// To another row that is not well.
    Worry(Direction),
}

/// The plan that waits for a yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanCommand {
    /// Run it.
    Confirm,
    /// Move between Cancel and Run.
    Focus,
    /// Press the focused button.
    Press,
}

/// The form that waits for arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormCommand {
    /// Another field.
    Field(Direction),
    /// Another choice of the field.
    Choose(Direction),
}

/// Reports: lists that the console shows as panes and the command line prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// Services.
    Services,
    /// Open changes.
    Changes,
    /// SLA compliance.
    Sla,
    /// Incidents.
    Incidents,
    /// Everything in one page.
    Briefing,
    /// The ledger's entries.
    Ledger,
}

/// Changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeCommand {
    /// Validate one.
    Validate(ChangeId),
    /// Approve a gate of one.
    Approve {
        /// Which change.
        change: ChangeId,
        /// Which gate.
        gate: Gate,
        /// The reviewer's words.
        note: Option<String>,
    },
}

/// Services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceCommand {
    /// Go back to what ran before.
    Rollback {
        /// Which service.
        service: ServiceName,
        /// Where.
        environment: EnvironmentName,
    },
}

/// Incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IncidentCommand {
    /// Open one.
    Declare {
        /// How bad.
        severity: Severity,
        /// What it is.
        title: String,
        /// Which service, if one.
        service: Option<ServiceName>,
    },
    /// Take one.
    Acknowledge(IncidentId),
    /// End one.
    Resolve {
        /// Which.
        incident: IncidentId,
        /// What ended it.
        note: Option<String>,
    },
}

/// Anything that can be commanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The program itself.
    App(AppCommand),
    /// What is shown.
    View(ViewCommand),
    /// The cursor.
    Cursor(CursorCommand),
    /// The plan that waits.
    Plan(PlanCommand),
    /// The form that waits.
    Form(FormCommand),
    /// A report.
    Report(Report),
    /// Validate the repository's working tree, or a revision.
    Validate {
        /// Which revision; the working tree if `None`.
        revision: Option<String>,
        /// What it changes.
        base: Option<String>,
    },
    /// Changes.
    Change(ChangeCommand),
    /// Services.
    Service(ServiceCommand),
    /// Incidents.
    Incident(IncidentCommand),
}

impl Command {
    /// Whether it changes something outside this process, once its plan is confirmed.
    pub const fn acts(&self) -> bool {
        match self {
            Self::Change(ChangeCommand::Approve { .. }) | Self::Service(_) | Self::Incident(_) => true,
            Self::Change(ChangeCommand::Validate(_))
            | Self::App(_)
            | Self::View(_)
            | Self::Cursor(_)
            | Self::Plan(_)
            | Self::Form(_)
            | Self::Report(_)
            | Self::Validate { .. } => false,
        }
    }
}
