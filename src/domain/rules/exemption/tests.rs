//! Exemptions: who may grant them, what they silence, and that a change cannot grant its own.

use crate::domain::{
    catalog::{Catalog, reader},
    finding::Level,
    rules::check,
};

const TEAMS: &str = "[person.guard]\nemail = \"g@example.com\"\n[person.dev]\nemail = \"d@example.com\"\n\
    [team.security-team]\nmembers = [\"guard\"]\n[team.t]\nmembers = [\"dev\"]\n";

fn repository(exemption: &str) -> Catalog {
    let catalog = "[service.a]\nname = \"a\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.0.0\"\nport = 22\n\
        [service.b]\nname = \"b\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.0.0\"\nport = 22\n";
    let security = format!("forbidden_ports = [22]\n{exemption}");
    let files = [
        ("services/catalog.toml", catalog),
        ("policies/teams.toml", TEAMS),
        ("policies/security.toml", &security),
    ];
    reader::read(files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())))
}

fn exemption(rule: &str, subject: &str, approver: &str, expires: &str) -> String {
    let subject = if subject.is_empty() { String::new() } else { format!("subject = \"{subject}\"\n") };
    format!(
        "[[exemption]]\nrule = \"{rule}\"\n{subject}reason = \"old client\"\napprover = \"{approver}\"\nexpires = \"{expires}\"\n"
    )
}

fn found(head: &Catalog, base: Option<&Catalog>) -> Vec<(&'static str, String)> {
    let today = "2026-06-01".parse().unwrap();
    check(head, base, today).into_iter().map(|finding| (finding.code, finding.message)).collect()
}

fn codes(head: &Catalog, base: Option<&Catalog>) -> Vec<&'static str> {
    found(head, base).into_iter().map(|(code, _)| code).collect()
}

#[test]
fn what_holds_silences_what_it_is_about_and_is_listed() {
    for (subject, expected) in [
        ("", vec!["QD606"]),
        ("a", vec!["QD506", "QD606"]),
        ("services/catalog.toml", vec!["QD606"]),
        ("c", vec!["QD506", "QD506", "QD605"]),
    ] {
        let head = repository(&exemption("QD506", subject, "guard", "2026-11-28"));
        assert_eq!(codes(&head, None), expected, "{subject}");
    }
    let head = repository(&exemption("QD506", "a", "@guard", "2026-06-01"));
    let (_, note) = found(&head, None).pop().unwrap();
    assert_eq!(note, "1 finding is accepted until 2026-06-01: QD506 for `a`, by `guard`: old client");
}

#[test]
fn what_does_not_hold_silences_nothing() {
    for (rule, approver, expires, message) in [
        ("QD999", "guard", "2026-07-01", "no rule has the code `QD999`"),
        ("QD604", "guard", "2026-07-01", "QD604 cannot be exempt: it is about exemptions"),
        (
            "QD506",
            "nobody",
            "2026-07-01",
            "the exemption from QD506 is approved by `nobody`, who is no person",
        ),
        ("QD506", "dev", "2026-07-01", "`dev` approves the exemption from QD506 but opens no gate"),
        ("QD506", "guard", "2026-05-31", "the exemption from QD506 ran out on 2026-05-31, 1 days ago"),
        ("QD506", "guard", "2026-12-01", "the exemption from QD506 runs for 183 more days"),
    ] {
        let head = repository(&exemption(rule, "", approver, expires));
        let findings = found(&head, None);
        assert_eq!(findings.iter().filter(|(code, _)| *code == "QD506").count(), 2, "{message}");
        assert!(findings.iter().any(|(code, said)| *code == "QD604" && said == message), "{findings:?}");
    }
}

#[test]
fn a_change_cannot_exempt_itself() {
    let text = exemption("QD506", "", "guard", "2026-07-01");
    let (with, without) = (repository(&text), repository(""));
    assert_eq!(codes(&with, Some(&without)), ["QD506", "QD506", "QD606"]);
    assert_eq!(codes(&with, Some(&with)), ["QD606"]);
    // Its reason may be put better, its end may not be moved.
    assert_eq!(codes(&repository(&text.replace("old client", "an old client")), Some(&with)), ["QD606"]);
    assert_eq!(codes(&repository(&text.replace("07-01", "08-01")), Some(&with)), ["QD506", "QD506", "QD606"]);
}

#[test]
fn an_exemption_is_no_error_itself() {
    let head = repository(&exemption("QD506", "", "guard", "2026-07-01"));
    let today = "2026-06-01".parse().unwrap();
    assert!(check(&head, None, today).iter().all(|finding| finding.level == Level::Note));
}
