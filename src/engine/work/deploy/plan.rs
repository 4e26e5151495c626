//! Planning deployments: what would be changed where, and what stands against it. Changes nothing.

use crate::{
    domain::{
        catalog::{Catalog, Environment, Service},
        deployment::{
            order::{Order, Place},
            parameters::{Parameters, strategy_word},
            release::{Release, Strategy},
            request::{DeployPlan, DeployRequest, DeploySubject, image_of, in_dependency_order},
            shown_version,
        },
        ledger::{self, Operations},
        merge,
        name::{ChangeId, ServiceName},
        text::{clean, nearest},
    },
    engine::Outside,
    error::Failure,
};
use std::sync::Arc;

/// Writes the orders out that a request comes to.
///
/// # Errors
/// Why nothing of it can be deployed.
pub async fn plan(outside: &Outside, request: DeployRequest) -> Result<DeployPlan, Failure> {
    // Without the remote, what is known of it here counts.
    outside.ports.repository.fetch().await.ok();
    let main = super::main_catalog(outside).await?;
    let operations = outside.ports.ledger.state().await?.operations;
    let environment = environment(&main, &request)?;
    let wanted = wanted(&main, &operations, &request.subject)?;
    let names: Vec<ServiceName> = wanted.iter().map(|(service, ..)| service.name.clone()).collect();
    let mut plan = DeployPlan { orders: Vec::new(), notes: Vec::new() };
    for name in in_dependency_order(&main, &names) {
        let Some((service, version, change)) = wanted.iter().find(|(service, ..)| service.name == name)
        else {
            continue;
        };
        let found = order(outside, &main, &request, environment, (service, version, change.as_ref())).await?;
        let Some((order, notes)) = found else {
            plan.notes.push(format!("{name} runs {version} there already."));
            continue;
        };
        if let Some(failure) =
            ledger::against(&operations, &order, outside.ports.clock.now()).into_iter().next()
        {
            return Err(failure);
        }
        plan.notes.extend(notes);
        plan.orders.push(order);
    }
    if plan.orders.is_empty() {
        let notes = std::mem::take(&mut plan.notes).join(" ");
        return Err(
            Failure::refused(format!("nothing is left to deploy to {}", environment.name)).cause(notes)
        );
    }
    Ok(plan)
}

fn environment<'c>(main: &'c Catalog, request: &DeployRequest) -> Result<&'c Environment, Failure> {
    let name = request.environment.as_str();
    let environment = main.environment(name).ok_or_else(|| {
        let names: Vec<&str> =
            main.settings.environments.iter().map(|environment| environment.name.as_str()).collect();
        Failure::usage(format!("there is no environment `{}` in quarterdeck.toml", clean(name)))
            .hint(format!("choose one of {}", names.join(", ")))
    })?;
    if environment.read_only {
        return Err(Failure::refused(format!("quarterdeck.toml marks {name} as read-only")));
    }
    Ok(environment)
}

/// A service with the version of it that is wanted, and the change that brought it.
type Wanted = (Arc<Service>, String, Option<ChangeId>);

/// The services that a request means.
fn wanted(main: &Catalog, operations: &Operations, subject: &DeploySubject) -> Result<Vec<Wanted>, Failure> {
    match subject {
        DeploySubject::Service { service, version } => {
            let known = main.services.get(service).ok_or_else(|| {
                let failure = Failure::usage(format!(
                    "there is no service `{}` on the main branch",
                    clean(service.as_str())
                ));
                match nearest(service.as_str(), main.services.keys().map(ServiceName::as_str)) {
                    Some(near) => failure.hint(format!("did you mean `{near}`?")),
                    None => failure.hint("`quarterdeck service list` shows them all"),
                }
            })?;
            let version = match (version, &known.version) {
                (Some(version), _) => version.clone(),
                (None, Some(version)) => version.to_string(),
                (None, None) => {
                    return Err(Failure::usage(format!("the catalog names no version of {service}"))
                        .hint(format!("name one: `{service}@1.2.3`")));
                }
            };
            let change = brought(main, operations, &known.name, &version);
            Ok(vec![(known.clone(), version, change)])
        }
        DeploySubject::Change(id) => {
            let merged = operations.changes.get(id).and_then(merge::standing_merge).ok_or_else(|| {
                Failure::refused(format!("{id} is not merged, so nothing of it can be deployed"))
                    .hint(format!("merge it first with `quarterdeck change merge {id}`"))
            })?;
            let tagged = |service: &Service| {
                let tag = tag(main, &service.name, &service.version.as_ref()?.to_string());
                merged.tags.contains(&tag).then_some(())
            };
            let found: Vec<Wanted> = merged
                .services
                .iter()
                .filter_map(|name| main.services.get(name))
                .filter(|service| merged.tags.is_empty() || tagged(service).is_some())
                .filter_map(|service| {
                    Some((service.clone(), service.version.as_ref()?.to_string(), Some(id.clone())))
                })
                .collect();
            if found.is_empty() {
                return Err(Failure::refused(format!(
                    "{id} brought no version that the main branch still has"
                )));
            }
            Ok(found)
        }
    }
}

fn tag(main: &Catalog, service: &ServiceName, version: &str) -> String {
    main.settings.tags.replace("<service>", service.as_str()).replace("<version>", version)
}

/// The merged change that brought a version.
fn brought(
    main: &Catalog,
    operations: &Operations,
    service: &ServiceName,
    version: &str,
) -> Option<ChangeId> {
    let tag = tag(main, service, version);
    operations
        .changes
        .iter()
        .find_map(|(id, record)| merge::standing_merge(record)?.tags.contains(&tag).then(|| id.clone()))
}

/// The order of one service; `None` where it runs everywhere already.
async fn order(
    outside: &Outside,
    main: &Catalog,
    request: &DeployRequest,
    environment: &Environment,
    (service, version, change): (&Arc<Service>, &str, Option<&ChangeId>),
) -> Result<Option<(Order, Vec<String>)>, Failure> {
    let parameters = Parameters::of(main, service);
    let word = request.strategy.clone().or_else(|| strategy_word(main, service));
    let production = environment.production;
    let strategy = if production { parameters.strategy(word.as_deref()) } else { Strategy::Immediate };
    let mut notes = Vec::new();
    let release = Release {
        service: service.name.clone(),
        version: version.to_owned(),
        image: image_of(main, service, version),
        commit: outside.ports.repository.branch(&main.settings.main).await?,
    };
    let mut places = Vec::new();
    for environment in environments(main, request, environment, &parameters) {
        let target = main.target(service, environment).ok_or_else(|| {
            Failure::refused(format!("{} is not meant to run in {}", service.name, environment.name))
        })?;
        let cluster = outside.cluster(&target.context)?;
        let route = cluster.plan_release(&target, &release, &strategy).await?;
        if route.from_version.as_deref() == Some(version) {
            if production {
                continue;
            }
            // What came there by other means has passed nothing yet.
            notes.push(format!(
                "{} runs {version} in {} already: it is looked at and tested.",
                service.name, environment.name
            ));
        }
        notes.extend(route.notes);
        places.push(Place {
            environment: environment.name.clone(),
            wave: if request.waves { parameters.wave(&environment.name) } else { 0 },
            from_version: route.from_version,
            from_image: route.from_image,
            objects: route.objects,
        });
    }
    if places.is_empty() {
        return Ok(None);
    }
    places.sort_by_key(|place| place.wave);
    if !production && parameters.tests.is_empty() {
        notes.push(format!(
            "No test of {} is named under [tests]: only its health is looked at.",
            service.name
        ));
    }
    if let Some(migration) = main
        .data_migrations
        .get(&service.name)
        .filter(|_| service.version.as_ref().is_some_and(|current| current.to_string() == version))
    {
        notes.push(format!(
            "{} {version} migrates data, a way back may not read it: {migration}.",
            service.name
        ));
    }
    let from = places.iter().find_map(|place| place.from_version.as_deref()).map(shown_version);
    if from.is_none() {
        notes.push(format!("Nothing of {} runs there yet: there is no version to go back to.", service.name));
    }
    let order = Order {
        service: service.name.clone(),
        version: release.version,
        image: release.image,
        commit: release.commit,
        change: change.cloned(),
        production,
        places,
        strategy,
        tests: if production {
            Vec::new()
        } else {
            parameters.tests.iter().map(|(test, ..)| *test).collect()
        },
        not_before: request.not_before,
        window: request.window || (production && word.as_deref() == Some("scheduled")),
    };
    Ok(Some((order, notes)))
}

/// The environments that a request means: the one, or all of the waves.
fn environments<'c>(
    main: &'c Catalog,
    request: &DeployRequest,
    environment: &'c Environment,
    parameters: &Parameters,
) -> Vec<&'c Environment> {
    if !request.waves || parameters.waves.is_empty() {
        return vec![environment];
    }
    let named = parameters.waves.iter().flatten().filter_map(|name| main.environment(name.as_str()));
    named.filter(|known| known.production == environment.production && !known.read_only).collect()
}
