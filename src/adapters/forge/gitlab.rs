//! GitLab: merge requests, approvals, notes and statuses.

use super::{
    AT_ONCE,
    http::{Api, Call, below, page, repository_path, tidy},
};
use crate::{
    domain::{
        forge::{
            Check, CheckState, CommitStatus, ForgeReview, ForgeTeam, IssueDraft, MergeDraft, Request,
            RequestDraft, ReviewDraft, ReviewState, StatusState,
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

/// Asks for the longest pages.
const PAGE_SIZE: (&str, &str) = ("per_page", "100");

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize)]
struct MergeRequest {
    iid: u64,
    #[serde(default)]
    title: String,
    author: Option<User>,
    source_branch: String,
    target_branch: String,
    source_project_id: Option<u64>,
    target_project_id: u64,
    /// Absent while the branch is empty or gone.
    sha: Option<String>,
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    web_url: String,
}

#[derive(Deserialize)]
struct Approvals {
    #[serde(default)]
    approved_by: Vec<Approval>,
}

#[derive(Deserialize)]
struct Approval {
    user: User,
    approved_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Reviewer {
    user: User,
    state: String,
}

#[derive(Deserialize)]
struct Status {
    name: String,
    status: String,
}

#[derive(Deserialize)]
struct Note {
    id: u64,
    #[serde(default)]
    body: String,
    author: Option<User>,
}

#[derive(Deserialize)]
struct Issue {
    iid: u64,
    title: String,
    description: Option<String>,
    author: Option<User>,
}

#[derive(Deserialize)]
struct Numbered {
    iid: u64,
}

#[derive(Deserialize)]
struct Merged {
    merge_commit_sha: Option<String>,
    squash_commit_sha: Option<String>,
}

#[derive(Deserialize)]
struct Group {
    path: String,
    full_path: String,
}

pub(super) async fn requests(api: &Api<'_>) -> Result<Vec<Request>, Failure> {
    let path = below(&api.repository(), &["merge_requests"]);
    let call = Call::get("list the merge requests", &path).with(&[("state", "opened"), PAGE_SIZE]);
    let found: Vec<MergeRequest> = api.list(call).await?;
    stream::iter(found.into_iter().filter_map(|request| Some((request.sha.clone()?, request))))
        .map(|(head, found)| request(api, head, found))
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

async fn request(api: &Api<'_>, head: String, found: MergeRequest) -> Result<Request, Failure> {
    let head = api.commit("list the merge requests", &head)?;
    let (reviews, checks) = futures::try_join!(reviews(api, found.iid), checks(api, &head))?;
    Ok(Request {
        number: found.iid,
        title: tidy(&found.title),
        author: found.author.map_or_else(|| "ghost".to_owned(), |user| tidy(&user.username)),
        branch: found.source_branch,
        from_fork: found.source_project_id != Some(found.target_project_id),
        head,
        base: found.target_branch,
        draft: found.draft,
        url: page(&found.web_url),
        reviews,
        checks,
    })
}

pub(super) async fn open_request(api: &Api<'_>, draft: &RequestDraft) -> Result<u64, Failure> {
    let attempt = "open the merge request";
    let path = below(&api.repository(), &["merge_requests"]);
    let call = Call::get("list the merge requests", &path).with(&[
        ("state", "opened"),
        ("source_branch", &draft.branch),
        ("target_branch", &draft.base),
        PAGE_SIZE,
    ]);
    let open: Vec<MergeRequest> = api.list(call).await?;
    let same = |known: &&MergeRequest| {
        known.source_branch == draft.branch
            && known.target_branch == draft.base
            && known.source_project_id == Some(known.target_project_id)
    };
    if let Some(known) = open.iter().find(same) {
        return Ok(known.iid);
    }
    let body = json!({
        "source_branch": draft.branch,
        "target_branch": draft.base,
        "title": draft.title,
        "description": inert(&draft.body),
    });
    let reply = api.send(Call::send(attempt, Method::POST, &path, body)).await?;
    api.parse(&Call::get(attempt, &path), &reply).map(|made: Numbered| made.iid)
}

/// Approvals and reviewers. GitLab does not tell which commit they saw.
async fn reviews(api: &Api<'_>, number: u64) -> Result<Vec<ForgeReview>, Failure> {
    let number = number.to_string();
    let path = below(&api.repository(), &["merge_requests", &number]);
    let (approvals, reviewers) = (below(&path, &["approvals"]), below(&path, &["reviewers"]));
    let (approvals, reviewers): (Approvals, Vec<Reviewer>) = futures::try_join!(
        api.get(Call::get("read the approvals of a merge request", &approvals)),
        api.list(Call::get("read the reviewers of a merge request", &reviewers).with(&[PAGE_SIZE])),
    )?;
    let mut reviews: Vec<ForgeReview> = reviewers
        .into_iter()
        .filter_map(|reviewer| {
            let state = match reviewer.state.as_str() {
                "requested_changes" => ReviewState::ChangesRequested,
                "reviewed" => ReviewState::Commented,
                // What they approved stands among the approvals.
                _ => return None,
            };
            Some(ForgeReview { by: tidy(&reviewer.user.username), state, commit: None, at: None })
        })
        .collect();
    for approval in approvals.approved_by {
        let (by, at) = (tidy(&approval.user.username), approval.approved_at);
        reviews.push(ForgeReview { by, state: ReviewState::Approved, commit: None, at });
    }
    Ok(reviews)
}

async fn checks(api: &Api<'_>, head: &CommitId) -> Result<Vec<Check>, Failure> {
    let path = below(&api.repository(), &["repository", "commits", head.as_str(), "statuses"]);
    let statuses: Vec<Status> =
        api.list(Call::get("read the statuses of a commit", &path).with(&[PAGE_SIZE])).await?;
    let state = |word: &str| match word {
        "success" => CheckState::Passed,
        "skipped" | "canceled" | "manual" => CheckState::Skipped,
        "failed" => CheckState::Failed,
        _ => CheckState::Pending,
    };
    Ok(statuses
        .into_iter()
        .map(|known| Check { name: tidy(&known.name), state: state(&known.status) })
        .collect())
}

pub(super) async fn post_status(api: &Api<'_>, status: &CommitStatus) -> Result<(), Failure> {
    let state = match status.state {
        StatusState::Success => "success",
        StatusState::Failure | StatusState::Error => "failed",
        StatusState::Pending => "pending",
    };
    let path = below(&api.repository(), &["statuses", status.head.as_str()]);
    let body = json!({ "state": state, "name": status.context, "description": status.description });
    api.send(Call::send("set the status of a commit", Method::POST, &path, body)).await.map(drop)
}

/// Text without the power to command: a line of a note that begins with `/` is a quick action.
fn inert(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            let rest = line.trim_start();
            let blanks = &line[..line.len() - rest.len()];
            if rest.starts_with('/') { format!("{blanks}\\{rest}") } else { line.to_owned() }
        })
        .collect();
    lines.join("\n")
}

/// Whose token it is; `None` where GitLab does not tell.
async fn me(api: &Api<'_>) -> Result<Option<String>, Failure> {
    match api.get::<User>(Call::get("ask whose token it is", &["user"])).await {
        Ok(user) => Ok(Some(user.username)),
        Err(failure) if failure.kind == FailureKind::Forbidden => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Whether something that begins with the marker is ours. Anybody may write a marker.
fn is_ours(me: Option<&String>, author: Option<&User>, body: &str, marker: &str) -> bool {
    let by_me = me.is_none_or(|me| author.is_some_and(|user| user.username.eq_ignore_ascii_case(me)));
    by_me && body.trim_start().starts_with(marker)
}

pub(super) async fn post_comment(
    api: &Api<'_>,
    number: u64,
    marker: &str,
    body: &str,
) -> Result<(), Failure> {
    let number = number.to_string();
    let path = below(&api.repository(), &["merge_requests", &number, "notes"]);
    let list = Call::get("list the notes of a merge request", &path).with(&[("sort", "asc"), PAGE_SIZE]);
    let (me, notes) = futures::try_join!(me(api), api.list::<Note>(list))?;
    let body = inert(body);
    let content = json!({ "body": body });
    match notes.into_iter().find(|note| is_ours(me.as_ref(), note.author.as_ref(), &note.body, marker)) {
        Some(note) if note.body.trim_end() == body.trim_end() => Ok(()),
        Some(note) => {
            let id = note.id.to_string();
            api.send(Call::send("update the note", Method::PUT, &below(&path, &[&id]), content))
                .await
                .map(drop)
        }
        None => api.send(Call::send("write the note", Method::POST, &path, content)).await.map(drop),
    }
}

pub(super) async fn review(api: &Api<'_>, review: &ReviewDraft) -> Result<(), Failure> {
    let attempt = if review.approve { "approve the merge request" } else { "request changes" };
    let number = review.number.to_string();
    let path = below(&api.repository(), &["merge_requests", &number]);
    let notes = below(&path, &["notes"]);
    if review.approve {
        // GitLab itself refuses another head.
        let body = json!({ "sha": review.head });
        api.send(Call::send(attempt, Method::POST, &below(&path, &["approve"]), body)).await?;
        if review.body.trim().is_empty() {
            return Ok(());
        }
        let body = json!({ "body": inert(&review.body) });
        return api.send(Call::send("write the review's note", Method::POST, &notes, body)).await.map(drop);
    }
    let found: MergeRequest = api.get(Call::get(attempt, &path)).await?;
    api.same_head(attempt, &review.head, found.sha.as_deref().unwrap_or_default())?;
    // There is no call for it; the quick action does it.
    let body = json!({ "body": format!("{}\n\n/submit_review requested_changes", inert(&review.body)) });
    api.send(Call::send(attempt, Method::POST, &notes, body)).await.map(drop)
}

pub(super) async fn merge(api: &Api<'_>, merge: &MergeDraft) -> Result<CommitId, Failure> {
    let attempt = "merge the merge request";
    let number = merge.number.to_string();
    let path = below(&api.repository(), &["merge_requests", &number, "merge"]);
    let message = format!("{}\n\n{}", merge.title, merge.message);
    let body = json!({
        "sha": merge.head,
        "squash": true,
        "squash_commit_message": message,
        "merge_commit_message": message,
    });
    let reply = api.send(Call::send(attempt, Method::PUT, &path, body)).await?;
    let merged: Merged = api.parse(&Call::get(attempt, &path), &reply)?;
    // A project that merges fast-forward has the squashed commit on its main branch and no other.
    let commit = merged.merge_commit_sha.or(merged.squash_commit_sha).unwrap_or_default();
    api.commit(attempt, &commit)
}

pub(super) async fn put_issue(api: &Api<'_>, issue: &IssueDraft) -> Result<u64, Failure> {
    let path = below(&repository_path(api.settings.kind, &issue.repository), &["issues"]);
    let me = me(api).await?;
    let mut list = Call::get("list the issues", &path).with(&[("state", "opened"), PAGE_SIZE]);
    if let Some(me) = &me {
        list = list.with(&[("author_username", me)]);
    }
    let open: Vec<Issue> = api.list(list).await?;
    let text = format!("{}\n{}", issue.marker, inert(&issue.body));
    let ours = open.into_iter().find(|known| {
        let body = known.description.as_deref().unwrap_or_default();
        is_ours(me.as_ref(), known.author.as_ref(), body, &issue.marker)
    });
    let content = json!({ "title": issue.title, "description": text });
    match ours {
        Some(known) if known.title == issue.title && known.description.as_deref() == Some(&text) => {
            Ok(known.iid)
        }
        Some(known) => {
            let number = known.iid.to_string();
            let call = Call::send("update the issue", Method::PUT, &below(&path, &[&number]), content);
            api.send(call).await.map(|_| known.iid)
        }
        None => {
            let reply = api.send(Call::send("open the issue", Method::POST, &path, content)).await?;
            api.parse(&Call::get("open the issue", &path), &reply).map(|made: Numbered| made.iid)
        }
    }
}

/// The groups below that of the repository are its teams.
pub(super) async fn teams(api: &Api<'_>) -> Result<Vec<ForgeTeam>, Failure> {
    let owner = api.settings.repository.rsplit_once('/').map_or("", |(owner, _)| owner);
    let call = Call::get("list the groups", &["groups", owner, "subgroups"]).with(&[PAGE_SIZE]);
    let groups: Vec<Group> = api.list(call).await?;
    let mut teams = Vec::new();
    for group in groups {
        let path = ["groups", group.full_path.as_str(), "members"];
        let call = Call::get("list the members of a group", &path).with(&[PAGE_SIZE]);
        let members: Vec<User> = api.list(call).await?;
        let members = members.into_iter().map(|user| tidy(&user.username)).collect();
        teams.push(ForgeTeam { name: tidy(&group.path), members });
    }
    Ok(teams)
}
