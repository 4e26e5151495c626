//! Repositories that nobody would write by hand: every rule ends, without deep recursion, and says what it
//! found in a size that a person can read.

use super::check;
use crate::domain::{
    catalog::{Catalog, Dependency, Service, read},
    name::ServiceName,
};
use std::sync::Arc;

/// More than this nobody reads of one message.
const LONGEST_MESSAGE: usize = 2_000;
/// More places than this of one finding nobody looks at.
const MOST_LABELS: usize = 60;

/// A catalog of services, each with its needs: copies of one, because reading so many takes long here.
fn catalog(count: usize, needs: impl Fn(usize) -> Vec<usize>) -> Catalog {
    let text = "[service.s0]\nname = \"s0\"\ntype = \"api\"\nowner = \"core\"\nversion = \"1.0.0\"\n\
                [service.s0.dependencies]\nrequires = [\"s1\"]\n";
    let mut catalog = read([("services/catalog.toml".to_owned(), text.as_bytes().to_vec())]);
    let Some((_, model)) = catalog.services.pop_first() else { panic!("a service") };
    let name = |index: usize| ServiceName::from(format!("s{index}").as_str());
    for index in 0..count {
        let mut service = Service::clone(&model);
        service.name = name(index);
        let need = |other| Dependency { service: name(other), ..service.dependencies[0].clone() };
        service.dependencies = needs(index).into_iter().map(need).collect();
        catalog.services.insert(service.name.clone(), Arc::new(service));
    }
    catalog
}

fn judge(what: &str, head: &Catalog, base: Option<&Catalog>) -> usize {
    let findings = check(head, base, "2026-06-01".parse().unwrap());
    for finding in &findings {
        let short: String = finding.message.chars().take(200).collect();
        assert!(finding.message.len() <= LONGEST_MESSAGE, "{what}: {} is long: {short}", finding.code);
        let labels = finding.labels.len();
        assert!(labels <= MOST_LABELS, "{what}: {} has {labels} places: {short}", finding.code);
        let help = finding.help.as_ref().map_or(0, String::len);
        assert!(help <= LONGEST_MESSAGE, "{what}: the help of {} is long", finding.code);
        let shown = finding.message.chars().chain(finding.labels.iter().flat_map(|label| label.text.chars()));
        assert!(!shown.clone().any(char::is_control), "{what}: {} shows control characters", finding.code);
    }
    findings.len()
}

#[test]
fn chains_rings_and_tangles_end_in_messages_that_can_be_read() {
    // A stack of two MiB, as tests and workers have, is no place for one frame per service.
    let chain = catalog(30_000, |index| if index + 1 < 30_000 { vec![index + 1] } else { Vec::new() });
    judge("chain", &chain, None);
    let ring = catalog(20_000, |index| vec![(index + 1) % 20_000]);
    assert!(judge("ring", &ring, Some(&chain)) > 0);
    let tangle = catalog(150, |index| (0..150).filter(|other| *other != index).collect());
    assert!(judge("tangle", &tangle, None) > 0);
    let hub = catalog(5_000, |index| if index == 0 { Vec::new() } else { vec![0] });
    judge("hub", &hub, None);
    judge("all gone", &catalog(1, |_| Vec::new()), Some(&hub));
}

#[test]
fn hostile_names_and_values_are_shown_without_what_a_terminal_would_obey() {
    let hostile = "\\u001b[31m\\u0007\\u202e\\n";
    let files = [
        (
            "services/catalog.toml",
            format!(
                "[service.\"{hostile}\"]\nname = \"{hostile}\"\ntype = \"{hostile}\"\nowner = \"{hostile}\"\nversion = \"{hostile}\"\n\
                 image = \"{hostile}\"\nreplacement_service = \"{hostile}\"\n[service.a]\nname = \"b{hostile}\"\ntype = \"api\"\n\
                 owner = \"@{hostile}\"\nversion = \"1.0.0\"\n[service.a.dependencies]\nrequires = [\"{hostile}\", \"{hostile} >= 1\"]\n\
                 [service.a.deployment]\nenvironments = [\"{hostile}\"]\n[service.a.governance]\napprovers = [\"{hostile}\"]\n\"{hostile}\" = 1\n"
            ),
        ),
        (
            "policies/teams.toml",
            format!("[team.\"{hostile}\"]\nmembers = [\"{hostile}\"]\nlead = \"{hostile}\"\n"),
        ),
        (
            "policies/escalation.toml",
            format!("on_call = \"{hostile}\"\n[[level]]\nnotify = [\"@{hostile}\"]\n"),
        ),
        (
            "policies/security.toml",
            format!("[[rule]]\nname = \"{hostile}\"\nrule = \"{hostile}\"\nmessage = \"{hostile}\"\n"),
        ),
        (
            "policies/calendar.toml",
            format!("[[window]]\nname = \"{hostile}\"\nrrule = \"{hostile}\"\nduration = \"1h\"\n"),
        ),
        (
            "quarterdeck.toml",
            format!(
                "name = \"{hostile}\"\n[rules]\n\"{hostile}\" = \"error\"\n[preset.x]\nfilter = \"{hostile}\"\n"
            ),
        ),
        (
            "monitoring-dashboard.yml",
            format!(
                "sections:\n  - name: \"{hostile}\"\n    widgets:\n      - type: \"{hostile}\"\n      - type: service_list\n        filter: \"{hostile}\"\n        columns: [\"{hostile}\"]\n"
            ),
        ),
        (
            "projects/\u{1b}[31m/services.toml",
            format!("[project-specific.\"{hostile}\"]\nname = \"{hostile}\"\n"),
        ),
    ];
    let head = read(files.map(|(path, text)| (path.to_owned(), text.into_bytes())));
    assert!(judge("names", &head, Some(&Catalog::default())) > 10);
}
