//! Screens of the inventory: ordered, grouped, filtered, its columns, and one service in full.

use super::{fixture, screens::text};
use crate::{
    domain::{
        change::ChangeClass,
        change_log,
        deployment::Restarts,
        diff,
        finding::Level,
        plan::{Plan, Risk, Step, Work},
        proposal::{FileEdit, ServiceProposal},
    },
    model::{
        Model,
        inventory::{Column, Grouping},
        jobs::JobState,
        layout::{Pane, Size},
        ui::{ConfirmFocus, Overlay, TextInput},
    },
};
use std::sync::Arc;

const SIZES: [Size; 2] = [Size { width: 80, height: 24 }, Size { width: 160, height: 45 }];

/// The fixture, changed, its rows arranged anew, at both sizes.
fn shown(name: &str, change: impl Fn(&mut Model)) {
    for size in SIZES {
        let mut model = fixture::model(size);
        change(&mut model);
        let rows = model.arrange_inventory();
        model.ui.lists[Pane::Inventory.index()].rows = rows;
        let Size { width, height } = size;
        insta::assert_snapshot!(format!("inventory-{name}-{width}x{height}"), text(name, &model));
    }
}

fn zoomed(model: &mut Model) {
    model.ui.zoom = Some(Pane::Inventory);
}

#[test]
fn grouped_with_a_fold_and_ordered() {
    shown("grouped", |model| {
        zoomed(model);
        let inventory = &mut model.ui.inventory;
        inventory.grouping = Grouping::Owner;
        inventory.folded.insert("platform-team".into());
        inventory.sort = Some(Column::Errors);
        model.ui.lists[0].cursor = 1;
    });
}

#[test]
fn on_the_deck_by_tier() {
    shown("by-tier", |model| {
        model.ui.inventory.grouping = Grouping::Tier;
        model.ui.inventory.sort = Some(Column::Name);
        model.ui.inventory.reversed = true;
        model.ui.lists[0].cursor = 2;
    });
}

#[test]
fn every_column_where_there_is_room() {
    shown("columns", |model| {
        zoomed(model);
        for choice in &mut model.ui.inventory.columns {
            let elsewhere = [Column::State, Column::Rate, Column::Trend, Column::Restarts, Column::Drift];
            choice.shown = !elsewhere.contains(&choice.column);
        }
    });
}

#[test]
fn restarts_and_drift_with_their_ages() {
    shown("restarts", |model| {
        zoomed(model);
        let now = model.now;
        let joined = Arc::make_mut(&mut model.world.joined);
        for (index, row) in joined.services.iter_mut().enumerate() {
            for place in &mut Arc::make_mut(row).places {
                let count = index as u32 * 3;
                let last = (count > 0).then(|| now - chrono::Duration::minutes(i64::from(count) * 4));
                place.restarts = (index < 5).then_some(Restarts { count, last });
            }
        }
        let wanted = [Column::Name, Column::Version, Column::Ready, Column::Restarts, Column::Drift];
        for choice in &mut model.ui.inventory.columns {
            choice.shown = wanted.contains(&choice.column);
        }
        model.ui.inventory.sort = Some(Column::Restarts);
    });
}

#[test]
fn a_condition_that_is_wrong_is_shown_with_its_place() {
    shown("wrong-filter", |model| {
        zoomed(model);
        model.ui.lists[0].filter = "tier == \"critical\"".into();
        model.arrange_inventory();
        let typed = "tier == \"critical\" && ownr == \"shop-team\"";
        model.ui.lists[0].filter = typed.into();
        model.ui.overlays.push(Overlay::Filter {
            pane: Pane::Inventory,
            input: TextInput::new(typed),
            before: String::new(),
            row: None,
        });
    });
}

#[test]
fn choosing_columns() {
    shown("chooser", |model| {
        model.ui.inventory.widen(3, 4);
        model.ui.inventory.sort_by(Column::Sla);
        model.ui.overlays.push(Overlay::Columns { cursor: 3 });
    });
}

#[test]
fn one_service_and_its_source() {
    for offset in [0, 24] {
        shown(&format!("service-{offset}"), |model| {
            model.ui.overlays.push(Overlay::Service { service: "shared-auth".into(), offset });
        });
    }
    shown("source", |model| {
        model.ui.overlays.push(Overlay::Source { service: "shared-auth".into(), offset: 0 });
    });
}

#[test]
fn the_plan_of_a_proposal() {
    let old = "[service.shared-auth]\nname = \"shared-auth\"\nversion = \"1.3.0\"\nstatus = \"ga\" # since May\ntier = \"critical\"\n";
    let new = old
        .replace("\"ga\"", "\"deprecated\"")
        .replace("tier", "deprecation_date = \"2026-03-09\"\nsunset_date = \"2026-09-09\"\ntier");
    let log = "# Changelog\n\n## 2026-03-01\n\n- api 1.0.0: first\n";
    let new_log = change_log::add(log, "shared-auth: ga → deprecated");
    let file = |path: &str, old: &str, new: &str| FileEdit {
        path: path.into(),
        text: new.into(),
        diff: diff::lines(old, new),
    };
    let proposal = ServiceProposal {
        service: "shared-auth".into(),
        summary: "ga → deprecated".into(),
        note: None,
        class: ChangeClass::Deprecation,
        fields: Vec::new(),
        gates: Vec::new(),
        impact: "11 services are at risk".into(),
        change: "shared-auth-deprecated".into(),
        branch: "change/shared-auth-deprecated".into(),
        main: "main".into(),
        base: "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d".into(),
        files: vec![file("services/catalog.toml", old, &new), file("CHANGELOG.md", log, &new_log)],
        open_duties: vec!["deprecated: `migration.guide_url` links to a guide".into()],
        findings: vec![fixture::finding(Level::Error)],
        forge: None,
    };
    let step = |title: &str, object: &str| Step { title: title.into(), object: object.into() };
    let plan = Arc::new(Plan {
        title: "propose shared-auth: ga → deprecated".into(),
        steps: vec![
            step("commit the edited files to the new branch", "change/shared-auth-deprecated"),
            step("see the branch at that commit on", "origin"),
            step("record it in the ledger", "change.proposed(shared-auth-deprecated)"),
        ],
        facts: vec![
            ("edit".into(), "ga → deprecated".into()),
            ("class".into(), "deprecation, medium risk".into()),
            ("branch".into(), "change/shared-auth-deprecated".into()),
            ("files".into(), "services/catalog.toml, CHANGELOG.md".into()),
        ],
        notes: vec!["Still open for deprecated: `migration.guide_url` links to a guide.".into()],
        risk: Risk::Shared,
        confirm_by_typing: None,
        work: Work::Propose(Box::new(proposal)),
    });
    shown("proposal", |model| {
        let (key, title) = ("propose/shared-auth".to_owned(), plan.title.clone());
        let job = model.jobs.open(key, title, JobState::Planning, model.now).unwrap();
        model.ui.overlays.push(Overlay::Confirm {
            job,
            plan: plan.clone(),
            input: TextInput::default(),
            focus: ConfirmFocus::Cancel,
            opened_by: None,
            offset: 0,
        });
    });
}
