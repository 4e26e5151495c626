//! Taking the terminal, and giving it back as it was found: on drop, on a panic, on a signal.

use crate::{config::environment, error::Failure};
use crossterm::{
    cursor::{Hide, Show},
    event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture},
    execute,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::{Terminal, backend::CrosstermBackend};
use std::{
    io::{BufWriter, Stdout, Write as _, stdout},
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

/// Whether the terminal is ours just now; there is only one terminal per process.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// A frame goes to the terminal in one piece, so that it is never seen half drawn.
const FRAME_BYTES: usize = 256 * 1024;
static PANIC_HOOK: Once = Once::new();

/// The terminal while it is ours. Dropping it gives it back.
pub struct Screen {
    /// What frames are drawn on.
    pub terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
}

impl Screen {
    /// Takes the terminal: raw mode, the alternate screen, mouse and paste events, no cursor.
    ///
    /// # Errors
    /// Unreachable, when standard output is no terminal or does not obey.
    pub fn enter() -> Result<Self, Failure> {
        if environment::var("TERM").is_some_and(|name| name == "dumb") {
            return Err(Failure::unreachable(
                "this terminal calls itself `dumb`: it cannot show the console",
            )
            .hint("commands that print work in it, such as `quarterdeck briefing`"));
        }
        restore_on_panic();
        let refuse = |error: std::io::Error| {
            restore();
            Failure::unreachable("could not take the terminal").because(&error).hint(
                "run the console in a terminal; `quarterdeck briefing` and the other commands work without one",
            )
        };
        take().map_err(refuse)?;
        let terminal = Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(FRAME_BYTES, stdout())))
            .map_err(refuse)?;
        Ok(Self { terminal })
    }
}

impl Screen {
    /// Takes the terminal again after [`restore`], with nothing on it; the next frame draws everything.
    ///
    /// # Errors
    /// What the terminal answers.
    pub fn retake(&mut self) -> std::io::Result<()> {
        take()?;
        self.terminal.clear()
    }
}

/// Raw mode, the alternate screen, mouse and paste events, no cursor.
fn take() -> std::io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    execute!(stdout(), EnterAlternateScreen, EnableMouseCapture, EnableBracketedPaste, Hide)
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back, once; safe to call at any time and from any thread.
pub fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    // Each is tried whatever became of the others: a half restored terminal is worse than a lost error.
    let mut out = stdout();
    let _ = execute!(out, DisableBracketedPaste);
    let _ = execute!(out, DisableMouseCapture);
    let _ = execute!(out, Show);
    let _ = execute!(out, LeaveAlternateScreen);
    let _ = out.flush();
    let _ = disable_raw_mode();
}

/// Makes every panic give the terminal back before it is printed.
fn restore_on_panic() {
    PANIC_HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
    });
}
