//! The kubeconfig that leads to the simulated clusters.

use super::{Environment, kubernetes::SimulatedCluster};
use crate::error::Failure;
use std::{fmt::Write as _, path::Path};

/// The name of an environment's context: `demo-production`.
pub fn context(environment: Environment) -> String {
    format!("demo-{environment}")
}

/// Writes the file. Its token is no secret: the simulated clusters take any.
pub fn write<'a>(
    path: &Path,
    clusters: impl IntoIterator<Item = &'a SimulatedCluster>,
) -> Result<(), Failure> {
    let (mut listed, mut contexts) = (String::new(), String::new());
    for cluster in clusters {
        let name = context(cluster.environment());
        let _ = write!(listed, "- name: {name}\n  cluster:\n    server: {}\n", cluster.url());
        let _ = write!(
            contexts,
            "- name: {name}\n  context:\n    cluster: {name}\n    user: demo-operator\n    namespace: shared\n"
        );
    }
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {}\nclusters:\n{listed}contexts:\n{contexts}users:\n\
         - name: demo-operator\n  user:\n    token: demo\n",
        context(Environment::Staging)
    );
    std::fs::write(path, text).map_err(|error| {
        Failure::failed(format!("could not write the demo's kubeconfig to {}", path.display()))
            .because(&error)
    })
}
