//! Findings as SARIF 2.1.0, for code scanning.

use super::fingerprint;
use crate::{
    domain::{
        finding::{Finding, Label, Level},
        rules::{self, Rule},
        text::clean,
    },
    generate::reference::anchor,
};
use serde_json::{Value, json};

/// Where a finding about the repository as a whole is shown: every reader of SARIF wants a place, and this
/// file is in every control repository.
pub const WHOLE: &str = "services/catalog.toml";

/// The document of one check.
pub fn sarif(findings: &[Finding]) -> Value {
    let names = fingerprint::of_all(findings);
    let results: Vec<Value> =
        findings.iter().zip(names).map(|(finding, name)| result(finding, &name)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "Quarterdeck",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules::all().map(descriptor).collect::<Vec<_>>(),
            } },
            "automationDetails": { "id": "quarterdeck/check/" },
            "invocations": [{ "executionSuccessful": true }],
            "originalUriBaseIds": {
                "ROOT": { "description": { "text": "The root of the control repository." } },
            },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn descriptor(rule: &'static Rule) -> Value {
    let mut descriptor = json!({
        "id": rule.code,
        "name": rule.name,
        "shortDescription": { "text": rule.summary },
        "fullDescription": { "text": format!("{} {}", rule.summary, rule.help) },
        "help": { "text": rule.help, "markdown": rule.help },
        "defaultConfiguration": { "level": level(rule.level) },
        "properties": { "tags": [family(rule.code)] },
    });
    if let Some(address) = help_address(env!("CARGO_PKG_REPOSITORY"), rule) {
        descriptor["helpUri"] = address.into();
    }
    descriptor
}

/// Where the rule is described; `None` for a build whose package names no repository.
fn help_address(repository: &str, rule: &Rule) -> Option<String> {
    let repository = repository.trim_end_matches('/');
    let anchor = anchor(rule.code, rule.name);
    (!repository.is_empty()).then(|| format!("{repository}/blob/main/docs/RULES.md#{anchor}"))
}

/// What a rule is about, by the hundred of its code.
fn family(code: &str) -> &'static str {
    match code.as_bytes().get(2) {
        Some(b'2') => "dependencies",
        Some(b'3') => "impact",
        Some(b'4') => "lifecycle",
        Some(b'5') => "security",
        Some(b'6') => "policy",
        Some(b'7') => "monitoring",
        Some(b'8') => "organisation",
        _ => "schema",
    }
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    }
}

fn result(finding: &Finding, name: &str) -> Value {
    let mut text = clean(&finding.message);
    if let Some(help) = &finding.help {
        text += &format!("\nHelp: {}", clean(help));
    }
    let main = match finding.labels.first() {
        Some(label) => place(label),
        None => json!({ "physicalLocation": { "artifactLocation": { "uri": WHOLE, "uriBaseId": "ROOT" } } }),
    };
    let mut result = json!({
        "ruleId": finding.code,
        "level": level(finding.level),
        "message": { "text": text },
        "locations": [main],
        "partialFingerprints": { "quarterdeckFinding/v1": name },
    });
    if let Some(index) = rules::all().position(|rule| rule.code == finding.code) {
        result["ruleIndex"] = index.into();
    }
    let related: Vec<Value> = finding
        .labels
        .iter()
        .enumerate()
        .skip(1)
        .map(|(index, label)| {
            let mut place = place(label);
            place["id"] = index.into();
            place
        })
        .collect();
    if !related.is_empty() {
        result["relatedLocations"] = related.into();
    }
    result
}

fn place(label: &Label) -> Value {
    let (line, column) = label.file.position(label.start);
    let (end_line, end_column) = label.file.position(label.end.max(label.start));
    let mut place = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": address(&label.file.path), "uriBaseId": "ROOT" },
            "region": {
                "startLine": line,
                "startColumn": column,
                "endLine": end_line,
                "endColumn": end_column,
            },
        },
    });
    if !label.text.is_empty() {
        place["message"] = json!({ "text": clean(&label.text) });
    }
    place
}

/// A path as a relative reference (RFC 3986): everything but its plain characters is escaped.
fn address(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            other => out += &format!("%{other:02X}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        catalog::reader,
        finding::SourceFile,
        rules::reading::{MISSING_CATALOG, UNKNOWN_KEY},
    };
    use std::sync::Arc;

    fn findings() -> Vec<Finding> {
        let file = Arc::new(SourceFile::new("projects/a b/services.toml", "ñ = \"é\" # x\nb = \"日\"\n"));
        let label = |marked: &str, text: &str| {
            let start = file.text.find(marked).unwrap();
            Label { file: file.clone(), start, end: start + marked.len(), text: text.to_owned() }
        };
        vec![
            UNKNOWN_KEY
                .finding("no \u{1b}[31mkey")
                .at(label("\"é\"", "here"))
                .at(label("\"日\"", "and \u{202e}here"))
                .help("mend it"),
            MISSING_CATALOG.finding("it is missing"),
        ]
    }

    #[test]
    fn a_document_has_results_with_places_and_names() {
        let document = sarif(&findings());
        let results = &document["runs"][0]["results"];
        insta::assert_json_snapshot!(results);
        assert!(!document.to_string().contains("\\u001b"), "{document:#}");
    }

    #[test]
    fn every_rule_is_described_and_found_by_its_index() {
        let document = sarif(&findings());
        let run = &document["runs"][0];
        let described = run["tool"]["driver"]["rules"].as_array().unwrap();
        assert_eq!(described.len(), rules::all().count());
        for result in run["results"].as_array().unwrap() {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(described[index]["id"], result["ruleId"]);
        }
        for rule in described {
            for text in ["shortDescription", "fullDescription", "help"] {
                assert!(!rule[text]["text"].as_str().unwrap().is_empty(), "{rule}");
            }
            assert!(
                ["note", "warning", "error"]
                    .contains(&rule["defaultConfiguration"]["level"].as_str().unwrap())
            );
        }
    }

    #[test]
    fn the_address_of_a_rule_is_given_where_the_package_has_one() {
        let rule = rules::find("QD203").unwrap();
        assert_eq!(help_address("", rule), None);
        assert_eq!(
            help_address("https://example.com/quarterdeck/", rule).unwrap(),
            "https://example.com/quarterdeck/blob/main/docs/RULES.md#qd203-dependency-cycle"
        );
    }

    #[test]
    fn lines_that_move_change_the_region_and_not_the_name() {
        let read = |before: &str| {
            let text = format!("{before}[service.api]\nname = \"api\"\ntype = \"apy\"\n");
            sarif(&reader::read([("services/catalog.toml".to_owned(), text.into_bytes())]).findings)
        };
        let results = |document: &Value| document["runs"][0]["results"].as_array().unwrap().clone();
        let (before, after) = (results(&read("")), results(&read("# one\n# two\n")));
        assert!(!before.is_empty());
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before["partialFingerprints"], after["partialFingerprints"]);
            let line = |result: &Value| {
                result["locations"][0]["physicalLocation"]["region"]["startLine"].as_u64().unwrap()
            };
            assert_eq!(line(before) + 2, line(after));
        }
    }

    #[test]
    fn paths_become_references() {
        assert_eq!(address("services/a-b_c.toml"), "services/a-b_c.toml");
        assert_eq!(address("projects/a b:%/ñ"), "projects/a%20b%3A%25/%C3%B1");
    }
}
