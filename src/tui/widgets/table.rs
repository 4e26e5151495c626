//! Columns that give way: the least important one goes first when there is too little room.

/// A column as it would like to be.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its header.
    pub title: &'static str,
    /// Cells it needs.
    pub width: u16,
    /// Cells it would use beyond that, if there are some over.
    pub more: u16,
    /// Who goes first: the highest number; 0 never goes.
    pub priority: u8,
    /// Whether it is aligned to the right (numbers).
    pub right: bool,
}

/// A column, in one line of a pane's table.
pub const fn column(title: &'static str, width: u16, more: u16, priority: u8, right: bool) -> Column {
    Column { title, width, more, priority, right }
}

/// Where a column is: offset from the row's begin, and width. `None` where there is no room for it.
pub type Place = Option<(u16, u16)>;

/// Blank cells behind a column: a glyph belongs to what follows it.
const fn gap(column: &Column) -> u16 {
    if column.width == 1 { 1 } else { 2 }
}

/// Gives each column its place in `width` cells.
pub fn places<const N: usize>(columns: &[Column; N], width: u16) -> [Place; N] {
    let places = places_of(columns, width);
    std::array::from_fn(|index| places.get(index).copied().flatten())
}

/// The same for as many columns as there are.
pub fn places_of(columns: &[Column], width: u16) -> Vec<Place> {
    let mut shown = vec![true; columns.len()];
    let needed = |shown: &[bool]| -> u16 {
        let widths = columns.iter().zip(shown).filter(|(_, shown)| **shown);
        let (sum, last) =
            widths.fold((0, 0), |(sum, _), (column, _)| (sum + column.width + gap(column), gap(column)));
        sum - last
    };
    while needed(&shown) > width {
        let weakest = (0..columns.len())
            .filter(|index| shown[*index] && columns[*index].priority > 0)
            .max_by_key(|index| columns[*index].priority);
        let Some(weakest) = weakest else { break };
        shown[weakest] = false;
    }
    // What is over goes to the most important columns first.
    let mut left = width.saturating_sub(needed(&shown));
    let mut widths: Vec<u16> = columns.iter().map(|column| column.width).collect();
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by_key(|index| columns[*index].priority);
    for index in order.into_iter().filter(|index| shown[*index]) {
        let extra = columns[index].more.min(left);
        widths[index] += extra;
        left -= extra;
    }
    let mut x = 0;
    let mut places = vec![None; columns.len()];
    for (index, column) in columns.iter().enumerate().filter(|(index, _)| shown[*index]) {
        let room = widths[index].min(width.saturating_sub(x));
        places[index] = (room > 0).then_some((x, room));
        x += room + gap(column);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn column(width: u16, more: u16, priority: u8) -> Column {
        Column { title: "", width, more, priority, right: false }
    }

    #[test]
    fn the_least_important_column_goes_first_and_what_is_over_is_shared() {
        let columns = [column(10, 5, 0), column(4, 0, 2), column(6, 10, 1)];
        for (width, expected) in [
            (24, [Some((0, 10)), Some((12, 4)), Some((18, 6))]),
            (23, [Some((0, 15)), None, Some((17, 6))]),
            (40, [Some((0, 15)), Some((17, 4)), Some((23, 16))]),
            (12, [Some((0, 12)), None, None]),
            (4, [Some((0, 4)), None, None]),
        ] {
            assert_eq!(places(&columns, width), expected, "{width}");
        }
    }
}
