//! One failure type for the whole program: what was tried, what is wrong, what to do.

use std::fmt;

/// What sort of thing went wrong; decides the exit code and how loud the console is about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The command line or a key asked for something that does not exist.
    Usage,
    /// A file of the user's (configuration, control repository, kubeconfig) cannot be used as it is.
    Configuration,
    /// A gate, a precondition or a policy said no; nothing was changed.
    Refused,
    /// Somebody else was first; nothing was changed, look again.
    Conflict,
    /// A backend did not answer, or answered with nonsense.
    Unreachable,
    /// A backend answered, and does not allow it.
    Forbidden,
    /// An action ran and did not reach the state it promised.
    Failed,
    /// The person or the system stopped it.
    Interrupted,
}

impl FailureKind {
    /// The process's exit code for this kind (docs/CLI.md has the table).
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Refused | Self::Conflict => 1,
            Self::Usage | Self::Configuration => 2,
            Self::Unreachable | Self::Forbidden => 3,
            Self::Failed => 4,
            Self::Interrupted => 130,
        }
    }
}

/// A failure as a person needs it: the attempt, the causes (outermost first), and the next step.
///
/// It is plain data (`Clone`, no boxed error) because it lives in the model and crosses tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What sort of failure it is.
    pub kind: FailureKind,
    /// What was tried, and what is wrong, in one sentence. It does not repeat its causes.
    pub message: String,
    /// Why, outermost cause first.
    pub causes: Vec<String>,
    /// What to do about it, each an imperative sentence.
    pub hints: Vec<String>,
}

impl Failure {
    /// A failure of `kind` with a one-sentence message.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    /// The command line or a key asked for something that does not exist.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Usage, message)
    }

    /// A file of the user's cannot be used as it is.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Configuration, message)
    }

    /// A gate, precondition or policy said no.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Refused, message)
    }

    /// Somebody else was first.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Conflict, message)
    }

    /// A backend did not answer.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Unreachable, message)
    }

    /// A backend does not allow it.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Forbidden, message)
    }

    /// An action ran and did not reach its end.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Failed, message)
    }

    /// Adds the chain of `error` (itself, then its sources) as causes, each once.
    #[must_use]
    pub fn because(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(current) = next {
            let text = current.to_string();
            // Many libraries repeat their source in their own text; saying it twice helps nobody.
            if !self.causes.iter().any(|seen| seen.contains(&text)) {
                self.causes.push(text);
            }
            next = current.source();
        }
        self
    }

    /// Adds one cause in words.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds one next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The one renderer: several lines, for a terminal or a log, with control characters removed.
    pub fn render(&self) -> String {
        let mut out = crate::domain::text::clean(&self.message);
        for cause in &self.causes {
            out.push_str("\n  because: ");
            out.push_str(&crate::domain::text::clean(cause));
        }
        for hint in &self.hints {
            out.push_str("\n  try: ");
            out.push_str(&crate::domain::text::clean(hint));
        }
        out
    }
}

/// The message alone, so that a wrapper that prints causes does not print them twice.
impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&crate::domain::text::clean(&self.message))
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_attempt_cause_and_hint_without_control_characters() {
        let failure = Failure::unreachable("could not list deployments in \u{1b}[31mproduction")
            .cause("connection refused")
            .hint("check that the cluster is up");
        assert_eq!(
            failure.render(),
            "could not list deployments in [31mproduction\n  because: connection refused\n  try: check that the cluster is up"
        );
    }

    #[test]
    fn exit_codes_are_the_documented_ones() {
        for (kind, code) in [
            (FailureKind::Refused, 1),
            (FailureKind::Conflict, 1),
            (FailureKind::Usage, 2),
            (FailureKind::Configuration, 2),
            (FailureKind::Unreachable, 3),
            (FailureKind::Forbidden, 3),
            (FailureKind::Failed, 4),
            (FailureKind::Interrupted, 130),
        ] {
            assert_eq!(kind.exit_code(), code, "{kind:?}");
        }
    }
}
