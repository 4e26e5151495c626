//! What a change alters: fields of services, then the lines of its files.

use super::Page;
use crate::{
    config::theme::Role,
    domain::{change::Change, diff::DiffKind, text::clean},
    tui::paint::piece,
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
        page.blank();
        page.text(&clean(&file.path), Role::Title, 0);
        if file.lines.is_empty() && file.more == 0 {
            page.text("no lines to show: it is no text, or only its mode differs", Role::Dim, 0);
        }
        for line in &file.lines {
            let role = match line.kind {
                DiffKind::Kept => Role::Dim,
                DiffKind::Added => Role::DiffAdded,
                DiffKind::Removed => Role::DiffRemoved,
            };
            let text = clean(&line.text.replace('\t', "    "));
            page.lines.push(vec![
                piece(format!("{:>5} ", line.number), page.style(Role::SourceGutter)),
                piece(format!("{} {text}", line.sign()), page.style(role)),
            ]);
        }
        if file.more > 0 {
            page.text(&format!("+{} more lines", file.more), Role::Dim, 0);
        }
    }
}
