//! The process's environment: the one place that reads it.

/// The value of an environment variable, if it is set, not empty, and UTF-8.
#[expect(clippy::disallowed_methods, reason = "this is the one module that may read the environment")]
pub fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
