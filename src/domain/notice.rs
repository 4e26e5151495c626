//! Notices: what channels are told, which of them want to hear it, and how a delivery went.

use super::{
    escalation::Severity,
    forge::SecretPlace,
    name::{ProjectName, ServiceName},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum NoticeEvent {
    /// An incident was declared.
    #[serde(rename = "incident.declared")]
    IncidentDeclared,
    /// Nobody has acknowledged or resolved an incident in time: the next level is called.
    #[serde(rename = "incident.escalated")]
    IncidentEscalated,
    /// An incident is over.
    #[serde(rename = "incident.resolved")]
    IncidentResolved,
    /// A gate of a change was approved.
    #[serde(rename = "change.approved")]
    ChangeApproved,
    /// The main branch was broken and was brought back.
    #[serde(rename = "main.restored")]
    MainRestored,
    /// A deployment to production began.
    #[serde(rename = "deployment.started")]
    DeploymentStarted,
    /// A deployment waits for a person.
    #[serde(rename = "deployment.held")]
    DeploymentHeld,
    /// A deployment is over.
    #[serde(rename = "deployment.finished")]
    DeploymentFinished,
    /// A service was rolled back.
    #[serde(rename = "rollback.finished")]
    RollbackFinished,
}

impl NoticeEvent {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::IncidentDeclared,
        Self::IncidentEscalated,
        Self::IncidentResolved,
        Self::ChangeApproved,
        Self::MainRestored,
        Self::DeploymentStarted,
        Self::DeploymentHeld,
        Self::DeploymentFinished,
        Self::RollbackFinished,
    ];

    /// The word in the settings, and the kind of the ledger's event.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IncidentDeclared => "incident.declared",
            Self::IncidentEscalated => "incident.escalated",
            Self::IncidentResolved => "incident.resolved",
            Self::ChangeApproved => "change.approved",
            Self::MainRestored => "main.restored",
            Self::DeploymentStarted => "deployment.started",
            Self::DeploymentHeld => "deployment.held",
            Self::DeploymentFinished => "deployment.finished",
            Self::RollbackFinished => "rollback.finished",
        }
    }

    /// The event of a word, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == text)
    }
}

/// Something that people should hear of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// What nobody takes for another notice: the same on every attempt to deliver it.
    pub key: String,
    /// What happened.
    pub event: NoticeEvent,
    /// The incident or the change.
    pub about: String,
    /// What it is, in one line.
    pub title: String,
    /// How bad, where that can be said.
    pub severity: Option<Severity>,
    /// Which service, if one.
    pub service: Option<ServiceName>,
    /// The service's project, if it has one.
    pub project: Option<ProjectName>,
    /// Who did it.
    pub by: String,
    /// Since when it is so.
    pub since: DateTime<Utc>,
    /// Where to read on.
    pub link: Option<String>,
    /// The platform's name.
    pub platform: String,
}

/// How a channel wants its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// A Slack incoming webhook.
    Slack,
    /// The notice as JSON.
    Webhook,
}

impl ChannelKind {
    /// The word in the settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Webhook => "webhook",
        }
    }

    /// The kind of a word, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Slack, Self::Webhook].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Where a channel's address is; whoever knows a webhook's address may write to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressPlace {
    /// Here, for receivers that are no secret.
    Plain(String),
    /// Where secrets are.
    Secret(SecretPlace),
}

/// `[notify.<name>]` of `quarterdeck.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// How it wants its messages.
    pub kind: ChannelKind,
    /// Where they go.
    pub address: AddressPlace,
    /// What signs them; webhooks only.
    pub secret: Option<SecretPlace>,
    /// What it wants to hear.
    pub on: Vec<NoticeEvent>,
    /// From which severity on; notices without one always pass.
    pub severity: Option<Severity>,
}

impl Channel {
    /// Whether it wants to hear of an event of this severity.
    pub fn wants(&self, event: NoticeEvent, severity: Option<Severity>) -> bool {
        let grave = match (self.severity, severity) {
            (Some(least), Some(severity)) => severity >= least,
            _ => true,
        };
        grave && self.on.contains(&event)
    }

    /// Whether it wants to hear of an event, or is called by one of these words.
    pub fn hears(&self, event: NoticeEvent, severity: Option<Severity>, calls: &[String]) -> bool {
        self.wants(event, severity) || calls.iter().any(|word| self.is_called(word))
    }

    /// Whether the severity matrix calls it by this word: its name, alone or behind a `#` (`slack#ops`).
    pub fn is_called(&self, word: &str) -> bool {
        word.rsplit('#').next().is_some_and(|name| name.eq_ignore_ascii_case(&self.name))
    }
}

/// How a delivery went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// To which channel.
    pub channel: String,
    /// Why it did not arrive; `None` when it did.
    pub failed: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it ended.
    pub at: DateTime<Utc>,
}

impl Delivery {
    /// Whether it arrived.
    pub const fn is_sent(&self) -> bool {
        self.failed.is_none()
    }
}

/// All deliveries in a few words; `None` where nobody wanted to hear.
pub fn told(deliveries: &[Delivery]) -> Option<String> {
    let sent: Vec<&str> =
        deliveries.iter().filter(|d| d.failed.is_none()).map(|d| d.channel.as_str()).collect();
    let mut parts = Vec::new();
    if !sent.is_empty() {
        parts.push(format!("told {}", sent.join(", ")));
    }
    for delivery in deliveries {
        if let Some(why) = &delivery.failed {
            parts.push(format!("could not tell {}: {why}", delivery.channel));
        }
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// How long to wait after the `attempt`-th try (from 1) that failed: doubled each time, and spread by
/// `jitter` (between 0 and 1) over half to all of it, so that many senders do not come back at once.
pub fn backoff(first: Duration, attempt: u32, jitter: f64) -> Duration {
    let whole = first.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1).min(16)));
    whole.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(on: &[NoticeEvent], severity: Option<Severity>) -> Channel {
        Channel {
            name: "ops".into(),
            kind: ChannelKind::Slack,
            address: AddressPlace::Plain("http://127.0.0.1:1".into()),
            secret: None,
            on: on.to_vec(),
            severity,
        }
    }

    #[test]
    fn channels_hear_what_they_asked_for() {
        let (declared, approved) = (NoticeEvent::IncidentDeclared, NoticeEvent::ChangeApproved);
        for (on, least, event, severity, expected) in [
            (&[declared][..], None, declared, Some(Severity::Low), true),
            (&[declared], Some(Severity::High), declared, Some(Severity::High), true),
            (&[declared], Some(Severity::High), declared, Some(Severity::Critical), true),
            (&[declared], Some(Severity::High), declared, Some(Severity::Medium), false),
            (&[declared, approved], Some(Severity::High), approved, None, true),
            (&[declared], None, approved, None, false),
            (&[], None, declared, None, false),
        ] {
            assert_eq!(channel(on, least).wants(event, severity), expected, "{event:?} {severity:?}");
        }
    }

    #[test]
    fn waits_double_and_are_spread() {
        let first = Duration::from_millis(400);
        for (attempt, jitter, expected) in
            [(1, 1.0, 400), (1, 0.0, 200), (2, 1.0, 800), (3, 0.0, 800), (3, 7.0, 1600), (0, 1.0, 400)]
        {
            assert_eq!(
                backoff(first, attempt, jitter),
                Duration::from_millis(expected),
                "{attempt} {jitter}"
            );
        }
        assert!(backoff(first, u32::MAX, 1.0) < Duration::from_hours(24));
    }

    #[test]
    fn what_arrived_and_what_did_not_is_told() {
        let delivery = |channel: &str, failed: Option<&str>| Delivery {
            channel: channel.into(),
            failed: failed.map(str::to_owned),
            attempts: 1,
            at: DateTime::UNIX_EPOCH,
        };
        assert_eq!(told(&[]), None);
        let all = [delivery("ops", None), delivery("pager", Some("it answers 500")), delivery("log", None)];
        assert_eq!(told(&all).unwrap(), "told ops, log; could not tell pager: it answers 500");
    }
}
