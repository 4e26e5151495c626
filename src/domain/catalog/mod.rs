//! The control repository as types, with the place in a file where each thing was said.

mod types;

pub use types::*;

/// Stand-in until the reader is merged.
pub fn read(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Catalog {
    let mut catalog = Catalog::default();
    for (path, bytes) in files {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        catalog.files.push(std::sync::Arc::new(crate::domain::finding::SourceFile { path, text }));
    }
    catalog
}

/// Stand-in until the reader is merged.
pub fn is_control_file(path: &str) -> bool {
    path == "quarterdeck.toml"
        || (["services/", "policies/", "projects/"].iter().any(|folder| path.starts_with(folder))
            && std::path::Path::new(path).extension().is_some_and(|extension| extension == "toml"))
}
