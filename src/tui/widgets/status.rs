//! States as a glyph, a word and a role: what is said never depends on colour alone.

use crate::{
    config::theme::Role,
    domain::{
        change::Change,
        cross_project::{ComplianceState, MigrationState, Standing},
        deployment::Health,
        escalation::Severity,
        finding::Level,
        gate::{Gate, GateState, GateStatus},
        impact::Harm,
        ledger::Verdict,
        signature::SignatureState,
        sla::SlaVerdict,
    },
    model::world::Freshness,
};

/// A state as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Its glyph, different for each state.
    pub glyph: &'static str,
    /// Its word.
    pub word: &'static str,
    /// Its role in the theme.
    pub role: Role,
}

const fn status(glyph: &'static str, word: &'static str, role: Role) -> Status {
    Status { glyph, word, role }
}

/// A promise.
pub const fn sla(verdict: SlaVerdict) -> Status {
    match verdict {
        SlaVerdict::Violated => status("■", "violated", Role::StatusCritical),
        SlaVerdict::Burning => status("▲", "burning", Role::StatusWarning),
        SlaVerdict::NoData => status("◌", "no data", Role::StatusUnknown),
        SlaVerdict::Met => status("●", "met", Role::StatusOk),
    }
}

/// The result of a check.
pub const fn verdict(verdict: Verdict) -> Status {
    match verdict {
        Verdict::Pass => status("●", "verified", Role::StatusOk),
        Verdict::Fail => status("■", "failed", Role::StatusCritical),
        Verdict::NoData => status("◌", "not verified: no data", Role::StatusUnknown),
        Verdict::Error => status("▲", "not verified: error", Role::StatusWarning),
    }
}

/// A severity.
pub const fn severity(severity: Severity) -> Status {
    match severity {
        Severity::Critical => status("■", "critical", Role::StatusCritical),
        Severity::High => status("▲", "high", Role::StatusWarning),
        Severity::Medium => status("△", "medium", Role::StatusWarning),
        Severity::Low => status("○", "low", Role::Text),
        Severity::Info => status("·", "info", Role::Dim),
    }
}

/// A finding's level.
pub const fn level(level: Level) -> Status {
    match level {
        Level::Error => status("■", "error", Role::StatusCritical),
        Level::Warning => status("▲", "warning", Role::StatusWarning),
        Level::Note => status("·", "note", Role::Dim),
    }
}

/// A gate.
pub const fn gate(state: &GateState) -> Status {
    match state {
        GateState::Approved { .. } => status("✓", "approved", Role::StatusOk),
        GateState::Open => status("○", "open", Role::Text),
        GateState::Fallen { .. } => status("↺", "fallen", Role::StatusWarning),
    }
}

/// A gate of a change: an approval that does not count for its signature is seen.
pub fn gate_of(change: &Change, status: &GateStatus) -> Status {
    if change.unproven_of(status.gate).next().is_some() {
        return self::status("■", "unproven", Role::StatusCritical);
    }
    gate(&status.state)
}

/// How an event is signed.
pub const fn signature(state: &SignatureState) -> Status {
    match state {
        SignatureState::Valid { .. } => status("●", "signed", Role::StatusOk),
        SignatureState::Unsigned => status("○", "unsigned", Role::Dim),
        SignatureState::Foreign { .. } => status("■", "signed by another", Role::StatusCritical),
        SignatureState::Bad(_) => status("■", "bad signature", Role::StatusCritical),
        SignatureState::Unknown { .. } => status("▲", "unknown key", Role::StatusWarning),
        SignatureState::Unchecked(_) => status("▲", "not checked", Role::StatusWarning),
    }
}

/// A gate's name where there is little room.
pub const fn gate_name(gate: Gate) -> &'static str {
    match gate {
        Gate::CodeReview => "review",
        Gate::Security => "security",
        Gate::Architecture => "architecture",
        Gate::Compliance => "compliance",
    }
}

/// A source.
pub const fn freshness(freshness: Freshness) -> Status {
    match freshness {
        Freshness::Live => status("●", "live", Role::StatusOk),
        Freshness::Loading => status("◌", "loading", Role::StatusUnknown),
        Freshness::Partial => status("▲", "partial", Role::StatusWarning),
        Freshness::Stale => status("▲", "stale", Role::StatusWarning),
        Freshness::Failed => status("■", "failed", Role::StatusCritical),
    }
}

/// What becomes of a service.
pub const fn harm(harm: Harm) -> Status {
    match harm {
        Harm::Breaks => status("■", "breaks", Role::StatusCritical),
        Harm::Falls => status("■", "falls", Role::StatusCritical),
        Harm::AtRisk => status("▲", "at risk", Role::StatusWarning),
        Harm::Degrades => status("▲", "degrades", Role::StatusWarning),
        Harm::Unharmed => status("●", "unharmed", Role::StatusOk),
    }
}

/// A workload.
pub const fn health(health: &Health) -> Status {
    match health {
        Health::Healthy => status("●", "healthy", Role::StatusOk),
        Health::Progressing(_) => status("▸", "progressing", Role::StatusWarning),
        Health::Degraded(_) => status("■", "degraded", Role::StatusCritical),
        Health::Paused => status("▲", "paused", Role::StatusWarning),
        Health::Unknown => status("◌", "unknown", Role::StatusUnknown),
    }
}

/// A demand of a version.
pub const fn compliance(state: ComplianceState) -> Status {
    match state {
        ComplianceState::Unmet => status("■", "unmet", Role::StatusCritical),
        ComplianceState::LagsInProduction => status("■", "lags", Role::StatusCritical),
        ComplianceState::Lags => status("▲", "lags", Role::StatusWarning),
        ComplianceState::Drifts => status("△", "drifts", Role::StatusWarning),
        ComplianceState::Unknown => status("◌", "no data", Role::StatusUnknown),
        ComplianceState::Met => status("●", "met", Role::StatusOk),
    }
}

/// What runs in one environment, held against a demand.
pub const fn standing(standing: Standing) -> Status {
    match standing {
        Standing::Meets => status("●", "fits", Role::StatusOk),
        Standing::Below => status("▼", "too old", Role::StatusCritical),
        Standing::Outside => status("■", "does not fit", Role::StatusCritical),
        Standing::Behind => status("▼", "behind", Role::StatusWarning),
        Standing::Ahead => status("▲", "ahead", Role::StatusWarning),
        Standing::Unknown => status("◌", "no data", Role::StatusUnknown),
        Standing::Absent => status("◌", "not there", Role::StatusUnknown),
        Standing::NotConcerned => status("·", "not concerned", Role::Dim),
    }
}

/// A migration.
pub const fn migration(state: MigrationState) -> Status {
    match state {
        MigrationState::Overdue => status("■", "overdue", Role::StatusCritical),
        MigrationState::Near => status("▲", "near", Role::StatusWarning),
        MigrationState::Undated => status("△", "no date", Role::StatusWarning),
        MigrationState::Moving => status("○", "moving", Role::Text),
        MigrationState::Done => status("●", "done", Role::StatusOk),
    }
}

/// Where a change stands: what blocks it, or what it waits for.
pub fn stage(change: &Change) -> Status {
    let is_broken = change.errors() > 0 || change.wishes.iter().any(|wish| !wish.answered);
    let is_open = change.gates.iter().any(|gate| !gate.is_approved());
    match (is_broken, is_open) {
        (true, _) => status("■", "blocked", Role::StatusCritical),
        (false, true) => status("○", "in review", Role::Text),
        (false, false) => status("●", "ready", Role::StatusOk),
    }
}
