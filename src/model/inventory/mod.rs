//! How the person looks at the inventory: columns, order, groups and filter. For this session only: the
//! dashboard of the control repository says how it begins, and no file is ever written.

mod filter;
mod order;
#[cfg(test)]
mod tests;

pub use filter::FilterProblem;

use super::join::ServiceRow;
use crate::domain::{
    catalog::{Catalog, Service, Tier},
    lifecycle::Lifecycle,
    sla::SlaVerdict,
};
use filter::Filter;
use order::order;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// A column of the inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// The service's name.
    Name,
    /// How its promise stands where the person looks.
    State,
    /// The version that should run.
    Version,
    /// The version that runs.
    Runs,
    /// Its lifecycle state.
    Status,
    /// The same with the date that comes next.
    Lifecycle,
    /// Its project.
    Project,
    /// How much depends on it.
    Tier,
    /// What kind of service it is.
    Type,
    /// Its team.
    Owner,
    /// Pods that are ready, of how many.
    Ready,
    /// How often containers were started again, and when last.
    Restarts,
    /// How what runs stands to what Git says, and how old that verdict is.
    Drift,
    /// Share of requests that fail.
    Errors,
    /// 99th percentile of the response time.
    P99,
    /// Requests per second.
    Rate,
    /// The availability that was seen.
    Sla,
    /// The availability that was seen, and what was promised.
    Availability,
    /// Errors over time.
    Trend,
}

impl Column {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 19] = [
        Self::Name,
        Self::State,
        Self::Version,
        Self::Runs,
        Self::Status,
        Self::Lifecycle,
        Self::Project,
        Self::Tier,
        Self::Type,
        Self::Owner,
        Self::Ready,
        Self::Restarts,
        Self::Drift,
        Self::Errors,
        Self::P99,
        Self::Rate,
        Self::Sla,
        Self::Availability,
        Self::Trend,
    ];

    /// Those that are shown where nobody says otherwise.
    const USUAL: [Self; 11] = [
        Self::Name,
        Self::State,
        Self::Version,
        Self::Status,
        Self::Owner,
        Self::Ready,
        Self::Errors,
        Self::P99,
        Self::Rate,
        Self::Sla,
        Self::Trend,
    ];

    /// The word in the dashboard document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::State => "state",
            Self::Version => "version",
            Self::Runs => "runs",
            Self::Status => "status",
            Self::Lifecycle => "lifecycle",
            Self::Project => "project",
            Self::Tier => "tier",
            Self::Type => "type",
            Self::Owner => "owner",
            Self::Ready => "ready",
            Self::Restarts => "restarts",
            Self::Drift => "drift",
            Self::Errors => "errors",
            Self::P99 => "p99",
            Self::Rate => "rate",
            Self::Sla => "sla",
            Self::Availability => "availability",
            Self::Trend => "trend",
        }
    }

    /// What it shows.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Name => "the service, and ! for open incidents",
            Self::State => "how its promise stands here",
            Self::Version => "the version that should run",
            Self::Runs => "the version that runs here",
            Self::Status => "its state of life",
            Self::Lifecycle => "its state of life, and the date that comes next",
            Self::Project => "its project",
            Self::Tier => "how much depends on it",
            Self::Type => "what kind of service it is",
            Self::Owner => "its team",
            Self::Ready => "pods that are ready",
            Self::Restarts => "restarts of its containers, and how long ago",
            Self::Drift => "whether it runs what Git says, as seen when",
            Self::Errors => "share of requests that fail",
            Self::P99 => "99th percentile of the response time",
            Self::Rate => "requests per second",
            Self::Sla => "the availability that was seen",
            Self::Availability => "availability seen / promised",
            Self::Trend => "errors over time",
        }
    }

    /// The column of a word, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.as_str() == text)
    }

    /// Whether rows can be ordered by it.
    const fn orders(self) -> bool {
        !matches!(self, Self::Trend)
    }

    /// Whether the largest comes first: where much is bad, or where much matters.
    const fn descends(self) -> bool {
        matches!(self, Self::Errors | Self::P99 | Self::Rate | Self::Tier | Self::Restarts | Self::Drift)
    }
}

/// A column as the person wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnChoice {
    /// Which.
    pub column: Column,
    /// Whether it is shown, where there is room.
    pub shown: bool,
    /// Cells by which it is wider, or narrower.
    pub wider: i16,
}

/// By how much a column can be widened or narrowed.
const WIDEST: i16 = 40;

/// What rows are grouped by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Grouping {
    /// Nothing.
    #[default]
    None,
    /// Their project.
    Project,
    /// Their team.
    Owner,
    /// How much depends on them.
    Tier,
    /// Their state of life.
    Lifecycle,
}

impl Grouping {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Project => "project",
            Self::Owner => "owner",
            Self::Tier => "tier",
            Self::Lifecycle => "lifecycle",
        }
    }

    /// The one after.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::None => Self::Project,
            Self::Project => Self::Owner,
            Self::Owner => Self::Tier,
            Self::Tier => Self::Lifecycle,
            Self::Lifecycle => Self::None,
        }
    }

    /// The group of a service.
    fn of(self, service: &Service) -> &str {
        match self {
            Self::None => "",
            Self::Project => service.project.as_ref().map_or("shared", |project| project.as_str()),
            Self::Owner => service.owner.as_ref().map_or("no owner", |owner| owner.as_str()),
            Self::Tier => service.tier.as_str(),
            Self::Lifecycle => service.status.as_str(),
        }
    }

    /// Where a group comes among the others: tiers and states have an order of their own.
    fn rank(self, group: &str) -> usize {
        match self {
            Self::Tier => Tier::ALL.into_iter().position(|tier| tier.as_str() == group),
            Self::Lifecycle => Lifecycle::ALL.into_iter().position(|state| state.as_str() == group),
            Self::None | Self::Project | Self::Owner => None,
        }
        .unwrap_or_default()
    }
}

/// What stands before a row's name when it is the header of a group. No service can be called so.
const HEADER: char = '\u{1}';

/// The group whose header a row is, if it is one.
pub fn group_of(row: &str) -> Option<&str> {
    row.strip_prefix(HEADER)
}

/// The row of a group's header.
pub fn header_row(group: &str) -> String {
    format!("{HEADER}{group}")
}

/// Its services by verdict: violated, burning, no data, met.
pub type Counts = [usize; 4];

/// What the dashboard's list of services asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Widget {
    filter: String,
    columns: Vec<Column>,
}

impl Widget {
    fn of(catalog: &Catalog) -> Self {
        let mut widgets = catalog.dashboard.iter().flat_map(|section| &section.widgets);
        let Some(widget) = widgets.find(|widget| widget.kind == "service_list") else {
            return Self::default();
        };
        let words = widget.parameters.get("columns").and_then(Value::as_array);
        let filter = widget.parameters.get("filter").and_then(Value::as_str);
        Self {
            filter: filter.unwrap_or_default().to_owned(),
            columns: words.into_iter().flatten().filter_map(|word| Column::parse(word.as_str()?)).collect(),
        }
    }
}

/// How the inventory is looked at.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// All columns, in the person's order.
    pub columns: Vec<ColumnChoice>,
    /// What the rows are ordered by; the order of worry unless said.
    pub sort: Option<Column>,
    /// Whether that order is turned round.
    pub reversed: bool,
    /// What they are grouped by.
    pub grouping: Grouping,
    /// Groups that show their header only.
    pub folded: BTreeSet<String>,
    /// The groups with their counts, as the rows were arranged last.
    pub groups: BTreeMap<String, Counts>,
    /// How many services passed the filter when the rows were arranged last.
    pub matched: usize,
    filter: Filter,
    widget: Option<Widget>,
    /// Whether the person has chosen columns; until then the dashboard does.
    chosen: bool,
}

impl Default for Inventory {
    fn default() -> Self {
        Self {
            columns: choices(&Column::USUAL),
            sort: None,
            reversed: false,
            grouping: Grouping::None,
            folded: BTreeSet::new(),
            groups: BTreeMap::new(),
            matched: 0,
            filter: Filter::default(),
            widget: None,
            chosen: false,
        }
    }
}

/// The columns that are shown, in their order, and behind them the others.
fn choices(shown: &[Column]) -> Vec<ColumnChoice> {
    let mut seen = BTreeSet::new();
    // Rows without a name say nothing.
    let name = (!shown.contains(&Column::Name)).then_some(Column::Name);
    let all = name.into_iter().chain(shown.iter().copied()).chain(Column::ALL);
    all.filter(|column| seen.insert(*column))
        .map(|column| ColumnChoice {
            column,
            shown: column == Column::Name || shown.contains(&column),
            wider: 0,
        })
        .collect()
}

impl Inventory {
    /// What is wrong with the filter, if something is.
    pub const fn problem(&self) -> Option<&FilterProblem> {
        self.filter.problem.as_ref()
    }

    /// The columns that are to be shown, in their order.
    pub fn shown(&self) -> impl Iterator<Item = &ColumnChoice> {
        self.columns.iter().filter(|choice| choice.shown)
    }

    /// Whether a filter is the one that the dashboard begins with.
    pub fn is_from_dashboard(&self, filter: &str) -> bool {
        self.widget.as_ref().is_some_and(|widget| !filter.is_empty() && widget.filter == filter)
    }

    /// Takes over what the dashboard of a new catalog says, where the person has not said otherwise; gives the
    /// filter that holds then.
    pub fn follow_dashboard(&mut self, catalog: &Catalog, filter: &str) -> String {
        let widget = Widget::of(catalog);
        let before = self.widget.replace(widget.clone());
        if before.as_ref() == Some(&widget) {
            return filter.to_owned();
        }
        if !self.chosen {
            let shown = if widget.columns.is_empty() { &Column::USUAL[..] } else { &widget.columns };
            self.columns = choices(shown);
        }
        let untouched = before.map_or_else(|| filter.is_empty(), |before| before.filter == filter);
        if untouched { widget.filter } else { filter.to_owned() }
    }

    /// Shows a column, or hides it. The name stays.
    pub fn toggle(&mut self, index: usize) {
        self.chosen = true;
        if let Some(choice) = self.columns.get_mut(index).filter(|choice| choice.column != Column::Name) {
            choice.shown = !choice.shown;
        }
    }

    /// Moves a column by places; gives where it is then.
    pub fn shift(&mut self, index: usize, by: isize) -> usize {
        let to = index.saturating_add_signed(by).min(self.columns.len().saturating_sub(1));
        if index < self.columns.len() && to != index {
            self.chosen = true;
            let choice = self.columns.remove(index);
            self.columns.insert(to, choice);
        }
        to
    }

    /// Makes a column wider, or narrower.
    pub fn widen(&mut self, index: usize, by: i16) {
        self.chosen = true;
        if let Some(choice) = self.columns.get_mut(index) {
            choice.wider = (choice.wider + by).clamp(-WIDEST, WIDEST);
        }
    }

    /// The columns as the dashboard has them, and the order of worry.
    pub fn reset(&mut self) {
        self.chosen = false;
        let columns = self.widget.as_ref().map_or(&[][..], |widget| &widget.columns);
        self.columns = choices(if columns.is_empty() { &Column::USUAL } else { columns });
        (self.sort, self.reversed) = (None, false);
    }

    /// Orders by a column; by the order of worry where it is ordered by it already and turned round.
    pub fn sort_by(&mut self, column: Column) {
        match (self.sort == Some(column), self.reversed) {
            (true, true) => (self.sort, self.reversed) = (None, false),
            (true, false) => self.reversed = true,
            (false, _) if column.orders() => (self.sort, self.reversed) = (Some(column), false),
            (false, _) => {}
        }
    }

    /// Orders by the next column that is shown; behind the last comes the order of worry.
    pub fn sort_next(&mut self) {
        let columns = || self.shown().map(|choice| choice.column).filter(|column| column.orders());
        let next = match self.sort {
            None => columns().next(),
            Some(column) => columns().skip_while(|known| *known != column).nth(1),
        };
        (self.sort, self.reversed) = (next, false);
    }

    /// Whether a row is the header of a group that shows its services.
    pub fn is_open_header(&self, row: &str) -> bool {
        group_of(row).is_some_and(|group| !self.folded.contains(group))
    }

    /// Whether something in a group is not well.
    pub fn is_worrying(&self, group: &str) -> bool {
        self.groups.get(group).is_some_and(|[violated, burning, ..]| violated + burning > 0)
    }

    /// The group that a service is shown in, if rows are grouped.
    pub fn group(&self, service: &Service) -> Option<String> {
        (self.grouping != Grouping::None).then(|| self.grouping.of(service).to_owned())
    }

    /// Reads the filter again if its text or the catalog has changed.
    pub fn read_filter(&mut self, text: &str, catalog: Option<&Arc<Catalog>>) {
        self.filter.update(text, catalog);
    }

    /// The rows in their order, with headers where they are grouped; `services` come in the order of worry.
    /// Notes the groups and how many services passed.
    pub fn arrange(&mut self, services: &[Arc<ServiceRow>], environment: Option<&str>) -> Vec<String> {
        let mut rows: Vec<&ServiceRow> =
            services.iter().map(|row| &**row).filter(|row| self.filter.passes(&row.service.name)).collect();
        self.matched = rows.len();
        if let Some(column) = self.sort {
            order(&mut rows, column, self.reversed != column.descends(), environment);
        }
        self.groups.clear();
        if self.grouping == Grouping::None {
            return rows.into_iter().map(|row| row.service.name.to_string()).collect();
        }
        let mut members: HashMap<&str, Vec<&ServiceRow>> = HashMap::new();
        for row in rows {
            let group = self.grouping.of(&row.service);
            members.entry(group).or_default().push(row);
            if !self.groups.contains_key(group) {
                self.groups.insert(group.to_owned(), Counts::default());
            }
            if let Some(counts) = self.groups.get_mut(group) {
                counts[verdict_index(row.verdict)] += 1;
            }
        }
        let mut groups: Vec<(&str, Vec<&ServiceRow>)> = members.into_iter().collect();
        // Where groups have no order of their own, the one with the worst service comes first.
        groups.sort_by_key(|(group, members)| {
            let rank = self.grouping.rank(group);
            let worst = members.iter().map(|row| row.verdict).min();
            let by_worry = matches!(self.grouping, Grouping::Project | Grouping::Owner);
            (rank, by_worry.then_some(worst), *group)
        });
        let mut arranged = Vec::new();
        for (group, members) in groups {
            arranged.push(header_row(group));
            if !self.folded.contains(group) {
                arranged.extend(members.iter().map(|row| row.service.name.to_string()));
            }
        }
        arranged
    }
}

const fn verdict_index(verdict: SlaVerdict) -> usize {
    match verdict {
        SlaVerdict::Violated => 0,
        SlaVerdict::Burning => 1,
        SlaVerdict::NoData => 2,
        SlaVerdict::Met => 3,
    }
}
