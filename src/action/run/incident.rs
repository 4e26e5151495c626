//! Incidents: declare, acknowledge, resolve.

use super::{open_plan, tell_step};
use crate::{
    action::command::IncidentCommand,
    config::key::Key,
    domain::{
        escalation::{SeverityMatrix, next},
        incident::Incident,
        name::IncidentId,
        notice::NoticeEvent,
        plan::{Plan, Risk, Step, Work},
        units::format_duration,
    },
    error::Failure,
    model::{Model, effect::Effects},
};

pub(super) fn run(
    model: &mut Model,
    command: IncidentCommand,
    opened_by: Option<Key>,
) -> Result<Effects, Failure> {
    let plan = plan(model, command)?;
    Ok(open_plan(model, plan, opened_by))
}

fn plan(model: &Model, command: IncidentCommand) -> Result<Plan, Failure> {
    let who = ("as".to_owned(), format!("{} <{}>", model.operator.name, model.operator.email));
    let ledger = |kind: &str, about: &str| {
        vec![
            Step { title: "append to the ledger".to_owned(), object: format!("{kind}({about})") },
            Step { title: "push".to_owned(), object: "quarterdeck/ledger".to_owned() },
        ]
    };
    let base = |title: String, facts, steps, work| Plan {
        title,
        facts,
        steps,
        notes: Vec::new(),
        risk: Risk::Shared,
        confirm_by_typing: None,
        work,
    };
    Ok(match command {
        IncidentCommand::Declare { severity, title, service } => {
            if let (Some(service), Some(catalog)) = (&service, &model.world.catalog.value)
                && !catalog.services.contains_key(service)
            {
                let failure = Failure::usage(format!("there is no service `{service}` in the catalog"));
                let known = catalog.services.keys().map(crate::domain::name::ServiceName::as_str);
                return Err(match crate::domain::text::nearest(service.as_str(), known) {
                    Some(near) => failure.hint(format!("did you mean `{near}`?")),
                    None => failure.hint("leave the service out, or see `quarterdeck service list`"),
                });
            }
            let matrix = model
                .world
                .catalog
                .value
                .as_ref()
                .map_or_else(SeverityMatrix::default, |c| c.severities.clone());
            let mut facts = vec![
                ("severity".to_owned(), severity.to_string()),
                ("title".to_owned(), title.clone()),
                ("service".to_owned(), service.as_ref().map_or("none".to_owned(), ToString::to_string)),
            ];
            if let Some(row) = matrix.rows.get(&severity) {
                facts.push(("respond within".to_owned(), format_duration(row.response)));
                let escalation = row.escalation.map_or("never".to_owned(), format_duration);
                facts.push(("escalates after".to_owned(), escalation));
            }
            facts.push(who);
            let mut steps = ledger("incident.declared", severity.as_str());
            steps.extend(tell_step(model, NoticeEvent::IncidentDeclared, Some(severity), &[]));
            base(
                format!("declare a {severity} incident"),
                facts,
                steps,
                Work::DeclareIncident { severity, title, service },
            )
        }
        IncidentCommand::Escalate { incident: id, due } => {
            let incident = find(model, &id)?;
            let matrix = model
                .world
                .catalog
                .value
                .as_ref()
                .map_or_else(SeverityMatrix::default, |c| c.severities.clone());
            let escalation = due.unwrap_or_else(|| next(incident, &matrix));
            let mut steps = ledger("incident.escalated", id.as_str());
            steps.extend(tell_step(
                model,
                NoticeEvent::IncidentEscalated,
                Some(incident.severity),
                &escalation.to,
            ));
            let mut facts = vec![
                ("incident".to_owned(), about(incident)),
                ("level".to_owned(), escalation.level.to_string()),
                ("calls".to_owned(), escalation.to.join(", ")),
            ];
            if escalation.unanswered {
                facts.push(("because".to_owned(), "nobody has acknowledged it in time".to_owned()));
            }
            facts.push(who);
            base(
                format!("call level {} of {id}", escalation.level),
                facts,
                steps,
                Work::EscalateIncident { incident: id, escalation: Box::new(escalation) },
            )
        }
        IncidentCommand::Acknowledge(id) => {
            let incident = find(model, &id)?;
            if let Some((_, by)) = &incident.acknowledged {
                return Err(Failure::refused(format!("{id} is acknowledged already, by {by}")));
            }
            base(
                format!("acknowledge {id}"),
                vec![("incident".to_owned(), about(incident)), who],
                ledger("incident.acknowledged", id.as_str()),
                Work::AcknowledgeIncident { incident: id },
            )
        }
        IncidentCommand::Resolve { incident: id, note } => {
            let incident = find(model, &id)?;
            let mut steps = ledger("incident.resolved", id.as_str());
            steps.extend(tell_step(model, NoticeEvent::IncidentResolved, Some(incident.severity), &[]));
            base(
                format!("resolve {id}"),
                vec![("incident".to_owned(), about(incident)), who],
                steps,
                Work::ResolveIncident { incident: id, note },
            )
        }
    })
}

fn about(incident: &Incident) -> String {
    let service = incident.service.as_ref().map(|service| format!(" · {service}")).unwrap_or_default();
    format!("{} {}{service} · {}", incident.id, incident.severity, incident.title)
}

fn find<'a>(model: &'a Model, id: &IncidentId) -> Result<&'a Incident, Failure> {
    model.world.joined.incidents.iter().find(|incident| incident.id == *id).ok_or_else(|| {
        Failure::usage(format!("there is no open incident `{id}`"))
            .hint("`quarterdeck incident list` shows the open ones")
    })
}
