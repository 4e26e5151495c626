//! The real binary without a terminal: what it prints, what it changes, and how it ends.

use crate::{
    console::{git, platform},
    program::Program,
};
use quarterdeck::demo::{Environment, Platform, Quality, Scenario, kubernetes::resources::Resource};
use std::sync::Arc;

async fn operator(scenario: Scenario) -> (Platform, Program) {
    let platform = platform(scenario).await;
    let program = Program::on(platform.repository(), platform.kubeconfig());
    (platform, program)
}

fn deployment(platform: &Platform, environment: Environment, name: &str) -> Arc<serde_json::Value> {
    platform.cluster(environment).object(Resource::Deployments, "shared", name).unwrap()
}

fn ledger(platform: &Platform) -> Vec<String> {
    let log = git(platform.remote(), &["log", "--format=%s", "quarterdeck/ledger"]);
    log.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_fresh_repository_has_no_finding() {
    let program = Program::new();
    program.ends(0, &["init", "control"]).await.complains(&["quarterdeck check --repo control"]);
    let control = program.home.path().join("control");
    assert_eq!(git(&control, &["rev-list", "--count", "HEAD"]), "1");
    assert_eq!(git(&control, &["status", "--porcelain"]), "");
    let checked = program.ends(0, &["--repo", "control", "check"]).await;
    assert_eq!(checked.out, "", "{}", checked.err);
    let json = program.json(0, &["--repo", "control", "check", "--deny", "warning"]).await;
    assert_eq!(json["findings"], serde_json::json!([]));
    // A second time it would write over somebody's work.
    program.ends(1, &["init", "control"]).await.complains(&["is not empty; nothing was written"]);
    program.write("full/notes.txt", "mine");
    program.ends(1, &["init", "full"]).await;
    assert_eq!(std::fs::read_dir(program.home.path().join("full")).unwrap().count(), 1);

    let catalog = control.join("services/catalog.toml");
    let text = std::fs::read_to_string(&catalog).unwrap();
    std::fs::write(&catalog, text + "\n[service.broken]\nversion = \"one\"\n").unwrap();
    program.ends(1, &["--repo", "control", "check"]).await.says(&["services/catalog.toml", "broken", "one"]);
    let json = program.json(1, &["--repo", "control", "check"]).await;
    assert!(json["errors"].as_u64().unwrap() >= 1, "{json:#}");
    // What is committed is still right.
    program.ends(0, &["--repo", "control", "check", "--rev", "HEAD"]).await;
    program.ends(0, &["--repo", "control", "check", "policies/teams.toml"]).await;
}

#[tokio::test]
async fn the_demo_prints_its_briefing_and_ends() {
    let program = Program::new();
    for arguments in [&["demo", "--once"][..], &["demo"]] {
        program.ends(0, arguments).await.says(&[
            "Open incidents",
            "INC-1",
            "Pending changes",
            "project-a-api-2.1.1",
            "shared-auth-2.0.0",
            "SLA",
            "■ violated",
            "Deployments",
            "cart",
        ]);
    }
    program.ends(0, &["demo", "--once", "--scenario", "calm"]).await.says(&["no open incident"]);
    program.ends(2, &["demo", "--once", "--scenario", "storm"]).await.complains(&["bad-release, calm"]);
    let left: Vec<_> = std::fs::read_dir(program.home.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().starts_with("quarterdeck-demo"))
        .collect();
    assert!(left.is_empty(), "the demo leaves its files behind: {left:?}");
}

#[tokio::test]
async fn reports_tell_the_state_and_the_exit_code_sums_it_up() {
    let (_platform, program) = operator(Scenario::BadRelease).await;
    program.ends(0, &["service", "list"]).await.says(&["■ violated", "shared-auth", "1.3.0", "device-twin"]);
    let services = program.json(0, &["service", "list"]).await;
    let auth = services["services"].as_array().unwrap().iter().find(|row| row["name"] == "shared-auth");
    assert_eq!(auth.unwrap()["verdict"], "violated", "{services:#}");
    program.ends(0, &["change", "list"]).await.says(&[
        "project-a-api-2.1.1",
        "catalog-search-1.5.0",
        "shared-auth-2.0.0",
        "code-review",
    ]);
    let changes = program.json(0, &["change", "list"]).await;
    assert_eq!(changes["changes"].as_array().map(Vec::len), Some(3), "{changes:#}");
    program.ends(1, &["sla"]).await.says(&["shared-auth", "■ violated", "availability"]);
    assert!(program.json(1, &["sla"]).await["projects"].is_array());
    program.ends(0, &["briefing"]).await.says(&[
        "Open incidents",
        "INC-2",
        "shared-auth-2.0.0",
        "Deployments",
    ]);
    let briefing = program.json(0, &["briefing"]).await;
    for key in ["incidents", "changes", "projects", "services", "sources", "findings"] {
        assert!(!briefing[key].is_null(), "{key} is missing in {briefing:#}");
    }
    program.ends(1, &["change", "validate", "shared-auth-2.0.0"]).await.says(&["sesion-cache"]);
    program.ends(0, &["change", "validate", "project-a-api-2.1.1"]).await;
    program.ends(2, &["change", "validate", "project-a-api-2.1.2"]).await.complains(&["project-a-api-2.1.1"]);
}

#[tokio::test]
async fn a_calm_platform_keeps_its_promises() {
    let (_platform, program) = operator(Scenario::Calm).await;
    let ran = program.ends(0, &["sla"]).await;
    assert!(!ran.out.contains("■ violated\n") && ran.out.contains("● met"), "{}", ran.out);
    program.ends(0, &["incident", "list"]).await.says(&["no open incident"]);
    program.ends(0, &["ledger", "log"]).await.says(&["the ledger is empty"]);
}

#[tokio::test]
async fn incidents_from_the_command_line() {
    let (platform, program) = operator(Scenario::Calm).await;
    let declare = ["incident", "declare", "--severity", "critical", "--title", "checkout answers 5xx"];
    // Nobody is there to say yes.
    program.ends(2, &declare).await.complains(&["nothing was done", "--yes", "checkout answers 5xx"]);
    program.ends(0, &["ledger", "log"]).await.says(&["the ledger is empty"]);
    let declared = program.json(0, &[&declare[..], &["--service", "checkout", "--yes"]].concat()).await;
    assert_eq!(declared["id"], "INC-1", "{declared:#}");
    assert_eq!((&declared["verdict"], &declared["synced"]), (&"pass".into(), &true.into()), "{declared:#}");
    let listed = program.json(0, &["incident", "list"]).await;
    assert_eq!(listed["incidents"][0]["incident"]["id"], "INC-1", "{listed:#}");
    program.ends(0, &["incident", "list"]).await.says(&["INC-1", "critical", "checkout", "ack due in"]);
    program.ends(2, &["incident", "ack", "INC-1"]).await;
    program.ends(0, &["incident", "ack", "INC-1", "--yes"]).await;
    program.ends(1, &["incident", "ack", "INC-1", "--yes"]).await.complains(&["acknowledged already"]);
    program.ends(0, &["incident", "list"]).await.says(&["ack by"]);
    program.ends(0, &["incident", "resolve", "INC-1", "--note", "pods restarted", "--yes"]).await;
    program.ends(0, &["incident", "list"]).await.says(&["no open incident"]);
    program
        .ends(2, &["incident", "resolve", "INC-1", "--yes"])
        .await
        .complains(&["no open incident `INC-1`"]);
    let unknown = [&declare[..], &["--service", "chekout", "--yes"]].concat();
    program.ends(2, &unknown).await.complains(&["did you mean `checkout`?"]);
    assert_eq!(ledger(&platform).len(), 3);
    program.ends(0, &["ledger", "log"]).await.says(&[
        "incident.declared(INC-1): critical, checkout answers 5xx",
        "incident.acknowledged(INC-1)",
        "incident.resolved(INC-1): pods restarted",
        "Marta Ruiz",
    ]);
    let log = program.json(0, &["ledger", "log"]).await;
    assert_eq!(log["events"][0]["event"]["kind"], "incident.resolved", "the newest first: {log:#}");
    assert_eq!(log["events"][2]["actor"]["email"], "m.ruiz@example.com");
}

#[tokio::test]
async fn approvals_from_the_command_line() {
    let (platform, mut program) = operator(Scenario::Calm).await;
    let approve = ["change", "approve", "project-a-api-2.1.1"];
    program.ends(2, &approve).await.complains(&["nothing was done", "--yes"]);
    program.ends(1, &[&approve[..], &["--yes", "--read-only"]].concat()).await.complains(&["read-only"]);
    assert_eq!(git(platform.remote(), &["branch", "--list", "quarterdeck/ledger"]), "");
    let approved = program.json(0, &["change", "approve", "project-a-api-2.1.1", "--yes"]).await;
    assert_eq!(approved["synced"], true, "{approved:#}");
    let commit = git(platform.remote(), &["rev-parse", "quarterdeck/ledger"]);
    assert_eq!(approved["commit"], commit.as_str());
    assert!(ledger(&platform)[0].starts_with("change.approved(project-a-api-2.1.1)"));
    let list = program.json(0, &["change", "list"]).await;
    let change = list["changes"].as_array().unwrap().iter().find(|row| row["id"] == "project-a-api-2.1.1");
    let gates = change.unwrap()["gates"].as_array().unwrap();
    assert!(
        gates.iter().any(|gate| gate["gate"] == "code-review" && gate["state"] == "approved"),
        "{list:#}"
    );
    // Its author, and somebody whom nobody knows, may not.
    for (name, email, words) in [
        ("Stefan Novak", "s.novak@example.com", "their own change"),
        ("Nobody", "nobody@example.com", "policies/teams.toml"),
    ] {
        program.variables.retain(|(name, _)| !name.starts_with("GIT_AUTHOR"));
        program.set("GIT_AUTHOR_NAME", name);
        program.set("GIT_AUTHOR_EMAIL", email);
        program.ends(1, &["change", "approve", "catalog-search-1.5.0", "--yes"]).await.complains(&[words]);
    }
    assert_eq!(ledger(&platform).len(), 1);
}

#[tokio::test]
async fn rollbacks_from_the_command_line() {
    let (platform, program) = operator(Scenario::BadRelease).await;
    let before = deployment(&platform, Environment::Staging, "shared-auth");
    let rollback = ["service", "rollback", "shared-auth", "--environment", "staging"];
    program.ends(2, &rollback).await.complains(&[
        "demo-staging",
        "1.3.0 → 1.2.3",
        "--yes",
        "nothing was done",
    ]);
    program.ends(2, &["service", "rollback", "shared-auth"]).await.complains(&["environment"]);
    program
        .ends(2, &["service", "rollback", "shared-auht", "--environment", "staging", "--yes"])
        .await
        .complains(&["did you mean `shared-auth`?"]);
    program.ends(1, &[&rollback[..], &["--yes", "--read-only"]].concat()).await.complains(&["read-only"]);
    program
        .ends(1, &["service", "rollback", "event-bus", "--environment", "staging", "--yes"])
        .await
        .complains(&["Git"]);
    assert_eq!(deployment(&platform, Environment::Staging, "shared-auth"), before);
    let events = ledger(&platform).len();

    let done = program.json(0, &[&rollback[..], &["--yes"]].concat()).await;
    assert_eq!(done["verdict"], "pass", "{done:#}");
    let after = deployment(&platform, Environment::Staging, "shared-auth").to_string();
    assert!(after.contains("shared-auth:1.2.3"), "{after}");
    let now = ledger(&platform);
    let events = &now[..now.len() - events];
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[0].starts_with("rollback.finished(shared-auth@staging): pass"), "{events:?}");

    // The version before does not start any more: it ran, and did not reach its end.
    let broken = Quality { starts: false, ..Quality::GOOD };
    platform.cluster(Environment::Staging).set_quality("rate-limiter", "1.0.6", broken);
    let ran =
        program.ends(4, &["service", "rollback", "rate-limiter", "--environment", "staging", "--yes"]).await;
    ran.says(&["NOT well"]);
    assert!(ledger(&platform)[0].starts_with("rollback.finished(rate-limiter@staging): fail"));
    program
        .ends(0, &["briefing"])
        .await
        .says(&["rollback of shared-auth in staging", "rollback of rate-limiter"]);
}

#[tokio::test]
async fn pictures_of_the_console() {
    let (_platform, program) = operator(Scenario::BadRelease).await;
    let text = program.ends(0, &["snapshot", "--size", "160x45"]).await;
    text.says(&["1 Inventory", "2 ", "3 ", "4 ", "5 ", "shared-auth", "INC-"]);
    assert!(!text.out.contains('\u{1b}'));
    assert_eq!(text.out.lines().count(), 45, "{}", text.out);
    program.ends(0, &["snapshot", "--format", "ansi"]).await.says(&["\u{1b}[", "shared-auth"]);
    let svg = program.ends(0, &["snapshot", "--format", "svg", "--pane", "changes"]).await;
    assert!(svg.out.starts_with("<svg") && svg.out.trim_end().ends_with("</svg>"), "{}", svg.out);
    svg.says(&["shared-auth-2.0.0"]);
    program.ends(2, &["snapshot", "--pane", "chnges"]).await.complains(&["changes"]);
    program.ends(2, &["snapshot", "--size", "big"]).await.complains(&["160x45"]);
}

#[tokio::test]
async fn what_needs_no_repository() {
    let program = Program::new();
    program.ends(0, &["--version"]).await.says(&["quarterdeck "]);
    program.ends(0, &["--help"]).await.says(&["Exit codes", "service", "incident", "demo"]);
    program.ends(0, &["completions", "bash"]).await.says(&["_quarterdeck()", "incident"]);
    program.ends(0, &["keymap", "print"]).await.says(&["[global]", "service.rollback", "app.quit"]);
    program.ends(0, &["theme", "list"]).await.says(&["dark\n", "light\n", "high-contrast\n", "monochrome\n"]);
    program.ends(2, &["keymap"]).await;
    program.ends(2, &["frobnicate"]).await.complains(&["frobnicate"]);
    // The console itself needs a terminal.
    program.ends(2, &[]).await.complains(&["needs a terminal", "quarterdeck briefing"]);
}
