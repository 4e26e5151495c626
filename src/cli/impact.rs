//! The impact of an outage, another version or a change, as text and as JSON.

use super::table::table;
use crate::domain::{
    catalog::Tier,
    impact::{Affected, Cause, Harm, Impact},
    text::clean,
};
use serde_json::{Value, json};

/// How many services of an owner are named.
const NAMED: usize = 6;

/// Glyph and word of a harm, as every face shows it.
pub fn harm(harm: Harm) -> String {
    let glyph = match harm {
        Harm::Breaks | Harm::Falls => "■",
        Harm::AtRisk | Harm::Degrades => "▲",
        Harm::Unharmed => "●",
    };
    format!("{glyph} {}", harm.as_str())
}

/// Why, in one line.
fn why(it: &Affected) -> String {
    let via = it.via.as_ref().filter(|_| it.harm != Harm::Unharmed).map(|via| format!("through {via}"));
    it.reasons.iter().cloned().chain(via).collect::<Vec<_>>().join("; ")
}

/// The impact for people.
pub fn text(impact: &Impact) -> String {
    let mut out = format!("{}: {}\n", clean(&impact.title()), impact.summary());
    if let Cause::Change(changed) = &impact.cause
        && !changed.is_empty()
    {
        out += "\nWhat changes\n";
        for (service, words) in changed {
            out += &format!("  {}  {words}\n", clean(service.as_str()));
        }
    }
    if impact.harmed() > 0 {
        let tiers: Vec<String> = Tier::ALL
            .iter()
            .filter_map(|tier| Some(format!("{} {}", impact.by_tier.get(tier)?, tier.as_str())))
            .collect();
        let projects: Vec<String> = impact
            .by_project
            .iter()
            .map(|(project, count)| {
                let name = project.as_ref().map_or_else(|| "shared".to_owned(), |it| clean(it.as_str()));
                format!("{name} {count}")
            })
            .collect();
        out += &format!("\n  by tier     {}\n  by project  {}\n", tiers.join(", "), projects.join(", "));
    }
    if !impact.affected.is_empty() {
        let else_word = if matches!(impact.cause, Cause::Change(_)) { "before" } else { "else" };
        let rows: Vec<Vec<String>> = impact
            .affected
            .iter()
            .map(|it| {
                vec![
                    harm(it.harm),
                    it.service.name.to_string(),
                    it.service.tier.as_str().to_owned(),
                    it.service.project.as_ref().map_or("shared".to_owned(), ToString::to_string),
                    it.service.owner.as_ref().map_or("–".to_owned(), ToString::to_string),
                    it.depth.to_string(),
                    it.availability.in_words(else_word),
                    why(it),
                ]
            })
            .collect();
        out += "\nWho uses it\n";
        let headers = ["harm", "service", "tier", "project", "owner", ">steps", "promised", "why"];
        out += &indent(&table(&headers, &rows));
    }
    if !impact.notify.is_empty() {
        let rows: Vec<Vec<String>> = impact
            .notify
            .iter()
            .map(|it| {
                let mut names: Vec<String> =
                    it.services.iter().take(NAMED).map(ToString::to_string).collect();
                if it.services.len() > NAMED {
                    names.push(format!("+{}", it.services.len() - NAMED));
                }
                vec![
                    it.owner.as_ref().map_or_else(|| "nobody owns these".to_owned(), ToString::to_string),
                    it.channel.clone().unwrap_or_else(|| "no channel".to_owned()),
                    it.lead.clone().unwrap_or_else(|| "–".to_owned()),
                    it.services.len().to_string(),
                    names.join(", "),
                ]
            })
            .collect();
        out += "\nWhom to tell\n";
        out += &indent(&table(&["owner", "channel", "lead", ">services", "which"], &rows));
    }
    out
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// The impact for programs; its shape is documented in docs/CLI.md.
pub fn json(impact: &Impact) -> Value {
    let cause = match &impact.cause {
        Cause::Outage(service) => json!({ "kind": "outage", "service": service.name }),
        Cause::Version(service, version) => json!({
            "kind": "version",
            "service": service.name,
            "from": service.version.as_ref().map(ToString::to_string),
            "to": version.to_string(),
        }),
        Cause::Change(changed) => {
            let changed: Vec<Value> =
                changed.iter().map(|(service, what)| json!({ "service": service, "what": what })).collect();
            json!({ "kind": "change", "services": changed })
        }
    };
    let word = |harm: Harm| harm.as_str().replace(' ', "_");
    let affected: Vec<Value> = impact
        .affected
        .iter()
        .map(|it| {
            json!({
                "service": it.service.name,
                "harm": word(it.harm),
                "steps": it.depth,
                "required": it.required,
                "through": it.via,
                "reasons": it.reasons,
                "project": it.service.project,
                "tier": it.service.tier,
                "owner": it.service.owner,
                "availability": {
                    "promised": it.availability.promised,
                    "achievable": it.availability.achievable,
                    "otherwise": it.availability.otherwise,
                    "budget_seconds": it.availability.budget.map(|budget| budget.num_seconds()),
                },
            })
        })
        .collect();
    let notify: Vec<Value> = impact
        .notify
        .iter()
        .map(|it| {
            json!({
                "owner": it.owner,
                "channel": it.channel,
                "lead": it.lead,
                "harm": word(it.harm),
                "services": it.services,
            })
        })
        .collect();
    let projects: Vec<Value> = impact
        .by_project
        .iter()
        .map(|(project, count)| json!({ "project": project, "services": count }))
        .collect();
    let counts = |counts: &mut dyn Iterator<Item = (String, usize)>| -> Value {
        counts.map(|(key, count)| (key, Value::from(count))).collect::<serde_json::Map<_, _>>().into()
    };
    json!({
        "cause": cause,
        "summary": impact.summary(),
        "harmed": impact.harmed(),
        "by_harm": counts(&mut impact.by_harm.iter().map(|(harm, count)| (word(*harm), *count))),
        "by_tier": counts(&mut impact.by_tier.iter().map(|(tier, count)| (tier.as_str().to_owned(), *count))),
        "by_project": projects,
        "affected": affected,
        "notify": notify,
    })
}
