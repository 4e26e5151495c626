//! The agent as a process: killed at every step and started again, ended by SIGTERM, two of them in one clone, and its
//! endpoints.

use crate::{
    console::DEADLINE,
    ledger_killed::wait_for_git,
    ledger_processes::{environment as person, git},
    program::{BINARY, search_path},
};
use axum::{Router, extract::State, http::HeaderMap, routing::post};
use chrono::Duration;
use quarterdeck::{
    adapters::{clock::SystemClock, git as adapter, install_crypto},
    domain::{escalation::Severity, leadership::LeaseRecord, ledger::declare},
    generate::starter::starter,
    ports::{Clock as _, Ledger as _},
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStderr, Command},
};

/// A remote, a clone for the agent, and a channel that keeps the keys of what it is told.
struct Bench {
    folder: TempDir,
    keys: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    async fn new() -> Self {
        install_crypto();
        let folder = tempfile::tempdir().unwrap();
        let keys: Arc<Mutex<Vec<String>>> = Arc::default();
        let hear = async |State(keys): State<Arc<Mutex<Vec<String>>>>, headers: HeaderMap| {
            let key = headers["idempotency-key"].to_str().unwrap().to_owned();
            keys.lock().unwrap().push(key);
        };
        let router = Router::new().route("/", post(hear)).with_state(keys.clone());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let bench = Self { folder, keys };
        let mut files = starter("control");
        for (path, text) in &mut files {
            if path == "quarterdeck.toml" {
                *text += &format!(
                    "\n[notify.ops]\nkind = \"webhook\"\nurl = \"http://{address}/\"\non = [\"incident.escalated\"]\n"
                );
                *text += "\n[agent]\nrun = [\"escalate\", \"notify\"]\n";
            }
            if path == "policies/teams.toml" {
                *text +=
                    "\n[person.agent]\nname = \"Agent\"\nemail = \"agent@example.com\"\nkind = \"agent\"\n";
            }
        }
        adapter::create(&bench.path("first"), &files, person("ana")).unwrap();
        git(bench.folder.path(), &["clone", "--quiet", "--bare", "first", "remote.git"]);
        for name in ["agent", "ana"] {
            git(bench.folder.path(), &["clone", "--quiet", "remote.git", name]);
        }
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An incident that nobody has taken for ten minutes.
    async fn declare(&self) {
        let repository = adapter::GitRepository::open(&self.path("ana"), person("ana")).unwrap();
        let ledger = adapter::GitLedger::new(&repository);
        let draft = Box::new(|operations: &_| declare(operations, Severity::Critical, "5xx", None));
        ledger.append(SystemClock.now() - Duration::minutes(10), draft).await.unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(["--repo".as_ref(), self.path("agent").as_os_str()])
            .args(arguments)
            .env_clear()
            .envs(person("agent"))
            .env("HOME", self.folder.path())
            .env("PATH", search_path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    fn start(&self, arguments: &[&str]) -> Running {
        let mut child = self.command(arguments).spawn().unwrap();
        fs::write(self.path("pid"), child.id().unwrap().to_string()).unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Running { child, lines }
    }

    /// Runs it once, to its end.
    async fn once(&self) -> std::process::Output {
        let run = self.command(&["agent", "--once"]).output();
        tokio::time::timeout(DEADLINE, run).await.expect("it ends").unwrap()
    }

    fn hook(&self, repository: &str, name: &str, script: &str) -> PathBuf {
        let root = self.path(repository);
        let root = if root.join(".git").exists() { root.join(".git") } else { root };
        fs::create_dir_all(root.join("hooks")).unwrap();
        let hook = root.join("hooks").join(name);
        fs::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
        hook
    }

    fn subjects(&self) -> Vec<String> {
        let log = git(&self.path("remote.git"), &["log", "--reverse", "--format=%s", "quarterdeck/ledger"]);
        log.lines().map(str::to_owned).collect()
    }

    fn count(&self, start: &str) -> usize {
        self.subjects().iter().filter(|subject| subject.starts_with(start)).count()
    }

    /// Who holds the lock of the clone, by its heartbeat; empty when nobody does.
    fn holder(&self) -> String {
        let text = fs::read(self.path("agent/.git/quarterdeck-agent.json")).unwrap_or_default();
        serde_json::from_slice::<LeaseRecord>(&text).map(|record| record.holder).unwrap_or_default()
    }
}

struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Running {
    /// Waits for a line of the journal with this message, and gives it.
    async fn says(&mut self, message: &str) -> Value {
        loop {
            let line = tokio::time::timeout(DEADLINE, self.lines.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("`{message}` does not come")).unwrap();
            let line = line.unwrap_or_else(|| panic!("it ended without `{message}`"));
            let read: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(read["at"].is_string() && read["level"].is_string(), "{line}");
            if read["message"] == message {
                return read;
            }
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    async fn ends(mut self) -> std::process::ExitStatus {
        // What it still says must not fill the pipe.
        while let Ok(Ok(Some(_))) = tokio::time::timeout(DEADLINE, self.lines.next_line()).await {}
        tokio::time::timeout(DEADLINE, self.child.wait()).await.expect("it ends").unwrap()
    }
}

/// Where the agent dies while it calls a level.
struct Step {
    name: &'static str,
    repository: &'static str,
    hook: &'static str,
    when: &'static str,
    /// Whether git goes on after its caller has died.
    goes_on: bool,
}

const STEPS: [Step; 7] = [
    Step {
        name: "the event is written, no branch has it",
        repository: "agent",
        hook: "reference-transaction",
        when: "[ \"$1\" = prepared ] && grep -q refs/heads/quarterdeck/ledger",
        goes_on: false,
    },
    Step {
        name: "the branch is about to move",
        repository: "agent",
        hook: "reference-transaction",
        when: "[ \"$1\" = prepared ] && grep -q refs/heads/quarterdeck/ledger",
        goes_on: true,
    },
    Step { name: "the push begins", repository: "agent", hook: "pre-push", when: "true", goes_on: false },
    Step {
        name: "the remote has the commit and no branch with it",
        repository: "remote.git",
        hook: "pre-receive",
        when: "true",
        goes_on: false,
    },
    Step {
        name: "the remote's branch is about to move",
        repository: "remote.git",
        hook: "update",
        when: "true",
        goes_on: true,
    },
    Step {
        name: "the remote has it and nobody knows",
        repository: "remote.git",
        hook: "post-receive",
        when: "true",
        goes_on: true,
    },
    Step {
        name: "the channel was told and the ledger is about to say so",
        repository: "agent",
        hook: "reference-transaction",
        when: "[ \"$1\" = prepared ] && grep refs/heads/quarterdeck/ledger | while read old new name; do \
               git log -1 --format=%s \"$new\"; done | grep -q notice.delivered",
        goes_on: false,
    },
];

#[tokio::test]
async fn killed_at_any_step_and_started_again_it_does_nothing_twice() {
    for step in &STEPS {
        let bench = Bench::new().await;
        bench.declare().await;
        let script = format!(
            "if {}; then while [ ! -s '{pid}' ]; do :; done; kill -9 \"$(cat '{pid}')\"; exit {}; fi",
            step.when,
            u8::from(!step.goes_on),
            pid = bench.path("pid").display(),
        );
        let hook = bench.hook(step.repository, step.hook, &script);
        let status = bench.start(&["agent", "--once"]).ends().await;
        assert_eq!(status.signal(), Some(9), "{}: it was to be killed", step.name);
        fs::remove_file(hook).unwrap();
        wait_for_git(&[&bench.path("agent"), &bench.path("remote.git")]);
        // The system has let go of the lock with the process; the next one leads at once.
        for _ in 0..2 {
            let ran = bench.once().await;
            assert!(ran.status.success(), "{}: {}", step.name, String::from_utf8_lossy(&ran.stderr));
        }
        assert_eq!(
            bench.count("incident.escalated(INC-1): level 1"),
            1,
            "{}: {:#?}",
            step.name,
            bench.subjects()
        );
        assert_eq!(bench.holder(), "", "{}", step.name);
        // Told twice at most when the ledger could not know of the first time, and then under one key.
        let keys: BTreeSet<String> = bench.keys.lock().unwrap().iter().cloned().collect();
        assert!(keys.len() <= 1, "{}: {keys:?}", step.name);
        for repository in ["agent", "remote.git"] {
            git(&bench.path(repository), &["fsck", "--strict", "--no-dangling"]);
        }
    }
}

#[tokio::test]
async fn sigterm_lets_it_finish_what_it_is_changing_and_release_the_lead() {
    let bench = Bench::new().await;
    bench.declare().await;
    let (reached, go_on) = (bench.path("reached"), bench.path("go-on"));
    // The remote takes its time to accept the event.
    let script = format!("touch '{}'; while [ ! -e '{}' ]; do :; done", reached.display(), go_on.display());
    bench.hook("remote.git", "pre-receive", &script);
    let mut agent = bench.start(&["agent", "--listen", "127.0.0.1:0"]);
    let listen = agent.says("beginning").await["listen"].as_str().unwrap().to_owned();
    agent.says("leading").await;
    let begun = agent.says("begun").await;
    assert_eq!((begun["reconciler"].as_str(), begun["level"].as_str()), (Some("escalate"), Some("info")));
    while !reached.exists() {
        tokio::task::yield_now().await;
    }
    endpoints(&listen).await;
    agent.signal("TERM");
    agent.says("ending").await;
    // It waits for the push, and leads until then.
    assert_eq!(agent.child.try_wait().unwrap(), None);
    assert_ne!(bench.holder(), "");
    fs::write(&go_on, "").unwrap();
    agent.says("ended").await;
    let status = agent.ends().await;
    assert_eq!(status.code(), Some(0), "{status:?}");
    assert_eq!(bench.holder(), "");
    assert_eq!(bench.count("incident.escalated("), 1, "{:#?}", bench.subjects());
    // What came after that mutation was not begun.
    assert_eq!(bench.count("notice.delivered("), 0, "{:#?}", bench.subjects());
    assert_eq!(bench.keys.lock().unwrap().len(), 0);
}

async fn endpoints(listen: &str) {
    let web = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = async |path: &str| {
        let answer = web.get(format!("http://{listen}{path}")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(get("/readyz").await, (200, "ok\n".to_owned()));
    let (_, text) = get("/metrics").await;
    let lines = text.lines().map(|line| Ok(line.to_owned()));
    let samples = prometheus_parse::Scrape::parse(lines).unwrap().samples;
    assert_eq!(samples.len(), text.lines().filter(|line| !line.starts_with('#')).count(), "{text}");
    let value = |name: &str| {
        let sample = samples.iter().find(|sample| sample.metric == format!("quarterdeck_agent_{name}"));
        match sample.map(|sample| &sample.value) {
            Some(prometheus_parse::Value::Counter(value) | prometheus_parse::Value::Gauge(value)) => *value,
            other => panic!("{name}: {other:?} in\n{text}"),
        }
    };
    assert!(value("is_leader") > 0.5 && value("ticks_total") >= 1.0 && value("queue") >= 1.0, "{text}");
}

#[tokio::test]
async fn of_two_in_one_clone_one_leads_and_the_other_takes_over() {
    let bench = Bench::new().await;
    let mut one = bench.start(&["agent"]);
    one.says("leading").await;
    let mut two = bench.start(&["agent"]);
    let waiting = two.says("not leading").await;
    assert_eq!(waiting["holder"].as_str(), Some(bench.holder().as_str()));
    // A third that looks once leaves it to the one that leads.
    let third = bench.once().await;
    assert!(third.status.success());
    assert!(String::from_utf8_lossy(&third.stderr).contains("there is an agent"));
    let first = bench.holder();
    one.signal("KILL");
    assert_eq!(one.ends().await.signal(), Some(9));
    two.says("leading").await;
    assert_ne!(bench.holder(), first);
    two.signal("TERM");
    assert_eq!(two.ends().await.code(), Some(0));
}

#[tokio::test]
async fn once_says_what_it_did_and_dry_what_it_would_do() {
    let bench = Bench::new().await;
    bench.declare().await;
    let before = bench.subjects();
    let run = async |arguments: &[&str]| {
        let output = bench.command(arguments).stdout(Stdio::piped()).output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, err) = run(&["agent", "--once", "--dry-run"]).await;
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("escalate: call level 1 of INC-1") && out.contains("tell ops (webhook)"),
        "{out}{err}"
    );
    assert_eq!(bench.subjects(), before);
    assert_eq!(bench.holder(), "");
    let (code, out, err) = run(&["agent", "--once", "-o", "json"]).await;
    assert_eq!(code, Some(0), "{err}");
    let read: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(read["commands"][0]["reconciler"], "escalate");
    assert_eq!(read["commands"][0]["deliveries"][0]["channel"], "ops");
    let (code, out, err) = run(&["agent", "--once"]).await;
    assert_eq!((code, out.as_str()), (Some(0), "nothing is due\n"), "{err}");
    // Nobody may let an agent run under a human being's name.
    let human = bench.command(&["agent", "--once"]).envs(person("m.ruiz")).output().await.unwrap();
    assert_eq!(human.status.code(), Some(2), "{}", String::from_utf8_lossy(&human.stderr));
    let (code, _, err) = run(&["agent", "--dry-run"]).await;
    assert_eq!(code, Some(2), "{err}");
}
