//! What somebody wants to be different about a service: each edit with its check, its words and its keys.

use crate::{
    domain::{
        catalog::{Service, reader::shape},
        edit::{self, KeyEdit},
        finding::Span,
        lifecycle::{self, Lifecycle},
        name::ServiceName,
        text::{clean, nearest},
        units::{Ratio, parse_duration},
    },
    error::Failure,
};
use chrono::NaiveDate;
use semver::Version;

/// One thing that should be different about a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Another state of its life.
    Status(Lifecycle),
    /// Another version.
    Version(Version),
    /// It needs a service: `name`, or `name >= 1.2`.
    Require(String),
    /// It uses a service where that is there: `name`, or `name >= 1.2`.
    Optional(String),
    /// It needs and uses a service no more.
    Drop(ServiceName),
    /// The share of requests that is promised to be good, in per cent.
    Availability(String),
    /// The bound that is promised on the 99th percentile of the response time.
    ResponseTime(String),
    /// The share of requests that may fail, in per cent.
    ErrorRate(String),
    /// Where the guide for its consumers is.
    Guide(String),
}

/// Edits of one service that make one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Which service.
    pub service: ServiceName,
    /// What should be different.
    pub edits: Vec<Edit>,
    /// Why, in the person's words.
    pub note: Option<String>,
}

impl Wanted {
    /// A step of a service's life.
    pub fn step(service: ServiceName, to: Lifecycle) -> Self {
        Self { service, edits: vec![Edit::Status(to)], note: None }
    }
}

/// Which list of dependencies an entry is in.
const REQUIRES: &str = "dependencies.requires";
const OPTIONAL: &str = "dependencies.optional";

fn dependency(text: &str) -> Result<crate::domain::catalog::Dependency, Failure> {
    shape::dependency(text, false, Span::default()).ok_or_else(|| {
        Failure::usage(format!("`{}` is no dependency", clean(text)))
            .hint("write a service and the versions that will do, such as `shared-auth >= 1.2`")
    })
}

impl Edit {
    /// Checks the words that a person gave.
    ///
    /// # Errors
    /// A usage failure that says what was expected.
    pub fn checked(self) -> Result<Self, Failure> {
        let usage = |reason: String| Failure::usage(reason);
        match &self {
            Self::Require(text) | Self::Optional(text) => {
                dependency(text)?;
            }
            Self::Availability(text) | Self::ErrorRate(text) => {
                Ratio::parse(text).map_err(usage)?;
            }
            Self::ResponseTime(text) => {
                parse_duration(text).map_err(usage)?;
            }
            Self::Guide(text) if !(text.starts_with("https://") || text.starts_with("http://")) => {
                return Err(Failure::usage(format!("`{}` is no link to a guide", clean(text)))
                    .hint("give its whole address, such as https://docs.example.com/migrate"));
            }
            Self::Status(_) | Self::Version(_) | Self::Drop(_) | Self::Guide(_) => {}
        }
        Ok(self)
    }

    /// Whether the service is so already.
    fn holds(&self, service: &Service) -> bool {
        let sla = service.sla.clone().unwrap_or_default();
        let has = |text: &str, optional: bool| {
            dependency(text).is_ok_and(|wanted| {
                service.dependencies.iter().any(|known| {
                    (&known.service, &known.requirement, known.optional)
                        == (&wanted.service, &wanted.requirement, optional)
                })
            })
        };
        match self {
            Self::Status(to) => service.status == *to,
            Self::Version(version) => service.version.as_ref() == Some(version),
            Self::Require(text) => has(text, false),
            Self::Optional(text) => has(text, true),
            Self::Drop(_) => false,
            Self::Availability(text) => {
                sla.availability.is_some() && sla.availability == Ratio::parse(text).ok()
            }
            Self::ErrorRate(text) => sla.error_rate.is_some() && sla.error_rate == Ratio::parse(text).ok(),
            Self::ResponseTime(text) => {
                sla.response_time_p99.is_some() && sla.response_time_p99 == parse_duration(text).ok()
            }
            Self::Guide(text) => {
                service.migration.as_ref().and_then(|migration| migration.guide_url.as_ref()) == Some(text)
            }
        }
    }

    /// What differs, in a few words: `ga → deprecated`, `version 1.3.0 → 2.0.0`.
    pub fn words(&self, service: &Service) -> String {
        let sla = service.sla.clone().unwrap_or_default();
        let promise = |what: &str, old: Option<String>, new: &str| match old {
            Some(old) => format!("{what} {old} → {}", clean(new)),
            None => format!("{what} {}", clean(new)),
        };
        match self {
            Self::Status(to) => format!("{} → {to}", service.status),
            Self::Version(to) => {
                promise("version", service.version.as_ref().map(ToString::to_string), &to.to_string())
            }
            Self::Require(text) => format!("needs {}", clean(text)),
            Self::Optional(text) => format!("may use {}", clean(text)),
            Self::Drop(name) => format!("without {}", clean(name.as_str())),
            Self::Availability(text) => {
                promise("availability", sla.availability.map(|ratio| ratio.to_string()), text)
            }
            Self::ErrorRate(text) => {
                promise("error rate", sla.error_rate.map(|ratio| ratio.to_string()), text)
            }
            Self::ResponseTime(text) => {
                promise("99th percentile", sla.response_time_p99.map(milliseconds), text)
            }
            Self::Guide(_) => "migration guide".to_owned(),
        }
    }

    /// What it changes in the service's table.
    fn keys(&self, service: &Service, today: NaiveDate) -> Vec<KeyEdit> {
        let listed = |name: &str, optional: bool| {
            service.dependencies.iter().any(|known| known.service == *name && known.optional == optional)
        };
        // A service stands in one of the two lists.
        let moved = |text: &str, to: &'static str, from: &'static str| {
            let name = edit::dependency_name(text).to_owned();
            let elsewhere = listed(&name, from == OPTIONAL);
            let put = KeyEdit::Put(to, text.trim().to_owned());
            elsewhere.then_some(KeyEdit::Remove(from, name)).into_iter().chain([put]).collect()
        };
        match self {
            Self::Status(to) => edit::transition(service, *to, today),
            Self::Version(version) => vec![KeyEdit::Set("version", version.to_string())],
            Self::Require(text) => moved(text, REQUIRES, OPTIONAL),
            Self::Optional(text) => moved(text, OPTIONAL, REQUIRES),
            Self::Drop(name) => [(REQUIRES, false), (OPTIONAL, true)]
                .into_iter()
                .filter(|(_, optional)| listed(name.as_str(), *optional))
                .map(|(key, _)| KeyEdit::Remove(key, name.to_string()))
                .collect(),
            Self::Availability(text) => vec![KeyEdit::Set("sla.availability", text.clone())],
            Self::ErrorRate(text) => vec![KeyEdit::Set("sla.error_rate", text.clone())],
            Self::ResponseTime(text) => vec![KeyEdit::Set("sla.response_time_p99", text.clone())],
            Self::Guide(text) => vec![KeyEdit::Set("migration.guide_url", text.clone())],
        }
    }
}

/// A bound as the files write it.
pub fn milliseconds(duration: chrono::Duration) -> String {
    format!("{}ms", duration.num_milliseconds())
}

/// The edits that make a difference to a service.
///
/// # Errors
/// Refused when none does, or one of them cannot be made.
pub fn differing(service: &Service, edits: &[Edit]) -> Result<Vec<Edit>, Failure> {
    let name = &service.name;
    if let [Edit::Status(to)] = edits {
        allowed(service, *to)?;
    }
    let differing: Vec<Edit> = edits.iter().filter(|edit| !edit.holds(service)).cloned().collect();
    if differing.is_empty() {
        return Err(Failure::refused(format!("nothing would be different about {name}"))
            .hint("change at least one of version, status, dependencies and promises"));
    }
    if breaks(service, &differing) && !has_guide(service, &differing) {
        return Err(no_guide(name));
    }
    for edit in &differing {
        match edit {
            Edit::Status(to) => allowed(service, *to)?,
            Edit::Drop(dropped) if !service.dependencies.iter().any(|known| known.service == *dropped) => {
                let failure = Failure::refused(format!(
                    "{name} does not depend on {}, so there is nothing to drop",
                    clean(dropped.as_str())
                ));
                let known = service.dependencies.iter().map(|known| known.service.as_str());
                return Err(match nearest(dropped.as_str(), known) {
                    Some(near) => failure.hint(format!("did you mean `{near}`?")),
                    None => failure.hint(format!("`quarterdeck service show {name}` lists what it needs")),
                });
            }
            Edit::Require(text) | Edit::Optional(text) if edit::dependency_name(text) == name.as_str() => {
                return Err(Failure::refused(format!("{name} cannot depend on itself")));
            }
            _ => {}
        }
    }
    Ok(differing)
}

/// Whether the version alone tells that consumers are broken; the class of what is written has the last word.
fn breaks(service: &Service, edits: &[Edit]) -> bool {
    let Some(old) = &service.version else { return false };
    edits.iter().any(|edit| match edit {
        Edit::Version(new) => new.major != old.major || (old.major == 0 && new.minor != old.minor),
        _ => false,
    })
}

fn has_guide(service: &Service, edits: &[Edit]) -> bool {
    service.migration.as_ref().is_some_and(|migration| migration.guide_url.is_some())
        || edits.iter().any(|edit| matches!(edit, Edit::Guide(_)))
}

/// Consumers of what breaks must be able to read how to follow.
pub(super) fn no_guide(service: &ServiceName) -> Failure {
    Failure::refused(format!(
        "this breaks the consumers of {service}, and there is no migration guide for them"
    ))
    .hint("write one, and give its link as the guide (`--guide URL`)")
}

/// Whether a service may go to a state from where it is.
///
/// # Errors
/// Refused, with the states that it may go to.
pub fn allowed(service: &Service, to: Lifecycle) -> Result<(), Failure> {
    let next = lifecycle::next(service.status);
    if next.iter().any(|step| step.to == to) {
        return Ok(());
    }
    let (name, from) = (&service.name, service.status);
    if from == to {
        return Err(Failure::refused(format!("{name} is {from} already")));
    }
    let words: Vec<&str> = next.iter().map(|step| step.to.as_str()).collect();
    let failure = Failure::refused(format!("{name} is {from} and cannot become {to}"));
    Err(if words.is_empty() {
        failure.hint(format!("{from} is the end of a service's life; start a new service instead"))
    } else {
        failure.hint(format!("from {from} it may go to {}", words.join(" or ")))
    })
}

/// What all edits change in the service's table.
pub(super) fn keys(service: &Service, edits: &[Edit], today: NaiveDate) -> Vec<KeyEdit> {
    edits.iter().flat_map(|edit| edit.keys(service, today)).collect()
}

/// All edits in a few words.
pub fn summary(service: &Service, edits: &[Edit]) -> String {
    edits.iter().map(|edit| edit.words(service)).collect::<Vec<_>>().join(", ")
}

/// What a change of these edits is called, without its service, and whether several may be open at once: what
/// names no state and no version may be quite another change of the same kind.
pub(super) fn stem(edits: &[Edit]) -> (String, bool) {
    let version = edits.iter().find_map(|edit| match edit {
        Edit::Version(version) => Some(version.to_string()),
        _ => None,
    });
    let status = edits.iter().find_map(|edit| match edit {
        Edit::Status(status) => Some(status.to_string()),
        _ => None,
    });
    if let Some(stem) = version.or(status) {
        return (stem, false);
    }
    let is_need = |edit: &Edit| matches!(edit, Edit::Require(_) | Edit::Optional(_) | Edit::Drop(_));
    let stem = if edits.iter().all(is_need) {
        "dependencies"
    } else if edits.iter().all(|edit| matches!(edit, Edit::Guide(_))) {
        "guide"
    } else if edits.iter().any(is_need) {
        "edit"
    } else {
        "sla"
    };
    (stem.to_owned(), true)
}
