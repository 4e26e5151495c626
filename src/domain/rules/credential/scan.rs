//! Finding credentials in a text: known shapes, addresses with a password, and secrets that are written down.
//!
//! One pass looks for words that every credential comes with; only lines that have one are looked at closely.

use aho_corasick::AhoCorasick;
use regex::{Captures, Regex};
use std::{
    collections::BTreeMap,
    sync::{LazyLock, OnceLock},
};

/// A credential in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// What it is, with an article and a capital letter.
    pub kind: &'static str,
    /// How it begins, or what holds it; never the whole.
    pub hint: Option<String>,
    /// First byte of what is secret.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A shape that a kind of credential has. Its last group is the secret.
struct Shape {
    kind: &'static str,
    /// Words of which one is in every line with such a credential; the case does not matter.
    words: &'static [&'static str],
    pattern: &'static str,
    form: Form,
}

/// How a match is judged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The shape alone tells.
    Token,
    /// The beginning of a block that goes on for lines.
    Block,
    /// A password within an address.
    Address,
    /// Something called a secret is given a value in quotes.
    Assignment,
    /// The same without quotes, in files where that is a value.
    Bare,
}

const ASSIGNED: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "access_key",
    "private_key",
    "credential",
    "passphrase",
];

static SHAPES: &[Shape] = &[
    Shape {
        kind: "An AWS access key",
        words: &["akia", "asia"],
        pattern: r"\b((?:AKIA|ASIA)[A-Z0-9]{16})\b",
        form: Form::Token,
    },
    Shape {
        kind: "A GitHub token",
        words: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        pattern: r"\b(gh[pousr]_[A-Za-z0-9]{36,255})\b",
        form: Form::Token,
    },
    Shape {
        kind: "A GitHub token",
        words: &["github_pat_"],
        pattern: r"\b(github_pat_[A-Za-z0-9_]{60,255})",
        form: Form::Token,
    },
    Shape {
        kind: "A GitLab token",
        words: &["glpat-"],
        pattern: r"\b(glpat-[A-Za-z0-9_-]{20,100})",
        form: Form::Token,
    },
    Shape {
        kind: "A Slack token",
        words: &["xox"],
        pattern: r"\b(xox[abeprs]-[A-Za-z0-9-]{10,255})",
        form: Form::Token,
    },
    Shape {
        kind: "A Slack webhook",
        words: &["hooks.slack.com"],
        pattern: r"hooks\.slack\.com/(?:services|workflows|triggers)/(T[A-Za-z0-9_]+/[A-Za-z0-9_]+/[A-Za-z0-9_/]{12,})",
        form: Form::Token,
    },
    Shape {
        kind: "A Google API key",
        words: &["aiza"],
        pattern: r"\b(AIza[0-9A-Za-z_-]{35})",
        form: Form::Token,
    },
    Shape {
        kind: "A Stripe key",
        words: &["k_live_"],
        pattern: r"\b([sr]k_live_[0-9A-Za-z]{16,255})",
        form: Form::Token,
    },
    Shape {
        kind: "A JSON Web Token",
        words: &["eyj"],
        pattern: r"\b(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})",
        form: Form::Token,
    },
    Shape {
        kind: "An npm token",
        words: &["npm_"],
        pattern: r"\b(npm_[A-Za-z0-9]{36})\b",
        form: Form::Token,
    },
    Shape {
        kind: "A PyPI token",
        words: &["pypi-"],
        pattern: r"\b(pypi-[A-Za-z0-9_-]{50,})",
        form: Form::Token,
    },
    Shape {
        kind: "A Vault token",
        words: &["hvs."],
        pattern: r"\b(hvs\.[A-Za-z0-9_-]{24,})",
        form: Form::Token,
    },
    Shape {
        kind: "A SendGrid key",
        words: &["sg."],
        pattern: r"\b(SG\.[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{39,50})",
        form: Form::Token,
    },
    Shape {
        kind: "A Docker Hub token",
        words: &["dckr_pat_"],
        pattern: r"\b(dckr_pat_[A-Za-z0-9_-]{20,})",
        form: Form::Token,
    },
    Shape {
        kind: "A DigitalOcean token",
        words: &["dop_v1_"],
        pattern: r"\b(dop_v1_[a-f0-9]{64})",
        form: Form::Token,
    },
    Shape {
        kind: "An OpenAI key",
        words: &["sk-proj-", "sk-svcacct-"],
        pattern: r"\b(sk-(?:proj|svcacct)-[A-Za-z0-9_-]{20,255})",
        form: Form::Token,
    },
    Shape {
        kind: "An Azure storage key",
        words: &["accountkey="],
        pattern: r"(?i)\bAccountKey=([A-Za-z0-9+/]{40,100}={0,2})",
        form: Form::Token,
    },
    Shape {
        kind: "A private key of a kubeconfig",
        words: &["client-key-data"],
        pattern: r#"client-key-data["']?\s*:\s*["']?([A-Za-z0-9+/=]{64,})"#,
        form: Form::Token,
    },
    Shape {
        kind: "A credential of a request",
        words: &["authorization"],
        pattern: r#"(?i)(authorization)["']?\s*[:=]\s*["']?(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{16,})"#,
        form: Form::Assignment,
    },
    Shape {
        kind: "An age key",
        words: &["age-secret-key-"],
        pattern: r"(AGE-SECRET-KEY-1[A-Z0-9]{40,})",
        form: Form::Token,
    },
    Shape {
        kind: "A private key",
        words: &["-----begin"],
        pattern: r"(-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----)",
        form: Form::Block,
    },
    Shape {
        kind: "An address with a password",
        words: &["://"],
        pattern: r#"[A-Za-z][A-Za-z0-9+.-]*://[^\s:/@'"<>]*:([^\s/@'"<>]{3,})@"#,
        form: Form::Address,
    },
    Shape {
        kind: "A secret",
        words: ASSIGNED,
        pattern: r#"(?i)([a-z0-9_.-]*(?:password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|passphrase)[a-z0-9_-]*)["']?\s*(?:=>|:=|=|:)\s*["']([^"']{8,})["']"#,
        form: Form::Assignment,
    },
    Shape {
        kind: "A secret",
        words: ASSIGNED,
        pattern: r#"(?i)^\s*(?:-\s+|export\s+)?([a-z0-9_.-]*(?:password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|passphrase)[a-z0-9_-]*)\s*[:=]\s*([^\s"'#,;\[\]{}()]{8,})\s*(?:\s#.*)?$"#,
        form: Form::Bare,
    },
];

struct Scanner {
    words: AhoCorasick,
    /// Which shapes a word belongs to, by the word's index.
    shapes_of: Vec<Vec<usize>>,
    /// Made when a line first asks for it: most repositories need none, and some take a megabyte.
    patterns: Vec<OnceLock<Option<Regex>>>,
}

impl Scanner {
    fn pattern(&self, shape: usize) -> Option<&Regex> {
        self.patterns[shape].get_or_init(|| Regex::new(SHAPES[shape].pattern).ok()).as_ref()
    }
}

static SCANNER: LazyLock<Option<Scanner>> = LazyLock::new(|| {
    let mut shapes_of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, shape) in SHAPES.iter().enumerate() {
        for word in shape.words {
            shapes_of.entry(word).or_default().push(index);
        }
    }
    let words = AhoCorasick::builder().ascii_case_insensitive(true).build(shapes_of.keys()).ok()?;
    let patterns = SHAPES.iter().map(|_| OnceLock::new()).collect();
    Some(Scanner { words, shapes_of: shapes_of.into_values().collect(), patterns })
});

/// Whether the table of shapes can be used at all; a test holds it.
#[cfg(test)]
pub fn works() -> bool {
    SCANNER.as_ref().is_some_and(|scanner| (0..SHAPES.len()).all(|shape| scanner.pattern(shape).is_some()))
}

/// A line longer than this is looked at in part: no credential is that long, and nobody wrote it.
const LONGEST_LINE: usize = 16 * 1024;

/// All credentials of a text in its order; none inside another.
pub fn scan(text: &str) -> Vec<Credential> {
    let Some(scanner) = SCANNER.as_ref() else { return Vec::new() };
    let mut found: Vec<Credential> = Vec::new();
    let mut line = 0..0;
    let mut tried = vec![false; SHAPES.len()];
    for hit in scanner.words.find_overlapping_iter(text) {
        if hit.start() >= line.end {
            let start = text[..hit.start()].rfind('\n').map_or(0, |at| at + 1);
            let end = hit.end() + text[hit.end()..].find('\n').unwrap_or(text.len() - hit.end());
            let start = text.ceil_char_boundary(start.max(hit.start().saturating_sub(LONGEST_LINE)));
            line = start..text.floor_char_boundary(end.min(hit.start() + LONGEST_LINE)).max(start);
            tried.fill(false);
        }
        for shape in &scanner.shapes_of[hit.pattern().as_usize()] {
            let form = SHAPES[*shape].form;
            // Most lines that speak of tokens assign nothing; this is told without an expression.
            let idle = matches!(form, Form::Assignment | Form::Bare) && !is_assigned(&text[hit.end()..]);
            if idle || std::mem::replace(&mut tried[*shape], true) {
                continue;
            }
            let Some(pattern) = scanner.pattern(*shape) else { continue };
            for captures in pattern.captures_iter(&text[line.clone()]) {
                found.extend(judge(&SHAPES[*shape], &captures, text, line.start));
            }
        }
    }
    found.sort_by_key(|credential| (credential.start, usize::MAX - credential.end));
    let mut end = 0;
    found.retain(|credential| {
        let inside = credential.start < end;
        end = end.max(credential.end);
        !inside
    });
    found
}

/// The longest end of a name, with what stands between it and its value.
const LONGEST_NAME: usize = 128;

/// Whether a name that goes on in `rest` is given a value.
fn is_assigned(rest: &str) -> bool {
    // A longer name is none, and hostile text must not be walked again from each of its words.
    let rest = &rest[..rest.floor_char_boundary(LONGEST_NAME)];
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let rest = rest.trim_start_matches(named).trim_start_matches(['"', '\'']).trim_start_matches([' ', '\t']);
    rest.starts_with(['=', ':'])
}

/// A match as a credential, unless it only looks like one.
fn judge(shape: &Shape, captures: &Captures<'_>, text: &str, offset: usize) -> Option<Credential> {
    let secret = captures.iter().flatten().last()?;
    let value = secret.as_str();
    let (mut start, mut end) = (offset + secret.start(), offset + secret.end());
    let hint = match shape.form {
        Form::Token => {
            if is_placeholder(value) || entropy(value) < LEAST_ENTROPY {
                return None;
            }
            Some(format!("{}…", value.chars().take(4).collect::<String>()))
        }
        Form::Block => {
            let rest = &text[end..];
            let body = rest.find("-----END").unwrap_or_else(|| rest.len().min(LONGEST_LINE));
            let body = rest.floor_char_boundary(body);
            // An example without a body is none.
            if rest[..body].chars().filter(char::is_ascii_alphanumeric).count() < 32 {
                return None;
            }
            (start, end) = (end, end + body);
            start += text[start..end].len() - text[start..end].trim_start().len();
            None
        }
        Form::Address => {
            if is_placeholder(value) {
                return None;
            }
            None
        }
        Form::Assignment | Form::Bare => {
            let name = captures.get(1)?.as_str();
            if names_something_else(name) || is_placeholder(value) || !is_random(value) {
                return None;
            }
            Some(name.to_owned())
        }
    };
    Some(Credential { kind: shape.kind, hint, start, end })
}

/// The least bits per character of what somebody drew at random, or tried to.
const LEAST_ENTROPY: f64 = 2.5;

/// Bits per character.
fn entropy(text: &str) -> f64 {
    let mut counts = [0_usize; 256];
    for byte in text.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = text.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| *count as f64 / length)
        .map(|share| -share * share.log2())
        .sum()
}

/// Whether a value is as mixed as secrets are, and not a word, a name or a sentence.
fn is_random(value: &str) -> bool {
    let has = |of: fn(&char) -> bool| usize::from(value.chars().any(|c| of(&c)));
    let symbol = |c: &char| !c.is_alphanumeric() && !matches!(c, '-' | '_' | '.' | '/' | ' ' | ',' | ':');
    let kinds = has(char::is_ascii_lowercase)
        + has(char::is_ascii_uppercase)
        + has(char::is_ascii_digit)
        + has(symbol);
    // A sentence has spaces; a secret has none.
    kinds >= 2 && !value.contains(' ') && entropy(value) >= LEAST_ENTROPY && !is_ordinary(value)
}

/// Whether a value is a version, a date, a duration, a digest or a name with capitals and no digit.
fn is_ordinary(value: &str) -> bool {
    let digest =
        ["sha256:", "sha512:", "sha1:", "sha256-", "sha512-"].iter().any(|kind| value.starts_with(kind));
    let dotted =
        value.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | ':' | 'T' | 'Z' | '+' | 'v'));
    // `SessionToken`, `user.sessionToken`: a name in a program.
    let camel =
        value.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '.' | '_' | '-')) && value.len() < 24;
    digest || dotted || camel
}

/// Whether a key is called like a secret but holds something about one.
fn names_something_else(name: &str) -> bool {
    const ABOUT: &[&str] = &[
        "file",
        "path",
        "name",
        "url",
        "uri",
        "ref",
        "env",
        "variable",
        "ttl",
        "expiry",
        "expires",
        "type",
        "length",
        "policy",
        "rotation",
        "store",
        "id",
        "kind",
        "key_ref",
        "engine",
        "backend",
        "namespace",
        "issuer",
        "audience",
        "endpoint",
        "format",
        "header",
        "field",
        "regex",
        "pattern",
        "hash",
        "digest",
        "checksum",
        "description",
        "version",
        "count",
        "bucket",
        "class",
        "dir",
        "mount",
        "manager",
        "provider",
        "service",
        "server",
        "scope",
    ];
    let lower = name.to_ascii_lowercase();
    let last = lower.rsplit(['_', '-', '.']).next().unwrap_or_default();
    // `secretName` and `tokenUrl` end in such a word too.
    let camel = name.rfind(|c: char| c.is_ascii_uppercase()).map(|at| name[at..].to_ascii_lowercase());
    let mixed = name.chars().any(|c| c.is_ascii_lowercase());
    ABOUT.contains(&last) || (mixed && camel.is_some_and(|word| ABOUT.contains(&word.as_str())))
}

/// Whether a value stands for one that is kept elsewhere, or is an example.
fn is_placeholder(value: &str) -> bool {
    const SIGNS: &[&str] = &[
        "example",
        "changeme",
        "change-me",
        "change_me",
        "placeholder",
        "your-",
        "your_",
        "yourp",
        "yours",
        "dummy",
        "redacted",
        "sample",
        "fixme",
        "todo",
        "replace",
        "insert",
        "xxxx",
        "****",
        "....",
        "12345678",
        "abcdefgh",
        "notasecret",
        "not-a-secret",
        "00000000",
    ];
    const KEPT_ELSEWHERE: &[&str] = &[
        "$",
        "%",
        "/",
        "./",
        "../",
        "~",
        "env:",
        "vault:",
        "file:",
        "secret:",
        "secrets.",
        "arn:",
        "projects/",
        "ref+",
        "op://",
        "ssm:",
        "enc[",
        "enc:",
        "!",
    ];
    let lower = value.to_ascii_lowercase();
    let templated = ["${", "{{", "$(", "<%", "%("].iter().any(|sign| value.contains(sign))
        || (value.starts_with('<') && value.ends_with('>'))
        || (value.starts_with('{') && value.ends_with('}'));
    let variable = value.len() > 3
        && value.contains('_')
        && value.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        && value.chars().next().is_some_and(|c| c.is_ascii_uppercase());
    let plain_word = matches!(
        lower.as_str(),
        "password" | "secret" | "token" | "pass" | "user" | "none" | "null" | "undefined"
    );
    templated
        || variable
        || plain_word
        || SIGNS.iter().any(|sign| lower.contains(sign))
        || KEPT_ELSEWHERE.iter().any(|sign| lower.starts_with(sign))
}
