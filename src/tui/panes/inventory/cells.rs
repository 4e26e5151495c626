//! One cell of the inventory: a service's value in a column.

use super::{brief_number, brief_percent, brief_seconds, full_scale};
use crate::{
    config::theme::Role,
    domain::{
        deployment::{Health, Restarts},
        lifecycle::Lifecycle,
        sla::SlaVerdict,
        units::{Ratio, format_percent},
    },
    model::{
        inventory::Column,
        join::{Drift, Place, ServiceRow},
        world::Freshness,
    },
    tui::{
        paint::{Painter, piece},
        panes::changes::brief_age,
        view::View,
        widgets::{
            sparkline::sparkline,
            status::{self, Status},
        },
    },
};

/// A restart within this time is one to look at.
const LATELY: chrono::Duration = chrono::Duration::minutes(15);

/// Which columns are an old picture.
#[derive(Clone, Copy)]
pub struct Staleness {
    cluster: bool,
    metrics: bool,
}

impl Staleness {
    /// How old the pictures are where the person looks.
    pub fn of(view: &View<'_>) -> Self {
        let is_old = |freshness| matches!(freshness, Freshness::Failed | Freshness::Stale);
        Self {
            cluster: view.environment.is_some_and(|environment| is_old(view.cluster(environment).freshness)),
            metrics: is_old(view.metrics().freshness),
        }
    }
}

/// The cells of one row.
pub struct Cells<'a> {
    /// What is drawn.
    pub view: &'a View<'a>,
    /// The service.
    pub row: &'a ServiceRow,
    /// Where it runs, in the environment that is looked at.
    pub place: Option<&'a Place>,
    /// What is an old picture.
    pub stale: Staleness,
    /// Whether the version that runs has a column of its own.
    pub runs_shown: bool,
}

impl Cells<'_> {
    fn verdict(&self) -> Option<SlaVerdict> {
        self.place.map(|place| place.judgement.verdict)
    }

    fn status(&self) -> Status {
        let mark = status::sla(self.verdict().unwrap_or(SlaVerdict::NoData));
        Status { role: if self.stale.metrics { Role::Dim } else { mark.role }, ..mark }
    }

    /// Draws how it stands, as a glyph.
    pub fn mark(&self, painter: &mut Painter<'_>, x: u16, y: u16, width: u16) {
        let mark = self.status();
        match self.place {
            Some(_) => painter.text(x, y, width, mark.glyph, painter.style(mark.role)),
            None => painter.text(x, y, width, "·", painter.style(Role::Dim)),
        };
    }

    /// Draws its value in a column.
    pub fn draw(&self, painter: &mut Painter<'_>, column: Column, x: u16, y: u16, width: u16) {
        let service = &self.row.service;
        let dim = painter.style(Role::Dim);
        match column {
            Column::Name => self.name(painter, x, y, width),
            Column::State => {
                let mark = self.status();
                let (word, role) = self.place.map_or(("not here", Role::Dim), |_| (mark.word, mark.role));
                painter.text(x, y, width, word, painter.style(role));
            }
            Column::Version => self.version(painter, x, y, width),
            Column::Runs => self.runs(painter, x, y, width),
            Column::Status => {
                painter.text(x, y, width, service.status.as_str(), painter.style(life(service.status)));
            }
            Column::Lifecycle => self.lifecycle(painter, x, y, width),
            Column::Project => {
                let project = service.project.as_ref().map_or("shared", |project| project.as_str());
                painter.text(x, y, width, project, dim);
            }
            Column::Tier => {
                painter.text(x, y, width, service.tier.as_str(), dim);
            }
            Column::Type => {
                painter.text(x, y, width, &service.kind, dim);
            }
            Column::Owner => {
                let owner = service.owner.as_ref().map_or("–", |owner| owner.as_str());
                painter.text(x, y, width, owner, dim);
            }
            Column::Ready => self.ready(painter, x, y, width),
            Column::Restarts => self.restarts(painter, x, y, width),
            Column::Drift => self.drift(painter, x, y, width),
            Column::Errors | Column::P99 | Column::Rate => self.number(painter, column, x, y, width),
            Column::Sla => self.availability(painter, x, y, width, false),
            Column::Availability => self.availability(painter, x, y, width, true),
            Column::Trend => {
                let Some(seen) = self.place.and_then(|place| place.indicators.as_ref()) else { return };
                let line = sparkline(&seen.trend, width, full_scale(&seen.trend));
                let mark = self.status();
                let role = if mark.role == Role::StatusOk { Role::Chart } else { mark.role };
                painter.text(x, y, width, &line, painter.style(role));
            }
        }
    }

    fn name(&self, painter: &mut Painter<'_>, x: u16, y: u16, width: u16) {
        let role = match self.verdict() {
            None => Role::Dim,
            Some(SlaVerdict::Violated | SlaVerdict::Burning) => self.status().role,
            Some(_) => Role::Text,
        };
        let used = painter.text(x, y, width, self.row.service.name.as_str(), painter.style(role));
        if self.row.incidents > 0 && used + 2 <= width {
            painter.text(x + used + 1, y, 1, "!", painter.style(Role::StatusCritical));
        }
    }

    /// `1.3.0`, or `1.3.0 → 1.2.3` where something else runs than the catalog says.
    fn version(&self, painter: &mut Painter<'_>, x: u16, y: u16, width: u16) {
        let dim = painter.style(Role::Dim);
        let wanted = self.wanted();
        let running = self.place.and_then(Place::version).filter(|_| !self.runs_shown);
        if let Some(running) = running.filter(|running| *running != wanted) {
            let style = if self.stale.cluster { dim } else { painter.style(Role::StatusWarning) };
            let line = [piece(wanted, dim), piece(" → ", dim), piece(running.to_owned(), style)];
            painter.line(x, y, width, &line);
        } else {
            let style = if self.place.is_some() { painter.style(Role::Text) } else { dim };
            painter.text(x, y, width, &wanted, style);
        }
    }

    fn wanted(&self) -> String {
        self.row.service.version.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string)
    }

    fn runs(&self, painter: &mut Painter<'_>, x: u16, y: u16, width: u16) {
        let running = self.place.and_then(Place::version);
        let role = match running {
            None => Role::Dim,
            Some(_) if self.stale.cluster => Role::Dim,
            Some(running) if running == self.wanted() => Role::Text,
            Some(_) => Role::StatusWarning,
        };
        painter.text(x, y, width, running.unwrap_or("–"), painter.style(role));
    }

    /// `deprecated · 34d left`: where it stands in its life, and how long still.
    fn lifecycle(&self, painter: &mut Painter<'_>, x: u16, y: u16, width: u16) {
        let service = &self.row.service;
        let date = match service.status {
            Lifecycle::Maintenance => service.support_until,
            Lifecycle::Deprecated => service.sunset_date,
            _ => None,
        };
        let days = date.map(|date| (date - self.view.now().date_naive()).num_days());
        let style = painter.style(life(service.status));
        let mut line = vec![piece(service.status.as_str(), style)];
        match days {
            Some(days @ 0..) => line.push(piece(format!(" · {days}d left"), painter.style(Role::Dim))),
            Some(days) => {
                line.push(piece(format!(" · {}d over", -days), painter.style(Role::StatusCritical)));
            }
            None => {}
        }
        painter.line(x, y, width, &line);
    }

    fn ready(&self, painter: &mut Painter<'_>, x: u16, y: u16, width: u16) {
        let dim = painter.style(Role::Dim);
        let Some(workload) = self.place.and_then(|place| place.workload.as_ref()) else {
            painter.right(x, y, width, "–", dim);
            return;
        };
        let style = match &workload.health {
            _ if self.stale.cluster => dim,
            Health::Degraded(_) => painter.style(Role::StatusCritical),
            Health::Healthy if workload.ready >= workload.desired => painter.style(Role::Text),
            _ => painter.style(Role::StatusWarning),
        };
        painter.right(x, y, width, &format!("{}/{}", workload.ready, workload.desired), style);
    }

    /// `4 · 12m`: how often, and when last.
    fn restarts(&self, painter: &mut Painter<'_>, x: u16, y: u16, width: u16) {
        let dim = painter.style(Role::Dim);
        let Some(Restarts { count, last }) = self.place.and_then(|place| place.restarts) else {
            painter.right(x, y, width, "–", dim);
            return;
        };
        let age = last.map(|last| self.view.now() - last);
        let is_fresh = age.is_some_and(|age| age < LATELY);
        let role = match count {
            _ if self.stale.cluster => Role::Dim,
            0 => Role::Dim,
            _ if is_fresh => Role::StatusWarning,
            _ => Role::Text,
        };
        let mut line = vec![piece(count.to_string(), painter.style(role))];
        if let Some(age) = age {
            line.push(piece(format!(" · {}", brief_age(age)), dim));
        }
        painter.line_right(x, y, width, &line);
    }

    /// `version · 4s`: in what it differs, and how old the picture is that says so.
    fn drift(&self, painter: &mut Painter<'_>, x: u16, y: u16, width: u16) {
        let dim = painter.style(Role::Dim);
        let Some(place) = self.place else {
            painter.text(x, y, width, "–", dim);
            return;
        };
        let verdict = place.drift(&self.row.service);
        let role = match verdict {
            _ if self.stale.cluster => Role::Dim,
            Drift::Differs | Drift::OutOfSync => Role::StatusWarning,
            Drift::Same | Drift::Unknown => Role::Dim,
        };
        let seen = || self.view.environment.and_then(|environment| self.view.cluster(environment).at);
        let mut line = vec![piece(verdict.as_str(), painter.style(role))];
        if let Some(at) = place.compared_at().or_else(seen).filter(|_| verdict != Drift::Unknown) {
            let age = self.view.now() - at;
            let age = match age.num_seconds() {
                seconds @ ..60 => format!("{}s", seconds.max(0)),
                _ => brief_age(age),
            };
            line.push(piece(format!(" · {age}"), dim));
        }
        painter.line(x, y, width, &line);
    }

    fn number(&self, painter: &mut Painter<'_>, column: Column, x: u16, y: u16, width: u16) {
        let seen = self.place.and_then(|place| place.indicators.as_ref());
        let promise = || self.view.catalog.map(|catalog| catalog.sla(&self.row.service));
        let (shown, is_bad) = match column {
            Column::Errors => {
                let errors = seen.and_then(|seen| seen.error_ratio);
                let allowed = || {
                    let promise = promise()?;
                    promise
                        .error_rate
                        .map(Ratio::share)
                        .or_else(|| promise.availability.map(Ratio::complement))
                };
                let is_bad = errors
                    .is_some_and(|errors| errors > 0.0 && allowed().is_some_and(|allowed| errors > allowed));
                (errors.map(brief_percent), is_bad)
            }
            Column::P99 => {
                let p99 = seen.and_then(|seen| seen.p99_seconds);
                let is_bad = p99.is_some_and(|p99| {
                    promise()
                        .and_then(|promise| promise.response_time_p99)
                        .is_some_and(|bound| p99 * 1000.0 > bound.num_milliseconds() as f64)
                });
                (p99.map(brief_seconds), is_bad)
            }
            _ => (seen.and_then(|seen| seen.rate).map(brief_number), false),
        };
        let role = match (&shown, is_bad) {
            _ if shown.is_none() || self.stale.metrics => Role::Dim,
            (_, true) => Role::StatusWarning,
            (_, false) => Role::Text,
        };
        painter.right(x, y, width, &short(shown), painter.style(role));
    }

    /// `99.98%`, or with the promise behind it: `99.98% / 99.9%`.
    fn availability(&self, painter: &mut Painter<'_>, x: u16, y: u16, width: u16, promised: bool) {
        let shown = self.place.and_then(|place| place.judgement.availability).map(format_percent);
        let mark = self.status();
        let role = match &shown {
            None => Role::Dim,
            Some(_) if mark.role == Role::StatusOk => Role::Text,
            Some(_) => mark.role,
        };
        let mut line = vec![piece(short(shown), painter.style(role))];
        if promised {
            let promise = self.view.catalog.and_then(|catalog| catalog.sla(&self.row.service).availability);
            let words = promise.map_or_else(|| "–".to_owned(), |promise| promise.to_string());
            line.push(piece(format!(" / {words:>6}"), painter.style(Role::Dim)));
        }
        painter.line_right(x, y, width, &line);
    }
}

/// How a state of life is said: quietly, unless somebody must move away.
const fn life(state: Lifecycle) -> Role {
    match state {
        Lifecycle::Ga => Role::Dim,
        Lifecycle::Deprecated | Lifecycle::Retired => Role::StatusWarning,
        _ => Role::Text,
    }
}

fn short(shown: Option<String>) -> String {
    shown.unwrap_or_else(|| "–".to_owned())
}
