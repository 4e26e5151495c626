//! Quiet reading: takes from a verified table what is well-formed, and nothing else.

use super::shape::{self, Table};
use crate::domain::{calendar, catalog::Dependency, finding::Span, units::Ratio};
use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, Utc};
use semver::Version;
use std::ops::Range;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A table with its shape and its file.
#[derive(Debug, Clone, Copy)]
pub struct View<'t, 'i> {
    /// The table.
    pub table: &'t DeTable<'i>,
    /// Its shape; a key that is not in it cannot be asked for.
    pub shape: &'static Table,
    /// Index of its file.
    pub file: u32,
}

impl<'t, 'i> View<'t, 'i> {
    fn value(&self, key: &str) -> Option<&'t Spanned<DeValue<'i>>> {
        debug_assert!(self.shape.key(key).is_some(), "`{key}` is not declared");
        let value = self.table.get(key)?;
        // The parser puts a value without a place where it could read none.
        let written = !value.span().is_empty() || value.get_ref().is_table() || value.get_ref().is_array();
        written.then_some(value)
    }

    /// The value of a key if it is what the shape wants.
    fn sound(&self, key: &str) -> Option<&'t DeValue<'i>> {
        let value = self.value(key)?.get_ref();
        self.shape.key(key)?.kind.check(value).is_ok().then_some(value)
    }

    /// Where a key's value stands.
    pub fn span(&self, key: &str) -> Option<Span> {
        self.value(key).map(|value| span(self.file, &value.span()))
    }

    /// A text.
    pub fn text(&self, key: &str) -> Option<&'t str> {
        self.sound(key)?.as_str()
    }

    /// A text of one's own.
    pub fn owned(&self, key: &str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    /// A handle without `@`.
    pub fn handle(&self, key: &str) -> Option<&'t str> {
        self.text(key).map(|text| text.trim_start_matches('@'))
    }

    /// A version.
    pub fn version(&self, key: &str) -> Option<Version> {
        shape::version(self.value(key)?.get_ref().as_str()?).ok()
    }

    /// A day.
    pub fn date(&self, key: &str) -> Option<NaiveDate> {
        shape::date(self.value(key)?.get_ref())?.ok()
    }

    /// A local time.
    pub fn moment(&self, key: &str) -> Option<NaiveDateTime> {
        shape::moment(self.value(key)?.get_ref())?.ok()
    }

    /// A point in time, in UTC unless it has an offset.
    pub fn instant(&self, key: &str) -> Option<DateTime<Utc>> {
        match self.sound(key)? {
            DeValue::Datetime(stamp) => calendar::instant(&stamp.to_string()),
            value => calendar::instant(value.as_str()?),
        }
    }

    /// An amount of time.
    pub fn duration(&self, key: &str) -> Option<Duration> {
        shape::duration(self.value(key)?.get_ref().as_str()?).ok()
    }

    /// A share.
    pub fn percent(&self, key: &str) -> Option<Ratio> {
        shape::percent(self.value(key)?.get_ref())?.ok()
    }

    /// A whole number within its bounds.
    pub fn integer<N: TryFrom<i64>>(&self, key: &str) -> Option<N> {
        N::try_from(shape::integer(self.sound(key)?.as_integer()?)?).ok()
    }

    /// A finite number.
    pub fn number(&self, key: &str) -> Option<f64> {
        shape::number(self.value(key)?.get_ref())
    }

    /// `true` or `false`.
    pub fn boolean(&self, key: &str) -> Option<bool> {
        self.value(key)?.get_ref().as_bool()
    }

    /// The well-formed texts of a list with their places.
    fn entries(&self, key: &str) -> impl Iterator<Item = (&'t str, Range<usize>)> + use<'t, 'i> {
        let of = match self.shape.key(key).map(|key| key.kind) {
            Some(shape::Kind::List(of)) => Some(of),
            _ => None,
        };
        self.value(key)
            .and_then(|value| value.get_ref().as_array())
            .into_iter()
            .flat_map(|array| array.iter())
            .filter(move |entry| of.is_some_and(|of| of.check(entry.get_ref()).is_ok()))
            .filter_map(|entry| Some((entry.get_ref().as_str()?, entry.span())))
    }

    /// The well-formed texts of a list.
    pub fn list<T: From<&'t str>>(&self, key: &str) -> Vec<T> {
        self.entries(key).map(|(text, _)| T::from(text)).collect()
    }

    /// The well-formed durations of a list.
    pub fn durations(&self, key: &str) -> Vec<Duration> {
        self.entries(key).filter_map(|(text, _)| shape::duration(text).ok()).collect()
    }

    /// The well-formed whole numbers of a list.
    pub fn integers<N: TryFrom<i64>>(&self, key: &str) -> Vec<N> {
        self.value(key)
            .and_then(|value| value.get_ref().as_array())
            .into_iter()
            .flat_map(|array| array.iter())
            .filter_map(|entry| N::try_from(shape::integer(entry.get_ref().as_integer()?)?).ok())
            .collect()
    }

    /// The handles of a list without `@`.
    pub fn handles<T: From<&'t str>>(&self, key: &str) -> Vec<T> {
        self.entries(key).map(|(text, _)| T::from(text.trim_start_matches('@'))).collect()
    }

    /// The dependencies of a list.
    pub fn dependencies(&self, key: &str, optional: bool) -> Vec<Dependency> {
        self.entries(key)
            .filter_map(|(text, range)| shape::dependency(text, optional, span(self.file, &range)))
            .collect()
    }

    /// A table of known keys.
    pub fn table(&self, key: &str) -> Option<Self> {
        let table = self.value(key)?.get_ref().as_table()?;
        match self.shape.key(key)?.kind {
            shape::Kind::Table(shape) => Some(Self { table, shape, file: self.file }),
            _ => None,
        }
    }

    /// The tables of a table of names, in the order of the file, with the place of each name.
    pub fn named(&self, key: &str) -> Vec<(&'t str, Span, Self)> {
        let Some(shape::Kind::Named(shape::Names { value: shape::Kind::Table(shape), name })) =
            self.shape.key(key).map(|key| key.kind)
        else {
            return Vec::new();
        };
        let Some(table) = self.value(key).and_then(|value| value.get_ref().as_table()) else {
            return Vec::new();
        };
        let usable = |text: &str| match name {
            shape::Kind::Name => shape::name(text).is_ok(),
            shape::Kind::Handle => shape::handle(text).is_ok(),
            shape::Kind::Word(words) => words.contains(&text),
            _ => true,
        };
        shape::in_file_order(table)
            .into_iter()
            .filter(|(key, _)| usable(key.get_ref()))
            .filter_map(|(key, value)| {
                let view = Self { table: value.get_ref().as_table()?, shape, file: self.file };
                Some((key.get_ref().as_ref(), span(self.file, &key.span()), view))
            })
            .collect()
    }

    /// The tables of an array.
    pub fn tables(&self, key: &str) -> Vec<Self> {
        let Some(shape::Kind::Tables(shape)) = self.shape.key(key).map(|key| key.kind) else {
            return Vec::new();
        };
        self.value(key)
            .and_then(|value| value.get_ref().as_array())
            .into_iter()
            .flat_map(|array| array.iter())
            .filter_map(|entry| Some(Self { table: entry.get_ref().as_table()?, shape, file: self.file }))
            .collect()
    }

    /// The texts of a table of names.
    pub fn texts(&self, key: &str) -> Vec<(&'t str, &'t str, Span)> {
        let Some(table) = self.value(key).and_then(|value| value.get_ref().as_table()) else {
            return Vec::new();
        };
        shape::in_file_order(table)
            .into_iter()
            .filter_map(|(key, value)| {
                Some((key.get_ref().as_ref(), value.get_ref().as_str()?, span(self.file, &key.span())))
            })
            .collect()
    }
}

/// A place as data.
pub fn span(file: u32, range: &Range<usize>) -> Span {
    Span { file, start: range.start as u32, end: range.end as u32 }
}
