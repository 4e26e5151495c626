//! The calendar and the pipeline of changes.

use super::{
    action, unknown,
    words::{DIRECTIONS, direction, optional, required},
};
use crate::{
    action::{
        available,
        command::{CalendarCommand, CalendarFormat, Command, Direction},
        spec::{ActionSpec, ArgumentKind},
    },
    error::Failure,
};

/// Days that are shown unless said otherwise, and at most.
const DAYS: (u16, u16) = (30, 400);

pub(super) static ACTIONS: &[ActionSpec] = &[
    ActionSpec {
        cli: &["calendar"],
        arguments: &[
            optional("from", "the first day, such as 2026-12-01; today unless said", ArgumentKind::Text),
            optional("days", "how many days, 30 unless said", ArgumentKind::Text),
            optional(
                "format",
                "as a table, JSON or iCalendar; as all output is wanted unless said",
                ArgumentKind::Choice(&["text", "json", "ics"]),
            ),
        ],
        ..action(
            "calendar.show",
            "Change calendar",
            "Freezes, windows, merges, rollbacks, and the days on which services end.",
            |arguments| {
                let from = arguments.get("from").map(|given| {
                    given.trim().parse().map_err(|_| {
                        Failure::usage(format!("`{given}` is no day")).hint("write it as 2026-12-01")
                    })
                });
                let days = arguments.get("days").map_or(Ok(DAYS.0), |given| {
                    let days = given.trim().parse().ok().filter(|days| (1..=DAYS.1).contains(days));
                    days.ok_or_else(|| {
                        Failure::usage(format!("`{given}` is no number of days"))
                            .hint(format!("give one from 1 to {}", DAYS.1))
                    })
                })?;
                let format = arguments.get("format").map(|word| match word.as_str() {
                    "text" => Ok(CalendarFormat::Text),
                    "json" => Ok(CalendarFormat::Json),
                    "ics" => Ok(CalendarFormat::Ics),
                    other => Err(unknown("format", other, ["text", "json", "ics"].into_iter())),
                });
                Ok(Command::Calendar(CalendarCommand::Show {
                    from: from.transpose()?,
                    days,
                    format: format.transpose()?,
                }))
            },
        )
    },
    ActionSpec {
        arguments: &[required("direction", "next or previous", DIRECTIONS)],
        available: available::on_calendar,
        ..action("calendar.day", "Another day", "Goes to the next or previous day.", |arguments| {
            let days = if direction(arguments)? == Direction::Next { 1 } else { -1 };
            Ok(Command::Calendar(CalendarCommand::Days(days)))
        })
    },
    ActionSpec {
        arguments: &[required("direction", "next or previous", DIRECTIONS)],
        available: available::on_calendar,
        ..action("calendar.month", "Another month", "Goes to the next or previous month.", |arguments| {
            Ok(Command::Calendar(CalendarCommand::Month(direction(arguments)?)))
        })
    },
    ActionSpec {
        available: available::on_calendar,
        ..action("calendar.today", "Today", "Goes back to today.", |_| {
            Ok(Command::Calendar(CalendarCommand::Today))
        })
    },
    ActionSpec {
        arguments: &[required("direction", "next or previous", DIRECTIONS)],
        available: available::on_pipeline,
        ..action(
            "pipeline.column",
            "Another stage",
            "Goes to the next or previous stage of the pipeline that has changes.",
            |arguments| Ok(Command::Calendar(CalendarCommand::Stage(direction(arguments)?))),
        )
    },
];

#[cfg(test)]
mod tests {
    use crate::action::{
        command::{CalendarCommand, CalendarFormat, Command},
        registry::find,
        spec::Arguments,
    };

    #[test]
    fn days_and_dates_are_read_or_refused() {
        let build = |given: &[(&'static str, &str)]| {
            let arguments: Arguments =
                given.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            (find("calendar.show").unwrap().build)(&arguments)
        };
        assert_eq!(
            build(&[("from", "2026-12-01"), ("days", "7"), ("format", "ics")]).unwrap(),
            Command::Calendar(CalendarCommand::Show {
                from: "2026-12-01".parse().ok(),
                days: 7,
                format: Some(CalendarFormat::Ics)
            })
        );
        for wrong in [("from", "soon"), ("days", "0"), ("days", "401"), ("days", "x"), ("format", "pdf")] {
            assert!(build(&[wrong]).is_err(), "{wrong:?}");
        }
    }
}
