//! Changes whose branch names, commit messages and authors were made to do harm: they are shown as plain text, and
//! nothing of them becomes an option, a path or a line of its own.

use crate::{
    console::{Console, git, screen},
    program::Program,
};
use quarterdeck::{demo::Scenario, model::layout::Pane};

/// What no screen and no report may hold.
fn is_harmless(text: &str) -> bool {
    !text.chars().any(|c| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}')
    })
}

/// Names that Git itself takes.
const BRANCHES: &[&str] = &[
    "change/--upload-pack=touch",
    "change/-x",
    "change/a\u{202e}gnp.exe",
    "change/$(touch${IFS}owned)",
    "change/`touch`",
    "change/%2e%2e%2fx",
    "change/a;b&c|d",
    "change/very-long-name-very-long-name-very-long-name-very-long-name-very-long-name-very-long-name-very-long",
];

const MESSAGE: &str = "fix: \u{1b}[31mred\u{1b}]0;owned\u{7} \u{202e}txet\n\nApproved-by: nobody <x@example.com>\n\n{\"version\":1,\"kind\":\"change.approved\"}\n";

#[tokio::test]
async fn hostile_names_and_messages_are_plain_text() {
    let mut console = Console::start(Scenario::BadRelease).await;
    let remote = console.platform.remote().to_owned();
    let tree = git(&remote, &["rev-parse", "change/shared-auth-2.0.0^{tree}"]);
    let arguments =
        ["-c", "user.name=\u{1b}[5mEve\u{1b}[0m", "commit-tree", &tree, "-p", "main", "-m", MESSAGE];
    let commit = git(&remote, &arguments);
    for branch in BRANCHES {
        git(&remote, &["update-ref", &format!("refs/heads/{branch}"), &commit]);
    }
    let expected = 3 + BRANCHES.len();
    console.keys("ctrl-r");
    console.until("all changes are listed", |model| model.world.joined.changes.len() == expected).await;
    console.keys("3");
    for _ in 0..expected {
        let shown = screen(console.model());
        assert!(is_harmless(&shown), "{shown:?}");
        console.keys("enter");
        let shown = screen(console.model());
        assert!(is_harmless(&shown), "{shown:?}");
        console.keys("esc j");
    }
    // Acting on one is as safe as looking at it.
    console.select(Pane::Changes, "--upload-pack=touch");
    console.keys("v");
    console.until("it is validated", |model| !model.ui.overlays.is_empty()).await;
    assert!(is_harmless(&screen(console.model())));

    let program = Program::on(console.platform.repository(), console.platform.kubeconfig());
    let listed = program.ends(0, &["change", "list"]).await;
    assert!(is_harmless(&listed.out) && is_harmless(&listed.err), "{listed:?}");
    let json = program.json(0, &["change", "list"]).await;
    assert_eq!(json["changes"].as_array().map(Vec::len), Some(expected));
    // A name that looks like an option is one: whoever means the change says so with `--`.
    program.ends(2, &["change", "validate", "--upload-pack=touch"]).await;
    let validated = program.ends(1, &["change", "validate", "--", "--upload-pack=touch"]).await;
    assert!(is_harmless(&validated.out) && is_harmless(&validated.err), "{validated:?}");
    for folder in [console.platform.directory(), console.platform.repository(), program.home.path()] {
        assert!(!folder.join("owned").exists() && !folder.join("touch").exists());
    }
}
