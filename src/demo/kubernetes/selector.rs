//! Label and field selectors, as list and watch take them.

use super::answer::Refusal;
use serde_json::Value;

/// What a list or a watch is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    labels: Vec<(String, Test)>,
    fields: Vec<(String, Test)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Missing,
}

impl Selector {
    /// Reads both selectors; either may be empty.
    pub fn parse(labels: &str, fields: &str) -> Result<Self, Refusal> {
        let mut selector = Self::default();
        for term in terms(labels) {
            selector.labels.push(requirement(term)?);
        }
        for term in terms(fields) {
            let (name, test) = requirement(term)?;
            if matches!(test, Test::Exists | Test::Missing) {
                return Err(Refusal::bad_request(format!("invalid field selector: {term:?}")));
            }
            selector.fields.push((name, test));
        }
        Ok(selector)
    }

    /// Whether nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether `object` is selected.
    pub fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.labels.iter().all(|(name, test)| test.holds(labels[name].as_str()))
            && self.fields.iter().all(|(path, test)| {
                let value = path.split('.').fold(object, |value, part| &value[part]);
                let text = match value {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                test.holds(Some(&text))
            })
    }
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        match self {
            Self::In(values) => value.is_some_and(|value| values.iter().any(|known| known == value)),
            Self::NotIn(values) => value.is_none_or(|value| values.iter().all(|known| known != value)),
            Self::Exists => value.is_some(),
            Self::Missing => value.is_none(),
        }
    }
}

/// The comma-separated terms of `text`; commas within parentheses belong to a term.
fn terms(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    text.split(move |character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|term| !term.is_empty())
}

fn requirement(term: &str) -> Result<(String, Test), Refusal> {
    let set = |text: &str| {
        text.trim()
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
            .map(|inside| inside.split(',').map(|value| value.trim().to_owned()).collect::<Vec<_>>())
            .ok_or_else(|| Refusal::bad_request(format!("unable to parse requirement: {term:?}")))
    };
    if let Some(name) = term.strip_prefix('!') {
        return Ok((name.trim().to_owned(), Test::Missing));
    }
    if let Some((name, values)) = term.split_once(" notin ") {
        return Ok((name.trim().to_owned(), Test::NotIn(set(values)?)));
    }
    if let Some((name, values)) = term.split_once(" in ") {
        return Ok((name.trim().to_owned(), Test::In(set(values)?)));
    }
    if let Some((name, value)) = term.split_once("!=") {
        return Ok((name.trim().to_owned(), Test::NotIn(vec![value.trim().to_owned()])));
    }
    if let Some((name, value)) = term.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value);
        return Ok((name.trim().to_owned(), Test::In(vec![value.trim().to_owned()])));
    }
    Ok((term.to_owned(), Test::Exists))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selects_by_labels_and_fields() {
        let object = json!({ "metadata": { "name": "a", "labels": { "app": "x", "tier": "web" } },
                             "status": { "phase": "Running" } });
        for (labels, fields, expected) in [
            ("", "", true),
            ("app=x", "", true),
            ("app==x,tier!=db", "", true),
            ("app in (x, y),tier", "", true),
            ("app notin (x,y)", "", false),
            ("!app", "", false),
            ("!other", "metadata.name=a", true),
            ("", "metadata.name!=a", false),
            ("", "status.phase=Running", true),
            ("", "status.phase=Pending", false),
        ] {
            let selector = Selector::parse(labels, fields).expect("parses");
            assert_eq!(selector.matches(&object), expected, "{labels:?} {fields:?}");
        }
        assert!(Selector::parse("a in x", "").is_err());
        assert!(Selector::parse("", "status.phase").is_err());
    }
}
