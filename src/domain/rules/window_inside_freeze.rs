//! A window that freezes always close.

use super::{Context, MOST_PLACES, Rule};
use crate::domain::{
    calendar::{CalendarEntry, EntryKind, MOST_ENTRIES, Occurrence},
    catalog::Catalog,
    finding::{Finding, Level},
    name::{EnvironmentName, ProjectName},
    text::clean,
};
use chrono::{Duration, NaiveTime};
use std::collections::{BTreeMap, BTreeSet};

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD805",
    name: "window-inside-freeze",
    level: Level::Warning,
    summary: "Every coming time of a window lies inside freezes.",
    help: "A freeze beats a window, so nothing could ever go out in it. It takes not one freeze alone: several can close a window together, one after the other or each in its environment. Move one of them, or limit the freezes to environments or projects.",
    check: Some(check),
};

/// How many days ahead are compared.
const DAYS: i64 = 366;

/// How many times of each entry are compared: a daily one's year.
const MOST: usize = 400;

/// So many times of freezes are put together at most; beyond that the calendar is not one that a person keeps.
const MOST_JOINED: usize = 1_000_000;

/// A window that freezes cut into more scopes than this is not looked at.
const MOST_SCOPES: usize = 1_000;

/// Whether a time lies inside one of those at which a freeze holds, which come one after the other.
fn is_inside(time: &Occurrence, held: &[Occurrence]) -> bool {
    let begun = held.partition_point(|held| held.start <= time.start);
    begun.checked_sub(1).and_then(|last| held.get(last)).is_some_and(|held| time.end <= held.end)
}

/// The times of several freezes as one: what overlaps or follows without a gap is one time.
fn joined<'t>(times: impl Iterator<Item = &'t Vec<Occurrence>>) -> Vec<Occurrence> {
    let mut all: Vec<Occurrence> = times.flatten().copied().collect();
    all.sort_unstable();
    let mut joined: Vec<Occurrence> = Vec::with_capacity(all.len());
    for time in all {
        match joined.last_mut() {
            Some(last) if time.start <= last.end => last.end = last.end.max(time.end),
            _ => joined.push(time),
        }
    }
    joined
}

/// A freeze and when it holds.
type Freeze<'c> = (&'c CalendarEntry, Vec<Occurrence>);

/// Where a window holds, as far as freezes tell it apart: the environments and projects that any names, and `None` for
/// all others.
struct Scopes<'c> {
    environments: BTreeSet<Option<&'c EnvironmentName>>,
    projects: BTreeSet<Option<&'c ProjectName>>,
}

impl<'c> Scopes<'c> {
    fn of(catalog: &'c Catalog, window: &'c CalendarEntry, freezes: &[Freeze<'c>]) -> Self {
        let mut environments: BTreeSet<_> = window.environments.iter().map(Some).collect();
        if environments.is_empty() {
            let known = &catalog.settings.environments;
            let named: BTreeSet<_> = freezes.iter().flat_map(|(freeze, _)| &freeze.environments).collect();
            if known.is_empty() || known.iter().any(|environment| !named.contains(&environment.name)) {
                environments.insert(None);
            }
            environments.extend(named.into_iter().map(Some));
        }
        let mut projects: BTreeSet<_> = window.projects.iter().map(Some).collect();
        if projects.is_empty() {
            // What is shared is of no project.
            projects.insert(None);
            projects.extend(freezes.iter().flat_map(|(freeze, _)| &freeze.projects).map(Some));
        }
        Self { environments, projects }
    }

    fn count(&self) -> usize {
        self.environments.len() * self.projects.len()
    }

    fn each(&self) -> impl Iterator<Item = (Option<&'c EnvironmentName>, Option<&'c ProjectName>)> {
        let projects = self.projects.clone();
        self.environments.clone().into_iter().flat_map(move |environment| {
            projects.clone().into_iter().map(move |project| (environment, project))
        })
    }
}

/// Whether a freeze holds in an environment and for a project.
fn holds(
    freeze: &CalendarEntry,
    environment: Option<&EnvironmentName>,
    project: Option<&ProjectName>,
) -> bool {
    let among = |environment| freeze.environments.contains(environment);
    let of = |project| freeze.projects.contains(project);
    (freeze.environments.is_empty() || environment.is_some_and(among))
        && (freeze.projects.is_empty() || project.is_some_and(of))
}

fn check(context: &Context<'_>) -> Vec<Finding> {
    let from = context.today.and_time(NaiveTime::MIN).and_utc();
    let Some(to) = from.checked_add_signed(Duration::days(DAYS)) else { return Vec::new() };
    let calendar = &context.head.calendar;
    let of_kind =
        |kind| calendar.iter().filter(move |entry: &&CalendarEntry| entry.kind == kind).take(MOST_ENTRIES);
    // A freeze may begin before the window does, and end after the last day that is looked at.
    let margin = Duration::days(DAYS);
    let freezes: Vec<Freeze<'_>> = of_kind(EntryKind::Freeze)
        .filter_map(|freeze| Some((freeze, freeze.occurrences(from - margin, to + margin, MOST * 2).ok()?)))
        .collect();
    if freezes.is_empty() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    // Many windows are closed by the same freezes, whose times are put together once.
    let mut known: BTreeMap<Vec<usize>, Vec<Occurrence>> = BTreeMap::new();
    let mut left = MOST_JOINED;
    for window in of_kind(EntryKind::Window) {
        let Ok(times) = window.occurrences(from, to, MOST) else { continue };
        if times.is_empty() {
            continue;
        }
        let mut closing: BTreeSet<usize> = BTreeSet::new();
        let scopes = Scopes::of(context.head, window, &freezes);
        let never_opens = scopes.count() <= MOST_SCOPES
            && scopes.each().all(|(environment, project)| {
                let here: Vec<usize> = (0..freezes.len())
                    .filter(|index| holds(freezes[*index].0, environment, project))
                    .collect();
                closing.extend(&here);
                let held = known.entry(here).or_insert_with_key(|here| {
                    let size = here.iter().map(|index| freezes[*index].1.len()).sum();
                    left = left.saturating_sub(size);
                    if left == 0 { Vec::new() } else { joined(here.iter().map(|index| &freezes[*index].1)) }
                });
                times.iter().all(|time| is_inside(time, held))
            });
        if !never_opens {
            continue;
        }
        let (times_word, verb) = match times.len() {
            1 => ("its one coming time".to_owned(), "lies"),
            many => (format!("all of its next {many} times"), "lie"),
        };
        let title = clean(&window.name);
        let touches = |index: &&usize| {
            freezes[**index]
                .1
                .iter()
                .any(|held| times.iter().any(|time| held.start < time.end && time.start < held.end))
        };
        let closing: Vec<usize> = closing.iter().filter(touches).copied().collect();
        let by = if closing.len() == 1 { "a freeze" } else { "freezes" };
        let message = format!("the window `{title}` never opens: {times_word} {verb} inside {by}");
        let mut finding = context.place(RULE.finding(message), &window.place("rrule"), "");
        for index in closing.iter().take(MOST_PLACES) {
            finding = context.place(finding, &freezes[*index].0.place("name"), "closed by this");
        }
        findings.push(finding.help("move the window or a freeze, or limit a freeze"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use crate::domain::catalog::reader;

    /// How many windows of a calendar never open, in a repository with staging and production.
    fn closed(calendar: &str) -> usize {
        let settings = "[environment.staging]\ncontext = \"s\"\n[environment.production]\ncontext = \"p\"\n";
        let files = [
            ("services/catalog.toml", ""),
            ("quarterdeck.toml", settings),
            ("policies/calendar.toml", calendar),
        ];
        let head = reader::read(files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())));
        let found = check(&head, None, "2026-06-01".parse().unwrap());
        found.iter().filter(|finding| finding.code == "QD805").count()
    }

    const WINDOW: &str = "[[window]]\nname = \"w\"\nduration = \"4h\"\n\
                          rrule = \"DTSTART:20260701T100000Z\\nRRULE:FREQ=DAILY;COUNT=1\"\n";

    fn freeze(hours: (u8, u8), more: &str) -> String {
        let (from, to) = hours;
        format!(
            "[[freeze]]\nname = \"f\"\nstart = 2026-07-01T{from:02}:00:00Z\nend = 2026-07-01T{to:02}:00:00Z\n{more}\n"
        )
    }

    #[test]
    fn several_freezes_close_a_window_together() {
        let staging = "environments = [\"staging\"]";
        let production = "environments = [\"production\"]";
        let both = "environments = [\"staging\", \"production\"]";
        for (window, freezes, expected) in [
            ("", vec![((9, 15), "")], 1),
            ("", vec![((9, 12), ""), ((12, 15), "")], 1),
            ("", vec![((9, 13), ""), ((11, 15), "")], 1),
            // An hour is left.
            ("", vec![((9, 12), ""), ((13, 15), "")], 0),
            ("", vec![((9, 15), staging)], 0),
            ("", vec![((9, 15), staging), ((9, 15), production)], 1),
            ("", vec![((9, 15), both)], 1),
            ("", vec![((9, 15), staging), ((9, 12), production), ((12, 14), "")], 1),
            (staging, vec![((9, 15), production)], 0),
            (staging, vec![((9, 12), staging), ((12, 15), "")], 1),
            // Other projects, and what is shared, still go out.
            ("", vec![((9, 15), "projects = [\"shop\"]")], 0),
            ("projects = [\"shop\"]", vec![((9, 15), "projects = [\"shop\"]")], 1),
        ] {
            let freezes: String = freezes.iter().map(|(hours, more)| freeze(*hours, more)).collect();
            let calendar = format!("{WINDOW}{window}\n{freezes}");
            assert_eq!(closed(&calendar), expected, "{calendar}");
        }
    }

    #[test]
    fn a_monstrous_calendar_is_no_work_without_end() {
        let mut calendar = String::new();
        for number in 0..200 {
            calendar += &format!(
                "[[freeze]]\nname = \"f{number}\"\nstart = 2026-01-01T00:00:00Z\nrrule = \"FREQ=DAILY\"\n\
                 duration = \"24h\"\nenvironments = [\"e{number}\"]\nprojects = [\"p{number}\"]\n\
                 [[window]]\nname = \"w{number}\"\nrrule = \"DTSTART:20260101T010000Z\\nRRULE:FREQ=DAILY\"\n\
                 duration = \"1h\"\nenvironments = [\"e{number}\"]\nprojects = [\"p{number}\"]\n"
            );
        }
        assert_eq!(closed(&calendar), 200);
    }
}
