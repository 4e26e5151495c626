//! Plain tables for standard output.

use crate::domain::text::{clean, fit};
use unicode_width::UnicodeWidthStr;

/// More cells of one column are cut, and seen to be.
const WIDEST: usize = 200;

/// Rows under headers, columns as wide as their widest cell, two blanks between. Columns whose header
/// begins with `>` are aligned to the right.
pub fn table(headers: &[&str], rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| fit(&clean(cell), WIDEST)).collect()).collect();
    let titles: Vec<&str> = headers.iter().map(|header| header.trim_start_matches('>')).collect();
    let widths: Vec<usize> = titles
        .iter()
        .enumerate()
        .map(|(column, title)| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width());
            cells.chain([title.width()]).max().unwrap_or(0)
        })
        .collect();
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (column, cell) in cells.enumerate() {
            let padding =
                " ".repeat(widths.get(column).map_or(0, |width| width.saturating_sub(cell.width())));
            let right = headers.get(column).is_some_and(|header| header.starts_with('>'));
            if column > 0 {
                text.push_str("  ");
            }
            if right {
                text.push_str(&padding);
                text.push_str(cell);
            } else {
                text.push_str(cell);
                text.push_str(&padding);
            }
        }
        out.push_str(text.trim_end());
        out.push('\n');
    };
    line(&mut titles.iter().copied());
    for row in &rows {
        line(&mut row.iter().map(String::as_str));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_stand_to_the_right() {
        let rows = [vec!["shared-auth".into(), "2.8%".into()], vec!["日本".into(), "10.0%".into()]];
        assert_eq!(
            table(&["service", ">errors"], &rows),
            "service      errors\nshared-auth    2.8%\n日本          10.0%\n"
        );
    }
}
