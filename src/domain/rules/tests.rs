//! Tests of the table and of what runs it; each rule's own fixture is under tests/fixtures/rules.

use super::*;
use crate::domain::catalog::reader;
use std::collections::BTreeSet;

fn today() -> NaiveDate {
    "2026-06-01".parse().unwrap()
}

fn load(files: &[(&str, &str)]) -> Catalog {
    reader::read(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())))
}

const SELFISH: &str = "[service.a]\nname = \"a\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.0.0\"\nverson = 1\n\
                       dependencies.requires = [\"a\"]\n";

fn codes(settings: &str) -> Vec<(&'static str, Level)> {
    let head = load(&[
        ("services/catalog.toml", SELFISH),
        ("policies/teams.toml", "[team.t]\n"),
        ("quarterdeck.toml", settings),
    ]);
    check(&head, None, today()).into_iter().map(|finding| (finding.code, finding.level)).collect()
}

#[test]
fn codes_and_names_are_unique_and_in_order() {
    let codes: Vec<_> = all().map(|rule| rule.code).collect();
    assert!(codes.is_sorted(), "{codes:?}");
    let names: BTreeSet<_> = all().map(|rule| rule.name).collect();
    assert_eq!(names.len(), codes.iter().collect::<BTreeSet<_>>().len());
    for rule in all() {
        assert!(rule.summary.ends_with('.') && !rule.help.is_empty(), "{}", rule.code);
    }
}

#[test]
fn the_repository_sets_the_level_of_a_rule() {
    assert_eq!(codes(""), [("QD204", Level::Error), ("QD103", Level::Warning)]);
    assert_eq!(
        codes("[rules]\nQD103 = \"error\"\nQD204 = \"note\"\n"),
        [("QD103", Level::Error), ("QD204", Level::Note)]
    );
    assert_eq!(codes("[rules]\nQD103 = \"allow\"\nQD204 = \"allow\"\n"), []);
}

#[test]
fn notice_is_counted_from_the_announcement_on_the_main_branch() {
    let repository = |version: &str, date: &str| {
        let text = format!(
            "[service.a]\nname = \"a\"\ntype = \"api\"\nowner = \"t\"\nversion = \"{version}\"\n{date}\n\
             governance.break_changes_notice = 30\n\
             [service.b]\nname = \"b\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.0.0\"\ndependencies.requires = [\"a\"]\n"
        );
        load(&[("services/catalog.toml", &text), ("policies/teams.toml", "[team.t]\n")])
    };
    for (base_version, base_date, head_version, head_date, expected) in [
        ("1.0.0", "deprecation_date = 2026-05-02", "2.0.0", "", vec!["QD302"]),
        ("1.0.0", "deprecation_date = 2026-05-03", "2.0.0", "", vec!["QD303", "QD302"]),
        // A change cannot announce itself.
        ("1.0.0", "", "2.0.0", "deprecation_date = 2026-01-01", vec!["QD303", "QD418", "QD302"]),
        ("1.0.0", "", "1.9.0", "", vec![]),
        ("0.1.0", "deprecation_date = 2026-01-01", "0.2.0", "", vec!["QD302"]),
    ] {
        let (base, head) = (repository(base_version, base_date), repository(head_version, head_date));
        let found: Vec<_> = check(&head, Some(&base), today()).into_iter().map(|f| f.code).collect();
        assert_eq!(found, expected, "{base_version} {base_date} → {head_version}");
    }
}

/// A repository of `a`, of `consumer` that requires it, and of what else is given.
fn pair(a: &str, consumer: &str, more: &[(&str, &str)]) -> Catalog {
    let text = format!(
        "[service.a]\nname = \"a\"\ntype = \"api\"\nowner = \"t\"\n{a}\n\
         [service.consumer]\nname = \"consumer\"\ntype = \"api\"\nowner = \"u\"\nversion = \"1.0.0\"\n{consumer}\n"
    );
    let mut files =
        vec![("services/catalog.toml", text.as_str()), ("policies/teams.toml", "[team.t]\n[team.u]\n")];
    files.extend(more);
    load(&files)
}

fn found(head: &Catalog, base: Option<&Catalog>) -> Vec<&'static str> {
    check(head, base, today()).into_iter().map(|finding| finding.code).collect()
}

const REQUIRES: &str = "dependencies.requires = [\"a\"]";

/// What is asked of a service that is generally available.
const DUTIES: &str =
    "governance = { change_log = \"x\", break_changes_notice = 30 }\nsla.availability = \"99.9%\"";

#[test]
fn a_notice_is_for_one_line_of_versions_and_for_those_it_names() {
    let notice = |version: &str, date: &str, services: &str| {
        format!(
            "version = \"1.4.0\"\nnotice = {{ version = \"{version}\", date = {date}, services = [{services}] }}"
        )
    };
    for (base, head, expected) in [
        (notice("2.0.0", "2026-05-02", "\"consumer\""), "version = \"2.0.0\"", vec!["QD302"]),
        (notice("2.0.0", "2026-05-02", "\"consumer\""), "version = \"2.3.1\"", vec!["QD302"]),
        // Nobody was told.
        (notice("2.0.0", "2026-05-02", ""), "version = \"2.0.0\"", vec!["QD302", "QD307"]),
        // Too late, and for another version.
        (notice("2.0.0", "2026-05-03", "\"consumer\""), "version = \"2.0.0\"", vec!["QD303", "QD302"]),
        (notice("2.0.0", "2026-01-01", "\"consumer\""), "version = \"3.0.0\"", vec!["QD303", "QD302"]),
        // Thirty days hold for who promises nothing; who promises none promises none.
        ("version = \"1.4.0\"".to_owned(), "version = \"2.0.0\"", vec!["QD303", "QD302"]),
        (
            "version = \"1.4.0\"\ngovernance.break_changes_notice = 0".to_owned(),
            "version = \"2.0.0\"",
            vec!["QD302"],
        ),
        // What is in development may break as it likes.
        (
            "version = \"0.4.0\"\nstatus = \"development\"".to_owned(),
            "version = \"0.5.0\"\nstatus = \"development\"",
            vec!["QD218", "QD302"],
        ),
    ] {
        let consumer = format!("{REQUIRES}\n{DUTIES}");
        let (base, head) = (pair(&base, &consumer, &[]), pair(head, &consumer, &[]));
        assert_eq!(found(&head, Some(&base)), expected);
    }
    // Who comes with the change knows what it comes to.
    let base = pair("version = \"1.4.0\"", "", &[]);
    let head = pair("version = \"2.0.0\"", "version = \"1.1.0\"\ndependencies.requires = [\"a\"]", &[]);
    assert!(!found(&head, Some(&base)).contains(&"QD303"));
}

#[test]
fn a_change_removes_no_more_than_the_main_branch_allows() {
    let repository = |services: std::ops::Range<usize>, retired: bool, limit: &str| {
        let status = if retired { "status = \"retired\"\n" } else { "" };
        let text: String = services
            .map(|number| {
                format!(
                    "[service.s{number}]\nname = \"s{number}\"\ntype = \"api\"\nowner = \"t\"\n\
                     version = \"1.0.0\"\n{status}"
                )
            })
            .collect();
        load(&[
            ("services/catalog.toml", &text),
            ("policies/teams.toml", "[team.t]\n"),
            ("quarterdeck.toml", limit),
        ])
    };
    let generous = "[limits]\nmass_deletion = \"50%\"\n";
    for (head, retired, base_limit, head_limit, expected) in [
        (3..100, false, "", "", 0),
        (11..100, false, "", "", 1),
        (10..100, false, "", "", 0),
        (11..100, true, "", "", 0),
        (50..100, false, generous, "", 0),
        (51..100, false, generous, "", 1),
        // A change does not widen its own limit.
        (50..100, false, "", generous, 1),
    ] {
        let base = repository(0..100, retired, base_limit);
        let head = repository(head, retired, head_limit);
        assert_eq!(found(&head, Some(&base)).len(), expected, "{base_limit:?} {head_limit:?}");
    }
}

#[test]
fn a_whole_project_is_not_lost_by_accident() {
    let shop = (
        "projects/shop/services.toml",
        "[project-specific.shop]\nowner = \"t\"\n[service.web]\nname = \"web\"\ntype = \"web\"\nversion = \"1.0.0\"\n",
    );
    let (base, head) = (pair("version = \"1.0.0\"", "", &[shop]), pair("version = \"1.0.0\"", "", &[]));
    assert_eq!(found(&head, Some(&base)), ["QD308"]);
    assert_eq!(found(&base, Some(&head)), Vec::<&str>::new());
}

#[test]
fn only_who_speaks_of_the_lifecycle_is_held_to_it() {
    let said = "version = \"1.0.0-rc.1\"\nstatus = \"ga\"";
    let silent = pair("version = \"1.0.0-rc.1\"", DUTIES, &[]);
    let speaking = pair(said, DUTIES, &[]);
    let duties = ["QD401", "QD403", "QD404", "QD405"];
    let found = |head: &Catalog, base: Option<&Catalog>| {
        let mut codes = found(head, base);
        codes.sort_unstable();
        codes
    };
    assert_eq!(found(&silent, None), Vec::<&str>::new());
    assert_eq!(found(&speaking, None), duties);
    // Silence is no way out.
    assert_eq!(found(&silent, Some(&speaking)), duties);
    // A first word is no step in the life.
    let first = pair("version = \"0.9.0\"\nstatus = \"development\"", DUTIES, &[]);
    assert_eq!(found(&first, Some(&pair("version = \"0.8.0\"", DUTIES, &[]))), Vec::<&str>::new());
}

#[test]
fn what_is_in_production_depends_on_the_environments() {
    let settings = (
        "quarterdeck.toml",
        "[environment.lab]\ncontext = \"l\"\n[environment.live]\ncontext = \"p\"\nproduction = true\n",
    );
    let twin = "version = \"0.1.0\"\nstatus = \"development\"\ndeployment.environments = [\"lab\"]";
    for (consumer, expected) in [
        ("", vec!["QD218"]),
        ("deployment.environments = [\"lab\", \"live\"]\n", vec!["QD218"]),
        ("deployment.environments = [\"lab\"]\n", vec![]),
        ("deployment.managed_by = \"compose\"\n", vec![]),
    ] {
        // What measures the promise is no matter here.
        let duties = DUTIES.replace("sla.availability = \"99.9%\"", "");
        let tiers = ("policies/sla.toml", "[sla.default]\navailability = \"99.9%\"\n");
        let head = pair(twin, &format!("{consumer}{REQUIRES}\n{duties}"), &[settings, tiers]);
        assert_eq!(found(&head, None), expected, "{consumer}");
    }
}

/// Services in one circle, each to be replaced by the next one.
fn circle(services: usize, version: &str) -> Catalog {
    let template = pair("version = \"1.0.0\"", REQUIRES, &[]);
    let name = |number: usize| ServiceName::from(format!("s{:06}", number % services));
    let mut catalog = template.clone();
    catalog.services.clear();
    for number in 0..services {
        let mut service = Service::clone(&template.services["consumer"]);
        service.name = name(number);
        service.version = version.parse().ok();
        service.replacement_service = Some(name(number + 1));
        service.dependencies[0].service = name(number + 1);
        catalog.services.insert(service.name.clone(), Arc::new(service));
    }
    catalog
}

#[test]
fn long_chains_are_checked_without_recursion() {
    let mut found = check(&circle(50_000, "1.0.0"), None, today());
    found.sort_by_key(|finding| finding.code);
    let codes: Vec<_> = found.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["QD203", "QD220"]);
    assert!(found[0].labels.len() <= 50 && found[0].message.contains("… 49950 more …"));
}

#[test]
fn ten_thousand_faults_at_once_are_each_found() {
    let services = 10_000;
    let (base, head) = (circle(services, "1.0.0"), circle(services, "2.0.0"));
    let found = check(&head, Some(&base), today());
    let count = |code: &str| found.iter().filter(|finding| finding.code == code).count();
    assert_eq!((count("QD302"), count("QD303")), (services, services));
    // All gone at once: one finding, and not one search for each name that was perhaps meant.
    let mut gone = head.clone();
    gone.services.clear();
    assert_eq!(check(&gone, Some(&base), today()).len(), 1);
    let mut one_left = head.clone();
    one_left.services.retain(|name, _| name.as_str().ends_with('1'));
    let found = check(&one_left, Some(&base), today());
    assert_eq!(found.iter().filter(|finding| finding.code == "QD201").count(), services / 10);
}

#[test]
fn long_lists_of_names_are_cut() {
    let names: Vec<_> = ('a'..='h').map(String::from).collect();
    assert_eq!(list(&names[..2]), "a, b");
    assert_eq!(list(&names), "a, b, c, d, e and 3 more");
}

#[test]
fn a_removed_service_that_is_needed_is_missing_and_removed_in_use() {
    let service = |name: &str, more: &str| {
        format!(
            "[service.{name}]\nname = \"{name}\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.0.0\"\n{more}\n"
        )
    };
    let user = service("user", "dependencies.requires = [\"auth\"]");
    let both = user.clone() + &service("auth", "");
    let base = load(&[("services/catalog.toml", &both), ("policies/teams.toml", "[team.t]\n")]);
    let head = load(&[("services/catalog.toml", &user), ("policies/teams.toml", "[team.t]\n")]);
    let found: Vec<_> = check(&head, Some(&base), today()).into_iter().map(|f| f.code).collect();
    assert_eq!(found, ["QD201", "QD301"]);
}

#[test]
fn a_change_does_not_silence_what_it_breaks() {
    let repository = |settings: &str, service: &str| {
        load(&[
            ("services/catalog.toml", service),
            ("policies/teams.toml", "[team.t]\n"),
            ("quarterdeck.toml", settings),
        ])
    };
    let sound = SELFISH.replace("verson = 1\n", "").replace("dependencies.requires = [\"a\"]", "");
    let checked = |before: &str, after: &str| -> Vec<(&'static str, Level)> {
        let (base, head) = (repository(before, &sound), repository(after, SELFISH));
        check(&head, Some(&base), today()).into_iter().map(|f| (f.code, f.level)).collect()
    };
    let own = [("QD204", Level::Error), ("QD103", Level::Warning)];
    assert_eq!(checked("", ""), own);
    let changed = ("QD120", Level::Warning);
    let silenced = checked("", "[rules]\nQD204 = \"allow\"\nQD103 = \"allow\"\nQD120 = \"allow\"\n");
    assert_eq!(silenced.iter().filter(|found| **found == changed).count(), 3, "{silenced:?}");
    assert!(own.iter().all(|found| silenced.contains(found)), "{silenced:?}");
    // What the base allows stays allowed, although the change takes it back.
    assert_eq!(checked("[rules]\nQD204 = \"allow\"\nQD120 = \"allow\"\n", ""), [("QD103", Level::Warning)]);
    // The default in words changes nothing.
    assert_eq!(checked("", "[rules]\nQD204 = \"error\"\n"), own);
}

#[test]
fn a_rule_that_a_change_deletes_or_loosens_still_holds_for_it() {
    let rule = |condition: &str| format!("[[rule]]\nname = \"owned\"\nrule = {condition:?}\n");
    let repository = |rules: &str, port: &str| {
        let text =
            format!("[service.a]\nname = \"a\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.0.0\"\n{port}");
        let files = [
            ("services/catalog.toml", text.as_str()),
            ("policies/teams.toml", "[team.t]\n"),
            ("policies/security.toml", rules),
        ];
        load(&files)
    };
    let demanding = rule("name != 'a'");
    for (head, count) in [(String::new(), 1), (rule("true"), 1), (demanding.clone(), 1)] {
        let base = repository(&demanding, "");
        let found = check(&repository(&head, "port = 80\n"), Some(&base), today());
        let broken = found.iter().filter(|finding| finding.code == "QD603").count();
        assert_eq!(broken, count, "{head}");
    }
}

#[test]
fn a_service_without_status_is_held_to_what_it_counts_as() {
    let full = DUTIES;
    let silent = "version = \"1.0.0\"";
    let spoken = pair(silent, &format!("status = \"ga\"\n{full}"), &[]);
    assert_eq!(found(&spoken, None), ["QD405", "QD403", "QD404"]);
    // Nobody speaks of the lifecycle; or it did, and the change takes the word out.
    let unspoken = pair(silent, full, &[]);
    assert_eq!(found(&unspoken, None), Vec::<&str>::new());
    assert_eq!(found(&unspoken, Some(&spoken)), ["QD405", "QD403", "QD404"]);
    // What does all that is asked needs no word.
    let done = pair(&format!("{silent}\n{full}"), &format!("status = \"ga\"\n{full}"), &[]);
    assert_eq!(found(&done, None), Vec::<&str>::new());
    let early = pair(&format!("version = \"0.9.0\"\n{full}"), &format!("status = \"ga\"\n{full}"), &[]);
    assert_eq!(found(&early, None), ["QD401"]);
    // A word that is no state has a finding of its own, and no others follow from it.
    let misspelt = pair(&format!("{silent}\nstatus = \"gaa\""), &format!("status = \"ga\"\n{full}"), &[]);
    assert_eq!(found(&misspelt, None), ["QD106"]);
}

#[test]
fn consumers_that_nobody_lists_are_told() {
    let project = |needs: &str| {
        format!(
            "[project-specific.p]\nowner = \"t\"\n[service.web]\nname = \"web\"\ntype = \"web\"\nversion = \"1.0.0\"\n\
             dependencies.requires = [{needs}]\n"
        )
    };
    let uses = project("\"a\"");
    for (a, consumer, project, expected) in [
        // Without a list: only what other projects use must have one.
        ("", REQUIRES, "", &[][..]),
        ("", "", uses.as_str(), &["the project `p` uses `a`, which lists no `consumers`"]),
        ("consumers.projects = [\"p\"]", "", &uses, &[]),
        // With one, it is complete.
        (
            "consumers.projects = [\"p\"]",
            REQUIRES,
            &uses,
            &["`consumer` depends on `a`, which does not list it"],
        ),
        (
            "consumers.required_by = [\"consumer\"]",
            REQUIRES,
            &uses,
            &["`web` depends on `a`, which does not list it"],
        ),
        ("consumers = { projects = [\"p\"], required_by = [\"consumer\"] }", REQUIRES, &uses, &[]),
        (
            "consumers = { projects = [\"p\"], required_by = [\"consumer\"] }",
            "",
            "",
            &[
                "`a` names the project `p` as a consumer, which does not use it",
                "`a` says that `consumer` requires it, but `consumer` does not",
            ],
        ),
    ] {
        let empty = project_without_services();
        let file = if project.is_empty() { empty.as_str() } else { project };
        let head =
            pair(&format!("version = \"1.0.0\"\n{a}"), consumer, &[("projects/p/services.toml", file)]);
        let told: Vec<_> = check(&head, None, today()).into_iter().map(|finding| finding.message).collect();
        assert_eq!(told, expected, "{a} | {consumer} | {file}");
    }
}

fn project_without_services() -> String {
    "[project-specific.p]\nowner = \"t\"\n".to_owned()
}
