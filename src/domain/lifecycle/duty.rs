//! What the states of the lifecycle ask of a service, and whether it is done.

use super::Lifecycle;
use crate::domain::{
    catalog::{Catalog, Service},
    name::EnvironmentName,
};
use chrono::{Months, NaiveDate};
use semver::Version;

/// The least availability that a generally available service promises.
pub const LEAST_GA_AVAILABILITY: f64 = 0.999;
/// The least days of notice before a breaking change, from beta on.
pub const LEAST_NOTICE_DAYS: u32 = 30;
/// The least months of support once a service is in maintenance.
pub const SUPPORT_MONTHS: u32 = 12;
/// The least months from the deprecation to the sunset.
pub const MIGRATION_MONTHS: u32 = 6;

/// Something that a state asks of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DutyKind {
    /// The version has the form of the state.
    VersionForm,
    /// It runs in no production environment.
    StagingOnly,
    /// It links to its change log.
    ChangeLog,
    /// It promises enough notice before a breaking change.
    Notice,
    /// It promises enough availability.
    Availability,
    /// It says since when it is in maintenance, and is supported long enough from then.
    SupportPeriod,
    /// It says when it was deprecated, and leaves enough time until it is gone.
    MigrationPeriod,
    /// It names a service that takes its place.
    Replacement,
    /// It links to a guide for those who move.
    MigrationGuide,
    /// No service requires it any more.
    Unneeded,
    /// It is listed for no environment any more.
    Undeployed,
}

/// A duty of a state, and whether a service fulfils it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// Which one.
    pub kind: DutyKind,
    /// What is asked, in words that name the key to write.
    pub what: String,
    /// Whether it is done.
    pub done: bool,
}

/// Everything that the state `to` asks of `service`, and what of it is done, in the order of the state's list.
///
/// It looks at what the catalog says and at no clock, so that the same catalog always gives the same answer.
/// Call it with the state that a service is in, or with one of [`super::next`]'s.
pub fn open_duties(catalog: &Catalog, service: &Service, to: Lifecycle) -> Vec<Duty> {
    let duty =
        |kind: &DutyKind| Duty { kind: *kind, what: kind.what(to), done: kind.is_done(catalog, service, to) };
    to.duties().iter().map(duty).collect()
}

impl DutyKind {
    /// What is asked, in words that name the key to write.
    pub fn what(self, state: Lifecycle) -> String {
        match self {
            Self::VersionForm => format!("`version` is {}", version_form(state)),
            Self::StagingOnly => "`deployment.environments` lists no production environment".to_owned(),
            Self::ChangeLog => "`governance.change_log` links to the change log".to_owned(),
            Self::Notice => {
                format!("`governance.break_changes_notice` is at least {LEAST_NOTICE_DAYS} days")
            }
            Self::Availability => "`sla.availability` is at least 99.9%".to_owned(),
            Self::SupportPeriod => {
                format!("`support_until` is at least {SUPPORT_MONTHS} months after `maintenance_date`")
            }
            Self::MigrationPeriod => {
                format!("`sunset_date` is at least {MIGRATION_MONTHS} months after `deprecation_date`")
            }
            Self::Replacement => "`replacement_service` names a service that is there to stay".to_owned(),
            Self::MigrationGuide => "`migration.guide_url` links to a guide".to_owned(),
            Self::Unneeded => "no service requires it".to_owned(),
            Self::Undeployed => "`deployment.environments` is empty or gone".to_owned(),
        }
    }

    /// Whether `service` does what is asked of one in `state`.
    pub fn is_done(self, catalog: &Catalog, service: &Service, state: Lifecycle) -> bool {
        match self {
            Self::VersionForm => service.version.as_ref().is_some_and(|version| version_fits(version, state)),
            Self::StagingOnly => production_of(catalog, service).is_empty(),
            Self::ChangeLog => service.governance.change_log.as_ref().is_some_and(|link| !link.is_empty()),
            Self::Notice => {
                service.governance.break_changes_notice.is_some_and(|days| days >= LEAST_NOTICE_DAYS)
            }
            // What was read from decimal digits is a hair off.
            Self::Availability => catalog
                .sla(service)
                .availability
                .is_some_and(|promised| promised.share() > LEAST_GA_AVAILABILITY - 1e-9),
            Self::SupportPeriod => lasts(service.maintenance_date, service.support_until, SUPPORT_MONTHS),
            Self::MigrationPeriod => lasts(service.deprecation_date, service.sunset_date, MIGRATION_MONTHS),
            Self::Replacement => service
                .replacement_service
                .as_ref()
                .filter(|other| **other != service.name)
                .and_then(|other| catalog.services.get(other))
                .is_some_and(|other| other.status != Lifecycle::Retired),
            Self::MigrationGuide => service
                .migration
                .as_ref()
                .and_then(|migration| migration.guide_url.as_ref())
                .is_some_and(|link| !link.is_empty()),
            Self::Unneeded => !catalog.services.values().any(|user| {
                user.status != Lifecycle::Retired
                    && user.name != service.name
                    && user.dependencies.iter().any(|need| !need.optional && need.service == service.name)
            }),
            Self::Undeployed => service.deployment.environments.as_ref().is_none_or(Vec::is_empty),
        }
    }
}

/// Whether there are both days, and at least `months` from the one to the other.
fn lasts(from: Option<NaiveDate>, until: Option<NaiveDate>, months: u32) -> bool {
    let (Some(from), Some(until)) = (from, until) else { return false };
    from.checked_add_months(Months::new(months)).is_some_and(|least| until >= least)
}

/// The production environments that `service` is meant for, by what its tables say; its status counts for
/// nothing here. One that lists no environments goes where its project does: a project whose own environment is not
/// production runs nothing there, and one whose own environment is production runs all of its services in each.
pub fn production_of<'c>(catalog: &'c Catalog, service: &Service) -> Vec<&'c str> {
    let environments = &catalog.settings.environments;
    if environments.is_empty() && service.deployment.environments.is_none() {
        // Where quarterdeck.toml defines no environment, the project's word is all there is.
        let own = catalog.project_of(service).and_then(|project| project.environment.as_ref());
        return own.into_iter().map(EnvironmentName::as_str).filter(|own| *own == PRODUCTION).collect();
    }
    environments
        .iter()
        .filter(|environment| environment.production && catalog.is_listed_for(service, environment))
        .map(|environment| environment.name.as_str())
        .collect()
}

/// The environment that is production by its name alone.
const PRODUCTION: &str = "production";

/// Whether a version has the form of a state: `0.x.y` in development, `x.y.z-beta.n` in beta, no pre-release
/// and at least 1.0.0 from general availability on. What is deprecated keeps the version that it had.
pub fn version_fits(version: &Version, state: Lifecycle) -> bool {
    match state {
        Lifecycle::Development => version.major == 0,
        Lifecycle::Beta => {
            let mut parts = version.pre.as_str().split('.');
            let number = |part: Option<&str>| {
                part.is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
            };
            version.major > 0
                && parts.next() == Some("beta")
                && number(parts.next())
                && parts.next().is_none()
        }
        Lifecycle::Ga | Lifecycle::Maintenance => version.major > 0 && version.pre.is_empty(),
        Lifecycle::Deprecated | Lifecycle::Retired => true,
    }
}

/// The form of a state's versions, in words.
pub fn version_form(state: Lifecycle) -> &'static str {
    match state {
        Lifecycle::Development => "0.x.y",
        Lifecycle::Beta => "a beta such as 1.0.0-beta.1",
        Lifecycle::Ga | Lifecycle::Maintenance => "1.0.0 or higher, without a pre-release",
        Lifecycle::Deprecated | Lifecycle::Retired => "what it was",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog::reader;

    fn catalog(service: &str) -> Catalog {
        let catalog = format!(
            "[service.a]\nname = \"a\"\ntype = \"api\"\nowner = \"t\"\n{service}\n\
             [service.old]\nname = \"old\"\ntype = \"api\"\nowner = \"t\"\nstatus = \"retired\"\n\
             [service.new]\nname = \"new\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.0.0\"\n"
        );
        let settings = "[environment.staging]\ncontext = \"s\"\n[environment.production]\ncontext = \"p\"\n";
        reader::read(
            [("services/catalog.toml", catalog.as_str()), ("quarterdeck.toml", settings)]
                .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())),
        )
    }

    fn done(service: &str, to: Lifecycle) -> Vec<DutyKind> {
        let catalog = catalog(service);
        open_duties(&catalog, &catalog.services["a"], to)
            .into_iter()
            .filter_map(|duty| duty.done.then_some(duty.kind))
            .collect()
    }

    #[test]
    fn versions_have_the_form_of_their_state() {
        for (version, fits) in [
            ("0.4.0", "development"),
            ("0.4.0-alpha.1", "development"),
            ("0.4.0-beta.1", "development"),
            ("1.0.0-beta.4", "beta"),
            ("2.0.0-beta.12", "beta"),
            ("1.0.0-beta", ""),
            ("1.0.0-beta.x", ""),
            ("1.0.0-beta.1.2", ""),
            ("1.0.0-rc.1", ""),
            ("1.0.0", "ga maintenance"),
            ("7.2.1+build.5", "ga maintenance"),
        ] {
            let version: Version = version.parse().unwrap();
            let found: Vec<_> = Lifecycle::ALL[..4]
                .iter()
                .filter(|state| version_fits(&version, **state))
                .map(|state| state.as_str())
                .collect();
            assert_eq!(found.join(" "), fits, "{version}");
            assert!(version_fits(&version, Lifecycle::Deprecated));
        }
    }

    #[test]
    fn a_service_that_lists_no_environments_goes_where_its_project_does() {
        let settings = "[environment.staging]\ncontext = \"s\"\n[environment.production]\ncontext = \"p\"\n";
        for (environment, service, settings, expected) in [
            ("", "", settings, &["production"][..]),
            ("environment = \"production\"", "", settings, &["production"]),
            ("environment = \"staging\"", "", settings, &[]),
            (
                "environment = \"staging\"",
                "deployment.environments = [\"production\"]",
                settings,
                &["production"],
            ),
            ("environment = \"production\"", "deployment.environments = [\"staging\"]", settings, &[]),
            // Of one that does not exist another rule speaks.
            ("environment = \"moon\"", "", settings, &["production"]),
            ("environment = \"production\"", "", "", &["production"]),
            ("environment = \"staging\"", "", "", &[]),
            ("", "", "", &[]),
        ] {
            let project = format!(
                "[project-specific.p]\nowner = \"t\"\n{environment}\n\
                 [service.a]\nname = \"a\"\ntype = \"api\"\nversion = \"0.1.0\"\n{service}\n"
            );
            let files = [("projects/p/services.toml", project.as_str()), ("quarterdeck.toml", settings)];
            let catalog = reader::read(files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())));
            let service = &catalog.services["a"];
            let case = format!("{project}{settings}");
            assert_eq!(production_of(&catalog, service), expected, "{case}");
            // What the rules say is what the console shows.
            let targets: Vec<_> = catalog.targets().filter(|target| target.production).collect();
            assert_eq!(targets.len(), if settings.is_empty() { 0 } else { expected.len() }, "{case}");
        }
    }

    #[test]
    fn each_duty_is_seen_when_it_is_done_and_not_before() {
        use DutyKind::*;
        for (service, to, expected) in [
            ("version = \"0.1.0\"", Lifecycle::Development, vec![VersionForm]),
            (
                "version = \"1.0.0\"\ndeployment.environments = [\"staging\"]",
                Lifecycle::Development,
                vec![StagingOnly],
            ),
            (
                "version = \"1.0.0-beta.1\"\ngovernance = { change_log = \"x\", break_changes_notice = 30 }",
                Lifecycle::Beta,
                vec![VersionForm, ChangeLog, Notice],
            ),
            (
                "version = \"1.0.0-beta.1\"\ngovernance = { change_log = \"\", break_changes_notice = 29 }\n\
                 sla.availability = \"99.9%\"",
                Lifecycle::Ga,
                vec![Availability],
            ),
            ("version = \"1.0.0\"\nsla.availability = \"99.89%\"", Lifecycle::Ga, vec![VersionForm]),
            (
                "version = \"1.0.0\"\nmaintenance_date = 2026-02-28\nsupport_until = 2027-02-28",
                Lifecycle::Maintenance,
                vec![VersionForm, SupportPeriod],
            ),
            (
                "version = \"1.0.0\"\nmaintenance_date = 2026-03-01\nsupport_until = 2027-02-28",
                Lifecycle::Maintenance,
                vec![VersionForm],
            ),
            (
                "deprecation_date = 2025-11-20\nsunset_date = 2026-05-20\nreplacement_service = \"new\"\n\
                 migration.guide_url = \"https://example.com\"",
                Lifecycle::Deprecated,
                vec![MigrationPeriod, Replacement, MigrationGuide],
            ),
            (
                "deprecation_date = 2025-11-20\nsunset_date = 2026-05-19\nreplacement_service = \"old\"",
                Lifecycle::Deprecated,
                vec![],
            ),
            ("deployment.environments = []", Lifecycle::Retired, vec![Unneeded, Undeployed]),
            ("deployment.environments = [\"staging\"]", Lifecycle::Retired, vec![Unneeded]),
        ] {
            assert_eq!(done(service, to), expected, "{service}");
        }
        let needed = "[service.b]\nname = \"b\"\ntype = \"api\"\nowner = \"t\"\nversion = \"1.0.0\"\n\
                      dependencies.requires = [\"a\"]";
        assert_eq!(done(needed, Lifecycle::Retired), [DutyKind::Undeployed]);
    }
}
