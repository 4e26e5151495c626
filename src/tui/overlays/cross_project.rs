//! Everything about one row of a cross-project table: who, where, since when, and how it went.

use super::{Page, window};
use crate::{
    config::theme::Role,
    domain::{
        catalog::Tier,
        cross_project::{
            ComplianceRow, Demand, Migration, MigrationRow, Progress, ProjectUse, Standing, Table, UsageRow,
        },
        name::ServiceName,
    },
    tui::{
        paint::{Line, Painter, piece},
        panes::hours,
        view::View,
        widgets::{sparkline::sparkline, status},
    },
};
use ratatui::layout::Rect;

const WIDTH: u16 = 104;

/// Cells of the chart of a migration.
const CHART: u16 = 40;

/// Draws the details of a row.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, body: Rect, table: Table, row: &str, offset: usize) {
    let service = view.model.world.cross.tables.service(table, row);
    let mut title = vec![piece(table.title(), painter.style(Role::Dim))];
    if let Some(service) = service {
        title.push(piece(format!("  {service}"), painter.style(Role::Title)));
    }
    window::page(painter, body, WIDTH, &title, offset, |page| fill(view, page, table, row));
}

/// Puts what is known of a row on a page.
pub fn fill(view: &View<'_>, page: &mut Page<'_>, table: Table, row: &str) {
    let tables = &view.model.world.cross.tables;
    let is_there = match table {
        Table::Usage => tables.usage_row(row).map(|row| usage(view, page, row)).is_some(),
        Table::Compliance => tables.compliance_row(row).map(|row| compliance(view, page, row)).is_some(),
        Table::Migrations => tables.migration_row(row).map(|row| migration(view, page, row)).is_some(),
    };
    if !is_there {
        page.text("this row is not in the table any more", Role::Dim, 0);
    }
}

fn usage(view: &View<'_>, page: &mut Page<'_>, row: &UsageRow) {
    let used = &row.usage;
    let mark = status::sla(row.verdict);
    page.fact_line("promise", vec![piece(format!("{} {}", mark.glyph, mark.word), page.style(mark.role))]);
    page.fact(
        "belongs to",
        used.project.as_ref().map_or("all projects", |project| project.as_str()),
        Role::Text,
    );
    page.fact_if("owner", used.owner.as_ref());
    page.fact("status", used.status.as_str(), Role::Text);
    if let Some(deprecation) = &used.deprecation {
        let days = deprecation.days_left(view.now().date_naive());
        let role = if row.is_overdue { Role::StatusCritical } else { Role::StatusWarning };
        let parts = [
            deprecation.since.map(|date| format!("deprecated {date}")),
            deprecation.sunset.map(|date| format!("gone {date} ({})", until(days.unwrap_or_default()))),
            deprecation.replacement.as_ref().map(|service| format!("replaced by {service}")),
        ];
        page.fact("going away", &parts.into_iter().flatten().collect::<Vec<_>>().join(" · "), role);
    }
    let tiers: Vec<String> = Tier::ALL
        .into_iter()
        .zip(used.tiers)
        .filter(|(_, count)| *count > 0)
        .map(|(tier, count)| format!("{count} {}", tier.as_str()))
        .collect();
    let tiers = if tiers.is_empty() { String::new() } else { format!(": {}", tiers.join(", ")) };
    let others = if used.optional > 0 { format!(" · {} could", used.optional) } else { String::new() };
    let words = format!("{} cannot do without it{tiers}{others}", used.required);
    page.fact("users", &words, Role::Text);
    users(view, page, &used.projects);
}

/// Users by project, each with how it keeps its promise.
fn users(view: &View<'_>, page: &mut Page<'_>, projects: &[ProjectUse]) {
    if projects.is_empty() {
        page.fact("used by", "nobody", Role::Dim);
    }
    for used in projects {
        let mut words: Vec<String> = used.required.iter().map(|name| marked(view, name)).collect();
        words.extend(used.optional.iter().map(|name| format!("{} (optional)", marked(view, name))));
        page.fact(used.name(), &words.join(", "), Role::Text);
    }
}

fn marked(view: &View<'_>, name: &ServiceName) -> String {
    match view.joined.service(name.as_str()) {
        Some(row) => format!("{} {name}", status::sla(row.verdict).glyph),
        None => name.to_string(),
    }
}

/// `in 12 days`, `today`, `3 days ago`.
fn until(days: i64) -> String {
    let plural = if days.abs() == 1 { "" } else { "s" };
    match days {
        0 => "today".to_owned(),
        days if days < 0 => format!("{} day{plural} ago", -days),
        days => format!("in {days} day{plural}"),
    }
}

fn compliance(view: &View<'_>, page: &mut Page<'_>, row: &ComplianceRow) {
    let requirement = &row.requirement;
    let mark = status::compliance(row.state);
    page.fact_line("state", vec![piece(format!("{} {}", mark.glyph, mark.word), page.style(mark.role))]);
    let words = match &requirement.demand {
        Demand::Dependency { consumer, project, requirement, optional, .. } => {
            let project = project.as_ref().map_or("shared", |project| project.as_str());
            let verb = if *optional { "uses" } else { "requires" };
            format!("{} ({project}) {verb} {requirement}", marked(view, consumer))
        }
        Demand::Least(least) => {
            format!("its compat_version_min says that consumers may rely on {least} and newer")
        }
        Demand::Compatible { texts, versions } => {
            let unread = texts.len() - versions.len();
            let unread = if unread > 0 { format!(" ({unread} not understood)") } else { String::new() };
            format!("its compat_with says that it is compatible with {}{unread}", texts.join(", "))
        }
        Demand::Same => "nobody requires a version, but the environments differ".to_owned(),
    };
    page.fact("demand", &words, Role::Text);
    let main = requirement.main.as_ref().map_or_else(|| "no version".to_owned(), ToString::to_string);
    let line = standing(page, &main, row.main.unwrap_or(Standing::Unknown));
    page.fact_line("main has", line);
    for (run, at) in row.runs.iter().zip(&row.standings) {
        let version = run.text.as_deref().unwrap_or("–");
        let mut line = standing(page, version, *at);
        if run.production {
            line.push(piece(" ", page.style(Role::Text)));
            line.push(piece(" PRODUCTION ", page.style(Role::Production)));
        }
        page.fact_line(run.environment.as_str(), line);
    }
    for environment in &row.absent {
        let line = standing(page, "–", Standing::Absent);
        page.fact_line(environment.as_str(), line);
    }
    let is_prerelease = row.runs.iter().zip(&row.standings).any(|(run, at)| {
        *at == Standing::Outside && run.version.as_ref().is_some_and(|version| !version.pre.is_empty())
    });
    if is_prerelease && requirement.demand != Demand::Same {
        page.text("a pre-release only meets a requirement that names one", Role::Dim, 0);
    }
}

fn standing<'a>(page: &Page<'a>, version: &str, at: Standing) -> Line<'a> {
    let mark = status::standing(at);
    vec![
        piece(format!("{version:<14} "), page.style(Role::Text)),
        piece(format!("{} {}", mark.glyph, mark.word), page.style(mark.role)),
    ]
}

fn migration(view: &View<'_>, page: &mut Page<'_>, row: &MigrationRow) {
    let facts = &row.migration;
    let mark = status::migration(row.state);
    let mut line: Line<'_> = vec![piece(format!("{} {}", mark.glyph, mark.word), page.style(mark.role))];
    if let Some(days) = row.days_left {
        let date = facts.sunset.map_or_else(String::new, |date| date.to_string());
        line.push(piece(format!(" · gone {date}, {}", until(days)), page.style(Role::Text)));
    }
    page.fact_line("state", line);
    let instead = match (&facts.replacement, &facts.guide) {
        (Some(service), Some(guide)) => format!("{} · {guide}", marked(view, service)),
        (Some(service), None) => format!("{}, without a guide", marked(view, service)),
        (None, Some(guide)) => format!("no replacement is named · {guide}"),
        (None, None) => "no replacement is named".to_owned(),
    };
    page.fact("instead", &instead, Role::Text);
    let dates = [
        facts.deprecated.map(|date| format!("deprecated {date}")),
        facts.support_until.map(|date| format!("supported until {date}")),
        facts.owner.as_ref().map(|owner| format!("owner {owner}")),
    ];
    let dates: Vec<String> = dates.into_iter().flatten().collect();
    if !dates.is_empty() {
        page.fact("dates", &dates.join(" · "), Role::Text);
    }
    page.fact("effort left", &effort(facts), Role::Text);
    match &row.progress {
        Some(progress) => {
            let words = format!("{} of {} have moved", progress.moved, progress.total);
            page.fact("moved", &words, Role::Text);
            self::progress(view, page, progress);
        }
        None => history(view, page),
    }
    page.heading("Still needs it");
    users(view, page, &facts.remaining);
}

/// Why there is no progress to show.
fn history(view: &View<'_>, page: &mut Page<'_>) {
    match (view.history().failure, &view.model.world.history.value) {
        (Some(failure), _) => {
            page.fact("moved", &format!("unknown: {failure}"), Role::StatusCritical);
            for cause in &failure.causes {
                page.fact("", &format!("because: {cause}"), Role::Text);
            }
            for hint in &failure.hints {
                page.fact("", &format!("try: {hint}"), Role::Accent);
            }
        }
        (None, None) => page.fact("moved", "◌ reading the history …", Role::Dim),
        (None, Some(_)) => {
            page.fact("moved", "unknown: the main branch has no history of this service", Role::Dim);
        }
    }
}

fn effort(facts: &Migration) -> String {
    let difficulty = facts.difficulty.as_deref().unwrap_or("difficulty unknown");
    match (facts.hours_each, facts.hours_left()) {
        (Some(each), Some(left)) => {
            let count = facts.count();
            let consumers = if count == 1 { "consumer" } else { "consumers" };
            format!("{} ({count} {consumers} at {} each, {difficulty})", hours(left), hours(each))
        }
        _ => format!("not estimated, {difficulty}"),
    }
}

/// The chart of those that remained, and every change with its date.
fn progress(view: &View<'_>, page: &mut Page<'_>, progress: &Progress) {
    let width = CHART.min(page.width.saturating_sub(32)).max(8);
    let samples = progress.samples(view.now(), usize::from(width) * 2);
    let samples: Vec<f64> = samples.into_iter().map(|count| count as f64).collect();
    let chart = sparkline(&samples, width, progress.most().max(1) as f64);
    let words = format!("  {} since {}", progress.at_first, progress.since.date_naive());
    page.fact_line(
        "remained",
        vec![piece(chart, page.style(Role::Chart)), piece(words, page.style(Role::Dim))],
    );
    for step in progress.steps.iter().rev() {
        let commit = step.commit.as_ref().map_or("not committed", |commit| commit.short());
        let named = |sign: &str, names: &[ServiceName]| {
            names.iter().map(|name| format!("{sign}{name}")).collect::<Vec<_>>().join(" ")
        };
        let changes = [named("−", &step.left), named("+", &step.joined)];
        let changes = changes.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(" ");
        let role = if step.joined.is_empty() { Role::Text } else { Role::StatusWarning };
        let words = format!("{:>3}  {changes}  ({commit})", step.remaining);
        page.fact(&step.at.date_naive().to_string(), &words, role);
    }
}
