//! Changes on the command line: the list, and everything about one.

use super::{report::empty, requests, table::table};
use crate::{
    domain::{
        change::{Change, Said, timeline},
        diff::DiffLine,
        finding::Finding,
        gate::{GateState, GateStatus},
        ledger::ChangeRecord,
        name::ServiceName,
        signature::SignatureState,
        text::{clean, clean_lines},
        units::format_duration,
    },
    model::Model,
};
use serde_json::{Value, json};

/// A gate with its state, in glyph and word.
pub fn gate(change: &Change, status: &GateStatus) -> String {
    if let Some(unproven) = change.unproven_of(status.gate).next() {
        return format!("■ {} unproven ({}: {})", status.gate, unproven.by, unproven.why);
    }
    let mut words = gate_words(status);
    if let Some(signed) = change.signatures.get(&status.gate) {
        words += match signed {
            SignatureState::Valid { .. } => ", signed",
            SignatureState::Unsigned => ", unsigned",
            SignatureState::Foreign { .. } => ", signed by another",
            SignatureState::Bad(_) => ", bad signature",
            SignatureState::Unknown { .. } => ", unknown key",
            SignatureState::Unchecked(_) => ", signature not checked",
        };
    }
    words
}

fn gate_words(status: &GateStatus) -> String {
    match &status.state {
        GateState::Open => format!("○ {}", status.gate),
        GateState::Approved { by, carried: false, .. } => format!("● {} by {by}", status.gate),
        GateState::Approved { by, .. } => format!("● {} by {by}, kept through a rebase", status.gate),
        GateState::Fallen { by } => format!("▲ {} fell (was {by})", status.gate),
    }
}

/// Where it stands, in a word.
fn stage(change: &Change) -> &'static str {
    if change.errors() > 0 || change.wishes.iter().any(|wish| !wish.answered) {
        "blocked"
    } else if change.gates.iter().all(GateStatus::is_approved) {
        "ready"
    } else {
        "in review"
    }
}

/// The open changes as a table.
pub fn list(model: &Model) -> String {
    let changes = &model.world.joined.changes;
    if changes.is_empty() {
        return empty(&model.world.changes, "no open change");
    }
    let rows: Vec<Vec<String>> = changes
        .iter()
        .map(|change| {
            let proposal = &change.proposal;
            vec![
                proposal.id.to_string(),
                change.class.to_string(),
                change.class.risk().to_owned(),
                format_duration(model.now - proposal.opened_at),
                authors(change),
                change.gates.iter().map(|status| gate(change, status)).collect::<Vec<_>>().join("  "),
                stage(change).to_owned(),
                change.blocked().unwrap_or_else(|| "–".to_owned()),
                requests::word(change),
            ]
        })
        .collect();
    table(&["change", "class", "risk", ">age", "author", "gates", "stage", "blocked by", "request"], &rows)
}

fn authors(change: &Change) -> String {
    change.proposal.authors.iter().map(|author| author.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The open changes as JSON.
pub fn list_json(model: &Model) -> Vec<Value> {
    model.world.joined.changes.iter().map(|change| summary_json(change)).collect()
}

fn summary_json(change: &Change) -> Value {
    let proposal = &change.proposal;
    json!({
        "id": proposal.id,
        "branch": proposal.branch,
        "head": proposal.head,
        "base": proposal.base,
        "digest": change.digest(),
        "subject": clean(&proposal.subject),
        "authors": proposal.authors,
        "opened_at": proposal.opened_at,
        "class": change.class,
        "breaking": change.breaking,
        "risk": change.class.risk(),
        "stage": stage(change),
        "blocked": change.blocked(),
        "services": change.services,
        "fields": change.fields,
        "errors": change.errors(),
        "findings": change.findings.len(),
        "gates": change.gates.iter().map(|status| gate_json(change, status)).collect::<Vec<_>>(),
        "requests_for_changes": change.wishes.iter().map(|wish| json!({
            "by": wish.by, "at": wish.at, "note": clean(&wish.note), "answered": wish.answered,
        })).collect::<Vec<_>>(),
        "request": change.request.as_deref().map(requests::json),
    })
}

fn gate_json(change: &Change, status: &GateStatus) -> Value {
    let (state, by, at, carried) = match &status.state {
        GateState::Open => ("open", None, None, false),
        GateState::Approved { by, at, carried } => ("approved", Some(by), Some(at), *carried),
        GateState::Fallen { by } => ("fallen", Some(by), None, false),
    };
    let unproven: Vec<Value> = change
        .unproven_of(status.gate)
        .map(|one| json!({ "by": one.by, "reason": clean(&one.why) }))
        .collect();
    json!({
        "gate": status.gate, "state": state, "by": by, "at": at, "carried": carried, "teams": status.teams,
        "signature": change.signatures.get(&status.gate).map(SignatureState::as_str), "unproven": unproven,
    })
}

fn record<'a>(model: &'a Model, change: &Change) -> Option<&'a ChangeRecord> {
    model.world.ledger.value.as_ref()?.operations.changes.get(&change.proposal.id)
}

/// Everything about one change, as JSON: what the list has, with findings and files in full and the discussion.
pub fn json(model: &Model, change: &Change) -> Value {
    let finding = |finding: &Finding| {
        json!({
            "code": finding.code,
            "name": finding.name,
            "level": finding.level.to_string(),
            "message": clean(&finding.message),
            "place": finding.location(),
        })
    };
    let line = |line: &DiffLine| format!("{}{}", line.sign(), clean(&line.text));
    let files: Vec<Value> = change
        .patch
        .files
        .iter()
        .map(|file| {
            json!({
                "path": clean(&file.path),
                "lines": file.lines.iter().map(line).collect::<Vec<_>>(),
                "more": file.more,
            })
        })
        .collect();
    let mut value = summary_json(change);
    value["findings"] = change.findings.iter().map(finding).collect();
    value["impact"] = json!(change.harm);
    value["files"] = Value::Array(files);
    value["discussion"] = json!(timeline(change, record(model, change)));
    value
}

/// Everything about one change, for people.
pub fn text(model: &Model, change: &Change) -> String {
    let proposal = &change.proposal;
    let names = |names: &[ServiceName]| names.iter().map(ServiceName::as_str).collect::<Vec<_>>().join(", ");
    let mut out = format!("{}: {}\n", proposal.id, clean(&proposal.subject));
    let breaking = if change.breaking { ", breaks consumers" } else { "" };
    let facts = [
        ("stage", stage(change).to_owned()),
        ("blocked by", change.blocked().unwrap_or_else(|| "nothing".to_owned())),
        ("class", format!("{}, {} risk{breaking}", change.class, change.class.risk())),
        ("services", if change.services.is_empty() { "none".to_owned() } else { names(&change.services) }),
        ("impact", format!("{} break, {} at risk", change.harm.breaks, change.harm.at_risk)),
        ("authors", authors(change)),
        (
            "branch",
            format!("{} at {} from {}", proposal.branch, proposal.head.short(), proposal.base.short()),
        ),
        ("opened", format!("{} ago", format_duration(model.now - proposal.opened_at))),
        ("request", requests::word(change)),
    ];
    for (label, value) in facts {
        out += &format!("  {label:<11} {}\n", clean(&value));
    }
    out += "\nGates\n";
    for status in &change.gates {
        let teams: Vec<String> = status.teams.iter().map(|team| format!("@{team}")).collect();
        out += &format!("  {} ({})\n", clean(&gate(change, status)), clean(&teams.join(" ")));
    }
    if !change.wishes.is_empty() {
        out += "\nRequests for changes\n";
    }
    for wish in &change.wishes {
        let (glyph, since) = if wish.answered { ("↺", ", altered since") } else { ("▲", "") };
        let ago = format_duration(model.now - wish.at);
        out += &format!("  {glyph} {}, {ago} ago{since}: {}\n", wish.by, clean(&wish.note));
    }
    out += "\nFindings\n";
    if change.findings.is_empty() {
        out += "  ● none\n";
    }
    for finding in change.findings.iter() {
        let place = finding.location().map(|place| format!(" ({})", clean(&place))).unwrap_or_default();
        out += &format!("  {} {} {}{place}\n", finding.level, finding.code, clean(&finding.message));
    }
    out += "\nFields\n";
    if change.fields.is_empty() {
        out += "  none\n";
    }
    for field in &change.fields {
        let side = |side: &Option<String>| side.as_deref().map_or("–".to_owned(), clean);
        out += &format!("  {} {}: {} → {}\n", field.service, field.field, side(&field.old), side(&field.new));
    }
    out += "\nFiles\n";
    for file in &change.patch.files {
        out += &format!("  {}\n", clean(&file.path));
        for line in &file.lines {
            out += &format!("    {}{}\n", line.sign(), clean(&line.text));
        }
        if file.more > 0 {
            out += &format!("    +{} more lines\n", file.more);
        }
    }
    out += "\nDiscussion\n";
    for said in timeline(change, record(model, change)) {
        out += &said_text(&said);
    }
    // Also ids and names of fields are what others wrote.
    clean_lines(&out)
}

fn said_text(said: &Said) -> String {
    let who = if said.by.name.is_empty() { &said.by.email } else { &said.by.name };
    let signed = said.signature.map(|word| format!(", {word} signature")).unwrap_or_default();
    let at = said.at.format("%Y-%m-%d %H:%M UTC");
    let mut out = format!("  {at}  {} {}{signed}\n", clean(who), clean(&said.what));
    if let Some(words) = &said.words {
        out += &format!("    {}\n", clean(words));
    }
    for (name, _, answer) in said.answers.iter().flat_map(crate::domain::gate::ReviewAnswers::each) {
        if !answer.is_empty() {
            out += &format!("    {name}: {}\n", clean(answer));
        }
    }
    out
}
