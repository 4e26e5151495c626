//! The ways to a cluster: credential plugins, and proxies. The simulated API takes anybody, so that a relay in front of it
//! notes what it is sent.

#![cfg(unix)]

use super::{
    cluster::{bench, target, until},
    cluster_faults::watching,
    console,
    program::Program,
};
use quarterdeck::{
    adapters::cluster::{Connections, KubeCluster},
    demo::Scenario,
    domain::catalog::ManagedBy,
    error::{Failure, FailureKind},
    ports::Cluster as _,
};
use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Something between us and the API that passes everything on, and notes what it is sent.
struct Relay {
    address: String,
    heard: Arc<Mutex<String>>,
}

impl Relay {
    /// A plain one, or a proxy that opens tunnels (and answers what else it is asked with `refusal`).
    async fn start(server: &str, is_proxy: bool, refusal: Option<&'static str>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heard = Arc::new(Mutex::new(String::new()));
        let (notes, server) = (Arc::clone(&heard), server.trim_start_matches("http://").to_owned());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (notes, server) = (Arc::clone(&notes), server.clone());
                tokio::spawn(async move { pass(stream, &server, is_proxy, refusal, &notes).await });
            }
        });
        Self { address, heard }
    }

    fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }
}

/// Passes one connection on; ends when either side does.
async fn pass(
    mut near: TcpStream,
    server: &str,
    is_proxy: bool,
    refusal: Option<&str>,
    notes: &Mutex<String>,
) -> Option<()> {
    let note = |bytes: &[u8]| notes.lock().unwrap().push_str(&String::from_utf8_lossy(bytes));
    if is_proxy {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(near.read_u8().await.ok()?);
        }
        note(&head);
        if let Some(refusal) = refusal {
            near.write_all(refusal.as_bytes()).await.ok()?;
            return None;
        }
        near.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
    }
    let mut far = TcpStream::connect(server).await.ok()?;
    let (mut near_read, mut near_write) = near.split();
    let (mut far_read, mut far_write) = far.split();
    let out = async {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = near_read.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
            note(&buffer[..count]);
            far_write.write_all(&buffer[..count]).await.ok()?;
        }
    };
    tokio::select! {
        ended = out => ended,
        copied = tokio::io::copy(&mut far_read, &mut near_write) => copied.ok().map(|_| ()),
    }
}

/// A kubeconfig of one context, with more lines for its cluster and its user.
fn kubeconfig(folder: &Path, server: &str, cluster: &str, user: &str) -> KubeCluster {
    let text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster:\n    server: '{server}'\n{cluster}\
         contexts:\n- {{name: demo-production, context: {{cluster: c, user: u}}}}\n\
         users:\n- name: u\n  user:\n{user}"
    );
    let path = folder.join("config");
    std::fs::write(&path, text).unwrap();
    KubeCluster::of(&Connections::open(Some(&path)).unwrap(), &"demo-production".into()).unwrap()
}

/// A credential plugin: a script that notes each of its runs in `runs`.
struct Plugin {
    folder: TempDir,
    path: PathBuf,
}

impl Plugin {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        let runs = folder.path().join("runs");
        let text = format!("#!/bin/sh\necho run >> '{}'\n{script}\n", runs.display());
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { folder, path }
    }

    fn cluster(&self, server: &str) -> KubeCluster {
        let user = format!(
            "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: '{}'\n      \
             interactiveMode: IfAvailable\n",
            self.path.display()
        );
        kubeconfig(self.folder.path(), server, "", &user)
    }

    fn runs(&self) -> usize {
        std::fs::read_to_string(self.folder.path().join("runs")).map_or(0, |text| text.lines().count())
    }
}

/// What a plugin prints, with the number of its run in the token.
fn credential(expiry: &str) -> String {
    format!(
        "cat <<END\n{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\
         \"status\":{{\"token\":\"token-$(wc -l < \"$(dirname \"$0\")/runs\" | tr -d ' ')\"{expiry}}}}}\nEND"
    )
}

async fn pods(cluster: &KubeCluster) -> Result<usize, Failure> {
    cluster.pods(&target("shared-auth", ManagedBy::Deployment)).await.map(|pods| pods.len())
}

#[tokio::test]
async fn a_plugin_is_asked_again_when_its_token_has_expired_and_only_then() {
    let bench = bench().await;
    for (expiry, again) in [
        ("", false),
        (",\"expirationTimestamp\":\"2999-01-01T00:00:00Z\"", false),
        (",\"expirationTimestamp\":\"2001-01-01T00:00:00Z\"", true),
    ] {
        let relay = Relay::start(&bench.simulated.url(), false, None).await;
        let plugin = Plugin::new(&credential(expiry));
        let cluster = plugin.cluster(&format!("http://{}", relay.address));
        assert!(pods(&cluster).await.unwrap() > 0);
        let first = plugin.runs();
        assert!(pods(&cluster).await.unwrap() > 0);
        assert_eq!(plugin.runs() > first, again, "{expiry}: {first} and then {} runs", plugin.runs());
        let heard = relay.heard().to_lowercase();
        let last = heard.rsplit_once("authorization: bearer token-").unwrap().1;
        let run: usize = last.split_once("\r\n").unwrap().0.parse().unwrap();
        assert_eq!(run, if again { plugin.runs() } else { run.min(first) }, "the newest token is sent");
    }
}

#[tokio::test]
async fn a_plugin_that_fails_is_told_without_what_it_printed() {
    let bench = bench().await;
    let absent = "no/such/plugin";
    for (script, kind, words) in [
        (
            "echo hunter2\necho 'warming up' >&2\necho 'login expired: run acme login' >&2\nexit 3",
            FailureKind::Forbidden,
            "login expired: run acme login",
        ),
        ("echo hunter2", FailureKind::Forbidden, "is no ExecCredential"),
        (
            "echo '{\"kind\":\"ExecCredential\",\"spec\":{\"x\":\"hunter2\"}}'",
            FailureKind::Forbidden,
            "is no ExecCredential",
        ),
        (absent, FailureKind::Forbidden, "could not be started"),
    ] {
        let plugin = Plugin::new(script);
        if script == absent {
            std::fs::remove_file(&plugin.path).unwrap();
        }
        let cluster = plugin.cluster(&bench.simulated.url());
        let failure = pods(&cluster).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{}", failure.render());
        let text = failure.render();
        assert!(text.contains(words) && !text.contains("hunter2"), "{text}");
        let (mut receiver, task) = watching(cluster);
        until(&mut receiver, |seen| seen.as_ref().is_err_and(|failure| failure.render().contains(words)))
            .await;
        task.abort();
    }
}

#[tokio::test]
async fn a_plugin_that_hangs_is_told_and_not_started_twice() {
    let bench = bench().await;
    let plugin = Plugin::new(&format!(
        "while [ -e \"$(dirname \"$0\")/wait\" ]; do sleep 0.02; done\n{}",
        credential("")
    ));
    let wait = plugin.folder.path().join("wait");
    std::fs::write(&wait, "").unwrap();
    let cluster = plugin.cluster(&bench.simulated.url()).with_deadline(Duration::from_millis(50));
    // The first look may be over before the script has begun.
    let mut looks = 0;
    while plugin.runs() == 0 || looks < 3 {
        let failure = pods(&cluster).await.unwrap_err();
        assert!(failure.message.contains("the credentials were not there"), "{}", failure.render());
        assert!(failure.hints[0].contains("log in"));
        looks += 1;
    }
    assert_eq!(plugin.runs(), 1);
    std::fs::remove_file(&wait).unwrap();
    let cluster = cluster.with_deadline(Duration::from_mins(1));
    assert!(pods(&cluster).await.unwrap() > 0, "once it has answered, that counts");
}

#[tokio::test]
async fn a_proxy_that_the_kubeconfig_names_is_gone_through() {
    let bench = bench().await;
    let server = bench.simulated.url();
    let relay = Relay::start(&server, true, None).await;
    let folder = tempfile::tempdir().unwrap();
    let through = format!("    proxy-url: 'http://user:pa%40ss@{}'\n", relay.address);
    let cluster = kubeconfig(folder.path(), &server, &through, "    token: t\n");
    assert!(pods(&cluster).await.unwrap() > 0);
    let (mut receiver, task) = watching(cluster);
    until(&mut receiver, |seen| seen.as_ref().is_ok_and(|view| view.workloads.len() > 5)).await;
    task.abort();
    let heard = relay.heard();
    assert!(heard.starts_with(&format!("CONNECT {} ", server.trim_start_matches("http://"))), "{heard}");
    assert!(heard.to_lowercase().contains("proxy-authorization: basic "), "{heard}");
    assert!(
        heard.contains("watch=true") || heard.contains("watch=1"),
        "what is watched goes through it, too"
    );

    let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
    let relay = Relay::start(&server, true, Some(refusal)).await;
    let through = format!("    proxy-url: 'http://{}'\n", relay.address);
    let cluster = kubeconfig(folder.path(), &server, &through, "    token: t\n");
    let refused = pods(&cluster).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Unreachable, "{}", refused.render());
    assert!(refused.render().contains("prox"), "{}", refused.render());

    let elsewhere = "    proxy-url: 'ftp://proxy.example.com'\n";
    let cluster = kubeconfig(folder.path(), &server, elsewhere, "    token: t\n");
    let refused = pods(&cluster).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Configuration, "{}", refused.render());
    assert!(refused.hints[0].contains("proxy-url"), "{}", refused.render());
}

#[tokio::test]
async fn the_proxy_of_the_environment_is_gone_through_to_clusters_elsewhere() {
    let platform = console::platform(Scenario::Calm).await;
    let refusal = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    let relay = Relay::start("127.0.0.1:1", true, Some(refusal)).await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    let text = "apiVersion: v1\nkind: Config\nclusters:\n- {name: c, cluster: {server: 'https://cluster.invalid:6443'}}\ncontexts:\n- {name: demo-production, context: {cluster: c, user: u}}\nusers:\n- {name: u, user: {token: t}}\n";
    std::fs::write(&config, text).unwrap();
    let mut program = Program::on(platform.repository(), &config);
    program.set("HTTPS_PROXY", &format!("http://{}", relay.address));
    program.set("NO_PROXY", "elsewhere.invalid,10.0.0.0/8");
    let arguments = ["service", "pods", "shared-auth", "--environment", "production"];
    program
        .ends(3, &arguments)
        .await
        .complains(&["demo-production", "could not read Deployment shared/shared-auth"]);
    let heard = relay.heard();
    assert!(heard.starts_with("CONNECT cluster.invalid:6443 "), "{heard}");
}
