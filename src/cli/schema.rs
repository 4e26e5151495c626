//! `schema`: the JSON Schema of a control file, or the list of all.

use super::{arguments::Output, oneshot::Printed, table::table};
use crate::{
    domain::text::{clean, nearest},
    error::Failure,
    generate::{
        schema::{self, Subject},
        starter::SCHEMAS,
    },
};
use serde_json::{Value, json};

/// The schema of a control file; without one, which there are.
///
/// # Errors
/// The control repository has no such file.
pub fn print(file: Option<&str>, output: Output) -> Result<Printed, Failure> {
    let out = match (file, output) {
        (Some(file), _) => text(&find(file)?.schema()),
        (None, Output::Text) => {
            let row = |subject: Subject| vec![shown(&subject), subject.file(), subject.doc.to_owned()];
            table(&["file", "schema", "what it says"], &schema::subjects().map(row).collect::<Vec<_>>())
        }
        (None, Output::Json) => {
            let entry = |subject: Subject| json!({ "file": subject.path, "schema": subject.file(), "description": subject.doc });
            text(&json!({ "schemas": schema::subjects().map(entry).collect::<Vec<_>>() }))
        }
    };
    Ok(Printed { out, ..Printed::default() })
}

/// All schemas by the names of their files.
pub fn all() -> Vec<(String, String)> {
    schema::subjects().map(|subject| (subject.file(), text(&subject.schema()))).collect()
}

fn find(file: &str) -> Result<Subject, Failure> {
    schema::find(file).ok_or_else(|| {
        let failure = Failure::usage(format!("{} is no file that has a schema", clean(file)));
        let paths: Vec<String> = schema::subjects().map(|subject| shown(&subject)).collect();
        match nearest(file, paths.iter().map(String::as_str)) {
            Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
            None => failure.hint("`quarterdeck schema` lists those that have one"),
        }
    })
}

fn shown(subject: &Subject) -> String {
    subject.path.replace('*', "<project>")
}

fn text(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

/// Where schemas are written unless said: where the first lines of the files look for them.
pub const FOLDER: &str = SCHEMAS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_printed_and_all_are_listed() {
        let one: Value = serde_json::from_str(&print(Some("catalog"), Output::Text).unwrap().out).unwrap();
        assert_eq!(one["title"], "services/catalog.toml");
        let list = print(None, Output::Text).unwrap().out;
        assert!(
            list.contains("projects/<project>/services.toml") && list.contains("catalog.schema.json"),
            "{list}"
        );
        let list: Value = serde_json::from_str(&print(None, Output::Json).unwrap().out).unwrap();
        assert_eq!(list["schemas"].as_array().unwrap().len(), all().len());
    }

    #[test]
    fn what_was_meant_is_named() {
        let shown = |asked| print(Some(asked), Output::Text).unwrap_err().render();
        assert!(shown("services/catalog.tml").contains("did you mean `services/catalog.toml`?"));
        assert!(shown("infrastructure/main.k").contains("lists those that have one"));
    }
}
