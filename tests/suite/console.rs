//! A console without a terminal on a simulated platform: the real engine and the real adapters, driven by
//! key strings.

use quarterdeck::{
    action::registry,
    adapters::{
        alertmanager::Alertmanager,
        clock::SystemClock,
        cluster::{KubeClusters, rights},
        commands::LocalCommands,
        forge::HttpForge,
        git::{AbsentRepository, GitLedger, GitRepository},
        install_crypto,
        leadership::AgentLeases,
        metrics::HttpScraper,
        notify::HttpNotifier,
        registry::HttpRegistry,
    },
    config::{
        Config,
        key::Key,
        keymap::{BUILT_IN, Keymap},
        theme::Theme,
    },
    demo::{self, Pace, Platform, PlatformOptions, Scenario},
    domain::ledger::Entry,
    engine::headless::Engine,
    model::{
        Model,
        event::{Event, MouseKind},
        jobs::{Job, JobState},
        layout::{Pane, Size},
        ui::Overlay,
    },
    ports::{Clock as _, ControlRepository, Ledger, Ports},
    tui,
};
use std::{path::Path, process::Command, sync::Arc, time::Duration};

/// Until when something that was asked for must have come. Far more than it takes, for slow machines.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// The variables that keep git away from the machine's own configuration.
pub const HERMETIC: [(&str, &str); 4] = [
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("LC_ALL", "C.UTF-8"),
];

/// The environment of git for a person, or for whom the clone is configured.
pub fn environment(home: &Path, person: Option<(&str, &str)>) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> =
        HERMETIC.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    variables.push(("HOME".to_owned(), home.display().to_string()));
    if let Some((name, email)) = person {
        for role in ["AUTHOR", "COMMITTER"] {
            variables.push((format!("GIT_{role}_NAME"), name.to_owned()));
            variables.push((format!("GIT_{role}_EMAIL"), email.to_owned()));
        }
    }
    variables
}

/// What git prints in a directory.
pub fn git(place: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(place)
        .args(arguments)
        .envs(environment(place, Some(("Test", "test@example.com"))))
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Starts a platform that is as fast as it can be, with its story written to the ledger.
pub async fn platform(scenario: Scenario) -> Platform {
    platform_of(scenario, Pace::fast()).await
}

/// The same, as fast as is said.
pub async fn platform_of(scenario: Scenario, pace: Pace) -> Platform {
    install_crypto();
    let now = SystemClock.now();
    let options = PlatformOptions { seed: 1, scenario, now, pace, past: false };
    let platform = Platform::start(options).await.unwrap();
    for chapter in demo::story::chapters(scenario, now) {
        let mut variables = environment(platform.directory(), None);
        variables.extend(platform.environment(chapter.name, chapter.email));
        let repository = GitRepository::open(platform.repository(), variables).unwrap();
        GitLedger::new(&repository).append(chapter.at, chapter.draft()).await.unwrap();
    }
    platform
}

/// The real adapters, as `main` puts them together.
pub fn ports(directory: &Path, kubeconfig: Option<&Path>, variables: Vec<(String, String)>) -> Ports {
    install_crypto();
    let opened = GitRepository::open(directory, variables);
    let repository = opened.as_ref().ok().cloned();
    let leases = AgentLeases::new(repository, kubeconfig.map(Path::to_owned), Arc::new(SystemClock));
    let (repository, ledger): (Arc<dyn ControlRepository>, Arc<dyn Ledger>) = match opened {
        Ok(repository) => {
            let ledger = GitLedger::new(&repository);
            (Arc::new(repository), Arc::new(ledger))
        }
        Err(failure) => {
            let absent = Arc::new(AbsentRepository(failure));
            (absent.clone(), absent)
        }
    };
    Ports {
        clock: Arc::new(SystemClock),
        repository,
        ledger,
        clusters: Arc::new(KubeClusters::new(kubeconfig.map(Path::to_owned))),
        scraper: Arc::new(HttpScraper::new().unwrap()),
        alerts: Arc::new(Alertmanager::new().unwrap()),
        forge: Arc::new(HttpForge::new(Arc::new(SystemClock))),
        notifier: Arc::new(HttpNotifier::new(Arc::new(SystemClock))),
        leaderships: Arc::new(leases),
        registry: Arc::new(HttpRegistry::new()),
        commands: Arc::new(LocalCommands::new(directory, Some(directory.join(".git/quarterdeck-state")))),
    }
}

/// The built-in settings, with more key bindings on top.
pub fn config(more_keys: &str) -> Config {
    let known = |run: &str| registry::parse(run).map(|_| ()).map_err(|failure| failure.render());
    let (mut keymap, mut problems) = (Keymap::default(), Vec::new());
    for (name, text) in BUILT_IN {
        keymap.merge(name, text, &known, &mut problems);
    }
    keymap.merge("test", more_keys, &known, &mut problems);
    assert_eq!(problems, []);
    Config { keymap, theme: Theme::built_in("dark"), read_only: false, problems }
}

/// An engine whose sources look, on whatever is there.
pub fn engine(directory: &Path, kubeconfig: &Path, variables: Vec<(String, String)>) -> Engine {
    let ports = ports(directory, Some(kubeconfig), variables);
    let model = Model::new(Arc::new(config("")), ports.clock.now(), Size { width: 160, height: 45 });
    let mut engine = Engine::new(model, ports);
    engine.start_sources();
    engine
}

/// The model shown as text, for the messages of failing tests.
pub fn screen(model: &Model) -> String {
    let size = model.ui.size;
    let area = ratatui::layout::Rect::new(0, 0, size.width, size.height);
    let mut buffer = ratatui::buffer::Buffer::empty(area);
    tui::draw(model, &model.config.theme.clone(), area, &mut buffer);
    tui::svg::to_text(&buffer)
}

/// A console whose person is a test.
pub struct Console {
    /// The engine.
    pub engine: Engine,
    /// What it looks at.
    pub platform: Arc<Platform>,
}

impl Console {
    /// The operator's console, once every source has shown something.
    pub async fn start(scenario: Scenario) -> Self {
        Self::with(scenario, None, config("")).await
    }

    /// The console of a person, with settings.
    pub async fn with(scenario: Scenario, person: Option<(&str, &str)>, config: Config) -> Self {
        let platform = platform(scenario).await;
        let variables = environment(platform.directory(), person);
        Self::at(Arc::new(platform), variables, config).await
    }

    /// The operator's console on a platform that was made otherwise.
    pub async fn on(platform: Arc<Platform>, config: Config) -> Self {
        let variables = environment(platform.directory(), None);
        Self::at(platform, variables, config).await
    }

    async fn at(platform: Arc<Platform>, variables: Vec<(String, String)>, config: Config) -> Self {
        let ports = ports(platform.repository(), Some(platform.kubeconfig()), variables);
        let model = Model::new(Arc::new(config), ports.clock.now(), Size { width: 160, height: 45 });
        let mut engine = Engine::new(model, ports);
        engine.start_sources();
        Self::complete(engine, platform).await
    }

    /// The console of another of the demo's people, in a clone of their own.
    pub async fn joined_by(&self, handle: &str) -> Self {
        let directory = self.platform.directory();
        let seat = demo::people::join(directory, handle).await.unwrap();
        let engine = engine(&seat.repository, &seat.kubeconfig, environment(directory, None));
        Self::complete(engine, Arc::clone(&self.platform)).await
    }

    async fn complete(engine: Engine, platform: Arc<Platform>) -> Self {
        let mut console = Self { engine, platform };
        console.until("every source has come", is_complete).await;
        console
    }

    /// The model, settled.
    pub fn model(&self) -> &Model {
        &self.engine.model
    }

    /// Presses keys by their names: `j j R`, `ctrl-d`, `g g`.
    pub fn keys(&mut self, keys: &str) {
        for key in Key::parse_all(keys).unwrap() {
            self.engine.apply(Event::Key(key));
        }
        quarterdeck::engine::update::settle(&mut self.engine.model);
    }

    /// Types a text, character by character.
    pub fn type_text(&mut self, text: &str) {
        for character in text.chars() {
            self.engine.apply(Event::Key(Key::char(character)));
        }
    }

    /// Presses the mouse button at a cell.
    pub fn click(&mut self, column: u16, row: u16) {
        self.engine.apply(Event::Mouse(MouseKind::Press, column, row));
        quarterdeck::engine::update::settle(&mut self.engine.model);
    }

    /// Lets events in until the condition holds.
    pub async fn until(&mut self, what: &str, condition: impl FnMut(&Model) -> bool) {
        let came = self.engine.until(DEADLINE, condition).await;
        let notice = self.engine.model.ui.notice.as_ref().map(|notice| notice.text.clone());
        assert!(came, "never: {what}\nnotice: {notice:?}\n{}", screen(&self.engine.model));
    }

    /// Moves the cursor of a pane to a row, by keys alone.
    pub fn select(&mut self, pane: Pane, row: &str) {
        self.keys(&(pane.index() + 1).to_string());
        self.keys("g g");
        let rows = &self.engine.model.ui.list(pane).rows;
        let place = rows.iter().position(|known| known == row);
        let place = place.unwrap_or_else(|| panic!("{row} is not among {rows:?}"));
        for _ in 0..place {
            self.keys("j");
        }
        assert_eq!(self.engine.model.ui.list(pane).current(), Some(row));
    }

    /// The newest job.
    pub fn job(&self) -> Option<&Job> {
        self.engine.model.jobs.all.values().next_back()
    }

    /// Waits for the end of the newest job that runs a plan, and gives it.
    pub async fn done(&mut self) -> Job {
        self.until("the job is done", |model| {
            model.jobs.all.values().next_back().is_some_and(|job| matches!(job.state, JobState::Done(_)))
        })
        .await;
        self.job().unwrap().clone()
    }

    /// What the bottom line says.
    pub fn notice(&self) -> &str {
        self.engine.model.ui.notice.as_ref().map_or("", |notice| &notice.text)
    }

    /// The topmost overlay.
    pub fn overlay(&self) -> Option<&Overlay> {
        self.engine.model.ui.overlays.last()
    }

    /// Waits for a plan, and gives its title.
    pub async fn plan(&mut self) -> Arc<quarterdeck::domain::plan::Plan> {
        self.until("a plan waits", |model| matches!(model.ui.overlays.last(), Some(Overlay::Confirm { .. })))
            .await;
        match self.overlay() {
            Some(Overlay::Confirm { plan, .. }) => plan.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// The ledger's entries as this clone knows them, oldest first.
    pub async fn ledger(&self) -> Vec<Entry> {
        self.engine.outside.ports.ledger.entries().await.unwrap()
    }

    /// Subject lines of the ledger as the remote has it, oldest first.
    pub fn remote_ledger(&self) -> Vec<String> {
        git(self.platform.remote(), &["log", "--reverse", "--format=%s", "quarterdeck/ledger"])
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

/// Whatever a console asks of a cluster, docs/rbac must grant it.
impl Drop for Console {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for place in demo::Environment::ALL {
            granted(self.platform.cluster(place), &[]);
        }
    }
}

/// Every call that a cluster has seen, but for the test's own, is in the table that docs/rbac is made from.
pub fn granted(cluster: &demo::SimulatedCluster, own_calls: &[&str]) {
    for call in cluster.store().calls().into_iter().filter(|call| !own_calls.contains(&call.as_str())) {
        assert!(rights::has(&call), "`{call}` is not in src/adapters/cluster/rights.rs");
    }
}

/// Whether every source has shown something.
pub fn is_complete(model: &Model) -> bool {
    let world = &model.world;
    world.catalog.value.as_ref().is_some_and(|catalog| {
        catalog.settings.environments.iter().all(|environment| {
            world.clusters.get(&environment.context).is_some_and(|cluster| cluster.value.is_some())
        })
    }) && world.changes.value.is_some()
        && world.findings.value.is_some()
        && world.remote.at.is_some()
        && world.ledger.value.is_some()
        && world.alerts.value.is_some()
        && world.requests.value.is_some()
        && world.metrics.value.as_ref().is_some_and(|seen| {
            seen.endpoints.values().all(|seen| seen.rate.is_some() || seen.problem.is_some())
        })
        && !model.operator.email.is_empty()
}
