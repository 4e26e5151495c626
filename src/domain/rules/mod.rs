//! Validation rules: one file each, and the table that lists them.

mod alert_without_channel;
mod backdated_notice;
mod beta_without_opt_in;
mod blocked_dependency;
mod breaking_change;
mod breaking_without_notice;
mod canary_steps;
mod change_log_missing;
pub mod claims_less;
mod compatibility_above_version;
mod consumers_disagree;
mod consumers_not_told;
mod credential;
mod critical_requires_lower;
mod deadline_moved;
mod dependency_cycle;
mod depends_on_deprecated;
mod depends_on_development;
mod depends_on_retired;
mod deprecated_without_guide;
mod deprecated_without_replacement;
mod development_in_production;
mod duplicate_dependency;
mod duplicate_error_type;
mod empty_team;
mod exemption;
mod feature_in_maintenance;
mod forbidden_port;
mod forbidden_privilege;
mod foreign_image;
mod ga_below_availability;
#[cfg(test)]
mod hostile;
mod impossible_freeze;
mod invalid_filter;
mod invalid_recurrence;
mod latency_order;
mod lead_not_member;
mod mass_deletion;
mod migration_too_short;
mod missing_dependency;
mod missing_optional_dependency;
mod mutable_image;
mod needless_opt_in;
mod notice_too_short;
mod on_call_without_rotation;
mod open_network;
mod person_without_team;
mod policy_rule;
pub mod reading;
mod regulated_without_gate;
mod removed_in_use;
mod replacement_cycle;
mod requirement_below_compatible;
mod retired_early;
mod retired_still_deployed;
mod rotation_gap;
mod rule_level_changed;
mod self_dependency;
mod sensitive_without_gate;
mod sla_above_dependency;
mod sla_above_series;
mod sla_lowered;
mod sunset_passed;
mod support_ended;
mod support_too_short;
#[cfg(test)]
mod tests;
mod threshold_above_buckets;
mod threshold_against_promise;
mod transition_not_allowed;
mod unknown_calendar_scope;
mod unknown_column;
mod unknown_environment;
mod unknown_escalation_target;
mod unknown_file;
mod unknown_network_peer;
mod unknown_pattern;
mod unknown_person;
mod unknown_team;
mod unmeasured_promise;
mod unmet_requirement;
mod unproven_start;
mod unreachable_burn_rate;
mod unreachable_escalation;
mod unused_pattern;
mod version_form;
mod version_lowered;
mod version_not_raised;
mod window_inside_freeze;

pub use credential::{Searched, without_secrets};

use crate::domain::{
    catalog::{Catalog, Dependency, ManagedBy, Service, UNKNOWN_STATUS},
    finding::{Finding, Level, Span},
    graph::DependencyGraph,
    lifecycle::{DutyKind, Lifecycle, production_of},
    name::{ServiceName, TeamName},
    policy::Policies,
    text::nearest,
};
use chrono::NaiveDate;
use std::{
    borrow::Cow,
    collections::HashMap,
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// What a rule may look at.
#[derive(Debug)]
pub struct Context<'a> {
    /// The repository as it would be.
    pub head: &'a Catalog,
    /// The repository as it is on the main branch; `None` when there is nothing to compare with.
    pub base: Option<&'a Catalog>,
    /// Dependencies of `head`.
    pub graph: &'a DependencyGraph,
    /// The services of `head` in the order of the catalog, which is that of the graph.
    services: Vec<&'a Arc<Service>>,
    /// The same services on the main branch, where they are there.
    earlier: Vec<Option<&'a Arc<Service>>>,
    /// Who depends on each of them; see [`Self::uses`].
    uses: Vec<Vec<Use<'a>>>,
    /// Every dependency on what is not in `head`, by its name.
    dangling: HashMap<&'a ServiceName, Vec<Use<'a>>>,
    /// Every dependency of a service that is not retired on another one that exists, with that one.
    needs: Vec<(Use<'a>, &'a Arc<Service>)>,
    /// Where the needs of each service begin in `needs`, and behind the last one where they end.
    needs_from: Vec<usize>,
    /// Services that differ between `base` and `head`: as they were, and as they would be.
    kept: Vec<(&'a Arc<Service>, &'a Arc<Service>)>,
    /// Whether any service, here or on the main branch, says where it stands in its life.
    lifecycle: bool,
    /// What both the main branch and `head` demand: a change must not loosen what it is judged by.
    policies: Cow<'a, Policies>,
    /// The day of the check, UTC.
    pub today: NaiveDate,
}

/// A service that depends on another one, and where it says so.
#[derive(Debug, Clone, Copy)]
pub struct Use<'a> {
    /// Who depends.
    pub user: &'a Arc<Service>,
    /// How.
    pub dependency: &'a Dependency,
}

/// More places than this are not shown in one finding; its message counts the rest.
const MOST_PLACES: usize = 8;

/// For as many findings of a rule it is searched which name was meant. The search looks at every name; when
/// more are missing, it is no slip of the pen.
const MOST_SUGGESTIONS: usize = 50;

impl<'a> Context<'a> {
    fn new(
        head: &'a Catalog,
        base: Option<&'a Catalog>,
        graph: &'a DependencyGraph,
        today: NaiveDate,
    ) -> Self {
        // Names are looked up once: rules that walk along dependencies go by places.
        let services: Vec<&Arc<Service>> = head.services.values().collect();
        let mut uses: Vec<Vec<Use<'a>>> = vec![Vec::new(); services.len()];
        let mut dangling: HashMap<_, Vec<_>> = HashMap::new();
        let mut needs = Vec::new();
        let mut needs_from = Vec::with_capacity(services.len() + 1);
        for user in services.iter().copied() {
            needs_from.push(needs.len());
            for dependency in &user.dependencies {
                let one = Use { user, dependency };
                let Some(place) = graph.position(&dependency.service) else {
                    dangling.entry(&dependency.service).or_default().push(one);
                    continue;
                };
                uses[place].push(one);
                if user.status != Lifecycle::Retired && dependency.service != user.name {
                    needs.push((one, services[place]));
                }
            }
        }
        needs_from.push(needs.len());
        let earlier = beside(&services, base);
        let kept = services.iter().zip(&earlier);
        let kept = kept
            .filter_map(|(new, old)| Some(((*old)?, *new)))
            // Most services are the same on both sides.
            .filter(|(old, new)| !Arc::ptr_eq(old, new))
            .collect();
        let policies = match base {
            Some(base) if base.policies != head.policies => {
                Cow::Owned(head.policies.stricter(&base.policies))
            }
            _ => Cow::Borrowed(&head.policies),
        };
        let says = |service: &Arc<Service>| service.spans.contains_key("status");
        let lifecycle = base.into_iter().chain([head]).any(|catalog| catalog.services.values().any(says));
        Self {
            head,
            base,
            graph,
            services,
            earlier,
            uses,
            dangling,
            needs,
            needs_from,
            kept,
            lifecycle,
            policies,
            today,
        }
    }

    /// Whether anybody is in a team. Of a team that is not there another rule speaks.
    fn has_members(&self, team: &TeamName) -> bool {
        self.head.people.team(team.as_str()).is_none_or(|team| !team.members.is_empty())
    }

    /// Everybody who names a service as a dependency, by name: itself and the retired ones, too.
    fn named_by(&self, name: &ServiceName) -> &[Use<'a>] {
        match self.graph.position(name) {
            Some(place) => self.uses.get(place).map(Vec::as_slice).unwrap_or_default(),
            None => self.dangling.get(name).map(Vec::as_slice).unwrap_or_default(),
        }
    }

    /// Who depends on the service of a name in `head`: all but itself and those that are retired, by name.
    fn uses(&self, name: &ServiceName) -> impl Iterator<Item = Use<'a>> {
        let own = name.clone();
        let uses = self.named_by(name).iter().copied();
        uses.filter(move |one| one.user.name != own && one.user.status != Lifecycle::Retired)
    }

    /// What the service at a place depends on, as in `needs`.
    fn needs_of(&self, place: usize) -> &[(Use<'a>, &'a Arc<Service>)] {
        let (Some(from), Some(to)) = (self.needs_from.get(place), self.needs_from.get(place + 1)) else {
            return &[];
        };
        self.needs.get(*from..*to).unwrap_or_default()
    }

    /// The service of a name.
    fn service(&self, name: &ServiceName) -> Option<&'a Arc<Service>> {
        self.services.get(self.graph.position(name)?).copied()
    }

    /// The service as it is on the main branch, if there is one to compare with.
    fn before(&self, service: &Service) -> Option<&'a Arc<Service>> {
        match self.graph.position(&service.name) {
            Some(place) => self.earlier.get(place).copied().flatten(),
            None => self.base?.services.get(&service.name),
        }
    }

    /// Whether a service is held to the duties of its state. One that does not say where it stands counts as
    /// generally available, and is held to that as soon as any service of the repository speaks of the lifecycle, here
    /// or on the main branch: who leaves out `status` gets round nothing. A catalog that never speaks of it is left in
    /// peace, and so is a word that is no state, which has a finding of its own.
    fn is_held_to_its_state(&self, service: &Service) -> bool {
        self.lifecycle && !service.spans.contains_key(UNKNOWN_STATUS)
    }

    /// The services in one of `states` that leave a duty of it undone.
    fn neglecting(
        &self,
        states: &'static [Lifecycle],
        duty: DutyKind,
    ) -> impl Iterator<Item = &'a Arc<Service>> {
        let head = self.head;
        head.services.values().filter(move |service| {
            states.contains(&service.status)
                && self.is_held_to_its_state(service)
                && !duty.is_done(head, service, service.status)
        })
    }

    /// Whether a service is meant to run in production. Where nothing says what production is, everything is that
    /// is neither an experiment nor gone.
    fn runs_in_production(&self, service: &Service) -> bool {
        let environments = &self.head.settings.environments;
        let says = environments.iter().any(|environment| environment.production)
            || environments.is_empty()
                && self.head.project_of(service).is_some_and(|project| project.environment.is_some());
        service.status.is_in_production()
            && service.deployment.managed_by != ManagedBy::Compose
            && (!says || !production_of(self.head, service).is_empty())
    }

    /// `finding` with the places of those who depend, the first few.
    fn place_uses(&self, mut finding: Finding, uses: &[Use<'_>], verb: &str) -> Finding {
        for Use { user, dependency } in uses.iter().take(MOST_PLACES) {
            finding = self.place(finding, &dependency.span, format!("`{}` {verb}", user.name));
        }
        finding
    }

    /// Everybody whom an escalation calls: the target, where it stands, and whose escalation it is.
    fn called(&self) -> impl Iterator<Item = (&'a str, &'a Span, String)> {
        let head = self.head;
        let services = head.services.values().flat_map(|service| {
            let targets = service.alerts.iter().flat_map(|alerts| &alerts.escalate_to);
            let at = service.place("alerts.escalation.escalate_to");
            targets.map(move |target| (target.as_str(), at, format!("the escalation of `{}`", service.name)))
        });
        let levels = head.severities.levels.iter().enumerate().flat_map(move |(index, level)| {
            // The usual level, which no file names, has no place and nothing to be wrong about.
            let at = head.places.get(&format!("level.{index}"));
            at.into_iter().flat_map(move |at| {
                level.iter().map(move |target| (target.as_str(), at, format!("level {}", index + 1)))
            })
        });
        services.chain(levels)
    }

    /// `finding` with one more place in `head`.
    fn place(&self, finding: Finding, span: &Span, text: impl Into<String>) -> Finding {
        match self.head.label(span, text) {
            Some(label) => finding.at(label),
            None => finding,
        }
    }

    /// As [`Self::place`], but only the entry of a list that reads `entry`, if it is found there.
    fn place_entry(&self, finding: Finding, list: &Span, entry: &str) -> Finding {
        let Some(mut label) = self.head.label(list, "") else { return finding };
        let text = label.file.text.get(label.start..label.end).unwrap_or_default();
        let quoted = ['"', '\'']
            .iter()
            .flat_map(|quote| [format!("{quote}{entry}{quote}"), format!("{quote}@{entry}{quote}")])
            .find_map(|quoted| text.find(&quoted).map(|at| (at, quoted.len())));
        if let Some((at, length)) = quoted {
            label.start += at;
            label.end = label.start + length;
        }
        finding.at(label)
    }

    /// As [`Self::place_entry`], but of a list whose entries need no quotes.
    fn place_word(&self, finding: Finding, list: &Span, word: &str) -> Finding {
        let Some(mut label) = self.head.label(list, "") else { return finding };
        let text = label.file.text.get(label.start..label.end).unwrap_or_default();
        let part = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
        let whole = text
            .match_indices(word)
            .find(|(at, _)| !text[..*at].ends_with(part) && !text[at + word.len()..].starts_with(part));
        if let Some((at, _)) = whole {
            label.start += at;
            label.end = label.start + word.len();
        }
        finding.at(label)
    }
}

/// The same services in another catalog, where they are there; both are in the order of their names.
fn beside<'a>(services: &[&Arc<Service>], other: Option<&'a Catalog>) -> Vec<Option<&'a Arc<Service>>> {
    let mut others = other.into_iter().flat_map(|other| &other.services).peekable();
    let beside = |service: &&Arc<Service>| {
        while others.next_if(|(name, _)| **name < service.name).is_some() {}
        others.next_if(|(name, _)| **name == service.name).map(|(_, other)| other)
    };
    services.iter().map(beside).collect()
}

/// The sentence that names what was probably meant.
fn suggest<'a, N: AsRef<str> + ?Sized + 'a>(
    text: impl AsRef<str>,
    known: impl IntoIterator<Item = &'a N>,
) -> Option<String> {
    nearest(text.as_ref(), known.into_iter().map(AsRef::as_ref))
        .map(|meant| format!("did you mean `{meant}`?"))
}

/// Names as a sentence lists them, the first five and how many more: a shared service has many users.
fn list(names: &[String]) -> String {
    match names.len() {
        0..=6 => names.join(", "),
        all => format!("{} and {} more", names[..5].join(", "), all - 5),
    }
}

/// The names of those who depend, as a sentence lists them.
fn users(uses: &[Use<'_>]) -> String {
    let mut names: Vec<_> = uses.iter().map(|one| format!("`{}`", one.user.name)).collect();
    names.dedup();
    list(&names)
}

/// Everything that is wrong with `head`, and with the step from `base` to it: what reading found and
/// what the rules find, with the repository's own levels, errors first.
///
/// `today` is the day of the check in UTC; notice periods run against it.
pub fn check(head: &Catalog, base: Option<&Catalog>, today: NaiveDate) -> Vec<Finding> {
    check_with(head, &DependencyGraph::build(head), base, today)
}

/// As [`check`], for who has the graph of `head` already.
pub fn check_with(
    head: &Catalog,
    graph: &DependencyGraph,
    base: Option<&Catalog>,
    today: NaiveDate,
) -> Vec<Finding> {
    let context = Context::new(head, base, graph, today);
    let mut findings = head.findings.clone();
    findings.extend(run(&context));
    exemption::apply(&context, &mut findings);
    findings.iter_mut().for_each(Finding::clean);
    let levels = &base.unwrap_or(head).settings.rules;
    findings.retain_mut(|finding| match levels.get(finding.code) {
        None => true,
        Some(None) => false,
        Some(Some(level)) => {
            finding.level = *level;
            true
        }
    });
    credential::mask(&mut findings);
    findings.sort_by(Finding::order);
    findings
}

/// With fewer services than this, the rules are done sooner than another thread is started.
const WORTH_A_THREAD: usize = 1_000;

/// More threads than this are not used: the rest of the program wants to run too.
const MOST_THREADS: usize = 8;

/// What all rules find, in the order of the table. Rules know nothing of each other, so a large
/// repository is looked at by several at once.
fn run(context: &Context<'_>) -> Vec<Finding> {
    let checks: Vec<_> = RULES.iter().filter_map(|rule| rule.check).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let next = || {
            let index = next.fetch_add(1, Ordering::Relaxed);
            checks.get(index).map(|check| (index, check(context)))
        };
        std::iter::from_fn(next).collect::<Vec<_>>()
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    let mut found = if threads < 2 || context.head.services.len() < WORTH_A_THREAD {
        work()
    } else {
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut found = work();
            for other in others {
                // A panic in there goes on here, as if there were no threads.
                found.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            found
        })
    };
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().flat_map(|(_, findings)| findings).collect()
}

/// One thing that can be wrong: its documentation, and how it is found.
#[derive(Debug)]
pub struct Rule {
    /// Stable code, `QD201`.
    pub code: &'static str,
    /// Name in words, `missing-dependency`.
    pub name: &'static str,
    /// How much it matters unless `[rules]` of `quarterdeck.toml` says otherwise.
    pub level: Level,
    /// What is wrong, in one sentence.
    pub summary: &'static str,
    /// Why it matters and what to do.
    pub help: &'static str,
    /// Finds it; `None` for what the reader finds while reading.
    pub check: Option<fn(&Context<'_>) -> Vec<Finding>>,
}

impl Rule {
    /// A finding of this rule, without a place yet.
    pub fn finding(&self, message: impl Into<String>) -> Finding {
        Finding {
            code: self.code,
            name: self.name,
            level: self.level,
            message: message.into(),
            labels: Vec::new(),
            help: None,
        }
    }
}

/// All rules in the order of their codes.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    reading::ALL.iter().copied().chain(RULES.iter().copied())
}

/// The rule of a code.
pub fn find(code: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.code == code)
}

/// Everything that is checked once the files are read.
pub static RULES: &[&Rule] = &[
    &unknown_file::RULE,
    &rule_level_changed::RULE,
    &missing_dependency::RULE,
    &missing_optional_dependency::RULE,
    &dependency_cycle::RULE,
    &self_dependency::RULE,
    &unmet_requirement::RULE,
    &compatibility_above_version::RULE,
    &consumers_disagree::RULE,
    &deprecated_without_replacement::RULE,
    &unknown_team::RULE,
    &unknown_escalation_target::RULE,
    &unknown_person::RULE,
    &unknown_environment::RULE,
    &duplicate_dependency::RULE,
    &requirement_below_compatible::RULE,
    &critical_requires_lower::RULE,
    &depends_on_deprecated::RULE,
    &depends_on_retired::RULE,
    &depends_on_development::RULE,
    &beta_without_opt_in::RULE,
    &replacement_cycle::RULE,
    &needless_opt_in::RULE,
    &dependency_cycle::OPTIONAL,
    &removed_in_use::RULE,
    &breaking_change::RULE,
    &breaking_without_notice::RULE,
    &sla_above_dependency::RULE,
    &sla_above_series::RULE,
    &sla_lowered::RULE,
    &consumers_not_told::RULE,
    &mass_deletion::RULE,
    &backdated_notice::RULE,
    &claims_less::RULE,
    &version_form::RULE,
    &transition_not_allowed::RULE,
    &change_log_missing::RULE,
    &notice_too_short::RULE,
    &ga_below_availability::RULE,
    &support_too_short::RULE,
    &feature_in_maintenance::RULE,
    &migration_too_short::RULE,
    &deprecated_without_guide::RULE,
    &development_in_production::RULE,
    &sunset_passed::RULE,
    &retired_still_deployed::RULE,
    &version_lowered::RULE,
    &version_not_raised::RULE,
    &unproven_start::RULE,
    &support_ended::RULE,
    &retired_early::RULE,
    &deadline_moved::RULE,
    &credential::RULE,
    &credential::EXEMPTION,
    &sensitive_without_gate::RULE,
    &foreign_image::RULE,
    &mutable_image::RULE,
    &forbidden_port::RULE,
    &forbidden_privilege::RULE,
    &open_network::RULE,
    &unknown_network_peer::RULE,
    &blocked_dependency::RULE,
    &regulated_without_gate::RULE,
    &policy_rule::INVALID,
    &policy_rule::CONTROL,
    &policy_rule::RULE,
    &exemption::INVALID,
    &exemption::UNUSED,
    &exemption::IN_USE,
    &threshold_against_promise::RULE,
    &latency_order::RULE,
    &threshold_above_buckets::RULE,
    &unreachable_escalation::RULE,
    &alert_without_channel::RULE,
    &duplicate_error_type::RULE,
    &unmeasured_promise::RULE,
    &unreachable_burn_rate::RULE,
    &invalid_filter::RULE,
    &unknown_column::RULE,
    &invalid_recurrence::RULE,
    &impossible_freeze::RULE,
    &window_inside_freeze::RULE,
    &unknown_calendar_scope::RULE,
    &rotation_gap::RULE,
    &on_call_without_rotation::RULE,
    &empty_team::RULE,
    &lead_not_member::RULE,
    &person_without_team::RULE,
    &unknown_pattern::RULE,
    &unused_pattern::RULE,
    &canary_steps::RULE,
];
