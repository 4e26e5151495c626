//! The work behind the frames: reading a catalog, its rules, the join, the ledger.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on says where")]

mod support;

use chrono::{DateTime, Utc};
use quarterdeck::{
    action::run::refresh_lists,
    adapters::git::{GitLedger, GitRepository},
    domain::{
        catalog,
        change::Identity,
        escalation::Severity,
        ledger::{Entry, EntryBody, Happening, Operations, declare, incident_id},
        rules,
    },
    model::{join::Joined, layout::Size},
    ports::{ControlRepository as _, Ledger as _, Revision},
};
use std::{path::Path, process::Command};
use support::{
    child::environment,
    model::model,
    report::{Table, measure},
    repository::{self, Backends},
};
use tokio::runtime::Runtime;

fn main() {
    let mut table = Table::default();
    for services in [1_000, 10_000] {
        reading(&mut table, services);
        joining(&mut table, services);
    }
    ledger(&mut table);
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_780_000_000, 0).unwrap()
}

fn reading(table: &mut Table, services: usize) {
    let count = if services > 1_000 { 20 } else { 100 };
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("control");
    repository::write(&directory, services, &Backends::default());
    let runtime = Runtime::new().unwrap();
    let repository = GitRepository::open(&directory, Vec::new()).unwrap();
    let load = |revision: Revision| measure(count, || runtime.block_on(repository.load(&revision)).unwrap());
    let aim = if services > 1_000 { "≤ 150 ms" } else { "" };
    table.times(
        &format!("catalog from the working tree, {services} services"),
        aim,
        load(Revision::WorkingTree),
    );
    table.times(
        &format!("catalog from a commit, {services} services"),
        aim,
        load(Revision::Named("HEAD".into())),
    );
    let files = repository::files(services, &Backends::default());
    let bytes =
        || files.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())).collect::<Vec<_>>();
    let read = measure(count, || catalog::read(bytes()));
    table.times(&format!("  of it, reading from memory, {services} services"), "", read);
    let catalog = catalog::read(bytes());
    assert!(catalog.findings.is_empty(), "{:?}", catalog.findings.first());
    let today = now().date_naive();
    let check = measure(count, || rules::check(&catalog, None, today));
    table.times(&format!("every rule, {services} services"), "", check);
    let check = measure(count, || rules::check(&catalog, Some(&catalog), today));
    table.times(&format!("every rule against a base, {services} services"), "", check);
    let open = measure(count, || GitRepository::open(&directory, Vec::new()).unwrap());
    table.times(&format!("opening the repository, {services} services"), "", open);
    let look = measure(count, || runtime.block_on(repository.fingerprint()).unwrap());
    table.times(&format!("looking whether anything changed, {services} services"), "", look);
}

fn joining(table: &mut Table, services: usize) {
    let mut model = model(services, Size { width: 200, height: 60 });
    let count = if services > 1_000 { 100 } else { 500 };
    let join = measure(count, || Joined::new(&model.world));
    table.times(&format!("the join, {services} services"), "", join);
    let lists = measure(count, || refresh_lists(&mut model));
    table.times(&format!("the lists, {services} services"), "", lists);
    model.ui.lists[0].filter = "team".into();
    let lists = measure(count, || refresh_lists(&mut model));
    table.times(&format!("the lists with a filter, {services} services"), "", lists);
}

/// Runs git in `directory` and waits for it.
fn git(directory: &Path, home: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(directory).env_clear().envs(environment(home));
    assert!(command.output().unwrap().status.success(), "git {arguments:?}");
}

fn ledger(table: &mut Table) {
    let home = tempfile::tempdir().unwrap();
    let (directory, remote) = (home.path().join("control"), home.path().join("remote.git"));
    repository::write(&directory, 20, &Backends::default());
    git(home.path(), home.path(), &["clone", "--quiet", "--bare", "control", "remote.git"]);
    git(&directory, home.path(), &["remote", "add", "origin", &remote.to_string_lossy()]);
    git(&directory, home.path(), &["fetch", "--quiet", "origin"]);
    let runtime = Runtime::new().unwrap();
    let own = environment(home.path()).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let repository = GitRepository::open(&directory, own).unwrap();
    let ledger = GitLedger::new(&repository);
    let append = |count| {
        measure(count, || {
            let draft = Box::new(|operations: &Operations| {
                declare(operations, Severity::High, "a bench's incident", None)
            });
            assert!(runtime.block_on(ledger.append(now(), draft)).unwrap().synced);
        })
    };
    table.times("an event appended to the ledger and pushed (local remote)", "", append(50));
    let push = measure(20, || {
        git(&directory, home.path(), &["commit", "--quiet", "--allow-empty", "-m", "beside"]);
        git(&directory, home.path(), &["push", "--quiet", "origin", "main"]);
    });
    table.times("  beside it: `git commit` and `git push`", "", push);
    table.times(
        "the ledger folded again, nothing new",
        "",
        measure(100, || runtime.block_on(ledger.state()).unwrap()),
    );

    let entries: Vec<Entry> = (0..10_000).map(entry).collect();
    table.times("fold of 10,000 events", "", measure(50, || Operations::fold(&entries)));
}

/// Incidents that are declared, taken and resolved.
fn entry(index: usize) -> Entry {
    let incident = incident_id((index / 3 + 1) as u32);
    let happening = match index % 3 {
        0 => Happening::IncidentDeclared {
            incident,
            severity: Severity::High,
            title: "a bench's incident".into(),
            service: Some(repository::name(index).into()),
        },
        1 => Happening::IncidentAcknowledged { incident },
        _ => Happening::IncidentResolved { incident, note: None },
    };
    Entry {
        commit: format!("{index:040x}").into(),
        at: now() + chrono::Duration::seconds(index.cast_signed() as i64),
        actor: Identity { name: "Bench".into(), email: "bench@example.com".into() },
        subject: happening.subject(),
        body: EntryBody::Known(happening),
    }
}
