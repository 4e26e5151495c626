//! Refs and ancestry, read through gix.

use crate::error::Failure;
use gix::{ObjectId, Repository};

/// A failed read of the object database or the refs.
pub(super) fn unreadable(what: &str, error: &gix::Error) -> Failure {
    Failure::failed(format!("could not read {what} from the Git repository"))
        .because(error)
        .hint("check the repository with `git fsck`")
}

/// The commit that a full ref name points to; `None` without such a ref.
pub(super) fn find(repository: &Repository, name: &str) -> Result<Option<ObjectId>, Failure> {
    let reference = repository.try_find_reference(name).map_err(|error| unreadable(name, &error))?;
    reference
        .map(|mut reference| reference.peel_to_id().map(gix::Id::detach))
        .transpose()
        .map_err(|error| unreadable(name, &error))
}

/// The best common ancestor of two commits; `None` for unrelated histories.
pub(super) fn merge_base(
    repository: &Repository,
    one: ObjectId,
    two: ObjectId,
) -> Result<Option<ObjectId>, Failure> {
    if one == two {
        return Ok(Some(one));
    }
    let bases =
        repository.merge_bases_many(one, &[two]).map_err(|error| unreadable("the merge base", &error))?;
    Ok(bases.first().map(|id| id.detach()))
}

/// Whether `ancestor` is `descendant` or in its history.
pub(super) fn contains(
    repository: &Repository,
    descendant: ObjectId,
    ancestor: ObjectId,
) -> Result<bool, Failure> {
    Ok(merge_base(repository, descendant, ancestor)? == Some(ancestor))
}
