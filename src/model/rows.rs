//! Which rows each pane shows: the joined world through the pane's filter.

use super::{Model, inventory::group_of, layout::Pane};
use crate::domain::{
    cross_project::Table,
    escalation::{EscalationClock, SeverityMatrix, clock, order},
    incident::Incident,
    pipeline::Attention,
    sla::SlaVerdict,
};
use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{CaseMatching, Normalization, Pattern},
};

impl Model {
    /// The rows of the inventory in the person's order, groups and filter.
    pub fn arrange_inventory(&mut self) -> Vec<String> {
        let environment = self.environment().map(|environment| environment.name.to_string());
        let text = self.ui.list(Pane::Inventory).filter.clone();
        let inventory = &mut self.ui.inventory;
        inventory.read_filter(&text, self.world.catalog.value.as_ref());
        inventory.arrange(&self.world.joined.services, environment.as_deref())
    }

    /// The names of the rows of a pane, in the order of worry, after its filter.
    pub fn rows(&self, pane: Pane) -> Vec<String> {
        let filter = Filter::new(&self.ui.list(pane).filter);
        let joined = &self.world.joined;
        match pane {
            // They are arranged, not only filtered: see `arrange_inventory`.
            Pane::Inventory => self.ui.list(pane).rows.clone(),
            // Its filter searches: the map stays whole.
            Pane::Graph => self.ui.graph.map.spots.iter().map(|spot| spot.key.clone()).collect(),
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
            Pane::CrossProject => self.table_rows(self.ui.table),
            // It has days, not rows.
            Pane::Calendar => Vec::new(),
            Pane::Deployments => {
                let mut filter = filter;
                let Some(ledger) = &self.world.ledger.value else { return Vec::new() };
                let records = crate::domain::deployment::timeline::listed(&ledger.operations, self.now);
                records
                    .into_iter()
                    .filter(|record| {
                        filter.passes(|| {
                            let order = &record.order;
                            let places: Vec<&str> =
                                order.places.iter().map(|place| place.environment.as_str()).collect();
                            format!("{} {} {} {}", record.id, order.service, order.version, places.join(" "))
                        })
                    })
                    .map(|record| record.id.to_string())
                    .collect()
            }
            Pane::Pipeline => {
                let mut filter = filter;
                let chips = self.world.calendar.chips.iter();
                chips
                    .filter(|chip| {
                        filter.passes(|| {
                            let services: Vec<&str> =
                                chip.services.iter().map(crate::domain::name::ServiceName::as_str).collect();
                            format!("{} {} {} {}", chip.change, chip.class, chip.words, services.join(" "))
                        })
                    })
                    .map(|chip| chip.change.to_string())
                    .collect()
            }
        }
    }

    /// The names of the rows of a cross-project table, in the order of worry, after its filter.
    pub fn table_rows(&self, table: Table) -> Vec<String> {
        let mut filter = Filter::new(&self.ui.table_list(table).filter);
        let tables = &self.world.cross.tables;
        match table {
            Table::Usage => {
                let rows = tables.usage.iter().filter(|row| filter.passes(|| row.usage.searchable()));
                rows.map(|row| row.usage.service.to_string()).collect()
            }
            Table::Compliance => {
                let rows = tables.compliance.iter().filter(|row| filter.passes(|| row.searchable()));
                rows.map(|row| row.requirement.id.to_string()).collect()
            }
            Table::Migrations => {
                let rows = tables.migrations.iter().filter(|row| filter.passes(|| row.searchable()));
                rows.map(|row| row.migration.service.to_string()).collect()
            }
        }
    }

    /// Whether the row of a name in a pane is not well.
    pub fn is_worrying(&self, pane: Pane, name: &str) -> bool {
        let bad = |verdict: SlaVerdict| matches!(verdict, SlaVerdict::Violated | SlaVerdict::Burning);
        let joined = &self.world.joined;
        if let Some(group) = group_of(name) {
            return self.ui.inventory.folded.contains(group) && self.ui.inventory.is_worrying(group);
        }
        match pane {
            Pane::Inventory => joined
                .service(name)
                .is_some_and(|row| bad(row.verdict) || row.incidents > 0 || row.is_degraded()),
            Pane::Graph => {
                let map = &self.ui.graph.map;
                map.spot(name).and_then(|spot| map.spots.get(spot)).is_some_and(|spot| {
                    spot.services()
                        .iter()
                        .any(|service| self.is_worrying(Pane::Inventory, service.name.as_str()))
                })
            }
            Pane::Changes => joined
                .changes
                .iter()
                .find(|change| change.proposal.id == *name)
                .is_some_and(|change| change.errors() > 0),
            Pane::Sla => {
                joined.projects.iter().find(|row| row.name() == name).is_some_and(|row| bad(row.verdict()))
            }
            Pane::Escalation => true,
            Pane::CrossProject => self.world.cross.tables.is_worrying(self.ui.table, name),
            Pane::Calendar => false,
            Pane::Deployments => {
                let ledger = self.world.ledger.value.as_ref();
                ledger.and_then(|ledger| ledger.operations.deployment(name)).is_some_and(|record| {
                    record.is_open() && (record.held.is_some() || record.is_retreating())
                })
            }
            Pane::Pipeline => self
                .world
                .calendar
                .chips
                .iter()
                .any(|chip| chip.change == *name && chip.attention == Attention::Loud),
        }
    }
}

/// A fuzzy filter; all its words must match.
pub(super) struct Filter {
    pattern: Option<Pattern>,
    matcher: Matcher,
    buffer: Vec<char>,
}

impl Filter {
    pub(super) fn new(text: &str) -> Self {
        Self {
            pattern: (!text.trim().is_empty())
                .then(|| Pattern::parse(text, CaseMatching::Smart, Normalization::Smart)),
            matcher: Matcher::new(Config::DEFAULT),
            buffer: Vec::new(),
        }
    }

    pub(super) fn passes(&mut self, text: impl FnOnce() -> String) -> bool {
        let Some(pattern) = &self.pattern else { return true };
        let text = text();
        pattern.score(Utf32Str::new(&text, &mut self.buffer), &mut self.matcher).is_some()
    }
}
