//! Findings as a code quality report of GitLab.

use super::{
    check::{Limit, and_more},
    fingerprint,
    sarif::WHOLE,
};
use crate::domain::{
    finding::{Finding, Level},
    text::clean,
};
use serde_json::{Value, json};

/// The report: GitLab compares those of both branches by their fingerprints. As many findings as `limit` allows, and
/// an issue that counts the rest.
pub fn code_quality(findings: &[Finding], limit: Limit) -> Value {
    let (shown, hidden) = limit.of(findings);
    let issues = shown.iter().zip(fingerprint::of_all(findings)).map(|(finding, name)| issue(finding, &name));
    let more = and_more(hidden).map(|description| {
        json!({
            "description": description,
            "check_name": "quarterdeck",
            "fingerprint": "quarterdeck-more",
            "severity": "info",
            "location": { "path": WHOLE, "lines": { "begin": 1, "end": 1 } },
        })
    });
    issues.chain(more).collect()
}

fn issue(finding: &Finding, name: &str) -> Value {
    let mut description = clean(&finding.message);
    if let Some(help) = &finding.help {
        description += &format!(" ({})", clean(help));
    }
    let (path, begin, end) = match finding.labels.first() {
        Some(label) => {
            let (line, _) = label.file.position(label.start);
            (label.file.path.as_str(), line, label.file.position(label.end.max(label.start)).0)
        }
        None => (WHOLE, 1, 1),
    };
    json!({
        "description": description,
        "check_name": format!("{} {}", finding.code, finding.name),
        "fingerprint": name,
        "severity": match finding.level {
            Level::Error => "blocker",
            Level::Warning => "minor",
            Level::Note => "info",
        },
        "location": { "path": path, "lines": { "begin": begin, "end": end } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        catalog::reader,
        rules::reading::{MISSING_CATALOG, UNKNOWN_KEY},
    };

    #[test]
    fn each_finding_is_an_issue_with_a_fingerprint_of_its_own() {
        let text = b"[service.a]\nverson = 1\nverson2 = 1\n".to_vec();
        let mut findings = reader::read([("services/catalog.toml".to_owned(), text)]).findings;
        findings.push(MISSING_CATALOG.finding("it is missing"));
        let report = code_quality(&findings, Limit::ALL);
        let issues = report.as_array().unwrap();
        assert_eq!(issues.len(), findings.len());
        let mut names: Vec<&str> =
            issues.iter().map(|issue| issue["fingerprint"].as_str().unwrap()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), issues.len());
        let unknown = issues.iter().find(|issue| issue["check_name"] == "QD103 unknown-key").unwrap();
        assert_eq!(unknown["severity"], "minor");
        assert_eq!(
            unknown["location"],
            json!({ "path": "services/catalog.toml", "lines": { "begin": 2, "end": 2 } })
        );
        assert_eq!(issues.last().unwrap()["location"]["path"], WHOLE);
        assert_eq!(UNKNOWN_KEY.level, Level::Warning);
    }
}
