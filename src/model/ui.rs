//! What the person sees and does: focus, lists, overlays, input.

use super::{
    graph_view::GraphView,
    inspection::Inspection,
    inventory::{self, Inventory},
    jobs::JobId,
    layout::{Layout, Pane, Size},
    list::ListState,
};
use crate::{
    config::key::Key,
    domain::{
        cross_project::{HistoryRequest, Table},
        impact::Impact,
        name::{ChangeId, DeploymentId, ServiceName},
        plan::{Plan, Validation},
    },
};
use chrono::{DateTime, NaiveDate, Utc};
use std::sync::Arc;

/// A line of text being typed, with its cursor as a byte offset on a character boundary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextInput {
    /// The text.
    pub text: String,
    /// Where the next character goes.
    pub cursor: usize,
}

/// The longest line that can be typed; more is dropped.
const LONGEST_INPUT: usize = 512;

impl TextInput {
    /// A line that holds `text` already, the cursor behind it.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { cursor: text.len(), text }
    }

    /// Types a character.
    pub fn insert(&mut self, character: char) {
        if !crate::domain::text::is_unsafe(character) && self.text.len() < LONGEST_INPUT {
            self.text.insert(self.cursor, character);
            self.cursor += character.len_utf8();
        }
    }

    /// Removes the character before the cursor; false if there is none.
    pub fn backspace(&mut self) -> bool {
        let Some(character) = self.text[..self.cursor].chars().next_back() else { return false };
        self.cursor -= character.len_utf8();
        self.text.remove(self.cursor);
        true
    }

    /// Removes the character under the cursor.
    pub fn delete(&mut self) {
        if self.cursor < self.text.len() {
            self.text.remove(self.cursor);
        }
    }

    /// One character to the left.
    pub fn left(&mut self) {
        if let Some(character) = self.text[..self.cursor].chars().next_back() {
            self.cursor -= character.len_utf8();
        }
    }

    /// One character to the right.
    pub fn right(&mut self) {
        if let Some(character) = self.text[self.cursor..].chars().next() {
            self.cursor += character.len_utf8();
        }
    }

    /// Removes everything before the cursor.
    pub fn clear_before(&mut self) {
        self.text.drain(..self.cursor);
        self.cursor = 0;
    }
}

/// One field of a form: an argument of the action that the form is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormField {
    /// The argument's name.
    pub name: &'static str,
    /// What to type.
    pub help: &'static str,
    /// Whether it may stay empty.
    pub required: bool,
    /// What is typed so far.
    pub input: TextInput,
    /// What can be chosen; empty for free text.
    pub choices: Vec<String>,
}

/// Which button of the confirm overlay has the focus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ConfirmFocus {
    /// The harmless one; where it starts.
    #[default]
    Cancel,
    /// The one that acts.
    Run,
}

/// One entry of the command palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaletteEntry {
    /// The action's id.
    pub id: &'static str,
    /// Its other names.
    pub aliases: &'static [&'static str],
    /// Its title.
    pub title: &'static str,
    /// The keys that run it here, or the empty text.
    pub keys: String,
    /// Why it cannot run now; `None` if it can.
    pub unavailable: Option<String>,
}

/// One line of the help overlay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelpLine {
    /// The keymap context it holds in.
    pub context: String,
    /// The keys.
    pub keys: String,
    /// What they do.
    pub description: String,
    /// Why it cannot run now; `None` if it can.
    pub unavailable: Option<String>,
}

/// What lies over the panes; the topmost has the keys.
#[derive(Debug, Clone, PartialEq)]
pub enum Overlay {
    /// All keys of where the person is.
    Help {
        /// What to show.
        lines: Vec<HelpLine>,
        /// First line shown.
        offset: usize,
    },
    /// The command palette.
    Palette {
        /// What is typed.
        input: TextInput,
        /// What matches, best first.
        entries: Vec<PaletteEntry>,
        /// Which one is chosen.
        cursor: usize,
    },
    /// The filter line of a pane.
    Filter {
        /// Which pane.
        pane: Pane,
        /// What is typed; it filters as it is typed.
        input: TextInput,
        /// What the filter was before; Esc brings it back.
        before: String,
        /// The row that the cursor was on; Esc brings it back too.
        row: Option<String>,
    },
    /// Arguments of an action that are still missing.
    Form {
        /// The action's id.
        action: &'static str,
        /// Its title.
        title: &'static str,
        /// The arguments.
        fields: Vec<FormField>,
        /// Which field has the cursor.
        focus: usize,
        /// Why it was not accepted.
        problem: Option<String>,
    },
    /// A job that is still planning.
    Planning {
        /// Which job.
        job: JobId,
        /// The key that asked for it, which therefore confirms nothing.
        opened_by: Option<Key>,
    },
    /// A plan that waits for a yes.
    Confirm {
        /// Which job will run it.
        job: JobId,
        /// The plan, frozen.
        plan: Arc<Plan>,
        /// What is typed, where typing is asked for.
        input: TextInput,
        /// Which button has the focus.
        focus: ConfirmFocus,
        /// The key that asked for it, which therefore confirms nothing.
        opened_by: Option<Key>,
        /// First line shown, when it is longer than the screen.
        offset: usize,
    },
    /// A job that runs, or ran.
    Running {
        /// Which job.
        job: JobId,
        /// First line shown.
        offset: usize,
    },
    /// What a validation found.
    Findings {
        /// The validation.
        validation: Validation,
        /// Which finding is chosen.
        cursor: usize,
    },
    /// The columns of the inventory, to be chosen and moved.
    Columns {
        /// Which one is under the cursor.
        cursor: usize,
    },
    /// Where the files speak of one service.
    Source {
        /// Which one.
        service: ServiceName,
        /// First line shown.
        offset: usize,
    },
    /// Everything about one service.
    Service {
        /// Which one.
        service: ServiceName,
        /// First line shown.
        offset: usize,
    },
    /// Everything about one change.
    Change {
        /// Which one.
        change: ChangeId,
        /// Which part of it.
        section: ChangeSection,
        /// First line shown.
        offset: usize,
    },
    /// What falls, breaks or goes on if something happens.
    Impact {
        /// What it is about, where that is not the service itself.
        subject: Option<String>,
        /// The answer.
        impact: Arc<Impact>,
        /// First line shown.
        offset: usize,
    },
    /// Everything about one row of a cross-project table.
    CrossProject {
        /// Which table.
        table: Table,
        /// Which row.
        row: String,
        /// First line shown.
        offset: usize,
    },
    /// Everything about a deployment.
    Deployment {
        /// Which one.
        deployment: DeploymentId,
        /// First line shown.
        offset: usize,
    },
    /// A service's pods, events and logs, as its cluster tells them.
    Inspect(Box<Inspection>),
    /// How every source stands, with its failure in full.
    Sources {
        /// First line shown.
        offset: usize,
    },
}

/// A part of a change's details.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ChangeSection {
    /// What it is, its gates, and what stands against it.
    #[default]
    Overview,
    /// What it alters: fields, and the lines of its files.
    Difference,
    /// What validation found.
    Findings,
    /// Who said and did what, with the reviewers' answers.
    Discussion,
}

impl ChangeSection {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Overview, Self::Difference, Self::Findings, Self::Discussion];

    /// Its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Difference => "Difference",
            Self::Findings => "Findings",
            Self::Discussion => "Discussion",
        }
    }

    /// The one that many places further, around the end.
    #[must_use]
    pub fn moved(self, places: usize) -> Self {
        let at = Self::ALL.iter().position(|section| *section == self).unwrap_or_default();
        Self::ALL[(at + places) % Self::ALL.len()]
    }
}

/// How loud a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// Something went well, or is merely said.
    Info,
    /// Something was not done.
    Warning,
    /// Something went wrong.
    Error,
}

/// A line at the bottom that goes away by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How loud.
    pub kind: NoticeKind,
    /// What it says; several lines where a failure has causes and hints.
    pub text: String,
    /// When it came.
    pub at: DateTime<Utc>,
}

/// The Deck beneath a page: what to come back to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beneath {
    /// The pane that had the keys.
    pub focus: Pane,
    /// The pane that had the whole screen.
    pub zoom: Option<Pane>,
    /// The service that was selected.
    pub selected: Option<ServiceName>,
    /// The one that the page began with; who leaves without having looked at another one gets the first back.
    pub began_with: Option<ServiceName>,
}

/// The state of the interface.
#[derive(Debug, Clone)]
pub struct Ui {
    /// The terminal's size.
    pub size: Size,
    /// The pane that has the keys.
    pub focus: Pane,
    /// The pane that has the whole screen.
    pub zoom: Option<Pane>,
    /// Lists by [`Pane::index`]; that of the cross-project page is its active table's.
    pub lists: [ListState; Pane::ALL.len()],
    /// How the inventory is looked at.
    pub inventory: Inventory,
    /// The active table of the cross-project page.
    pub table: Table,
    /// Lists of its other tables, by [`Table::index`].
    pub resting: [ListState; Table::ALL.len()],
    /// What the Deck looked like when the page was opened.
    pub beneath: Option<Beneath>,
    /// The day that the calendar shows; today if `None`.
    pub day: Option<NaiveDate>,
    /// The history that was last asked for.
    pub history: Option<Arc<HistoryRequest>>,
    /// How many close looks there were: the number of the next one.
    pub looks: u64,
    /// The close look that the cluster is asked about, if one is.
    pub inspected: Option<u64>,
    /// The service that all panes show; follows the cursor.
    pub selected: Option<ServiceName>,
    /// Index into the settings' environments: the one that is looked at and acted on.
    pub environment: usize,
    /// The kubeconfig context whose environment is to be looked at first, if somebody asked for one.
    pub wanted_context: Option<String>,
    /// What the graph pane shows.
    pub graph: GraphView,
    /// Overlays, the topmost last.
    pub overlays: Vec<Overlay>,
    /// Keys of a sequence that is not complete yet.
    pub pending: Vec<Key>,
    /// The last thing that was said.
    pub notice: Option<Notice>,
}

impl Ui {
    /// The Deck with nothing chosen.
    pub fn new(size: Size) -> Self {
        Self {
            size,
            focus: Pane::Inventory,
            zoom: None,
            lists: Default::default(),
            inventory: Inventory::default(),
            table: Table::default(),
            resting: Default::default(),
            beneath: None,
            day: None,
            history: None,
            looks: 0,
            inspected: None,
            selected: None,
            environment: 0,
            wanted_context: None,
            graph: GraphView::default(),
            overlays: Vec::new(),
            pending: Vec::new(),
            notice: None,
        }
    }

    /// The keymap contexts of the panes alone, the innermost first.
    pub fn base_contexts(&self) -> Vec<&'static str> {
        vec![self.focus.as_str(), "pane", "global"]
    }

    /// The keymap contexts that hold now, the innermost first.
    pub fn contexts(&self) -> Vec<&'static str> {
        match self.overlays.last() {
            None => self.base_contexts(),
            Some(Overlay::Help { .. }) => vec!["help", "overlay"],
            Some(Overlay::Palette { .. } | Overlay::Filter { .. }) => vec!["palette"],
            Some(Overlay::Form { .. }) => vec!["form"],
            Some(Overlay::Confirm { .. }) => vec!["confirm", "overlay"],
            Some(Overlay::Planning { .. }) => vec!["overlay"],
            Some(Overlay::Running { .. }) => vec!["running", "overlay"],
            Some(Overlay::Findings { .. }) => vec!["findings", "overlay"],
            Some(Overlay::Columns { .. }) => vec!["columns", "overlay"],
            Some(Overlay::Change { .. }) => vec!["change", "changes", "detail", "overlay"],
            Some(Overlay::Service { .. } | Overlay::Source { .. }) => vec!["service", "detail", "overlay"],
            Some(Overlay::Deployment { .. }) => vec!["deployments", "detail", "overlay"],
            Some(Overlay::Inspect(inspection)) if inspection.is_typing => vec!["palette"],
            Some(Overlay::Inspect(_)) => vec!["inspect", "overlay"],
            Some(Overlay::CrossProject { .. } | Overlay::Impact { .. } | Overlay::Sources { .. }) => {
                vec!["detail", "overlay"]
            }
        }
    }

    /// How far an overlay can be scrolled, at most. What it shows depends on the width, so drawing
    /// stops a scroll that goes past the last line.
    pub fn overlay_limit(&self) -> usize {
        match self.overlays.last() {
            Some(Overlay::Help { lines, .. }) => lines.len(),
            Some(Overlay::Confirm { plan, .. }) => {
                let lines = plan.files().iter().map(|file| file.diff.len() + 2).sum::<usize>();
                12 + plan.steps.len() + plan.facts.len() + 4 * plan.notes.len() + lines
            }
            Some(Overlay::Source { .. } | Overlay::Change { .. }) => 4_000,
            // A line or two for each service that is shown, and for each owner.
            Some(Overlay::Impact { impact, .. }) => 40 + 4 * (impact.affected.len() + impact.notify.len()),
            _ => 200,
        }
    }

    /// Cells and rows that the graph has: its pane without the title, the line above the map and the padding.
    pub fn graph_room(&self) -> (u16, u16) {
        let pane = self.layout().pane(Pane::Graph);
        (pane.width.saturating_sub(2), pane.height.saturating_sub(2))
    }

    /// Where everything is at the present size.
    pub fn layout(&self) -> Layout {
        Layout::new(self.size, self.focus, self.zoom)
    }

    /// The group whose header is under the inventory's cursor, if one is.
    pub fn group_at_cursor(&self) -> Option<&str> {
        self.list(Pane::Inventory).current().and_then(inventory::group_of)
    }

    /// The list of a table of the cross-project page.
    pub fn table_list(&self, table: Table) -> &ListState {
        if table == self.table { self.list(Pane::CrossProject) } else { &self.resting[table.index()] }
    }

    /// The list of a pane.
    pub const fn list(&self, pane: Pane) -> &ListState {
        &self.lists[pane.index()]
    }
}
