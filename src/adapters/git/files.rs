//! The control repository's files: from the working tree, or from a commit's tree without a checkout.

use super::{
    child::{Call, Git},
    references::unreadable,
};
use crate::{
    domain::{
        catalog::{
            is_control_file,
            reader::{Content, MAX_FILE_BYTES, text_of},
        },
        finding::{Finding, SourceFile},
        rules::reading,
        text,
    },
    error::Failure,
};
use gix::{
    ObjectId, Repository,
    bstr::{BStr, ByteSlice},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::DefaultHasher},
    fs,
    hash::{Hash, Hasher},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::UNIX_EPOCH,
};

/// How deep control files lie at most: `projects/<p>/services.toml`.
const DEPTH: usize = 3;

/// Files of the control repository by path from its root.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// A file that is no control file is read only for what its text may betray; a larger one is no text
/// that anybody wrote.
const MAX_OTHER_BYTES: u64 = 1024 * 1024;

/// All of them together take at most this much.
const MAX_OTHERS_BYTES: u64 = 32 * 1024 * 1024;

/// Files beside the control files, and how many were passed over because of their size.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// The files.
    pub files: Files,
    /// Paths of control files, and of folders above them, that are links.
    pub links: Vec<String>,
    skipped: usize,
    bytes: u64,
}

impl Others {
    /// Whether a file of this size still fits.
    fn admits(&mut self, bytes: u64) -> bool {
        let fits = bytes <= MAX_OTHER_BYTES && self.bytes + bytes <= MAX_OTHERS_BYTES;
        if fits {
            self.bytes += bytes;
        } else {
            self.skipped += 1;
        }
        fits
    }

    /// What must be said of the files that were passed over.
    pub fn findings(&self) -> Vec<Finding> {
        let linked = self.links.iter().map(|path| {
            let message = format!("{} is a link, and was not read", text::clean(path));
            reading::LINK.finding(message).help("put the file or folder itself there")
        });
        linked.chain(self.too_large()).collect()
    }

    fn too_large(&self) -> Option<Finding> {
        let what = match self.skipped {
            0 => return None,
            1 => "1 file is".to_owned(),
            many => format!("{many} files are"),
        };
        let message = format!("{what} too large to be searched for credentials");
        let help = "files of at most 1 MiB are searched, and 32 MiB in all";
        Some(reading::NOT_SEARCHED.finding(message).help(help))
    }
}

/// Reads what else Git has in the working tree, or would add to it: text in which a credential may lie.
pub(super) fn others(root: &Path, git: &Git) -> Result<Others, Failure> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
    let output = git.run(&Call { arguments: &arguments, ..Call::default() })?;
    if !output.success {
        return Err(output.explain(Failure::failed("could not list the files of the working tree")));
    }
    let mut others = Others::default();
    for path in output.stdout.split('\0').filter(|path| !path.is_empty() && !is_control_file(path)) {
        let file = root.join(path);
        // Listed by Git, but deleted; or a link, which says only where it points to.
        let Ok(metadata) = fs::symlink_metadata(&file) else { continue };
        if metadata.is_file()
            && others.admits(metadata.len())
            && let Ok(bytes) = read_at_most(&file, MAX_OTHER_BYTES)
        {
            others.files.insert(path.to_owned(), bytes);
        }
    }
    Ok(others)
}

/// The bytes of one file of a commit.
pub(super) fn bytes(repository: &Repository, commit: ObjectId, path: &str) -> Result<Vec<u8>, Failure> {
    let absent = || {
        Failure::refused(format!("there is no file {} in commit {commit}", text::clean(path)))
            .hint("it may have been moved or deleted meanwhile; read the repository again")
    };
    let mut tree = tree_of(repository, commit)?;
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let entry =
            entries(repository, tree)?.into_iter().find(|entry| entry.name == part).ok_or_else(absent)?;
        if parts.peek().is_none() {
            if !entry.is_file {
                break;
            }
            let blob = repository.find_blob(entry.id).map_err(|error| unreadable(path, &error))?;
            return Ok(blob.detach().data);
        }
        if !entry.is_folder {
            break;
        }
        tree = entry.id;
    }
    Err(absent())
}

/// Where a control file of the working tree lies. What is a link, or no file, is none.
pub(super) fn on_disk(root: &Path, path: &str) -> Result<PathBuf, Failure> {
    let shown = text::clean(path);
    if !is_control_file(path) {
        return Err(Failure::refused(format!("{shown} is no control file")));
    }
    let file = root.join(path);
    match fs::symlink_metadata(&file) {
        Ok(metadata) if metadata.is_file() => Ok(file),
        Ok(_) => Err(Failure::refused(format!("{shown} is a link or a folder, and those are not read"))),
        Err(error) => Err(Failure::refused(format!("{shown} is not in the working tree"))
            .because(&error)
            .hint("check out the branch that has it")),
    }
}

fn read_at_most(file: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = fs::File::open(file)?;
    // In one piece: a limited reader does not know how much there is, and would begin with a few bytes.
    let size = file.metadata().map_or(0, |metadata| metadata.len().min(limit));
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1);
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads the control files of the working tree; beside them, the paths that are there and could not be
/// read, and why. Symbolic links are not followed, neither out of the repository nor within it: so the
/// working tree and a commit of it say the same.
pub(super) fn working_tree(root: &Path) -> (Files, Vec<(String, String)>, Vec<String>) {
    let mut files = Files::new();
    let mut unreadable = Vec::new();
    let mut links = Vec::new();
    visit(root, &mut |path, file, metadata| {
        if metadata.is_symlink() {
            links.push(path);
            return;
        }
        if !metadata.is_file() {
            unreadable.push((path, "it is no file".to_owned()));
            return;
        }
        // One byte beyond the limit is enough for the reader to say that it is too large.
        match read_at_most(file, MAX_FILE_BYTES as u64 + 1) {
            Ok(bytes) => {
                files.insert(path, bytes);
            }
            Err(error) => unreadable.push((path, error.to_string())),
        }
    });
    links.sort_unstable();
    (files, unreadable, links)
}

/// A digest over path, size and modification time of the working tree's control files, and of the other
/// files that were read before.
pub(super) fn fingerprint(root: &Path, others: &[String]) -> u64 {
    let stamp = |metadata: &fs::Metadata| {
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        (metadata.len(), modified)
    };
    let mut seen = BTreeMap::new();
    visit(root, &mut |path, _, metadata| {
        seen.insert(path, stamp(metadata));
    });
    for path in others {
        if let Ok(metadata) = fs::symlink_metadata(root.join(path)) {
            seen.insert(path.clone(), stamp(&metadata));
        }
    }
    let mut hasher = DefaultHasher::new();
    seen.hash(&mut hasher);
    hasher.finish()
}

fn visit(root: &Path, found: &mut dyn FnMut(String, &Path, &fs::Metadata)) {
    let mut folders = vec![(root.to_path_buf(), String::new(), 1)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        // A folder that may not be listed hides only its own files.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            let path = format!("{prefix}{name}");
            // Not of what a link points to.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() && depth < DEPTH {
                folders.push((entry.path(), format!("{path}/"), depth + 1));
            } else if is_control_file(&path) || (metadata.is_symlink() && holds_control_files(&path)) {
                found(path, &entry.path(), &metadata);
            }
        }
    }
}

/// Whether control files may lie in a folder of this path.
fn holds_control_files(path: &str) -> bool {
    matches!(path, "services" | "projects" | "policies")
        || path.strip_prefix("projects/").is_some_and(|project| !project.contains('/'))
}

/// Files that were read from Git before, by path and object, for as long as a catalog holds them.
#[derive(Debug, Default)]
pub(super) struct Seen(HashMap<(String, ObjectId), Weak<SourceFile>>);

/// From so many on, those that nobody holds any more are forgotten.
const MOST_SEEN: usize = 4_096;

impl Seen {
    fn find(&self, path: &str, object: ObjectId) -> Option<Arc<SourceFile>> {
        self.0.get(&(path.to_owned(), object))?.upgrade()
    }

    /// Remembers the files of a catalog that was read from `objects`.
    pub fn remember(&mut self, mut objects: BTreeMap<String, ObjectId>, files: &[Arc<SourceFile>]) {
        if self.0.len() >= MOST_SEEN {
            self.0.retain(|_, file| file.strong_count() > 0);
        }
        for file in files {
            // What was too large has no text, and must be looked at again to be complained of.
            if let Some(object) = objects.remove(&file.path).filter(|_| !file.text.is_empty()) {
                self.0.insert((file.path.clone(), object), Arc::downgrade(file));
            }
        }
    }
}

/// Whether the bytes of a file are its text: nothing in them is decoded, replaced, or complained of as bytes.
fn is_plain(bytes: &[u8]) -> bool {
    !bytes.iter().any(|byte| matches!(byte, 0 | b'\r'))
        && std::str::from_utf8(bytes).is_ok_and(|text| !text.starts_with('\u{feff}'))
}

/// The files of a commit.
pub(super) struct Committed {
    /// Control files, and what else is text.
    pub files: BTreeMap<String, Content>,
    /// What must be said of the others; their files are among `files`.
    pub others: Others,
    /// Git's objects of what was not seen before and is plain text.
    pub objects: BTreeMap<String, ObjectId>,
}

/// Reads the files of a commit: control files, and what else is text.
pub(super) fn at_commit(
    repository: &Repository,
    commit: ObjectId,
    seen: &Mutex<Seen>,
) -> Result<Committed, Failure> {
    let seen = |path: &str, id| seen.lock().unwrap_or_else(PoisonError::into_inner).find(path, id);
    let mut files = BTreeMap::new();
    let mut others = Others::default();
    let mut objects = BTreeMap::new();
    let mut folders = vec![(tree_of(repository, commit)?, String::new())];
    while let Some((tree, prefix)) = folders.pop() {
        for entry in entries(repository, tree)? {
            let path = format!("{prefix}{}", entry.name);
            if entry.is_folder {
                folders.push((entry.id, format!("{path}/")));
            } else if entry.is_link && (is_control_file(&path) || holds_control_files(&path)) {
                others.links.push(path);
            } else if entry.is_file {
                let broken = |error: &gix::Error| unreadable(&path, error);
                let control = is_control_file(&path);
                if let Some(file) = seen(&path, entry.id) {
                    if control || others.admits(file.text.len() as u64) {
                        files.insert(path, Content::Known(file));
                    }
                    continue;
                }
                let size = repository.find_header(entry.id).map_err(|error| broken(&error))?.size();
                if control || others.admits(size) {
                    let blob = repository.find_blob(entry.id).map_err(|error| broken(&error))?;
                    let bytes = blob.detach().data;
                    if is_plain(&bytes) {
                        objects.insert(path.clone(), entry.id);
                    }
                    files.insert(path, Content::Bytes(bytes));
                }
            }
        }
    }
    others.links.sort_unstable();
    Ok(Committed { files, others, objects })
}

/// The files of a commit at some paths, as a catalog of it has them; those that are not there or are no text are
/// left out.
pub(super) fn sources(
    repository: &Repository,
    commit: ObjectId,
    paths: &BTreeSet<String>,
    known: &mut HashMap<ObjectId, Arc<SourceFile>>,
) -> Result<Vec<Arc<SourceFile>>, Failure> {
    let mut found = Vec::with_capacity(paths.len());
    let mut folders = vec![(tree_of(repository, commit)?, String::new())];
    while let Some((tree, prefix)) = folders.pop() {
        for entry in entries(repository, tree)? {
            let path = format!("{prefix}{}", entry.name);
            if entry.is_folder {
                let inside = format!("{path}/");
                // Paths are in order: the first that is not before the folder's name tells.
                if paths.range(inside.clone()..).next().is_some_and(|path| path.starts_with(&inside)) {
                    folders.push((entry.id, inside));
                }
            } else if entry.is_file && paths.contains(&path) {
                // The same text may lie at two paths.
                if let Some(file) = known.get(&entry.id).filter(|file| file.path == path) {
                    found.push(Arc::clone(file));
                    continue;
                }
                let blob = repository.find_blob(entry.id).map_err(|error| unreadable(&path, &error))?;
                let text = text_of(blob.detach().data, is_control_file(&path)).0;
                let file = Arc::new(SourceFile::new(path, text));
                known.insert(entry.id, Arc::clone(&file));
                found.push(file);
            }
        }
    }
    Ok(found)
}

/// What differs between two commits: by path what Git has there before and after, as mode and object id.
pub(super) fn changed_objects(
    repository: &Repository,
    old: ObjectId,
    new: ObjectId,
) -> Result<BTreeMap<String, [Option<String>; 2]>, Failure> {
    let mut objects: BTreeMap<String, [Option<String>; 2]> = BTreeMap::new();
    let (old, new) = (tree_of(repository, old)?, tree_of(repository, new)?);
    let mut folders = vec![(Some(old), Some(new), String::new())];
    while let Some((old, new, prefix)) = folders.pop() {
        // Equal trees have equal ids: whole folders are passed over unread.
        if old == new {
            continue;
        }
        let mut sides: BTreeMap<String, (Option<Entry>, Option<Entry>)> = BTreeMap::new();
        for entry in old.map(|id| entries(repository, id)).transpose()?.unwrap_or_default() {
            let name = entry.name.clone();
            sides.entry(name).or_default().0 = Some(entry);
        }
        for entry in new.map(|id| entries(repository, id)).transpose()?.unwrap_or_default() {
            let name = entry.name.clone();
            sides.entry(name).or_default().1 = Some(entry);
        }
        for (name, (old, new)) in sides {
            if old == new {
                continue;
            }
            let path = format!("{prefix}{name}");
            let folder = |side: &Option<Entry>| side.as_ref().filter(|e| e.is_folder).map(|e| e.id);
            let leaf = |side: &Option<Entry>| {
                side.as_ref().filter(|e| !e.is_folder).map(|e| format!("{:o} {}", e.mode, e.id))
            };
            let leaves = [leaf(&old), leaf(&new)];
            if leaves.iter().any(Option::is_some) {
                objects.insert(path.clone(), leaves);
            }
            if folder(&old).is_some() || folder(&new).is_some() {
                folders.push((folder(&old), folder(&new), format!("{path}/")));
            }
        }
    }
    Ok(objects)
}

/// An entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: String,
    id: ObjectId,
    is_folder: bool,
    is_file: bool,
    is_link: bool,
    /// So that a file that becomes executable, or a link, differs.
    mode: u16,
}

fn entries(repository: &Repository, tree: ObjectId) -> Result<Vec<Entry>, Failure> {
    let tree = repository.find_tree(tree).map_err(|error| unreadable("a folder", &error))?;
    tree.iter()
        .map(|entry| {
            let entry = entry.map_err(|error| unreadable("a folder", &error))?.inner;
            Ok(Entry {
                name: name_of(entry.filename),
                id: entry.oid.to_owned(),
                is_folder: entry.mode.is_tree(),
                is_file: entry.mode.is_blob(),
                is_link: entry.mode.is_link(),
                mode: entry.mode.value(),
            })
        })
        .collect()
}

/// A name as text. One that is no UTF-8 gets its bytes as digits behind a replacement character, so that no two
/// names are alike.
fn name_of(name: &BStr) -> String {
    match name.to_str() {
        Ok(text) if !text.contains('\u{fffd}') => text.to_owned(),
        _ => name.iter().fold("\u{fffd}".to_owned(), |text, byte| format!("{text}{byte:02x}")),
    }
}

fn tree_of(repository: &Repository, commit: ObjectId) -> Result<ObjectId, Failure> {
    let commit = repository.find_commit(commit).map_err(|error| unreadable("a commit", &error))?;
    commit.tree_id().map(gix::Id::detach).map_err(|error| unreadable("a commit", &error))
}
