//! Docker Compose on a developer's machine as a place to deploy to: the context `compose:FILE` of an environment.
//!
//! Everything goes through `docker compose` with arguments, never through a shell. The release's image is laid over the
//! file by a second one that comes through standard input, so that the file itself stays as it is.

use crate::{
    domain::{
        catalog::{ManagedBy, Target},
        deployment::{
            ClusterView, Health, RollbackRoute, RolloutStatus, Workload, WorkloadDetail,
            inspect::{LOG_LINE, LogRequest, Occurrence, Pod},
            job::{JobDraft, JobMark, JobState},
            release::{Release, ReleaseRoute, ReleaseStep, Strategy},
            verb::{Verb, VerbRoute},
        },
        name::ContextName,
        text::clean,
    },
    error::Failure,
    ports::{Answer, Cluster, LogLines, PublishCluster},
};
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture};
use serde::Deserialize;
use serde_json::json;
use std::{path::PathBuf, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::Command,
};

/// What a context that is a compose file begins with.
const PREFIX: &str = "compose:";
/// How long a question may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// How long bringing a service up may take: its image is pulled meanwhile.
const UP_DEADLINE: Duration = Duration::from_mins(10);
/// Time between two looks while watching.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The services of one compose file.
pub struct Compose {
    context: ContextName,
    file: PathBuf,
    program: PathBuf,
}

/// A container as `docker compose ps --format json` tells it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    name: String,
    service: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    health: String,
    #[serde(default)]
    exit_code: i64,
}

impl Container {
    /// The tag of its image.
    fn version(&self) -> Option<String> {
        let last = self.image.rsplit('/').next().unwrap_or(&self.image);
        last.split_once(':').map(|(_, tag)| tag.to_owned())
    }

    fn is_ready(&self) -> bool {
        self.state == "running" && matches!(self.health.as_str(), "" | "healthy")
    }

    fn status(&self) -> String {
        match (self.state.as_str(), self.health.as_str()) {
            ("exited", _) => format!("exited ({})", self.exit_code),
            (state, "") => state.to_owned(),
            (state, health) => format!("{state}, {health}"),
        }
    }

    fn health(&self) -> Health {
        match self.state.as_str() {
            _ if self.is_ready() => Health::Healthy,
            "paused" => Health::Paused,
            "exited" | "dead" => Health::Degraded(self.status()),
            _ if self.health == "unhealthy" => Health::Degraded(self.status()),
            _ => Health::Progressing(self.status()),
        }
    }
}

/// Containers, one JSON object a line, or (older versions) one list of them.
fn containers(text: &str) -> Result<Vec<Container>, serde_json::Error> {
    let text = text.trim();
    if text.starts_with('[') {
        return serde_json::from_str(text);
    }
    text.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str).collect()
}

impl Compose {
    /// The compose file that a context names; `None` when it is a context of a kubeconfig.
    pub fn of(context: &ContextName) -> Option<Self> {
        let file = context.as_str().strip_prefix(PREFIX)?;
        Some(Self { context: context.clone(), file: file.into(), program: "docker".into() })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("compose").arg("-f").arg(&self.file).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs docker to its end; what it printed.
    async fn run(
        &self,
        arguments: &[&str],
        input: Option<String>,
        limit: Duration,
    ) -> Result<String, Failure> {
        let shown = arguments.iter().find(|word| !word.starts_with('-')).copied().unwrap_or_default();
        let mut command = self.command(arguments);
        if input.is_some() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().map_err(|error| no_docker(&error))?;
        let mut pipe = child.stdin.take();
        let work = async {
            if let (Some(pipe), Some(input)) = (&mut pipe, input) {
                // A broken pipe means that docker failed; its own words are better than ours.
                let _ = pipe.write_all(input.as_bytes()).await;
            }
            drop(pipe);
            child.wait_with_output().await
        };
        let failed =
            || Failure::failed(format!("`docker compose {shown}` of {} failed", self.file.display()));
        let output = tokio::time::timeout(limit, work)
            .await
            .map_err(|_| failed().cause(format!("it did not end within {} s", limit.as_secs())))?
            .map_err(|error| failed().because(&error))?;
        let words = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            let last = words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            let failure = failed().cause(clean(last.trim()));
            return Err(if words.contains("daemon") {
                failure.hint("start docker, and see that you may use it: docker version")
            } else if words.contains("is not a docker command") {
                failure.hint("install the compose plugin of docker")
            } else {
                failure
            });
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    async fn containers(&self) -> Result<Vec<Container>, Failure> {
        let text = self.run(&["ps", "--all", "--format", "json"], None, DEADLINE).await?;
        containers(&text).map_err(|error| {
            Failure::failed("`docker compose ps` answered with something else than containers")
                .because(&error)
        })
    }

    async fn container(&self, target: &Target) -> Result<Option<Container>, Failure> {
        Ok(self.containers().await?.into_iter().find(|container| container.service == target.workload))
    }

    async fn plan(
        &self,
        target: &Target,
        release: &Release,
        strategy: &Strategy,
    ) -> Result<ReleaseRoute, Failure> {
        if *strategy != Strategy::Immediate {
            return Err(Failure::refused(format!(
                "{} runs with Docker Compose, which replaces a service at once",
                target.service
            ))
            .hint("choose `immediate` for this environment"));
        }
        let services = self.run(&["config", "--services"], None, DEADLINE).await?;
        if !services.lines().any(|name| name.trim() == target.workload) {
            return Err(Failure::refused(format!(
                "{} has no service `{}`",
                self.file.display(),
                target.workload
            ))
            .hint("name it there as the service, or set `workload` in its deployment table"));
        }
        let running = self.container(target).await?;
        Ok(ReleaseRoute {
            release: release.clone(),
            strategy: strategy.clone(),
            from_version: running.as_ref().and_then(Container::version),
            from_image: running.map(|container| container.image),
            objects: vec![format!("compose/{}/{}", self.file.display(), target.workload)],
            notes: vec!["The image is laid over the file, which stays as it is.".to_owned()],
        })
    }

    async fn up(&self, target: &Target, release: &Release) -> Result<(), Failure> {
        let image = release.image.clone().ok_or_else(|| {
            Failure::refused(format!("{} {} has no image", release.service, release.version))
                .hint("write `image` into the service's table of the catalog")
        })?;
        // JSON is YAML.
        let over = json!({ "services": { target.workload.as_str(): { "image": image } } }).to_string();
        let arguments = ["-f", "-", "up", "--detach", "--no-deps", "--", target.workload.as_str()];
        self.run(&arguments, Some(over), UP_DEADLINE).await.map(drop)
    }

    async fn status(&self, target: &Target, route: &ReleaseRoute) -> Result<RolloutStatus, Failure> {
        let wanted = route.release.image.as_deref().unwrap_or_default();
        Ok(match self.container(target).await? {
            None => RolloutStatus::Progressing("no container yet".to_owned()),
            Some(container) if container.image != wanted => {
                RolloutStatus::Progressing(format!("{} runs still", container.image))
            }
            Some(container) => match container.health() {
                Health::Healthy => RolloutStatus::Complete(format!("{wanted} runs")),
                Health::Degraded(why) => RolloutStatus::Failed(why),
                _ => RolloutStatus::Progressing(container.status()),
            },
        })
    }

    async fn view(&self) -> Result<ClusterView, Failure> {
        let mut view = ClusterView::default();
        for container in self.containers().await? {
            let ready = u32::from(container.is_ready());
            let workload = Workload {
                namespace: String::new(),
                name: container.service.clone(),
                managed_by: ManagedBy::Compose,
                version: container.version(),
                desired: 1,
                updated: 1,
                ready,
                health: container.health(),
                revision: None,
                detail: WorkloadDetail::default(),
            };
            view.put(workload);
        }
        Ok(view)
    }

    fn open_log(&self, target: &Target, request: &LogRequest) -> Result<LogLines, Failure> {
        let tail = request.tail.to_string();
        let mut arguments = vec!["logs", "--no-color", "--no-log-prefix", "--tail", tail.as_str()];
        if request.follow {
            arguments.push("--follow");
        }
        arguments.extend(["--", target.workload.as_str()]);
        let mut child = self.command(&arguments).spawn().map_err(|error| no_docker(&error))?;
        let output = child.stdout.take().ok_or_else(|| Failure::failed("docker gives no log"))?;
        let reader = BufReader::new(output);
        // The child lives as long as its lines are read.
        let lines = futures::stream::unfold((reader, child), |(mut reader, child)| async move {
            let mut line = Vec::new();
            // A line without an end must not fill the memory.
            let read = (&mut reader).take(LOG_LINE as u64).read_until(b'\n', &mut line).await;
            match read {
                Ok(0) => None,
                Ok(_) => {
                    let text = clean(String::from_utf8_lossy(&line).trim_end());
                    Some((Ok(text), (reader, child)))
                }
                Err(error) => {
                    let failure = Failure::failed("the log could not be read").because(&error);
                    Some((Err(failure), (reader, child)))
                }
            }
        });
        Ok(lines.boxed())
    }
}

/// The failure for a machine without docker.
fn no_docker(error: &std::io::Error) -> Failure {
    Failure::refused("no docker: it could not be started")
        .because(error)
        .hint("install Docker with its compose plugin, or deploy to a cluster")
}

/// The refusal of what Docker Compose does not have.
fn never<T>(target: &Target, what: &str) -> Answer<'static, T>
where
    T: Send + 'static,
{
    let failure = Failure::refused(format!("{} runs with Docker Compose, which {what}", target.service));
    futures::future::ready(Err(failure)).boxed()
}

impl Cluster for Compose {
    fn context(&self) -> &ContextName {
        &self.context
    }

    fn watch(&self, publish: PublishCluster) -> BoxFuture<'_, ()> {
        async move {
            loop {
                publish(self.view().await);
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        .boxed()
    }

    fn plan_rollback(&self, target: &Target, _to: Option<&str>) -> Answer<'_, RollbackRoute> {
        never(target, "keeps no earlier version to go back to: deploy the one that was good")
    }

    fn start_rollback(&self, target: &Target, _route: &RollbackRoute) -> Answer<'_, ()> {
        never(target, "has no way back")
    }

    fn rollback_status(&self, target: &Target, _route: &RollbackRoute) -> Answer<'_, RolloutStatus> {
        never(target, "has no way back")
    }

    fn pods(&self, target: &Target) -> Answer<'_, Vec<Pod>> {
        let target = target.clone();
        async move {
            let found = self.containers().await?;
            let ours = found.into_iter().filter(|container| container.service == target.workload);
            Ok(ours
                .map(|container| Pod {
                    status: container.status(),
                    is_ready: container.is_ready(),
                    containers_ready: (usize::from(container.is_ready()), 1),
                    restarts: 0,
                    last_end: None,
                    since: None,
                    version: container.version(),
                    node: None,
                    containers: vec![container.service.clone()],
                    name: container.name,
                })
                .collect())
        }
        .boxed()
    }

    fn events(&self, _target: &Target) -> Answer<'_, Vec<Occurrence>> {
        futures::future::ready(Ok(Vec::new())).boxed()
    }

    fn logs(&self, target: &Target, request: &LogRequest) -> Answer<'_, LogLines> {
        let (target, request) = (target.clone(), request.clone());
        async move { self.open_log(&target, &request) }.boxed()
    }

    fn plan_verb(&self, target: &Target, _verb: Verb, _replicas: Option<u32>) -> Answer<'_, VerbRoute> {
        never(target, "is steered with `docker compose` itself")
    }

    fn act(&self, target: &Target, _route: &VerbRoute) -> Answer<'_, ()> {
        never(target, "is steered with `docker compose` itself")
    }

    fn verb_status(&self, target: &Target, _route: &VerbRoute) -> Answer<'_, RolloutStatus> {
        never(target, "is steered with `docker compose` itself")
    }

    fn plan_release(
        &self,
        target: &Target,
        release: &Release,
        strategy: &Strategy,
    ) -> Answer<'_, ReleaseRoute> {
        let (target, release, strategy) = (target.clone(), release.clone(), strategy.clone());
        async move { self.plan(&target, &release, &strategy).await }.boxed()
    }

    fn release_step(&self, target: &Target, route: &ReleaseRoute, step: ReleaseStep) -> Answer<'_, ()> {
        if step != ReleaseStep::Apply {
            return never(target, "has no such step");
        }
        let (target, route) = (target.clone(), route.clone());
        async move { self.up(&target, &route.release).await }.boxed()
    }

    fn find_job(&self, _target: &Target, _mark: &JobMark) -> Answer<'_, Option<JobState>> {
        futures::future::ready(Ok(None)).boxed()
    }

    fn start_job(&self, target: &Target, _job: &JobDraft) -> Answer<'_, ()> {
        never(target, "has no Jobs: name the test as a command")
    }

    fn job_log(&self, target: &Target, _mark: &JobMark) -> Answer<'_, String> {
        never(target, "has no Jobs: name the test as a command")
    }

    fn release_status(
        &self,
        target: &Target,
        route: &ReleaseRoute,
        _step: ReleaseStep,
    ) -> Answer<'_, RolloutStatus> {
        let (target, route) = (target.clone(), route.clone());
        async move { self.status(&target, &route).await }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FailureKind;

    fn target() -> Target {
        Target {
            service: "cart".into(),
            environment: "local".into(),
            context: "compose:compose.yml".into(),
            namespace: String::new(),
            workload: "cart".to_owned(),
            managed_by: ManagedBy::Compose,
            application: None,
            production: false,
        }
    }

    fn release() -> Release {
        let image = Some("r/cart:1.9.0".to_owned());
        Release { service: "cart".into(), version: "1.9.0".to_owned(), image, commit: None }
    }

    /// A program that stands in for docker: it keeps which image was asked for, and what it was told.
    #[cfg(unix)]
    fn docker(folder: &std::path::Path) -> Compose {
        use std::os::unix::fs::PermissionsExt as _;
        let place = folder.display();
        let text = format!(
            "#!/bin/sh\necho \"$*\" >> '{place}/told'\ncase \"$*\" in\n*config*) echo cart;;\n*' up '*) cat > '{place}/over';;\n*ps*) image=r/cart:1.8.2; [ -f '{place}/over' ] && image=r/cart:1.9.0; echo '{{\"Name\":\"p-cart-1\",\"Service\":\"cart\",\"Image\":\"'$image'\",\"State\":\"running\",\"Health\":\"\"}}';;\n*logs*) echo one; echo two;;\nesac\n"
        );
        let program = folder.join("docker");
        std::fs::write(&program, text).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Compose { program, ..Compose::of(&"compose:compose.yml".into()).unwrap() }
    }

    #[tokio::test]
    async fn without_docker_it_says_so() {
        let compose =
            Compose { program: "/nowhere/docker".into(), ..Compose::of(&"compose:x.yml".into()).unwrap() };
        let refused = compose.plan_release(&target(), &release(), &Strategy::Immediate).await.unwrap_err();
        assert_eq!(refused.kind, FailureKind::Refused);
        assert!(refused.message.contains("no docker"), "{}", refused.render());
        assert!(Compose::of(&"demo-staging".into()).is_none());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_release_is_laid_over_the_file_and_brought_up() {
        let folder = tempfile::tempdir().unwrap();
        let compose = docker(folder.path());
        let route = compose.plan_release(&target(), &release(), &Strategy::Immediate).await.unwrap();
        assert_eq!(route.from_version.as_deref(), Some("1.8.2"));
        let status = compose.release_status(&target(), &route, ReleaseStep::Apply).await.unwrap();
        assert!(matches!(status, RolloutStatus::Progressing(_)), "{status:?}");
        compose.release_step(&target(), &route, ReleaseStep::Apply).await.unwrap();
        let over = std::fs::read_to_string(folder.path().join("over")).unwrap();
        assert_eq!(over, r#"{"services":{"cart":{"image":"r/cart:1.9.0"}}}"#);
        let told = std::fs::read_to_string(folder.path().join("told")).unwrap();
        assert!(told.contains("compose -f compose.yml -f - up --detach --no-deps -- cart"), "{told}");
        let status = compose.release_status(&target(), &route, ReleaseStep::Apply).await.unwrap();
        assert_eq!(status, RolloutStatus::Complete("r/cart:1.9.0 runs".to_owned()));
        let view = compose.view().await.unwrap();
        let cart = &view.workloads[&(String::new(), "cart".to_owned())];
        assert_eq!((cart.version.as_deref(), cart.ready), (Some("1.9.0"), 1));
        let request = LogRequest {
            pod: "p-cart-1".to_owned(),
            container: None,
            previous: false,
            follow: false,
            tail: 5,
        };
        let lines: Vec<_> = compose.logs(&target(), &request).await.unwrap().collect().await;
        assert_eq!(lines, [Ok("one".to_owned()), Ok("two".to_owned())]);
        let canary = Strategy::Canary { weights: vec![5] };
        assert!(compose.plan_release(&target(), &release(), &canary).await.is_err());
    }

    #[test]
    fn both_forms_of_the_list_are_read() {
        let one = r#"{"Name":"a","Service":"a","Image":"r/a:1","State":"exited","ExitCode":3}"#;
        let seen = containers(&format!("{one}\n{one}\n")).unwrap();
        assert_eq!(seen.len(), 2);
        assert!(matches!(seen[0].health(), Health::Degraded(why) if why == "exited (3)"));
        assert_eq!(containers(&format!("[{one}]")).unwrap().len(), 1);
        assert!(containers("").unwrap().is_empty());
    }
}
