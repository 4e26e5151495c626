//! What a change alters: fields of services, then the lines of its files.

use super::Page;
use crate::{
    config::theme::Role,
    domain::{change::Change, diff::DiffKind, text::clean},
    tui::{
        paint::piece,
        widgets::syntax::{self, Language},
    },
};

/// Fills the section.
pub(super) fn fill(page: &mut Page<'_>, change: &Change) {
    page.heading("Fields");
    if change.fields.is_empty() {
        page.text("no field of a service", Role::Dim, 0);
    }
    let mut service = None;
    for field in &change.fields {
        if service != Some(&field.service) {
            service = Some(&field.service);
            page.text(field.service.as_str(), Role::Text, 0);
        }
        page.lines.push(vec![piece(format!("  {}", field.field), page.style(Role::Dim))]);
        if let Some(old) = &field.old {
            page.text(&format!("    - {old}"), Role::DiffRemoved, 6);
        }
        if let Some(new) = &field.new {
            page.text(&format!("    + {new}"), Role::DiffAdded, 6);
        }
    }
    page.heading("Files");
    if change.patch.files.is_empty() {
        page.text("no file", Role::Dim, 0);
    }
    for file in &change.patch.files {
        let language = Language::of(&file.path);
        page.blank();
        page.text(&clean(&file.path), Role::Title, 0);
        if file.lines.is_empty() && file.more == 0 {
            page.text("no lines to show: it is no text, or only its mode differs", Role::Dim, 0);
        }
        for line in &file.lines {
            let (mark, plain) = match line.kind {
                DiffKind::Kept => (Role::Dim, Role::Dim),
                DiffKind::Added => (Role::DiffAdded, Role::Text),
                DiffKind::Removed => (Role::DiffRemoved, Role::Text),
            };
            let text = clean(&line.text.replace('\t', "    "));
            let mut shown = vec![
                piece(format!("{:>5} ", line.number), page.style(Role::SourceGutter)),
                piece(format!("{} ", line.sign()), page.style(mark)),
            ];
            // What is the same on both sides stays quiet.
            let colours = if line.kind == DiffKind::Kept { Language::Plain } else { language };
            let pieces = syntax::pieces(colours, &text, plain).into_iter();
            shown.extend(pieces.map(|(text, role)| piece(text.to_owned(), page.style(role))));
            page.lines.push(shown);
        }
        if file.more > 0 {
            page.text(&format!("+{} more lines", file.more), Role::Dim, 0);
        }
    }
}
