//! Break-glass: the plans of breaking it, of agreeing to it, and of settling it.

use super::{change::find, open_plan, review, tell_step};
use crate::{
    action::command::GlassCommand,
    config::key::Key,
    domain::{
        break_glass,
        calendar::{self, Standing},
        change::Change,
        escalation::Severity,
        gate::GateState,
        ledger::{self, Operations},
        notice::NoticeEvent,
        people::People,
        plan::{Plan, Risk, Step, Work},
        units::format_duration,
    },
    error::Failure,
    model::{Model, effect::Effects},
};
use std::sync::Arc;

pub(super) fn run(
    model: &mut Model,
    command: GlassCommand,
    opened_by: Option<Key>,
) -> Result<Effects, Failure> {
    let plan = plan(model, command)?;
    Ok(open_plan(model, plan, opened_by))
}

/// What the ledger and the main branch's people say. What can be refused with it is refused before a plan is
/// shown; the ledger checks everything again at its tip.
fn known(model: &Model) -> (Arc<Operations>, People) {
    (review::operations(model), review::people(model))
}

fn step(title: &str, object: String) -> Step {
    Step { title: title.to_owned(), object }
}

fn plan(model: &Model, command: GlassCommand) -> Result<Plan, Failure> {
    let (operations, people) = known(model);
    let who = ("as".to_owned(), format!("{} <{}>", model.operator.name, model.operator.email));
    let push = step("push", "quarterdeck/ledger".to_owned());
    let append = |event: String| step("append to the ledger", event);
    let base = |title: String, facts, steps, notes, work| Plan {
        title,
        facts,
        steps,
        notes,
        risk: Risk::Shared,
        confirm_by_typing: None,
        work,
    };
    Ok(match command {
        GlassCommand::Open { change, reason, length } => {
            let change = find(model, &change)?;
            let proposal = &change.proposal;
            let incident = operations.next_incident();
            ledger::open_glass(
                &operations,
                proposal,
                &people,
                &model.operator,
                &proposal.head,
                &reason,
                length,
                &incident,
                model.now,
            )?;
            let mut facts = about(&change);
            facts.push(("reason".to_owned(), reason.clone()));
            facts.push(("for".to_owned(), format_duration(length)));
            facts.push(who);
            let mut steps = vec![
                append("incident.declared(high)".to_owned()),
                append(format!("break-glass.opened({})", proposal.id)),
                push,
            ];
            steps.extend(tell_step(model, NoticeEvent::IncidentDeclared, Some(Severity::High), &[]));
            let mut notes = passes(model, &change);
            notes.push(format!(
                "It opens nothing until another person, who did not write it, agrees: `quarterdeck change second {}`.",
                proposal.id
            ));
            notes.push(format!(
                "Its post-mortem is due {} after the merge.",
                format_duration(break_glass::SETTLE_WITHIN)
            ));
            let (id, head) = (proposal.id.clone(), proposal.head.clone());
            let work = Work::BreakGlass { change: id.clone(), head, reason, length };
            base(format!("break the glass for {id}"), facts, steps, notes, work)
        }
        GlassCommand::Second(id) => {
            let change = find(model, &id)?;
            let proposal = &change.proposal;
            ledger::second_glass(&operations, proposal, &people, &model.operator, &proposal.head, model.now)?;
            let mut facts = about(&change);
            let glass = operations.changes.get(&id).and_then(|record| record.glasses.last());
            if let Some(glass) = glass {
                facts.push(("reason".to_owned(), glass.reason.clone()));
                facts.push(("asked by".to_owned(), format!("{} <{}>", glass.by.name, glass.by.email)));
                facts.push(("until".to_owned(), glass.expires.format("%F %H:%M UTC").to_string()));
            }
            facts.push(who);
            let steps = vec![append(format!("break-glass.seconded({id})")), push];
            let work = Work::SecondGlass { change: id.clone(), head: proposal.head.clone() };
            base(format!("agree to the broken glass for {id}"), facts, steps, passes(model, &change), work)
        }
        GlassCommand::Settle { change: id, note } => {
            ledger::settle_glass(&operations, &id, &people, &model.operator, &note)?;
            let due = break_glass::unsettled(&operations).into_iter().find(|(open, _)| *open == id);
            let mut facts =
                vec![("change".to_owned(), id.to_string()), ("post-mortem".to_owned(), note.clone())];
            facts.extend(due.map(|(_, due)| ("due".to_owned(), due.format("%F %H:%M UTC").to_string())));
            facts.push(who);
            let steps = vec![append(format!("break-glass.settled({id})")), push];
            let work = Work::SettleGlass { change: id.clone(), note };
            base(format!("settle the broken glass for {id}"), facts, steps, Vec::new(), work)
        }
    })
}

fn about(change: &Change) -> Vec<(String, String)> {
    let proposal = &change.proposal;
    vec![
        (
            "change".to_owned(),
            format!("{} ({}, {} risk)", proposal.branch, change.class, change.class.risk()),
        ),
        ("head".to_owned(), format!("{} {}", proposal.head.short(), proposal.subject)),
    ]
}

/// What the change would be merged past.
fn passes(model: &Model, change: &Change) -> Vec<String> {
    let mut notes = Vec::new();
    let shut: Vec<&str> = change
        .gates
        .iter()
        .filter(|gate| !matches!(gate.state, GateState::Approved { .. }))
        .map(|gate| gate.gate.as_str())
        .collect();
    if !shut.is_empty() {
        notes.push(format!("It goes past these gates: {}.", shut.join(", ")));
    }
    if let Some(catalog) = &model.world.catalog.value {
        let projects: Vec<_> =
            change.services.iter().filter_map(|name| catalog.services.get(name)?.project.clone()).collect();
        if let Standing::Closed(closure) = calendar::standing(catalog, None, &projects, model.now) {
            notes.push(format!("It goes past the calendar: {}.", closure.words()));
        }
    }
    let errors = change.errors();
    if errors > 0 {
        notes.push(format!(
            "Validation has {errors} errors; a file that cannot be read (QD1xx) is not merged even so."
        ));
    }
    notes
}
