//! How long it takes from a key to the frame that shows what it did, while the simulated API tells a
//! thousand changes a second: the console's own loop, sources and drawing, with a terminal that swallows
//! what is written. The aim is 16 ms at the 99th percentile.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on says where")]

mod support;

use chrono::DateTime;
use quarterdeck::{
    adapters::{
        self,
        alertmanager::Alertmanager,
        clock::SystemClock,
        cluster::KubeClusters,
        commands::LocalCommands,
        forge::HttpForge,
        git::{GitLedger, GitRepository},
        leadership::AgentLeases,
        metrics::HttpScraper,
        notify::HttpNotifier,
        registry::HttpRegistry,
    },
    config::{Config, key::Key, keymap, theme::Theme},
    engine::{
        headless::Engine,
        live::{self, Face},
    },
    error::Failure,
    model::{
        Model,
        event::{EditFile, Event},
        layout::Size,
    },
    ports::Ports,
    tui,
};
use ratatui::{Terminal, TerminalOptions, Viewport, backend::CrosstermBackend, layout::Rect};
use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use support::{
    platform::Platform,
    report::Table,
    repository::{self, Backends},
};
use tokio::{runtime::Builder, sync::mpsc};

const SIZE: Size = Size { width: 200, height: 60 };
/// Keys of one measurement: down half of them, and up again.
const KEYS: usize = 300;
/// A key that shows nothing for so long counts as so long.
const LIMIT: Duration = Duration::from_secs(1);

fn main() {
    adapters::install_crypto();
    for (services, churn, aim) in
        [(1_000, 0, ""), (1_000, 1_000, "≤ 16 ms"), (10_000, 0, ""), (10_000, 1_000, "")]
    {
        measure(&mut Table::default(), services, churn, aim);
    }
}

fn measure(table: &mut Table, services: usize, churn: u32, aim: &str) {
    let home = tempfile::tempdir().unwrap();
    // The API is somebody else's process in life: it has a thread of its own here.
    let outside = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let now = DateTime::from_timestamp(1_780_000_000, 0).unwrap();
    let platform = outside.block_on(Platform::start(services, now));
    platform.write_kubeconfig(&home.path().join("kubeconfig"));
    repository::write(
        &home.path().join("control"),
        services,
        &Backends { metrics: Some(platform.metrics.clone()) },
    );
    let console = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let seen = console.block_on(async {
        let mut engine = engine(home.path());
        engine.start_sources();
        let everything = |model: &Model| {
            model.world.metrics.value.is_some()
                && model.world.changes.value.is_some()
                && model.world.clusters.len() == 2
                && model.world.clusters.values().all(|cluster| cluster.value.is_some())
        };
        assert!(engine.until(Duration::from_mins(1), everything).await, "the sources answer");
        if churn > 0 {
            let _inside = outside.enter();
            platform.churn(churn);
        }
        press(&mut engine).await
    });
    console.shutdown_background();
    outside.shutdown_background();
    table.times(&format!("key to frame, {services} services, {churn} changes a second"), aim, seen.keys);
    table.times("  its frames, drawn and written", "", seen.frames);
    table.value("  frames a second", "", format!("{:.1}", seen.rate));
}

fn engine(home: &Path) -> Engine {
    let repository = GitRepository::open(&home.join("control"), Vec::new()).unwrap();
    let kubeconfig = Some(home.join("kubeconfig"));
    let leases = AgentLeases::new(Some(repository.clone()), kubeconfig, Arc::new(SystemClock));
    let ports = Ports {
        clock: Arc::new(SystemClock),
        ledger: Arc::new(GitLedger::new(&repository)),
        repository: Arc::new(repository),
        clusters: Arc::new(KubeClusters::new(Some(home.join("kubeconfig")))),
        scraper: Arc::new(HttpScraper::new().unwrap()),
        alerts: Arc::new(Alertmanager::new().unwrap()),
        forge: Arc::new(HttpForge::new(Arc::new(SystemClock))),
        notifier: Arc::new(HttpNotifier::new(Arc::new(SystemClock))),
        leaderships: Arc::new(leases),
        registry: Arc::new(HttpRegistry::new()),
        commands: Arc::new(LocalCommands::new(home, None)),
    };
    let mut keys = keymap::Keymap::default();
    let (file, text) = keymap::BUILT_IN[0];
    keys.merge(file, text, &|_| Ok(()), &mut Vec::new());
    let config = Config { keymap: keys, theme: Theme::default(), read_only: false, problems: Vec::new() };
    Engine::new(Model::new(Arc::new(config), ports.clock.now(), SIZE), ports)
}

/// What was measured.
struct Seen {
    keys: Vec<Duration>,
    frames: Vec<Duration>,
    /// Frames a second.
    rate: f64,
}

/// Presses keys into the console's loop and looks at the frames that it draws.
async fn press(engine: &mut Engine) -> Seen {
    let area = Rect::new(0, 0, SIZE.width, SIZE.height);
    let options = TerminalOptions { viewport: Viewport::Fixed(area) };
    let mut terminal = Terminal::with_options(CrosstermBackend::new(io::sink()), options).unwrap();
    let theme = Theme::default();
    let (sender, input) = mpsc::channel(256);
    let (shown, mut answers) = mpsc::unbounded_channel();
    let pressed = Arc::new(AtomicBool::new(false));
    let awaited = pressed.clone();
    let person = tokio::spawn(async move {
        let mut keys = Vec::with_capacity(KEYS);
        for count in 0..KEYS {
            let key = if count < KEYS / 2 { "j" } else { "k" };
            // Not in step with anything: between 11 and 47 ms.
            tokio::time::sleep(Duration::from_millis(11 + (count * 7 % 37) as u64)).await;
            awaited.store(true, Ordering::SeqCst);
            let began = Instant::now();
            sender.send(Event::Key(Key::parse(key).unwrap())).await.unwrap();
            let answer = tokio::time::timeout(LIMIT, answers.recv()).await;
            let shown: Option<Instant> = answer.ok().flatten();
            keys.push(shown.map_or(LIMIT, |at| at - began));
        }
        sender.send(Event::Terminate).await.unwrap();
        keys
    });
    let mut selected = engine.model.ui.selected.clone();
    let mut frames = Vec::new();
    let began = Instant::now();
    let mut screen = Screen(|model: &Model| {
        let started = Instant::now();
        terminal.draw(|frame| tui::draw(model, &theme, area, frame.buffer_mut())).unwrap();
        frames.push(started.elapsed());
        // The cursor follows its row when rows change places, so only a key makes it another service.
        if model.ui.selected != selected {
            selected.clone_from(&model.ui.selected);
            if pressed.swap(false, Ordering::SeqCst) {
                let _ = shown.send(Instant::now());
            }
        }
        Ok(())
    });
    live::run(engine, input, &mut screen).await.unwrap();
    let rate = frames.len() as f64 / began.elapsed().as_secs_f64();
    Seen { keys: person.await.unwrap(), frames, rate }
}

/// A terminal that measures what is drawn on it, and hands itself to nobody.
struct Screen<F>(F);

impl<F: FnMut(&Model) -> io::Result<()>> Face for Screen<F> {
    fn draw(&mut self, model: &Model) -> io::Result<()> {
        (self.0)(model)
    }

    async fn edit(&mut self, _: &EditFile) -> io::Result<Result<(), Failure>> {
        Ok(Ok(()))
    }
}
