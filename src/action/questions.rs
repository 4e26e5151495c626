//! Reading what is asked of the dependency graph: the arguments of `graph` and `impact`.

use super::{
    command::{Command, GraphCommand},
    registry::{text, unknown},
    spec::Arguments,
};
use crate::{
    domain::graph::{GraphFormat, part::Way},
    error::Failure,
    model::effect::ImpactRequest,
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
