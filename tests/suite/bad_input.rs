//! What is not there, or not as it should be: a message that says what was tried, what is wrong and what to
//! do, the right exit code, and a console that opens on what it has.

use crate::{
    console::{DEADLINE, engine, environment, git, platform, screen},
    program::{BINARY, Program},
    terminal::Terminal,
};
use quarterdeck::{
    demo::{Environment, Faults, Platform, Scenario},
    engine::headless::Engine,
    error::FailureKind,
    model::Model,
};
use std::path::{Path, PathBuf};

/// A kubeconfig with the demo's contexts whose servers are at an address.
fn kubeconfig(program: &Program, server: &str) -> PathBuf {
    let contexts = ["demo-staging", "demo-production"]
        .map(|name| format!("- {{name: {name}, context: {{cluster: c, user: u}}}}\n"))
        .concat();
    program.write(
        "kubeconfig",
        &format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- {{name: c, cluster: {{server: '{server}'}}}}\nusers:\n- {{name: u, user: {{token: t}}}}\ncontexts:\n{contexts}"
        ),
    )
}

async fn settled(engine: &mut Engine, what: &str, condition: impl FnMut(&Model) -> bool) {
    let came = engine.until(DEADLINE, condition).await;
    assert!(came, "never: {what}\n{}", screen(&engine.model));
}

fn has_rates(model: &Model) -> bool {
    model
        .world
        .metrics
        .value
        .as_ref()
        .is_some_and(|seen| seen.endpoints.values().any(|seen| seen.rate.is_some()))
}

fn has_changes_and_ledger(model: &Model) -> bool {
    let world = &model.world;
    world.changes.value.is_some() && world.ledger.value.is_some() && world.remote.at.is_some()
}

fn clusters_failed(model: &Model, kind: FailureKind) -> bool {
    let clusters = &model.world.clusters;
    clusters.len() == 2
        && clusters.values().all(|source| source.failure.as_ref().is_some_and(|failure| failure.kind == kind))
}

fn hermetic(platform: &Platform) -> Vec<(String, String)> {
    environment(platform.directory(), None)
}

#[tokio::test]
async fn a_directory_that_is_no_repository() {
    let program = Program::new();
    program.write("plain/readme.txt", "nothing");
    for command in [&["service", "list"][..], &["check"], &["briefing"], &["ledger", "log"]] {
        let arguments = [&["--repo", "plain"], command].concat();
        program.ends(2, &arguments).await.complains(&["as a Git repository", "--repo", "quarterdeck init"]);
    }
    program.ends(2, &["--repo", "nowhere", "check"]).await.complains(&["nowhere", "quarterdeck init"]);
    // The console opens all the same, and says so.
    let plain = program.home.path().join("plain");
    let mut engine = engine(&plain, &plain, environment(program.home.path(), None));
    settled(&mut engine, "the catalog's failure", |model| model.world.catalog.failure.is_some()).await;
    let shown = screen(&engine.model);
    assert!(shown.contains("as a Git repository"), "{shown}");
    let arguments = ["--repo", plain.to_str().unwrap()];
    let mut terminal = Terminal::start(Path::new(BINARY), &arguments, &program.environment(), (120, 30));
    terminal.shows("as a Git repository");
    terminal.shows("5 Escalation");
    terminal.send("q");
    assert_eq!(terminal.end().exit_code(), 0, "{}", terminal.contents());
}

#[tokio::test]
async fn a_repository_without_a_commit_or_a_file() {
    let program = Program::new();
    let empty = program.home.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    git(&empty, &["init", "--quiet", "--initial-branch=main"]);
    program.ends(1, &["--repo", "empty", "check"]).await.says(&["services/catalog.toml", "help"]);
    program
        .ends(2, &["--repo", "empty", "check", "--rev", "HEAD"])
        .await
        .complains(&["no commit yet", "git commit"]);
    program.ends(2, &["--repo", "empty", "change", "list"]).await.complains(&["no commit yet", "git commit"]);
    let mut engine = engine(&empty, &empty, environment(program.home.path(), None));
    settled(&mut engine, "what is missing", |model| {
        model.world.findings.value.as_ref().is_some_and(|findings| !findings.is_empty())
            && model.world.changes.failure.is_some()
            && model.world.ledger.value.is_some()
    })
    .await;
}

#[tokio::test]
async fn a_catalog_that_is_missing_or_broken_hides_nothing_else() {
    let program = Program::new();
    program.ends(0, &["init", "control"]).await;
    let control = program.home.path().join("control");
    let catalog = control.join("services/catalog.toml");
    let text = std::fs::read_to_string(&catalog).unwrap();
    std::fs::remove_file(&catalog).unwrap();
    program.ends(1, &["--repo", "control", "check"]).await.says(&["services/catalog.toml", "help"]);

    let line = text.lines().count() + 1;
    std::fs::write(&catalog, text + "[service.half\nversion = \"1.0.0\"\n").unwrap();
    let checked = program.ends(1, &["--repo", "control", "check"]).await;
    checked.says(&[&format!("services/catalog.toml:{line}"), "[service.half"]);
    let mut engine = engine(&control, &control, environment(program.home.path(), None));
    settled(&mut engine, "the rest of the catalog", |model| {
        model.world.findings.value.as_ref().is_some_and(|findings| !findings.is_empty())
    })
    .await;
    let catalog = engine.model.world.catalog.value.clone().unwrap();
    let projects = catalog.services.values().filter(|service| service.project.is_some()).count();
    let shared = catalog.services.values().filter(|service| service.project.is_none()).count();
    assert!(projects > 0 && shared > 0, "{projects} and {shared}: {:?}", catalog.services.keys());
    assert!(!catalog.people.persons.is_empty(), "the policies are read");
}

#[tokio::test]
async fn clusters_that_cannot_be_named() {
    let platform = platform(Scenario::BadRelease).await;
    let absent = platform.directory().join("absent");
    let program = Program::on(platform.repository(), &absent);
    let listed = program.ends(2, &["service", "list"]).await;
    listed.says(&["shared-auth", "■ violated"]).complains(&["kubeconfig", "absent", "KUBECONFIG"]);
    let named = ["service", "list", "--kubeconfig", platform.kubeconfig().to_str().unwrap()];
    program.ends(0, &named).await.says(&["shared-auth", "3/3"]);
    program.ends(2, &["briefing"]).await.says(&["INC-2", "shared-auth-2.0.0", "Sources that are not live"]);
    let rollback = ["service", "rollback", "shared-auth", "--environment", "staging", "--yes"];
    program.ends(2, &rollback).await.complains(&["kubeconfig", "absent"]);
    // What needs no cluster does not miss it.
    program.ends(0, &["change", "list"]).await;
    program.ends(1, &["sla"]).await;
    let mut engine = engine(platform.repository(), &absent, hermetic(&platform));
    settled(&mut engine, "clusters failed, the rest live", |model| {
        clusters_failed(model, FailureKind::Configuration)
            && has_rates(model)
            && has_changes_and_ledger(model)
    })
    .await;
}

#[tokio::test]
async fn clusters_that_do_not_answer() {
    let platform = platform(Scenario::BadRelease).await;
    let mut program = Program::on(platform.repository(), platform.kubeconfig());
    let dead = kubeconfig(&program, "http://127.0.0.1:1");
    program.set("KUBECONFIG", dead.to_str().unwrap());
    let listed = program.ends(3, &["service", "list"]).await;
    listed.says(&["shared-auth", "■ violated"]).complains(&["demo-production", "try:"]);
    let rollback = ["service", "rollback", "shared-auth", "--environment", "staging", "--yes"];
    program.ends(3, &rollback).await.complains(&["demo-staging", "try:"]);
    let mut engine = engine(platform.repository(), &dead, hermetic(&platform));
    settled(&mut engine, "clusters failed, the rest live", |model| {
        clusters_failed(model, FailureKind::Unreachable) && has_rates(model) && has_changes_and_ledger(model)
    })
    .await;
}

#[tokio::test]
async fn clusters_that_forbid() {
    let platform = platform(Scenario::BadRelease).await;
    let faults = Faults { forbid_everything: true, ..Faults::default() };
    platform.cluster(Environment::Production).set_faults(faults);
    let program = Program::on(platform.repository(), platform.kubeconfig());
    let listed = program.ends(3, &["service", "list"]).await;
    listed.says(&["shared-auth", "■ violated"]).complains(&["demo-production", "not allowed", "try:"]);
    assert!(!listed.err.contains("demo-staging"), "staging is well: {}", listed.err);
    program
        .ends(3, &["briefing"])
        .await
        .says(&["INC-2", "shared-auth-2.0.0", "deployments cannot be seen"])
        .complains(&["not allowed"]);
    let rollback = ["service", "rollback", "shared-auth", "--environment", "production", "--yes"];
    program.ends(3, &rollback).await.complains(&["demo-production", "try:"]);
    let mut engine = engine(platform.repository(), platform.kubeconfig(), hermetic(&platform));
    settled(&mut engine, "production says no, the rest is live", |model| {
        let cluster = |name: &str| model.world.clusters.get(name).and_then(|source| source.value.as_ref());
        cluster("demo-production").is_some_and(|view| view.missing.contains_key("deployments"))
            && cluster("demo-staging").is_some_and(|view| view.workloads.len() > 10)
            && has_rates(model)
            && has_changes_and_ledger(model)
    })
    .await;
    // It answers, so it is not down; but nobody may take it for one that is watched.
    let shown = screen(&engine.model);
    assert!(shown.contains("▲ production no deployments"), "{shown}");
}

#[tokio::test]
async fn a_broken_file_makes_no_report_look_well() {
    let platform = platform(Scenario::BadRelease).await;
    let program = Program::on(platform.repository(), platform.kubeconfig());
    let file = platform.repository().join("services/catalog.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("[[[[\n{text}")).unwrap();
    let sla = program.ends(2, &["sla"]).await;
    sla.complains(&["read only in part", "services/catalog.toml:1", "QD101", "quarterdeck check"]);
    program.ends(2, &["service", "list"]).await.complains(&["read only in part"]);
    // What does not rest on it is as it was.
    program.ends(0, &["incident", "list"]).await;
}

#[tokio::test]
async fn metrics_that_are_dead() {
    let platform = platform(Scenario::BadRelease).await;
    let file = platform.repository().join("quarterdeck.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(platform.metrics_url(), "http://127.0.0.1:1")).unwrap();
    let program = Program::on(platform.repository(), platform.kubeconfig());
    let reported = program.ends(3, &["sla"]).await;
    reported.says(&["◌ no data"]).complains(&["metrics", "127.0.0.1:1", "try:"]);
    assert!(!reported.out.contains("  ● met"), "no data is no good news: {}", reported.out);
    let mut engine = engine(platform.repository(), platform.kubeconfig(), hermetic(&platform));
    settled(&mut engine, "metrics failed, the rest live", |model| {
        let world = &model.world;
        world.metrics.value.as_ref().is_some_and(|seen| {
            !seen.endpoints.is_empty() && seen.endpoints.values().all(|seen| seen.problem.is_some())
        }) && world.clusters.values().all(|source| source.value.is_some())
            && world.clusters.len() == 2
            && has_changes_and_ledger(model)
    })
    .await;
    assert_eq!(engine.model.world.joined.counts[3], 0, "nothing is met without data");
}

#[tokio::test]
async fn settings_with_unknown_names() {
    let program = Program::new();
    program.write(
        ".config/quarterdeck/keymap.toml",
        "[pane]\nprepend_keymap = [\n  { on = \"J\", run = \"cursor.bottom\" },\n  { on = \"x\", run = \"cursor.dwn\" },\n]\n[pan]\n",
    );
    program.write(".config/quarterdeck/config.toml", "theme = \"drak\"\ncolour = 1\n");
    let printed = program.ends(2, &["keymap", "print"]).await;
    printed.says(&["J", "cursor.bottom", "app.quit"]).complains(&[
        "keymap.toml:4: there is no action `cursor.dwn`; did you mean `cursor.down`?",
        "keymap.toml:6: unknown context `pan`; did you mean `pane`?",
        "config.toml:2: unknown key `colour`",
        "drak",
    ]);
    // The console says the same when it opens, and works.
    let mut terminal = Terminal::start(Path::new(BINARY), &["demo"], &program.environment(), (160, 45));
    terminal.shows("keymap.toml:4");
    terminal.shows("shared-auth");
    terminal.send("J");
    terminal.until("another row than the first", |screen| !screen.contents().contains(" 1/27"));
    terminal.send("q");
    assert_eq!(terminal.end().exit_code(), 0, "{}", terminal.contents());
}
