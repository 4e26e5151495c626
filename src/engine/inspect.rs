//! A close look at what runs of a service, while somebody looks: pods and events again and again, or a log as it is
//! written.

use super::Outside;
use crate::model::{
    event::Event,
    inspection::{InspectRequest, Inspected},
};
use futures::StreamExt as _;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Time between two looks at pods and events.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How many lines of a log are told at once, at most.
const BATCH: usize = 256;

/// Tells the loop what a look sees, until another one is wanted. The channel is bounded, and a log is read only as
/// fast as its lines are taken.
pub(super) async fn run(
    outside: Outside,
    answers: mpsc::Sender<Event>,
    request: InspectRequest,
    mut looks: watch::Receiver<u64>,
) {
    let work = async {
        match request.log {
            None => pods(&outside, &answers, &request).await,
            Some(_) => log(&outside, &answers, &request).await,
        }
    };
    tokio::select! {
        _ = looks.changed() => {}
        () = work => {}
    }
}

/// Sends an answer; false when the program is ending.
async fn tell(answers: &mpsc::Sender<Event>, request: &InspectRequest, answer: Inspected) -> bool {
    answers.send(Event::Inspected(request.serial, answer)).await.is_ok()
}

async fn pods(outside: &Outside, answers: &mpsc::Sender<Event>, request: &InspectRequest) {
    let target = &request.target;
    loop {
        let (pods, events) = match outside.cluster(&target.context) {
            Ok(cluster) => futures::join!(cluster.pods(target), cluster.events(target)),
            Err(failure) => (Err(failure.clone()), Err(failure)),
        };
        if !tell(answers, request, Inspected::Pods(pods)).await
            || !tell(answers, request, Inspected::Events(events)).await
        {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn log(outside: &Outside, answers: &mpsc::Sender<Event>, request: &InspectRequest) {
    let Some(wanted) = &request.log else { return };
    let opened = match outside.cluster(&request.target.context) {
        Ok(cluster) => cluster.logs(&request.target, wanted).await,
        Err(failure) => Err(failure),
    };
    let mut batches = match opened {
        Ok(lines) => lines.ready_chunks(BATCH),
        Err(failure) => {
            tell(answers, request, Inspected::Ended(Some(failure))).await;
            return;
        }
    };
    while let Some(batch) = batches.next().await {
        let mut lines = Vec::with_capacity(batch.len());
        let mut broken = None;
        for line in batch {
            match line {
                Ok(line) => lines.push(line),
                Err(failure) => broken = Some(failure),
            }
        }
        if !tell(answers, request, Inspected::Lines(lines)).await {
            return;
        }
        if broken.is_some() {
            tell(answers, request, Inspected::Ended(broken)).await;
            return;
        }
    }
    tell(answers, request, Inspected::Ended(None)).await;
}
