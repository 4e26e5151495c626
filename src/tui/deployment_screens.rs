//! Pictures of the page of deployments and of their details.

use super::{
    fixture::{self, now},
    screens::text,
};
use crate::{
    action::run::refresh_lists,
    domain::{
        calendar::{CalendarEntry, EntryKind},
        change::Identity,
        deployment::{
            gate::ReleaseGate,
            order::{Leg, Order, Place, Stage, Test},
            record::{Ending, Figures},
            release::{ReleaseStep, Strategy},
        },
        escalation::Severity,
        ledger::{Entry, EntryBody, Happening, Operations, Verdict},
        name::DeploymentId,
    },
    model::{
        Model,
        layout::{Pane, Size},
        ui::Overlay,
        world::LedgerView,
    },
};
use chrono::Duration;
use std::{collections::BTreeMap, sync::Arc};

fn place(environment: &str, from: &str) -> Place {
    Place {
        environment: environment.into(),
        wave: 0,
        from_version: Some(from.to_owned()),
        from_image: None,
        objects: vec![format!("deployment/shared/{environment}")],
    }
}

fn order(service: &str, (from, version): (&str, &str), production: bool, strategy: Strategy) -> Order {
    let environment = if production { "production" } else { "staging" };
    Order {
        service: service.into(),
        version: version.to_owned(),
        image: Some(format!("registry.example.com/shared/{service}:{version}")),
        commit: None,
        change: Some(format!("{service}-{version}").as_str().into()),
        production,
        places: vec![place(environment, from)],
        strategy,
        tests: if production { Vec::new() } else { vec![Test::Integration] },
        not_before: None,
        window: false,
    }
}

/// The story of some deployments, written down minute by minute.
#[derive(Default)]
struct Story {
    entries: Vec<Entry>,
    started: u32,
}

impl Story {
    fn tell(&mut self, minutes_ago: i64, happening: Happening) {
        self.entries.push(Entry {
            commit: format!("{:040x}", self.entries.len()).into(),
            at: now() - Duration::minutes(minutes_ago),
            actor: Identity { name: "Marta Ruiz".into(), email: "m-ruiz@example.com".into() },
            subject: happening.subject(),
            body: EntryBody::Known(happening),
        });
    }

    fn start(&mut self, minutes_ago: i64, order: Order) -> DeploymentId {
        self.started += 1;
        let deployment = DeploymentId::from(format!("DEP-{}", self.started));
        let happening =
            Happening::DeploymentStarted { deployment: deployment.clone(), order: Box::new(order) };
        self.tell(minutes_ago, happening);
        deployment
    }

    /// Passes all legs before the one that `until` names, each a minute after the other.
    fn pass(&mut self, id: &DeploymentId, mut minutes_ago: i64, until: impl Fn(&Leg) -> bool) {
        let operations = Operations::fold(&self.entries);
        let record = operations.deployment(id.as_str()).unwrap().clone();
        for leg in record.legs().into_iter().take_while(|leg| !until(leg)) {
            self.judge(id, minutes_ago, leg, Verdict::Pass, "as it should be", None);
            minutes_ago -= 1;
        }
    }

    fn judge(
        &mut self,
        id: &DeploymentId,
        minutes_ago: i64,
        leg: Leg,
        verdict: Verdict,
        detail: &str,
        figures: Option<Figures>,
    ) {
        if matches!(leg.stage, Stage::Step(_) | Stage::Undo) {
            let until = now() - Duration::minutes(minutes_ago - 2);
            let (deployment, leg, holder) = (id.clone(), leg.clone(), "7-1".to_owned());
            self.tell(minutes_ago, Happening::StageBegan { deployment, leg, holder, until });
        }
        let happening = Happening::StageJudged {
            deployment: id.clone(),
            leg,
            verdict,
            detail: detail.to_owned(),
            figures: figures.map(Box::new),
        };
        self.tell(minutes_ago, happening);
    }
}

fn figures(error_ratio: f64, p99: f64) -> Figures {
    Figures {
        requests: 1_240.0,
        error_ratio: Some(error_ratio),
        p99: Some(p99),
        baseline_error_ratio: Some(0.0004),
        baseline_p99: Some(0.074),
    }
}

fn story() -> Story {
    let mut story = Story::default();
    let day = 24 * 60;
    let canary = || Strategy::Canary { weights: vec![5, 25, 50] };
    let production = |stage| Leg::of(stage, &"production".into());
    let finish = |id: &DeploymentId, ending, detail: &str| Happening::DeploymentFinished {
        deployment: id.clone(),
        ending,
        detail: detail.to_owned(),
    };
    let done = story.start(4 * day, order("api-gateway", ("3.4.0", "3.4.1"), false, Strategy::Immediate));
    story.pass(&done, 4 * day - 2, |_| false);
    story.tell(4 * day - 20, finish(&done, Ending::Done, "api-gateway runs 3.4.1 in staging"));

    let bad = story.start(2 * day, order("shared-auth", ("1.2.3", "1.3.0"), true, canary()));
    let at_five = production(Stage::Analysis(ReleaseStep::Weight(5)));
    story.pass(&bad, 2 * day - 2, |leg| *leg == at_five);
    let detail = "2 of 3 intervals failed, last: errors 4.8% are above 0.1%";
    story.judge(&bad, 2 * day - 20, at_five, Verdict::Fail, detail, Some(figures(0.048, 0.21)));
    story.judge(
        &bad,
        2 * day - 20,
        production(Stage::Step(ReleaseStep::Abort)),
        Verdict::Pass,
        "accepted",
        None,
    );
    let incident = Happening::IncidentDeclared {
        incident: "INC-1".into(),
        severity: Severity::Critical,
        title: "shared-auth 1.3.0 is rolled back in production".into(),
        service: Some("shared-auth".into()),
        deployment: Some(bad.clone()),
        post_mortem_due: Some(now()),
    };
    story.tell(2 * day - 20, incident);
    story.judge(
        &bad,
        2 * day - 21,
        production(Stage::Health(ReleaseStep::Abort)),
        Verdict::Pass,
        "3 of 3 pods",
        None,
    );
    let quarantine = Happening::ReleaseQuarantined {
        service: "shared-auth".into(),
        version: "1.3.0".into(),
        image: None,
        reason: "failed at analysis".into(),
        deployment: Some(bad.clone()),
    };
    story.tell(2 * day - 21, quarantine);
    story.judge(&bad, 2 * day - 22, Leg::all(Stage::Settle), Verdict::Pass, "reverted on main", None);
    story.tell(
        2 * day - 22,
        finish(&bad, Ending::RolledBack, "shared-auth 1.3.0 failed at analysis: errors 4.8%"),
    );

    let running = story.start(31, order("project-a-api", ("2.1.0", "2.1.1"), true, canary()));
    let gate = |gate| Happening::DeploymentApproved { deployment: running.clone(), gate, note: None };
    story.tell(30, gate(ReleaseGate::Product));
    story.tell(29, gate(ReleaseGate::Operations));
    let at_five = production(Stage::Analysis(ReleaseStep::Weight(5)));
    story.pass(&running, 28, |leg| *leg == at_five);
    let detail = "3 of 3 intervals passed, last: errors 0.05% beside 0.04%";
    story.judge(&running, 12, at_five, Verdict::Pass, detail, Some(figures(0.0005, 0.081)));
    story.judge(
        &running,
        11,
        production(Stage::Step(ReleaseStep::Weight(25))),
        Verdict::Pass,
        "accepted",
        None,
    );

    let held = story.start(90, order("user-store", ("5.1.3", "5.1.4"), true, Strategy::BlueGreen));
    story.pass(&held, 88, |leg| leg.stage == Stage::Precheck);
    let reason = "precheck: calendar (fail): the freeze `end of the quarter` holds";
    let happening = Happening::DeploymentHeld {
        deployment: held,
        reason: reason.to_owned(),
        verdict: Some(Verdict::Fail),
    };
    story.tell(86, happening);
    story
}

fn model(size: Size, entries: &[Entry]) -> Model {
    let mut model = fixture::model(size);
    let operations = Operations::fold(entries);
    assert_eq!(operations.contradictions, 0, "{:?}", operations.anomalies);
    model.world.ledger.value = Some(Arc::new(LedgerView { operations: Arc::new(operations), unsynced: 0 }));
    model.ui.focus = Pane::Deployments;
    model.ui.zoom = Some(Pane::Deployments);
    refresh_lists(&mut model);
    model
}

#[test]
fn the_page_at_both_sizes() {
    let story = story();
    for (width, height) in [(80, 24), (160, 45)] {
        let model = model(Size { width, height }, &story.entries);
        insta::assert_snapshot!(format!("deployments-{width}x{height}"), text("deployments", &model));
    }
}

#[test]
fn the_details_of_one_that_went_back() {
    let story = story();
    let mut model = model(Size { width: 120, height: 40 }, &story.entries);
    model.ui.overlays.push(Overlay::Deployment { deployment: "DEP-2".into(), offset: 0 });
    insta::assert_snapshot!("deployment-details", text("deployment-details", &model));
}

#[test]
fn an_empty_page_says_why_and_what_to_do() {
    let model = model(Size { width: 80, height: 24 }, &[]);
    let shown = text("deployments-empty", &model);
    for words in ["nothing was deployed in 7 days", "begins one", "no deployment to production"] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
}

#[test]
fn services_without_room_are_called_well_only_if_they_are() {
    let canary = || Strategy::Canary { weights: vec![5] };
    let told = |bad: bool| {
        let mut story = Story::default();
        for number in 0..12 {
            let service = format!("service-{number}");
            let id = story.start(300, order(&service, ("1.0.0", "1.0.1"), true, canary()));
            let at_five = Leg::of(Stage::Analysis(ReleaseStep::Weight(5)), &"production".into());
            let ending = if bad {
                story.pass(&id, 298, |leg| *leg == at_five);
                story.judge(&id, 200, at_five, Verdict::Fail, "errors 4.8%", None);
                story.pass(&id, 199, |_| false);
                Ending::RolledBack
            } else {
                story.pass(&id, 298, |_| false);
                Ending::Done
            };
            let detail = "it is over".to_owned();
            story.tell(100, Happening::DeploymentFinished { deployment: id, ending, detail });
        }
        text("deployments-low", &model(Size { width: 100, height: 24 }, &story.entries))
    };
    for (bad, is_well) in [(false, true), (true, false)] {
        let shown = told(bad);
        let line = shown.lines().find(|line| line.contains("more services"));
        let line = line.unwrap_or_else(|| panic!("every service has room in\n{shown}"));
        assert_eq!(line.contains("all well"), is_well, "{line}");
    }
}

/// A page with one deployment to two places: the gates wait, or behind them its time. Production is closed, unless
/// the glass is broken.
fn waiting(size: Size, is_at_gates: bool, window: bool, is_broken: bool) -> String {
    let mut story = Story::default();
    let mut order = order("project-a-api", ("2.1.0", "2.1.1"), true, Strategy::Immediate);
    order.places.insert(0, place("staging", "2.1.0"));
    order.window = window;
    // Without either, nothing would be waited for.
    order.not_before = Some(now() - Duration::minutes(5));
    let id = story.start(60, order);
    if !is_at_gates {
        story.pass(&id, 50, |leg| leg.stage == Stage::Schedule);
    }
    if is_broken {
        let opened = Happening::DeploymentGlassOpened {
            deployment: id.clone(),
            reason: "sign-in is down".to_owned(),
            expires: now() + Duration::hours(1),
            incident: "INC-1".into(),
        };
        story.tell(20, opened);
        story.tell(10, Happening::DeploymentGlassSeconded { deployment: id });
        let second = story.entries.last_mut().unwrap();
        second.actor = Identity { name: "Ada Chen".into(), email: "a-chen@example.com".into() };
    }
    let mut model = model(size, &story.entries);
    let mut catalog = model.world.catalog.value.as_deref().unwrap().clone();
    catalog.calendar = vec![CalendarEntry {
        kind: EntryKind::Freeze,
        name: "end of the quarter".into(),
        start: Some(now() - Duration::hours(20)),
        end: Some(now() + Duration::hours(30)),
        recurrence: None,
        duration: None,
        environments: vec!["production".into()],
        projects: Vec::new(),
        reason: None,
        spans: BTreeMap::new(),
    }];
    model.world.catalog.value = Some(Arc::new(catalog));
    refresh_lists(&mut model);
    text("deployments-waiting", &model)
}

#[test]
fn gates_and_the_calendar_are_told_as_they_hold() {
    let glass = "past it by broken glass of m-ruiz";
    let (freeze, come) = ("end of the quarter", "its time has come");
    for (is_at_gates, window, is_broken, there, absent) in [
        (true, true, false, "for ", glass),
        (true, true, true, glass, "product by"),
        (false, true, false, freeze, come),
        (false, true, true, glass, freeze),
        (false, false, false, come, freeze),
    ] {
        let shown = waiting(Size { width: 200, height: 45 }, is_at_gates, window, is_broken);
        let row = shown.lines().find(|line| line.contains("waits ·")).unwrap_or_default();
        let case = format!("{is_at_gates} {window} {is_broken}\n{shown}");
        assert!(row.contains(there) && !row.contains(absent), "{case}");
    }
}

#[test]
fn what_the_chosen_one_waits_for_is_read_in_full_on_a_small_screen() {
    let small = Size { width: 80, height: 24 };
    for (is_at_gates, is_broken, wanted) in [
        (true, false, &["product", "must approve it", "`a` approves a gate"][..]),
        (false, false, &["until Tue", "end of the quarter", "`t` gives it another time"][..]),
        (true, true, &["past it by broken glass of m-ruiz", "sign-in is down"][..]),
    ] {
        let shown = waiting(small, is_at_gates, true, is_broken);
        let below = shown.lines().skip_while(|line| !line.contains("╌╌ DEP-1")).skip(1);
        let chosen: Vec<&str> = below.take_while(|line| !line.contains("╌╌ seven days")).collect();
        assert!(chosen.iter().all(|line| !line.contains('…')), "{shown}");
        let words = chosen.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
        for wanted in wanted {
            assert!(words.contains(wanted), "{wanted} is not in\n{shown}");
        }
    }
}

#[test]
fn an_incident_is_settled_where_its_deployment_failed() {
    let story = story();
    let mut model = model(Size { width: 160, height: 45 }, &story.entries);
    let ledger = model.world.ledger.value.clone().unwrap();
    Arc::make_mut(&mut model.world.joined).incidents = ledger.operations.open_incidents().cloned().collect();
    let catalog = model.world.catalog.value.clone().unwrap();
    let environments = &catalog.settings.environments;
    model.ui.environment = environments.iter().position(|environment| !environment.production).unwrap();
    model.ui.zoom = None;
    model.ui.focus = Pane::Escalation;
    refresh_lists(&mut model);
    assert_eq!(model.selected_incident().unwrap().deployment, Some(DeploymentId::from("DEP-2")));
    let meant = |model: &Model| model.meant_environment().unwrap().name.to_string();
    assert_eq!(meant(&model), "production", "there it failed, whatever is looked at");
    // With a window of something else over it, what is looked at counts.
    model.ui.overlays.push(Overlay::Service { service: "shared-auth".into(), offset: 0 });
    assert_eq!(meant(&model), "staging");
    model.ui.overlays.clear();
    model.ui.focus = Pane::Inventory;
    assert_eq!(meant(&model), "staging");
    // On the page of deployments it is the one under the cursor.
    model.ui.focus = Pane::Deployments;
    refresh_lists(&mut model);
    assert_eq!(model.selected_deployment().unwrap().id, DeploymentId::from("DEP-4"));
    assert_eq!(meant(&model), "production");
}
