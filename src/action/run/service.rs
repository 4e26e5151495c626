//! Services: the way back, what is said of them, and where.

use super::{plan, say_failure};
use crate::{
    action::command::ServiceCommand,
    config::key::Key,
    domain::{
        calendar::{self, Closing},
        catalog::{Catalog, Service, Target},
        deployment::{
            RollbackRoute, object_name, request::in_dependency_order, shown_version,
            statistics::expected_rollback,
        },
        escalation::Severity,
        name::ServiceName,
        notice::NoticeEvent,
        plan::{Plan, Risk, Rollback, Step, Work, rollback_key},
        units::{format_duration, format_percent},
    },
    error::Failure,
    model::{
        Model,
        effect::{EditTarget, Effect, Effects},
        jobs::{JobId, JobState},
        ui::Overlay,
    },
};
use std::sync::Arc;

pub(super) fn run(
    model: &mut Model,
    command: ServiceCommand,
    opened_by: Option<Key>,
) -> Result<Effects, Failure> {
    let (services, environment, to) = match command {
        ServiceCommand::Rollback { services, environment, to } => (services, environment, to),
        ServiceCommand::Act { service, environment, verb, replicas } => {
            let target = target(model, service.as_str(), environment.as_str(), verb.word())?;
            return super::verb::run(model, target, verb, replicas, opened_by);
        }
        ServiceCommand::Show(service) => {
            let service = known(model, service.as_str())?.name.clone();
            model.ui.overlays.push(Overlay::Service { service, offset: 0 });
            return Ok(Effects::none());
        }
        ServiceCommand::Source(service) => {
            let service = known(model, service.as_str())?.name.clone();
            model.ui.overlays.push(Overlay::Source { service, offset: 0 });
            return Ok(Effects::none());
        }
        ServiceCommand::Edit(service) => return edit(model, service.as_str()),
    };
    if services.len() > 1 && to.is_some() {
        return Err(Failure::usage("`to` is a version of one service")
            .hint("leave it out: each goes back to what ran before"));
    }
    let targets = rollback_targets(model, &services, environment.as_str())?;
    let title = format!("roll back {} in {environment}", names_of(&targets));
    match model.jobs.open(rollback_key(&targets), title, JobState::Planning, model.now) {
        Ok(job) => {
            model.ui.overlays.push(Overlay::Planning { job, opened_by });
            Ok(Effects::one(Effect::PlanRollback(job, targets, to)))
        }
        Err(running) => {
            plan::already(model, running);
            Ok(Effects::none())
        }
    }
}

/// Where services run that go back together, in the order in which they go: whoever needs another one first. So what
/// still runs in its newer version never has to do with an older one of what it needs.
fn rollback_targets(
    model: &Model,
    services: &[ServiceName],
    environment: &str,
) -> Result<Vec<Target>, Failure> {
    for service in services {
        known(model, service.as_str())?;
    }
    let ordered = match &model.world.catalog.value {
        Some(catalog) => in_dependency_order(catalog, services),
        None => services.to_vec(),
    };
    ordered.iter().rev().map(|service| target(model, service.as_str(), environment, "roll back")).collect()
}

fn names_of(targets: &[Target]) -> String {
    targets.iter().map(|target| target.service.as_str()).collect::<Vec<_>>().join(", ")
}

/// The service of a name in the catalog.
fn known<'a>(model: &'a Model, service: &str) -> Result<&'a Arc<Service>, Failure> {
    let catalog = model.world.catalog.value.as_ref();
    let catalog = catalog.ok_or_else(|| Failure::refused("the control repository is not read yet"))?;
    catalog.services.get(service).ok_or_else(|| {
        let failure = Failure::usage(format!("there is no service `{service}` in the catalog"));
        let names = catalog.services.keys().map(crate::domain::name::ServiceName::as_str);
        match crate::domain::text::nearest(service, names) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint("`quarterdeck service list` shows them all"),
        }
    })
}

/// Opens the file that defines a service, at its line.
fn edit(model: &Model, service: &str) -> Result<Effects, Failure> {
    let service = known(model, service)?;
    let mut files = model.world.catalog.value.iter().flat_map(|catalog| &catalog.files);
    let file = files
        .nth(service.span.file as usize)
        .ok_or_else(|| Failure::failed(format!("could not find the file that defines {}", service.name)))?;
    let (line, _) = file.position(service.span.start as usize);
    Ok(Effects::one(Effect::Edit(EditTarget { path: file.path.clone(), line })))
}

/// Where a service runs, to be looked at.
pub fn place(model: &Model, service: &str, environment: &str) -> Result<Target, Failure> {
    let known = known(model, service)?;
    let catalog = model.world.catalog.value.as_ref();
    let catalog = catalog.ok_or_else(|| Failure::refused("the control repository is not read yet"))?;
    let place = catalog.environment(environment).ok_or_else(|| no_environment(catalog, environment))?;
    catalog
        .target(known, place)
        .ok_or_else(|| Failure::refused(format!("{service} does not run in {environment}, the catalog says")))
}

fn no_environment(catalog: &Catalog, environment: &str) -> Failure {
    let names: Vec<&str> =
        catalog.settings.environments.iter().map(|environment| environment.name.as_str()).collect();
    Failure::usage(format!("there is no environment `{environment}` in quarterdeck.toml"))
        .hint(format!("choose one of {}", names.join(", ")))
}

/// Where a service runs, or why what is to be `done` to it cannot be done there.
fn target(model: &Model, service: &str, environment: &str, done: &str) -> Result<Target, Failure> {
    let refuse = |why: String| Failure::refused(format!("cannot {done} {service} in {environment}: {why}"));
    if model.config.read_only {
        return Err(refuse("this console is read-only".to_owned()));
    }
    let catalog = model
        .world
        .catalog
        .value
        .as_ref()
        .ok_or_else(|| refuse("the control repository is not read yet".to_owned()))?;
    let known = known(model, service)?;
    let place = catalog.environment(environment).ok_or_else(|| no_environment(catalog, environment))?;
    if place.read_only {
        return Err(refuse("quarterdeck.toml marks the environment as read-only".to_owned()));
    }
    catalog
        .target(known, place)
        .ok_or_else(|| refuse("the catalog says that it does not run there".to_owned()))
}

/// The cluster told the way back: shows the plan, if somebody still waits for it.
pub fn rollback_planned(
    model: &mut Model,
    job: JobId,
    result: Result<Vec<(Target, RollbackRoute)>, Failure>,
) {
    let Some(plan::Asked(opened_by)) = plan::awaited(model, job) else { return };
    match result {
        Ok(planned) => {
            let plans = planned.into_iter().map(|(target, route)| rollback_plan(model, target, route));
            let Some(plan) = together(plans.collect()) else { return };
            plan::show(model, job, plan, opened_by);
        }
        Err(failure) => {
            model.jobs.forget(job);
            say_failure(model, &failure);
        }
    }
}

/// The plans of several rollbacks as one: all steps in order, each service verified before the next begins.
fn together(mut plans: Vec<Plan>) -> Option<Plan> {
    if plans.len() < 2 {
        return plans.pop();
    }
    let mut rollbacks = Vec::with_capacity(plans.len());
    let (mut facts, mut steps, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for plan in plans {
        let Work::Rollback(rollback) = plan.work else { continue };
        let service = rollback.target.service.clone();
        for (label, value) in plan.facts {
            // Where it is comes once, and what is known of a service is told as its own.
            let label = if label == "environment" { label } else { format!("{service} {label}") };
            if !facts.contains(&(label.clone(), value.clone())) {
                facts.push((label, value));
            }
        }
        let is_first = rollbacks.is_empty();
        for step in plan.steps {
            let belongs = !is_first && step.object.starts_with("incident.declared");
            let step = if belongs {
                Step { title: "add it to".to_owned(), object: "the same incident".to_owned() }
            } else {
                step
            };
            steps.push(Step { title: format!("{service}: {}", step.title), ..step });
        }
        for note in plan.notes {
            let note = format!("{service}: {note}");
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        rollbacks.push(*rollback);
    }
    let targets: Vec<Target> = rollbacks.iter().map(|rollback| rollback.target.clone()).collect();
    let environment = targets.first().map(|target| target.environment.to_string()).unwrap_or_default();
    notes.insert(
        0,
        "Who needs another one goes first. Each is verified before the next begins; when one is not well, the rest \
         stays as it is. All belong to one incident."
            .to_owned(),
    );
    Some(Plan {
        title: format!("roll back {} in {environment}, one after the other", names_of(&targets)),
        steps,
        facts,
        notes,
        risk: Risk::Destructive,
        confirm_by_typing: targets.iter().any(|target| target.production).then_some(environment),
        work: Work::RollbackTogether(rollbacks),
    })
}

/// The plan of a rollback, with everything a person must weigh.
fn rollback_plan(model: &Model, target: Target, route: RollbackRoute) -> Plan {
    let empty = Catalog::default();
    let catalog = model.world.catalog.value.as_deref().unwrap_or(&empty);
    let object = object_name(&target);
    let (from, to) = route.versions();
    let (from, to) = (shown_version(from).to_owned(), shown_version(to).to_owned());
    let service = catalog.services.get(&target.service);
    let error_threshold = service.and_then(|service| {
        let monitored = service.metrics.as_ref().and_then(|metrics| metrics.error_rate);
        monitored.or(catalog.sla(service).error_rate).map(crate::domain::units::Ratio::share)
    });

    let mut facts = vec![
        ("cluster".to_owned(), target.context.to_string()),
        ("environment".to_owned(), target.environment.to_string()),
        ("object".to_owned(), object.clone()),
        ("version".to_owned(), format!("{from} → {to}")),
    ];
    let step = |title: &str, object: &str| Step { title: title.to_owned(), object: object.to_owned() };
    let mut steps = vec![step("record the start in the ledger", "rollback.started")];
    let mut notes = Vec::new();
    match &route {
        RollbackRoute::Undo { from_revision, to_revision, replica_set, suspend, .. } => {
            facts.push((
                "revision".to_owned(),
                format!("{from_revision} → {to_revision} (will be renumbered)"),
            ));
            let set = format!("replicaset/{}/{replica_set}", target.namespace);
            // One step in the ledger of progress: both mutations are sent together.
            match suspend {
                Some(keeper) => {
                    steps.push(step(&format!("suspend {keeper} and restore the pod template of"), &set));
                    notes.push(format!(
                        "Flux would put Git back at its next reconciliation: {keeper} stays suspended until Git is \
                         settled (`service resume` lets it go on, and Flux then brings what Git says)."
                    ));
                }
                None => steps.push(step("restore the pod template of", &set)),
            }
        }
        RollbackRoute::Rollout { from_revision, to_revision, replica_set, abort, workload, .. } => {
            facts.push((
                "revision".to_owned(),
                format!("{from_revision} → {to_revision} (will be renumbered)"),
            ));
            let first = if *abort { "abort the update and restore" } else { "restore, past the steps," };
            steps.push(step(
                &format!("{first} the pod template of"),
                &format!("replicaset/{}/{replica_set}", target.namespace),
            ));
            if let Some(workload) = workload {
                notes.push(format!(
                    "The Rollout takes its template from deployment/{}/{workload}, which is changed.",
                    target.namespace
                ));
            }
        }
        RollbackRoute::History { from_id, to_id, suspend_automated_sync, .. } => {
            facts.push(("history id".to_owned(), format!("{from_id} → {to_id}")));
            if *suspend_automated_sync {
                steps.push(step("suspend automated sync and sync to the earlier revision of", &object));
                notes.push(
                    "Automated sync is on and would put Git back at once; it stays suspended until Git is settled \
                     (`service resume` switches it on again)."
                        .to_owned(),
                );
            } else {
                steps.push(step("sync to the earlier revision of", &object));
            }
        }
    }
    steps.push(step(&format!("wait until every pod of {to} is ready in"), &target.namespace));
    steps.push(match error_threshold {
        Some(threshold) => step(
            &format!("see the error ratio of new requests at or below {}", format_percent(threshold)),
            &format!("metrics of {}", target.service),
        ),
        None => step("compare the error ratio before and after", &format!("metrics of {}", target.service)),
    });
    steps.push(step("record the verdict in the ledger", "rollback.finished"));
    if target.production {
        let how = if catalog.settings.direct_revert { "on the main branch" } else { "as a proposal" };
        steps.push(step(
            &format!("make Git say {to} {how}: revert the change, or pin"),
            target.service.as_str(),
        ));
        let told = super::tell_step(model, NoticeEvent::IncidentDeclared, Some(Severity::High), &[]);
        let told = told.map_or_else(String::new, |told| format!(", told to {}", told.object));
        steps.push(step("open an incident, post-mortem due in 24h", &format!("incident.declared{told}")));
    }
    let ledger = model.world.ledger.value.as_ref();
    if let Some(time) = ledger.and_then(|ledger| expected_rollback(&ledger.operations, &target.service)) {
        facts.push(("took before".to_owned(), format_duration(time)));
    }
    let migration = catalog.data_migrations.get(&target.service).filter(|_| {
        service
            .and_then(|service| service.version.as_ref())
            .is_some_and(|current| current.to_string() == from)
    });
    if let Some(migration) = migration {
        notes.push(format!("{from} migrated data, which {to} may not read: {migration}."));
    }

    // A rollback is how an emergency ends; no freeze keeps it away, but who rolls back should know of it.
    let projects: Vec<_> = service.and_then(|service| service.project.clone()).into_iter().collect();
    let standing = calendar::standing(catalog, Some(&target.environment), &projects, model.now);
    if let Some(closure) = standing.closure().filter(|closure| closure.kind == Closing::Freeze) {
        notes.push(format!("{}. Rollbacks are never frozen.", closure.words()));
    }

    let dependants = dependants(catalog, &target);
    if !dependants.is_empty() {
        notes.push(format!("{} depend on it: {}.", dependants.len(), dependants.join(", ")));
    }
    if let Some(version) =
        service.and_then(|service| service.version.as_ref()).filter(|v| v.to_string() != to)
    {
        let then = if target.production {
            "it is settled once the cluster is back"
        } else {
            "settle it with a change, or the next deployment brings it back"
        };
        notes.push(format!("Git still says {version}: {then}."));
    }
    if let Some(seen) = model
        .world
        .joined
        .service(target.service.as_str())
        .and_then(|row| row.place(target.environment.as_str()))
        .and_then(|place| place.indicators.as_ref())
        .and_then(|indicators| indicators.error_ratio)
    {
        facts.push(("error ratio now".to_owned(), format_percent(seen)));
    }
    Plan {
        title: format!("roll back {} in {}", target.service, target.environment),
        steps,
        facts,
        notes,
        risk: Risk::Destructive,
        confirm_by_typing: target.production.then(|| target.service.to_string()),
        work: Work::Rollback(Box::new(Rollback { target, route, error_threshold })),
    }
}

/// Services whose required dependencies name the target, with their project.
pub(super) fn dependants(catalog: &Catalog, target: &Target) -> Vec<String> {
    catalog
        .services
        .values()
        .filter(|service| {
            service
                .dependencies
                .iter()
                .any(|dependency| !dependency.optional && dependency.service == target.service)
        })
        .map(|service| service.name.to_string())
        .collect()
}
