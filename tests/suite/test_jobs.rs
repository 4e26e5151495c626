//! Tests of a deployment that run in the cluster: a Job of an image or of a manifest, made once whoever looks, its log
//! kept, and its end believed.

use crate::deployments_killed::{BROKEN, Ground};
use quarterdeck::{
    demo::{Environment, Faults, Quality, kubernetes::resources::Resource},
    domain::{
        deployment::{order::Stage, order::Test, record::Ending},
        ledger::Verdict,
        name::DeploymentId,
    },
    engine::{Outside, Reporter, deploy},
};
use serde_json::Value;
use std::{path::PathBuf, sync::Arc};

const COMMAND: &str = "integration = [\"sh\", \"tests/integration.sh\"]";
const IMAGE: &str = "integration_image = \"registry.example.com/tests:<version>\"\nintegration = [\"./run\", \"--service\", \"<service>\"]";

const MANIFEST: &str = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  labels: {team: shop}\nspec:\n  backoffLimit: 3\n  template:\n    spec:\n      \
    containers:\n      - name: suite\n        image: registry.example.com/suite:<version>\n";

/// A service that is about to be deployed to staging, with this in place of the command that tests it.
async fn ground(quality: Quality, means: &str) -> Ground {
    let ground = Ground::new("cart", quality).await;
    ground.settings(COMMAND, means);
    ground
}

async fn start(ground: &Ground) -> DeploymentId {
    let order = ground.order_to("staging", "immediate").await;
    assert_eq!(order.tests, [Test::Integration]);
    deploy::start(&Outside::new(ground.ports.clone()), &order).await.unwrap().0
}

fn jobs(ground: &Ground) -> Vec<Arc<Value>> {
    ground.platform.cluster(Environment::Staging).store().list(Resource::Jobs, None).1
}

fn made(ground: &Ground) -> usize {
    let writes = ground.platform.cluster(Environment::Staging).store().writes();
    writes.iter().filter(|call| call.starts_with("create jobs.batch")).count()
}

fn log(ground: &Ground, id: &DeploymentId) -> PathBuf {
    let state = ground.platform.repository().join(".git/quarterdeck-state/deployments");
    state.join(id.as_str()).join("integration.log")
}

async fn tested(ground: &Ground, id: &DeploymentId) -> (Verdict, String) {
    let record = ground.record(id).await;
    let judged = record.judged.iter().find(|judged| matches!(judged.leg.stage, Stage::Test(_)));
    judged.map_or_else(|| panic!("{record:#?}"), |judged| (judged.verdict, judged.detail.clone()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_is_run_as_a_job_and_its_log_is_kept() {
    let ground = ground(Quality::GOOD, IMAGE).await;
    let version = ground.version().await;
    let id = start(&ground).await;
    let ended = ground.advance(&Outside::new(ground.ports.clone()), &id).await;
    assert_eq!(ended, Ok(Ending::Done), "{:#?}", ground.record(&id).await);
    let (verdict, detail) = tested(&ground, &id).await;
    assert_eq!(verdict, Verdict::Pass);
    assert_eq!(detail, format!("passed: testing cart {version} | 200 requests, 0 failed | all good"));
    assert!(std::fs::read_to_string(log(&ground, &id)).unwrap().contains("200 requests, 0 failed"));
    let jobs = jobs(&ground);
    assert_eq!((jobs.len(), made(&ground)), (1, 1));
    let job = &jobs[0];
    assert_eq!(job["metadata"]["namespace"], "project-a");
    assert_eq!(job["metadata"]["labels"]["quarterdeck/deployment"], id.as_str());
    assert_eq!(
        (&job["spec"]["backoffLimit"], &job["spec"]["activeDeadlineSeconds"]),
        (&0.into(), &60.into())
    );
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], format!("registry.example.com/tests:{version}"));
    assert_eq!(container["command"], serde_json::json!(["./run", "--service", "cart"]));
    let env = container["env"].as_array().unwrap();
    assert!(
        env.iter().any(|known| known["name"] == "QUARTERDECK_NAMESPACE" && known["value"] == "project-a")
    );
    crate::console::granted(ground.platform.cluster(Environment::Staging), &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manifest_of_the_main_branch_is_run_as_a_job_that_may_fail() {
    let ground = ground(BROKEN, "integration_job = \"tests/suite.yaml\"").await;
    ground.write("tests/suite.yaml", MANIFEST);
    let id = start(&ground).await;
    let ended = ground.advance(&Outside::new(ground.ports.clone()), &id).await;
    assert_eq!(ended, Ok(Ending::RolledBack), "{:#?}", ground.record(&id).await);
    let (verdict, detail) = tested(&ground, &id).await;
    assert_eq!(verdict, Verdict::Fail);
    assert!(
        detail.starts_with("BackoffLimitExceeded: Job has reached") && detail.contains("FAILED"),
        "{detail}"
    );
    assert!(std::fs::read_to_string(log(&ground, &id)).unwrap().contains("200 failed"));
    let jobs = jobs(&ground);
    assert_eq!((jobs.len(), made(&ground)), (1, 1));
    assert_eq!(jobs[0]["metadata"]["labels"]["team"], "shop");
    assert_eq!(jobs[0]["spec"]["template"]["spec"]["containers"][0]["name"], "suite");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_never_begins_is_ended_by_the_cluster_and_fails() {
    let ground =
        ground(Quality::GOOD, &IMAGE.replace("integration =", "integration_time = \"3s\"\nintegration ="))
            .await;
    let text = std::fs::read_to_string(ground.platform.repository().join("quarterdeck.toml")).unwrap();
    ground.write("quarterdeck.toml", &text.replace("integration_time = \"1m\"\n", ""));
    let id = start(&ground).await;
    let outside = Outside::new(ground.ports.clone());
    // The version is ready; from then on nothing that is new starts.
    while !matches!(ground.record(&id).await.next_leg().map(|leg| leg.stage), Some(Stage::Test(_))) {
        deploy::advance(&outside, &id, &Reporter::silent()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let version = ground.version().await;
    let stuck = Quality { starts: false, ..Quality::GOOD };
    ground.platform.cluster(Environment::Staging).set_quality("cart", &version, stuck);
    let ended = ground.advance(&outside, &id).await;
    assert_eq!(ended, Ok(Ending::RolledBack), "{:#?}", ground.record(&id).await);
    let (verdict, detail) = tested(&ground, &id).await;
    assert_eq!(verdict, Verdict::Fail);
    assert!(detail.starts_with("took too long and was ended"), "{detail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manifest_that_is_none_holds_the_deployment_and_makes_nothing() {
    let ground = ground(Quality::GOOD, "integration_job = \"tests/suite.yaml\"").await;
    let id = start(&ground).await;
    let outside = Outside::new(ground.ports.clone());
    for (text, why) in [
        (None, "tests/suite.yaml cannot be read on main"),
        (Some("kind: Pod"), "tests/suite.yaml is no manifest of a Job"),
    ] {
        if let Some(text) = text {
            ground.write("tests/suite.yaml", text);
        }
        let waits = ground.advance(&outside, &id).await.unwrap_err();
        assert!(waits.contains("could not begin") && waits.contains(why), "{waits}");
        assert_eq!(ground.record(&id).await.held.and_then(|held| held.verdict), Some(Verdict::Error));
        assert_eq!(made(&ground), 0);
        ground.resume(&id, false).await;
    }
    // Corrected, it goes on from there.
    ground.write("tests/suite.yaml", MANIFEST);
    assert_eq!(ground.advance(&outside, &id).await, Ok(Ending::Done), "{:#?}", ground.record(&id).await);
    assert_eq!(made(&ground), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_later_finds_the_job_instead_of_making_a_second() {
    let ground = ground(Quality::GOOD, IMAGE).await;
    let id = start(&ground).await;
    let staging = ground.platform.cluster(Environment::Staging);
    let ports = ground.ports.clone();
    // The first one dies before it hears that its Job was made.
    let first = async {
        let outside = Outside::new(ports.clone());
        loop {
            let _ = deploy::advance(&outside, &id, &Reporter::silent()).await;
            let record = ground.record(&id).await;
            if record.next_leg().is_some_and(|leg| matches!(leg.stage, Stage::Test(_))) {
                staging.set_faults(Faults { swallow_answers: true, ..Faults::default() });
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let is_made = async {
        while made(&ground) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = first => {}
        () = is_made => {}
    }
    staging.set_faults(Faults::default());
    // Each look is another process from now on. None has to wait for a claim: what was made is seen.
    let began = ground.ports.clock.now();
    let ended = loop {
        match deploy::advance(&Outside::new(ports.clone()), &id, &Reporter::silent()).await.unwrap() {
            deploy::Advanced::Over { ending, .. } => break ending,
            _ => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
        assert!(
            ground.ports.clock.now() - began < chrono::Duration::seconds(110),
            "the claim was waited for"
        );
    };
    assert_eq!(ended, Ending::Done);
    assert_eq!((jobs(&ground).len(), made(&ground)), (1, 1));
}
