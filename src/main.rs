//! The `quarterdeck` program: arguments to a face, a face to an exit code. Only here adapters are made.

use quarterdeck::{
    action::registry,
    adapters::{
        self,
        alertmanager::Alertmanager,
        clock::SystemClock,
        cluster::KubeClusters,
        commands::LocalCommands,
        endpoints::{self, Health},
        forge::HttpForge,
        git::{self, AbsentRepository, GitLedger, GitRepository},
        leadership::AgentLeases,
        metrics::HttpScraper,
        notify::HttpNotifier,
        registry::HttpRegistry,
    },
    cli::{
        agent,
        arguments::{self, Global, Request},
        check, explain, inspect, needs,
        oneshot::{self, Printed},
        schema, watch,
    },
    config::{Config, keymap, load, theme::Theme},
    demo,
    domain::text::clean,
    engine::{
        Outside,
        agent::{
            Agent,
            journal::{Journal, Level, Line},
            serve,
        },
        headless::Engine,
        live,
    },
    error::{Failure, FailureKind},
    generate,
    model::{
        Ending, Model,
        event::{EditFile, Event},
        layout::{Pane, Size},
        ui::{Notice, NoticeKind},
    },
    ports::{Clock, ControlRepository, Ledger, Ports},
    tui,
};
use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

fn main() -> ExitCode {
    let (global, request) = match arguments::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are answers, not mistakes.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    use_few_heaps();
    adapters::install_crypto();
    let printed = match runtime() {
        Ok(runtime) => {
            warn_of_settings(&global, &request);
            let printed = runtime.block_on(run(&global, request));
            // A task that waits for a dead backend must not keep the process.
            runtime.shutdown_background();
            printed
        }
        Err(failure) => Err(failure),
    };
    finish(printed)
}

/// Tells at once what is wrong with a theme or a keymap that the command line names. The console shows it
/// itself, and `keymap print` with its answer.
fn warn_of_settings(global: &Global, request: &Request) {
    let named = global.theme.is_some() || global.keymap.is_some();
    let shows_itself = matches!(request, Request::Console | Request::KeymapPrint)
        || matches!(request, Request::Demo { once: false, .. }) && is_terminal();
    if named && !shows_itself {
        let text: String = config(global).problems.iter().map(|problem| format!("{problem}\n")).collect();
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
}

/// The system's allocator gives each thread a heap of its own, and this program has ten threads that do little most of
/// the time: with two heaps it takes six megabytes less.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "a setting of the C library; called before there is a second thread")]
fn use_few_heaps() {
    // SAFETY: `mallopt` takes two numbers and touches nothing else; one that it does not know, it refuses.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 2) };
}

/// Other allocators share their heap already.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const fn use_few_heaps() {}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("could not start the program's threads").because(&error))
}

/// Prints what there is and tells the exit code. A reader that has gone away (`| head`) is no failure.
fn finish(printed: Result<Printed, Failure>) -> ExitCode {
    let printed = printed.unwrap_or_else(|failure| Printed {
        out: String::new(),
        err: failure.render() + "\n",
        code: failure.kind.exit_code(),
    });
    let mut out = std::io::stdout().lock();
    let written = out.write_all(printed.out.as_bytes()).and_then(|()| out.flush());
    let _ = std::io::stderr().lock().write_all(printed.err.as_bytes());
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        let failure = Failure::failed("could not write the whole answer").because(&error);
        let _ = std::io::stderr().lock().write_all((failure.render() + "\n").as_bytes());
        // What it would have said stands, unless that is that all is well.
        return ExitCode::from(if printed.code == 0 { failure.kind.exit_code() } else { printed.code });
    }
    ExitCode::from(printed.code)
}

/// Does what the command line asks for.
async fn run(global: &Global, request: Request) -> Result<Printed, Failure> {
    match request {
        Request::Console => {
            if !is_terminal() {
                return Err(Failure::usage("the console needs a terminal, and standard output is none")
                    .hint("use a command such as `quarterdeck briefing`; `quarterdeck --help` lists them"));
            }
            let (ports, problem) = real_ports(global)?;
            console(global, ports, problem).await
        }
        Request::Demo { person: Some(person), once, .. } => join_demo(global, &person, once).await,
        Request::Demo { scenario: None, .. } => Ok(printed(demo::Scenario::list())),
        Request::Demo { scenario: Some(name), seed, once, person: None } => {
            demo(global, &name, seed, once).await
        }
        Request::Init(directory) => init(&directory),
        Request::Check(options) => check(global, &options).await,
        Request::Explain(rule) => explain::explain(&rule, global.output),
        Request::Schema { file, out: None } => schema::print(file.as_deref(), global.output),
        Request::Schema { out: Some(folder), .. } => write_schemas(&folder),
        Request::Snapshot { pane, size, format } => {
            let (ports, _) = real_ports(global)?;
            let mut engine = engine(global, ports, Size { width: size.0, height: size.1 });
            snapshot(&mut engine, pane.as_deref(), &format).await
        }
        Request::Agent(options) => Box::pin(agent(global, options)).await,
        Request::Completions(shell) => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut arguments::command(), "quarterdeck", &mut out);
            Ok(printed(String::from_utf8_lossy(&out).into_owned()))
        }
        Request::KeymapPrint => Ok(keymap_print(&config(global))),
        Request::ThemeList => Ok(printed(load::themes().into_keys().map(|name| name + "\n").collect())),
        Request::Action(action, arguments) => {
            let (ports, problem) = real_ports(global)?;
            if let Some(failure) = problem {
                return Err(failure);
            }
            let mut engine = engine(global, ports, Size { width: 160, height: 45 });
            if let Some(command) = inspect::followed(action, &arguments) {
                let out = &mut std::io::stdout();
                return inspect::follow(&mut engine, global.output, command, out, interrupted()).await;
            }
            oneshot::action(&mut engine, global, action, &arguments, &mut ask).await
        }
    }
}

fn printed(out: String) -> Printed {
    Printed { out, ..Printed::default() }
}

fn is_terminal() -> bool {
    std::io::stdout().is_terminal() && std::io::stdin().is_terminal()
}

/// The settings, from all their layers.
fn config(global: &Global) -> Config {
    let overrides = load::Overrides {
        file: global.config.clone(),
        theme: global.theme.clone(),
        keymap: global.keymap.clone(),
        read_only: global.read_only,
    };
    let known = |run: &str| {
        registry::parse(run).map(|_| ()).map_err(|failure| match failure.hints.first() {
            Some(hint) => format!("{failure}; {hint}"),
            None => failure.to_string(),
        })
    };
    load::load(&overrides, &known)
}

/// The real adapters, as the command line names them.
fn real_ports(global: &Global) -> Result<(Ports, Option<Failure>), Failure> {
    ports(&global.repository, global.kubeconfig.clone())
}

/// The real adapters. A repository that cannot be opened becomes one that says so with every call.
fn ports(directory: &Path, kubeconfig: Option<PathBuf>) -> Result<(Ports, Option<Failure>), Failure> {
    let opened = GitRepository::open(directory, Vec::new());
    let clock = Arc::new(SystemClock);
    let leases = AgentLeases::new(opened.as_ref().ok().cloned(), kubeconfig.clone(), clock);
    let (repository, ledger, problem): (Arc<dyn ControlRepository>, Arc<dyn Ledger>, _) = match opened {
        Ok(repository) => {
            let ledger = GitLedger::new(&repository);
            (Arc::new(repository), Arc::new(ledger), None)
        }
        Err(failure) => {
            let absent = Arc::new(AbsentRepository(failure.clone()));
            (absent.clone(), absent, Some(failure))
        }
    };
    let ports = Ports {
        clock: Arc::new(SystemClock),
        repository,
        ledger,
        clusters: Arc::new(KubeClusters::new(kubeconfig)),
        scraper: Arc::new(HttpScraper::new()?),
        alerts: Arc::new(Alertmanager::new()?),
        forge: Arc::new(HttpForge::new(Arc::new(SystemClock))),
        notifier: Arc::new(HttpNotifier::new(Arc::new(SystemClock))),
        leaderships: Arc::new(leases),
        registry: Arc::new(HttpRegistry::new()),
        commands: Arc::new(LocalCommands::new(directory, quarterdeck::config::paths::state_dir())),
    };
    Ok((ports, problem))
}

fn engine(global: &Global, ports: Ports, size: Size) -> Engine {
    let mut model = Model::new(Arc::new(config(global)), ports.clock.now(), size);
    model.ui.wanted_context.clone_from(&global.context);
    Engine::new(model, ports)
}

/// The interactive console.
async fn console(global: &Global, ports: Ports, problem: Option<Failure>) -> Result<Printed, Failure> {
    let mut engine = engine(global, ports, Size::default());
    // Connections start before the terminal is taken; nothing waits for anything.
    engine.start_sources();
    let problems: Vec<String> = engine.model.config.problems.iter().map(ToString::to_string).collect();
    let said = match (&problem, problems.is_empty()) {
        (Some(failure), _) => Some(failure.render()),
        (None, false) => Some(problems.join("\n")),
        (None, true) => None,
    };
    if let Some(text) = said {
        engine.model.ui.notice = Some(Notice { kind: NoticeKind::Warning, text, at: engine.model.now });
    }
    let (sender, input) = tokio::sync::mpsc::channel(256);
    // Before the terminal is taken, so that no signal finds it taken and nobody there to give it back.
    let away = Arc::new(AtomicBool::new(false));
    spawn_signals(&sender, &away);
    let screen = tui::terminal::Screen::enter()?;
    let size = screen.terminal.size().map_err(|error| gone(&error))?;
    engine.model.ui.size = Size { width: size.width, height: size.height };
    let keys = tui::input::spawn_input(sender.clone());
    let theme = engine.model.config.theme.clone();
    let mut face = Terminal { screen, theme, keys, sender, away };
    let ended = live::run(&mut engine, input, &mut face).await;
    drop(face);
    // Whoever took the agent's place gives it back, also when the terminal is gone.
    if let Err(failure) = engine.outside.seat.give_up().await {
        let _ = writeln!(std::io::stderr(), "{}", failure.render());
    }
    ended.map_err(|error| gone(&error))?;
    let code = if engine.model.ending == Some(Ending::Interrupted) {
        FailureKind::Interrupted.exit_code()
    } else {
        0
    };
    Ok(Printed { code, ..Printed::default() })
}

/// The terminal, as the console's loop has it.
struct Terminal {
    screen: tui::terminal::Screen,
    theme: Theme,
    /// Reads keys.
    keys: tokio::task::JoinHandle<()>,
    sender: tokio::sync::mpsc::Sender<Event>,
    /// Whether an editor has the terminal.
    away: Arc<AtomicBool>,
}

impl live::Face for Terminal {
    fn draw(&mut self, model: &Model) -> std::io::Result<()> {
        let drawn = self.screen.terminal.draw(|frame| {
            let area = frame.area();
            tui::draw(model, &self.theme, area, frame.buffer_mut());
            if let Some((column, row)) = tui::cursor(model) {
                frame.set_cursor_position((column, row));
            }
        });
        drawn.map(|_| ())
    }

    async fn edit(&mut self, file: &EditFile) -> std::io::Result<Result<(), Failure>> {
        let command = match tui::editor::command(file) {
            Ok(command) => command,
            Err(failure) => return Ok(Err(failure)),
        };
        // From here on every key is the editor's.
        self.keys.abort();
        let _ = (&mut self.keys).await;
        self.away.store(true, Ordering::SeqCst);
        tui::terminal::restore();
        let result = tokio::task::spawn_blocking(move || tui::editor::run(&command)).await;
        self.away.store(false, Ordering::SeqCst);
        self.screen.retake()?;
        let size = self.screen.terminal.size()?;
        self.keys = tui::input::spawn_input(self.sender.clone());
        // The window may have another size by now, and nobody was there to hear of it.
        let _ = self.sender.try_send(Event::Resize(Size { width: size.width, height: size.height }));
        Ok(result
            .unwrap_or_else(|error| Err(Failure::failed("the editor was not waited for").because(&error))))
    }
}

fn gone(error: &std::io::Error) -> Failure {
    Failure::new(FailureKind::Interrupted, "the terminal is gone").because(error)
}

/// SIGTERM, SIGHUP, SIGINT and SIGQUIT from outside end the console in order, with the terminal given back. While an
/// editor has the terminal, what its keys send is none of ours.
fn spawn_signals(sender: &tokio::sync::mpsc::Sender<Event>, away: &Arc<AtomicBool>) {
    use tokio::signal::unix::{SignalKind, signal};
    let ends = [SignalKind::terminate(), SignalKind::hangup()];
    for kind in ends.into_iter().chain([SignalKind::interrupt(), SignalKind::quit()]) {
        // Here and not in the task: a signal that comes before the task first runs must not kill.
        let Ok(mut signal) = signal(kind) else { continue };
        let (sender, away) = (sender.clone(), away.clone());
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                if ends.contains(&kind) || !away.load(Ordering::SeqCst) {
                    let _ = sender.send(Event::Terminate).await;
                    return;
                }
            }
        });
    }
}

/// The agent: once, or until SIGTERM or SIGINT.
async fn agent(global: &Global, options: agent::Options) -> Result<Printed, Failure> {
    if global.read_only && !options.dry_run {
        return Err(Failure::usage("an agent that may change nothing does nothing")
            .hint("leave out --read-only, or add --once --dry-run"));
    }
    let (ports, problem) = real_ports(global)?;
    if let Some(failure) = problem {
        return Err(failure);
    }
    let journal = Journal::new(
        ports.clock.clone(),
        Arc::new(|line| {
            // Whoever closed it does not want to know.
            let _ = std::io::stderr().lock().write_all(line.as_bytes());
        }),
    );
    let config = Arc::new(Config { read_only: false, ..config(global) });
    let (agent, watching) = serve::prepare(ports, config, &journal).await?;
    if options.once {
        return Box::pin(agent::once(agent, watching, options, global.output)).await;
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    stop_at_signals(&stop);
    let endpoints = match options.listen {
        Some(address) => Some(endpoints::serve(address, health(&agent)).await?),
        None => None,
    };
    let mut line = Line::new(Level::Info, "beginning").with("version", env!("CARGO_PKG_VERSION"));
    if let Some(endpoints) = &endpoints {
        line = line.with("listen", endpoints.address.to_string());
    }
    journal.write(&line.with("who", agent.leader().who()));
    // What keeps the lead from being released is in the journal; it runs out by itself.
    let _ = serve::serve(agent, watching, stopped).await;
    drop(stop);
    Ok(Printed::default())
}

/// What the agent's endpoints tell.
fn health(agent: &Agent) -> Health {
    let clock = agent.ports().clock;
    let (hangs, is_missing, metrics) = (agent.status(), agent.status(), agent.status());
    let metered = clock.clone();
    Health {
        hangs: Arc::new(move || hangs.hangs(clock.now())),
        is_missing: Arc::new(move || is_missing.is_missing()),
        metrics: Arc::new(move || metrics.metrics(metered.now())),
    }
}

/// SIGTERM and SIGINT let the agent end in order.
fn stop_at_signals(stop: &tokio::sync::watch::Sender<bool>) {
    use tokio::signal::unix::{SignalKind, signal};
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        // Here and not in the task: a signal that comes before the task first runs must not kill.
        let Ok(mut signal) = signal(kind) else { continue };
        let stop = stop.clone();
        tokio::spawn(async move {
            if signal.recv().await.is_some() {
                stop.send_replace(true);
            }
        });
    }
}

/// What is said where the demo's people cannot sign.
const UNSIGNED: &str = "ssh-keygen is not installed: events in this demo are not signed";

/// The console, or its briefing, on the simulated platform.
async fn demo(global: &Global, scenario: &str, seed: u64, once: bool) -> Result<Printed, Failure> {
    let scenario = demo::Scenario::find(scenario).ok_or_else(|| {
        let names: Vec<&str> = demo::Scenario::TABLE.iter().map(|row| row.name).collect();
        Failure::usage(format!("there is no scenario `{}`", clean(scenario)))
            .hint(format!("choose one of {}", names.join(", ")))
            .hint("`quarterdeck demo --list-scenarios` says what each is about")
    })?;
    let now = SystemClock.now();
    let options = demo::PlatformOptions { seed, scenario, now, pace: demo::Pace::default(), past: true };
    let platform = demo::Platform::start(options).await?;
    let (ports, problem) = ports(platform.repository(), Some(platform.kubeconfig().to_owned()))?;
    if once || !is_terminal() {
        let mut engine = engine(global, ports, Size { width: 160, height: 45 });
        needs::everything(&mut engine).await?;
        let mut briefing = oneshot::briefing(&engine.model, global.output);
        if !platform.is_signing() {
            briefing.err += UNSIGNED;
            briefing.err += "\n";
        }
        return Ok(briefing);
    }
    if !platform.is_signing() {
        let _ = writeln!(std::io::stderr(), "{UNSIGNED}");
    }
    let colleagues =
        tokio::spawn(demo::colleagues::run(platform.directory().to_owned(), Arc::new(SystemClock), |seat| {
            let repository = GitRepository::open(&seat.repository, Vec::new())?;
            let ledger = Arc::new(GitLedger::new(&repository));
            Ok(demo::colleagues::Desk { repository: Arc::new(repository), ledger })
        }));
    let result = console(global, ports, problem).await;
    colleagues.abort();
    drop(platform);
    result
}

/// The console of one of the people of a demo that runs already; without a terminal, where they work.
async fn join_demo(global: &Global, person: &str, once: bool) -> Result<Printed, Failure> {
    let seat = demo::people::join(&demo::people::running()?, person).await?;
    if once || !is_terminal() {
        return Ok(printed(format!("{}\n", seat.repository.display())));
    }
    let (ports, problem) = ports(&seat.repository, Some(seat.kubeconfig))?;
    console(global, ports, problem).await
}

fn init(directory: &Path) -> Result<Printed, Failure> {
    let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or("control");
    let files = generate::starter::starter(name);
    git::create(directory, &files, Vec::new())?;
    let shown = directory.display();
    Ok(Printed {
        err: format!(
            "a new control repository with {} files is in {shown}\n  try: quarterdeck check --repo {shown}\n  try: quarterdeck --repo {shown}\n",
            files.len()
        ),
        ..Printed::default()
    })
}

async fn check(global: &Global, options: &check::Options) -> Result<Printed, Failure> {
    let (ports, problem) = real_ports(global)?;
    if let Some(failure) = problem {
        return Err(failure);
    }
    let outside = Outside::new(ports);
    let root = std::path::absolute(&global.repository).unwrap_or_else(|_| global.repository.clone());
    let paths: Vec<PathBuf> =
        options.paths.iter().map(|path| inside(&root, path)).collect::<Result<_, Failure>>()?;
    if !options.watch {
        return check::once(&outside, global, options, &paths).await;
    }
    watch::watch(&outside, global, options, &paths, &mut std::io::stdout(), interrupted()).await
}

/// Waits for the person's interruption.
async fn interrupted() {
    // Without the signal there is no other end than that of the process.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Writes every schema into a folder; what is there of the same name is made anew.
fn write_schemas(folder: &Path) -> Result<Printed, Failure> {
    let failed = |error: std::io::Error| {
        Failure::configuration(format!("could not write the schemas into {}", folder.display()))
            .because(&error)
            .hint("see who owns it and who may write there, or name another folder with --out")
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let all = schema::all();
    for (name, text) in &all {
        std::fs::write(folder.join(name), text).map_err(failed)?;
    }
    let err = format!("{} schemas are in {}\n", all.len(), folder.display());
    Ok(Printed { err, ..Printed::default() })
}

/// A path that was given, as one inside the control repository. It counts from the repository's root, or
/// from where the person stands.
fn inside(root: &Path, given: &str) -> Result<PathBuf, Failure> {
    let from_root = Path::new(given.trim_start_matches("./"));
    if from_root.is_relative() && root.join(from_root).exists() {
        return Ok(from_root.to_path_buf());
    }
    let absolute = std::path::absolute(given).and_then(|path| path.canonicalize());
    let root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    match absolute.as_ref().map(|path| path.strip_prefix(&root)) {
        Ok(Ok(path)) => Ok(path.to_path_buf()),
        _ => Err(Failure::usage(format!("{given} is no file or directory of the control repository"))
            .hint("give paths as they stand in the repository, such as services/catalog.toml")),
    }
}

async fn snapshot(engine: &mut Engine, pane: Option<&str>, format: &str) -> Result<Printed, Failure> {
    if let Some(name) = pane {
        let pane = Pane::parse(name).ok_or_else(|| {
            let names: Vec<&str> = Pane::ALL.into_iter().map(Pane::as_str).collect();
            Failure::usage(format!("there is no pane `{name}`"))
                .hint(format!("choose one of {}", names.join(", ")))
        })?;
        engine.model.ui.focus = pane;
        engine.model.ui.zoom = Some(pane);
    }
    needs::everything(engine).await?;
    let size = engine.model.ui.size;
    let area = ratatui::layout::Rect::new(0, 0, size.width, size.height);
    let mut buffer = ratatui::buffer::Buffer::empty(area);
    let theme = engine.model.config.theme.clone();
    tui::draw(&engine.model, &theme, area, &mut buffer);
    Ok(printed(match format {
        "svg" => tui::svg::to_svg(&buffer, &theme),
        "ansi" => tui::svg::to_ansi(&buffer),
        _ => tui::svg::to_text(&buffer),
    }))
}

fn keymap_print(config: &Config) -> Printed {
    let mut out = String::new();
    for (context, bindings) in &config.keymap.contexts {
        out += &format!("[{context}]\n");
        for binding in bindings {
            let (file, line) = &binding.origin;
            out += &format!(
                "{:<12} {:<28} # {}, {file}:{line}\n",
                keymap::show(&binding.on),
                binding.run,
                binding.description
            );
        }
        out.push('\n');
    }
    let err = config.problems.iter().map(|problem| format!("{problem}\n")).collect();
    Printed { out, err, code: if config.problems.is_empty() { 0 } else { 2 } }
}

/// Shows a plan, and asks on the terminal for what must be typed; `None` where there is none.
fn ask(plan: &str, expected: Option<&str>) -> Option<bool> {
    let Some(expected) = expected else {
        let _ = std::io::stderr().write_all(plan.as_bytes());
        return Some(true);
    };
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return None;
    }
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "{plan}Type `{expected}` to go on: ");
    let _ = err.flush();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).ok()?;
    Some(line.trim() == expected)
}
