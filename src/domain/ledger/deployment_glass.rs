//! Who may let a deployment go on past what stands against it: by broken glass past its gates and the calendar, and by
//! taking a check before production as it is.

use super::{
    deployments::open,
    fold::Operations,
    happening::{Happening, Verdict},
    precondition_glass::{person, weighed},
};
use crate::{
    domain::{
        break_glass::GlassState,
        catalog::{Catalog, Service},
        change::{Identity, Seals},
        deployment::{gate, glass, order::Stage, proof},
        name::{DeploymentId, IncidentId},
        people::People,
    },
    error::Failure,
};
use chrono::{DateTime, Duration, Utc};

/// Breaks the glass for a deployment that has touched nothing yet, for `length`. Any person of the main branch's people
/// may ask for it; it opens nothing before another one agrees. `incident` is the one that was declared for it.
///
/// # Errors
/// Refused when it does not go to production, when it is past its gates and checks, and while glass is broken already.
pub fn open_deployment_glass(
    operations: &Operations,
    deployment: &DeploymentId,
    (people, operator): (&People, &Identity),
    (reason, length): (&str, Duration),
    incident: &IncidentId,
    now: DateTime<Utc>,
    seals: &Seals,
) -> Result<Happening, Failure> {
    let record = open(operations, deployment)?;
    person(people, operator)?;
    let reason = weighed(reason, length)?;
    if !record.order.production {
        return Err(Failure::refused(format!("{deployment} does not go to production: it has no gates")));
    }
    let is_before = record
        .next_leg()
        .is_some_and(|leg| matches!(leg.stage, Stage::Gates | Stage::Schedule | Stage::Precheck));
    if record.is_retreating() || !is_before {
        return Err(Failure::refused(format!("{deployment} is past its gates and checks")));
    }
    let record = &proof::proven(record, &seals.believing_the_unseen());
    match glass::state(record, people, now) {
        Some(GlassState::Waiting { by, .. }) => {
            Err(Failure::refused(format!("{by} has broken the glass for {deployment} already"))
                .hint(format!("another person agrees with `quarterdeck deployment second {deployment}`")))
        }
        Some(GlassState::Granted { until, .. }) => Err(Failure::refused(format!(
            "the glass is broken for {deployment} until {}",
            until.format("%F %H:%M UTC")
        ))
        .hint(format!("go on with `quarterdeck deployment continue {deployment}`"))),
        _ => Ok(Happening::DeploymentGlassOpened {
            deployment: deployment.clone(),
            reason,
            expires: now + length,
            incident: incident.clone(),
        }),
    }
}

/// Agrees to glass that somebody else broke for a deployment.
///
/// # Errors
/// Refused when nobody broke it, when its time is over, and for who may not agree.
pub fn second_deployment_glass(
    operations: &Operations,
    deployment: &DeploymentId,
    (people, operator): (&People, &Identity),
    now: DateTime<Utc>,
    seals: &Seals,
) -> Result<Happening, Failure> {
    let record = open(operations, deployment)?;
    let person = person(people, operator)?;
    let again = || format!("that is `quarterdeck deployment break-glass {deployment} --reason …`");
    let record = &proof::proven(record, &seals.believing_the_unseen());
    let opener = match glass::state(record, people, now) {
        Some(GlassState::Waiting { by, .. }) => by,
        Some(GlassState::Granted { seconded, .. }) => {
            return Err(Failure::refused(format!("{seconded} has agreed to it already")));
        }
        Some(GlassState::Expired) => {
            return Err(Failure::refused(format!("the time to take {deployment} past its gates is over"))
                .hint(again()));
        }
        _ => {
            return Err(
                Failure::refused(format!("nobody has broken the glass for {deployment}")).hint(again())
            );
        }
    };
    if opener == person.handle {
        return Err(Failure::refused(format!("{opener} may not agree to it: they asked for it"))
            .hint("ask another person of policies/teams.toml"));
    }
    Ok(Happening::DeploymentGlassSeconded { deployment: deployment.clone() })
}

/// Whether `operator` may take the failed check of a deployment as it is: who may open its operations gate may, by the
/// people of the main branch. What is held for anything else needs no such person.
///
/// # Errors
/// Refused for everybody else.
pub fn may_accept(
    operations: &Operations,
    deployment: &DeploymentId,
    (main, service): (&Catalog, &Service),
    operator: &Identity,
) -> Result<(), Failure> {
    let record = open(operations, deployment)?;
    let is_failed = record.held.as_ref().is_some_and(|held| held.verdict == Some(Verdict::Fail));
    let is_precheck = record.next_leg().is_some_and(|leg| leg.stage == Stage::Precheck);
    if !is_failed || !is_precheck || record.is_retreating() {
        return Ok(());
    }
    let person = person(&main.people, operator)?;
    if gate::may_open(gate::ReleaseGate::Operations, main, service, &person.handle) {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "{} may not accept a failed check of {deployment}: who may open its operations gate may",
        person.handle
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        catalog,
        deployment::{fixture, order::Leg, record::DeploymentRecord, release::Strategy},
        ledger::{self, Entry, EntryBody},
    };

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + minute * 60, 0).unwrap()
    }

    fn who(name: &str) -> Identity {
        Identity { name: name.to_owned(), email: format!("{name}@example.com") }
    }

    fn after(operations: &mut Operations, by: &str, minute: i64, happening: Happening) {
        operations.apply(&Entry {
            commit: format!("{:040x}", operations.events).into(),
            at: at(minute),
            actor: who(by),
            subject: happening.subject(),
            body: EntryBody::Known(happening),
        });
        assert_eq!(operations.contradictions, 0, "{:?}", operations.anomalies);
    }

    fn main() -> Catalog {
        let teams = "[person.ana]\nemail = \"ana@example.com\"\n[person.bo]\nemail = \"bo@example.com\"\n\
                     [person.eve]\nemail = \"eve@example.com\"\n\
                     [person.robot]\nemail = \"robot@example.com\"\nkind = \"agent\"\n\
                     [team.shop]\nmembers = [\"eve\"]\n[team.operations]\nmembers = [\"ana\", \"robot\"]\n";
        let services =
            "[service.api]\nname = \"api\"\ntype = \"api\"\nowner = \"@shop\"\nversion = \"2.0.0\"\n";
        catalog::read([
            ("services/catalog.toml".to_owned(), services.as_bytes().to_vec()),
            ("policies/teams.toml".to_owned(), teams.as_bytes().to_vec()),
        ])
    }

    fn started() -> (Operations, DeploymentId) {
        let order = fixture::order(true, Strategy::Immediate, &[("p", 0)]);
        let mut operations = Operations::default();
        let happening = ledger::start_deployment(&operations, &order, at(0)).unwrap();
        after(&mut operations, "ana", 0, happening);
        (operations, "DEP-1".into())
    }

    fn record(operations: &Operations) -> &DeploymentRecord {
        operations.deployment("DEP-1").unwrap()
    }

    #[test]
    fn two_people_break_the_glass_of_a_deployment_for_a_time() {
        let main = main();
        let (mut operations, id) = started();
        let hour = Duration::hours(1);
        let open = |operations: &Operations, by: &str, reason: &str, length, minute| {
            let people = (&main.people, &who(by));
            open_deployment_glass(
                operations,
                &id,
                people,
                (reason, length),
                &"INC-1".into(),
                at(minute),
                &Seals::default(),
            )
        };
        let second = |operations: &Operations, by: &str, minute| {
            second_deployment_glass(operations, &id, (&main.people, &who(by)), at(minute), &Seals::default())
        };
        let refused = |result: Result<Happening, Failure>| result.unwrap_err().message;
        assert!(refused(open(&operations, "ana", " ", hour, 1)).contains("needs a reason"));
        assert!(
            refused(open(&operations, "ana", "x", Duration::hours(9), 1)).contains("cannot be broken for")
        );
        assert!(refused(open(&operations, "robot", "x", hour, 1)).contains("nobody of"));
        assert!(refused(second(&operations, "bo", 1)).contains("nobody has broken"));
        let happening = open(&operations, "ana", "logins fail", hour, 1).unwrap();
        after(&mut operations, "ana", 1, happening);
        assert!(matches!(
            glass::state(record(&operations), &main.people, at(2)),
            Some(GlassState::Waiting { .. })
        ));
        assert!(refused(open(&operations, "bo", "again", hour, 2)).contains("already"));
        for (by, why) in [("ana", "they asked for it"), ("robot", "nobody of"), ("mallory", "nobody of")] {
            assert!(refused(second(&operations, by, 2)).contains(why), "{by}");
        }
        let happening = second(&operations, "bo", 2).unwrap();
        after(&mut operations, "bo", 2, happening);
        assert!(
            glass::state(record(&operations), &main.people, at(3)).is_some_and(|state| state.is_granted())
        );
        assert_eq!(glass::state(record(&operations), &main.people, at(61)), Some(GlassState::Expired));
        assert!(refused(second(&operations, "eve", 61)).contains("is over"));
        // Who has left the main branch's people has agreed to nothing.
        let mut without = main.people.clone();
        without.persons.retain(|name, _| name.as_str() != "bo");
        assert!(matches!(
            glass::state(record(&operations), &without, at(3)),
            Some(GlassState::Waiting { .. })
        ));
        // What the ledger says of its length is not believed.
        if let Some(glass) = &mut operations.deployments.get_mut(&1).unwrap().glass {
            glass.expires = at(100_000);
        }
        assert_eq!(glass::state(record(&operations), &main.people, at(482)), Some(GlassState::Expired));
    }

    #[test]
    fn a_failed_check_is_accepted_with_a_reason_by_who_may_open_the_operations_gate() {
        let main = main();
        let service = &main.services["api"];
        let (mut operations, id) = started();
        let may = |operations: &Operations, by: &str| may_accept(operations, &id, (&main, service), &who(by));
        let gates = Leg::all(Stage::Gates);
        let failed = ledger::hold(&operations, &id, "gates", Some(Verdict::Fail)).unwrap();
        let mut elsewhere = operations.clone();
        after(&mut elsewhere, "ana", 1, failed);
        // What failed anywhere else cannot be accepted by anybody.
        let refused = ledger::resume(&elsewhere, &id, true, Some("now")).unwrap_err();
        assert!(refused.message.contains("cannot be accepted"), "{refused:?}");
        let happening = ledger::judge_stage(&operations, &id, &gates, Verdict::Pass, "open", None).unwrap();
        after(&mut operations, "ana", 1, happening);
        let happening = ledger::hold(&operations, &id, "precheck: no budget", Some(Verdict::Fail)).unwrap();
        after(&mut operations, "ana", 2, happening);
        assert!(may(&operations, "ana").is_ok());
        for by in ["bo", "eve", "robot", "mallory"] {
            assert!(may(&operations, by).is_err(), "{by}");
        }
        let refused = ledger::resume(&operations, &id, true, None).unwrap_err();
        assert!(refused.message.contains("needs a reason"), "{refused:?}");
        let happening = ledger::resume(&operations, &id, true, Some("it mends the outage")).unwrap();
        after(&mut operations, "ana", 3, happening);
        let known = record(&operations);
        let judged = known.result(&Leg::all(Stage::Precheck)).unwrap();
        assert_eq!(judged.verdict, Verdict::NoData);
        assert_eq!(judged.detail, "accepted by ana (it mends the outage): precheck: no budget");
        assert_eq!(gate::distrusted(known, &main, service, &Seals::default()), None);
        // Whoever can push can write an event: the people of the main branch are asked when it is read.
        let mut forged = known.clone();
        forged.accepted[0].by = who("eve");
        assert!(gate::distrusted(&forged, &main, service, &Seals::default()).unwrap().contains("eve"));
    }
}
