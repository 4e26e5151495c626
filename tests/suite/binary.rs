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
async fn a_proposal_is_judged_by_where_it_started() {
    let program = Program::new();
    program.ends(0, &["init", "control"]).await;
    let control = program.home.path().join("control");
    let catalog = control.join("services/catalog.toml");
    let settings = control.join("quarterdeck.toml");
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    let commit = |message: &str| {
        git(&control, &["add", "--all"]);
        git(&control, &["commit", "--quiet", "--message", message]);
    };
    git(&control, &["checkout", "--quiet", "-b", "change/gone"]);
    // A service that others need goes, and the rules that say so are silenced.
    let text = read(&catalog);
    let (before, _) = text.split_once("[service.user-store]").unwrap();
    std::fs::write(&catalog, before).unwrap();
    std::fs::write(&settings, read(&settings) + "\n[rules]\nQD201 = \"allow\"\nQD301 = \"allow\"\n").unwrap();
    commit("Remove it");
    git(&control, &["checkout", "--quiet", "main"]);
    // What main did meanwhile is not the change's doing.
    std::fs::write(control.join("CHANGELOG.md"), "more\n").unwrap();
    std::fs::write(&catalog, text.clone() + "\n[service.later]\nname = \"later\"\ntype = \"job\"\nowner = \"platform-team\"\nversion = \"1.0.0\"\n").unwrap();
    commit("Go on");
    let on = |arguments: &[&'static str]| [&["--repo", "control", "check"], arguments].concat();
    for range in [&["main..change/gone"][..], &["--base", "main", "--rev", "change/gone"]] {
        let ran = program.ends(1, &on(range)).await;
        ran.says(&["QD301", "QD201", "QD120", "user-store"]);
        assert!(!ran.out.contains("later"), "{}", ran.out);
    }
    // Alone it is judged by its own levels, and so it says nothing of them.
    let alone = program.run(&on(&["--rev", "change/gone"])).await;
    assert!(!alone.out.contains("QD201") && !alone.out.contains("QD301"), "{}", alone.out);

    // What is not committed yet is compared, too.
    git(&control, &["checkout", "--quiet", "-b", "change/major"]);
    std::fs::write(&catalog, text.replace("\"1.3.0\"", "\"2.0.0\"")).unwrap();
    program.ends(1, &on(&["--base", "main"])).await.says(&["QD30", "shared-auth"]);
    let sarif = program.run(&on(&["--base", "main", "--format", "sarif"])).await;
    let document: serde_json::Value = serde_json::from_str(&sarif.out).unwrap();
    assert_eq!(document["version"], "2.1.0");
    assert!(!document["runs"][0]["results"].as_array().unwrap().is_empty(), "{document:#}");
    sarif.complains(&["error"]);
    program
        .ends(1, &on(&["--base", "main", "--format", "github"]))
        .await
        .says(&["::error file=services/catalog.toml,line="]);
    program.ends(2, &on(&["--base", "mian"])).await.complains(&["could not find the revision mian"]);
    program.ends(2, &on(&["nowhere/at-all.toml"])).await.complains(&["is no file or directory"]);
    program.ends(2, &on(&["a..b", "c..d"])).await.complains(&["give one range"]);
}

#[tokio::test]
async fn a_watch_tells_what_a_save_changes_and_ends_with_the_interrupt() {
    let program = Program::new();
    program.ends(0, &["init", "control"]).await;
    let catalog = program.home.path().join("control/services/catalog.toml");
    let text = std::fs::read_to_string(&catalog).unwrap();
    let mut child = program.spawn(&["--repo", "control", "check", "--watch"]);
    child.says("no findings; watching").await;
    std::fs::write(&catalog, text.clone() + "\n[service.broken]\nversion = \"one\"\n").unwrap();
    let said = child.says(" new: ").await;
    assert!(said.iter().any(|line| line.contains("is not a semantic version")), "{said:?}");
    std::fs::write(&catalog, text).unwrap();
    let said = child.says(" mended: no findings").await;
    assert!(said.iter().any(|line| line.starts_with("mended[QD106]")), "{said:?}");
    assert_eq!(child.interrupt().await, Some(130));
}

#[tokio::test]
async fn schemas_are_printed_listed_and_written() {
    let program = Program::new();
    program.ends(0, &["schema"]).await.says(&["services/catalog.toml", "catalog.schema.json"]);
    let schema = program.ends(0, &["schema", "services/catalog.toml"]).await;
    let schema: serde_json::Value = serde_json::from_str(&schema.out).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    program.ends(2, &["schema", "catlog"]).await;
    program.ends(0, &["schema", "--all", "--out", "written"]).await.complains(&["14 schemas are in written"]);
    program.ends(0, &["init", "control"]).await;
    let file = |path: &str| std::fs::read(program.home.path().join(path)).unwrap();
    assert_eq!(file("written/catalog.schema.json"), file("control/schemas/catalog.schema.json"));
    program.write("taken", "");
    program.ends(2, &["schema", "--all", "--out", "taken"]).await.complains(&["could not write", "--out"]);
}

#[tokio::test]
async fn the_demo_prints_its_briefing_and_ends() {
    let program = Program::new();
    for arguments in [&["demo", "--once"][..], &["demo"]] {
        program.ends(0, arguments).await.says(&[
            "Open incidents",
            "INC-",
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
    program
        .ends(2, &["demo", "--once", "--scenario", "storm"])
        .await
        .complains(&["default, calm, canary-fails"]);
    program.ends(0, &["demo", "--list-scenarios"]).await.says(&["breaking-change", "nothing is wrong"]);
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
    program.ends(0, &["service", "show", "shared-auth"]).await.says(&[
        "shared-auth  ■ violated",
        "version       1.3.0",
        "used by",
        "duties open",
        "said in",
    ]);
    let shown = program.json(0, &["service", "show", "old-api"]).await;
    assert_eq!(shown["replacement_service"], "new-api", "{shown:#}");
    assert!(shown["lifecycle"][0]["duties"].is_array() && shown["sources"][0]["line"].is_u64(), "{shown:#}");
    program.ends(2, &["service", "show", "shared-oauth"]).await.complains(&["shared-auth"]);
    program.ends(0, &["service", "usage"]).await.says(&["shared-auth", "■ violated", "▲ deprecated gone in"]);
    program.ends(0, &["service", "compliance"]).await.says(&[
        "△ drifts",
        "cart",
        "production 1.8.1",
        ">=1.0",
    ]);
    let migrations = program.json(0, &["service", "migrations"]).await;
    let old = &migrations["migrations"][0];
    assert_eq!((&old["service"], &old["remaining"]), (&"old-api".into(), &1.into()), "{migrations:#}");
    assert_eq!(old["progress"]["moved"], 5, "{migrations:#}");
    program.ends(0, &["service", "migrations"]).await.says(&["5 of 6", "−order-worker", "○ moving"]);
    let page = program.ends(0, &["snapshot", "--pane", "cross-project"]).await;
    page.says(&["Cross-project impact", "▸Shared services", "history of"]);
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
    assert_eq!(ledger(&platform).len(), 5, "what happened, and twice who was told");
    program.ends(0, &["ledger", "log"]).await.says(&[
        "incident.declared(INC-1): critical, checkout answers 5xx",
        "incident.acknowledged(INC-1)",
        "incident.resolved(INC-1): pods restarted",
        "Marta Ruiz",
    ]);
    let log = program.json(0, &["ledger", "log"]).await;
    assert_eq!(log["events"][0]["event"]["kind"], "notice.delivered", "the newest first: {log:#}");
    assert_eq!(log["events"][1]["event"]["kind"], "incident.resolved", "{log:#}");
    assert_eq!(log["events"][0]["event"]["about"], "INC-1");
    assert_eq!(log["events"][4]["actor"]["email"], "m.ruiz@example.com");
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
    // On top of it stands who was told.
    let commit = git(platform.remote(), &["rev-parse", "quarterdeck/ledger^"]);
    assert_eq!(approved["commit"], commit.as_str());
    assert!(
        ledger(&platform)[0].starts_with("notice.delivered(project-a-api-2.1.1): change.approved reached")
    );
    assert!(ledger(&platform)[1].starts_with("change.approved(project-a-api-2.1.1)"));
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
    assert_eq!(ledger(&platform).len(), 2);
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
        .ends(1, &["service", "rollback", "event-bus", "--environment", "staging", "--to", "9.9.9", "--yes"])
        .await
        .complains(&["no revision with 9.9.9 is there any more"]);
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
    program.ends(0, &["check", "--explain", "qd203"]).await.says(&["dependency-cycle", "Mended by"]);
    program.ends(2, &["check", "--explain", "dependency-cicle"]).await.complains(&["did you mean"]);
    // What the command line names and nobody has is told, whatever is asked for.
    for wrong in [["--theme", "drak"], ["--keymap", "none-such"]] {
        let arguments = [&wrong[..], &["theme", "list"]].concat();
        program.ends(0, &arguments).await.says(&["dark\n"]).complains(&[wrong[1]]);
    }
    program.ends(2, &["frobnicate"]).await.complains(&["frobnicate"]);
    // The console itself needs a terminal.
    program.ends(2, &[]).await.complains(&["needs a terminal", "quarterdeck briefing"]);
}

#[tokio::test]
async fn the_ledger_is_logged_synced_and_verified() {
    let (platform, program) = operator(Scenario::BadRelease).await;
    let verified = program.json(0, &["ledger", "verify"]).await;
    assert_eq!((&verified["valid"], &verified["events"]), (&true.into(), &3.into()), "{verified:#}");
    let signed = if platform.is_signing() { 3 } else { 0 };
    assert_eq!(verified["signed"], signed, "{verified:#}");
    let logged = program.ends(0, &["ledger", "log", "--signatures", "--kind", "incident.declared"]).await;
    logged.says(&[
        "INC-1",
        "INC-2",
        if platform.is_signing() { "● l.okafor@example.com" } else { "unsigned" },
    ]);
    let taken =
        program.json(0, &["ledger", "log", "--subject", "INC-1", "--limit", "1", "--actor", "chen"]).await;
    assert_eq!(taken["events"][0]["event"]["kind"], "incident.acknowledged", "{taken:#}");
    assert_eq!(taken["events"].as_array().map(Vec::len), Some(1), "{taken:#}");
    program.ends(0, &["ledger", "log", "--since", "2099-01-01"]).await.says(&["none of 3 events fits"]);
    program.ends(2, &["ledger", "log", "--since", "yesterday"]).await.complains(&["is no time", "7d"]);

    program.ends(0, &["ledger", "sync"]).await.says(&["0 events received, 0 sent; the ledger has 3 events"]);
    program.ends(1, &["ledger", "sync", "--read-only"]).await.complains(&["read-only"]);
    let away = platform.remote().with_extension("away");
    std::fs::rename(platform.remote(), &away).unwrap();
    program.ends(3, &["ledger", "sync"]).await.complains(&["could not fetch the ledger"]);
    program.ends(0, &["incident", "declare", "--severity", "low", "--title", "offline", "--yes"]).await;
    std::fs::rename(&away, platform.remote()).unwrap();
    let synced = program.json(0, &["ledger", "sync"]).await;
    assert_eq!((&synced["sent"], &synced["waiting"]), (&2.into(), &0.into()), "{synced:#}");
    program.ends(0, &["ledger", "verify"]).await.says(&["valid: 5 events"]);

    // Somebody who may push and has no key takes an incident.
    let tree = git(platform.remote(), &["rev-parse", "quarterdeck/ledger^{tree}"]);
    let message = "incident.acknowledged(INC-2): taken\n\n\
                   {\"version\":1,\"kind\":\"incident.acknowledged\",\"incident\":\"INC-2\"}\n";
    let commit = ["commit-tree", "-p", "quarterdeck/ledger", "-m", message, &tree];
    let forged = git(platform.remote(), &commit);
    git(platform.remote(), &["update-ref", "refs/heads/quarterdeck/ledger", &forged]);
    if platform.is_signing() {
        program.ends(1, &["ledger", "verify"]).await.says(&[
            "bad: event 6",
            "incident.acknowledged(INC-2)",
            "it is not signed, and signatures were required",
            "not valid: 6 events, 5 signed",
        ]);
    }
    // A rewritten ledger is not taken over.
    let commit = ["commit-tree", "-p", "quarterdeck/ledger~2", "-m", message, &tree];
    let other = git(platform.remote(), &commit);
    git(platform.remote(), &["update-ref", "refs/heads/quarterdeck/ledger", &other]);
    program.ends(1, &["ledger", "verify"]).await.complains(&["the ledger on origin was rewritten"]);
}
