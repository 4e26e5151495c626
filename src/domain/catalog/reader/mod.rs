//! Reading: from the bytes of a control repository's files to a [`Catalog`] with findings. Pure.
//!
//! Every file goes the same way: bytes are decoded, parsed with recovery, verified key by key against
//! the shape that [`shapes`] declares (all findings come from there), and then read quietly by what is
//! well-formed. So one broken value or file never hides the rest. Files of services are many: each is read by
//! itself into a part, side by side, and kept while it stays the same; then all are joined.

mod dashboard;
mod decode;
mod delivery;
mod demands;
mod part;
mod policies;
mod services;
mod settings;
pub mod shape;
pub mod shapes;
mod sink;
#[cfg(test)]
mod tests;
mod view;
mod widgets;

pub use decode::text_of;

use self::{
    decode::Damage,
    part::Part,
    services::{Estate, Joining},
    sink::Sink,
    view::View,
};
use super::{Catalog, Service};
use crate::domain::{finding::SourceFile, name::ServiceName, rules::reading, text::clean};
use std::{
    collections::{BTreeMap, HashMap},
    num::NonZero,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

/// A larger file is not read: no control repository needs it, and offsets fit 32 bits with room.
pub const MAX_FILE_BYTES: usize = 64 * 1024 * 1024;

/// Nor is a file of more values than this, as far as brackets, commas and equals signs tell. A parsed value takes up
/// to a kilobyte, so that a few megabytes of `{a=1},` would take all memory; ten thousand services in one file have
/// a quarter of it.
const MOST_VALUES: usize = 1_000_000;

/// The file that every control repository has.
const CATALOG_PATH: &str = "services/catalog.toml";

/// Whether the file of a path (from the repository's root, with `/`) is read.
pub fn is_control_file(path: &str) -> bool {
    path == shapes::DASHBOARD || shapes::of(path).is_some()
}

/// Reads a control repository from its files, in any order, once. See [`Reader::read`].
pub fn read(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Catalog {
    Reader::default().read(files)
}

/// Reads control repositories, and keeps what it read of files that may well come again unchanged: the
/// next revision, and the one after an edit, differ in few files. Several may be read at once: what is kept
/// is held only to look it up.
#[derive(Debug, Default)]
pub struct Reader {
    kept: Mutex<HashMap<String, Vec<Arc<Part>>>>,
    joined: Mutex<HashMap<ServiceName, (Joining, Arc<Service>)>>,
}

/// What is kept, also after a panic of somebody who held it: no entry is ever half written.
fn held<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many versions of a file are kept at most.
const KEPT_VERSIONS: usize = 4;

/// Fewer bytes than this are read faster on one thread than it takes to start another.
const WORTH_A_THREAD: usize = 256 * 1024;

/// Fewer services than this are joined faster on one thread than it takes to start another.
const SERVICES_WORTH_A_THREAD: usize = 2_000;

/// More threads than this are not used: the rest of the program wants to run too.
const MOST_THREADS: usize = 8;

/// What a file says, as it comes.
#[derive(Debug, Clone)]
pub enum Content {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// The same file as in a catalog that this reader has read. It had no byte that is no UTF-8.
    Known(Arc<SourceFile>),
}

impl Content {
    fn is_text(&self) -> bool {
        match self {
            Self::Bytes(bytes) => decode::is_text(bytes),
            Self::Known(_) => true,
        }
    }
}

/// A file to be read.
struct Input {
    path: String,
    bytes: Vec<u8>,
    index: u32,
}

/// A file that was read, or that must be read with all others known.
enum Read {
    Part(Arc<Part>),
    Whole(Arc<SourceFile>, Option<Damage>),
    TooLarge(Arc<SourceFile>, String),
}

impl Reader {
    /// Reads a control repository from its files, in any order. Files that are no control files are
    /// kept for their text alone if it is UTF-8, since some rules look at every text.
    ///
    /// It never fails: whatever is wrong is in [`Catalog::findings`], and the rest is read.
    pub fn read(&self, files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Catalog {
        self.read_contents(files.into_iter().map(|(path, bytes)| (path, Content::Bytes(bytes))))
    }

    /// As [`Self::read`]; files that are known to be the same as before need not be compared.
    pub fn read_contents(&self, files: impl IntoIterator<Item = (String, Content)>) -> Catalog {
        let mut inputs: Vec<_> = files.into_iter().collect();
        // Services first, because other files are joined onto them; then by path, so that the order in
        // which files arrive changes nothing.
        inputs.sort_by(|(a, _), (b, _)| (rank(a), a).cmp(&(rank(b), b)));
        inputs.dedup_by(|(a, _), (b, _)| a == b);
        inputs.retain(|(path, content)| is_control_file(path) || content.is_text());
        let mut catalog = Catalog::default();
        if !inputs.iter().any(|(path, _)| path == CATALOG_PATH) {
            let message = format!("{CATALOG_PATH} is missing");
            let help = "write it, or start from a repository that `quarterdeck init` makes";
            catalog.findings.push(reading::MISSING_CATALOG.finding(message).help(help));
        }
        let mut estate = Estate::default();
        for (index, read) in self.parts(inputs).into_iter().enumerate() {
            let sink = match read {
                Read::Part(part) => {
                    catalog.files.push(Arc::clone(&part.sink.file));
                    part.join(&mut estate, &catalog.files)
                }
                Read::Whole(file, damage) => {
                    catalog.files.push(Arc::clone(&file));
                    let mut sink = Sink::new(Arc::clone(&file), index as u32);
                    sink.damaged(damage);
                    read_whole(&file, &mut catalog, &mut sink);
                    sink
                }
                Read::TooLarge(file, message) => {
                    catalog.files.push(Arc::clone(&file));
                    let mut sink = Sink::new(file, index as u32);
                    let help = Some(format!("at most 64 MiB and {MOST_VALUES} values are read; split it"));
                    sink.report(&reading::TOO_LARGE, &(0..0), message, help);
                    sink
                }
            };
            catalog.findings.extend(sink.finish());
        }
        catalog.projects = std::mem::take(&mut estate.projects);
        catalog.places.append(&mut estate.places);
        catalog.services = self.services(estate.into_services());
        catalog.findings.sort_by(crate::domain::finding::Finding::order);
        catalog
    }

    /// Every file in its order: as it was kept, or read now, side by side if it is worth it.
    fn parts(&self, inputs: Vec<(String, Content)>) -> Vec<Read> {
        let mut reads: Vec<Option<Read>> = Vec::with_capacity(inputs.len());
        let mut unread = Vec::new();
        let mut kept = held(&self.kept);
        for (index, (path, mut content)) in inputs.into_iter().enumerate() {
            if let Content::Bytes(bytes) = &mut content
                && bytes.starts_with(BYTE_ORDER_MARK)
            {
                bytes.drain(..BYTE_ORDER_MARK.len());
            }
            let index = index as u32;
            let same = |part: &Arc<Part>| {
                part.sink.index == index
                    && match &content {
                        Content::Bytes(bytes) => part.sink.file.text.as_bytes() == bytes.as_slice(),
                        Content::Known(file) => Arc::ptr_eq(&part.sink.file, file),
                    }
            };
            let part = kept.get_mut(&path).and_then(|versions| {
                let at = versions.iter().position(same)?;
                // The one that was wanted last is the last to be forgotten.
                versions[..=at].rotate_right(1);
                versions.first().cloned()
            });
            if part.is_none() {
                let bytes = match content {
                    Content::Bytes(bytes) => bytes,
                    Content::Known(file) => file.text.clone().into_bytes(),
                };
                unread.push(Input { path, bytes, index });
            }
            reads.push(part.map(Read::Part));
        }
        drop(kept);
        let read = read_side_by_side(unread);
        let mut kept = held(&self.kept);
        for (index, read) in read {
            if let Read::Part(part) = &read {
                let versions = kept.entry(part.sink.file.path.clone()).or_default();
                versions.truncate(KEPT_VERSIONS - 1);
                versions.insert(0, Arc::clone(part));
            }
            reads[index as usize] = Some(read);
        }
        reads.into_iter().flatten().collect()
    }

    /// The services with everything that is laid over them; those of the same parts as before are the
    /// same values as before.
    fn services(&self, estate: Vec<Joining>) -> BTreeMap<ServiceName, Arc<Service>> {
        let joined = held(&self.joined);
        let known = |joining: &Joining| {
            // Most have one part, and are that.
            if joining.overlays.is_empty() {
                return Some(Arc::clone(&joining.definition));
            }
            let kept = joined.get(&joining.definition.name).filter(|(kept, _)| kept.is(joining));
            kept.map(|(_, service)| Arc::clone(service))
        };
        let estate: Vec<_> = estate.into_iter().map(|joining| (known(&joining), joining)).collect();
        drop(joined);
        let laid = laid_over(estate);
        let mut services = Vec::with_capacity(laid.len());
        let mut joined = held(&self.joined);
        for (joining, service, is_new) in laid {
            if is_new {
                joined.insert(service.name.clone(), (joining, Arc::clone(&service)));
            }
            services.push((service.name.clone(), service));
        }
        services.into_iter().collect()
    }
}

/// Lays over each service what other files say of it, on two halves at once where there are many; with each, whether
/// that was done now.
fn laid_over(mut estate: Vec<(Option<Arc<Service>>, Joining)>) -> Vec<(Joining, Arc<Service>, bool)> {
    let lay = |half: Vec<(Option<Arc<Service>>, Joining)>| -> Vec<_> {
        half.into_iter()
            .map(|(known, joining)| {
                let is_new = known.is_none();
                let service = known.unwrap_or_else(|| joining.service());
                (joining, service, is_new)
            })
            .collect()
    };
    let unknown = estate.iter().filter(|(known, _)| known.is_none()).count();
    if unknown < SERVICES_WORTH_A_THREAD {
        return lay(estate);
    }
    let rest = estate.split_off(estate.len() / 2);
    thread::scope(|scope| {
        let rest = scope.spawn(|| lay(rest));
        let mut services = lay(estate);
        services.extend(rest.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        services
    })
}

/// Reads files on as many threads as are worth it.
fn read_side_by_side(inputs: Vec<Input>) -> Vec<(u32, Read)> {
    let size: usize = inputs.iter().map(|input| input.bytes.len()).sum();
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS).min(inputs.len());
    let queue = Mutex::new(inputs.into_iter());
    let work = || {
        let next = || held(&queue).next();
        std::iter::from_fn(|| next().map(|input| (input.index, read_one(input)))).collect::<Vec<_>>()
    };
    if threads < 2 || size < WORTH_A_THREAD {
        return work();
    }
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut reads = work();
        for other in others {
            // A panic in there goes on here, as if there were no threads.
            reads.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        reads
    })
}

fn read_one(input: Input) -> Read {
    let size = input.bytes.len();
    if size > MAX_FILE_BYTES {
        let message = format!("{} has {} MiB and was not read", clean(&input.path), size / 1024 / 1024);
        return Read::TooLarge(Arc::new(SourceFile::new(input.path, String::new())), message);
    }
    // Fewer bytes than that cannot hold as many.
    if size > MOST_VALUES && is_control_file(&input.path) {
        let values = input.bytes.iter().filter(|byte| matches!(byte, b'[' | b'{' | b',' | b'=')).count();
        if values > MOST_VALUES {
            let message =
                format!("{} has more than {MOST_VALUES} values and was not read", clean(&input.path));
            return Read::TooLarge(Arc::new(SourceFile::new(input.path, String::new())), message);
        }
    }
    let (text, damage) = decode::text_of(input.bytes, is_control_file(&input.path));
    let file = Arc::new(SourceFile::new(input.path, text));
    let whole = file.path == shapes::DASHBOARD || !part::is_part(shapes::of(&file.path));
    if whole {
        Read::Whole(file, damage)
    } else {
        Read::Part(Arc::new(Part::read(&file, input.index, damage)))
    }
}

/// The order in which files are read.
fn rank(path: &str) -> u8 {
    match path {
        CATALOG_PATH => 0,
        _ if path.starts_with("projects/") && path.ends_with("/services.toml") => 1,
        _ if is_control_file(path) => 2,
        // After all others, so that their coming and going moves no control file.
        _ => 3,
    }
}

/// What some editors write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a file of which there is one, small, and which others are read by.
fn read_whole(file: &Arc<SourceFile>, catalog: &mut Catalog, sink: &mut Sink) {
    if file.path == shapes::DASHBOARD {
        catalog.dashboard = dashboard::read_dashboard(&file.text, sink);
        return;
    }
    let Some(shape) = shapes::of(&file.path) else { return };
    let document = part::parse(file, sink);
    let top = View { table: document.get_ref(), shape: shape.table, file: sink.index };
    sink.verify(top.table, shape.table, "", &(0..0));
    match shape.path {
        "services/versions.toml" => policies::read_versions(top, catalog),
        "services/patterns.toml" => policies::read_patterns(top, catalog),
        "policies/teams.toml" => policies::read_teams(top, catalog, sink),
        "policies/escalation.toml" => policies::read_escalation(top, catalog),
        "policies/sla.toml" => policies::read_sla_policy(top, catalog),
        "policies/security.toml" => {
            policies::read_gates(top, catalog);
            policies::read_ledger(top, catalog);
            demands::read_demands(top, catalog);
        }
        "policies/compliance.toml" => {
            policies::read_gates(top, catalog);
            demands::read_demands(top, catalog);
        }
        "policies/calendar.toml" => demands::read_calendar(top, catalog),
        "quarterdeck.toml" => settings::read_settings(top, catalog, sink),
        _ => {}
    }
}
