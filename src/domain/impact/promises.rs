//! What a change does to promises: of the services that it names, of whole tiers, and of those who build on them.

use crate::domain::{
    catalog::{Catalog, Service, Sla},
    graph::DependencyGraph,
    name::ServiceName,
    units::{Ratio, format_duration, format_percent},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Shares that were read from decimal digits are a hair off.
const HAIR: f64 = 1e-9;

/// What becomes of a service's promises.
pub struct Changed {
    /// Each that changes, in a few words.
    pub words: Vec<String>,
    /// Whether any gets worse for those who rely on it.
    pub lowered: bool,
}

/// The services of both sides that promise something else than before, by their own table or by that of their tier.
pub fn changed<'c>(base: &'c Catalog, head: &'c Catalog) -> BTreeMap<&'c ServiceName, Changed> {
    let same_tiers = base.sla_by_tier == head.sla_by_tier;
    let mut changed = BTreeMap::new();
    for (name, old) in &base.services {
        let Some(new) = head.services.get(name) else { continue };
        if same_tiers && Arc::ptr_eq(old, new) {
            continue;
        }
        let (before, after) = (base.sla(old), head.sla(new));
        if before != after {
            let it = compare(&before, &after);
            if !it.words.is_empty() {
                changed.insert(name, it);
            }
        }
    }
    changed
}

fn compare(before: &Sla, after: &Sla) -> Changed {
    let mut changed = Changed { words: Vec::new(), lowered: false };
    let mut tell = |title: &str, old: Option<String>, new: Option<String>, lowered: bool| {
        if old != new {
            let none = if title == "availability" { "nothing" } else { "no limit" };
            let word = |side: Option<String>| side.unwrap_or_else(|| none.to_owned());
            changed.words.push(format!("promises {title} {} → {}", word(old), word(new)));
            changed.lowered |= lowered;
        }
    };
    let percent = |ratio: Option<Ratio>| ratio.map(|ratio| ratio.to_string());
    let share = |ratio: Option<Ratio>| ratio.map(Ratio::share);
    let (old, new) = (share(before.availability), share(after.availability));
    // Less than before, or nothing where there was something.
    let less = old.is_some_and(|old| new.is_none_or(|new| new < old - HAIR));
    tell("availability", percent(before.availability), percent(after.availability), less);
    let (old, new) = (share(before.error_rate), share(after.error_rate));
    let more = old.is_some_and(|old| new.is_none_or(|new| new > old + HAIR));
    tell("errors of at most", percent(before.error_rate), percent(after.error_rate), more);
    let (old, new) = (before.response_time_p99, after.response_time_p99);
    let slower = old.is_some_and(|old| new.is_none_or(|new| new > old));
    tell("answers within", old.map(format_duration), new.map(format_duration), slower);
    changed
}

/// The services that promise more than what they require allows, and did not before: their places, and why. `now` is
/// what each can keep, `before` what it could.
pub fn risks(
    base: &Catalog,
    head: &Catalog,
    graph: &DependencyGraph,
    now: &[f64],
    before: &dyn Fn(&ServiceName, usize) -> Option<f64>,
) -> HashMap<usize, String> {
    let availability =
        |catalog: &Catalog, service: &Service| catalog.sla(service).availability.map(Ratio::share);
    let mut risks = HashMap::new();
    for (place, allowed) in now.iter().enumerate().filter(|(_, allowed)| **allowed < 1.0) {
        let Some(service) = graph.name(place).and_then(|name| head.services.get(name)) else { continue };
        let Some(promised) = availability(head, service).filter(|promised| *promised > allowed + HAIR) else {
            continue;
        };
        let was = before(&service.name, place).zip(base.services.get(&service.name));
        let was_too_much = was.is_some_and(|(allowed, old)| {
            availability(base, old).is_some_and(|promised| promised > allowed + HAIR)
        });
        if !was_too_much {
            let (promised, allowed) = (format_percent(promised), format_percent(*allowed));
            risks.insert(
                place,
                format!("it promises {promised}, and what it requires allows {allowed} from now on"),
            );
        }
    }
    risks
}
