//! Reading: from the bytes of a control repository's files to a [`Catalog`] with findings. Pure.
//!
//! Every file goes the same way: bytes are decoded, parsed with recovery, verified key by key against
//! the shape that [`shapes`] declares (all findings come from there), and then read quietly by what is
//! well-formed. So one broken value or file never hides the rest.

mod dashboard;
mod policies;
mod services;
mod settings;
pub mod shape;
pub mod shapes;
mod sink;
#[cfg(test)]
mod tests;
mod view;

use self::{services::Estate, sink::Sink, view::View};
use super::Catalog;
use crate::domain::{finding::SourceFile, rules::reading, text::clean};
use std::sync::Arc;
use toml::de::DeTable;

/// A larger file is not read: no control repository needs it, and offsets fit 32 bits with room.
pub const MAX_FILE_BYTES: usize = 64 * 1024 * 1024;

/// The file that every control repository has.
const CATALOG_PATH: &str = "services/catalog.toml";

/// Whether the file of a path (from the repository's root, with `/`) is read.
pub fn is_control_file(path: &str) -> bool {
    path == shapes::DASHBOARD || shapes::of(path).is_some()
}

/// Reads a control repository from its files, in any order; others than control files are skipped.
///
/// It never fails: whatever is wrong is in [`Catalog::findings`], and the rest is read.
pub fn read(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Catalog {
    let mut inputs: Vec<_> = files.into_iter().filter(|(path, _)| is_control_file(path)).collect();
    // Services first, because other files are joined onto them; then by path, so that the order in
    // which files arrive changes nothing.
    inputs.sort_by(|(a, _), (b, _)| (rank(a), a).cmp(&(rank(b), b)));
    inputs.dedup_by(|(a, _), (b, _)| a == b);
    let mut catalog = Catalog::default();
    if !inputs.iter().any(|(path, _)| path == CATALOG_PATH) {
        let message = format!("{CATALOG_PATH} is missing");
        let help = "write it, or start from a repository that `quarterdeck init` makes";
        catalog.findings.push(reading::MISSING_CATALOG.finding(message).help(help));
    }
    let mut estate = Estate::default();
    for (index, (path, bytes)) in inputs.into_iter().enumerate() {
        let size = bytes.len();
        let decoded = if size > MAX_FILE_BYTES { Ok(String::new()) } else { decode(bytes) };
        let (text, lossy_at) = match decoded {
            Ok(text) => (text, None),
            Err((text, at)) => (text, Some(at)),
        };
        let file = Arc::new(SourceFile::new(path, text));
        catalog.files.push(Arc::clone(&file));
        let mut sink = Sink::new(Arc::clone(&file), index as u32);
        if size > MAX_FILE_BYTES {
            let message = format!("{} has {} MiB and was not read", clean(&file.path), size / 1024 / 1024);
            sink.report(&reading::TOO_LARGE, &(0..0), message, Some("at most 64 MiB are read".to_owned()));
        } else {
            if let Some(at) = lossy_at {
                let message = format!("{} is not UTF-8", clean(&file.path));
                let help = Some("save the file as UTF-8".to_owned());
                sink.report(&reading::ENCODING, &(at..at + '\u{fffd}'.len_utf8()), message, help);
            }
            read_file(&file, &mut catalog, &mut estate, &mut sink);
        }
        catalog.findings.extend(sink.finish());
    }
    catalog.services = estate.services.into_iter().map(|(name, service)| (name, Arc::new(service))).collect();
    catalog.projects = estate.projects;
    catalog.places.append(&mut estate.places);
    catalog.findings.sort_by(crate::domain::finding::Finding::order);
    catalog
}

/// The order in which files are read.
fn rank(path: &str) -> u8 {
    match path {
        CATALOG_PATH => 0,
        _ if path.ends_with("/services.toml") => 1,
        _ => 2,
    }
}

/// Text of bytes without a byte order mark.
///
/// # Errors
/// The text with replacement characters, and the place of the first one, when it is not UTF-8.
fn decode(mut bytes: Vec<u8>) -> Result<String, (String, usize)> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        (String::from_utf8_lossy(error.as_bytes()).into_owned(), at)
    })
}

/// Reads one file into the catalog and the estate.
fn read_file(file: &Arc<SourceFile>, catalog: &mut Catalog, estate: &mut Estate, sink: &mut Sink) {
    if file.path == shapes::DASHBOARD {
        catalog.dashboard = dashboard::read_dashboard(&file.text, sink);
        return;
    }
    let Some(shape) = shapes::of(&file.path) else { return };
    let (document, errors) = DeTable::parse_recoverable(&file.text);
    for error in errors {
        let at = error.span().unwrap_or(0..0);
        let message = format!("not TOML: {}", clean(error.message()));
        sink.report(&reading::SYNTAX, &at, message, None);
    }
    let top = View { table: document.get_ref(), shape: shape.table, file: sink.index };
    sink.verify(top.table, shape.table, "", &(0..0));
    let folder = file.path.split('/').nth(1).unwrap_or_default();
    match shape.path {
        CATALOG_PATH => services::read_catalog(top, estate, &catalog.files, sink),
        "projects/*/services.toml" => {
            check_folder(folder, sink);
            services::read_project(top, folder, estate, &catalog.files, sink);
        }
        "projects/*/deployment.toml" => services::read_deployments(top, folder, estate, sink),
        "projects/*/monitoring.toml" => services::read_monitoring(top, folder, estate, sink),
        "services/versions.toml" => policies::read_versions(top, catalog),
        "services/patterns.toml" => policies::read_patterns(top, catalog),
        "policies/teams.toml" => policies::read_teams(top, catalog, sink),
        "policies/escalation.toml" => policies::read_escalation(top, catalog),
        "policies/sla.toml" => policies::read_sla_policy(top, catalog),
        "policies/security.toml" | "policies/compliance.toml" => policies::read_gates(top, catalog),
        "quarterdeck.toml" => settings::read_settings(top, catalog, sink),
        // The calendar is verified; nothing reads it into the catalog yet.
        _ => {}
    }
}

/// A project is its folder, and its folder's name becomes a namespace.
fn check_folder(folder: &str, sink: &mut Sink) {
    if let Err(shape::Refusal::Name(message, help)) = shape::name(folder) {
        sink.report(&reading::INVALID_NAME, &(0..0), format!("the project's folder: {message}"), help);
    }
}
