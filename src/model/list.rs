//! A list with a cursor that follows its row by identity, a filter, and marked rows.

use std::collections::BTreeSet;

/// The state of one list. Rows are named by text (a service, a change, an incident), so that the cursor
/// stays on the same thing when the order changes beneath it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListState {
    /// The names of the rows that pass the filter, in order.
    pub rows: Vec<String>,
    /// Index of the row under the cursor.
    pub cursor: usize,
    /// First row on the screen.
    pub offset: usize,
    /// What the rows are filtered by; survives drilling down.
    pub filter: String,
    /// Rows marked with space.
    pub marked: BTreeSet<String>,
    /// Whether the person has put the cursor somewhere. Until then it stays on the first row, which is
    /// the worst, whatever comes in.
    pub placed: bool,
}

impl ListState {
    /// The name of the row under the cursor.
    pub fn current(&self) -> Option<&str> {
        self.rows.get(self.cursor).map(String::as_str)
    }

    /// Puts new rows in; the cursor stays on its row, or on its place when that row is gone.
    pub fn replace(&mut self, rows: Vec<String>, height: usize) {
        let index = match self.rows.get(self.cursor) {
            _ if !self.placed => 0,
            Some(current) => rows.iter().position(|row| row == current).unwrap_or(self.cursor),
            None => self.cursor,
        };
        self.rows = rows;
        self.move_to(index, height);
    }

    /// Moves the cursor to a row and scrolls so that it is in sight of `height` rows.
    pub fn move_to(&mut self, index: usize, height: usize) {
        self.cursor = index.min(self.rows.len().saturating_sub(1));
        let height = height.max(1);
        if self.cursor < self.offset {
            self.offset = self.cursor;
        } else if self.cursor >= self.offset + height {
            self.offset = self.cursor + 1 - height;
        }
        self.offset = self.offset.min(self.rows.len().saturating_sub(height));
    }

    /// Moves the cursor by a number of rows, up when negative.
    pub fn move_by(&mut self, rows: isize, height: usize) {
        self.move_to(self.cursor.saturating_add_signed(rows), height);
    }

    /// Marks the row under the cursor, or takes the mark away.
    pub fn toggle(&mut self) {
        if let Some(name) = self.current().map(str::to_owned)
            && !self.marked.remove(&name)
        {
            self.marked.insert(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(rows: &[&str]) -> ListState {
        ListState { rows: rows.iter().map(ToString::to_string).collect(), ..ListState::default() }
    }

    #[test]
    fn the_cursor_follows_its_row_not_its_place() {
        let mut list = list(&["a", "b", "c"]);
        list.move_to(1, 2);
        list.placed = true;
        list.replace(vec!["c".into(), "a".into(), "b".into()], 2);
        assert_eq!((list.current(), list.cursor, list.offset), (Some("b"), 2, 1));
        list.replace(vec!["c".into(), "a".into()], 2);
        assert_eq!((list.current(), list.offset), (Some("a"), 0));
        list.replace(vec![], 2);
        assert_eq!((list.current(), list.cursor, list.offset), (None, 0, 0));
    }

    #[test]
    fn a_cursor_that_nobody_placed_stays_on_the_worst_row() {
        let mut list = list(&["a", "b"]);
        list.replace(vec!["worst".into(), "a".into(), "b".into()], 2);
        assert_eq!(list.current(), Some("worst"));
    }

    #[test]
    fn moving_stops_at_both_ends_and_keeps_the_cursor_in_sight() {
        let mut list = list(&["a", "b", "c", "d", "e"]);
        list.move_by(3, 2);
        assert_eq!((list.cursor, list.offset), (3, 2));
        list.move_by(100, 2);
        assert_eq!((list.cursor, list.offset), (4, 3));
        list.move_by(-100, 2);
        assert_eq!((list.cursor, list.offset), (0, 0));
    }

    #[test]
    fn marks_go_on_and_off() {
        let mut list = list(&["a"]);
        list.toggle();
        assert!(list.marked.contains("a"));
        list.toggle();
        assert!(list.marked.is_empty());
    }
}
