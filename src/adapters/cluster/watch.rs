//! Watching a cluster: some kinds side by side, one picture, published at most thirty times a second.
//!
//! Each kind has its own loop, so that one that is forbidden, not installed or broken does not stop the
//! others. All loops and the picture live in one task; what the loops hear goes through a bounded channel.

mod picture;

use super::{
    KubeCluster, failures,
    objects::{self, ApplicationObject, KeeperObject, PodObject, WorkloadObject},
};
use crate::{
    domain::{catalog::ManagedBy, deployment::ObjectKey, name::ContextName},
    error::Failure,
    ports::PublishCluster,
};
use futures::StreamExt;
use kube::{
    Api,
    core::{ApiResource, Resource},
    runtime::watcher,
};
use picture::{Heard, Kept, Picture};
use serde::de::DeserializeOwned;
use std::{
    fmt::Debug,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{Notify, mpsc},
    time::Instant,
};

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
    /// After so many seconds the server ends a watch, which then begins anew where it was. One in which nothing at all
    /// was heard for five seconds longer has no other end any more, and is begun anew by us.
    pub(super) turn: u32,
    /// How long one page of a list may take.
    pub(super) page: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            publish: Duration::from_millis(33),
            first: Duration::from_millis(400),
            longest: Duration::from_secs(30),
            absent: Duration::from_mins(1),
            pulse: Duration::from_secs(15),
            turn: 45,
            page: Duration::from_secs(30),
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
    Pods,
}

impl Kind {
    /// How many there are.
    const COUNT: usize = 6;

    const fn name(self) -> &'static str {
        match self {
            Self::Deployments => "deployments",
            Self::Rollouts => "rollouts",
            Self::Applications => "applications",
            Self::Kustomizations => "kustomizations",
            Self::HelmReleases => "helmreleases",
            Self::Pods => "pods",
        }
    }
}

/// An object that is kept, by the key that it is kept by.
type Seen = Option<(ObjectKey, Kept)>;

/// Watches until dropped.
pub(super) async fn watch(cluster: &KubeCluster, publish: PublishCluster) {
    let pace = cluster.pace;
    let (sink, heard) = mpsc::channel(1024);
    let source = |kind, resource| Source { cluster, kind, resource, pace };
    let workload = |managed_by| {
        move |object: WorkloadObject| -> Seen {
            Some((Arc::new(object.key()), Kept::Workload(Arc::new(object.extract(managed_by)))))
        }
    };
    let keeper = |kind: &'static str| {
        move |object: KeeperObject| -> Seen {
            Some((Arc::new(object.key()), Kept::Keeper(Arc::new(object.extract(kind)))))
        }
    };
    let deployments = follow(
        source(Kind::Deployments, objects::deployments()),
        sink.clone(),
        workload(ManagedBy::Deployment),
    );
    let rollouts =
        follow(source(Kind::Rollouts, objects::rollouts()), sink.clone(), workload(ManagedBy::ArgoRollouts));
    let applications = follow(
        source(Kind::Applications, objects::applications()),
        sink.clone(),
        |object: ApplicationObject| -> Seen {
            Some((Arc::new(object.key()), Kept::Application(Arc::new(object.extract()))))
        },
    );
    let kustomizations = follow(
        source(Kind::Kustomizations, objects::kustomizations()),
        sink.clone(),
        keeper("Kustomization"),
    );
    let releases =
        follow(source(Kind::HelmReleases, objects::helm_releases()), sink.clone(), keeper("HelmRelease"));
    let first = Notify::new();
    let pods_sink = sink.clone();
    let pods = async {
        // They are the many, and nobody waits for them: what runs comes first.
        first.notified().await;
        let keep = |object: PodObject| -> Seen {
            let (name, workload, restarts) = object.extract()?;
            Some((Arc::new(workload), Kept::Pod(name, restarts)))
        };
        follow(source(Kind::Pods, objects::pods()), pods_sink, keep).await;
    };
    let pulse = pulse(cluster, pace, sink);
    let flux = futures::future::join(kustomizations, releases);
    let paint = paint(heard, publish, pace.publish, &first);
    futures::join!(deployments, rollouts, applications, flux, pods, pulse, paint);
}

/// Asks the cluster now and then whether it is there. A watch in which nothing happens sounds the same
/// as one whose other end is gone; without this a quiet picture could not be told from an old one.
async fn pulse(cluster: &KubeCluster, pace: Pace, sink: mpsc::Sender<(Kind, Heard)>) {
    let mut pause = pace.pulse;
    loop {
        tokio::time::sleep(pause).await;
        let (heard, next) = match ask(cluster).await {
            Ok(()) => (Heard::Alive, pace.pulse),
            Err(failure) => (Heard::Mute(failure), pace.pulse.min(pace.first * 4)),
        };
        pause = next;
        if sink.send((Kind::Deployments, heard)).await.is_err() {
            return;
        }
    }
}

/// Whether a cluster answers at all, whatever it says.
async fn ask(cluster: &KubeCluster) -> Result<(), Failure> {
    let client = cluster.client().await?;
    match client.apiserver_version().await {
        Err(kube::Error::Api(_)) | Ok(_) => Ok(()),
        Err(error) if failures::retry_after(&error).is_some() => Ok(()),
        Err(error) => Err(failures::failure(&cluster.context, "ask whether it is there", &error)),
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
async fn follow<K>(source: Source<'_>, sink: mpsc::Sender<(Kind, Heard)>, keep: impl Fn(K) -> Seen + Send)
where
    K: Resource<DynamicType = ApiResource> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let Source { cluster, kind, resource, pace } = source;
    let context = &cluster.context;
    let attempt = format!("watch {}", kind.name());
    let mut wait = pace.first;
    loop {
        // How long the server asks us to stay away.
        let mut asked = Duration::ZERO;
        let problem = match cluster.client().await {
            Err(failure) => Heard::Failed(failure),
            Ok(client) => {
                let api = Api::<K>::all_with(client, &resource);
                let config = watcher::Config::default().timeout(pace.turn);
                let mut events = Box::pin(watcher(api, config));
                let mut listing = true;
                let mut troubled = Instant::now();
                loop {
                    let next = if listing {
                        let Ok(next) = tokio::time::timeout(pace.page, events.next()).await else {
                            break Heard::Failed(failures::late(context, &attempt, pace.page));
                        };
                        next
                    } else {
                        // A stream that went silent is given up by the watcher itself.
                        events.next().await
                    };
                    let heard = match next {
                        Some(Ok(watcher::Event::Init)) => {
                            listing = true;
                            Some(Heard::Begun)
                        }
                        Some(Ok(watcher::Event::InitApply(object))) => {
                            keep(object).map(|(key, kept)| Heard::Listed(key, kept))
                        }
                        Some(Ok(watcher::Event::InitDone)) => {
                            listing = false;
                            wait = pace.first;
                            Some(Heard::Complete)
                        }
                        Some(Ok(watcher::Event::Apply(object))) => {
                            wait = pace.first;
                            keep(object).map(|(key, kept)| Heard::Changed(key, kept))
                        }
                        Some(Ok(watcher::Event::Delete(object))) => {
                            keep(object).map(|(key, kept)| Heard::Gone(key, kept))
                        }
                        // A broken stream or a version that is too old: the watcher resumes or lists
                        // again by itself, and if it cannot, that is the next error.
                        Some(Err(watcher::Error::WatchFailed(_) | watcher::Error::WatchError(_))) => {
                            wait = calmed(pace, wait, troubled.elapsed());
                            tokio::time::sleep(jittered(wait)).await;
                            wait = (wait * 2).min(pace.longest);
                            troubled = Instant::now();
                            continue;
                        }
                        Some(Err(
                            watcher::Error::InitialListFailed(error)
                            | watcher::Error::WatchStartFailed(error),
                        )) => {
                            asked = failures::retry_after(&error).unwrap_or_default();
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
                    if let Some(heard) = heard
                        && sink.send((kind, heard)).await.is_err()
                    {
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
        tokio::time::sleep(absence(pause, asked)).await;
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

/// The pause after a watch broke off that had held for `held`. One that nothing happens in, and that something between us
/// cuts now and then, is not to be left alone for longer each time.
fn calmed(pace: Pace, wait: Duration, held: Duration) -> Duration {
    if held > pace.longest { pace.first } else { wait }
}

/// How long to stay away after a failure: our own pause, jittered, but never less than the server asked for.
fn absence(pause: Duration, asked: Duration) -> Duration {
    /// A server that asks for more does not mean it, or is not one.
    const MOST: Duration = Duration::from_mins(2);
    asked.min(MOST) + jittered(pause)
}

/// Between half and the whole of `pause`, so that many consoles do not come back at once.
fn jittered(pause: Duration) -> Duration {
    // Every RandomState has fresh keys: enough randomness for a jitter.
    let draw = RandomState::new().hash_one(0_u8) % 512;
    pause.mul_f64(0.5 + draw as f64 / 1024.0)
}

/// Takes in what is heard and publishes it, at once when it is the first picture, else coalesced. Tells `first` when
/// deployments were seen.
async fn paint(
    mut heard: mpsc::Receiver<(Kind, Heard)>,
    publish: PublishCluster,
    least: Duration,
    first: &Notify,
) {
    let mut picture = Picture::default();
    let mut next = Instant::now();
    let mut batch = Vec::with_capacity(256);
    loop {
        let due = picture.is_due();
        let mut at_once = false;
        tokio::select! {
            count = heard.recv_many(&mut batch, 256) => {
                if count == 0 {
                    return;
                }
                let known = picture.known;
                for (kind, heard) in batch.drain(..) {
                    at_once |= picture.hear(kind, heard);
                }
                if picture.known && !known {
                    first.notify_one();
                }
            }
            () = tokio::time::sleep_until(next), if due => at_once = true,
        }
        // Under a steady stream the timer's branch may never win the race: look at the clock as well.
        if at_once || (picture.is_due() && Instant::now() >= next) {
            let began = Instant::now();
            publish(picture.view());
            picture.dirty = false;
            // At most a tenth of a core goes into publishing, however large the picture is.
            next = began + least.max(began.elapsed() * 10);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_between_half_and_whole() {
        for _ in 0..100 {
            let pause = jittered(Duration::from_secs(10));
            assert!((Duration::from_secs(5)..=Duration::from_secs(10)).contains(&pause), "{pause:?}");
        }
    }

    #[test]
    fn a_watch_that_is_cut_now_and_then_is_not_left_alone_for_longer_each_time() {
        let (pace, seconds) = (Pace::default(), Duration::from_secs);
        assert_eq!(calmed(pace, seconds(12), seconds(2)), seconds(12));
        assert_eq!(calmed(pace, seconds(12), seconds(31)), pace.first);
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it_within_reason() {
        let seconds = Duration::from_secs;
        for (pause, asked, least, most) in [
            (1, 0, Duration::from_millis(500), seconds(1)),
            (1, 7, Duration::from_millis(7_500), seconds(8)),
            (1, 86_400, Duration::from_millis(120_500), seconds(121)),
        ] {
            let absence = absence(seconds(pause), seconds(asked));
            assert!((least..=most).contains(&absence), "{pause} {asked}: {absence:?}");
        }
    }
}
