//! GitHub, and the parts of its shapes that Gitea has taken over.

use super::{
    AT_ONCE,
    http::{Api, Call, below, page, repository_path, tidy},
};
use crate::{
    domain::{
        forge::{
            Check, CheckState, CommitStatus, ForgeKind, ForgeReview, ForgeTeam, IssueDraft, MergeDraft,
            Request, RequestDraft, ReviewDraft, ReviewState, StatusState,
        },
        name::CommitId,
    },
    error::{Failure, FailureKind},
};
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

/// Who did something; absent for people who are gone.
#[derive(Deserialize)]
pub(super) struct User {
    login: String,
}

/// A login, or the word for nobody.
fn login(user: Option<&User>) -> String {
    user.map_or_else(|| "ghost".to_owned(), |user| tidy(&user.login))
}

#[derive(Deserialize)]
struct Pull {
    number: u64,
    #[serde(default)]
    title: String,
    user: Option<User>,
    head: End,
    base: End,
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    html_url: String,
    merge_commit_sha: Option<String>,
}

/// One end of a request.
#[derive(Deserialize)]
struct End {
    #[serde(rename = "ref")]
    name: String,
    sha: String,
    repo: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
}

#[derive(Deserialize)]
struct Review {
    user: Option<User>,
    state: String,
    commit_id: Option<String>,
    submitted_at: Option<DateTime<Utc>>,
    /// Gitea's way to say that it was taken back.
    #[serde(default)]
    dismissed: bool,
}

#[derive(Deserialize)]
struct CheckRuns {
    check_runs: Vec<CheckRun>,
}

#[derive(Deserialize)]
struct CheckRun {
    name: String,
    status: String,
    conclusion: Option<String>,
}

#[derive(Deserialize)]
struct Combined {
    statuses: Option<Vec<Status>>,
}

#[derive(Deserialize)]
struct Status {
    context: String,
    /// Gitea calls it `status`.
    #[serde(alias = "status")]
    state: String,
}

#[derive(Deserialize)]
struct Comment {
    id: u64,
    body: Option<String>,
    user: Option<User>,
}

#[derive(Deserialize)]
struct Issue {
    number: u64,
    title: String,
    body: Option<String>,
    user: Option<User>,
    /// GitHub lists pull requests among the issues.
    pull_request: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Numbered {
    number: u64,
}

#[derive(Deserialize)]
struct Merged {
    sha: String,
}

#[derive(Deserialize)]
struct Team {
    slug: String,
}

/// The parameter that asks for the longest pages.
fn page_size(api: &Api<'_>) -> (&'static str, &'static str) {
    match api.settings.kind {
        ForgeKind::Gitea => ("limit", "50"),
        ForgeKind::GitHub | ForgeKind::GitLab => ("per_page", "100"),
    }
}

pub(super) async fn requests(api: &Api<'_>) -> Result<Vec<Request>, Failure> {
    let path = below(&api.repository(), &["pulls"]);
    let call = Call::get("list the pull requests", &path).with(&[("state", "open"), page_size(api)]);
    let pulls: Vec<Pull> = api.list(call).await?;
    stream::iter(pulls).map(|pull| request(api, pull)).buffered(AT_ONCE).try_collect().await
}

async fn request(api: &Api<'_>, pull: Pull) -> Result<Request, Failure> {
    let head = api.commit("list the pull requests", &pull.head.sha)?;
    let (reviews, checks) = futures::try_join!(reviews(api, pull.number), checks(api, &head))?;
    let same = is_ours_to_merge(&pull);
    Ok(Request {
        number: pull.number,
        title: tidy(&pull.title),
        author: login(pull.user.as_ref()),
        branch: pull.head.name,
        from_fork: !same,
        head,
        base: pull.base.name,
        draft: pull.draft,
        url: page(&pull.html_url),
        reviews,
        checks,
    })
}

/// Whether a request comes from the same repository.
fn is_ours_to_merge(pull: &Pull) -> bool {
    match (&pull.head.repo, &pull.base.repo) {
        (Some(head), Some(base)) => head.full_name.eq_ignore_ascii_case(&base.full_name),
        // A fork that is gone has no repository any more.
        _ => false,
    }
}

pub(super) async fn open_request(api: &Api<'_>, draft: &RequestDraft) -> Result<u64, Failure> {
    let attempt = "open the pull request";
    let path = below(&api.repository(), &["pulls"]);
    let owner = api.settings.repository.split('/').next().unwrap_or_default();
    let from = format!("{owner}:{}", draft.branch);
    let mut call = Call::get("list the pull requests", &path).with(&[("state", "open"), page_size(api)]);
    if api.settings.kind == ForgeKind::GitHub {
        call = call.with(&[("head", &from), ("base", &draft.base)]);
    }
    let open: Vec<Pull> = api.list(call).await?;
    let same = |pull: &&Pull| {
        pull.head.name == draft.branch && pull.base.name == draft.base && is_ours_to_merge(pull)
    };
    if let Some(known) = open.iter().find(same) {
        return Ok(known.number);
    }
    let body = json!({ "title": draft.title, "head": draft.branch, "base": draft.base, "body": draft.body });
    let reply = api.send(Call::send(attempt, Method::POST, &path, body)).await?;
    api.parse(&Call::get(attempt, &path), &reply).map(|made: Numbered| made.number)
}

async fn reviews(api: &Api<'_>, number: u64) -> Result<Vec<ForgeReview>, Failure> {
    let number = number.to_string();
    let path = below(&api.repository(), &["pulls", &number, "reviews"]);
    let reviews: Vec<Review> =
        api.list(Call::get("list the reviews of a pull request", &path).with(&[page_size(api)])).await?;
    Ok(reviews
        .into_iter()
        .filter_map(|review| {
            let state = match review.state.as_str() {
                _ if review.dismissed => ReviewState::Dismissed,
                "APPROVED" => ReviewState::Approved,
                "CHANGES_REQUESTED" | "REQUEST_CHANGES" => ReviewState::ChangesRequested,
                "COMMENTED" | "COMMENT" => ReviewState::Commented,
                "DISMISSED" => ReviewState::Dismissed,
                // Not handed in yet, or only asked for.
                _ => return None,
            };
            let commit = review.commit_id.and_then(|id| api.commit("read a review", &id).ok());
            Some(ForgeReview { by: login(review.user.as_ref()), state, commit, at: review.submitted_at })
        })
        .collect())
}

async fn checks(api: &Api<'_>, head: &CommitId) -> Result<Vec<Check>, Failure> {
    let mut checks = Vec::new();
    let path = below(&api.repository(), &["commits", head.as_str(), "status"]);
    let combined: Combined =
        api.get(Call::get("read the statuses of a commit", &path).with(&[page_size(api)])).await?;
    for status in combined.statuses.unwrap_or_default() {
        let state = match status.state.as_str() {
            "success" => CheckState::Passed,
            "pending" => CheckState::Pending,
            "skipped" => CheckState::Skipped,
            _ => CheckState::Failed,
        };
        checks.push(Check { name: tidy(&status.context), state });
    }
    if api.settings.kind == ForgeKind::GitHub {
        let path = below(&api.repository(), &["commits", head.as_str(), "check-runs"]);
        let call = Call::get("read the checks of a commit", &path).with(&[page_size(api)]);
        for run in api.pages(call, |page: CheckRuns| page.check_runs).await? {
            let state = match (run.status.as_str(), run.conclusion.as_deref()) {
                ("completed", Some("success")) => CheckState::Passed,
                ("completed", Some("neutral" | "skipped" | "cancelled" | "stale")) => CheckState::Skipped,
                ("completed", _) => CheckState::Failed,
                _ => CheckState::Pending,
            };
            checks.push(Check { name: tidy(&run.name), state });
        }
    }
    Ok(checks)
}

pub(super) async fn post_status(api: &Api<'_>, status: &CommitStatus) -> Result<(), Failure> {
    let state = match status.state {
        StatusState::Success => "success",
        StatusState::Failure => "failure",
        StatusState::Error => "error",
        StatusState::Pending => "pending",
    };
    let path = below(&api.repository(), &["statuses", status.head.as_str()]);
    let body = json!({ "state": state, "context": status.context, "description": status.description });
    api.send(Call::send("set the status of a commit", Method::POST, &path, body)).await.map(drop)
}

/// Whose token it is; `None` where the forge does not tell, as for the tokens of apps.
async fn me(api: &Api<'_>) -> Result<Option<String>, Failure> {
    match api.get::<User>(Call::get("ask whose token it is", &["user"])).await {
        Ok(user) => Ok(Some(user.login)),
        Err(failure) if failure.kind == FailureKind::Forbidden => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Whether something that begins with the marker is ours. Anybody may write a marker.
fn is_ours(me: Option<&String>, user: Option<&User>, body: Option<&String>, marker: &str) -> bool {
    let by_me = me.is_none_or(|me| user.is_some_and(|user| user.login.eq_ignore_ascii_case(me)));
    by_me && body.is_some_and(|body| body.trim_start().starts_with(marker))
}

pub(super) async fn post_comment(
    api: &Api<'_>,
    number: u64,
    marker: &str,
    body: &str,
) -> Result<(), Failure> {
    let number = number.to_string();
    let path = below(&api.repository(), &["issues", &number, "comments"]);
    let list = Call::get("list the comments of a pull request", &path).with(&[page_size(api)]);
    let (me, comments) = futures::try_join!(me(api), api.list::<Comment>(list))?;
    let ours = comments
        .into_iter()
        .find(|comment| is_ours(me.as_ref(), comment.user.as_ref(), comment.body.as_ref(), marker));
    let content = json!({ "body": body });
    match ours {
        Some(comment) if comment.body.as_deref() == Some(body) => Ok(()),
        Some(comment) => {
            let id = comment.id.to_string();
            let path = below(&api.repository(), &["issues", "comments", &id]);
            api.send(Call::send("update the comment", Method::PATCH, &path, content)).await.map(drop)
        }
        None => api.send(Call::send("write the comment", Method::POST, &path, content)).await.map(drop),
    }
}

pub(super) async fn review(api: &Api<'_>, review: &ReviewDraft) -> Result<(), Failure> {
    let attempt = if review.approve { "approve the pull request" } else { "request changes" };
    let number = review.number.to_string();
    let path = below(&api.repository(), &["pulls", &number]);
    // The API takes reviews of commits that are long past.
    let pull: Pull = api.get(Call::get(attempt, &path)).await?;
    api.same_head(attempt, &review.head, &pull.head.sha)?;
    let event = match (api.settings.kind, review.approve) {
        (ForgeKind::Gitea, true) => "APPROVED",
        (_, true) => "APPROVE",
        (_, false) => "REQUEST_CHANGES",
    };
    let body = json!({ "commit_id": review.head, "body": review.body, "event": event });
    api.send(Call::send(attempt, Method::POST, &below(&path, &["reviews"]), body)).await.map(drop)
}

pub(super) async fn merge(api: &Api<'_>, merge: &MergeDraft) -> Result<CommitId, Failure> {
    let attempt = "merge the pull request";
    let number = merge.number.to_string();
    let path = below(&api.repository(), &["pulls", &number]);
    let into = below(&path, &["merge"]);
    if api.settings.kind == ForgeKind::Gitea {
        let body = json!({
            "Do": "squash",
            "MergeTitleField": merge.title,
            "MergeMessageField": merge.message,
            "head_commit_id": merge.head,
        });
        api.send(Call::send(attempt, Method::POST, &into, body)).await?;
        // It answers with nothing; the request knows its commit afterwards.
        let pull: Pull = api.get(Call::get("read the merged pull request", &path)).await?;
        return api.commit(attempt, &pull.merge_commit_sha.unwrap_or_default());
    }
    let body = json!({
        "sha": merge.head,
        "merge_method": "squash",
        "commit_title": merge.title,
        "commit_message": merge.message,
    });
    let call = Call::send(attempt, Method::PUT, &into, body);
    let reply = api.send(call).await?;
    let merged: Merged = api.parse(&Call::get(attempt, &into), &reply)?;
    api.commit(attempt, &merged.sha)
}

pub(super) async fn put_issue(api: &Api<'_>, issue: &IssueDraft) -> Result<u64, Failure> {
    let path = below(&repository_path(api.settings.kind, &issue.repository), &["issues"]);
    let me = me(api).await?;
    let mut list = Call::get("list the issues", &path).with(&[("state", "open"), page_size(api)]);
    if let Some(me) = &me {
        let by = if api.settings.kind == ForgeKind::Gitea { "created_by" } else { "creator" };
        list = list.with(&[(by, me)]);
    }
    let open: Vec<Issue> = api.list(list).await?;
    let ours = open.into_iter().find(|known| {
        known.pull_request.is_none()
            && is_ours(me.as_ref(), known.user.as_ref(), known.body.as_ref(), &issue.marker)
    });
    let text = format!("{}\n{}", issue.marker, issue.body);
    let content = json!({ "title": issue.title, "body": text });
    match ours {
        Some(known) if known.title == issue.title && known.body.as_deref() == Some(&text) => Ok(known.number),
        Some(known) => {
            let number = known.number.to_string();
            let call = Call::send("update the issue", Method::PATCH, &below(&path, &[&number]), content);
            api.send(call).await.map(|_| known.number)
        }
        None => {
            let reply = api.send(Call::send("open the issue", Method::POST, &path, content)).await?;
            api.parse(&Call::get("open the issue", &path), &reply).map(|made: Numbered| made.number)
        }
    }
}

pub(super) async fn teams(api: &Api<'_>) -> Result<Vec<ForgeTeam>, Failure> {
    let owner = api.settings.repository.split('/').next().unwrap_or_default();
    let path = ["orgs", owner, "teams"];
    let found: Vec<Team> = api.list(Call::get("list the teams", &path).with(&[page_size(api)])).await?;
    let mut teams = Vec::new();
    for team in found {
        let path = below(&path, &[&team.slug, "members"]);
        let call = Call::get("list the members of a team", &path).with(&[page_size(api)]);
        let members = api.list::<User>(call).await?;
        teams.push(members_of(&team.slug, &members));
    }
    Ok(teams)
}

/// A team and its people.
pub(super) fn members_of(team: &str, members: &[User]) -> ForgeTeam {
    ForgeTeam { name: tidy(team), members: members.iter().map(|user| tidy(&user.login)).collect() }
}
