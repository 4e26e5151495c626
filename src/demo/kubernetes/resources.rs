//! The resource types that the simulated Kubernetes API serves, as one table.

/// A resource type; the variants are the rows of [`TABLE`], in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// `v1` Namespace.
    Namespaces,
    /// `v1` Pod.
    Pods,
    /// `v1` Event.
    Events,
    /// `v1` Service.
    Services,
    /// `v1` `ConfigMap`.
    ConfigMaps,
    /// `apps/v1` Deployment.
    Deployments,
    /// `apps/v1` `ReplicaSet`.
    ReplicaSets,
    /// `batch/v1` Job.
    Jobs,
    /// `coordination.k8s.io/v1` Lease.
    Leases,
    /// `events.k8s.io/v1` Event, kept apart from the `v1` ones.
    NewEvents,
    /// `argoproj.io/v1alpha1` Application.
    Applications,
    /// `argoproj.io/v1alpha1` Rollout.
    Rollouts,
    /// `kustomize.toolkit.fluxcd.io/v1` Kustomization.
    Kustomizations,
    /// `helm.toolkit.fluxcd.io/v2` `HelmRelease`.
    HelmReleases,
    /// `source.toolkit.fluxcd.io/v1` `GitRepository`.
    GitRepositories,
}

/// One row: how a type is named and how its objects behave.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each a yes or no")]
#[derive(Debug)]
pub struct ResourceType {
    /// Which type it is.
    pub id: Resource,
    /// API group; empty for the core group.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// Name in paths.
    pub plural: &'static str,
    /// Name in objects.
    pub kind: &'static str,
    /// Short names, as discovery tells them.
    pub short: &'static [&'static str],
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// Whether it is a custom resource: no strategic merge patch.
    pub custom: bool,
    /// Whether `/status` exists (and the main endpoint therefore ignores `status`).
    pub status: bool,
    /// Whether `metadata.generation` is kept.
    pub generation: bool,
}

const BUILT_IN: ResourceType = ResourceType {
    id: Resource::Namespaces,
    group: "",
    version: "v1",
    plural: "",
    kind: "",
    short: &[],
    namespaced: true,
    custom: false,
    status: false,
    generation: false,
};

const CUSTOM: ResourceType = ResourceType { custom: true, status: true, generation: true, ..BUILT_IN };

/// All resource types, in the order of [`Resource`].
pub const TABLE: &[ResourceType] = &[
    ResourceType {
        id: Resource::Namespaces,
        plural: "namespaces",
        kind: "Namespace",
        short: &["ns"],
        namespaced: false,
        status: true,
        ..BUILT_IN
    },
    ResourceType {
        id: Resource::Pods,
        plural: "pods",
        kind: "Pod",
        short: &["po"],
        status: true,
        ..BUILT_IN
    },
    ResourceType { id: Resource::Events, plural: "events", kind: "Event", short: &["ev"], ..BUILT_IN },
    ResourceType {
        id: Resource::Services,
        plural: "services",
        kind: "Service",
        short: &["svc"],
        status: true,
        ..BUILT_IN
    },
    ResourceType {
        id: Resource::ConfigMaps,
        plural: "configmaps",
        kind: "ConfigMap",
        short: &["cm"],
        ..BUILT_IN
    },
    ResourceType {
        id: Resource::Deployments,
        group: "apps",
        plural: "deployments",
        kind: "Deployment",
        short: &["deploy"],
        status: true,
        generation: true,
        ..BUILT_IN
    },
    ResourceType {
        id: Resource::ReplicaSets,
        group: "apps",
        plural: "replicasets",
        kind: "ReplicaSet",
        short: &["rs"],
        status: true,
        generation: true,
        ..BUILT_IN
    },
    ResourceType {
        id: Resource::Jobs,
        group: "batch",
        plural: "jobs",
        kind: "Job",
        status: true,
        generation: true,
        ..BUILT_IN
    },
    ResourceType {
        id: Resource::Leases,
        group: "coordination.k8s.io",
        plural: "leases",
        kind: "Lease",
        ..BUILT_IN
    },
    ResourceType {
        id: Resource::NewEvents,
        group: "events.k8s.io",
        plural: "events",
        kind: "Event",
        short: &["ev"],
        ..BUILT_IN
    },
    // Argo CD's Application has no status subresource: everything is written on the object itself.
    ResourceType {
        id: Resource::Applications,
        group: "argoproj.io",
        version: "v1alpha1",
        plural: "applications",
        kind: "Application",
        short: &["app", "apps"],
        status: false,
        ..CUSTOM
    },
    ResourceType {
        id: Resource::Rollouts,
        group: "argoproj.io",
        version: "v1alpha1",
        plural: "rollouts",
        kind: "Rollout",
        short: &["ro"],
        ..CUSTOM
    },
    ResourceType {
        id: Resource::Kustomizations,
        group: "kustomize.toolkit.fluxcd.io",
        plural: "kustomizations",
        kind: "Kustomization",
        short: &["ks"],
        ..CUSTOM
    },
    ResourceType {
        id: Resource::HelmReleases,
        group: "helm.toolkit.fluxcd.io",
        version: "v2",
        plural: "helmreleases",
        kind: "HelmRelease",
        short: &["hr"],
        ..CUSTOM
    },
    ResourceType {
        id: Resource::GitRepositories,
        group: "source.toolkit.fluxcd.io",
        plural: "gitrepositories",
        kind: "GitRepository",
        short: &["gitrepo"],
        ..CUSTOM
    },
];

impl Resource {
    /// The type's row.
    pub fn row(self) -> &'static ResourceType {
        &TABLE[self as usize]
    }

    /// The type served below `group`/`version` as `plural`.
    pub fn find(group: &str, version: &str, plural: &str) -> Option<Self> {
        TABLE
            .iter()
            .find(|row| row.group == group && row.version == version && row.plural == plural)
            .map(|row| row.id)
    }
}

impl ResourceType {
    /// `apiVersion` of the type's objects.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The name that error messages use: `deployments.apps`.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_the_enum_and_are_found_by_path() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.id as usize, index, "{}", row.plural);
            assert_eq!(Resource::find(row.group, row.version, row.plural), Some(row.id));
        }
        assert_eq!(Resource::find("apps", "v1", "statefulsets"), None);
    }
}
