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
        ("1.0.0", "", "2.0.0", "deprecation_date = 2026-01-01", vec!["QD303", "QD302"]),
        ("1.0.0", "", "1.9.0", "", vec![]),
        ("0.1.0", "deprecation_date = 2026-01-01", "0.2.0", "", vec!["QD302"]),
    ] {
        let (base, head) = (repository(base_version, base_date), repository(head_version, head_date));
        let found: Vec<_> = check(&head, Some(&base), today()).into_iter().map(|f| f.code).collect();
        assert_eq!(found, expected, "{base_version} {base_date} → {head_version}");
    }
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
