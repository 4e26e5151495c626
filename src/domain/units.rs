//! Durations, ratios and sizes as people write them in the control repository.

use chrono::Duration;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Reads a duration such as `30s`, `5m`, `4h`, `24h`, `30d`, `100ms`, or a sum of parts (`1h30m`).
///
/// # Errors
/// A sentence that says what was expected, when the text is empty, has no unit, an unknown unit,
/// a negative or overflowing amount.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let refuse = || {
        format!(
            "`{}` is not a duration: write an amount and a unit, such as 30s, 5m, 4h or 30d",
            super::text::clean(text)
        )
    };
    let mut rest = text.trim();
    let mut total_ms: i64 = 0;
    if rest.is_empty() {
        return Err(refuse());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or_else(refuse)?;
        let (amount, tail) = rest.split_at(digits);
        let unit_end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, next) = tail.split_at(unit_end);
        let scale = match unit {
            "ms" => 1.0,
            "s" => 1_000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            "d" => 86_400_000.0,
            "w" => 604_800_000.0,
            _ => return Err(refuse()),
        };
        let amount: f64 = amount.parse().map_err(|_| refuse())?;
        let part = amount * scale;
        // A century is more than anything here can mean, and far below what overflows.
        if !part.is_finite() || part > 3.2e12 {
            return Err(refuse());
        }
        total_ms = total_ms.checked_add(part.round() as i64).ok_or_else(refuse)?;
        rest = next;
    }
    Duration::try_milliseconds(total_ms).ok_or_else(refuse)
}

/// A duration in at most two units, as lists show it: `45s`, `4m`, `2h 10m`, `3d`; below a second `200ms`.
pub fn format_duration(duration: Duration) -> String {
    let ms = duration.num_milliseconds();
    let (sign, ms) = if ms < 0 { ("-", ms.unsigned_abs()) } else { ("", ms.unsigned_abs()) };
    let seconds = ms / 1000;
    let text = match seconds {
        0 if ms > 0 => format!("{ms}ms"),
        0..=59 => format!("{seconds}s"),
        60..=3599 => format!("{}m", seconds / 60),
        3600..=86_399 => match seconds % 3600 / 60 {
            0 => format!("{}h", seconds / 3600),
            minutes => format!("{}h {minutes}m", seconds / 3600),
        },
        _ => format!("{}d", seconds / 86_400),
    };
    format!("{sign}{text}")
}

/// A running clock with seconds: `4:59`, `1:04:59`, `2d 03:10`; a negative one begins with `-`.
pub fn format_clock(duration: Duration) -> String {
    let seconds = duration.num_seconds();
    let (sign, seconds) =
        if seconds < 0 { ("-", seconds.unsigned_abs()) } else { ("", seconds.unsigned_abs()) };
    let (days, hours, minutes, rest) =
        (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours) {
        (0, 0) => format!("{sign}{minutes}:{rest:02}"),
        (0, _) => format!("{sign}{hours}:{minutes:02}:{rest:02}"),
        _ => format!("{sign}{days}d {hours:02}:{minutes:02}"),
    }
}

/// A share between 0 and 1, written in the control repository as per cent (`99.9%` or `99.9`).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratio(f64);

impl Ratio {
    /// From a share; `None` unless it is a number between 0 and 1.
    pub fn from_share(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self(share))
    }

    /// From per cent; `None` unless it is a number between 0 and 100.
    pub fn from_percent(percent: f64) -> Option<Self> {
        Self::from_share(percent / 100.0)
    }

    /// Reads `99.9%` or `99.9`, both per cent.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let number = text.trim().trim_end_matches('%').trim_end();
        number.parse().ok().and_then(Self::from_percent).ok_or_else(|| {
            format!(
                "`{}` is not a ratio: write per cent between 0 and 100, such as 99.9%",
                super::text::clean(text)
            )
        })
    }

    /// The share, between 0 and 1.
    pub const fn share(self) -> f64 {
        self.0
    }

    /// What is left to 1.
    pub fn complement(self) -> f64 {
        1.0 - self.0
    }
}

/// Per cent with as many digits as matter (`99.9%`, `99.95%`, `2.8%`), never rounded up to 100 %.
impl fmt::Display for Ratio {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format_percent(self.0))
    }
}

/// A share as per cent with at most three decimals and no trailing zeros; a share below 1 never reads
/// `100%`, because three nines and a bit must not look like perfection.
pub fn format_percent(share: f64) -> String {
    if !share.is_finite() {
        return "–".to_owned();
    }
    let thousandths = (share * 100_000.0).round();
    let thousandths = if share < 1.0 && thousandths >= 100_000.0 { 99_999.0 } else { thousandths };
    let text = format!("{:.3}", thousandths / 1000.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_show() {
        for (text, seconds, shown) in [
            ("30s", 30, "30s"),
            ("5m", 300, "5m"),
            ("4h", 14_400, "4h"),
            ("24h", 86_400, "1d"),
            ("30d", 2_592_000, "30d"),
            ("1h30m", 5_400, "1h 30m"),
        ] {
            let duration = parse_duration(text).unwrap();
            assert_eq!(duration.num_seconds(), seconds, "{text}");
            assert_eq!(format_duration(duration), shown);
        }
        assert_eq!(format_duration(parse_duration("200ms").unwrap()), "200ms");
    }

    #[test]
    fn bad_durations_say_what_was_expected() {
        for text in ["", "5", "m", "-5m", "5 parsecs", "99999999999999999999d", "1e400d", "NaNs", ".s"] {
            let message = parse_duration(text).unwrap_err();
            assert!(message.contains("is not a duration"), "{text}: {message}");
        }
    }

    #[test]
    fn clocks_count_down_past_zero() {
        for (seconds, shown) in [(299, "4:59"), (-61, "-1:01"), (3_899, "1:04:59"), (184_200, "2d 03:10")] {
            assert_eq!(format_clock(Duration::seconds(seconds)), shown);
        }
    }

    #[test]
    fn ratios_are_per_cent_and_never_rounded_up_to_perfection() {
        assert_eq!(Ratio::parse("99.9%").unwrap().to_string(), "99.9%");
        assert_eq!(Ratio::parse("99.95").unwrap().to_string(), "99.95%");
        assert_eq!(format_percent(0.999_999_9), "99.999%");
        assert_eq!(format_percent(1.0), "100%");
        assert_eq!(format_percent(f64::NAN), "–");
        for text in ["", "many", "101%", "-1", "NaN", "inf"] {
            assert!(Ratio::parse(text).is_err(), "{text}");
        }
    }
}
