//! Names are unique, and what keymaps write is read.

use super::*;
use crate::{action::command::ViewCommand, model::layout::Pane};

#[test]
fn every_action_has_a_name_of_its_own_and_says_what_it_does() {
    let mut names: Vec<&str> =
        all().flat_map(|action| action.aliases.iter().copied().chain([action.id])).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "two actions share a name");
    for action in all() {
        assert!(!action.title.is_empty() && action.doc.ends_with('.'), "{}", action.id);
        let first_option = action.arguments.iter().position(|spec| !spec.positional);
        let last_positional = action.arguments.iter().rposition(|spec| spec.positional);
        assert!(
            first_option.zip(last_positional).is_none_or(|(option, position)| option > position),
            "{}",
            action.id
        );
    }
}

#[test]
fn keymap_texts_are_read_and_wrong_ones_are_explained() {
    let (action, arguments) = parse("view.focus 3").unwrap();
    assert_eq!((action.build)(&arguments).unwrap(), Command::View(ViewCommand::Focus(Pane::Changes)));
    for (text, message, hint) in [
        ("cursor.dwn", "there is no action `cursor.dwn`", "did you mean `cursor.down`?"),
        ("view.focus inventry", "there is no pane `inventry`", "did you mean `inventory`?"),
        ("app.quit now", "`app.quit` takes no argument `now`", ""),
    ] {
        let failure = parse(text).err().unwrap();
        assert_eq!(failure.message, message);
        assert_eq!(failure.hints.first().map_or("", String::as_str), hint);
    }
}
