//! Screens as people see them, kept as text; and what holds for all of them.

use super::{cursor, draw, fixture, svg::to_text};
use crate::{
    action::run::refresh_lists,
    config::{key::Key, theme::Theme},
    domain::{
        catalog::{ManagedBy, Target},
        cross_project::Table,
        deployment::RollbackRoute,
        finding::{Finding, Level},
        graph::DependencyGraph,
        impact::Impact,
        ledger::Verdict,
        plan::{Outcome, Plan, Progress, Risk, Rollback, Step, Validation, Work},
    },
    error::Failure,
    model::{
        Model,
        jobs::{JobId, JobState},
        layout::{Pane, Size},
        ui::{
            ChangeSection, ConfirmFocus, FormField, HelpLine, Notice, NoticeKind, Overlay, PaletteEntry,
            TextInput,
        },
    },
};
use chrono::Duration;
use ratatui::{buffer::Buffer, layout::Rect};
use std::sync::Arc;

/// A section of a change's details.
fn change(section: ChangeSection) -> Overlay {
    Overlay::Change { change: "drop-old-api".into(), section, offset: 0 }
}

fn buffer(model: &Model) -> Buffer {
    let Size { width, height } = model.ui.size;
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    draw(model, &Theme::built_in("dark"), area, &mut buffer);
    buffer
}

/// A screen as text.
pub(super) fn text(name: &str, model: &Model) -> String {
    let buffer = buffer(model);
    // For looking at with one's own eyes.
    if let Some(folder) = crate::config::environment::var("QUARTERDECK_PICTURES") {
        let Size { width, height } = model.ui.size;
        let path = format!("{folder}/{name}-{width}x{height}.svg");
        std::fs::write(path, super::svg::to_svg(&buffer, &Theme::built_in("dark"))).unwrap();
    }
    to_text(&buffer)
}

const SIZES: [(u16, u16); 4] = [(60, 20), (80, 24), (160, 45), (200, 60)];

#[test]
fn the_deck() {
    for (width, height) in SIZES {
        let model = fixture::model(Size { width, height });
        insta::assert_snapshot!(format!("deck-{width}x{height}"), text("deck", &model));
    }
}

#[test]
fn the_cross_project_page() {
    for table in Table::ALL {
        for (width, height) in [(80, 24), (160, 45)] {
            let model = fixture::cross_project(Size { width, height }, table);
            let name = format!("cross-project-{}-{width}x{height}", table.index() + 1);
            insta::assert_snapshot!(name.as_str(), text(&name, &model));
        }
    }
}

#[test]
fn the_details_of_cross_project_rows() {
    for (table, row) in
        [(Table::Usage, "old-api"), (Table::Compliance, "new-api ≥"), (Table::Migrations, "old-api")]
    {
        let mut model = fixture::cross_project(SIZE, table);
        let row = row.to_owned();
        assert!(model.ui.list(Pane::CrossProject).rows.contains(&row), "{row}");
        model.ui.overlays.push(Overlay::CrossProject { table, row, offset: 0 });
        let name = format!("cross-project-details-{}", table.index() + 1);
        insta::assert_snapshot!(name.as_str(), text(&name, &model));
    }
}

#[test]
fn the_cross_project_page_says_what_is_missing_and_why() {
    // The history is still being read, then cannot be.
    let mut model = fixture::cross_project(Size { width: 120, height: 30 }, Table::Migrations);
    model.world.history = crate::model::world::Source::default();
    refresh_lists(&mut model);
    let shown = text("history-loading", &model);
    assert!(shown.contains("◌ reading the history") && shown.contains("▲ near"), "{shown}");
    model.world.history.failure = Some(Failure::failed("could not list the commits of the main branch"));
    let shown = text("history-failed", &model);
    for words in ["■ history failed", "unknown: could not list the commits of the main branch"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    // A filter that nothing passes, and a platform on which nothing is shared.
    model.ui.lists[Pane::CrossProject.index()].filter = "zzz".into();
    refresh_lists(&mut model);
    let shown = text("filtered", &model);
    assert!(shown.contains("nothing matches /zzz") && shown.contains("0 of 1 /zzz"), "{shown}");
    let mut model = fixture::cross_project(Size { width: 120, height: 45 }, Table::Usage);
    model.world.catalog.value = Some(Arc::default());
    refresh_lists(&mut model);
    let shown = text("cross-project-nothing", &model);
    for words in ["no service is shared", "nobody requires a version", "no service is deprecated"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn each_pane_zoomed() {
    for pane in Pane::DECK {
        let mut model = fixture::model(Size { width: 120, height: 34 });
        model.ui.focus = pane;
        model.ui.zoom = Some(pane);
        insta::assert_snapshot!(format!("zoom-{}", pane.as_str()), text(pane.as_str(), &model));
    }
}

const SIZE: Size = Size { width: 100, height: 30 };

/// The graph zoomed at a size, after something was done to the model.
fn graph(name: &str, (width, height): (u16, u16), change: impl FnOnce(&mut Model)) {
    let mut model = fixture::model(Size { width, height });
    model.ui.focus = Pane::Graph;
    model.ui.zoom = Some(Pane::Graph);
    change(&mut model);
    model.settle_graph();
    insta::assert_snapshot!(format!("graph-{name}-{width}x{height}"), text(&format!("graph-{name}"), &model));
}

#[test]
fn the_graph() {
    for size in [(80, 24), (160, 45)] {
        graph("near", size, |_| {});
        graph("whole", size, |model| model.ui.graph.whole = true);
        graph("cycle", size, |model| {
            fixture::tie_a_knot(model);
            model.ui.graph.whole = true;
            model.ui.selected = Some("api-gateway".into());
        });
        graph("folded", size, |model| {
            fixture::grow(model, 40);
            model.ui.graph.whole = true;
        });
        graph("large", size, |model| {
            fixture::grow(model, 900);
            model.ui.graph.whole = true;
        });
    }
}

#[test]
fn the_impact() {
    for (width, height) in [(80, 24), (160, 45)] {
        let mut model = fixture::model(Size { width, height });
        let catalog = model.world.catalog.value.clone().unwrap();
        let graph = DependencyGraph::build(&catalog);
        let impact = Impact::outage(&catalog, &graph, &"shared-auth".into()).unwrap();
        model.ui.overlays.push(Overlay::Impact { subject: None, impact: Arc::new(impact), offset: 0 });
        insta::assert_snapshot!(format!("impact-{width}x{height}"), text("impact", &model));
        let next = "2.0.0".parse().unwrap();
        let impact = Impact::version(&catalog, &graph, &"shared-auth".into(), &next).unwrap();
        model.ui.overlays = vec![Overlay::Impact { subject: None, impact: Arc::new(impact), offset: 0 }];
        insta::assert_snapshot!(format!("impact-version-{width}x{height}"), text("impact-version", &model));
    }
}

fn job(model: &mut Model, state: JobState) -> JobId {
    let started = model.now - Duration::seconds(14);
    let id =
        model.jobs.open("key".into(), "roll shared-auth back in production".into(), state, started).unwrap();
    let job = model.jobs.all.get_mut(&id).unwrap();
    job.plan = Some(Arc::new(plan()));
    id
}

fn plan() -> Plan {
    let target = Target {
        service: "shared-auth".into(),
        environment: "production".into(),
        context: "demo-production".into(),
        namespace: "shared".into(),
        workload: "shared-auth".into(),
        managed_by: ManagedBy::Deployment,
        application: None,
        production: true,
    };
    let step = |title: &str, object: &str| Step { title: title.into(), object: object.into() };
    Plan {
        title: "Roll shared-auth back from 1.3.0 to 1.2.3".into(),
        steps: vec![
            step("Record the start in the ledger", "quarterdeck/ledger"),
            step("Restore the template of revision 1", "deployment/shared/shared-auth"),
            step("Wait until all pods are ready", "3 pods"),
            step("Wait until errors are below 0.1%", "production"),
        ],
        facts: vec![
            ("cluster".into(), "demo-production".into()),
            ("namespace".into(), "shared".into()),
            ("object".into(), "deployment/shared/shared-auth".into()),
            ("version".into(), "1.3.0 → 1.2.3".into()),
        ],
        notes: vec![
            "6 services in 2 projects need it".into(),
            "Git still says 1.3.0: propose a change that says 1.2.3, or the next deployment brings the bad release back".into(),
        ],
        risk: Risk::Destructive,
        confirm_by_typing: Some("shared-auth".into()),
        work: Work::Rollback(Box::new(Rollback {
            target,
            route: RollbackRoute::Undo {
                resource_version: "1".into(),
                from_revision: 2,
                to_revision: 1,
                from_version: "1.3.0".into(),
                to_version: "1.2.3".into(),
                replica_set: "shared-auth-1".into(),
                suspend: None,
            },
            error_threshold: Some(0.001),
        })),
    }
}

fn with(overlay: impl FnOnce(&mut Model) -> Overlay) -> Model {
    let mut model = fixture::model(SIZE);
    let overlay = overlay(&mut model);
    model.ui.overlays.push(overlay);
    model
}

fn confirm(model: &mut Model, typed: &str, focus: ConfirmFocus) -> Overlay {
    let job = job(model, JobState::Planning);
    Overlay::Confirm {
        job,
        plan: Arc::new(plan()),
        input: TextInput::new(typed),
        focus,
        opened_by: None,
        offset: 0,
    }
}

fn field(name: &'static str, help: &'static str, text: &str, choices: &[&str]) -> FormField {
    FormField {
        name,
        help,
        required: name != "service",
        input: TextInput::new(text),
        choices: choices.iter().map(ToString::to_string).collect(),
    }
}

fn form() -> Overlay {
    Overlay::Form {
        action: "incident.declare",
        title: "Declare an incident",
        fields: vec![
            field("severity", "How bad it is", "critical", &["critical", "high", "medium", "low", "info"]),
            field("title", "What is wrong, in one line", "logins answer 5xx", &[]),
            field("service", "Which service", "", &[]),
        ],
        focus: 1,
        problem: Some("a title is needed".into()),
    }
}

fn palette() -> Overlay {
    let entry = |id, title, keys: &str, why: Option<&str>| PaletteEntry {
        id,
        aliases: if why.is_none() { &["service.undo"] } else { &[] },
        title,
        keys: keys.into(),
        unavailable: why.map(str::to_owned),
    };
    Overlay::Palette {
        input: TextInput::new("ro"),
        entries: vec![
            entry("service.rollback", "Roll a service back", "R", None),
            entry("change.approve", "Approve a change", "a", Some("no change is selected")),
        ],
        cursor: 0,
    }
}

fn help() -> Overlay {
    let lines = fixture::keymap()
        .contexts
        .iter()
        .filter(|(context, _)| ["pane", "global", "inventory"].contains(&context.as_str()))
        .flat_map(|(context, bindings)| {
            bindings.iter().map(|binding| HelpLine {
                context: context.clone(),
                keys: crate::config::keymap::show(&binding.on),
                description: binding.description.clone(),
                unavailable: (binding.run == "service.rollback").then(|| "read-only".to_owned()),
            })
        })
        .collect();
    Overlay::Help { lines, offset: 0 }
}

fn running(model: &mut Model, result: Option<Result<Outcome, Failure>>) -> Overlay {
    let id = job(model, JobState::Running);
    for (step, detail) in [(0, "written as 1a2b3c4d"), (1, "revision 3"), (2, "2 of 3 pods ready")] {
        model.jobs.progress(id, Progress { step, detail: detail.into() });
    }
    if let Some(result) = result {
        model.jobs.finish(id, result, model.now);
    }
    Overlay::Running { job: id, offset: 0 }
}

#[test]
fn every_overlay() {
    let outcome = |verdict, summary: &str| Outcome {
        verdict,
        summary: summary.into(),
        incident: None,
        commit: Some("1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d".into()),
        synced: verdict == Verdict::Pass,
        deliveries: Vec::new(),
    };
    let failure = || {
        Failure::unreachable("could not patch deployment/shared/shared-auth")
            .cause("connection refused")
            .hint("look whether the cluster is up")
    };
    let validation = |findings: Vec<Finding>| Validation {
        subject: "change/drop-old-api at 1a2b3c4d".into(),
        findings: Arc::new(findings),
    };
    let found = vec![fixture::finding(Level::Error), fixture::finding(Level::Warning)];
    let screens: Vec<(&str, Model)> = vec![
        ("help", with(|_| help())),
        ("palette", with(|_| palette())),
        ("form", with(|_| form())),
        (
            "planning",
            with(|model| Overlay::Planning { job: job(model, JobState::Planning), opened_by: None }),
        ),
        ("confirm", with(|model| confirm(model, "shared", ConfirmFocus::Cancel))),
        ("confirm-ready", with(|model| confirm(model, "shared-auth", ConfirmFocus::Run))),
        ("running", with(|model| running(model, None))),
        (
            "running-passed",
            with(|model| running(model, Some(Ok(outcome(Verdict::Pass, "1.2.3 runs, errors are 0.02%"))))),
        ),
        (
            "running-no-data",
            with(|model| {
                running(model, Some(Ok(outcome(Verdict::NoData, "1.2.3 runs; no request came in 60s"))))
            }),
        ),
        ("running-failed", with(|model| running(model, Some(Err(failure()))))),
        ("findings", with(|_| Overlay::Findings { validation: validation(found), cursor: 1 })),
        ("findings-none", with(|_| Overlay::Findings { validation: validation(Vec::new()), cursor: 0 })),
        ("service", with(|_| Overlay::Service { service: "shared-auth".into(), offset: 0 })),
        ("service-end", with(|_| Overlay::Service { service: "shared-auth".into(), offset: 500 })),
        ("change", with(|_| change(ChangeSection::Overview))),
        ("change-difference", with(|_| change(ChangeSection::Difference))),
        ("change-findings", with(|_| change(ChangeSection::Findings))),
        ("change-discussion", with(|_| change(ChangeSection::Discussion))),
        (
            "sources",
            with(|model| {
                let cluster = model.world.clusters.values_mut().next_back().unwrap();
                cluster.failure = Some(failure());
                cluster.at = Some(model.now - Duration::minutes(4));
                Overlay::Sources { offset: 0 }
            }),
        ),
        (
            "filter",
            with(|model| {
                model.ui.lists[0].filter = "api".into();
                model.ui.lists[0].rows = model.arrange_inventory();
                let input = TextInput::new("api");
                Overlay::Filter { pane: Pane::Inventory, input, before: String::new(), row: None }
            }),
        ),
    ];
    for (name, model) in screens {
        insta::assert_snapshot!(format!("overlay-{name}"), text(name, &model));
    }
}

#[test]
fn the_cursor_stands_where_the_next_character_goes() {
    for (name, mut model, before) in [
        ("palette", with(|_| palette()), "ro"),
        ("form", with(|_| form()), "logins answer 5xx"),
        ("confirm", with(|model| confirm(model, "shared", ConfirmFocus::Cancel)), ": shared"),
        (
            "filter",
            with(|_| Overlay::Filter {
                pane: Pane::Changes,
                input: TextInput::new("auth"),
                before: String::new(),
                row: None,
            }),
            "/auth",
        ),
    ] {
        model.ui.size = SIZE;
        let (x, y) = cursor(&model).unwrap();
        let drawn = buffer(&model);
        let shown: String = (0..x).map(|x| drawn[(x, y)].symbol()).collect();
        assert!(shown.ends_with(before), "{name}: {shown:?}");
    }
    assert_eq!(cursor(&fixture::model(SIZE)), None);
}

#[test]
fn notices_keys_and_failures_are_said() {
    let mut model = fixture::model(SIZE);
    model.ui.notice = Some(Notice {
        kind: NoticeKind::Error,
        text: Failure::refused("the approval was refused")
            .cause("Ada Chen wrote this change")
            .hint("ask somebody else of platform-team")
            .render(),
        at: model.now - Duration::seconds(2),
    });
    insta::assert_snapshot!("notice", text("notice", &model));
    model.now += Duration::seconds(7);
    model.ui.pending = Key::parse_all("g").unwrap();
    let shown = text("notice-gone", &model);
    assert!(!shown.contains("the approval was refused"), "{shown}");
    assert!(shown.contains(" g … esc drops it"), "{shown}");
}

#[test]
fn what_has_not_come_or_has_failed_says_why_and_what_to_do() {
    let mut model = fixture::empty(SIZE);
    insta::assert_snapshot!("loading", text("loading", &model));
    model.world.catalog.failure = Some(
        Failure::configuration("there is no services/catalog.toml in /srv/shop")
            .hint("run the console in a control repository, or `quarterdeck init DIR` makes one"),
    );
    insta::assert_snapshot!("no-catalog", text("no-catalog", &model));

    let mut model = fixture::model(SIZE);
    model.world.joined = Arc::default();
    for list in &mut model.ui.lists {
        list.rows.clear();
    }
    model.ui.selected = None;
    insta::assert_snapshot!("nothing-there", text("nothing-there", &model));

    let mut model = fixture::model(Size { width: 160, height: 45 });
    model.world.changes.failure = Some(Failure::unreachable("could not read origin"));
    model.world.changes.at = Some(model.now - Duration::minutes(9));
    model.world.metrics.at = Some(model.now - Duration::minutes(2));
    insta::assert_snapshot!("stale", text("stale", &model));
}

#[test]
fn a_terminal_that_is_too_small_is_told_what_is_needed() {
    for (width, height) in [(59, 20), (60, 19), (10, 3), (1, 1), (0, 0)] {
        let shown = text("small", &fixture::model(Size { width, height }));
        assert!(width < 30 || shown.contains("needed 60×20"), "{width}×{height}: {shown}");
    }
}

#[test]
fn every_size_pane_zoom_and_overlay_draws_without_a_panic() {
    for (width, height) in [(60, 20), (61, 37), (79, 24), (119, 30), (120, 29), (133, 31), (300, 90)] {
        for pane in Pane::ALL {
            for zoom in [None, Some(pane)] {
                let mut model = fixture::model(Size { width, height });
                model.ui.focus = pane;
                model.ui.zoom = zoom;
                buffer(&model);
            }
        }
        for table in Table::ALL {
            let mut model = fixture::cross_project(Size { width, height }, table);
            buffer(&model);
            let row = model.ui.list(Pane::CrossProject).rows[0].clone();
            for row in [row, "gone".to_owned()] {
                model.ui.overlays.push(Overlay::CrossProject { table, row, offset: 7 });
                buffer(&model);
            }
        }
        for overlay in [
            help(),
            palette(),
            form(),
            Overlay::Service { service: "gone".into(), offset: 9 },
            Overlay::Change { change: "gone".into(), section: ChangeSection::default(), offset: 9 },
            change(ChangeSection::Overview),
            change(ChangeSection::Difference),
            change(ChangeSection::Findings),
            change(ChangeSection::Discussion),
            Overlay::Running { job: JobId(77), offset: 0 },
            Overlay::Planning { job: JobId(77), opened_by: None },
            Overlay::Sources { offset: 999 },
        ] {
            let mut model = fixture::model(Size { width, height });
            model.ui.overlays.push(overlay);
            buffer(&model);
            cursor(&model);
        }
        let mut model = fixture::model(Size { width, height });
        let overlay = confirm(&mut model, "x", ConfirmFocus::Run);
        model.ui.overlays.push(overlay);
        buffer(&model);
    }
}

/// What is said in colour is said in words and glyphs as well.
#[test]
fn no_state_is_told_by_colour_alone() {
    let shown = text("words", &fixture::model(Size { width: 200, height: 60 }));
    for words in [
        "PRODUCTION",
        "■ 1 violated",
        "▲ 1 burning",
        "◌ 1 no data",
        "● 9 met",
        "■ INC-14",
        "critical",
        "✓ review",
        "○ security",
        "↺ review",
        "in review",
        "blocked",
        "breached",
        "● git",
    ] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
    // The cursor's row has a mark of its own, and the focused pane a heavier line.
    assert!(shown.contains("▌■ shared-auth") && shown.contains("━ 1 Inventory ━"));
}

#[test]
fn text_from_outside_cannot_steer_the_terminal() {
    let mut model = fixture::model(SIZE);
    let joined = Arc::make_mut(&mut model.world.joined);
    joined.incidents[0].title = "bad \u{1b}[2J\u{202e}title\u{9b}31m".into();
    model.ui.focus = Pane::Escalation;
    model.ui.overlays.push(Overlay::Service { service: "shared-auth".into(), offset: 500 });
    let shown = text("unsafe", &model);
    assert!(shown.contains("bad [2Jtitle31m"), "{shown}");
    assert!(!shown.chars().any(|character| character != '\n' && crate::domain::text::is_unsafe(character)));
}

#[test]
fn what_nothing_is_known_of_is_told_at_any_width() {
    for width in 60..=200 {
        let shown = text("strip", &fixture::model(Size { width, height: 24 }));
        let strip = shown.lines().next().unwrap_or_default();
        for count in ["■ 1", "▲ 1", "◌ 1", "INC-14"] {
            assert!(strip.contains(count), "{width}: {count} is not in {strip}");
        }
    }
}

#[test]
fn who_one_is_stands_in_the_strip_where_there_is_room() {
    for (width, words) in [(100, "you a-chen"), (160, "you Ada Chen")] {
        let shown = text("strip", &fixture::model(Size { width, height: 30 }));
        let strip = shown.lines().next().unwrap_or_default();
        assert!(strip.contains(words), "{width}: {strip}");
    }
}

#[test]
fn a_notice_hides_nothing_of_a_window() {
    let mut model = fixture::model(Size { width: 80, height: 24 });
    model.ui.overlays.push(Overlay::Service { service: "shared-auth".into(), offset: 0 });
    let text_of = "one\ntwo\nthree".to_owned();
    model.ui.notice = Some(Notice { kind: NoticeKind::Error, text: text_of, at: fixture::now() });
    let shown = text("notice-and-window", &model);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[19].starts_with('╰'), "{shown}");
    assert!(lines[20].contains("one") && lines[22].contains("three"), "{shown}");
}

#[test]
fn the_help_says_everything_in_full() {
    let mut model = fixture::model(Size { width: 100, height: 120 });
    let description = "Group by project, owner, tier, lifecycle, and by whatever else there may be";
    let line = HelpLine {
        context: "inventory".to_owned(),
        keys: "b".to_owned(),
        description: description.to_owned(),
        unavailable: None,
    };
    model.ui.overlays.push(Overlay::Help { lines: vec![line], offset: 0 });
    let shown = text("help-in-full", &model);
    let words: Vec<&str> = shown.split_whitespace().filter(|word| *word != "│").collect();
    assert!(words.join(" ").contains("and by whatever else there may be"), "{shown}");
}
