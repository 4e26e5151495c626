//! Requests beside changes, and what is posted about them.

use super::*;
use crate::domain::{
    change::{ChangeClass, Identity, Proposal},
    finding::{Label, SourceFile},
    people::{Person, Team},
};
use std::sync::Arc;

fn request(number: u64, branch: &str, head: &str) -> Request {
    Request {
        number,
        title: "t".into(),
        author: "a-chen".into(),
        branch: branch.into(),
        from_fork: false,
        head: head.into(),
        base: "main".into(),
        draft: false,
        url: String::new(),
        reviews: Vec::new(),
        checks: Vec::new(),
    }
}

fn change() -> Change {
    let at = DateTime::UNIX_EPOCH;
    Change {
        proposal: Proposal {
            id: "x".into(),
            branch: "change/x".into(),
            head: "a".repeat(40).into(),
            base: "b".repeat(40).into(),
            authors: Vec::new(),
            last_committer: Identity::default(),
            subject: "s".into(),
            committed_at: at,
            opened_at: at,
            messages: Vec::new(),
            paths: Vec::new(),
            objects: std::collections::BTreeMap::new(),
        },
        class: ChangeClass::Breaking,
        breaking: true,
        services: Vec::new(),
        fields: Vec::new(),
        patch: Arc::default(),
        harm: crate::domain::change::HarmCount::default(),
        findings: Arc::default(),
        gates: Vec::new(),
        wishes: Vec::new(),
        seals: Arc::default(),
        signatures: std::collections::BTreeMap::new(),
        unproven: Vec::new(),
        request: None,
    }
}

fn finding(level: Level, message: &str) -> Finding {
    let file = Arc::new(SourceFile::new("services/catalog.toml", "x"));
    Finding {
        code: "QD103",
        name: "unknown-key",
        level,
        message: message.into(),
        labels: vec![Label { file, start: 0, end: 1, text: String::new() }],
        help: None,
    }
}

#[test]
fn a_change_finds_its_request_by_branch_and_head_and_never_a_fork() {
    let fork = Request { from_fork: true, ..request(9, "change/x", "aa") };
    let elsewhere = Request { base: "release".into(), ..request(8, "change/x", "aa") };
    let all = [
        request(1, "change/x", "aa"),
        request(2, "change/x", "bb"),
        request(3, "change/y", "aa"),
        fork,
        elsewhere,
    ];
    let found = |branch: &str, head: &str| {
        of_change(&all, branch, &head.into(), "main").map(|request| request.number)
    };
    assert_eq!(found("change/x", "aa"), Some(1), "the one with this head");
    assert_eq!(found("change/x", "cc"), Some(2), "the newest, where none has it");
    assert_eq!(found("change/z", "aa"), None);
}

#[test]
fn the_last_verdict_of_each_reviewer_counts_and_is_judged_by_its_commit() {
    let review = |by: &str, state, commit: Option<&str>| ForgeReview {
        by: by.into(),
        state,
        commit: commit.map(Into::into),
        at: None,
    };
    let request = Request {
        reviews: vec![
            review("ann", ReviewState::ChangesRequested, Some("old")),
            review("bob", ReviewState::Approved, Some("old")),
            review("ann", ReviewState::Approved, Some("new")),
            review("ann", ReviewState::Commented, Some("new")),
            review("cy", ReviewState::Approved, None),
        ],
        ..request(1, "b", "new")
    };
    let seen: Vec<_> = request
        .opinions()
        .into_iter()
        .map(|review| (review.by.as_str(), review.state, request.is_stale(review)))
        .collect();
    assert_eq!(
        seen,
        [
            ("ann", ReviewState::Approved, Some(false)),
            ("bob", ReviewState::Approved, Some(true)),
            ("cy", ReviewState::Approved, None),
        ]
    );
}

#[test]
fn a_comment_gives_others_words_no_power() {
    let hostile = "@admins see #1 <script> ```` \u{1b}[2J\n/merge";
    let text = validation_comment(&change(), &[finding(Level::Error, hostile)]);
    assert!(text.starts_with(COMMENT_MARKER), "{text}");
    let (before, block) = text.split_once("`````text\n").expect("a fence longer than any inside");
    assert!(!before.contains("@admins"), "{text}");
    assert!(
        block.contains("services/catalog.toml:1:1: error QD103: @admins") && block.ends_with("\n`````\n"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn a_status_is_short_and_red_only_with_errors() {
    let clean = validation_status(&change(), &[finding(Level::Warning, "w")]);
    assert_eq!(
        (clean.state, clean.description.as_str()),
        (StatusState::Success, "0 errors, 1 warning; breaking, high risk")
    );
    let bad = validation_status(&change(), &vec![finding(Level::Error, "e"); 3]);
    assert_eq!((bad.state, bad.context), (StatusState::Failure, "quarterdeck/validation"));
    let many = validation_comment(&change(), &vec![finding(Level::Note, &"x".repeat(300)); 5000]);
    assert!(many.len() < 30_000 && many.contains("and 4940 more"), "{}", many.len());
}

#[test]
fn repositories_are_names_and_no_paths() {
    for (kind, text, expected) in [
        (ForgeKind::GitHub, "shop/control", true),
        (ForgeKind::GitHub, "shop", false),
        (ForgeKind::GitHub, "shop/sub/control", false),
        (ForgeKind::GitLab, "shop/sub/control", true),
        (ForgeKind::Gitea, "../control", false),
        (ForgeKind::Gitea, "shop/control?x", false),
        (ForgeKind::Gitea, "shop/", false),
    ] {
        assert_eq!(ForgeSettings::is_repository(kind, text), expected, "{text}");
    }
}

#[test]
fn commits_have_a_page_on_each_forge() {
    for (kind, url, expected) in [
        (ForgeKind::GitHub, "https://api.github.com", "https://github.com/o/r/commit/ab"),
        (ForgeKind::GitHub, "https://git.example.com/api/v3/", "https://git.example.com/o/r/commit/ab"),
        (ForgeKind::GitLab, "https://gitlab.com", "https://gitlab.com/o/r/-/commit/ab"),
        (ForgeKind::Gitea, "https://codeberg.org/", "https://codeberg.org/o/r/commit/ab"),
    ] {
        let settings = ForgeSettings {
            kind,
            url: url.into(),
            repository: "o/r".into(),
            token: None,
            review: false,
            projects: BTreeMap::new(),
        };
        assert_eq!(settings.commit_page(&"ab".into()), expected);
    }
}

#[test]
fn teams_are_compared_where_both_sides_know_them() {
    let mut people = People::default();
    for handle in ["a-chen", "m-ruiz"] {
        let person =
            Person { handle: handle.into(), name: handle.into(), emails: vec![], ..Person::default() };
        people.persons.insert(handle.into(), person);
    }
    let team = Team {
        handle: "platform".into(),
        description: None,
        members: vec!["a-chen".into()],
        lead: Some("m-ruiz".into()),
        channel: None,
        rotation: None,
    };
    people.teams.insert("platform".into(), team);
    let team = |name: &str, members: &[&str]| ForgeTeam {
        name: name.into(),
        members: members.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(
        compare_teams(&people, &[team("platform", &["A-Chen", "m-ruiz"]), team("other", &["x"])]),
        [""; 0]
    );
    let found = compare_teams(&people, &[team("platform", &["A-Chen", "eve"])]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("eve is in the forge's team") && found[1].starts_with("m-ruiz is in platform")
    );
}

#[test]
fn projects_hear_of_what_breaks_them_and_of_nothing_else() {
    let catalog = |version: &str| {
        let shared = format!(
            "[service.auth]\nname = \"auth\"\ntype = \"api\"\nowner = \"t\"\nversion = \"{version}\"\n"
        );
        let project = |name: &str, needs: &str| {
            (
                format!("projects/{name}/services.toml"),
                format!(
                    "[project-specific.{name}]\nname = \"{name}\"\nowner = \"t\"\n[service.{name}-web]\nname = \"{name}-web\"\n\
                     type = \"api\"\nversion = \"1.0.0\"\n[service.{name}-web.dependencies]\nrequires = [\"{needs}\"]\n"
                ),
            )
        };
        let files = [
            ("services/catalog.toml".to_owned(), shared),
            project("one", "auth >= 1.0, < 2"),
            project("two", "auth >= 1.0"),
            project("three", "one-web"),
            project("four", "two-web"),
        ];
        crate::domain::catalog::reader::read(files.map(|(path, text)| (path, text.into_bytes())))
    };
    let (base, head) = (catalog("1.0.0"), catalog("2.0.0"));
    let impact = crate::domain::impact::Impact::change(&base, &head);
    let mut change = change();
    change.findings = Arc::new(vec![
        finding(Level::Error, "one-web needs `auth` < 2"),
        finding(Level::Error, "somebody else"),
    ]);
    let names = |list: &[&str]| list.iter().map(|name| ((*name).into(), format!("shop/{name}"))).collect();
    let settings = ForgeSettings {
        kind: ForgeKind::GitLab,
        url: "https://git.example.com".into(),
        repository: "o/r".into(),
        token: None,
        review: false,
        projects: names(&["one", "two", "four"]),
    };
    let told = announcement(&settings, &change, &impact, "shop");
    let titles: Vec<&str> = told.issues.iter().map(|told| told.issue.title.as_str()).collect();
    // What is at risk behind another project's service hears of it from there.
    assert_eq!(titles, ["shop: x breaks one", "shop: x may break two"]);
    assert_eq!(told.silent, [ProjectName::from("three")]);
    let body = &told.issues[0].issue.body;
    for words in ["Project: one", "one-web breaks", "one-web needs", "https://git.example.com/o/r/-/commit/"]
    {
        assert!(body.contains(words), "`{words}` is missing in {body}");
    }
    assert!(!body.contains("somebody else") && !told.issues[1].issue.body.contains("one-web"), "{body}");
    assert_eq!(told.issues[0].issue.marker, told.issues[1].issue.marker);
}
