//! Everything about a deployment: what was ordered, each leg with who, when and what was measured, and its end.

use super::{Page, legs, window};
use crate::{
    config::theme::Role,
    domain::{
        deployment::{glass, record::DeploymentRecord, recovery::Recovery, release::Strategy, shown_version},
        name::DeploymentId,
        units::format_duration,
    },
    tui::{
        paint::{Painter, piece},
        panes::sentence,
        view::View,
    },
};
use ratatui::layout::Rect;

const WIDTH: u16 = 110;

/// Draws the details of a deployment.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, body: Rect, id: &DeploymentId, offset: usize) {
    let ledger = view.model.world.ledger.value.as_ref();
    let record = ledger.and_then(|ledger| ledger.operations.deployment(id.as_str()));
    let title = vec![
        piece("deployment", painter.style(Role::Dim)),
        piece(format!("  {id}"), painter.style(Role::Title)),
    ];
    window::page(painter, body, WIDTH, &title, offset, |page| match record {
        Some(record) => fill(view, page, record),
        None => page.text("the ledger does not know it any more", Role::Dim, 0),
    });
}

fn strategy(strategy: &Strategy) -> String {
    match strategy {
        Strategy::Canary { weights } => {
            let steps: Vec<String> = weights.iter().map(|weight| format!("{weight}%")).collect();
            format!("{}: {}", strategy.as_str(), steps.join(", "))
        }
        Strategy::Immediate | Strategy::BlueGreen => strategy.as_str().to_owned(),
    }
}

/// How long it took to see it and to get over it.
fn times(view: &View<'_>, page: &mut Page<'_>, record: &DeploymentRecord, recovery: &Recovery) {
    page.blank();
    page.heading("Times");
    let shown = |at: chrono::DateTime<chrono::Utc>| at.format("%H:%M:%S").to_string();
    let after = |time: Option<chrono::Duration>| match time {
        Some(time) => format!("after {}", format_duration(time)),
        None => "not yet".to_owned(),
    };
    let back = record.order.places.first().and_then(|place| place.from_version.as_deref());
    page.fact("first step", &shown(recovery.began_at), Role::Text);
    page.fact("fault seen", &after(Some(recovery.detection())), Role::Text);
    let words =
        format!("{} runs again {}", back.map_or("nothing", shown_version), after(recovery.way_back()));
    page.fact("way back", &words, Role::Text);
    if record.order.production {
        page.fact("Git settled", &after(recovery.settling()), Role::Text);
    }
    let ledger = view.model.world.ledger.value.as_ref();
    let incident = record.incident.as_ref();
    let incident = ledger.zip(incident).and_then(|(ledger, id)| ledger.operations.incident(id.as_str()));
    if let (Some(incident), Some(at)) = (incident, recovery.incident_at) {
        let opened = format_duration((at - recovery.failed_at).max(chrono::Duration::zero()));
        let state = match (&incident.resolved, &incident.acknowledged) {
            (Some((_, by)), _) => format!("resolved by {by}"),
            (None, Some((_, by))) => format!("with {by}"),
            (None, None) => "nobody has it".to_owned(),
        };
        page.fact(incident.id.as_str(), &format!("opened after {opened}, {state}"), Role::Text);
        if let Some(post_mortem) = &incident.post_mortem {
            let (words, role) = match &post_mortem.written {
                Some((at, by, _)) => (format!("written {} by {by}", at.format("%F %H:%M UTC")), Role::Text),
                None => (format!("due {}", post_mortem.due.format("%F %H:%M UTC")), Role::StatusWarning),
            };
            page.fact("post-mortem", &words, role);
        }
    }
}

fn fill(view: &View<'_>, page: &mut Page<'_>, record: &DeploymentRecord) {
    let order = &record.order;
    let (glyph, role, words) = sentence(view, record);
    page.marked(glyph, role, &words, Role::Text);
    page.blank();
    page.fact("service", order.service.as_str(), Role::Text);
    page.fact("version", shown_version(&order.version), Role::Text);
    page.fact_if("image", order.image.as_ref());
    page.fact_if("change", order.change.as_ref().map(crate::domain::name::ChangeId::as_str));
    page.fact_if("commit", order.commit.as_ref().map(crate::domain::name::CommitId::short));
    page.fact("strategy", &strategy(&order.strategy), Role::Text);
    for place in &order.places {
        let from = place.from_version.as_deref().map_or("nothing", shown_version);
        let wave = if order.places.len() > 1 { format!(", wave {}", place.wave + 1) } else { String::new() };
        let objects =
            if place.objects.is_empty() { String::new() } else { format!(", {}", place.objects.join(", ")) };
        page.fact(place.environment.as_str(), &format!("from {from}{wave}{objects}"), Role::Text);
    }
    if let Some(at) = order.not_before {
        page.fact("not before", &at.format("%F %H:%M UTC").to_string(), Role::Text);
    }
    if order.window {
        page.fact("when", "when the calendar is open", Role::Text);
    }
    let by = format!("{} by {}", record.started_at.format("%F %H:%M:%S UTC"), record.started_by.name);
    page.fact("started", &by, Role::Text);
    page.fact_if("incident", record.incident.as_ref().map(crate::domain::name::IncidentId::as_str));
    if let Some(held) = &record.held {
        page.fact("held", &format!("{} ({})", held.reason, held.by.name), Role::StatusWarning);
    }
    if let Some((reason, _, by)) = &record.cancelled {
        page.fact("cancelled", &format!("{reason} ({})", by.name), Role::StatusWarning);
    }
    // How events are signed, and whether glass holds, is looked at while they decide something.
    let review = view.model.world.changes.value.as_ref().filter(|_| record.is_open());
    for given in &record.approvals {
        let words = format!("{} by {} {}", given.gate, given.by.name, given.at.format("%F %H:%M UTC"));
        match review.and_then(|review| review.seals.objection(&given.commit)) {
            None => page.fact("approved", &words, Role::Text),
            Some(why) => {
                let words = format!("{words}, does not count: {why}");
                page.fact("approved", &words, Role::StatusWarning);
            }
        }
    }
    if let Some(glass) = &record.glass {
        let state =
            review.and_then(|review| glass::state(&review.proven(record), &review.people, view.now()));
        let state = match state {
            Some(state) => format!("{} ", state.as_str()),
            None if record.is_open() => "not known to hold ".to_owned(),
            None => String::new(),
        };
        let words = format!(
            "{state}until {}, {} ({}), {}",
            glass.expires.format("%F %H:%M UTC"),
            glass.reason,
            glass.by.name,
            glass.incident
        );
        page.fact("broken glass", &words, Role::StatusWarning);
    }
    if let Some(recovery) = Recovery::of(record) {
        times(view, page, record, &recovery);
    }
    page.blank();
    page.heading("Legs");
    legs::full(view, page, record);
    if let Some(finished) = &record.finished {
        page.blank();
        let words = format!(
            "{} {}: {}",
            finished.at.format("%F %H:%M:%S UTC"),
            finished.ending.as_str(),
            finished.detail
        );
        page.text(&words, Role::Text, 0);
    }
}
