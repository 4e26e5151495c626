//! What the Kubernetes client says went wrong, as failures for people.

use super::transport::{Busy, Late, Moved, TooLong, words};
use crate::{
    domain::{name::ContextName, rules::without_secrets, text::clean},
    error::Failure,
};
use kube::client::AuthError;
use std::{error::Error as _, time::Duration};

/// The failure of an attempt (`list deployments`) in a cluster.
pub(super) fn failure(context: &ContextName, attempt: &str, error: &kube::Error) -> Failure {
    let message = format!("could not {attempt} in the cluster {context}");
    match error {
        kube::Error::Api(status) => {
            let said = if status.message.trim().is_empty() { &status.reason } else { &status.message };
            let said = format!("the API server answered {}: {}", status.code, without_secrets(said.trim()));
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
                429 | 500.. => Failure::unreachable(message).cause(said).hint(is_it_up(context)),
                _ => Failure::failed(message).cause(said),
            }
        }
        kube::Error::Auth(cause) => credentials(message, context, cause),
        kube::Error::Service(cause) if cause.is::<AuthError>() => match cause.downcast_ref() {
            Some(cause) => credentials(message, context, cause),
            None => Failure::forbidden(message),
        },
        kube::Error::Service(cause) if cause.is::<Busy>() => Failure::unreachable(message).because(&**cause),
        kube::Error::Service(cause) if cause.is::<Late>() => {
            Failure::unreachable(message).because(&**cause).hint(is_it_up(context))
        }
        kube::Error::Service(cause) if cause.is::<Moved>() || cause.is::<TooLong>() => {
            Failure::unreachable(message).because(&**cause).hint(is_it_that_one(context))
        }
        kube::Error::ProxyProtocolDisabled { .. } | kube::Error::ProxyProtocolUnsupported { .. } => {
            Failure::configuration(message)
                .because(error)
                .hint("name an http or https proxy in the kubeconfig's proxy-url or in HTTPS_PROXY; others do not work")
        }
        kube::Error::SerdeError(cause) => {
            Failure::unreachable(message)
                .cause("it answered with something else")
                .because(cause)
                .hint(is_it_that_one(context))
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

/// How long a server that has too much to do asks us to stay away.
pub(super) fn retry_after(error: &kube::Error) -> Option<Duration> {
    let kube::Error::Service(cause) = error else { return None };
    cause.downcast_ref::<Busy>().map(|busy| busy.retry_after.unwrap_or_default())
}

/// The failure of an attempt that ran out of time.
pub(super) fn late(context: &ContextName, attempt: &str, limit: Duration) -> Failure {
    Failure::unreachable(format!("could not {attempt} in the cluster {context}"))
        .because(&Late(limit))
        .hint(is_it_up(context))
}

fn is_it_up(context: &ContextName) -> String {
    format!("check that the cluster is up: kubectl --context {context} version")
}

fn is_it_that_one(context: &ContextName) -> String {
    format!(
        "check that the address of {context} in the kubeconfig is that of an API server: kubectl --context {context} version"
    )
}

/// The failure for credentials that were not there in time.
pub(super) fn no_credentials(context: &ContextName, limit: Duration) -> Failure {
    Failure::unreachable(format!("{context}: the credentials were not there after {}", words(limit)))
        .hint("run the credential plugin of the kubeconfig by hand, and log in")
}

/// The failure for credentials that cannot be had. What a plugin printed may be a secret, so that only what it wrote for
/// people is repeated.
fn credentials(message: String, context: &ContextName, error: &AuthError) -> Failure {
    let failure = Failure::forbidden(message);
    let by_hand = "run the credential plugin of the kubeconfig by hand, and log in";
    match error {
        AuthError::AuthExecStart(cause) => failure
            .cause(format!("the credential plugin could not be started: {cause}"))
            .hint("install what `users` of the kubeconfig names under `exec`, or put it on the PATH"),
        AuthError::AuthExecRun { out, .. } => {
            let said = String::from_utf8_lossy(&out.stderr);
            let last = said.lines().rev().find(|line| !line.trim().is_empty());
            let said = last.map_or_else(|| "it said nothing".to_owned(), |line| clean(line.trim()));
            let said = without_secrets(&said);
            failure.cause(format!("the credential plugin ended with {}: {said}", out.status)).hint(by_hand)
        }
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed => failure
            .cause("what the credential plugin printed is no ExecCredential with a status")
            .hint(by_hand),
        AuthError::ParseTokenKey(_) | AuthError::AuthExec(_) => {
            failure.cause("the authentication provider of the kubeconfig gave no token").hint(by_hand)
        }
        other => failure
            .because(other)
            .hint(format!("renew the credentials of the context {context} in the kubeconfig")),
    }
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
