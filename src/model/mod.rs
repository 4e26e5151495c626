//! Everything the program knows at one moment, and the values that go in and out of its loop.

pub mod effect;
pub mod event;
pub mod jobs;
pub mod join;
pub mod layout;
pub mod list;
pub mod ui;
pub mod world;

use crate::{config::Config, domain::change::Identity};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// The whole state. One loop owns it; drawing borrows it.
#[derive(Debug, Clone)]
pub struct Model {
    /// The time of the last event.
    pub now: DateTime<Utc>,
    /// What the sources said.
    pub world: world::World,
    /// What the person sees and does.
    pub ui: ui::Ui,
    /// What is running.
    pub jobs: jobs::Jobs,
    /// Settings, keymap and theme.
    pub config: Arc<Config>,
    /// Who acts; empty until the repository told.
    pub operator: Identity,
    /// Set when something visible changed since the last frame.
    pub dirty: bool,
    /// Set when the program should end.
    pub quit: bool,
}

impl Model {
    /// An empty model: nothing loaded, the Deck in front.
    pub fn new(config: Arc<Config>, now: DateTime<Utc>, size: layout::Size) -> Self {
        Self {
            now,
            world: world::World::default(),
            ui: ui::Ui::new(size),
            jobs: jobs::Jobs::default(),
            config,
            operator: Identity::default(),
            dirty: true,
            quit: false,
        }
    }
}
