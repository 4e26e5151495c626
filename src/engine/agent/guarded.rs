//! The ports as an agent has them: every call that changes something asks first whether this process still leads. What
//! only reads goes through. A new call of a port must be put on one side or the other here, or this does not compile.

use super::{leader::Leader, repository::AgentRepository};
use crate::{
    domain::{
        catalog::Target,
        change::Seals,
        deployment::{
            RollbackRoute, RolloutStatus,
            inspect::{LogRequest, Occurrence, Pod},
            job::{JobDraft, JobMark, JobState},
            release::{Release, ReleaseRoute, ReleaseStep, Strategy},
            verb::{Verb, VerbRoute},
        },
        forge::{
            CommitStatus, ForgeSettings, ForgeTeam, IssueDraft, MergeDraft, Request, RequestDraft,
            ReviewDraft,
        },
        ledger::{ChainHealth, Entry, Synced},
        name::{CommitId, ContextName},
        notice::{Channel, Delivery, Notice},
    },
    error::Failure,
    ports::{
        Answer, Cluster, Clusters, CommandEnd, CommandLine, Commands, Draft, Examination, Forge, Ledger,
        LedgerState, LogLines, Notifier, Ports, PublishCluster, Receipt,
    },
};
use chrono::{DateTime, Utc};
use futures::{FutureExt, future::BoxFuture};
use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

/// Ports that change something only while `leader` leads, and read the main branch in place of the working tree.
pub fn guarded(ports: Ports, leader: &Arc<Leader>) -> Ports {
    Ports {
        repository: Arc::new(AgentRepository::new(ports.repository, Some(leader.clone()))),
        ledger: Arc::new(Guarded { inner: ports.ledger, leader: leader.clone() }),
        clusters: Arc::new(Guarded { inner: ports.clusters, leader: leader.clone() }),
        forge: Arc::new(Guarded { inner: ports.forge, leader: leader.clone() }),
        commands: Arc::new(Guarded { inner: ports.commands, leader: leader.clone() }),
        notifier: Arc::new(Guarded { inner: ports.notifier, leader: leader.clone() }),
        ..ports
    }
}

/// A port behind the leader.
struct Guarded<T: ?Sized> {
    inner: Arc<T>,
    leader: Arc<Leader>,
}

impl<T: ?Sized + Send + Sync + 'static> Guarded<T> {
    /// Makes a mutation, if we lead.
    fn change<'a, V: Send + 'a>(
        &'a self,
        mutation: impl FnOnce(&'a T) -> Answer<'a, V> + Send + 'a,
    ) -> Answer<'a, V> {
        async move {
            let _permit = self.leader.permit().await?;
            mutation(&self.inner).await
        }
        .boxed()
    }
}

impl Ledger for Guarded<dyn Ledger> {
    fn state(&self) -> Answer<'_, LedgerState> {
        self.inner.state()
    }

    fn entries(&self) -> Answer<'_, Vec<Entry>> {
        self.inner.entries()
    }

    fn append(&self, at: DateTime<Utc>, draft: Draft) -> Answer<'_, Receipt> {
        self.change(move |inner| inner.append(at, draft))
    }

    fn sync(&self) -> Answer<'_, Synced> {
        self.change(|inner| inner.sync())
    }

    fn examine(&self, main: &str, now: DateTime<Utc>, remember: bool) -> Answer<'_, Examination> {
        self.inner.examine(main, now, remember)
    }

    fn seals(&self, main: &str, commits: BTreeSet<CommitId>) -> Answer<'_, Seals> {
        self.inner.seals(main, commits)
    }

    fn verify_on(&self, main: &str, now: DateTime<Utc>, remember: bool) -> Answer<'_, ChainHealth> {
        self.inner.verify_on(main, now, remember)
    }
}

impl Clusters for Guarded<dyn Clusters> {
    fn connect(&self, context: &ContextName) -> Result<Arc<dyn Cluster>, Failure> {
        let inner = self.inner.connect(context)?;
        Ok(Arc::new(Guarded { inner, leader: self.leader.clone() }))
    }
}

impl Cluster for Guarded<dyn Cluster> {
    fn context(&self) -> &ContextName {
        self.inner.context()
    }

    fn watch(&self, publish: PublishCluster) -> BoxFuture<'_, ()> {
        self.inner.watch(publish)
    }

    fn plan_rollback(&self, target: &Target, to: Option<&str>) -> Answer<'_, RollbackRoute> {
        self.inner.plan_rollback(target, to)
    }

    fn start_rollback(&self, target: &Target, route: &RollbackRoute) -> Answer<'_, ()> {
        let (target, route) = (target.clone(), route.clone());
        async move {
            let _permit = self.leader.permit().await?;
            self.inner.start_rollback(&target, &route).await
        }
        .boxed()
    }

    fn rollback_status(&self, target: &Target, route: &RollbackRoute) -> Answer<'_, RolloutStatus> {
        self.inner.rollback_status(target, route)
    }

    fn pods(&self, target: &Target) -> Answer<'_, Vec<Pod>> {
        self.inner.pods(target)
    }

    fn events(&self, target: &Target) -> Answer<'_, Vec<Occurrence>> {
        self.inner.events(target)
    }

    fn logs(&self, target: &Target, request: &LogRequest) -> Answer<'_, LogLines> {
        self.inner.logs(target, request)
    }

    fn plan_verb(&self, target: &Target, verb: Verb, replicas: Option<u32>) -> Answer<'_, VerbRoute> {
        self.inner.plan_verb(target, verb, replicas)
    }

    fn act(&self, target: &Target, route: &VerbRoute) -> Answer<'_, ()> {
        let (target, route) = (target.clone(), route.clone());
        async move {
            let _permit = self.leader.permit().await?;
            self.inner.act(&target, &route).await
        }
        .boxed()
    }

    fn verb_status(&self, target: &Target, route: &VerbRoute) -> Answer<'_, RolloutStatus> {
        self.inner.verb_status(target, route)
    }

    fn plan_release(
        &self,
        target: &Target,
        release: &Release,
        strategy: &Strategy,
    ) -> Answer<'_, ReleaseRoute> {
        self.inner.plan_release(target, release, strategy)
    }

    fn release_step(&self, target: &Target, route: &ReleaseRoute, step: ReleaseStep) -> Answer<'_, ()> {
        let (target, route) = (target.clone(), route.clone());
        async move {
            let _permit = self.leader.permit().await?;
            self.inner.release_step(&target, &route, step).await
        }
        .boxed()
    }

    fn find_job(&self, target: &Target, mark: &JobMark) -> Answer<'_, Option<JobState>> {
        self.inner.find_job(target, mark)
    }

    fn start_job(&self, target: &Target, job: &JobDraft) -> Answer<'_, ()> {
        let (target, job) = (target.clone(), job.clone());
        async move {
            let _permit = self.leader.permit().await?;
            self.inner.start_job(&target, &job).await
        }
        .boxed()
    }

    fn job_log(&self, target: &Target, mark: &JobMark) -> Answer<'_, String> {
        self.inner.job_log(target, mark)
    }

    fn release_status(
        &self,
        target: &Target,
        route: &ReleaseRoute,
        step: ReleaseStep,
    ) -> Answer<'_, RolloutStatus> {
        self.inner.release_status(target, route, step)
    }
}

impl Forge for Guarded<dyn Forge> {
    fn requests<'a>(&'a self, settings: &'a ForgeSettings) -> Answer<'a, Vec<Request>> {
        self.inner.requests(settings)
    }

    fn post_status<'a>(&'a self, settings: &'a ForgeSettings, status: &'a CommitStatus) -> Answer<'a, ()> {
        self.change(move |inner| inner.post_status(settings, status))
    }

    fn post_comment<'a>(
        &'a self,
        settings: &'a ForgeSettings,
        number: u64,
        marker: &'a str,
        body: &'a str,
    ) -> Answer<'a, ()> {
        self.change(move |inner| inner.post_comment(settings, number, marker, body))
    }

    fn open_request<'a>(&'a self, settings: &'a ForgeSettings, draft: &'a RequestDraft) -> Answer<'a, u64> {
        self.change(move |inner| inner.open_request(settings, draft))
    }

    fn review<'a>(&'a self, settings: &'a ForgeSettings, review: &'a ReviewDraft) -> Answer<'a, ()> {
        self.change(move |inner| inner.review(settings, review))
    }

    fn merge<'a>(&'a self, settings: &'a ForgeSettings, merge: &'a MergeDraft) -> Answer<'a, CommitId> {
        self.change(move |inner| inner.merge(settings, merge))
    }

    fn put_issue<'a>(&'a self, settings: &'a ForgeSettings, issue: &'a IssueDraft) -> Answer<'a, u64> {
        self.change(move |inner| inner.put_issue(settings, issue))
    }

    fn teams<'a>(&'a self, settings: &'a ForgeSettings) -> Answer<'a, Vec<ForgeTeam>> {
        self.inner.teams(settings)
    }
}

impl Commands for Guarded<dyn Commands> {
    fn run<'a>(&'a self, command: &'a CommandLine) -> Answer<'a, CommandEnd> {
        // Tests may take ten minutes: asked before they begin, and not held for that long.
        async move {
            drop(self.leader.permit().await?);
            self.inner.run(command).await
        }
        .boxed()
    }

    /// A file of this machine.
    fn keep<'a>(&'a self, name: &'a (String, String), text: &'a str) -> Answer<'a, PathBuf> {
        self.inner.keep(name, text)
    }
}

impl Notifier for Guarded<dyn Notifier> {
    fn deliver<'a>(&'a self, channel: &'a Channel, notice: &'a Notice) -> BoxFuture<'a, Delivery> {
        async move {
            match self.leader.permit().await {
                Ok(_permit) => self.inner.deliver(channel, notice).await,
                Err(failure) => Delivery {
                    channel: channel.name.clone(),
                    failed: Some(failure.to_string()),
                    attempts: 0,
                    at: notice.since,
                },
            }
        }
        .boxed()
    }
}
