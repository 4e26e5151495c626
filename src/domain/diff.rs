//! The lines in which two texts differ, with a few around them.

use serde::{Deserialize, Serialize};

/// Lines that are shown around what differs.
const AROUND: usize = 3;

/// More lines than this on both sides are not compared one by one: they are shown as gone and new.
const COMPARED: usize = 400;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiffKind {
    /// It is in both.
    Kept,
    /// It is only in the new text.
    Added,
    /// It is only in the old text.
    Removed,
}

/// One line of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffLine {
    /// What became of it.
    pub kind: DiffKind,
    /// Its number, from 1: in the old text where it is gone, else in the new one.
    pub number: usize,
    /// The line, without its end.
    pub text: String,
}

impl DiffLine {
    /// The sign that stands before it.
    pub const fn sign(&self) -> &'static str {
        match self.kind {
            DiffKind::Kept => " ",
            DiffKind::Added => "+",
            DiffKind::Removed => "-",
        }
    }
}

/// The lines from the first to the last difference, with three around them; none if the texts are the same.
pub fn lines(old: &str, new: &str) -> Vec<DiffLine> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let head = old.iter().zip(&new).take_while(|(one, two)| one == two).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(one, two)| one == two).count();
    let (gone, come) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    if gone.is_empty() && come.is_empty() {
        return Vec::new();
    }
    let line = |kind, index: usize, text: &str| DiffLine { kind, number: index + 1, text: text.to_owned() };
    let mut lines: Vec<DiffLine> =
        (head.saturating_sub(AROUND)..head).map(|index| line(DiffKind::Kept, index, new[index])).collect();
    let common = common(gone, come);
    let (mut left, mut right) = (0, 0);
    for (next_left, next_right) in common.into_iter().chain([(gone.len(), come.len())]) {
        lines.extend((left..next_left).map(|index| line(DiffKind::Removed, head + index, gone[index])));
        lines.extend((right..next_right).map(|index| line(DiffKind::Added, head + index, come[index])));
        if next_left < gone.len() {
            lines.push(line(DiffKind::Kept, head + next_right, come[next_right]));
        }
        (left, right) = (next_left + 1, next_right + 1);
    }
    let end = new.len() - tail;
    lines.extend((end..new.len().min(end + AROUND)).map(|index| line(DiffKind::Kept, index, new[index])));
    lines
}

/// Indices of a longest common run of lines, in order.
fn common(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    if old.len() > COMPARED || new.len() > COMPARED {
        return Vec::new();
    }
    // `longest[i][j]`: how many lines `old[i..]` and `new[j..]` have in common.
    let mut longest = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for left in (0..old.len()).rev() {
        for right in (0..new.len()).rev() {
            longest[left][right] = if old[left] == new[right] {
                longest[left + 1][right + 1] + 1
            } else {
                longest[left + 1][right].max(longest[left][right + 1])
            };
        }
    }
    let (mut left, mut right, mut found) = (0, 0, Vec::new());
    while left < old.len() && right < new.len() {
        if old[left] == new[right] {
            found.push((left, right));
            left += 1;
            right += 1;
        } else if longest[left + 1][right] >= longest[left][right + 1] {
            left += 1;
        } else {
            right += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, new: &str) -> String {
        let lines = lines(old, new);
        lines.iter().map(|line| format!("{}{}{}\n", line.sign(), line.number, line.text)).collect()
    }

    #[test]
    fn differences_come_with_their_surroundings() {
        assert_eq!(shown("a\nb\n", "a\nb\n"), "");
        assert_eq!(
            shown("a\nb\nc\nd\ne\nf\ng\nh\ni\n", "a\nb\nc\nd\nE\nf\nnew\ng\nh\ni\n"),
            " 2b\n 3c\n 4d\n-5e\n+5E\n 6f\n+7new\n 8g\n 9h\n 10i\n"
        );
        assert_eq!(shown("a\n", "a\nb\n"), " 1a\n+2b\n");
        assert_eq!(shown("a\na\n", "a\n"), " 1a\n-2a\n");
        assert_eq!(shown("", "a\n"), "+1a\n");
        let long = |word: &str| format!("{word}\n").repeat(COMPARED + 1);
        assert_eq!(lines(&long("x"), &long("y")).len(), 2 * (COMPARED + 1));
    }
}
