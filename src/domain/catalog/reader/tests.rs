//! Tests of the reader as a whole: the seed's examples, one broken thing at a time, and hostile input.

use super::*;
use crate::domain::{
    catalog::{ManagedBy, Tier},
    escalation::Severity,
    expression::About,
    finding::{Finding, Level},
    forge::{ForgeKind, SecretPlace},
    lifecycle::Lifecycle,
    notice::{AddressPlace, NoticeEvent},
};
use chrono::Duration;
use proptest::prelude::*;

const CATALOG: &str = r#"
[service.shared-auth]
name = "shared-auth"
type = "microservice"
owner = "platform-team"
version = "1.2.3"
compat_version_min = "1.0.0"
deprecation_date = "2026-06-30"

[service.shared-auth.consumers]
projects = ["project-a"]
required_by = ["project-a-frontend"]

[service.shared-auth.governance]
approvers = ["@platform-team", "@security-team"]
change_log = "https://example.com/changes"
break_changes_notice = 30

[service.old-api]
name = "old-api"
type = "api"
owner = "platform-team"
status = "deprecated"
sunset_date = 2026-05-20
replacement_service = "shared-auth"

[service.old-api.migration]
guide_url = "https://wiki.example.com/old-api"
support_until = "2026-05-20"
migration_difficulty = "easy"
estimated_effort_hours = 2

[service.old-api.sla]
availability = "99.9%"
response_time_p99 = "100ms"
break_handling = "graceful"
"#;

const PROJECT: &str = r#"
[project-specific.project-a]
name = "E-Commerce Platform"
environment = "production"
tier = "critical"
owner = "@shop-team"

[service.project-a-frontend]
name = "project-a-frontend"
type = "web"
version = "2.1.0"
dependencies.requires = ["shared-auth >= 1.0"]
dependencies.optional = ["analytics-service"]
"#;

const MONITORING: &str = r#"
[monitoring.project-a]
level = "critical"

[service.project-a-frontend.metrics]
availability_threshold = 99.9
response_time_p99 = "200ms"
error_rate_threshold = 0.1
error_type_alerts = ["5xx", "timeout"]
active_users_threshold = 1000
cpu_threshold = "80%"

[service.project-a-frontend.alerts]
critical = ["slack#critical-alerts"]
warning = ["slack#warnings", "email@ops"]

[service.project-a-frontend.alerts.escalation]
time_to_escalate = "5m"
escalate_to = ["@on-call"]
page_if = "critical"
"#;

const DASHBOARD: &str = r#"apiVersion: v1
kind: ServiceMonitoringDashboard
metadata:
  name: platform-control-center
sections:
  - name: Service Inventory
    widgets:
      - type: service_list
        filter: status == "active"
        columns: [name, version, status, owner, sla]
      - type: deployment_timeline
        time_range: "7d"
        show_rollbacks: true
"#;

fn load(files: &[(&str, &str)]) -> Catalog {
    read(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())))
}

fn shown(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|finding| {
            format!("{} {} {}", finding.code, finding.location().unwrap_or_default(), finding.message)
        })
        .collect()
}

/// The codes of a catalog file's findings.
fn codes(path: &str, text: &str) -> Vec<&'static str> {
    let mut files = vec![(path, text)];
    if path != CATALOG_PATH {
        files.push((CATALOG_PATH, CATALOG));
    }
    load(&files).findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn the_seeds_examples_read_without_a_finding_and_are_joined() {
    let catalog = load(&[
        ("projects/project-a/monitoring.toml", MONITORING),
        ("projects/project-a/services.toml", PROJECT),
        (
            "projects/project-a/deployment.toml",
            "[environment.production]\nnamespace = \"shop\"\n[service.project-a-frontend.deployment]\n\
             managed_by = \"argo-rollouts\"\nreplicas = 3\n",
        ),
        (CATALOG_PATH, CATALOG),
        ("monitoring-dashboard.yml", DASHBOARD),
        ("README.md", "[service.not-ours"),
    ]);
    assert_eq!(shown(&catalog.findings), Vec::<String>::new());
    // The README last, for its text alone.
    assert_eq!((catalog.files.len(), catalog.files[5].path.as_str()), (6, "README.md"));
    let auth = &catalog.services["shared-auth"];
    assert_eq!((auth.tier, auth.status), (Tier::Medium, Lifecycle::Ga));
    assert_eq!(auth.governance.approvers, ["platform-team", "security-team"]);
    assert_eq!(auth.governance.break_changes_notice, Some(30));
    assert_eq!(auth.deprecation_date, "2026-06-30".parse().ok());
    let old = &catalog.services["old-api"];
    assert_eq!(old.version, None);
    assert_eq!(old.sunset_date, "2026-05-20".parse().ok());
    assert_eq!(old.sla.as_ref().unwrap().response_time_p99, Some(Duration::milliseconds(100)));
    let front = &catalog.services["project-a-frontend"];
    assert_eq!(front.owner.as_ref().unwrap(), "shop-team");
    assert_eq!((front.tier, front.deployment.managed_by), (Tier::Critical, ManagedBy::ArgoRollouts));
    assert_eq!(front.dependencies.len(), 2);
    assert!(front.dependencies[0].requirement.is_some() && front.dependencies[1].optional);
    let dependency = &front.dependencies[0].span;
    let file = &catalog.files[dependency.file as usize];
    assert_eq!(&file.text[dependency.start as usize..dependency.end as usize], "\"shared-auth >= 1.0\"");
    let metrics = front.metrics.as_ref().unwrap();
    assert_eq!(metrics.error_rate.unwrap().to_string(), "0.1%");
    let alerts = front.alerts.as_ref().unwrap();
    assert_eq!(alerts.time_to_escalate, Some(Duration::minutes(5)));
    assert_eq!(alerts.channels["warning"], ["slack#warnings", "email@ops"]);
    let project = &catalog.projects["project-a"];
    assert_eq!(project.title.as_deref(), Some("E-Commerce Platform"));
    assert_eq!(project.namespaces["production"], "shop");
    assert_eq!(catalog.dashboard[0].widgets[0].parameters["filter"], "status == \"active\"");
}

#[test]
fn policies_and_settings_read() {
    let catalog = load(&[
        (CATALOG_PATH, CATALOG),
        (
            "policies/teams.toml",
            "[person.m-ruiz]\nname = \"Marta Ruiz\"\nemail = \"m@example.com\"\n\
             [team.platform-team]\nmembers = [\"@m-ruiz\"]\nlead = \"m-ruiz\"\n\
             [team.platform-team.rotation]\nmembers = [\"m-ruiz\"]\nstart = 2026-01-05T08:00:00\n\
             time_zone = \"Europe/Madrid\"\nshift = \"7d\"\n",
        ),
        (
            "policies/escalation.toml",
            "on_call = \"platform-team\"\n[severity.critical]\nresponse = \"1m\"\nescalation = \"2m\"\n\
             [severity.info]\nresponse = \"1d\"\n[[level]]\nafter_escalations = 1\nnotify = [\"@platform-lead\"]\n\
             [[level]]\nafter_escalations = 0\nnotify = [\"@on-call\"]\n",
        ),
        ("policies/sla.toml", "[sla.default]\navailability = \"99%\"\n[recovery]\nrto = \"1h\"\n"),
        (
            "policies/security.toml",
            "allowed_registries = []\nforbidden_ports = [22]\n[gate.security]\nteam = \"@sec\"\n[[exemption]]\nrule = \"QD506\"\n\
             reason = \"r\"\napprover = \"@m-ruiz\"\nexpires = 2026-12-01\n[[rule]]\nname = \"n\"\nrule = \"true\"\napplies_to = \"change\"\n",
        ),
        (
            "policies/compliance.toml",
            "[[framework.gdpr.control]]\nid = \"1\"\nrule = \"true\"\nseverity = \"note\"\n[gate.compliance]\nteam = \"law\"\n",
        ),
        (
            "policies/calendar.toml",
            "[[freeze]]\nname = \"Winter\"\nstart = 2026-12-20\nend = \"2027-01-02\"\n\
             [[freeze]]\nname = \"Move\"\nstart = 2026-12-05T18:00:00Z\nend = \"2026-12-08T08:00:00+01:00\"\n",
        ),
        ("services/versions.toml", "[version.shared-auth]\ncurrent = \"1.2.3\"\nprevious = [\"1.2.2\"]\n"),
        ("services/patterns.toml", "[pattern.web]\nreplicas = 2\ncanary_steps = [5, 50]\n"),
        (
            "quarterdeck.toml",
            "name = \"shop\"\n[environment.staging]\ncontext = \"s\"\n[environment.production]\ncontext = \"p\"\n\
             [rules]\nQD103 = \"allow\"\n[preset.worst]\nfilter = \"x\"\n[metrics.scrape]\nurl = \"http://x\"\ninterval = \"1s\"\n",
        ),
    ]);
    assert_eq!(shown(&catalog.findings), Vec::<String>::new());
    assert!(catalog.people.is_member(&"m-ruiz".into(), "@platform-team"));
    assert!(catalog.people.teams["platform-team"].rotation.is_some());
    assert_eq!(catalog.severities.rows[&Severity::Critical].response, Duration::minutes(1));
    assert_eq!(catalog.severities.rows[&Severity::High].response, Duration::minutes(15));
    assert_eq!(catalog.severities.levels, [["@on-call"], ["@platform-lead"]]);
    assert_eq!(catalog.gate_teams["security"], "sec");
    let policies = &catalog.policies;
    assert_eq!(
        (policies.allowed_registries.as_deref(), &*policies.forbidden_ports),
        (Some(&[][..]), &[22][..])
    );
    assert_eq!(policies.exemptions[0].approver, "m-ruiz");
    assert_eq!(policies.exemptions[0].expires, "2026-12-01".parse().ok());
    let rules: Vec<_> = policies.rules.iter().map(|rule| (&*rule.name, rule.about, rule.level)).collect();
    assert_eq!(rules, [("1", About::Service, Level::Note), ("n", About::Change, Level::Error)]);
    assert_eq!(policies.rules[0].framework.as_deref(), Some("gdpr"));
    let freezes: Vec<_> =
        catalog.calendar.iter().map(|entry| entry.end.map(|end| end.to_rfc3339())).collect();
    assert_eq!(freezes, [Some("2027-01-02T00:00:00+00:00".into()), Some("2026-12-08T07:00:00+00:00".into())]);
    assert_eq!(catalog.previous_versions["shared-auth"].len(), 1);
    assert_eq!(catalog.patterns.keys().collect::<Vec<_>>(), ["web"]);
    let names: Vec<_> = catalog.settings.environments.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["staging", "production"]);
    assert!(catalog.settings.environments[1].production && !catalog.settings.environments[0].production);
    assert_eq!(catalog.settings.rules["QD103"], None);
}

#[test]
fn each_broken_thing_is_one_finding_of_its_code() {
    let base = "[service.a]\nname = \"a\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.0.0\"\n";
    for (line, code) in [
        ("verson = \"1.0.0\"", "QD103"),
        ("port = \"8080\"", "QD104"),
        ("port = 70000", "QD106"),
        ("sensitive = \"yes\"", "QD104"),
        ("status = \"done\"", "QD106"),
        ("sunset_date = \"soon\"", "QD106"),
        ("sunset_date = 2026-13-01", "QD101"),
        ("compat_version_min = \"1.0\"", "QD106"),
        ("replacement_service = \"Not_A_Name\"", "QD107"),
        ("sla.availability = \"101%\"", "QD106"),
        ("sla.response_time_p99 = \"fast\"", "QD106"),
        ("consumers.projects = \"a\"", "QD104"),
        ("consumers.projects = [1]", "QD104"),
        ("dependencies.requires = [\"b >> 1\"]", "QD106"),
        ("dependencies.requires = [\"b\", \"B!\"]", "QD107"),
        ("governance.approvers = [\"not a handle\"]", "QD107"),
        ("deployment = 1", "QD104"),
        ("deployment.managed_by = \"argo\"", "QD106"),
    ] {
        assert_eq!(codes(CATALOG_PATH, &format!("{base}{line}\n")), [code], "{line}");
    }
    for (path, text, code) in [
        (
            CATALOG_PATH,
            "[service.a]\nname = \"b\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.0.0\"\n",
            "QD108",
        ),
        (CATALOG_PATH, "[service.a]\nname = \"a\"\nowner = \"t\"\nversion = \"1.0.0\"\n", "QD105"),
        (CATALOG_PATH, "[service.a]\nname = \"a\"\ntype = \"api\"\nversion = \"1.0.0\"\n", "QD105"),
        (CATALOG_PATH, "[service.a]\nname = \"a\"\ntype = \"api\"\nowner = \"t\"\n", "QD105"),
        (CATALOG_PATH, "[services.a]\nname = \"a\"\n", "QD103"),
        (CATALOG_PATH, "service = 3\n", "QD104"),
        (CATALOG_PATH, "[service]\na = 3\n", "QD104"),
        ("projects/p/services.toml", "[project-specific.q]\n", "QD108"),
        ("projects/p/services.toml", "", "QD105"),
        (
            "projects/p/services.toml",
            "[project-specific.p]\n[service.old-api]\nname = \"old-api\"\ntype = \"api\"\nversion = \"1.0.0\"\n",
            "QD109",
        ),
        ("projects/p/monitoring.toml", "[service.nobody.alerts]\n", "QD110"),
        ("projects/p/deployment.toml", "[service.shared-aut.deployment]\n", "QD110"),
        ("policies/escalation.toml", "[severity.huge]\nresponse = \"5m\"\n", "QD103"),
        ("policies/escalation.toml", "[[level]]\nnotify = \"@on-call\"\n", "QD104"),
        ("policies/escalation.toml", "level = [1]\n", "QD104"),
        (
            "policies/teams.toml",
            "[team.t.rotation]\nmembers = [\"a\"]\nstart = \"2026-01-01\"\ntime_zone = \"Europe/Madrit\"\nshift = \"7d\"\n",
            "QD106",
        ),
        ("quarterdeck.toml", "[rules]\nQD999 = \"error\"\n", "QD103"),
        ("quarterdeck.toml", "[repository]\nchanges = \"no-star\"\n", "QD106"),
        ("quarterdeck.toml", "[repository]\nremote = \"--upload-pack=x\"\n", "QD106"),
        ("monitoring-dashboard.yml", "sections: 3\n", "QD104"),
        ("monitoring-dashboard.yml", "sections: [\n", "QD101"),
        (
            "monitoring-dashboard.yml",
            "sections:\n  - name: a\n    widgets:\n      - type: service_lst\n",
            "QD106",
        ),
        (
            "monitoring-dashboard.yml",
            "sections:\n  - name: a\n    widgets:\n      - type: sla_status\n        group: x\n",
            "QD103",
        ),
        ("monitoring-dashboard.yml", "", "QD104"),
    ] {
        assert_eq!(codes(path, text), [code], "{path}: {text}");
    }
}

#[test]
fn suggestions_name_what_was_meant() {
    let base = "[service.a]\nname = \"a\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.0\"\nverson = 1\n";
    let catalog = load(&[(CATALOG_PATH, base)]);
    let helps: Vec<_> = catalog.findings.iter().filter_map(|finding| finding.help.as_deref()).collect();
    assert_eq!(helps, ["write `1.0.0`", "did you mean `version`?"]);
    assert_eq!(catalog.findings[0].location().unwrap(), "services/catalog.toml:5:11");
}

#[test]
fn a_broken_file_hides_neither_its_rest_nor_other_files() {
    let broken = "[service.a]\nname = \"a\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.0.0\"\nport = = 3\n\
                  description = \"unclosed\n[service.b]\nname = \"b\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.0.0\"\n";
    let catalog = load(&[(CATALOG_PATH, broken), ("projects/project-a/services.toml", PROJECT)]);
    let syntax = catalog.findings.iter().filter(|finding| finding.code == "QD101").count();
    assert!(syntax >= 2, "{:?}", shown(&catalog.findings));
    let names: Vec<_> = catalog.services.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["a", "b", "project-a-frontend"]);
}

#[test]
fn marks_line_ends_and_foreign_encodings() {
    let windows = format!("\u{feff}{}", CATALOG.replace('\n', "\r\n"));
    assert_eq!(codes(CATALOG_PATH, &windows), Vec::<&str>::new());
    let mut bytes = CATALOG.as_bytes().to_vec();
    bytes.extend(b"# caf\xe9\n");
    let catalog = read([(CATALOG_PATH.to_owned(), bytes)]);
    assert_eq!(catalog.findings.iter().map(|f| f.code).collect::<Vec<_>>(), ["QD102"]);
    assert_eq!(catalog.services.len(), 2);
}

#[test]
fn a_file_in_a_foreign_form_has_one_finding_and_is_read_all_the_same() {
    let wide: Vec<u8> = format!("\u{feff}{CATALOG}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bare = CATALOG.replace('\n', "\r").into_bytes();
    let both: Vec<u8> = CATALOG.replace('\n', "\r").encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (bytes, message) in [
        (wide, "services/catalog.toml is UTF-16, not UTF-8"),
        (both, "services/catalog.toml is UTF-16, not UTF-8"),
        (bare, "lines of services/catalog.toml end in a carriage return alone"),
    ] {
        let catalog = read([(CATALOG_PATH.to_owned(), bytes)]);
        let messages: Vec<_> = catalog.findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(messages, [message]);
        assert_eq!(catalog.services.len(), 2);
        // Places are those of lines.
        let service = &catalog.services["shared-auth"];
        let label = catalog.label(service.place("version"), "").unwrap();
        assert_eq!(
            label.file.position(label.start).0,
            CATALOG[..CATALOG.find("version").unwrap()].lines().count() + 1
        );
    }
    let picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xfe = [[[".repeat(500);
    let found: Vec<_> = read([(CATALOG_PATH.to_owned(), picture)]).findings.iter().map(|f| f.code).collect();
    assert_eq!(found, ["QD102"]);
}

#[test]
fn a_missing_catalog_is_an_error_and_the_rest_is_read() {
    let catalog = load(&[("projects/project-a/services.toml", PROJECT)]);
    assert_eq!(catalog.findings[0].code, "QD100");
    assert_eq!(catalog.findings[0].level, Level::Error);
    assert_eq!(catalog.services.len(), 1);
    assert_eq!(load(&[]).findings.len(), 1);
}

#[test]
fn hostile_nesting_and_size_end_in_findings() {
    let dotted = vec!["a"; 10_000].join(".");
    let inline = |levels: usize, key: &str| {
        format!("x = {}1{}\n", format!("{{{key} = ").repeat(levels), "}".repeat(levels))
    };
    let wide_key = vec!["k"; 78].join(".");
    for text in [
        format!("{dotted} = 1\n"),
        format!("[{dotted}]\n"),
        format!("x = {}\n", "[".repeat(100_000)),
        format!("x = {}{}\n", "[".repeat(50_000), "]".repeat(50_000)),
        inline(50_000, "a"),
        inline(78, &wide_key),
        "[[a]]\n".repeat(50_000),
    ] {
        assert!(!codes(CATALOG_PATH, &text).is_empty());
        assert!(!codes("policies/security.toml", &text).is_empty());
    }
    let deep = format!("sections: {}{}", "[".repeat(20_000), "]".repeat(20_000));
    assert!(!codes("monitoring-dashboard.yml", &deep).is_empty());
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    assert!(!codes("monitoring-dashboard.yml", bomb).is_empty());
    let many: Vec<_> = (0..3_000).map(|index| format!("unknown{index} = 1\n")).collect();
    let many = many.concat();
    let catalog = load(&[(CATALOG_PATH, &many)]);
    assert_eq!(catalog.findings.len(), 1_001);
    assert!(catalog.findings.iter().any(|finding| finding.code == "QD112"));
    let huge = vec![b'#'; MAX_FILE_BYTES + 1];
    assert_eq!(read([(CATALOG_PATH.to_owned(), huge)]).findings[0].code, "QD111");
    // Small, but it would take gigabytes once it is parsed.
    let dense = format!("foo = [{}]", "{a=1},".repeat(400_000)).into_bytes();
    assert_eq!(read([(CATALOG_PATH.to_owned(), dense)]).findings[0].code, "QD111");
}

#[test]
fn which_paths_are_read() {
    for path in
        ["services/catalog.toml", "projects/p/services.toml", "quarterdeck.toml", "monitoring-dashboard.yml"]
    {
        assert!(is_control_file(path), "{path}");
    }
    for path in [
        "catalog.toml",
        "projects/services.toml",
        "projects/a/b/services.toml",
        "projects//services.toml",
        "CHANGELOG.md",
    ] {
        assert!(!is_control_file(path), "{path}");
    }
}

#[test]
fn forges_and_channels_are_read_and_secrets_are_only_places() {
    let settings = r#"
[forge]
kind = "gitea"
url = "https://codeberg.org"
repository = "shop/control"
token_env = "FORGE_TOKEN"

[notify.ops]
kind = "slack"
url_file = "~/.config/slack"
on = ["incident.declared", "change.approved"]
severity = "high"

[notify.audit]
kind = "webhook"
url = "https://audit.example.com/hook"
secret_env = "AUDIT_SECRET"
on = ["incident.resolved"]
"#;
    let read = |text: &str| {
        let text = text.as_bytes().to_vec();
        read([("services/catalog.toml".to_owned(), Vec::new()), ("quarterdeck.toml".to_owned(), text)])
    };
    let catalog = read(settings);
    assert_eq!(catalog.findings, []);
    let forge = catalog.settings.forge.unwrap();
    assert_eq!((forge.kind, forge.repository.as_str()), (ForgeKind::Gitea, "shop/control"));
    assert_eq!(forge.token, Some(SecretPlace::Environment("FORGE_TOKEN".into())));
    let [ops, audit] = catalog.settings.channels.try_into().unwrap();
    assert_eq!(ops.address, AddressPlace::Secret(SecretPlace::File("~/.config/slack".into())));
    assert_eq!((ops.severity, ops.on.len()), (Some(Severity::High), 2));
    assert_eq!((audit.name.as_str(), audit.on), ("audit", vec![NoticeEvent::IncidentResolved]));
    assert_eq!(audit.secret, Some(SecretPlace::Environment("AUDIT_SECRET".into())));

    for (text, code, said) in [
        ("[forge]\nkind = \"gitea\"\nrepository = \"a/b\"", "QD106", "needs its `url`"),
        ("[forge]\nkind = \"github\"\nrepository = \"a/../b\"", "QD106", "names no repository"),
        ("[forge]\nkind = \"githup\"\nrepository = \"a/b\"", "QD106", "githup"),
        ("[forge]\nkind = \"github\"", "QD105", "repository"),
        ("[forge]\nkind = \"github\"\nrepository = \"a/b\"\ntoken = \"ghp_x\"", "QD103", "token"),
        (
            "[forge]\nkind = \"github\"\nrepository = \"a/b\"\ntoken_env = \"A\"\ntoken_file = \"/b\"",
            "QD106",
            "`token_env` names the same secret",
        ),
        ("[notify.ops]\nkind = \"slack\"\non = []", "QD106", "has no address"),
        (
            "[notify.ops]\nkind = \"slack\"\nurl = \"https://x\"\non = [\"incident.opened\"]",
            "QD106",
            "incident.opened",
        ),
        (
            "[notify.ops]\nkind = \"slack\"\nurl = \"https://x\"\non = []\nsecret_env = \"A\"",
            "QD106",
            "takes no signature",
        ),
    ] {
        let findings = read(text).findings;
        assert!(
            findings.iter().any(|finding| finding.code == code && finding.message.contains(said)),
            "{text}: {findings:#?}"
        );
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for path in [CATALOG_PATH, "monitoring-dashboard.yml", "quarterdeck.toml"] {
            read([(path.to_owned(), bytes.clone())]);
        }
    }

    #[test]
    fn mutated_files_never_panic(at in 0..1_000_usize, cut in 0..40_usize, insert in "[\\[\\]{}=\"'.,\\n#a0é-]{0,8}") {
        for (path, text) in [
            (CATALOG_PATH, CATALOG),
            ("projects/project-a/services.toml", PROJECT),
            ("projects/project-a/monitoring.toml", MONITORING),
            ("monitoring-dashboard.yml", DASHBOARD),
        ] {
            let mut bytes = text.as_bytes().to_vec();
            let start = at.min(bytes.len());
            let end = (start + cut).min(bytes.len());
            bytes.splice(start..end, insert.bytes());
            let catalog = read([(path.to_owned(), bytes)]);
            for finding in &catalog.findings {
                for label in &finding.labels {
                    prop_assert!(label.start <= label.end && label.end <= label.file.text.len().max(3));
                }
                finding.location();
            }
        }
    }
}

/// A repository of several projects, large enough to be read on several threads.
fn many_projects() -> Vec<(String, String)> {
    let mut files = vec![(CATALOG_PATH.to_owned(), String::new())];
    for project in 0..8 {
        let mut text = format!("[project-specific.p{project}]\nname = \"P\"\nowner = \"core\"\n");
        let mut monitoring = String::new();
        for service in 0..400 {
            text.push_str(&format!(
                "[service.s{project}-{service}]\nname = \"s{project}-{service}\"\ntype = \"api\"\n\
                 version = \"1.0.0\"\n[service.s{project}-{service}.dependencies]\nrequires = [\"s{project}-0\"]\n"
            ));
            monitoring.push_str(&format!(
                "[service.s{project}-{service}.metrics]\nresponse_time_p99 = \"100ms\"\n"
            ));
        }
        files.push((format!("projects/p{project}/services.toml"), text));
        files.push((format!("projects/p{project}/monitoring.toml"), monitoring));
    }
    assert!(files.iter().map(|(_, text)| text.len()).sum::<usize>() > WORTH_A_THREAD);
    files
}

fn bytes(files: &[(String, String)]) -> Vec<(String, Vec<u8>)> {
    files.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())).collect()
}

#[test]
fn a_kept_reading_is_the_same_as_a_new_one_and_shares_what_did_not_change() {
    let mut files = many_projects();
    let reader = Reader::default();
    let first = reader.read(bytes(&files));
    assert_eq!(first.services.len(), 3_200);
    assert_eq!(first, read(bytes(&files)));

    files[1].1 = files[1].1.replace("[service.s0-7]", "[service.s0-7]\nbroken key");
    files[4].1 = files[4].1.replacen("100ms", "200ms", 1);
    files.push(("services/versions.toml".to_owned(), "[version.s1-1]\ncurrent = \"1.0.0\"\n".to_owned()));
    let second = reader.read(bytes(&files));
    assert_eq!(second, read(bytes(&files)));
    assert!(second.findings.iter().any(|finding| finding.code == "QD101"));
    let shared = |name: &str| {
        let name = ServiceName::from(name);
        Arc::ptr_eq(&first.services[&name], &second.services[&name])
    };
    assert!(shared("s2-3") && !shared("s1-0") && !shared("s0-7"));

    // Back again, as when a change is looked at and then main: nothing is read a second time.
    files.pop();
    let files = many_projects();
    let third = reader.read(bytes(&files));
    assert_eq!(first, third);
    assert!(
        first.services.values().zip(third.services.values()).filter(|(a, b)| Arc::ptr_eq(a, b)).count()
            > 2_700
    );
}
