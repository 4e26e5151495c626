//! Commands: what keys, palette, mouse, command line and agent all build.

use crate::{
    domain::{
        deployment::{
            request::DeployRequest,
            verb::Verb,
            work::{Entered, Steering},
        },
        escalation::{Escalation, Severity},
        gate::{Gate, ReviewAnswers},
        graph::{GraphFormat, part::Way},
        ledger::EntryFilter,
        merge::LandingRequest,
        name::{ChangeId, CommitId, DeploymentId, EnvironmentName, IncidentId, ServiceName},
        proposal::Wanted,
    },
    model::{effect::ImpactRequest, inspection::Look, layout::Pane},
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
    /// Another table of the cross-project page.
    Table(Direction),
    /// Another section of a change's details.
    Section(Direction),
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

impl CursorCommand {
    /// Where a place in a list comes to lie, however long the list is; `page` is how many rows are in sight.
    pub fn moved(self, place: usize, page: isize) -> usize {
        match self {
            Self::By(rows) => place.saturating_add_signed(rows),
            Self::HalfPages(count) => place.saturating_add_signed((page / 2).max(1) * count),
            Self::Pages(count) => place.saturating_add_signed(page * count),
            Self::Top => 0,
            Self::Bottom => usize::MAX,
            Self::Mark | Self::Worry(_) => place,
        }
    }
}

/// The column under the cursor, while columns are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnCommand {
    /// Show it, or hide it.
    Toggle,
    /// Move it a place on, or back.
    Move(Direction),
    /// Give it more room.
    Wider,
    /// Give it less room.
    Narrower,
    /// Order by it, turn the order round, or go back to the order of worry.
    Sort,
    /// All columns as the dashboard has them.
    Reset,
}

/// How the inventory is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InventoryCommand {
    /// Choose columns.
    Columns,
    /// Change the one under the cursor.
    Column(ColumnCommand),
    /// Order by the next column.
    Sort,
    /// Turn the order round.
    Reverse,
    /// Group by the next thing.
    Group,
    /// Fold the group at the cursor, or open it.
    Fold,
    /// Fold all groups, or open them.
    FoldAll,
    /// Filter by a preset of the settings.
    Preset(String),
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
    /// Go on with what is filled in, wherever the cursor is.
    Submit,
}

/// The dependency graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GraphCommand {
    /// Show it: in its pane, or printed.
    Show {
        /// Around which service; the whole of it if `None`.
        service: Option<ServiceName>,
        /// How far from it; to the end if `None`.
        depth: Option<usize>,
        /// Which way from it.
        way: Way,
        /// How to print it; as all output is wanted if `None`.
        format: Option<GraphFormat>,
    },
    /// Between the whole map and the neighbourhood.
    Map,
    /// Walk along an edge.
    Walk(Way),
    /// Reach further, or less far.
    Depth(Direction),
    /// Fold or unfold a group of leaves.
    Fold,
}

/// Reports: lists that the console shows as panes and the command line prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// Services.
    Services,
    /// Open changes.
    Changes,
    /// Shared services and who uses them.
    Usage,
    /// Versions that are required, beside those that run.
    Compliance,
    /// Who still depends on what is going away.
    Migrations,
    /// SLA compliance.
    Sla,
    /// Incidents.
    Incidents,
    /// Everything in one page.
    Briefing,
}

/// The ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerCommand {
    /// Its entries.
    Log {
        /// Which.
        filter: EntryFilter,
        /// With the state of their signatures.
        signatures: bool,
    },
    /// Bring it and its remote together.
    Sync,
    /// See whether it can be believed.
    Verify,
}

/// Changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeCommand {
    /// Validate one.
    Validate {
        /// Which change.
        change: ChangeId,
        /// Whether the forge is to be told afterwards.
        post: bool,
    },
    /// Tell the forge how validation of one comes out.
    Post(ChangeId),
    /// Keep how validation of one comes out, and tell the forge where there is one.
    Record(ChangeId),
    /// Open the request of one on the forge.
    OpenRequest(ChangeId),
    /// Tell the projects that one breaks, each by an issue.
    Announce(ChangeId),
    /// What one does to everybody else.
    Impact(ChangeId),
    /// Approve a gate of one.
    Approve {
        /// Which change.
        change: ChangeId,
        /// Which gate; the first that waits for somebody like the operator if `None`.
        gate: Option<Gate>,
        /// Answers to the reviewer's questions; empty where nothing was answered.
        answers: Box<ReviewAnswers>,
        /// The reviewer's words.
        note: Option<String>,
    },
    /// Request changes of one.
    RequestChanges {
        /// Which change.
        change: ChangeId,
        /// What is to be done otherwise.
        note: String,
    },
    /// Take one's approval or request for changes back.
    Withdraw {
        /// Which change.
        change: ChangeId,
        /// Of which gate; whatever was given last if `None`.
        gate: Option<Gate>,
        /// Why.
        note: Option<String>,
    },
    /// Say something about one.
    Comment {
        /// Which change.
        change: ChangeId,
        /// What.
        text: String,
    },
    /// Everything about one.
    Show(ChangeId),
    /// Propose edits of a service.
    Propose(Wanted),
}

/// How the calendar is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarFormat {
    /// A table.
    Text,
    /// JSON of a documented shape.
    Json,
    /// iCalendar (RFC 5545).
    Ics,
}

/// The calendar, and the pipeline of changes beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalendarCommand {
    /// Look at it.
    Show {
        /// The first day; today if `None`.
        from: Option<chrono::NaiveDate>,
        /// How many days.
        days: u16,
        /// How to print it; as all output is wanted if `None`.
        format: Option<CalendarFormat>,
    },
    /// Go so many days further, or back when negative.
    Days(i64),
    /// Go to another month.
    Month(Direction),
    /// Go back to today.
    Today,
    /// Go to another stage of the pipeline.
    Stage(Direction),
}

/// Break-glass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GlassCommand {
    /// Break it for a change.
    Open {
        /// Which change.
        change: ChangeId,
        /// Why it cannot wait.
        reason: String,
        /// How long the change may be merged.
        length: chrono::Duration,
    },
    /// Agree to it.
    Second(ChangeId),
    /// Record the post-mortem.
    Settle {
        /// Which change.
        change: ChangeId,
        /// Where the post-mortem is, or what it says.
        note: String,
    },
}

/// Services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceCommand {
    /// Go back to what ran before, or to a version.
    Rollback {
        /// Which services; several go back together.
        services: Vec<ServiceName>,
        /// Where.
        environment: EnvironmentName,
        /// To which version, of one service; to the one before if `None`.
        to: Option<String>,
    },
    /// Do something to it where it runs.
    Act {
        /// Which service.
        service: ServiceName,
        /// Where.
        environment: EnvironmentName,
        /// What.
        verb: Verb,
        /// How many pods it should have, for the verb that scales.
        replicas: Option<u32>,
    },
    /// Everything about one.
    Show(ServiceName),
    /// Where the files speak of it.
    Source(ServiceName),
    /// Its file, in the person's editor.
    Edit(ServiceName),
}

/// Deployments, versions in quarantine, frozen services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeploymentCommand {
    /// Deploy something.
    Deploy(Box<DeployRequest>),
    /// Say something about a deployment, and look after it.
    Steer {
        /// Which deployment.
        deployment: DeploymentId,
        /// What is said.
        steering: Steering,
    },
    /// Write something into the ledger.
    Enter(Entered),
    /// Those that run, wait, or ended lately.
    List,
    /// Everything about one.
    Show(DeploymentId),
    /// Those of seven days, and how often they fail.
    Timeline,
}

/// A close look at what runs of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InspectCommand {
    /// Its pods.
    Pods(ServiceName, EnvironmentName),
    /// What happened to them.
    Events(ServiceName, EnvironmentName),
    /// A log.
    Logs {
        /// Of which service.
        service: ServiceName,
        /// Where.
        environment: EnvironmentName,
        /// Of which pod; of the one that worries most if `None`.
        pod: Option<String>,
        /// Of which container.
        container: Option<String>,
        /// Of the container that ran before.
        previous: bool,
        /// Whether to go on with what is written from now on; the console always does.
        follow: bool,
        /// How many of the newest lines.
        tail: u32,
    },
    /// In the look: pods, events, or the log that is open.
    Look(Look),
    /// In the look: the log of the pod under the cursor.
    Open,
    /// In the look: the log of the container that ran before, or of the one that runs.
    Previous,
    /// In the look: the log of the pod's next container.
    Container,
    /// In the look: whether the newest line stays in sight.
    Follow,
    /// In the look: type a filter.
    Filter,
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
    /// Call the next level of one.
    Escalate {
        /// Which.
        incident: IncidentId,
        /// The level that is due; the next one if `None`, whatever the clocks say.
        due: Option<Escalation>,
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

/// The agent of this console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentCommand {
    /// Look after the platform from here.
    Assume,
    /// Stop doing so.
    Yield,
}

/// Telling people outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeCommand {
    /// Tell channels of an event that they have not heard of.
    Deliver {
        /// The event's commit.
        event: CommitId,
        /// The channels, by name.
        channels: Vec<String>,
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
    /// The inventory.
    Inventory(InventoryCommand),
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
    /// What something does to everybody else.
    Impact(ImpactRequest),
    /// The dependency graph.
    Graph(GraphCommand),
    /// Changes.
    Change(ChangeCommand),
    /// The calendar.
    Calendar(CalendarCommand),
    /// Break-glass.
    Glass(GlassCommand),
    /// Bring something onto the main branch.
    Land(LandingRequest),
    /// Services.
    Service(ServiceCommand),
    /// Deployments.
    Deployment(DeploymentCommand),
    /// A close look at what runs.
    Inspect(InspectCommand),
    /// Incidents.
    Incident(IncidentCommand),
    /// Notices to people outside.
    Notice(NoticeCommand),
    /// The agent of this console.
    Agent(AgentCommand),
    /// The ledger.
    Ledger(LedgerCommand),
    /// Teams of the forge beside those of the policies.
    Teams,
}

impl Command {
    /// Whether it changes something outside this process, once its plan is confirmed.
    pub const fn acts(&self) -> bool {
        match self {
            Self::Change(
                ChangeCommand::Approve { .. }
                | ChangeCommand::RequestChanges { .. }
                | ChangeCommand::Withdraw { .. }
                | ChangeCommand::Comment { .. }
                | ChangeCommand::Propose(_)
                | ChangeCommand::Post(_)
                | ChangeCommand::Record(_)
                | ChangeCommand::OpenRequest(_)
                | ChangeCommand::Announce(_),
            )
            | Self::Service(
                ServiceCommand::Rollback { .. } | ServiceCommand::Act { .. } | ServiceCommand::Edit(_),
            )
            | Self::Glass(_)
            | Self::Deployment(
                DeploymentCommand::Deploy(_) | DeploymentCommand::Steer { .. } | DeploymentCommand::Enter(_),
            )
            | Self::Incident(_)
            | Self::Notice(_)
            | Self::Agent(_)
            | Self::Land(_)
            | Self::Ledger(LedgerCommand::Sync) => true,
            Self::Change(
                ChangeCommand::Validate { .. } | ChangeCommand::Impact(_) | ChangeCommand::Show(_),
            )
            | Self::Ledger(LedgerCommand::Log { .. } | LedgerCommand::Verify)
            | Self::Impact(_)
            | Self::Deployment(
                DeploymentCommand::List | DeploymentCommand::Show(_) | DeploymentCommand::Timeline,
            )
            | Self::Calendar(_)
            | Self::Teams
            | Self::Graph(_)
            | Self::Service(ServiceCommand::Show(_) | ServiceCommand::Source(_))
            | Self::Inspect(_)
            | Self::Inventory(_)
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
