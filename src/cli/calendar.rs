//! `quarterdeck calendar`: what stands in it, as a table, JSON of a documented shape, or iCalendar.

use super::{arguments::Output, oneshot::pretty, table::table};
use crate::{
    action::command::CalendarFormat,
    domain::{
        calendar::{Agenda, AgendaEntry, HORIZON_DAYS, Schedule, Standing},
        catalog::Catalog,
        ledger::Operations,
        name::EnvironmentName,
        text::clean,
    },
    error::Failure,
    generate::calendar::icalendar,
    model::Model,
};
use chrono::{DateTime, Duration, NaiveDate, NaiveTime, SecondsFormat, Utc};
use serde_json::{Value, json};

/// What is printed, and what of the calendar cannot be read.
pub struct Written {
    /// For standard output.
    pub out: String,
    /// Entries that cannot be read.
    pub problems: Vec<String>,
}

/// Writes the calendar of `days` days from a day on; from today unless said. `catalog` has the calendar that counts.
///
/// # Errors
/// The day lies outside of what a calendar can hold.
pub fn write(
    model: &Model,
    catalog: &Catalog,
    from: Option<NaiveDate>,
    days: u16,
    format: CalendarFormat,
) -> Result<Written, Failure> {
    let from = from.unwrap_or_else(|| model.now.date_naive()).and_time(NaiveTime::MIN).and_utc();
    let to = from
        .checked_add_signed(Duration::days(days.into()))
        .ok_or_else(|| Failure::usage("that is later than any calendar goes").hint("give a nearer date"))?;
    let nothing = Operations::default();
    let operations = model.world.ledger.value.as_ref().map_or(&nothing, |ledger| &ledger.operations);
    let agenda = Agenda::new(catalog, operations, from, to);
    let out = match format {
        CalendarFormat::Text => text(catalog, &agenda, model.now, from, to),
        CalendarFormat::Json => pretty(&in_json(catalog, &agenda, model.now, from, to)),
        CalendarFormat::Ics => icalendar(&catalog.settings.name, &agenda.entries, model.now),
    };
    Ok(Written { out, problems: agenda.problems })
}

impl From<Output> for CalendarFormat {
    fn from(output: Output) -> Self {
        match output {
            Output::Text => Self::Text,
            Output::Json => Self::Json,
        }
    }
}

/// How it stands now: for merges, and for deployments in each environment.
fn standings(catalog: &Catalog, now: DateTime<Utc>) -> Vec<(Option<&EnvironmentName>, Standing)> {
    let schedule = Schedule::new(catalog, now, now + Duration::days(HORIZON_DAYS));
    let environments = catalog.settings.environments.iter().map(|environment| Some(&environment.name));
    [None]
        .into_iter()
        .chain(environments)
        .map(|environment| (environment, schedule.standing(environment, &[], now)))
        .collect()
}

fn text(
    catalog: &Catalog,
    agenda: &Agenda,
    now: DateTime<Utc>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> String {
    let rows: Vec<Vec<String>> = standings(catalog, now)
        .into_iter()
        .map(|(environment, standing)| {
            let scope =
                environment.map_or_else(|| "merges".to_owned(), |name| format!("deployments in {name}"));
            let (state, words) = match &standing {
                Standing::Open { until: None } => ("open", String::new()),
                Standing::Open { until: Some(until) } => {
                    ("open", format!("until {}", until.format("%F %H:%M UTC")))
                }
                Standing::Closed(closure) => {
                    ("closed", format!("{}; {}", closure.words(), closure.opening()))
                }
            };
            vec![scope, state.to_owned(), words]
        })
        .collect();
    let mut out = table(&["now", "state", "why"], &rows);
    out.push('\n');
    if agenda.entries.is_empty() {
        out += &format!(
            "nothing stands in the calendar from {} to {}\n",
            from.format("%F"),
            (to - Duration::days(1)).format("%F")
        );
        return out;
    }
    let rows: Vec<Vec<String>> = agenda.entries.iter().map(row).collect();
    out += &table(&["from (UTC)", "until", "what", "name", "where", "more"], &rows);
    out
}

fn row(entry: &AgendaEntry) -> Vec<String> {
    let (start, end) = if entry.all_day {
        (entry.start.format("%a %F").to_string(), String::new())
    } else {
        let end = entry.end.map(|end| {
            let same_day = end.date_naive() == entry.start.date_naive();
            end.format(if same_day { "%H:%M" } else { "%F %H:%M" }).to_string()
        });
        (entry.start.format("%a %F %H:%M").to_string(), end.unwrap_or_default())
    };
    vec![
        start,
        end,
        entry.kind.as_str().to_owned(),
        clean(&entry.title),
        entry.scope(),
        entry.detail.as_deref().map(clean).unwrap_or_default(),
    ]
}

fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn in_json(
    catalog: &Catalog,
    agenda: &Agenda,
    now: DateTime<Utc>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Value {
    let standings: Vec<Value> = standings(catalog, now)
        .into_iter()
        .map(|(environment, standing)| {
            let scope = if environment.is_some() { "deployment" } else { "merge" };
            let (until, closure) = match &standing {
                Standing::Open { until } => (*until, None),
                Standing::Closed(closure) => (closure.until, Some(closure)),
            };
            json!({
                "scope": scope,
                "environment": environment,
                "open": closure.is_none(),
                "until": until.map(stamp),
                "because": closure.map(|closure| closure.kind.as_str()),
                "by": closure.map(|closure| &closure.by),
                "reason": closure.and_then(|closure| closure.reason.as_ref()),
                "next_opening": closure.and_then(|closure| closure.next_opening).map(stamp),
            })
        })
        .collect();
    let entries: Vec<Value> = agenda
        .entries
        .iter()
        .map(|entry| {
            json!({
                "kind": entry.kind.as_str(),
                "start": stamp(entry.start),
                "end": entry.end.map(stamp),
                "all_day": entry.all_day,
                "title": entry.title,
                "detail": entry.detail,
                "environments": entry.environments,
                "projects": entry.projects,
                "service": entry.service,
                "change": entry.change,
            })
        })
        .collect();
    json!({
        "at": stamp(now),
        "from": stamp(from),
        "to": stamp(to),
        "now": standings,
        "entries": entries,
        "problems": agenda.problems,
    })
}
