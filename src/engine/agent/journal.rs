//! What an agent says: one JSON object a line. Nothing goes in but what is said to people anyway, and no secret is.

use crate::{domain::text::clean, error::Failure, ports::Clock};
use chrono::SecondsFormat;
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What is done.
    Info,
    /// What could not be done now.
    Warning,
    /// What somebody should look at.
    Error,
}

/// One line.
#[derive(Debug, Clone)]
pub struct Line {
    level: Level,
    message: String,
    more: Map<String, Value>,
}

impl Line {
    /// A line with its message.
    pub fn new(level: Level, message: impl AsRef<str>) -> Self {
        Self { level, message: clean(message.as_ref()), more: Map::new() }
    }

    /// With a value under a name.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.more.insert(name.to_owned(), clean(value.as_ref()).into());
        self
    }

    /// With a number under a name.
    #[must_use]
    pub fn count(mut self, name: &str, number: u64) -> Self {
        self.more.insert(name.to_owned(), number.into());
        self
    }

    /// With what failed, its causes and what to do about it.
    #[must_use]
    pub fn because(mut self, failure: &Failure) -> Self {
        let list = |texts: &[String]| Value::from(texts.iter().map(|text| clean(text)).collect::<Vec<_>>());
        self.more.insert("failure".to_owned(), clean(&failure.to_string()).into());
        if !failure.causes.is_empty() {
            self.more.insert("causes".to_owned(), list(&failure.causes));
        }
        if !failure.hints.is_empty() {
            self.more.insert("hints".to_owned(), list(&failure.hints));
        }
        self
    }
}

/// Where lines go.
#[derive(Clone)]
pub struct Journal {
    clock: Arc<dyn Clock>,
    sink: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Journal {
    /// Each line, with its end, is given to `sink` whole.
    pub fn new(clock: Arc<dyn Clock>, sink: Arc<dyn Fn(&str) + Send + Sync>) -> Self {
        Self { clock, sink }
    }

    /// A journal that nobody reads.
    pub fn silent(clock: Arc<dyn Clock>) -> Self {
        Self::new(clock, Arc::new(|_| ()))
    }

    /// Writes a line, with the time.
    pub fn write(&self, line: &Line) {
        #[derive(Serialize)]
        struct Document<'a> {
            at: String,
            level: Level,
            message: &'a str,
            #[serde(flatten)]
            more: &'a Map<String, Value>,
        }
        let at = self.clock.now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let document = Document { at, level: line.level, message: &line.message, more: &line.more };
        if let Ok(mut text) = serde_json::to_string(&document) {
            text.push('\n');
            (self.sink)(&text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use std::sync::Mutex;

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> DateTime<Utc> {
            DateTime::from_timestamp(1_790_000_000, 5_000_000).unwrap()
        }
    }

    #[test]
    fn a_line_is_one_json_object_whatever_is_said() {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = lines.clone();
        let journal =
            Journal::new(Arc::new(Stopped), Arc::new(move |line| kept.lock().unwrap().push(line.to_owned())));
        let failure = Failure::unreachable("no\nway").cause("\u{1b}[31mred").hint("wait");
        journal.write(
            &Line::new(Level::Warning, "two\nlines").with("what", "a\tb").count("n", 3).because(&failure),
        );
        let lines = lines.lock().unwrap();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].ends_with('\n') && lines[0].matches('\n').count() == 1, "{lines:?}");
        assert!(!lines[0].contains("\\u001b") && !lines[0].contains('\u{1b}'), "{lines:?}");
        let read: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(read["at"], "2026-09-21T14:13:20.005Z");
        assert_eq!((read["level"].as_str(), read["n"].as_u64()), (Some("warning"), Some(3)));
        assert_eq!(read["hints"][0], "wait");
    }
}
