//! A valid control repository of any size.

use quarterdeck::{adapters::git, generate::starter::starter};
use std::{collections::BTreeMap, fmt::Write as _, path::Path};

/// Where the generated repository finds its backends.
#[derive(Debug, Clone, Default)]
pub struct Backends {
    /// Base of the metrics, without the path.
    pub metrics: Option<String>,
}

/// The contexts of the two environments: staging and production.
pub const CONTEXTS: [&str; 2] = ["bench-staging", "bench-production"];

/// How many services a project has: fifty projects make ten thousand.
const PER_PROJECT: usize = 200;

/// The name of a service.
pub fn name(index: usize) -> String {
    format!("svc-{index:05}")
}

/// The project of a service; none for every twentieth, which all projects share.
pub fn project(index: usize) -> Option<String> {
    (!index.is_multiple_of(20)).then(|| format!("project-{:03}", index / PER_PROJECT))
}

/// The namespace that a service runs in.
pub fn namespace(index: usize) -> String {
    project(index).unwrap_or_else(|| "shared".to_owned())
}

/// The files of a control repository with `services` services, [`PER_PROJECT`] to a project.
pub fn files(services: usize, backends: &Backends) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> =
        starter("bench").into_iter().filter(|(path, _)| path.starts_with("policies/")).collect();
    files.push(("quarterdeck.toml".to_owned(), settings(backends)));
    files.push((
        "services/patterns.toml".to_owned(),
        "[pattern.web]\ndescription = \"Answers requests\"\nreplicas = 3\nstrategy = \"canary\"\ncanary_steps = [5, 25, 50, 100]\n"
            .to_owned(),
    ));
    let mut by_project: BTreeMap<Option<String>, String> = BTreeMap::new();
    for index in 0..services {
        let text = by_project.entry(project(index)).or_default();
        service(text, index);
        consumers(text, index, services);
    }
    for (project, services) in by_project {
        let Some(project) = project else {
            files.push(("services/catalog.toml".to_owned(), services));
            continue;
        };
        let head = format!(
            "[project-specific.{project}]\nname = \"{project}\"\nenvironment = \"production\"\n\
             tier = \"medium\"\nowner = \"shop-team\"\n\n"
        );
        files.push((format!("projects/{project}/services.toml"), head + &services));
        let deployment = "[environment.staging]\nnamespace = \"{project}\"\n\n[environment.production]\nnamespace = \"{project}\"\n";
        files
            .push((format!("projects/{project}/deployment.toml"), deployment.replace("{project}", &project)));
    }
    files
}

/// Writes it into an empty directory, with one commit.
pub fn write(directory: &Path, services: usize, backends: &Backends) {
    let environment = vec![("GIT_CONFIG_GLOBAL".to_owned(), "/dev/null".to_owned())];
    git::create(directory, &files(services, backends), environment).unwrap();
}

fn settings(backends: &Backends) -> String {
    let mut text = "name = \"bench\"\n\n".to_owned();
    for (environment, context) in ["staging", "production"].into_iter().zip(CONTEXTS) {
        let production = environment == "production";
        let _ = write!(
            text,
            "[environment.{environment}]\ncontext = \"{context}\"\nnamespace = \"shared\"\nproduction = {production}\n\n"
        );
    }
    if let Some(url) = &backends.metrics {
        let _ = write!(
            text,
            "[metrics.scrape]\nurl = \"{url}/{{environment}}/{{service}}/metrics\"\ninterval = \"5s\"\ntimeout = \"5s\"\n"
        );
    }
    text
}

fn service(text: &mut String, index: usize) {
    let name = name(index);
    // What others need is never less important than they are.
    let tier = match index {
        0..50 => "critical",
        50..500 => "high",
        500..5_000 => "medium",
        _ => "low",
    };
    let _ = write!(
        text,
        "[service.{name}]\nname = \"{name}\"\ntype = \"api\"\nowner = \"shop-team\"\n\
         description = \"Service number {index} of a generated estate\"\nversion = \"1.{}.0\"\nstatus = \"ga\"\n\
         tier = \"{tier}\"\nport = 8080\nhealth_check = \"/healthz\"\npattern = \"web\"\n\n\
         [service.{name}.governance]\napprovers = [\"@platform-team\", \"@security-team\"]\nbreak_changes_notice = 30\n\
         change_log = \"docs/{name}.md\"\n\n\
         [service.{name}.sla]\navailability = \"{:.7}%\"\nresponse_time_p99 = \"200ms\"\n\n",
        index % 9,
        100.0 - allowed_downtime(index)
    );
    let needs = needs(index);
    if !needs.is_empty() {
        let needs: Vec<String> =
            needs.into_iter().map(|other| format!("\"{} >= 1.0\"", self::name(other))).collect();
        let _ = write!(text, "[service.{name}.dependencies]\nrequires = [{}]\n\n", needs.join(", "));
    }
}

/// What a service needs: a tree with some short cuts. Everybody needs the first, and nothing needs itself in a circle.
fn needs(index: usize) -> Vec<usize> {
    let mut needs: Vec<usize> =
        [index / 2, index / 7, 0].into_iter().filter(|other| *other < index).collect();
    needs.dedup();
    needs
}

/// Who needs a service, as it must list them: other projects, and services that all projects share.
fn consumers(text: &mut String, index: usize, services: usize) {
    let users: Vec<usize> = if index == 0 {
        (1..services).collect()
    } else {
        (index * 2..index * 2 + 2).chain(index * 7..index * 7 + 7).filter(|user| *user < services).collect()
    };
    let own = project(index);
    let mut projects: Vec<String> = users.iter().filter_map(|user| project(*user)).collect();
    projects.sort_unstable();
    projects.dedup();
    projects.retain(|project| Some(project) != own.as_ref());
    let mut shared: Vec<String> =
        users.iter().filter(|user| project(**user).is_none()).map(|user| name(*user)).collect();
    shared.dedup();
    if !projects.is_empty() || !shared.is_empty() {
        let name = name(index);
        let _ =
            write!(text, "[service.{name}.consumers]\nprojects = {projects:?}\nrequired_by = {shared:?}\n\n");
    }
}

/// In per cent: as much as all that it requires may be down together, and a little more, so that no promise is
/// higher than what it stands on.
fn allowed_downtime(index: usize) -> f64 {
    const LEAST: f64 = 0.000_002;
    let (mut below, mut own) = (0.0, LEAST);
    for _ in 0..index.checked_ilog2().map_or(0, |level| level + 1) {
        (below, own) = (own, own + below + 2.0 * LEAST);
    }
    own
}
