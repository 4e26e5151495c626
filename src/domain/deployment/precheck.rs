//! What must be so before production is touched, and after: one line each, with a verdict.

use crate::domain::{
    calendar::Standing,
    catalog::{Catalog, Service, Target},
    deployment::{ClusterView, Health, shown_version},
    ledger::Verdict,
    sla::{Sample, budget_remaining},
    units::format_percent,
};
use semver::Version;
use serde::Serialize;

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What is checked, in a word or two.
    pub name: &'static str,
    /// How it came out.
    pub verdict: Verdict,
    /// What was seen.
    pub detail: String,
}

impl Check {
    /// A check.
    pub fn new(name: &'static str, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { name, verdict, detail: detail.into() }
    }
}

/// The worst verdict of checks: a failure before what could not be checked, before too little, before good. No checks
/// are no data.
pub fn worst(checks: &[Check]) -> Verdict {
    let has = |verdict| checks.iter().any(|check| check.verdict == verdict);
    if checks.is_empty() {
        return Verdict::NoData;
    }
    [Verdict::Fail, Verdict::Error, Verdict::NoData]
        .into_iter()
        .find(|verdict| has(*verdict))
        .unwrap_or(Verdict::Pass)
}

/// The checks that are not good, or all by name when every one is.
pub fn summary(checks: &[Check]) -> String {
    let bad: Vec<String> = checks
        .iter()
        .filter(|check| check.verdict != Verdict::Pass)
        .map(|check| format!("{} ({}): {}", check.name, check.verdict.as_str(), check.detail))
        .collect();
    if bad.is_empty() {
        let names: Vec<&str> = checks.iter().map(|check| check.name).collect();
        return if names.is_empty() {
            "nothing was checked yet".to_owned()
        } else {
            format!("{} pass", names.join(", "))
        };
    }
    bad.join("; ")
}

/// Whether what runs is well.
pub fn health(view: &ClusterView, target: &Target) -> Check {
    let name = "health";
    let Some(workload) = view.workloads.get(&(target.namespace.clone(), target.workload.clone())) else {
        return match view.blind() {
            Some(why) => Check::new(name, Verdict::Error, why),
            // A service that is new there has nothing that could be ill.
            None => Check::new(name, Verdict::Pass, "nothing runs yet"),
        };
    };
    let seen = format!("{} of {} pods ready", workload.ready, workload.desired);
    match &workload.health {
        Health::Healthy => Check::new(name, Verdict::Pass, seen),
        Health::Progressing(why) => Check::new(name, Verdict::NoData, format!("{seen}, {why}")),
        Health::Degraded(why) => Check::new(name, Verdict::Fail, format!("{seen}, {why}")),
        Health::Paused => Check::new(name, Verdict::Fail, "it is paused"),
        Health::Unknown => Check::new(name, Verdict::NoData, "its status does not tell"),
    }
}

/// Whether anything of the error budget is left; a service without a promise has none to spend.
pub fn budget(catalog: &Catalog, service: &Service, sample: Option<&Result<Sample, String>>) -> Check {
    let name = "SLA budget";
    let Some(promised) = catalog.sla(service).availability else {
        return Check::new(name, Verdict::Pass, "nothing is promised");
    };
    match sample {
        None => Check::new(name, Verdict::NoData, "no metrics are configured"),
        Some(Err(why)) => Check::new(name, Verdict::Error, why.clone()),
        Some(Ok(sample)) if sample.requests < crate::domain::sla::MINIMUM_EVENTS => {
            Check::new(name, Verdict::Pass, format!("{:.0} requests so far", sample.requests))
        }
        Some(Ok(sample)) => {
            let availability = 1.0 - sample.errors / sample.requests;
            match budget_remaining(availability, promised.share()) {
                Some(left) if left > 0.0 => {
                    Check::new(name, Verdict::Pass, format!("{} left", format_percent(left)))
                }
                Some(_) => Check::new(
                    name,
                    Verdict::Fail,
                    format!("overdrawn: availability is {}", format_percent(availability)),
                ),
                None if sample.errors > 0.0 => Check::new(name, Verdict::Fail, "none is left"),
                None => Check::new(name, Verdict::Pass, "untouched"),
            }
        }
    }
}

/// Whether the calendar is open.
pub fn calendar(standing: &Standing) -> Check {
    match standing.closure() {
        None => Check::new("calendar", Verdict::Pass, "open"),
        Some(closure) => {
            Check::new("calendar", Verdict::Fail, format!("{}; {}", closure.words(), closure.opening()))
        }
    }
}

/// Whether what the service requires runs there in a version that will do.
pub fn dependencies(catalog: &Catalog, service: &Service, target: &Target, view: &ClusterView) -> Check {
    let name = "dependencies";
    let Some(environment) = catalog.environment(target.environment.as_str()) else {
        return Check::new(name, Verdict::Error, "the environment is not in quarterdeck.toml");
    };
    let (mut missing, mut unknown, mut seen) = (Vec::new(), Vec::new(), 0);
    for dependency in service.dependencies.iter().filter(|dependency| !dependency.optional) {
        let Some(needed) = catalog.services.get(&dependency.service) else {
            missing.push(format!("{} is not in the catalog", dependency.service));
            continue;
        };
        let Some(there) = catalog.target(needed, environment) else {
            missing.push(format!("{} is not meant for {}", dependency.service, environment.name));
            continue;
        };
        if there.context != target.context {
            unknown.push(format!("{} runs in {}", dependency.service, there.context));
            continue;
        }
        let Some(workload) = view.workloads.get(&(there.namespace, there.workload)) else {
            missing.push(format!("{} does not run", dependency.service));
            continue;
        };
        let Some(wanted) = &dependency.requirement else {
            seen += 1;
            continue;
        };
        match workload.version.as_deref().map(|text| (text, Version::parse(text.trim_start_matches('v')))) {
            Some((_, Ok(version))) if wanted.matches(&version) => seen += 1,
            // A pre-release of what is wanted is matched by no requirement without one.
            Some((text, Ok(_))) => missing.push(format!(
                "{} runs {}, {wanted} is needed",
                dependency.service,
                shown_version(text)
            )),
            _ => unknown.push(format!("which version of {} runs is not known", dependency.service)),
        }
    }
    if !missing.is_empty() {
        Check::new(name, Verdict::Fail, missing.join(", "))
    } else if !unknown.is_empty() {
        Check::new(name, Verdict::NoData, unknown.join(", "))
    } else {
        Check::new(name, Verdict::Pass, format!("{seen} present"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        catalog::ManagedBy,
        deployment::{Workload, WorkloadDetail},
    };
    use Verdict::{Error, Fail, NoData, Pass};

    fn catalog() -> Catalog {
        let text = r#"
[service.auth]
name = "auth"
type = "api"
version = "1.2.0"

[service.api]
name = "api"
type = "api"
version = "2.0.0"
dependencies.requires = ["auth >= 1.2"]
sla.availability = "99.9%"
"#;
        let settings = "[environment.production]\ncontext = \"p\"\n";
        crate::domain::catalog::read([
            ("services/catalog.toml".to_owned(), text.as_bytes().to_vec()),
            ("quarterdeck.toml".to_owned(), settings.as_bytes().to_vec()),
        ])
    }

    fn view(name: &str, version: Option<&str>, health: Health) -> ClusterView {
        let workload = Workload {
            namespace: "default".into(),
            name: name.into(),
            managed_by: ManagedBy::Deployment,
            version: version.map(str::to_owned),
            desired: 2,
            updated: 2,
            ready: 1,
            health,
            revision: None,
            detail: WorkloadDetail::default(),
        };
        let mut view = ClusterView::default();
        view.put(workload);
        view
    }

    #[test]
    fn the_worst_check_counts() {
        let checks = |verdicts: &[Verdict]| -> Vec<Check> {
            verdicts.iter().map(|verdict| Check::new("x", *verdict, "seen")).collect()
        };
        for (verdicts, expected) in [
            (&[][..], NoData),
            (&[Pass, Pass], Pass),
            (&[Pass, NoData], NoData),
            (&[NoData, Error], Error),
            (&[Error, Fail, Pass], Fail),
        ] {
            assert_eq!(worst(&checks(verdicts)), expected, "{verdicts:?}");
        }
        assert_eq!(summary(&checks(&[Pass, Fail])), "x (fail): seen");
    }

    #[test]
    fn what_runs_must_be_well() {
        let catalog = catalog();
        let environment = catalog.environment("production").unwrap();
        let target = catalog.target(&catalog.services["api"], environment).unwrap();
        for (health_seen, expected) in [
            (Health::Healthy, Pass),
            (Health::Progressing("waiting".into()), NoData),
            (Health::Degraded("crashes".into()), Fail),
            (Health::Paused, Fail),
            (Health::Unknown, NoData),
        ] {
            let view = view("api", Some("1.0.0"), health_seen.clone());
            assert_eq!(health(&view, &target).verdict, expected, "{health_seen:?}");
        }
        assert_eq!(health(&ClusterView::default(), &target).verdict, Pass);
        let blind = ClusterView {
            missing: [("deployments".into(), "forbidden".into())].into(),
            ..ClusterView::default()
        };
        assert_eq!(health(&blind, &target).verdict, Error);
    }

    #[test]
    fn dependencies_must_run_in_a_version_that_will_do() {
        let catalog = catalog();
        let service = &catalog.services["api"];
        let environment = catalog.environment("production").unwrap();
        let target = catalog.target(service, environment).unwrap();
        for (version, expected) in [
            (Some("1.2.0"), Pass),
            (Some("v1.4.1"), Pass),
            (Some("1.1.9"), Fail),
            (Some("latest"), NoData),
            (None, NoData),
        ] {
            let view = view("auth", version, Health::Healthy);
            assert_eq!(dependencies(&catalog, service, &target, &view).verdict, expected, "{version:?}");
        }
        assert_eq!(dependencies(&catalog, service, &target, &ClusterView::default()).verdict, Fail);
    }

    #[test]
    fn a_budget_that_is_spent_stops_it() {
        let catalog = catalog();
        let sample = |requests, errors| Some(Ok(Sample { requests, errors, ..Sample::default() }));
        for (service, sample, expected) in [
            ("api", sample(10_000.0, 5.0), Pass),
            ("api", sample(10_000.0, 10.0), Fail),
            ("api", sample(5.0, 5.0), Pass),
            ("api", Some(Err("refused".to_owned())), Error),
            ("api", None, NoData),
            ("auth", None, Pass),
        ] {
            let found = budget(&catalog, &catalog.services[service], sample.as_ref());
            assert_eq!(found.verdict, expected, "{service} {sample:?}: {found:?}");
        }
    }
}
