//! Who may append what about deployments, and what follows.

use super::*;
use crate::domain::{
    change::Seals,
    deployment::{order::Place, release::Strategy},
    ledger::EntryBody,
    name::EnvironmentName,
};
use crate::error::FailureKind;

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + minutes * 60, 0).unwrap()
}

fn order(version: &str, environments: &[&str]) -> Order {
    Order {
        service: "api".into(),
        version: version.to_owned(),
        image: Some(format!("registry/api@sha256:{version}")),
        commit: None,
        change: None,
        production: true,
        places: environments
            .iter()
            .map(|environment| Place {
                environment: EnvironmentName::from(*environment),
                wave: 0,
                from_version: Some("1.0.0".into()),
                from_image: None,
                objects: Vec::new(),
            })
            .collect(),
        strategy: Strategy::Canary { weights: vec![5] },
        tests: Vec::new(),
        not_before: None,
        window: false,
    }
}

fn after(operations: &mut Operations, email: &str, minute: i64, happening: Happening) {
    let actor =
        Identity { name: email.split('@').next().unwrap_or_default().to_owned(), email: email.to_owned() };
    operations.apply(&Entry {
        commit: format!("{:040x}", operations.events).into(),
        at: at(minute),
        actor,
        subject: happening.subject(),
        body: EntryBody::Known(happening),
    });
}

fn started(order: &Order) -> Operations {
    let mut operations = Operations::default();
    let happening = start_deployment(&operations, order, at(0)).unwrap();
    after(&mut operations, "ana@example.com", 0, happening);
    operations
}

#[test]
fn one_deployment_of_a_service_runs_at_a_place() {
    let mut operations = started(&order("2.0.0", &["europe", "america"]));
    assert_eq!(operations.next_deployment(), "DEP-2");
    let failure = start_deployment(&operations, &order("2.1.0", &["america"]), at(3)).unwrap_err();
    assert!(
        failure.message.contains("DEP-1 of api 2.0.0 in america is not over, started by ana 3m ago"),
        "{failure:?}"
    );
    assert!(start_deployment(&operations, &order("2.1.0", &["asia"]), at(3)).is_ok());
    let elsewhere = Order { service: "web".into(), ..order("2.1.0", &["america"]) };
    assert!(start_deployment(&operations, &elsewhere, at(3)).is_ok());
    let id = DeploymentId::from("DEP-1");
    let happening = cancel(&operations, &id, "not today").unwrap();
    after(&mut operations, "bo@example.com", 4, happening);
    let happening = finish_deployment(&operations, &id, Ending::Cancelled, "not today").unwrap();
    after(&mut operations, "bo@example.com", 5, happening);
    assert!(start_deployment(&operations, &order("2.1.0", &["america"]), at(6)).is_ok());
    assert_eq!(cancel(&operations, &id, "x").unwrap_err().kind, FailureKind::Refused);
    assert_eq!((operations.contradictions, operations.open_deployments().count()), (0, 0));
}

#[test]
fn a_leg_has_one_holder_until_the_claim_lapses() {
    let mut operations = started(&order("2.0.0", &["p"]));
    let id = DeploymentId::from("DEP-1");
    let (gates, precheck) = (Leg::all(Stage::Gates), Leg::all(Stage::Precheck));
    let claim = |operations: &Operations, leg: &Leg, holder, minute| {
        begin_stage(operations, &id, leg, holder, (at(minute), at(minute + 2)))
    };
    // Not before its turn.
    assert_eq!(claim(&operations, &precheck, "a", 1).unwrap_err().kind, FailureKind::Conflict);
    let happening = claim(&operations, &gates, "a", 1).unwrap();
    after(&mut operations, "ana@example.com", 1, happening);
    let failure = claim(&operations, &gates, "b", 2).unwrap_err();
    assert!(failure.message.contains("ana is doing gates of DEP-1"), "{failure:?}");
    assert!(claim(&operations, &gates, "a", 2).is_ok(), "renewed by its holder");
    assert!(claim(&operations, &gates, "b", 3).is_ok(), "taken over");
    let happening = judge_stage(&operations, &id, &gates, Verdict::Pass, "open", None).unwrap();
    after(&mut operations, "ana@example.com", 4, happening.clone());
    // The same again, as a late repetition would have it, is refused and counted.
    assert!(judge_stage(&operations, &id, &gates, Verdict::Pass, "open", None).is_err());
    after(&mut operations, "ana@example.com", 4, happening);
    assert_eq!(operations.contradictions, 1);
    assert_eq!(operations.deployment("DEP-1").unwrap().next_leg(), Some(precheck));
}

#[test]
fn quarantine_and_frost_keep_versions_away() {
    let mut operations = Operations::default();
    let service = ServiceName::from("api");
    let happening = quarantine(&operations, (&service, "2.0.0", None), "5xx", None).unwrap();
    after(&mut operations, "ana@example.com", 0, happening);
    let failure = start_deployment(&operations, &order("2.0.0", &["p"]), at(1)).unwrap_err();
    assert!(failure.message.contains("is in quarantine: 5xx"), "{failure:?}");
    assert!(start_deployment(&operations, &order("2.0.1", &["p"]), at(1)).is_ok());
    assert!(quarantine(&operations, (&service, "2.0.0", None), "again", None).is_err());
    assert!(clear(&operations, &service, "2.0.0", " ").is_err());
    let happening = clear(&operations, &service, "2.0.0", "it was the network").unwrap();
    after(&mut operations, "ana@example.com", 2, happening);
    // The same image under another version is the same thing.
    let image = order("2.0.0", &["p"]).image;
    let happening = quarantine(&operations, (&service, "1.9.9", image.as_deref()), "5xx", None).unwrap();
    after(&mut operations, "ana@example.com", 3, happening);
    assert!(start_deployment(&operations, &order("2.0.0", &["p"]), at(4)).is_err());
    let happening = clear(&operations, &service, "1.9.9", "mended").unwrap();
    after(&mut operations, "ana@example.com", 4, happening);
    let happening = freeze(&operations, &service, "three rollbacks in a week").unwrap();
    after(&mut operations, "ana@example.com", 5, happening);
    assert!(
        start_deployment(&operations, &order("2.0.0", &["p"]), at(6)).unwrap_err().message.contains("frozen")
    );
    assert!(freeze(&operations, &service, "again").is_err());
    let happening = thaw(&operations, &service, "cause found").unwrap();
    after(&mut operations, "ana@example.com", 7, happening);
    assert!(start_deployment(&operations, &order("2.0.0", &["p"]), at(8)).is_ok());
    assert!(thaw(&operations, &service, "again").is_err());
    assert_eq!(operations.contradictions, 0);
}

#[test]
fn what_failed_cannot_be_accepted_and_who_is_not_held_cannot_go_on() {
    let mut operations = started(&order("2.0.0", &["p"]));
    let id = DeploymentId::from("DEP-1");
    assert!(resume(&operations, &id, false, None).is_err());
    for (verdict, accept, allowed) in [
        (Some(Verdict::Fail), true, false),
        (Some(Verdict::Fail), false, true),
        (Some(Verdict::NoData), true, true),
        (None, true, false),
        (None, false, true),
    ] {
        let held = hold(&operations, &id, "why", verdict).unwrap();
        let mut state = operations.clone();
        after(&mut state, "ana@example.com", 1, held);
        assert_eq!(resume(&state, &id, accept, None).is_ok(), allowed, "{verdict:?} {accept}");
        assert!(hold(&state, &id, "again", None).is_err());
    }
    let happening = schedule(&operations, &id, None, true).unwrap();
    after(&mut operations, "ana@example.com", 2, happening);
    assert!(operations.deployment("DEP-1").unwrap().order.window);
}

#[test]
fn people_of_the_main_branch_open_one_gate_each() {
    use ReleaseGate::{Operations as Runs, Product, Security, Staging};
    let teams = "[person.ana]\nemail = \"ana@example.com\"\n[person.bo]\nemail = \"bo@example.com\"\n\
                 [team.shop]\nmembers = [\"ana\", \"bo\"]\n[team.operations]\nmembers = [\"ana\", \"bo\"]\n";
    let catalog = "[service.api]\nname = \"api\"\ntype = \"api\"\nowner = \"@shop\"\nversion = \"2.0.0\"\n";
    let main = crate::domain::catalog::read([
        ("services/catalog.toml".to_owned(), catalog.as_bytes().to_vec()),
        ("policies/teams.toml".to_owned(), teams.as_bytes().to_vec()),
    ]);
    let service = &main.services["api"];
    let mut operations = started(&order("2.0.0", &["p"]));
    let id = DeploymentId::from("DEP-1");
    let approve = |operations: &Operations, gate, email: &str| {
        let operator = Identity { name: email.to_owned(), email: email.to_owned() };
        approve_deployment(operations, &id, gate, (&main, service), &operator, None, &Seals::default())
    };
    let refused = |result: Result<Happening, Failure>| result.unwrap_err().message;
    assert!(refused(approve(&operations, Staging, "ana@example.com")).contains("passes staging"));
    assert!(refused(approve(&operations, Security, "ana@example.com")).contains("does not need"));
    assert!(refused(approve(&operations, Product, "eve@example.com")).contains("nobody of"));
    let happening = approve(&operations, Product, "ana@example.com").unwrap();
    after(&mut operations, "ana@example.com", 1, happening);
    assert!(refused(approve(&operations, Product, "bo@example.com")).contains("approved by ana"));
    assert!(refused(approve(&operations, Runs, "ana@example.com")).contains("one person fills one gate"));
    let happening = approve(&operations, Runs, "bo@example.com").unwrap();
    after(&mut operations, "bo@example.com", 2, happening);
    let record = operations.deployment("DEP-1").unwrap();
    let open = |staged: &Result<String, String>| {
        let gates = gate::standings(record, &main, service, staged);
        gates.iter().filter(|gate| gate.is_open).count()
    };
    assert_eq!((open(&Ok("passed".into())), open(&Err("not there".into()))), (3, 2));
    // Who has left the teams of the main branch has opened nothing.
    let mut without = main.clone();
    without.people.teams.clear();
    let gates = gate::standings(record, &without, service, &Ok(String::new()));
    assert!(gates.iter().all(|gate| gate.is_open == (gate.gate == Staging)), "{gates:?}");
}

#[test]
fn an_incident_of_a_deployment_is_opened_once_and_wants_a_post_mortem() {
    let mut operations = started(&order("2.0.0", &["p"]));
    let id = DeploymentId::from("DEP-1");
    assert!(declare_for(&operations, &id, (Severity::High, "x"), at(0)).is_err(), "nothing has failed");
    let gates = Leg::all(Stage::Gates);
    let happening = judge_stage(&operations, &id, &gates, Verdict::Fail, "broken", None).unwrap();
    after(&mut operations, "ana@example.com", 1, happening);
    let happening = declare_for(&operations, &id, (Severity::High, "api 2.0.0 failed"), at(2)).unwrap();
    after(&mut operations, "ana@example.com", 2, happening);
    assert!(declare_for(&operations, &id, (Severity::High, "x"), at(3)).is_err());
    let incident = operations.incident("INC-1").unwrap();
    assert_eq!(incident.deployment.as_ref(), Some(&id));
    assert_eq!(incident.post_mortem_due(), Some(at(2) + POST_MORTEM));
    assert_eq!(operations.deployment("DEP-1").unwrap().incident, Some("INC-1".into()));
    let happening = quarantine(&operations, (&"api".into(), "2.0.0", None), "5xx", Some(&id)).unwrap();
    after(&mut operations, "ana@example.com", 3, happening);
    let settle = Leg::all(Stage::Settle);
    assert_eq!(operations.deployment("DEP-1").unwrap().next_leg(), Some(settle));
    let happening = post_mortem(&operations, &"INC-1".into(), "wiki/42").unwrap();
    after(&mut operations, "bo@example.com", 4, happening);
    assert_eq!(operations.incident("INC-1").unwrap().post_mortem_due(), None);
    assert!(post_mortem(&operations, &"INC-1".into(), "again").is_err());
    assert_eq!(operations.contradictions, 0);
}
