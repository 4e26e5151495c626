//! The real console in a pseudo-terminal: it opens, obeys, and leaves the terminal as it found it.

use crate::{
    console::platform,
    program::{BINARY, Program},
    terminal::Terminal,
};
use quarterdeck::{
    demo::{Environment, Scenario, kubernetes::resources::Resource},
    tui::terminal::Screen,
};
use std::{
    io::{IsTerminal, stdout},
    path::Path,
};

const TITLES: [&str; 5] = ["1 Inventory", "2 Dependencies", "3 Changes", "4 SLA", "5 Escalation"];

/// A demo in a terminal of a size, and the line settings from before.
fn demo(program: &Program, size: (u16, u16)) -> (Terminal, String) {
    let terminal = Terminal::start(Path::new(BINARY), &["demo"], &program.environment(), size);
    let settings = untouched();
    (terminal, settings)
}

/// The line settings of a fresh terminal that no program has touched.
fn untouched() -> String {
    let mut terminal = Terminal::start(Path::new("/bin/sh"), &["-c", "exit 0"], &[], (80, 24));
    terminal.end();
    terminal.settings()
}

#[test]
fn the_console_opens_obeys_and_leaves() {
    let program = Program::new();
    let (mut terminal, settings) = demo(&program, (160, 45));
    for title in TITLES {
        terminal.shows(title);
    }
    terminal.shows("shared-auth");
    terminal.shows("INC-");
    terminal.until("live numbers", |screen| screen.contents().contains("■ violated"));
    // A filter by keys, then the way back out of it.
    terminal.send("/device-tw");
    terminal.until("only what matches", |screen| {
        let shown = screen.contents();
        shown.contains("device-twin") && !shown.contains("order-worker")
    });
    terminal.send("\x1b");
    terminal.shows("order-worker");
    // The rollback of the violating service: the plan, its name, the end.
    terminal.send("R");
    terminal.shows("1.3.0 → 1.2.3");
    terminal.shows("demo-production");
    terminal.send("shared-auth\r");
    terminal.shows("is back at 1.2.3");
    terminal.send("\x1b");
    terminal.until("the Deck again", |screen| !screen.contents().contains("is back at 1.2.3"));
    terminal.send("q");
    let status = terminal.end();
    assert_eq!((status.exit_code(), status.signal()), (0, None), "{}", terminal.contents());
    terminal.assert_restored(&settings);
}

#[test]
fn a_signal_gives_the_terminal_back() {
    for signal in ["TERM", "HUP", "INT", "QUIT"] {
        let program = Program::new();
        let (mut terminal, settings) = demo(&program, (120, 30));
        terminal.shows(TITLES[0]);
        terminal.until("the alternate screen", vt100::Screen::alternate_screen);
        terminal.signal(signal);
        let status = terminal.end();
        assert_eq!(status.signal(), None, "{signal} was not handled");
        terminal.assert_restored(&settings);
        let left = std::fs::read_dir(program.home.path())
            .unwrap()
            .filter(|entry| {
                entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("quarterdeck-demo")
            })
            .count();
        assert_eq!(left, 0, "{signal}: the demo leaves its files behind");
    }
}

#[test]
fn any_size_is_drawn_or_refused_in_words() {
    let program = Program::new();
    let (mut terminal, settings) = demo(&program, (60, 20));
    terminal.shows("shared-auth");
    terminal.send("?");
    terminal.shows("Turn the order round");
    terminal.send("\x1b");
    terminal.resize(50, 15);
    terminal.until("what is needed", |screen| screen.contents().contains("60×20"));
    terminal.resize(12, 3);
    terminal.resize(1, 1);
    terminal.resize(200, 60);
    terminal.shows(TITLES[4]);
    terminal.send("q");
    assert_eq!(terminal.end().exit_code(), 0, "{}", terminal.contents());
    terminal.assert_restored(&settings);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_editor_has_the_terminal_and_gives_it_back() {
    let platform = platform(Scenario::BadRelease).await;
    let mut program = Program::on(platform.repository(), platform.kubeconfig());
    // It is told the line as vi is, appends to the file, and waits for a key of its own.
    let editor = program.write(
        "vi",
        "#!/bin/sh\nprintf 'editing at %s' \"$1\"\nread -r typed\nprintf '# %s\\n' \"$typed\" >> \"$2\"\n",
    );
    std::process::Command::new("chmod").arg("+x").arg(&editor).status().unwrap();
    program.set("EDITOR", &editor.display().to_string());
    let arguments: Vec<&str> = program.always.iter().map(String::as_str).collect();
    let mut terminal = Terminal::start(Path::new(BINARY), &arguments, &program.environment(), (120, 30));
    let settings = untouched();
    terminal.shows("shared-auth");
    terminal.until("live numbers", |screen| screen.contents().contains("■ 1 violated"));
    terminal.send("e");
    terminal.shows("editing at +");
    terminal.until("the screen from before", |screen| !screen.alternate_screen());
    // Keys are the editor's now: `q` does not end the console.
    terminal.send("q was typed\r");
    terminal.until("the console again", |screen| {
        screen.alternate_screen() && screen.contents().contains("1 Inventory")
    });
    let catalog = std::fs::read_to_string(platform.repository().join("services/catalog.toml")).unwrap();
    assert!(catalog.ends_with("# q was typed\n"), "{catalog}");
    terminal.send("?");
    terminal.shows("Edit the service");
    terminal.send("\x1b");
    terminal.until("the Deck", |screen| !screen.contents().contains("Edit the service"));
    terminal.send("q");
    assert_eq!(terminal.end().exit_code(), 0, "{}", terminal.contents());
    terminal.assert_restored(&settings);
}

/// What [`a_panic_gives_the_terminal_back`] runs in a terminal of its own.
#[test]
#[ignore = "it panics by intent: another test runs it in a pseudo-terminal"]
fn panics_with_the_terminal_taken() {
    if !stdout().is_terminal() {
        return;
    }
    let mut screen = Screen::enter().unwrap();
    screen.terminal.draw(|frame| frame.render_widget("drawn-before-the-panic", frame.area())).unwrap();
    panic!("on purpose");
}

#[test]
fn a_panic_gives_the_terminal_back() {
    let program = Program::new();
    let itself = std::env::current_exe().unwrap();
    let arguments =
        ["--ignored", "--exact", "pty::panics_with_the_terminal_taken", "--nocapture", "--test-threads=1"];
    let mut terminal = Terminal::start(&itself, &arguments, &program.environment(), (100, 30));
    let settings = untouched();
    let status = terminal.end();
    assert_ne!(status.exit_code(), 0);
    terminal.assert_restored(&settings);
    let raw = terminal.raw();
    let (drawn, left, said) =
        (raw.find("drawn-before-the-panic"), raw.find("\x1b[?1049l"), raw.find("on purpose"));
    assert!(
        drawn.is_some() && drawn < left && left < said,
        "the message must come behind the way out: {raw:?}"
    );
    assert!(terminal.contents().contains("on purpose"), "{}", terminal.contents());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_one_shot_asks_where_there_is_somebody_to_ask() {
    let platform = platform(Scenario::BadRelease).await;
    let program = Program::on(platform.repository(), platform.kubeconfig());
    let mut arguments: Vec<&str> = program.always.iter().map(String::as_str).collect();
    arguments.extend(["service", "rollback", "shared-auth", "--environment", "production"]);
    let version = || {
        let cluster = platform.cluster(Environment::Production);
        cluster.object(Resource::Deployments, "shared", "shared-auth").unwrap().to_string()
    };
    let before = version();
    // For production a plain yes is none.
    let mut terminal = Terminal::start(Path::new(BINARY), &arguments, &program.environment(), (120, 40));
    terminal.shows("Type `shared-auth` to go on:");
    terminal.send("yes\r");
    assert_eq!(terminal.end().exit_code(), 130, "{}", terminal.contents());
    assert!(terminal.contents().contains("cancelled, nothing was done"), "{}", terminal.contents());
    assert_eq!(version(), before);
    let mut terminal = Terminal::start(Path::new(BINARY), &arguments, &program.environment(), (120, 40));
    terminal.shows("Type `shared-auth` to go on:");
    terminal.send("shared-auth\r");
    assert_eq!(terminal.end().exit_code(), 0, "{}", terminal.contents());
    assert!(version().contains("shared-auth:1.2.3"));
}
