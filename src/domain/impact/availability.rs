//! What a service can promise at most: it is up only while everything that it requires is (availability in series).

use crate::domain::{
    catalog::{Catalog, Sla},
    graph::DependencyGraph,
    units::format_percent,
};
use chrono::Duration;
use std::collections::HashSet;

/// Over what a promise is judged unless it says otherwise, in days.
const WINDOW_DAYS: i64 = 30;

/// What a service promises and what it can keep. A promise is what users see, so that of a service that is required
/// stands for everything behind it, unless what is behind it allows even less.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Availability {
    /// Promised share of good requests.
    pub promised: Option<f64>,
    /// What its required services allow.
    pub achievable: f64,
    /// The same without the cause: as if it never failed, or before the change.
    pub otherwise: Option<f64>,
    /// How long it may be down in the window of its promise.
    pub budget: Option<Duration>,
}

impl Availability {
    pub(super) fn new(promise: &Sla, achievable: f64, otherwise: Option<f64>) -> Self {
        let promised = promise.availability.map(crate::domain::units::Ratio::share);
        let window = promise.window.unwrap_or_else(|| Duration::days(WINDOW_DAYS));
        let budget = promised.and_then(|promised| {
            Duration::try_milliseconds(((1.0 - promised) * window.num_milliseconds() as f64).round() as i64)
        });
        Self { promised, achievable, otherwise, budget }
    }

    /// Whether it promises more than what it requires allows.
    pub fn is_too_much(&self) -> bool {
        self.promised.is_some_and(|promised| promised > self.achievable + 1e-12)
    }

    /// Whether the cause makes a difference to what it can keep.
    pub fn is_changed(&self) -> bool {
        self.otherwise.is_some_and(|otherwise| (otherwise - self.achievable).abs() > 1e-9)
    }

    /// `99.9%, can keep 99.8% (else 99.95%)`, as far as it says something.
    pub fn in_words(&self, else_word: &str) -> String {
        let mut text = self.promised.map_or_else(|| "no promise".to_owned(), format_percent);
        if self.is_too_much() || self.is_changed() {
            text += &format!(", can keep {}", format_percent(self.achievable));
        }
        if let Some(otherwise) = self.otherwise.filter(|_| self.is_changed()) {
            text += &format!(" ({else_word} {})", format_percent(otherwise));
        }
        text
    }
}

/// What every service can keep, by its place in the graph; the services at `perfect` are taken never to fail.
///
/// One walk over the graph, dependencies first; the members of a cycle need each other and fall together.
pub fn ceilings(catalog: &Catalog, graph: &DependencyGraph, perfect: &HashSet<usize>) -> Vec<f64> {
    let promises: Vec<f64> = (0..graph.len())
        .map(|place| {
            let service = graph.name(place).and_then(|name| catalog.services.get(name));
            let promised = service.and_then(|service| catalog.sla(service).availability);
            if perfect.contains(&place) {
                1.0
            } else {
                promised.map_or(1.0, crate::domain::units::Ratio::share)
            }
        })
        .collect();
    let mut ceiling = vec![1.0; graph.len()];
    // What others may count on.
    let mut kept = vec![1.0; graph.len()];
    for component in graph.components() {
        let inside: HashSet<usize> = component.iter().copied().collect();
        let mut outside: Vec<usize> = component
            .iter()
            .flat_map(|place| graph.needs(*place))
            .filter(|(other, need)| !need.optional && !inside.contains(other))
            .map(|(other, _)| other)
            .collect();
        outside.sort_unstable();
        outside.dedup();
        let allowed: f64 = outside.iter().map(|other| kept[*other]).product();
        let all: f64 = component.iter().map(|place| promises[*place]).product();
        for place in &component {
            let others = if component.len() == 1 {
                1.0
            } else if promises[*place] > 0.0 {
                all / promises[*place]
            } else {
                0.0
            };
            ceiling[*place] = allowed * others;
            kept[*place] = if perfect.contains(place) { 1.0 } else { promises[*place].min(ceiling[*place]) };
        }
    }
    ceiling
}
