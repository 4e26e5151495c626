//! A service promises more than all that it cannot work without can give together.

use super::{
    Context, Rule,
    sla_above_dependency::{HAIR, at_most, availability},
};
use crate::domain::{
    catalog::Service,
    finding::{Finding, Level},
    name::ServiceName,
};
use std::{collections::BTreeSet, sync::Arc};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD305",
    name: "sla-above-series",
    level: Level::Warning,
    summary: "A service promises more availability than the services that it requires give together.",
    help: "If each of them may fail by itself, the service works only while all do: their availabilities multiply (99.9% and 99.9% give 99.8%). Lower the promise, raise theirs, or work without one of them.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (place, service) in context.services.iter().enumerate() {
        // What a tier promises is a matter of its policy; here it is about what somebody wrote for the service.
        let Some(promised) = service.sla.as_ref().and_then(|sla| sla.availability) else { continue };
        let required = required(context, place, service);
        let given: f64 = required.iter().map(|(_, share)| share).product();
        // One that is too weak by itself has a rule of its own, sla-above-dependency.
        let weak = required.iter().any(|(other, share)| {
            *share < promised.share() - HAIR && availability(context.head, other).is_some()
        });
        if weak || given > promised.share() - HAIR {
            continue;
        }
        let parts: Vec<_> =
            required.iter().map(|(other, share)| format!("`{}` {}", other.name, at_most(*share))).collect();
        let message = format!(
            "`{}` promises {promised}, but what it requires gives {} together: {}",
            service.name,
            at_most(given),
            super::list(&parts)
        );
        let at = service.place("sla.availability");
        let mut finding = context.place(RULE.finding(message), at, format!("promises {promised}"));
        for (other, share) in required.iter().take(super::MOST_PLACES) {
            let verb = if availability(context.head, other).is_some() { "promises" } else { "can give" };
            let words = format!("{verb} {}", at_most(*share));
            finding = context.place(finding, other.place("sla.availability"), words);
        }
        findings.push(finding.help(format!(
            "promise at most {}, raise what it requires, or work without one of them",
            at_most(given)
        )));
    }
    findings
}

/// So many services without a promise are looked behind; nobody builds a longer chain by hand.
const MOST_BEHIND: usize = 1_000;

/// What a service gives: its promise, or, where it makes none, what all that stands behind it gives together.
fn given(context: &Context<'_>, service: &Service, asker: &ServiceName) -> Option<f64> {
    if let Some(promise) = availability(context.head, service) {
        return Some(promise.share());
    }
    let mut seen = BTreeSet::from([asker, &service.name]);
    let mut silent = vec![&service.dependencies];
    let mut shares = Vec::new();
    while let Some(needs) = silent.pop() {
        for need in needs.iter().filter(|need| !need.optional) {
            let Some(other) = context.service(&need.service) else { continue };
            if seen.len() > MOST_BEHIND || !seen.insert(&other.name) {
                continue;
            }
            match availability(context.head, other) {
                Some(promise) => shares.push(promise.share()),
                None => silent.push(&other.dependencies),
            }
        }
    }
    (!shares.is_empty()).then(|| shares.into_iter().product())
}

/// The services that it requires and that promise something, each once, with their shares.
fn required<'c>(context: &Context<'c>, place: usize, service: &Service) -> Vec<(&'c Service, f64)> {
    let needs = context.needs_of(place).iter().filter(|(one, _)| !one.dependency.optional);
    let mut others: Vec<&'c Arc<Service>> = needs.map(|(_, other)| *other).collect();
    others.sort_unstable_by_key(|other| &other.name);
    others.dedup_by_key(|other| &other.name);
    others.into_iter().filter_map(|other| Some((&**other, given(context, other, &service.name)?))).collect()
}
