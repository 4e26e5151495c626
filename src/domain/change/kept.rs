//! What was concluded about a head, as a text that can be read again: so that an open change is validated once, and
//! not every time that somebody lists it.

use super::{ChangeClass, Conclusion, FieldChange, HarmCount, HeadMarks, Patch, Proposal, digest::Seal};
use crate::domain::{
    catalog::Catalog,
    finding::{Finding, Label, Level, SourceFile},
    name::ServiceName,
    rules,
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The form of these texts. What is kept in another one is not found.
const FORM: &str = "quarterdeck conclusion 1";

/// The name of what is concluded about a proposal on a day: another head, another base, other messages, another day
/// have another name. Who may approve is not concluded, and so not in it; the program that concludes is the concern
/// of whoever keeps it.
pub fn name(proposal: &Proposal, today: NaiveDate) -> String {
    let mut seal = Seal::new();
    seal.word(FORM);
    seal.word(&today.to_string());
    seal.word(proposal.base.as_str());
    seal.word(proposal.head.as_str());
    for words in [&proposal.messages, &proposal.paths] {
        seal.word(&words.len().to_string());
        for word in words {
            seal.word(word);
        }
    }
    seal.end()
}

#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    class: ChangeClass,
    breaking: bool,
    services: Cow<'a, [ServiceName]>,
    fields: Cow<'a, [FieldChange]>,
    patch: Cow<'a, Patch>,
    harm: HarmCount,
    marks: Cow<'a, HeadMarks>,
    findings: Vec<KeptFinding<'a>>,
    /// Bytes of each file that a finding points into.
    files: BTreeMap<Cow<'a, str>, usize>,
}

#[derive(Serialize, Deserialize)]
struct KeptFinding<'a> {
    code: Cow<'a, str>,
    level: Level,
    message: Cow<'a, str>,
    help: Option<Cow<'a, str>>,
    labels: Vec<KeptLabel<'a>>,
}

#[derive(Serialize, Deserialize)]
struct KeptLabel<'a> {
    path: Cow<'a, str>,
    start: usize,
    end: usize,
    text: Cow<'a, str>,
}

/// Writes a conclusion down; `None` where it cannot be read again from Git alone, as when a finding shows a file
/// whose credentials were hidden: those are written nowhere.
pub fn write(conclusion: &Conclusion, head: &Catalog) -> Option<String> {
    let mut files = BTreeMap::new();
    let mut findings = Vec::with_capacity(conclusion.findings.len());
    for finding in conclusion.findings.iter() {
        rules::find(finding.code)?;
        for label in &finding.labels {
            let is_whole = !label.file.text.is_empty() && !label.file.text.contains('\u{fffd}');
            if !is_whole || !head.files.iter().any(|file| Arc::ptr_eq(file, &label.file)) {
                return None;
            }
            files.insert(Cow::from(label.file.path.as_str()), label.file.text.len());
        }
        findings.push(KeptFinding {
            code: finding.code.into(),
            level: finding.level,
            message: finding.message.as_str().into(),
            help: finding.help.as_deref().map(Cow::from),
            labels: finding
                .labels
                .iter()
                .map(|label| KeptLabel {
                    path: label.file.path.as_str().into(),
                    start: label.start,
                    end: label.end,
                    text: label.text.as_str().into(),
                })
                .collect(),
        });
    }
    let kept = Kept {
        class: conclusion.class,
        breaking: conclusion.breaking,
        services: conclusion.services.as_slice().into(),
        fields: conclusion.fields.as_slice().into(),
        patch: Cow::Borrowed(&conclusion.patch),
        harm: conclusion.harm,
        marks: Cow::Borrowed(&conclusion.marks),
        findings,
        files,
    };
    serde_json::to_string(&kept).ok()
}

/// A conclusion that was kept, without the files that its findings point into.
pub struct Unread(Kept<'static>);

impl Unread {
    /// Reads what [`write()`] wrote; `None` if it is anything else.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    /// Paths of the files at the head that it needs.
    pub fn paths(&self) -> BTreeSet<String> {
        self.0.files.keys().map(std::string::ToString::to_string).collect()
    }

    /// The conclusion, with the files of the head; `None` if they are not those that it was made with.
    pub fn finish(self, files: &[Arc<SourceFile>]) -> Option<Conclusion> {
        let Kept { class, breaking, services, fields, patch, harm, marks, findings, files: sizes } = self.0;
        let file = |path: &str| files.iter().find(|file| file.path == path);
        for (path, size) in &sizes {
            file(path).filter(|file| file.text.len() == *size)?;
        }
        let label = |label: KeptLabel<'_>| {
            let file = file(&label.path)?;
            file.text.get(label.start..label.end)?;
            Some(Label {
                file: Arc::clone(file),
                start: label.start,
                end: label.end,
                text: label.text.into_owned(),
            })
        };
        let finding = |finding: KeptFinding<'_>| {
            let rule = rules::find(&finding.code)?;
            Some(Finding {
                code: rule.code,
                name: rule.name,
                level: finding.level,
                message: finding.message.into_owned(),
                labels: finding.labels.into_iter().map(label).collect::<Option<_>>()?,
                help: finding.help.map(Cow::into_owned),
            })
        };
        Some(Conclusion {
            class,
            breaking,
            services: services.into_owned(),
            fields: fields.into_owned(),
            patch: Arc::new(patch.into_owned()),
            harm,
            findings: Arc::new(findings.into_iter().map(finding).collect::<Option<_>>()?),
            marks: marks.into_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{catalog::read, change::conclude, graph::DependencyGraph};

    fn catalog(version: &str) -> Catalog {
        let text = format!(
            "[service.api]\nname = \"api\"\ntype = \"api\"\nowner = \"team\"\nversion = \"{version}\"\nsensitive = true\n"
        );
        read([("services/catalog.toml".to_owned(), text.into_bytes())])
    }

    fn proposal() -> Proposal {
        let identity = crate::domain::change::Identity::default();
        Proposal {
            id: "api-2.0.0".into(),
            branch: "change/api-2.0.0".into(),
            head: "bbbb".into(),
            base: "aaaa".into(),
            authors: vec![identity.clone()],
            last_committer: identity,
            subject: String::new(),
            messages: vec!["fix: it".into()],
            committed_at: chrono::DateTime::UNIX_EPOCH,
            opened_at: chrono::DateTime::UNIX_EPOCH,
            paths: vec!["services/catalog.toml".into()],
            objects: [(
                "services/catalog.toml".to_owned(),
                [Some("100644 a".to_owned()), Some("100644 b".to_owned())],
            )]
            .into(),
        }
    }

    fn today() -> NaiveDate {
        "2026-11-24".parse().unwrap()
    }

    fn concluded() -> (Conclusion, Catalog) {
        let (base, head) = (catalog("1.0.0"), catalog("2.0.0"));
        let findings = rules::check(&head, Some(&base), today());
        let conclusion = conclude(&proposal(), &base, &head, &DependencyGraph::build(&head), findings);
        (conclusion, head)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let (conclusion, head) = concluded();
        assert!(conclusion.findings.iter().any(|finding| !finding.labels.is_empty()), "{conclusion:#?}");
        let text = write(&conclusion, &head).unwrap();
        let unread = Unread::read(&text).unwrap();
        assert!(unread.paths().contains("services/catalog.toml"));
        assert_eq!(unread.finish(&head.files), Some(conclusion));
    }

    #[test]
    fn what_does_not_fit_is_not_used() {
        let (conclusion, head) = concluded();
        let text = write(&conclusion, &head).unwrap();
        // Other files than it was made with.
        assert!(Unread::read(&text).unwrap().finish(&catalog("2.0.0-beta").files).is_none());
        assert!(Unread::read(&text).unwrap().finish(&[]).is_none());
        // A rule that this program does not have, and what is no conclusion.
        let code = conclusion.findings[0].code;
        assert!(Unread::read(&text.replace(code, "QD999")).unwrap().finish(&head.files).is_none());
        assert!(Unread::read(&text[..text.len() - 1]).is_none() && Unread::read("{}").is_none());
        // What shows a file with something hidden is not written at all.
        let mut hidden = conclusion;
        let mut findings = hidden.findings.as_ref().clone();
        let label = findings.iter_mut().find_map(|finding| finding.labels.first_mut()).unwrap();
        label.file = Arc::new(SourceFile::new("services/catalog.toml", label.file.text.clone()));
        hidden.findings = Arc::new(findings);
        assert!(write(&hidden, &head).is_none());
    }

    #[test]
    fn who_may_approve_is_asked_of_the_main_branch_each_time() {
        let (conclusion, _) = concluded();
        let gates = |teams: &str| -> Vec<(crate::domain::gate::Gate, Vec<String>)> {
            let policy = format!("[gate.security]\nteam = \"{teams}\"\n");
            let main = read([("policies/security.toml".to_owned(), policy.into_bytes())]);
            let change = crate::domain::change::assemble(
                proposal(),
                &conclusion,
                &main,
                &crate::domain::ledger::Operations::default(),
                Arc::default(),
            );
            let gates = change.gates.into_iter();
            gates
                .map(|status| (status.gate, status.teams.iter().map(ToString::to_string).collect()))
                .collect()
        };
        let owner = |teams: &str| {
            let found =
                gates(teams).into_iter().find(|(gate, _)| *gate == crate::domain::gate::Gate::Security);
            found.map(|(_, teams)| teams)
        };
        assert_eq!(owner("guards"), Some(vec!["guards".to_owned()]));
        assert_eq!(owner("others"), Some(vec!["others".to_owned()]), "the same conclusion, other policies");
    }

    #[test]
    fn every_end_and_every_day_has_a_name_of_its_own() {
        let usual = name(&proposal(), today());
        assert_eq!(usual, name(&proposal(), today()));
        let other = |alter: fn(&mut Proposal)| {
            let mut proposal = proposal();
            alter(&mut proposal);
            name(&proposal, today())
        };
        for name in [
            name(&proposal(), today().succ_opt().unwrap()),
            other(|proposal| proposal.base = "cccc".into()),
            other(|proposal| proposal.head = "cccc".into()),
            other(|proposal| proposal.messages[0].push('!')),
            other(|proposal| proposal.paths.push("policies/teams.toml".into())),
        ] {
            assert_ne!(name, usual);
        }
    }
}
