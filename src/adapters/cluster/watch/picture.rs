//! The picture of a cluster, from what the loops of its kinds hear.
//!
//! What is published shares everything with the picture that has not changed since; a map is copied when it changes
//! while somebody still has the published one, and so at most once for each publication.

use super::Kind;
use crate::{
    domain::deployment::{
        Application, ClusterView, Keeper, ObjectKey, ObjectRef, Objects, Restarts, Workload,
    },
    error::{Failure, FailureKind},
};
use std::{collections::BTreeMap, sync::Arc};

/// An object as it is kept.
pub(super) enum Kept {
    Workload(Arc<Workload>),
    Application(Arc<Application>),
    Keeper(Arc<Keeper>),
    /// A pod by its name; its key is its workload's.
    Pod(Box<str>, Restarts),
}

/// What a kind's loop hears.
pub(super) enum Heard {
    /// A first or repeated list begins.
    Begun,
    /// An object of that list.
    Listed(ObjectKey, Kept),
    /// The list is complete.
    Complete,
    /// An object appeared or changed.
    Changed(ObjectKey, Kept),
    /// An object is gone.
    Gone(ObjectKey, Kept),
    /// The kind cannot be seen.
    Missing(String),
    /// Nothing new can be seen for now.
    Failed(Failure),
    /// The cluster answers, even if nothing in it changes.
    Alive,
    /// It does not answer.
    Mute(Failure),
}

/// A pod among those of its workload.
struct Pod {
    name: Box<str>,
    restarts: Restarts,
}

/// The picture of a cluster, as it is built.
#[derive(Default)]
pub(super) struct Picture {
    deployments: Objects<Arc<Workload>>,
    rollouts: Objects<Arc<Workload>>,
    applications: Objects<Arc<Application>>,
    kustomizations: Objects<Arc<Keeper>>,
    releases: Objects<Arc<Keeper>>,
    pods: BTreeMap<ObjectKey, Vec<Pod>>,
    /// Summed up, of the workloads that had any.
    restarts: Objects<Restarts>,
    /// Whether pods were listed.
    pods_known: bool,
    /// What was published of both keepers last, and what it was made from.
    keepers: Option<Keepers>,
    /// The same of workloads, where there are Rollouts.
    workloads: Option<[Objects<Arc<Workload>>; 3]>,
    /// Objects of lists that are not complete yet.
    listing: [Vec<(ObjectKey, Kept)>; Kind::COUNT],
    missing: BTreeMap<String, String>,
    /// Why deployments, the kind without which nothing is known, cannot be seen.
    failure: Option<Failure>,
    /// Why the cluster did not answer when it was asked whether it is there.
    mute: Option<Failure>,
    /// Whether anything is to be published.
    pub(super) dirty: bool,
    /// Whether deployments were listed or refused once; before that the picture says nothing.
    pub(super) known: bool,
}

struct Keepers {
    from: [Objects<Arc<Keeper>>; 2],
    all: Arc<BTreeMap<ObjectRef, Arc<Keeper>>>,
}

impl Picture {
    /// Whether there is anything to say.
    pub(super) fn is_due(&self) -> bool {
        self.dirty && (self.known || self.failure().is_some())
    }

    fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref().or(self.mute.as_ref())
    }

    /// Takes in what was heard; whether it must be published at once.
    pub(super) fn hear(&mut self, kind: Kind, heard: Heard) -> bool {
        match heard {
            Heard::Alive => {
                self.mute = None;
                // The picture is as it was, and its age begins anew; what could not be seen stays unseen.
                self.dirty |= self.known && self.failure.is_none();
            }
            Heard::Mute(failure) => {
                let first = self.failure().is_none();
                self.dirty |= self.mute.as_ref() != Some(&failure);
                self.mute = Some(failure);
                return first;
            }
            Heard::Begun => self.listing[kind as usize].clear(),
            Heard::Listed(key, kept) => self.listing[kind as usize].push((key, kept)),
            Heard::Complete => {
                self.replace(kind);
                self.missing.remove(kind.name());
                self.dirty = true;
                if kind == Kind::Deployments {
                    self.failure = None;
                    self.mute = None;
                    return !std::mem::replace(&mut self.known, true);
                }
            }
            Heard::Changed(key, kept) => self.put(kind, key, kept),
            Heard::Gone(key, kept) => {
                self.dirty |= match (kind, kept) {
                    (Kind::Deployments, _) => remove(&mut self.deployments, &key),
                    (Kind::Rollouts, _) => remove(&mut self.rollouts, &key),
                    (Kind::Applications, _) => remove(&mut self.applications, &key),
                    (Kind::Kustomizations, _) => remove(&mut self.kustomizations, &key),
                    (Kind::HelmReleases, _) => remove(&mut self.releases, &key),
                    (Kind::Pods, Kept::Pod(name, _)) => self.end_of_pod(&key, &name),
                    (Kind::Pods, _) => false,
                };
            }
            Heard::Missing(reason) => {
                self.listing[kind as usize].clear();
                self.replace(kind);
                self.pods_known &= kind != Kind::Pods;
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

    /// Puts the objects of a list in the place of those that were there.
    fn replace(&mut self, kind: Kind) {
        let listed = std::mem::take(&mut self.listing[kind as usize]).into_iter();
        let workload = |(key, kept)| if let Kept::Workload(new) = kept { Some((key, new)) } else { None };
        let keeper = |(key, kept)| if let Kept::Keeper(new) = kept { Some((key, new)) } else { None };
        match kind {
            Kind::Deployments => relist(&mut self.deployments, listed.filter_map(workload)),
            Kind::Rollouts => relist(&mut self.rollouts, listed.filter_map(workload)),
            Kind::Applications => {
                let application =
                    |(key, kept)| if let Kept::Application(new) = kept { Some((key, new)) } else { None };
                relist(&mut self.applications, listed.filter_map(application));
            }
            Kind::Kustomizations => relist(&mut self.kustomizations, listed.filter_map(keeper)),
            Kind::HelmReleases => relist(&mut self.releases, listed.filter_map(keeper)),
            Kind::Pods => {
                let before = std::mem::take(&mut self.pods);
                self.pods_known = true;
                for (key, kept) in listed {
                    if let Kept::Pod(name, restarts) = kept {
                        let key = before.get_key_value(&key).map_or(key, |(known, _)| Arc::clone(known));
                        self.pods.entry(key).or_default().push(Pod { name, restarts });
                    }
                }
                let summed = self.pods.iter().map(|(key, pods)| (Arc::clone(key), sum(pods)));
                let restarts = summed.filter(|(_, restarts)| restarts.count > 0).collect();
                if *self.restarts != restarts {
                    self.restarts = Arc::new(restarts);
                }
            }
        }
    }

    /// Most events change nothing that is kept; those leave the picture clean.
    fn put(&mut self, kind: Kind, key: ObjectKey, kept: Kept) {
        self.dirty |= match (kind, kept) {
            (Kind::Deployments, Kept::Workload(new)) => differs(&mut self.deployments, key, new),
            (Kind::Rollouts, Kept::Workload(new)) => differs(&mut self.rollouts, key, new),
            (_, Kept::Application(new)) => differs(&mut self.applications, key, new),
            (Kind::HelmReleases, Kept::Keeper(new)) => differs(&mut self.releases, key, new),
            (_, Kept::Keeper(new)) => differs(&mut self.kustomizations, key, new),
            (_, Kept::Workload(_)) => false,
            (_, Kept::Pod(name, restarts)) => self.pod(&key, name, restarts),
        };
    }

    /// Takes in how a pod is; whether the restarts of its workload differ by it.
    fn pod(&mut self, workload: &ObjectKey, name: Box<str>, restarts: Restarts) -> bool {
        let pods = self.pods.entry(Arc::clone(workload)).or_default();
        match pods.iter_mut().find(|pod| pod.name == name) {
            Some(pod) if pod.restarts == restarts => return false,
            Some(pod) => pod.restarts = restarts,
            None => pods.push(Pod { name, restarts }),
        }
        let all = sum(pods);
        self.sum_up(workload, all)
    }

    fn end_of_pod(&mut self, workload: &ObjectKey, name: &str) -> bool {
        let Some(pods) = self.pods.get_mut(workload) else { return false };
        pods.retain(|pod| *pod.name != *name);
        let all = sum(pods);
        if pods.is_empty() {
            self.pods.remove(workload);
        }
        self.sum_up(workload, all)
    }

    fn sum_up(&mut self, workload: &ObjectKey, all: Restarts) -> bool {
        if self.restarts.get(workload).copied().unwrap_or_default() == all {
            return false;
        }
        let restarts = Arc::make_mut(&mut self.restarts);
        if all.count == 0 {
            restarts.remove(workload);
        } else {
            restarts.insert(Arc::clone(workload), all);
        }
        // Until they are listed, what single pods say is not told.
        self.pods_known
    }

    /// What is published.
    pub(super) fn view(&mut self) -> Result<ClusterView, Failure> {
        if let Some(failure) = self.failure() {
            return Err(failure.clone());
        }
        Ok(ClusterView {
            workloads: self.workloads(),
            applications: Arc::clone(&self.applications),
            keepers: self.keepers(),
            restarts: self.pods_known.then(|| Arc::clone(&self.restarts)),
            missing: self.missing.clone(),
        })
    }

    fn workloads(&mut self) -> Objects<Arc<Workload>> {
        if self.rollouts.is_empty() {
            return Arc::clone(&self.deployments);
        }
        if let Some([deployments, rollouts, all]) = &self.workloads
            && Arc::ptr_eq(deployments, &self.deployments)
            && Arc::ptr_eq(rollouts, &self.rollouts)
        {
            return Arc::clone(all);
        }
        let mut all = Arc::clone(&self.deployments);
        // A Rollout that refers to a Deployment of the same name is what really runs.
        let rollouts = self.rollouts.iter();
        Arc::make_mut(&mut all).extend(rollouts.map(|(key, rollout)| (Arc::clone(key), Arc::clone(rollout))));
        let from = (Arc::clone(&self.deployments), Arc::clone(&self.rollouts));
        self.workloads = Some([from.0, from.1, Arc::clone(&all)]);
        all
    }

    fn keepers(&mut self) -> Arc<BTreeMap<ObjectRef, Arc<Keeper>>> {
        if let Some(Keepers { from: [kustomizations, releases], all }) = &self.keepers
            && Arc::ptr_eq(kustomizations, &self.kustomizations)
            && Arc::ptr_eq(releases, &self.releases)
        {
            return Arc::clone(all);
        }
        let both = self.kustomizations.values().chain(self.releases.values());
        let all: Arc<BTreeMap<_, _>> =
            Arc::new(both.map(|keeper| (keeper.object.clone(), Arc::clone(keeper))).collect());
        let from = [Arc::clone(&self.kustomizations), Arc::clone(&self.releases)];
        self.keepers = Some(Keepers { from, all: Arc::clone(&all) });
        all
    }
}

/// Restarts of some pods, all together.
fn sum(pods: &[Pod]) -> Restarts {
    pods.iter().map(|pod| pod.restarts).sum()
}

/// Puts a new list in the place of the one before: what is equal in both is shared, and where nothing differs the map
/// stays the same one. A watch that begins anew lists everything, and most of it is as it was.
fn relist<T: PartialEq>(map: &mut Objects<Arc<T>>, listed: impl Iterator<Item = (ObjectKey, Arc<T>)>) {
    let mut differs = false;
    let new: BTreeMap<ObjectKey, Arc<T>> = listed
        .map(|(key, new)| match map.get_key_value(&key) {
            Some((key, old)) if **old == *new => (Arc::clone(key), Arc::clone(old)),
            Some((key, _)) => {
                differs = true;
                (Arc::clone(key), new)
            }
            None => {
                differs = true;
                (key, new)
            }
        })
        .collect();
    if differs || new.len() != map.len() {
        *map = Arc::new(new);
    }
}

/// Puts a value in; whether the map differs by it.
fn differs<T: PartialEq>(map: &mut Objects<Arc<T>>, key: ObjectKey, new: Arc<T>) -> bool {
    if map.get(&key).is_some_and(|old| **old == *new) {
        return false;
    }
    // The key that is there already stays: pictures are compared by what they share.
    Arc::make_mut(map).insert(key, new);
    true
}

/// Takes a value out; whether it was there.
fn remove<T>(map: &mut Objects<Arc<T>>, key: &ObjectKey) -> bool {
    map.contains_key(key) && Arc::make_mut(map).remove(key).is_some()
}

#[cfg(test)]
#[path = "picture_tests.rs"]
mod tests;
