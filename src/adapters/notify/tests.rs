//! Deliveries to a server that keeps what it gets, and misbehaves.

use super::HttpNotifier;
use crate::{
    adapters::receiver::{Receiver, clock, reply},
    domain::{
        escalation::Severity,
        forge::SecretPlace,
        notice::{AddressPlace, Channel, ChannelKind, Delivery, Notice, NoticeEvent},
    },
    ports::Notifier,
};
use serde_json::json;
use std::time::Duration;

fn notice() -> Notice {
    Notice {
        key: "incident.declared/abc".into(),
        event: NoticeEvent::IncidentDeclared,
        about: "INC-7".into(),
        title: "5xx <!channel> & more\u{1b}[31m".into(),
        severity: Some(Severity::Critical),
        service: Some("shared-auth".into()),
        project: Some("project-a".into()),
        by: "Marta Ruiz".into(),
        since: "2026-11-24T02:59:00Z".parse().unwrap(),
        link: Some("https://github.com/shop/control/commit/abc".into()),
        platform: "shop".into(),
    }
}

fn channel(kind: ChannelKind, url: String) -> Channel {
    Channel {
        name: "ops".into(),
        kind,
        address: AddressPlace::Plain(url),
        secret: None,
        on: vec![NoticeEvent::IncidentDeclared],
        severity: None,
    }
}

async fn deliver(channel: &Channel) -> Delivery {
    crate::adapters::install_crypto();
    HttpNotifier::hasty(clock()).deliver(channel, &notice()).await
}

#[tokio::test]
async fn slack_gets_blocks_that_mention_nobody() {
    let server = Receiver::start().await;
    server.on("POST /services/T/B/x", [reply(200, "ok")]);
    let delivery = deliver(&channel(ChannelKind::Slack, format!("{}/services/T/B/x", server.url))).await;
    assert_eq!((delivery.failed, delivery.attempts), (None, 1));
    let body = &server.seen()[0].body;
    insta::assert_snapshot!(serde_json::to_string_pretty(body).unwrap());
    // The header is plain text, where Slack reads nothing into it; everywhere else it would be a mention.
    assert_eq!(body.to_string().matches("<!channel>").count(), 1, "{body}");
    assert_eq!(body["blocks"][0]["text"]["type"], "plain_text");
}

#[tokio::test]
async fn a_webhook_gets_the_notice_with_its_key_and_signature() {
    let server = Receiver::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "shared secret\n").unwrap();
    server.on("POST /hook", [reply(503, ""), reply(204, "")]);
    let mut channel = channel(ChannelKind::Webhook, format!("{}/hook", server.url));
    channel.secret = Some(SecretPlace::File(file.display().to_string()));
    let delivery = deliver(&channel).await;
    assert_eq!((delivery.failed, delivery.attempts), (None, 2));
    let [first, second] = server.seen().try_into().unwrap();
    assert_eq!(first.text, second.text);
    for seen in [&first, &second] {
        assert_eq!(seen.header("idempotency-key"), "incident.declared/abc");
        assert_eq!(seen.header("content-type"), "application/json");
        assert_eq!(seen.header("x-quarterdeck-timestamp"), "1795489200");
        // As any receiver would check it.
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"shared secret");
        let digits = seen.header("x-quarterdeck-signature").strip_prefix("sha256=").unwrap();
        let tag: Vec<u8> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect();
        let signed = format!("1795489200.{}", seen.text);
        ring::hmac::verify(&key, signed.as_bytes(), &tag).expect("the documented signature");
        assert!(ring::hmac::verify(&key, seen.text.as_bytes(), &tag).is_err());
    }
    assert_eq!(first.body["version"], 1);
    assert_eq!(
        first.body["notice"],
        json!({
            "key": "incident.declared/abc", "event": "incident.declared", "about": "INC-7",
            "title": "5xx <!channel> & more\u{1b}[31m", "severity": "critical", "service": "shared-auth",
            "project": "project-a", "by": "Marta Ruiz", "since": "2026-11-24T02:59:00Z",
            "link": "https://github.com/shop/control/commit/abc", "platform": "shop"
        })
    );
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
    for (replies, attempts, failed) in [
        (vec![reply(500, ""), reply(429, "").with("retry-after", "0"), reply(200, "")], 3, None),
        (vec![reply(408, ""), reply(200, "")], 2, None),
        (vec![reply(502, "")], 4, Some("127.0.0.1 answered 502 Bad Gateway")),
        (vec![reply(404, "no_team")], 1, Some("127.0.0.1 answered 404 Not Found")),
        (vec![reply(400, "invalid_payload")], 1, Some("127.0.0.1 answered 400 Bad Request")),
        (
            vec![reply(302, "").with("location", "https://evil.example.com")],
            1,
            Some("127.0.0.1 answered 302 Found"),
        ),
        (
            vec![reply(429, "").with("retry-after", "3600")],
            1,
            Some("127.0.0.1 answered 429 Too Many Requests"),
        ),
        (
            vec![reply(200, "").after(Duration::from_secs(30))],
            4,
            Some("127.0.0.1 did not answer within 300ms"),
        ),
    ] {
        let server = Receiver::start().await;
        let shown = format!("{replies:?}");
        server.on("POST /services/s3cret", replies);
        let delivery = deliver(&channel(ChannelKind::Slack, format!("{}/services/s3cret", server.url))).await;
        assert_eq!((delivery.failed.as_deref(), delivery.attempts), (failed, attempts), "{shown}");
        assert_eq!(server.seen().len(), attempts as usize, "{shown}");
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_used_is_told_without_being_shown() {
    for (address, said) in [
        (AddressPlace::Plain("http://chat.example.com/services/s3cret".into()), "it is not https"),
        (AddressPlace::Plain("s3cret".into()), "it is no address"),
        (
            AddressPlace::Secret(SecretPlace::Environment("QUARTERDECK_UNSET".into())),
            "could not read the address of the channel ops: the environment variable QUARTERDECK_UNSET is not set",
        ),
    ] {
        let delivery = deliver(&Channel { address, ..channel(ChannelKind::Slack, String::new()) }).await;
        let why = delivery.failed.unwrap();
        assert!(why.contains(said) && !why.contains("s3cret") && delivery.attempts == 0, "{why}");
    }
}
