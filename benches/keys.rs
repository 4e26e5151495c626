//! How long it takes from a key to the frame that shows what it did, while the simulated API tells a
//! thousand changes a second: the console's own loop, sources and drawing, with a terminal that swallows
//! what is written. The aim is 16 ms at the 99th percentile.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on says where")]

mod support;

use chrono::DateTime;
use quarterdeck::{adapters, model::Model};
use std::time::Duration;
use support::{
    console,
    platform::Platform,
    report::Table,
    repository::{self, Backends},
};
use tokio::runtime::Builder;

/// Keys of one measurement: down half of them, and up again.
const KEYS: usize = 300;

fn main() {
    adapters::install_crypto();
    for (services, churn, aim) in
        [(1_000, 0, ""), (1_000, 1_000, "≤ 16 ms"), (10_000, 0, ""), (10_000, 1_000, "")]
    {
        measure(&mut Table::default(), services, churn, aim);
    }
}

fn measure(table: &mut Table, services: usize, churn: u32, aim: &str) {
    let home = tempfile::tempdir().unwrap();
    // The API is somebody else's process in life: it has a thread of its own here.
    let outside = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let now = DateTime::from_timestamp(1_780_000_000, 0).unwrap();
    let platform = outside.block_on(Platform::start(services, now));
    platform.write_kubeconfig(&home.path().join("kubeconfig"));
    repository::write(
        &home.path().join("control"),
        services,
        &Backends { metrics: Some(platform.metrics.clone()) },
    );
    let inside = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let seen = inside.block_on(async {
        let mut engine = console::engine(home.path(), Vec::new());
        engine.start_sources();
        let everything = |model: &Model| {
            model.world.metrics.value.is_some()
                && model.world.changes.value.is_some()
                && model.world.clusters.len() == 2
                && model.world.clusters.values().all(|cluster| cluster.value.is_some())
        };
        assert!(engine.until(Duration::from_mins(1), everything).await, "the sources answer");
        if churn > 0 {
            let _beside = outside.enter();
            platform.churn(churn);
        }
        console::press(&mut engine, KEYS).await
    });
    inside.shutdown_background();
    outside.shutdown_background();
    table.times(&format!("key to frame, {services} services, {churn} changes a second"), aim, seen.keys);
    table.times("  its frames, drawn and written", "", seen.frames);
    table.value("  frames a second", "", format!("{:.1}", seen.rate));
}
