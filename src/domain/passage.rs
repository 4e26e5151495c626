//! Where the files speak of a service: the lines of its tables, as they were written.

use super::{
    catalog::{Catalog, Service},
    finding::{SourceFile, Span},
};
use std::{ops::Range, sync::Arc};

/// A longer passage is cut: it is shown to be read.
const LONGEST: usize = 400;

/// Lines of a file that speak of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Numbers of its lines, from 1.
    pub lines: Range<usize>,
    /// How many more there are than are given.
    pub cut: usize,
}

/// The passages that define a service, in the order of the files: its tables wherever they stand, and the keys
/// that other files lay over them.
pub fn of_service(catalog: &Catalog, service: &Service) -> Vec<Passage> {
    let mut spans: Vec<&Span> =
        std::iter::once(&service.span).chain(service.spans.iter().map(|(_, span)| span)).collect();
    spans.sort_by_key(|span| (span.file != service.span.file, span.file, span.start));
    let mut found: Vec<(u32, Range<usize>)> = Vec::new();
    for span in spans {
        let Some(file) = catalog.files.get(span.file as usize) else { continue };
        let (line, _) = file.position(span.start as usize);
        if found.iter().any(|(index, lines)| *index == span.file && lines.contains(&line)) {
            continue;
        }
        let lines = table(file, line, service.name.as_str())
            .unwrap_or_else(|| line..file.position((span.end as usize).max(span.start as usize)).0 + 1);
        match found.last_mut() {
            // Keys that stand below each other are one passage.
            Some((index, before))
                if *index == span.file && before.end >= lines.start && lines.start > before.start =>
            {
                before.end = before.end.max(lines.end);
            }
            _ => found.push((span.file, lines)),
        }
    }
    let passage = |(index, lines): (u32, Range<usize>)| {
        let end = lines.end.min(lines.start + LONGEST);
        let file = Arc::clone(catalog.files.get(index as usize)?);
        Some(Passage { file, cut: lines.end - end, lines: lines.start..end })
    };
    found.into_iter().filter_map(passage).collect()
}

/// The lines of the service's tables around a line, if it stands below one of their headers.
fn table(file: &SourceFile, line: usize, service: &str) -> Option<Range<usize>> {
    let text = |number| file.line(number);
    let mut first =
        (1..=line).rev().find(|number| text(*number).is_some_and(|text| header(text).is_some()))?;
    if !is_own(header(text(first)?)?, service) {
        return None;
    }
    // The table may be one of several that stand together.
    while let Some(before) =
        (1..first).rev().find(|number| text(*number).is_some_and(|text| header(text).is_some()))
        && header(text(before)?).is_some_and(|name| is_own(name, service))
    {
        first = before;
    }
    let mut state = State::default();
    let mut end = first;
    while let Some(line) = text(end) {
        if end > first && state.is_outside() && header(line).is_some_and(|name| !is_own(name, service)) {
            break;
        }
        state.read(line);
        end += 1;
        if end - first > 100 * LONGEST {
            break;
        }
    }
    // What stands directly above the next table belongs to that one.
    while end > first + 1
        && text(end - 1).is_none_or(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    {
        end -= 1;
    }
    Some(first..end)
}

/// What a header line names, if it is one: `service.a` of `[service.a] # words`.
fn header(line: &str) -> Option<&str> {
    let inside = line.trim_start().strip_prefix('[')?;
    let inside = inside.strip_prefix('[').unwrap_or(inside);
    let (name, rest) = inside.split_once(']')?;
    let rest = rest.trim_start_matches(']').trim();
    let is_name = !name.trim().is_empty() && !name.contains([',', '=', '[']);
    (is_name && (rest.is_empty() || rest.starts_with('#'))).then_some(name)
}

/// Whether a header's name is the service's, or of a table in it.
fn is_own(name: &str, service: &str) -> bool {
    let mut parts = name.split('.').map(|part| part.trim().trim_matches(['"', '\'']));
    parts.next() == Some("service") && parts.next() == Some(service)
}

/// What is open at the begin of a line: a list, or a text of several lines.
#[derive(Debug, Default)]
struct State {
    depth: usize,
    quotes: Option<&'static str>,
}

impl State {
    const fn is_outside(&self) -> bool {
        self.depth == 0 && self.quotes.is_none()
    }

    fn read(&mut self, line: &str) {
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let mut step = first.len_utf8();
            if let Some(quotes) = self.quotes {
                if rest.starts_with(quotes) {
                    self.quotes = None;
                    step = quotes.len();
                } else if first == '\\' && quotes.starts_with('"') {
                    step += rest[step..].chars().next().map_or(0, char::len_utf8);
                }
            } else {
                match first {
                    '#' => break,
                    '"' | '\'' => {
                        let opening = ["\"\"\"", "'''", "\"", "'"];
                        self.quotes = opening.into_iter().find(|quotes| rest.starts_with(quotes));
                        step = self.quotes.map_or(step, str::len);
                    }
                    '[' | '{' => self.depth += 1,
                    ']' | '}' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
            }
            rest = &rest[step..];
        }
        // A text in single quotes ends with its line, closed or not.
        if self.quotes.is_some_and(|quotes| quotes.len() == 1) {
            self.quotes = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog::reader;

    fn passages(files: &[(&str, &str)]) -> Vec<String> {
        let catalog =
            reader::read(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())));
        of_service(&catalog, &catalog.services["a"])
            .into_iter()
            .map(|passage| {
                let shown = |line| passage.file.line(line).unwrap_or_default().to_owned();
                let lines: Vec<String> = passage.lines.clone().map(shown).collect();
                format!("{}:{}\n{}", passage.file.path, passage.lines.start, lines.join("\n"))
            })
            .collect()
    }

    #[test]
    fn all_tables_of_a_service_are_found_wherever_they_stand() {
        let catalog = "# top\n[service.b]\nname = \"b\"\n\n# about a\n[service.a] # it\nname = \"a\"\ndescription = \"\"\"\n[service.no]\n\"\"\"\n\
                       [service.a.dependencies]\nrequires = [\n  \"b\",\n]\n\n# about c\n[service.c]\nname = \"c\"\n[service.a.sla]\navailability = 99.9\n";
        let monitoring = "[service.a.alerts.escalation]\nescalate_to = [\"@x\"]\n";
        assert_eq!(
            passages(&[
                ("services/catalog.toml", catalog),
                ("projects/p/services.toml", "[project-specific.p]\nname = \"P\"\n"),
                ("projects/p/monitoring.toml", monitoring),
            ]),
            [
                "services/catalog.toml:6\n[service.a] # it\nname = \"a\"\ndescription = \"\"\"\n[service.no]\n\"\"\"\n[service.a.dependencies]\nrequires = [\n  \"b\",\n]",
                "services/catalog.toml:19\n[service.a.sla]\navailability = 99.9",
                "projects/p/monitoring.toml:1\n[service.a.alerts.escalation]\nescalate_to = [\"@x\"]",
            ]
        );
        let one_line = "[service]\na = { name = \"a\", version = \"1.0.0\" }\nb.name = \"b\"\n";
        assert_eq!(
            passages(&[("services/catalog.toml", one_line)]),
            ["services/catalog.toml:2\na = { name = \"a\", version = \"1.0.0\" }"]
        );
    }
}
