//! Merging, reverting and restoring through the real binary, on small repositories of two people.

use crate::{console::git, program::Program};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

const CATALOG: &str = r#"[service.api]
name = "api"
type = "api"
owner = "platform"
version = "1.0.0"

[service.web]
name = "web"
type = "web"
owner = "platform"
version = "3.0.0"
"#;

const TEAMS: &str = r#"[person.ana]
name = "Ana"
email = "ana@example.com"

[person.bo]
name = "Bo"
email = "bo@example.com"

[team.platform]
members = ["ana", "bo"]
lead = "bo"
"#;

const VERSIONS: &str = "# Released versions.\n\n[version.api]\ncurrent = \"1.0.0\" # since May\nprevious = [\"0.9.0\"]\nreleased = 2026-05-01\n\n[version.web]\ncurrent = \"3.0.0\"\nprevious = []\n";

const LOG: &str = "# Changelog\n\n## [Unreleased]\n\n### Fixed\n\n- something old\n";

/// A remote and the clones of ana, who writes changes, and of bo, who reviews and merges them.
pub struct Ground {
    folder: TempDir,
}

impl Ground {
    pub fn new() -> Self {
        let ground = Self { folder: tempfile::tempdir().unwrap() };
        git(ground.folder.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "remote.git"]);
        git(ground.folder.path(), &["clone", "--quiet", "remote.git", "ana"]);
        for (path, text) in [
            ("quarterdeck.toml", "name = \"shop\"\n"),
            ("services/catalog.toml", CATALOG),
            ("services/versions.toml", VERSIONS),
            ("policies/teams.toml", TEAMS),
            ("CHANGELOG.md", LOG),
        ] {
            ground.write(path, text);
        }
        ground.commit("Begin");
        git(&ground.ana(), &["push", "--quiet", "origin", "HEAD:main"]);
        git(ground.folder.path(), &["clone", "--quiet", "remote.git", "bo"]);
        ground
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ana(&self) -> PathBuf {
        self.path("ana")
    }

    pub fn remote(&self) -> PathBuf {
        self.path("remote.git")
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.ana().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    /// Commits as ana.
    fn commit(&self, subject: &str) -> String {
        git(&self.ana(), &["add", "--all"]);
        let name = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com"];
        // The test's own git sets other names by variables; the options of the commit win over them.
        let mut arguments = name.to_vec();
        arguments.extend(["commit", "--quiet", "--author=Ana <ana@example.com>", "--message", subject]);
        git(&self.ana(), &arguments);
        git(&self.ana(), &["rev-parse", "HEAD"])
    }

    /// Proposes a change on top of the main branch as it is now.
    pub fn propose(&self, id: &str, subject: &str, edits: &[(&str, &str, &str)]) -> String {
        git(&self.ana(), &["fetch", "--quiet"]);
        git(&self.ana(), &["checkout", "--quiet", "--detach", "origin/main"]);
        for (path, before, after) in edits {
            let text = fs::read_to_string(self.ana().join(path)).unwrap();
            assert!(text.contains(before), "{path} has no {before}: {text}");
            self.write(path, &text.replacen(before, after, 1));
        }
        let head = self.commit(subject);
        git(&self.ana(), &["push", "--quiet", "origin", &format!("HEAD:refs/heads/change/{id}")]);
        head
    }

    /// Puts something on the main branch past every gate.
    pub fn push_main(&self, subject: &str, path: &str, text: &str) -> String {
        git(&self.ana(), &["fetch", "--quiet"]);
        git(&self.ana(), &["checkout", "--quiet", "--detach", "origin/main"]);
        self.write(path, text);
        let head = self.commit(subject);
        git(&self.ana(), &["push", "--quiet", "origin", "HEAD:main"]);
        head
    }

    /// The program as a person in their clone.
    pub fn program(&self, person: &str) -> Program {
        let mut program = Program::on(&self.path(person), &self.path("kubeconfig"));
        let name = format!("{}{}", person[..1].to_uppercase(), &person[1..]);
        for role in ["AUTHOR", "COMMITTER"] {
            program.set(&format!("GIT_{role}_NAME"), &name);
            program.set(&format!("GIT_{role}_EMAIL"), &format!("{person}@example.com"));
        }
        program
    }

    /// What git says of the remote.
    pub fn of_remote(&self, arguments: &[&str]) -> String {
        git(&self.remote(), arguments)
    }

    fn show(&self, path: &str) -> String {
        self.of_remote(&["show", &format!("main:{path}")])
    }

    /// Subject lines of the ledger, oldest first, of one kind.
    pub fn events(&self, kind: &str) -> Vec<String> {
        let all = self.of_remote(&["log", "--reverse", "--format=%s", "quarterdeck/ledger"]);
        all.lines().filter(|line| line.starts_with(kind)).map(str::to_owned).collect()
    }
}

/// The change that raises the api's version.
pub fn raise(ground: &Ground) -> String {
    let edits = [("services/catalog.toml", "version = \"1.0.0\"", "version = \"1.0.1\"")];
    ground.propose("api-1.0.1", "fix(api): close idle connections", &edits)
}

pub async fn approve(ground: &Ground, id: &str) {
    ground.program("bo").ends(0, &["change", "approve", id, "--yes"]).await;
}

fn tree(place: &Path) -> String {
    git(place, &["status", "--porcelain"]) + &git(place, &["rev-parse", "HEAD"])
}

#[tokio::test]
async fn a_change_is_merged_with_its_books_and_its_tag_in_one_commit() {
    let ground = Ground::new();
    let head = raise(&ground);
    let bo = ground.program("bo");
    let refused = bo.ends(1, &["change", "merge", "api-1.0.1", "--yes"]).await;
    refused
        .complains(&["api-1.0.1 may not be merged", "the code-review gate is open: somebody of @platform"]);
    approve(&ground, "api-1.0.1").await;
    let shown = bo.ends(2, &["change", "merge", "api-1.0.1"]).await;
    shown.complains(&[
        "Plan: merge api-1.0.1 into main",
        "message: fix(api): close idle connections",
        "approved by: Bo (code-review)",
        "releases: api 1.0.0 → 1.0.1",
        "CHANGELOG.md, services/versions.toml",
        "push at once to origin main, api-v1.0.1; change/api-1.0.1 is deleted",
        "add --yes",
    ]);
    let before = ground.of_remote(&["rev-parse", "main"]);
    let working = tree(&ground.path("bo"));
    let merged = bo.json(0, &["change", "merge", "api-1.0.1", "--yes"]).await;
    assert_eq!(merged["verdict"], "pass", "{merged}");
    let commit = ground.of_remote(&["rev-parse", "main"]);
    assert_eq!(
        merged["summary"],
        format!("api-1.0.1 merged into main as {}, tagged api-v1.0.1", &commit[..8])
    );
    assert_eq!(ground.of_remote(&["rev-parse", "main^"]), before, "one commit, on top of what was there");
    let message = ground.of_remote(&["log", "-1", "--format=%an <%ae>%n%B", "main"]);
    for line in [
        "Bo <bo@example.com>\nfix(api): close idle connections\n\nbugfix change, low risk.\n\n- api version: 1.0.0 → 1.0.1\n",
        "\nChange-Id: api-1.0.1\n",
        &format!("\nChange-Head: {head}\n"),
        "\nChange-Type: bugfix\n",
        "\nApproved-by: Bo <bo@example.com> (code-review)\n",
        "\nRelease-Tag: api-v1.0.1\n",
        "\nLedger-Tip: ",
    ] {
        assert!(message.contains(line), "{line} is missing in\n{message}");
    }
    let today = git(&ground.remote(), &["log", "-1", "--date=short", "--format=%ad", "main"]);
    assert_eq!(
        ground.show("services/versions.toml") + "\n",
        VERSIONS
            .replacen(
                "\"1.0.0\" # since May\nprevious = [\"0.9.0\"]",
                "\"1.0.1\" # since May\nprevious = [\"1.0.0\", \"0.9.0\"]",
                1
            )
            .replacen("2026-05-01", &today, 1)
    );
    assert!(
        ground
            .show("CHANGELOG.md")
            .contains("### Fixed\n\n- api 1.0.1: close idle connections (api-1.0.1)\n- something old"),
        "{}",
        ground.show("CHANGELOG.md")
    );
    let notes = ground.of_remote(&[
        "for-each-ref",
        "--format=%(objecttype) %(*objectname) %(contents)",
        "refs/tags/api-v1.0.1",
    ]);
    assert!(
        notes.starts_with(&format!("tag {commit} api 1.0.1: close idle connections\n\nFrom 1.0.0;")),
        "{notes}"
    );
    assert_eq!(ground.of_remote(&["branch", "--list", "change/*"]), "");
    let event = &ground.events("change.merged")[0];
    assert_eq!(event, &format!("change.merged(api-1.0.1): bugfix into main as {}, api-v1.0.1", &commit[..8]));
    assert_eq!(tree(&ground.path("bo")), working, "what bo works on stays");
    bo.ends(0, &["ledger", "verify"]).await;
    let again = bo.ends(1, &["change", "merge", "api-1.0.1", "--yes"]).await;
    again.complains(&["api-1.0.1 is merged already, as"]);
    bo.ends(2, &["change", "merge", "nothing", "--yes"])
        .await
        .complains(&["there is no open change `nothing`"]);
}

#[tokio::test]
async fn changes_that_meet_in_the_books_only_are_merged_and_others_are_not() {
    let ground = Ground::new();
    raise(&ground);
    // Written like the first one before it is merged: both speak at the same place of the same files.
    let web = [
        ("services/catalog.toml", "version = \"3.0.0\"", "version = \"3.1.0\""),
        (
            "services/versions.toml",
            "current = \"3.0.0\"\nprevious = []",
            "current = \"3.1.0\"\nprevious = [\"3.0.0\"]",
        ),
        ("CHANGELOG.md", "- something old", "- web: page through long lists\n- something old"),
    ];
    ground.propose("web-3.1.0", "feat(web): page through long lists", &web);
    let clash = [("services/catalog.toml", "version = \"1.0.0\"", "version = \"1.1.0\"")];
    ground.propose("api-1.1.0", "feat(api): accept batches", &clash);
    for id in ["api-1.0.1", "web-3.1.0", "api-1.1.0"] {
        approve(&ground, id).await;
    }
    let bo = ground.program("bo");
    bo.ends(0, &["change", "merge", "api-1.0.1", "--yes"]).await;
    let refused = bo.ends(1, &["change", "merge", "api-1.1.0", "--yes"]).await;
    refused.complains(&[
        "api-1.1.0 and main change the same lines of services/catalog.toml",
        "rebase change/api-1.1.0",
    ]);
    let shown = bo.ends(2, &["change", "merge", "web-3.1.0"]).await;
    shown.complains(&["main changed CHANGELOG.md", "its text is kept"]);
    bo.ends(0, &["change", "merge", "web-3.1.0", "--yes"]).await;
    let log = ground.show("CHANGELOG.md");
    for line in ["- web: page through long lists", "- api 1.0.1: close idle", "- something old"] {
        assert_eq!(log.matches(line).count(), 1, "{line}: {log}");
    }
    let versions = ground.show("services/versions.toml");
    assert!(
        versions.contains("current = \"1.0.1\"") && versions.contains("current = \"3.1.0\""),
        "{versions}"
    );
    bo.ends(0, &["check", "--rev", "origin/main"]).await;
}

#[tokio::test]
async fn what_main_would_not_validate_with_is_refused_with_its_errors() {
    let ground = Ground::new();
    // Each is right by itself; together they are not.
    let end = "version = \"3.0.0\"\n";
    let needs = "version = \"3.0.1\"\n\n[service.web.dependencies]\nrequires = [\"api >= 1.0\"]\n";
    ground.propose("web-needs-api", "fix(web): ask the api", &[("services/catalog.toml", end, needs)]);
    approve(&ground, "web-needs-api").await;
    ground.push_main("Go back", "services/catalog.toml", &CATALOG.replace("1.0.0", "0.9.0"));
    let refused = ground.program("bo").ends(1, &["change", "merge", "web-needs-api", "--yes"]).await;
    refused.complains(&["main would not validate with it; nothing was done", "`web`", "QD2"]);
    assert_eq!(ground.events("change.merged"), [""; 0]);
}

#[tokio::test]
async fn of_two_who_merge_at_once_one_wins() {
    let ground = Ground::new();
    raise(&ground);
    approve(&ground, "api-1.0.1").await;
    let (ana, bo) = (ground.program("ana"), ground.program("bo"));
    let arguments = ["change", "merge", "api-1.0.1", "--yes"];
    let (one, two) = tokio::join!(ana.run(&arguments), bo.run(&arguments));
    let codes = [one.code, two.code];
    assert!(codes.contains(&Some(0)) && codes.contains(&Some(1)), "{one:?}\n{two:?}");
    assert_eq!(ground.of_remote(&["log", "--format=%s", "main"]).lines().count(), 2);
    assert_eq!(ground.events("change.merged").len(), 1);
    assert_eq!(ground.of_remote(&["tag"]), "api-v1.0.1");
}

#[tokio::test]
async fn a_tag_of_something_else_keeps_a_merge_out() {
    let ground = Ground::new();
    raise(&ground);
    approve(&ground, "api-1.0.1").await;
    ground.of_remote(&["tag", "api-v1.0.1", "main"]);
    let refused = ground.program("bo").ends(1, &["change", "merge", "api-1.0.1", "--yes"]).await;
    refused.complains(&["api-v1.0.1"]);
    assert_eq!(ground.of_remote(&["log", "--format=%s", "main"]), "Begin");
}

#[tokio::test]
async fn a_merged_change_is_taken_back_by_a_proposal_or_at_once() {
    let ground = Ground::new();
    raise(&ground);
    approve(&ground, "api-1.0.1").await;
    let bo = ground.program("bo");
    let begin = ground.show("services/catalog.toml");
    bo.ends(2, &["change", "revert", "api-1.0.1", "--reason", "leaks", "--yes"])
        .await
        .complains(&["the ledger has no merge of `api-1.0.1`"]);
    bo.ends(0, &["change", "merge", "api-1.0.1", "--yes"]).await;
    let revert = ["change", "revert", "api-1.0.1", "--reason", "it leaks", "--yes"];
    let direct = [&revert[..], &["--direct"]].concat();
    bo.ends(1, &direct).await.complains(&["may not be taken back at once", "direct_revert = true"]);
    let ran = bo.ends(0, &revert).await;
    ran.says(&["the revert of api-1.0.1 is proposed as change/revert-api-1.0.1"]);
    let path = "change/revert-api-1.0.1:services/catalog.toml";
    assert_eq!(ground.of_remote(&["show", path]), begin);
    assert_eq!(
        ground.of_remote(&["show", "change/revert-api-1.0.1:services/versions.toml"]) + "\n",
        VERSIONS,
        "the books come back with it"
    );
    assert!(ground.events("change.reverted")[0].contains("proposed as change/revert-api-1.0.1, it leaks"));
    bo.ends(1, &revert).await.complains(&["was taken back already"]);
    // The proposal is a change as any other.
    let list = bo.json(0, &["change", "list"]).await;
    assert_eq!(list["changes"][0]["id"], "revert-api-1.0.1", "{list}");
}

#[tokio::test]
async fn where_it_is_allowed_a_change_is_taken_back_on_main_though_others_came_after_it() {
    let ground = Ground::new();
    ground.push_main("Allow it", "quarterdeck.toml", "name = \"shop\"\n\n[changes]\ndirect_revert = true\n");
    raise(&ground);
    let web = [("services/catalog.toml", "version = \"3.0.0\"", "version = \"3.1.0\"")];
    ground.propose("web-3.1.0", "feat(web): page through long lists", &web);
    let bo = ground.program("bo");
    for id in ["api-1.0.1", "web-3.1.0"] {
        approve(&ground, id).await;
        bo.ends(0, &["change", "merge", id, "--yes"]).await;
    }
    let ran =
        bo.ends(0, &["change", "revert", "api-1.0.1", "--reason", "it leaks", "--direct", "--yes"]).await;
    ran.says(&["api-1.0.1 is taken back on main by"]);
    let (catalog, versions) = (ground.show("services/catalog.toml"), ground.show("services/versions.toml"));
    assert!(catalog.contains("version = \"1.0.0\"") && catalog.contains("version = \"3.1.0\""), "{catalog}");
    assert!(
        versions.contains("current = \"1.0.0\"") && versions.contains("current = \"3.1.0\""),
        "{versions}"
    );
    assert!(ground.show("CHANGELOG.md").contains("page through long lists"));
    bo.ends(0, &["check", "--rev", "origin/main"]).await;
}

#[tokio::test]
async fn a_broken_main_branch_is_brought_back_and_an_incident_opened() {
    let ground = Ground::new();
    let bo = ground.program("bo");
    bo.ends(1, &["repository", "restore", "--yes"])
        .await
        .complains(&["main validates at", "nothing to restore"]);
    let good = ground.of_remote(&["rev-parse", "main"]);
    ground.push_main("Break it", "services/catalog.toml", "[service.api\nname = \"api\"\n");
    let broken = ground.push_main("Something on top", "documentation/x.md", "x\n");
    let ran = bo.json(0, &["repository", "restore", "--yes"]).await;
    assert_eq!((&ran["verdict"], &ran["id"]), (&"pass".into(), &"INC-1".into()), "{ran}");
    assert!(ran["summary"].as_str().unwrap().contains("after it was noticed; INC-1 is open for it"), "{ran}");
    assert_eq!(ground.of_remote(&["rev-parse", "main^"]), broken, "nothing is rewritten");
    assert_eq!(
        ground.of_remote(&["rev-parse", "main^{tree}"]),
        ground.of_remote(&["rev-parse", &format!("{good}^{{tree}}")])
    );
    let message = ground.of_remote(&["log", "-1", "--format=%B", "main"]);
    assert!(message.starts_with(&format!("restore: all files as they were at {}", &good[..8])), "{message}");
    assert!(ground.events("incident.declared")[0].contains("high, main was broken: services/catalog.toml"));
    assert!(
        ground.events("main.restored")[0].starts_with("main.restored(main):"),
        "{:?}",
        ground.events("main")
    );
    bo.ends(0, &["check", "--rev", "origin/main"]).await;
    bo.ends(1, &["repository", "restore", "--yes"]).await.complains(&["nothing to restore"]);
    bo.ends(0, &["ledger", "verify"]).await;
}

#[tokio::test]
async fn without_a_remote_the_clones_own_main_branch_is_merged_into() {
    let ground = Ground::new();
    raise(&ground);
    let bo = ground.path("bo");
    git(&bo, &["fetch", "--quiet"]);
    git(&bo, &["branch", "change/api-1.0.1", "origin/change/api-1.0.1"]);
    git(&bo, &["remote", "remove", "origin"]);
    approve(&ground, "api-1.0.1").await;
    ground.program("bo").ends(0, &["change", "merge", "api-1.0.1", "--yes"]).await;
    assert_eq!(git(&bo, &["tag", "--points-at", "main"]), "api-v1.0.1");
    assert_eq!(git(&bo, &["branch", "--list", "change/*"]), "");
    assert_eq!(git(&bo, &["status", "--porcelain"]), "", "the files came along");
    assert!(fs::read_to_string(bo.join("services/catalog.toml")).unwrap().contains("1.0.1"));
}
