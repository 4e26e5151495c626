//! What the terminal sends, as events of the model. What means nothing to us (key releases, focus) is dropped.

use crate::{
    config::key::{Key, KeyCode},
    model::{
        event::{Event, MouseKind},
        layout::Size,
    },
};
use crossterm::event as terminal;
use futures::StreamExt as _;
use tokio::{sync::mpsc::Sender, task::JoinHandle};

/// Reads the terminal until it ends or nobody listens any more. When the terminal itself is gone (closed
/// window, lost connection), that ends the program as a signal would.
pub fn spawn_input(sender: Sender<Event>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut stream = terminal::EventStream::new();
        while let Some(Ok(seen)) = stream.next().await {
            let Some(event) = event(seen) else { continue };
            if sender.send(event).await.is_err() {
                return;
            }
        }
        // Nobody may be left to hear it; then the program is ending already.
        let _ = sender.send(Event::Terminate).await;
    })
}

/// The event that a terminal event is, if it is one.
pub fn event(seen: terminal::Event) -> Option<Event> {
    match seen {
        terminal::Event::Key(seen) if seen.kind != terminal::KeyEventKind::Release => {
            key(seen).map(Event::Key)
        }
        terminal::Event::Mouse(seen) => {
            let kind = match seen.kind {
                terminal::MouseEventKind::Down(terminal::MouseButton::Left) => MouseKind::Press,
                terminal::MouseEventKind::ScrollUp => MouseKind::ScrollUp,
                terminal::MouseEventKind::ScrollDown => MouseKind::ScrollDown,
                _ => return None,
            };
            Some(Event::Mouse(kind, seen.column, seen.row))
        }
        terminal::Event::Paste(text) => Some(Event::Paste(text)),
        terminal::Event::Resize(width, height) => Some(Event::Resize(Size { width, height })),
        _ => None,
    }
}

fn key(seen: terminal::KeyEvent) -> Option<Key> {
    let has = |modifier| seen.modifiers.contains(modifier);
    let code = match seen.code {
        // Terminals that report every modifier send a small letter with shift.
        terminal::KeyCode::Char(character) if has(terminal::KeyModifiers::SHIFT) => {
            let mut upper = character.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(upper), None) => KeyCode::Char(upper),
                _ => KeyCode::Char(character),
            }
        }
        terminal::KeyCode::Char(character) => KeyCode::Char(character),
        terminal::KeyCode::Enter => KeyCode::Enter,
        terminal::KeyCode::Esc => KeyCode::Esc,
        terminal::KeyCode::Tab if has(terminal::KeyModifiers::SHIFT) => KeyCode::BackTab,
        terminal::KeyCode::Tab => KeyCode::Tab,
        terminal::KeyCode::BackTab => KeyCode::BackTab,
        terminal::KeyCode::Backspace => KeyCode::Backspace,
        terminal::KeyCode::Delete => KeyCode::Delete,
        terminal::KeyCode::Up => KeyCode::Up,
        terminal::KeyCode::Down => KeyCode::Down,
        terminal::KeyCode::Left => KeyCode::Left,
        terminal::KeyCode::Right => KeyCode::Right,
        terminal::KeyCode::Home => KeyCode::Home,
        terminal::KeyCode::End => KeyCode::End,
        terminal::KeyCode::PageUp => KeyCode::PageUp,
        terminal::KeyCode::PageDown => KeyCode::PageDown,
        terminal::KeyCode::F(number) => KeyCode::F(number),
        _ => return None,
    };
    Some(Key { code, ctrl: has(terminal::KeyModifiers::CONTROL), alt: has(terminal::KeyModifiers::ALT) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use terminal::{KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

    #[test]
    fn keys_are_read_as_keymaps_write_them() {
        for (code, modifiers, expected) in [
            (terminal::KeyCode::Char('g'), KeyModifiers::NONE, "g"),
            (terminal::KeyCode::Char('G'), KeyModifiers::SHIFT, "G"),
            (terminal::KeyCode::Char('g'), KeyModifiers::SHIFT, "G"),
            (terminal::KeyCode::Char('?'), KeyModifiers::SHIFT, "?"),
            (terminal::KeyCode::Char('d'), KeyModifiers::CONTROL, "ctrl-d"),
            (terminal::KeyCode::Char('x'), KeyModifiers::ALT, "alt-x"),
            (terminal::KeyCode::Char(' '), KeyModifiers::NONE, "space"),
            (terminal::KeyCode::Tab, KeyModifiers::SHIFT, "backtab"),
            (terminal::KeyCode::BackTab, KeyModifiers::SHIFT, "backtab"),
            (terminal::KeyCode::F(5), KeyModifiers::NONE, "f5"),
            (terminal::KeyCode::Enter, KeyModifiers::NONE, "enter"),
        ] {
            let Some(Event::Key(read)) = event(terminal::Event::Key(KeyEvent::new(code, modifiers))) else {
                panic!("{expected} was dropped");
            };
            assert_eq!(read, Key::parse(expected).unwrap(), "{expected}");
        }
    }

    #[test]
    fn releases_and_what_means_nothing_are_dropped() {
        let release =
            KeyEvent::new_with_kind(terminal::KeyCode::Char('g'), KeyModifiers::NONE, KeyEventKind::Release);
        assert!(event(terminal::Event::Key(release)).is_none());
        assert!(event(terminal::Event::FocusGained).is_none());
        let mouse = |kind| {
            terminal::Event::Mouse(MouseEvent { kind, column: 3, row: 4, modifiers: KeyModifiers::NONE })
        };
        assert!(event(mouse(MouseEventKind::Moved)).is_none());
        assert!(matches!(
            event(mouse(MouseEventKind::Down(MouseButton::Left))),
            Some(Event::Mouse(MouseKind::Press, 3, 4))
        ));
        assert!(matches!(
            event(terminal::Event::Resize(80, 24)),
            Some(Event::Resize(Size { width: 80, height: 24 }))
        ));
    }
}
