//! What fuzzing feeds: bytes to a control repository that is read, judged and shown. The suite runs the kept
//! corpus through the same functions.

use quarterdeck::{
    cli::{check::Limit, render},
    domain::{
        catalog::{Catalog, read},
        expression::{Expression, Subject},
        rules,
    },
};
use std::sync::OnceLock;

/// A repository as one text: each file begins with a line `--- PATH`. The base is the same without its
/// first file, so that rules which compare have something to compare.
pub fn repository(data: &[u8]) {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        if let Some(path) = line.strip_prefix(b"--- ") {
            files.push((String::from_utf8_lossy(path).trim().to_owned(), Vec::new()));
        } else if let Some((_, text)) = files.last_mut() {
            text.extend_from_slice(line);
        }
    }
    let today = "2026-06-01".parse().expect("a date");
    let base = read(files.iter().skip(1).cloned());
    let head = read(files);
    for base in [None, Some(&base)] {
        let findings = rules::check(&head, base, today);
        std::hint::black_box((render::report(&findings, true, Limit::ALL), render::json(&findings)));
    }
}

/// An expression in CEL, evaluated over a service, its project, and a change that adds both.
pub fn expression(data: &[u8]) {
    static HEAD: OnceLock<Catalog> = OnceLock::new();
    let head = HEAD.get_or_init(|| {
        let service = "[project-specific.shop]\nname = \"Shop\"\nowner = \"shop-team\"\n[service.cart]\nname = \"cart\"\n\
                       type = \"api\"\nversion = \"1.2.3\"\n[service.cart.dependencies]\nrequires = [\"mail >= 1.0\"]\n";
        read([("projects/shop/services.toml".to_owned(), service.as_bytes().to_vec())])
    });
    let Ok(expression) = Expression::parse(&String::from_utf8_lossy(data)) else { return };
    let service = head.services.values().next().expect("a service");
    let project = head.projects.values().next().expect("a project");
    for subject in [
        Subject::service(head, service),
        Subject::project(head, project),
        Subject::change(&Catalog::default(), head),
    ] {
        // What it says does not matter, that it says it does.
        let _ = std::hint::black_box(expression.matches(&subject));
    }
}
