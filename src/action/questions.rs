//! Reading what is asked with many words: the arguments of `graph`, `impact` and `change propose`.

use super::{
    command::{ChangeCommand, Command, GraphCommand},
    registry::{text, unknown},
    spec::Arguments,
};
use crate::{
    domain::{
        graph::{GraphFormat, part::Way},
        lifecycle::Lifecycle,
        name::ServiceName,
        proposal::{Edit, Wanted, milliseconds},
        text::clean,
    },
    error::Failure,
    model::{Model, effect::ImpactRequest},
};

/// The direction of an argument.
pub(super) fn way(arguments: &Arguments) -> Result<Way, Failure> {
    let word = text(arguments, "direction")?;
    Way::parse(&word).ok_or_else(|| unknown("direction", &word, Way::ALL.into_iter().map(Way::as_str)))
}

/// `graph.show`: around which service, how far, which way, and how to print it.
pub(super) fn graph_show(arguments: &Arguments) -> Result<Command, Failure> {
    let depth = match arguments.get("depth") {
        None => None,
        Some(word) => Some(word.trim().parse().map_err(|_| {
            Failure::usage(format!("`{word}` is no number of steps"))
                .hint("give a whole number, such as --depth 2")
        })?),
    };
    let format =
        match arguments.get("format") {
            None => None,
            Some(word) => Some(GraphFormat::parse(word).ok_or_else(|| {
                unknown("format", word, GraphFormat::ALL.into_iter().map(GraphFormat::as_str))
            })?),
        };
    let way = if arguments.contains_key("direction") { way(arguments)? } else { Way::Both };
    let service = arguments.get("service").map(|name| name.as_str().into());
    Ok(Command::Graph(GraphCommand::Show { service, depth, way, format }))
}

/// `impact`: of a service that falls or goes to another version, or of what changes since a revision.
pub(super) fn impact(arguments: &Arguments) -> Result<Command, Failure> {
    let request = match (arguments.get("base"), arguments.get("service")) {
        (Some(base), None) => {
            ImpactRequest::Difference { head: arguments.get("rev").cloned(), base: base.clone(), name: None }
        }
        (None, Some(_)) if arguments.contains_key("rev") => {
            return Err(Failure::usage("`--rev` says where a change leads, and needs `--base`"));
        }
        (None, Some(text)) => {
            let (service, version) = match text.split_once('@') {
                None => (text.as_str(), None),
                Some((service, version)) => (service, Some(version)),
            };
            let version = version.map(semver::Version::parse).transpose().map_err(|error| {
                Failure::usage(format!("`{text}` names no version: {error}"))
                    .hint("write it whole, such as shared-auth@2.0.0")
            })?;
            ImpactRequest::Service { service: service.trim().into(), version }
        }
        (Some(_), Some(_)) => {
            return Err(Failure::usage("a service and `--base` are two questions")
                .hint("ask for one: `impact SERVICE[@VERSION]` or `impact --base REV`"));
        }
        (None, None) => {
            return Err(Failure::usage("nothing to ask the impact of")
                .hint("ask `impact SERVICE[@VERSION]` or `impact --base REV`"));
        }
    };
    Ok(Command::Impact(request))
}

/// An argument that is an edit, and which one.
type Text = (&'static str, fn(String) -> Edit);

/// `change.propose`: every argument that is given is an edit.
pub(super) fn propose(arguments: &Arguments) -> Result<Command, Failure> {
    let words = |name: &str| arguments.get(name).map(|word| word.trim()).filter(|word| !word.is_empty());
    let mut edits = Vec::new();
    if let Some(word) = words("version") {
        let version = semver::Version::parse(word).map_err(|error| {
            Failure::usage(format!("`{}` is no version", clean(word)))
                .because(&error)
                .hint("write all three numbers, such as 2.0.0")
        })?;
        edits.push(Edit::Version(version));
    }
    if let Some(word) = words("status") {
        let known = Lifecycle::ALL.into_iter().map(Lifecycle::as_str);
        edits.push(Edit::Status(Lifecycle::parse(word).ok_or_else(|| unknown("status", word, known))?));
    }
    let texts: [Text; 7] = [
        ("require", Edit::Require),
        ("optional", Edit::Optional),
        ("drop", |name| Edit::Drop(name.as_str().into())),
        ("availability", Edit::Availability),
        ("response-time-p99", Edit::ResponseTime),
        ("error-rate", Edit::ErrorRate),
        ("guide", Edit::Guide),
    ];
    for (name, edit) in texts {
        // A dependency may hold commas (`x >= 1, < 2`), so several stand apart by semicolons.
        for word in words(name).into_iter().flat_map(|all| all.split(';')).map(str::trim) {
            if !word.is_empty() {
                edits.push(edit(word.to_owned()).checked()?);
            }
        }
    }
    let service = text(arguments, "service")?.as_str().into();
    let note = words("note").map(clean);
    Ok(Command::Change(ChangeCommand::Propose(Wanted { service, edits, note })))
}

/// What the form of `change.propose` begins with: how the service is now.
pub(super) fn present(model: &Model, arguments: &Arguments) -> Arguments {
    let mut present = arguments.clone();
    let catalog = model.world.catalog.value.as_deref();
    let service =
        arguments.get("service").and_then(|name| catalog?.services.get(&ServiceName::from(name.as_str())));
    let Some(service) = service else { return present };
    let sla = service.sla.clone().unwrap_or_default();
    for (name, value) in [
        ("version", service.version.as_ref().map(ToString::to_string)),
        ("status", Some(service.status.to_string())),
        ("availability", sla.availability.map(|ratio| ratio.to_string())),
        ("response-time-p99", sla.response_time_p99.map(milliseconds)),
        ("error-rate", sla.error_rate.map(|ratio| ratio.to_string())),
        ("guide", service.migration.as_ref().and_then(|migration| migration.guide_url.clone())),
    ] {
        if let Some(value) = value {
            present.entry(name).or_insert(value);
        }
    }
    present
}
