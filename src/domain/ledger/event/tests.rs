//! Events survive the way through a commit message, and strange ones are kept.

use super::*;
use crate::domain::{
    change::ChangeClass,
    deployment::{
        gate::ReleaseGate,
        order::{Leg, Order, Place, Stage, Test},
        record::{Ending, Figures},
        release::{ReleaseStep, Strategy},
    },
    escalation::Severity,
    gate::Gate,
    ledger::{Merged, Restored, Verdict},
    notice::Delivery,
};
use proptest::prelude::*;

fn incident() -> Happening {
    let declared = |happening: &Happening| matches!(happening, Happening::IncidentDeclared { .. });
    all_kinds().into_iter().find(declared).unwrap()
}

fn all_kinds() -> Vec<Happening> {
    vec![
        Happening::ChangeApproved {
            change: "project-a-api-2.2.0".into(),
            gate: Gate::CodeReview,
            head: "a".repeat(40).into(),
            base: "b".repeat(40).into(),
            digest: None,
            answers: None,
            note: Some("looks right".into()),
        },
        Happening::ApprovalWithdrawn {
            change: "api-2".into(),
            gate: Gate::Security,
            note: Some("the key is in the log".into()),
        },
        Happening::ChangesRequested {
            change: "api-2".into(),
            head: "a".repeat(40).into(),
            digest: "d".repeat(64),
            note: "keep the old endpoint".into(),
        },
        Happening::RequestWithdrawn { change: "api-2".into(), note: None },
        Happening::ChangeCommented { change: "api-2".into(), text: "why now?".into() },
        Happening::ChangeMerged(Box::new(Merged {
            change: "api-2".into(),
            class: ChangeClass::Breaking,
            branch: "main".into(),
            head: "a".repeat(40).into(),
            onto: "b".repeat(40).into(),
            commit: "c".repeat(40).into(),
            services: vec!["api".into()],
            tags: vec!["api-v2.0.0".into()],
            approvals: vec!["e".repeat(40).into()],
            request: Some(7),
            break_glass: true,
        })),
        Happening::ChangeReverted {
            change: "api-2".into(),
            merged: "c".repeat(40).into(),
            commit: "d".repeat(40).into(),
            branch: None,
            reason: "errors rose".into(),
        },
        Happening::MainRestored(Box::new(Restored {
            branch: "main".into(),
            from: "a".repeat(40).into(),
            to: "b".repeat(40).into(),
            commit: "c".repeat(40).into(),
            reason: "services/catalog.toml does not parse".into(),
            detected_at: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
            incident: Some("INC-6".into()),
        })),
        Happening::GlassOpened {
            change: "api-2".into(),
            head: "a".repeat(40).into(),
            reason: "users cannot log in".into(),
            expires: DateTime::from_timestamp(1_790_003_600, 0).unwrap(),
            incident: "INC-6".into(),
        },
        Happening::GlassSeconded { change: "api-2".into(), head: "a".repeat(40).into() },
        Happening::GlassSettled { change: "api-2".into(), note: "docs/post-mortems/6.md".into() },
        Happening::NoticeDelivered {
            about: "INC-6".into(),
            event: "incident.declared".into(),
            deliveries: vec![Delivery {
                channel: "#on-call".into(),
                failed: Some("503".into()),
                attempts: 3,
                at: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
            }],
            of: Some("c".repeat(40).into()),
        },
        Happening::ChangeValidated {
            change: "api-2".into(),
            head: "a".repeat(40).into(),
            base: "b".repeat(40).into(),
            errors: 1,
            warnings: 2,
            posted: true,
        },
        Happening::IncidentEscalated {
            incident: "INC-5".into(),
            level: 2,
            to: vec!["@on-call".into(), "slack#critical".into()],
            unanswered: true,
        },
        Happening::ChangeProposed {
            change: "old-api-retired".into(),
            service: "old-api".into(),
            summary: "deprecated → retired".into(),
            head: "a".repeat(40).into(),
            base: "b".repeat(40).into(),
        },
        Happening::RollbackStarted {
            service: "shared-auth".into(),
            environment: "production".into(),
            from: "1.3.0".into(),
            to: "1.2.3".into(),
            object: "deployment/shared/shared-auth".into(),
        },
        Happening::RollbackFinished {
            service: "shared-auth".into(),
            environment: "production".into(),
            verdict: Verdict::NoData,
            detail: "no traffic".into(),
        },
        Happening::IncidentDeclared {
            incident: "INC-5".into(),
            severity: Severity::Critical,
            title: "shared-auth 5xx".into(),
            service: None,
            deployment: None,
            post_mortem_due: None,
        },
        Happening::IncidentAcknowledged { incident: "INC-5".into() },
        Happening::IncidentResolved { incident: "INC-5".into(), note: None },
    ]
    .into_iter()
    .chain(deployment_kinds())
    .collect()
}

fn deployment_kinds() -> Vec<Happening> {
    let deployment = crate::domain::name::DeploymentId::from("DEP-3");
    let place = Place {
        environment: "production".into(),
        wave: 0,
        from_version: Some("1.2.3".into()),
        from_image: None,
        objects: vec!["deployment/shared/shared-auth".into()],
    };
    let order = Order {
        service: "shared-auth".into(),
        version: "1.3.0".into(),
        image: Some("r.example.com/shared-auth:1.3.0".into()),
        commit: Some("a".repeat(40).into()),
        change: Some("shared-auth-1.3.0".into()),
        production: true,
        places: vec![place],
        strategy: Strategy::Canary { weights: vec![5, 50] },
        tests: vec![Test::Integration],
        not_before: Some(DateTime::UNIX_EPOCH),
        window: true,
    };
    let leg = Leg::of(Stage::Analysis(ReleaseStep::Weight(5)), &"production".into());
    let figures = Figures { requests: 1200.0, error_ratio: Some(0.05), ..Figures::default() };
    vec![
        Happening::DeploymentStarted { deployment: deployment.clone(), order: Box::new(order) },
        Happening::StageBegan {
            deployment: deployment.clone(),
            leg: leg.clone(),
            holder: "7-1".into(),
            until: DateTime::UNIX_EPOCH,
        },
        Happening::StageJudged {
            deployment: deployment.clone(),
            leg,
            verdict: Verdict::Fail,
            detail: "errors 5% are above 0.1%".into(),
            figures: Some(Box::new(figures)),
        },
        Happening::DeploymentHeld {
            deployment: deployment.clone(),
            reason: "too few requests".into(),
            verdict: Some(Verdict::NoData),
        },
        Happening::DeploymentContinued { deployment: deployment.clone(), accept: true, note: None },
        Happening::DeploymentGlassOpened {
            deployment: deployment.clone(),
            reason: "logins fail".into(),
            expires: DateTime::UNIX_EPOCH,
            incident: "INC-7".into(),
        },
        Happening::DeploymentGlassSeconded { deployment: deployment.clone() },
        Happening::DeploymentApproved {
            deployment: deployment.clone(),
            gate: ReleaseGate::Operations,
            note: Some("fine".into()),
        },
        Happening::DeploymentScheduled { deployment: deployment.clone(), not_before: None, window: true },
        Happening::DeploymentCancelled { deployment: deployment.clone(), reason: "not today".into() },
        Happening::DeploymentFinished {
            deployment: deployment.clone(),
            ending: Ending::RolledBack,
            detail: "it failed".into(),
        },
        Happening::ReleaseQuarantined {
            service: "shared-auth".into(),
            version: "1.3.0".into(),
            image: None,
            reason: "5xx".into(),
            deployment: Some(deployment),
        },
        Happening::ReleaseCleared {
            service: "shared-auth".into(),
            version: "1.3.0".into(),
            note: "mended".into(),
        },
        Happening::ServiceFrozen { service: "shared-auth".into(), reason: "three in a week".into() },
        Happening::ServiceThawed { service: "shared-auth".into(), note: "mended".into() },
        Happening::PostMortemWritten { incident: "INC-5".into(), note: "wiki/42".into() },
    ]
}

#[test]
fn every_kind_survives_the_round_trip() {
    for happening in all_kinds() {
        let message = encode(&happening, Marks::default()).unwrap();
        let (subject, body) = decode(&message);
        assert_eq!(body, EntryBody::Known(happening.clone()), "{message}");
        assert!(subject.starts_with(&format!("{}(", happening.kind())), "{subject}");
    }
}

#[test]
fn the_message_is_the_documented_one() {
    assert_eq!(
        encode(&all_kinds()[0], Marks::default()).unwrap(),
        format!(
            "change.approved(project-a-api-2.2.0): code-review gate\n\n\
             {{\"version\":1,\"kind\":\"change.approved\",\"change\":\"project-a-api-2.2.0\",\
             \"gate\":\"code-review\",\"head\":\"{}\",\"base\":\"{}\",\"note\":\"looks right\"}}\n",
            "a".repeat(40),
            "b".repeat(40)
        )
    );
    let renumbered = encode(&incident(), Marks { formerly: Some(&"INC-4".into()), late: true }).unwrap();
    assert!(renumbered.contains("\"formerly\":\"INC-4\",\"late\":true"), "{renumbered}");
    assert!(is_late(&renumbered) && !is_late(&encode(&incident(), Marks::default()).unwrap()));
    assert_eq!(decode(&renumbered).1, EntryBody::Known(incident().clone()));
}

#[test]
fn subjects_are_one_clean_short_line() {
    let title = format!("\u{1b}[31mred\nalert {}", "x".repeat(300));
    let happening = Happening::IncidentDeclared {
        incident: "INC-1".into(),
        severity: Severity::Low,
        title,
        service: None,
        deployment: None,
        post_mortem_due: None,
    };
    let subject = happening.subject();
    assert!(subject.starts_with("incident.declared(INC-1): low, [31mred alert xxx"), "{subject}");
    assert_eq!(subject.chars().count(), 100);
    assert_eq!(decode(&encode(&happening, Marks::default()).unwrap()).1, EntryBody::Known(happening));
}

#[test]
fn what_is_not_known_is_kept() {
    for (message, kind) in [
        ("", ""),
        ("only a subject", ""),
        ("s\n\nnot json", ""),
        ("s\n\n[1, 2]", ""),
        ("s\n\n{\"version\":1,\"kind\":\"backup.drilled\"}", "backup.drilled"),
        (
            "s\n\n{\"version\":2,\"kind\":\"incident.acknowledged\",\"incident\":\"INC-1\"}",
            "incident.acknowledged",
        ),
        ("s\n\n{\"version\":1,\"kind\":\"incident.acknowledged\",\"incident\":7}", "incident.acknowledged"),
    ] {
        let (_, body) = decode(message);
        assert!(
            matches!(&body, EntryBody::Unknown { kind: found, .. } if found == kind),
            "{message}: {body:?}"
        );
    }
    assert!(matches!(decode(&format!("s\n\n{}", "[".repeat(100_000))).1, EntryBody::Unknown { .. }));
}

#[test]
fn what_looks_like_a_secret_is_not_written() {
    let secret = format!("ghp_{}", "a8K2mQ9xZ4rT7vB1nC6wE3yU5iO0pLsDfGhJ");
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz\n-----END OPENSSH PRIVATE KEY-----";
    for title in [format!("token {secret} leaked"), format!("line one\n{key}")] {
        let happening = Happening::IncidentDeclared {
            incident: "INC-1".into(),
            severity: crate::domain::escalation::Severity::Low,
            title: title.clone(),
            service: None,
            post_mortem_due: None,
            deployment: None,
        };
        let message = encode(&happening, Marks::default()).unwrap();
        assert!(message.contains("******") && !message.contains(&secret), "{message}");
        assert!(!message.contains("b3BlbnNzaC1r") || !title.contains(key), "{message}");
        let EntryBody::Known(Happening::IncidentDeclared { incident, .. }) = decode(&message).1 else {
            panic!("it is no event any more: {message}")
        };
        assert_eq!(incident.as_str(), "INC-1");
    }
}

#[test]
fn what_is_too_long_is_no_event_and_is_not_written() {
    let title = |length| Happening::IncidentDeclared {
        incident: "INC-1".into(),
        severity: crate::domain::escalation::Severity::Low,
        title: "é".repeat(length),
        service: None,
        post_mortem_due: None,
        deployment: None,
    };
    let fits = encode(&title(1_000), Marks::default()).unwrap();
    assert!(matches!(decode(&fits).1, EntryBody::Known(_)));
    let refused = encode(&title(LONGEST_MESSAGE), Marks::default()).unwrap_err();
    assert!(refused.message.contains("too long for the ledger"), "{refused:?}");
    let long = fits.replace("é", &"é".repeat(1_000));
    let (subject, EntryBody::Unknown { kind, text }) = decode(&long) else {
        panic!("it is taken for an event")
    };
    assert!(kind.is_empty() && subject.len() + text.len() <= 1_000, "{subject} {text}");
}

#[test]
fn what_is_newer_is_told_from_what_is_wrong() {
    for (body, expected) in [
        ("", Strangeness::NoEvent),
        ("{\"kind\":\"incident.resolved\"}", Strangeness::NoEvent),
        ("{\"version\":1,\"kind\":\"backup.drilled\"}", Strangeness::Newer),
        ("{\"version\":2,\"kind\":\"incident.resolved\"}", Strangeness::Newer),
    ] {
        assert_eq!(strangeness(body), expected, "{body}");
    }
    let wrong = strangeness("{\"version\":1,\"kind\":\"incident.resolved\",\"incident\":7}");
    assert!(matches!(wrong, Strangeness::Malformed(_)), "{wrong:?}");
}

#[test]
fn trailers_below_the_document_do_no_harm() {
    let message =
        format!("{}\nSigned-off-by: A <a@example.com>\n", encode(&all_kinds()[5], Marks::default()).unwrap());
    assert_eq!(decode(&message).1, EntryBody::Known(all_kinds()[5].clone()));
}

proptest! {
    #[test]
    fn no_message_panics(message in ".*(\n\n)?.*") {
        decode(&message);
    }
}
