//! A deployment as the ledger's events made it.

use super::{
    gate::ReleaseGate,
    order::{Leg, Order, Place, Stage},
    release::ReleaseStep,
};
use crate::domain::{
    change::Identity,
    ledger::Verdict,
    name::{CommitId, DeploymentId, IncidentId},
};
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// What was measured of a version while it was judged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Requests of the new version.
    pub requests: f64,
    /// Share of them that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_ratio: Option<f64>,
    /// Their 99th percentile, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<f64>,
    /// Share of failed requests of the version before, in the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_error_ratio: Option<f64>,
    /// The 99th percentile of the version before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_p99: Option<f64>,
}

// The ledger never writes what is not a number.
impl Eq for Figures {}

/// How a deployment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The version runs, and nothing was found against it.
    Done,
    /// The version before runs again.
    RolledBack,
    /// A person called it off.
    Cancelled,
}

impl Ending {
    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::RolledBack => "rolled back",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A leg that somebody does now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Which leg.
    pub leg: Leg,
    /// Since when.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: Identity,
    /// Which process of theirs.
    pub holder: String,
    /// Until when nobody else may take it over.
    pub until: DateTime<Utc>,
}

/// A leg that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Which leg.
    pub leg: Leg,
    /// How it came out.
    pub verdict: Verdict,
    /// What was seen.
    pub detail: String,
    /// What was measured.
    pub figures: Option<Figures>,
    /// When it began.
    pub since: DateTime<Utc>,
    /// When it ended.
    pub at: DateTime<Utc>,
}

/// An approval of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Which gate.
    pub gate: ReleaseGate,
    /// By whom.
    pub by: Identity,
    /// When.
    pub at: DateTime<Utc>,
    /// Their words.
    pub note: Option<String>,
    /// The commit that has it, and its signature.
    pub commit: CommitId,
}

/// Why nothing goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Why.
    pub reason: String,
    /// What could not be judged; `None` when a person stopped it.
    pub verdict: Option<Verdict>,
    /// Since when.
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: Identity,
}

/// Something that failed, and that a person took as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Which leg.
    pub leg: Leg,
    /// By whom.
    pub by: Identity,
    /// The commit that has it, and its signature.
    pub commit: CommitId,
}

/// Glass that was broken: past the gates and the calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenGlass {
    /// Why it cannot wait.
    pub reason: String,
    /// By whom.
    pub by: Identity,
    /// When.
    pub at: DateTime<Utc>,
    /// Until when it opens something.
    pub expires: DateTime<Utc>,
    /// The incident that was opened for it.
    pub incident: IncidentId,
    /// The commit that has it, and its signature.
    pub commit: CommitId,
    /// Who agreed.
    pub seconds: Vec<Second>,
}

/// Who agreed to broken glass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Second {
    /// Who.
    pub by: Identity,
    /// The commit that has it, and its signature.
    pub commit: CommitId,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// In which way.
    pub ending: Ending,
    /// In a sentence.
    pub detail: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What happens to a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn<'a> {
    /// Somebody does a leg.
    Began {
        /// Which leg.
        leg: &'a Leg,
        /// Which process.
        holder: &'a str,
        /// Until when it is theirs.
        until: DateTime<Utc>,
    },
    /// A leg is over.
    Judged {
        /// Which leg.
        leg: &'a Leg,
        /// How it came out.
        verdict: Verdict,
        /// What was seen.
        detail: &'a str,
        /// What was measured.
        figures: Option<&'a Figures>,
    },
    /// Nothing goes on until a person says so.
    Held {
        /// Why.
        reason: &'a str,
        /// What could not be judged.
        verdict: Option<Verdict>,
    },
    /// A person says that it goes on.
    Continued {
        /// Whether what could not be judged counts as passed.
        accept: bool,
        /// Their words.
        note: Option<&'a str>,
        /// The commit that has it.
        commit: &'a CommitId,
    },
    /// A person wants it past its gates and the calendar.
    GlassOpened {
        /// Why it cannot wait.
        reason: &'a str,
        /// Until when.
        expires: DateTime<Utc>,
        /// The incident that was opened for it.
        incident: &'a IncidentId,
        /// The commit that has it.
        commit: &'a CommitId,
    },
    /// A second person agreed.
    GlassSeconded {
        /// The commit that has it.
        commit: &'a CommitId,
    },
    /// A gate was approved.
    Approved {
        /// Which gate.
        gate: ReleaseGate,
        /// Their words.
        note: Option<&'a str>,
        /// The commit that has it.
        commit: &'a CommitId,
    },
    /// It got another time.
    Scheduled {
        /// Not before.
        not_before: Option<DateTime<Utc>>,
        /// Whether the calendar must be open.
        window: bool,
    },
    /// A person called it off.
    Cancelled {
        /// Why.
        reason: &'a str,
    },
    /// It is over.
    Finished {
        /// In which way.
        ending: Ending,
        /// In a sentence.
        detail: &'a str,
    },
}

/// A deployment as the ledger's events made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRecord {
    /// `DEP-7`.
    pub id: DeploymentId,
    /// What was ordered.
    pub order: Order,
    /// When.
    pub started_at: DateTime<Utc>,
    /// By whom.
    pub started_by: Identity,
    /// The leg that somebody does now.
    pub running: Option<Begun>,
    /// The steps that were begun, each with its place's index.
    begun: Vec<(usize, ReleaseStep)>,
    /// The legs that are over, in order.
    pub judged: Vec<Judged>,
    /// How many of them were on the way there; set when it turned back.
    turned: Option<usize>,
    /// When a person let it go on, or it got another time.
    resumed_at: Option<DateTime<Utc>>,
    /// Whether a person took a way back that failed as done.
    pub is_accepted: bool,
    /// The leg that failed, on the way there.
    pub failed: Option<Judged>,
    /// Why nothing goes on.
    pub held: Option<Held>,
    /// Approvals of its gates, oldest first.
    pub approvals: Vec<Given>,
    /// What failed, and was accepted by a person who says why.
    pub accepted: Vec<Accepted>,
    /// Glass that was broken for it last.
    pub glass: Option<BrokenGlass>,
    /// Why, when and by whom it was called off.
    pub cancelled: Option<(String, DateTime<Utc>, Identity)>,
    /// The incident that was opened for it.
    pub incident: Option<IncidentId>,
    /// How it ended.
    pub finished: Option<Finished>,
    /// When something last happened to it.
    pub last_at: DateTime<Utc>,
}

impl DeploymentRecord {
    /// A deployment that begins.
    pub fn new(id: DeploymentId, order: Order, at: DateTime<Utc>, by: Identity) -> Self {
        Self {
            id,
            order,
            started_at: at,
            started_by: by,
            running: None,
            begun: Vec::new(),
            judged: Vec::new(),
            turned: None,
            resumed_at: None,
            is_accepted: false,
            failed: None,
            held: None,
            approvals: Vec::new(),
            accepted: Vec::new(),
            glass: None,
            cancelled: None,
            incident: None,
            finished: None,
            last_at: at,
        }
    }

    /// Whether it is not over.
    pub const fn is_open(&self) -> bool {
        self.finished.is_none()
    }

    /// Whether it is on its way back.
    pub const fn is_retreating(&self) -> bool {
        self.failed.is_some() || self.cancelled.is_some()
    }

    /// Whether a step was begun in a place.
    pub fn has_begun(&self, place: &Place, step: ReleaseStep) -> bool {
        self.begun.iter().any(|(index, known)| {
            *known == step && self.order.places.get(*index).is_some_and(|known| known == place)
        })
    }

    /// The legs of the way it is on: there, or back.
    pub fn legs(&self) -> Vec<Leg> {
        if self.is_retreating() {
            self.order.legs_back(|place, step| self.has_begun(place, step), self.failed.is_some())
        } else {
            self.order.legs()
        }
    }

    /// The legs that are over, on the way it is on. A blue-green release retires on both ways, each time something
    /// else.
    pub fn behind(&self) -> &[Judged] {
        self.judged.get(self.turned.unwrap_or_default()..).unwrap_or_default()
    }

    /// How a leg of the way it is on came out.
    pub fn result(&self, leg: &Leg) -> Option<&Judged> {
        self.behind().iter().find(|judged| judged.leg == *leg)
    }

    /// When it turned back.
    pub fn turned_at(&self) -> Option<DateTime<Utc>> {
        let failed = self.failed.as_ref().map(|judged| judged.at);
        failed.or_else(|| self.cancelled.as_ref().map(|(_, at, _)| *at))
    }

    /// The leg that comes next, or that somebody does; `None` when all of them are over.
    pub fn next_leg(&self) -> Option<Leg> {
        self.legs().into_iter().find(|leg| self.result(leg).is_none())
    }

    /// Since when the next leg is the next one.
    pub fn since(&self) -> DateTime<Utc> {
        if let Some(running) = &self.running {
            return running.at;
        }
        self.resumed_at
            .max(self.judged.last().map(|judged| judged.at))
            .max(self.turned_at())
            .unwrap_or(self.started_at)
    }

    /// Places in which a version without a judgement may have traffic: something was begun, and it is not over.
    pub fn is_exposed(&self) -> bool {
        self.is_open() && !self.is_retreating() && !self.begun.is_empty()
    }

    /// The step that has been asked for last in a place.
    pub fn last_step(&self, place: &Place) -> Option<ReleaseStep> {
        let index = self.order.places.iter().position(|known| known == place)?;
        self.begun.iter().rev().find(|(known, _)| *known == index).map(|(_, step)| *step)
    }

    /// From start to end, or to `now`.
    pub fn duration(&self, now: DateTime<Utc>) -> Duration {
        let end = self.finished.as_ref().map_or(now, |finished| finished.at);
        (end - self.started_at).max(Duration::zero())
    }

    /// Lets one event happen.
    ///
    /// # Errors
    /// What does not fit; then nothing has changed.
    pub fn apply(&mut self, turn: &Turn<'_>, at: DateTime<Utc>, by: &Identity) -> Result<(), String> {
        if let Some(finished) = &self.finished {
            return Err(format!("{} is over: {}", self.id, finished.ending.as_str()));
        }
        match turn {
            Turn::Began { leg, holder, until } => {
                self.expects(leg)?;
                if let (Stage::Step(step), Some(environment)) = (leg.stage, &leg.environment)
                    && let Some(index) =
                        self.order.places.iter().position(|place| place.environment == *environment)
                    && !self.begun.contains(&(index, step))
                    && !self.is_retreating()
                {
                    self.begun.push((index, step));
                }
                self.running = Some(Begun {
                    leg: (*leg).clone(),
                    at,
                    by: by.clone(),
                    holder: (*holder).to_owned(),
                    until: *until,
                });
            }
            Turn::Judged { leg, verdict, detail, figures } => {
                self.expects(leg)?;
                let judged = Judged {
                    leg: (*leg).clone(),
                    verdict: *verdict,
                    detail: (*detail).to_owned(),
                    figures: figures.cloned(),
                    since: self.since(),
                    at,
                };
                let turns = *verdict == Verdict::Fail && !self.is_retreating();
                self.judged.push(judged.clone());
                self.running = None;
                if turns {
                    self.turned = Some(self.judged.len());
                    self.failed = Some(judged);
                    self.held = None;
                }
            }
            Turn::Held { reason, verdict } => {
                self.held =
                    Some(Held { reason: (*reason).to_owned(), verdict: *verdict, at, by: by.clone() });
            }
            Turn::Continued { accept, note, commit } => {
                let held = self.held.take().ok_or_else(|| format!("{} was not held", self.id))?;
                self.running = None;
                self.resumed_at = Some(at);
                match (self.next_leg(), held.verdict) {
                    // A way back that failed is tried again, or taken as done.
                    _ if self.is_retreating() && !accept => {
                        let turned = self.turned.unwrap_or_default();
                        let mut place = 0;
                        self.judged.retain(|judged| {
                            place += 1;
                            place <= turned || judged.verdict == Verdict::Pass
                        });
                    }
                    (Some(leg), Some(verdict)) if *accept => {
                        if verdict == Verdict::Fail {
                            let (by, commit) = (by.clone(), (*commit).clone());
                            self.accepted.push(Accepted { leg: leg.clone(), by, commit });
                        }
                        let why = note.map_or_else(String::new, |note| format!(" ({note})"));
                        self.judged.push(Judged {
                            leg,
                            verdict: Verdict::NoData,
                            detail: format!("accepted by {}{why}: {}", by.name, held.reason),
                            figures: None,
                            since: held.at,
                            at,
                        });
                    }
                    (None, _) if *accept => self.is_accepted = true,
                    _ => {}
                }
            }
            Turn::GlassOpened { reason, expires, incident, commit } => {
                self.glass = Some(BrokenGlass {
                    reason: (*reason).to_owned(),
                    by: by.clone(),
                    at,
                    expires: *expires,
                    incident: (*incident).clone(),
                    commit: (*commit).clone(),
                    seconds: Vec::new(),
                });
            }
            Turn::GlassSeconded { commit } => {
                let glass =
                    self.glass.as_mut().ok_or_else(|| format!("nobody broke the glass for {}", self.id))?;
                glass.seconds.push(Second { by: by.clone(), commit: (*commit).clone() });
            }
            Turn::Approved { gate, note, commit } => {
                let (by, commit, note) = (by.clone(), (*commit).clone(), note.map(str::to_owned));
                self.approvals.push(Given { gate: *gate, by, at, note, commit });
            }
            Turn::Scheduled { not_before, window } => {
                if self.result(&Leg::all(Stage::Schedule)).is_some() || !self.begun.is_empty() {
                    return Err(format!("{} is past its schedule", self.id));
                }
                self.order.not_before = *not_before;
                self.order.window = *window;
            }
            Turn::Cancelled { reason } => {
                if self.is_retreating() {
                    return Err(format!("{} is on its way back already", self.id));
                }
                self.cancelled = Some(((*reason).to_owned(), at, by.clone()));
                self.turned = Some(self.judged.len());
                (self.running, self.held) = (None, None);
            }
            Turn::Finished { ending, detail } => {
                self.running = None;
                self.held = None;
                self.finished = Some(Finished { ending: *ending, detail: (*detail).to_owned(), at });
            }
        }
        self.last_at = self.last_at.max(at);
        Ok(())
    }

    /// Whether a leg is the next one.
    fn expects(&self, leg: &Leg) -> Result<(), String> {
        match self.next_leg() {
            Some(next) if next == *leg => Ok(()),
            Some(next) => Err(format!("{}: the next thing is {next}, not {leg}", self.id)),
            None => Err(format!("{}: nothing is left to do but to end it", self.id)),
        }
    }
}
