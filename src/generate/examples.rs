//! An example for each rule: what is found in a file that breaks it, and what mends that file. They are
//! made from the fixtures of the rules, by the test that holds them to it.

/// The examples as the fixtures gave them.
const BUILT_IN: &str = include_str!("examples.txt");

/// An example of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The rule's name.
    pub rule: String,
    /// The finding, as `check` shows it.
    pub finding: String,
    /// The lines that are taken out of the file (`-`) and put into it (`+`) to mend it.
    pub mended: String,
}

/// Every example that the program has.
pub fn built_in() -> Vec<Example> {
    parse(BUILT_IN)
}

/// Reads what `format` wrote.
pub fn parse(text: &str) -> Vec<Example> {
    let sections = text.split("=== ").skip(1);
    sections
        .filter_map(|section| {
            let (rule, rest) = section.split_once('\n')?;
            let (finding, mended) = rest.split_once("\n--- mended by\n")?;
            let part = |text: &str| text.trim_matches('\n').to_owned();
            Some(Example { rule: rule.trim().to_owned(), finding: part(finding), mended: part(mended) })
        })
        .collect()
}

/// Examples as text that is kept beside this module.
pub fn format(examples: &[Example]) -> String {
    let one = |Example { rule, finding, mended }: &Example| {
        format!("=== {rule}\n{finding}\n\n--- mended by\n{mended}\n\n")
    };
    examples.iter().map(one).collect()
}

/// The lines that differ between two versions of a file, those before with `-` and those after with `+`.
/// What begins and ends both in the same way is left out.
pub fn difference(before: &str, after: &str) -> Vec<String> {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let start = before.iter().zip(&after).take_while(same).count();
    let end = before[start..].iter().rev().zip(after[start..].iter().rev()).take_while(same).count();
    let marked = |mark: &str, lines: &[&str]| -> Vec<String> {
        lines[start..lines.len() - end]
            .iter()
            .map(|line| format!("{mark} {line}").trim_end().to_owned())
            .collect()
    };
    let mut lines = marked("-", &before);
    lines.extend(marked("+", &after));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let example = |rule: &str| Example {
            rule: rule.to_owned(),
            finding: "error[QD1]: x\n  │\n\n1 │ [a]".to_owned(),
            mended: "  a.toml\n  - x\n  + y".to_owned(),
        };
        let all = vec![example("a"), Example { mended: String::new(), ..example("b") }];
        assert_eq!(parse(&format(&all)), all);
        assert_eq!(parse("nothing"), []);
        assert_eq!(parse("<<<<<<< a conflict\n=== broken\n"), []);
    }

    #[test]
    fn a_difference_is_cut_to_what_differs() {
        for (before, after, expected) in [
            ("a\nb\nc\n", "a\nx\nc\n", &["- b", "+ x"][..]),
            ("a\nb\n", "a\nb\nc\n", &["+ c"]),
            ("a\na\na\n", "a\na\n", &["- a"]),
            ("", "a\n\nb\n", &["+ a", "+", "+ b"]),
            ("a\n", "a\n", &[]),
        ] {
            assert_eq!(difference(before, after), expected, "{before:?} {after:?}");
        }
    }
}
