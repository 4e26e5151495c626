//! Edits of a service, from the words that are given to what is written.

use super::*;
use crate::domain::{gate::Gate, lifecycle::Lifecycle};

const CATALOG: &str = "[service.a]\nname = \"a\"\ntype = \"api\"\nversion = \"1.0.0\"\nowner = \"t\"\n\
    [service.a.dependencies]\nrequires = [\"c >= 1.0\"]\noptional = [\"d\"]\n[service.a.sla]\navailability = \"99.9%\"\n\
    [service.b]\nname = \"b\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.0.0\"\ndependencies.requires = [\"a >= 1.0, < 2\"]\n\
    [service.c]\nname = \"c\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.0.0\"\n\
    [service.d]\nname = \"d\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.0.0\"\n";

fn main(settings: &str) -> Catalog {
    reader::read(
        [("services/catalog.toml", CATALOG), ("quarterdeck.toml", settings)]
            .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())),
    )
}

fn version(text: &str) -> Edit {
    Edit::Version(text.parse().unwrap())
}

fn wanted(edits: Vec<Edit>) -> Wanted {
    Wanted { service: "a".into(), edits, note: None }
}

fn written(edits: Vec<Edit>) -> Result<ServiceProposal, Failure> {
    let catalog = main("");
    let wanted = wanted(edits);
    let ground = ground(&catalog, &wanted)?;
    let material = Material {
        base: "b".repeat(40).into(),
        ground,
        number: 1,
        file: CATALOG.as_bytes().to_vec(),
        change_log: Some((CHANGE_LOG.to_owned(), b"# Log\n\n## 1.0\n\n- x\n".to_vec())),
        now: "2026-11-24T03:00:00Z".parse().unwrap(),
    };
    write(&catalog, wanted, material)
}

fn added(proposal: &ServiceProposal, file: usize) -> Vec<&str> {
    let lines = proposal.files[file].diff.iter();
    lines.filter(|line| line.kind == diff::DiffKind::Added).map(|line| line.text.as_str()).collect()
}

#[test]
fn edits_name_their_branch_or_say_why_they_cannot_be() {
    let status = |to| vec![Edit::Status(to)];
    for (settings, edits, number, branch) in [
        ("", status(Lifecycle::Deprecated), 1, "change/a-deprecated"),
        (
            "[repository]\nchanges = \"proposals/*/x\"\n",
            status(Lifecycle::Maintenance),
            1,
            "proposals/a-maintenance/x",
        ),
        ("", vec![version("1.2.0"), Edit::Status(Lifecycle::Deprecated)], 1, "change/a-1.2.0"),
        ("", vec![Edit::ErrorRate("0.1%".into())], 1, "change/a-sla"),
        ("", vec![Edit::ErrorRate("0.1%".into())], 3, "change/a-sla-3"),
        ("", vec![Edit::Require("d".into()), Edit::Drop("c".into())], 1, "change/a-dependencies"),
        ("", vec![Edit::Drop("c".into()), Edit::ErrorRate("1".into())], 1, "change/a-edit"),
        ("", vec![version("1.0.0"), Edit::Guide("https://x".into())], 1, "change/a-guide"),
    ] {
        assert_eq!(ground(&main(settings), &wanted(edits)).unwrap().branch(number).1, branch);
    }
    for (service, edits, message) in [
        ("x", status(Lifecycle::Beta), "x is not on the branch main"),
        ("a", status(Lifecycle::Ga), "a is ga already"),
        ("a", status(Lifecycle::Beta), "a is ga and cannot become beta"),
        ("a", status(Lifecycle::Retired), "a is ga and cannot become retired"),
        ("a", vec![version("1.0.0"), Edit::Status(Lifecycle::Ga)], "nothing would be different about a"),
        ("a", vec![Edit::Availability("99.90".into())], "nothing would be different"),
        ("a", vec![Edit::Drop("cc".into())], "a does not depend on cc"),
        ("a", vec![Edit::Require("a".into())], "cannot depend on itself"),
    ] {
        let failure = ground(&main(""), &Wanted { service: service.into(), edits, note: None }).unwrap_err();
        assert!(failure.message.contains(message), "{}", failure.message);
    }
}

#[test]
fn what_a_person_gives_is_checked() {
    for (edit, holds) in [
        (Edit::Require("c >= 1.2".into()), true),
        (Edit::Require("c >= much".into()), false),
        (Edit::Availability("99.9%".into()), true),
        (Edit::Availability("101".into()), false),
        (Edit::ResponseTime("300ms".into()), true),
        (Edit::ResponseTime("300".into()), false),
        (Edit::Guide("https://x".into()), true),
        (Edit::Guide("later".into()), false),
    ] {
        assert_eq!(edit.clone().checked().is_ok(), holds, "{edit:?}");
    }
}

#[test]
fn several_edits_are_one_change_of_several_files() {
    let edits = vec![version("1.1.0"), Edit::Require("d >= 1".into()), Edit::Availability("99.95%".into())];
    let proposal = written(edits).unwrap();
    assert_eq!(proposal.class, ChangeClass::Feature);
    assert_eq!(proposal.summary, "version 1.0.0 → 1.1.0, needs d >= 1, availability 99.9% → 99.95%");
    let lines = added(&proposal, 0);
    for line in [
        "version = \"1.1.0\"",
        "requires = [\"c >= 1.0\", \"d >= 1\"]",
        "optional = []",
        "availability = \"99.95%\"",
    ] {
        assert!(lines.contains(&line), "{line}: {lines:?}");
    }
    assert_eq!(added(&proposal, 1)[..3], ["## Unreleased", "", &*format!("- a 1.1.0: {}", proposal.summary)]);
    assert_eq!(proposal.files[1].path, "CHANGELOG.md");
    assert!(proposal.message().starts_with("feat(a): version 1.0.0 → 1.1.0"), "{}", proposal.message());
    assert!(proposal.message().ends_with("\n\nChange-Type: feature\n"), "{}", proposal.message());
    assert_eq!(proposal.gates.iter().map(|gate| gate.gate).collect::<Vec<_>>(), [Gate::CodeReview]);
}

#[test]
fn what_breaks_asks_for_a_guide_and_says_whom_it_breaks() {
    let failure = written(vec![version("2.0.0")]).unwrap_err();
    assert!(failure.message.contains("there is no migration guide"), "{}", failure.message);
    let proposal = written(vec![version("2.0.0"), Edit::Guide("https://example.com/2".into())]).unwrap();
    assert_eq!((proposal.class, proposal.branch.as_str()), (ChangeClass::Breaking, "change/a-2.0.0"));
    assert!(added(&proposal, 0).contains(&"migration.guide_url = \"https://example.com/2\""));
    assert!(proposal.title().starts_with("feat(a)!: version 1.0.0 → 2.0.0"), "{}", proposal.title());
    assert!(proposal.impact.contains("break"), "{}", proposal.impact);
    assert!(proposal.gates.iter().any(|gate| gate.gate == Gate::Architecture));
    let request = proposal.request();
    assert_eq!((request.branch.as_str(), request.base.as_str()), ("change/a-2.0.0", "main"));
    assert!(request.body.contains("a version: 1.0.0 → 2.0.0"), "{}", request.body);
}

#[test]
fn a_change_log_of_its_own_must_be_in_the_repository() {
    for (path, inside) in [
        ("docs/log.md", true),
        ("https://example.com/x", false),
        ("/etc/x", false),
        ("../x", false),
        ("-x", false),
        (".git/config", false),
    ] {
        assert_eq!(is_inside(path), inside, "{path}");
    }
}

#[test]
fn a_step_writes_its_dates() {
    let proposal = written(vec![Edit::Status(Lifecycle::Maintenance)]).unwrap();
    assert_eq!(
        added(&proposal, 0),
        ["status = \"maintenance\"", "maintenance_date = \"2026-11-24\"", "support_until = \"2027-11-24\""]
    );
    assert!(proposal.open_duties.iter().all(|duty| duty.starts_with("maintenance: ")));
}
