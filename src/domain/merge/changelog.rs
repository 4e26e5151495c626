//! Adding lines to a change log in whatever form it has: an *Unreleased* part, a part for each day, or one list.

use chrono::NaiveDate;

/// Adds `lines` (without their sign) to a change log, in the part of `section` (`Added`, `Changed`, …) where it has
/// such parts. What is there stays as it is.
pub fn add(text: &str, section: &str, lines: &[String], today: NaiveDate) -> String {
    if lines.is_empty() {
        return text.to_owned();
    }
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let bullets: String = lines.iter().map(|line| format!("- {line}{end}")).collect();
    if text.trim().is_empty() {
        return format!("# Changelog{end}{end}## [Unreleased]{end}{end}### {section}{end}{end}{bullets}");
    }
    // What is added must not end up in a last line that has no end.
    let whole = if text.ends_with('\n') { text.to_owned() } else { format!("{text}{end}") };
    let text = whole.as_str();
    let headings = headings(text, 2);
    let is_unreleased = |heading: &Heading<'_>| {
        heading.title.trim_matches(['[', ']']).to_ascii_lowercase().starts_with("unreleased")
    };
    if let Some(index) = headings.iter().position(is_unreleased) {
        let until = headings.get(index + 1).map_or(text.len(), |next| next.start);
        return under(text, headings[index].end..until, section, &bullets, end);
    }
    match headings.first() {
        // A part for each day, the newest first.
        Some(first) if first.title.parse::<NaiveDate>().is_ok() => {
            if first.title == today.to_string() {
                return insert(text, list_start(text, first.end), &bullets);
            }
            insert(text, first.start, &format!("## {today}{end}{end}{bullets}{end}"))
        }
        Some(first) => {
            let part = format!("## [Unreleased]{end}{end}### {section}{end}{end}{bullets}{end}");
            insert(text, first.start, &part)
        }
        // One list without any parts.
        None => match offsets(text).find(|(_, line)| is_item(line)) {
            Some((at, _)) => insert(text, at, &bullets),
            None => format!("{text}{end}{bullets}"),
        },
    }
}

/// The lines that somebody added to a change log, without their signs.
pub fn items<'a>(added: impl Iterator<Item = &'a str>) -> Vec<String> {
    added
        .map(str::trim)
        .filter(|line| is_item(line))
        .map(|line| line[2..].trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

fn is_item(line: &str) -> bool {
    line.starts_with("- ") || line.starts_with("* ")
}

struct Heading<'a> {
    title: &'a str,
    start: usize,
    end: usize,
}

fn offsets(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line)
    })
}

/// The headings of a level.
fn headings(text: &str, level: usize) -> Vec<Heading<'_>> {
    let sign = format!("{} ", "#".repeat(level));
    offsets(text)
        .filter_map(|(start, line)| {
            let title = line.strip_prefix(&sign)?.trim();
            Some(Heading { title, start, end: start + line.len() })
        })
        .collect()
}

/// Where the list behind a heading begins: behind the blank lines that follow it.
fn list_start(text: &str, from: usize) -> usize {
    let blank = text[from..].split_inclusive('\n').take_while(|line| line.trim().is_empty());
    from + blank.map(str::len).sum::<usize>()
}

fn insert(text: &str, at: usize, new: &str) -> String {
    format!("{}{new}{}", &text[..at], &text[at..])
}

/// Adds bullets to a section of the part of a text.
fn under(text: &str, part: std::ops::Range<usize>, section: &str, bullets: &str, end: &str) -> String {
    let within = &text[part.clone()];
    let sections = headings(within, 3);
    if let Some(known) = sections.iter().find(|heading| heading.title.eq_ignore_ascii_case(section)) {
        return insert(text, list_start(text, part.start + known.end), bullets);
    }
    let has_list = offsets(within).find(|(_, line)| is_item(line));
    match (sections.first(), has_list) {
        // A list right below, without sections.
        (None, Some((at, _))) => insert(text, part.start + at, bullets),
        (Some(first), _) => {
            insert(text, part.start + first.start, &format!("### {section}{end}{end}{bullets}{end}"))
        }
        (None, None) => insert(text, part.start, &format!("{end}### {section}{end}{end}{bullets}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_where_the_log_has_them() {
        let today: NaiveDate = "2026-11-24".parse().unwrap();
        for (name, before, after) in [
            ("an empty one", "", "# Changelog\n\n## [Unreleased]\n\n### Changed\n\n- new\n"),
            (
                "a section that is there",
                "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- a\n\n### Changed\n\n- b\n\n## [1.0.0]\n\n### Changed\n\n- c\n",
                "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- a\n\n### Changed\n\n- new\n- b\n\n## [1.0.0]\n\n### Changed\n\n- c\n",
            ),
            (
                "no such section",
                "## Unreleased\n\n### Added\n\n- a\n\n## 1.0\n",
                "## Unreleased\n\n### Changed\n\n- new\n\n### Added\n\n- a\n\n## 1.0\n",
            ),
            (
                "nothing unreleased",
                "# C\n\n## [Unreleased]\n\n## 1.0\n",
                "# C\n\n## [Unreleased]\n\n### Changed\n\n- new\n\n## 1.0\n",
            ),
            (
                "nothing behind it",
                "# C\n\n## [Unreleased]",
                "# C\n\n## [Unreleased]\n\n### Changed\n\n- new\n",
            ),
            ("a list right below", "## Unreleased\n\n- a\n", "## Unreleased\n\n- new\n- a\n"),
            (
                "versions only",
                "# C\n\n## 1.0\n\n- a\n",
                "# C\n\n## [Unreleased]\n\n### Changed\n\n- new\n\n## 1.0\n\n- a\n",
            ),
            ("today", "# C\n\n## 2026-11-24\n\n- a\n", "# C\n\n## 2026-11-24\n\n- new\n- a\n"),
            (
                "days",
                "# C\n\n## 2026-11-20\n\n- a\n",
                "# C\n\n## 2026-11-24\n\n- new\n\n## 2026-11-20\n\n- a\n",
            ),
            ("one list", "# C\n\n* a\n", "# C\n\n- new\n* a\n"),
            ("words alone", "# C", "# C\n\n- new\n"),
            ("line ends of Windows", "# C\r\n\r\n- a\r\n", "# C\r\n\r\n- new\r\n- a\r\n"),
        ] {
            // "Nothing unreleased" keeps one blank line on either side.
            let made = add(before, "Changed", &["new".to_owned()], today);
            assert_eq!(made.replace("\n\n\n", "\n\n"), after, "{name}: {made}");
        }
        assert_eq!(add("# C\n", "Changed", &[], today), "# C\n");
        assert_eq!(items(["- a", "  * b ", "text", "- "].into_iter()), ["a", "b"]);
    }

    proptest::proptest! {
        #[test]
        fn what_is_there_stays(text in "(## |### |Unreleased|2026-11-24|- a|\n|\r\n|é| )*") {
            let made = add(&text, "Changed", &["new".to_owned()], "2026-11-24".parse().unwrap());
            proptest::prop_assert!(made.contains("- new"));
            if !text.trim().is_empty() {
                let rest: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
                let mut made = made.lines();
                for line in rest {
                    proptest::prop_assert!(made.any(|kept| kept == line), "{line:?} is gone");
                }
            }
        }
    }
}
