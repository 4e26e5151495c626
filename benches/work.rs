//! The work behind the frames: reading a catalog, its rules, the join.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on says where")]

mod support;

use chrono::{DateTime, Utc};
use quarterdeck::{
    action::run::refresh_lists,
    adapters::git::GitRepository,
    domain::{
        catalog,
        cross_project::{Options, Outline, Tables},
        rules,
    },
    model::{join::Joined, layout::Size},
    ports::{ControlRepository as _, Revision},
};
use std::sync::Arc;
use support::{
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
        crossing(&mut table, services);
    }
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

/// The tables of the cross-project page, for an estate in which everybody requires a version of somebody.
fn crossing(table: &mut Table, services: usize) {
    let count = if services > 1_000 { 50 } else { 200 };
    let mut model = model(services, Size { width: 200, height: 60 });
    let files = repository::files(services, &Backends::default());
    let catalog = catalog::read(files.into_iter().map(|(path, text)| (path, text.into_bytes())));
    let catalog = Arc::new(catalog);
    model.world.catalog.value = Some(catalog.clone());
    model.world.joined = Arc::new(Joined::new(&model.world));
    let outline = || Outline::new(&catalog, Options::default());
    let tables = |outline: &Outline| Tables::new(outline, &*model.world.joined, None, now());
    let aim = if services > 1_000 { "≤ 20 ms" } else { "" };
    let all = measure(count, || tables(&outline()));
    table.times(&format!("the cross-project tables, {services} services"), aim, all);
    let kept = outline();
    let again = measure(count, || tables(&kept));
    table.times(&format!("  of it, where the catalog is the same, {services} services"), "", again);
}
