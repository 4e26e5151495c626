//! What is a credential and what only looks like one. The examples are put together here, so that no scanner of
//! this repository takes them for real.

use super::{scan::works, *};
use crate::domain::{
    catalog::{Catalog, reader},
    graph::DependencyGraph,
};

const RANDOM: &str = "Zq8vK2mXw5RtY7pLc4NbJ9hGd3FsA6eUo1iVxTyBkQwErMnPzLcHgJd";

fn of(length: usize) -> String {
    RANDOM.chars().cycle().take(length).collect()
}

fn kinds(text: &str) -> Vec<&'static str> {
    scan(text).into_iter().map(|credential| credential.kind).collect()
}

#[test]
fn the_table_of_shapes_is_sound() {
    assert!(works());
}

#[test]
fn credentials_are_found() {
    let lower_hex: String = "0a1b2c3d4e5f60718293a4b5c6d7e8f9".repeat(2);
    for (text, kind) in [
        (format!("aws = {}{}", "AKIA", "Q4TZ7WMBN2XKRV5J"), "An AWS access key"),
        (format!("key: {}{}", "ASIA", "Q4TZ7WMBN2XKRV5J"), "An AWS access key"),
        (format!("t = \"{}{}\"", "ghp_", of(36)), "A GitHub token"),
        (format!("url https://{}{}@github.com", "gho_", of(36)), "A GitHub token"),
        (format!("x {}{} y", "ghs_", of(36)), "A GitHub token"),
        (format!("{}{}", "github_pat_", of(82)), "A GitHub token"),
        (format!("{}{}", "glpat-", of(20)), "A GitLab token"),
        (format!("{}{}", "xoxb-", "1234-9876-".to_owned() + &of(24)), "A Slack token"),
        (format!("{}{}", "xoxp-", of(40)), "A Slack token"),
        (format!("https://hooks.slack.{}/T02ABCDEF/B03GHJKLM/{}", "com/services", of(24)), "A Slack webhook"),
        (format!("{}{}", "AIza", of(35)), "A Google API key"),
        (format!("{}{}", "sk_live_", of(24)), "A Stripe key"),
        (format!("{}{}", "rk_live_", of(24)), "A Stripe key"),
        (format!("{}{}.eyJ{}.{}", "eyJ", of(20), of(30), of(43)), "A JSON Web Token"),
        (
            format!("Authorization: Bearer {}{}.eyJ{}.{}", "eyJ", of(20), of(30), of(43)),
            "A credential of a request",
        ),
        (format!("Authorization: Basic {}", of(40)), "A credential of a request"),
        (format!("{}{}", "sk-proj-", of(48)), "An OpenAI key"),
        (format!("Endpoint=x;Account{}={}==", "Key", of(86)), "An Azure storage key"),
        (format!("    client-key-data: {}", of(200)), "A private key of a kubeconfig"),
        ("passphrase = \"9f8e7d6c5b4a39281706\"".to_owned(), "A secret"),
        (format!("//registry/:_authToken={}{}", "npm_", of(36)), "An npm token"),
        (format!("{}{}", "pypi-", of(60)), "A PyPI token"),
        (format!("{}{}", "hvs.", of(30)), "A Vault token"),
        (format!("{}{}.{}", "SG.", of(22), of(43)), "A SendGrid key"),
        (format!("{}{}", "dckr_pat_", of(27)), "A Docker Hub token"),
        (format!("{}{lower_hex}", "dop_v1_"), "A DigitalOcean token"),
        (format!("{}{}", "AGE-SECRET-KEY-1", of(58).to_uppercase()), "An age key"),
        (format!("-----BEGIN {} KEY-----\n{}\n-----END", "RSA PRIVATE", of(64)), "A private key"),
        (format!("-----BEGIN {} KEY-----\n{}\n-----END", "PRIVATE", of(64)), "A private key"),
        (format!("-----BEGIN {} KEY-----\n{}\n-----END", "OPENSSH PRIVATE", of(64)), "A private key"),
        (format!("-----BEGIN PGP {} KEY BLOCK-----\n{}", "PRIVATE", of(64)), "A private key"),
        ("url = \"postgres://app:h8Kd2lQz@db:5432/shop\"".to_owned(), "An address with a password"),
        ("amqp://guest:s3same@mq.internal".to_owned(), "An address with a password"),
        ("https://:x9Tq2w@proxy".to_owned(), "An address with a password"),
        ("password = \"S3cr3tPassw0rd!\"".to_owned(), "A secret"),
        ("db_password = 'hunter2hunter2'".to_owned(), "A secret"),
        ("\"api_key\": \"9f8e7d6c5b4a39281706\"".to_owned(), "A secret"),
        ("apiKey => 'kd93kfls0dkfj3'".to_owned(), "A secret"),
        ("client_secret: \"a81bc81b-dead-4e5d-abff-90865d1e13b1\"".to_owned(), "A secret"),
        (format!("AUTH_TOKEN=\"{}\"", of(20)), "A secret"),
        (format!("  password: {}", of(12)), "A secret"),
        (format!("export API_KEY={}", of(16)), "A secret"),
        (format!("  secret: {}  # old", of(16)), "A secret"),
        ("private_key := \"Mx7-kk29-ZZq1-0pLd\"".to_owned(), "A secret"),
    ] {
        assert_eq!(kinds(&text), [kind], "{text}");
    }
}

#[test]
fn what_only_looks_like_a_credential_is_left_alone() {
    for text in [
        "password = \"${DB_PASSWORD}\"".to_owned(),
        "password = \"$DB_PASSWORD\"".to_owned(),
        "password: {{ .Values.password }}".to_owned(),
        "password = \"<your password here>\"".to_owned(),
        "token = \"QUARTERDECK_TOKEN\"".to_owned(),
        "token: DEPLOY_TOKEN_2".to_owned(),
        "password = \"changeme123\"".to_owned(),
        "password = \"example-Password1\"".to_owned(),
        "password = \"xxxxxxxxxxxx\"".to_owned(),
        "password = \"************\"".to_owned(),
        "password = \"password\"".to_owned(),
        "password = \"\"".to_owned(),
        "token = \"short1\"".to_owned(),
        "token_file = \"/run/secrets/token-9f8e7d6c\"".to_owned(),
        "secret_name = \"shop-db-9f8e7d6c5b\"".to_owned(),
        "secretName: shop-tls-9f8e7d6c5b".to_owned(),
        "token_url = \"https://login.internal/oauth2/v1\"".to_owned(),
        "token_ttl = \"3600seconds1h\"".to_owned(),
        "password_policy = \"12chars,Upper1\"".to_owned(),
        "secret_ref = \"vault:kv/shop#Password1\"".to_owned(),
        "secret = \"vault:kv/data/shop-1#Pass\"".to_owned(),
        "secret = \"op://Shop/db9/password\"".to_owned(),
        "secret = \"ENC[AES256_GCM,data:abc1]\"".to_owned(),
        "token = \"session-token\"".to_owned(),
        "token: sessionToken".to_owned(),
        "description = \"Signs people in and issues tokens: 3 kinds\"".to_owned(),
        "description = \"secret: what nobody may know 1\"".to_owned(),
        "# The password: it is kept in Vault since 2026".to_owned(),
        "digest = \"sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9\"".to_owned(),
        "token_hash = \"0a1b2c3d4e5f60718293a4b5c6d7e8f9\"".to_owned(),
        "secret = \"sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f9\"".to_owned(),
        "url = \"https://user@host/path:8080\"".to_owned(),
        "url = \"https://metrics.example.com/{environment}/{service}\"".to_owned(),
        "url = \"postgres://app:${PASSWORD}@db/shop\"".to_owned(),
        "url = \"postgres://user:password@localhost/shop\"".to_owned(),
        "url = \"https://$USER:$TOKEN@host\"".to_owned(),
        "git@github.com:owner/name.git".to_owned(),
        "ssh://git@host:2222/x".to_owned(),
        format!("{}{}", "AKIA", "IOSFODNN7EXAMPLE"),
        format!("{}{}", "ghp_", "x".repeat(36)),
        format!("{}{}", "ghp_", "short"),
        format!("{}{}", "sk_test_", of(24)),
        format!("{}{}", "xoxb-", "your-token-here"),
        "eyJ is how such a token begins".to_owned(),
        "npm_config_registry = \"https://registry.npmjs.org\"".to_owned(),
        "npm_lifecycle_event".to_owned(),
        format!("-----BEGIN {} KEY-----", "PUBLIC"),
        format!("-----BEGIN {} KEY-----\n…\n-----END", "PRIVATE"),
        "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ\n-----END".to_owned(),
        "The Asian market and pypi-mirror settings; SG. and hvs.".to_owned(),
        "secrets = [\"shop-db\", \"shop-mail\"]".to_owned(),
        "approvers = [\"@token-team\"]".to_owned(),
        "[service.token-issuer]".to_owned(),
        "name = \"token-issuer-v2\"".to_owned(),
        "requires = [\"secret-store >= 2.0\"]".to_owned(),
        "tokens: 2026-01-05T08:00:00Z".to_owned(),
        "api_key_version = \"2026-01-05\"".to_owned(),
        "token = \"2026-01-05T08:00:00Z\"".to_owned(),
        "credential: user.sessionToken".to_owned(),
    ] {
        assert_eq!(scan(&text), [], "{text}");
    }
}

fn repository(text: &str) -> Catalog {
    let files = [("services/catalog.toml", ""), ("infrastructure/main.k", text)];
    reader::read(files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())))
}

fn found(head: &Catalog, base: Option<&Catalog>) -> Vec<Finding> {
    let graph = DependencyGraph::build(head);
    let today = "2026-06-01".parse().unwrap();
    check(&Context::new(head, base, &graph, today))
}

#[test]
fn no_part_of_a_finding_tells_the_secret() {
    let head = repository("# ñ\ndb_password = \"hünter2HUNTER2\" # x\n");
    let findings = found(&head, None);
    assert_eq!(findings.len(), 1);
    let shown = crate::domain::excerpt::plain_lines(&findings[0], 200).join("\n");
    assert!(!format!("{findings:?}{shown}").to_lowercase().contains("nter2"), "{shown}");
    assert!(shown.contains("infrastructure/main.k:2:16") && shown.contains("db_password = \"*"), "{shown}");

    // Another rule that points at the same line does not tell it either.
    let label = head.label(&crate::domain::finding::Span { file: 1, start: 5, end: 16 }, "").unwrap();
    let said = "`hünter2HUNTER2` is no version";
    let mut others = [super::super::reading::INVALID_VALUE.finding(said).at(label).help(said)];
    mask(&mut others);
    assert_eq!(
        (&*others[0].message, others[0].help.as_deref()),
        ("`…` is no version", Some("`…` is no version"))
    );
    assert!(!others[0].labels[0].file.text.contains("HUNTER2"));
}

#[test]
fn a_private_key_is_masked_to_its_end() {
    let key = format!("key = '''\n-----BEGIN {} KEY-----\n{}\n{}\n-----END", "PRIVATE", of(64), of(20));
    let findings = found(&repository(&key), None);
    assert!(!findings[0].labels[0].file.text.contains(&of(10)), "{}", findings[0].labels[0].file.text);
}

#[test]
fn only_what_a_change_touches_is_searched() {
    let (base, head) =
        (repository("a_password = \"hunter2HUNTER2\"\n"), repository("a_password = \"hunter2HUNTER3\"\n"));
    assert_eq!(found(&base, Some(&base)).len(), 0);
    assert_eq!(found(&head, Some(&base)).len(), 1);
    assert_eq!(found(&head, None).len(), 1);
}

#[test]
fn a_dated_and_reasoned_comment_allows_it_on_its_line_and_the_next() {
    let secret = "a_password = \"hunter2HUNTER2\"";
    for (text, left) in [
        (format!("{secret} # quarterdeck: allow QD501 until 2026-07-01 because it is a test vector\n"), 0),
        (format!("# quarterdeck: allow QD501 until 2026-06-01 because it is a test vector\n{secret}\n"), 0),
        (format!("# quarterdeck: allow QD501 until 2026-05-31 because it was one\n{secret}\n"), 1),
        (format!("# quarterdeck: allow QD501 until 2026-07-01\n{secret}\n"), 1),
        (format!("# quarterdeck: allow QD501 because I say so\n{secret}\n"), 1),
        (format!("# quarterdeck: allow QD501 until 2027-07-01 because it is long\n{secret}\n"), 1),
        (format!("# quarterdeck: allow QD503 until 2026-07-01 because of the other\n{secret}\n"), 1),
        (format!("# quarterdeck: allow QD501 until 2026-07-01 because far\n\n{secret}\n"), 1),
    ] {
        let head = repository(&text);
        assert_eq!(found(&head, None).len(), left, "{text}");
        let graph = DependencyGraph::build(&head);
        let context = Context::new(&head, None, &graph, "2026-06-01".parse().unwrap());
        assert_eq!(allowed(&context).len(), 1 - left, "{text}");
    }
}

#[test]
fn a_dump_of_credentials_is_counted() {
    let head = repository(&"a_password = \"hunter2HUNTER2\"\n".repeat(300));
    let findings = found(&head, None);
    assert_eq!(findings.len(), MOST_OF_A_FILE + 1);
    assert!(findings[MOST_OF_A_FILE].message.starts_with("250 more credentials"));
}

#[test]
fn hostile_text_is_scanned_soon() {
    let begun = std::time::Instant::now();
    for text in
        ["://".repeat(300_000), "password".repeat(100_000), "eyJ".repeat(300_000), "token=\"".repeat(100_000)]
    {
        let _ = scan(&text);
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
}
