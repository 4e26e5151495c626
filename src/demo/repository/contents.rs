//! The files of the demo's control repository at one commit: catalog, versions, settings, texts.

use super::{
    Addresses,
    history::{Feature, State},
    policies, projects,
};
use crate::demo::{
    estate::{SERVICES, Service},
    scenario::{Judging, ScenarioRow},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// What the files depend on beside the state.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// When the demo starts; dates in the files are told from here.
    pub now: DateTime<Utc>,
    /// Where the backends are.
    pub addresses: &'a Addresses,
    /// `policies/allowed_signers`.
    pub signers: &'a str,
    /// Whether events of the ledger can be signed here, and so must be.
    pub signing: bool,
    /// The story that it is the repository of.
    pub scenario: &'static ScenarioRow,
    /// Whether there is an agent, which takes turns by a lease.
    pub has_agent: bool,
}

impl Context<'_> {
    /// The date `days` from now, negative before, as TOML writes it in a string.
    pub fn date(&self, days: i64) -> String {
        (self.now + TimeDelta::days(days)).format("%Y-%m-%d").to_string()
    }
}

/// All files, by path.
pub fn files(state: &State, context: &Context<'_>) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut put = |path: &str, text: String| {
        files.insert(path.to_owned(), text);
    };
    put("services/catalog.toml", catalog(state, context));
    put("services/versions.toml", versions(state));
    put("services/patterns.toml", PATTERNS.to_owned());
    for (project, title, tier, owner) in crate::demo::estate::PROJECTS {
        put(&format!("projects/{project}/services.toml"), {
            let mut text = format!(
                "# {title}: the project's own services.\n\n[project-specific.{project}]\nname = \"{title}\"\n\
                 environment = \"production\"\ntier = \"{tier}\"\nowner = \"{owner}\"\n"
            );
            for service in present(state).filter(|service| service.project == Some(*project)) {
                text.push_str(&entry(service, state, context));
            }
            text
        });
        put(
            &format!("projects/{project}/deployment.toml"),
            projects::deployment(project, state, context.scenario),
        );
        put(&format!("projects/{project}/monitoring.toml"), projects::monitoring(project, tier, state));
    }
    put("tests/integration.sh", INTEGRATION.to_owned());
    policies::put(state, context, &mut put);
    put("quarterdeck.toml", settings(state, context));
    put("CHANGELOG.md", changelog(state));
    files
}

/// The integration test that every project has: what was applied must be what the main branch says.
const INTEGRATION: &str = r#"#!/bin/sh
# What was deployed must be what the main branch says of the service.
set -eu
version=$(git show origin/main:services/versions.toml |
    sed -n "/^\[version\.$QUARTERDECK_SERVICE\]/,/^\[version/s/^current = \"\(.*\)\"/\1/p" | head -n 1)
echo "main says $version of $QUARTERDECK_SERVICE, $QUARTERDECK_ENVIRONMENT got $QUARTERDECK_VERSION"
test "$version" = "$QUARTERDECK_VERSION"
"#;

/// The services that are in the repository already.
pub fn present(state: &State) -> impl Iterator<Item = &'static Service> {
    SERVICES.iter().filter(|service| state.versions.contains_key(service.name))
}

fn catalog(state: &State, context: &Context<'_>) -> String {
    let mut text =
        "# The services that every project may use. Who owns them, who may change them, what they \
                    promise.\n"
            .to_owned();
    for service in present(state).filter(|service| service.project.is_none()) {
        text.push_str(&entry(service, state, context));
        text.push_str(&consumers(service, state));
        text.push_str(&projects::deployment_of(service, context.scenario));
    }
    text
}

/// One service's tables, except for consumers and deployment.
fn entry(service: &Service, state: &State, context: &Context<'_>) -> String {
    let mut text = String::new();
    let name = service.name;
    let version = state.version(name).unwrap_or_default();
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        let _ = text.write_fmt(arguments);
        text.push('\n');
    };
    line(format_args!("\n[service.{name}]"));
    line(format_args!("name = \"{name}\""));
    line(format_args!("type = \"{}\"", service.kind));
    line(format_args!("owner = \"{}\"", service.owner));
    line(format_args!("description = \"{}\"", service.description));
    line(format_args!("version = \"{version}\""));
    line(format_args!("status = \"{}\"", service.status));
    line(format_args!("tier = \"{}\"", service.tier));
    if name == "shared-auth" {
        line(format_args!("compat_version_min = \"1.0.0\"\ncompat_with = [\"1.x\"]"));
    }
    let image = service.image(version);
    let image = image.rsplit_once(':').map_or(image.as_str(), |(image, _)| image);
    line(format_args!("image = \"{image}\"\nport = 8080\nhealth_check = \"/healthz\""));
    if service.sensitive {
        line(format_args!("sensitive = true"));
    }
    if service.regulated {
        line(format_args!("regulated = true"));
    }
    if let Some(pattern) = pattern(service.kind) {
        line(format_args!("pattern = \"{pattern}\""));
    }
    if service.status == "maintenance" {
        let (since, until) = (context.date(-90), context.date(300));
        line(format_args!("maintenance_date = \"{since}\"\nsupport_until = \"{until}\""));
    }
    if service.status == "deprecated" {
        // Half a year from the one to the other, as the lifecycle asks.
        let (since, until) = (context.date(-70), context.date(125));
        line(format_args!("deprecation_date = \"{since}\"\nsunset_date = \"{until}\""));
        line(format_args!("replacement_service = \"new-api\"\n\n[service.{name}.migration]"));
        line(format_args!("guide_url = \"https://wiki.example.com/{name}-migration\""));
        line(format_args!("support_until = \"{until}\"\nmigration_difficulty = \"easy\""));
        line(format_args!("estimated_effort_hours = 2"));
    }
    let quoted =
        |names: &[&str]| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let optional: Vec<&str> =
        service.optional.iter().chain(state.optional.get(name).into_iter().flatten()).copied().collect();
    let requires: Vec<&str> =
        service.requires.iter().copied().chain(state.legacy.get(name).copied()).collect();
    if !requires.is_empty() || !optional.is_empty() {
        line(format_args!("\n[service.{name}.dependencies]\nrequires = [{}]", quoted(&requires)));
        if !optional.is_empty() {
            line(format_args!("optional = [{}]", quoted(&optional)));
        }
        let beta: Vec<&str> = present(state)
            .filter(|other| other.status == "beta")
            .map(|other| other.name)
            .filter(|other| optional.contains(other))
            .collect();
        if !beta.is_empty() {
            line(format_args!("accept_beta = [{}]", quoted(&beta)));
        }
    }
    let mut approvers = vec![format!("@{}", service.owner)];
    for team in ["platform-team", "security-team"] {
        if (team == "platform-team" || service.sensitive) && service.owner != team {
            approvers.push(format!("@{team}"));
        }
    }
    let approvers = quoted(&approvers.iter().map(String::as_str).collect::<Vec<_>>());
    line(format_args!("\n[service.{name}.governance]\napprovers = [{approvers}]"));
    line(format_args!(
        "change_log = \"https://git.example.com/{name}/CHANGELOG.md\"\nbreak_changes_notice = 30"
    ));
    if let Some((_, version)) = ANNOUNCED.iter().find(|(announced, _)| *announced == name) {
        let projects: Vec<&str> = users(service, state).filter_map(|user| user.project).collect();
        let projects: BTreeSet<&str> = projects.into_iter().collect();
        let projects = quoted(&projects.into_iter().collect::<Vec<_>>());
        line(format_args!("\n[service.{name}.notice]\nversion = \"{version}\""));
        line(format_args!("date = \"{}\"\nprojects = [{projects}]", context.date(-NOTICE_DAYS)));
    }
    if service.measured && service.status != "development" {
        line(format_args!("\n[service.{name}.sla]\navailability = \"{}\"", availability(service)));
        line(format_args!("response_time_p99 = \"{}ms\"", projects::p99(service)));
        line(format_args!("break_handling = \"graceful\"\nerror_rate = \"{}\"", error_rate(service)));
        line(format_args!("window = \"30d\""));
    }
    text
}

/// The versions that break, and that everybody was told of before this repository began.
const ANNOUNCED: [(&str, &str); 1] = [("shared-auth", "2.0.0")];
/// How long ago that was: a little more than the notice that every service promises.
const NOTICE_DAYS: i64 = 33;

/// Who uses a service, whether it must or may.
fn users<'s>(service: &'s Service, state: &'s State) -> impl Iterator<Item = &'static Service> + 's {
    present(state).filter(|other| {
        let legacy = state.legacy.get(other.name).copied();
        let optional = state.optional.get(other.name).into_iter().flatten().chain(other.optional);
        other.required().chain(legacy).chain(optional.copied()).any(|name| name == service.name)
    })
}

/// No promise may be higher than that of what it depends on: only leaves promise less.
fn availability(service: &Service) -> &'static str {
    if service.status == "ga" || service.name == "old-api" { "99.9%" } else { "99.5%" }
}

fn error_rate(service: &Service) -> &'static str {
    if availability(service) == "99.9%" { "0.1%" } else { "0.5%" }
}

fn consumers(service: &Service, state: &State) -> String {
    let needs = |other: &Service| {
        other.required().chain(state.legacy.get(other.name).copied()).any(|name| name == service.name)
    };
    let needed: Vec<&Service> = present(state).filter(|other| needs(other)).collect();
    let projects: BTreeSet<&str> = users(service, state).filter_map(|other| other.project).collect();
    if needed.is_empty() && projects.is_empty() {
        return String::new();
    }
    let quoted = |names: &mut dyn Iterator<Item = &str>| {
        names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    };
    format!(
        "\n[service.{}.consumers]\nprojects = [{}]\nrequired_by = [{}]\n",
        service.name,
        quoted(&mut projects.iter().copied()),
        quoted(&mut needed.iter().map(|one| one.name)),
    )
}

fn pattern(kind: &str) -> Option<&'static str> {
    match kind {
        "web" => Some("web"),
        "api" | "gateway" | "microservice" => Some("service"),
        "worker" | "job" => Some("worker"),
        "database" | "cache" | "queue" => Some("stateful"),
        _ => None,
    }
}

const PATTERNS: &str = r#"# How services of a kind are deployed unless they say otherwise.

[pattern.web]
description = "Faces people: small steps, quick way back"
replicas = 3
strategy = "canary"
cpu = "500m"
memory = "512Mi"
canary_steps = [5, 25, 50, 100]

[pattern.service]
description = "Answers other services"
replicas = 3
strategy = "immediate"
cpu = "1"
memory = "512Mi"

[pattern.worker]
description = "Works through a queue"
replicas = 2
strategy = "immediate"
cpu = "500m"
memory = "256Mi"

[pattern.stateful]
description = "Keeps data"
replicas = 3
strategy = "scheduled"
cpu = "2"
memory = "2Gi"
"#;

fn versions(state: &State) -> String {
    let mut text = "# Which version of each service is current, and what came before it.\n".to_owned();
    for service in present(state) {
        let Some((current, previous)) = state.versions[service.name].split_last() else { continue };
        let previous: Vec<String> = previous.iter().rev().map(|version| format!("\"{version}\"")).collect();
        let _ = write!(
            text,
            "\n[version.{}]\ncurrent = \"{current}\"\nprevious = [{}]\n",
            service.name,
            previous.join(", ")
        );
        let release = state.releases.iter().rfind(|release| release.service == service.name);
        if let Some(release) = release {
            let _ = writeln!(text, "released = {}", release.at.format("%Y-%m-%d"));
        }
    }
    text
}

fn settings(state: &State, context: &Context<'_>) -> String {
    let Addresses { metrics, alertmanager, forge, token, sinks, registry } = context.addresses;
    let repository = crate::demo::forge::REPOSITORY;
    let Judging { step_time, interval, least, watch } = context.scenario.judging;
    let mut text = format!(
        r#"# Quarterdeck's settings for this repository. It holds no secret.
name = "shop"

[repository]
remote = "origin"
main = "main"
changes = "change/*"
tags = "<service>-v<version>"

[environment.production]
context = "demo-production"
namespace = "shared"
production = true
read_only = false

[environment.staging]
context = "demo-staging"
namespace = "shared"

[metrics.scrape]
url = "{metrics}/{{environment}}/{{service}}/metrics"
interval = "1s"
timeout = "2s"

[alertmanager]
url = "{alertmanager}"

[forge]
kind = "github"
url = "{forge}"
repository = "{repository}"
token_file = "{token}"

[forge.projects]
project-a = "shop/project-a"
project-b = "shop/project-b"

[registry]
url = "{registry}"

# Shorter than in life, so that a deployment can be watched from its begin to its end.
[delivery.rollout]
step_time = "{step_time}"
interval = "{interval}"
intervals = 3
minimum_events = {least}
stale_after = "30s"
watch = "{watch}"

[delivery.tests]
integration = ["sh", "tests/integration.sh"]
integration_time = "1m"

[notify.operations]
kind = "slack"
url = "{sinks}/services/T0SHOP/B0OPERATIONS/demo"
on = ["incident.declared", "incident.resolved", "deployment.held", "deployment.finished", "rollback.finished"]
severity = "medium"

[notify.audit]
kind = "webhook"
url = "{sinks}/webhook/audit"
secret_file = "{token}"
on = ["incident.declared", "incident.resolved", "change.approved", "main.restored"]
"#
    );
    text.push_str(
        "\n[rules]\n# Every promise is for what a service does itself; what it needs has its own.\nQD305 = \"allow\"\n",
    );
    if context.scenario.direct_revert {
        text.push_str("\n[changes]\n# A rollback in production puts the main branch right at once.\ndirect_revert = true\n");
    }
    if context.has_agent {
        text.push_str("\n[agent.lease]\ncontext = \"demo-production\"\nnamespace = \"shared\"\n");
    }
    if state.features.contains(&Feature::Presets) {
        text.push_str("\n[preset.critical]\nfilter = 'tier == \"critical\"'\n");
        text.push_str("\n[preset.leaving]\nfilter = 'status == \"deprecated\"'\n");
    }
    text
}

fn changelog(state: &State) -> String {
    let mut text = "# Changelog\n\nOne line for each release, newest first.\n".to_owned();
    let mut day = String::new();
    for release in state.releases.iter().rev() {
        let date = release.at.format("%Y-%m-%d").to_string();
        if date != day {
            let _ = write!(text, "\n## {date}\n\n");
            day = date;
        }
        let _ = writeln!(text, "- {} {}: {}", release.service, release.version, release.what);
    }
    text
}
