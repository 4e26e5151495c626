//! Watching a cluster: five kinds side by side, one picture, published at most thirty times a second.
//!
//! Each kind has its own loop, so that one that is forbidden, not installed or broken does not stop the
//! others. All loops and the picture live in one task; what the loops hear goes through a bounded channel.

use super::{
    KubeCluster, failures,
    objects::{self, ApplicationObject, KeeperObject, WorkloadObject},
};
use crate::{
    domain::{
        catalog::ManagedBy,
        deployment::{Application, ClusterView, Keeper, Workload},
        name::ContextName,
    },
    error::{Failure, FailureKind},
    ports::PublishCluster,
};
use futures::StreamExt;
use kube::{
    Api,
    core::{ApiResource, Resource},
    runtime::watcher,
};
use serde::de::DeserializeOwned;
use std::{
    collections::BTreeMap,
    fmt::Debug,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};

/// How fast things are done again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Least time between two publications.
    pub(super) publish: Duration,
    /// First wait after a failure; it doubles from there.
    pub(super) first: Duration,
    /// Longest wait after a failure.
    pub(super) longest: Duration,
    /// Wait before asking again for a kind that is not installed or forbidden.
    pub(super) absent: Duration,
    /// Time between two questions whether the cluster is there.
    pub(super) pulse: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            publish: Duration::from_millis(33),
            first: Duration::from_millis(400),
            longest: Duration::from_secs(30),
            absent: Duration::from_mins(1),
            pulse: Duration::from_secs(15),
        }
    }
}

/// A kind that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Deployments,
    Rollouts,
    Applications,
    Kustomizations,
    HelmReleases,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Deployments => "deployments",
            Self::Rollouts => "rollouts",
            Self::Applications => "applications",
            Self::Kustomizations => "kustomizations",
            Self::HelmReleases => "helmreleases",
        }
    }
}

type Key = (String, String);

/// An object as it is kept.
enum Kept {
    Workload(Arc<Workload>),
    Application(Arc<Application>),
    Keeper(Arc<Keeper>),
}

/// What a kind's loop hears.
enum Heard {
    /// A first or repeated list begins.
    Begun,
    /// An object of that list.
    Listed(Key, Kept),
    /// The list is complete.
    Complete,
    /// An object appeared or changed.
    Changed(Key, Kept),
    /// An object is gone.
    Gone(Key),
    /// The kind cannot be seen.
    Missing(String),
    /// Nothing new can be seen for now.
    Failed(Failure),
    /// The cluster answers, even if nothing in it changes.
    Alive,
}

/// Watches until dropped.
pub(super) async fn watch(cluster: &KubeCluster, publish: PublishCluster) {
    let pace = cluster.pace;
    let (sink, heard) = mpsc::channel(1024);
    let deployments = follow(
        Source { cluster, kind: Kind::Deployments, resource: objects::deployments(), pace },
        sink.clone(),
        |object: WorkloadObject| {
            (object.key(), Kept::Workload(Arc::new(object.extract(ManagedBy::Deployment))))
        },
    );
    let rollouts = follow(
        Source { cluster, kind: Kind::Rollouts, resource: objects::rollouts(), pace },
        sink.clone(),
        |object: WorkloadObject| {
            (object.key(), Kept::Workload(Arc::new(object.extract(ManagedBy::ArgoRollouts))))
        },
    );
    let applications = follow(
        Source { cluster, kind: Kind::Applications, resource: objects::applications(), pace },
        sink.clone(),
        |object: ApplicationObject| (object.key(), Kept::Application(Arc::new(object.extract()))),
    );
    let kept = |kind: &'static str| {
        move |object: KeeperObject| (object.key(), Kept::Keeper(Arc::new(object.extract(kind))))
    };
    let kustomizations = follow(
        Source { cluster, kind: Kind::Kustomizations, resource: objects::kustomizations(), pace },
        sink.clone(),
        kept("Kustomization"),
    );
    let releases = follow(
        Source { cluster, kind: Kind::HelmReleases, resource: objects::helm_releases(), pace },
        sink.clone(),
        kept("HelmRelease"),
    );
    let pulse = pulse(cluster, pace.pulse, sink);
    let flux = futures::future::join(kustomizations, releases);
    futures::join!(deployments, rollouts, applications, flux, pulse, paint(heard, publish, pace.publish));
}

/// Asks the cluster now and then whether it is there. A watch in which nothing happens sounds the same
/// as one whose other end is gone; without this a quiet picture could not be told from an old one.
async fn pulse(cluster: &KubeCluster, every: Duration, sink: mpsc::Sender<(Kind, Heard)>) {
    loop {
        tokio::time::sleep(every).await;
        let answers = match cluster.client().await {
            Ok(client) => matches!(tokio::time::timeout(every, client.apiserver_version()).await, Ok(Ok(_))),
            Err(_) => false,
        };
        if answers && sink.send((Kind::Deployments, Heard::Alive)).await.is_err() {
            return;
        }
    }
}

/// What one loop needs to know.
struct Source<'a> {
    cluster: &'a KubeCluster,
    kind: Kind,
    resource: ApiResource,
    pace: Pace,
}

/// Follows one kind until the picture is dropped.
async fn follow<K>(
    source: Source<'_>,
    sink: mpsc::Sender<(Kind, Heard)>,
    keep: impl Fn(K) -> (Key, Kept) + Send,
) where
    K: Resource<DynamicType = ApiResource> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let Source { cluster, kind, resource, pace } = source;
    let context = &cluster.context;
    let attempt = format!("watch {}", kind.name());
    let mut wait = pace.first;
    loop {
        let problem = match cluster.client().await {
            Err(failure) => Heard::Failed(failure),
            Ok(client) => {
                let api = Api::<K>::all_with(client, &resource);
                let mut events = Box::pin(watcher(api, watcher::Config::default()));
                loop {
                    let heard = match events.next().await {
                        Some(Ok(watcher::Event::Init)) => Heard::Begun,
                        Some(Ok(watcher::Event::InitApply(object))) => {
                            let (key, kept) = keep(object);
                            Heard::Listed(key, kept)
                        }
                        Some(Ok(watcher::Event::InitDone)) => {
                            wait = pace.first;
                            Heard::Complete
                        }
                        Some(Ok(watcher::Event::Apply(object))) => {
                            let (key, kept) = keep(object);
                            Heard::Changed(key, kept)
                        }
                        Some(Ok(watcher::Event::Delete(object))) => Heard::Gone(keep(object).0),
                        // A broken stream or a version that is too old: the watcher resumes or lists
                        // again by itself, and if it cannot, that is the next error.
                        Some(Err(watcher::Error::WatchFailed(_) | watcher::Error::WatchError(_))) => {
                            tokio::time::sleep(jittered(pace.first)).await;
                            continue;
                        }
                        Some(Err(
                            watcher::Error::InitialListFailed(error)
                            | watcher::Error::WatchStartFailed(error),
                        )) => {
                            break problem(context, &attempt, &error);
                        }
                        Some(Err(watcher::Error::NoResourceVersion)) => {
                            break Heard::Failed(
                                Failure::unreachable(format!("could not {attempt} in the cluster {context}"))
                                    .cause("it answers without a resource version"),
                            );
                        }
                        None => break Heard::Begun,
                    };
                    if sink.send((kind, heard)).await.is_err() {
                        return;
                    }
                }
            }
        };
        // The stream is made anew, and so begins with a list: its completion is the sign of recovery.
        let pause = if matches!(problem, Heard::Missing(_)) { pace.absent } else { wait };
        if sink.send((kind, problem)).await.is_err() {
            return;
        }
        tokio::time::sleep(jittered(pause)).await;
        wait = (wait * 2).min(pace.longest);
    }
}

/// What an error of a list or watch means for the picture.
fn problem(context: &ContextName, attempt: &str, error: &kube::Error) -> Heard {
    match error {
        // A group that is not installed answers 404 in plain text.
        kube::Error::Api(status) if status.code == 404 => {
            Heard::Missing("not installed in this cluster".to_owned())
        }
        kube::Error::Api(status) if status.code == 403 => {
            Heard::Missing(format!("not allowed: {}", status.message))
        }
        other => Heard::Failed(failures::failure(context, attempt, other)),
    }
}

/// Between half and the whole of `pause`, so that many consoles do not come back at once.
fn jittered(pause: Duration) -> Duration {
    // Every RandomState has fresh keys: enough randomness for a jitter.
    let draw = RandomState::new().hash_one(0_u8) % 512;
    pause.mul_f64(0.5 + draw as f64 / 1024.0)
}

/// The picture of a cluster, as it is built.
#[derive(Default)]
struct Picture {
    deployments: BTreeMap<Key, Arc<Workload>>,
    rollouts: BTreeMap<Key, Arc<Workload>>,
    applications: BTreeMap<Key, Arc<Application>>,
    kustomizations: BTreeMap<Key, Arc<Keeper>>,
    releases: BTreeMap<Key, Arc<Keeper>>,
    /// Objects of lists that are not complete yet.
    listing: [Vec<(Key, Kept)>; 5],
    missing: BTreeMap<String, String>,
    /// Why deployments, the kind without which nothing is known, cannot be seen.
    failure: Option<Failure>,
    /// Whether anything is to be published.
    dirty: bool,
    /// Whether deployments were listed or refused once; before that the picture says nothing.
    known: bool,
}

impl Picture {
    /// Takes in what was heard; whether it must be published at once.
    fn hear(&mut self, kind: Kind, heard: Heard) -> bool {
        match heard {
            // The picture is as it was, and its age begins anew; what could not be seen stays unseen.
            Heard::Alive => self.dirty |= self.known && self.failure.is_none(),
            Heard::Begun => self.listing[kind as usize].clear(),
            Heard::Listed(key, kept) => self.listing[kind as usize].push((key, kept)),
            Heard::Complete => {
                self.forget(kind);
                for (key, kept) in std::mem::take(&mut self.listing[kind as usize]) {
                    self.put(kind, key, kept);
                }
                self.missing.remove(kind.name());
                self.dirty = true;
                if kind == Kind::Deployments {
                    self.failure = None;
                    return !std::mem::replace(&mut self.known, true);
                }
            }
            Heard::Changed(key, kept) => self.put(kind, key, kept),
            Heard::Gone(key) => {
                self.dirty |= match kind {
                    Kind::Deployments => self.deployments.remove(&key).is_some(),
                    Kind::Rollouts => self.rollouts.remove(&key).is_some(),
                    Kind::Applications => self.applications.remove(&key).is_some(),
                    Kind::Kustomizations => self.kustomizations.remove(&key).is_some(),
                    Kind::HelmReleases => self.releases.remove(&key).is_some(),
                };
            }
            Heard::Missing(reason) => {
                self.forget(kind);
                self.dirty |= self.missing.insert(kind.name().to_owned(), reason.clone()) != Some(reason);
                if kind == Kind::Deployments {
                    self.failure = None;
                    return !std::mem::replace(&mut self.known, true);
                }
            }
            Heard::Failed(failure) if kind == Kind::Deployments => {
                // A cluster that refuses the credentials stays unreachable for us until they are renewed.
                let first = self.failure.is_none();
                self.dirty |= self.failure.as_ref() != Some(&failure);
                self.failure = Some(failure);
                return first;
            }
            Heard::Failed(failure) => {
                // What was seen stays; the reason says that it is no longer fresh.
                let reason = match (failure.kind, failure.causes.first()) {
                    (FailureKind::Forbidden, Some(cause)) => format!("not allowed: {cause}"),
                    (_, Some(cause)) => format!("no answer: {cause}"),
                    (_, None) => failure.message,
                };
                self.dirty |= self.missing.insert(kind.name().to_owned(), reason.clone()) != Some(reason);
            }
        }
        false
    }

    fn forget(&mut self, kind: Kind) {
        match kind {
            Kind::Deployments => self.deployments.clear(),
            Kind::Rollouts => self.rollouts.clear(),
            Kind::Applications => self.applications.clear(),
            Kind::Kustomizations => self.kustomizations.clear(),
            Kind::HelmReleases => self.releases.clear(),
        }
    }

    /// Most events change nothing that is kept; those leave the picture clean.
    fn put(&mut self, kind: Kind, key: Key, kept: Kept) {
        self.dirty |= match (kind, kept) {
            (Kind::Deployments, Kept::Workload(new)) => differs(&mut self.deployments, key, new),
            (Kind::Rollouts, Kept::Workload(new)) => differs(&mut self.rollouts, key, new),
            (_, Kept::Application(new)) => differs(&mut self.applications, key, new),
            (Kind::HelmReleases, Kept::Keeper(new)) => differs(&mut self.releases, key, new),
            (_, Kept::Keeper(new)) => differs(&mut self.kustomizations, key, new),
            (_, Kept::Workload(_)) => false,
        };
    }

    /// What is published.
    fn view(&self) -> Result<ClusterView, Failure> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let mut workloads = self.deployments.clone();
        // A Rollout that refers to a Deployment of the same name is what really runs.
        workloads.extend(self.rollouts.iter().map(|(key, rollout)| (key.clone(), Arc::clone(rollout))));
        let keepers = self.kustomizations.values().chain(self.releases.values());
        Ok(ClusterView {
            workloads,
            applications: self.applications.clone(),
            keepers: keepers.map(|keeper| (keeper.object.clone(), Arc::clone(keeper))).collect(),
            missing: self.missing.clone(),
        })
    }
}

/// Puts a value in; whether the map differs by it.
fn differs<T: PartialEq>(map: &mut BTreeMap<Key, Arc<T>>, key: Key, new: Arc<T>) -> bool {
    match map.get_mut(&key) {
        Some(old) if **old == *new => false,
        Some(old) => {
            *old = new;
            true
        }
        None => {
            map.insert(key, new);
            true
        }
    }
}

/// Takes in what is heard and publishes it, at once when it is the first picture, else coalesced.
async fn paint(mut heard: mpsc::Receiver<(Kind, Heard)>, publish: PublishCluster, least: Duration) {
    let mut picture = Picture::default();
    let mut next = Instant::now();
    let mut batch = Vec::with_capacity(256);
    loop {
        let due = picture.dirty && (picture.known || picture.failure.is_some());
        let mut at_once = false;
        tokio::select! {
            count = heard.recv_many(&mut batch, 256) => {
                if count == 0 {
                    return;
                }
                for (kind, heard) in batch.drain(..) {
                    at_once |= picture.hear(kind, heard);
                }
            }
            () = tokio::time::sleep_until(next), if due => at_once = true,
        }
        // Under a steady stream the timer's branch may never win the race: look at the clock as well.
        let ready = picture.dirty && (picture.known || picture.failure.is_some());
        if at_once || (ready && Instant::now() >= next) {
            let began = Instant::now();
            publish(picture.view());
            picture.dirty = false;
            // At most a tenth of a core goes into publishing, however large the picture is.
            next = began + least.max(began.elapsed() * 10);
        }
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
