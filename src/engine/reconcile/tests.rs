//! What the reconcilers want, by what the world shows and the time.

use super::{TABLE, deployments, escalate, notify, restore, staging, validate};
use crate::{
    action::command::{ChangeCommand, Command, DeploymentCommand, IncidentCommand, NoticeCommand},
    config::Config,
    domain::{
        catalog::{self, AgentSettings, Catalog, ManagedBy, reader::shapes},
        change::{self, ChangeClass, Identity, Proposal, Review},
        deployment::{
            ClusterView, Health, Workload, WorkloadDetail, fixture,
            order::{Order, Place},
            record::Ending,
            release::Strategy,
            request::DeploySubject,
            work::Steering,
        },
        escalation::Severity,
        finding::{Finding, Level},
        forge::{ForgeKind, ForgeSettings},
        graph::DependencyGraph,
        ledger::{Entry, EntryBody, Happening, Merged, Operations, Restored},
        merge::LandingRequest,
        notice::{AddressPlace, Channel, ChannelKind, Delivery, NoticeEvent},
    },
    model::{
        Model,
        join::Joined,
        layout::Size,
        world::{LedgerView, MainBranch},
    },
};
use chrono::{DateTime, Duration, Utc};
use std::{collections::BTreeSet, sync::Arc};

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap() + Duration::minutes(minute)
}

fn entry(minute: i64, serial: usize, happening: Happening) -> Entry {
    Entry {
        commit: format!("{serial:040x}").into(),
        at: at(minute),
        actor: Identity { name: "Ana".into(), email: "ana@example.com".into() },
        subject: String::new(),
        body: EntryBody::Known(happening),
    }
}

/// A model whose ledger has these events, seen at a minute.
fn model(minute: i64, catalog: &Catalog, events: Vec<(i64, Happening)>) -> Model {
    let mut model = Model::new(Arc::new(Config::default()), at(minute), Size::default());
    let entries: Vec<Entry> = events
        .into_iter()
        .enumerate()
        .map(|(serial, (minute, happening))| entry(minute, serial, happening))
        .collect();
    let operations = Operations::fold(&entries);
    assert_eq!(operations.contradictions, 0, "{:?}", operations.anomalies);
    let view = LedgerView { operations: Arc::new(operations), unsynced: 0 };
    model.world.ledger.receive(at(minute), Ok(Arc::new(view)));
    model.world.catalog.receive(at(minute), Ok(Arc::new(catalog.clone())));
    model
}

fn declared(id: &str, severity: Severity) -> Happening {
    Happening::IncidentDeclared {
        incident: id.into(),
        severity,
        title: "5xx".into(),
        service: None,
        deployment: None,
        post_mortem_due: None,
    }
}

#[test]
fn the_settings_know_every_reconciler_and_no_other() {
    let named: BTreeSet<&str> = TABLE.iter().map(|row| row.name).collect();
    assert_eq!(named.len(), TABLE.len(), "two have one name");
    // Restoring has a policy of its own.
    let listed: BTreeSet<&str> = shapes::RECONCILERS.iter().copied().chain(["restore"]).collect();
    assert_eq!(named, listed);
}

#[test]
fn what_runs_is_what_the_settings_say() {
    let enabled = |settings: &AgentSettings| -> Vec<&str> {
        TABLE.iter().filter(|row| row.is_enabled(settings)).map(|row| row.name).collect()
    };
    assert!(!enabled(&AgentSettings::default()).contains(&"restore"));
    assert!(enabled(&AgentSettings::default()).contains(&"escalate"));
    let only = AgentSettings { run: Some(vec!["notify".into()]), restore: true, ..AgentSettings::default() };
    assert_eq!(enabled(&only), ["restore", "notify"]);
    let none = AgentSettings { run: Some(Vec::new()), ..AgentSettings::default() };
    assert_eq!(enabled(&none), [""; 0]);
}

#[test]
fn without_pictures_nothing_is_wanted() {
    let model = Model::new(Arc::new(Config::default()), at(0), Size::default());
    for row in TABLE {
        assert_eq!((row.reconcile)(&model), [], "{}", row.name);
    }
}

#[test]
fn levels_are_called_when_their_deadlines_pass() {
    let catalog = Catalog::default();
    let escalated = |id: &str, level, unanswered| Happening::IncidentEscalated {
        incident: id.into(),
        level,
        to: vec!["@on-call".into()],
        unanswered,
    };
    let taken = |id: &str| Happening::IncidentAcknowledged { incident: id.into() };
    let both = || vec![(0, declared("INC-1", Severity::Critical)), (0, declared("INC-2", Severity::Low))];
    for (minute, more, expected) in [
        (4, vec![], vec![]),
        (5, vec![], vec![("INC-1", 1, true)]),
        (5, vec![(5, escalated("INC-1", 1, true))], vec![]),
        (15, vec![(5, escalated("INC-1", 1, true))], vec![("INC-1", 2, false)]),
        (15, vec![(4, taken("INC-1"))], vec![("INC-1", 1, false)]),
        (
            61,
            vec![(4, Happening::IncidentResolved { incident: "INC-1".into(), note: None })],
            vec![("INC-2", 1, true)],
        ),
    ] {
        let events = both().into_iter().chain(more).collect();
        let wanted = escalate::reconcile(&model(minute, &catalog, events));
        let wanted: Vec<_> = wanted
            .iter()
            .map(|command| match command {
                Command::Incident(IncidentCommand::Escalate { incident, due: Some(due) }) => {
                    (incident.as_str(), due.level, due.unanswered)
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(wanted, expected, "minute {minute}");
    }
}

fn channel(name: &str, on: &[NoticeEvent]) -> Channel {
    Channel {
        name: name.into(),
        kind: ChannelKind::Webhook,
        address: AddressPlace::Plain("http://127.0.0.1:1".into()),
        secret: None,
        on: on.to_vec(),
        severity: None,
    }
}

#[test]
fn what_nobody_was_told_is_told_after_a_while_and_again_where_it_failed() {
    let mut catalog = Catalog::default();
    catalog.settings.channels =
        vec![channel("ops", &[NoticeEvent::IncidentDeclared]), channel("pager", &NoticeEvent::ALL)];
    let told = |ops: bool, pager: bool| {
        let delivery = |channel: &str, sent: bool| Delivery {
            channel: channel.into(),
            failed: (!sent).then(|| "503".into()),
            attempts: 4,
            at: at(0),
        };
        Happening::NoticeDelivered {
            about: "INC-1".into(),
            event: "incident.declared".into(),
            deliveries: vec![delivery("ops", ops), delivery("pager", pager)],
            of: Some(format!("{:040x}", 0).into()),
        }
    };
    let failing = |times: usize| vec![(0, told(true, false)); times];
    for (minute, more, expected) in [
        // Whoever declared it is still telling.
        (0, vec![], None),
        (1, vec![], Some("ops pager")),
        (60, vec![], Some("ops pager")),
        (61, vec![], None),
        (2, vec![(0, told(true, true))], None),
        // Only who could not be told, and twice as long after each try.
        (1, failing(1), None),
        (2, failing(1), Some("pager")),
        (3, failing(2), None),
        (4, failing(2), Some("pager")),
        (31, failing(5), None),
        (32, failing(5), Some("pager")),
        (700, failing(6), None),
        (24 * 60 + 1, failing(1), None),
    ] {
        let events = std::iter::once((0, declared("INC-1", Severity::High))).chain(more).collect();
        let wanted = notify::reconcile(&model(minute, &catalog, events));
        let wanted: Vec<_> = wanted
            .iter()
            .map(|command| match command {
                Command::Notice(NoticeCommand::Deliver { channels, .. }) => channels.join(" "),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(wanted, expected.into_iter().collect::<Vec<_>>(), "minute {minute}");
    }
}

#[test]
fn what_became_of_a_deployment_is_told_again_to_whom_it_did_not_reach() {
    let mut catalog = Catalog::default();
    catalog.settings.channels = vec![
        channel("ops", &[NoticeEvent::DeploymentStarted, NoticeEvent::RollbackFinished]),
        channel("pager", &NoticeEvent::ALL),
    ];
    let order = |production| Box::new(fixture::order(production, Strategy::Immediate, &[("p", 0)]));
    let id = || crate::domain::name::DeploymentId::from("DEP-1");
    let started = |production| Happening::DeploymentStarted { deployment: id(), order: order(production) };
    let held = Happening::DeploymentHeld {
        deployment: id(),
        reason: "too few requests".into(),
        verdict: Some(crate::domain::ledger::Verdict::NoData),
    };
    let by_person = Happening::DeploymentHeld { deployment: id(), reason: "wait".into(), verdict: None };
    let cancelled = Happening::DeploymentCancelled { deployment: id(), reason: "not today".into() };
    let finished = |ending| Happening::DeploymentFinished { deployment: id(), ending, detail: "seen".into() };
    let told = |event: &str, serial: usize, ops: bool| Happening::NoticeDelivered {
        about: "DEP-1".into(),
        event: event.into(),
        deliveries: vec![
            Delivery { channel: "ops".into(), failed: (!ops).then(|| "503".into()), attempts: 4, at: at(0) },
            Delivery { channel: "pager".into(), failed: None, attempts: 1, at: at(0) },
        ],
        of: Some(format!("{serial:040x}").into()),
    };
    for (events, expected) in [
        (vec![started(true)], vec!["deployment.started: ops pager"]),
        (vec![started(false)], vec![]),
        (vec![started(true), told("deployment.started", 0, true)], vec![]),
        (vec![started(true), told("deployment.started", 0, false)], vec!["deployment.started: ops"]),
        (vec![started(false), held], vec!["deployment.held: pager"]),
        (vec![started(false), by_person], vec![]),
        (
            vec![
                started(true),
                told("deployment.started", 0, true),
                cancelled.clone(),
                finished(Ending::Cancelled),
            ],
            vec!["deployment.finished: pager"],
        ),
        (vec![started(false), cancelled.clone(), finished(Ending::Cancelled)], vec![]),
        (vec![started(false), cancelled, finished(Ending::RolledBack)], vec!["rollback.finished: ops pager"]),
    ] {
        let model = model(5, &catalog, events.iter().map(|event| (0, event.clone())).collect());
        let untold = &model.world.ledger.value.as_ref().unwrap().operations.untold;
        let wanted: Vec<String> = notify::reconcile(&model)
            .iter()
            .map(|command| match command {
                Command::Notice(NoticeCommand::Deliver { event, channels }) => {
                    let untold = untold.iter().find(|untold| untold.commit == *event).unwrap();
                    assert_eq!(
                        (untold.about.as_str(), untold.service.as_ref().unwrap().as_str()),
                        ("DEP-1", "api")
                    );
                    format!("{}: {}", untold.event.as_str(), channels.join(" "))
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(wanted, expected, "{events:?}");
    }
}

#[test]
fn an_escalation_is_told_to_the_channel_that_its_level_calls() {
    let mut catalog = Catalog::default();
    catalog.settings.channels = vec![channel("ops", &[]), channel("other", &[])];
    let escalated = Happening::IncidentEscalated {
        incident: "INC-1".into(),
        level: 1,
        to: vec!["@on-call".into(), "slack#ops".into()],
        unanswered: true,
    };
    let events = vec![(0, declared("INC-1", Severity::High)), (15, escalated)];
    let wanted = notify::reconcile(&model(17, &catalog, events));
    assert!(
        matches!(wanted.as_slice(),
            [Command::Notice(NoticeCommand::Deliver { channels, .. })] if channels == &["ops"]),
        "{wanted:?}"
    );
}

fn proposal() -> Proposal {
    let by = Identity { name: "Ana".into(), email: "ana@example.com".into() };
    Proposal {
        id: "api-2".into(),
        branch: "change/api-2".into(),
        head: "a".repeat(40).into(),
        base: "b".repeat(40).into(),
        authors: vec![by.clone()],
        last_committer: by,
        subject: "feat: two".into(),
        messages: Vec::new(),
        committed_at: at(0),
        opened_at: at(0),
        paths: Vec::new(),
        objects: std::collections::BTreeMap::new(),
    }
}

#[test]
fn each_head_is_validated_once_and_again_when_its_base_moves() {
    let forge = ForgeSettings {
        kind: ForgeKind::Gitea,
        url: "http://127.0.0.1:1".into(),
        repository: "shop/control".into(),
        token: None,
        review: false,
        projects: std::collections::BTreeMap::new(),
    };
    let validated = |head: &str, base: &str, posted| {
        vec![(
            0,
            Happening::ChangeValidated {
                change: "api-2".into(),
                head: head.repeat(40).into(),
                base: base.repeat(40).into(),
                errors: 0,
                warnings: 0,
                posted,
            },
        )]
    };
    for (has_forge, answered, events, expected) in [
        (false, false, vec![], true),
        (false, false, validated("a", "b", false), false),
        (false, false, validated("c", "b", false), true),
        (false, false, validated("a", "c", false), true),
        (true, true, validated("a", "b", false), true),
        (true, true, validated("a", "b", true), false),
        // Where the requests are not known yet, nobody knows where the comment goes.
        (true, false, vec![], false),
    ] {
        let mut catalog = Catalog::default();
        catalog.settings.forge = has_forge.then(|| forge.clone());
        let case = format!("{has_forge} {answered} {events:?}");
        let mut model = model(1, &catalog, events);
        let empty = Catalog::default();
        let nothing = DependencyGraph::build(&empty);
        let conclusion = change::conclude(&proposal(), &empty, &empty, &nothing, Vec::new());
        let change =
            change::assemble(proposal(), &conclusion, &empty, &Operations::default(), Arc::default());
        let review = Review { changes: vec![change], ..Review::default() };
        model.world.changes.receive(at(1), Ok(Arc::new(review)));
        if answered {
            model.world.requests.receive(at(1), Ok(Arc::default()));
        }
        model.world.joined = Arc::new(Joined::new(&model.world));
        let wanted = validate::reconcile(&model);
        let one = Command::Change(ChangeCommand::Record("api-2".into()));
        assert_eq!(wanted, if expected { vec![one] } else { vec![] }, "{case}");
    }
}

#[test]
fn a_broken_main_branch_is_restored_and_a_restoration_that_was_cut_off_recorded() {
    let restored = Restored {
        branch: "main".into(),
        from: "a".repeat(40).into(),
        to: "b".repeat(40).into(),
        commit: "c".repeat(40).into(),
        reason: "broken".into(),
        detected_at: at(0),
        incident: None,
    };
    let recorded = vec![(1, Happening::MainRestored(Box::new(restored)))];
    let finding = Finding {
        code: "QD203",
        name: "dependency-cycle",
        level: Level::Error,
        message: "a circle".into(),
        labels: Vec::new(),
        help: None,
    };
    for (errors, trailers, events, since, expected) in [
        (vec![], vec![], vec![], None, false),
        (vec![finding], vec![], vec![], Some(at(2)), true),
        (vec![], vec!["c".repeat(40).into()], vec![], None, true),
        (vec![], vec!["c".repeat(40).into()], recorded, None, false),
    ] {
        let mut model = model(3, &Catalog::default(), events);
        let main = MainBranch {
            name: "main".into(),
            head: "d".repeat(40).into(),
            catalog: Arc::default(),
            errors,
            restorations: trailers,
        };
        model.world.main.receive(at(2), Ok(Arc::new(main)));
        model.world.main_broken_since = since;
        let one = Command::Land(LandingRequest::Restore { detected_at: since });
        assert_eq!(restore::reconcile(&model), if expected { vec![one] } else { vec![] });
        // What was seen last may be mended where nobody can look now.
        model.world.main.receive(at(3), Err(crate::error::Failure::unreachable("away")));
        assert_eq!(restore::reconcile(&model), []);
    }
}

fn started(version: &str, environment: &str) -> Happening {
    let place = Place {
        environment: environment.into(),
        wave: 0,
        from_version: None,
        from_image: None,
        objects: Vec::new(),
    };
    let order = Order {
        service: "api".into(),
        version: version.into(),
        image: None,
        commit: None,
        change: None,
        production: false,
        places: vec![place],
        strategy: Strategy::Immediate,
        tests: Vec::new(),
        not_before: None,
        window: false,
    };
    Happening::DeploymentStarted { deployment: "DEP-1".into(), order: Box::new(order) }
}

#[test]
fn every_deployment_is_looked_after_that_nobody_holds() {
    let held =
        Happening::DeploymentHeld { deployment: "DEP-1".into(), reason: "no data".into(), verdict: None };
    let cancelled = Happening::DeploymentCancelled { deployment: "DEP-1".into(), reason: "x".into() };
    for (more, expected) in [(vec![], 1), (vec![(1, held)], 0), (vec![(1, cancelled)], 1)] {
        let events = std::iter::once((0, started("2.0.0", "staging"))).chain(more).collect();
        let wanted = deployments::reconcile(&model(2, &Catalog::default(), events));
        assert_eq!(wanted.len(), expected);
        for command in wanted {
            let Command::Deployment(DeploymentCommand::Steer { deployment, steering }) = command else {
                panic!("{command:?}")
            };
            assert_eq!(deployment, "DEP-1");
            // It must not speak for a person.
            assert_eq!(steering, Steering::Continue { accept: false, note: None });
        }
    }
}

#[test]
fn what_was_merged_lately_goes_to_staging_once() {
    let settings = "[environment.staging]\ncontext = \"s\"\n[environment.production]\ncontext = \"p\"\n";
    let services = "[service.api]\nname = \"api\"\ntype = \"api\"\nversion = \"2.0.0\"\n";
    let catalog = catalog::read([
        ("quarterdeck.toml".to_owned(), settings.as_bytes().to_vec()),
        ("services/catalog.toml".to_owned(), services.as_bytes().to_vec()),
    ]);
    let merged = |services: &[&str]| {
        Happening::ChangeMerged(Box::new(Merged {
            change: "api-2".into(),
            class: ChangeClass::Breaking,
            branch: "main".into(),
            head: "a".repeat(40).into(),
            onto: "b".repeat(40).into(),
            commit: "c".repeat(40).into(),
            services: services.iter().map(|name| (*name).into()).collect(),
            tags: Vec::new(),
            approvals: Vec::new(),
            request: None,
            break_glass: false,
        }))
    };
    let quarantined = Happening::ReleaseQuarantined {
        service: "api".into(),
        version: "2.0.0".into(),
        image: None,
        reason: "it failed".into(),
        deployment: None,
    };
    let frozen = Happening::ServiceFrozen { service: "api".into(), reason: "too often".into() };
    let all = || merged(&["api"]);
    for (events, running, minute, expected) in [
        (vec![all()], Some("1.0.0"), 1, true),
        (vec![all()], Some("2.0.0"), 1, false),
        (vec![all()], None, 1, false),
        (vec![], Some("1.0.0"), 1, false),
        (vec![merged(&["other"])], Some("1.0.0"), 1, false),
        (vec![all()], Some("1.0.0"), 8 * 24 * 60, false),
        (vec![all(), quarantined], Some("1.0.0"), 1, false),
        (vec![all(), frozen], Some("1.0.0"), 1, false),
        (vec![all(), started("2.0.0", "staging")], Some("1.0.0"), 1, false),
        (vec![all(), started("1.9.0", "staging")], Some("1.0.0"), 1, false),
        (vec![all(), started("2.0.0", "elsewhere")], Some("1.0.0"), 1, true),
    ] {
        let case = format!("{events:?} {running:?} {minute}");
        let events = events.into_iter().map(|event| (0, event)).collect();
        let mut model = model(minute, &catalog, events);
        let mut view = ClusterView::default();
        if let Some(version) = running {
            let workload = Workload {
                namespace: "default".into(),
                name: "api".into(),
                managed_by: ManagedBy::Deployment,
                version: Some(version.into()),
                desired: 1,
                updated: 1,
                ready: 1,
                health: Health::Healthy,
                revision: None,
                detail: WorkloadDetail::default(),
            };
            view.put(workload);
        }
        let view = Arc::new(view);
        for context in ["s", "p"] {
            model.world.clusters.entry(context.into()).or_default().receive(at(0), Ok(view.clone()));
        }
        model.world.joined = Arc::new(Joined::new(&model.world));
        let wanted = staging::reconcile(&model);
        assert_eq!(wanted.len(), usize::from(expected), "{case}: {wanted:?}");
        for command in wanted {
            let Command::Deployment(DeploymentCommand::Deploy(request)) = command else {
                panic!("{command:?}")
            };
            assert_eq!(request.environment, "staging");
            let version = Some("2.0.0".to_owned());
            assert_eq!(request.subject, DeploySubject::Service { service: "api".into(), version });
        }
    }
}
