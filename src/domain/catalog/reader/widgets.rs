//! The widgets of the dashboard and their parameters.

use super::{
    shape::{Key, Kind},
    shapes::{TEXTS, optional},
};

/// Columns that a list of services may show.
pub static COLUMNS: &[&str] = &[
    "name",
    "state",
    "version",
    "runs",
    "status",
    "lifecycle",
    "project",
    "tier",
    "type",
    "owner",
    "ready",
    "restarts",
    "drift",
    "errors",
    "p99",
    "rate",
    "sla",
    "availability",
    "trend",
];

/// A kind of widget of the dashboard, and its parameters.
#[derive(Debug)]
pub struct WidgetShape {
    /// Its `type`.
    pub kind: &'static str,
    /// Its other keys.
    pub parameters: &'static [Key],
}

/// All widgets.
pub static WIDGETS: &[WidgetShape] = &[
    WidgetShape {
        kind: "service_list",
        parameters: &[
            optional("filter", Kind::Text, "Which services"),
            optional("columns", TEXTS, "Which columns, in order"),
        ],
    },
    WidgetShape {
        kind: "dependency_graph",
        parameters: &[
            optional("show_cross_project", Kind::Boolean, "Whether other projects are drawn"),
            optional("highlight_breaking_changes", Kind::Boolean, "Whether breaking changes stand out"),
        ],
    },
    WidgetShape {
        kind: "deployment_timeline",
        parameters: &[
            optional("time_range", Kind::Duration, "How far back"),
            optional("show_rollbacks", Kind::Boolean, "Whether rollbacks are drawn"),
        ],
    },
    WidgetShape {
        kind: "pending_changes",
        parameters: &[optional("approval_required", Kind::Boolean, "Only those that wait for approval")],
    },
    WidgetShape {
        kind: "change_pipeline_status",
        parameters: &[optional("stages", TEXTS, "Which stages, in order")],
    },
    WidgetShape {
        kind: "rollback_frequency",
        parameters: &[
            optional("time_range", Kind::Duration, "How far back"),
            optional("by_service", Kind::Boolean, "Whether it is counted by service"),
        ],
    },
    WidgetShape {
        kind: "change_calendar",
        parameters: &[optional("show_maintenance_windows", Kind::Boolean, "Whether windows are drawn")],
    },
    WidgetShape {
        kind: "sla_status",
        parameters: &[
            optional("group_by", Kind::Word(&["project", "tier", "owner"]), "How it is grouped"),
            optional("highlight_violations", Kind::Boolean, "Whether violations stand out"),
        ],
    },
    WidgetShape {
        kind: "mttr_trends",
        parameters: &[optional("time_range", Kind::Duration, "How far back")],
    },
    WidgetShape {
        kind: "incident_frequency",
        parameters: &[
            optional("time_range", Kind::Duration, "How far back"),
            optional("by_severity", Kind::Boolean, "Whether it is counted by severity"),
        ],
    },
    WidgetShape {
        kind: "shared_service_usage",
        parameters: &[optional("show_deprecations", Kind::Boolean, "Whether deprecations are marked")],
    },
    WidgetShape {
        kind: "version_compliance",
        parameters: &[optional("check_min_versions", Kind::Boolean, "Whether least versions are checked")],
    },
    WidgetShape {
        kind: "migration_status",
        parameters: &[optional("for_deprecated_services", Kind::Boolean, "Only deprecated services")],
    },
    WidgetShape {
        kind: "escalation_status",
        parameters: &[optional("by_severity", Kind::Boolean, "Whether it is grouped by severity")],
    },
];
