//! One cluster's objects, with resource versions, and the log of changes that watches read.

use super::{
    answer::Refusal,
    resources::{Resource, ResourceType},
};
use crate::demo::{clock::Time, noise};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// How many changes are kept for watches; older ones are compacted, and answer 410.
const LOG_LENGTH: usize = 2048;

/// How many changes that were asked for are remembered.
pub const NOTED: usize = 4096;

/// Where an object is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its type.
    pub resource: Resource,
    /// Its namespace; empty for cluster-wide types.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// The key of an object of `resource`.
    pub fn new(resource: Resource, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { resource, namespace: namespace.into(), name: name.into() }
    }

    /// The key that `object` has as a `resource`.
    pub fn of(resource: Resource, object: &Value) -> Self {
        let meta = &object["metadata"];
        Self::new(
            resource,
            meta["namespace"].as_str().unwrap_or_default(),
            meta["name"].as_str().unwrap_or_default(),
        )
    }
}

/// Which half of an object a write may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What the main endpoint writes.
    Object,
    /// What the `/status` subresource writes.
    Status,
}

/// One change, as a watch needs it.
#[derive(Debug, Clone)]
pub struct LogEntry {
    version: u64,
    key: Key,
    /// The object before, unless it was created.
    pub before: Option<Arc<Value>>,
    /// The object after, or as it was last when it was deleted.
    pub object: Arc<Value>,
    /// Whether it was deleted.
    pub deleted: bool,
}

#[derive(Debug)]
struct Inner {
    objects: BTreeMap<Key, Arc<Value>>,
    log: VecDeque<LogEntry>,
    version: u64,
    compacted: u64,
    born: u64,
}

/// The objects of one cluster. All methods are atomic; none waits.
#[derive(Debug)]
pub struct Store {
    inner: Mutex<Inner>,
    changed: watch::Sender<u64>,
    time: Time,
    seed: u64,
    calls: Mutex<BTreeMap<String, usize>>,
    writes: Mutex<VecDeque<String>>,
}

impl Store {
    /// An empty cluster.
    pub fn new(time: Time, seed: u64) -> Self {
        // A real cluster's versions are never near zero; starting high catches who assumes they are.
        let version = 100_000;
        let inner =
            Inner { objects: BTreeMap::new(), log: VecDeque::new(), version, compacted: version, born: 0 };
        Self {
            inner: Mutex::new(inner),
            changed: watch::Sender::new(version),
            time,
            seed,
            calls: Mutex::default(),
            writes: Mutex::default(),
        }
    }

    /// Notes that the API was called, such as `patch deployments.apps`.
    pub fn note(&self, call: String) {
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner).entry(call).or_default() += 1;
    }

    /// How often a call of the API was made so far.
    pub fn count(&self, call: &str) -> usize {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).get(call).copied().unwrap_or_default()
    }

    /// All different calls of the API so far.
    pub fn calls(&self) -> BTreeSet<String> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Notes a change that was asked for and made, such as `create deployments.apps shop/api`; gives how many such
    /// there are among the newest [`NOTED`].
    pub fn wrote(&self, call: String) -> usize {
        let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = writes.iter().filter(|known| **known == call).count();
        if writes.len() == NOTED {
            writes.pop_front();
        }
        writes.push_back(call);
        before
    }

    /// The newest [`NOTED`] changes that were asked for and made, oldest first.
    pub fn writes(&self) -> Vec<String> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The clock.
    pub fn time(&self) -> Time {
        self.time
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the newest resource version whenever it changes.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The object at `key`.
    pub fn get(&self, key: &Key) -> Option<Arc<Value>> {
        self.lock().objects.get(key).cloned()
    }

    /// All objects of a type, in order of namespace and name, with the version they are of.
    pub fn list(&self, resource: Resource, namespace: Option<&str>) -> (u64, Vec<Arc<Value>>) {
        let inner = self.lock();
        let from = Key::new(resource, namespace.unwrap_or_default(), "");
        let objects = inner
            .objects
            .range((Bound::Included(&from), Bound::Unbounded))
            .take_while(|(key, _)| {
                key.resource == resource && namespace.is_none_or(|namespace| key.namespace == namespace)
            })
            .map(|(_, object)| Arc::clone(object))
            .collect();
        (inner.version, objects)
    }

    /// The changes to a type after `version`, and the version up to which they are complete.
    pub fn changes(&self, resource: Resource, version: u64) -> Result<(Vec<LogEntry>, u64), Refusal> {
        let inner = self.lock();
        if version < inner.compacted {
            return Err(Refusal::expired(version, inner.compacted));
        }
        let start = inner.log.partition_point(|entry| entry.version <= version);
        let entries =
            inner.log.range(start..).filter(|entry| entry.key.resource == resource).cloned().collect();
        Ok((entries, inner.version))
    }

    /// The newest resource version, and the oldest from which a watch can start.
    pub fn versions(&self) -> (u64, u64) {
        let inner = self.lock();
        (inner.version, inner.compacted)
    }

    /// Forgets all past changes, as etcd's compaction does: a watch from before answers 410.
    pub fn compact(&self) {
        let mut inner = self.lock();
        // One version more, so that even who has seen everything is too old.
        inner.version += 1;
        inner.compacted = inner.version;
        inner.log.clear();
        self.changed.send_replace(inner.version);
    }

    /// Adds `object`. Name, namespace, type, identity and times are completed.
    pub fn create(
        &self,
        resource: Resource,
        namespace: &str,
        mut object: Value,
        dry_run: bool,
    ) -> Result<Arc<Value>, Refusal> {
        let row = resource.row();
        if !object.is_object() {
            return Err(Refusal::bad_request("the object is not a JSON object"));
        }
        let mut inner = self.lock();
        let serial = inner.born;
        let fresh = noise::mix(self.seed ^ serial);
        object["apiVersion"] = row.api_version().into();
        object["kind"] = row.kind.into();
        if !object["metadata"].is_object() {
            object["metadata"] = json!({});
        }
        let meta = &mut object["metadata"];
        if meta["name"].as_str().is_none_or(str::is_empty) {
            let Some(prefix) = meta["generateName"].as_str().filter(|prefix| !prefix.is_empty()) else {
                return Err(Refusal::invalid(
                    resource,
                    "",
                    "metadata.name: Required value: name or generateName is required",
                ));
            };
            meta["name"] = format!("{prefix}{}", noise::suffix(fresh, 5)).into();
        }
        if row.namespaced {
            if meta["namespace"].as_str().is_some_and(|given| given != namespace) {
                return Err(Refusal::bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ));
            }
            meta["namespace"] = namespace.into();
            if !inner.objects.contains_key(&Key::new(Resource::Namespaces, "", namespace)) {
                return Err(Refusal::not_found(Resource::Namespaces, namespace));
            }
        }
        let key = Key::of(resource, &object);
        if inner.objects.contains_key(&key) {
            return Err(Refusal::already_exists(resource, &key.name));
        }
        let meta = &mut object["metadata"];
        meta["uid"] =
            noise::uid(noise::hash(self.seed, &[row.plural, &key.namespace, &key.name]) ^ serial).into();
        if meta["creationTimestamp"].is_null() {
            meta["creationTimestamp"] = self.time.stamp().into();
        }
        if row.generation && meta["generation"].is_null() {
            meta["generation"] = 1.into();
        }
        if dry_run {
            return Ok(Arc::new(object));
        }
        inner.born += 1;
        Ok(self.write(&mut inner, key, None, object))
    }

    /// Changes the object at `key`; what a client may not change stays as it is. A change that
    /// changes nothing makes no new version.
    pub fn update(
        &self,
        key: &Key,
        part: Part,
        dry_run: bool,
        change: impl FnOnce(&mut Value) -> Result<(), Refusal>,
    ) -> Result<Arc<Value>, Refusal> {
        let row = key.resource.row();
        let mut inner = self.lock();
        let Some(before) = inner.objects.get(key).cloned() else {
            return Err(Refusal::not_found(key.resource, &key.name));
        };
        let mut after = (*before).clone();
        change(&mut after)?;
        let asked = &after["metadata"]["resourceVersion"];
        if !asked.is_null() && asked != "" && *asked != before["metadata"]["resourceVersion"] {
            return Err(Refusal::conflict(key.resource, &key.name));
        }
        if after["metadata"]["name"].as_str().is_some_and(|name| name != key.name) {
            return Err(Refusal::bad_request("the name of the object does not match the name on the URL"));
        }
        let mut after = settle(row, part, &before, after);
        if after == *before {
            return Ok(before);
        }
        if row.generation && raises_generation(row, &before, &after) {
            let generation = before["metadata"]["generation"].as_i64().unwrap_or(1);
            after["metadata"]["generation"] = (generation + 1).into();
        }
        if dry_run {
            return Ok(Arc::new(after));
        }
        let meta = &after["metadata"];
        if !meta["deletionTimestamp"].is_null() && meta["finalizers"].as_array().is_none_or(Vec::is_empty) {
            return Ok(self.remove(&mut inner, key).unwrap_or(before));
        }
        Ok(self.write(&mut inner, key.clone(), Some(before), after))
    }

    /// Removes the object at `key` and what it owns. One with finalizers, and with `grace` any, is
    /// only marked: a controller takes it away later.
    pub fn delete(&self, key: &Key, grace: bool) -> Result<Arc<Value>, Refusal> {
        let mut inner = self.lock();
        let Some(object) = inner.objects.get(key).cloned() else {
            return Err(Refusal::not_found(key.resource, &key.name));
        };
        if grace || object["metadata"]["finalizers"].as_array().is_some_and(|list| !list.is_empty()) {
            if !object["metadata"]["deletionTimestamp"].is_null() {
                return Ok(object);
            }
            let mut marked = (*object).clone();
            marked["metadata"]["deletionTimestamp"] = self.time.stamp().into();
            return Ok(self.write(&mut inner, key.clone(), Some(object), marked));
        }
        Ok(self.remove(&mut inner, key).unwrap_or(object))
    }

    fn remove(&self, inner: &mut Inner, key: &Key) -> Option<Arc<Value>> {
        let before = inner.objects.remove(key)?;
        inner.version += 1;
        let mut last = (*before).clone();
        last["metadata"]["resourceVersion"] = inner.version.to_string().into();
        let last = Arc::new(last);
        self.log(inner, key.clone(), Some(before), Arc::clone(&last), true);
        let uid = &last["metadata"]["uid"];
        let owned: Vec<Key> = inner
            .objects
            .iter()
            .filter(|(_, object)| {
                let owners = object["metadata"]["ownerReferences"].as_array();
                owners.is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == *uid))
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in owned {
            self.remove(inner, &key);
        }
        Some(last)
    }

    fn write(
        &self,
        inner: &mut Inner,
        key: Key,
        before: Option<Arc<Value>>,
        mut object: Value,
    ) -> Arc<Value> {
        inner.version += 1;
        object["metadata"]["resourceVersion"] = inner.version.to_string().into();
        let object = Arc::new(object);
        inner.objects.insert(key.clone(), Arc::clone(&object));
        self.log(inner, key, before, Arc::clone(&object), false);
        object
    }

    fn log(
        &self,
        inner: &mut Inner,
        key: Key,
        before: Option<Arc<Value>>,
        object: Arc<Value>,
        deleted: bool,
    ) {
        inner.log.push_back(LogEntry { version: inner.version, key, before, object, deleted });
        while inner.log.len() > LOG_LENGTH {
            if let Some(dropped) = inner.log.pop_front() {
                inner.compacted = dropped.version;
            }
        }
        self.changed.send_replace(inner.version);
    }
}

/// `after` as it may be stored: identity kept, and only the half that the endpoint writes.
fn settle(row: &ResourceType, part: Part, before: &Value, mut after: Value) -> Value {
    let mut settled = match part {
        Part::Status => {
            let mut settled = before.clone();
            put(&mut settled, "status", after["status"].take());
            return settled;
        }
        Part::Object => after,
    };
    if row.status {
        put(&mut settled, "status", before["status"].clone());
    }
    for field in ["apiVersion", "kind"] {
        put(&mut settled, field, before[field].clone());
    }
    if !settled["metadata"].is_object() {
        settled["metadata"] = json!({});
    }
    let meta = &mut settled["metadata"];
    for field in [
        "uid",
        "name",
        "namespace",
        "creationTimestamp",
        "generation",
        "resourceVersion",
        "deletionTimestamp",
    ] {
        put(meta, field, before["metadata"][field].clone());
    }
    // An explicit null is no value; `status: null` must not differ from an absent status.
    if let Value::Object(object) = &mut settled {
        object.retain(|_, value| !value.is_null());
    }
    settled
}

fn put(object: &mut Value, field: &str, value: Value) {
    let Value::Object(fields) = object else { return };
    if value.is_null() {
        fields.remove(field);
    } else {
        fields.insert(field.to_owned(), value);
    }
}

/// Built-in types count changes of `spec` (Deployments of annotations too); custom resources count
/// everything but `metadata`, and `status` only when it has no endpoint of its own.
fn raises_generation(row: &ResourceType, before: &Value, after: &Value) -> bool {
    if !row.custom {
        let annotations = |object: &Value| object["metadata"]["annotations"].clone();
        return before["spec"] != after["spec"]
            || (row.id == Resource::Deployments && annotations(before) != annotations(after));
    }
    let counted = |object: &Value| -> Map<String, Value> {
        let fields = object.as_object().cloned().unwrap_or_default();
        fields
            .into_iter()
            .filter(|(field, _)| field != "metadata" && !(row.status && field == "status"))
            .collect()
    };
    counted(before) != counted(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn store() -> Store {
        let store = Store::new(Time::starting_at(DateTime::UNIX_EPOCH), 1);
        store
            .create(Resource::Namespaces, "", json!({ "metadata": { "name": "shop" } }), false)
            .expect("namespace");
        store
    }

    fn made(store: &Store, resource: Resource) -> Key {
        let object = json!({ "metadata": { "name": "a" }, "spec": { "x": 1 }, "status": { "y": 1 } });
        store.create(resource, "shop", object, false).expect("created");
        Key::new(resource, "shop", "a")
    }

    #[test]
    fn each_endpoint_writes_its_half_and_generation_counts_as_the_real_one() {
        for (resource, part, path, raised) in [
            (Resource::Deployments, Part::Object, "/spec/x", Some(true)),
            (Resource::Deployments, Part::Object, "/status/y", None),
            (Resource::Deployments, Part::Status, "/status/y", Some(false)),
            (Resource::Deployments, Part::Status, "/spec/x", None),
            (Resource::Rollouts, Part::Object, "/status/y", None),
            (Resource::Applications, Part::Object, "/status/y", Some(true)),
        ] {
            let store = store();
            let key = made(&store, resource);
            let before = store.get(&key).expect("there");
            let after = store
                .update(&key, part, false, |object| {
                    *object.pointer_mut(path).expect("path") = 2.into();
                    Ok(())
                })
                .expect("updated");
            let changed = before["metadata"]["resourceVersion"] != after["metadata"]["resourceVersion"];
            let raise = before["metadata"]["generation"] != after["metadata"]["generation"];
            assert_eq!(changed.then_some(raise), raised, "{resource:?} {part:?} {path}");
        }
    }

    #[test]
    fn a_stale_version_conflicts_and_a_dry_run_leaves_no_trace() {
        let store = store();
        let key = made(&store, Resource::Deployments);
        let stale = store.update(&key, Part::Object, false, |object| {
            object["metadata"]["resourceVersion"] = "1".into();
            Ok(())
        });
        assert_eq!(stale.map_err(|no| no.reason).err(), Some("Conflict"));
        let before = store.get(&key).expect("there");
        let dry = store
            .update(&key, Part::Object, true, |object| {
                object["spec"]["x"] = 5.into();
                Ok(())
            })
            .expect("dry");
        assert_eq!(dry["metadata"]["generation"], 2);
        assert_eq!(dry["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"]);
        assert_eq!(store.get(&key), Some(before));
    }

    #[test]
    fn the_log_is_complete_until_it_is_compacted() {
        let store = store();
        let (start, _) = store.versions();
        let key = made(&store, Resource::Pods);
        store.delete(&key, false).expect("deleted");
        let (entries, upto) = store.changes(Resource::Pods, start).expect("kept");
        assert_eq!(entries.iter().map(|entry| entry.deleted).collect::<Vec<_>>(), [false, true]);
        assert_eq!(upto, store.versions().0);
        store.compact();
        assert_eq!(store.changes(Resource::Pods, upto).map(|_| ()).map_err(|no| no.code), Err(410));
    }

    #[test]
    fn only_the_newest_changes_that_were_asked_for_are_remembered() {
        let store = store();
        for number in 0..NOTED {
            assert_eq!(store.wrote(number.to_string()), 0);
        }
        assert_eq!(store.wrote("0".to_owned()), 1);
        assert_eq!(store.wrote("0".to_owned()), 1, "the first one is forgotten");
        let writes = store.writes();
        assert_eq!((writes.len(), writes[0].as_str(), writes[NOTED - 1].as_str()), (NOTED, "2", "0"));
    }

    #[test]
    fn deleting_an_owner_deletes_what_it_owns() {
        let store = store();
        let owner = made(&store, Resource::Deployments);
        let uid = store.get(&owner).expect("there")["metadata"]["uid"].clone();
        let replica_set = json!({ "metadata": { "name": "b", "ownerReferences": [{ "uid": uid }] } });
        store.create(Resource::ReplicaSets, "shop", replica_set, false).expect("created");
        store.delete(&owner, false).expect("deleted");
        assert_eq!(store.get(&Key::new(Resource::ReplicaSets, "shop", "b")), None);
    }
}
