//! Whether a user of a service can live with what becomes of it, and why not.

use super::Harm;
use crate::domain::{
    catalog::{Catalog, Dependency, Service},
    lifecycle::Lifecycle,
};
use semver::Version;
use std::sync::Arc;

/// A service before and after.
pub struct Broken<'a> {
    /// Before.
    pub old: Option<&'a Arc<Service>>,
    /// After; `None` if it is gone.
    pub new: Option<&'a Arc<Service>>,
    /// Its version after.
    pub version: Option<&'a Version>,
}

/// Whether the next version may break what works with this one: below 1.0 the minor version is the one that does.
fn breaks(before: &Version, after: &Version) -> bool {
    after > before && (after.major != before.major || before.major == 0 && after.minor != before.minor)
}

/// What becomes of somebody with `dependency` on `it`, and why.
pub fn why_broken(it: &Broken<'_>, dependency: &Dependency) -> (Harm, Vec<String>) {
    let Some(new) = it.new else {
        return (Harm::Breaks, vec!["it is removed".to_owned()]);
    };
    let mut found: Vec<(Harm, String)> = Vec::new();
    let old_status = it.old.map(|old| old.status);
    match new.status {
        Lifecycle::Retired if old_status != Some(Lifecycle::Retired) => {
            found.push((Harm::Breaks, "it is retired".to_owned()));
        }
        Lifecycle::Retired => found.push((Harm::Breaks, "it is retired already".to_owned())),
        Lifecycle::Deprecated => {
            let by = new.sunset_date.map_or_else(String::new, |date| format!(", gone by {date}"));
            let to = new
                .replacement_service
                .as_ref()
                .map_or_else(String::new, |other| format!("; move to {other}"));
            found.push((Harm::AtRisk, format!("it is deprecated{by}{to}")));
        }
        _ => {}
    }
    let before = it.old.and_then(|old| old.version.as_ref());
    if let Some(version) = it.version {
        version_reasons(&mut found, new, before, version, dependency);
    }
    if let Some(old) = it.old {
        if old.kind != new.kind {
            found.push((Harm::AtRisk, format!("its type changes from {} to {}", old.kind, new.kind)));
        }
        if let (Some(before), Some(after)) = (old.port, new.port)
            && before != after
        {
            found.push((Harm::AtRisk, format!("its port changes from {before} to {after}")));
        }
        if let (Some(after), Some(version)) = (&new.compat_version_min, before)
            && after > version
            && old.compat_version_min.as_ref() != Some(after)
        {
            let text = format!("it drops everything before {after}, and {version} is what is used today");
            found.push((Harm::AtRisk, text));
        }
    }
    found.sort_by_key(|(harm, _)| *harm);
    let worst = found.first().map_or(Harm::Unharmed, |(harm, _)| *harm);
    (worst, found.into_iter().map(|(_, reason)| reason).collect())
}

fn version_reasons(
    found: &mut Vec<(Harm, String)>,
    new: &Service,
    before: Option<&Version>,
    version: &Version,
    dependency: &Dependency,
) {
    let wanted = dependency.requirement.as_ref();
    let met_before = wanted.zip(before).is_some_and(|(wanted, before)| wanted.matches(before));
    if let Some(wanted) = wanted.filter(|wanted| !wanted.matches(version)) {
        let already = match before {
            Some(before) if !met_before && before != version => format!(", nor is {before}"),
            _ => String::new(),
        };
        found.push((Harm::Breaks, format!("it needs {wanted}, and {version} is not{already}")));
        return;
    }
    if let Some(least) = new.compat_version_min.as_ref().filter(|least| *least > version) {
        found.push((Harm::Breaks, format!("{version} is below compat_version_min {least}")));
    }
    let Some(before) = before else { return };
    if breaks(before, version) {
        match wanted {
            // Made for the new version: the old one would not have done.
            Some(_) if !met_before => {}
            Some(wanted) => found.push((
                Harm::AtRisk,
                format!("{version} breaks with {before}, and its requirement {wanted} lets it in"),
            )),
            None => found.push((
                Harm::AtRisk,
                format!("{version} breaks with {before}, and it names no version that it needs"),
            )),
        }
    } else if version < before && (version.major, version.minor) != (before.major, before.minor) {
        let text = format!("{version} is older than {before}, which it works with today");
        found.push((Harm::AtRisk, text));
    }
}

/// What a changed service asks for and does not get.
pub fn unmet_needs(catalog: &Catalog, service: &Service) -> Vec<String> {
    service
        .dependencies
        .iter()
        .filter(|dependency| !dependency.optional)
        .filter_map(|dependency| {
            let name = &dependency.service;
            let Some(other) = catalog.services.get(name) else {
                return Some(format!("it needs {name}, which does not exist"));
            };
            let wanted = dependency.requirement.as_ref()?;
            let version = other.version.as_ref().filter(|version| !wanted.matches(version))?;
            Some(format!("it needs {name} {wanted}, and {version} is not"))
        })
        .collect()
}

/// What happens to a changed service, in a few words. `promised` is what becomes of its promises.
pub fn in_words(old: Option<&Service>, new: Option<&Service>, promised: &[String]) -> String {
    match (old, new) {
        (Some(_), None) => "removed".to_owned(),
        (None, _) => "new".to_owned(),
        (Some(old), Some(new)) => {
            let mut parts = Vec::new();
            if old.version != new.version {
                let word = |version: &Option<Version>| {
                    version.as_ref().map_or_else(|| "no version".to_owned(), ToString::to_string)
                };
                parts.push(format!("{} → {}", word(&old.version), word(&new.version)));
            }
            if old.status != new.status {
                parts.push(format!("{} → {}", old.status, new.status));
            }
            parts.extend(promised.iter().cloned());
            if parts.is_empty() { "changed".to_owned() } else { parts.join(", ") }
        }
    }
}
