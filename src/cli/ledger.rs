//! The ledger on the command line: what happened, bringing it and its remote together, and whether it can
//! be believed.

use super::{
    arguments::{Global, Output},
    oneshot::{Printed, pretty},
    table::table,
};
use crate::{
    action::command::LedgerCommand,
    domain::{
        ledger::{Entry, EntryBody, EntryFilter, Remark, Synced, Verification},
        name::CommitId,
        signature::SignatureState,
        text::clean,
    },
    engine::headless::Engine,
    error::Failure,
};
use serde_json::{Value, json};

/// How many problems are told on a terminal; JSON has them all.
const TOLD: usize = 20;

/// Runs a command about the ledger.
///
/// # Errors
/// What kept it from running.
pub async fn run(engine: &Engine, global: &Global, command: LedgerCommand) -> Result<Printed, Failure> {
    let ports = &engine.outside.ports;
    // Which remote and which branch count is said by the working tree.
    let main = engine.outside.main_branch().await?;
    let now = ports.clock.now();
    match command {
        LedgerCommand::Log { filter, signatures } => {
            // What the remote has belongs to the answer; without it the local part is still true.
            let remote = ports.repository.fetch().await;
            let (entries, states) = if signatures {
                let examination = ports.ledger.examine(&main, now, false).await?;
                let entries = examination.links.into_iter().map(|link| link.entry).collect();
                (entries, Some(examination.verification.signatures))
            } else {
                (ports.ledger.entries().await?, None)
            };
            let out = log(&entries, states.as_deref(), &filter, now, global.output);
            let err = remote.err().map(|why| why.render() + "\n").unwrap_or_default();
            Ok(Printed { out, err, code: 0 })
        }
        LedgerCommand::Sync if global.read_only => {
            Err(Failure::refused("the ledger cannot be synced read-only; nothing was done")
                .hint("leave out --read-only"))
        }
        LedgerCommand::Sync => {
            let synced = ports.ledger.sync().await?;
            let out = match global.output {
                Output::Text => sync_text(&synced),
                Output::Json => pretty(&sync_json(&synced)),
            };
            Ok(Printed { out, ..Printed::default() })
        }
        LedgerCommand::Verify => {
            let remote = ports.repository.fetch().await;
            let examination = ports.ledger.examine(&main, now, !global.read_only).await?;
            let verification = examination.verification;
            let out = match global.output {
                Output::Text => verify_text(&verification),
                Output::Json => {
                    let tip = examination.links.last().map(|link| &link.entry.commit);
                    pretty(&verify_json(&verification, tip.map(CommitId::as_str)))
                }
            };
            let err = remote.err().map(|why| why.render() + "\n").unwrap_or_default();
            Ok(Printed { out, err, code: u8::from(!verification.is_valid()) })
        }
    }
}

/// The chosen entries, the newest first.
fn log(
    entries: &[Entry],
    states: Option<&[SignatureState]>,
    filter: &EntryFilter,
    now: chrono::DateTime<chrono::Utc>,
    output: Output,
) -> String {
    let all: Vec<&Entry> = entries.iter().collect();
    let chosen = filter.choose(&all, now).into_iter();
    let chosen = chosen.map(|place| (all[place], states.and_then(|states| states.get(place))));
    match output {
        Output::Text if entries.is_empty() => "the ledger is empty\n".to_owned(),
        Output::Text => {
            let rows: Vec<Vec<String>> = chosen.map(|(entry, state)| row(entry, state)).collect();
            if rows.is_empty() {
                return format!("none of {} events fits\n", entries.len());
            }
            let mut headers = vec!["commit", "at (UTC)", "who"];
            headers.extend(states.is_some().then_some("signature"));
            headers.push("what");
            table(&headers, &rows)
        }
        Output::Json => {
            let events: Vec<Value> = chosen.map(|(entry, state)| entry_json(entry, state)).collect();
            pretty(&json!({ "events": events }))
        }
    }
}

fn row(entry: &Entry, state: Option<&SignatureState>) -> Vec<String> {
    let mut row = vec![
        entry.commit.short().to_owned(),
        entry.at.format("%Y-%m-%d %H:%M:%S").to_string(),
        entry.actor.name.clone(),
    ];
    row.extend(state.map(signature_words));
    // A kind that this program does not know is told as it stands.
    row.push(match &entry.body {
        EntryBody::Unknown { kind, .. } if kind.is_empty() => format!("{} (no event)", entry.subject),
        EntryBody::Unknown { kind, .. } if !entry.subject.starts_with(kind.as_str()) => {
            format!("{} ({kind})", entry.subject)
        }
        _ => entry.subject.clone(),
    });
    row
}

/// A signature's state as a mark and words.
fn signature_words(state: &SignatureState) -> String {
    match state {
        SignatureState::Unsigned => "○ unsigned".to_owned(),
        SignatureState::Valid { by, .. } => format!("● {by}"),
        SignatureState::Foreign { by, .. } => format!("■ signed by {by}"),
        SignatureState::Unknown { .. } => "▲ unknown key".to_owned(),
        SignatureState::Bad(_) => "■ bad".to_owned(),
        SignatureState::Unchecked(_) => "▲ unchecked".to_owned(),
    }
}

fn entry_json(entry: &Entry, state: Option<&SignatureState>) -> Value {
    let event = match &entry.body {
        EntryBody::Known(happening) => serde_json::to_value(happening).unwrap_or(Value::Null),
        EntryBody::Unknown { kind, text } => {
            json!({ "kind": clean(kind), "unknown": true, "text": clean(text) })
        }
    };
    let mut value = json!({
        "commit": entry.commit,
        "at": entry.at,
        "actor": entry.actor,
        "subject": clean(&entry.subject),
        "event": event,
    });
    if let Some(state) = state {
        value["signature"] = json!({
            "state": state.as_str(),
            "by": state.by().map(clean),
            "key": state.key(),
            "reason": state.reason().map(clean),
        });
    }
    value
}

/// `1 event`, `2 events`.
fn events(count: usize) -> String {
    format!("{count} event{}", if count == 1 { "" } else { "s" })
}

fn sync_text(synced: &Synced) -> String {
    let mut out = format!(
        "{} received, {} sent; the ledger has {}\n",
        events(synced.received),
        synced.sent,
        events(synced.operations.events)
    );
    if synced.lost > 0 {
        out += &format!(
            "{} had been lost by the remote and went there again: its branch was set back or deleted; find out by whom\n",
            events(synced.lost)
        );
    }
    if synced.replayed > 0 {
        out +=
            &format!("{} that waited here were written again on top of what came first\n", synced.replayed);
    }
    for (from, to) in &synced.renumbered {
        out += &format!(
            "{} is now {}: somebody else had taken the number\n",
            clean(from.as_str()),
            clean(to.as_str())
        );
    }
    out
}

fn sync_json(synced: &Synced) -> Value {
    let renumbered: Vec<Value> =
        synced.renumbered.iter().map(|(from, to)| json!({ "from": from, "to": to })).collect();
    json!({
        "tip": synced.tip,
        "events": synced.operations.events,
        "received": synced.received,
        "sent": synced.sent,
        "lost": synced.lost,
        "replayed": synced.replayed,
        "renumbered": renumbered,
        "waiting": synced.unsynced,
    })
}

fn verify_text(verification: &Verification) -> String {
    let mut out = String::new();
    for (_, remark) in verification.problems.iter().take(TOLD) {
        out += &format!("bad: {}\n", remark.words());
    }
    let told = verification.problems.len().min(TOLD);
    if verification.problem_count > told {
        out += &format!("and {} more\n", verification.problem_count - told);
    }
    for note in verification.notes.iter().take(TOLD) {
        out += &format!("note: {}\n", note.words());
    }
    let word = if verification.is_valid() { "valid" } else { "not valid" };
    out += &format!("{word}: {}", events(verification.events));
    if verification.events > 0 {
        out += &format!(", {} signed", verification.signed());
        let by: Vec<String> =
            verification.signers.iter().map(|(who, count)| format!("{} {count}", clean(who))).collect();
        if !by.is_empty() {
            out += &format!(" ({})", by.join(", "));
        }
        for (count, words) in [
            (verification.unsigned, "unsigned"),
            (verification.unproven, "signed by a key that nobody vouches for"),
            (verification.unknown, "of a kind that this version does not know"),
        ] {
            if count > 0 {
                out += &format!(", {count} {words}");
            }
        }
    }
    if !verification.required {
        out += "; signatures are optional";
    }
    out += "\n";
    let rewritten = verification.problems.iter().any(|(fault, _)| fault.as_str() == "rewritten");
    if rewritten {
        out +=
            "if the new history is to hold, remove quarterdeck/ledger-verified.json in the Git directory\n";
    }
    out
}

fn verify_json(verification: &Verification, tip: Option<&str>) -> Value {
    let remark = |remark: &Remark| {
        json!({
            "number": remark.number,
            "commit": remark.commit,
            "subject": clean(&remark.subject),
            "text": clean(&remark.text),
        })
    };
    let problems: Vec<Value> = verification
        .problems
        .iter()
        .map(|(fault, about)| {
            let mut value = remark(about);
            value["fault"] = fault.as_str().into();
            value
        })
        .collect();
    json!({
        "valid": verification.is_valid(),
        "tip": tip,
        "events": verification.events,
        "signatures_required": verification.required,
        "signed": verification.signed(),
        "signers": verification.signers,
        "unsigned": verification.unsigned,
        "unproven": verification.unproven,
        "unknown_kinds": verification.unknown,
        "problem_count": verification.problem_count,
        "problems": problems,
        "notes": verification.notes.iter().map(remark).collect::<Vec<_>>(),
        "verified_before": verification.before.as_ref().map(|before| json!({
            "tip": before.tip,
            "events": before.events,
            "at": before.at,
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{change::Identity, ledger::Fault};

    fn entry(subject: &str, kind: &str) -> Entry {
        Entry {
            commit: "1a2b3c4d5e".into(),
            at: "2026-11-24T03:00:00Z".parse().unwrap(),
            actor: Identity { name: "Ana".into(), email: "ana@example.com".into() },
            subject: subject.into(),
            body: EntryBody::Unknown { kind: kind.into(), text: "{}".into() },
        }
    }

    #[test]
    fn kinds_that_are_not_known_and_signatures_are_told() {
        let entries = [entry("moon.landed(apollo): fine", "moon.landed"), entry("hello\u{1b}[2J", "")];
        let states = [
            SignatureState::Valid { by: "ana@example.com".into(), key: "SHA256:x".into() },
            SignatureState::Bad("the signature does not fit the commit".into()),
        ];
        let now = "2026-11-24T04:00:00Z".parse().unwrap();
        let text = log(&entries, Some(&states), &EntryFilter::default(), now, Output::Text);
        assert_eq!(
            text,
            "commit    at (UTC)             who  signature          what\n\
             1a2b3c4d  2026-11-24 03:00:00  Ana  ■ bad              hello[2J (no event)\n\
             1a2b3c4d  2026-11-24 03:00:00  Ana  ● ana@example.com  moon.landed(apollo): fine\n"
        );
        let json = log(&entries, Some(&states), &EntryFilter::default(), now, Output::Json);
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["events"][0]["signature"]["state"], "bad");
        assert_eq!(json["events"][1]["event"]["kind"], "moon.landed");
        let filter = EntryFilter { actor: Some("bo".into()), ..EntryFilter::default() };
        assert_eq!(log(&entries, None, &filter, now, Output::Text), "none of 2 events fits\n");
    }

    #[test]
    fn what_is_bad_is_named() {
        let remark = Remark {
            number: Some(3),
            commit: "1a2b3c4d5e".into(),
            subject: "change.approved(api-2): security gate".into(),
            text: "the signature does not fit the commit".into(),
        };
        let verification = Verification {
            events: 4,
            signers: [("ana@example.com".to_owned(), 3)].into(),
            problems: vec![(Fault::Signature, remark)],
            problem_count: 1,
            required: true,
            ..Verification::default()
        };
        assert_eq!(
            verify_text(&verification),
            "bad: event 3, 1a2b3c4d change.approved(api-2): security gate: the signature does not fit the commit\n\
             not valid: 4 events, 3 signed (ana@example.com 3)\n"
        );
        let json = verify_json(&verification, Some("1a2b3c4d5e"));
        assert_eq!((&json["valid"], &json["problems"][0]["fault"]), (&false.into(), &"signature".into()));
    }
}
