//! The graph for people at a terminal: a tree around one service, or layers of the whole.

use super::{in_one_ring, is_foreign, rings};
use crate::domain::{graph::part::Part, text::clean};
use std::collections::HashSet;

/// How many names stand in one line before the rest is counted.
const NAMED: usize = 8;

/// The graph as text.
pub fn text(part: &Part) -> String {
    if part.services.is_empty() {
        return "the catalog has no service\n".to_owned();
    }
    let lists = Lists::new(part);
    let mut out = match part.root {
        Some(root) => tree(part, &lists, root),
        None => layers(part, &lists),
    };
    for cycle in &part.cycles {
        let mut names: Vec<String> = cycle.iter().map(|name| clean(name.as_str())).collect();
        names.extend(cycle.first().map(|first| clean(first.as_str())));
        out += &format!("↻ a cycle: {}\n", shorten(&names, " → ", 20));
    }
    if part.beyond > 0 {
        let services = if part.beyond == 1 { "service is" } else { "services are" };
        out += &format!("… {} more {services} one step further: raise --depth\n", part.beyond);
    }
    out
}

/// Who needs whom, as numbers, with whether it is optional.
struct Lists {
    needs: Vec<Vec<(usize, bool)>>,
    users: Vec<Vec<(usize, bool)>>,
    ring: Vec<Option<usize>>,
}

impl Lists {
    fn new(part: &Part) -> Self {
        let empty = vec![Vec::new(); part.services.len()];
        let mut lists = Self { needs: empty.clone(), users: empty, ring: rings(part) };
        for edge in &part.edges {
            lists.needs[edge.from].push((edge.to, edge.need.optional));
            lists.users[edge.to].push((edge.from, edge.need.optional));
        }
        lists
    }
}

fn shorten(names: &[String], between: &str, most: usize) -> String {
    if names.len() <= most {
        return names.join(between);
    }
    format!("{}{between}… ({} in all)", names[..most].join(between), names.len())
}

/// `auth 1.3.0  critical · shared · core`
fn line(part: &Part, number: usize) -> String {
    let service = &part.services[number];
    let mut text = clean(service.name.as_str());
    if let Some(version) = &service.version {
        text += &format!(" {version}");
    }
    let project = service.project.as_ref().map_or_else(|| "shared".to_owned(), |it| clean(it.as_str()));
    text += &format!("  {} · {project}", service.tier.as_str());
    if let Some(owner) = &service.owner {
        text += &format!(" · {}", clean(owner.as_str()));
    }
    text
}

fn tree(part: &Part, lists: &Lists, root: usize) -> String {
    let mut out = line(part, root) + "\n";
    for (title, next) in [("used by", &lists.users), ("needs", &lists.needs)] {
        if next[root].is_empty() {
            continue;
        }
        out += &format!("\n{title}\n");
        branches(part, lists, root, next, &mut out);
    }
    if lists.users[root].is_empty() && lists.needs[root].is_empty() {
        out += "\nnobody uses it, and it needs nothing\n";
    }
    if !part.cycles.is_empty() {
        out.push('\n');
    }
    out
}

/// The branches of a tree without recursion: a chain may be longer than the stack is deep. What stands in the tree
/// already is not unfolded again, so the text is never longer than the graph.
fn branches(part: &Part, lists: &Lists, root: usize, next: &[Vec<(usize, bool)>], out: &mut String) {
    struct Level {
        children: Vec<(usize, bool)>,
        at: usize,
        parent: usize,
    }
    /// Deeper branches stand below each other instead of ever further to the right.
    const DEEPEST: usize = 24;
    let mut seen = HashSet::from([root]);
    let mut levels = vec![Level { children: next[root].clone(), at: 0, parent: root }];
    while let Some(level) = levels.last_mut() {
        let Some((child, optional)) = level.children.get(level.at).copied() else {
            levels.pop();
            continue;
        };
        level.at += 1;
        let parent = level.parent;
        let skipped = levels.len().saturating_sub(DEEPEST);
        let mut margin: String = levels[..levels.len() - 1]
            .iter()
            .skip(skipped)
            .map(|level| if level.at < level.children.len() { "│  " } else { "   " })
            .collect();
        let is_last = levels.last().is_some_and(|level| level.at == level.children.len());
        margin += if is_last { "└─ " } else { "├─ " };
        if skipped > 0 {
            margin = format!("{} steps {margin}", levels.len());
        }
        let is_new = seen.insert(child);
        let mut text = if is_new { line(part, child) } else { clean(part.services[child].name.as_str()) };
        if optional {
            text += "  (optional)";
        }
        if lists.ring[parent].is_some() && lists.ring[parent] == lists.ring[child] {
            text += "  ↻ cycle";
        }
        if !is_new {
            text +=
                if child == root || next[child].is_empty() { "  (above)" } else { "  (above, with its own)" };
        }
        out.push_str(&format!("{margin}{text}\n"));
        if is_new && !next[child].is_empty() {
            levels.push(Level { children: next[child].clone(), at: 0, parent: child });
        }
    }
}

/// The whole graph: services by how far they are from those that nobody uses.
fn layers(part: &Part, lists: &Lists) -> String {
    let projects: HashSet<_> = part.services.iter().filter_map(|service| service.project.as_ref()).collect();
    let foreign = part.edges.iter().filter(|edge| is_foreign(part, edge)).count();
    let circular = part.edges.iter().filter(|edge| in_one_ring(&lists.ring, edge)).count();
    let mut out = format!(
        "{} services in {} projects and shared, {} dependencies, {foreign} of them into another project",
        part.services.len(),
        projects.len(),
        part.edges.len(),
    );
    out += if circular > 0 { ", with cycles\n" } else { "\n" };
    let mut layer = vec![0_usize; part.services.len()];
    // Users come behind what they need, so walk the other way round.
    for component in part.components.iter().rev() {
        let inside: HashSet<usize> = component.iter().copied().collect();
        let users = component.iter().flat_map(|number| &lists.users[*number]);
        let at = users.filter(|(user, _)| !inside.contains(user)).map(|(user, _)| layer[*user] + 1).max();
        for number in component {
            layer[*number] = at.unwrap_or(0);
        }
    }
    let last = layer.iter().copied().max().unwrap_or(0);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); last + 1];
    for (number, layer) in layer.iter().enumerate() {
        rows[*layer].push(number);
    }
    for (number, services) in rows.iter().enumerate() {
        let title =
            if number == 0 { "nobody else needs these".to_owned() } else { format!("layer {number}") };
        out += &format!("\n{title}\n");
        for service in services {
            let needs: Vec<String> = lists.needs[*service]
                .iter()
                .map(|(other, optional)| {
                    let name = clean(part.services[*other].name.as_str());
                    if *optional { format!("{name}?") } else { name }
                })
                .collect();
            let mark = if lists.ring[*service].is_some() { "↻ " } else { "  " };
            out += &format!("{mark}{}", line(part, *service));
            if !needs.is_empty() {
                out += &format!("  → {}", shorten(&needs, ", ", NAMED));
            }
            out.push('\n');
        }
    }
    if part.edges.iter().any(|edge| edge.need.optional) {
        out += "\nname? is optional\n";
    }
    if !part.cycles.is_empty() {
        out.push('\n');
    }
    out
}
