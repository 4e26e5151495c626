//! Where the user's files are, by the XDG base directory specification.

use super::environment::var;
use std::path::PathBuf;

/// The user's home directory.
pub fn home() -> Option<PathBuf> {
    var("HOME").map(PathBuf::from)
}

/// `$XDG_STATE_HOME/quarterdeck`, or `~/.local/state/quarterdeck`: where logs of tests are kept.
pub fn state_dir() -> Option<PathBuf> {
    var("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| home().map(|home| home.join(".local/state")))
        .map(|path| path.join("quarterdeck"))
}

/// `$XDG_CONFIG_HOME/quarterdeck`, or `~/.config/quarterdeck`.
pub fn config_dir() -> Option<PathBuf> {
    // The specification says that a relative path is invalid and must be ignored.
    var("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| home().map(|home| home.join(".config")))
        .map(|path| path.join("quarterdeck"))
}
