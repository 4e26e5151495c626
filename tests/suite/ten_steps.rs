//! The way of a change, on the demo platform and from the keyboard alone: proposed, blocked, approved by three people
//! with their own keys, moved, approved again, merged, tagged; and a ledger that tells which of its bytes is not the
//! one that was written.

use crate::{
    console::{Console, git, screen},
    program::Program,
};
use quarterdeck::{
    demo::Scenario,
    domain::{
        change::Change,
        gate::{Gate, GateState},
        ledger::Verdict,
    },
    model::{
        Model,
        jobs::JobState,
        layout::Pane,
        ui::{ChangeSection, Overlay},
    },
};
use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// Nobody was told of this one.
const UNANNOUNCED: &str = "shared-auth-3.0.0";
/// The main branch announces its line since more than thirty days.
const CHANGE: &str = "shared-auth-2.0.1";
const GUIDE: &str = "https://wiki.example.com/shared-auth-2";

fn find<'a>(model: &'a Model, id: &str) -> Option<&'a Change> {
    model.world.joined.changes.iter().find(|change| change.proposal.id.as_str() == id).map(AsRef::as_ref)
}

fn gate(model: &Model, gate: Gate) -> Option<GateState> {
    let gates = &find(model, CHANGE)?.gates;
    gates.iter().find(|status| status.gate == gate).map(|status| status.state.clone())
}

/// Types into the field of a form.
fn fill(console: &mut Console, field: &str, text: &str) {
    for _ in 0..20 {
        let Some(Overlay::Form { fields, focus, .. }) = console.overlay() else {
            panic!("no form: {}\n{}", console.notice(), screen(console.model()))
        };
        if fields[*focus].name == field {
            if fields[*focus].choices.is_empty() {
                console.keys("ctrl-u");
                console.type_text(text);
                return;
            }
            if fields[*focus].input.text == text {
                return;
            }
            console.keys("right");
            continue;
        }
        console.keys("tab");
    }
    panic!("no field {field}\n{}", screen(console.model()));
}

/// The plan that waits, run by a `y`; what came of it.
async fn confirmed(console: &mut Console) -> String {
    console.plan().await;
    console.keys("y");
    ended(console).await
}

async fn ended(console: &mut Console) -> String {
    let JobState::Done(result) = console.done().await.state else { panic!("not done") };
    let outcome = result.unwrap_or_else(|failure| panic!("{}", failure.render()));
    assert_eq!(outcome.verdict, Verdict::Pass, "{}", outcome.summary);
    assert!(outcome.synced, "{}", outcome.summary);
    console.keys("esc");
    outcome.summary
}

/// Proposes a version of shared-auth, and gives the plan that was confirmed.
async fn propose(console: &mut Console, version: &str) -> Vec<(String, String)> {
    console.select(Pane::Inventory, "shared-auth");
    console.keys("C");
    fill(console, "version", version);
    fill(console, "guide", GUIDE);
    fill(console, "note", "tokens of the second generation only");
    console.keys("ctrl-s");
    let plan = console.plan().await;
    let mut told = plan.facts.clone();
    told.extend(plan.notes.iter().map(|note| ("note".to_owned(), note.clone())));
    console.keys("y");
    ended(console).await;
    let id = format!("shared-auth-{version}");
    console.until("it is among the open changes", |model| find(model, &id).is_some()).await;
    told
}

/// Approves a gate of the change with the reviewer's five answers.
async fn approve(console: &mut Console, gate: &str) {
    console.keys("ctrl-r");
    // Whoever approves what is not there any more is refused; so look at the newest first.
    let head = git(console.platform.remote(), &["rev-parse", &format!("change/{CHANGE}")]);
    console
        .until("the newest head is there", |model| {
            find(model, CHANGE).is_some_and(|change| change.proposal.head.as_str() == head)
        })
        .await;
    console.select(Pane::Changes, CHANGE);
    console.keys("a");
    fill(console, "gate", gate);
    for (question, answer) in [
        ("reason", "tokens of the first generation can be forged"),
        ("effect", "three projects move within the notice"),
        ("documentation", GUIDE),
        ("breaking", "yes, and all were told"),
        ("tests", "a week in staging"),
    ] {
        fill(console, question, answer);
    }
    console.keys("ctrl-s");
    let said = confirmed(console).await;
    assert!(said.contains(&format!("{gate} of {CHANGE} approved")), "{said}");
}

#[tokio::test]
async fn a_breaking_change_goes_from_the_proposal_to_its_tag_by_keys() {
    let mut marta = Console::start(Scenario::Calm).await;
    if !marta.platform.is_signing() {
        return;
    }

    // 1: a version that nobody was told of. The plan says at once whom it breaks, and what stands against it.
    let plan = propose(&mut marta, "3.0.0").await;
    let fact =
        |name: &str| plan.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    assert_eq!(fact("class"), "breaking, high risk");
    assert_eq!(fact("gates"), "code-review, security, architecture");
    assert!(fact("impact").contains("at risk"), "{plan:?}");
    let blocks =
        |text: &str| text.contains("QD303") && text.contains("the notice on the main branch is for 2.0.0");
    assert!(plan.iter().any(|(_, text)| blocks(text)), "{plan:?}");

    // 2: it is blocked: by its notice and by three gates. What it does to others is one key away.
    let blocked = find(marta.model(), UNANNOUNCED).unwrap().blocked().unwrap();
    assert_eq!(blocked, "1 error, code-review open, security open, architecture open");
    marta.select(Pane::Changes, UNANNOUNCED);
    marta.keys("I");
    marta.until("its impact", |model| matches!(model.ui.overlays.last(), Some(Overlay::Impact { .. }))).await;
    let shown = screen(marta.model());
    assert!(shown.contains("project-a-frontend") && shown.contains("at risk"), "{shown}");
    marta.keys("esc m");
    marta
        .until("why it may not be merged", |model| {
            model.ui.notice.as_ref().is_some_and(|notice| notice.text.contains("may not be merged"))
        })
        .await;
    for reason in ["30 days of notice", "the code-review gate", "the security gate", "the architecture gate"]
    {
        assert!(marta.notice().contains(reason), "{reason}: {}", marta.notice());
    }

    // 3: the version that was announced in time is held by its gates alone.
    let plan = propose(&mut marta, "2.0.1").await;
    assert!(!plan.iter().any(|(_, text)| text.contains("QD303")), "{plan:?}");
    let blocked = find(marta.model(), CHANGE).unwrap().blocked().unwrap();
    assert_eq!(blocked, "code-review open, security open, architecture open");

    // 4: its author approves nothing of it.
    marta.select(Pane::Changes, CHANGE);
    marta.keys("a");
    assert!(marta.overlay().is_none() && marta.notice().contains("their own change"), "{}", marta.notice());

    // 5: the first of three reviewers, in a console of his own, with his own clone and key.
    let mut stefan = marta.joined_by("s-novak").await;
    approve(&mut stefan, "code-review").await;
    marta.keys("ctrl-r");
    marta
        .until("it is approved", |model| {
            matches!(gate(model, Gate::CodeReview), Some(GateState::Approved { .. }))
        })
        .await;

    // 6: the branch moves, and what was approved is not what is there any more.
    let clone = marta.platform.directory().join("elsewhere");
    git(marta.platform.directory(), &["clone", "--quiet", "control.git", "elsewhere"]);
    git(&clone, &["checkout", "--quiet", &format!("change/{CHANGE}")]);
    let path = clone.join("services/catalog.toml");
    let text = fs::read_to_string(&path).unwrap();
    let more =
        text.replacen("Signs people and services in, issues tokens", "Signs people and services in", 1);
    assert_ne!(text, more);
    fs::write(&path, more).unwrap();
    let as_marta: Vec<String> = ["user.name=Marta Ruiz", "user.email=m.ruiz@example.com"]
        .into_iter()
        .flat_map(|setting| ["-c".to_owned(), setting.to_owned()])
        .collect();
    let mut commit: Vec<&str> = as_marta.iter().map(String::as_str).collect();
    commit.extend(["commit", "--quiet", "--all", "--message", "Say what it does now"]);
    git(&clone, &commit);
    git(&clone, &["push", "--quiet", "origin", "HEAD"]);
    marta.keys("ctrl-r");
    marta
        .until("the approval fell", |model| {
            matches!(gate(model, Gate::CodeReview), Some(GateState::Fallen { .. }))
        })
        .await;
    marta.select(Pane::Changes, CHANGE);
    marta.keys("l");
    assert!(matches!(marta.overlay(), Some(Overlay::Change { section: ChangeSection::Overview, .. })));
    let shown = screen(marta.model());
    assert!(shown.contains("fell"), "{shown}");
    marta.keys("esc");

    // 7: so he looks again, and two others fill the other gates. One person fills one gate.
    approve(&mut stefan, "code-review").await;
    let mut lola = marta.joined_by("l-okafor").await;
    approve(&mut lola, "security").await;
    let mut kenji = marta.joined_by("k-ito").await;
    approve(&mut kenji, "architecture").await;
    marta.keys("ctrl-r");
    marta
        .until("nothing stands against it", |model| {
            find(model, CHANGE).is_some_and(|change| change.blocked().is_none())
        })
        .await;

    // 8: it is merged: a high risk wants the change's name typed.
    marta.select(Pane::Changes, CHANGE);
    marta.keys("m");
    let plan = marta.plan().await;
    assert_eq!(plan.confirm_by_typing.as_deref(), Some(CHANGE));
    marta.type_text(CHANGE);
    marta.keys("enter");
    let summary = ended(&mut marta).await;
    assert!(summary.ends_with("tagged shared-auth-v2.0.1"), "{summary}");

    // 9: one signed commit with its tag, the change log and the versions; three names stand under it.
    let (remote, control) = (marta.platform.remote().to_owned(), marta.platform.repository().to_owned());
    git(&control, &["verify-commit", "origin/main"]);
    git(&control, &["verify-tag", "shared-auth-v2.0.1"]);
    assert_eq!(git(&remote, &["rev-parse", "shared-auth-v2.0.1^{}"]), git(&remote, &["rev-parse", "main"]));
    let message = git(&remote, &["log", "-1", "--format=%B", "main"]);
    for line in [
        "Change-Type: breaking",
        "Approved-by: Stefan Novak <s.novak@example.com> (code-review)",
        "Approved-by: Lola Okafor <l.okafor@example.com> (security)",
        "Approved-by: Kenji Ito <k.ito@example.com> (architecture)",
    ] {
        assert!(message.lines().any(|known| known == line), "{line} is missing in\n{message}");
    }
    let log = git(&remote, &["show", "main:CHANGELOG.md"]);
    assert!(log.contains("- shared-auth 2.0.1: tokens of the second generation only"), "{log}");
    let versions = git(&remote, &["show", "main:services/versions.toml"]);
    assert!(
        versions.contains("[version.shared-auth]\ncurrent = \"2.0.1\"\nprevious = [\"1.3.0\""),
        "{versions}"
    );

    // 10: the ledger can be believed, and a copy of it with another byte cannot.
    let program = Program::on(&control, marta.platform.kubeconfig());
    let ran = program.ends(0, &["ledger", "verify"]).await;
    ran.says(&[
        "valid: ",
        "11 signed",
        "s.novak@example.com 4",
        "l.okafor@example.com 2",
        "k.ito@example.com 2",
    ]);
    altered_in_place(&control, marta.platform.directory()).await;
    rewritten_from_there(&control, marta.platform.directory()).await;
}

/// A copy of the clone that knows no remote.
fn copy(control: &Path, into: &Path) {
    let status = Command::new("cp").arg("-r").args([control, into]).status().unwrap();
    assert!(status.success());
    git(into, &["remote", "remove", "origin"]);
}

/// The commit of the security gate's approval, and its bytes with one letter of an answer exchanged.
fn forged(copy: &Path) -> (String, Vec<u8>) {
    let listed = git(copy, &["log", "--format=%H %s", "quarterdeck/ledger"]);
    let wanted = format!("change.approved({CHANGE}): security");
    let line = listed.lines().find(|line| line.contains(&wanted)).unwrap();
    let commit = line.split(' ').next().unwrap().to_owned();
    let output =
        Command::new("git").arg("-C").arg(copy).args(["cat-file", "commit", &commit]).output().unwrap();
    let mut bytes = output.stdout;
    let at = bytes.windows(4).position(|window| window == b"week").unwrap();
    bytes[at + 1] = b'a';
    (commit, bytes)
}

fn write_commit(copy: &Path, bytes: &[u8]) -> String {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(copy)
        .args(["hash-object", "-t", "commit", "-w", "--stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

/// The only line that tells of something bad must be about the approval.
async fn tells_of_the_approval(copy: &Path, commit: &str, words: &str) {
    let ran = Program::on(copy, Path::new("/nowhere")).ends(1, &["ledger", "verify"]).await;
    let first = ran.out.lines().next().unwrap_or_default();
    let named = format!("{} change.approved({CHANGE}): security", &commit[..8]);
    assert!(
        first.starts_with("bad: event ") && first.contains(&named) && first.contains(words),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("not valid: "), "{}", ran.out);
}

/// The byte is exchanged in the file of the object itself: its name stays.
async fn altered_in_place(control: &Path, folder: &Path) {
    let copied = folder.join("altered");
    copy(control, &copied);
    let (commit, bytes) = forged(&copied);
    let other = write_commit(&copied, &bytes);
    let file = |id: &str| copied.join(".git/objects").join(&id[..2]).join(&id[2..]);
    assert!(file(&commit).exists(), "the approval is an object of its own");
    fs::remove_file(file(&commit)).unwrap();
    fs::copy(file(&other), file(&commit)).unwrap();
    tells_of_the_approval(&copied, &commit, "its bytes are not those").await;
}

/// The branch is written anew from the altered event on, as somebody would who can push past every rule.
async fn rewritten_from_there(control: &Path, folder: &Path) {
    let copied = folder.join("rewritten");
    copy(control, &copied);
    // A clone that has never verified the ledger has only the signatures to go by.
    let _ = fs::remove_file(copied.join(".git/quarterdeck/ledger-verified.json"));
    let (commit, bytes) = forged(&copied);
    let (mut old, mut new) = (commit.clone(), write_commit(&copied, &bytes));
    let first = new.clone();
    let later = git(&copied, &["rev-list", "--reverse", &format!("{commit}..quarterdeck/ledger")]);
    for next in later.lines() {
        let raw =
            Command::new("git").arg("-C").arg(&copied).args(["cat-file", "commit", next]).output().unwrap();
        let text = String::from_utf8(raw.stdout).unwrap();
        new = write_commit(
            &copied,
            text.replacen(&format!("parent {old}"), &format!("parent {new}"), 1).as_bytes(),
        );
        old = next.to_owned();
    }
    git(&copied, &["update-ref", "refs/heads/quarterdeck/ledger", &new]);
    tells_of_the_approval(&copied, &first, "does not fit").await;
}
