//! A hand-made model for the screens' tests: a small platform at a fixed time, with one of everything.

mod review;

use crate::{
    config::{Config, keymap::Keymap, theme::Theme},
    domain::{
        catalog::{
            Catalog, Dependency, Deployment, Environment, Governance, ManagedBy, Migration, Places, Project,
            ScrapeSettings, Service, Settings, Sla, Tier,
        },
        change::{Change, ChangeClass, FieldChange, HarmCount, Identity, Proposal, Review, Wish},
        cross_project::{History, HistoryRequest, Moment, Point, Table},
        deployment::{ClusterView, Health, Workload, WorkloadDetail},
        escalation::{Severity, SeverityMatrix},
        finding::{Finding, Label, Level, SourceFile, Span},
        gate::{Gate, GateState, GateStatus},
        incident::Incident,
        lifecycle::Lifecycle,
        name::{CommitId, ProjectName, ServiceName},
        people::{People, Person, Rotation, Team},
        sla::{Endpoint, Indicators, Judgement, MetricsView, SlaVerdict},
        units::Ratio,
    },
    model::{
        Model,
        join::{Joined, Place, ProjectRow, ServiceRow},
        layout::{Pane, Size},
        world::{LedgerView, Source},
    },
};
use chrono::{DateTime, Duration, Utc};
use review::{operations, patch, request};
use std::{collections::BTreeMap, sync::Arc};

/// The time of every screen.
pub fn now() -> DateTime<Utc> {
    "2026-03-09T02:48:12Z".parse().unwrap()
}

/// One service as a row of a table.
struct Row {
    name: &'static str,
    project: Option<&'static str>,
    version: &'static str,
    running: &'static str,
    status: Lifecycle,
    owner: &'static str,
    tier: Tier,
    needs: &'static [&'static str],
    availability: Option<f64>,
    errors: f64,
    p99: f64,
    verdict: SlaVerdict,
}

const fn row(name: &'static str, project: Option<&'static str>, version: &'static str) -> Row {
    Row {
        name,
        project,
        version,
        running: version,
        status: Lifecycle::Ga,
        owner: "platform-team",
        tier: Tier::High,
        needs: &[],
        availability: Some(0.9998),
        errors: 0.0004,
        p99: 0.084,
        verdict: SlaVerdict::Met,
    }
}

/// In the order of worry, as the join would have it.
fn rows() -> Vec<Row> {
    const A: Option<&str> = Some("project-a");
    const B: Option<&str> = Some("project-b");
    vec![
        Row {
            tier: Tier::Critical,
            needs: &["user-store", "session-cache"],
            availability: Some(0.9721),
            errors: 0.0283,
            p99: 1.42,
            verdict: SlaVerdict::Violated,
            ..row("shared-auth", None, "1.3.0")
        },
        Row {
            owner: "shop-team",
            tier: Tier::Critical,
            needs: &["shared-auth", "api-gateway", "catalog-search"],
            availability: Some(0.9967),
            errors: 0.0031,
            p99: 0.212,
            verdict: SlaVerdict::Burning,
            ..row("project-a-api", A, "2.1.0")
        },
        Row {
            owner: "docs-team",
            availability: None,
            verdict: SlaVerdict::NoData,
            ..row("pdf-renderer", B, "0.7.2")
        },
        Row { tier: Tier::Critical, needs: &["shared-auth"], ..row("api-gateway", None, "3.4.1") },
        Row {
            owner: "shop-team",
            tier: Tier::Critical,
            needs: &["project-a-api", "shared-auth", "analytics-service"],
            ..row("project-a-frontend", A, "2.1.0")
        },
        Row { tier: Tier::Critical, ..row("user-store", None, "5.2.0") },
        Row { owner: "shop-team", ..row("catalog-search", A, "1.8.0") },
        Row { needs: &["shared-auth"], running: "1.9.9", ..row("new-api", None, "2.0.0") },
        Row {
            owner: "docs-team",
            needs: &["old-api", "shared-auth", "pdf-renderer", "catalog-search"],
            ..row("project-b-api", B, "1.4.2")
        },
        Row { ..row("session-cache", None, "2.8.1") },
        Row {
            status: Lifecycle::Beta,
            owner: "data-team",
            tier: Tier::Medium,
            ..row("analytics-service", None, "1.0.0-beta.4")
        },
        Row {
            status: Lifecycle::Deprecated,
            tier: Tier::Medium,
            needs: &["shared-auth"],
            ..row("old-api", None, "1.9.4")
        },
    ]
}

fn service(row: &Row) -> Service {
    Service {
        name: row.name.into(),
        kind: "microservice".into(),
        owner: Some(row.owner.into()),
        description: Some("Signs people in and says who they are".into()),
        version: Some(row.version.parse().unwrap()),
        status: row.status,
        tier: row.tier,
        project: row.project.map(ProjectName::from),
        compat_version_min: Some("1.0.0".parse().unwrap()),
        compat_with: vec!["1.x".into()],
        deprecation_date: None,
        sunset_date: None,
        maintenance_date: None,
        support_until: None,
        replacement_service: None,
        image: Some(format!("registry.example.com/shop/{}", row.name)),
        port: Some(8080),
        health_check: Some("/healthz".into()),
        sensitive: row.name == "shared-auth",
        regulated: false,
        pattern: None,
        consumer_projects: Vec::new(),
        required_by: Vec::new(),
        dependencies: row
            .needs
            .iter()
            .map(|name| Dependency {
                service: (*name).into(),
                requirement: (*name == "shared-auth").then(|| ">=1.0".parse().unwrap()),
                optional: *name == "analytics-service",
                span: Span::default(),
            })
            .collect(),
        accept_beta: Vec::new(),
        governance: Governance {
            approvers: vec!["platform-team".into()],
            change_log: None,
            break_changes_notice: Some(30),
        },
        sla: Some(Sla {
            availability: Ratio::from_percent(99.9),
            response_time_p99: Some(Duration::milliseconds(200)),
            error_rate: Ratio::from_percent(0.1),
            window: Some(Duration::days(30)),
            break_handling: None,
        }),
        migration: None,
        notice: None,
        deployment: Deployment {
            managed_by: if row.name == "api-gateway" { ManagedBy::ArgoCd } else { ManagedBy::Deployment },
            replicas: Some(3),
            ..Deployment::default()
        },
        network: None,
        metrics: None,
        alerts: None,
        span: Span { file: 0, start: 16, end: 36 },
        spans: Places::default(),
    }
}

fn environment(name: &str, production: bool) -> Environment {
    Environment {
        name: name.into(),
        context: format!("demo-{name}").into(),
        namespace: "shared".into(),
        production,
        read_only: false,
    }
}

fn people() -> People {
    let person = |handle: &str, name: &str| Person {
        handle: handle.into(),
        name: name.into(),
        emails: vec![format!("{handle}@example.com")],
        chat: Some(format!("@{handle}")),
        phone: Some("+34 600 000 000".into()),
        ..Person::default()
    };
    let persons = [person("m-ruiz", "Marta Ruiz"), person("a-chen", "Ada Chen")];
    let team = Team {
        handle: "platform-team".into(),
        description: None,
        members: vec!["m-ruiz".into(), "a-chen".into()],
        lead: Some("a-chen".into()),
        channel: None,
        rotation: Some(Rotation {
            members: vec!["m-ruiz".into(), "a-chen".into()],
            start: "2026-03-02T08:00:00".parse().unwrap(),
            time_zone: chrono_tz::Tz::Europe__Madrid,
            shift: Duration::days(7),
        }),
    };
    People {
        persons: persons.into_iter().map(|person| (person.handle.clone(), person)).collect(),
        teams: BTreeMap::from([(team.handle.clone(), team)]),
    }
}

/// The file that findings point into.
pub fn source_file() -> Arc<SourceFile> {
    let text = "# The catalog.\n\n[service.shared-auth]\nname = \"shared-auth\"\ntype = \"microservice\"\nverson = \"1.3.0\"\n";
    Arc::new(SourceFile::new("services/catalog.toml", text))
}

/// A finding of a level in [`source_file`].
pub fn finding(level: Level) -> Finding {
    let file = source_file();
    let start = file.text.find("verson").unwrap();
    Finding {
        code: "QD103",
        name: "unknown-key",
        level,
        message: "unknown key `verson`".into(),
        labels: vec![Label { file, start, end: start + 6, text: "not a key of a service".into() }],
        help: Some("did you mean `version`?".into()),
    }
}

fn changes() -> Vec<Arc<Change>> {
    let change = |id: &str, class, author: &str, hours: i64, services: &[&str]| Change {
        proposal: Proposal {
            id: id.into(),
            branch: format!("change/{id}"),
            head: CommitId::from("1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"),
            base: CommitId::from("ffeeddccbbaa00998877665544332211ffeeddcc"),
            authors: vec![Identity { name: author.into(), email: "x@example.com".into() }],
            last_committer: Identity { name: author.into(), email: "x@example.com".into() },
            subject: format!("{}: a better one", services[0]),
            committed_at: now() - Duration::hours(hours),
            opened_at: now() - Duration::hours(hours + 2),
            messages: vec![],
            paths: vec!["services/catalog.toml".into()],
            objects: std::collections::BTreeMap::new(),
        },
        breaking: class == ChangeClass::Breaking,
        class,
        services: services.iter().map(|name| ServiceName::from(*name)).collect(),
        fields: vec![FieldChange {
            service: services[0].into(),
            field: "version".into(),
            old: Some("1.3.0".into()),
            new: Some("1.4.0".into()),
        }],
        patch: Arc::new(patch()),
        harm: HarmCount::default(),
        findings: Arc::default(),
        gates: vec![gate(Gate::CodeReview, GateState::Open)],
        wishes: Vec::new(),
        seals: Arc::default(),
        signatures: std::collections::BTreeMap::new(),
        unproven: Vec::new(),
        request: None,
    };
    let mut auth = change("auth-1.4.0", ChangeClass::Feature, "Ada Chen", 26, &["shared-auth"]);
    auth.gates = vec![
        gate(
            Gate::CodeReview,
            GateState::Approved { by: "m-ruiz".into(), at: now() - Duration::hours(3), carried: true },
        ),
        gate(Gate::Security, GateState::Open),
    ];
    let mut remove =
        change("drop-old-api", ChangeClass::Breaking, "Lena Vogt", 90, &["old-api", "project-b-api"]);
    remove.gates = vec![
        gate(Gate::CodeReview, GateState::Fallen { by: "a-chen".into() }),
        gate(Gate::Architecture, GateState::Open),
    ];
    remove.findings = Arc::new(vec![finding(Level::Error), finding(Level::Warning)]);
    remove.harm = HarmCount { breaks: 2, at_risk: 1 };
    remove.wishes = vec![
        Wish {
            by: "s-novak".into(),
            at: now() - Duration::hours(40),
            note: "name a replacement".into(),
            answered: true,
        },
        Wish {
            by: "m-ruiz".into(),
            at: now() - Duration::hours(6),
            note: "project-b still calls it; keep it until they have moved".into(),
            answered: false,
        },
    ];
    remove.request = Some(Arc::new(request()));
    let fix = change("cart-fix", ChangeClass::Bugfix, "Marta Ruiz", 3, &["project-a-api"]);
    [auth, fix, remove].map(Arc::new).to_vec()
}

fn gate(gate: Gate, state: GateState) -> GateStatus {
    let team = if gate == Gate::Security { "security-team" } else { "platform-team" };
    GateStatus { gate, teams: vec![team.into()], state }
}

fn incidents() -> Vec<Incident> {
    let incident = |id: &str, severity, title: &str, service: &str, minutes: i64| Incident {
        id: id.into(),
        severity,
        title: title.into(),
        service: Some(service.into()),
        declared_at: now() - Duration::minutes(minutes),
        declared_by: "Ada Chen".into(),
        escalated: None,
        acknowledged: None,
        resolved: None,
        deployment: None,
        post_mortem: None,
    };
    let mut slow = incident("INC-13", Severity::High, "search is slow", "catalog-search", 21);
    slow.acknowledged = Some((now() - Duration::minutes(12), "m-ruiz".into()));
    vec![incident("INC-14", Severity::Critical, "logins answer 5xx", "shared-auth", 8), slow]
}

/// The keymap that the program has without files of the user's.
pub fn keymap() -> Keymap {
    let mut keymap = Keymap::default();
    let mut problems = Vec::new();
    let (name, text) = crate::config::keymap::BUILT_IN[0];
    keymap.merge(name, text, &|_| Ok(()), &mut problems);
    assert_eq!(problems, []);
    keymap
}

/// A model with nothing loaded.
pub fn empty(size: Size) -> Model {
    let config =
        Config { keymap: keymap(), theme: Theme::built_in("dark"), read_only: false, problems: Vec::new() };
    Model::new(Arc::new(config), now(), size)
}

fn source<T>(value: T, seconds: i64) -> Source<T> {
    Source { value: Some(Arc::new(value)), at: Some(now() - Duration::seconds(seconds)), failure: None }
}

/// The platform at night, with a bad release.
pub fn model(size: Size) -> Model {
    let mut model = empty(size);
    let rows = rows();
    let catalog = Catalog {
        files: vec![source_file()],
        services: rows.iter().map(|row| (row.name.into(), Arc::new(service(row)))).collect(),
        projects: ["project-a", "project-b"]
            .into_iter()
            .map(|name| {
                let project = Project {
                    name: name.into(),
                    title: None,
                    environment: None,
                    tier: None,
                    owner: None,
                    namespaces: BTreeMap::new(),
                    monitoring_level: None,
                    histogram_buckets: Vec::new(),
                    delivery: crate::domain::deployment::parameters::Delivery::default(),
                    span: Span::default(),
                };
                (name.into(), project)
            })
            .collect(),
        people: people(),
        severities: SeverityMatrix {
            on_call: Some("platform-team".into()),
            levels: vec![vec!["@on-call".into()], vec!["@platform-lead".into()]],
            ..SeverityMatrix::default()
        },
        settings: Settings {
            name: "shop".into(),
            environments: vec![environment("production", true), environment("staging", false)],
            scrape: Some(ScrapeSettings {
                url: "http://127.0.0.1:1/{service}".into(),
                interval: Duration::seconds(1),
                timeout: Duration::seconds(2),
            }),
            alertmanager: Some("http://127.0.0.1:2".into()),
            ..Settings::default()
        },
        ..Catalog::default()
    };
    fill_clusters(&mut model, &catalog, &rows);
    let joined = joined(&catalog, &model, &rows);
    model.world.catalog = source(catalog, 40);
    let review = Review {
        people: people(),
        seals: Arc::default(),
        changes: joined.changes.iter().map(|change| (**change).clone()).collect(),
    };
    model.world.changes = source(review, 40);
    let ledger = LedgerView { operations: Arc::new(operations()), unsynced: 0 };
    model.world.ledger = source(ledger, 12);
    model.world.alerts = source(Vec::new(), 5);
    model.world.remote = source((), 2);
    model.world.joined = Arc::new(joined);
    model.operator = Identity { name: "Ada Chen".into(), email: "a-chen@example.com".into() };
    model.ui.selected = Some("shared-auth".into());
    fill_lists(&mut model);
    model
}

/// The cross-project page on that platform, with a service that goes away and its history.
pub fn cross_project(size: Size, table: Table) -> Model {
    let mut model = model(size);
    let mut catalog = (**model.world.catalog.value.as_ref().unwrap()).clone();
    let service = |catalog: &mut Catalog, name: &str, edit: &dyn Fn(&mut Service)| {
        edit(Arc::make_mut(catalog.services.get_mut(name).unwrap()));
    };
    for service in catalog.services.values_mut().filter(|service| service.name != "shared-auth") {
        let service = Arc::make_mut(service);
        service.compat_version_min = None;
        service.compat_with.clear();
    }
    let day = |days: i64| (now() + Duration::days(days)).date_naive();
    service(&mut catalog, "old-api", &|old| {
        old.deprecation_date = Some(day(-70));
        old.sunset_date = Some(day(21));
        old.replacement_service = Some("new-api".into());
        old.migration = Some(Box::new(Migration {
            guide_url: Some("https://wiki.example.com/old-api".into()),
            support_until: Some(day(21)),
            migration_difficulty: Some("easy".into()),
            estimated_effort_hours: Some(2.5),
        }));
    });
    service(&mut catalog, "new-api", &|new| new.compat_version_min = Some("2.0.0".parse().unwrap()));
    service(&mut catalog, "analytics-service", &|beta| beta.compat_with = vec!["^1.0.0-beta".into()]);
    model.world.catalog = source(catalog, 40);
    let points = [
        (120, &["project-a-api", "project-a-frontend", "pdf-renderer", "project-b-api"][..]),
        (61, &["project-a-api", "project-a-frontend", "project-b-api"]),
        (34, &["project-a-api", "project-b-api"]),
        (12, &["project-b-api"]),
    ];
    let points = points.into_iter().map(|(days, consumers)| {
        let consumers = consumers.iter().map(|name| ServiceName::from(*name)).collect();
        let moment = Moment { commit: format!("{days:040x}").into(), at: now() - Duration::days(days) };
        Arc::new(Point { moment, consumers: BTreeMap::from([("old-api".into(), consumers)]) })
    });
    let request = HistoryRequest {
        main: "main".into(),
        since: now() - Duration::days(90),
        services: std::iter::once("old-api".into()).collect(),
    };
    model.world.history = source(History { request, points: points.collect(), unread: 0 }, 3);
    model.ui.table = table;
    model.ui.focus = Pane::CrossProject;
    model.ui.zoom = Some(Pane::CrossProject);
    crate::action::run::refresh_lists(&mut model);
    model
}

fn fill_clusters(model: &mut Model, catalog: &Catalog, rows: &[Row]) {
    for environment in &catalog.settings.environments {
        let mut view = ClusterView::default();
        for row in rows {
            let target = catalog.target(&catalog.services[row.name], environment).unwrap();
            let workload = Workload {
                namespace: target.namespace.clone(),
                name: target.workload.clone(),
                managed_by: target.managed_by,
                version: Some(row.running.into()),
                desired: 3,
                updated: 3,
                ready: if row.name == "new-api" { 2 } else { 3 },
                health: if row.name == "new-api" {
                    Health::Progressing("2 of 3 pods ready".into())
                } else {
                    Health::Healthy
                },
                revision: Some(2),
                detail: WorkloadDetail::default(),
            };
            view.put(workload);
        }
        model.world.clusters.insert(environment.context.clone(), source(view, 0));
    }
    let mut metrics = MetricsView::default();
    for row in rows.iter().filter(|row| row.availability.is_some()) {
        let endpoint = Endpoint { service: row.name.into(), environment: "production".into() };
        let indicators = Indicators {
            availability: row.availability,
            requests: 100_000.0,
            error_ratio: Some(row.errors),
            p99_seconds: Some(row.p99),
            rate: Some(142.0),
            trend: (0..30).map(|step| row.errors * (0.4 + 0.02 * f64::from(step))).collect(),
            at: Some(now()),
            problem: None,
            ..Indicators::default()
        };
        metrics.endpoints.insert(endpoint, indicators);
    }
    model.world.metrics = source(metrics, 1);
}

/// As the join would give it, with judgements of our own.
fn joined(catalog: &Catalog, model: &Model, rows: &[Row]) -> Joined {
    let services: Vec<Arc<ServiceRow>> = rows
        .iter()
        .map(|row| {
            let service = catalog.services[row.name].clone();
            let places = catalog
                .settings
                .environments
                .iter()
                .filter_map(|environment| catalog.target(&service, environment))
                .map(|target| place(model, row, target))
                .collect();
            Arc::new(ServiceRow {
                service,
                places,
                verdict: row.verdict,
                incidents: usize::from(matches!(row.name, "shared-auth" | "catalog-search")),
                changes: usize::from(row.name == "shared-auth"),
            })
        })
        .collect();
    let index = services.iter().enumerate().map(|(index, row)| (row.service.name.clone(), index)).collect();
    let mut counts = [0; 4];
    let mut projects: BTreeMap<Option<ProjectName>, ProjectRow> = BTreeMap::new();
    for row in &services {
        let verdict = match row.verdict {
            SlaVerdict::Violated => 0,
            SlaVerdict::Burning => 1,
            SlaVerdict::NoData => 2,
            SlaVerdict::Met => 3,
        };
        counts[verdict] += 1;
        let project = projects.entry(row.service.project.clone()).or_insert_with(|| ProjectRow {
            project: row.service.project.clone(),
            counts: [0; 4],
            requests: 100_000.0,
            availability: Some(0.9961),
            worst: row.main_place().map(|place| (row.service.name.clone(), place.judgement.clone())),
            services: Vec::new(),
        });
        project.counts[verdict] += 1;
        project.services.push(row.service.name.clone());
    }
    let mut projects: Vec<ProjectRow> = projects.into_values().collect();
    projects.sort_by_key(ProjectRow::verdict);
    let mut dependants: BTreeMap<ServiceName, Vec<ServiceName>> = BTreeMap::new();
    for service in catalog.services.values() {
        for dependency in &service.dependencies {
            dependants.entry(dependency.service.clone()).or_default().push(service.name.clone());
        }
    }
    let mut joined = Joined::default();
    joined.services = services;
    joined.index = Arc::new(index);
    joined.projects = projects.into();
    joined.changes = changes();
    joined.incidents = incidents();
    joined.counts = counts;
    joined.dependants = Arc::new(dependants);
    joined
}

fn place(model: &Model, row: &Row, target: crate::domain::catalog::Target) -> Place {
    let view = model.world.clusters[target.context.as_str()].value.clone().unwrap();
    let workload = view.workloads.get(&(target.namespace.clone(), target.workload.clone())).cloned();
    let endpoint = Endpoint { service: target.service.clone(), environment: target.environment.clone() };
    let indicators = model.world.metrics.value.as_ref().unwrap().endpoints.get(&endpoint).cloned();
    let judgement = if target.production {
        Judgement {
            verdict: row.verdict,
            availability: row.availability,
            budget_remaining: row.availability.map(|seen| 1.0 - (1.0 - seen) / 0.001),
            burn_rate: row.availability.map(|_| row.errors / 0.001),
            reasons: match row.verdict {
                SlaVerdict::Violated => {
                    vec!["availability 97.21% is below 99.9%".into(), "p99 1.4s is above 200ms".into()]
                }
                SlaVerdict::Burning => vec!["errors 0.31% use the budget up 3.1 times too fast".into()],
                SlaVerdict::NoData => vec!["never scraped: 404 Not Found".into()],
                SlaVerdict::Met => Vec::new(),
            },
        }
    } else {
        Judgement {
            verdict: SlaVerdict::NoData,
            availability: None,
            budget_remaining: None,
            burn_rate: None,
            reasons: vec!["never scraped".into()],
        }
    };
    let restarts = view.restarts_of(&(target.namespace.clone(), target.workload.clone()));
    Place { target, workload, application: None, keeper: None, restarts, indicators, judgement }
}

/// Changes the catalog, and what is joined from it, as the engine would.
fn recatalog(model: &mut Model, change: impl FnOnce(&mut Catalog)) {
    let mut catalog = model.world.catalog.value.as_deref().unwrap().clone();
    change(&mut catalog);
    model.world.catalog.value = Some(Arc::new(catalog));
    let joined = Joined::new(&model.world);
    let known = model.world.joined.clone();
    let joined_now = Arc::make_mut(&mut model.world.joined);
    for row in joined.services.iter().filter(|row| known.service(row.service.name.as_str()).is_none()) {
        joined_now.services.push(row.clone());
    }
    let index = joined_now.services.iter().enumerate();
    joined_now.index = Arc::new(index.map(|(index, row)| (row.service.name.clone(), index)).collect());
    joined_now.dependants = joined.dependants;
}

/// Makes `session-cache` need `api-gateway`, and so closes a circle over `shared-auth`.
pub fn tie_a_knot(model: &mut Model) {
    recatalog(model, |catalog| {
        let cache = Arc::make_mut(catalog.services.get_mut("session-cache").unwrap());
        cache.dependencies.push(Dependency {
            service: "api-gateway".into(),
            requirement: None,
            optional: false,
            span: Span::default(),
        });
    });
}

/// Adds services in three projects that need what is there.
pub fn grow(model: &mut Model, count: usize) {
    recatalog(model, |catalog| {
        let needs: [&[&'static str]; 4] =
            [&["shared-auth"], &["api-gateway", "catalog-search"], &["user-store"], &["project-b-api"]];
        for index in 0..count {
            let project = ["project-a", "project-b", "project-c"][index * 7 % 3];
            let row = Row { needs: needs[index % 4], ..row("user-store", None, "1.0.0") };
            let mut service = service(&row);
            service.name = format!("worker-{index:03}").into();
            service.project = Some(project.into());
            // Every fifth is needed by its neighbour, so that not all of them are leaves.
            if index % 5 == 1 {
                service.dependencies[0].service = format!("worker-{:03}", index - 1).into();
            }
            catalog.services.insert(service.name.clone(), Arc::new(service));
        }
    });
}

/// Rows as the engine fills them.
fn fill_lists(model: &mut Model) {
    let joined = model.world.joined.clone();
    let rows = model.arrange_inventory();
    let lists = &mut model.ui.lists;
    lists[Pane::Inventory.index()].rows = rows;
    lists[Pane::Changes.index()].rows =
        joined.changes.iter().map(|change| change.proposal.id.to_string()).collect();
    lists[Pane::Sla.index()].rows = joined.projects.iter().map(|row| row.name().to_owned()).collect();
    lists[Pane::Escalation.index()].rows =
        joined.incidents.iter().map(|incident| incident.id.to_string()).collect();
    model.settle_graph();
}
