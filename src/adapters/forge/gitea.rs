//! Gitea and Forgejo: GitHub's shapes, but for their teams.

use super::{
    github::{self, User},
    http::{Api, Call},
};
use crate::{domain::forge::ForgeTeam, error::Failure};
use serde::Deserialize;

pub(super) use github::{merge, open_request, post_comment, post_status, put_issue, requests, review};

#[derive(Deserialize)]
struct Team {
    id: u64,
    name: String,
}

pub(super) async fn teams(api: &Api<'_>) -> Result<Vec<ForgeTeam>, Failure> {
    let owner = api.settings.repository.split('/').next().unwrap_or_default();
    let call = Call::get("list the teams", &["orgs", owner, "teams"]).with(&[("limit", "50")]);
    let found: Vec<Team> = api.list(call).await?;
    let mut teams = Vec::new();
    for team in found {
        let id = team.id.to_string();
        let path = ["teams", id.as_str(), "members"];
        let call = Call::get("list the members of a team", &path).with(&[("limit", "50")]);
        teams.push(github::members_of(&team.name, &api.list::<User>(call).await?));
    }
    Ok(teams)
}
