//! Forges: pull and merge requests as information beside a change, and what is posted to them.

mod draft;

pub use draft::{Announcement, ProjectIssue, RequestDraft, announcement, described};

use super::{
    catalog::Settings,
    change::Change,
    finding::{Finding, Level},
    gate::GateState,
    name::{CommitId, ProjectName},
    people::People,
    proposal, text,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// The name under which a validation stands among a commit's checks.
pub const STATUS_CONTEXT: &str = "quarterdeck/validation";
/// What marks the one comment that holds a validation; readers of the page do not see it.
pub const COMMENT_MARKER: &str = "<!-- quarterdeck:validation -->";
/// How long the description of a status may be, in characters; the shortest limit among the forges.
const DESCRIPTION: usize = 140;
/// How many findings a comment lists.
const LISTED: usize = 60;

/// Which forge it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ForgeKind {
    /// GitHub, also Enterprise.
    GitHub,
    /// GitLab.
    GitLab,
    /// Gitea and Forgejo.
    Gitea,
}

impl ForgeKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::GitHub, Self::GitLab, Self::Gitea];

    /// The word in the settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Gitea => "gitea",
        }
    }

    /// The kind of a word, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
            Self::Gitea => "Gitea",
        }
    }

    /// The address when none is given; a Gitea is always somebody's own.
    pub const fn default_url(self) -> Option<&'static str> {
        match self {
            Self::GitHub => Some("https://api.github.com"),
            Self::GitLab => Some("https://gitlab.com"),
            Self::Gitea => None,
        }
    }
}

/// Where a secret is; never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// In an environment variable.
    Environment(String),
    /// In a file.
    File(String),
}

/// `[forge]` of `quarterdeck.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeSettings {
    /// Which forge.
    pub kind: ForgeKind,
    /// Its address: of the API for GitHub, of the site for the others.
    pub url: String,
    /// `owner/name`; a GitLab project may lie deeper.
    pub repository: String,
    /// Where the token is; without one only public repositories can be read.
    pub token: Option<SecretPlace>,
    /// Whether an approval in the ledger is also given on the forge.
    pub review: bool,
    /// `[forge.projects]`: the repositories on the same forge in which projects hear of what breaks them.
    pub projects: BTreeMap<ProjectName, String>,
}

impl ForgeSettings {
    /// Whether `text` names a repository: two parts or (for GitLab) more, each of letters, digits, `-`, `_`, `.`.
    pub fn is_repository(kind: ForgeKind, text: &str) -> bool {
        let parts: Vec<&str> = text.split('/').collect();
        let fits = |part: &&str| {
            let inner = part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
            !part.is_empty() && part.len() <= 100 && !matches!(*part, "." | "..") && inner
        };
        parts.iter().all(fits)
            && (parts.len() == 2 || kind == ForgeKind::GitLab && (3..=20).contains(&parts.len()))
    }

    /// The page of a commit, for people.
    pub fn commit_page(&self, commit: &CommitId) -> String {
        let middle = if self.kind == ForgeKind::GitLab { "-/commit" } else { "commit" };
        format!("{}/{}/{middle}/{commit}", self.site(), self.repository)
    }

    /// Where people look at the forge.
    fn site(&self) -> &str {
        let url = self.url.trim_end_matches('/');
        match self.kind {
            ForgeKind::GitHub if Some(url) == ForgeKind::GitHub.default_url() => "https://github.com",
            ForgeKind::GitHub => url.trim_end_matches("/api/v3"),
            ForgeKind::GitLab | ForgeKind::Gitea => url,
        }
    }
}

/// What a reviewer said on the forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewState {
    /// It may go.
    Approved,
    /// It may not go like this.
    ChangesRequested,
    /// Words only.
    Commented,
    /// Somebody has taken the review back.
    Dismissed,
}

impl ReviewState {
    /// The words for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::ChangesRequested => "requests changes",
            Self::Commented => "commented",
            Self::Dismissed => "dismissed",
        }
    }
}

/// A review on the forge. Gates do not depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ForgeReview {
    /// The reviewer's login.
    pub by: String,
    /// What it came to.
    pub state: ReviewState,
    /// The commit that was reviewed, where the forge tells.
    pub commit: Option<CommitId>,
    /// When, where the forge tells.
    pub at: Option<DateTime<Utc>>,
}

/// How a check stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// It found something, or broke.
    Failed,
    /// It has not ended.
    Pending,
    /// It did not look (skipped, neutral, cancelled).
    Skipped,
    /// It holds.
    Passed,
}

/// A check or commit status at the head of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: CheckState,
}

/// An open pull or merge request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request {
    /// Its number in the repository.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Login of who opened it.
    pub author: String,
    /// The branch to be merged.
    pub branch: String,
    /// Whether that branch is in another repository, and so not the branch of that name here.
    pub from_fork: bool,
    /// Where the forge has that branch.
    pub head: CommitId,
    /// The branch to merge into.
    pub base: String,
    /// Whether it is marked as not ready.
    pub draft: bool,
    /// Its page; empty where the forge gave none that may be shown.
    pub url: String,
    /// Reviews, oldest first.
    pub reviews: Vec<ForgeReview>,
    /// Checks of the head.
    pub checks: Vec<Check>,
}

impl Request {
    /// The last word of each reviewer, by login. Words without a verdict leave the verdict before them.
    pub fn opinions(&self) -> Vec<&ForgeReview> {
        let mut last: BTreeMap<&str, &ForgeReview> = BTreeMap::new();
        for review in &self.reviews {
            let known = last.get(review.by.as_str());
            if review.state != ReviewState::Commented || known.is_none() {
                last.insert(&review.by, review);
            }
        }
        last.into_values().collect()
    }

    /// Whether a review was about another commit than the head; `None` where the forge does not tell.
    pub fn is_stale(&self, review: &ForgeReview) -> Option<bool> {
        review.commit.as_ref().map(|commit| *commit != self.head)
    }

    /// How many checks stand in each state: failed, pending, skipped, passed.
    pub fn check_counts(&self) -> [usize; 4] {
        let mut counts = [0; 4];
        for check in &self.checks {
            counts[check.state as usize] += 1;
        }
        counts
    }
}

/// The request of a change: the one of its branch in the same repository, into the main branch. Where there
/// are several, the one with the change's head counts, and else the newest.
pub fn of_change<'a>(
    requests: &'a [Request],
    branch: &str,
    head: &CommitId,
    main: &str,
) -> Option<&'a Request> {
    requests
        .iter()
        .filter(|request| !request.from_fork && request.branch == branch && request.base == main)
        .max_by_key(|request| (request.head == *head, request.number))
}

/// The branches that open requests would merge into the main branch and that are no changes by their names already.
/// Those of forks are not in this repository.
pub fn requested(requests: &[Request], settings: &Settings) -> BTreeSet<String> {
    let is_other = |request: &&Request| {
        !request.from_fork
            && request.base == settings.main
            && proposal::matched(&settings.changes, &request.branch).is_none()
    };
    requests.iter().filter(is_other).map(|request| request.branch.clone()).collect()
}

/// How a validation came out, as the forges know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusState {
    /// It holds.
    Success,
    /// It does not hold.
    Failure,
    /// It could not be found out.
    Error,
    /// It is under way.
    Pending,
}

/// A status to be set on a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitStatus {
    /// On which.
    pub head: CommitId,
    /// How it came out.
    pub state: StatusState,
    /// Under which name.
    pub context: &'static str,
    /// In a few words.
    pub description: String,
}

/// A verdict to be given on a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewDraft {
    /// Which request.
    pub number: u64,
    /// The head that was reviewed; another one is a conflict.
    pub head: CommitId,
    /// Whether it may go.
    pub approve: bool,
    /// The reviewer's words.
    pub body: String,
}

/// A merge through the forge: squashed, at one head only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeDraft {
    /// Which request.
    pub number: u64,
    /// The head that may be merged; another one is a conflict.
    pub head: CommitId,
    /// First line of the commit.
    pub title: String,
    /// The rest of its message.
    pub message: String,
}

/// An issue that exists once and is kept up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueDraft {
    /// In which repository (`owner/name`).
    pub repository: String,
    /// A text that is in no other issue's body.
    pub marker: String,
    /// Its title.
    pub title: String,
    /// Its body, without the marker.
    pub body: String,
}

/// A team of the forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeTeam {
    /// Its name in addresses.
    pub name: String,
    /// Logins of its people.
    pub members: BTreeSet<String>,
}

/// Where `policies/teams.toml` and the teams of the forge say different things, a sentence each. A login is
/// a person's handle; teams that only one side knows are left alone.
pub fn compare_teams(people: &People, forge: &[ForgeTeam]) -> Vec<String> {
    let mut found = Vec::new();
    for team in forge {
        let Some(known) = people.team(&team.name) else { continue };
        let logins: BTreeSet<String> = team.members.iter().map(|login| login.to_lowercase()).collect();
        let handles: BTreeSet<String> =
            known.members.iter().chain(&known.lead).map(|person| person.as_str().to_lowercase()).collect();
        for login in logins.difference(&handles) {
            let login = text::clean(login);
            found.push(format!(
                "{login} is in the forge's team {} and not in policies/teams.toml",
                known.handle
            ));
        }
        for handle in handles.difference(&logins) {
            found
                .push(format!("{handle} is in {} by policies/teams.toml and not on the forge", known.handle));
        }
    }
    found
}

fn counts(findings: &[Finding]) -> (usize, usize) {
    let of = |level: Level| findings.iter().filter(|finding| finding.level == level).count();
    (of(Level::Error), of(Level::Warning))
}

fn counted(findings: &[Finding]) -> String {
    let plural = |many: usize, what: &str| format!("{many} {what}{}", if many == 1 { "" } else { "s" });
    match counts(findings) {
        (0, 0) => "no errors, no warnings".to_owned(),
        (errors, warnings) => format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
    }
}

/// The status that a validation of a change's head comes to.
pub fn validation_status(change: &Change, findings: &[Finding]) -> CommitStatus {
    let state = if counts(findings).0 == 0 { StatusState::Success } else { StatusState::Failure };
    let words = format!("{}; {}, {} risk", counted(findings), change.class, change.class.risk());
    CommitStatus {
        head: change.proposal.head.clone(),
        state,
        context: STATUS_CONTEXT,
        description: text::fit(&words, DESCRIPTION),
    }
}

/// The comment that tells a validation of a change's head in full.
///
/// Whatever others have written stands in one fenced block, where it mentions nobody, links nothing and
/// commands nothing.
pub fn validation_comment(change: &Change, findings: &[Finding]) -> String {
    let mut listing = String::new();
    for finding in findings.iter().take(LISTED) {
        let place = finding.location().map(|place| format!("{place}: ")).unwrap_or_default();
        let _ = writeln!(listing, "{place}{} {}: {}", finding.level, finding.code, finding.message);
        if let Some(help) = &finding.help {
            let _ = writeln!(listing, "    help: {help}");
        }
    }
    if findings.len() > LISTED {
        let _ = writeln!(listing, "and {} more", findings.len() - LISTED);
    }
    for status in &change.gates {
        let state = match &status.state {
            GateState::Open => "open".to_owned(),
            GateState::Approved { by, carried: false, .. } => format!("approved by {by}"),
            GateState::Approved { by, .. } => format!("approved by {by}, kept through a rebase"),
            GateState::Fallen { by } => format!("fell; {by} had approved something else"),
        };
        let _ = writeln!(listing, "gate {}: {state}", status.gate);
    }
    let mut out = format!(
        "{COMMENT_MARKER}\n**Quarterdeck: {}**\n\nHead {} against {}: {}, {} risk.\n",
        counted(findings),
        change.proposal.head.short(),
        change.proposal.base.short(),
        change.class,
        change.class.risk()
    );
    out.push('\n');
    out.push_str(&fenced(&listing));
    out
}

/// Text of others as a block that mentions nobody, links nothing and commands nothing.
fn fenced(listing: &str) -> String {
    let listing = text::clean_lines(listing);
    let fence = "`".repeat(longest_run(&listing, '`').max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n", listing.trim_end())
}

fn longest_run(text: &str, of: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for character in text.chars() {
        run = if character == of { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests;
