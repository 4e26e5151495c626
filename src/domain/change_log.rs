//! Writing a line into a change log: under what is not released yet, in the manner of the lines that are there.

/// Whether a line is the heading of what is not released yet.
fn is_unreleased(line: &str) -> bool {
    line.strip_prefix("## ").is_some_and(|title| {
        title.trim().trim_start_matches('[').trim_end_matches(']').eq_ignore_ascii_case("unreleased")
    })
}

/// The text with one more entry. Where nothing is headed `Unreleased`, that heading is written above the newest
/// release; where it has sections, the entry goes under `Changed`.
pub fn add(text: &str, entry: &str) -> String {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let lines: Vec<&str> = text.lines().collect();
    let sign = lines.iter().find_map(|line| line.strip_prefix("* ").map(|_| "*")).unwrap_or("-");
    let entry = format!("{sign} {entry}");
    let mut out: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let first_release = lines.iter().position(|line| line.starts_with("## "));
    if let Some(heading) = lines.iter().position(|line| is_unreleased(line)) {
        let close = lines.iter().skip(heading + 1).position(|line| line.starts_with("## "));
        let close = close.map_or(lines.len(), |at| heading + 1 + at);
        let section = |name: &str| (heading + 1..close).find(|at| lines[*at].starts_with(name));
        match (section("### Changed"), section("### ")) {
            (Some(changed), _) => below(&mut out, changed, vec![entry]),
            (None, Some(other)) => {
                out.splice(other..other, ["### Changed".into(), String::new(), entry, String::new()]);
            }
            (None, None) => below(&mut out, heading, vec![entry]),
        }
    } else {
        let at = first_release.unwrap_or(lines.len());
        let mut block = vec!["## Unreleased".to_owned(), String::new(), entry];
        if first_release.is_some() {
            block.push(String::new());
        } else if lines.last().is_some_and(|line| !line.is_empty()) {
            block.insert(0, String::new());
        }
        out.splice(at..at, block);
    }
    out.join(end) + end
}

/// Writes lines as the first ones below a heading.
fn below(out: &mut Vec<String>, heading: usize, mut lines: Vec<String>) {
    let mut at = heading + 1;
    while out.get(at).is_some_and(String::is_empty) {
        at += 1;
    }
    if at == heading + 1 {
        lines.insert(0, String::new());
    }
    // An empty section has the next heading right below.
    if out.get(at).is_some_and(|line| line.starts_with('#')) {
        lines.push(String::new());
    }
    out.splice(at..at, lines);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_stands_where_the_file_keeps_such() {
        for (before, after) in [
            ("", "## Unreleased\n\n- x\n"),
            ("# Log\n", "# Log\n\n## Unreleased\n\n- x\n"),
            ("# Log\n\n## 1.0\n\n* a\n", "# Log\n\n## Unreleased\n\n* x\n\n## 1.0\n\n* a\n"),
            ("## Unreleased\n\n- a\n\n## 1.0\n", "## Unreleased\n\n- x\n- a\n\n## 1.0\n"),
            ("## [Unreleased]\n\n## 1.0\n", "## [Unreleased]\n\n- x\n\n## 1.0\n"),
            (
                "## [unreleased]\r\n\r\n### Added\r\n\r\n- a\r\n",
                "## [unreleased]\r\n\r\n### Changed\r\n\r\n- x\r\n\r\n### Added\r\n\r\n- a\r\n",
            ),
            ("## Unreleased\n### Changed\n- a\n", "## Unreleased\n### Changed\n\n- x\n- a\n"),
        ] {
            assert_eq!(add(before, "x"), after, "{before:?}");
        }
    }
}
