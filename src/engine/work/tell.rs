//! Telling people outside of the console what was done. It comes last and takes nothing back: whoever could
//! not be told is named in the outcome.

use super::Reporter;
use crate::{
    domain::{
        catalog::Catalog,
        escalation::Severity,
        ledger::Happening,
        name::{CommitId, ServiceName},
        notice::{Notice, NoticeEvent, told},
        plan::Outcome,
        rules::without_secrets,
    },
    engine::Outside,
    ports::{Draft, Revision},
};
use chrono::{DateTime, Utc};

/// What there is to tell.
#[derive(Debug, Default)]
pub(super) struct Subject {
    pub event: Option<NoticeEvent>,
    pub about: String,
    pub title: String,
    pub severity: Option<Severity>,
    pub service: Option<ServiceName>,
    /// Since when; now unless said.
    pub since: Option<DateTime<Utc>>,
    /// Whom it calls by the severity matrix.
    pub calls: Vec<String>,
}

/// Tells every channel that wants to hear, at once, and adds to the outcome how that went.
pub(super) async fn after(
    outside: &Outside,
    subject: Subject,
    mut outcome: Outcome,
    report: &Reporter,
) -> Outcome {
    let Some(event) = subject.event else { return outcome };
    let repository = &outside.ports.repository;
    let catalog = match repository.load(&Revision::WorkingTree).await {
        Ok(catalog) => catalog,
        Err(failure) => {
            outcome.summary += &format!("; nobody else was told: {failure}");
            return outcome;
        }
    };
    let settings = &catalog.settings;
    let channels: Vec<_> = settings
        .channels
        .iter()
        .filter(|channel| channel.hears(event, subject.severity, &subject.calls))
        .collect();
    if channels.is_empty() {
        return outcome;
    }
    report.step(2, "telling").await;
    let now = outside.ports.clock.now();
    let key = outcome.commit.as_ref().map_or_else(|| now.to_rfc3339(), ToString::to_string);
    let by = repository.operator().await.map(|operator| operator.name).unwrap_or_default();
    // The event's own page, once everybody can see it there.
    let page = outcome.commit.as_ref().filter(|_| outcome.synced);
    let notice = notice(&catalog, event, subject, (by, now), (&key, page));
    let deliveries = channels.into_iter().map(|channel| outside.ports.notifier.deliver(channel, &notice));
    outcome.deliveries = futures::future::join_all(deliveries).await;
    if let Some(words) = told(&outcome.deliveries) {
        report.step(2, words.clone()).await;
        outcome.summary += &format!("; {words}");
    }
    record(outside, &notice.about, event.as_str(), outcome).await
}

/// The notice of an event. Its key is the same for every attempt to deliver it, whoever makes it.
pub(super) fn notice(
    catalog: &Catalog,
    event: NoticeEvent,
    subject: Subject,
    (by, now): (String, DateTime<Utc>),
    (key, page): (&str, Option<&CommitId>),
) -> Notice {
    let settings = &catalog.settings;
    let service = subject.service.as_ref().and_then(|name| catalog.services.get(name));
    Notice {
        key: format!("{}/{key}", event.as_str()),
        event,
        about: subject.about,
        title: without_secrets(&subject.title),
        severity: subject.severity,
        project: service.and_then(|service| service.project.clone()),
        service: subject.service,
        by,
        since: subject.since.unwrap_or(now),
        link: settings.forge.as_ref().zip(page).map(|(forge, commit)| forge.commit_page(commit)),
        platform: settings.name.clone(),
    }
}

/// Writes into the ledger who was told and who was not. What was done is done: a ledger that cannot take it makes
/// a note in the outcome, and no failure.
pub(super) async fn record(outside: &Outside, about: &str, event: &str, mut outcome: Outcome) -> Outcome {
    let happening = Happening::NoticeDelivered {
        about: about.to_owned(),
        event: event.to_owned(),
        deliveries: outcome.deliveries.clone(),
        of: outcome.commit.clone(),
    };
    let draft: Draft = Box::new(move |_| Ok(happening.clone()));
    match outside.ports.ledger.append(outside.ports.clock.now(), draft).await {
        Ok(receipt) => outcome.synced &= receipt.synced,
        Err(failure) => {
            outcome.summary += &format!("; the ledger could not record who was told: {failure}");
        }
    }
    outcome
}
