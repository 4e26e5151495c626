//! Conditions: what they say of a service, where they are wrong, and what they may cost.

use super::*;
use crate::domain::{
    catalog::{Catalog, reader},
    name::ProjectName,
};
use cel::context::VariableResolver as _;
use proptest::prelude::*;
use std::time::{Duration, Instant};

const CATALOG: &str = r#"
[service.auth]
name = "auth"
type = "api"
owner = "@platform"
version = "1.4.0"
status = "maintenance"
tier = "critical"
sensitive = true
port = 8080
image = "registry.example.com/auth"
consumers.projects = ["shop"]
consumers.required_by = ["web"]
dependencies.requires = ["db >= 2.0", "mail"]
dependencies.optional = ["cache"]
sla.availability = "99.9%"
sla.response_time_p99 = "250ms"

[service.bare]
name = "bare"
type = "job"
"#;

const PROJECT: &str = r#"
[project-specific.shop]
name = "Shop"
tier = "high"
owner = "@shop"
[service.web]
name = "web"
type = "web"
version = "2.0.0"
"#;

fn catalog() -> Catalog {
    reader::read([
        ("services/catalog.toml".to_owned(), CATALOG.as_bytes().to_vec()),
        ("projects/shop/services.toml".to_owned(), PROJECT.as_bytes().to_vec()),
        (
            "quarterdeck.toml".to_owned(),
            b"[environment.staging]\ncontext = \"s\"\n[environment.production]\ncontext = \"p\"\n".to_vec(),
        ),
        ("policies/sla.toml".to_owned(), b"[sla.default]\nerror_rate = \"0.1%\"\n".to_vec()),
    ])
}

fn asked(service: &str, text: &str) -> Result<bool, String> {
    let catalog = catalog();
    let expression = Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    expression.about(About::Service).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    expression.matches(&Subject::service(&catalog, &catalog.services[service]))
}

#[test]
fn a_service_answers() {
    for text in [
        "name == 'auth' && type == \"api\"",
        "status == \"active\" && lifecycle == 'maintenance'",
        "status != 'deprecated' && tier in ['critical', 'high']",
        "version == '1.4.0' && version.startsWith('1.')",
        "owner == 'platform' && project == ''",
        "sensitive && !regulated",
        "requires == ['db', 'mail'] && optional == ['cache']",
        "'db' in requires && size(requires) == 2",
        "requires.exists(r, r.matches('^d'))",
        "requires.all(r, r in ['db', 'mail', 'x']) && consumers.filter(c, c == 'web').size() == 1",
        "consumers == ['shop', 'web']",
        "sla.availability == 99.9 && sla.availability >= 99 && sla.error_rate < 0.5",
        "sla.response_time_p99 == 0.25",
        "has(sla.availability)",
        "port == 8080 && port > 1024",
        "image.startsWith('registry.example.com/') && image.matches('^registry[.]')",
        "environments.size() == 2 && 'production' in environments",
        "pattern == \"\" ? true : false",
        "(tier == 'critical') == true || nothing_is_evaluated_after_the_answer == 1",
    ] {
        let expression = Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let catalog = catalog();
        let answer = expression.matches(&Subject::service(&catalog, &catalog.services["auth"]));
        assert_eq!(answer, Ok(true), "{text}");
    }
}

#[test]
fn what_a_service_does_not_say_is_empty() {
    for text in [
        "owner == '' && project == '' && version == '' && image == '' && pattern == ''",
        "port == 0 && sla.availability == 0.0 && sla.error_rate == 0.1",
        "requires == [] && consumers == [] && size(optional) == 0",
        "!sensitive && tier == 'medium' && lifecycle == 'ga'",
    ] {
        assert_eq!(asked("bare", text), Ok(true), "{text}");
    }
}

#[test]
fn every_variable_that_is_documented_has_a_value() {
    let catalog = catalog();
    let project = &catalog.projects[&ProjectName::from("shop")];
    for (about, subject) in [
        (About::Service, Subject::service(&catalog, &catalog.services["bare"])),
        (About::Project, Subject::project(&catalog, project)),
        (About::Change, Subject::change(&Catalog::default(), &catalog)),
    ] {
        for (name, _) in about.variables() {
            assert!(subject.resolve(name).is_some(), "{}: {name}", about.as_str());
        }
        assert!(subject.resolve("nothing").is_none());
    }
}

#[test]
fn projects_and_changes_answer() {
    let (before, after) = (Catalog::default(), catalog());
    let project = Subject::project(&after, &after.projects[&ProjectName::from("shop")]);
    let change = Subject::change(&before, &after);
    let removal = Subject::change(&after, &before);
    for (subject, about, text) in [
        (
            &project,
            About::Project,
            "name == 'shop' && title == 'Shop' && tier == 'high' && services == ['web']",
        ),
        (
            &change,
            About::Change,
            "class == 'policy' && risk == 'high' && added.size() == 3 && removed == [] && !breaking",
        ),
        (&change, About::Change, "paths.exists(p, p == 'policies/sla.toml') && projects == ['shop']"),
        (&change, About::Change, "fields.exists(f, f == 'auth.version')"),
        (&removal, About::Change, "breaking && 'auth' in removed && 'auth' in services"),
    ] {
        let expression = Expression::parse(text).unwrap();
        assert_eq!(expression.about(about), Ok(()), "{text}");
        assert_eq!(expression.matches(subject), Ok(true), "{text}");
    }
}

#[test]
fn errors_name_the_place() {
    for (text, at, message) in [
        ("", "", "the condition is empty"),
        ("  \n", "  \n", "the condition is empty"),
        ("tier ==", "", "it ends before it is complete"),
        ("tier == == 'x'", "==", "`=` is not expected here"),
        ("ñ == 1", "ñ", "`ñ` has no meaning here"),
        ("name == 'ñandú' && tier ) 1", ")", "`)` is not expected here"),
        ("tier = 'x'", "=", "`=` compares nothing: write `==`"),
        ("name == 'é' && sice(requires) > 1", "(", "there is no function `sice`: did you mean `size`?"),
        ("name.matches(owner)", "(", "the pattern of `matches` must be a text that is written out"),
        ("name.matches('(')", "(", "the pattern of `matches` is no regular expression: unclosed group"),
        ("name.matches('(\\\\w{1000}){100}')", "(", "the pattern of `matches` is too large"),
        ("Message{field: 1} == 1", "{", "messages cannot be made here"),
    ] {
        let error = Expression::parse(text).unwrap_err();
        assert_eq!(error.message, message, "{text}");
        assert!(
            text.get(error.start..error.end).is_some_and(|got| at.contains(got) || got.starts_with(at)),
            "{text}: {error:?}"
        );
    }
}

#[test]
fn names_are_checked_without_a_subject() {
    for (text, about, at, message) in [
        ("tiers == 'x'", About::Service, "tiers", "a service has no `tiers`: did you mean `tier`?"),
        (
            "name == 'ñ' || tire == 'x'",
            About::Service,
            "tire",
            "a service has no `tire`: did you mean `tier`?",
        ),
        (
            "sla.uptime > 1",
            About::Service,
            "sla",
            "`sla` has no `uptime`: known are availability, error_rate, response_time_p99",
        ),
        ("owner.name == 'x'", About::Service, "owner", "`owner` has no parts, so there is no `owner.name`"),
        ("sensitive", About::Project, "sensitive", "a project has no `sensitive`"),
        ("requires.all(r, s == r)", About::Service, "s", "a service has no `s`"),
    ] {
        let error = Expression::parse(text).unwrap().about(about).unwrap_err();
        assert!(error.message.starts_with(message), "{text}: {}", error.message);
        assert_eq!(&text[error.start..error.end], at, "{text}");
    }
    assert_eq!(
        Expression::parse("requires.all(r, r != 'x' && type(r) == string)").unwrap().about(About::Service),
        Ok(())
    );
}

#[test]
fn a_condition_without_an_answer_says_why() {
    for (text, message) in [
        ("tier > 3", "`>` does not work on a text and a number"),
        ("requires", "the answer is a list, not true or false"),
        ("port", "the answer is a number, not true or false"),
        ("name", "the answer is a text, not true or false"),
        ("requires[9] == 'x'", "a list has no entry at this place"),
        ("requires['a'] == 'x'", "`[]` does not work on a list and a text"),
        ("port / 0 == 1", "it divides by zero"),
        ("port % 0 == 1", "it takes a remainder by zero"),
    ] {
        assert_eq!(asked("auth", text).unwrap_err(), message, "{text}");
    }
    // Whatever goes wrong is said in words that whoever writes a policy knows.
    for text in [
        "requires[0].startsWith(1)",
        "9223372036854775807 + port == 0",
        "int(name) == 1",
        "double(name) == 1.0",
        "size(port) == 1",
        "size() == 1",
        "size(name, name, name) == 1",
        "name.contains(1)",
        "[1] < [2]",
        "name + 1 == 'x'",
        "-name == 'x'",
        "!port",
        "port ? true : false",
        "{[1]: 2}.size() == 1",
        "{'a': 1, 'a': 2}.size() == 2 && port.a == 1",
        "port.matches('a')",
        "{'a': 1}.b == 1",
        "requires.all(r, r)",
        "'x' in port",
    ] {
        let said = match Expression::parse(text) {
            Ok(expression) => {
                let catalog = catalog();
                expression.matches(&Subject::service(&catalog, &catalog.services["auth"])).err()
            }
            Err(error) => Some(error.message),
        };
        assert!(said.as_ref().is_none_or(|said| !is_of_the_library(said)), "{text}: {said:?}");
    }
}

/// The words that a library of ours uses of itself, which say nothing to whoever writes a policy.
fn is_of_the_library(text: &str) -> bool {
    let words = [
        "Int(",
        "UInt(",
        "String(",
        "List(",
        "overload",
        "Undeclared",
        "rror",
        "macro",
        "<EOF>",
        "token",
        "Float(",
    ];
    words.iter().any(|word| text.contains(word)) || text.chars().next().is_some_and(char::is_uppercase)
}

/// Everything that a hostile proposal may write: refused or answered, soon, on a small stack.
#[test]
fn hostile_conditions_cost_little() {
    let hostile = [
        "(".repeat(1_000),
        format!("{}1{}", "(".repeat(900), ")".repeat(900)),
        format!("{}1{}", "[".repeat(900), "]".repeat(900)),
        format!("{}true", "!".repeat(1_900)),
        format!("{}1 == 1", "-".repeat(1_900)),
        vec!["1"; 900].join("+") + " == 900",
        vec!["true"; 300].join("&&"),
        vec!["true"; 180].join(" && ").replace("true && true", "true&&true"),
        format!("name{}", ".a".repeat(900)),
        format!("{}true{}", "true?".repeat(300), ":false".repeat(300)),
        format!("{}true{}", "true ? (".repeat(50), ") : false".repeat(50)),
        format!("[{}].all(a, a == 1)", vec!["1"; 900].join(",")),
        format!(
            "[{}].all(a, [{}].all(b, [{}].all(c, a+b+c > 0)))",
            vec!["1"; 250].join(","),
            vec!["1"; 250].join(","),
            vec!["1"; 250].join(",")
        ),
        "requires.all(a, requires.all(b, requires.all(c, requires.all(d, a == d))))".to_owned(),
        "consumers.map(a, consumers.map(b, consumers.map(c, c))).size() > 0".to_owned(),
        format!("name == '{}'", "x".repeat(1_000_000)),
        "9".repeat(1_900),
        format!("1e{} > 0.0", "9".repeat(1_000)),
        "\"\\".to_owned(),
        "'\\u{110000}' == name".to_owned(),
        "\u{0}\u{1b}[2J".to_owned(),
        "name.matches('".to_owned() + &"(a*)*".repeat(300) + "$')",
        "{'a': {'b': {'c': 1}}}.a.b.c == 1".to_owned(),
        "9223372036854775807 + 1 == 0".to_owned(),
        "-9223372036854775808 / -1 == 0".to_owned(),
        "has(name)".to_owned(),
        "requires.all(1, true)".to_owned(),
        ".name == 'x'".to_owned(),
        "`name` == 'x'".to_owned(),
        "name == b'\\xff'".to_owned(),
        "optional.none() == optional.of(1)".to_owned(),
        "name.?x == 1".to_owned(),
        "[?1]".to_owned(),
    ];
    // The smallest stack that a thread of ours has.
    let worker = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(move || {
        let catalog = catalog();
        for text in &hostile {
            let begun = Instant::now();
            let said = match Expression::parse(text) {
                Ok(expression) => {
                    let named = expression.about(About::Service).err().map(|error| error.message);
                    let answer = expression.matches(&Subject::service(&catalog, &catalog.services["auth"]));
                    [named, answer.err()].into_iter().flatten().collect()
                }
                Err(error) => vec![error.message],
            };
            assert!(!said.iter().any(|said| is_of_the_library(said)), "{text:.60}: {said:?}");
            let shown: String = text.chars().take(60).collect();
            assert!(begun.elapsed() < Duration::from_secs(5), "{shown}: {:?}", begun.elapsed());
        }
    });
    worker.unwrap().join().unwrap();
}

#[test]
fn what_is_refused_for_its_cost() {
    for text in [
        format!("name == '{}'", "x".repeat(LONGEST)),
        format!("{}1{}", "(".repeat(70), ")".repeat(70)),
        vec!["1"; 300].join("+"),
        "requires.all(a, requires.all(b, requires.all(c, a == c)))".to_owned(),
    ] {
        assert!(Expression::parse(&text).is_err(), "{text}");
    }
    assert!(Expression::parse("requires.all(r, !consumers.exists(c, c == r || c + 's' == r))").is_ok());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(?s).{0,60}|([a-z.()\\[\\]{}'\"!?:&|=<>+*/%, 0-9-]|name|requires|\\.all\\(|true|in|has\\(|sla\\.){0,24}") {
        let catalog = catalog();
        match Expression::parse(&text) {
            Ok(expression) => {
                let _ = expression.about(About::Service);
                let _ = expression.matches(&Subject::service(&catalog, &catalog.services["auth"]));
            }
            Err(error) => {
                prop_assert!(error.start <= error.end && error.end <= text.len().max(1));
                prop_assert!(text.is_char_boundary(error.start));
            }
        }
    }
}
