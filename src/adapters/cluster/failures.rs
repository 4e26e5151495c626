//! What the Kubernetes client says went wrong, as failures for people.

use crate::{domain::name::ContextName, error::Failure};
use std::error::Error as _;

/// The failure of an attempt (`list deployments`) in a cluster.
pub(super) fn failure(context: &ContextName, attempt: &str, error: &kube::Error) -> Failure {
    let message = format!("could not {attempt} in the cluster {context}");
    match error {
        kube::Error::Api(status) => {
            let said = if status.message.trim().is_empty() { &status.reason } else { &status.message };
            let said = format!("the API server answered {}: {}", status.code, said.trim());
            match status.code {
                401 => Failure::forbidden(message)
                    .cause(said)
                    .hint(format!("renew the credentials of the context {context} in the kubeconfig")),
                403 => Failure::forbidden(message)
                    .cause(said)
                    .hint("ask the cluster's administrators for a role that allows it"),
                404 => Failure::refused(message)
                    .cause(said)
                    .hint("check the workload, application and namespace in the control repository"),
                409 => Failure::conflict(message).cause(said).hint("look at what changed, and plan again"),
                429 | 500.. => Failure::unreachable(message).cause(said),
                _ => Failure::failed(message).cause(said),
            }
        }
        kube::Error::Auth(cause) => Failure::forbidden(message)
            .because(cause)
            .hint(format!("renew the credentials of the context {context} in the kubeconfig")),
        kube::Error::ProxyProtocolDisabled { .. } | kube::Error::ProxyProtocolUnsupported { .. } => {
            Failure::configuration(message)
                .because(error)
                .hint("reach the cluster without a proxy: unset HTTPS_PROXY or the kubeconfig's proxy-url")
        }
        kube::Error::SerdeError(cause) => {
            Failure::unreachable(message).cause("it answered with something else").because(cause)
        }
        other => {
            let failure = Failure::unreachable(message);
            // The client's own wrapping ("ServiceError: client error (Connect)") helps nobody.
            let failure = match other.source() {
                Some(source) => failure.because(source),
                None => failure.because(other),
            };
            failure.hint(format!(
                "check that the cluster is up and the address in the kubeconfig is right: kubectl --context {context} version"
            ))
        }
    }
}

/// The failure of an attempt that ran out of time.
pub(super) fn late(context: &ContextName, attempt: &str, seconds: u64) -> Failure {
    Failure::unreachable(format!("could not {attempt} in the cluster {context}"))
        .cause(format!("it did not answer within {seconds} s"))
        .hint(format!("check that the cluster is up: kubectl --context {context} version"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FailureKind;
    use kube::core::Status;

    #[test]
    fn every_answer_has_its_kind() {
        for (code, kind) in [
            (401, FailureKind::Forbidden),
            (403, FailureKind::Forbidden),
            (404, FailureKind::Refused),
            (409, FailureKind::Conflict),
            (422, FailureKind::Failed),
            (429, FailureKind::Unreachable),
            (503, FailureKind::Unreachable),
        ] {
            let error = kube::Error::Api(Status::failure("said so", "Reason").with_code(code).boxed());
            let failure = failure(&"blue".into(), "list deployments", &error);
            assert_eq!(failure.kind, kind, "{code}");
            assert!(failure.render().contains("cluster blue") && failure.render().contains("said so"));
        }
    }
}
