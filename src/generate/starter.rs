//! The control repository that `quarterdeck init` writes: small, commented, and without any finding.

use super::schema;
use crate::domain::text::clean;
use std::path::Path;

macro_rules! files {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("starter/", $path)))),+]
    };
}

/// The files as they are kept beside this module; `{name}` stands for the platform's name.
static FILES: &[(&str, &str)] = files![
    "README.md",
    "CHANGELOG.md",
    "quarterdeck.toml",
    "monitoring-dashboard.yml",
    "services/catalog.toml",
    "services/versions.toml",
    "services/patterns.toml",
    "projects/webshop/services.toml",
    "projects/webshop/deployment.toml",
    "projects/webshop/monitoring.toml",
    "projects/backoffice/services.toml",
    "projects/backoffice/deployment.toml",
    "projects/backoffice/monitoring.toml",
    "policies/teams.toml",
    "policies/escalation.toml",
    "policies/calendar.toml",
    "policies/sla.toml",
    "policies/security.toml",
    "policies/compliance.toml",
];

/// The folder of the schemas that the first line of every control file names.
pub const SCHEMAS: &str = "schemas";

/// The paths and texts of a control repository for a platform called `name`, and the schemas that let an
/// editor complete and check its files.
pub fn starter(name: &str) -> Vec<(String, String)> {
    // It stands between quotes in TOML and in Markdown: what would end them is escaped or removed.
    let plain = clean(name);
    let quoted = plain.replace('\\', "\\\\").replace('"', "\\\"");
    FILES
        .iter()
        .map(|(path, text)| {
            let name =
                if Path::new(path).extension().is_some_and(|kind| kind == "toml") { &quoted } else { &plain };
            let hint = schema::hint(path).unwrap_or_default();
            ((*path).to_owned(), hint + &text.replace("{name}", name))
        })
        .chain(schema::subjects().map(|subject| {
            let text = serde_json::to_string_pretty(&subject.schema()).unwrap_or_default() + "\n";
            (format!("{SCHEMAS}/{}", subject.file()), text)
        }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{catalog::reader, finding::Finding, rules};

    fn findings(name: &str) -> Vec<Finding> {
        let files = starter(name).into_iter().map(|(path, text)| (path, text.into_bytes()));
        let catalog = reader::read(files);
        assert_eq!(catalog.settings.name, clean(name));
        rules::check(&catalog, Some(&catalog), "2026-06-01".parse().unwrap())
    }

    #[test]
    fn the_starter_has_no_finding_whatever_it_is_called() {
        for name in ["shop", "a \"quoted\" \\ name", "日本\n[x]"] {
            let found: Vec<_> = findings(name).iter().map(|f| (f.location(), f.message.clone())).collect();
            assert_eq!(found, [], "{name}");
        }
    }

    #[test]
    fn the_starter_shows_what_there_is() {
        let catalog = reader::read(starter("shop").into_iter().map(|(path, text)| (path, text.into_bytes())));
        assert_eq!(catalog.projects.len(), 2);
        assert_eq!(catalog.settings.environments.len(), 2);
        assert_eq!(catalog.dashboard.len(), 4);
        assert!(catalog.people.teams.len() >= 4 && catalog.severities.on_call.is_some());
        assert!(catalog.services.values().any(|service| service.sensitive));
        assert!(catalog.services.values().all(|service| service.owner.is_some()));
        assert_eq!(catalog.targets().count(), catalog.services.len() * 2);
        // Every file that the reader knows is shown, so that nobody has to guess a name.
        for shape in reader::shapes::FILES {
            let like = |path: &str| reader::shapes::of(path).is_some_and(|of| of.path == shape.path);
            assert!(FILES.iter().any(|(path, _)| like(path)), "{}", shape.path);
        }
    }
}
