//! A version rises by less than what the change does to those around the service.

use super::{Context, Rule};
use crate::domain::{
    catalog::{Dependency, Service},
    finding::{Finding, Level},
    name::ServiceName,
};
use semver::Version;
use std::collections::BTreeMap;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD414",
    name: "version-not-raised",
    level: Level::Warning,
    summary: "A version rises by less than semantic versioning asks for the kind of change.",
    help: "Another type or port is a major version. A new required service, another requirement on one, or a raised `compat_version_min` is at least a minor one. Below 1.0 each counts one less, and among pre-releases the next one will do.",
    check: Some(check),
};

/// How much a version rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rise {
    None,
    Patch,
    Minor,
    Major,
}

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (old, new) in &context.kept {
        let (Some(before), Some(after)) = (&old.version, &new.version) else { continue };
        let Some((what, place, needed)) = kind_of_change(old, new) else { continue };
        let early = if before.major == 0 { needed.less() } else { needed };
        let needed = if before.pre.is_empty() { early } else { Rise::Patch };
        // A version that falls has a rule of its own, version-lowered.
        if after < before || rise(before, after) >= needed {
            continue;
        }
        let rose = if before == after {
            format!("its version stays {before}")
        } else {
            format!("its version rises from {before} to {after} only")
        };
        let message = format!("`{}` {what}, but {rose}", new.name);
        let finding = context.place(RULE.finding(message), new.place("version"), "");
        let finding = match place {
            Place::Key(key) => context.place(finding, new.place(key), ""),
            Place::Dependency(dependency) => context.place(finding, &dependency.span, ""),
        };
        findings.push(finding.help(format!("raise it to {} or higher", needed.of(before))));
    }
    findings
}

/// What of a service shows the change.
enum Place<'s> {
    Key(&'static str),
    Dependency(&'s Dependency),
}

/// What the change does to those around the service, with its place, and how much the version must rise for it.
fn kind_of_change<'s>(old: &Service, new: &'s Service) -> Option<(String, Place<'s>, Rise)> {
    if old.kind != new.kind {
        let what = format!("changes its type from {} to {}", old.kind, new.kind);
        return Some((what, Place::Key("type"), Rise::Major));
    }
    if let Some((port, now)) = old.port.zip(new.port).filter(|(port, now)| port != now) {
        return Some((format!("moves from port {port} to {now}"), Place::Key("port"), Rise::Major));
    }
    if let Some(least) = &new.compat_version_min
        && old.compat_version_min.as_ref().is_some_and(|before| least > before)
    {
        let what = format!("is compatible from {least} on only");
        return Some((what, Place::Key("compat_version_min"), Rise::Minor));
    }
    let known: BTreeMap<&ServiceName, &Dependency> = required(old).collect();
    required(new).find_map(|(name, dependency)| {
        let what = match known.get(name) {
            None => format!("requires `{name}` anew"),
            Some(before) if before.requirement != dependency.requirement => {
                // To ask for less is no burden on anybody.
                let wanted = dependency.requirement.as_ref()?;
                format!("requires `{name}` {wanted} anew")
            }
            Some(_) => return None,
        };
        Some((what, Place::Dependency(dependency), Rise::Minor))
    })
}

fn required(service: &Service) -> impl Iterator<Item = (&ServiceName, &Dependency)> {
    let others = service.dependencies.iter().filter(|need| !need.optional && need.service != service.name);
    others.map(|need| (&need.service, need))
}

fn rise(before: &Version, after: &Version) -> Rise {
    if after.major > before.major {
        Rise::Major
    } else if after.minor > before.minor {
        Rise::Minor
    } else if after > before {
        Rise::Patch
    } else {
        Rise::None
    }
}

impl Rise {
    const fn less(self) -> Self {
        match self {
            Self::Major => Self::Minor,
            Self::Minor | Self::Patch => Self::Patch,
            Self::None => Self::None,
        }
    }

    /// The least version that rises so much above `version`.
    fn of(self, version: &Version) -> Version {
        let Version { major, minor, patch, .. } = *version;
        match self {
            Self::Major => Version::new(major.saturating_add(1), 0, 0),
            Self::Minor => Version::new(major, minor.saturating_add(1), 0),
            Self::Patch | Self::None if version.pre.is_empty() => {
                Version::new(major, minor, patch.saturating_add(1))
            }
            // The release itself is what comes after its pre-releases.
            Self::Patch | Self::None => Version::new(major, minor, patch),
        }
    }
}
