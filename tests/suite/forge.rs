//! Requests, notices and posted validations, through the real adapters against the demo's forge and receivers.

use crate::{
    console::{Console, environment, git, platform, ports, screen},
    program::Program,
};
use quarterdeck::{
    demo::{Platform, Scenario, sinks::Sink},
    domain::{
        forge::{
            ForgeSettings, IssueDraft, MergeDraft, Request, RequestDraft, ReviewDraft, ReviewState,
            compare_teams,
        },
        gate::GateState,
        ledger::Verdict,
    },
    error::FailureKind,
    model::{jobs::JobState, layout::Pane, ui::Overlay},
    ports::{Ports, Revision},
};

const FAULTY: &str = "shared-auth-2.0.0";

/// The ports and the forge's settings, as the demo's control repository has them.
async fn forge(platform: &Platform) -> (Ports, ForgeSettings) {
    let variables = environment(platform.directory(), None);
    let ports = ports(platform.repository(), Some(platform.kubeconfig()), variables);
    let catalog = ports.repository.load(&Revision::WorkingTree).await.unwrap();
    (ports, catalog.settings.forge.clone().unwrap())
}

fn of<'a>(requests: &'a [Request], branch: &str) -> &'a Request {
    requests
        .iter()
        .find(|request| request.branch == branch)
        .unwrap_or_else(|| panic!("{branch}: {requests:#?}"))
}

#[tokio::test]
async fn the_demos_forge_does_what_a_real_one_does() {
    let platform = platform(Scenario::Calm).await;
    let (ports, settings) = forge(&platform).await;
    let forge = &ports.forge;
    let requests = forge.requests(&settings).await.unwrap();
    assert_eq!(requests.len(), 3);
    let search = of(&requests, "change/catalog-search-1.5.0").clone();
    let head = git(platform.remote(), &["rev-parse", "change/catalog-search-1.5.0"]);
    assert_eq!(
        (search.head.as_str(), search.author.as_str(), search.from_fork),
        (head.as_str(), "s-novak", false)
    );
    assert_eq!(search.is_stale(&search.reviews[0]), Some(false));
    let api = of(&requests, "change/project-a-api-2.1.1");
    assert_eq!(
        (api.reviews[0].state, api.is_stale(&api.reviews[0])),
        (ReviewState::ChangesRequested, Some(true))
    );
    // Asked again, most of it is answered with "not modified", and says the same.
    assert_eq!(forge.requests(&settings).await.unwrap(), requests);

    let review = |head: &str| ReviewDraft {
        number: search.number,
        head: head.into(),
        approve: true,
        body: "fine".into(),
    };
    forge.review(&settings, &review(&head)).await.unwrap();
    assert_eq!(
        forge.review(&settings, &review(&"0".repeat(40))).await.unwrap_err().kind,
        FailureKind::Conflict
    );
    let requests = forge.requests(&settings).await.unwrap();
    assert_eq!(of(&requests, "change/catalog-search-1.5.0").opinions().len(), 2);

    let issue = IssueDraft {
        repository: settings.repository.clone(),
        marker: "<!-- quarterdeck:issue:1 -->".into(),
        title: "one".into(),
        body: "b".into(),
    };
    let number = forge.put_issue(&settings, &issue).await.unwrap();
    let again = IssueDraft { title: "two".into(), ..issue };
    assert_eq!(forge.put_issue(&settings, &again).await.unwrap(), number);

    // Its teams are those of policies/teams.toml.
    let people = ports.repository.load(&Revision::WorkingTree).await.unwrap().people.clone();
    let teams = forge.teams(&settings).await.unwrap();
    assert_eq!(teams.len(), 7);
    assert_eq!(compare_teams(&people, &teams), [""; 0]);

    let merge = |head: &str| MergeDraft {
        number: search.number,
        head: head.into(),
        title: "catalog-search 1.5.0".into(),
        message: "squashed".into(),
    };
    assert_eq!(
        forge.merge(&settings, &merge(&"0".repeat(40))).await.unwrap_err().kind,
        FailureKind::Conflict
    );
    let commit = forge.merge(&settings, &merge(&head)).await.unwrap();
    assert_eq!(git(platform.remote(), &["rev-parse", "main"]), commit.as_str());
    assert_eq!(
        git(platform.remote(), &["log", "-1", "--format=%s|%P", "main"]).split('|').next(),
        Some("catalog-search 1.5.0")
    );
    assert_eq!(forge.requests(&settings).await.unwrap().len(), 2);
    ports.repository.fetch().await.unwrap();
    let catalog = ports.repository.load(&Revision::Branch("main".to_owned())).await.unwrap();
    assert_eq!(catalog.services["catalog-search"].version.as_ref().unwrap().to_string(), "1.5.0");

    // Without the token nothing is told.
    let stranger = ForgeSettings { token: None, ..settings };
    assert_eq!(forge.requests(&stranger).await.unwrap_err().kind, FailureKind::Forbidden);
}

#[tokio::test]
async fn a_change_shows_its_request_and_does_not_depend_on_it() {
    let mut console = Console::start(Scenario::BadRelease).await;
    console.select(Pane::Changes, "project-a-api-2.1.1");
    console.keys("l");
    assert!(matches!(console.overlay(), Some(Overlay::Change { .. })));
    let shown = screen(console.model());
    for words in [
        "On the forge",
        "by a-chen",
        "p-martin requests changes (of ",
        "an earlier head",
        "/shop/control/pull/",
    ] {
        assert!(shown.contains(words), "`{words}` is missing in\n{shown}");
    }
    let change = console.model().selected_change().unwrap();
    let open = change.gates.iter().all(|gate| matches!(gate.state, GateState::Open));
    assert!(open, "a review on the forge opens no gate: {:?}", change.gates);
    console.keys("esc");
    // A forge that is gone takes nothing away but its own word.
    let file = console.platform.repository().join("quarterdeck.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(console.platform.forge_url(), "http://127.0.0.1:1")).unwrap();
    console.until("the forge has failed", |model| model.world.requests.failure.is_some()).await;
    assert_eq!(console.model().world.joined.changes.len(), 3);
    assert!(
        console.model().world.changes.failure.is_none() && console.model().world.catalog.failure.is_none()
    );
}

#[tokio::test]
async fn a_request_of_any_branch_is_a_change() {
    let platform = platform(Scenario::Calm).await;
    let (ports, settings) = forge(&platform).await;
    let repository = platform.repository();
    git(repository, &["checkout", "--quiet", "-b", "limits/cart"]);
    let file = repository.join("CHANGELOG.md");
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    std::fs::write(&file, format!("{text}\nLimits of the cart.\n")).unwrap();
    git(repository, &["add", "CHANGELOG.md"]);
    git(repository, &["commit", "--quiet", "--message", "docs: limits of the cart"]);
    git(repository, &["push", "--quiet", "origin", "limits/cart"]);
    git(repository, &["checkout", "--quiet", "main"]);
    let program = Program::on(repository, platform.kubeconfig());
    let unknown = program.ends(2, &["change", "show", "limits/cart"]).await;
    unknown.complains(&["no open change `limits/cart`"]);
    let draft = RequestDraft {
        branch: "limits/cart".into(),
        base: "main".into(),
        title: "Limits of the cart".into(),
        body: String::new(),
    };
    let number = ports.forge.open_request(&settings, &draft).await.unwrap();
    let list = program.json(0, &["change", "list"]).await;
    let listed: Vec<_> = list["changes"].as_array().unwrap().iter().collect();
    let mine: Vec<_> = listed.iter().filter(|change| change["id"] == "limits/cart").collect();
    assert_eq!((listed.len(), mine.len()), (4, 1), "the branches of changes are there once each: {list}");
    assert_eq!(mine[0]["request"]["number"], number);
    program.ends(0, &["change", "validate", "limits/cart", "--post", "--yes"]).await;
    let head = git(platform.remote(), &["rev-parse", "limits/cart"]);
    assert_eq!(platform.forge().statuses(&head)[0].1, "success");
}

#[tokio::test]
async fn a_validation_is_posted_once_and_kept_up_to_date() {
    let platform = platform(Scenario::BadRelease).await;
    let program = Program::on(platform.repository(), platform.kubeconfig());
    let head = git(platform.remote(), &["rev-parse", &format!("change/{FAULTY}")]);
    // Nobody is there to confirm: the findings are printed, and nothing is posted.
    let asked = program.ends(2, &["change", "validate", FAULTY, "--post"]).await;
    asked.says(&["QD201"]).complains(&["post the validation of", "set the status", "add --yes"]);
    assert_eq!(platform.forge().statuses(&head), []);

    let list = program.json(0, &["change", "list"]).await;
    let change =
        list["changes"].as_array().unwrap().iter().find(|change| change["id"] == FAULTY).unwrap().clone();
    let number = change["request"]["number"].as_u64().unwrap();
    assert_eq!(change["request"]["head"], head.as_str());
    assert_eq!(change["request"]["reviews"][0]["by"], "j-bauer");
    assert_eq!(change["request"]["reviews"][0]["stale"], false);

    for _ in 0..2 {
        let posted = program.ends(1, &["change", "validate", FAULTY, "--post", "--yes"]).await;
        posted.says(&["QD201"]).complains(&[
            "quarterdeck/validation of",
            "is failure",
            &format!("#{number} has the comment"),
        ]);
    }
    let failure = ("quarterdeck/validation".to_owned(), "failure".to_owned());
    assert_eq!(platform.forge().statuses(&head), [failure.clone(), failure]);
    let [comment] = platform.forge().comments(number).try_into().unwrap();
    assert!(comment.contains("sesion-cache") && comment.contains("gate code-review: open"), "{comment}");

    // The clean one passes.
    let clean = git(platform.remote(), &["rev-parse", "change/project-a-api-2.1.1"]);
    program.ends(0, &["change", "validate", "project-a-api-2.1.1", "--post", "--yes"]).await;
    assert_eq!(platform.forge().statuses(&clean)[0].1, "success");
    let list = program.json(0, &["change", "list"]).await;
    let checks: Vec<_> = list["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["request"]["checks"][0]["state"].clone())
        .collect();
    assert!(checks.contains(&"passed".into()) && checks.contains(&"failed".into()), "{checks:?}");
}

#[tokio::test]
async fn whoever_asked_for_it_hears_of_incidents_and_approvals() {
    let platform = platform(Scenario::Calm).await;
    let program = Program::on(platform.repository(), platform.kubeconfig());
    let declare = [
        "incident",
        "declare",
        "--severity",
        "critical",
        "--title",
        "tokens <!channel> refused",
        "--service",
        "shared-auth",
    ];
    let shown = program.ends(2, &declare).await;
    shown.complains(&["tell operations (slack), audit (webhook)"]);
    assert_eq!(platform.sinks().received(), [], "a plan tells nobody");

    let declared = program.json(0, &[&declare[..], &["--yes"]].concat()).await;
    assert_eq!(declared["verdict"], "pass");
    assert_eq!(declared["summary"], "INC-1 declared, critical; told operations, audit");
    assert_eq!(declared["deliveries"][0]["channel"], "operations");
    let received = platform.sinks().received();
    let slack = received.iter().find(|one| one.sink == Sink::Slack).unwrap();
    assert!(slack.accepted && slack.path == "/services/T0SHOP/B0OPERATIONS/demo");
    let text = slack.body.to_string();
    for words in [
        "INC-1 declared, critical",
        "shared-auth",
        "tokens &lt;!channel&gt; refused",
        "Marta Ruiz",
        "/commit/",
    ] {
        assert!(text.contains(words), "`{words}` is missing in {text}");
    }
    let audit = received.iter().find(|one| one.sink == Sink::Webhook).unwrap();
    assert_eq!(audit.body["notice"]["event"], "incident.declared");
    assert_eq!(audit.body["notice"]["service"], "shared-auth");

    // Low: Slack asked for medium and worse.
    program.json(0, &["incident", "declare", "--severity", "low", "--title", "small", "--yes"]).await;
    program.json(0, &["incident", "resolve", "INC-1", "--yes"]).await;
    program.json(0, &["change", "approve", "project-a-api-2.1.1", "--yes"]).await;
    let heard = |sink: Sink| platform.sinks().received().iter().filter(|one| one.sink == sink).count();
    assert_eq!((heard(Sink::Slack), heard(Sink::Webhook)), (2, 4));
    let last = platform.sinks().received().pop().unwrap();
    assert_eq!(
        (&last.body["notice"]["event"], &last.body["notice"]["title"]),
        (&"change.approved".into(), &"code-review approved".into())
    );
}

#[tokio::test]
async fn a_channel_that_is_dead_does_not_fail_the_deed() {
    let mut console = Console::start(Scenario::Calm).await;
    let file = console.platform.repository().join("quarterdeck.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let dead =
        text.replace(&format!("{}/services", console.platform.sinks_url()), "http://127.0.0.1:1/services");
    assert_ne!(text, dead);
    std::fs::write(&file, dead).unwrap();
    console.keys("D");
    console.keys("enter");
    console.type_text("everything is slow");
    console.keys("enter enter");
    let plan = console.plan().await;
    assert!(plan.steps.iter().any(|step| step.title == "tell"), "{:?}", plan.steps);
    console.keys("y");
    let JobState::Done(result) = console.done().await.state else { panic!("not done") };
    let outcome = result.unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass);
    assert!(
        outcome.summary.contains("could not tell operations: 127.0.0.1 cannot be reached"),
        "{}",
        outcome.summary
    );
    assert!(outcome.summary.contains("told audit"), "{}", outcome.summary);
    assert!(console.notice().contains("could not tell operations"), "{}", console.notice());
    assert_eq!(console.ledger().await.len(), 2, "the incident, and who was told of it");
}

#[tokio::test]
async fn a_breaking_change_is_proposed_by_keys_and_its_request_opened() {
    let mut console = Console::start(Scenario::Calm).await;
    console.keys("1 esc");
    console.select(Pane::Inventory, "shared-auth");
    console.keys("C");
    let shown = screen(console.model());
    assert!(shown.contains("1.3.0") && shown.contains("‹ ga ›"), "the form holds what is: {shown}");
    console.keys("ctrl-u");
    console.type_text("3.0.0");
    // What breaks asks for a guide; what was typed stays.
    console.keys("ctrl-s");
    let Some(Overlay::Form { problem: Some(problem), fields, .. }) = console.overlay() else {
        panic!("{:?}", console.overlay())
    };
    assert!(problem.contains("there is no migration guide"), "{problem}");
    let guide = fields.iter().position(|field| field.name == "guide").unwrap();
    let from = fields.len() - 1;
    console.keys(&vec!["up"; from - guide].join(" "));
    console.type_text("https://docs.example.com/shared-auth/3");
    console.keys("down");
    console.type_text("tokens of the third generation");
    console.keys("ctrl-s");
    let plan = console.plan().await;
    let fact = |label: &str| plan.facts.iter().find(|(known, _)| known == label).unwrap().1.clone();
    assert_eq!(fact("class"), "breaking, high risk");
    assert!(
        fact("gates").contains("architecture") && fact("gates").contains("security"),
        "{}",
        fact("gates")
    );
    assert!(fact("impact").contains("at risk"), "{}", fact("impact"));
    assert_eq!(fact("files"), "services/catalog.toml, CHANGELOG.md");
    assert_eq!(plan.steps.len(), 4);
    assert!(console.platform.forge().opened().is_empty(), "a plan opens nothing");
    console.keys("y");
    let JobState::Done(result) = console.done().await.state else { panic!("not done") };
    let outcome = result.unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass, "{}", outcome.summary);
    let [(number, title, body)] = console.platform.forge().opened().try_into().unwrap();
    assert!(outcome.summary.ends_with(&format!("request #{number} is open")), "{}", outcome.summary);
    assert!(title.starts_with("feat(shared-auth)!: version 1.3.0 → 3.0.0"), "{title}");
    assert!(body.contains("Class: breaking, high risk") && body.contains("third generation"), "{body}");
    let remote = console.platform.remote().to_owned();
    let message = git(&remote, &["log", "-1", "--format=%B", "change/shared-auth-3.0.0"]);
    assert!(message.trim_end().ends_with("Change-Type: breaking"), "{message}");
    let log = git(&remote, &["show", "change/shared-auth-3.0.0:CHANGELOG.md"]);
    assert!(log.contains("## Unreleased\n\n- shared-auth 3.0.0: tokens of the third generation\n"), "{log}");
    let text = git(&remote, &["show", "change/shared-auth-3.0.0:services/catalog.toml"]);
    assert!(text.contains("migration.guide_url = \"https://docs.example.com/shared-auth/3\""), "{text}");
    console
        .until("the change has its request", |model| {
            let changes = &model.world.joined.changes;
            let change = changes.iter().find(|change| change.proposal.id.as_str() == "shared-auth-3.0.0");
            change.is_some_and(|change| change.request.as_ref().is_some_and(|one| one.number == number))
        })
        .await;
}

#[tokio::test]
async fn a_forge_that_is_down_leaves_the_branch_and_the_request_is_opened_later() {
    let platform = platform(Scenario::Calm).await;
    let program = Program::on(platform.repository(), platform.kubeconfig());
    let file = platform.repository().join("quarterdeck.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let down = text.replace(platform.forge_url(), "http://127.0.0.1:1");
    // The main branch says where the forge is.
    std::fs::write(&file, &down).unwrap();
    git(platform.repository(), &["commit", "--quiet", "--all", "--message", "forge away"]);
    git(platform.repository(), &["push", "--quiet", "origin", "HEAD:main"]);
    let edit = [
        "change",
        "propose",
        "cart",
        "--error-rate",
        "0.4%",
        "--require",
        "event-bus >= 4; user-store",
        "--yes",
    ];
    let proposed = program.json(0, &edit).await;
    let summary = proposed["summary"].as_str().unwrap();
    assert!(
        summary.contains("change/cart-edit proposed")
            && summary.contains("quarterdeck change request cart-edit"),
        "{summary}"
    );
    assert_eq!(proposed["verdict"], "pass");
    assert!(platform.forge().opened().is_empty());
    std::fs::write(&file, &text).unwrap();
    let opened = program.json(0, &["change", "request", "cart-edit", "--yes"]).await;
    let [(number, title, _)] = platform.forge().opened().try_into().unwrap();
    assert!(opened["summary"].as_str().unwrap().contains(&format!("request #{number}")), "{opened}");
    assert!(title.contains("(cart)"), "{title}");
    // There is one already: said, and nothing doubled.
    program.ends(1, &["change", "request", "cart-edit", "--yes"]).await.complains(&["already"]);
    assert_eq!(platform.forge().opened().len(), 1);
    program
        .ends(2, &["change", "propose", "cart", "--yes"])
        .await
        .complains(&["nothing to propose was given"]);
    program
        .ends(1, &["change", "propose", "cart", "--error-rate", "0.4%", "--status", "beta", "--yes"])
        .await;
}

#[tokio::test]
async fn projects_that_a_change_breaks_have_one_issue_each() {
    let platform = platform(Scenario::Calm).await;
    let program = Program::on(platform.repository(), platform.kubeconfig());
    let breaking = [
        "change",
        "propose",
        "shared-auth",
        "--version",
        "3.0.0",
        "--guide",
        "https://docs.example.com/3",
        "--yes",
    ];
    program.json(0, &breaking).await;
    for _ in 0..2 {
        let told = program.json(0, &["change", "notify", "shared-auth-3.0.0", "--yes"]).await;
        assert_eq!(told["deliveries"][0]["channel"], "forge:shop/project-a", "{told}");
    }
    let issues = platform.forge().issues();
    let titles: Vec<&str> = issues.iter().map(|(title, _)| title.as_str()).collect();
    assert_eq!(
        titles,
        ["shop: shared-auth-3.0.0 may break project-a", "shop: shared-auth-3.0.0 may break project-b"],
        "one for each, however often"
    );
    for words in ["Project: project-a", "Service: shared-auth", "Since: ", "project-a-api", "https://"] {
        assert!(issues[0].1.contains(words), "`{words}` is missing in {}", issues[0].1);
    }
    let log = program.json(0, &["ledger", "log"]).await.to_string();
    assert!(log.contains("notice.delivered") && log.contains("forge:shop/project-b"), "{log}");
    // What breaks nobody tells nobody.
    let none = program.ends(1, &["change", "notify", "project-a-api-2.1.1", "--yes"]).await;
    none.complains(&["there is no project to tell"]);
}

#[tokio::test]
async fn an_approval_is_also_given_on_the_forge_where_that_is_asked_for() {
    let platform = platform(Scenario::Calm).await;
    let program = Program::on(platform.repository(), platform.kubeconfig());
    let file = platform.repository().join("quarterdeck.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("[forge.projects]", "review = true\n\n[forge.projects]")).unwrap();
    let planned = program.ends(2, &["change", "approve", "project-a-api-2.1.1"]).await;
    planned.complains(&["approve on the forge"]);
    let approved = program.json(0, &["change", "approve", "project-a-api-2.1.1", "--yes"]).await;
    let summary = approved["summary"].as_str().unwrap();
    assert!(summary.contains("approved on the forge"), "{summary}");
    let list = program.json(0, &["change", "list"]).await.to_string();
    assert!(list.contains("\"by\":\"quarterdeck\""), "{list}");
    // A forge that is gone is told, and takes nothing away.
    std::fs::write(
        &file,
        text.replace("[forge.projects]", "review = true\n\n[forge.projects]")
            .replace(platform.forge_url(), "http://127.0.0.1:1"),
    )
    .unwrap();
    let approved = program.json(0, &["change", "approve", "catalog-search-1.5.0", "--yes"]).await;
    assert_eq!(approved["verdict"], "pass");
    assert!(
        approved["summary"].as_str().unwrap().contains("the forge did not take the review"),
        "{approved}"
    );
}

#[tokio::test]
async fn teams_are_compared_from_the_command_line() {
    let platform = platform(Scenario::Calm).await;
    let program = Program::on(platform.repository(), platform.kubeconfig());
    program.ends(0, &["forge", "teams"]).await.says(&["7 teams are the same on both sides"]);
    let file = platform.repository().join("policies/teams.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"j-bauer\"", "\"m-ruiz\"")).unwrap();
    let differing = program.json(1, &["forge", "teams"]).await;
    let found = differing["differences"].to_string();
    assert!(found.contains("j-bauer is in the forge's team"), "{found}");
}
