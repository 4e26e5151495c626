//! Approvals are worth what their signatures are: one in somebody else's name opens nothing and is seen, and of two
//! who approve at once one is told who was first.

use crate::{
    console::{Console, environment, forge, git, platform, screen},
    program::Program,
};
use quarterdeck::{
    adapters::git::{GitLedger, GitRepository},
    demo::{Platform, Scenario},
    domain::{
        gate::{Gate, GateState},
        ledger::Happening,
    },
    model::layout::Pane,
    ports::Ledger as _,
};

const CHANGE: &str = "project-a-api-2.1.1";

fn person(platform: &Platform, name: &str, email: &str) -> Program {
    let mut program = Program::on(platform.repository(), platform.kubeconfig());
    for (name, value) in platform.environment(name, email) {
        program.set(&name, &value);
    }
    program
}

#[tokio::test]
async fn an_approval_in_another_name_opens_nothing_and_is_seen() {
    let mut console = Console::start(Scenario::Calm).await;
    if !console.platform.is_signing() {
        return;
    }
    let reviewed = console.model().world.joined.changes.iter().find(|change| change.proposal.id == CHANGE);
    let (proposal, digest) =
        reviewed.map(|change| (change.proposal.clone(), change.digest().to_owned())).unwrap();
    // Whoever may push writes it in Stefan's name; only his key is missing.
    let forged = Happening::ChangeApproved {
        change: CHANGE.into(),
        gate: Gate::CodeReview,
        head: proposal.head.clone(),
        base: proposal.base.clone(),
        digest: Some(digest),
        answers: None,
        note: None,
    };
    let stefan = ("Stefan Novak", "s.novak@example.com");
    forge(&console.platform, stefan, &forged);
    // This program writes no such thing.
    let variables = environment(console.platform.directory(), Some(stefan));
    let repository = GitRepository::open(console.platform.repository(), variables).unwrap();
    let now = console.model().now;
    let refused =
        GitLedger::new(&repository).append(now, Box::new(move |_| Ok(forged.clone()))).await.unwrap_err();
    assert!(refused.message.contains("m.ruiz@example.com signed it"), "{refused:?}");
    console.keys("ctrl-r");
    console
        .until("it is seen", |model| {
            let change =
                model.world.joined.changes.iter().find(|change| change.proposal.id == CHANGE).unwrap();
            change.unproven.iter().any(|one| one.why.contains("m.ruiz@example.com signed it"))
        })
        .await;
    let change =
        console.model().world.joined.changes.iter().find(|change| change.proposal.id == CHANGE).unwrap();
    assert!(change.gates.iter().all(|status| status.state == GateState::Open), "{:?}", change.gates);
    assert_eq!(change.blocked().as_deref(), Some("code-review unproven"));
    console.select(Pane::Changes, CHANGE);
    console.keys("l");
    let shown = screen(console.model());
    assert!(shown.contains("that of s-novak does not count: m.ruiz@example.com signed it"), "{shown}");
    console.keys("esc m");
    console
        .until("the refusal", |model| {
            let notice = model.ui.notice.as_ref();
            notice.is_some_and(|notice| notice.text.contains("has no approval that is proven"))
        })
        .await;
    // The chain is verified behind the console, and says so in red.
    console
        .until("the chain is bad", |model| model.world.chain.value.as_ref().is_some_and(|c| !c.is_valid()))
        .await;
    assert!(
        screen(console.model()).contains("■ ledger not valid from event 1 on"),
        "{}",
        screen(console.model())
    );
    // It keeps nobody from approving who may.
    person(&console.platform, "Stefan Novak", "s.novak@example.com")
        .ends(0, &["change", "approve", CHANGE, "--yes"])
        .await;
    console.keys("ctrl-r");
    console
        .until("it is approved and signed", |model| {
            let change =
                model.world.joined.changes.iter().find(|change| change.proposal.id == CHANGE).unwrap();
            change.blocked().is_none()
                && change.signatures.values().all(quarterdeck::domain::signature::SignatureState::is_valid)
        })
        .await;
    assert_eq!(console.ledger().await.len(), 3, "the forged, the true one, and what was told");
}

#[tokio::test]
async fn of_two_who_approve_at_once_one_is_told_who_was_first() {
    let platform = platform(Scenario::Calm).await;
    let stefan = person(&platform, "Stefan Novak", "s.novak@example.com");
    let kenji = person(&platform, "Kenji Ito", "k.ito@example.com");
    let arguments = ["change", "approve", CHANGE, "--yes"];
    let (one, two) = tokio::join!(stefan.run(&arguments), kenji.run(&arguments));
    let mut codes = [one.code, two.code];
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(1)], "{one:?} {two:?}");
    let refused = if one.code == Some(1) { &one } else { &two };
    refused.complains(&["already approved by"]);
    let events = git(platform.remote(), &["log", "--format=%s", "quarterdeck/ledger"]);
    assert_eq!(events.lines().filter(|line| line.starts_with("change.approved(")).count(), 1, "{events}");
}
