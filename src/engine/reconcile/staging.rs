//! Versions that were merged lately go to the environments that are not production, once each.

use crate::{
    action::command::{Command, DeploymentCommand},
    domain::{
        catalog::Environment,
        deployment::request::{DeployRequest, DeploySubject},
        ledger::Operations,
        name::ServiceName,
    },
    model::{Model, join::ServiceRow},
};
use chrono::Duration;
use std::collections::BTreeSet;

/// What was merged longer ago is a person's to deploy.
const LATELY: Duration = Duration::days(7);

pub(super) fn reconcile(model: &Model) -> Vec<Command> {
    let world = &model.world;
    let (Some(catalog), Some(ledger)) = (&world.catalog.value, &world.ledger.value) else {
        return Vec::new();
    };
    let operations = &ledger.operations;
    let records = operations.changes.values().flat_map(|record| &record.merges);
    let merged: BTreeSet<&ServiceName> = records
        .filter(|merge| merge.reverted.is_none() && model.now - merge.at <= LATELY)
        .flat_map(|merge| &merge.merged.services)
        .collect();
    let environments = &catalog.settings.environments;
    let open = environments.iter().filter(|environment| !environment.production && !environment.read_only);
    let mut wanted = Vec::new();
    for environment in open {
        for row in merged.iter().filter_map(|name| world.joined.service(name.as_str())) {
            wanted.extend(due(operations, row, environment));
        }
    }
    wanted
}

/// The deployment of a service's version to an environment, if it is due there.
fn due(operations: &Operations, row: &ServiceRow, environment: &Environment) -> Option<Command> {
    let (service, version) = (&row.service.name, row.service.version.as_ref()?.to_string());
    // Without a word from the cluster nobody knows what runs.
    let running = row.place(environment.name.as_str())?.version()?;
    let is_kept_back = operations.frozen.contains_key(service)
        || operations.quarantine.contains_key(&(service.clone(), version.clone()));
    // One that was tried, however it ended, is not tried again by itself.
    let was_tried = operations.deployments.values().any(|record| {
        let order = &record.order;
        order.service == *service
            && order.place(&environment.name).is_some()
            && (record.is_open() || order.version == version)
    });
    (running != version && !is_kept_back && !was_tried).then(|| {
        Command::Deployment(DeploymentCommand::Deploy(Box::new(DeployRequest {
            subject: DeploySubject::Service { service: service.clone(), version: Some(version) },
            environment: environment.name.clone(),
            waves: false,
            strategy: None,
            not_before: None,
            window: false,
        })))
    })
}
