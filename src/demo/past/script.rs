//! How a deployment of the past went: its legs in their order, as the program walks them, with the time that each took.

use super::failures::{FailedVersion, Found};
use crate::{
    demo::{estate::Service, noise, repository::history::AGENT},
    domain::{
        change::Identity,
        deployment::{
            gate::ReleaseGate,
            order::{Leg, Order, Stage},
            record::{DeploymentRecord, Ending, Figures, Turn},
            release::ReleaseStep,
        },
        escalation::Severity,
        ledger::{Happening, Merged, Operations, Verdict},
        name::CommitId,
    },
    error::Failure,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::fmt;

/// Makes an event from the state before it.
pub type Make = Box<dyn Fn(&Operations, DateTime<Utc>) -> Result<Happening, Failure>>;

/// What somebody did.
pub enum Deed {
    /// Started a deployment.
    Start(Box<Order>),
    /// Approved a gate of it.
    Approve(ReleaseGate),
    /// Began a leg.
    Begin(Leg),
    /// Ended a leg.
    Judge(Leg, Verdict, String, Option<Figures>),
    /// Held it, for there was nothing to judge by.
    Hold(String),
    /// Took what could not be judged as passed.
    Accept(&'static str),
    /// Opened its incident.
    Declare(Severity, String),
    /// Put its version into quarantine.
    Quarantine(String),
    /// Ended it.
    Finish(Ending, String),
    /// Took its incident.
    Acknowledge,
    /// Ended its incident.
    Resolve(String),
    /// Wrote the post-mortem.
    PostMortem(String),
    /// Merged a change, with the approvals that opened its gates.
    Merge(Box<Merged>),
    /// Something else.
    Make(Make),
}

impl fmt::Debug for Deed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Deed")
    }
}

/// What somebody did, when, and as part of what.
#[derive(Debug)]
pub struct Act {
    /// When.
    pub at: DateTime<Utc>,
    /// Who, by their handle.
    pub who: &'static str,
    /// What belongs together: a deployment with its incident.
    pub thread: usize,
    /// What.
    pub deed: Deed,
}

/// How a deployment went.
#[derive(Debug)]
pub struct Script {
    /// Of which service.
    pub service: &'static Service,
    /// What was ordered.
    pub order: Order,
    /// When.
    pub start: DateTime<Utc>,
    /// By whom.
    pub starter: &'static str,
    /// Who approved which gate, and how many minutes after the start.
    pub approvals: Vec<(ReleaseGate, &'static str, i64)>,
    /// Whether nobody could see how it did: people took that as passed.
    pub blind: bool,
    /// How it failed, when, and the commit that put the main branch right.
    pub failure: Option<(&'static FailedVersion, DateTime<Utc>, Option<CommitId>)>,
}

/// What is noted of a blind deployment.
const STALE: &str = "the newest metrics are 7m old: connection refused";

/// A script being played.
struct Player<'a> {
    script: &'a Script,
    record: DeploymentRecord,
    thread: usize,
    at: DateTime<Utc>,
    acts: Vec<Act>,
}

/// Everything that happened in a deployment, in its order.
pub fn acts(script: &Script, thread: usize) -> Vec<Act> {
    let by = Identity { name: String::new(), email: String::new() };
    let record = DeploymentRecord::new("DEP-1".into(), script.order.clone(), script.start, by);
    let mut player = Player { script, record, thread, at: script.start, acts: Vec::new() };
    player.act(script.starter, Deed::Start(Box::new(script.order.clone())));
    for (gate, who, minutes) in &script.approvals {
        let at = script.start + TimeDelta::minutes(*minutes);
        player.acts.push(Act { at, who, thread, deed: Deed::Approve(*gate) });
        player.at = player.at.max(at);
    }
    while let Some(leg) = player.record.next_leg() {
        if !player.walk(&leg) {
            break;
        }
    }
    player.end();
    player.acts
}

impl Player<'_> {
    /// Who does what nobody has to decide.
    fn hand(&self) -> &'static str {
        if self.script.order.production { AGENT } else { self.script.starter }
    }

    fn act(&mut self, who: &'static str, deed: Deed) {
        self.acts.push(Act { at: self.at, who, thread: self.thread, deed });
    }

    /// Between one and two times `least` seconds: never the same, and always the same again.
    fn wait(&mut self, least: i64) {
        let parts = [self.script.service.name, &self.script.order.version, &self.acts.len().to_string()];
        let luck = noise::unit(noise::hash(17, &parts));
        self.at += TimeDelta::milliseconds((least as f64 * 1000.0 * (1.0 + luck)) as i64);
    }

    /// Lets one leg begin and end; false when the record does not take it.
    fn walk(&mut self, leg: &Leg) -> bool {
        let hand = self.hand();
        let order = &self.script.order;
        if self.script.blind && matches!(leg.stage, Stage::Postcheck | Stage::Watch) {
            return self.accept(leg);
        }
        let fails =
            self.script.failure.as_ref().filter(|(failure, ..)| {
                !self.record.is_retreating() && failure.found == Found::At(leg.stage)
            });
        if let Some((failure, at, _)) = fails {
            self.at = *at;
            let (detail, figures) = (failure.detail.to_owned(), failure.figures());
            return self.judge(leg, Verdict::Fail, detail, figures);
        }
        match leg.stage {
            Stage::Step(_) | Stage::Undo | Stage::Test(_) | Stage::Settle => {
                self.wait(1);
                self.act(hand, Deed::Begin(leg.clone()));
                let turn = Turn::Began { leg, holder: "", until: self.at };
                if self.record.apply(&turn, self.at, &Identity::default()).is_err() {
                    return false;
                }
                self.wait(if matches!(leg.stage, Stage::Test(_)) { 70 } else { 1 });
            }
            Stage::Gates => self.wait(2),
            Stage::Precheck | Stage::Incident | Stage::Quarantine | Stage::Schedule => self.wait(1),
            Stage::Health(_) => self.wait(14),
            Stage::Undone => self.wait(25),
            Stage::Analysis(_) => self.at += TimeDelta::seconds(301),
            Stage::Postcheck => self.wait(35),
            Stage::Watch => self.at += TimeDelta::seconds(86_401),
        }
        let detail = self.detail(leg);
        match (leg.stage, &self.script.failure) {
            (Stage::Incident, Some((failure, ..))) => {
                let place =
                    order.places.first().map(|place| place.environment.to_string()).unwrap_or_default();
                let title = format!(
                    "{} {} is rolled back in {place}: {}",
                    order.service, order.version, failure.detail
                );
                self.act(hand, Deed::Declare(failure.severity, title));
                self.pass(leg)
            }
            (Stage::Quarantine, Some((failure, ..))) => {
                let Found::At(stage) = failure.found else { return false };
                self.act(hand, Deed::Quarantine(format!("failed at {stage}: {}", failure.detail)));
                self.pass(leg)
            }
            _ => self.judge(leg, Verdict::Pass, detail, None),
        }
    }

    /// Lets the record have a leg that is over by another event.
    fn pass(&mut self, leg: &Leg) -> bool {
        let turn = Turn::Judged { leg, verdict: Verdict::Pass, detail: "", figures: None };
        self.record.apply(&turn, self.at, &Identity::default()).is_ok()
    }

    fn judge(&mut self, leg: &Leg, verdict: Verdict, detail: String, figures: Option<Figures>) -> bool {
        let turn = Turn::Judged { leg, verdict, detail: "", figures: None };
        let is_taken = self.record.apply(&turn, self.at, &Identity::default()).is_ok();
        self.act(self.hand(), Deed::Judge(leg.clone(), verdict, detail, figures));
        is_taken
    }

    /// Nobody could judge the leg, and a person took that as passed.
    fn accept(&mut self, leg: &Leg) -> bool {
        self.at += if leg.stage == Stage::Watch { TimeDelta::hours(24) } else { TimeDelta::minutes(2) };
        let reason = format!("{leg} cannot be judged: {STALE}");
        let held = Turn::Held { reason: &reason, verdict: Some(Verdict::NoData) };
        let by = Identity::default();
        let mut is_taken = self.record.apply(&held, self.at, &by).is_ok();
        self.act(self.hand(), Deed::Hold(reason.clone()));
        self.wait(240);
        is_taken &= self
            .record
            .apply(&Turn::Continued { accept: true, note: None, commit: &CommitId::default() }, self.at, &by)
            .is_ok();
        self.act("p-martin", Deed::Accept("the scrapes are being moved, and nobody complains"));
        is_taken
    }

    /// What was seen of a leg that passed.
    fn detail(&self, leg: &Leg) -> String {
        let order = &self.script.order;
        let (service, version) = (self.script.service, &order.version);
        let place = leg.environment.as_ref().map(ToString::to_string).unwrap_or_default();
        let pods = order.places.first().and_then(|place| {
            crate::demo::Environment::find(place.environment.as_str()).map(|place| service.replicas_in(place))
        });
        let pods = pods.unwrap_or_default();
        let back = order.places.first().and_then(|place| place.from_version.clone()).unwrap_or_default();
        match leg.stage {
            Stage::Gates => {
                let words =
                    self.script.approvals.iter().map(|(gate, who, _)| format!("{gate}: approved by {who}"));
                ["staging: passed".to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(", ")
            }
            Stage::Precheck => {
                "health, dependencies, budget, calendar, previous image, main branch pass".to_owned()
            }
            Stage::Step(_) | Stage::Undo => format!("accepted by demo-{place}"),
            Stage::Health(ReleaseStep::Weight(weight)) => {
                format!("at {weight} % (1 of {} pods), {weight} % asked", pods + 1)
            }
            Stage::Health(ReleaseStep::Switch) => format!("{} selects {version}", service.name),
            Stage::Health(ReleaseStep::Prepare) => format!("{version} stands beside what runs"),
            Stage::Health(ReleaseStep::Abort | ReleaseStep::SwitchBack) | Stage::Undone => {
                format!("{back} runs, {pods} of {pods} pods ready")
            }
            Stage::Health(_) => format!("{version} runs, {pods} of {pods} pods ready"),
            Stage::Test(_) => {
                format!("passed: main says {version} of {}, {place} got {version}", service.name)
            }
            Stage::Analysis(_) | Stage::Watch => {
                "3 of 3 intervals passed, last: errors 0.01% beside 0.02%".to_owned()
            }
            Stage::Postcheck => "health, metrics pass".to_owned(),
            Stage::Settle => {
                let commit = self.script.failure.as_ref().and_then(|(.., commit)| commit.as_ref());
                let since = commit.map_or_else(String::new, |commit| format!(" since {}", commit.short()));
                format!("main says {back} of {}{since}", service.name)
            }
            _ => String::new(),
        }
    }

    /// The end of the deployment, and of its incident.
    fn end(&mut self) {
        if self.record.next_leg().is_some() {
            return;
        }
        let order = &self.script.order;
        let (service, version) = (&order.service, &order.version);
        let place = order.places.first().map(|place| place.environment.to_string()).unwrap_or_default();
        self.wait(1);
        let hand = self.hand();
        let by_itself = self.script.failure.as_ref().map(|(failure, ..)| *failure).and_then(|failure| {
            if let Found::At(stage) = failure.found { Some((failure, stage)) } else { None }
        });
        let Some((failure, stage)) = by_itself else {
            self.act(hand, Deed::Finish(Ending::Done, format!("{service} runs {version} in {place}")));
            return;
        };
        let detail = format!("{service} {version} failed at {stage} in {place}: {}", failure.detail);
        self.act(hand, Deed::Finish(Ending::RolledBack, detail));
        self.acts.extend(aftermath(failure, self.at, self.thread));
    }
}

/// What people did about an incident afterwards.
pub fn aftermath(failure: &'static FailedVersion, at: DateTime<Utc>, thread: usize) -> Vec<Act> {
    let later = |minutes: i64, who: &'static str, deed: Deed| Act {
        at: at + TimeDelta::minutes(minutes),
        who,
        thread,
        deed,
    };
    let FailedVersion { service, version, from, cause, starter, .. } = failure;
    let resolved = format!("{from} runs again: {cause}");
    let written = format!("https://wiki.example.com/post-mortems/{service}-{version}: {cause}");
    vec![
        later(3, "m-ruiz", Deed::Acknowledge),
        later(38, "m-ruiz", Deed::Resolve(resolved)),
        later(490, starter, Deed::PostMortem(written)),
    ]
}
