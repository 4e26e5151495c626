//! The dependency graph as text for terminals, DOT for Graphviz, Mermaid, and JSON.

mod text;

pub use text::text;

use crate::domain::{
    catalog::Service,
    graph::{
        GraphFormat,
        part::{Part, PartEdge},
    },
    lifecycle::Lifecycle,
    name::ProjectName,
    text::clean,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

/// Writes a part of the graph in a format.
pub fn write(part: &Part, format: GraphFormat) -> String {
    match format {
        GraphFormat::Text => text(part),
        GraphFormat::Dot => dot(part),
        GraphFormat::Mermaid => mermaid(part),
        GraphFormat::Json => serde_json::to_string_pretty(&json(part)).unwrap_or_default() + "\n",
    }
}

/// Services by project, as numbers; `None` are the shared ones.
fn by_project(part: &Part) -> BTreeMap<Option<&str>, Vec<usize>> {
    let mut projects: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (number, service) in part.services.iter().enumerate() {
        projects.entry(service.project.as_ref().map(ProjectName::as_str)).or_default().push(number);
    }
    projects
}

/// Whether an edge leads into another project; shared services belong to everybody.
fn is_foreign(part: &Part, edge: &PartEdge) -> bool {
    let (from, to) = (&part.services[edge.from].project, &part.services[edge.to].project);
    to.is_some() && from != to
}

/// The cycle that each service is in.
fn rings(part: &Part) -> Vec<Option<usize>> {
    let mut ring = vec![None; part.services.len()];
    for (number, members) in part.rings.iter().enumerate() {
        for member in members {
            ring[*member] = Some(number);
        }
    }
    ring
}

fn in_one_ring(ring: &[Option<usize>], edge: &PartEdge) -> bool {
    ring[edge.from].is_some() && ring[edge.from] == ring[edge.to]
}

fn version(service: &Service) -> String {
    service.version.as_ref().map_or_else(String::new, ToString::to_string)
}

/// A text in double quotes as DOT reads it. A backslash would begin one of its escapes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", clean(text).replace('\\', "\\\\").replace('"', "\\\""))
}

fn dot(part: &Part) -> String {
    let ring = rings(part);
    let mut out = String::from(
        "digraph dependencies {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"Helvetica\"];\n  \
         edge [fontname=\"Helvetica\"];\n",
    );
    for (index, (project, members)) in by_project(part).into_iter().enumerate() {
        let margin = if project.is_some() { "    " } else { "  " };
        if let Some(project) = project {
            let _ = writeln!(out, "  subgraph cluster_{index} {{\n    label={};", quoted(project));
        }
        for member in members {
            let service = &part.services[member];
            let mut label = quoted(service.name.as_str());
            if let Some(version) = &service.version {
                // `\n` is the line break of DOT; everything else in the label is quoted.
                label = format!("\"{}\\n{version}\"", &label[1..label.len() - 1]);
            }
            let mut more = String::new();
            if part.root == Some(member) {
                more += ", penwidth=2";
            }
            if matches!(service.status, Lifecycle::Deprecated | Lifecycle::Retired) {
                more += ", style=\"rounded,dashed\"";
            }
            if ring[member].is_some() {
                more += ", color=\"#c0392b\"";
            }
            let _ = writeln!(out, "{margin}n{member} [label={label}{more}];");
        }
        if project.is_some() {
            out += "  }\n";
        }
    }
    for edge in &part.edges {
        let mut looks = Vec::new();
        if edge.need.optional {
            looks.push("style=dashed");
        }
        if in_one_ring(&ring, edge) {
            looks.push("color=\"#c0392b\"");
        } else if is_foreign(part, edge) {
            looks.push("color=\"#2471a3\"");
        }
        let looks = if looks.is_empty() { String::new() } else { format!(" [{}]", looks.join(", ")) };
        let _ = writeln!(out, "  n{} -> n{}{looks};", edge.from, edge.to);
    }
    out + "}\n"
}

/// A text between the quotes of a Mermaid label: quotes and what Mermaid or Markdown would read become entities.
fn label(text: &str) -> String {
    let mut out = String::new();
    for character in clean(text).chars() {
        match character {
            '"' | '#' | '&' | '<' | '>' | '`' | '\\' | ';' | '[' | ']' | '{' | '}' | '|' | '*' | '~' => {
                let _ = write!(out, "#{};", u32::from(character));
            }
            other => out.push(other),
        }
    }
    out
}

fn mermaid(part: &Part) -> String {
    let ring = rings(part);
    let mut out = String::from("flowchart LR\n");
    for (index, (project, members)) in by_project(part).into_iter().enumerate() {
        let margin = if project.is_some() { "    " } else { "  " };
        if let Some(project) = project {
            let _ = writeln!(out, "  subgraph p{index}[\"{}\"]", label(project));
        }
        for member in members {
            let service = &part.services[member];
            let version = version(service);
            let version = if version.is_empty() { version } else { format!(" {}", label(&version)) };
            let _ = writeln!(out, "{margin}n{member}[\"{}{version}\"]", label(service.name.as_str()));
        }
        if project.is_some() {
            out += "  end\n";
        }
    }
    for edge in &part.edges {
        let arrow = if edge.need.optional { "-.->" } else { "-->" };
        let _ = writeln!(out, "  n{} {arrow} n{}", edge.from, edge.to);
    }
    let colored = |out: &mut String, wanted: &dyn Fn(&PartEdge) -> bool, look: &str| {
        let numbers: Vec<String> = part
            .edges
            .iter()
            .enumerate()
            .filter(|(_, edge)| wanted(edge))
            .map(|(number, _)| number.to_string())
            .collect();
        if !numbers.is_empty() {
            let _ = writeln!(out, "  linkStyle {} {look}", numbers.join(","));
        }
    };
    colored(&mut out, &|edge| in_one_ring(&ring, edge), "stroke:#c0392b");
    colored(&mut out, &|edge| is_foreign(part, edge) && !in_one_ring(&ring, edge), "stroke:#2471a3");
    if let Some(root) = part.root {
        let _ = writeln!(out, "  style n{root} stroke-width:3px");
    }
    out
}

/// The graph as JSON; its shape is documented in docs/CLI.md.
pub fn json(part: &Part) -> Value {
    let name = |number: usize| part.services.get(number).map(|service| service.name.clone());
    let services: Vec<Value> = part.services.iter().map(service_json).collect();
    let edges: Vec<Value> = part
        .edges
        .iter()
        .map(|edge| {
            let dependency = part.services[edge.from].dependencies.iter().find(|dependency| {
                dependency.optional == edge.need.optional
                    && Some(&dependency.service) == name(edge.to).as_ref()
            });
            json!({
                "from": name(edge.from),
                "to": name(edge.to),
                "optional": edge.need.optional,
                "cross_project": is_foreign(part, edge),
                "requirement": dependency.and_then(|it| it.requirement.as_ref()).map(ToString::to_string),
            })
        })
        .collect();
    json!({
        "root": part.root.and_then(name),
        "services": services,
        "edges": edges,
        "cycles": part.cycles,
        "beyond": part.beyond,
    })
}

fn service_json(service: &Arc<Service>) -> Value {
    json!({
        "name": service.name,
        "project": service.project,
        "version": service.version.as_ref().map(ToString::to_string),
        "status": service.status,
        "tier": service.tier,
        "owner": service.owner,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        catalog::{Catalog, reader},
        graph::{DependencyGraph, part::Way},
    };

    fn catalog(files: &[(&str, &str)]) -> Catalog {
        reader::read(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())))
    }

    const SHARED: &str = "[service.auth]\nname = \"auth\"\ntype = \"api\"\nversion = \"1.3.0\"\ntier = \"critical\"\nowner = \"core\"\n\
        [service.auth.dependencies]\nrequires = [\"store\"]\n\
        [service.store]\nname = \"store\"\ntype = \"database\"\nversion = \"5.0.0\"\n\
        [service.old]\nname = \"old\"\ntype = \"api\"\nstatus = \"deprecated\"\n\
        [service.old.dependencies]\nrequires = [\"auth\", \"mail\"]\n\
        [service.mail]\nname = \"mail\"\ntype = \"api\"\nversion = \"0.4.0\"\n\
        [service.mail.dependencies]\nrequires = [\"old\"]\n";
    const SHOP: &str = "[service.web]\nname = \"web\"\ntype = \"web\"\nversion = \"2.0.0\"\n\
        [service.web.dependencies]\nrequires = [\"api\"]\noptional = [\"auth\"]\n\
        [service.api]\nname = \"api\"\ntype = \"api\"\nversion = \"2.1.0\"\n\
        [service.api.dependencies]\nrequires = [\"auth >= 1.0\", \"store\"]\n";
    const BLOG: &str = "[service.site]\nname = \"site\"\ntype = \"web\"\nversion = \"1.0.0\"\n\
        [service.site.dependencies]\nrequires = [\"api\"]\n";

    fn estate() -> (Catalog, DependencyGraph) {
        let catalog = catalog(&[
            ("services/catalog.toml", SHARED),
            ("projects/shop/services.toml", SHOP),
            ("projects/blog/services.toml", BLOG),
        ]);
        let graph = DependencyGraph::build(&catalog);
        (catalog, graph)
    }

    #[test]
    fn the_whole_graph_in_every_format() {
        let (catalog, graph) = estate();
        let part = Part::whole(&graph, &catalog);
        for format in GraphFormat::ALL {
            assert_eq!(GraphFormat::parse(format.as_str()), Some(format));
            insta::assert_snapshot!(format!("whole-{}", format.as_str()), write(&part, format));
        }
    }

    #[test]
    fn around_one_service() {
        let (catalog, graph) = estate();
        let part = Part::around(&graph, &catalog, &"auth".into(), 9, Way::Both);
        insta::assert_snapshot!("around-text", write(&part, GraphFormat::Text));
        let part = Part::around(&graph, &catalog, &"web".into(), 1, Way::Dependencies);
        insta::assert_snapshot!("around-near-text", write(&part, GraphFormat::Text));
        insta::assert_snapshot!("around-near-dot", write(&part, GraphFormat::Dot));
    }

    #[test]
    fn hostile_names_stay_names() {
        let name = "a\"]; evil [label=\\\"x<b>&#34;\u{1b}[2J\n`c";
        let text = format!("[service.{0}]\nname = {0}\ntype = \"api\"\n", toml::Value::from(name));
        let mut catalog = catalog(&[("services/catalog.toml", &text)]);
        if catalog.services.is_empty() {
            // The reader refuses it today; the writers must not rely on that.
            let (other, _) = estate();
            let mut service = (*other.services["auth"]).clone();
            service.name = name.into();
            service.dependencies.clear();
            catalog.services.insert(name.into(), Arc::new(service));
        }
        let part = Part::whole(&DependencyGraph::build(&catalog), &catalog);
        for format in GraphFormat::ALL {
            let written = write(&part, format);
            assert!(
                !written
                    .chars()
                    .any(|character| character != '\n' && crate::domain::text::is_unsafe(character)),
                "{written}"
            );
        }
        let dot = write(&part, GraphFormat::Dot);
        assert!(dot.contains(r#"[label="a\"]; evil [label=\\\"x<b>&#34;[2J `c\n1.3.0"]"#), "{dot}");
        let mermaid = write(&part, GraphFormat::Mermaid);
        assert!(
            mermaid.contains(
                "n0[\"a#34;#93;#59; evil #91;label=#92;#34;x#60;b#62;#38;#35;34#59;#91;2J #96;c 1.3.0\"]"
            ),
            "{mermaid}"
        );
        assert_eq!(json(&part)["services"][0]["name"], name);
    }

    #[test]
    fn nothing_is_written_as_nothing() {
        for format in GraphFormat::ALL {
            assert!(write(&Part::default(), format).ends_with('\n'));
        }
    }
}
