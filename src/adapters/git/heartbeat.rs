//! Leading by a lock file of a clone: the system lets go of it when its process dies, and a heartbeat beside it says who
//! leads. It keeps the processes of one machine apart, and nobody else.

use super::{GitRepository, clone::LocalClone};
use crate::{
    adapters::{leadership::lost, plain},
    domain::leadership::{Hold, LeasePlace, LeaseRecord, LeaseTerms},
    error::Failure,
    ports::{Answer, Clock, Leadership},
};
use chrono::{DateTime, Utc};
use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// What the system locks.
const LOCK: &str = "quarterdeck-agent.lock";
/// Who leads, as JSON.
const HEARTBEAT: &str = "quarterdeck-agent.json";
/// More of that was written by something else, in bytes.
const LARGEST: u64 = 64 * 1024;

/// The lock file of a clone.
pub struct FileLock {
    inner: Arc<Inner>,
    place: String,
}

struct Inner {
    clone: Arc<LocalClone>,
    who: String,
    terms: LeaseTerms,
    clock: Arc<dyn Clock>,
    held: Mutex<Option<File>>,
}

impl FileLock {
    /// A lock that nobody has tried to take yet.
    pub fn new(repository: &GitRepository, who: &str, terms: LeaseTerms, clock: Arc<dyn Clock>) -> Self {
        let (clone, who) = (repository.local_clone(), who.to_owned());
        Self {
            inner: Arc::new(Inner { clone, who, terms, clock, held: Mutex::new(None) }),
            place: LeasePlace::Repository.to_string(),
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || work(&inner)).await.unwrap_or_else(|error| {
            Err(Failure::failed("work on the agent's lock ended before its time").because(&error))
        })
    }
}

impl Inner {
    fn path(&self, name: &str) -> PathBuf {
        self.clone.repository().common_dir().join(name)
    }

    fn read(&self) -> Result<Option<LeaseRecord>, Failure> {
        match plain::read(&self.path(HEARTBEAT), LARGEST) {
            // One that cannot be read was written by something else, and says nothing.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("read", HEARTBEAT, &error)),
        }
    }

    /// Writes the heartbeat whole: nobody reads half of it.
    fn write(&self, record: &LeaseRecord) -> Result<(), Failure> {
        let path = self.path(HEARTBEAT);
        let next = path.with_extension("json.next");
        let text = serde_json::to_vec(record)
            .map_err(|error| Failure::failed("could not write the heartbeat as JSON").because(&error))?;
        fs::write(&next, text)
            .and_then(|()| fs::rename(&next, &path))
            .map_err(|error| self.failed("write", HEARTBEAT, &error))
    }

    fn failed(&self, attempt: &str, name: &str, error: &io::Error) -> Failure {
        Failure::failed(format!("could not {attempt} {}", self.path(name).display())).because(error)
    }

    fn acquire(&self) -> Result<Hold, Failure> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_none_or(|file| !self.is_there(file)) {
            *held = None;
            let path = self.path(LOCK);
            let file = File::options()
                .create(true)
                .append(true)
                .open(&path)
                .map_err(|error| self.failed("open", LOCK, &error))?;
            match file.try_lock() {
                Ok(()) => *held = Some(file),
                Err(TryLockError::WouldBlock) => {
                    let now = self.clock.now();
                    let unknown = || LeaseRecord::claim(None, "another process", now, self.terms);
                    return Ok(Hold::Theirs(self.read()?.unwrap_or_else(unknown)));
                }
                Err(TryLockError::Error(error)) => return Err(self.failed("lock", LOCK, &error)),
            }
        }
        let record = LeaseRecord::claim(self.read()?.as_ref(), &self.who, self.clock.now(), self.terms);
        self.write(&record)?;
        Ok(Hold::Ours(record))
    }

    /// Whether the file that we hold is still the one at its path: another one there could be locked by others.
    fn is_there(&self, file: &File) -> bool {
        let id = |found: &fs::Metadata| (found.dev(), found.ino());
        match (file.metadata(), fs::metadata(self.path(LOCK))) {
            (Ok(ours), Ok(there)) => id(&ours) == id(&there),
            _ => false,
        }
    }

    fn renew(&self, ticked: Option<DateTime<Utc>>) -> Result<(), Failure> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.read()?;
        if !held.as_ref().is_some_and(|file| self.is_there(file)) {
            *held = None;
            return Err(lost(&LeasePlace::Repository.to_string(), before.as_ref()));
        }
        let mut record = LeaseRecord::claim(before.as_ref(), &self.who, self.clock.now(), self.terms);
        record.ticked_at = ticked.or(record.ticked_at);
        self.write(&record)
    }

    fn release(&self) -> Result<(), Failure> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = held.take() else { return Ok(()) };
        if self.is_there(&file)
            && let Some(record) = self.read()?.filter(|record| record.holder == self.who)
        {
            self.write(&record.released(self.clock.now()))?;
        }
        // Closing it lets go of the lock.
        drop(file);
        Ok(())
    }
}

impl Leadership for FileLock {
    fn place(&self) -> &str {
        &self.place
    }

    fn who(&self) -> &str {
        &self.inner.who
    }

    fn observe(&self) -> Answer<'_, Option<LeaseRecord>> {
        Box::pin(self.run(Inner::read))
    }

    fn acquire(&self) -> Answer<'_, Hold> {
        Box::pin(self.run(Inner::acquire))
    }

    fn renew(&self, ticked: Option<DateTime<Utc>>) -> Answer<'_, ()> {
        Box::pin(self.run(move |inner| inner.renew(ticked)))
    }

    fn release(&self) -> Answer<'_, ()> {
        Box::pin(self.run(Inner::release))
    }
}
