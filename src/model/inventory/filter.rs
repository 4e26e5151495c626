//! What passes the inventory's filter: words that resemble it, or a condition that holds.

use crate::domain::{
    catalog::{Catalog, Service},
    expression::{About, Expression, Subject},
    name::ServiceName,
};
use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{CaseMatching, Normalization, Pattern},
};
use std::{collections::HashSet, sync::Arc};

/// What is wrong with a filter, and with which bytes of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterProblem {
    /// What is wrong.
    pub message: String,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// What a filter's text means.
#[derive(Debug, Clone, Default, PartialEq)]
enum Query {
    /// Everything.
    #[default]
    All,
    /// What resembles the text.
    Fuzzy(String),
    /// What a condition holds for.
    Condition(Expression),
}

impl Query {
    /// Reads a filter: a condition where it begins with `=` or has an operator of one, else words.
    fn read(text: &str) -> Result<Self, FilterProblem> {
        let trimmed = text.trim();
        if let Some(rest) = text.trim_start().strip_prefix('=') {
            return if rest.trim().is_empty() {
                Ok(Self::All)
            } else {
                condition(rest, text.len() - rest.len())
            };
        }
        if trimmed.is_empty() {
            return Ok(Self::All);
        }
        // No name has these signs in it.
        if ["=", "&&", "||", "<", ">"].iter().any(|sign| text.contains(sign)) {
            return condition(text, 0);
        }
        let may_be_condition = text.contains('(') || text.contains(" in ");
        match may_be_condition.then(|| condition(text, 0)) {
            Some(Ok(query)) => Ok(query),
            _ => Ok(Self::Fuzzy(text.to_owned())),
        }
    }

    /// The services that pass; `None` for all.
    fn passing(&self, catalog: &Catalog) -> Result<Option<HashSet<ServiceName>>, String> {
        let services = catalog.services.values();
        let mut passing = HashSet::new();
        match self {
            Self::All => return Ok(None),
            Self::Fuzzy(text) => {
                let pattern = Pattern::parse(text, CaseMatching::Smart, Normalization::Smart);
                let mut matcher = Matcher::new(Config::DEFAULT);
                let mut buffer = Vec::new();
                for service in services {
                    let text = service_text(service);
                    if pattern.score(Utf32Str::new(&text, &mut buffer), &mut matcher).is_some() {
                        passing.insert(service.name.clone());
                    }
                }
            }
            Self::Condition(condition) => {
                for service in services {
                    if condition.matches(&Subject::service(catalog, service))? {
                        passing.insert(service.name.clone());
                    }
                }
            }
        }
        Ok(Some(passing))
    }
}

/// A condition whose text begins at a byte of the filter's.
fn condition(text: &str, begin: usize) -> Result<Query, FilterProblem> {
    let read = Expression::parse(text).and_then(|condition| {
        condition.about(About::Service)?;
        Ok(condition)
    });
    read.map(Query::Condition).map_err(|error| FilterProblem {
        message: error.message,
        start: begin + error.start,
        end: begin + error.end,
    })
}

/// What a service can be found by.
fn service_text(service: &Service) -> String {
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

/// A filter that was read, with what passes it. A text that cannot be read leaves the last one that could.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    text: String,
    catalog: Option<Arc<Catalog>>,
    query: Query,
    passing: Option<HashSet<ServiceName>>,
    /// What is wrong with the text, if something is.
    pub problem: Option<FilterProblem>,
}

impl Filter {
    /// Reads the text again if it or the catalog is another one.
    pub fn update(&mut self, text: &str, catalog: Option<&Arc<Catalog>>) {
        let same_catalog = match (&self.catalog, catalog) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (None, None) => true,
            _ => false,
        };
        if same_catalog && self.text == text {
            return;
        }
        text.clone_into(&mut self.text);
        self.catalog = catalog.cloned();
        let empty = Catalog::default();
        let catalog = catalog.map_or(&empty, |catalog| &**catalog);
        let read = Query::read(text).and_then(|query| {
            let passing = query.passing(catalog).map_err(|message| FilterProblem {
                message,
                start: 0,
                end: text.len(),
            })?;
            Ok((query, passing))
        });
        match read {
            Ok((query, passing)) => (self.query, self.passing, self.problem) = (query, passing, None),
            Err(problem) => {
                self.problem = Some(problem);
                if !same_catalog && let Ok(passing) = self.query.passing(catalog) {
                    self.passing = passing;
                }
            }
        }
    }

    /// Whether a service passes.
    pub fn passes(&self, name: &ServiceName) -> bool {
        self.passing.as_ref().is_none_or(|passing| passing.contains(name))
    }
}
