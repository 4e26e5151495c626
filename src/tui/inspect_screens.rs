//! Screens of a close look at a service, kept as text.

use super::{fixture, screens::text};
use crate::{
    domain::{
        catalog::{ManagedBy, Target},
        deployment::inspect::{LogRequest, Occurrence, Pod},
    },
    error::Failure,
    model::{
        Model,
        inspection::{Inspected, Inspection, Look},
        layout::Size,
        ui::{Overlay, TextInput},
    },
};
use chrono::Duration;

fn target() -> Target {
    Target {
        service: "shared-auth".into(),
        environment: "production".into(),
        context: "demo-production".into(),
        namespace: "shared".to_owned(),
        workload: "shared-auth".to_owned(),
        managed_by: ManagedBy::Deployment,
        application: None,
        production: true,
    }
}

fn looked(size: (u16, u16), change: impl FnOnce(&mut Inspection)) -> Model {
    let mut model = fixture::model(Size { width: size.0, height: size.1 });
    let now = model.now;
    let pod = |name: &str, status: &str, restarts: u32| Pod {
        name: format!("shared-auth-5d8f4c9b7-{name}"),
        status: status.to_owned(),
        is_ready: status == "Running",
        containers_ready: (usize::from(status == "Running"), 1),
        restarts,
        last_end: (restarts > 0).then(|| (Some(now - Duration::minutes(11)), "OOMKilled (137)".to_owned())),
        since: Some(now - Duration::hours(51)),
        version: Some("1.3.0".to_owned()),
        node: Some("node-2".to_owned()),
        containers: vec!["shared-auth".to_owned()],
    };
    let event = |is_warning: bool, reason: &str, message: &str, minutes: i64| Occurrence {
        is_warning,
        reason: reason.to_owned(),
        message: message.to_owned(),
        object: "pod/shared-auth-5d8f4c9b7-x2x4p".to_owned(),
        count: 7,
        last: Some(now - Duration::minutes(minutes)),
    };
    let mut inspection = Inspection::new(1, target());
    inspection.take(
        Inspected::Pods(Ok(vec![
            pod("x2x4p", "CrashLoopBackOff", 7),
            pod("9k2vd", "Running", 2),
            pod("lq8rt", "Terminating", 0),
        ])),
        now,
    );
    inspection.take(
        Inspected::Events(Ok(vec![
            event(true, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", 2),
            event(false, "ScalingReplicaSet", "Scaled up replica set shared-auth-5d8f4c9b7 to 3", 31),
        ])),
        now,
    );
    change(&mut inspection);
    model.ui.overlays.push(Overlay::Inspect(Box::new(inspection)));
    model
}

fn log(inspection: &mut Inspection) {
    let request = LogRequest {
        pod: "shared-auth-5d8f4c9b7-9k2vd".to_owned(),
        container: None,
        previous: false,
        follow: true,
        tail: 500,
    };
    inspection.open(2, request);
    let lines = (0..60).map(|line| match line % 9 {
        4 => format!("2026-01-01T00:00:{line:02}Z error GET /v1/items 503 600ms: upstream did not answer"),
        _ => format!("2026-01-01T00:00:{line:02}Z info  GET /v1/items 200 {line}ms"),
    });
    let lines = lines.collect();
    inspection.take(Inspected::Lines(lines), chrono::DateTime::UNIX_EPOCH);
}

#[test]
fn pods_events_and_a_log() {
    for size in [(160, 45), (80, 24)] {
        let name = |what: &str| format!("inspect-{what}-{}x{}", size.0, size.1);
        let pods = looked(size, |inspection| inspection.cursor = 1);
        insta::assert_snapshot!(name("pods"), text(&name("pods"), &pods));
        let events = looked(size, |inspection| inspection.look = Look::Events);
        insta::assert_snapshot!(name("events"), text(&name("events"), &events));
        insta::assert_snapshot!(name("log"), text(&name("log"), &looked(size, log)));
    }
}

#[test]
fn what_cannot_be_shown_says_why() {
    let shown = |change: &dyn Fn(&mut Inspection)| text("inspect", &looked((120, 30), change));
    let empty = shown(&|inspection| {
        inspection.take(Inspected::Pods(Ok(Vec::new())), chrono::DateTime::UNIX_EPOCH);
    });
    assert!(empty.contains("no pod runs of it"), "{empty}");
    let refused = shown(&|inspection| {
        let failure = Failure::forbidden("listing pods needs list on pods in shared");
        inspection.take(Inspected::Pods(Err(failure)), chrono::DateTime::UNIX_EPOCH);
    });
    assert!(refused.contains("needs list on pods") && refused.contains("CrashLoopBackOff"), "{refused}");
    let filtered = shown(&|inspection| inspection.filter = TextInput::new("nothing".to_owned()));
    assert!(filtered.contains("no pod matches the filter"), "{filtered}");
    let broken = shown(&|inspection| {
        log(inspection);
        let failure = Failure::unreachable("the log broke off");
        inspection.take(Inspected::Ended(Some(failure)), chrono::DateTime::UNIX_EPOCH);
    });
    assert!(broken.contains("the log broke off"), "{broken}");
}

#[test]
fn a_long_log_keeps_its_newest_lines_and_what_is_looked_at() {
    let mut inspection = Inspection::new(1, target());
    log(&mut inspection);
    inspection.at_end = false;
    inspection.offset = 50;
    let kept = crate::domain::deployment::inspect::LOG_KEPT;
    let lines = (0..kept - 40).map(|line| format!("line {line}")).collect();
    inspection.take(Inspected::Lines(lines), chrono::DateTime::UNIX_EPOCH);
    let log = inspection.log.as_ref().unwrap();
    assert_eq!((log.lines.len(), log.dropped), (kept, 20));
    assert_eq!(inspection.offset, 30, "the same line is at the top");
}
