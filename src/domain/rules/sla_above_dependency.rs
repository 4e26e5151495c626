//! A service promises more than one that it cannot work without.

use super::{Context, Rule, Use};
use crate::domain::{
    catalog::{Catalog, Service},
    finding::{Finding, Level},
    units::{Ratio, format_percent},
};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD304",
    name: "sla-above-dependency",
    level: Level::Error,
    summary: "A service promises more availability than a service that it requires.",
    help: "When the required one is down, so is the service: it cannot be better than the weakest of them. Lower the promise, raise the other one, or work without it.",
    check: Some(check),
};

/// Promises that were read from decimal digits differ by less than this when they are meant to be equal.
pub(super) const HAIR: f64 = 1e-9;

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (one, other) in context.needs.iter().filter(|(one, _)| !one.dependency.optional) {
        let (Some(promised), Some(given)) = promises(context, one, other) else { continue };
        // What this very change lowers has a rule of its own, sla-lowered.
        let just_now = context
            .base
            .zip(context.before(other))
            .and_then(|(base, before)| availability(base, before))
            .is_some_and(|before| before.share() > promised.share() - HAIR);
        if given.share() > promised.share() - HAIR || just_now {
            continue;
        }
        let message = format!(
            "`{}` promises {promised} and requires `{}`, which promises {given}",
            one.user.name, other.name
        );
        let finding = context.place(
            RULE.finding(message),
            one.user.place("sla.availability"),
            format!("promises {promised}"),
        );
        let finding = context.place(finding, &one.dependency.span, "");
        let finding = context.place(finding, other.place("sla.availability"), format!("promises {given}"));
        findings.push(finding.help(format!(
            "promise at most {given} for `{}`, or raise `{}` to {promised} or more",
            one.user.name, other.name
        )));
    }
    findings
}

fn promises(context: &Context<'_>, one: &Use<'_>, other: &Service) -> (Option<Ratio>, Option<Ratio>) {
    (availability(context.head, one.user), availability(context.head, other))
}

/// The availability that a service promises, its own or that of its tier.
pub(super) fn availability(catalog: &Catalog, service: &Service) -> Option<Ratio> {
    let of = |tier: &str| catalog.sla_by_tier.get(tier).and_then(|sla| sla.availability);
    let own = service.sla.as_ref().and_then(|sla| sla.availability);
    own.or_else(|| of(service.tier.as_str())).or_else(|| of("default"))
}

/// A share as per cent, rounded down: what can be given is never shown as more.
pub(super) fn at_most(share: f64) -> String {
    format_percent(((share + HAIR) * 100_000.0).floor() / 100_000.0)
}
