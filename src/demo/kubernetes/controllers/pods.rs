//! `ReplicaSets` and their pods: creating, becoming ready, ending, one by one.

use super::{
    super::{
        resources::Resource,
        store::{Key, Part},
    },
    Steps, World,
};
use crate::demo::{manifests, noise};
use serde_json::{Value, json};
use std::sync::Arc;

/// A `ReplicaSet`, its live pods, and how many it should have.
#[derive(Debug)]
pub struct Set {
    /// The `ReplicaSet` as it was read.
    pub object: Arc<Value>,
    /// Its pods that are not ending.
    pub pods: Vec<Arc<Value>>,
    /// How many pods it should have.
    pub wanted: i64,
}

impl Set {
    /// How many pods it has.
    pub fn live(&self) -> i64 {
        i64::try_from(self.pods.len()).unwrap_or(i64::MAX)
    }

    /// How many of them are ready.
    pub fn ready(&self) -> i64 {
        i64::try_from(self.pods.iter().filter(|pod| manifests::is_ready(pod)).count()).unwrap_or(i64::MAX)
    }

    /// Whether it is as it should be.
    pub fn settled(&self) -> bool {
        self.live() == self.wanted && self.ready() == self.wanted
    }

    /// The pod template without the controller's hash label.
    pub fn template(&self, rollout: bool) -> Value {
        let mut template = self.object["spec"]["template"].clone();
        if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
            labels.remove(manifests::kind_of_hash(rollout).0);
        }
        template
    }

    /// The hash label's value.
    pub fn hash(&self, rollout: bool) -> &str {
        self.object["metadata"]["labels"][manifests::kind_of_hash(rollout).0].as_str().unwrap_or_default()
    }

    /// The revision that the owner gave it.
    pub fn revision(&self, rollout: bool) -> u64 {
        let text = self.object["metadata"]["annotations"][manifests::kind_of_hash(rollout).1].as_str();
        text.and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    fn key(&self) -> Key {
        Key::of(Resource::ReplicaSets, &self.object)
    }
}

/// The `ReplicaSets` of `owner`, each wanting nothing.
pub fn owned(world: &World, owner: &Value) -> Vec<Set> {
    let namespace = owner["metadata"]["namespace"].as_str();
    let is_owned = |object: &Value, uid: &Value| {
        let owners = object["metadata"]["ownerReferences"].as_array();
        owners.is_some_and(|owners| owners.iter().any(|reference| reference["uid"] == *uid))
    };
    let (_, pods) = world.store.list(Resource::Pods, namespace);
    let (_, sets) = world.store.list(Resource::ReplicaSets, namespace);
    sets.into_iter()
        .filter(|set| is_owned(set, &owner["metadata"]["uid"]))
        .map(|object| {
            let uid = &object["metadata"]["uid"];
            let pods = pods
                .iter()
                .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null() && is_owned(pod, uid))
                .cloned()
                .collect();
            Set { object, pods, wanted: 0 }
        })
        .collect()
}

/// The index among `sets` of the one for `owner`'s template. A new one is made, and one that is
/// not the newest is renumbered to be: both as the real controllers do it.
pub fn current(world: &World, owner: &Value, rollout: bool, sets: &mut Vec<Set>) -> Option<usize> {
    let (_, annotation) = manifests::kind_of_hash(rollout);
    let template = &owner["spec"]["template"];
    let newest = sets.iter().map(|set| set.revision(rollout)).max().unwrap_or_default();
    let index = if let Some(index) = sets.iter().position(|set| set.template(rollout) == *template) {
        let old = sets[index].revision(rollout);
        if old < newest {
            let key = sets[index].key();
            world.write(&key, Part::Object, |set| {
                let annotations = &mut set["metadata"]["annotations"];
                inherit(annotations, &owner["metadata"]["annotations"]);
                annotations[annotation] = (newest + 1).to_string().into();
                annotations["deployment.kubernetes.io/revision-history"] = old.to_string().into();
            });
            sets[index].object = world.store.get(&key)?;
        }
        index
    } else {
        let mut set = manifests::replica_set(owner, rollout, template, newest + 1);
        inherit(&mut set["metadata"]["annotations"], &owner["metadata"]["annotations"]);
        let namespace = owner["metadata"]["namespace"].as_str().unwrap_or_default();
        let object = world.store.create(Resource::ReplicaSets, namespace, set, false).ok()?;
        let message =
            format!("Scaled up replica set {}", object["metadata"]["name"].as_str().unwrap_or_default());
        world.event(owner, "ScalingReplicaSet", &message);
        sets.push(Set { object, pods: Vec::new(), wanted: 0 });
        sets.len() - 1
    };
    let revision = sets[index].revision(rollout).to_string();
    if owner["metadata"]["annotations"][annotation] != revision {
        let resource = if rollout { Resource::Rollouts } else { Resource::Deployments };
        world.write(&Key::of(resource, owner), Part::Object, |owner| {
            owner["metadata"]["annotations"][annotation] = revision.into();
        });
    }
    Some(index)
}

/// Copies the owner's annotations (its change-cause among them), but not the controllers' own.
fn inherit(annotations: &mut Value, owner: &Value) {
    for (name, value) in owner.as_object().into_iter().flatten() {
        let own = name.starts_with("deployment.kubernetes.io/")
            || name.starts_with("rollout.argoproj.io/")
            || name == "kubectl.kubernetes.io/last-applied-configuration";
        if !own {
            annotations[name] = value.clone();
        }
    }
}

/// One step towards what the sets want: started pods get ready, one pod too many ends, one that is
/// missing is created, never more than one above `desired`. Tells whether anything moved.
pub fn advance(world: &World, desired: i64, sets: &mut [Set]) -> bool {
    let now = world.time.stamp();
    let mut moved = false;
    for set in &mut *sets {
        for pod in &mut set.pods {
            let labels = &pod["metadata"]["labels"];
            let service = labels["app.kubernetes.io/name"].as_str().unwrap_or_default();
            let version = labels["app.kubernetes.io/version"].as_str().unwrap_or_default();
            if manifests::is_ready(pod) || !world.traffic.quality(service, version).starts {
                continue;
            }
            let key = Key::of(Resource::Pods, pod);
            world.write(&key, Part::Status, |pod| manifests::mark_ready(pod, &now));
            if let Some(ready) = world.store.get(&key) {
                *pod = ready;
                moved = true;
            }
        }
    }
    let ready: i64 = sets.iter().map(Set::ready).sum();
    if let Some(set) = sets.iter_mut().find(|set| set.live() > set.wanted) {
        // A pod that does not serve may go at any time; one that serves only when it can be spared.
        let idle = set.pods.iter().position(|pod| !manifests::is_ready(pod));
        if let Some(index) = idle.or((ready > desired).then_some(0)) {
            let pod = set.pods.remove(index);
            let _ = world.store.delete(&Key::of(Resource::Pods, &pod), true);
            moved = true;
        }
    }
    let live: i64 = sets.iter().map(Set::live).sum();
    if live <= desired
        && let Some(set) = sets.iter_mut().find(|set| set.live() < set.wanted)
    {
        let (serial, _) = world.store.versions();
        let name = set.object["metadata"]["name"].as_str().unwrap_or_default();
        let pod = manifests::pod(&set.object, noise::hash(serial, &[name]));
        let namespace = set.object["metadata"]["namespace"].as_str().unwrap_or_default();
        if let Ok(pod) = world.store.create(Resource::Pods, namespace, pod, false) {
            set.pods.push(pod);
            moved = true;
        }
    }
    moved
}

/// Writes each set's numbers into its `ReplicaSet`.
pub fn report(world: &World, sets: &[Set]) {
    for set in sets {
        let key = set.key();
        world.write(&key, Part::Object, |object| object["spec"]["replicas"] = set.live().into());
        let generation = world.store.get(&key).map(|object| object["metadata"]["generation"].clone());
        world.write(&key, Part::Status, |object| {
            let status = &mut object["status"];
            *status = json!({ "observedGeneration": generation, "replicas": set.live(),
                "fullyLabeledReplicas": set.live(), "readyReplicas": set.ready(),
                "availableReplicas": set.ready() });
        });
    }
}

/// Takes pods away a step after they were told to end.
pub fn remove_ended(world: &World, steps: &mut Steps) {
    for pod in world.store.list(Resource::Pods, None).1 {
        if pod["metadata"]["deletionTimestamp"].is_null() {
            continue;
        }
        let what = format!("end/{}", pod["metadata"]["uid"]);
        if steps.due(&what) {
            steps.done(&what);
            let _ = world.store.delete(&Key::of(Resource::Pods, &pod), false);
        }
    }
}
