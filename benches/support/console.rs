//! The console in this process: the engine on real adapters, and keys pressed into its loop while a terminal that swallows
//! what is written is drawn on.

use quarterdeck::{
    adapters::{
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
use tokio::sync::mpsc;

const SIZE: Size = Size { width: 200, height: 60 };
/// A key that shows nothing for so long counts as so long.
const LIMIT: Duration = Duration::from_secs(1);

/// A console on the control repository `control` and the kubeconfig of a home.
pub fn engine(home: &Path, variables: Vec<(String, String)>) -> Engine {
    let repository = GitRepository::open(&home.join("control"), variables).unwrap();
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
pub struct Seen {
    /// From each key to the frame that shows what it did.
    pub keys: Vec<Duration>,
    /// Drawing and writing each frame.
    pub frames: Vec<Duration>,
    /// Frames a second.
    pub rate: f64,
}

/// Draws one frame.
pub fn draw(model: &Model) {
    let area = Rect::new(0, 0, SIZE.width, SIZE.height);
    let options = TerminalOptions { viewport: Viewport::Fixed(area) };
    let mut terminal = Terminal::with_options(CrosstermBackend::new(io::sink()), options).unwrap();
    let theme = Theme::default();
    terminal.draw(|frame| tui::draw(model, &theme, area, frame.buffer_mut())).unwrap();
}

/// Presses `count` keys into the console's loop, down with half of them and up again, and looks at the frames that it
/// draws.
pub async fn press(engine: &mut Engine, count: usize) -> Seen {
    let area = Rect::new(0, 0, SIZE.width, SIZE.height);
    let options = TerminalOptions { viewport: Viewport::Fixed(area) };
    let mut terminal = Terminal::with_options(CrosstermBackend::new(io::sink()), options).unwrap();
    let theme = Theme::default();
    let (sender, input) = mpsc::channel(256);
    let (shown, mut answers) = mpsc::unbounded_channel();
    let awaited = Arc::new(AtomicBool::new(false));
    let waits = awaited.clone();
    let person = tokio::spawn(async move {
        let mut keys = Vec::with_capacity(count);
        for pressed in 0..count {
            let key = if pressed < count / 2 { "j" } else { "k" };
            // Not in step with anything: between 11 and 47 ms.
            tokio::time::sleep(Duration::from_millis(11 + (pressed * 7 % 37) as u64)).await;
            waits.store(true, Ordering::SeqCst);
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
            if awaited.swap(false, Ordering::SeqCst) {
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
