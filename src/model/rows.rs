//! Which rows each pane shows: the joined world through the pane's filter.

use super::{Model, join::ServiceRow, layout::Pane};
use crate::domain::{
    escalation::{EscalationClock, SeverityMatrix, clock, order},
    incident::Incident,
    sla::SlaVerdict,
};
use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{CaseMatching, Normalization, Pattern},
};
use std::collections::BTreeSet;

impl Model {
    /// The names of the rows of a pane, in the order of worry, after its filter.
    pub fn rows(&self, pane: Pane) -> Vec<String> {
        let filter = Filter::new(&self.ui.list(pane).filter);
        let joined = &self.world.joined;
        match pane {
            Pane::Inventory => {
                let mut filter = filter;
                joined
                    .services
                    .iter()
                    .filter(|row| filter.passes(|| service_text(row)))
                    .map(|row| row.service.name.to_string())
                    .collect()
            }
            Pane::Graph => self.neighbourhood(filter),
            Pane::Changes => {
                let mut filter = filter;
                joined
                    .changes
                    .iter()
                    .filter(|change| {
                        filter.passes(|| {
                            let authors: Vec<&str> =
                                change.proposal.authors.iter().map(|author| author.name.as_str()).collect();
                            format!(
                                "{} {} {} {} {}",
                                change.proposal.id,
                                change.class,
                                change.class.risk(),
                                change.proposal.subject,
                                authors.join(" ")
                            )
                        })
                    })
                    .map(|change| change.proposal.id.to_string())
                    .collect()
            }
            Pane::Sla => {
                let mut filter = filter;
                let projects = joined.projects.iter();
                projects
                    .filter(|row| filter.passes(|| row.name().to_owned()))
                    .map(|row| row.name().to_owned())
                    .collect()
            }
            Pane::Escalation => {
                let mut filter = filter;
                let default = SeverityMatrix::default();
                let matrix =
                    self.world.catalog.value.as_ref().map_or(&default, |catalog| &catalog.severities);
                let mut open: Vec<(&Incident, EscalationClock)> = joined
                    .incidents
                    .iter()
                    .filter(|incident| {
                        filter.passes(|| {
                            let service = incident.service.as_ref().map_or("", |service| service.as_str());
                            format!("{} {} {service} {}", incident.id, incident.severity, incident.title)
                        })
                    })
                    .map(|incident| (incident, clock(incident, matrix, self.now)))
                    .collect();
                order(&mut open);
                open.into_iter().map(|(incident, _)| incident.id.to_string()).collect()
            }
        }
    }

    /// The selected service with what requires it before and what it requires behind it.
    fn neighbourhood(&self, mut filter: Filter) -> Vec<String> {
        let Some(catalog) = &self.world.catalog.value else { return Vec::new() };
        let Some(service) = self.ui.selected.as_ref().and_then(|name| catalog.services.get(name)) else {
            return Vec::new();
        };
        let mut rows: Vec<String> = self
            .world
            .joined
            .dependants
            .get(&service.name)
            .into_iter()
            .flatten()
            .map(ToString::to_string)
            .collect();
        rows.push(service.name.to_string());
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        rows.extend(
            service
                .dependencies
                .iter()
                .map(|dependency| dependency.service.as_str())
                .filter(|name| seen.insert(name))
                .map(str::to_owned),
        );
        rows.retain(|row| filter.passes(|| row.clone()));
        rows
    }

    /// Whether the row of a name in a pane is not well.
    pub fn is_worrying(&self, pane: Pane, name: &str) -> bool {
        let bad = |verdict: SlaVerdict| matches!(verdict, SlaVerdict::Violated | SlaVerdict::Burning);
        let joined = &self.world.joined;
        match pane {
            Pane::Inventory | Pane::Graph => joined
                .service(name)
                .is_some_and(|row| bad(row.verdict) || row.incidents > 0 || row.is_degraded()),
            Pane::Changes => joined
                .changes
                .iter()
                .find(|change| change.proposal.id == *name)
                .is_some_and(|change| change.errors() > 0),
            Pane::Sla => {
                joined.projects.iter().find(|row| row.name() == name).is_some_and(|row| bad(row.verdict()))
            }
            Pane::Escalation => true,
        }
    }
}

/// What a service can be found by.
fn service_text(row: &ServiceRow) -> String {
    let service = &row.service;
    format!(
        "{} {} {} {} {} {}",
        service.name,
        service.project.as_ref().map_or("shared", |project| project.as_str()),
        service.owner.as_ref().map_or("", |owner| owner.as_str()),
        service.status,
        service.tier.as_str(),
        service.kind,
    )
}

/// A fuzzy filter; all its words must match.
struct Filter {
    pattern: Option<Pattern>,
    matcher: Matcher,
    buffer: Vec<char>,
}

impl Filter {
    fn new(text: &str) -> Self {
        Self {
            pattern: (!text.trim().is_empty())
                .then(|| Pattern::parse(text, CaseMatching::Smart, Normalization::Smart)),
            matcher: Matcher::new(Config::DEFAULT),
            buffer: Vec::new(),
        }
    }

    fn passes(&mut self, text: impl FnOnce() -> String) -> bool {
        let Some(pattern) = &self.pattern else { return true };
        let text = text();
        pattern.score(Utf32Str::new(&text, &mut self.buffer), &mut self.matcher).is_some()
    }
}
