//! Forges over their REST APIs: GitHub, GitLab, Gitea and Forgejo.

mod gitea;
mod github;
mod gitlab;
mod http;
#[cfg(test)]
mod tests;

use crate::{
    domain::{
        forge::{
            CommitStatus, ForgeKind, ForgeSettings, ForgeTeam, IssueDraft, MergeDraft, Request, RequestDraft,
            ReviewDraft,
        },
        name::CommitId,
    },
    ports::{Answer, Clock, Forge},
};
use futures::FutureExt;
use http::{Api, Wire};
use std::sync::Arc;

/// Requests whose details are asked for at once; forges frown on more.
const AT_ONCE: usize = 4;

/// Any of the forges, as the settings say.
pub struct HttpForge {
    wire: Wire,
}

impl HttpForge {
    /// A client; nothing is connected yet. [`crate::adapters::install_crypto`] must have run.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { wire: Wire::new(clock) }
    }
}

/// Calls the function of the settings' forge with the API.
macro_rules! on_forge {
    ($self:ident, $settings:ident, $function:ident ( $($argument:expr),* )) => {
        async move {
            let api = Api::new(&$self.wire, $settings)?;
            match $settings.kind {
                ForgeKind::GitHub => github::$function(&api, $($argument),*).await,
                ForgeKind::GitLab => gitlab::$function(&api, $($argument),*).await,
                ForgeKind::Gitea => gitea::$function(&api, $($argument),*).await,
            }
        }
        .boxed()
    };
}

impl Forge for HttpForge {
    fn requests<'a>(&'a self, settings: &'a ForgeSettings) -> Answer<'a, Vec<Request>> {
        on_forge!(self, settings, requests())
    }

    fn post_status<'a>(&'a self, settings: &'a ForgeSettings, status: &'a CommitStatus) -> Answer<'a, ()> {
        on_forge!(self, settings, post_status(status))
    }

    fn post_comment<'a>(
        &'a self,
        settings: &'a ForgeSettings,
        number: u64,
        marker: &'a str,
        body: &'a str,
    ) -> Answer<'a, ()> {
        on_forge!(self, settings, post_comment(number, marker, body))
    }

    fn open_request<'a>(&'a self, settings: &'a ForgeSettings, draft: &'a RequestDraft) -> Answer<'a, u64> {
        on_forge!(self, settings, open_request(draft))
    }

    fn review<'a>(&'a self, settings: &'a ForgeSettings, review: &'a ReviewDraft) -> Answer<'a, ()> {
        on_forge!(self, settings, review(review))
    }

    fn merge<'a>(&'a self, settings: &'a ForgeSettings, merge: &'a MergeDraft) -> Answer<'a, CommitId> {
        on_forge!(self, settings, merge(merge))
    }

    fn put_issue<'a>(&'a self, settings: &'a ForgeSettings, issue: &'a IssueDraft) -> Answer<'a, u64> {
        on_forge!(self, settings, put_issue(issue))
    }

    fn teams<'a>(&'a self, settings: &'a ForgeSettings) -> Answer<'a, Vec<ForgeTeam>> {
        on_forge!(self, settings, teams())
    }
}
