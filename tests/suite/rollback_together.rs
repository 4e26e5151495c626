//! Several services rolled back together: who needs another one first, each verified before the next, one incident.

use crate::console::Console;
use quarterdeck::{
    demo::{Environment, Quality, Scenario, kubernetes::resources::Resource},
    domain::{
        ledger::Verdict,
        plan::{Outcome, Work},
    },
    model::{jobs::JobState, layout::Pane},
};
use serde_json::Value;

fn deployed(console: &Console, name: &str) -> String {
    let cluster = console.platform.cluster(Environment::Production);
    let object = cluster.object(Resource::Deployments, "shared", name).unwrap();
    let image = object.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str).unwrap();
    image.rsplit_once(':').unwrap().1.to_owned()
}

/// Marks what is needed before who needs it, and asks for the way back.
async fn asked(console: &mut Console) {
    for service in ["session-cache", "shared-auth"] {
        console.select(Pane::Inventory, service);
        console.keys("space");
    }
    // The cursor is elsewhere: the marks decide.
    console.select(Pane::Inventory, "user-store");
    console.keys("R");
    let plan = console.plan().await;
    assert_eq!(plan.title, "roll back shared-auth, session-cache in production, one after the other");
    assert_eq!(plan.confirm_by_typing.as_deref(), Some("production"));
    let Work::RollbackTogether(rollbacks) = &plan.work else { panic!("{:?}", plan.work) };
    assert_eq!(rollbacks.len(), 2);
    let steps: Vec<&str> = plan.steps.iter().map(|step| step.title.as_str()).collect();
    let opens = |step: &&&str| step.contains("open an incident");
    assert_eq!(steps.iter().filter(opens).count(), 1, "{steps:#?}");
    let first_of = |service: &str| steps.iter().position(|step| step.starts_with(service)).unwrap();
    let last_of = |service: &str| steps.iter().rposition(|step| step.starts_with(service)).unwrap();
    assert!(last_of("shared-auth: ") < first_of("session-cache: "), "who needs it goes first: {steps:#?}");
}

async fn confirmed(console: &mut Console) -> Outcome {
    // Neither service's name is the yes for both.
    console.type_text("shared-auth");
    console.keys("enter");
    assert!(console.notice().contains("nothing was done"), "{}", console.notice());
    console.keys(&"backspace ".repeat("shared-auth".len()));
    console.type_text("production");
    console.keys("enter");
    let JobState::Done(result) = console.done().await.state else { panic!("not done") };
    result.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn marked_services_go_back_in_the_order_of_their_dependencies_with_one_incident() {
    let mut console = Console::start(Scenario::BadRelease).await;
    let incidents = |console: &Console| {
        let subjects = console.remote_ledger();
        subjects.iter().filter(|subject| subject.starts_with("incident.declared")).count()
    };
    let before = incidents(&console);
    asked(&mut console).await;
    let outcome = confirmed(&mut console).await;
    assert_eq!(outcome.verdict, Verdict::Pass, "{}", outcome.summary);
    assert_eq!(
        (deployed(&console, "shared-auth"), deployed(&console, "session-cache")),
        ("1.2.3".into(), "2.8.0".into())
    );
    let rollbacks: Vec<String> = console
        .remote_ledger()
        .iter()
        .filter(|subject| subject.starts_with("rollback."))
        .map(|subject| subject.split(':').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        rollbacks,
        [
            "rollback.started(shared-auth@production)",
            "rollback.finished(shared-auth@production)",
            "rollback.started(session-cache@production)",
            "rollback.finished(session-cache@production)",
        ]
    );
    assert_eq!(incidents(&console), before + 1, "{:#?}", console.remote_ledger());
    assert!(outcome.incident.is_some(), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_one_is_not_well_the_rest_stays_as_it_is() {
    let mut console = Console::start(Scenario::BadRelease).await;
    let broken = Quality { error_ratio: 1.0, ..Quality::GOOD };
    console.platform.cluster(Environment::Production).set_quality("shared-auth", "1.2.3", broken);
    let before = deployed(&console, "session-cache");
    asked(&mut console).await;
    let outcome = confirmed(&mut console).await;
    assert_eq!(outcome.verdict, Verdict::Fail, "{}", outcome.summary);
    assert!(outcome.summary.contains("shared-auth in production is NOT well"), "{}", outcome.summary);
    assert!(outcome.summary.contains("stopped there: session-cache NOT rolled back"), "{}", outcome.summary);
    assert_eq!(deployed(&console, "session-cache"), before);
    let subjects = console.remote_ledger();
    assert!(!subjects.iter().any(|subject| subject.contains("session-cache@")), "{subjects:#?}");
}
