//! `monitoring-dashboard.yml`: sections and widgets, which lay out the console.

use super::{
    shape::Kind,
    shapes::{WIDGETS, WidgetShape},
    sink::Sink,
    view::span,
};
use crate::domain::{
    catalog::{DashboardSection, Widget},
    finding::Span,
    rules::reading,
    text::{clean, nearest},
    units,
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use serde_saphyr::Spanned;
use std::{collections::BTreeMap, fmt, ops::Range};

/// A YAML value whose parts know where they stand.
#[derive(Debug)]
enum Node {
    Scalar(Value),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = access.next_element()? {
            list.push(entry);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = access.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }
}

impl Node {
    fn type_name(&self) -> &'static str {
        match self {
            Self::Scalar(Value::Null) => "nothing",
            Self::Scalar(Value::Bool(_)) => "a boolean",
            Self::Scalar(Value::Number(_)) => "a number",
            Self::Scalar(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }

    fn as_text(&self) -> Option<&str> {
        match self {
            Self::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Scalar(value) => value.clone(),
            Self::List(list) => list.iter().map(|entry| entry.value.to_json()).collect(),
            Self::Map(map) => {
                map.iter().map(|(key, entry)| (key.value.clone(), entry.value.to_json())).collect()
            }
        }
    }

    /// Why this is not a value of `kind`.
    fn refusal(&self, kind: &Kind) -> Option<String> {
        let fits = match kind {
            Kind::Text => self.as_text().is_some(),
            Kind::Boolean => matches!(self, Self::Scalar(Value::Bool(_))),
            Kind::Duration => self.as_text().is_some_and(|text| units::parse_duration(text).is_ok()),
            Kind::Word(words) => self.as_text().is_some_and(|text| words.contains(&text)),
            Kind::List(of) => match self {
                Self::List(list) => return list.iter().find_map(|entry| entry.value.refusal(of)),
                _ => false,
            },
            _ => true,
        };
        (!fits).then(|| kind.expected())
    }
}

fn range<T>(node: &Spanned<T>) -> Range<usize> {
    let span = node.referenced.span();
    let start = span.byte_offset().and_then(|offset| usize::try_from(offset).ok()).unwrap_or_default();
    let length = span.byte_len().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    start..start + length
}

/// The range of a value with all its entries: a list's own is where it begins.
fn whole_range(node: &Spanned<Node>) -> Range<usize> {
    let own = range(node);
    let end = match &node.value {
        Node::List(entries) => entries.iter().map(|entry| range(entry).end).max(),
        _ => None,
    };
    own.start..end.unwrap_or(own.end).max(own.end)
}

/// Reads the dashboard document.
pub fn read_dashboard(text: &str, sink: &mut Sink) -> Vec<DashboardSection> {
    let options = serde_saphyr::options! { with_snippet: false };
    let root: Spanned<Node> = match serde_saphyr::from_str_with_options(text, options) {
        Ok(root) => root,
        Err(error) => {
            let at = error.location().and_then(|location| location.span().byte_offset());
            let start = at.and_then(|at| usize::try_from(at).ok()).unwrap_or_default().min(text.len());
            let message = format!("not YAML: {}", first_line(&error.to_string()));
            sink.report(&reading::SYNTAX, &(start..(start + 1).min(text.len())), message, None);
            return Vec::new();
        }
    };
    let Node::Map(entries) = &root.value else {
        let message = format!("the dashboard must be a mapping, not {}", root.value.type_name());
        sink.report(&reading::WRONG_TYPE, &(0..0), message, Some("begin with `sections:`".to_owned()));
        return Vec::new();
    };
    let known = ["apiVersion", "kind", "metadata", "sections"];
    let mut sections = Vec::new();
    for (key, value) in entries {
        match key.value.as_str() {
            "sections" => read_sections(value, sink, &mut sections),
            "kind" if value.value.as_text() != Some("ServiceMonitoringDashboard") => {
                let message = "`kind` must be ServiceMonitoringDashboard".to_owned();
                sink.report(&reading::INVALID_VALUE, &range(value), message, None);
            }
            other if known.contains(&other) => {}
            other => sink.unknown_key(other, &range(key), known.into_iter(), "the dashboard"),
        }
    }
    sections
}

fn first_line(text: &str) -> String {
    clean(text.lines().next().unwrap_or_default())
}

fn read_sections(node: &Spanned<Node>, sink: &mut Sink, sections: &mut Vec<DashboardSection>) {
    let Node::List(list) = &node.value else {
        let message = format!("`sections` must be a list, not {}", node.value.type_name());
        sink.report(&reading::WRONG_TYPE, &range(node), message, None);
        return;
    };
    for entry in list {
        let Node::Map(keys) = &entry.value else {
            let message = format!("a section must be a mapping, not {}", entry.value.type_name());
            sink.report(&reading::WRONG_TYPE, &range(entry), message, None);
            continue;
        };
        let mut section = DashboardSection { name: String::new(), widgets: Vec::new() };
        for (key, value) in keys {
            match key.value.as_str() {
                "name" => {
                    if let Some(name) = value.value.as_text() {
                        name.clone_into(&mut section.name);
                    } else {
                        let message = format!("`name` must be a text, not {}", value.value.type_name());
                        sink.report(&reading::WRONG_TYPE, &range(value), message, None);
                    }
                }
                "widgets" => match &value.value {
                    Node::List(widgets) => {
                        section.widgets.extend(widgets.iter().filter_map(|widget| read_widget(widget, sink)));
                    }
                    other => {
                        let message = format!("`widgets` must be a list, not {}", other.type_name());
                        sink.report(&reading::WRONG_TYPE, &range(value), message, None);
                    }
                },
                other => sink.unknown_key(other, &range(key), ["name", "widgets"].into_iter(), "a section"),
            }
        }
        if section.name.is_empty() {
            let help = Some("add `name: …`".to_owned());
            sink.report(&reading::MISSING_KEY, &range(entry), "a section has no `name`".to_owned(), help);
        }
        sections.push(section);
    }
}

fn read_widget(node: &Spanned<Node>, sink: &mut Sink) -> Option<Widget> {
    let Node::Map(keys) = &node.value else {
        let message = format!("a widget must be a mapping, not {}", node.value.type_name());
        sink.report(&reading::WRONG_TYPE, &range(node), message, None);
        return None;
    };
    let Some((_, kind)) = keys.iter().find(|(key, _)| key.value == "type") else {
        let help = Some("add `type: service_list`, or another widget".to_owned());
        sink.report(&reading::MISSING_KEY, &range(node), "a widget has no `type`".to_owned(), help);
        return None;
    };
    let Some(shape) = kind.value.as_text().and_then(|text| WIDGETS.iter().find(|known| known.kind == text))
    else {
        let word = kind.value.as_text().unwrap_or_else(|| kind.value.type_name());
        let help = nearest(word, WIDGETS.iter().map(|known| known.kind)).map_or_else(
            || {
                let all: Vec<_> = WIDGETS.iter().map(|known| known.kind).collect();
                format!("known widgets: {}", all.join(", "))
            },
            |meant| format!("did you mean `{meant}`?"),
        );
        let message = format!("`{}` is not a widget", clean(word));
        sink.report(&reading::INVALID_VALUE, &range(kind), message, Some(help));
        return None;
    };
    let (parameters, spans) = read_parameters(shape, keys, sink);
    Some(Widget { kind: shape.kind.to_owned(), parameters, spans })
}

fn read_parameters(
    shape: &'static WidgetShape,
    keys: &[(Spanned<String>, Spanned<Node>)],
    sink: &mut Sink,
) -> (BTreeMap<String, Value>, BTreeMap<String, Span>) {
    let mut parameters = BTreeMap::new();
    let mut spans = BTreeMap::new();
    for (key, value) in keys.iter().filter(|(key, _)| key.value != "type") {
        let Some(known) = shape.parameters.iter().find(|known| known.name == key.value) else {
            let names = shape.parameters.iter().map(|known| known.name);
            sink.unknown_key(&key.value, &range(key), names, &format!("the widget `{}`", shape.kind));
            continue;
        };
        if let Some(expected) = value.value.refusal(&known.kind) {
            let message = format!("`{}` must be {expected}", known.name);
            sink.report(&reading::WRONG_TYPE, &range(value), message, None);
            continue;
        }
        parameters.insert(key.value.clone(), value.value.to_json());
        spans.insert(key.value.clone(), span(sink.index, &whole_range(value)));
    }
    (parameters, spans)
}
