//! The demo's colleagues: they approve what waits for their team before production, so that somebody alone can see a
//! deployment to its end. The operations gate is left to whoever stands the watch.

use super::{
    integration::head,
    people::{self, Seat},
    repository::{OPERATOR, history},
};
use crate::{
    domain::{
        catalog::Catalog,
        change::{Identity, Seals},
        deployment::{
            gate::{self, ReleaseGate},
            order::Stage,
            record::DeploymentRecord,
        },
        ledger::{self, Operations},
        name::{DeploymentId, PersonName},
    },
    error::Failure,
    ports::{Clock, ControlRepository, Draft, Ledger, Revision},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// How often they look whether something happened.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long they take to read what they approve.
const READING: TimeDelta = TimeDelta::seconds(3);
/// Through whose clone they learn what happened.
const READER: &str = "a-chen";

/// What somebody works with.
pub struct Desk {
    /// Their clone.
    pub repository: Arc<dyn ControlRepository>,
    /// The ledger in it.
    pub ledger: Arc<dyn Ledger>,
}

/// An approval that a colleague would give now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub who: PersonName,
    /// Of which deployment.
    pub deployment: DeploymentId,
    /// Which gate.
    pub gate: ReleaseGate,
}

/// The next approval that is due: the gates of product and security of what passed staging, each by somebody of its
/// team who fills no other one; and that of operations, where whoever stands the watch has filled another.
pub fn due(operations: &Operations, main: &Catalog, now: DateTime<Utc>) -> Option<Approval> {
    let waiting = operations.open_deployments().filter(|record| {
        is_at_gates(record)
            && record.held.is_none()
            && now - record.started_at >= READING
            && gate::staged(operations, record, main).is_ok()
    });
    for record in waiting {
        let Some(service) = main.services.get(&record.order.service) else { continue };
        let gates = gate::standings(record, main, service, &Ok(String::new()));
        let busy: Vec<&PersonName> =
            gates.iter().filter_map(|gate| gate.opened.as_ref()).map(|(who, _)| who).collect();
        let is_left = gates.iter().filter(|gate| !gate.is_open).filter(|gate| {
            gate.gate != ReleaseGate::Operations || busy.iter().any(|who| who.as_str() == OPERATOR)
        });
        for status in is_left {
            let teams = status.teams.iter().filter_map(|team| main.people.team(team.as_str()));
            let may = |who: &&PersonName| {
                let is_colleague = who.as_str() != OPERATOR && who.as_str() != history::AGENT;
                is_colleague && !busy.contains(who)
            };
            if let Some(who) = teams.flat_map(|team| &team.members).find(may) {
                let (who, deployment) = (who.clone(), record.id.clone());
                return Some(Approval { who, deployment, gate: status.gate });
            }
        }
    }
    None
}

/// Whether a deployment waits for people before production.
fn is_at_gates(record: &DeploymentRecord) -> bool {
    record.order.production && record.next_leg().is_some_and(|leg| leg.stage == Stage::Gates)
}

/// Whether somebody may still be reading what waits: only then does time alone bring an approval, and all else comes
/// with something new in the ledger.
fn is_read(operations: &Operations, now: DateTime<Utc>) -> bool {
    operations.open_deployments().any(|record| is_at_gates(record) && now - record.started_at < READING)
}

/// Lets them look after what happens in the demo of `directory` until the task is aborted. Whatever goes wrong is
/// tried again when the next thing happens.
pub async fn run(
    directory: PathBuf,
    clock: Arc<dyn Clock>,
    sit: impl Fn(&Seat) -> Result<Desk, Failure> + Send + Sync,
) {
    let remote = super::repository::remote(&directory);
    let tip = || head(&remote, people::LEDGER);
    let mut seen = tip();
    let mut is_waiting = false;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = tip();
        if now == seen && !is_waiting {
            continue;
        }
        seen = now;
        is_waiting = answer(&directory, clock.as_ref(), &sit).await.unwrap_or_default();
    }
}

/// Gives the next approval, if one is due; whether somebody may still be reading.
async fn answer(
    directory: &Path,
    clock: &dyn Clock,
    sit: &(impl Fn(&Seat) -> Result<Desk, Failure> + Send + Sync),
) -> Result<bool, Failure> {
    let reader = sit(&people::join(directory, READER).await?)?;
    reader.repository.fetch().await?;
    let synced = reader.ledger.sync().await?;
    if !synced.operations.open_deployments().any(is_at_gates) {
        return Ok(false);
    }
    let tip = reader.repository.branch("main").await?;
    let Some(tip) = tip else { return Ok(false) };
    let main = reader.repository.load(&Revision::Named(tip.to_string())).await?;
    let now = clock.now();
    let Some(approval) = due(&synced.operations, &main, now) else {
        return Ok(is_read(&synced.operations, now));
    };
    let desk = sit(&people::join(directory, approval.who.as_str()).await?)?;
    let author = history::person(approval.who.as_str());
    let person = Identity { name: author.name.to_owned(), email: author.email.to_owned() };
    let Approval { deployment, gate, .. } = approval;
    let draft: Draft = Box::new(move |operations| {
        let record = operations.deployment(deployment.as_str());
        let service = record.and_then(|record| main.services.get(&record.order.service));
        let service = service.ok_or_else(|| Failure::refused("the service is gone"))?;
        ledger::approve_deployment(
            operations,
            &deployment,
            gate,
            (&main, service),
            &person,
            None,
            &Seals::default(),
        )
    });
    desk.ledger.append(clock.now(), draft).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        deployment::{fixture::order, release::Strategy},
        ledger::{Entry, EntryBody, Happening},
    };

    #[test]
    fn they_look_again_by_themselves_only_while_somebody_reads() {
        let started = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let after = |seconds: i64, production: bool| {
            let order = order(production, Strategy::Immediate, &[("production", 0)]);
            let happening =
                Happening::DeploymentStarted { deployment: "DEP-1".into(), order: Box::new(order) };
            let entry = Entry {
                commit: "1".into(),
                at: started,
                actor: Identity { name: "Ada Chen".to_owned(), email: "a-chen@example.com".to_owned() },
                subject: happening.subject(),
                body: EntryBody::Known(happening),
            };
            is_read(&Operations::fold(&[entry]), started + TimeDelta::seconds(seconds))
        };
        for (seconds, production, expected) in
            [(0, true, true), (2, true, true), (3, true, false), (600, true, false), (0, false, false)]
        {
            assert_eq!(after(seconds, production), expected, "{seconds} {production}");
        }
        assert!(!is_read(&Operations::default(), started));
    }
}
