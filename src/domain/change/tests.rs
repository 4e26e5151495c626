//! Changes told from catalogs, as the reader gives them.

use super::*;
use crate::domain::{
    catalog::read,
    gate::Gate,
    ledger::{Entry, EntryBody, Happening, Operations},
    name::TeamName,
};
use chrono::Duration;

const TEAMS: &str = r#"
[person.ana]
name = "Ana"
email = "ana@example.com"
[person.bo]
name = "Bo"
email = "bo@example.com"
[person.cy]
name = "Cy"
email = "cy@example.com"
[team.platform]
members = ["ana", "bo", "cy"]
[team.security-team]
members = ["bo"]
[team.auditors]
members = ["cy"]
"#;

const API: &str = r#"
[service.api]
name = "api"
type = "api"
owner = "platform"
version = "2.1.0"
compat_version_min = "2.0.0"
port = 8080
"#;

fn catalog(services: &str) -> Catalog {
    let files = [
        ("services/catalog.toml", services),
        ("policies/teams.toml", TEAMS),
        ("policies/compliance.toml", "[gate.compliance]\nteam = \"auditors\"\n"),
    ];
    read(files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())))
}

/// Concludes and assembles at once.
fn assemble(
    proposal: Proposal,
    base: &Catalog,
    head: &Catalog,
    findings: &[Finding],
    main: &Catalog,
    operations: &Operations,
) -> Change {
    let graph = DependencyGraph::build(head);
    let conclusion = conclude(&proposal, base, head, &graph, findings.to_vec());
    super::assemble(proposal, &conclusion, main, operations, Arc::default())
}

fn paths(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

#[test]
fn the_class_follows_the_difference() {
    use ChangeClass::{Breaking, Bugfix, Deprecation, Feature, Other, Retirement};
    let version = |version: &str| API.replace("2.1.0", version);
    let with = |line: &str| format!("{API}{line}\n");
    let old_api = API.replace("2.1.0", "0.3.0").replace("compat_version_min = \"2.0.0\"\n", "");
    for (base, head, class) in [
        (API.to_owned(), API.to_owned(), Other),
        (API.to_owned(), version("2.1.1"), Bugfix),
        (API.to_owned(), with("description = \"better\""), Bugfix),
        (API.to_owned(), version("2.2.0"), Feature),
        (API.to_owned(), version("2.0.4"), Feature),
        (API.to_owned(), version("2.1.0-beta.1"), Feature),
        (
            API.to_owned(),
            API.replace("\"api\"", "\"web\"").replace("name = \"web\"", "name = \"api\""),
            Breaking,
        ),
        (API.to_owned(), version("3.0.0"), Breaking),
        (API.to_owned(), version("1.9.0"), Breaking),
        // Below 1.0 the minor version plays the major's part.
        (old_api.clone(), old_api.replace("0.3.0", "0.4.0"), Breaking),
        (old_api.clone(), old_api.replace("0.3.0", "0.3.1"), Bugfix),
        (API.to_owned(), API.replace("2.0.0", "2.1.0"), Breaking),
        (API.to_owned(), API.replace("8080", "9090"), Breaking),
        (API.to_owned(), API.replace("owner = \"platform\"\n", ""), Breaking),
        (API.to_owned(), API.replace("version = \"2.1.0\"\n", ""), Breaking),
        (API.to_owned(), with("status = \"deprecated\""), Deprecation),
        (with("status = \"deprecated\""), with("status = \"retired\""), Retirement),
        (API.to_owned(), with("status = \"maintenance\""), Feature),
        (API.to_owned(), String::new(), Breaking),
        (with("status = \"retired\""), String::new(), Retirement),
        (String::new(), API.to_owned(), Feature),
        (API.to_owned(), with("[service.api.dependencies]\nrequires = [\"auth\"]"), Feature),
        (API.to_owned(), with("[service.api.dependencies]\noptional = [\"auth\"]"), Bugfix),
    ] {
        let found = classify(&catalog(&base), &catalog(&head), &[]);
        assert_eq!(found.class, class, "{base}\n→\n{head}\n{:?}", found.fields);
        assert_eq!(found.breaking, class == Breaking);
        assert_eq!(found.services.is_empty(), class == Other);
    }
}

#[test]
fn the_worst_part_wins_and_a_break_is_not_hidden_by_it() {
    use ChangeClass::{Infrastructure, Other, Policy};
    let (base, head) = (catalog(API), catalog(&API.replace("2.1.0", "3.0.0")));
    for (touched, class) in [
        (paths(&["services/catalog.toml", "policies/teams.toml"]), Policy),
        (paths(&["infrastructure/network.k", "policies/teams.toml"]), Infrastructure),
    ] {
        let found = classify(&base, &head, &touched);
        assert_eq!((found.class, found.breaking), (class, true), "{touched:?}");
    }
    assert_eq!(classify(&base, &base, &paths(&["README.md"])).class, Other);
}

#[test]
fn fields_say_what_was_and_what_is() {
    let base = catalog(&format!(
        "{API}[service.api.sla]\nresponse_time_p99 = \"1500ms\"\navailability = \"99.9%\"\n"
    ));
    let head = catalog(&format!(
        "{}[service.api.sla]\nresponse_time_p99 = \"1s\"\n[service.api.dependencies]\nrequires = [\"auth >= 1.0\"]\n",
        API.replace("2.1.0", "2.2.0")
    ));
    let found: Vec<_> = classify(&base, &head, &[])
        .fields
        .into_iter()
        .map(|change| (change.field, change.old.unwrap_or_default(), change.new.unwrap_or_default()))
        .collect();
    let expected = [
        ("version", "2.1.0", "2.2.0"),
        ("dependencies.requires", "", "auth >=1.0"),
        ("sla.availability", "99.9%", ""),
        ("sla.response_time_p99", "1500ms", "1s"),
    ]
    .map(|(field, old, new)| (field.to_owned(), old.to_owned(), new.to_owned()));
    assert_eq!(found, expected);
}

#[test]
fn moving_a_service_within_its_file_changes_nothing() {
    let found = classify(&catalog(API), &catalog(&format!("# A comment.\n{API}")), &[]);
    assert_eq!((found.class, found.fields.len()), (ChangeClass::Other, 0));
}

fn proposal() -> Proposal {
    let ana = Identity { name: "Ana".into(), email: "ana@example.com".into() };
    Proposal {
        id: "api-2".into(),
        branch: "change/api-2".into(),
        head: "a".repeat(40).into(),
        base: "b".repeat(40).into(),
        authors: vec![ana.clone()],
        last_committer: ana,
        subject: "Release".into(),
        committed_at: DateTime::UNIX_EPOCH,
        opened_at: DateTime::UNIX_EPOCH,
        messages: vec![],
        paths: paths(&["services/catalog.toml"]),
        objects: BTreeMap::new(),
    }
}

/// Gates with their teams of a change from `base` to `head`.
fn gate_names(base: &str, head: &str) -> Vec<String> {
    let (base, head) = (catalog(base), catalog(head));
    let change = assemble(proposal(), &base, &head, &[], &base, &Operations::default());
    let teams = |status: &GateStatus| status.teams.iter().map(TeamName::as_str).collect::<Vec<_>>().join("+");
    change.gates.iter().map(|status| format!("{} {}", status.gate, teams(status))).collect()
}

#[test]
fn gates_and_their_teams_follow_the_change() {
    let with = |line: &str| format!("{API}{line}\n");
    let bumped = |text: &str| text.replace("2.1.0", "2.1.1");
    let governed = with("[service.api.governance]\napprovers = [\"@platform\", \"@auditors\"]");
    let marked = with("sensitive = true\nregulated = true");
    for (base, head, gates) in [
        (API.to_owned(), bumped(API), vec!["code-review platform"]),
        (governed.clone(), bumped(&governed), vec!["code-review platform+auditors"]),
        // A change does not choose its own approvers.
        (
            API.to_owned(),
            with("[service.api.governance]\napprovers = [\"@mine\"]"),
            vec!["code-review platform"],
        ),
        (
            marked.clone(),
            bumped(&marked),
            vec!["code-review platform", "security security-team", "compliance auditors"],
        ),
        // Nor does it shed a gate by taking the mark away, or get round one by setting it.
        (
            marked.clone(),
            API.to_owned(),
            vec!["code-review platform", "security security-team", "compliance auditors"],
        ),
        (API.to_owned(), with("sensitive = true"), vec!["code-review platform", "security security-team"]),
        // Nobody owns architecture here: the reviewers do.
        (
            API.to_owned(),
            API.replace("2.1.0", "3.0.0"),
            vec!["code-review platform", "architecture platform"],
        ),
        // A new service of a known team; one of an unknown team is everybody's.
        (String::new(), API.to_owned(), vec!["code-review platform"]),
        (
            String::new(),
            API.replace("platform", "nobody"),
            vec!["code-review auditors+platform+security-team"],
        ),
    ] {
        assert_eq!(gate_names(&base, &head), gates, "{base}\n→\n{head}");
    }
}

fn approval(email: &str, gate: Gate, head: &str, minute: i64) -> Entry {
    Entry {
        commit: format!("{minute:040x}").into(),
        at: DateTime::UNIX_EPOCH + Duration::minutes(minute),
        actor: Identity { name: String::new(), email: email.to_owned() },
        subject: String::new(),
        body: EntryBody::Known(Happening::ChangeApproved {
            change: "api-2".into(),
            gate,
            head: head.repeat(40).into(),
            base: "b".repeat(40).into(),
            digest: None,
            answers: None,
            note: None,
        }),
    }
}

#[test]
fn approvals_count_only_for_the_head_and_from_the_right_people() {
    use Gate::{CodeReview, Security};
    let base = catalog(&format!("{API}sensitive = true\n"));
    let head = catalog(&format!("{}sensitive = true\n", API.replace("2.1.0", "2.1.1")));
    let blocked = |entries: &[Entry]| {
        let operations = Operations::fold(entries);
        assemble(proposal(), &base, &head, &[], &base, &operations).blocked()
    };
    let review = |email: &str, head: &str| approval(email, CodeReview, head, 1);
    for (entries, expected) in [
        (vec![], Some("code-review open, security open")),
        (vec![review("cy@example.com", "a")], Some("security open")),
        (vec![review("CY@example.com", "a"), approval("bo@example.com", Security, "a", 2)], None),
        // An older head's approval has fallen; for the present head it counts whatever came before.
        (vec![review("cy@example.com", "c")], Some("code-review fell with the new head, security open")),
        (vec![review("cy@example.com", "c"), review("cy@example.com", "a")], Some("security open")),
        // The author, a stranger, a foreign team, and one person for two gates.
        (vec![review("ana@example.com", "a")], Some("code-review open, security open")),
        (vec![review("eve@example.com", "a")], Some("code-review open, security open")),
        (vec![approval("cy@example.com", Security, "a", 1)], Some("code-review open, security open")),
        (
            vec![review("bo@example.com", "a"), approval("bo@example.com", Security, "a", 2)],
            Some("security open"),
        ),
    ] {
        assert_eq!(blocked(&entries).as_deref(), expected, "{entries:?}");
    }
}

#[test]
fn errors_block_and_warnings_do_not() {
    let finding = |level| Finding {
        code: "QD999",
        name: "test",
        level,
        message: String::new(),
        labels: Vec::new(),
        help: None,
    };
    let findings = vec![finding(Level::Error), finding(Level::Warning), finding(Level::Error)];
    let base = catalog(API);
    let change = assemble(proposal(), &base, &base, &findings, &base, &Operations::default());
    assert_eq!(change.errors(), 2);
    assert!(change.blocked().is_some_and(|text| text.starts_with("2 errors, code-review open")));
}

/// What a proposal with these files before and after is bound to.
fn bound(before: &[(&str, &str)], after: &[(&str, &str)]) -> String {
    let load = |files: &[(&str, &str)]| {
        read(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())))
    };
    let object = |files: &[(&str, &str)], path: &str| {
        let text = files.iter().find(|(known, _)| *known == path)?.1;
        let sum = text.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        Some(format!("100644 {sum:040x}"))
    };
    let mut proposal = proposal();
    for (path, _) in before.iter().chain(after) {
        let sides = [object(before, path), object(after, path)];
        if sides[0] != sides[1] {
            proposal.objects.insert((*path).to_owned(), sides);
        }
    }
    let (base, head) = (load(before), load(after));
    let change = assemble(proposal, &base, &head, &[], &base, &Operations::default());
    assert_eq!(change.digest().len(), 64);
    change.digest().to_owned()
}

#[test]
fn the_digest_outlives_a_rebase_and_nothing_else() {
    const CATALOG: &str = "services/catalog.toml";
    let other = API.replace("api", "web");
    let raised = API.replace("2.1.0", "2.2.0");
    let first = bound(&[(CATALOG, API)], &[(CATALOG, &raised)]);
    // Main has got another service above meanwhile, and a file that this change does not touch.
    let below = |text: &str| format!("{other}{text}");
    let rebased = bound(
        &[(CATALOG, &below(API)), ("README.md", "new\n")],
        &[(CATALOG, &below(&raised)), ("README.md", "new\n")],
    );
    assert_eq!(first, rebased);
    let log = "changes.md";
    let logged = |above: &str| {
        bound(
            &[(CATALOG, API), (log, &format!("# Changes\n{above}"))],
            &[(CATALOG, &raised), (log, &format!("# Changes\n- 2.2.0\n{above}"))],
        )
    };
    assert_eq!(logged("- 2.1.0\n"), logged("- 2.1.0\n- of another service\n"));
    let policy = "policies/sla.toml";
    let script = "deploy.sh";
    let mut seen = vec![first, logged("")];
    for (before, after) in [
        // Another value, another place of the same line, an unknown key, a comment.
        (vec![(CATALOG, API)], vec![(CATALOG, API.replace("2.1.0", "2.3.0"))]),
        (vec![(CATALOG, &*below(API))], vec![(CATALOG, below(API).replacen("2.1.0", "2.2.0", 1))]),
        (vec![(CATALOG, API)], vec![(CATALOG, format!("{raised}wholly_unknown = 1\n"))]),
        (vec![(CATALOG, API)], vec![(CATALOG, format!("{raised}# quarterdeck:allow\n"))]),
        (vec![(CATALOG, API)], vec![(CATALOG, format!("{raised}[broken\n"))]),
        // A policy beside it, and a script, with one byte of difference.
        (vec![(CATALOG, API)], vec![(CATALOG, raised.clone()), (policy, "[a]\nb = 1\n".into())]),
        (vec![(CATALOG, API)], vec![(CATALOG, raised.clone()), (policy, "[a]\nb = 2\n".into())]),
        (vec![(CATALOG, API)], vec![(CATALOG, raised.clone()), (policy, "[b]\nb = 2\n".into())]),
        (vec![(CATALOG, API)], vec![(CATALOG, raised.clone()), (script, "true\n".into())]),
        (vec![(CATALOG, API)], vec![(CATALOG, raised.clone()), (script, "true \n".into())]),
        (vec![(CATALOG, API), (script, "x")], vec![(CATALOG, raised.clone())]),
    ] {
        let after: Vec<(&str, &str)> = after.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let digest = bound(&before, &after);
        assert!(!seen.contains(&digest), "{after:?}");
        seen.push(digest);
    }
}

#[test]
fn an_approval_stands_while_the_change_alters_the_same() {
    let (base, head) = (catalog(API), catalog(&API.replace("2.1.0", "2.1.1")));
    let state = |head_letter: &str, digest: Option<String>| {
        let mut entry = approval("cy@example.com", Gate::CodeReview, head_letter, 1);
        if let EntryBody::Known(Happening::ChangeApproved { digest: kept, .. }) = &mut entry.body {
            *kept = digest;
        }
        let operations = Operations::fold(&[entry]);
        assemble(proposal(), &base, &head, &[], &base, &operations).gates[0].state.clone()
    };
    let now = assemble(proposal(), &base, &head, &[], &base, &Operations::default());
    let now = now.digest().to_owned();
    let other = "0".repeat(64);
    for (letter, digest, expected) in [
        ("a", Some(&now), Some(false)),
        // The head moved and the change is the same: kept, visibly.
        ("c", Some(&now), Some(true)),
        // The change is another one, whatever the head.
        ("c", Some(&other), None),
        ("a", Some(&other), None),
        // Before there were digests.
        ("a", None, Some(false)),
        ("c", None, None),
    ] {
        let found = match state(letter, digest.cloned()) {
            GateState::Approved { carried, .. } => Some(carried),
            GateState::Fallen { .. } => None,
            GateState::Open => panic!("{letter} {digest:?}"),
        };
        assert_eq!(found, expected, "{letter} {digest:?}");
    }
}

#[test]
fn a_request_for_changes_is_answered_by_another_change() {
    let (base, head) = (catalog(API), catalog(&API.replace("2.1.0", "2.1.1")));
    let blocked = |email: &str, digest: &str| {
        let mut entry = approval(email, Gate::CodeReview, "a", 1);
        entry.body = EntryBody::Known(Happening::ChangesRequested {
            change: "api-2".into(),
            head: "a".repeat(40).into(),
            digest: digest.to_owned(),
            note: "other".into(),
        });
        let operations = Operations::fold(&[entry]);
        let change = assemble(proposal(), &base, &head, &[], &base, &operations);
        (change.blocked().unwrap_or_default(), change.wishes.len())
    };
    let now = assemble(proposal(), &base, &head, &[], &base, &Operations::default());
    assert_eq!(blocked("cy@example.com", now.digest()), ("code-review open, cy requests changes".into(), 1));
    assert_eq!(blocked("cy@example.com", "0"), ("code-review open".into(), 1));
    // The author and strangers block nobody.
    for email in ["ana@example.com", "eve@example.com"] {
        assert_eq!(blocked(email, now.digest()), ("code-review open".into(), 0));
    }
}

#[test]
fn settings_that_decide_about_others_are_policy_and_watching_is_other() {
    let with = |settings: &str, service: &str| {
        read(
            [
                ("services/catalog.toml", service),
                ("quarterdeck.toml", settings),
                ("policies/teams.toml", TEAMS),
            ]
            .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())),
        )
    };
    let base = with("", API);
    for (settings, class) in [
        ("[preset.p]\nfilter = \"tier == 'critical'\"\n", ChangeClass::Other),
        ("[rules]\nQD301 = \"allow\"\n", ChangeClass::Policy),
        ("[environment.production]\ncontext = \"c\"\nnamespace = \"n\"\n", ChangeClass::Policy),
    ] {
        let found = classify(&base, &with(settings, API), &paths(&["quarterdeck.toml"]));
        assert_eq!(found.class, class, "{settings}");
    }
    // Under projects/<name>/monitoring.toml it is said how a service of the project is watched.
    let project = |monitoring: &str| {
        let service = API.replace("api", "web");
        read(
            [
                ("services/catalog.toml", API),
                ("projects/shop/services.toml", service.as_str()),
                ("projects/shop/monitoring.toml", monitoring),
            ]
            .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())),
        )
    };
    let watched = project("[service.web.metrics]\nerror_type_alerts = [\"timeout\"]\n");
    let found = classify(&project(""), &watched, &paths(&["projects/shop/monitoring.toml"]));
    assert_eq!((found.class, found.services.len()), (ChangeClass::Other, 1), "{:?}", found.fields);
}

#[test]
fn a_small_claim_is_a_finding_whose_level_the_base_sets() {
    let settings = "[rules]\nQD310 = \"error\"\n";
    let with = |settings: &str, version: &str| {
        let text = API.replace("2.1.0", version);
        read(
            [
                ("services/catalog.toml", text.as_str()),
                ("quarterdeck.toml", settings),
                ("policies/teams.toml", TEAMS),
            ]
            .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())),
        )
    };
    for (settings, level) in [("", Some(Level::Warning)), (settings, Some(Level::Error))] {
        let (base, head) = (with(settings, "2.1.0"), with(settings, "2.2.0"));
        let proposal = Proposal { messages: vec!["fix: a typo\n".into()], ..proposal() };
        let change = assemble(proposal, &base, &head, &[], &base, &Operations::default());
        let found = change.findings.iter().find(|finding| finding.code == "QD310");
        assert_eq!(found.map(|finding| finding.level), level);
    }
}
