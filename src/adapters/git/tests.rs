//! The repository adapter against real repositories.

use super::{GitRepository, fixture::Ground};
use crate::{
    domain::{
        catalog::Catalog,
        name::{CommitId, ServiceName},
    },
    error::FailureKind,
    ports::{ControlRepository, Revision},
};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

fn service(version: &str) -> String {
    format!("[service.api]\nname = \"api\"\ntype = \"api\"\nowner = \"platform\"\nversion = \"{version}\"\n")
}

const CATALOG: &str = "services/catalog.toml";

/// A remote with a main branch, a change and a merged change, and ana's clone of it.
fn estate(ground: &Ground) -> GitRepository {
    let repository = ground.clone_for("ana");
    ground.commit("ana", "ana", CATALOG, &service("1.0.0"));
    ground.git("ana", "ana", &["push", "--quiet", "origin", "main", "main:change/merged"]);
    ground.git("ana", "ana", &["checkout", "--quiet", "-b", "change/api-1.1.0"]);
    ground.commit("ana", "bo", CATALOG, &service("1.1.0"));
    fs::write(ground.path("ana").join("CHANGELOG.md"), "1.1.0\n").unwrap();
    ground.git("ana", "cy", &["add", "--all"]);
    let message = "Note it\n\nCo-authored-by: Dee <dee@example.com>\nco-authored-by: nonsense";
    ground.git("ana", "cy", &["commit", "--quiet", "--message", message]);
    ground.git("ana", "ana", &["push", "--quiet", "origin", "change/api-1.1.0"]);
    ground.git("ana", "ana", &["checkout", "--quiet", "main"]);
    ground.commit("ana", "ana", "README.md", "Control\n");
    ground.git("ana", "ana", &["push", "--quiet", "origin", "main"]);
    repository
}

async fn version(repository: &GitRepository, revision: Revision) -> String {
    let catalog = repository.load(&revision).await.unwrap();
    let name = ServiceName::from("api");
    catalog.services.get(&name).and_then(|api| api.version.clone()).map(|v| v.to_string()).unwrap_or_default()
}

#[tokio::test]
async fn every_revision_is_read_without_a_checkout() {
    let ground = Ground::new();
    let repository = estate(&ground);
    fs::write(ground.path("ana").join(CATALOG), service("1.0.1")).unwrap();
    assert_eq!(version(&repository, Revision::WorkingTree).await, "1.0.1");
    for (revision, expected) in [
        ("HEAD", "1.0.0"),
        ("main", "1.0.0"),
        ("change/api-1.1.0", "1.1.0"),
        ("origin/change/api-1.1.0", "1.1.0"),
        ("change/api-1.1.0~2", "1.0.0"),
    ] {
        assert_eq!(version(&repository, Revision::Named(revision.into())).await, expected, "{revision}");
    }
    let id = repository.resolve("main").await.unwrap();
    assert_eq!(id, CommitId::from(ground.git("ana", "ana", &["rev-parse", "main"])));
    // A branch that only the remote has is found by its own name.
    ground.git("ana", "ana", &["branch", "--quiet", "-D", "change/api-1.1.0"]);
    assert_eq!(version(&repository, Revision::Named("change/api-1.1.0".into())).await, "1.1.0");
    let failure = repository.resolve("mian").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Usage);
    assert!(failure.message.contains("mian"), "{failure:?}");
}

#[tokio::test]
async fn proposals_are_the_open_branches_of_the_remote() {
    let ground = Ground::new();
    let repository = estate(&ground);
    let proposals = repository.proposals(&Catalog::default(), &BTreeSet::new()).await.unwrap();
    assert_eq!(proposals.len(), 1, "{proposals:?}");
    let proposal = &proposals[0];
    assert_eq!((proposal.id.as_str(), proposal.branch.as_str()), ("api-1.1.0", "change/api-1.1.0"));
    assert_eq!(proposal.head.as_str(), ground.git("ana", "ana", &["rev-parse", "change/api-1.1.0"]));
    assert_eq!(proposal.base.as_str(), ground.git("ana", "ana", &["rev-parse", "main~1"]));
    let mut authors: Vec<_> = proposal.authors.iter().map(|author| author.email.as_str()).collect();
    authors.sort_unstable();
    assert_eq!(authors, ["bo@example.com", "cy@example.com", "dee@example.com"]);
    assert_eq!(proposal.last_committer.email, "cy@example.com");
    assert_eq!(proposal.subject, "Note it");
    assert_eq!(proposal.paths, ["CHANGELOG.md", CATALOG]);
    assert_eq!(
        proposal.committed_at,
        "2026-11-01T10:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap()
    );
}

#[tokio::test]
async fn branches_of_any_name_are_proposals_where_they_are_requested() {
    let ground = Ground::new();
    let repository = estate(&ground);
    for branch in ["docs", "api-1.1.0", "quarterdeck/own"] {
        ground.git(
            "ana",
            "ana",
            &["push", "--quiet", "origin", &format!("change/api-1.1.0:refs/heads/{branch}")],
        );
    }
    let wanted = ["docs", "api-1.1.0", "quarterdeck/own", "main", "gone"].map(str::to_owned).into();
    let proposals = repository.proposals(&Catalog::default(), &wanted).await.unwrap();
    let found: Vec<_> =
        proposals.iter().map(|proposal| (proposal.id.as_str(), proposal.branch.as_str())).collect();
    // Of two with one id, the one of the pattern counts.
    assert_eq!(found, [("api-1.1.0", "change/api-1.1.0"), ("docs", "docs")]);
}

#[tokio::test]
async fn without_a_remote_local_branches_are_the_proposals() {
    let ground = Ground::new();
    ground.git(".", "ana", &["init", "--quiet", "--initial-branch=main", "alone"]);
    ground.commit("alone", "ana", CATALOG, &service("1.0.0"));
    ground.git("alone", "ana", &["checkout", "--quiet", "-b", "change/x"]);
    ground.commit("alone", "ana", "services/versions.toml", "");
    let proposals = ground.open("alone").proposals(&Catalog::default(), &BTreeSet::new()).await.unwrap();
    assert_eq!(proposals.len(), 1);
    assert_eq!(
        (proposals[0].id.as_str(), &proposals[0].paths[..]),
        ("x", &["services/versions.toml".to_owned()][..])
    );
}

#[tokio::test]
async fn fetching_shows_what_others_pushed_and_took_away() {
    let ground = Ground::new();
    let repository = estate(&ground);
    let before = repository.fingerprint().await.unwrap();
    assert_eq!(repository.fingerprint().await.unwrap(), before);
    ground.git(".", "eve", &["clone", "--quiet", "remote.git", "eve"]);
    ground.git("eve", "eve", &["push", "--quiet", "origin", "--delete", "change/api-1.1.0"]);
    ground.git("eve", "eve", &["checkout", "--quiet", "-b", "change/new"]);
    ground.commit("eve", "eve", CATALOG, &service("2.0.0"));
    ground.git("eve", "eve", &["push", "--quiet", "origin", "change/new"]);
    repository.fetch().await.unwrap();
    let proposals = repository.proposals(&Catalog::default(), &BTreeSet::new()).await.unwrap();
    assert_eq!(proposals.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["new"]);
    let after = repository.fingerprint().await.unwrap();
    assert_ne!(after.references, before.references);
    assert_eq!(after.working_tree, before.working_tree);
    fs::write(ground.path("ana").join(CATALOG), "# longer or shorter").unwrap();
    assert_ne!(repository.fingerprint().await.unwrap().working_tree, before.working_tree);
    ground.set_reachable(false);
    let failure = repository.fetch().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(!failure.causes.is_empty() && !failure.hints.is_empty(), "{failure:?}");
}

#[tokio::test]
async fn links_are_not_followed_anywhere() {
    let ground = Ground::new();
    let repository = estate(&ground);
    let root = ground.path("ana");
    let secret = ground.path("secret.toml");
    fs::write(&secret, "[service.leak]\nname = \"leak\"\n").unwrap();
    symlink(&secret, root.join("services/versions.toml")).unwrap();
    fs::create_dir(ground.path("outside")).unwrap();
    fs::write(ground.path("outside/teams.toml"), "[person.eve]\nname = \"Eve\"\n").unwrap();
    symlink(ground.path("outside"), root.join("policies")).unwrap();
    ground.git("ana", "ana", &["add", "--all"]);
    ground.git("ana", "ana", &["commit", "--quiet", "--message", "Links"]);
    for revision in [Revision::WorkingTree, Revision::Named("HEAD".into())] {
        let catalog = repository.load(&revision).await.unwrap();
        let read: Vec<_> = catalog.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(read, [CATALOG, "README.md"], "{revision:?}");
    }
}

#[tokio::test]
async fn a_repository_without_a_commit_has_files_and_says_so() {
    let ground = Ground::new();
    ground.git(".", "ana", &["init", "--quiet", "fresh"]);
    fs::create_dir(ground.path("fresh/services")).unwrap();
    fs::write(ground.path("fresh").join(CATALOG), service("1.0.0")).unwrap();
    let repository = ground.open("fresh");
    assert_eq!(version(&repository, Revision::WorkingTree).await, "1.0.0");
    let failure = repository.load(&Revision::Named("HEAD".into())).await.unwrap_err();
    assert!(failure.message.contains("no commit yet"), "{failure:?}");
    assert_eq!(repository.proposals(&Catalog::default(), &BTreeSet::new()).await.unwrap(), []);
    repository.fetch().await.unwrap();
    repository.fingerprint().await.unwrap();
}

#[test]
fn what_cannot_be_opened_is_said_with_a_way_out() {
    let ground = Ground::new();
    fs::create_dir(ground.path("plain")).unwrap();
    for (name, text) in [
        ("absent", "there is no such directory"),
        ("plain", "as a Git repository"),
        ("remote.git", "is a bare Git repository"),
    ] {
        let failure = GitRepository::open(&ground.path(name), Vec::new()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Configuration);
        assert!(failure.message.contains(text) && !failure.hints.is_empty(), "{failure:?}");
    }
}

#[tokio::test]
async fn a_folder_inside_opens_the_whole() {
    let ground = Ground::new();
    estate(&ground);
    let inner = GitRepository::open(&ground.path("ana/services"), Vec::new()).unwrap();
    assert_eq!(inner.root(), ground.path("ana").canonicalize().unwrap().as_path());
    assert_eq!(version(&inner, Revision::WorkingTree).await, "1.0.0");
}

#[tokio::test]
async fn the_operator_is_who_git_says() {
    let ground = Ground::new();
    let operator = ground.clone_for("ana").operator().await.unwrap();
    assert_eq!((operator.name.as_str(), operator.email.as_str()), ("ana", "ana@example.com"));
    let hermetic =
        [("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_AUTHOR_EMAIL", "")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
    let nobody = GitRepository::open(&ground.path("ana"), hermetic.to_vec()).unwrap();
    let failure = nobody.operator().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Configuration);
    assert!(failure.hints.iter().any(|hint| hint.contains("git config user.email")), "{failure:?}");
}

#[tokio::test]
async fn a_remote_that_nobody_configured_is_never_contacted() {
    let ground = Ground::new();
    let repository = estate(&ground);
    for name in ["--upload-pack=touch owned", "ext::sh -c true", "/somewhere/else", "upstream"] {
        let mut catalog = Catalog::default();
        name.clone_into(&mut catalog.settings.remote);
        repository.proposals(&catalog, &BTreeSet::new()).await.unwrap();
        repository.fetch().await.unwrap();
        assert!(!Path::new("owned").exists());
    }
}

#[tokio::test]
async fn other_texts_come_too_but_not_what_git_ignores_nor_what_is_large() {
    let ground = Ground::new();
    let repository = ground.clone_for("ana");
    let root = ground.path("ana");
    ground.commit("ana", "ana", CATALOG, &service("1.0.0"));
    ground.commit("ana", "ana", ".gitignore", "/ignored.env\n");
    ground.commit("ana", "ana", "scripts/deep/er/deploy.sh", "echo\n");
    fs::write(root.join("ignored.env"), "A=1\n").unwrap();
    fs::write(root.join("new.env"), "A=1\n").unwrap();
    fs::write(root.join("picture.bin"), [0xff, 0xfe, 0]).unwrap();
    let paths = |catalog: &Catalog| -> Vec<String> {
        catalog.files.iter().map(|file| file.path.clone()).filter(|path| path != CATALOG).collect()
    };
    let tree = repository.load(&Revision::WorkingTree).await.unwrap();
    assert_eq!(paths(&tree), [".gitignore", "new.env", "scripts/deep/er/deploy.sh"]);
    assert!(!tree.findings.iter().any(|finding| finding.code == "QD113"));
    // Control files keep their places, however many others come.
    assert_eq!(tree.files[0].path, CATALOG);
    let before = repository.fingerprint().await.unwrap();
    fs::write(root.join("new.env"), "A=1\nB=2\n").unwrap();
    assert_ne!(repository.fingerprint().await.unwrap().working_tree, before.working_tree);

    ground.commit("ana", "ana", "large.sql", &"-- much\n".repeat(200_000));
    for revision in [Revision::WorkingTree, Revision::Named("HEAD".into())] {
        let catalog = repository.load(&revision).await.unwrap();
        assert!(!paths(&catalog).contains(&"large.sql".to_owned()));
        let said: Vec<_> = catalog.findings.iter().filter(|finding| finding.code == "QD113").collect();
        assert_eq!(said.len(), 1, "{revision:?}");
        assert!(said[0].message.starts_with("1 file "), "{}", said[0].message);
    }
}

#[tokio::test]
async fn two_revisions_parted_somewhere_or_nowhere() {
    let ground = Ground::new();
    let repository = estate(&ground);
    let parted = repository.merge_base("change/api-1.1.0", "main").await.unwrap();
    assert_eq!(parted, Some(CommitId::from(ground.git("ana", "ana", &["rev-parse", "main~1"]))));
    assert_eq!(repository.merge_base("mian", "main").await.unwrap_err().kind, FailureKind::Usage);
    ground.git("ana", "ana", &["checkout", "--quiet", "--orphan", "other"]);
    ground.commit("ana", "ana", "README.md", "Another\n");
    assert_eq!(repository.merge_base("other", "main").await.unwrap(), None);
    // A clone that was cut short cannot tell, and says so instead of comparing with something else.
    let url = format!("file://{}", ground.path("remote.git").display());
    let branches = ["--depth", "1", "--no-single-branch"];
    ground.git(".", "bo", &[&["clone", "--quiet"], &branches[..], &[&url, "bo"]].concat());
    let failure = ground.open("bo").merge_base("origin/change/api-1.1.0", "origin/main").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Configuration);
    assert!(failure.render().contains("git fetch --unshallow"), "{failure:?}");
}

#[tokio::test]
async fn a_file_that_may_not_be_read_is_a_finding_in_its_place() {
    let ground = Ground::new();
    let repository = estate(&ground);
    let file = ground.path("ana").join(CATALOG);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    // Whoever may do everything can read it all the same.
    if fs::read(&file).is_err() {
        let catalog = repository.load(&Revision::WorkingTree).await.unwrap();
        let found = catalog.findings.iter().find(|finding| finding.code == "QD001").unwrap();
        assert_eq!(found.labels[0].file.path, CATALOG);
        assert_eq!(found.level, crate::domain::finding::Level::Error);
    }
}
