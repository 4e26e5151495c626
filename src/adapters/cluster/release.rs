//! Bringing a release into a cluster, step by step. What manages the service decides how; each way is a file.

mod argocd;
mod blue_green;
mod canary;
mod flux;
mod immediate;
mod rollout;

use super::{
    KubeCluster,
    object::{Object, text},
    objects,
    template::{parsed, version},
    undo,
};
use crate::{
    domain::{
        catalog::{ManagedBy, Target},
        deployment::{
            RolloutStatus,
            release::{Release, ReleaseRoute, ReleaseStep, Strategy},
        },
    },
    error::Failure,
};
use serde_json::Value;

/// What a plan that needs a permission is for.
const PURPOSE: &str = "deploying";

/// A way to bring a release there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Immediate,
    Canary,
    BlueGreen,
    ArgoCd,
    Flux,
    Rollout,
}

fn way(target: &Target, strategy: &Strategy) -> Result<Way, Failure> {
    let refuse = |hint: &str| {
        let strategy = match strategy {
            Strategy::Immediate => "at once",
            Strategy::Canary { .. } => "as a canary",
            Strategy::BlueGreen => "blue-green",
        };
        Err(Failure::refused(format!(
            "{} in {} cannot be deployed {strategy}: it is managed by {}",
            target.service,
            target.environment,
            target.managed_by.as_str()
        ))
        .hint(hint.to_owned()))
    };
    match (target.managed_by, strategy) {
        (ManagedBy::Deployment, Strategy::Immediate) => Ok(Way::Immediate),
        (ManagedBy::Deployment, Strategy::Canary { .. }) => Ok(Way::Canary),
        (ManagedBy::Deployment, Strategy::BlueGreen) => Ok(Way::BlueGreen),
        (ManagedBy::ArgoCd, Strategy::Immediate) => Ok(Way::ArgoCd),
        (ManagedBy::Flux, Strategy::Immediate) => Ok(Way::Flux),
        (ManagedBy::ArgoRollouts, _) => Ok(Way::Rollout),
        (ManagedBy::ArgoCd | ManagedBy::Flux, _) => refuse(
            "Git says what runs there, all at once: choose `immediate`, or have an Argo Rollout do the steps",
        ),
        (ManagedBy::Compose, _) => {
            refuse("it runs on a developer's machine: `quarterdeck generate compose` and `docker compose up`")
        }
    }
}

/// Finds out how a release gets there; changes nothing.
pub(super) async fn plan(
    cluster: &KubeCluster,
    target: &Target,
    release: &Release,
    strategy: &Strategy,
) -> Result<ReleaseRoute, Failure> {
    if release.version.is_empty() {
        return Err(Failure::usage(format!("which version of {} is to run is not said", release.service)));
    }
    let asked = Asked { cluster, target, release, strategy };
    match way(target, strategy)? {
        Way::Immediate => immediate::plan(&asked).await,
        Way::Canary => canary::plan(&asked).await,
        Way::BlueGreen => blue_green::plan(&asked).await,
        Way::ArgoCd => argocd::plan(&asked).await,
        Way::Flux => flux::plan(&asked).await,
        Way::Rollout => rollout::plan(&asked).await,
    }
}

/// Takes one step.
pub(super) async fn step(
    cluster: &KubeCluster,
    target: &Target,
    route: &ReleaseRoute,
    step: ReleaseStep,
) -> Result<(), Failure> {
    let taking = Taking { cluster, target, route };
    match way(target, &route.strategy)? {
        Way::Immediate => immediate::step(&taking, step).await,
        Way::Canary => canary::step(&taking, step).await,
        Way::BlueGreen => blue_green::step(&taking, step).await,
        Way::ArgoCd => argocd::step(&taking, step).await,
        Way::Flux => flux::step(&taking, step).await,
        Way::Rollout => rollout::step(&taking, step).await,
    }
}

/// How far a step is.
pub(super) async fn status(
    cluster: &KubeCluster,
    target: &Target,
    route: &ReleaseRoute,
    step: ReleaseStep,
) -> Result<RolloutStatus, Failure> {
    let taking = Taking { cluster, target, route };
    match way(target, &route.strategy)? {
        Way::Immediate => immediate::status(&taking, step).await,
        Way::Canary => canary::status(&taking, step).await,
        Way::BlueGreen => blue_green::status(&taking, step).await,
        Way::ArgoCd => argocd::status(&taking, step).await,
        Way::Flux => flux::status(&taking, step).await,
        Way::Rollout => rollout::status(&taking, step).await,
    }
}

/// A release that is being planned.
struct Asked<'a> {
    cluster: &'a KubeCluster,
    target: &'a Target,
    release: &'a Release,
    strategy: &'a Strategy,
}

impl Asked<'_> {
    /// The route, from what runs now.
    fn route(&self, workload: &Value, objects: Vec<String>, notes: Vec<String>) -> ReleaseRoute {
        ReleaseRoute {
            release: self.release.clone(),
            strategy: self.strategy.clone(),
            from_version: version(workload),
            from_image: super::template::image(workload, self.release),
            objects,
            notes,
        }
    }
}

/// A release whose steps are taken.
struct Taking<'a> {
    cluster: &'a KubeCluster,
    target: &'a Target,
    route: &'a ReleaseRoute,
}

impl<'a> Taking<'a> {
    /// The Deployment of the target.
    fn deployment(&self) -> Object<'a> {
        undo::deployment(self.cluster, self.target)
    }

    /// Fails when what runs is neither what ran at the plan nor the release.
    fn as_planned(&self, object: &Object<'_>, workload: &Value) -> Result<(), Failure> {
        let runs = version(workload);
        if runs == self.route.from_version || runs.as_deref() == Some(self.route.release.version.as_str()) {
            return Ok(());
        }
        Err(object.moved().cause(format!(
            "planned was {} to {}; now it is {}",
            self.route.from_version.as_deref().unwrap_or("nothing"),
            self.route.release.version,
            runs.as_deref().unwrap_or("without a version")
        )))
    }

    /// A step that this way does not have.
    fn no_such(&self, step: ReleaseStep) -> Failure {
        Failure::refused(format!("{step:?} is no step of this deployment of {}", self.target.service))
    }
}

/// Refuses where the Deployment cannot take a release now.
fn can_be_released(cluster: &KubeCluster, target: &Target, deployment: &Value) -> Result<(), Failure> {
    let seen = parsed(cluster, deployment)?;
    let refuse = |why: &str| Failure::refused(format!("{} cannot be deployed: {why}", target.service));
    if seen.paused() {
        return Err(refuse("its Deployment is paused").hint(format!(
            "resume it first: quarterdeck service resume {} --environment {}",
            target.service, target.environment
        )));
    }
    if !seen.observed() {
        return Err(
            refuse("its controller has not seen the newest change yet").hint("plan again in a moment")
        );
    }
    Ok(())
}

/// The Services of a namespace whose selector finds the pods of a template.
async fn services_of<'a>(
    cluster: &'a KubeCluster,
    target: &Target,
    labels: &Value,
) -> Result<Vec<(Object<'a>, Value)>, Failure> {
    let all = Object::new(cluster, objects::services(), &target.namespace, "").siblings("").await?;
    let selects = |service: &Value| {
        let selector = service.pointer("/spec/selector").and_then(Value::as_object);
        selector.is_some_and(|selector| super::template::within(selector, labels))
    };
    Ok(all
        .into_iter()
        .filter(selects)
        .map(|service| {
            let name = text(&service, "/metadata/name");
            (Object::new(cluster, objects::services(), &target.namespace, name), service)
        })
        .collect())
}
