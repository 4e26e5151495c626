//! Teams of the forge beside those of the policies.

use super::Outside;
use crate::{domain::forge::compare_teams, error::Failure, ports::Revision};

/// How many teams both sides know, and where they differ, a sentence each.
pub(super) async fn compare(outside: &Outside) -> Result<(usize, Vec<String>), Failure> {
    let catalog = outside.ports.repository.load(&Revision::WorkingTree).await?;
    let settings = catalog.settings.forge.as_ref().ok_or_else(|| {
        Failure::configuration("there is no forge to compare teams with")
            .hint("add [forge] to quarterdeck.toml")
    })?;
    let found = outside.ports.forge.teams(settings).await?;
    let shared = found.iter().filter(|team| catalog.people.team(&team.name).is_some()).count();
    Ok((shared, compare_teams(&catalog.people, &found)))
}
