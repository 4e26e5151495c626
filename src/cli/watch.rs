//! `check --watch`: validates again whenever a file is saved or a branch moves, and says what changed.

use super::{
    arguments::Global,
    check::{Limit, Options, within},
    fingerprint,
    oneshot::Printed,
    render,
};
use crate::{
    domain::{finding::Finding, plan::Validation, text::clean},
    engine::{Outside, watcher::Watcher},
    error::{Failure, FailureKind},
};
use chrono::{DateTime, Utc};
use std::{collections::BTreeSet, io::Write, path::PathBuf};

/// Checks until `stopped` or until nobody reads what it says.
///
/// # Errors
/// The first check cannot be done. A later one that fails is said, and the watch goes on.
pub async fn watch(
    outside: &Outside,
    global: &Global,
    options: &Options,
    paths: &[PathBuf],
    out: &mut (dyn Write + Send),
    stopped: impl Future<Output = ()>,
) -> Result<Printed, Failure> {
    let interrupted = Printed { code: FailureKind::Interrupted.exit_code(), ..Printed::default() };
    tokio::select! {
        ended = checks(outside, global, options, paths, out) => ended.map(|()| Printed::default()),
        () = stopped => Ok(interrupted),
    }
}

/// Ends when nobody reads any more.
async fn checks(
    outside: &Outside,
    global: &Global,
    options: &Options,
    paths: &[PathBuf],
    out: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let mut watcher = Watcher::new(outside).await?;
    let mut known = findings(outside, options, paths).await?;
    let mut said = first(&known, now(outside), global.color, options.limit);
    let mut failed: Option<Failure> = None;
    loop {
        if out.write_all(said.as_bytes()).and_then(|()| out.flush()).is_err() {
            return Ok(());
        }
        said.clear();
        let checked = match watcher.changed().await {
            Ok(()) => findings(outside, options, paths).await,
            Err(failure) => Err(failure),
        };
        match checked {
            Ok(found) => {
                said = step(&known, &found, now(outside), global.color, options.limit);
                known = found;
                failed = None;
            }
            Err(failure) => {
                // What went wrong may pass without any change here. The same trouble again is no news.
                watcher.forget();
                if failed.as_ref() != Some(&failure) {
                    said = format!("{}  {}\n", clock(now(outside)), failure.render());
                }
                failed = Some(failure);
            }
        }
    }
}

async fn findings(outside: &Outside, options: &Options, paths: &[PathBuf]) -> Result<Vec<Finding>, Failure> {
    let Validation { findings, .. } = outside.validate(options.request()).await?;
    Ok(within(&findings, paths))
}

fn now(outside: &Outside) -> DateTime<Utc> {
    outside.ports.clock.now()
}

fn clock(now: DateTime<Utc>) -> String {
    now.format("%H:%M:%SZ").to_string()
}

/// What is said at the start: everything, as far as `limit` allows.
fn first(findings: &[Finding], now: DateTime<Utc>, color: bool, limit: Limit) -> String {
    let all = render::some(findings, color, limit);
    format!("{all}{}  {}; watching\n", clock(now), render::summary(findings))
}

/// What is said after a save: the new findings in full, the mended ones in a line each, and the count.
fn step(before: &[Finding], after: &[Finding], now: DateTime<Utc>, color: bool, limit: Limit) -> String {
    let (old, new) = (fingerprint::of_all(before), fingerprint::of_all(after));
    let (was, is): (BTreeSet<_>, BTreeSet<_>) = (old.iter().collect(), new.iter().collect());
    let came = after.iter().zip(&new).filter(|(_, name)| !was.contains(name));
    let came: Vec<Finding> = came.map(|(finding, _)| finding.clone()).collect();
    let gone: Vec<_> = before.iter().zip(&old).filter(|(_, name)| !is.contains(name)).collect();
    let mut out = render::some(&came, color, limit);
    let (shown, hidden) = limit.of(&gone);
    for (finding, _) in shown {
        let place = finding.location().map(|place| format!(" at {}", clean(&place))).unwrap_or_default();
        out += &format!("mended[{}]: {}{place}\n", finding.code, clean(&finding.message));
    }
    if hidden > 0 {
        out += &format!("and {hidden} more mended\n");
    }
    let what = match (came.len(), gone.len()) {
        (0, 0) => "nothing new".to_owned(),
        (came, 0) => format!("{came} new"),
        (0, gone) => format!("{gone} mended"),
        (came, gone) => format!("{came} new, {gone} mended"),
    };
    out + &format!("{}  {what}: {}\n", clock(now), render::summary(after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog::reader;

    fn read(text: &str) -> Vec<Finding> {
        reader::read([("services/catalog.toml".to_owned(), text.as_bytes().to_vec())]).findings
    }

    fn at() -> DateTime<Utc> {
        "2026-06-01T12:04:31Z".parse().unwrap()
    }

    #[test]
    fn a_save_tells_what_is_new_and_what_is_mended() {
        let (clean, one) = (read(""), read("verson = 1\n"));
        let moved = read("# a line\nverson = 1\n");
        let other = read("ownr = 1\n");
        assert_eq!(first(&clean, at(), false, Limit::ALL), "12:04:31Z  no findings; watching\n");
        let shown = [
            first(&one, at(), false, Limit::ALL),
            step(&one, &moved, at(), false, Limit::ALL),
            step(&moved, &other, at(), false, Limit::ALL),
            step(&other, &clean, at(), false, Limit::ALL),
        ];
        insta::assert_snapshot!(shown.join("────\n"));
    }
}
