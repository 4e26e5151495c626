//! What the demo's ledger tells of the last thirty days: deployments to both environments with their tests, gates and
//! watches, those that failed and went back, and the changes that were merged. Each event is made by the functions
//! that make the program's own, from the state before it.

mod failures;
mod recorder;
mod script;

pub use failures::FAILURES;

use super::{
    Scenario,
    estate::{Environment, ManagedBy, Service},
    manifests, noise,
    repository::{
        Landed,
        history::{Release, TEAMS},
    },
    scenario::MergedVersion,
    story,
};
use crate::{
    domain::{
        catalog::Catalog,
        change::ChangeClass,
        deployment::{
            gate::ReleaseGate,
            order::{Order, Place, Test},
            release::Strategy,
        },
        gate::Gate,
        ledger::{self, Happening, Merged, RollbackStart, Verdict},
        name::{CommitId, EnvironmentName, ServiceName},
    },
    error::Failure,
};
use chrono::{DateTime, TimeDelta, Utc};
use failures::{FailedVersion, Found};
use recorder::Recorder;
use script::Script;
pub(super) use script::{Act, Deed};
use std::path::Path;

/// How long after its start a deployment to production has its approvals.
const APPROVED_AFTER: TimeDelta = TimeDelta::minutes(25);

/// What the past is told from.
#[derive(Debug)]
pub struct Ground<'a> {
    /// The story.
    pub scenario: Scenario,
    /// When the demo starts.
    pub now: DateTime<Utc>,
    /// The releases that still hold, oldest first.
    pub releases: &'a [Release],
    /// What came to the main branch, oldest first.
    pub landed: &'a [Landed],
    /// What the main branch says now.
    pub main: &'a Catalog,
}

/// Writes the ledger into the bare repository `remote`, signed with keys of the seed `keys`, if any.
pub fn write(remote: &Path, ground: &Ground<'_>, keys: Option<u64>) -> Result<(), Failure> {
    let mut recorder = Recorder::open(remote, ground.main, keys)?;
    for act in &acts(ground) {
        recorder.play(act)?;
    }
    recorder.finish()
}

/// Everything that happened until now, in its order.
fn acts(ground: &Ground<'_>) -> Vec<Act> {
    let mut acts = Vec::new();
    for (thread, script) in scripts(ground).iter().enumerate() {
        acts.extend(script::acts(script, thread));
    }
    let by_hand = FAILURES.iter().filter(|failure| failure.found == Found::ByHand);
    for (index, failure) in by_hand.enumerate() {
        acts.extend(rolled_back_by_hand(failure, ground.now, 10_000 + index));
    }
    acts.extend(ground.landed.iter().filter_map(merged).flatten());
    acts.extend(story::acts(ground.scenario, ground.now));
    // What is not over yet has no end.
    acts.retain(|act| act.at < ground.now);
    acts.sort_by_key(|act| act.at);
    acts
}

/// The deployments of every version that came in these days.
fn scripts(ground: &Ground<'_>) -> Vec<Script> {
    let mut scripts = Vec::new();
    for release in ground.releases {
        let Some(service) = Service::find(release.service).filter(|service| knows(service, &release.version))
        else {
            continue;
        };
        let newest = release.version == service.version;
        let begun = |place: Environment, otherwise: TimeDelta| {
            if newest {
                manifests::deployed_at(ground.scenario, place, service, ground.now)
            } else {
                release.at + otherwise
            }
        };
        let staging = begun(Environment::Staging, TimeDelta::minutes(15));
        scripts.push(script(ground, service, &release.version, Environment::Staging, staging));
        if service.in_production && !(newest && service.lags()) {
            let at = begun(Environment::Production, TimeDelta::hours(3));
            let blind = newest && ground.scenario.bad().iter().any(|bad| bad.service == service.name);
            scripts.push(Script {
                blind,
                ..script(ground, service, &release.version, Environment::Production, at)
            });
        }
    }
    for failure in FAILURES {
        let Some(service) = Service::find(failure.service) else { continue };
        let back_to = |script: &mut Script| {
            for place in &mut script.order.places {
                place.from_version = Some(failure.from.to_owned());
                place.from_image = Some(service.image(failure.from));
            }
        };
        let at = failure.released(ground.now) + TimeDelta::minutes(15);
        let mut staging = script(ground, service, failure.version, Environment::Staging, at);
        back_to(&mut staging);
        scripts.push(staging);
        let at = failure.started(ground.now) + APPROVED_AFTER;
        let mut production = script(ground, service, failure.version, Environment::Production, at);
        back_to(&mut production);
        production.order.strategy = (failure.strategy)();
        production.failure = Some((failure, failure.failed(ground.now), settled_by(ground, failure)));
        scripts.push(production);
    }
    scripts
}

/// Whether a version is one of the estate's.
fn knows(service: &Service, version: &str) -> bool {
    service.version == version || service.previous.contains(&version)
}

/// The commit that took a version back.
fn settled_by(ground: &Ground<'_>, failure: &FailedVersion) -> Option<CommitId> {
    let is_it = |landed: &&Landed| {
        landed.brought.back
            && landed.brought.service == failure.service
            && landed.brought.version == failure.from
    };
    ground.landed.iter().find(is_it).map(|landed| landed.commit.clone())
}

/// A deployment of a version to an environment, where its first step is taken at `at`.
fn script(
    ground: &Ground<'_>,
    service: &'static Service,
    version: &str,
    environment: Environment,
    at: DateTime<Utc>,
) -> Script {
    let production = environment == Environment::Production;
    let luck = noise::hash(13, &[service.name, version, environment.name()]);
    let members = TEAMS.iter().find(|team| team.0 == service.owner).map_or(&["m-ruiz"][..], |team| team.2);
    let starter = members[(luck % members.len() as u64) as usize];
    let product = members.iter().find(|member| **member != starter).copied().unwrap_or(starter);
    let operations =
        ["p-martin", "s-novak", "m-ruiz"].into_iter().find(|who| *who != product).unwrap_or("m-ruiz");
    let mut approvals = vec![(ReleaseGate::Product, product, 11), (ReleaseGate::Operations, operations, 24)];
    if service.sensitive {
        approvals.push((ReleaseGate::Security, "l-okafor", 18));
    }
    let brought = ground.landed.iter().find(|landed| {
        !landed.brought.back && landed.brought.service == service.name && landed.brought.version == version
    });
    let versions: Vec<&str> = service.previous.iter().rev().copied().chain([service.version]).collect();
    let place = versions.iter().position(|known| *known == version);
    let before = place.and_then(|place| versions.get(place.checked_sub(1)?)).copied();
    let order = Order {
        service: service.name.into(),
        version: version.to_owned(),
        image: Some(service.image(version)),
        commit: brought.map(|landed| landed.commit.clone()),
        change: None,
        production,
        places: vec![Place {
            environment: environment.name().into(),
            wave: 0,
            from_version: before.map(str::to_owned),
            from_image: before.map(|before| service.image(before)),
            objects: vec![object(service)],
        }],
        strategy: match service.managed_by {
            ManagedBy::ArgoRollouts if production => Strategy::Canary { weights: vec![5, 25, 50] },
            _ => Strategy::Immediate,
        },
        tests: if production { Vec::new() } else { vec![Test::Integration] },
        not_before: None,
        window: false,
    };
    Script {
        service,
        order,
        start: if production { at - APPROVED_AFTER } else { at - TimeDelta::seconds(3) },
        starter,
        approvals: if production { approvals } else { Vec::new() },
        blind: false,
        failure: None,
    }
}

/// The workload of a service, as kubectl names it.
fn object(service: &Service) -> String {
    let kind = if service.managed_by == ManagedBy::ArgoRollouts { "rollout" } else { "deployment" };
    format!("{kind}/{}/{}", service.namespace(), service.name)
}

/// What a person did about a version whose fault showed when its watch was over.
fn rolled_back_by_hand(failure: &'static FailedVersion, now: DateTime<Utc>, thread: usize) -> Vec<Act> {
    let at = failure.failed(now);
    let (service, environment) = (ServiceName::from(failure.service), EnvironmentName::from("production"));
    let claim = RollbackStart {
        service: service.clone(),
        environment: environment.clone(),
        from: failure.version.to_owned(),
        to: failure.from.to_owned(),
        object: Service::find(failure.service).map(object).unwrap_or_default(),
    };
    let title = format!("{service} {} is rolled back in production: {}", failure.version, failure.detail);
    let detail = format!("{service} runs {}, every pod is ready; errors 0.01%", failure.from);
    let (place, named) = ((service.clone(), environment), service);
    let act = |seconds: i64, make: script::Make| Act {
        at: at + TimeDelta::seconds(seconds),
        who: "p-martin",
        thread,
        deed: Deed::Make(make),
    };
    let mut acts = vec![
        act(0, Box::new(move |operations, at| ledger::start_rollback(operations, &claim, at))),
        act(
            214,
            Box::new(move |operations, _| {
                ledger::finish_rollback(operations, &place.0, &place.1, Verdict::Pass, &detail)
            }),
        ),
        act(
            217,
            Box::new(move |operations, at| {
                ledger::declare_with_post_mortem(operations, failure.severity, &title, &named, at)
            }),
        ),
    ];
    acts.extend(script::aftermath(failure, at + TimeDelta::seconds(217), thread));
    acts
}

/// How a merged change came: proposed, reviewed, merged.
fn merged(landed: &Landed) -> Option<Vec<Act>> {
    let (known, head) = (landed.brought.merged?, landed.head.clone()?);
    let MergedVersion { service, version, change, author, reviewer, .. } = known;
    let summary = format!("version {} → {version}", Service::find(service)?.version);
    let (head, base) = (head, landed.onto.clone());
    let merged = Merged {
        change: (*change).into(),
        class: ChangeClass::Feature,
        branch: "main".to_owned(),
        head: head.clone(),
        onto: base.clone(),
        commit: landed.commit.clone(),
        services: vec![(*service).into()],
        tags: vec![format!("{service}-v{version}")],
        approvals: Vec::new(),
        request: None,
        break_glass: false,
    };
    let proposed = Happening::ChangeProposed {
        change: (*change).into(),
        service: (*service).into(),
        summary,
        head: head.clone(),
        base: base.clone(),
    };
    let approved = Happening::ChangeApproved {
        change: (*change).into(),
        gate: Gate::CodeReview,
        head,
        base,
        digest: None,
        answers: None,
        note: Some("reads well, and every test passes".to_owned()),
    };
    let at = landed.at;
    let act = |minutes: i64, who: &'static str, deed: Deed| Act {
        at: at - TimeDelta::minutes(minutes),
        who,
        thread: 0,
        deed,
    };
    Some(vec![
        act(19 * 60, author, Deed::Make(Box::new(move |_, _| Ok(proposed.clone())))),
        act(11, reviewer, Deed::Make(Box::new(move |_, _| Ok(approved.clone())))),
        act(0, reviewer, Deed::Merge(Box::new(merged))),
    ])
}
