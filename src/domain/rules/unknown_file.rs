//! A file lies where control files lie, and nobody reads it.

use super::{Context, Rule};
use crate::domain::{
    catalog::{is_control_file, reader::shapes},
    finding::{Finding, Label, Level},
    text::{clean, nearest},
};
use std::sync::Arc;

/// The rule.
pub static RULE: Rule = Rule {
    code: "QD115",
    name: "unknown-file",
    level: Level::Warning,
    summary: "A TOML file among the control files has a name that nothing reads.",
    help: "Whatever it demands or promises has no effect. Give it the name of the file that was meant, or move it elsewhere.",
    check: Some(check),
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &context.head.files {
        let path = file.path.as_str();
        let is_toml = path.rsplit_once('.').is_some_and(|(_, extension)| extension == "toml");
        if !is_toml || is_control_file(path) {
            continue;
        }
        // Files of the same folder, or of the same folder of another project.
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = match folder.strip_prefix("projects/") {
            Some(project) if !project.contains('/') => "projects/*",
            _ => folder,
        };
        let known: Vec<&str> = shapes::FILES
            .iter()
            .filter_map(|shape| shape.path.rsplit_once('/'))
            .filter(|(other, _)| *other == folder)
            .map(|(_, name)| name)
            .collect();
        if known.is_empty() {
            continue;
        }
        let place = Label { file: Arc::clone(file), start: 0, end: 0, text: String::new() };
        let finding = RULE.finding(format!("{} is no control file, and is not read", clean(path))).at(place);
        findings.push(match nearest(name, known.iter().copied()) {
            Some(meant) => finding.help(format!("did you mean `{meant}`?")),
            None => finding.help(format!("the files here are {}", known.join(", "))),
        });
    }
    findings
}
