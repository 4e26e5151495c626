//! Impacts of outages, versions and changes on a small estate, as tables.

use super::*;
use crate::domain::catalog::reader;

const SHARED: &str = "[service.auth]\nname = \"auth\"\ntype = \"api\"\nversion = \"1.3.0\"\ntier = \"critical\"\nowner = \"core\"\nport = 80\n\
    dependencies = { requires = [\"store\"] }\nsla = { availability = \"99.9%\" }\n\
    [service.store]\nname = \"store\"\ntype = \"database\"\nversion = \"5.0.0\"\nowner = \"core\"\nsla = { availability = \"99.5%\" }\n\
    [service.stats]\nname = \"stats\"\ntype = \"api\"\nversion = \"0.2.0\"\nowner = \"nobody\"\n";
const SHOP: &str = "[service.web]\nname = \"web\"\ntype = \"web\"\nversion = \"2.0.0\"\ntier = \"critical\"\nowner = \"shop\"\n\
    dependencies = { requires = [\"api\"], optional = [\"stats\"] }\nsla = { availability = \"99.95%\" }\n\
    [service.api]\nname = \"api\"\ntype = \"api\"\nversion = \"2.1.0\"\nowner = \"shop\"\n\
    dependencies = { requires = [\"auth >= 1.0, < 2.0\"] }\nsla = { availability = \"99%\" }\n\
    [service.mailer]\nname = \"mailer\"\ntype = \"worker\"\nversion = \"1.0.0\"\n\
    dependencies = { optional = [\"auth\"] }\n\
    [service.admin]\nname = \"admin\"\ntype = \"web\"\nversion = \"1.0.0\"\nowner = \"ana\"\ndependencies = { requires = [\"auth\"] }\n\
    [service.next]\nname = \"next\"\ntype = \"web\"\nversion = \"1.0.0\"\nowner = \"shop\"\ndependencies = { requires = [\"auth >= 1.0\"] }\n";
const TEAMS: &str = "[person.ana]\nname = \"Ana\"\nemail = \"ana@example.com\"\nchat = \"@ana\"\n\
    [team.core]\nmembers = [\"@ana\"]\nlead = \"@ana\"\nchannel = \"slack#core\"\n[team.shop]\nmembers = [\"@ana\"]\n";

fn read(shared: &str, shop: &str) -> Catalog {
    let files = [
        ("services/catalog.toml", shared),
        ("projects/shop/services.toml", shop),
        ("policies/teams.toml", TEAMS),
    ];
    reader::read(files.into_iter().map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())))
}

/// `harm name steps required through: reasons` for each.
fn lines(impact: &Impact) -> Vec<String> {
    impact
        .affected
        .iter()
        .map(|it| {
            let via = it.via.as_ref().map_or_else(String::new, |via| format!(" through {via}"));
            let need = if it.required { "required" } else { "optional" };
            let reasons = it.reasons.join("; ");
            format!("{} {} {} {need}{via}: {reasons}", it.harm.as_str(), it.service.name, it.depth)
        })
        .collect()
}

fn outage(name: &str) -> Impact {
    let catalog = read(SHARED, SHOP);
    Impact::outage(&catalog, &DependencyGraph::build(&catalog), &name.into()).unwrap()
}

fn version(name: &str, version: &str) -> Impact {
    let catalog = read(SHARED, SHOP);
    let version = version.parse().unwrap();
    Impact::version(&catalog, &DependencyGraph::build(&catalog), &name.into(), &version).unwrap()
}

#[test]
fn an_outage_takes_down_what_requires_it_and_is_felt_by_what_can_do_without() {
    let impact = outage("auth");
    assert_eq!(
        lines(&impact),
        [
            "falls web 2 required through api: ",
            "falls admin 1 required: ",
            "falls api 1 required: ",
            "falls next 1 required: ",
            "degrades mailer 1 optional: ",
        ]
    );
    assert_eq!(impact.summary(), "5 services: 4 fall, 1 degrades, in 1 project");
    assert_eq!(impact.by_tier, BTreeMap::from([(Tier::Critical, 1), (Tier::Medium, 4)]));
    assert_eq!(impact.by_project, BTreeMap::from([(Some("shop".into()), 5)]));
    assert_eq!(lines(&outage("stats")), ["degrades web 1 optional: "]);
    assert_eq!(outage("web").summary(), "no other service uses it");
    let catalog = read(SHARED, SHOP);
    assert_eq!(Impact::outage(&catalog, &DependencyGraph::build(&catalog), &"none".into()), None);
}

#[test]
fn whoever_owns_what_is_harmed_is_told_where_they_can_be_reached() {
    let told: Vec<String> = outage("store")
        .notify
        .iter()
        .map(|it| {
            let names: Vec<&str> = it.services.iter().map(crate::domain::name::ServiceName::as_str).collect();
            let owner = it.owner.as_ref().map_or("–", |owner| owner.as_str());
            let (channel, lead) = (it.channel.as_deref().unwrap_or("–"), it.lead.as_deref().unwrap_or("–"));
            format!("{owner} {channel} {lead}: {}", names.join(" "))
        })
        .collect();
    assert_eq!(
        told,
        ["shop – –: web api next", "ana @ana –: admin", "core slack#core Ana: auth", "– – –: mailer"]
    );
}

#[test]
fn what_can_be_kept_is_what_the_required_ones_allow_together() {
    let impact = outage("store");
    let of = |name: &str| impact.affected.iter().find(|it| it.service.name == name).unwrap().availability;
    // The store allows auth 99.5 %, and auth then no more to the api, which keeps its own 99 %.
    let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    close(of("auth").achievable, 0.995);
    close(of("auth").otherwise.unwrap(), 1.0);
    close(of("api").achievable, 0.995);
    close(of("api").otherwise.unwrap(), 0.999);
    close(of("web").achievable, 0.99);
    assert!(of("web").is_too_much() && !of("web").is_changed() && !of("api").is_too_much());
    assert_eq!(of("auth").in_words("else"), "99.9%, can keep 99.5% (else 100%)");
    assert_eq!(of("web").in_words("else"), "99.95%, can keep 99%");
    assert_eq!(of("auth").budget.map(crate::domain::units::format_duration).as_deref(), Some("43m"));
    assert_eq!(of("admin").in_words("else"), "no promise, can keep 99.5% (else 99.9%)");
}

#[test]
fn another_version_breaks_whom_its_requirement_leaves_out() {
    assert_eq!(
        lines(&version("auth", "2.0.0")),
        [
            "breaks api 1 required: it needs >=1.0, <2.0, and 2.0.0 is not",
            "falls web 2 required through api: ",
            "at risk admin 1 required: 2.0.0 breaks with 1.3.0, and it names no version that it needs",
            "at risk next 1 required: 2.0.0 breaks with 1.3.0, and its requirement >=1.0 lets it in",
            "degrades mailer 1 optional: 2.0.0 breaks with 1.3.0, and it names no version that it needs",
        ]
    );
    assert_eq!(version("auth", "1.4.0").summary(), "all 5 services that use it go on as before");
    assert!(lines(&version("auth", "1.2.0"))[1].contains("1.2.0 is older than 1.3.0"));
    // Below 1.0 the minor version breaks.
    assert_eq!(version("stats", "0.3.0").count(Harm::Degrades), 1);
    assert_eq!(version("stats", "0.2.9").harmed(), 0);
}

#[test]
fn a_change_breaks_by_what_it_removes_raises_or_asks_for() {
    let base = read(SHARED, SHOP);
    let change = |shared: &str, shop: &str| Impact::change(&base, &read(shared, shop));
    let without_auth = SHARED.replace("[service.auth]\nname = \"auth\"", "[service.login]\nname = \"login\"");
    let impact = change(&without_auth, SHOP);
    assert_eq!(
        lines(&impact),
        [
            "breaks admin 1 required: it is removed",
            "breaks api 1 required: it is removed",
            "breaks next 1 required: it is removed",
            "falls web 2 required through api: ",
            "at risk login 0 required: it promises 99.9%, and what it requires allows 99.5% from now on",
            "degrades mailer 1 optional: it is removed",
        ]
    );
    let changed: Vec<String> = match &impact.cause {
        Cause::Change(changed) => changed.iter().map(|(name, what)| format!("{name} {what}")).collect(),
        _ => Vec::new(),
    };
    assert_eq!(changed, ["auth removed", "login new"]);

    for (from, to, expected) in [
        ("version = \"1.3.0\"", "version = \"1.3.0\"\ncompat_version_min = \"1.4.0\"", "breaks admin"),
        ("version = \"1.3.0\"", "version = \"1.5.0\"\ncompat_version_min = \"1.4.0\"", "at risk admin"),
        ("port = 80", "port = 81", "its port changes from 80 to 81"),
        (
            "type = \"api\"\nversion = \"1.3.0\"",
            "type = \"web\"\nversion = \"1.3.0\"",
            "its type changes from api to web",
        ),
        (
            "port = 80",
            "port = 80\nstatus = \"deprecated\"\nsunset_date = \"2026-06-30\"",
            "it is deprecated, gone by 2026-06-30",
        ),
        ("port = 80", "port = 80\nstatus = \"retired\"", "breaks api 1 required: it is retired"),
    ] {
        let found = lines(&change(&SHARED.replacen(from, to, 1), SHOP)).join("\n");
        assert!(found.contains(expected), "{to}: {found}");
    }
    let asks = SHOP.replace("\"auth >= 1.0, < 2.0\"", "\"auth >= 3.0\", \"ghost\"");
    assert_eq!(
        lines(&change(SHARED, &asks))[0],
        "breaks api 0 required: it needs auth >=3.0, and 1.3.0 is not; it needs ghost, which does not exist"
    );
    assert_eq!(change(SHARED, SHOP).summary(), "no service changes");
    let lower = change(&SHARED.replace("99.9%", "98%"), SHOP);
    let api = lower.affected.iter().find(|it| it.service.name == "api").unwrap();
    assert_eq!(
        (api.harm, api.availability.in_words("before").as_str()),
        (Harm::AtRisk, "99%, can keep 98% (before 99.5%)")
    );
}

#[test]
fn the_policy_of_a_tier_changes_what_its_services_promise() {
    let with = |tiers: &str| {
        let files = [
            ("services/catalog.toml", SHARED.replace("sla = { availability = \"99.9%\" }", "")),
            ("projects/shop/services.toml", SHOP.to_owned()),
            ("policies/teams.toml", TEAMS.to_owned()),
            ("policies/sla.toml", tiers.to_owned()),
        ];
        reader::read(files.map(|(path, text)| (path.to_owned(), text.into_bytes())))
    };
    let tier = |critical: &str| with(&format!("[sla.critical]\n{critical}\n"));
    let told = |base: &str, head: &str| {
        let impact = Impact::change(&tier(base), &tier(head));
        let changed = match &impact.cause {
            Cause::Change(all) => all.iter().map(|(name, what)| format!("{name} {what}")).collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        (changed, lines(&impact))
    };
    // `auth` and `web` are critical; `web` promises something of its own.
    let (changed, affected) = told("availability = \"99.9%\"", "availability = \"98%\"");
    assert_eq!(changed, ["auth promises availability 99.9% → 98%"]);
    assert_eq!(
        affected,
        [
            "at risk api 1 required: it promises 99%, and what it requires allows 98% from now on",
            "unharmed web 2 required through api: ",
            "unharmed admin 1 required: ",
            "unharmed mailer 1 optional: ",
            "unharmed next 1 required: ",
        ]
    );
    // `auth` itself stands on `store`, which promises 99.5%.
    let (changed, affected) = told("availability = \"99.5%\"", "availability = \"99.99%\"");
    assert_eq!(changed, ["auth promises availability 99.5% → 99.99%"]);
    assert_eq!(
        affected,
        ["at risk auth 0 required: it promises 99.99%, and what it requires allows 99.5% from now on"]
    );
    let (changed, _) = told("response_time_p99 = \"1s\"", "response_time_p99 = \"2s\"\nerror_rate = \"1%\"");
    assert_eq!(
        changed,
        [
            "auth promises errors of at most no limit → 1%, promises answers within 1s → 2s",
            "web promises errors of at most no limit → 1%, promises answers within 1s → 2s"
        ]
    );
    assert_eq!(told("window = \"30d\"", "window = \"30d\""), (vec![], vec![]));
}

#[test]
fn a_cycle_falls_as_a_whole_and_ends() {
    let shared = "[service.a]\nname = \"a\"\ntype = \"api\"\nversion = \"1.0.0\"\nsla = { availability = \"90%\" }\ndependencies = { requires = [\"b\"] }\n\
        [service.b]\nname = \"b\"\ntype = \"api\"\nversion = \"1.0.0\"\nsla = { availability = \"50%\" }\ndependencies = { requires = [\"a\", \"b\"] }\n";
    let catalog = read(shared, "");
    let graph = DependencyGraph::build(&catalog);
    let impact = Impact::outage(&catalog, &graph, &"a".into()).unwrap();
    assert_eq!(lines(&impact), ["falls b 1 required: "]);
    assert!((impact.affected[0].availability.achievable - 0.9).abs() < 1e-9);
}

#[test]
fn a_hundred_thousand_services_are_answered_in_one_walk() {
    let mut text = String::new();
    for index in 0..100_000 {
        text += &format!("[service.s{index}]\nname = \"s{index}\"\ntype = \"api\"\nversion = \"1.0.0\"\n");
        if index > 0 {
            text += &format!("dependencies = {{ requires = [\"s{}\", \"s0\"] }}\n", index - 1);
        }
    }
    let catalog = read(&text, "");
    let graph = DependencyGraph::build(&catalog);
    let impact = Impact::outage(&catalog, &graph, &"s0".into()).unwrap();
    assert_eq!((impact.harmed(), impact.affected[0].depth), (99_999, 1));
}
