//! Every call that is made of a cluster, and who needs it: from this table come the manifests in docs/rbac, and the tests
//! hold what the simulated API sees against it.

use std::{collections::BTreeMap, fmt::Write as _};

/// Who talks to a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks, and changes nothing.
    Reader,
    /// Acts, after a yes.
    Operator,
    /// Acts while nobody watches, and leads by a Lease.
    Agent,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Reader, Self::Operator, Self::Agent];

    /// The name of its manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Operator => "operator",
            Self::Agent => "agent",
        }
    }
}

/// Some calls of one resource.
#[derive(Debug)]
pub struct Right {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Resource, with its subresource behind a slash.
    pub resource: &'static str,
    /// Verbs as RBAC names them.
    pub verbs: &'static [&'static str],
    /// Who needs them.
    pub roles: &'static [Role],
    /// What for.
    pub why: &'static str,
}

const ALL: &[Role] = &Role::ALL;
const ACTING: &[Role] = &[Role::Operator, Role::Agent];

/// All calls. Asking whether we may (`selfsubjectaccessreviews`) is everybody's by `system:basic-user`.
pub const TABLE: &[Right] = &[
    Right {
        group: "apps",
        resource: "deployments",
        verbs: &["get", "list", "watch"],
        roles: ALL,
        why: "what runs, and how well",
    },
    Right {
        group: "apps",
        resource: "replicasets",
        verbs: &["list"],
        roles: ALL,
        why: "the revisions that a service can go back to",
    },
    Right {
        group: "",
        resource: "pods",
        verbs: &["list", "watch"],
        roles: ALL,
        why: "the pods of a service, and how often they were started again",
    },
    Right { group: "", resource: "pods/log", verbs: &["get"], roles: ALL, why: "what its containers say" },
    Right { group: "", resource: "events", verbs: &["list"], roles: ALL, why: "what happened to it" },
    Right {
        group: "",
        resource: "services",
        verbs: &["get", "list"],
        roles: ALL,
        why: "which pods get its traffic",
    },
    Right {
        group: "argoproj.io",
        resource: "applications",
        verbs: &["get", "list", "watch"],
        roles: ALL,
        why: "what Argo CD manages, where it is installed",
    },
    Right {
        group: "argoproj.io",
        resource: "rollouts",
        verbs: &["get", "list", "watch"],
        roles: ALL,
        why: "what Argo Rollouts manages, where it is installed",
    },
    Right {
        group: "kustomize.toolkit.fluxcd.io",
        resource: "kustomizations",
        verbs: &["get", "list", "watch"],
        roles: ALL,
        why: "what Flux manages, where it is installed",
    },
    Right {
        group: "helm.toolkit.fluxcd.io",
        resource: "helmreleases",
        verbs: &["get", "list", "watch"],
        roles: ALL,
        why: "what Flux manages, where it is installed",
    },
    Right {
        group: "source.toolkit.fluxcd.io",
        resource: "gitrepositories",
        verbs: &["get"],
        roles: ALL,
        why: "where Flux has it from",
    },
    Right {
        group: "source.toolkit.fluxcd.io",
        resource: "ocirepositories",
        verbs: &["get"],
        roles: ALL,
        why: "where Flux has it from",
    },
    Right {
        group: "source.toolkit.fluxcd.io",
        resource: "buckets",
        verbs: &["get"],
        roles: ALL,
        why: "where Flux has it from",
    },
    Right {
        group: "apps",
        resource: "deployments",
        verbs: &["patch"],
        roles: ACTING,
        why: "new and former versions, restarts, pauses, scaling",
    },
    Right {
        group: "apps",
        resource: "deployments",
        verbs: &["create", "delete"],
        roles: ACTING,
        why: "the Deployment that carries a canary or stands beside what runs",
    },
    Right {
        group: "",
        resource: "services",
        verbs: &["patch"],
        roles: ACTING,
        why: "switching traffic, blue-green",
    },
    Right {
        group: "argoproj.io",
        resource: "applications",
        verbs: &["patch"],
        roles: ACTING,
        why: "syncing, going back, suspending automated sync",
    },
    Right {
        group: "argoproj.io",
        resource: "rollouts",
        verbs: &["patch"],
        roles: ACTING,
        why: "new and former versions, restarts, pauses",
    },
    Right {
        group: "argoproj.io",
        resource: "rollouts/status",
        verbs: &["patch"],
        roles: ACTING,
        why: "promoting, aborting, retrying",
    },
    Right {
        group: "kustomize.toolkit.fluxcd.io",
        resource: "kustomizations",
        verbs: &["patch"],
        roles: ACTING,
        why: "reconciling now, suspending",
    },
    Right {
        group: "helm.toolkit.fluxcd.io",
        resource: "helmreleases",
        verbs: &["patch"],
        roles: ACTING,
        why: "reconciling now, suspending",
    },
    Right {
        group: "source.toolkit.fluxcd.io",
        resource: "gitrepositories",
        verbs: &["patch"],
        roles: ACTING,
        why: "fetching now",
    },
    Right {
        group: "source.toolkit.fluxcd.io",
        resource: "ocirepositories",
        verbs: &["patch"],
        roles: ACTING,
        why: "fetching now",
    },
    Right {
        group: "source.toolkit.fluxcd.io",
        resource: "buckets",
        verbs: &["patch"],
        roles: ACTING,
        why: "fetching now",
    },
    Right {
        group: "batch",
        resource: "jobs",
        verbs: &["list", "create"],
        roles: ACTING,
        why: "tests that run in the cluster, where files name such",
    },
    Right {
        group: LEASES.0,
        resource: LEASES.1,
        verbs: &["get", "create", "update"],
        roles: &[Role::Agent],
        why: "leading, in the namespace of the Lease",
    },
    Right {
        group: LEASES.0,
        resource: LEASES.1,
        verbs: &["get"],
        roles: &[Role::Reader, Role::Operator],
        why: "seeing whether an agent is alive, in the namespace of the Lease",
    },
];

/// What is needed in one namespace only.
const LEASES: (&str, &str) = ("coordination.k8s.io", "leases");
/// The namespace that the manifests name.
const NAMESPACE: &str = "quarterdeck";

/// Whether the table has a call, such as `patch deployments.apps` or `get pods/log`.
pub fn has(call: &str) -> bool {
    let Some((verb, object)) = call.split_once(' ') else { return false };
    TABLE.iter().any(|right| {
        let (resource, sub) = right.resource.split_once('/').unwrap_or((right.resource, ""));
        let group = if right.group.is_empty() { String::new() } else { format!(".{}", right.group) };
        let sub = if sub.is_empty() { String::new() } else { format!("/{sub}") };
        object == format!("{resource}{group}{sub}") && right.verbs.contains(&verb)
    })
}

/// The manifest of a role: what it may everywhere, what it may in one namespace, and to whom that is given.
pub fn manifest(role: Role) -> String {
    let name = format!("quarterdeck-{}", role.as_str());
    let subject = match role {
        Role::Agent => {
            format!("- kind: ServiceAccount\n  name: {name}\n  namespace: {NAMESPACE}\n")
        }
        _ => format!("- kind: Group\n  name: {name}s\n  apiGroup: rbac.authorization.k8s.io\n"),
    };
    let mut out = format!(
        "# What the {} of Quarterdeck needs of a cluster, and nothing else. Generated from src/adapters/cluster/rights.rs.\n\
         # Bind the ClusterRole with RoleBindings in single namespaces instead, where that is enough.\n",
        role.as_str()
    );
    if role == Role::Agent {
        let _ = write!(
            out,
            "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {name}\n  namespace: {NAMESPACE}\n---\n"
        );
    }
    let is_local = |right: &&Right| (right.group, right.resource) == LEASES;
    let of_role = || TABLE.iter().filter(|right| right.roles.contains(&role));
    for (kind, rights) in [
        ("ClusterRole", of_role().filter(|right| !is_local(right)).collect::<Vec<_>>()),
        ("Role", of_role().filter(is_local).collect()),
    ] {
        let namespace = if kind == "Role" { format!("  namespace: {NAMESPACE}\n") } else { String::new() };
        if kind == "Role" {
            out += "---\n";
        }
        let _ = write!(
            out,
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: {name}\n{namespace}rules:\n"
        );
        out += &rules(&rights);
        let _ = write!(
            out,
            "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}Binding\nmetadata:\n  name: {name}\n{namespace}\
             roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {kind}\n  name: {name}\nsubjects:\n{subject}"
        );
    }
    out
}

/// One rule for each resource.
fn rules(rights: &[&Right]) -> String {
    /// Verbs, and what each is for.
    type Needs<'a> = (Vec<&'a str>, Vec<&'a str>);
    let mut by_resource: BTreeMap<(&str, &str), Needs<'_>> = BTreeMap::new();
    for right in rights {
        let (verbs, whys) = by_resource.entry((right.group, right.resource)).or_default();
        verbs.extend(right.verbs.iter().filter(|verb| !verbs.contains(verb)).copied().collect::<Vec<_>>());
        whys.push(right.why);
    }
    let mut out = String::new();
    for ((group, resource), (verbs, whys)) in by_resource {
        let verbs = verbs.join(", ");
        let _ = write!(
            out,
            "# {}\n- apiGroups: [\"{group}\"]\n  resources: [{resource}]\n  verbs: [{verbs}]\n",
            whys.join("; ")
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::environment::var;
    use serde_json::Value;
    use std::{collections::BTreeSet, path::Path};

    #[test]
    fn the_manifests_are_what_the_table_says() {
        for role in Role::ALL {
            let path =
                Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/rbac/{}.yaml", role.as_str()));
            let expected = manifest(role);
            if var("UPDATE_DOCS").as_deref() == Some("1") {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, expected).unwrap();
                continue;
            }
            let present = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                present == expected,
                "{} is old: UPDATE_DOCS=1 cargo nextest run --lib rights",
                path.display()
            );
        }
    }

    /// Every verb of a resource that a manifest grants, as `verb group/resource`.
    fn granted(role: Role) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for document in manifest(role).split("---\n") {
            let read: Value = serde_saphyr::from_str(document).unwrap();
            assert!(read["metadata"]["name"].as_str().unwrap().starts_with("quarterdeck-"), "{document}");
            let list = |value: &Value| -> Vec<String> {
                value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
            };
            for rule in read["rules"].as_array().into_iter().flatten() {
                for (group, resource) in
                    list(&rule["apiGroups"]).iter().zip(list(&rule["resources"]).iter().cycle())
                {
                    found
                        .extend(list(&rule["verbs"]).iter().map(|verb| format!("{verb} {group}/{resource}")));
                }
            }
        }
        found
    }

    #[test]
    fn nobody_is_granted_more_than_is_called_and_a_reader_changes_nothing() {
        let reads = ["get", "list", "watch"];
        for role in Role::ALL {
            let needed: BTreeSet<String> = TABLE
                .iter()
                .filter(|right| right.roles.contains(&role))
                .flat_map(|right| {
                    right.verbs.iter().map(|verb| format!("{verb} {}/{}", right.group, right.resource))
                })
                .collect();
            assert_eq!(granted(role), needed, "{}", role.as_str());
        }
        let writes = |role| {
            granted(role)
                .into_iter()
                .filter(|call| !reads.iter().any(|verb| call.starts_with(&format!("{verb} "))))
                .count()
        };
        assert_eq!(writes(Role::Reader), 0);
        assert!(writes(Role::Operator) > 0 && writes(Role::Agent) > writes(Role::Operator));
        assert!(granted(Role::Reader).is_subset(&granted(Role::Operator)));
    }

    #[test]
    fn a_call_is_in_the_table_or_not() {
        for (call, expected) in [
            ("patch deployments.apps", true),
            ("delete pods", false),
            ("get pods/log", true),
            ("patch deployments.apps/status", false),
            ("get leases.coordination.k8s.io", true),
            ("list secrets", false),
            ("", false),
        ] {
            assert_eq!(has(call), expected, "{call}");
        }
    }
}
