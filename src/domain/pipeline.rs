//! The pipeline: where every change stands, from validation to production, told from what validation found, from
//! the gates, from the ledger's merges and from what runs.

use super::{
    break_glass::{self, GlassState},
    change::{Change, ChangeClass},
    cross_project::Observed,
    gate::GateState,
    ledger::{MergeRecord, Operations},
    name::{ChangeId, ServiceName},
    people::People,
};
use chrono::{DateTime, Duration, Utc};
use semver::Version;
use std::{cmp::Reverse, sync::Arc};

/// How long a merged change stays in sight.
pub const KEPT: Duration = Duration::days(14);

/// Where a change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Validation found errors.
    Validation,
    /// Gates are shut.
    Review,
    /// All gates are open, or it is merged and its version runs nowhere.
    Merge,
    /// Its version runs somewhere, but not everywhere in production.
    Staging,
    /// Its version runs everywhere in production.
    Production,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::Validation, Self::Review, Self::Merge, Self::Staging, Self::Production];

    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Review => "review",
            Self::Merge => "merge",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

/// How much attention a chip wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attention {
    /// It goes its way.
    Quiet,
    /// It waits for somebody.
    Waiting,
    /// Something is wrong.
    Loud,
}

/// One change in the pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chip {
    /// Which change.
    pub change: ChangeId,
    /// Where it stands.
    pub stage: Stage,
    /// What kind it is.
    pub class: ChangeClass,
    /// Since when it is open, or merged.
    pub since: DateTime<Utc>,
    /// Whether it is on the main branch.
    pub merged: bool,
    /// What it waits for, or how far it is, in a few words.
    pub words: String,
    /// The services that it touches.
    pub services: Vec<ServiceName>,
    /// How loud it is.
    pub attention: Attention,
    /// How broken glass stands, where somebody still has to do something about it.
    pub glass: Option<GlassState>,
}

/// All changes that are open or were merged within [`KEPT`], by stage; the longest open and the latest merged first.
///
/// `tags` is the tag pattern of the settings; by it the version is told that a merge brought.
pub fn chips(
    open: &[Arc<Change>],
    operations: &Operations,
    people: &People,
    observed: &dyn Observed,
    tags: &str,
    now: DateTime<Utc>,
) -> Vec<Chip> {
    let mut chips: Vec<Chip> = Vec::new();
    for (change, record) in &operations.changes {
        let fresh = |merge: &&MergeRecord| now - merge.at < KEPT;
        let Some(merge) = record.merges.iter().rev().find(fresh) else { continue };
        let mut chip = merged(change, merge, observed, tags);
        let state = break_glass::state(record, people, None, &merge.merged.head, now);
        if let Some(state @ GlassState::Used { due }) = state {
            chip.words = format!("post-mortem due; {}", chip.words);
            chip.attention = if now >= due { Attention::Loud } else { Attention::Waiting };
            chip.glass = Some(state);
        }
        chips.push(chip);
    }
    for change in open {
        let proposal = &change.proposal;
        let record = operations.changes.get(&proposal.id);
        let is_merged =
            record.is_some_and(|record| record.merges.iter().any(|merge| merge.merged.head == proposal.head));
        if is_merged {
            continue;
        }
        // A branch of the same name came again: the open one is what matters.
        chips.retain(|chip| chip.change != proposal.id);
        let state = break_glass::standing(change, operations, people, now);
        let mut chip = opened(change);
        if let Some(state) = state.filter(GlassState::is_pending) {
            chip.words = format!("glass {}; {}", state.as_str(), chip.words);
            chip.attention = Attention::Loud;
            chip.glass = Some(state);
        }
        chips.push(chip);
    }
    chips.sort_by_key(|chip| {
        let age = chip.since.timestamp();
        (chip.stage, chip.merged, Reverse(chip.attention), if chip.merged { -age } else { age })
    });
    chips
}

fn opened(change: &Change) -> Chip {
    let errors = change.errors();
    let shut: Vec<&str> = change
        .gates
        .iter()
        .filter(|gate| !matches!(gate.state, GateState::Approved { .. }))
        .map(|gate| gate.gate.as_str())
        .collect();
    let (stage, words, attention) = if errors > 0 {
        let noun = if errors == 1 { "error" } else { "errors" };
        (Stage::Validation, format!("{errors} {noun}"), Attention::Loud)
    } else if shut.is_empty() {
        (Stage::Merge, "ready to merge".to_owned(), Attention::Waiting)
    } else {
        (Stage::Review, format!("waits for {}", shut.join(", ")), Attention::Waiting)
    };
    Chip {
        change: change.proposal.id.clone(),
        stage,
        class: change.class,
        since: change.proposal.opened_at,
        merged: false,
        words,
        services: change.services.clone(),
        attention,
        glass: None,
    }
}

fn merged(change: &ChangeId, merge: &MergeRecord, observed: &dyn Observed, tags: &str) -> Chip {
    let facts = &merge.merged;
    let (stage, words) = match reach(&facts.services, &facts.tags, observed, tags) {
        None => (Stage::Merge, "merged; brings no version".to_owned()),
        Some(Reach { places: 0, .. }) => (Stage::Merge, "merged; runs nowhere that is known".to_owned()),
        Some(Reach { running: 0, places, .. }) => {
            (Stage::Merge, format!("merged; runs in 0 of {places} places"))
        }
        Some(reach) if reach.production > 0 && reach.in_production == reach.production => {
            (Stage::Production, "runs in production".to_owned())
        }
        Some(reach) => {
            (Stage::Staging, format!("production {} of {}", reach.in_production, reach.production))
        }
    };
    let reverted = merge.reverted.is_some();
    Chip {
        change: change.clone(),
        stage,
        class: facts.class,
        since: merge.at,
        merged: true,
        words: if reverted { format!("reverted; {words}") } else { words },
        services: facts.services.clone(),
        attention: if reverted { Attention::Waiting } else { Attention::Quiet },
        glass: None,
    }
}

/// In how many places what a merge brought runs.
#[derive(Debug, Default)]
struct Reach {
    places: usize,
    running: usize,
    production: usize,
    in_production: usize,
}

/// How far the versions of a merge have come; `None` when it brought none. A later version has it as well.
fn reach(services: &[ServiceName], tags: &[String], observed: &dyn Observed, pattern: &str) -> Option<Reach> {
    let mut reach = Reach::default();
    let mut brought = false;
    for service in services {
        let Some(version) = tags.iter().find_map(|tag| version_of(tag, service, pattern)) else { continue };
        brought = true;
        for place in observed.running(service) {
            let runs = place
                .version
                .and_then(|running| Version::parse(running.trim_start_matches('v')).ok())
                .is_some_and(|running| running >= version);
            reach.places += 1;
            reach.running += usize::from(runs);
            reach.production += usize::from(place.production);
            reach.in_production += usize::from(place.production && runs);
        }
    }
    brought.then_some(reach)
}

/// The version that a tag of a service says, by the tag pattern.
fn version_of(tag: &str, service: &ServiceName, pattern: &str) -> Option<Version> {
    let named = pattern.replace("<service>", service.as_str());
    let (before, after) = named.split_once("<version>")?;
    Version::parse(tag.strip_prefix(before)?.strip_suffix(after)?).ok()
}

#[cfg(test)]
mod tests;
