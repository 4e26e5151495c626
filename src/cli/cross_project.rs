//! The reports about use across projects, as text for people and as JSON of a documented shape.

use super::{report::verdict, table::table};
use crate::{
    domain::{
        catalog::Tier,
        cross_project::{
            ComplianceRow, ComplianceState, Demand, Migration, MigrationRow, MigrationState, Progress,
            ProjectUse, Standing, Tables, UsageRow,
        },
        text::clean,
    },
    model::Model,
};
use chrono::NaiveDate;
use serde_json::{Map, Value, json};

/// What stands where nothing is known or there is nothing.
const NONE: &str = "–";

fn tables(model: &Model) -> &Tables {
    &model.world.cross.tables
}

fn date(date: Option<NaiveDate>) -> String {
    date.map_or_else(|| NONE.to_owned(), |date| date.to_string())
}

fn hours(hours: Option<f64>) -> String {
    hours.map_or_else(|| NONE.to_owned(), |hours| format!("{}h", (hours * 10.0).round() / 10.0))
}

fn days(days: Option<i64>) -> String {
    match days {
        None => NONE.to_owned(),
        Some(days) if days < 0 => format!("{}d ago", -days),
        Some(days) => format!("in {days}d"),
    }
}

/// `project-a 4, shared 1 (1 optional)`.
fn by_project(projects: &[ProjectUse]) -> String {
    let words: Vec<String> = projects
        .iter()
        .map(|used| match used.optional.len() {
            0 => format!("{} {}", used.name(), used.count()),
            optional => format!("{} {} ({optional} optional)", used.name(), used.count()),
        })
        .collect();
    if words.is_empty() { NONE.to_owned() } else { words.join(", ") }
}

fn by_project_json(projects: &[ProjectUse]) -> Vec<Value> {
    let one = |used: &ProjectUse| json!({ "project": used.project, "required": used.required, "optional": used.optional });
    projects.iter().map(one).collect()
}

/// Services that are used across projects, as text.
pub fn usage_text(model: &Model) -> String {
    let rows = &tables(model).usage;
    if rows.is_empty() {
        return "no service is shared, and no project uses a service of another one\n".to_owned();
    }
    let today = model.now.date_naive();
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let used = &row.usage;
            let going = used.deprecation.as_ref().map_or_else(String::new, |gone| {
                let mark = if row.is_overdue { "■" } else { "▲" };
                let when = gone.days_left(today).map(|left| format!(" gone {}", days(Some(left))));
                let replacement = gone.replacement.as_ref().map(|service| format!(" → {service}"));
                format!(
                    "{mark} {}{}{}",
                    used.status,
                    when.unwrap_or_default(),
                    replacement.unwrap_or_default()
                )
            });
            vec![
                verdict(row.verdict).to_owned(),
                used.service.to_string(),
                used.project.as_ref().map_or_else(|| "shared".to_owned(), ToString::to_string),
                used.required.to_string(),
                used.optional.to_string(),
                used.highest_tier().map_or(NONE, Tier::as_str).to_owned(),
                by_project(&used.projects),
                going,
            ]
        })
        .collect();
    table(
        &[
            "sla",
            "service",
            "project",
            ">required by",
            ">optional to",
            "highest tier",
            "used by",
            "going away",
        ],
        &rows,
    )
}

/// Services that are used across projects, as JSON.
pub fn usage_json(model: &Model) -> Vec<Value> {
    let today = model.now.date_naive();
    let one = |row: &UsageRow| {
        let used = &row.usage;
        let tiers: Map<String, Value> = Tier::ALL
            .into_iter()
            .zip(used.tiers)
            .map(|(tier, count)| (tier.as_str().to_owned(), count.into()))
            .collect();
        json!({
            "service": used.service,
            "project": used.project,
            "owner": used.owner,
            "status": used.status,
            "verdict": row.verdict,
            "required_by": used.required,
            "optional_to": used.optional,
            "tiers": tiers,
            "projects": by_project_json(&used.projects),
            "overdue": row.is_overdue,
            "deprecation": used.deprecation.as_ref().map(|gone| json!({
                "since": gone.since,
                "sunset": gone.sunset,
                "days_left": gone.days_left(today),
                "replacement": gone.replacement,
            })),
        })
    };
    tables(model).usage.iter().map(one).collect()
}

const fn state(state: ComplianceState) -> &'static str {
    match state {
        ComplianceState::Unmet => "■ unmet",
        ComplianceState::LagsInProduction => "■ lags",
        ComplianceState::Lags => "▲ lags",
        ComplianceState::Drifts => "△ drifts",
        ComplianceState::Unknown => "◌ no data",
        ComplianceState::Met => "● met",
    }
}

const fn standing(standing: Standing) -> (&'static str, &'static str) {
    match standing {
        Standing::Meets => ("", "meets"),
        Standing::Below => (" ▼ too old", "below"),
        Standing::Outside => (" ■ does not fit", "outside"),
        Standing::Behind => (" ▼ behind", "behind"),
        Standing::Ahead => (" ▲ ahead", "ahead"),
        Standing::Unknown => ("", "unknown"),
        Standing::Absent => (" ◌ not there", "absent"),
        Standing::NotConcerned => ("", "not-concerned"),
    }
}

fn runs(row: &ComplianceRow) -> String {
    let seen = row.concerned().map(|(run, at)| {
        format!("{} {}{}", run.environment, run.text.as_deref().unwrap_or("◌ no data"), standing(at).0)
    });
    let absent =
        row.absent.iter().map(|environment| format!("{environment}{}", standing(Standing::Absent).0));
    let words: Vec<String> = seen.chain(absent).collect();
    if words.is_empty() { NONE.to_owned() } else { words.join(", ") }
}

/// What is demanded of versions, as text.
pub fn compliance_text(model: &Model) -> String {
    let rows = &tables(model).compliance;
    if rows.is_empty() {
        return "nobody requires a version, and what is used runs as the main branch has it\n".to_owned();
    }
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let requirement = &row.requirement;
            let optional = matches!(requirement.demand, Demand::Dependency { optional: true, .. });
            vec![
                state(row.state).to_owned(),
                requirement.service.to_string(),
                requirement.demand.words(),
                format!("{}{}", requirement.demand.by(), if optional { " (optional)" } else { "" }),
                requirement.main.as_ref().map_or_else(|| NONE.to_owned(), ToString::to_string),
                runs(row),
            ]
        })
        .collect();
    table(&["state", "service", "required", "by", ">main", "runs"], &rows)
}

/// What is demanded of versions, as JSON.
pub fn compliance_json(model: &Model) -> Vec<Value> {
    let one = |row: &ComplianceRow| {
        let requirement = &row.requirement;
        let (kind, consumer, project, optional) = match &requirement.demand {
            Demand::Dependency { consumer, project, optional, .. } => {
                ("dependency", Some(consumer), project.as_ref(), *optional)
            }
            Demand::Least(_) => ("minimum", None, None, false),
            Demand::Compatible { .. } => ("compatible", None, None, false),
            Demand::Same => ("same", None, None, false),
        };
        let run = |(run, at): (&crate::domain::cross_project::Run, &Standing)| {
            json!({
                "environment": run.environment,
                "production": run.production,
                "version": run.text.as_deref().map(clean),
                "standing": standing(*at).1,
            })
        };
        json!({
            "service": requirement.service,
            "state": row.state.as_str(),
            "kind": kind,
            "required": (kind != "same").then(|| clean(&requirement.demand.words())),
            "consumer": consumer,
            "consumer_project": project,
            "optional": optional,
            "main": requirement.main,
            "main_meets": row.main.map(|main| main == Standing::Meets),
            "runs": row.runs.iter().zip(&row.standings).map(run).collect::<Vec<_>>(),
            "absent": row.absent,
        })
    };
    tables(model).compliance.iter().map(one).collect()
}

const fn urgency(state: MigrationState) -> &'static str {
    match state {
        MigrationState::Overdue => "■ overdue",
        MigrationState::Near => "▲ near",
        MigrationState::Undated => "△ no date",
        MigrationState::Moving => "○ moving",
        MigrationState::Done => "● done",
    }
}

/// Who still depends on what is going away, as text: the table, and below it what the history tells.
pub fn migrations_text(model: &Model) -> String {
    let migrations = &tables(model).migrations;
    if migrations.is_empty() {
        return "no service is deprecated\n".to_owned();
    }
    let rows: Vec<Vec<String>> = migrations.iter().map(migration_cells).collect();
    let mut out = table(
        &[
            "state",
            "service",
            "instead",
            ">remain",
            ">moved",
            "sunset",
            ">",
            ">effort left",
            "difficulty",
            "still needs it",
        ],
        &rows,
    );
    for row in migrations {
        let Some(progress) = &row.progress else { continue };
        out += &format!(
            "\n{}: {} depended on it on {}\n",
            row.migration.service,
            progress.at_first,
            progress.since.date_naive()
        );
        for step in &progress.steps {
            let left = step.left.iter().map(|name| format!("−{name}"));
            let changes: Vec<String> =
                left.chain(step.joined.iter().map(|name| format!("+{name}"))).collect();
            let commit = step.commit.as_ref().map_or("not committed", |commit| commit.short());
            out += &format!(
                "  {}  {:>3}  {}  ({commit})\n",
                step.at.date_naive(),
                step.remaining,
                changes.join(" ")
            );
        }
    }
    out
}

fn migration_cells(row: &MigrationRow) -> Vec<String> {
    let facts = &row.migration;
    let moved = row.progress.as_ref().map(|progress| format!("{} of {}", progress.moved, progress.total));
    vec![
        urgency(row.state).to_owned(),
        facts.service.to_string(),
        facts.replacement.as_ref().map_or_else(|| NONE.to_owned(), ToString::to_string),
        facts.count().to_string(),
        moved.unwrap_or_else(|| NONE.to_owned()),
        date(facts.sunset),
        days(row.days_left),
        hours(facts.hours_left()),
        facts.difficulty.clone().unwrap_or_else(|| NONE.to_owned()),
        by_project(&facts.remaining),
    ]
}

/// Who still depends on what is going away, as JSON.
pub fn migrations_json(model: &Model) -> Value {
    let one = |row: &MigrationRow| {
        let facts: &Migration = &row.migration;
        json!({
            "service": facts.service,
            "project": facts.project,
            "owner": facts.owner,
            "status": facts.status,
            "state": row.state.as_str(),
            "replacement": facts.replacement,
            "deprecated": facts.deprecated,
            "sunset": facts.sunset,
            "days_left": row.days_left,
            "support_until": facts.support_until,
            "guide": facts.guide.as_deref().map(clean),
            "difficulty": facts.difficulty,
            "hours_each": facts.hours_each,
            "hours_left": facts.hours_left(),
            "remaining": facts.count(),
            "consumers": by_project_json(&facts.remaining),
            "progress": row.progress.as_ref().map(progress_json),
        })
    };
    let history = model.world.history.value.as_ref().filter(|_| model.world.cross.request.is_some());
    json!({
        "at": model.now.to_rfc3339(),
        "history": history.map(|history| json!({
            "since": history.request.since.to_rfc3339(),
            "commits": history.points.len(),
            "unread": history.unread,
        })),
        "migrations": tables(model).migrations.iter().map(one).collect::<Vec<_>>(),
    })
}

fn progress_json(progress: &Progress) -> Value {
    let steps: Vec<Value> = progress
        .steps
        .iter()
        .map(|step| {
            json!({
                "at": step.at.to_rfc3339(),
                "commit": step.commit,
                "remaining": step.remaining,
                "left": step.left,
                "joined": step.joined,
            })
        })
        .collect();
    json!({
        "since": progress.since.to_rfc3339(),
        "at_first": progress.at_first,
        "total": progress.total,
        "moved": progress.moved,
        "steps": steps,
    })
}

/// Whether a version is demanded that production does not have, or cannot get.
pub fn lags(model: &Model) -> bool {
    tables(model).compliance.iter().any(|row| row.state <= ComplianceState::LagsInProduction)
}

/// Whether somebody depends on what should be gone.
pub fn is_overdue(model: &Model) -> bool {
    tables(model).migrations.iter().any(|row| row.state == MigrationState::Overdue)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        action::command::Report, cli::report, domain::cross_project::Table, model::layout::Size,
        tui::fixture::cross_project as model,
    };

    #[test]
    fn the_reports_as_people_read_them() {
        let model = model(Size { width: 80, height: 24 }, Table::Usage);
        for (name, report) in
            [("usage", Report::Usage), ("compliance", Report::Compliance), ("migrations", Report::Migrations)]
        {
            insta::assert_snapshot!(format!("{name}-text"), report::text(&model, report));
        }
        assert!(lags(&model) && !is_overdue(&model));
    }

    #[test]
    fn the_reports_as_programs_read_them() {
        let model = model(Size { width: 80, height: 24 }, Table::Usage);
        for (name, report, list) in [
            ("usage", Report::Usage, "services"),
            ("compliance", Report::Compliance, "demands"),
            ("migrations", Report::Migrations, "migrations"),
        ] {
            let mut json = report::json(&model, report);
            json[list].as_array_mut().unwrap().truncate(2);
            insta::assert_json_snapshot!(format!("{name}-json"), json);
        }
    }

    #[test]
    fn empty_tables_are_said() {
        let model = crate::tui::fixture::empty(Size { width: 80, height: 24 });
        assert!(usage_text(&model).contains("no service is shared"));
        assert!(compliance_text(&model).contains("nobody requires a version"));
        assert!(migrations_text(&model).contains("no service is deprecated"));
        assert_eq!(report::json(&model, Report::Migrations)["history"], Value::Null);
    }
}
