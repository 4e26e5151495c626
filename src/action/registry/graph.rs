//! The dependency graph and what falls with a service.

use super::{
    action,
    words::{DIRECTIONS, WAYS, direction, maybe, optional, required},
};
use crate::action::{
    available,
    command::{Command, GraphCommand},
    questions,
    spec::{ActionSpec, ArgumentKind},
};

pub(super) static ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        cli: &["graph"],
        arguments: &[
            maybe("service", "the service in the middle; the whole graph unless said", ArgumentKind::Service),
            optional(
                "format",
                "text, dot, mermaid or json; as --output unless said",
                ArgumentKind::Choice(&["text", "dot", "mermaid", "json"]),
            ),
            optional("depth", "how many steps from the service; to the end unless said", ArgumentKind::Text),
            optional("direction", "dependencies, dependants or both; both unless said", WAYS),
        ],
        available: available::with_catalog,
        ..action(
            "graph.show",
            "Dependency graph",
            "Who needs whom, around one service or as a whole.",
            questions::graph_show,
        )
    },
    ActionSpec {
        available: available::in_graph,
        ..action(
            "graph.map",
            "Whole map or neighbourhood",
            "Shows the whole dependency graph, or what is near one service.",
            |_| Ok(Command::Graph(GraphCommand::Map)),
        )
    },
    ActionSpec {
        arguments: &[required("direction", "dependencies or dependants", WAYS)],
        available: available::in_graph,
        ..action(
            "graph.walk",
            "Walk along an edge",
            "Goes to what needs the service, or to what it needs.",
            |a| Ok(Command::Graph(GraphCommand::Walk(questions::way(a)?))),
        )
    },
    ActionSpec {
        arguments: &[required("direction", "next or previous", DIRECTIONS)],
        available: available::in_graph,
        ..action(
            "graph.depth",
            "Reach further",
            "Shows one step more, or less, around the service.",
            |arguments| Ok(Command::Graph(GraphCommand::Depth(direction(arguments)?))),
        )
    },
    ActionSpec {
        available: available::in_graph,
        ..action("graph.fold", "Fold", "Folds or unfolds the group of leaves under the cursor.", |_| {
            Ok(Command::Graph(GraphCommand::Fold))
        })
    },
    ActionSpec {
        cli: &["impact"],
        arguments: &[
            maybe("service", "NAME, or NAME@VERSION for another version", ArgumentKind::Service),
            optional(
                "base",
                "a Git revision: what the working tree (or --rev) changes since",
                ArgumentKind::Text,
            ),
            optional("rev", "a Git revision instead of the working tree, with --base", ArgumentKind::Text),
        ],
        available: available::with_service,
        ..action(
            "impact",
            "What falls if this falls",
            "Who is harmed if a service falls, goes to another version, or a change is merged: services, projects, owners and promises.",
            questions::impact,
        )
    },
];
