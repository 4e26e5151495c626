//! How the inventory is filtered, ordered, grouped, and laid out.

use super::*;
use crate::{
    domain::catalog::reader,
    model::{join::Joined, world::World},
};

const CATALOG: &str = "\
    [service.auth]\nname = \"auth\"\ntype = \"api\"\nowner = \"core\"\nversion = \"10.0.0\"\ntier = \"critical\"\n\
    [service.cart]\nname = \"cart\"\ntype = \"api\"\nowner = \"shop\"\nversion = \"9.0.0\"\ntier = \"high\"\nport = 80\n\
    [service.old]\nname = \"old\"\ntype = \"worker\"\nowner = \"shop\"\nversion = \"1.0.0\"\nstatus = \"deprecated\"\n\
    [service.zero]\nname = \"zero\"\ntype = \"api\"\nowner = \"core\"\nstatus = \"retired\"\n";

fn world(dashboard: &str) -> World {
    let files = [("services/catalog.toml", CATALOG), ("monitoring-dashboard.yml", dashboard)];
    let catalog = reader::read(files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())));
    let mut world = World::default();
    world.catalog.value = Some(Arc::new(catalog));
    world.joined = Arc::new(Joined::new(&world));
    world
}

fn rows(inventory: &mut Inventory, world: &World, filter: &str) -> String {
    inventory.read_filter(filter, world.catalog.value.as_ref());
    let rows = inventory.arrange(&world.joined.services, None);
    rows.join(" ").replace(HEADER, "#")
}

#[test]
fn a_filter_is_words_or_a_condition() {
    let world = world("");
    let mut inventory = Inventory::default();
    for (filter, expected) in [
        ("", "auth cart old zero"),
        ("   ", "auth cart old zero"),
        ("=", "auth cart old zero"),
        ("crt", "auth cart zero"),
        ("'shop", "cart old"),
        ("tier == \"critical\"", "auth"),
        ("status == \"active\" && owner == \"shop\"", "cart"),
        ("= name.startsWith('o')", "old"),
        ("name in [\"old\", \"zero\"]", "old zero"),
        ("port < 100 && port > 0", "cart"),
        // A word with a bracket that is no condition stays a word.
        ("auth(", ""),
    ] {
        assert_eq!(rows(&mut inventory, &world, filter), expected, "{filter}");
        assert_eq!(inventory.problem(), None, "{filter}");
    }
}

#[test]
fn a_wrong_condition_says_where_and_leaves_the_last_good_rows() {
    let world = world("");
    let mut inventory = Inventory::default();
    assert_eq!(rows(&mut inventory, &world, "owner == \"shop\""), "cart old");
    for (filter, place, message) in [
        ("owner == ", 9..9, "ends before"),
        ("ownr == \"shop\"", 0..4, "did you mean `owner`?"),
        ("= sla.uptime > 1", 2..12, "`sla` has no `uptime`"),
        ("port == \"x\" + 1", 0..15, "`+` does not work on a text and a number"),
        ("owner", 0..0, ""),
    ] {
        let shown = rows(&mut inventory, &world, filter);
        if let Some(problem) = inventory.problem() {
            assert_eq!(shown, "cart old", "{filter}");
            assert!(problem.message.contains(message) && !message.is_empty(), "{filter}: {problem:?}");
            assert!(
                problem.start <= place.start && place.end <= problem.end.max(place.end),
                "{filter}: {problem:?}"
            );
            assert!(problem.end <= filter.len().max(problem.start + 1), "{filter}: {problem:?}");
        } else {
            assert_eq!(message, "", "{filter}");
        }
    }
    // A catalog that is read anew is filtered by the last good condition while the text is wrong.
    rows(&mut inventory, &world, "owner == \"core\"");
    rows(&mut inventory, &world, "owner ==");
    assert_eq!(rows(&mut inventory, &self::world(""), "owner =="), "auth zero");
}

#[test]
fn rows_are_ordered_by_columns_and_what_says_nothing_comes_last() {
    let world = world("");
    let mut inventory = Inventory::default();
    let mut by = |column, reversed| {
        (inventory.sort, inventory.reversed) = (Some(column), reversed);
        rows(&mut inventory, &world, "")
    };
    assert_eq!(by(Column::Version, false), "old cart auth zero");
    assert_eq!(by(Column::Version, true), "auth cart old zero");
    assert_eq!(by(Column::Name, true), "zero old cart auth");
    assert_eq!(by(Column::Tier, false), "auth cart old zero");
    assert_eq!(by(Column::Status, true), "zero old auth cart");
    assert_eq!(by(Column::Owner, false), "auth zero cart old");
}

#[test]
fn the_order_goes_round_through_what_is_shown() {
    let mut inventory =
        Inventory { columns: choices(&[Column::Name, Column::Trend, Column::Sla]), ..Inventory::default() };
    let mut seen = Vec::new();
    for _ in 0..3 {
        inventory.sort_next();
        seen.push(inventory.sort);
    }
    assert_eq!(seen, [Some(Column::Name), Some(Column::Sla), None]);
    for expected in [(Some(Column::Sla), false), (Some(Column::Sla), true), (None, false)] {
        inventory.sort_by(Column::Sla);
        assert_eq!((inventory.sort, inventory.reversed), expected);
    }
}

#[test]
fn groups_have_headers_counts_and_folds() {
    let world = world("");
    let mut inventory = Inventory { grouping: Grouping::Owner, ..Inventory::default() };
    assert_eq!(rows(&mut inventory, &world, ""), "#core auth zero #shop cart old");
    assert_eq!(inventory.groups["core"].iter().sum::<usize>(), 2);
    inventory.folded.insert("core".into());
    assert_eq!(rows(&mut inventory, &world, ""), "#core #shop cart old");
    assert!(inventory.is_open_header(&header_row("shop")) && !inventory.is_open_header(&header_row("core")));
    assert_eq!(inventory.matched, 4);
    inventory.grouping = Grouping::Tier;
    assert_eq!(rows(&mut inventory, &world, ""), "#critical auth #high cart #medium old zero");
    inventory.grouping = Grouping::Lifecycle;
    assert_eq!(rows(&mut inventory, &world, "'shop"), "#ga cart #deprecated old");
}

#[test]
fn the_dashboard_says_how_it_begins_and_the_person_how_it_goes_on() {
    let dashboard = |filter: &str, columns: &str| {
        format!(
            "kind: ServiceMonitoringDashboard\nsections:\n  - name: x\n    widgets:\n      - type: service_list\n        filter: {filter}\n        columns: [{columns}]\n"
        )
    };
    let catalog = |text: &str| world(text).catalog.value.unwrap();
    let shown = |inventory: &Inventory| {
        inventory.shown().map(|choice| choice.column.as_str()).collect::<Vec<_>>().join(" ")
    };
    let mut inventory = Inventory::default();
    let first = catalog(&dashboard("tier == \"low\"", "sla, owner"));
    let filter = inventory.follow_dashboard(&first, "");
    assert_eq!((filter.as_str(), shown(&inventory).as_str()), ("tier == \"low\"", "name sla owner"));
    assert!(inventory.is_from_dashboard(&filter));
    // Cleared, it stays so when the same dashboard is read again.
    assert_eq!(inventory.follow_dashboard(&first, ""), "");
    assert_eq!(inventory.follow_dashboard(&first, &filter), filter);
    // Another dashboard is followed where nobody has said otherwise.
    let second = catalog(&dashboard("tier == \"high\"", "version"));
    assert_eq!(inventory.follow_dashboard(&second, &filter), "tier == \"high\"");
    assert_eq!(shown(&inventory), "name version");
    let place = inventory.columns.iter().position(|choice| choice.column == Column::Trend).unwrap();
    inventory.toggle(place);
    inventory.toggle(0);
    assert_eq!(inventory.follow_dashboard(&first, "mine"), "mine");
    assert_eq!(shown(&inventory), "name version trend");
    inventory.shift(place, -100);
    assert_eq!(shown(&inventory), "trend name version");
    inventory.reset();
    assert_eq!(shown(&inventory), "name sla owner");
}

#[test]
fn the_columns_are_those_that_the_dashboard_is_checked_for() {
    let words = Column::ALL.map(Column::as_str);
    assert_eq!(words.as_slice(), crate::domain::catalog::reader::shapes::COLUMNS);
}
