//! Leading by a Lease of a cluster, as client-go does it: a record under the lock of its `resourceVersion`, judged by
//! how long we ourselves have seen it unchanged.

use super::{KubeCluster, failures};
use crate::{
    adapters::leadership::lost,
    domain::leadership::{Hold, LeasePlace, LeaseRecord, LeaseTerms},
    error::{Failure, FailureKind},
    ports::{Answer, Clock, Leadership},
};
use chrono::{DateTime, Utc};
use futures::FutureExt;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};

/// How long one call may take; renewing must not outlast what it renews.
const DEADLINE: Duration = Duration::from_secs(4);
/// Where the holder's last tick stands; readable with kubectl.
const TICKED: &str = "quarterdeck.io/last-tick";

/// A Lease in a namespace of a cluster.
pub struct KubeLease {
    cluster: KubeCluster,
    namespace: String,
    name: String,
    who: String,
    terms: LeaseTerms,
    clock: Arc<dyn Clock>,
    place: String,
    /// The object as it was seen last, and since when it has been like that. Held over each call, so that two tasks
    /// of this process do not race.
    seen: Mutex<Option<(Lease, Instant)>>,
}

impl KubeLease {
    /// A Lease that nobody has looked at yet.
    pub fn new(
        cluster: KubeCluster,
        (namespace, name): (&str, &str),
        who: &str,
        terms: LeaseTerms,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let place = LeasePlace::Cluster {
            context: cluster.context.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        Self {
            cluster,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            who: who.to_owned(),
            terms,
            clock,
            place: place.to_string(),
            seen: Mutex::new(None),
        }
    }

    async fn call<T, F: Future<Output = kube::Result<T>>>(
        &self,
        attempt: &str,
        work: impl FnOnce(Api<Lease>) -> F,
    ) -> Result<T, Failure> {
        let attempt = format!("{attempt} the lease {}/{}", self.namespace, self.name);
        let api = Api::namespaced(self.cluster.client().await?, &self.namespace);
        match tokio::time::timeout(DEADLINE, work(api)).await {
            Ok(answer) => answer.map_err(|error| failures::failure(&self.cluster.context, &attempt, &error)),
            Err(_) => Err(failures::late(&self.cluster.context, &attempt, DEADLINE)),
        }
    }

    async fn get(&self) -> Result<Option<Lease>, Failure> {
        self.call("read", |api| async move { api.get_opt(&self.name).await }).await
    }

    /// Writes the record over what was seen; a `Conflict` when that is no longer what is there.
    async fn put(&self, before: Option<&Lease>, record: &LeaseRecord) -> Result<Lease, Failure> {
        let mut lease = before.cloned().unwrap_or_else(|| Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                namespace: Some(self.namespace.clone()),
                ..ObjectMeta::default()
            },
            ..Lease::default()
        });
        write(&mut lease, record);
        let parameters =
            PostParams { field_manager: Some(super::FIELD_MANAGER.to_owned()), ..PostParams::default() };
        if before.is_some() {
            let sent = (&parameters, &lease);
            self.call("write", |api| async move { api.replace(&self.name, sent.0, sent.1).await }).await
        } else {
            let sent = (&parameters, &lease);
            self.call("create", |api| async move { api.create(sent.0, sent.1).await }).await
        }
    }

    /// Reads it, and notes since when it has been as it is.
    async fn look(&self, seen: &mut Option<(Lease, Instant)>) -> Result<Option<LeaseRecord>, Failure> {
        let Some(lease) = self.get().await? else {
            *seen = None;
            return Ok(None);
        };
        let record = read(&lease);
        let since = match &*seen {
            Some((known, since)) if read(known) == record => *since,
            _ => Instant::now(),
        };
        *seen = Some((lease, since));
        Ok(Some(record))
    }

    /// Takes it or renews it over what was seen.
    async fn claim(
        &self,
        seen: &mut Option<(Lease, Instant)>,
        ticked: Option<DateTime<Utc>>,
    ) -> Result<LeaseRecord, Failure> {
        let before = seen.as_ref().map(|(lease, _)| lease.clone());
        let mut record =
            LeaseRecord::claim(before.as_ref().map(read).as_ref(), &self.who, self.clock.now(), self.terms);
        record.ticked_at = ticked.or(record.ticked_at);
        let written = self.put(before.as_ref(), &record).await?;
        *seen = Some((written, Instant::now()));
        Ok(record)
    }
}

impl Leadership for KubeLease {
    fn place(&self) -> &str {
        &self.place
    }

    fn who(&self) -> &str {
        &self.who
    }

    fn observe(&self) -> Answer<'_, Option<LeaseRecord>> {
        async move { Ok(self.get().await?.as_ref().map(read)) }.boxed()
    }

    fn acquire(&self) -> Answer<'_, Hold> {
        async move {
            let mut seen = self.seen.lock().await;
            if let Some(record) = self.look(&mut seen).await? {
                let unchanged = seen.as_ref().map_or(Duration::ZERO, |(_, since)| since.elapsed());
                if record.holder != self.who && !record.is_free(unchanged) {
                    return Ok(Hold::Theirs(record));
                }
            }
            match self.claim(&mut seen, None).await {
                Ok(record) => Ok(Hold::Ours(record)),
                // Somebody was first.
                Err(failure) if failure.kind == FailureKind::Conflict => match self.look(&mut seen).await? {
                    Some(record) => Ok(Hold::Theirs(record)),
                    None => Err(failure),
                },
                Err(failure) => Err(failure),
            }
        }
        .boxed()
    }

    fn renew(&self, ticked: Option<DateTime<Utc>>) -> Answer<'_, ()> {
        async move {
            let mut seen = self.seen.lock().await;
            let ours = |seen: &Option<(Lease, Instant)>| {
                seen.as_ref().is_some_and(|(lease, _)| read(lease).holder == self.who)
            };
            if ours(&seen) {
                match self.claim(&mut seen, ticked).await {
                    Err(failure) if failure.kind == FailureKind::Conflict => {}
                    other => return other.map(drop),
                }
            }
            // Somebody has touched it: it may still be ours, and then it is written over what is there now.
            let record = self.look(&mut seen).await?;
            if ours(&seen) {
                return self.claim(&mut seen, ticked).await.map(drop);
            }
            Err(lost(&self.place, record.as_ref()))
        }
        .boxed()
    }

    fn release(&self) -> Answer<'_, ()> {
        async move {
            let mut seen = self.seen.lock().await;
            let Some(record) = self.look(&mut seen).await?.filter(|record| record.holder == self.who) else {
                return Ok(());
            };
            let before = seen.as_ref().map(|(lease, _)| lease.clone());
            let written = self.put(before.as_ref(), &record.released(self.clock.now())).await?;
            *seen = Some((written, Instant::now()));
            Ok(())
        }
        .boxed()
    }
}

fn read(lease: &Lease) -> LeaseRecord {
    let spec = lease.spec.clone().unwrap_or_default();
    let time = |time: Option<MicroTime>| {
        time.and_then(|time| DateTime::from_timestamp_micros(time.0.as_microsecond())).unwrap_or_default()
    };
    let ticked = lease.metadata.annotations.as_ref().and_then(|notes| notes.get(TICKED));
    LeaseRecord {
        holder: spec.holder_identity.unwrap_or_default(),
        duration_seconds: spec
            .lease_duration_seconds
            .and_then(|seconds| seconds.try_into().ok())
            .unwrap_or(0),
        acquired_at: time(spec.acquire_time),
        renewed_at: time(spec.renew_time),
        transitions: spec.lease_transitions.and_then(|count| count.try_into().ok()).unwrap_or(0),
        ticked_at: ticked.and_then(|text| text.parse().ok()),
    }
}

/// Writes a record into an object; what else is in it stays.
fn write(lease: &mut Lease, record: &LeaseRecord) {
    let time = |at: DateTime<Utc>| Timestamp::from_microsecond(at.timestamp_micros()).ok().map(MicroTime);
    let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
    spec.holder_identity = Some(record.holder.clone());
    spec.lease_duration_seconds = Some(i32::try_from(record.duration_seconds).unwrap_or(i32::MAX));
    spec.acquire_time = time(record.acquired_at);
    spec.renew_time = time(record.renewed_at);
    spec.lease_transitions = Some(i32::try_from(record.transitions).unwrap_or(i32::MAX));
    let notes = lease.metadata.annotations.get_or_insert_default();
    match record.ticked_at {
        Some(at) => drop(notes.insert(TICKED.to_owned(), at.to_rfc3339())),
        None => drop(notes.remove(TICKED)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_the_object_and_leaves_the_rest_of_it_alone() {
        let at = DateTime::from_timestamp_micros(1_790_000_000_123_456).unwrap();
        let mut record = LeaseRecord::claim(None, "one", at, LeaseTerms::default());
        record.ticked_at = Some(at);
        let mut lease = Lease::default();
        lease.metadata.resource_version = Some("7".to_owned());
        lease.metadata.annotations = Some([("kept".to_owned(), "yes".to_owned())].into());
        write(&mut lease, &record);
        assert_eq!(read(&lease), record);
        assert_eq!(lease.metadata.resource_version.as_deref(), Some("7"));
        assert!(lease.metadata.annotations.unwrap().contains_key("kept"));
        // One that others made, with nothing in it, belongs to nobody.
        assert!(read(&Lease::default()).is_free(Duration::ZERO));
    }
}
