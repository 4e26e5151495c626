//! Tests of the three tables on small catalogs.

use super::*;
use crate::domain::catalog::reader;
use chrono::{Duration, NaiveDate};
use std::collections::{BTreeMap, BTreeSet};

fn now() -> DateTime<Utc> {
    "2026-03-09T12:00:00Z".parse().unwrap()
}

fn catalog(files: &[(&str, &str)]) -> Catalog {
    let settings = "[environment.production]\ncontext = \"p\"\nproduction = true\n\
                    [environment.staging]\ncontext = \"s\"\n";
    let files = files.iter().copied().chain([("quarterdeck.toml", settings)]);
    let catalog = reader::read(files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())));
    assert!(catalog.findings.is_empty(), "{:#?}", catalog.findings);
    catalog
}

/// A service of one line: its name, more keys, and what it requires.
fn service(name: &str, more: &str, requires: &str) -> String {
    format!(
        "[service.{name}]\nname = \"{name}\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.2.0\"\n{more}\n\
         [service.{name}.dependencies]\nrequires = [{requires}]\n"
    )
}

/// What was observed: verdicts, and versions by service and environment.
#[derive(Default)]
struct Seen {
    places: BTreeMap<String, Vec<(EnvironmentName, bool, Option<String>)>>,
    verdicts: BTreeMap<String, SlaVerdict>,
}

impl Seen {
    /// Everything runs as `versions` says, in production and in staging.
    fn running(versions: &[(&str, Option<&str>, Option<&str>)]) -> Self {
        let place = |name: &str, version: Option<&str>| {
            (EnvironmentName::from(name), name == "production", version.map(str::to_owned))
        };
        let places = versions.iter().map(|(service, production, staging)| {
            let both = vec![place("production", *production), place("staging", *staging)];
            ((*service).to_owned(), both)
        });
        Self { places: places.collect(), ..Self::default() }
    }
}

impl Observed for Seen {
    fn verdict(&self, service: &ServiceName) -> SlaVerdict {
        self.verdicts.get(service.as_str()).copied().unwrap_or(SlaVerdict::Met)
    }

    fn running(&self, service: &ServiceName) -> Vec<Running<'_>> {
        let places = self.places.get(service.as_str()).into_iter().flatten();
        places
            .map(|(environment, production, version)| Running {
                environment,
                production: *production,
                version: version.as_deref(),
            })
            .collect()
    }
}

fn tables(catalog: &Catalog, seen: &Seen) -> Tables {
    Tables::new(&Outline::new(catalog, Options::of(catalog)), seen, None, now())
}

fn shared_estate() -> Catalog {
    let leaving = "status = \"deprecated\"\ndeprecation_date = \"2026-01-01\"\nsunset_date = \"2026-03-01\"\n\
                   replacement_service = \"auth\"";
    let global = [
        service("auth", "tier = \"critical\"", "\"store\""),
        service("store", "", ""),
        service("old", leaving, ""),
        service("lonely", "", ""),
    ]
    .concat();
    let shop = [
        service("shop-api", "tier = \"critical\"", "\"auth\", \"shop-db\""),
        service("shop-web", "tier = \"high\"", "\"auth\", \"shop-api\", \"old\""),
        service("shop-db", "", ""),
    ]
    .concat();
    let blog = service("blog", "tier = \"low\"", "\"shop-api\"") + "optional = [\"auth\"]\n";
    catalog(&[
        ("services/catalog.toml", &global),
        ("projects/shop/services.toml", &("[project-specific.shop]\nname = \"Shop\"\n".to_owned() + &shop)),
        ("projects/blog/services.toml", &("[project-specific.blog]\nname = \"Blog\"\n".to_owned() + &blog)),
    ])
}

#[test]
fn usage_counts_users_of_other_projects_and_puts_the_worst_first() {
    let catalog = shared_estate();
    let mut seen = Seen::default();
    seen.verdicts.insert("store".into(), SlaVerdict::Burning);
    let rows = tables(&catalog, &seen).usage;
    let shown: Vec<_> = rows
        .iter()
        .map(|row| {
            let usage = &row.usage;
            (
                usage.service.as_str(),
                usage.required,
                usage.optional,
                usage.projects.iter().filter(|used| used.project.is_some()).count(),
                row.is_overdue,
            )
        })
        .collect();
    // `old` should be gone, `store` burns, the rest by its number of users; `shop-db` stays within its project.
    assert_eq!(
        shown,
        [
            ("old", 1, 0, 1, true),
            ("store", 1, 0, 0, false),
            ("auth", 2, 1, 2, false),
            ("shop-api", 1, 0, 1, false),
            ("lonely", 0, 0, 0, false),
        ]
    );
    let auth = &rows[2].usage;
    assert_eq!(auth.tiers, [1, 1, 0, 0]);
    assert_eq!(auth.highest_tier().map(crate::domain::catalog::Tier::as_str), Some("critical"));
    let projects: Vec<_> = auth.projects.iter().map(|used| (used.name(), used.count())).collect();
    assert_eq!(projects, [("shop", 2), ("blog", 1)]);
    assert_eq!(auth.projects[1].optional, ["blog"]);
    assert!(rows[0].is_worrying() && rows[1].is_worrying() && !rows[2].is_worrying());
    assert_eq!(rows[0].usage.deprecation.as_ref().unwrap().days_left(now().date_naive()), Some(-8));
}

#[test]
fn the_dashboard_may_leave_deprecations_and_least_versions_out() {
    let mut catalog = shared_estate();
    let parameters = |name: &str| BTreeMap::from([(name.to_owned(), serde_json::Value::Bool(false))]);
    let widget = |kind: &str, name: &str| crate::domain::catalog::Widget {
        kind: kind.to_owned(),
        parameters: parameters(name),
        spans: BTreeMap::new(),
    };
    catalog.dashboard.push(crate::domain::catalog::DashboardSection {
        name: "Cross-Project Impact".into(),
        widgets: vec![
            widget("shared_service_usage", "show_deprecations"),
            widget("version_compliance", "check_min_versions"),
            widget("migration_status", "for_deprecated_services"),
        ],
    });
    let auth = Arc::make_mut(catalog.services.get_mut("auth").unwrap());
    auth.compat_version_min = Some("1.0.0".parse().unwrap());
    auth.replacement_service = Some("store".into());
    assert_eq!(
        Options::of(&catalog),
        Options { show_deprecations: false, check_min_versions: false, only_deprecated: false }
    );
    let quiet = tables(&catalog, &Seen::default());
    assert!(quiet.usage.iter().all(|row| row.usage.deprecation.is_none() && !row.is_overdue));
    assert!(quiet.compliance.is_empty());
    let leaving: Vec<&str> = quiet.migrations.iter().map(|row| row.migration.service.as_str()).collect();
    assert_eq!(leaving, ["old", "auth"], "a replacement is named, so it goes away too");
    catalog.dashboard.clear();
    let all = tables(&catalog, &Seen::default());
    assert_eq!((all.compliance.len(), all.migrations.len()), (1, 1));
    assert!(all.usage[0].usage.deprecation.is_some());
}

/// The state of what `consumer` demands of `auth`, with what runs of it.
fn stands(requirement: &str, main: &str, production: Option<&str>, staging: Option<&str>) -> ComplianceState {
    let auth = service("auth", "", "").replace("1.2.0", main);
    let api = service("api", "", &format!("\"auth {requirement}\""));
    let catalog = catalog(&[("services/catalog.toml", &(auth + &api))]);
    let tables = tables(&catalog, &Seen::running(&[("auth", production, staging)]));
    tables.compliance_row("auth api").unwrap().state
}

#[test]
fn what_runs_is_held_against_what_is_required() {
    use ComplianceState::{Lags, LagsInProduction, Met, Unknown, Unmet};
    for (requirement, main, production, staging, expected) in [
        (">= 1.0", "1.2.0", Some("1.2.0"), Some("1.2.0"), Met),
        (">= 1.0", "1.2.0", Some("v1.1.0"), Some("1.2.0"), Met),
        (">= 1.2", "1.2.0", Some("1.1.9"), Some("1.2.0"), LagsInProduction),
        (">= 1.2", "1.2.0", Some("1.2.0"), Some("1.1.9"), Lags),
        ("> 1.2", "1.3.0", Some("1.3.0"), Some("1.2.7"), Lags),
        ("^1.2", "1.3.0", Some("1.3.0"), Some("2.0.0"), Unmet),
        ("^2", "1.2.0", Some("1.2.0"), Some("1.2.0"), Unmet),
        (">= 1.0", "1.2.0", Some("1.2.0"), Some("1.3.0-rc.1"), Unmet),
        (">= 1.0", "1.2.0", Some("1.2.0"), None, Unknown),
        (">= 1.0", "1.2.0", Some("1.2.0"), Some("sha256:abc"), Unknown),
        (">= 1.0", "1.2.0", Some("0.9.0"), None, LagsInProduction),
    ] {
        let found = stands(requirement, main, production, staging);
        assert_eq!(found, expected, "{requirement} of {main}: {production:?} {staging:?}");
    }
}

#[test]
fn least_and_compatible_versions_and_drift_have_rows_of_their_own() {
    let auth = service("auth", "compat_version_min = \"1.1.0\"\ncompat_with = [\"1.x\", \"whatever\"]", "");
    let other = service("other", "", "");
    let catalog = catalog(&[("services/catalog.toml", &(auth + &other))]);
    let seen =
        Seen::running(&[("auth", Some("1.0.9"), Some("1.2.0")), ("other", Some("1.2.0"), Some("1.2.0"))]);
    let tables = tables(&catalog, &seen);
    let rows: Vec<_> = tables.compliance.iter().map(|row| (&*row.requirement.id, row.state)).collect();
    assert_eq!(
        rows,
        [
            ("auth ≥", ComplianceState::LagsInProduction),
            ("auth =", ComplianceState::Drifts),
            ("auth ~", ComplianceState::Met),
        ],
        "`other` runs as it should, and nobody demands more"
    );
    let least = tables.compliance_row("auth ≥").unwrap();
    assert_eq!(least.standings, [Standing::Below, Standing::Meets]);
    assert_eq!(least.requirement.demand.words(), "from 1.1.0");
    let same = tables.compliance_row("auth =").unwrap();
    assert_eq!(same.standings, [Standing::Behind, Standing::Meets]);
    assert!(tables.is_worrying(Table::Compliance, "auth ="));
    assert!(!tables.is_worrying(Table::Compliance, "auth ~"));
}

#[test]
fn only_where_the_consumer_runs_does_its_demand_matter() {
    let auth = service("auth", "", "");
    let api =
        service("api", "", "\"auth >= 1.2\"") + "[service.api.deployment]\nenvironments = [\"staging\"]\n";
    let mut catalog = catalog(&[("services/catalog.toml", &(auth + &api))]);
    let seen = Seen::running(&[("auth", Some("1.0.0"), Some("1.2.0"))]);
    let row = tables(&catalog, &seen).compliance_row("auth api").cloned().unwrap();
    assert_eq!((row.state, row.concerned().count()), (ComplianceState::Met, 1));
    // What a consumer needs where it is not there at all is not called met.
    let nowhere = Seen::default();
    let row = tables(&catalog, &nowhere).compliance_row("auth api").cloned().unwrap();
    assert_eq!((row.state, row.absent.len()), (ComplianceState::Unknown, 1));
    // A consumer that is gone demands nothing.
    Arc::make_mut(catalog.services.get_mut("api").unwrap()).status =
        crate::domain::lifecycle::Lifecycle::Retired;
    assert!(tables(&catalog, &seen).compliance_row("auth api").is_none());
}

#[test]
fn a_consumer_that_says_it_twice_has_two_rows_and_counts_once() {
    let auth = service("auth", "", "");
    let api = service("api", "", "\"auth >= 1.0\", \"auth < 2.0\"") + "optional = [\"auth\"]\n";
    let catalog = {
        let text = auth + &api;
        reader::read([("services/catalog.toml".to_owned(), text.into_bytes())])
    };
    let tables = tables(&catalog, &Seen::running(&[("auth", Some("1.2.0"), Some("1.2.0"))]));
    let ids: BTreeSet<&str> = tables.compliance.iter().map(|row| &*row.requirement.id).collect();
    assert_eq!(ids.len(), tables.compliance.len());
    assert!(ids.contains("auth api") && ids.contains("auth api 2"), "{ids:?}");
    let usage = &tables.usage_row("auth").unwrap().usage;
    assert_eq!((usage.required, usage.optional), (1, 0));
}

fn leaving(more: &str) -> Catalog {
    let old = service("old", &format!("status = \"deprecated\"\nreplacement_service = \"new\"\n{more}"), "")
        + "[service.old.migration]\nestimated_effort_hours = 2.5\nmigration_difficulty = \"easy\"\n";
    let rest = [service("new", "", ""), service("a", "", "\"old\""), service("b", "", "\"new\"")].concat();
    reader::read([("services/catalog.toml".to_owned(), (old + &rest).into_bytes())])
}

#[test]
fn a_migration_says_how_urgent_it_is_and_what_it_takes() {
    for (more, state, days) in [
        ("sunset_date = \"2026-03-08\"", MigrationState::Overdue, Some(-1)),
        ("sunset_date = \"2026-03-09\"", MigrationState::Near, Some(0)),
        ("sunset_date = \"2026-04-08\"", MigrationState::Near, Some(30)),
        ("sunset_date = \"2026-04-09\"", MigrationState::Moving, Some(31)),
        ("", MigrationState::Undated, None),
    ] {
        let tables = tables(&leaving(more), &Seen::default());
        let row = tables.migration_row("old").unwrap();
        assert_eq!((row.state, row.days_left), (state, days), "{more}");
        assert_eq!((row.migration.count(), row.migration.hours_left()), (1, Some(2.5)));
    }
    let mut done = leaving("sunset_date = \"2026-03-08\"");
    Arc::make_mut(done.services.get_mut("a").unwrap()).dependencies.clear();
    let tables = tables(&done, &Seen::default());
    assert_eq!(tables.migrations[0].state, MigrationState::Done);
    assert!(!tables.is_worrying(Table::Migrations, "old"));
}

fn moment(hours: i64) -> Moment {
    let id = format!("{:040x}", hours.unsigned_abs());
    Moment { commit: id.as_str().into(), at: now() - Duration::hours(hours) }
}

fn history(points: &[(i64, &[&str])]) -> History {
    let points = points.iter().map(|(days, consumers)| {
        let consumers = consumers.iter().map(|name| ServiceName::from(*name)).collect();
        Arc::new(Point { moment: moment(days * 24), consumers: BTreeMap::from([("old".into(), consumers)]) })
    });
    let request =
        HistoryRequest { main: "main".into(), since: now(), services: BTreeSet::from(["old".into()]) };
    History { request, points: points.collect(), unread: 0 }
}

#[test]
fn progress_is_told_from_the_points() {
    let catalog = leaving("deprecation_date = \"2026-02-01\"");
    let history = history(&[
        (200, &["a", "b", "c", "z"]),
        (100, &["a", "b", "c"]),
        (60, &["a", "b", "c"]),
        (40, &["a", "c", "d"]),
        (20, &["a"]),
    ]);
    let outline = Outline::new(&catalog, Options::default());
    let tables = Tables::new(&outline, &Seen::default(), Some(&history), now());
    let progress = tables.migration_row("old").unwrap().progress.clone().unwrap();
    // `z` left before the window began.
    assert_eq!((progress.total, progress.moved, progress.at_first, progress.most()), (4, 3, 3, 3));
    assert_eq!((now().date_naive() - progress.since.date_naive()).num_days(), 90);
    let steps: Vec<_> =
        progress.steps.iter().map(|step| (step.remaining, step.left.len(), step.joined.len())).collect();
    assert_eq!(steps, [(3, 1, 1), (1, 2, 0)]);
    assert_eq!(progress.samples(now(), 10), [3, 3, 3, 3, 3, 3, 3, 3, 1, 1]);
    assert_eq!(progress.samples(now(), 1), [1]);
    assert_eq!(progress.samples(now(), 0), Vec::<usize>::new());
}

#[test]
fn the_working_tree_is_the_last_step() {
    let catalog = leaving("deprecation_date = \"2026-02-01\"");
    let outline = Outline::new(&catalog, Options::default());
    let tables = Tables::new(&outline, &Seen::default(), Some(&history(&[(9, &["a", "b"])])), now());
    let progress = tables.migration_row("old").unwrap().progress.clone().unwrap();
    assert_eq!(progress.since, now() - Duration::days(9), "nothing is known from before");
    assert_eq!((progress.steps[0].commit.clone(), progress.steps[0].remaining), (None, 1));
    assert_eq!(progress.steps[0].left, ["b"]);
    let unknown = Tables::new(&outline, &Seen::default(), Some(&history(&[])), now());
    assert_eq!(unknown.migrations[0].progress, None);
}

#[test]
fn the_history_asked_for_goes_back_to_the_deprecation_but_not_for_ever() {
    let since = |more: &str| {
        let catalog = leaving(more);
        let outline = Outline::new(&catalog, Options::default());
        let request = HistoryRequest::of(&catalog, &outline, now()).unwrap();
        assert_eq!(request.services, BTreeSet::from(["old".into()]));
        request.since.date_naive()
    };
    let date = |text: &str| text.parse::<NaiveDate>().unwrap();
    assert_eq!(since("deprecation_date = \"2026-03-01\""), date("2025-12-09"));
    assert_eq!(since("deprecation_date = \"2025-06-01\""), date("2025-06-01"));
    assert_eq!(since("deprecation_date = \"1970-01-01\""), date("2024-03-09"));
    let calm = shared_estate();
    let mut outline = Outline::new(&calm, Options::default());
    outline.migrations.clear();
    assert_eq!(HistoryRequest::of(&calm, &outline, now()), None);
}

#[test]
fn thinning_keeps_both_ends_few_points_and_its_choice() {
    let all: Vec<Moment> = (0..2_000).rev().map(|hours| moment(hours * 2)).collect();
    let kept = thin(all.clone());
    assert!(kept.len() <= MOST_POINTS && kept.len() > MOST_POINTS / 2, "{}", kept.len());
    assert_eq!((kept.first(), kept.last()), (all.first(), all.last()));
    assert!(kept.is_sorted_by_key(|moment| moment.at));
    // One more commit changes the last choice at most.
    let mut more = all.clone();
    more.push(Moment { commit: "f".repeat(40).as_str().into(), at: now() + Duration::minutes(1) });
    let again = thin(more);
    assert_eq!(again[..kept.len() - 1], kept[..kept.len() - 1]);
    for few in [0, 1, 2, MOST_POINTS] {
        assert_eq!(thin(all[..few].to_vec()), all[..few]);
    }
    let burst: Vec<Moment> = (0..500).map(|_| moment(1)).collect();
    assert!(thin(burst).len() <= 2);
}

#[test]
fn consumers_of_what_did_not_exist_yet_are_unknown_not_none() {
    let catalog = leaving("");
    let found = consumers_of(&catalog, &BTreeSet::from(["old".into(), "new".into(), "ghost".into()]));
    assert_eq!(found.len(), 2);
    assert_eq!(found["old"], BTreeSet::from(["a".into()]));
    assert_eq!(found["new"], BTreeSet::from(["b".into()]));
}
