//! The control repository's files: from the working tree, or from a commit's tree without a checkout.

use super::references::unreadable;
use crate::{
    domain::catalog::{is_control_file, reader::MAX_FILE_BYTES},
    error::Failure,
};
use gix::{ObjectId, Repository, bstr::ByteSlice};
use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    fs,
    hash::{Hash, Hasher},
    io::Read,
    path::Path,
    time::UNIX_EPOCH,
};

/// How deep control files lie at most: `projects/<p>/services.toml`.
const DEPTH: usize = 3;

/// Files of the control repository by path from its root.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// Reads the control files of the working tree; beside them, the paths that are there and could not be
/// read, and why. Symbolic links are not followed, neither out of the repository nor within it: so the
/// working tree and a commit of it say the same.
pub(super) fn working_tree(root: &Path) -> (Files, Vec<(String, String)>) {
    let mut files = Files::new();
    let mut unreadable = Vec::new();
    visit(root, &mut |path, file, _| {
        // One byte beyond the limit is enough for the reader to say that it is too large.
        let limit = MAX_FILE_BYTES as u64 + 1;
        let mut bytes = Vec::new();
        match fs::File::open(file).and_then(|file| file.take(limit).read_to_end(&mut bytes)) {
            Ok(_) => {
                files.insert(path, bytes);
            }
            Err(error) => unreadable.push((path, error.to_string())),
        }
    });
    (files, unreadable)
}

/// A digest over path, size and modification time of the working tree's control files.
pub(super) fn fingerprint(root: &Path) -> u64 {
    let mut seen = BTreeMap::new();
    visit(root, &mut |path, _, metadata| {
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        seen.insert(path, (metadata.len(), modified));
    });
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
            } else if metadata.is_file() && is_control_file(&path) {
                found(path, &entry.path(), &metadata);
            }
        }
    }
}

/// Reads the control files of a commit.
pub(super) fn at_commit(repository: &Repository, commit: ObjectId) -> Result<Files, Failure> {
    let mut files = Files::new();
    let mut folders = vec![(tree_of(repository, commit)?, String::new(), 1)];
    while let Some((tree, prefix, depth)) = folders.pop() {
        for entry in entries(repository, tree)? {
            let path = format!("{prefix}{}", entry.name);
            if entry.is_folder {
                if depth < DEPTH && !entry.name.starts_with('.') {
                    folders.push((entry.id, format!("{path}/"), depth + 1));
                }
            } else if entry.is_file && is_control_file(&path) {
                let blob = repository.find_blob(entry.id).map_err(|error| unreadable(&path, &error))?;
                files.insert(path, blob.data.clone());
            }
        }
    }
    Ok(files)
}

/// The paths of files that differ between two commits, sorted. `None` is the empty tree.
pub(super) fn changed_paths(
    repository: &Repository,
    old: ObjectId,
    new: ObjectId,
) -> Result<Vec<String>, Failure> {
    let mut paths = Vec::new();
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
            let leaf = |side: &Option<Entry>| side.as_ref().is_some_and(|e| !e.is_folder);
            if leaf(&old) || leaf(&new) {
                paths.push(path.clone());
            }
            if folder(&old).is_some() || folder(&new).is_some() {
                folders.push((folder(&old), folder(&new), format!("{path}/")));
            }
        }
    }
    paths.sort_unstable();
    paths.dedup();
    Ok(paths)
}

/// An entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: String,
    id: ObjectId,
    is_folder: bool,
    is_file: bool,
    /// So that a file that becomes executable, or a link, differs.
    mode: u16,
}

fn entries(repository: &Repository, tree: ObjectId) -> Result<Vec<Entry>, Failure> {
    let tree = repository.find_tree(tree).map_err(|error| unreadable("a folder", &error))?;
    tree.iter()
        .map(|entry| {
            let entry = entry.map_err(|error| unreadable("a folder", &error))?.inner;
            Ok(Entry {
                name: entry.filename.to_str_lossy().into_owned(),
                id: entry.oid.to_owned(),
                is_folder: entry.mode.is_tree(),
                is_file: entry.mode.is_blob(),
                mode: entry.mode.value(),
            })
        })
        .collect()
}

fn tree_of(repository: &Repository, commit: ObjectId) -> Result<ObjectId, Failure> {
    let commit = repository.find_commit(commit).map_err(|error| unreadable("a commit", &error))?;
    commit.tree_id().map(gix::Id::detach).map_err(|error| unreadable("a commit", &error))
}
