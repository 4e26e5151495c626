//! A GitHub-shaped forge over the demo's bare repository: the changes that were open before the watch began are pull
//! requests; later ones are opened like anywhere.

use super::{
    clock::{Time, stamp},
    estate::PROJECTS,
    repository::{
        self,
        history::{PEOPLE, TEAMS},
    },
};
use axum::{
    Json, Router,
    extract::{Path, Query, Request as HttpRequest, State},
    http::{HeaderMap, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, patch, post, put},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The repository's name on the forge.
pub const REPOSITORY: &str = "shop/control";
/// Whose token it is.
const VIEWER: &str = "quarterdeck";
/// What was said about the open changes before the watch began: branch, who, what, and whether it was about the
/// state before the last push.
const SAID: [(&str, &str, &str, bool); 3] = [
    ("change/catalog-search-1.5.0", "k-ito", "APPROVED", false),
    ("change/project-a-api-2.1.1", "p-martin", "CHANGES_REQUESTED", true),
    ("change/shared-auth-2.0.0", "j-bauer", "COMMENTED", false),
];

/// The forge.
#[derive(Debug)]
pub struct Forge {
    repository: PathBuf,
    token: String,
    time: Time,
    book: Mutex<Book>,
}

/// What the forge keeps besides the repository.
#[derive(Debug, Default)]
struct Book {
    last: u64,
    numbers: BTreeMap<String, u64>,
    titles: BTreeMap<u64, String>,
    bodies: BTreeMap<u64, String>,
    merged: BTreeSet<u64>,
    reviews: BTreeMap<u64, Vec<Value>>,
    comments: BTreeMap<u64, Vec<Value>>,
    statuses: BTreeMap<String, Vec<Value>>,
    issues: BTreeMap<u64, Value>,
}

/// A branch as the repository has it.
struct Branch {
    name: String,
    head: String,
    author: String,
    subject: String,
    at: String,
}

/// An answer that is no success.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "message": self.1 }))).into_response()
    }
}

type Answer<T = Json<Value>> = Result<T, Refusal>;

fn refuse<T>(code: u16, message: impl Into<String>) -> Answer<T> {
    Err(Refusal(StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), message.into()))
}

/// The parts of the API that Quarterdeck speaks.
pub fn router(forge: Arc<Forge>) -> Router {
    let inside = Router::new()
        .route("/pulls", get(pulls).post(open_pull))
        .route("/pulls/{number}", get(pull))
        .route("/pulls/{number}/reviews", get(reviews).post(review))
        .route("/pulls/{number}/merge", put(merge))
        .route("/commits/{sha}/status", get(status))
        .route("/commits/{sha}/check-runs", get(async || Json(json!({ "total_count": 0, "check_runs": [] }))))
        .route("/statuses/{sha}", post(set_status))
        .route("/issues", get(issues).post(open_issue))
        .route("/issues/{number}", patch(change_issue))
        .route("/issues/{number}/comments", get(comments).post(comment))
        .route("/issues/comments/{id}", patch(change_comment));
    Router::new()
        .route("/user", get(async || Json(json!({ "login": VIEWER }))))
        .route("/orgs/{owner}/teams", get(teams))
        .route("/orgs/{owner}/teams/{team}/members", get(members))
        .nest(&format!("/repos/{REPOSITORY}"), inside)
        .route("/repos/shop/{project}/issues", get(project_issues).post(open_project_issue))
        .route("/repos/shop/{project}/issues/{number}", patch(change_project_issue))
        .layer(middleware::from_fn_with_state(Arc::clone(&forge), guard))
        .with_state(forge)
}

/// Asks for the token, and answers what is known already with nothing but its mark.
async fn guard(State(forge): State<Arc<Forge>>, request: HttpRequest, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given != Some(&format!("Bearer {}", forge.token)) {
        return Refusal(StatusCode::UNAUTHORIZED, "Bad credentials".to_owned()).into_response();
    }
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let is_read = request.method() == axum::http::Method::GET;
    let response = next.run(request).await;
    if !is_read || !response.status().is_success() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(body) = axum::body::to_bytes(body, 16 * 1024 * 1024).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    let mark = format!("\"{:016x}\"", hasher.finish());
    if known.is_some_and(|known| known.as_bytes() == mark.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    if let Ok(mark) = mark.parse() {
        parts.headers.insert(header::ETAG, mark);
    }
    Response::from_parts(parts, body.into())
}

impl Forge {
    /// A forge of the bare repository at `repository`, which may not be there yet.
    pub fn new(repository: PathBuf, token: String, time: Time) -> Self {
        let book = Book { last: 40, ..Book::default() };
        Self { repository, token, time, book: Mutex::new(book) }
    }

    /// The comments of a pull request, oldest first.
    pub fn comments(&self, number: u64) -> Vec<String> {
        let book = self.book();
        let bodies = book.comments.get(&number).into_iter().flatten();
        bodies.filter_map(|comment| comment["body"].as_str().map(str::to_owned)).collect()
    }

    /// Number, title and text of the requests that were opened since the watch began.
    pub fn opened(&self) -> Vec<(u64, String, String)> {
        let book = self.book();
        let body = |number: &u64| book.bodies.get(number).cloned().unwrap_or_default();
        book.titles.iter().map(|(number, title)| (*number, title.clone(), body(number))).collect()
    }

    /// Title and text of the issues, in the control repository and in those of the projects.
    pub fn issues(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.book().issues.values().map(|issue| (text(&issue["title"]), text(&issue["body"]))).collect()
    }

    /// Context and state of every status of a commit, oldest first.
    pub fn statuses(&self, commit: &str) -> Vec<(String, String)> {
        let book = self.book();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = book.statuses.get(commit).into_iter().flatten();
        all.map(|status| (text(&status["context"]), text(&status["state"]))).collect()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What git prints.
    async fn git(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Answer<String> {
        let mut command = repository::git_command();
        command.arg("-C").arg(&self.repository).args(arguments).envs(variables.iter().copied());
        match command.output().await {
            Ok(output) if output.status.success() => {
                Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
            }
            Ok(output) => refuse(422, String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => refuse(500, error.to_string()),
        }
    }

    /// The branches that are requests; those of before the watch get their number here.
    async fn branches(&self) -> Answer<Vec<(u64, Branch)>> {
        let format = "--format=%(refname:lstrip=2)%09%(objectname)%09%(authoremail:trim)%09%(committerdate:iso-strict)%09%(contents:subject)";
        let text = self.git(&["for-each-ref", format, "refs/heads/"], &[]).await?;
        let main = self.git(&["rev-parse", "refs/heads/main"], &[]).await?;
        let mut book = self.book();
        let mut all = Vec::new();
        for line in text.lines() {
            let mut parts = line.splitn(5, '\t').map(str::to_owned);
            let mut next = || parts.next().unwrap_or_default();
            let branch =
                Branch { name: next(), head: next(), author: handle(&next()), at: next(), subject: next() };
            let number = match book.numbers.get(&branch.name) {
                Some(number) => *number,
                None if SAID.iter().any(|(name, ..)| *name == branch.name) => {
                    book.open(&branch, &main, self.time.now())
                }
                None => continue,
            };
            if !book.merged.contains(&number) {
                all.push((number, branch));
            }
        }
        all.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        Ok(all)
    }

    async fn branch(&self, number: u64) -> Answer<Branch> {
        let found = self.branches().await?.into_iter().find(|(known, _)| *known == number);
        found.map_or_else(|| refuse(404, "Not Found"), |(_, branch)| Ok(branch))
    }

    async fn pull(&self, number: u64, branch: &Branch) -> Answer<Value> {
        let main = self.git(&["rev-parse", "refs/heads/main"], &[]).await?;
        let repo = json!({ "full_name": REPOSITORY });
        let title = self.book().titles.get(&number).cloned();
        Ok(json!({
            "number": number,
            "state": "open",
            "title": title.unwrap_or_else(|| branch.subject.clone()),
            "user": { "login": branch.author },
            "draft": false,
            "html_url": format!("https://forge.example.com/{REPOSITORY}/pull/{number}"),
            "created_at": branch.at,
            "head": { "ref": branch.name, "sha": branch.head, "repo": repo },
            "base": { "ref": "main", "sha": main, "repo": repo },
        }))
    }
}

impl Book {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Gives a branch its number, and what was said about it already.
    fn open(&mut self, branch: &Branch, before: &str, now: DateTime<Utc>) -> u64 {
        let number = self.next();
        self.numbers.insert(branch.name.clone(), number);
        for (_, by, state, earlier) in SAID.iter().filter(|(name, ..)| *name == branch.name) {
            let commit = if *earlier { before } else { &branch.head };
            let at = now - chrono::Duration::hours(2);
            let review = review_json(number, by, state, commit, at);
            self.reviews.entry(number).or_default().push(review);
        }
        number
    }
}

fn review_json(id: u64, by: &str, state: &str, commit: &str, at: DateTime<Utc>) -> Value {
    json!({ "id": id, "user": { "login": by }, "state": state, "commit_id": commit, "body": "", "submitted_at": stamp(at) })
}

/// The login of a person by e-mail address.
fn handle(email: &str) -> String {
    let known = PEOPLE.iter().find(|(_, author)| author.email == email);
    known.map_or_else(
        || email.split('@').next().unwrap_or_default().to_owned(),
        |(handle, _)| (*handle).to_owned(),
    )
}

/// One page of a list, with the link to the next.
fn paged(items: &[Value], query: &HashMap<String, String>, headers: &HeaderMap, uri: &Uri) -> Response {
    let number = |name: &str, otherwise: usize| {
        query.get(name).and_then(|text| text.parse().ok()).filter(|number| *number > 0).unwrap_or(otherwise)
    };
    let (size, page) = (number("per_page", 30).min(100), number("page", 1));
    let start = (page - 1).saturating_mul(size).min(items.len());
    let end = (start + size).min(items.len());
    let body = Json(&items[start..end]).into_response();
    if end == items.len() {
        return body;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    // Every page is asked for as the first was.
    let mut next = format!("http://{host}{}?per_page={size}&page={}", uri.path(), page + 1);
    for (key, value) in query.iter().filter(|(key, _)| !matches!(key.as_str(), "per_page" | "page")) {
        next += &format!("&{key}={value}");
    }
    ([(header::LINK, format!("<{next}>; rel=\"next\""))], body).into_response()
}

type Forged = State<Arc<Forge>>;
type Parameters = Query<HashMap<String, String>>;

async fn pulls(
    State(forge): Forged,
    Query(query): Parameters,
    headers: HeaderMap,
    uri: Uri,
) -> Answer<Response> {
    let mut all = Vec::new();
    let wanted = query.get("head").map(|head| head.split_once(':').map_or(head.as_str(), |(_, name)| name));
    for (number, branch) in forge.branches().await? {
        if wanted.is_some_and(|wanted| wanted != branch.name) {
            continue;
        }
        all.push(forge.pull(number, &branch).await?);
    }
    Ok(paged(&all, &query, &headers, &uri))
}

async fn open_pull(State(forge): Forged, Json(body): Json<Value>) -> Answer<Response> {
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let (name, title) = (text("head"), text("title"));
    if title.is_empty() || text("base") != "main" {
        return refuse(422, "Validation Failed: title, base");
    }
    let reference = format!("refs/heads/{name}");
    if name.is_empty()
        || name == "main"
        || forge.git(&["rev-parse", "--verify", &reference], &[]).await.is_err()
    {
        return refuse(422, "Validation Failed: head");
    }
    if forge.branches().await?.iter().any(|(_, branch)| branch.name == name) {
        return refuse(422, format!("Validation Failed: A pull request already exists for {name}."));
    }
    {
        let mut book = forge.book();
        let number = book.next();
        book.numbers.insert(name.clone(), number);
        book.titles.insert(number, title);
        book.bodies.insert(number, text("body"));
    }
    let found = forge.branches().await?.into_iter().find(|(_, branch)| branch.name == name);
    let Some((number, branch)) = found else { return refuse(404, "Not Found") };
    let pull = forge.pull(number, &branch).await?;
    Ok((StatusCode::CREATED, Json(pull)).into_response())
}

async fn pull(State(forge): Forged, Path(number): Path<u64>) -> Answer {
    let branch = forge.branch(number).await?;
    forge.pull(number, &branch).await.map(Json)
}

async fn reviews(
    State(forge): Forged,
    Path(number): Path<u64>,
    Query(query): Parameters,
    headers: HeaderMap,
    uri: Uri,
) -> Answer<Response> {
    forge.branch(number).await?;
    let all = forge.book().reviews.get(&number).cloned().unwrap_or_default();
    Ok(paged(&all, &query, &headers, &uri))
}

async fn review(State(forge): Forged, Path(number): Path<u64>, Json(body): Json<Value>) -> Answer {
    let branch = forge.branch(number).await?;
    let state = match body["event"].as_str() {
        Some("APPROVE") => "APPROVED",
        Some("REQUEST_CHANGES") => "CHANGES_REQUESTED",
        Some("COMMENT") => "COMMENTED",
        _ => return refuse(422, "Unprocessable Entity: event"),
    };
    if branch.author == VIEWER && state != "COMMENTED" {
        return refuse(422, "Can not approve your own pull request");
    }
    let commit = body["commit_id"].as_str().unwrap_or(&branch.head).to_owned();
    let now = forge.time.now();
    let mut book = forge.book();
    let review = review_json(book.next(), VIEWER, state, &commit, now);
    book.reviews.entry(number).or_default().push(review.clone());
    Ok(Json(review))
}

async fn merge(State(forge): Forged, Path(number): Path<u64>, Json(body): Json<Value>) -> Answer {
    let branch = forge.branch(number).await?;
    if body["sha"].as_str().is_some_and(|sha| sha != branch.head) {
        return refuse(409, "Head branch was modified. Review and try the merge again.");
    }
    if body["merge_method"] != "squash" {
        return refuse(405, "Merge commits are not allowed on this repository.");
    }
    let main = forge.git(&["rev-parse", "refs/heads/main"], &[]).await?;
    let merged = forge.git(&["merge-tree", "--write-tree", &main, &branch.head], &[]).await;
    let Ok(tree) = merged else { return refuse(405, "Pull Request is not mergeable") };
    let author = repository::history::person(&branch.author);
    let people = [
        ("GIT_AUTHOR_NAME", author.name),
        ("GIT_AUTHOR_EMAIL", author.email),
        ("GIT_COMMITTER_NAME", "forge"),
        ("GIT_COMMITTER_EMAIL", "forge@example.com"),
    ];
    let title = body["commit_title"].as_str().unwrap_or(&branch.subject).to_owned();
    let message = format!("{title}\n\n{}", body["commit_message"].as_str().unwrap_or_default());
    let tree = tree.lines().next().unwrap_or_default().to_owned();
    let commit = forge.git(&["commit-tree", &tree, "-p", &main, "-m", message.trim()], &people).await?;
    if forge.git(&["update-ref", "refs/heads/main", &commit, &main], &[]).await.is_err() {
        return refuse(409, "Base branch was modified. Review and try the merge again.");
    }
    forge.book().merged.insert(number);
    Ok(Json(json!({ "sha": commit, "merged": true, "message": "Pull Request successfully merged" })))
}

async fn status(State(forge): Forged, Path(sha): Path<String>) -> Json<Value> {
    let book = forge.book();
    let mut latest: BTreeMap<String, Value> = BTreeMap::new();
    for status in book.statuses.get(&sha).into_iter().flatten() {
        latest.insert(status["context"].to_string(), status.clone());
    }
    let statuses: Vec<Value> = latest.into_values().collect();
    let bad = statuses.iter().any(|status| status["state"] == "failure" || status["state"] == "error");
    let state = match (bad, statuses.is_empty()) {
        (true, _) => "failure",
        (_, true) => "pending",
        _ => "success",
    };
    Json(json!({ "state": state, "sha": sha, "total_count": statuses.len(), "statuses": statuses }))
}

async fn set_status(
    State(forge): Forged,
    Path(sha): Path<String>,
    Json(body): Json<Value>,
) -> Answer<Response> {
    let is_id = sha.len() == 40 && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_id || forge.git(&["cat-file", "-e", &format!("{sha}^{{commit}}")], &[]).await.is_err() {
        return refuse(422, format!("No commit found for SHA: {sha}"));
    }
    if !matches!(body["state"].as_str(), Some("error" | "failure" | "pending" | "success")) {
        return refuse(422, "Validation Failed: state");
    }
    if body["description"].as_str().is_some_and(|text| text.chars().count() > 140) {
        return refuse(422, "Validation Failed: description is too long (maximum is 140 characters)");
    }
    let status = json!({
        "context": body["context"].as_str().unwrap_or("default"),
        "state": body["state"],
        "description": body["description"],
        "created_at": stamp(forge.time.now()),
    });
    forge.book().statuses.entry(sha).or_default().push(status.clone());
    Ok((StatusCode::CREATED, Json(status)).into_response())
}

async fn comments(
    State(forge): Forged,
    Path(number): Path<u64>,
    Query(query): Parameters,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let all = forge.book().comments.get(&number).cloned().unwrap_or_default();
    paged(&all, &query, &headers, &uri)
}

async fn comment(State(forge): Forged, Path(number): Path<u64>, Json(body): Json<Value>) -> Answer<Response> {
    forge.branches().await?;
    let mut book = forge.book();
    if !book.numbers.values().any(|known| *known == number) && !book.issues.contains_key(&number) {
        return refuse(404, "Not Found");
    }
    let Some(text) = body["body"].as_str().filter(|text| text.chars().count() <= 65_536) else {
        return refuse(422, "Validation Failed: body");
    };
    let comment = json!({ "id": book.next(), "user": { "login": VIEWER }, "body": text });
    book.comments.entry(number).or_default().push(comment.clone());
    Ok((StatusCode::CREATED, Json(comment)).into_response())
}

async fn change_comment(State(forge): Forged, Path(id): Path<u64>, Json(body): Json<Value>) -> Answer {
    let mut book = forge.book();
    let found = book.comments.values_mut().flatten().find(|comment| comment["id"] == id);
    let Some(found) = found else { return refuse(404, "Not Found") };
    found["body"] = body["body"].clone();
    Ok(Json(found.clone()))
}

/// The repositories of the projects, which have issues and nothing else here.
fn of_project(project: &str) -> Answer<()> {
    if PROJECTS.iter().any(|(name, ..)| *name == project) { Ok(()) } else { refuse(404, "Not Found") }
}

async fn project_issues(
    State(forge): Forged,
    Path(project): Path<String>,
    Query(query): Parameters,
    headers: HeaderMap,
    uri: Uri,
) -> Answer<Response> {
    of_project(&project)?;
    let of = |issue: &&Value| issue["project"] == project;
    let all: Vec<Value> = forge.book().issues.values().filter(of).cloned().collect();
    Ok(paged(&all, &query, &headers, &uri))
}

async fn open_project_issue(
    state: Forged,
    Path(project): Path<String>,
    Json(mut body): Json<Value>,
) -> Answer<Response> {
    of_project(&project)?;
    body["project"] = project.into();
    open_issue(state, Json(body)).await
}

async fn change_project_issue(
    state: Forged,
    Path((project, number)): Path<(String, u64)>,
    body: Json<Value>,
) -> Answer {
    of_project(&project)?;
    change_issue(state, Path(number), body).await
}

async fn issues(State(forge): Forged, Query(query): Parameters, headers: HeaderMap, uri: Uri) -> Response {
    let own = |issue: &&Value| issue["project"].is_null();
    let all: Vec<Value> = forge.book().issues.values().filter(own).cloned().collect();
    paged(&all, &query, &headers, &uri)
}

async fn open_issue(State(forge): Forged, Json(body): Json<Value>) -> Answer<Response> {
    if body["title"].as_str().is_none_or(str::is_empty) {
        return refuse(422, "Validation Failed: title");
    }
    let mut book = forge.book();
    let number = book.next();
    let issue = json!({ "number": number, "title": body["title"], "body": body["body"], "project": body["project"], "user": { "login": VIEWER } });
    book.issues.insert(number, issue.clone());
    Ok((StatusCode::CREATED, Json(issue)).into_response())
}

async fn change_issue(State(forge): Forged, Path(number): Path<u64>, Json(body): Json<Value>) -> Answer {
    let mut book = forge.book();
    let Some(issue) = book.issues.get_mut(&number) else { return refuse(404, "Not Found") };
    for key in ["title", "body"] {
        if !body[key].is_null() {
            issue[key] = body[key].clone();
        }
    }
    Ok(Json(issue.clone()))
}

async fn teams(Query(query): Parameters, headers: HeaderMap, uri: Uri) -> Response {
    let all: Vec<Value> =
        TEAMS.iter().map(|(name, description, ..)| json!({ "slug": name, "name": description })).collect();
    paged(&all, &query, &headers, &uri)
}

async fn members(
    Path((_, team)): Path<(String, String)>,
    Query(query): Parameters,
    headers: HeaderMap,
    uri: Uri,
) -> Answer<Response> {
    let Some((_, _, members, _)) = TEAMS.iter().find(|(name, ..)| *name == team) else {
        return refuse(404, "Not Found");
    };
    let all: Vec<Value> = members.iter().map(|login| json!({ "login": login })).collect();
    Ok(paged(&all, &query, &headers, &uri))
}
