//! Deployments: planned by the engine, shown, then run; and a person's word about those that run.

use super::{
    open_plan, plan,
    review::{operations, people, seals},
    say_failure, tell_step, view,
};
use crate::{
    action::command::DeploymentCommand,
    config::key::Key,
    domain::{
        deployment::{
            gate::ReleaseGate,
            order::{Leg, Order, Stage},
            record::{DeploymentRecord, Turn},
            release::{ReleaseStep, Strategy},
            request::DeployPlan,
            shown_version,
            statistics::expected_rollback,
            work::{Entered, Steered, Steering},
        },
        escalation::Severity,
        ledger,
        name::DeploymentId,
        notice::NoticeEvent,
        plan::{Plan, Risk, Step, Work},
        units::format_duration,
    },
    error::Failure,
    model::{
        Model,
        effect::{Effect, Effects},
        jobs::{JobId, JobState},
        layout::Pane,
        ui::Overlay,
    },
};

pub(super) fn run(
    model: &mut Model,
    command: DeploymentCommand,
    opened_by: Option<Key>,
) -> Result<Effects, Failure> {
    match command {
        DeploymentCommand::Deploy(request) => {
            match model.jobs.open(request.key(), request.title(), JobState::Planning, model.now) {
                Ok(job) => {
                    model.ui.overlays.push(Overlay::Planning { job, opened_by });
                    Ok(Effects::one(Effect::PlanDeployment(job, request)))
                }
                Err(running) => {
                    plan::already(model, running);
                    Ok(Effects::none())
                }
            }
        }
        DeploymentCommand::Steer { deployment, steering } => {
            let plan = steer_plan(model, deployment, steering)?;
            Ok(open_plan(model, plan, opened_by))
        }
        DeploymentCommand::Enter(entered) => {
            let plan = enter_plan(model, entered);
            Ok(open_plan(model, plan, opened_by))
        }
        DeploymentCommand::List | DeploymentCommand::Timeline => {
            view::focus(model, Pane::Deployments);
            Ok(Effects::none())
        }
        DeploymentCommand::Show(id) => {
            let id = find(model, &id)?.id.clone();
            model.ui.overlays.push(Overlay::Deployment { deployment: id, offset: 0 });
            Ok(Effects::none())
        }
    }
}

/// The deployment of an id, as the ledger has it.
pub(super) fn find<'a>(model: &'a Model, id: &DeploymentId) -> Result<&'a DeploymentRecord, Failure> {
    let ledger = model.world.ledger.value.as_ref();
    ledger.and_then(|ledger| ledger.operations.deployment(id.as_str())).ok_or_else(|| {
        Failure::usage(format!("there is no deployment `{}`", crate::domain::text::clean(id.as_str())))
            .hint("`quarterdeck deployment list` shows them")
    })
}

/// The plan is there: shows it, if somebody still waits for it.
pub fn deployment_planned(model: &mut Model, job: JobId, result: Result<DeployPlan, Failure>) {
    let Some(plan::Asked(opened_by)) = plan::awaited(model, job) else { return };
    match result {
        Ok(planned) => {
            let plan = deploy_plan(model, planned);
            plan::show(model, job, plan, opened_by);
        }
        Err(failure) => {
            model.jobs.forget(job);
            say_failure(model, &failure);
        }
    }
}

/// The gate of the selected deployment that whoever works here may open. Of several, the one of the watch.
pub fn release_gate_for(model: &Model) -> Option<ReleaseGate> {
    let record = model.selected_deployment()?;
    let operations = &model.world.ledger.value.as_ref()?.operations;
    let catalog = model.world.catalog.value.as_ref()?;
    let service = catalog.services.get(&record.order.service)?;
    let ground = (&**catalog, &**service);
    let seals = &model.world.changes.value.as_ref()?.seals;
    let may = |gate: &ReleaseGate| {
        ledger::approve_deployment(operations, &record.id, *gate, ground, &model.operator, None, seals)
            .is_ok()
    };
    ReleaseGate::APPROVED.into_iter().rev().find(may)
}

fn step(title: impl Into<String>, object: impl Into<String>) -> Step {
    Step { title: title.into(), object: object.into() }
}

/// A strategy in words.
pub fn strategy_words(strategy: &Strategy) -> String {
    let how = match strategy {
        Strategy::Immediate => "all at once".to_owned(),
        Strategy::Canary { weights } => {
            let steps: Vec<String> = weights.iter().map(|weight| format!("{weight}%")).collect();
            format!("{}, then all", steps.join(", "))
        }
        Strategy::BlueGreen => "switched at once".to_owned(),
    };
    format!("{}, {how}", strategy.as_str())
}

/// A leg of the way as a step of a plan.
fn leg_step(order: &Order, leg: &Leg) -> Step {
    let place = leg.environment.as_ref().map(ToString::to_string).unwrap_or_default();
    let objects = || {
        let objects = leg.environment.as_ref().and_then(|environment| order.place(environment));
        objects.map(|place| place.objects.join(", ")).filter(|objects| !objects.is_empty())
    };
    let there = || objects().unwrap_or_else(|| place.clone());
    let version = &order.version;
    match leg.stage {
        Stage::Gates => {
            step("wait until the gates are open:", "staging, product, security if sensitive, operations")
        }
        Stage::Schedule => {
            let time = order.not_before.map(|at| at.format("until %F %H:%M UTC").to_string());
            let window = order.window.then(|| "until the calendar is open".to_owned());
            step("wait", time.into_iter().chain(window).collect::<Vec<_>>().join(", and "))
        }
        Stage::Precheck => {
            step("check before:", "health, budget, calendar, dependencies, way back, main branch")
        }
        Stage::Step(ReleaseStep::Apply) => step(format!("apply {version} to"), there()),
        Stage::Step(ReleaseStep::Weight(weight)) => {
            step(format!("give {weight}% of the traffic to {version} in"), there())
        }
        Stage::Step(ReleaseStep::Promote) => step(format!("give all traffic to {version} in"), there()),
        Stage::Step(ReleaseStep::Prepare) => step(format!("set {version} up beside"), there()),
        Stage::Step(ReleaseStep::Switch) => {
            // What is switched is the Service; the rest was named when it was set up.
            let objects = leg.environment.as_ref().and_then(|environment| order.place(environment));
            let switched =
                objects.and_then(|place| place.objects.iter().find(|name| name.starts_with("service/")));
            step(format!("switch the traffic to {version} in"), switched.cloned().unwrap_or_else(there))
        }
        Stage::Step(ReleaseStep::Retire) => step("take away what gets no traffic in", place),
        Stage::Health(_) => step("see every pod ready in", place),
        Stage::Test(test) => step(format!("run the {} test in", test.as_str()), place),
        Stage::Analysis(_) => step("judge errors and latency beside the version before in", place),
        Stage::Postcheck => step("check after in", place),
        Stage::Watch => step("watch:", "errors, latency, critical incidents"),
        stage => step(stage.to_string(), place),
    }
}

fn deploy_plan(model: &Model, planned: DeployPlan) -> Plan {
    let DeployPlan { orders, mut notes } = planned;
    let production = orders.iter().any(|order| order.production);
    let names: Vec<String> =
        orders.iter().map(|order| format!("{} {}", order.service, order.version)).collect();
    let places: Vec<&str> = orders
        .first()
        .map(|order| order.places.iter().map(|place| place.environment.as_str()).collect())
        .unwrap_or_default();
    let mut facts = Vec::new();
    let mut steps = Vec::new();
    for order in &orders {
        for place in &order.places {
            let from = place.from_version.as_deref().map_or("nothing", shown_version);
            // The title names the service of a single order.
            let label =
                if orders.len() == 1 { place.environment.to_string() } else { order.service.to_string() };
            let step = format!("{from} → {}", shown_version(&order.version));
            let there = if orders.len() == 1 { String::new() } else { format!(" in {}", place.environment) };
            facts.push((label, format!("{step}{there}")));
        }
        if let Some(image) = &order.image {
            facts.push(("image".to_owned(), image.clone()));
        }
        facts.push(("strategy".to_owned(), strategy_words(&order.strategy)));
        if let Some(change) = &order.change {
            facts.push(("change".to_owned(), change.to_string()));
        }
        if let Some(at) = order.not_before {
            facts.push(("not before".to_owned(), at.format("%F %H:%M UTC").to_string()));
        }
        if order.window {
            facts.push(("when".to_owned(), "when the calendar is open".to_owned()));
        }
        steps.push(step("record the start in the ledger", format!("deployment.started({})", order.service)));
        steps.extend(order.legs().iter().map(|leg| leg_step(order, leg)));
        steps.push(step("record the end in the ledger", format!("deployment.finished({})", order.service)));
        let ledger = model.world.ledger.value.as_ref();
        if let Some(time) = ledger.and_then(|ledger| expected_rollback(&ledger.operations, &order.service)) {
            notes.push(format!("A way back took {} before.", format_duration(time)));
        }
    }
    if production {
        notes.push(
            "What fails goes back by itself: the version before, an incident, quarantine, and Git settled."
                .to_owned(),
        );
        if let Some(tell) = tell_step(model, NoticeEvent::DeploymentFinished, None, &[]) {
            notes.push(format!("Told: {}.", tell.object));
        }
    }
    let typed = match orders.as_slice() {
        [order] => order.service.to_string(),
        _ => places.first().copied().unwrap_or_default().to_owned(),
    };
    Plan {
        title: format!("deploy {} to {}", names.join(", "), places.join(", ")),
        steps,
        facts,
        notes,
        risk: Risk::Destructive,
        confirm_by_typing: production.then_some(typed),
        work: Work::Deploy { orders },
    }
}

fn steer_plan(model: &Model, id: DeploymentId, steering: Steering) -> Result<Plan, Failure> {
    let record = find(model, &id)?;
    let operations = operations(model);
    if let Some(finished) = &record.finished {
        return Err(Failure::refused(format!("{id} is over: {}", finished.ending.as_str())));
    }
    let order = &record.order;
    let places: Vec<&str> = order.places.iter().map(|place| place.environment.as_str()).collect();
    let next = record.next_leg().map_or_else(|| "its end".to_owned(), |leg| leg.to_string());
    let mut facts = vec![
        (
            "deployment".to_owned(),
            format!("{id}, {} {} to {}", order.service, order.version, places.join(", ")),
        ),
        ("next".to_owned(), next.clone()),
        ("as".to_owned(), format!("{} <{}>", model.operator.name, model.operator.email)),
    ];
    let mut notes = Vec::new();
    if let Some(held) = &record.held {
        notes.push(format!("Held: {}.", held.reason));
    }
    let (title, goes_on) = match &steering {
        Steering::Approve { gate, note } => {
            facts.extend(note.clone().map(|note| ("note".to_owned(), note)));
            notes.push("When all gates are open it goes on, looked after from here.".to_owned());
            (format!("approve the {gate} gate of {id}"), true)
        }
        Steering::Continue { accept, note } => {
            facts.extend(note.clone().map(|note| ("note".to_owned(), note)));
            let how = if *accept { "accept and continue" } else { "continue" };
            (format!("{how} {id} at {next}"), true)
        }
        Steering::Hold { reason } => {
            facts.push(("reason".to_owned(), reason.clone()));
            notes.push("A version that fails meanwhile goes back all the same.".to_owned());
            (format!("hold {id}"), false)
        }
        Steering::Cancel { reason } => {
            facts.push(("reason".to_owned(), reason.clone()));
            notes.push("What it touched is put back. Git stays as it is.".to_owned());
            (format!("cancel {id}"), true)
        }
        Steering::BreakGlass { reason, length } => {
            let people = (&people(model), &model.operator);
            let incident = operations.next_incident();
            let reasoned = (reason.as_str(), *length);
            ledger::open_deployment_glass(
                &operations,
                &id,
                people,
                reasoned,
                &incident,
                model.now,
                &seals(model),
            )?;
            facts.push(("reason".to_owned(), reason.clone()));
            facts.push(("for".to_owned(), format_duration(*length)));
            notes.push(format!(
                "It opens nothing until another person agrees: `quarterdeck deployment second {id}`."
            ));
            notes.push("Then it goes past its gates, also staging's, and past the calendar; everything else is checked.".to_owned());
            notes.push(format!(
                "The incident's post-mortem is due in {}.",
                format_duration(ledger::POST_MORTEM)
            ));
            (format!("break the glass for {id}"), false)
        }
        Steering::Second => {
            let people = (&people(model), &model.operator);
            ledger::second_deployment_glass(&operations, &id, people, model.now, &seals(model))?;
            if let Some(glass) = &record.glass {
                facts.push(("reason".to_owned(), glass.reason.clone()));
                facts.push(("asked by".to_owned(), format!("{} <{}>", glass.by.name, glass.by.email)));
                facts.push(("until".to_owned(), glass.expires.format("%F %H:%M UTC").to_string()));
            }
            notes.push("It then goes past its gates and the calendar, looked after from here.".to_owned());
            (format!("agree to the broken glass for {id}"), true)
        }
        Steering::Schedule { not_before, window } => {
            let at =
                not_before.map_or_else(|| "any time".to_owned(), |at| at.format("%F %H:%M UTC").to_string());
            facts.push(("not before".to_owned(), at));
            facts.push(("in a window".to_owned(), if *window { "yes" } else { "no" }.to_owned()));
            (format!("schedule {id}"), true)
        }
    };
    let is_broken = matches!(steering, Steering::BreakGlass { .. });
    let mut steps: Vec<Step> =
        is_broken.then(|| step("append to the ledger", "incident.declared(high)")).into_iter().collect();
    steps.push(step("append to the ledger", format!("{}({id})", steering.event())));
    steps.push(step("push", "quarterdeck/ledger"));
    if is_broken {
        steps.extend(tell_step(model, NoticeEvent::IncidentDeclared, Some(Severity::High), &[]));
    }
    // Another time is another way.
    let mut order = order.clone();
    if let Steering::Schedule { not_before, window } = &steering {
        (order.not_before, order.window) = (*not_before, *window);
    }
    if goes_on {
        match way_back(record, &steering, model) {
            Some(back) => steps.push(step("go back:", back)),
            None => steps.extend(order.legs().iter().map(|leg| {
                let step = leg_step(&order, leg);
                let is_over = record.result(leg).is_some();
                if is_over { Step { title: format!("done: {}", step.title), ..step } } else { step }
            })),
        }
        steps.push(step("record the end in the ledger", format!("deployment.finished({id})")));
    }
    let typed = (order.production && goes_on).then(|| order.service.to_string());
    Ok(Plan {
        title,
        steps,
        facts,
        notes,
        risk: if goes_on { Risk::Destructive } else { Risk::Shared },
        confirm_by_typing: typed,
        work: Work::Steer(Box::new(Steered { deployment: id, service: order.service.clone(), steering })),
    })
}

/// What is left of the way back, where that is what comes of it.
fn way_back(record: &DeploymentRecord, steering: &Steering, model: &Model) -> Option<String> {
    let mut record = record.clone();
    if let Steering::Cancel { reason } = steering {
        record.apply(&Turn::Cancelled { reason }, model.now, &model.operator).ok()?;
    }
    if !record.is_retreating() {
        return None;
    }
    let left: Vec<String> = record
        .legs()
        .into_iter()
        .filter(|leg| record.result(leg).is_none())
        .map(|leg| leg.to_string())
        .collect();
    Some(if left.is_empty() { "nothing was touched".to_owned() } else { left.join(", ") })
}

fn enter_plan(model: &Model, entered: Entered) -> Plan {
    let (kind, about) = entered.event();
    Plan {
        title: entered.title(),
        steps: vec![
            step("append to the ledger", format!("{kind}({about})")),
            step("push", "quarterdeck/ledger"),
        ],
        facts: vec![
            ("about".to_owned(), about),
            ("words".to_owned(), entered.words().to_owned()),
            ("as".to_owned(), format!("{} <{}>", model.operator.name, model.operator.email)),
        ],
        notes: Vec::new(),
        risk: Risk::Shared,
        confirm_by_typing: None,
        work: Work::Enter(Box::new(entered)),
    }
}
