//! Text from outside is data: what may reach a terminal, and how it is cut.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Whether `character` may change what a terminal shows instead of being shown: C0 and C1
/// controls, and the Unicode marks that reorder or hide their neighbours.
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// `text` on one line without control characters; line breaks and tabs become a space.
pub fn clean(text: &str) -> String {
    if !text.chars().any(is_unsafe) {
        return text.to_owned();
    }
    text.chars()
        .filter_map(|character| match character {
            '\n' | '\t' => Some(' '),
            other if is_unsafe(other) => None,
            other => Some(other),
        })
        .collect()
}

/// `text` without control characters, its line breaks kept and tabs widened to four cells.
pub fn clean_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => out.push('\n'),
            '\t' => out.push_str("    "),
            other if is_unsafe(other) => {}
            other => out.push(other),
        }
    }
    out
}

/// `text` cut to at most `width` terminal cells; what was cut is shown by `…`.
pub fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(1) else { return String::new() };
    let mut out = String::new();
    let mut used = 0;
    for cluster in text.graphemes(true) {
        let cells = cluster.width();
        if used + cells > room {
            break;
        }
        out.push_str(cluster);
        used += cells;
    }
    out.push('…');
    out
}

/// As [`fit`], but of a text that is told apart by its end, such as a name with a version: that stays.
pub fn fit_end(text: &str, width: usize) -> String {
    let whole = text.width();
    if whole <= width || width < 6 {
        return fit(text, width);
    }
    let head = fit(text, width / 3);
    let room = width - head.width();
    let (mut tail, mut used) = (Vec::new(), 0);
    for cluster in text.graphemes(true).rev() {
        used += cluster.width();
        if used > room {
            break;
        }
        tail.push(cluster);
    }
    head + &tail.into_iter().rev().collect::<String>()
}

/// The nearest of `known` to `text` by edit distance, if it is near enough to be what was meant.
pub fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (text.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(text, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_sequences_lose_their_power() {
        assert_eq!(clean("a\u{1b}[2Jb\r\nc\u{202e}d\u{9b}31m"), "a[2Jb cd31m");
        assert_eq!(clean_lines("a\tb\r\nc"), "a    b\nc");
    }

    #[test]
    fn cuts_by_cells_not_bytes() {
        assert_eq!(fit("shared-auth", 11), "shared-auth");
        assert_eq!(fit("shared-auth", 6), "share…");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("ab", 0), "");
    }

    #[test]
    fn the_end_stays_where_it_tells_names_apart() {
        assert_eq!(fit_end("shared-auth-2.0.0", 20), "shared-auth-2.0.0");
        assert_eq!(fit_end("shared-auth-2.0.0", 12), "sha…th-2.0.0");
        assert_eq!(fit_end("shared-auth-2.0.0", 9), "sh…-2.0.0");
        assert_eq!(fit_end("shared-auth-2.0.0", 4), "sha…");
        for width in 0..20 {
            assert!(fit_end("日本日本日本-2.0.0", width).width() <= width, "{width}");
        }
    }

    #[test]
    fn nearest_names_what_was_meant() {
        assert_eq!(nearest("verson", ["version", "owner"]), Some("version"));
        assert_eq!(nearest("colour", ["version", "owner"]), None);
    }
}
