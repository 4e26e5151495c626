//! One clone of the control repository on this machine, opened once and shared by both adapters.

use super::{
    child::{Git, NETWORK_LIMIT},
    files::Seen,
};
use crate::{
    domain::{
        catalog::{Settings, reader::Reader},
        text,
    },
    error::Failure,
};
use gix::{Repository, ThreadSafeRepository};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

/// An opened clone.
#[derive(Debug)]
pub(super) struct LocalClone {
    repository: ThreadSafeRepository,
    /// Root of the working tree.
    pub root: PathBuf,
    /// The program for what is written.
    pub git: Git,
    remote: RwLock<String>,
    /// Which branch the settings name as the main one.
    main: RwLock<String>,
    /// Reads catalogs, and remembers the files that come again in the next revision.
    pub reader: Reader,
    /// Files of commits that were read before.
    pub seen: Mutex<Seen>,
    /// Files of the working tree beside the control files, as they were last listed.
    pub others: Mutex<Vec<String>>,
}

impl LocalClone {
    /// Opens the repository that `directory` belongs to. One without a commit opens as well.
    pub fn open(directory: &Path, environment: Vec<(String, String)>) -> Result<Self, Failure> {
        let shown = text::clean(&directory.to_string_lossy());
        if !directory.exists() {
            return Err(Failure::configuration(format!(
                "could not open {shown}: there is no such directory"
            ))
            .hint("give the control repository's directory with --repo")
            .hint(format!("make a new control repository with `quarterdeck init {shown}`")));
        }
        let repository = gix::discover(directory).map_err(|error| {
            Failure::configuration(format!("could not open {shown} as a Git repository"))
                .because(&error)
                .hint("give the control repository's directory with --repo")
                .hint("make a new control repository with `quarterdeck init DIR`")
        })?;
        let Some(root) = repository.workdir().map(Path::to_path_buf) else {
            return Err(Failure::configuration(format!(
                "{shown} is a bare Git repository: it has no files to work with"
            ))
            .hint(format!("clone it, and open the clone: `git clone {shown} control`")));
        };
        let root = root.canonicalize().unwrap_or(root);
        let mut settings = vec![
            // A housekeeping process in the background would outlive this one and hold its pipes.
            "gc.auto=0".to_owned(),
            "maintenance.auto=false".to_owned(),
            "i18n.commitEncoding=UTF-8".to_owned(),
            "i18n.logOutputEncoding=UTF-8".to_owned(),
            "core.quotePath=false".to_owned(),
        ];
        if repository.config_snapshot().string("core.sshCommand").is_none() {
            // Without it ssh would ask for a passphrase on the terminal that the console draws on. A
            // GIT_SSH_COMMAND of the user's still wins over this.
            settings.push("core.sshCommand=ssh -o BatchMode=yes".to_owned());
        }
        let defaults = Settings::default();
        Ok(Self {
            git: Git { directory: root.clone(), environment, settings, network_limit: NETWORK_LIMIT },
            repository: repository.into_sync(),
            root,
            remote: RwLock::new(defaults.remote),
            main: RwLock::new(defaults.main),
            reader: Reader::default(),
            seen: Mutex::default(),
            others: Mutex::default(),
        })
    }

    /// The repository for use on this thread.
    pub fn repository(&self) -> Repository {
        self.repository.to_thread_local()
    }

    /// Remembers which remote and which main branch the settings name.
    pub fn heed(&self, settings: &Settings) {
        for (place, name) in [(&self.remote, &settings.remote), (&self.main, &settings.main)] {
            name.clone_into(&mut place.write().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// The main branch that the settings name.
    pub fn main(&self) -> String {
        self.main.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The remote that the settings name; `None` when the clone has none of that name. The name comes
    /// from a file that others write, so it is used only when the user has configured it in Git: it
    /// can be neither an option nor a URL of somebody else's.
    pub fn remote(&self) -> Option<String> {
        let name = self.remote.read().unwrap_or_else(PoisonError::into_inner).clone();
        let configured = self.repository().remote_names().iter().any(|known| *known == name.as_str());
        (configured && !name.starts_with('-')).then_some(name)
    }
}

/// Runs blocking work off the asynchronous threads.
pub(super) async fn blocking<T: Send + 'static>(
    clone: &Arc<LocalClone>,
    work: impl FnOnce(&LocalClone) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let clone = Arc::clone(clone);
    tokio::task::spawn_blocking(move || work(&clone)).await.unwrap_or_else(|error| {
        Err(Failure::failed("work on the Git repository ended before its time").because(&error))
    })
}
