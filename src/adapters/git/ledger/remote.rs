//! The ledger and its remote: fetching, pushing, and reading what git says about a push.

use super::{Inner, history};
use crate::{
    adapters::git::child::{Call, Output},
    domain::text,
    error::{Failure, FailureKind},
};
use gix::ObjectId;
use std::{sync::PoisonError, time::Instant};

/// How a push came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Push {
    /// The remote has it.
    Done,
    /// Somebody else's event came first.
    Lost,
    /// The remote does not want it.
    Forbidden(Failure),
    /// The remote did not answer, or did not let us in.
    Unreachable(Failure),
}

impl Inner {
    /// Pushes `commit` as the ledger, without force.
    pub fn push(&self, remote: &str, commit: ObjectId) -> Result<Push, Failure> {
        let refspec = format!("{commit}:{}", super::BRANCH);
        let arguments = ["push", "--porcelain", "--no-follow-tags", remote, &refspec];
        let call = Call { arguments: &arguments, network: true, ..Call::default() };
        match self.clone.git.run(&call) {
            Ok(output) => {
                self.forget_silence();
                Ok(judge(&output, remote))
            }
            Err(failure) if failure.kind == FailureKind::Unreachable => {
                self.remember_silence(&failure);
                Ok(Push::Unreachable(failure))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Brings the tracking ref up to date. A remote without a ledger is no failure.
    pub fn fetch(&self, remote: &str) -> Result<(), Failure> {
        // A pattern, because a full name that the remote does not have would be an error. The tracking ref
        // follows whatever the remote has; what is believed of it is decided by `standing`.
        let refspec = "+refs/heads/quarterdeck/*:refs/remotes/".to_owned() + remote + "/quarterdeck/*";
        // A branch that is gone must not look as if it were there.
        let arguments =
            ["fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head", remote, &refspec];
        let call = Call { arguments: &arguments, network: true, ..Call::default() };
        let output = self.clone.git.run(&call).inspect_err(|failure| self.remember_silence(failure))?;
        self.forget_silence();
        if output.success {
            return Ok(());
        }
        Err(output.explain(Failure::unreachable(format!("could not fetch the ledger from {remote}"))).hint(
            format!("check the remote with `git ls-remote {remote}`; events wait here until it is back"),
        ))
    }

    fn remember_silence(&self, failure: &Failure) {
        if failure.kind == FailureKind::Unreachable {
            let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
            *silent = Some((Instant::now(), failure.clone()));
        }
    }

    fn forget_silence(&self) {
        *self.silent.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Takes `tip` as the remote's truth.
    pub fn accept(&self, repository: &gix::Repository, remote: &str, tip: ObjectId) -> Result<(), Failure> {
        let name = history::accepted_ref(remote);
        if crate::adapters::git::references::find(repository, &name)? == Some(tip) {
            return Ok(());
        }
        let tip = tip.to_string();
        let arguments = ["update-ref", "-m", "quarterdeck: synced", &name, &tip];
        let call = Call { arguments: &arguments, ..Call::default() };
        self.clone.git.line(&call, "could not note what the remote's ledger holds").map(drop)
    }
}

/// What refs lose a race by, in the words of git and its servers. All mean that the remote's ref is not
/// where it was when the push began.
const RACES: [&str; 7] = [
    "fetch first",
    "non-fast-forward",
    "lock ref",
    "failed to lock",
    "failed to update ref",
    "incorrect old value",
    "already exists",
];

/// Reads `git push --porcelain`: a line that begins with `!` is a ref that was not taken, and why.
fn judge(output: &Output, remote: &str) -> Push {
    if output.success {
        // The remote had this very commit before. The same person did the same in the same second from
        // another clone: that is their event, and ours has yet to be made.
        let had_it = output.stdout.lines().any(|line| line.starts_with("=\t"));
        return if had_it { Push::Lost } else { Push::Done };
    }
    let refused = output.stdout.lines().find_map(|line| line.strip_prefix("!\t"));
    match refused {
        Some(line) if RACES.iter().any(|race| line.contains(race)) => Push::Lost,
        Some(line) => {
            let reason = line.rsplit('\t').next().unwrap_or(line);
            let failure = Failure::forbidden(format!("{remote} did not take the event"));
            Push::Forbidden(
                output
                    .explain(failure.cause(text::clean(reason)))
                    .hint("ask for the right to push to the branch quarterdeck/ledger"),
            )
        }
        None => {
            let failure = Failure::unreachable(format!("could not push the ledger to {remote}"));
            Push::Unreachable(
                output
                    .explain(failure)
                    .hint(format!("check the remote with `git ls-remote {remote}`; the event waits here")),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_is_judged_by_its_porcelain_lines() {
        let output = |success, stdout: &str| Output {
            success,
            stdout: stdout.to_owned(),
            stderr: "fatal: something".to_owned(),
        };
        let line = |reason: &str| format!("To x\n!\tabc:refs/heads/quarterdeck/ledger\t{reason}\nDone\n");
        assert_eq!(judge(&output(true, "To x\n*\ta:b\t[new branch]\nDone"), "origin"), Push::Done);
        assert_eq!(judge(&output(true, "To x\n=\ta:b\t[up to date]\nDone"), "origin"), Push::Lost);
        for race in [
            "[rejected] (fetch first)",
            "[rejected] (non-fast-forward)",
            "[remote rejected] (cannot lock ref 'refs/heads/quarterdeck/ledger': is at a but expected b)",
            "[remote rejected] (failed to update ref)",
            "[remote rejected] (incorrect old value provided)",
        ] {
            assert_eq!(judge(&output(false, &line(race)), "origin"), Push::Lost, "{race}");
        }
        let hook = judge(&output(false, &line("[remote rejected] (pre-receive hook declined)")), "origin");
        assert!(
            matches!(&hook, Push::Forbidden(failure) if failure.causes[0].contains("pre-receive")),
            "{hook:?}"
        );
        let dead = judge(&output(false, ""), "origin");
        assert!(
            matches!(&dead, Push::Unreachable(failure) if failure.causes == ["fatal: something"]),
            "{dead:?}"
        );
    }
}
