//! The policies, clusters and texts of the demo's control repository.

use super::{
    contents::Context,
    history::{AGENT, Feature, PEOPLE, State, TEAMS},
};
use crate::demo::scenario::Span;
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use std::fmt::Write as _;

/// Gives each file that the state has to `put`.
pub fn put(state: &State, context: &Context<'_>, put: &mut impl FnMut(&str, String)) {
    let has = |feature| state.features.contains(&feature);
    put("policies/teams.toml", teams(context));
    put("policies/sla.toml", SLA.to_owned());
    let signatures = if context.signing { "required" } else { "optional" };
    put("policies/security.toml", format!("{SECURITY}\n[ledger]\nsignatures = \"{signatures}\"\n"));
    put("policies/allowed_signers", context.signers.to_owned());
    if has(Feature::Compliance) {
        put("policies/compliance.toml", COMPLIANCE.to_owned());
    }
    if has(Feature::Escalation) {
        put("policies/escalation.toml", ESCALATION.to_owned());
    }
    if has(Feature::Calendar) {
        put("policies/calendar.toml", calendar(context, has(Feature::Freeze)));
    }
    if has(Feature::Dashboard) {
        put("monitoring-dashboard.yml", DASHBOARD.to_owned());
    }
    if has(Feature::Documentation) {
        put("documentation/README.md", README.to_owned());
    }
    if has(Feature::Infrastructure) {
        put("infrastructure/staging.k", cluster("staging", 3));
        put("infrastructure/production.k", cluster("production", 6));
    }
}

/// The Monday of the week that lies `weeks` before `now`.
fn monday(now: DateTime<Utc>, weeks: i64) -> DateTime<Utc> {
    now - TimeDelta::weeks(weeks) - TimeDelta::days(i64::from(now.weekday().num_days_from_monday()))
}

fn teams(context: &Context<'_>) -> String {
    let mut text = "# Who is who, who belongs together, who is on call.\n".to_owned();
    for (handle, author) in PEOPLE {
        let who =
            if handle == AGENT { "kind = \"agent\"".to_owned() } else { format!("chat = \"@{handle}\"") };
        let _ = write!(
            text,
            "\n[person.{handle}]\nname = \"{}\"\nemail = \"{}\"\n{who}\n",
            author.name, author.email
        );
    }
    for (name, description, members, channel) in TEAMS {
        let quoted: Vec<String> = members.iter().map(|member| format!("\"{member}\"")).collect();
        let _ = write!(
            text,
            "\n[team.{name}]\ndescription = \"{description}\"\nmembers = [{}]\nlead = \"{}\"\n\
             channel = \"{channel}\"\n",
            quoted.join(", "),
            members[0]
        );
        if matches!(name, "platform-team" | "operations") {
            // Whole rounds ago, so that the lead is on call in the week that the demo starts in.
            let rounds = i64::try_from(members.len()).unwrap_or(1) * 3;
            let start = monday(context.now, rounds).format("%Y-%m-%d");
            let _ = write!(
                text,
                "\n[team.{name}.rotation]\nmembers = [{}]\nstart = \"{start}T08:00:00\"\n\
                 time_zone = \"Europe/Madrid\"\nshift = \"7d\"\n",
                quoted.join(", ")
            );
        }
    }
    text
}

fn calendar(context: &Context<'_>, freeze: bool) -> String {
    let mut text = "# When changes go out, and when they do not.\n".to_owned();
    for span in context.scenario.windows {
        // Every day at the same time, for weeks already.
        let begun = context.now + TimeDelta::minutes(span.from) - TimeDelta::weeks(8);
        let _ = write!(
            text,
            "\n[[window]]\nname = \"{}\"\nrrule = \"DTSTART:{}\\nRRULE:FREQ=DAILY\"\nduration = \"{}m\"\n{}",
            span.name,
            begun.format("%Y%m%dT%H%M%SZ"),
            span.minutes,
            scope(span)
        );
    }
    for span in context.scenario.freezes {
        let from = context.now + TimeDelta::minutes(span.from);
        let to = from + TimeDelta::minutes(span.minutes);
        let _ = write!(
            text,
            "\n[[freeze]]\nname = \"{}\"\nstart = \"{}\"\nend = \"{}\"\n{}reason = \"{}\"\n",
            span.name,
            from.format("%FT%TZ"),
            to.format("%FT%TZ"),
            scope(span),
            span.reason
        );
    }
    if freeze {
        let (from, to) = (context.date(12), context.date(15));
        let _ = write!(
            text,
            r#"
[[freeze]]
name = "end of the quarter"
start = "{from}T18:00:00"
end = "{to}T08:00:00"
environments = ["production"]
projects = ["project-a", "project-b"]
reason = "invoices are closed"
"#
        );
    }
    text
}

/// Where an entry of the calendar holds.
fn scope(span: &Span) -> String {
    let projects: Vec<String> = span.projects.iter().map(|project| format!("\"{project}\"")).collect();
    let projects =
        if projects.is_empty() { String::new() } else { format!("projects = [{}]\n", projects.join(", ")) };
    format!("environments = [\"production\"]\n{projects}")
}

const SLA: &str = r#"# What is promised by tier, unless a service promises otherwise.

[sla.default]
availability = "99.5%"
error_rate = "0.5%"
window = "30d"

[sla.critical]
availability = "99.9%"
error_rate = "0.1%"
window = "30d"

[sla.high]
availability = "99.9%"
error_rate = "0.1%"
window = "30d"

[sla.medium]
availability = "99.5%"
error_rate = "0.5%"
window = "30d"

[sla.low]
availability = "99%"
error_rate = "1%"
window = "30d"

[recovery]
rto = "1h"
rpo = "5m"
backup_test = "7d"
"#;

const SECURITY: &str = r#"# What must not run, and who reviews what is sensitive.
allowed_registries = ["registry.example.com"]
mutable_tags = ["latest", "main"]
forbidden_ports = [22, 23, 2375]
forbidden_privileges = ["privileged", "host-network", "SYS_ADMIN"]

[gate.security]
team = "security-team"

[[rule]]
name = "small-steps"
rule = "removed.size() <= 2"
message = "a change removes at most two services"
applies_to = "change"
"#;

const COMPLIANCE: &str = r#"# The rules we are held to, and who sees that they are kept.

[framework.gdpr]
description = "Personal data of people in the EU"
applies_to = "regulated"

[[framework.gdpr.control]]
id = "Art. 32(1)(b)"
rule = "sla.availability >= 99.5"
message = "what holds personal data stays available"

[framework.pci-dss]
description = "Card payments"
applies_to = 'regulated && name.contains("pay")'

[[framework.pci-dss.control]]
id = "6.4"
rule = 'lifecycle == "ga"'
message = "what handles cards is generally available"

[gate.compliance]
team = "compliance-team"

[[rule]]
name = "critical-services-are-doubled"
rule = 'tier != "critical" || replicas >= 2 || type in ["database", "cache", "queue"]'
message = "a critical service runs at least twice"
severity = "warning"
applies_to = "service"
"#;

const ESCALATION: &str = r#"# How fast we answer, and who hears of it when we do not.
on_call = "platform-team"

[severity.critical]
response = "5m"
escalation = "15m"
notification = "Page on-call"
channels = ["pagerduty#ops", "slack#critical-alerts"]

[severity.high]
response = "15m"
escalation = "30m"
notification = "Slack #high"
channels = ["slack#high"]

[severity.medium]
response = "30m"
escalation = "1h"
notification = "Slack #med"
channels = ["slack#med"]

[severity.low]
response = "1h"
escalation = "4h"
notification = "Slack #low"
channels = ["slack#low"]

[severity.info]
response = "4h"
notification = "Daily digest"
channels = ["slack#digest"]

[[level]]
after_escalations = 0
notify = ["@on-call"]

[[level]]
after_escalations = 1
notify = ["@platform-team"]

[[level]]
after_escalations = 2
notify = ["@operations"]
"#;

const DASHBOARD: &str = r#"apiVersion: v1
kind: ServiceMonitoringDashboard
metadata:
  name: platform-control-center
  namespace: monitoring

sections:
  - name: Service Inventory
    widgets:
      - type: service_list
        filter: status == "active"
        columns: [name, version, status, owner, ready, errors, p99, sla]

      - type: dependency_graph
        show_cross_project: true
        highlight_breaking_changes: true

      - type: deployment_timeline
        time_range: "7d"
        show_rollbacks: true

  - name: Change Management
    widgets:
      - type: pending_changes
        approval_required: true

      - type: change_pipeline_status
        stages: [validation, review, deploy-staging, deploy-prod]

      - type: rollback_frequency
        time_range: "30d"
        by_service: true

      - type: change_calendar
        show_maintenance_windows: true

  - name: SLA Compliance
    widgets:
      - type: sla_status
        group_by: project
        highlight_violations: true

      - type: mttr_trends
        time_range: "30d"

      - type: incident_frequency
        by_severity: true

  - name: Cross-Project Impact
    widgets:
      - type: shared_service_usage
        show_deprecations: true

      - type: version_compliance
        check_min_versions: true

      - type: migration_status
        for_deprecated_services: true
"#;

const README: &str = r"# The shop's control repository

What runs, who may change it, and what was promised.

- `services/`: what every project may use, which versions there are, how kinds of services are deployed
- `projects/`: each project's own services, where they run, what is measured
- `policies/`: teams and on-call, service levels, escalation, calendar, security, compliance
- `infrastructure/`: the clusters, in KCL
- `monitoring-dashboard.yml`: what the control center shows
- `quarterdeck.toml`: where the backends are

A change is a branch `change/<service>-<version>`. It needs an approval by somebody other than its author.
";

fn cluster(name: &str, nodes: u32) -> String {
    format!(
        r#"# The {name} cluster.

schema Cluster:
    name: str
    nodes: int
    zones: [str]
    namespaces: [str]

    check:
        nodes >= 3, "a cluster has at least three nodes"

{name} = Cluster {{
    name = "{name}"
    nodes = {nodes}
    zones = ["a", "b", "c"]
    namespaces = ["shared", "project-a", "project-b", "project-c"]
}}
"#
    )
}
