//! The message of a Slack incoming webhook.

use crate::domain::{
    notice::{Notice, NoticeEvent},
    text,
};
use serde_json::{Value, json};

/// The longest header that Slack shows.
const HEADER: usize = 150;
/// The longest text of a field.
const FIELD: usize = 500;

/// Slack's blocks, with a plain text for where blocks are not shown.
pub(super) fn body(notice: &Notice) -> Value {
    let headline = match notice.event {
        NoticeEvent::IncidentDeclared => match notice.severity {
            Some(severity) => format!("{} declared, {severity}: {}", notice.about, notice.title),
            None => format!("{} declared: {}", notice.about, notice.title),
        },
        NoticeEvent::IncidentEscalated => format!("{} escalates: {}", notice.about, notice.title),
        NoticeEvent::IncidentResolved => format!("{} resolved: {}", notice.about, notice.title),
        NoticeEvent::ChangeApproved | NoticeEvent::DeploymentFinished | NoticeEvent::RollbackFinished => {
            format!("{}: {}", notice.about, notice.title)
        }
        NoticeEvent::DeploymentStarted => format!("{} started: {}", notice.about, notice.title),
        NoticeEvent::DeploymentHeld => format!("{} waits for a person: {}", notice.about, notice.title),
        NoticeEvent::MainRestored => format!("{} was broken and is restored: {}", notice.about, notice.title),
    };
    let mut fields = Vec::new();
    let mut field = |label: &str, value: &str| {
        fields
            .push(json!({ "type": "mrkdwn", "text": format!("*{label}*\n{}", escape(&cut(value, FIELD))) }));
    };
    field("Platform", &notice.platform);
    if let Some(service) = &notice.service {
        field("Service", service.as_str());
    }
    if let Some(project) = &notice.project {
        field("Project", project.as_str());
    }
    field("What", &notice.title);
    field("Since", &notice.since.format("%Y-%m-%d %H:%M UTC").to_string());
    field("By", &notice.by);
    let mut blocks = vec![
        json!({ "type": "header", "text": { "type": "plain_text", "text": cut(&headline, HEADER), "emoji": false } }),
        json!({ "type": "section", "fields": fields }),
    ];
    if let Some(link) = &notice.link {
        // The address stands alone between the angle brackets, where only these two end it.
        let link = link.replace(['|', '>'], "");
        blocks.push(json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": format!("<{}>", escape(&link)) }] }));
    }
    json!({ "text": escape(&cut(&headline, FIELD)), "blocks": blocks })
}

/// The three characters that begin mentions and links in Slack's markup.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// On one line, and not longer than `most` characters.
fn cut(text: &str, most: usize) -> String {
    let line = text::clean(text);
    match line.char_indices().nth(most) {
        Some(_) => line.chars().take(most - 1).chain(['…']).collect(),
        None => line,
    }
}
