//! What somebody looks at closely in a cluster: the pods of a service, its events, and a log.

use super::{ui::TextInput, world::Source};
use crate::{
    domain::{
        catalog::Target,
        deployment::inspect::{LOG_KEPT, LogRequest, Occurrence, Pod},
    },
    error::Failure,
};
use std::{collections::VecDeque, sync::Arc};

/// What is asked of the cluster while somebody looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectRequest {
    /// Which look it is; answers carry it, and late ones are dropped.
    pub serial: u64,
    /// Of what.
    pub target: Target,
    /// Which log; without one, pods and events.
    pub log: Option<LogRequest>,
}

/// What the cluster answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Inspected {
    /// The pods, or why they are not known.
    Pods(Result<Vec<Pod>, Failure>),
    /// The events, or why they are not known.
    Events(Result<Vec<Occurrence>, Failure>),
    /// More lines of the log.
    Lines(Vec<String>),
    /// The log is at its end; why, if it broke.
    Ended(Option<Failure>),
}

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// The pods.
    Pods,
    /// The events.
    Events,
    /// A log.
    Log,
}

/// A log, as far as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// Which one.
    pub request: LogRequest,
    /// The newest lines, at most [`LOG_KEPT`].
    pub lines: VecDeque<Arc<str>>,
    /// How many older ones were let go.
    pub dropped: usize,
    /// Whether it is over, and why if it broke.
    pub ended: Option<Option<Failure>>,
}

/// A close look.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Which look it is.
    pub serial: u64,
    /// Of what.
    pub target: Target,
    /// What is shown.
    pub look: Look,
    /// The pods as they were seen last.
    pub pods: Source<Vec<Pod>>,
    /// The events as they were seen last.
    pub events: Source<Vec<Occurrence>>,
    /// The log that was opened.
    pub log: Option<Log>,
    /// Which pod has the cursor.
    pub cursor: usize,
    /// First line shown of events or log.
    pub offset: usize,
    /// Whether the newest line is kept in sight.
    pub at_end: bool,
    /// Only what contains this is shown, whatever the case.
    pub filter: TextInput,
    /// Whether the filter is being typed.
    pub is_typing: bool,
    /// Which log is opened as soon as the pods are known: the container's name, and whether it is the previous one.
    pub awaited: Option<LogRequest>,
}

impl Inspection {
    /// A look at the pods of a target.
    pub fn new(serial: u64, target: Target) -> Self {
        Self {
            serial,
            target,
            look: Look::Pods,
            pods: Source::default(),
            events: Source::default(),
            log: None,
            cursor: 0,
            offset: 0,
            at_end: true,
            filter: TextInput::default(),
            is_typing: false,
            awaited: None,
        }
    }

    /// What the cluster is asked for it.
    pub fn request(&self) -> InspectRequest {
        let log = self.log.as_ref().map(|log| log.request.clone());
        InspectRequest { serial: self.serial, target: self.target.clone(), log }
    }

    /// The pods that the filter leaves.
    pub fn shown_pods(&self) -> Vec<&Pod> {
        let pods = self.pods.value.as_deref().map(Vec::as_slice).unwrap_or_default();
        pods.iter().filter(|pod| self.shows(&[&pod.name, &pod.status])).collect()
    }

    /// The events that the filter leaves.
    pub fn shown_events(&self) -> Vec<&Occurrence> {
        let events = self.events.value.as_deref().map(Vec::as_slice).unwrap_or_default();
        events.iter().filter(|event| self.shows(&[&event.object, &event.reason, &event.message])).collect()
    }

    /// The lines of the log that the filter leaves.
    pub fn shown_lines(&self) -> Vec<&str> {
        let lines = self.log.iter().flat_map(|log| &log.lines).map(|line| &**line);
        lines.filter(|line| self.shows(&[line])).collect()
    }

    fn shows(&self, texts: &[&str]) -> bool {
        let wanted = self.filter.text.trim().to_lowercase();
        wanted.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&wanted))
    }

    /// How many lines there are to scroll through.
    pub fn length(&self) -> usize {
        match self.look {
            Look::Pods => self.shown_pods().len(),
            Look::Events => self.shown_events().len(),
            Look::Log => self.shown_lines().len(),
        }
    }

    /// Opens a log, with nothing of the one before.
    pub fn open(&mut self, serial: u64, request: LogRequest) {
        self.serial = serial;
        self.look = Look::Log;
        self.log = Some(Log { request, lines: VecDeque::new(), dropped: 0, ended: None });
        (self.offset, self.at_end) = (0, true);
    }

    /// Takes an answer in.
    pub fn take(&mut self, answer: Inspected, now: chrono::DateTime<chrono::Utc>) {
        match answer {
            Inspected::Pods(result) => {
                // The cursor stays on its pod, wherever that is now.
                let named = self.shown_pods().get(self.cursor).map(|pod| pod.name.clone());
                self.pods.receive(now, result.map(Arc::new));
                let pods = self.shown_pods();
                let at = named.and_then(|name| pods.iter().position(|pod| pod.name == name));
                self.cursor = at.unwrap_or(self.cursor).min(pods.len().saturating_sub(1));
            }
            Inspected::Events(result) => self.events.receive(now, result.map(Arc::new)),
            Inspected::Lines(lines) => {
                let Some(log) = &mut self.log else { return };
                log.lines.extend(lines.into_iter().map(Arc::from));
                while log.lines.len() > LOG_KEPT {
                    log.lines.pop_front();
                    log.dropped += 1;
                    // What is looked at stays in sight while older lines go.
                    self.offset = if self.at_end { self.offset } else { self.offset.saturating_sub(1) };
                }
            }
            Inspected::Ended(failure) => {
                if let Some(log) = &mut self.log {
                    log.ended = Some(failure);
                }
            }
        }
    }
}
