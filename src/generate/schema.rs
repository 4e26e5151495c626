//! JSON Schemas (draft 2020-12) of the control repository's files, for editors, from the tables that the
//! reader goes by. A schema refuses nothing that the reader takes; where a pattern cannot say all that the
//! reader demands (that a day exists, that a time zone is known), the reader has the last word.

use crate::domain::{
    catalog::reader::{
        shape::{Key, Kind, Names, Table},
        shapes::{self, DASHBOARD, FILES, WIDGETS},
    },
    rules,
};
use serde_json::{Map, Value, json};

/// A file of the control repository, and its schema's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// Path from the repository's root; `*` stands for one folder's name.
    pub path: &'static str,
    /// What the file is for.
    pub doc: &'static str,
}

/// What the files of schemas end with.
const ENDING: &str = ".schema.json";

impl Subject {
    /// The name of its schema's file: `catalog.schema.json`.
    pub fn file(&self) -> String {
        format!("{}{ENDING}", self.stem())
    }

    fn stem(&self) -> &'static str {
        let name = self.path.rsplit('/').next().unwrap_or(self.path);
        name.split('.').next().unwrap_or(name)
    }

    /// Its schema.
    pub fn schema(&self) -> Value {
        let mut schema = match FILES.iter().find(|file| file.path == self.path) {
            Some(file) => table(file.table),
            None => dashboard(),
        };
        if self.path == "quarterdeck.toml" {
            describe_rules(&mut schema);
        }
        let shown = self.path.replace('*', "<project>");
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
        schema["title"] = shown.into();
        schema["description"] = format!("{}.", self.doc).into();
        schema
    }
}

/// Every file that has a schema.
pub fn subjects() -> impl Iterator<Item = Subject> {
    let dashboard = Subject { path: DASHBOARD, doc: "Sections and widgets of the dashboard" };
    FILES.iter().map(|file| Subject { path: file.path, doc: file.doc }).chain([dashboard])
}

/// The subject of a control file's path, of a schema's file, or of its name without an ending.
pub fn find(asked: &str) -> Option<Subject> {
    let asked = asked.trim_start_matches("./");
    let path = shapes::of(asked).map_or(asked, |file| file.path);
    subjects().find(|subject| {
        let stem = asked.strip_suffix(ENDING).unwrap_or(asked);
        subject.path == path || subject.stem() == stem.rsplit('/').next().unwrap_or(stem) && !is_file(stem)
    })
}

/// Whether it names a file rather than a schema: then it must be one that is read.
fn is_file(text: &str) -> bool {
    [".toml", ".yml", ".yaml"].iter().any(|ending| text.ends_with(ending))
}

/// The line for the head of a control file that leads editors to its schema in the folder `schemas`; `None`
/// for a file that has none.
pub fn hint(path: &str) -> Option<String> {
    let subject = match shapes::of(path) {
        Some(file) => Subject { path: file.path, doc: file.doc },
        None if path == DASHBOARD => find(DASHBOARD)?,
        None => return None,
    };
    let up = "../".repeat(path.matches('/').count());
    let up = if up.is_empty() { "./" } else { &up };
    let place = format!("{up}schemas/{}", subject.file());
    Some(if path == DASHBOARD {
        format!("# yaml-language-server: $schema={place}\n")
    } else {
        format!("#:schema {place}\n")
    })
}

const NAME: &str = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
/// Everything but spaces and those marks of ASCII that no handle has.
const HANDLE: &str = "^@?[^\\s!-,/:-@\\[-^`{-~]{1,128}$";
const VERSION: &str =
    "^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?(\\+[0-9A-Za-z.-]+)?$";
const DAY: &str = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}";
const TIME: &str = "([T ][0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\\.[0-9]+)?)?)?";
const DURATION: &str = "^\\s*([0-9.]+(ms|s|m|h|d|w))+\\s*$";
const PERCENT: &str = "^\\s*[0-9.]+\\s*%*\\s*$";

fn text(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

/// What a value must be.
fn value(kind: &Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Name => text(&format!("^{NAME}$")),
        Kind::Handle => text(HANDLE),
        Kind::Version => text(VERSION),
        Kind::Requirement => text(&format!("^\\s*{NAME}\\s*([\\s<>=^~*,].*)?$")),
        Kind::Date => json!({ "type": "string", "format": "date" }),
        Kind::Moment => text(&format!("^{DAY}{TIME}$")),
        Kind::Instant => text(&format!("^{DAY}{TIME}([Zz]|[+-][0-9]{{2}}:?[0-9]{{2}})?$")),
        Kind::Duration => text(DURATION),
        Kind::Percent => {
            json!({ "anyOf": [text(PERCENT), { "type": "number", "minimum": 0, "maximum": 100 }] })
        }
        Kind::TimeZone => {
            let zones: Vec<&str> = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()).collect();
            json!({ "type": "string", "enum": zones })
        }
        Kind::Integer(least, i64::MAX) => json!({ "type": "integer", "minimum": least }),
        Kind::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Number => json!({ "type": "number" }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Word(words) => json!({ "type": "string", "enum": words }),
        Kind::List(of) => json!({ "type": "array", "items": value(of) }),
        Kind::Table(of) => table(of),
        Kind::Tables(of) => json!({ "type": "array", "items": table(of) }),
        Kind::Named(of) => named(of),
    }
}

fn table(table: &Table) -> Value {
    let mut schema = json!({
        "type": "object",
        "properties": properties(table.keys),
        "additionalProperties": false,
    });
    let required: Vec<&str> = table.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

fn properties(keys: &[Key]) -> Value {
    let described = |key: &Key| {
        let mut schema = value(&key.kind);
        schema["description"] = format!("{}.", key.doc).into();
        if let Some(example) = example(&key.kind) {
            schema["examples"] = json!([example]);
        }
        (key.name.to_owned(), schema)
    };
    Value::Object(keys.iter().map(described).collect::<Map<_, _>>())
}

/// How such a value looks, where its type does not say it.
const fn example(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Version => Some("1.4.0"),
        Kind::Requirement => Some("shared-auth >= 1.0"),
        Kind::Date => Some("2026-06-30"),
        Kind::Moment => Some("2026-01-05T08:00:00"),
        Kind::Instant => Some("2026-12-20T18:00:00Z"),
        Kind::Duration => Some("5m"),
        Kind::Percent => Some("99.9%"),
        _ => None,
    }
}

/// A table whose keys are names.
fn named(names: &Names) -> Value {
    let inner = value(&names.value);
    match names.name {
        Kind::Word(words) => {
            let properties: Map<String, Value> =
                words.iter().map(|word| ((*word).to_owned(), inner.clone())).collect();
            json!({ "type": "object", "properties": properties, "additionalProperties": false })
        }
        Kind::Name | Kind::Handle => {
            let pattern = value(&names.name);
            let pattern = pattern["pattern"].as_str().unwrap_or_default();
            json!({ "type": "object", "patternProperties": { pattern: inner }, "additionalProperties": false })
        }
        _ => json!({ "type": "object", "additionalProperties": inner }),
    }
}

/// The keys of `[rules]` are the codes of the rules: an editor can offer them with their meaning.
fn describe_rules(schema: &mut Value) {
    let level = schema["properties"]["rules"]["additionalProperties"].take();
    let codes: Map<String, Value> = rules::all()
        .map(|rule| {
            let mut level = level.clone();
            level["description"] = format!("{}: {}", rule.name, rule.summary).into();
            level["default"] = rule.level.to_string().into();
            (rule.code.to_owned(), level)
        })
        .collect();
    schema["properties"]["rules"]["properties"] = codes.into();
    schema["properties"]["rules"]["additionalProperties"] = false.into();
}

/// The dashboard document, whose widgets differ in their parameters by their type.
fn dashboard() -> Value {
    let widgets: Vec<Value> = WIDGETS
        .iter()
        .map(|widget| {
            let mut parameters = properties(widget.parameters);
            parameters["type"] = json!({ "const": widget.kind, "description": "Which widget." });
            json!({
                "title": widget.kind,
                "type": "object",
                "properties": parameters,
                "required": ["type"],
                "additionalProperties": false,
            })
        })
        .collect();
    let section = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "minLength": 1, "description": "What the section is called." },
            "widgets": {
                "type": "array",
                "items": { "type": "object", "oneOf": widgets },
                "description": "What it shows.",
            },
        },
        "required": ["name"],
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "properties": {
            "apiVersion": { "description": "Version of the document's form; nothing reads it yet." },
            "kind": { "const": "ServiceMonitoringDashboard", "description": "What the document is." },
            "metadata": { "description": "Name and labels; nothing reads them yet." },
            "sections": { "type": "array", "items": section, "description": "Sections, in order." },
        },
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::catalog::reader, generate::starter::starter};
    use std::collections::BTreeSet;

    /// A document as an editor's language server sees it: dates as texts.
    fn document(path: &str, text: &str) -> Value {
        fn plain(value: toml::Value) -> Value {
            match value {
                toml::Value::Datetime(stamp) => stamp.to_string().into(),
                toml::Value::Table(table) => {
                    table.into_iter().map(|(key, value)| (key, plain(value))).collect::<Map<_, _>>().into()
                }
                toml::Value::Array(list) => list.into_iter().map(plain).collect::<Vec<_>>().into(),
                other => serde_json::to_value(other).unwrap(),
            }
        }
        if path == DASHBOARD {
            return serde_saphyr::from_str(text).unwrap();
        }
        plain(toml::Value::Table(
            toml::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}\n{text}")),
        ))
    }

    /// What the schema of a path says about a document, with formats as demands.
    fn problems(path: &str, text: &str) -> Result<(), String> {
        let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
        compiler.set_default_draft(boon::Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler.add_resource("schema.json", find(path).unwrap().schema()).unwrap();
        // This holds the schema itself to the schema of schemas.
        let schema =
            compiler.compile("schema.json", &mut schemas).unwrap_or_else(|error| panic!("{path}: {error}"));
        schemas.validate(&document(path, text), schema).map_err(|error| format!("{path}: {error:#}"))
    }

    #[test]
    fn every_schema_is_one_is_closed_and_describes_every_key() {
        fn walk(schema: &Value, place: &str) {
            if let Some(properties) = schema["properties"].as_object() {
                assert!(!schema["additionalProperties"].is_null(), "{place} is not closed");
                for (key, inner) in properties {
                    let described = inner["description"].as_str().is_some_and(|text| text.len() > 3);
                    // The keys of a table of words share one meaning, which stands at the table.
                    assert!(described || inner["properties"].is_object(), "{place}.{key} says nothing");
                    walk(inner, &format!("{place}.{key}"));
                }
            }
            for inner in [&schema["items"], &schema["additionalProperties"]] {
                if inner.is_object() {
                    walk(inner, place);
                }
            }
            for inner in schema["patternProperties"].as_object().into_iter().flat_map(Map::values) {
                walk(inner, place);
            }
            for inner in schema["oneOf"].as_array().into_iter().flatten() {
                walk(inner, place);
            }
        }
        let mut files = BTreeSet::new();
        for subject in subjects() {
            let schema = subject.schema();
            walk(&schema, subject.path);
            assert!(files.insert(subject.file()), "two schemas in {}", subject.file());
            assert!(reader::is_control_file(&subject.path.replace('*', "x")));
        }
        assert_eq!(files.len(), FILES.len() + 1);
    }

    #[test]
    fn the_starter_is_valid_in_its_own_schemas() {
        let mut seen = 0;
        for (path, text) in starter("shop") {
            if reader::is_control_file(&path) {
                assert_eq!(problems(&path, &text), Ok(()));
                assert!(text.starts_with(&hint(&path).unwrap()), "{path}");
                seen += 1;
            }
        }
        assert!(seen > FILES.len());
    }

    #[test]
    fn what_the_reader_takes_the_schema_takes_and_what_it_refuses_too() {
        let service = |line: &str| {
            let owner = if line.starts_with("owner") { "" } else { "owner = \"t\"\n" };
            format!("[service.a]\nname = \"a\"\ntype = \"api\"\nversion = \"1.0.0\"\n{owner}{line}\n")
        };
        let catalog = |line: &str| ("services/catalog.toml", service(line));
        let teams = |line: &str| {
            let rotation = "members = [\"a\"]\nstart = 2026-01-05T08:00:00\ntime_zone = \"Europe/Madrid\"";
            (
                "policies/teams.toml",
                format!("[team.t]\n[team.t.rotation]\n{rotation}\nshift = \"7d\"\n{line}\n"),
            )
        };
        let freeze = |start: &str| {
            (
                "policies/calendar.toml",
                format!("[[freeze]]\nname = \"x\"\nstart = {start}\nend = \"2027-01-01\"\n"),
            )
        };
        let rules = |line: &str| ("quarterdeck.toml", format!("[rules]\n{line}\n"));
        let widget = |line: &str| {
            ("monitoring-dashboard.yml", format!("sections:\n  - name: a\n    widgets:\n      - {line}\n"))
        };
        for ((path, text), good) in [
            (catalog("tier = \"critical\""), true),
            (catalog("tier = \"urgent\""), false),
            (catalog("verson = 1"), false),
            (catalog("port = 8080"), true),
            (catalog("port = 0"), false),
            (catalog("compat_version_min = \"1.0.0-rc.1+b2\""), true),
            (catalog("compat_version_min = \"v1.0\""), false),
            (catalog("owner = \"@équipe-1.x_y\""), true),
            (catalog("owner = \"two words\""), false),
            (catalog("sunset_date = 2026-06-30"), true),
            (catalog("sunset_date = \"2026-06-30\""), true),
            (catalog("sunset_date = \"30.6.2026\""), false),
            (
                catalog("dependencies.requires = [\"b\", \"c >= 1.0, < 2\", \"d ^1\", \"e 1.0\", \"f=1\"]"),
                true,
            ),
            (catalog("dependencies.requires = [\"B\"]"), false),
            (catalog("sla.availability = 99.9"), true),
            (catalog("sla.availability = \"99.9 %\""), true),
            (catalog("sla.availability = \"most\""), false),
            (catalog("sla.availability = 101"), false),
            (catalog("sla.response_time_p99 = \"1h30m\""), true),
            (catalog("sla.response_time_p99 = \"0.5s\""), true),
            (catalog("sla.response_time_p99 = \"100\""), false),
            (catalog("[service.B]\nname = \"b\"\ntype = \"api\""), false),
            (catalog("[service.b]\nname = \"b\"\nowner = \"t\"\nversion = \"1.0.0\""), false),
            (teams(""), true),
            (teams("shifts = 1"), false),
            (freeze("\"2026-12-20T18:00:00Z\""), true),
            (freeze("2026-12-20T18:00:00+02:00"), true),
            (freeze("\"2026-12-20 18:00\""), true),
            (freeze("\"soon\""), false),
            (rules("QD203 = \"warning\""), true),
            (rules("QD203 = \"fatal\""), false),
            (rules("QD999 = \"note\""), false),
            (widget("{ type: service_list, columns: [name] }"), true),
            (widget("{ type: service_list, group_by: tier }"), false),
            (widget("{ type: service_lst }"), false),
        ] {
            let files = [(path.to_owned(), text.clone().into_bytes())];
            let about_values = ["QD103", "QD104", "QD105", "QD106", "QD107"];
            let found: Vec<_> = reader::read(files)
                .findings
                .into_iter()
                .filter(|finding| about_values.contains(&finding.code))
                .map(|finding| finding.message)
                .collect();
            assert_eq!(found.is_empty(), good, "the reader: {text}\n{found:?}");
            let judged = problems(path, &text);
            assert_eq!(judged.is_ok(), good, "the schema: {text}\n{judged:?}");
        }
    }

    #[test]
    fn a_schema_is_found_by_path_by_file_and_by_name() {
        let found = |asked: &str| find(asked).map(|subject| subject.path);
        for asked in
            ["services/catalog.toml", "./services/catalog.toml", "catalog", "schemas/catalog.schema.json"]
        {
            assert_eq!(found(asked), Some("services/catalog.toml"), "{asked}");
        }
        assert_eq!(found("projects/shop/services.toml"), Some("projects/*/services.toml"));
        assert_eq!(found("monitoring-dashboard.yml"), Some(DASHBOARD));
        assert_eq!(found("monitoring-dashboard"), Some(DASHBOARD));
        for asked in ["catlog", "catalog.toml", "", "services"] {
            let expected = (asked == "services").then_some("projects/*/services.toml");
            assert_eq!(found(asked), expected, "{asked}");
        }
    }

    #[test]
    fn hints_lead_from_each_file_to_its_schema() {
        assert_eq!(hint("quarterdeck.toml").unwrap(), "#:schema ./schemas/quarterdeck.schema.json\n");
        assert_eq!(hint("services/catalog.toml").unwrap(), "#:schema ../schemas/catalog.schema.json\n");
        assert_eq!(
            hint("projects/x/services.toml").unwrap(),
            "#:schema ../../schemas/services.schema.json\n"
        );
        assert_eq!(
            hint(DASHBOARD).unwrap(),
            "# yaml-language-server: $schema=./schemas/monitoring-dashboard.schema.json\n"
        );
        assert_eq!(hint("README.md"), None);
    }
}
