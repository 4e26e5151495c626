//! Everything about one service: what was said, what runs, what was promised, what was seen, and who is concerned.

mod ladder;

use super::window;
use crate::{
    config::theme::Role,
    domain::{
        catalog::{Catalog, Dependency, Service, Sla},
        deployment::{Health, Restarts, WorkloadDetail, record::Ending, shown_version},
        finding::Span,
        name::ServiceName,
        sla::SlaVerdict,
        units::{format_duration, format_percent},
    },
    model::join::{Drift, Place, ServiceRow},
    tui::{
        paint::{Line, Painter, piece},
        panes::inventory::{brief_number, brief_percent, brief_seconds, full_scale},
        view::View,
        widgets::{sparkline::sparkline, status},
    },
};
use ratatui::layout::Rect;
use window::Page;

const WIDTH: u16 = 104;

/// Draws the details of a service.
pub fn draw(view: &View<'_>, painter: &mut Painter<'_>, body: Rect, name: &ServiceName, offset: usize) {
    let row = view.joined.service(name.as_str());
    let mut title = vec![piece(name.to_string(), painter.style(Role::Title))];
    if let Some(row) = row {
        let mark = status::sla(row.verdict);
        title.push(piece(format!("  {} {}", mark.glyph, mark.word), painter.style(mark.role)));
    }
    window::page(painter, body, WIDTH, &title, offset, |page| match (row, view.catalog) {
        (Some(row), Some(catalog)) => fill(view, page, catalog, row),
        _ => page.text("the catalog does not name this service any more", Role::Dim, 0),
    });
}

fn fill(view: &View<'_>, page: &mut Page<'_>, catalog: &Catalog, row: &ServiceRow) {
    let service = &*row.service;
    if let Some(description) = &service.description {
        page.text(description, Role::Text, 0);
        page.blank();
    }
    trouble(page, row);
    identity(page, catalog, service);
    for place in &row.places {
        self::place(view, page, &catalog.sla(service), service, place);
    }
    if row.places.is_empty() {
        page.heading("Places");
        page.text("it runs in no environment", Role::Dim, 0);
    }
    promises(page, catalog, service);
    dependencies(view, page, catalog, service);
    governance(page, catalog, service);
    ladder::add(page, catalog, service);
    open(view, page, service);
}

/// Why it is not well, before everything else.
fn trouble(page: &mut Page<'_>, row: &ServiceRow) {
    let Some(place) = row.main_place().filter(|_| row.verdict != SlaVerdict::Met) else { return };
    let mark = status::sla(row.verdict);
    for reason in &place.judgement.reasons {
        let words = format!("{}: {reason}", place.target.environment);
        page.marked(mark.glyph, mark.role, &words, Role::Text);
    }
    page.blank();
}

/// `services/catalog.toml:12`: where something stands.
fn place_of(catalog: &Catalog, span: &Span) -> String {
    catalog.files.get(span.file as usize).map_or_else(String::new, |file| {
        let (line, _) = file.position(span.start as usize);
        format!("{}:{line}", file.path)
    })
}

/// What it promises, and who says so.
fn promises(page: &mut Page<'_>, catalog: &Catalog, service: &Service) {
    let own = service.sla.clone().unwrap_or_default();
    let tier = catalog.sla_by_tier.get(service.tier.as_str()).cloned().unwrap_or_default();
    let all = catalog.sla(service);
    let seconds = |bound: chrono::Duration| brief_seconds(bound.num_milliseconds() as f64 / 1000.0);
    let tier_name = service.tier.as_str();
    let facts = [
        (
            "availability",
            all.availability.map(|ratio| ratio.to_string()),
            own.availability.is_some(),
            tier.availability.is_some(),
        ),
        (
            "p99",
            all.response_time_p99.map(seconds),
            own.response_time_p99.is_some(),
            tier.response_time_p99.is_some(),
        ),
        (
            "errors",
            all.error_rate.map(|ratio| ratio.to_string()),
            own.error_rate.is_some(),
            tier.error_rate.is_some(),
        ),
        ("judged over", all.window.map(format_duration), own.window.is_some(), tier.window.is_some()),
    ];
    let sla =
        ["sla.availability", "sla.response_time_p99"].into_iter().find_map(|key| service.spans.get(key));
    page.heading_at("Promises", &sla.map_or_else(String::new, |span| place_of(catalog, span)));
    if facts.iter().all(|(_, value, ..)| value.is_none()) {
        page.text("nothing", Role::Dim, 0);
    }
    for (label, value, is_own, is_tier) in facts {
        let Some(value) = value else { continue };
        let from = match (is_own, is_tier) {
            (true, _) => String::new(),
            (false, true) => format!("as tier {tier_name}, policies/sla.toml"),
            (false, false) => "as every service, policies/sla.toml".to_owned(),
        };
        let line: Line<'_> =
            vec![piece(format!("{value:<10}"), page.style(Role::Text)), piece(from, page.style(Role::Dim))];
        page.fact_line(label, line);
    }
}

fn identity(page: &mut Page<'_>, catalog: &Catalog, service: &Service) {
    page.fact(
        "version",
        &service.version.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string),
        Role::Text,
    );
    if let Some(previous) = catalog.previous_versions.get(&service.name).filter(|list| !list.is_empty()) {
        let list: Vec<String> = previous.iter().take(5).map(ToString::to_string).collect();
        page.fact("before", &list.join(", "), Role::Dim);
    }
    let dates = [("deprecated", service.deprecation_date), ("gone by", service.sunset_date)];
    let status: Vec<String> = std::iter::once(service.status.as_str().to_owned())
        .chain(dates.into_iter().filter_map(|(word, date)| Some(format!("{word} {}", date?))))
        .chain(service.replacement_service.iter().map(|other| format!("replaced by {other}")))
        .collect();
    let status = status.join(" · ");
    page.fact("status", &status, Role::Text);
    page.fact("type, tier", &format!("{}, {}", service.kind, service.tier.as_str()), Role::Text);
    page.fact("project", service.project.as_ref().map_or("shared", |project| project.as_str()), Role::Text);
    page.fact_if("owner", service.owner.as_ref());
    page.fact("managed by", service.deployment.managed_by.as_str(), Role::Text);
    page.fact_if("image", service.image.as_ref());
    let marks: Vec<&str> = [(service.sensitive, "sensitive"), (service.regulated, "regulated")]
        .into_iter()
        .filter_map(|(is_set, word)| is_set.then_some(word))
        .collect();
    if !marks.is_empty() {
        page.fact("marked", &marks.join(", "), Role::Text);
    }
    page.fact("said in", &place_of(catalog, &service.span), Role::Dim);
}

fn place(view: &View<'_>, page: &mut Page<'_>, promise: &Sla, service: &Service, place: &Place) {
    page.blank();
    let mark = status::sla(place.judgement.verdict);
    let mut heading: Line<'_> = vec![piece(place.target.environment.to_string(), page.style(Role::Title))];
    if place.target.production {
        heading.push(piece(" ", page.style(Role::Text)));
        heading.push(piece(" PRODUCTION ", page.style(Role::Production)));
    }
    heading.push(piece(format!("  {} {}", mark.glyph, mark.word), page.style(mark.role)));
    page.lines.push(heading);
    let target = &place.target;
    page.fact("where", &format!("{} · {}/{}", target.context, target.namespace, target.workload), Role::Dim);
    match &place.workload {
        Some(workload) => {
            let health = status::health(&workload.health);
            let mut line: Line<'_> = vec![
                piece(format!("{} {}", health.glyph, health.word), page.style(health.role)),
                piece(
                    format!(", {} of {} pods ready", workload.ready, workload.desired),
                    page.style(Role::Text),
                ),
            ];
            if let Health::Progressing(detail) | Health::Degraded(detail) = &workload.health {
                line.push(piece(format!(" · {detail}"), page.style(Role::Dim)));
            }
            let version = workload.version.clone().unwrap_or_else(|| "unknown version".to_owned());
            page.fact("runs", &version, Role::Text);
            drift(view, page, service, place);
            page.fact_line("pods", line);
            if let Some(Restarts { count: count @ 1.., last }) = place.restarts {
                let age = last.map(|last| view.age(last));
                let age = age.map_or_else(String::new, |age| format!(", the last {age} ago"));
                page.fact("restarts", &format!("{count}{age}"), Role::Text);
            }
            detail(view, page, &workload.detail);
        }
        None => page.fact("runs", "the cluster does not tell", Role::Dim),
    }
    deployed(view, page, service, place);
    if let Some(application) = &place.application {
        let words = format!(
            "{}/{}: {}, {}{}",
            application.namespace,
            application.name,
            application.sync,
            application.health,
            if application.automated { ", automated sync" } else { "" }
        );
        page.fact("application", &words, Role::Text);
        if let Some(message) = &application.message {
            page.fact("", message, Role::Dim);
        }
    }
    if let Some(keeper) = &place.keeper {
        let (words, role) = match (keeper.is_suspended, keeper.ready) {
            (true, _) => ("suspended", Role::StatusWarning),
            (false, Some(true)) => ("ready", Role::Text),
            (false, Some(false)) => ("not ready", Role::StatusCritical),
            (false, None) => ("reconciling", Role::Text),
        };
        page.fact("flux", &format!("{}: {words}, {}", keeper.object, keeper.revision), role);
        if keeper.ready == Some(false) {
            page.fact("", &keeper.message, Role::Dim);
        }
    }
    observed(page, promise, place);
    for reason in &place.judgement.reasons {
        page.fact("why", reason, mark.role);
    }
}

/// Whether Git says the same, and how old that verdict is.
fn drift(view: &View<'_>, page: &mut Page<'_>, service: &Service, place: &Place) {
    let environment = view.catalog.and_then(|catalog| catalog.environment(place.target.environment.as_str()));
    let seen = environment.and_then(|environment| view.cluster(environment).at);
    let age = place.compared_at().or(seen);
    let age = age.map(|at| view.age(at));
    let age = age.map_or_else(String::new, |age| format!(" (seen {age} ago)"));
    let merged = service.version.as_ref().map_or_else(String::new, ToString::to_string);
    let (words, role) = match place.drift(service) {
        Drift::Same => ("says the same".to_owned(), Role::Dim),
        Drift::Differs => (format!("says {merged}, which does not run"), Role::StatusWarning),
        Drift::OutOfSync => ("says something else than what is applied".to_owned(), Role::StatusWarning),
        Drift::Unknown => ("cannot be compared".to_owned(), Role::Dim),
    };
    page.fact("git", &(words + &age), role);
}

/// The newest deployment of the service there: how it ended, or how far it is.
fn deployed(view: &View<'_>, page: &mut Page<'_>, service: &Service, place: &Place) {
    let Some(ledger) = &view.model.world.ledger.value else { return };
    let newest = ledger.operations.deployments.values().rev().find(|record| {
        record.order.service == service.name && record.order.place(&place.target.environment).is_some()
    });
    let Some(record) = newest else { return };
    let ago = |at: chrono::DateTime<chrono::Utc>| view.age(at);
    let version = shown_version(&record.order.version);
    let (words, role) = match (&record.finished, record.next_leg()) {
        (Some(finished), _) => {
            let role = if finished.ending == Ending::RolledBack { Role::StatusWarning } else { Role::Text };
            (format!("{version} {} {} ago, {}", finished.ending.as_str(), ago(finished.at), record.id), role)
        }
        (None, Some(leg)) => {
            let how = if record.held.is_some() { "held at" } else { "is at" };
            (
                format!("{version} {how} {}, {} since {}", leg.stage, record.id, ago(record.started_at)),
                Role::Accent,
            )
        }
        (None, None) => (format!("{version} is at its end, {}", record.id), Role::Accent),
    };
    page.fact("deployed", &words, role);
}

/// What a workload says of itself besides what runs.
fn detail(view: &View<'_>, page: &mut Page<'_>, detail: &WorkloadDetail) {
    if let Some((step, all)) = detail.step {
        let weight = detail.weight.map(|weight| format!(", the new version has {weight} %"));
        page.fact("update", &format!("step {step} of {all}{}", weight.unwrap_or_default()), Role::Text);
    }
    for condition in &detail.conditions {
        page.fact("condition", condition, Role::StatusWarning);
    }
    if let Some(since) = detail.since {
        let age = view.age(since);
        page.fact("there since", &format!("{} ({age})", since.format("%Y-%m-%d")), Role::Dim);
    }
}

/// Promise and observation beside each other.
fn observed(page: &mut Page<'_>, promise: &Sla, place: &Place) {
    let seen = place.indicators.as_ref();
    let rows = [
        (
            "availability",
            place.judgement.availability.map(format_percent),
            promise.availability.map(|ratio| ratio.to_string()),
        ),
        (
            "errors",
            seen.and_then(|seen| seen.error_ratio).map(brief_percent),
            promise.error_rate.map(|ratio| ratio.to_string()),
        ),
        (
            "p99",
            seen.and_then(|seen| seen.p99_seconds).map(brief_seconds),
            promise.response_time_p99.map(|bound| brief_seconds(bound.num_milliseconds() as f64 / 1000.0)),
        ),
        ("requests/s", seen.and_then(|seen| seen.rate).map(brief_number), None),
    ];
    for (label, observed, promised) in rows {
        if observed.is_none() && promised.is_none() {
            continue;
        }
        let mut line: Line<'_> = vec![piece(
            format!("{:<10}", observed.unwrap_or_else(|| "no data".to_owned())),
            page.style(Role::Text),
        )];
        if let Some(promised) = promised {
            line.push(piece(format!("promised {promised}"), page.style(Role::Dim)));
        }
        page.fact_line(label, line);
    }
    if let Some(trend) = seen.map(|seen| &seen.trend).filter(|trend| !trend.is_empty()) {
        let line = sparkline(trend, 24, full_scale(trend));
        let words = most_errors(trend);
        page.fact_line(
            "trend",
            vec![piece(line, page.style(Role::Chart)), piece(words, page.style(Role::Dim))],
        );
    }
    if let Some(problem) = seen.and_then(|seen| seen.problem.as_ref()) {
        page.fact("last scrape", problem, Role::StatusWarning);
    }
}

/// How many errors there were at most: what was seen, not the end of the scale.
fn most_errors(trend: &[f64]) -> String {
    match trend.iter().copied().filter(|sample| sample.is_finite()).reduce(f64::max) {
        None => "  no data".to_owned(),
        Some(most) if most <= 0.0 => "  no errors".to_owned(),
        Some(most) => format!("  up to {} errors", brief_percent(most)),
    }
}

fn dependencies(view: &View<'_>, page: &mut Page<'_>, catalog: &Catalog, service: &Service) {
    let first = service.dependencies.first();
    page.heading_at("Needs", &first.map_or_else(String::new, |need| place_of(catalog, &need.span)));
    if service.dependencies.is_empty() {
        page.text("nothing", Role::Dim, 0);
    }
    for Dependency { service, requirement, optional, .. } in &service.dependencies {
        let mark = view.joined.service(service.as_str()).map_or(
            status::Status { glyph: "■", word: "not in the catalog", role: Role::StatusCritical },
            |row| status::sla(row.verdict),
        );
        let requirement = requirement.as_ref().map_or_else(String::new, |wanted| format!(" {wanted}"));
        let optional = if *optional { ", optional" } else { "" };
        page.lines.push(vec![
            piece(format!("{} ", mark.glyph), page.style(mark.role)),
            piece(service.to_string(), page.style(Role::Text)),
            piece(format!("{requirement}{optional} · {}", mark.word), page.style(Role::Dim)),
        ]);
    }
    page.heading("Used by");
    let users = view.joined.dependants.get(&service.name).map_or(&[][..], Vec::as_slice);
    if users.is_empty() {
        page.text("no service", Role::Dim, 0);
    } else {
        let names: Vec<&str> = users.iter().map(crate::domain::name::ServiceName::as_str).collect();
        page.text(&names.join(", "), Role::Text, 0);
    }
}

fn governance(page: &mut Page<'_>, catalog: &Catalog, service: &Service) {
    let governance = &service.governance;
    if governance.approvers.is_empty()
        && governance.break_changes_notice.is_none()
        && service.migration.is_none()
    {
        return;
    }
    let keys = ["governance.approvers", "governance.break_changes_notice", "governance.change_log"];
    let span = keys.into_iter().find_map(|key| service.spans.get(key));
    page.heading_at("Governance", &span.map_or_else(String::new, |span| place_of(catalog, span)));
    if !governance.approvers.is_empty() {
        let names: Vec<&str> =
            governance.approvers.iter().map(crate::domain::name::TeamName::as_str).collect();
        page.fact("approvers", &names.join(", "), Role::Text);
    }
    page.fact_if(
        "notice",
        governance.break_changes_notice.map(|days| format!("{days} days before a breaking change")),
    );
    page.fact_if("change log", governance.change_log.as_ref());
    if let Some(migration) = &service.migration {
        page.fact_if("migration", migration.guide_url.as_ref());
        page.fact_if("difficulty", migration.migration_difficulty.as_ref());
        page.fact_if("support until", migration.support_until.map(|date| date.to_string()));
    }
}

fn open(view: &View<'_>, page: &mut Page<'_>, service: &Service) {
    let changes: Vec<_> =
        view.joined.changes.iter().filter(|change| change.services.contains(&service.name)).collect();
    let incidents: Vec<_> = view
        .joined
        .incidents
        .iter()
        .filter(|incident| incident.service.as_ref() == Some(&service.name))
        .collect();
    if changes.is_empty() && incidents.is_empty() {
        return;
    }
    page.heading("Open");
    for incident in incidents {
        let mark = status::severity(incident.severity);
        page.lines.push(vec![
            piece(format!("{} {} {} ", mark.glyph, incident.id, mark.word), page.style(mark.role)),
            piece(incident.title.clone(), page.style(Role::Text)),
            piece(format!(" · declared {} ago", view.age(incident.declared_at)), page.style(Role::Dim)),
        ]);
    }
    for change in changes {
        let stage = status::stage(change);
        page.lines.push(vec![
            piece(format!("{} {} ", stage.glyph, change.proposal.id), page.style(stage.role)),
            piece(format!("{}, {}", change.class, stage.word), page.style(Role::Text)),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::most_errors;

    #[test]
    fn the_most_errors_are_those_that_were_seen() {
        for (trend, expected) in [
            (&[0.0, 0.0][..], "  no errors"),
            // Below the end of the scale, which is one per cent at least.
            (&[0.0, 0.001, 0.0005], "  up to 0.10% errors"),
            (&[0.02, f64::NAN], "  up to 2.0% errors"),
            (&[f64::NAN], "  no data"),
        ] {
            assert_eq!(most_errors(trend), expected, "{trend:?}");
        }
    }
}
