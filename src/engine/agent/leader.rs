//! Whether this process leads, asked anew before every mutation; and the loop that takes the lead and keeps it.

use super::journal::{Journal, Level, Line};
use crate::{
    domain::leadership::{Hold, LeaseTerms},
    error::{Failure, FailureKind},
    ports::Leadership,
};
use chrono::{DateTime, Utc};
use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// How long a mutation under way is waited for at the end; pushing to a remote has a nearer limit.
const DRAIN_LIMIT: Duration = Duration::from_mins(2);

/// Where we stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Somebody else leads, or nobody yet; who, if that is known.
    Waiting(Option<String>),
    /// We lead.
    Leading,
    /// We are ending: what is under way is finished, and nothing more is begun.
    Ending,
}

/// The lead, as one process has it or wants it.
pub struct Leader {
    leadership: Arc<dyn Leadership>,
    terms: LeaseTerms,
    standing: watch::Sender<Standing>,
    under_way: watch::Sender<usize>,
    times: Mutex<Times>,
}

#[derive(Debug, Default)]
struct Times {
    /// When it was renewed last, by a clock that nobody sets.
    renewed: Option<Instant>,
    /// When the agent last looked what there is to do.
    ticked: Option<DateTime<Utc>>,
}

/// A mutation that may begin. While one is there, the lead is not released.
pub struct Permit(watch::Sender<usize>);

impl Permit {
    fn new(under_way: &watch::Sender<usize>) -> Self {
        under_way.send_modify(|count| *count += 1);
        Self(under_way.clone())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Leader {
    /// Nobody leads yet.
    pub fn new(leadership: Arc<dyn Leadership>, terms: LeaseTerms) -> Arc<Self> {
        let (standing, _) = watch::channel(Standing::Waiting(None));
        let (under_way, _) = watch::channel(0);
        Arc::new(Self { leadership, terms, standing, under_way, times: Mutex::default() })
    }

    /// Where we stand, and what becomes of it.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Whether we lead, as far as is known.
    pub fn leads(&self) -> bool {
        *self.standing.borrow() == Standing::Leading
    }

    /// Where agents agree who leads, for people.
    pub fn place(&self) -> &str {
        self.leadership.place()
    }

    /// Under which name.
    pub fn who(&self) -> &str {
        self.leadership.who()
    }

    /// Notes that the agent has looked what there is to do; the next renewal tells everybody.
    pub fn ticked(&self, at: DateTime<Utc>) {
        self.times().ticked = Some(at);
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets one mutation begin, if we still lead: the lead is renewed for it. Without an answer about that, a renewal
    /// that is fresh enough counts, because nobody else may begin before that mutation has ended.
    ///
    /// # Errors
    /// A `Conflict` when another one leads, `Interrupted` when this agent is ending, and what kept the lead from being
    /// renewed.
    pub async fn permit(&self) -> Result<Permit, Failure> {
        // Counted before it is asked, so that an end that begins now waits for it.
        let permit = Permit::new(&self.under_way);
        self.must_lead()?;
        self.renew().await?;
        self.must_lead()?;
        Ok(permit)
    }

    fn must_lead(&self) -> Result<(), Failure> {
        match &*self.standing.borrow() {
            Standing::Leading => Ok(()),
            Standing::Ending => {
                Err(Failure::new(FailureKind::Interrupted, "the agent is ending; nothing more is begun"))
            }
            Standing::Waiting(holder) => {
                let failure = Failure::conflict(format!("this agent does not lead by {}", self.place()));
                Err(match holder {
                    Some(holder) => failure.cause(format!("{holder} leads")),
                    None => failure,
                })
            }
        }
    }

    async fn renew(&self) -> Result<(), Failure> {
        let asked = Instant::now();
        let ticked = self.times().ticked;
        match self.leadership.renew(ticked).await {
            Ok(()) => {
                // Others count from when it was written, which is not before it was asked for.
                self.times().renewed = Some(asked);
                Ok(())
            }
            Err(failure) if failure.kind == FailureKind::Conflict => {
                self.lose();
                Err(failure)
            }
            Err(failure) => {
                let age = self.times().renewed.map(|renewed| renewed.elapsed());
                if age.is_some_and(|age| age < self.terms.trusted()) { Ok(()) } else { Err(failure) }
            }
        }
    }

    fn lose(&self) {
        self.standing.send_if_modified(|standing| {
            let lost = *standing == Standing::Leading;
            if lost {
                *standing = Standing::Waiting(None);
            }
            lost
        });
    }

    /// Tries to take the lead, once.
    ///
    /// # Errors
    /// The place cannot be asked.
    pub async fn acquire(&self) -> Result<Standing, Failure> {
        let asked = Instant::now();
        match self.leadership.acquire().await? {
            Hold::Ours(_) => {
                self.times().renewed = Some(asked);
                self.change(Standing::Leading);
            }
            Hold::Theirs(record) => {
                self.change(Standing::Waiting(Some(record.holder).filter(|holder| !holder.is_empty())));
            }
        }
        Ok(self.standing.borrow().clone())
    }

    /// Changes where we stand, unless we are ending.
    fn change(&self, to: Standing) {
        self.standing.send_if_modified(|standing| {
            let changed = *standing != Standing::Ending && *standing != to;
            if changed {
                *standing = to;
            }
            changed
        });
    }

    /// Takes the lead, keeps it, and takes it again, until we are ending.
    pub async fn lead(&self, journal: &Journal) {
        let mut standing = self.standing();
        let mut said: Option<String> = None;
        let mut told = Standing::Waiting(None);
        loop {
            let now = standing.borrow_and_update().clone();
            let failed = match now {
                Standing::Ending => return,
                Standing::Leading => match self.renew().await {
                    Ok(()) => None,
                    Err(failure) => {
                        let age = self.times().renewed.map_or(Duration::MAX, |renewed| renewed.elapsed());
                        if age >= self.terms.deadline() {
                            self.lose();
                        }
                        Some(failure)
                    }
                },
                Standing::Waiting(_) => self.acquire().await.err(),
            };
            // A place that stays silent is said once, not with every attempt.
            let text = failed.as_ref().map(ToString::to_string);
            if let Some(failure) = failed.filter(|_| text != said) {
                journal
                    .write(&Line::new(Level::Warning, "the lead could not be asked for").because(&failure));
            }
            said = text;
            let after = self.standing.borrow().clone();
            if after != told {
                self.say(journal, &after);
                told = after;
            }
            tokio::select! {
                () = tokio::time::sleep(spread(self.terms.retry())) => {}
                () = super::until(&mut standing, |standing| *standing == Standing::Ending) => {}
            }
        }
    }

    fn say(&self, journal: &Journal, standing: &Standing) {
        let line = match standing {
            Standing::Leading => Line::new(Level::Info, "leading").with("lease", self.place()),
            Standing::Waiting(holder) => Line::new(Level::Info, "not leading")
                .with("lease", self.place())
                .with("holder", holder.as_deref().unwrap_or("unknown")),
            Standing::Ending => return,
        };
        journal.write(&line.with("who", self.who()));
    }

    /// From now on nothing more is begun.
    pub fn end(&self) {
        self.standing.send_replace(Standing::Ending);
    }

    /// Waits for what is being changed at this moment, and releases the lead. Begins nothing more.
    ///
    /// # Errors
    /// The place cannot be told; others wait out the lease then.
    pub async fn release(&self) -> Result<(), Failure> {
        self.end();
        let mut under_way = self.under_way.subscribe();
        let idle = under_way.wait_for(|count| *count == 0);
        if tokio::time::timeout(DRAIN_LIMIT, idle).await.is_err() {
            // Giving it up now would let another one begin while this is not over.
            return Err(Failure::failed(
                "what is being changed did not end in time; the lease runs out by itself",
            ));
        }
        self.leadership.release().await
    }
}

/// A little more or less than a time, so that many agents do not ask at once.
fn spread(time: Duration) -> Duration {
    let chance = RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64;
    time.mul_f64(0.9 + 0.2 * chance)
}
