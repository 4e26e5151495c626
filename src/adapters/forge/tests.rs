//! The forges against a server that answers with the shapes of real ones.

use super::{HttpForge, http::Wire};
use crate::{
    adapters::receiver::{Receiver, Reply, clock, reply},
    domain::forge::{
        CheckState, CommitStatus, ForgeKind, ForgeSettings, IssueDraft, MergeDraft, ReviewDraft, ReviewState,
        STATUS_CONTEXT, SecretPlace, StatusState,
    },
    error::{Failure, FailureKind},
    ports::Forge,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

const TOKEN: &str = "s3cret-t0ken";
const MARKER: &str = "<!-- quarterdeck:validation -->";

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/forge/", $name, ".json"))
    };
}

mod requests;

fn head() -> String {
    "a".repeat(40)
}

/// A forge, its settings, the server behind them, and the folder of the token.
struct Ground {
    forge: HttpForge,
    settings: ForgeSettings,
    server: Receiver,
    _folder: tempfile::TempDir,
}

async fn ground(kind: ForgeKind, repository: &str) -> Ground {
    let server = Receiver::start().await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
    let settings = ForgeSettings {
        kind,
        url: server.url.clone(),
        repository: repository.into(),
        token: Some(SecretPlace::File(token.display().to_string())),
        review: false,
        projects: BTreeMap::new(),
    };
    Ground { forge: HttpForge { wire: Wire::hasty(clock()) }, settings, server, _folder: folder }
}

async fn github() -> Ground {
    let ground = ground(ForgeKind::GitHub, "shop/control").await;
    ground.server.on("GET /user", [reply(200, r#"{"login":"robot"}"#)]);
    ground
}

fn ok(body: &Value) -> Reply {
    reply(200, &body.to_string())
}

/// A failure that shows neither the token nor a control character.
fn safe(failure: &Failure) -> String {
    let text = failure.render();
    assert!(!text.contains(TOKEN) && !text.contains('\u{1b}'), "{text}");
    text
}

fn with_details(server: &Receiver, number: u64) {
    let at = |sha: &str, what: &str| format!("GET /repos/shop/control/commits/{sha}/{what}");
    let c = "c".repeat(40);
    server
        .on(
            &format!("GET /repos/shop/control/pulls/{number}/reviews"),
            [reply(200, fixture!("github-reviews"))],
        )
        .on("GET /repos/shop/control/pulls/13/reviews", [reply(200, "[]")])
        .on(&at(&head(), "status"), [reply(200, fixture!("github-status"))])
        .on(&at(&head(), "check-runs"), [reply(200, fixture!("github-check-runs"))])
        .on(&at(&c, "status"), [reply(200, r#"{"state":"pending","statuses":[]}"#)])
        .on(&at(&c, "check-runs"), [reply(200, r#"{"total_count":0,"check_runs":[]}"#)]);
}

#[tokio::test]
async fn github_lists_requests_with_reviews_and_checks() {
    let Ground { forge, settings, server, .. } = &github().await;
    server.on("GET /repos/shop/control/pulls", [reply(200, fixture!("github-pulls"))]);
    with_details(server, 12);
    let requests = forge.requests(settings).await.unwrap();
    let [one, two] = requests.as_slice() else { panic!("{requests:#?}") };
    assert_eq!((one.number, one.author.as_str(), one.head.as_str()), (12, "a-chen", head().as_str()));
    assert_eq!(
        (one.branch.as_str(), one.base.as_str(), one.from_fork),
        ("change/shared-auth-2.0.0", "main", false)
    );
    assert_eq!(one.url, "https://github.com/shop/control/pull/12");
    let opinions: Vec<_> =
        one.opinions().into_iter().map(|r| (r.by.as_str(), r.state, one.is_stale(r))).collect();
    assert_eq!(
        opinions,
        [("ghost", ReviewState::Commented, None), ("m-ruiz", ReviewState::Approved, Some(false))],
        "what is not handed in yet is nobody's opinion"
    );
    assert_eq!(one.check_counts(), [1, 1, 1, 2]);
    // A fork that is gone, a hostile title, an author who is gone.
    assert!(two.from_fork && two.draft && two.author == "ghost");
    assert_eq!(two.title, "[31mred[0m second line @admins");

    let first = &server.seen()[0];
    assert_eq!(first.line, "GET /repos/shop/control/pulls?state=open&per_page=100");
    assert_eq!(first.header("authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(first.header("accept"), "application/vnd.github+json");
    assert_eq!(first.header("x-github-api-version"), "2022-11-28");
    assert!(first.header("user-agent").starts_with("quarterdeck/"));
    assert!(server.lines().iter().all(|line| line.starts_with("GET ")), "a list changes nothing");
}

#[tokio::test]
async fn pages_are_followed_to_their_end_and_not_to_another_forge() {
    let Ground { forge, settings, server, .. } = &github().await;
    let teams = "GET /orgs/shop/teams";
    let link =
        |page: &str| format!("<{}/orgs/shop/teams?page={page}>; rel=\"next\", <x>; rel=\"last\"", server.url);
    server
        .on("GET /orgs/shop/teams?per_page=100", [ok(&json!([{ "slug": "one" }])).with("link", &link("2"))])
        .on("GET /orgs/shop/teams?page=2", [ok(&json!([{ "slug": "two" }]))])
        .on("GET /orgs/shop/teams/one/members", [ok(&json!([{ "login": "a-chen" }]))])
        .on("GET /orgs/shop/teams/two/members", [ok(&json!([]))]);
    let found = forge.teams(settings).await.unwrap();
    let found: Vec<_> = found.iter().map(|team| (team.name.as_str(), team.members.len())).collect();
    assert_eq!(found, [("one", 1), ("two", 0)]);

    let elsewhere = "<https://evil.example.com/orgs/shop/teams?page=2>; rel=\"next\"";
    server.on("GET /orgs/shop/teams?per_page=100", [ok(&json!([])).with("link", elsewhere)]);
    let failure = forge.teams(settings).await.unwrap_err();
    assert!(safe(&failure).contains("somewhere else"), "{}", failure.render());

    // A list without an end is given up.
    server.on("GET /orgs/shop/teams?per_page=100", [ok(&json!([])).with("link", &link("1"))]);
    server.on("GET /orgs/shop/teams?page=1", [ok(&json!([])).with("link", &link("1"))]);
    let before = server.lines().iter().filter(|line| line.starts_with(teams)).count();
    let failure = forge.teams(settings).await.unwrap_err();
    assert!(safe(&failure).contains("more than 10 pages"), "{}", failure.render());
    assert_eq!(server.lines().iter().filter(|line| line.starts_with(teams)).count() - before, 10);
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let Ground { forge, settings, server, .. } = &github().await;
    let members = "GET /orgs/shop/teams/one/members";
    server
        .on("GET /orgs/shop/teams", [ok(&json!([{ "slug": "one" }]))])
        .on(members, [ok(&json!([{ "login": "a-chen" }])).with("etag", "\"v1\""), reply(304, "")]);
    let first = forge.teams(settings).await.unwrap();
    let second = forge.teams(settings).await.unwrap();
    assert_eq!(first, second);
    let asked: Vec<String> = server
        .seen()
        .iter()
        .filter(|seen| seen.line.starts_with(members))
        .map(|seen| seen.header("if-none-match").to_owned())
        .collect();
    assert_eq!(asked, ["", "\"v1\""]);
}

#[tokio::test]
async fn a_status_and_one_comment_are_posted_and_kept_up_to_date() {
    let Ground { forge, settings, server, .. } = &github().await;
    let status = CommitStatus {
        head: head().into(),
        state: StatusState::Failure,
        context: STATUS_CONTEXT,
        description: "2 errors".into(),
    };
    let statuses = format!("POST /repos/shop/control/statuses/{}", head());
    server.on(&statuses, [reply(201, "{}")]);
    forge.post_status(settings, &status).await.unwrap();
    assert_eq!(
        server.sent(&statuses)[0].body,
        json!({ "state": "failure", "context": "quarterdeck/validation", "description": "2 errors" })
    );

    let comments = "/repos/shop/control/issues/12/comments";
    let body = format!("{MARKER}\nnew");
    // Somebody else's comment with our marker is not ours.
    let foreign = json!({ "id": 1, "user": { "login": "eve" }, "body": format!("{MARKER} mine") });
    server
        .on(&format!("GET {comments}"), [ok(&json!([foreign]))])
        .on(&format!("POST {comments}"), [reply(201, "{}")]);
    forge.post_comment(settings, 12, MARKER, &body).await.unwrap();
    assert_eq!(server.sent(&format!("POST {comments}"))[0].body, json!({ "body": body }));

    let ours = |text: &str| json!({ "id": 7, "user": { "login": "Robot" }, "body": text });
    server
        .on(&format!("GET {comments}"), [ok(&json!([foreign, ours(&format!("{MARKER}\nold"))]))])
        .on("PATCH /repos/shop/control/issues/comments/7", [ok(&json!({}))]);
    forge.post_comment(settings, 12, MARKER, &body).await.unwrap();
    assert_eq!(server.sent("PATCH /repos/shop/control/issues/comments/7")[0].body, json!({ "body": body }));
    assert_eq!(server.sent(&format!("POST {comments}")).len(), 1, "there is one comment");

    // What says the same already is left alone.
    server.on(&format!("GET {comments}"), [ok(&json!([ours(&body)]))]);
    forge.post_comment(settings, 12, MARKER, &body).await.unwrap();
    assert_eq!(server.sent("PATCH /repos/shop/control/issues/comments/7").len(), 1);
}

#[tokio::test]
async fn a_review_is_of_the_head_that_was_seen() {
    let Ground { forge, settings, server, .. } = &github().await;
    let pulls: Value = serde_json::from_str(fixture!("github-pulls")).unwrap();
    server
        .on("GET /repos/shop/control/pulls/12", [ok(&pulls[0])])
        .on("POST /repos/shop/control/pulls/12/reviews", [ok(&json!({}))]);
    let draft =
        |head: String, approve| ReviewDraft { number: 12, head: head.into(), approve, body: "fine".into() };
    forge.review(settings, &draft(head(), true)).await.unwrap();
    forge.review(settings, &draft(head(), false)).await.unwrap();
    let sent = server.sent("POST /repos/shop/control/pulls/12/reviews");
    assert_eq!(sent[0].body, json!({ "commit_id": head(), "body": "fine", "event": "APPROVE" }));
    assert_eq!(sent[1].body["event"], "REQUEST_CHANGES");
    let failure = forge.review(settings, &draft("f".repeat(40), true)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Conflict);
    assert!(
        safe(&failure).contains("its head is aaaaaaaa now, and ffffffff was meant"),
        "{}",
        failure.render()
    );
    assert_eq!(server.sent("POST /repos/shop/control/pulls/12/reviews").len(), 2);
}

#[tokio::test]
async fn a_merge_is_squashed_at_one_head_and_never_sent_twice() {
    let Ground { forge, settings, server, .. } = &github().await;
    let merge = MergeDraft {
        number: 12,
        head: head().into(),
        title: "Release".into(),
        message: "why\n\nChange: x".into(),
    };
    let line = "PUT /repos/shop/control/pulls/12/merge";
    server.on(line, [ok(&json!({ "sha": "d".repeat(40), "merged": true, "message": "done" }))]);
    assert_eq!(forge.merge(settings, &merge).await.unwrap().as_str(), "d".repeat(40));
    let expected = json!({ "sha": head(), "merge_method": "squash", "commit_title": "Release", "commit_message": "why\n\nChange: x" });
    assert_eq!(server.sent(line)[0].body, expected);
    for (status, body, kind, said) in [
        (
            409,
            r#"{"message":"Head branch was modified."}"#,
            FailureKind::Conflict,
            "Head branch was modified",
        ),
        (
            405,
            r#"{"message":"Squash merges are not allowed."}"#,
            FailureKind::Refused,
            "Squash merges are not allowed",
        ),
        (
            422,
            r#"{"message":"Validation Failed","errors":[{"message":"\u001b[31mno"}]}"#,
            FailureKind::Refused,
            "Validation Failed; [31mno",
        ),
        (401, r#"{"message":"Bad credentials"}"#, FailureKind::Forbidden, "token under [forge] is valid"),
        (
            403,
            r#"{"message":"Resource not accessible"}"#,
            FailureKind::Forbidden,
            "what the token may do in shop/control",
        ),
        (404, "", FailureKind::Unreachable, "the token may see shop/control"),
        (301, "", FailureKind::Configuration, "has moved"),
        (500, "<html>oops</html>", FailureKind::Unreachable, "500"),
        (502, "", FailureKind::Unreachable, "502"),
    ] {
        let before = server.sent(line).len();
        server.on(line, [reply(status, body)]);
        let failure = forge.merge(settings, &merge).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{}", failure.render());
        assert!(safe(&failure).contains(said), "{}", failure.render());
        assert_eq!(server.sent(line).len(), before + 1, "{status} was sent again");
    }
    // It answers, but with nonsense: it may be merged, and nobody pretends to know.
    server.on(line, [ok(&json!({ "sha": "not a commit" }))]);
    let failure = forge.merge(settings, &merge).await.unwrap_err();
    assert!(safe(&failure).contains("`not a commit` for a commit"), "{}", failure.render());
}

#[tokio::test]
async fn an_issue_is_opened_once_and_kept_up_to_date() {
    let Ground { forge, settings, server, .. } = &github().await;
    let issue = IssueDraft {
        repository: "shop/frontend".into(),
        marker: "<!-- quarterdeck:issue:x -->".into(),
        title: "shared-auth 2.0.0 breaks you".into(),
        body: "because".into(),
    };
    let list = "GET /repos/shop/frontend/issues?state=open&per_page=100&creator=robot";
    let text = "<!-- quarterdeck:issue:x -->\nbecause";
    let pull =
        json!({ "number": 3, "title": "t", "body": text, "user": { "login": "robot" }, "pull_request": {} });
    server
        .on(list, [ok(&json!([pull]))])
        .on("POST /repos/shop/frontend/issues", [reply(201, r#"{"number":9}"#)]);
    assert_eq!(forge.put_issue(settings, &issue).await.unwrap(), 9);
    assert_eq!(
        server.sent("POST /repos/shop/frontend/issues")[0].body,
        json!({ "title": "shared-auth 2.0.0 breaks you", "body": text })
    );
    let known = json!({ "number": 9, "title": "old", "body": text, "user": { "login": "robot" } });
    server.on(list, [ok(&json!([pull, known]))]).on("PATCH /repos/shop/frontend/issues/9", [ok(&json!({}))]);
    assert_eq!(forge.put_issue(settings, &issue).await.unwrap(), 9);
    assert_eq!(server.sent("PATCH /repos/shop/frontend/issues/9").len(), 1);
    let same = json!({ "number": 9, "title": issue.title, "body": text, "user": { "login": "robot" } });
    server.on(list, [ok(&json!([same]))]);
    assert_eq!(forge.put_issue(settings, &issue).await.unwrap(), 9);
    assert_eq!(server.sent("PATCH /repos/shop/frontend/issues/9").len(), 1);
    assert_eq!(server.sent("POST /repos/shop/frontend/issues").len(), 1);
}

#[tokio::test]
async fn a_read_is_tried_twice_and_a_long_wait_is_told_and_kept() {
    let Ground { forge, settings, server, .. } = &github().await;
    let teams = "GET /orgs/shop/teams";
    let asked = || server.lines().iter().filter(|line| line.starts_with(teams)).count();
    server.on(teams, [reply(503, ""), ok(&json!([]))]);
    assert_eq!(forge.teams(settings).await.unwrap(), []);
    server.on(teams, [reply(429, "").with("retry-after", "0"), ok(&json!([]))]);
    assert_eq!(forge.teams(settings).await.unwrap(), []);
    assert_eq!(asked(), 4);
    server.on(teams, [reply(500, "")]);
    assert!(safe(&forge.teams(settings).await.unwrap_err()).contains("500"));
    assert_eq!(asked(), 6, "twice and no more");

    // Used up until 03:07: nothing more is asked before, by nobody.
    let limited = reply(403, r#"{"message":"API rate limit exceeded"}"#)
        .with("x-ratelimit-remaining", "0")
        .with("x-ratelimit-reset", "1795489620");
    server.on(teams, [limited]);
    let failure = forge.teams(settings).await.unwrap_err();
    assert!(safe(&failure).contains("left alone until 03:07:00 UTC (for 7m)"), "{}", failure.render());
    assert_eq!(asked(), 7);
    let status = CommitStatus {
        head: head().into(),
        state: StatusState::Success,
        context: STATUS_CONTEXT,
        description: String::new(),
    };
    let failure = forge.post_status(settings, &status).await.unwrap_err();
    assert!(safe(&failure).contains("left alone until 03:07:00"), "{}", failure.render());
    assert_eq!(asked(), 7);
    assert!(server.lines().iter().all(|line| !line.starts_with("POST")), "a mutation went out");
}

#[tokio::test]
async fn slow_false_and_overlong_answers_are_failures() {
    let Ground { forge, settings, server, .. } = &github().await;
    let teams = "GET /orgs/shop/teams";
    for (answer, said) in [
        (ok(&json!([])).after(Duration::from_secs(30)), "did not answer within 400ms"),
        (reply(200, "<html>sign in</html>"), "something else than its API"),
        (reply(200, r#"{"message":"hello"}"#), "something else than its API"),
        (reply(200, &"[".repeat(100_000)), "something else than its API"),
        (reply(200, &" ".repeat(9 * 1024 * 1024)), "more than 8 MiB"),
    ] {
        server.on(teams, [answer]);
        let failure = forge.teams(settings).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unreachable);
        assert!(safe(&failure).contains(said), "{}", failure.render());
    }
    let mut pulls: Value = serde_json::from_str(fixture!("github-pulls")).unwrap();
    pulls[0]["head"]["sha"] = json!("../../admin");
    server.on("GET /repos/shop/control/pulls", [ok(&pulls)]);
    with_details(server, 12);
    let failure = forge.requests(settings).await.unwrap_err();
    assert!(safe(&failure).contains("`../../admin` for a commit"), "{}", failure.render());
}

#[tokio::test]
async fn settings_that_would_leak_the_token_are_refused_before_anything_is_sent() {
    let Ground { forge, settings, server, .. } = &github().await;
    for (url, repository, said) in [
        ("http://forge.example.com", "shop/control", "is not https"),
        ("https://user:pw@forge.example.com", "shop/control", "holds a user or a password"),
        ("ftp://127.0.0.1", "shop/control", "is not https"),
        ("forge", "shop/control", "is no address"),
        ("https://forge.example.com/?x=1", "shop/control", "more than a path"),
        (server.url.as_str(), "shop/../admin", "is no repository"),
    ] {
        let settings = ForgeSettings { url: url.into(), repository: repository.into(), ..settings.clone() };
        let failure = forge.teams(&settings).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Configuration);
        let text = safe(&failure);
        assert!(text.contains(said) && !text.contains("pw@"), "{text}");
    }
    let absent = ForgeSettings {
        token: Some(SecretPlace::Environment("QUARTERDECK_UNSET".into())),
        ..settings.clone()
    };
    assert!(safe(&forge.teams(&absent).await.unwrap_err()).contains("QUARTERDECK_UNSET is not set"));
    assert_eq!(server.lines(), [""; 0]);
}

#[tokio::test]
async fn gitlab_speaks_of_merge_requests() {
    let Ground { forge, settings, server, .. } = &ground(ForgeKind::GitLab, "shop/ops/control").await;
    let project = "/api/v4/projects/shop%2Fops%2Fcontrol";
    let requests = format!("GET {project}/merge_requests?state=opened&per_page=100");
    let all: Vec<Value> = serde_json::from_str(fixture!("gitlab-merge-requests")).unwrap();
    // Pages by number, as some of its lists have them.
    server
        .on(&requests, [ok(&json!([all[0], all[2]])).with("x-next-page", "2")])
        .on(&format!("{requests}&page=2"), [ok(&json!([all[1]])).with("x-next-page", "")]);
    for number in [7, 8] {
        server
            .on(
                &format!("GET {project}/merge_requests/{number}/approvals"),
                [reply(200, fixture!("gitlab-approvals"))],
            )
            .on(
                &format!("GET {project}/merge_requests/{number}/reviewers"),
                [reply(200, fixture!("gitlab-reviewers"))],
            );
    }
    for sha in ["a", "c"] {
        let line = format!("GET {project}/repository/commits/{}/statuses", sha.repeat(40));
        server.on(&line, [reply(200, fixture!("gitlab-statuses"))]);
    }
    let found = forge.requests(settings).await.unwrap();
    let [one, fork] = found.as_slice() else { panic!("{found:#?}") };
    assert!(!one.from_fork && fork.from_fork && fork.draft);
    assert_eq!((one.number, one.head.as_str(), one.author.as_str()), (7, head().as_str(), "a-chen"));
    let opinions: Vec<_> =
        one.opinions().into_iter().map(|r| (r.by.as_str(), r.state, one.is_stale(r))).collect();
    assert_eq!(
        opinions,
        [("m-ruiz", ReviewState::Approved, None), ("s-novak", ReviewState::ChangesRequested, None)],
        "it does not tell which commit"
    );
    let checks: Vec<CheckState> = one.checks.iter().map(|check| check.state).collect();
    assert_eq!(checks, [CheckState::Passed, CheckState::Pending, CheckState::Failed]);
    assert_eq!(server.seen()[0].header("private-token"), TOKEN);
    assert_eq!(server.seen()[0].header("authorization"), "");

    server
        .on("GET /api/v4/user", [ok(&json!({ "username": "robot" }))])
        .on(&format!("GET {project}/merge_requests/7/notes"), [ok(&json!([]))])
        .on(&format!("POST {project}/merge_requests/7/notes"), [reply(201, "{}")])
        .on(
            &format!("POST {project}/merge_requests/7/approve"),
            [reply(201, "{}"), reply(409, r#"{"message":"SHA does not match HEAD of source branch"}"#)],
        )
        .on(&format!("POST {project}/statuses/{}", head()), [reply(201, "{}")]);
    // A line that begins with a slash would be a command.
    forge.post_comment(settings, 7, MARKER, &format!("{MARKER}\n/merge\n  /close")).await.unwrap();
    let notes = format!("POST {project}/merge_requests/7/notes");
    assert_eq!(server.sent(&notes)[0].body["body"], format!("{MARKER}\n\\/merge\n  \\/close"));
    let status = CommitStatus {
        head: head().into(),
        state: StatusState::Failure,
        context: STATUS_CONTEXT,
        description: "2 errors".into(),
    };
    forge.post_status(settings, &status).await.unwrap();
    let sent = &server.sent(&format!("POST {project}/statuses/{}", head()))[0].body;
    assert_eq!(*sent, json!({ "state": "failed", "name": STATUS_CONTEXT, "description": "2 errors" }));
    let review = ReviewDraft { number: 7, head: head().into(), approve: true, body: String::new() };
    forge.review(settings, &review).await.unwrap();
    assert_eq!(
        server.sent(&format!("POST {project}/merge_requests/7/approve"))[0].body,
        json!({ "sha": head() })
    );
    assert_eq!(forge.review(settings, &review).await.unwrap_err().kind, FailureKind::Conflict);
    server.on(&format!("GET {project}/merge_requests/7"), [ok(&all[0])]);
    let refusal = ReviewDraft { approve: false, body: "not yet".into(), ..review };
    forge.review(settings, &refusal).await.unwrap();
    assert_eq!(server.sent(&notes)[1].body["body"], "not yet\n\n/submit_review requested_changes");

    let merge = MergeDraft { number: 7, head: head().into(), title: "Release".into(), message: "why".into() };
    let line = format!("PUT {project}/merge_requests/7/merge");
    server
        .on(&line, [ok(&json!({ "iid": 7, "merge_commit_sha": null, "squash_commit_sha": "d".repeat(40) }))]);
    assert_eq!(forge.merge(settings, &merge).await.unwrap().as_str(), "d".repeat(40));
    assert_eq!(server.sent(&line)[0].body["sha"], head());
    assert_eq!(server.sent(&line)[0].body["squash_commit_message"], "Release\n\nwhy");
    server.on(&line, [reply(405, r#"{"message":"405 Method Not Allowed"}"#)]);
    assert_eq!(forge.merge(settings, &merge).await.unwrap_err().kind, FailureKind::Refused);

    server
        .on(
            "GET /api/v4/groups/shop%2Fops/subgroups",
            [ok(&json!([{ "path": "platform", "full_path": "shop/ops/platform" }]))],
        )
        .on("GET /api/v4/groups/shop%2Fops%2Fplatform/members", [ok(&json!([{ "username": "m-ruiz" }]))]);
    let teams = forge.teams(settings).await.unwrap();
    assert!(
        teams.len() == 1 && teams[0].name == "platform" && teams[0].members.contains("m-ruiz"),
        "{teams:?}"
    );

    let issue = IssueDraft {
        repository: "shop/front".into(),
        marker: "<!-- m -->".into(),
        title: "t".into(),
        body: "/close".into(),
    };
    server
        .on("GET /api/v4/projects/shop%2Ffront/issues", [ok(&json!([]))])
        .on("POST /api/v4/projects/shop%2Ffront/issues", [reply(201, r#"{"iid":5}"#)]);
    assert_eq!(forge.put_issue(settings, &issue).await.unwrap(), 5);
    let sent = &server.sent("POST /api/v4/projects/shop%2Ffront/issues")[0].body;
    assert_eq!(*sent, json!({ "title": "t", "description": "<!-- m -->\n\\/close" }));
}

#[tokio::test]
async fn gitea_speaks_nearly_as_github() {
    let Ground { forge, settings, server, .. } = &ground(ForgeKind::Gitea, "shop/control").await;
    let repo = "/api/v1/repos/shop/control";
    server
        .on(&format!("GET {repo}/pulls?state=open&limit=50"), [reply(200, fixture!("gitea-pulls"))])
        .on(&format!("GET {repo}/pulls/4/reviews"), [reply(200, fixture!("gitea-reviews"))])
        .on(&format!("GET {repo}/commits/{}/status", head()), [reply(200, fixture!("gitea-status"))]);
    let found = forge.requests(settings).await.unwrap();
    let [one] = found.as_slice() else { panic!("{found:#?}") };
    let opinions: Vec<_> =
        one.opinions().into_iter().map(|r| (r.by.as_str(), r.state, one.is_stale(r))).collect();
    assert_eq!(
        opinions,
        [("m-ruiz", ReviewState::Approved, Some(false)), ("s-novak", ReviewState::Dismissed, Some(true))]
    );
    assert_eq!(one.check_counts(), [0, 1, 0, 0]);
    assert_eq!(server.seen()[0].header("authorization"), format!("token {TOKEN}"));
    assert!(server.lines().iter().all(|line| !line.contains("check-runs")), "it has none");

    let merge = MergeDraft { number: 4, head: head().into(), title: "Release".into(), message: "why".into() };
    let line = format!("POST {repo}/pulls/4/merge");
    let pulls: Value = serde_json::from_str(fixture!("gitea-pulls")).unwrap();
    let mut merged = pulls[0].clone();
    merged["merge_commit_sha"] = json!("d".repeat(40));
    server.on(&line, [reply(200, "")]).on(&format!("GET {repo}/pulls/4"), [ok(&pulls[0]), ok(&merged)]);
    let review = ReviewDraft { number: 4, head: head().into(), approve: true, body: "ok".into() };
    server.on(&format!("POST {repo}/pulls/4/reviews"), [ok(&json!({}))]);
    forge.review(settings, &review).await.unwrap();
    assert_eq!(server.sent(&format!("POST {repo}/pulls/4/reviews"))[0].body["event"], "APPROVED");
    assert_eq!(forge.merge(settings, &merge).await.unwrap().as_str(), "d".repeat(40));
    let expected = json!({ "Do": "squash", "MergeTitleField": "Release", "MergeMessageField": "why", "head_commit_id": head() });
    assert_eq!(server.sent(&line)[0].body, expected);
    server.on(&line, [reply(409, r#"{"message":"head out of date"}"#)]);
    assert_eq!(forge.merge(settings, &merge).await.unwrap_err().kind, FailureKind::Conflict);

    server
        .on("GET /api/v1/orgs/shop/teams", [ok(&json!([{ "id": 3, "name": "platform" }]))])
        .on("GET /api/v1/teams/3/members", [ok(&json!([{ "login": "m-ruiz" }]))]);
    let teams = forge.teams(settings).await.unwrap();
    assert!(teams.len() == 1 && teams[0].members.contains("m-ruiz"), "{teams:?}");
}
