//! A service was made for versions of another one that this one no longer stands by.

use super::{Context, Rule};
use crate::domain::finding::{Finding, Level};
use semver::{Comparator, Op, Version, VersionReq};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD214",
    name: "requirement-below-compatible",
    level: Level::Warning,
    summary: "A requirement allows versions below the `compat_version_min` of the service that is needed.",
    help: "The one that is needed promises to serve consumers made for `compat_version_min` or later. Who says that an older version will do was made for that one, and nobody promises that the present one still serves it. Try it with the compatible version, then raise the requirement.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (one, other) in &context.needs {
        let (Some(wanted), Some(least)) = (&one.dependency.requirement, &other.compat_version_min) else {
            continue;
        };
        let allowed = lowest(wanted);
        if allowed >= *least {
            continue;
        }
        let message = format!(
            "`{}` is content with `{}` {allowed}, but `{}` is compatible from {least} on",
            one.user.name, other.name, other.name
        );
        let finding = context.place(RULE.finding(message), &one.dependency.span, format!("allows {allowed}"));
        let finding = context.place(finding, other.place("compat_version_min"), format!("from {least} on"));
        findings.push(finding.help(format!(
            "once `{}` works with {least}, write \"{} >= {least}\"",
            one.user.name, other.name
        )));
    }
    findings
}

/// The lowest version that a requirement may allow; 0.0.0 if it has no lower bound.
fn lowest(requirement: &VersionReq) -> Version {
    let bound = |comparator: &Comparator| {
        let (minor, patch) = (comparator.minor.unwrap_or(0), comparator.patch.unwrap_or(0));
        let version = Version { pre: comparator.pre.clone(), ..Version::new(comparator.major, minor, patch) };
        match comparator.op {
            Op::Less | Op::LessEq => None,
            // The next one after all that `> 1`, `> 1.2` or `> 1.2.3` leaves out.
            Op::Greater => Some(match (comparator.minor, comparator.patch) {
                (None, _) => Version::new(comparator.major.saturating_add(1), 0, 0),
                (Some(minor), None) => Version::new(comparator.major, minor.saturating_add(1), 0),
                _ if !version.pre.is_empty() => version,
                (Some(minor), Some(patch)) => Version::new(comparator.major, minor, patch.saturating_add(1)),
            }),
            _ => Some(version),
        }
    };
    requirement.comparators.iter().filter_map(bound).max().unwrap_or(Version::new(0, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_version_is_that_of_the_strictest_bound() {
        for (requirement, expected) in [
            (">=1.2", "1.2.0"),
            ("^1.2.3", "1.2.3"),
            ("~1", "1.0.0"),
            ("1.*", "1.0.0"),
            ("=1.4.2", "1.4.2"),
            (">1", "2.0.0"),
            (">1.2", "1.3.0"),
            (">1.2.3", "1.2.4"),
            (">=1.0.0-beta.2", "1.0.0-beta.2"),
            (">=1.0, >=1.5, <3", "1.5.0"),
            ("<2", "0.0.0"),
            ("*", "0.0.0"),
        ] {
            assert_eq!(lowest(&requirement.parse().unwrap()).to_string(), expected, "{requirement}");
        }
    }
}
