//! What was said and done about a change, in the order of time.

use super::{Change, Identity, Seals};
use crate::domain::{
    gate::ReviewAnswers,
    ledger::{Agreement, ChangeRecord},
    signature::SignatureState,
};
use chrono::{DateTime, Utc};
use serde::Serialize;

/// What sort of word it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SaidKind {
    /// The first commit of the branch.
    Opened,
    /// The newest commit of the branch.
    Committed,
    /// It was proposed with this program.
    Proposed,
    /// A gate was approved.
    Approved,
    /// An approval was taken back.
    ApprovalWithdrawn,
    /// Changes were requested.
    ChangesRequested,
    /// A request for changes was taken back.
    RequestWithdrawn,
    /// A comment.
    Comment,
    /// It was merged.
    Merged,
    /// Glass was broken for it, or somebody agreed to that, or it was made up for.
    BreakGlass,
}

/// One word about a change, or one deed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// When.
    pub at: DateTime<Utc>,
    /// Who, as Git names them.
    pub by: Identity,
    /// What sort.
    pub kind: SaidKind,
    /// What was done, in a few words.
    pub what: String,
    /// What was said with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// The reviewer's answers, with an approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<ReviewAnswers>,
    /// How it is signed, in a word, where that decides and was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<&'static str>,
}

/// Everything that is known of a change, the oldest first.
pub fn timeline(change: &Change, record: Option<&ChangeRecord>) -> Vec<Said> {
    let proposal = &change.proposal;
    let author = proposal.authors.first().cloned().unwrap_or_default();
    let head = proposal.head.short();
    let mut said =
        vec![said(proposal.opened_at, &author, SaidKind::Opened, format!("opened {}", proposal.branch))];
    if proposal.committed_at != proposal.opened_at {
        let what = format!("committed {head}");
        said.push(self::said(proposal.committed_at, &proposal.last_committer, SaidKind::Committed, what));
    }
    if let Some(record) = record {
        said.extend(recorded(record, &change.seals));
    }
    said.sort_by_key(|said| said.at);
    said
}

fn said(at: DateTime<Utc>, by: &Identity, kind: SaidKind, what: String) -> Said {
    Said { at, by: by.clone(), kind, what, words: None, answers: None, signature: None }
}

/// What the ledger has, one list after the other.
fn recorded(record: &ChangeRecord, seals: &Seals) -> Vec<Said> {
    let signature = |commit| seals.states.get(commit).map(SignatureState::as_str);
    let mut all = Vec::new();
    if let Some((at, by)) = &record.proposed {
        all.push(said(*at, by, SaidKind::Proposed, "proposed it here".to_owned()));
    }
    for approval in &record.approvals {
        let what = format!("approved {} at {}", approval.gate, approval.head.short());
        all.push(Said {
            words: approval.note.clone(),
            answers: approval.answers.clone(),
            signature: signature(&approval.commit),
            ..said(approval.at, &approval.by, SaidKind::Approved, what)
        });
        if let Some(at) = approval.withdrawn {
            let what = format!("took the approval of {} back", approval.gate);
            all.push(said(at, &approval.by, SaidKind::ApprovalWithdrawn, what));
        }
    }
    for request in &record.requests {
        let what = format!("requested changes at {}", request.head.short());
        all.push(Said {
            words: Some(request.note.clone()),
            ..said(request.at, &request.by, SaidKind::ChangesRequested, what)
        });
        if let Some(at) = request.withdrawn {
            let what = "took the request for changes back".to_owned();
            all.push(said(at, &request.by, SaidKind::RequestWithdrawn, what));
        }
    }
    for comment in &record.comments {
        let words = Some(comment.text.clone());
        all.push(Said { words, ..said(comment.at, &comment.by, SaidKind::Comment, "commented".to_owned()) });
    }
    for merge in &record.merges {
        let (branch, commit) = (&merge.merged.branch, merge.merged.commit.short());
        let past = if merge.merged.break_glass { ", past its gates" } else { "" };
        let what = format!("merged it into {branch} as {commit}{past}");
        all.push(said(merge.at, &merge.by, SaidKind::Merged, what));
    }
    for glass in &record.glasses {
        let what = format!("broke the glass at {}, {}", glass.head.short(), glass.incident);
        all.push(Said {
            words: Some(glass.reason.clone()),
            signature: signature(&glass.commit),
            ..said(glass.at, &glass.by, SaidKind::BreakGlass, what)
        });
        for Agreement { at, by, commit } in &glass.seconds {
            let what = "agreed to breaking the glass".to_owned();
            all.push(Said { signature: signature(commit), ..said(*at, by, SaidKind::BreakGlass, what) });
        }
        if let Some((at, by)) = &glass.settled {
            all.push(said(*at, by, SaidKind::BreakGlass, "made up for what was skipped".to_owned()));
        }
    }
    all
}
