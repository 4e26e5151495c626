//! The person's own editor: which program it is, how it is told the line, and how it is run.

use crate::{config::environment, domain::text::clean, error::Failure, model::event::EditFile};
use std::{ffi::OsString, path::Path, process::Command};

/// How editors are told the line to open a file at, by the names of their programs.
const PLUS_LINE: [&str; 15] = [
    "vi",
    "vim",
    "nvim",
    "view",
    "gvim",
    "nano",
    "pico",
    "emacs",
    "emacsclient",
    "micro",
    "kak",
    "joe",
    "mg",
    "ne",
    "mcedit",
];
const FILE_LINE: [&str; 5] = ["hx", "helix", "subl", "sublime_text", "zed"];
const GO_TO: [&str; 5] = ["code", "code-insiders", "codium", "vscodium", "cursor"];

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditorCommand {
    program: String,
    arguments: Vec<OsString>,
}

/// How to open a file at its line, by `VISUAL` or else `EDITOR`.
///
/// # Errors
/// A configuration failure when neither is set.
pub fn command(file: &EditFile) -> Result<EditorCommand, Failure> {
    let editor = ["VISUAL", "EDITOR"].into_iter().find_map(environment::var);
    let command = editor.as_deref().and_then(|editor| with(editor, &file.file, file.line));
    command.ok_or_else(|| {
        Failure::configuration("there is no editor: neither VISUAL nor EDITOR is set")
            .hint("set one before the console is started, such as `export EDITOR=vim`")
    })
}

/// The command of an editor's variable; `None` if that is blank. Words are separated by blanks, and no shell
/// reads them.
fn with(editor: &str, file: &Path, line: usize) -> Option<EditorCommand> {
    let mut words = editor.split_whitespace();
    let program = words.next()?.to_owned();
    let mut arguments: Vec<OsString> = words.map(OsString::from).collect();
    let name = Path::new(&program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let at_line = || {
        let mut place = file.as_os_str().to_owned();
        place.push(format!(":{line}"));
        place
    };
    if PLUS_LINE.contains(&name) {
        arguments.push(format!("+{line}").into());
        arguments.push(file.into());
    } else if FILE_LINE.contains(&name) {
        arguments.push(at_line());
    } else if GO_TO.contains(&name) {
        // Without it the program would be back before anything was edited.
        if !arguments.iter().any(|argument| argument == "--wait" || argument == "-w") {
            arguments.push("--wait".into());
        }
        arguments.push("-g".into());
        arguments.push(at_line());
    } else {
        arguments.push(file.into());
    }
    Some(EditorCommand { program, arguments })
}

/// Runs it to its end, on the terminal that this process has.
///
/// # Errors
/// It could not be started, or ended with a complaint.
pub fn run(command: &EditorCommand) -> Result<(), Failure> {
    let program = clean(&command.program);
    let status = Command::new(&command.program).args(&command.arguments).status().map_err(|error| {
        Failure::configuration(format!("could not start the editor {program}"))
            .because(&error)
            .hint("see that VISUAL or EDITOR names a program in PATH")
    })?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::failed(format!("the editor {program} ended with {status}"))
        .hint("the file is as the editor left it; `V` validates the repository"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_editor_is_told_the_line_in_its_own_way() {
        for (editor, expected) in [
            ("vi", "vi +7 /c/a b.toml"),
            ("/usr/bin/nvim -p", "/usr/bin/nvim -p +7 /c/a b.toml"),
            ("emacsclient -t", "emacsclient -t +7 /c/a b.toml"),
            ("hx", "hx /c/a b.toml:7"),
            ("code", "code --wait -g /c/a b.toml:7"),
            ("code -w -n", "code -w -n -g /c/a b.toml:7"),
            ("my-editor; rm -rf $HOME", "my-editor; rm -rf $HOME /c/a b.toml"),
        ] {
            let command = with(editor, Path::new("/c/a b.toml"), 7).unwrap();
            let words: Vec<String> = std::iter::once(command.program.clone())
                .chain(command.arguments.iter().map(|word| word.to_string_lossy().into_owned()))
                .collect();
            assert_eq!(words.join(" "), expected);
        }
        // A path with blanks is one argument, and so is everything that a shell would read.
        let command = with("my-editor; rm", Path::new("/c/a b.toml"), 7).unwrap();
        assert_eq!((command.program.as_str(), command.arguments.len()), ("my-editor;", 2));
        assert_eq!(with("  ", Path::new("/x"), 1), None);
    }

    #[test]
    fn an_editor_that_is_not_there_or_complains_is_a_failure_in_words() {
        let command = |program: &str| EditorCommand { program: program.into(), arguments: Vec::new() };
        let absent = run(&command("/nowhere/editor")).unwrap_err();
        assert!(absent.message.contains("could not start the editor /nowhere/editor"), "{absent:?}");
        let failed = run(&command("false")).unwrap_err();
        assert!(failed.message.contains("ended with exit status: 1"), "{failed:?}");
        assert_eq!(run(&command("true")), Ok(()));
    }
}
