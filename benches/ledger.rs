//! The ledger: appending, folding a long one with and without the kept state beside `git log`, verifying,
//! and eight processes at once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on says where")]

mod support;

use chrono::{DateTime, Utc};
use gix::objs::Write as _;
use quarterdeck::{
    adapters::git::{GitLedger, GitRepository},
    config::environment::var,
    domain::{
        change::Identity,
        escalation::Severity,
        gate::Gate,
        ledger::{Entry, EntryBody, Happening, Marks, Operations, declare, encode, incident_id},
    },
    ports::Ledger as _,
};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use ssh_key::{
    Algorithm, HashAlg, LineEnding, PublicKey, Signature, SshSig,
    public::{Ed25519PublicKey, KeyData},
};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};
use support::{
    child::environment,
    report::{Table, measure, milliseconds},
    repository::{self, Backends},
};
use tokio::runtime::Runtime;

const BRANCH: &str = "refs/heads/quarterdeck/ledger";
const LONG: usize = 100_000;
const PROCESSES: usize = 8;
const EVENTS: usize = 50;
/// Tells a process that it is one of the eight, and which clone is its own.
const WORKER: &str = "QUARTERDECK_BENCH_LEDGER_CLONE";

fn main() {
    if let Some(clone) = var(WORKER) {
        return worker(Path::new(&clone));
    }
    let mut table = Table::default();
    appending(&mut table);
    long(&mut table);
    signed(&mut table);
    eight(&mut table);
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

fn own(home: &Path) -> Vec<(String, String)> {
    environment(home).into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Runs git in `directory` and waits for it.
fn git(directory: &Path, home: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(directory).env_clear().envs(environment(home));
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {arguments:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn append(runtime: &Runtime, ledger: &GitLedger) {
    let draft =
        Box::new(|operations: &Operations| declare(operations, Severity::High, "a bench's incident", None));
    assert!(runtime.block_on(ledger.append(now(), draft)).unwrap().synced);
}

fn appending(table: &mut Table) {
    let home = tempfile::tempdir().unwrap();
    let (directory, remote) = (home.path().join("control"), home.path().join("remote.git"));
    repository::write(&directory, 20, &Backends::default());
    git(home.path(), home.path(), &["clone", "--quiet", "--bare", "control", "remote.git"]);
    git(&directory, home.path(), &["remote", "add", "origin", &remote.to_string_lossy()]);
    git(&directory, home.path(), &["fetch", "--quiet", "origin"]);
    let runtime = Runtime::new().unwrap();
    let ledger = GitLedger::new(&GitRepository::open(&directory, own(home.path())).unwrap());
    table.times(
        "an event appended and pushed (local remote)",
        "≤ 150 ms",
        measure(50, || append(&runtime, &ledger)),
    );
    let push = measure(20, || {
        git(&directory, home.path(), &["commit", "--quiet", "--allow-empty", "-m", "beside"]);
        git(&directory, home.path(), &["push", "--quiet", "origin", "main"]);
    });
    table.times("  beside it: `git commit` and `git push`", "", push);
    let again = measure(100, || runtime.block_on(ledger.state()).unwrap());
    table.times("the ledger folded again, nothing new", "", again);
}

/// A ledger of a hundred thousand events.
fn long(table: &mut Table) {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("control");
    repository::write(&directory, 20, &Backends::default());
    import(&directory, home.path());
    let runtime = Runtime::new().unwrap();
    let log = measure(5, || git(&directory, home.path(), &["log", "--format=%B", BRANCH]));
    let kept = directory.join(".git/quarterdeck/ledger-state");
    let fold = |keep: bool| {
        if !keep {
            fs::remove_file(&kept).unwrap_or_default();
        }
        let ledger = GitLedger::new(&GitRepository::open(&directory, own(home.path())).unwrap());
        let state = runtime.block_on(ledger.state()).unwrap();
        assert_eq!((state.operations.events, state.operations.contradictions), (LONG, 0));
        state
    };
    let cold = measure(5, || fold(false));
    let ratio = median(&cold) / median(&log);
    table.times("fold of 100,000 events, cold", "≤ 3 × log", cold);
    table.times("  beside it: `git log --format=%B`", "", log);
    table.value("  ratio", "≤ 3", format!("{ratio:.2}"));
    table.times("fold of 100,000 events, with the kept state", "≤ 50 ms", measure(20, || fold(true)));
    table.value("  the kept state", "", format!("{} KiB", fs::metadata(&kept).unwrap().len() / 1024));
    let ledger = GitLedger::new(&GitRepository::open(&directory, own(home.path())).unwrap());
    let verify = measure(3, || {
        let examined = runtime.block_on(ledger.examine("main", now(), false)).unwrap();
        assert_eq!(examined.links.len(), LONG);
    });
    table.times("verification of 100,000 unsigned events", "", verify);
    let entries: Vec<Entry> = (0..10_000).map(entry).collect();
    table.times("fold of 10,000 events in memory", "", measure(50, || Operations::fold(&entries)));
}

/// A ledger of a hundred thousand events, each signed with an SSH key that the policies allow.
fn signed(table: &mut Table) {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("control");
    repository::write(&directory, 20, &Backends::default());
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public: [u8; 32] = pair.public_key().as_ref().try_into().unwrap();
    let key = KeyData::Ed25519(Ed25519PublicKey(public));
    let text = PublicKey::new(key.clone(), "bench").to_openssh().unwrap();
    fs::write(directory.join("policies/allowed_signers"), format!("bench@example.com {text}\n")).unwrap();
    let teams = directory.join("policies/teams.toml");
    let people = fs::read_to_string(&teams).unwrap();
    let people = format!("{people}\n[person.bench]\nname = \"Bench\"\nemail = \"bench@example.com\"\n");
    fs::write(&teams, people).unwrap();
    fs::write(directory.join("policies/security.toml"), "[ledger]\nsignatures = \"required\"\n").unwrap();
    git(&directory, home.path(), &["add", "policies"]);
    // Before its first commit the main branch counts as that says.
    git(&directory, home.path(), &["commit", "--quiet", "--amend", "--no-edit"]);
    write_signed(&directory, &pair, &key);
    git(&directory, home.path(), &["repack", "-adq"]);
    let runtime = Runtime::new().unwrap();
    let note = directory.join(".git/quarterdeck/ledger-verified.json");
    let open = || GitLedger::new(&GitRepository::open(&directory, own(home.path())).unwrap());
    let whole = measure(3, || {
        let examined = runtime.block_on(open().examine("main", now(), true)).unwrap();
        let found = examined.verification;
        assert_eq!((found.signed(), found.problem_count), (LONG, 0), "{:?}", found.problems.first());
    });
    table.times("verification of 100,000 signed events", "", whole);
    assert!(note.exists());
    let again = measure(3, || {
        assert!(runtime.block_on(open().verify_on("main", now(), false)).unwrap().is_valid());
    });
    table.times("  behind the console, where it was verified before", "", again);
    let ledger = open();
    let quiet = measure(20, || runtime.block_on(ledger.verify_on("main", now(), false)).unwrap());
    table.times("  once more in the same process, nothing new", "", quiet);
}

/// Writes the events as Git would have them signed.
fn write_signed(directory: &Path, pair: &Ed25519KeyPair, key: &KeyData) {
    let repository = gix::open(directory).unwrap();
    let mut parent: Option<gix::ObjectId> = None;
    for index in 0..LONG {
        let entry = entry(index);
        let EntryBody::Known(happening) = &entry.body else { continue };
        let message = encode(happening, Marks::default()).unwrap();
        let who = format!("Bench <bench@example.com> {} +0000", entry.at.timestamp());
        let head = format!("tree {}\n", gix::ObjectId::empty_tree(gix::hash::Kind::Sha1));
        let parents = parent.map_or_else(String::new, |id| format!("parent {id}\n"));
        let head = format!("{head}{parents}author {who}\ncommitter {who}\n");
        let payload = format!("{head}\n{message}");
        let data = SshSig::signed_data("git", HashAlg::Sha512, payload.as_bytes()).unwrap();
        let signature = Signature::new(Algorithm::Ed25519, pair.sign(&data).as_ref()).unwrap();
        let signature = SshSig::new(key.clone(), "git", HashAlg::Sha512, signature).unwrap();
        let armoured = signature.to_pem(LineEnding::LF).unwrap();
        let armoured = armoured.trim_end().replace('\n', "\n ");
        let raw = format!("{head}gpgsig {armoured}\n\n{message}");
        parent = Some(repository.objects.write_buf(gix::object::Kind::Commit, raw.as_bytes()).unwrap());
    }
    let reference = directory.join(".git").join(BRANCH);
    fs::create_dir_all(reference.parent().unwrap()).unwrap();
    fs::write(reference, format!("{}\n", parent.unwrap())).unwrap();
}

fn median(samples: &[std::time::Duration]) -> f64 {
    let mut samples = samples.to_vec();
    samples.sort_unstable();
    samples[samples.len() / 2].as_secs_f64()
}

/// Writes the long ledger with `git fast-import`.
fn import(directory: &Path, home: &Path) {
    let mut stream = String::new();
    for index in 0..LONG {
        let entry = entry(index);
        let EntryBody::Known(happening) = &entry.body else { continue };
        let text = encode(happening, Marks::default()).unwrap();
        let who = format!("Bench <bench@example.com> {} +0000", entry.at.timestamp());
        let _ =
            writeln!(stream, "commit {BRANCH}\nauthor {who}\ncommitter {who}\ndata {}\n{text}", text.len());
    }
    let path = home.join("stream");
    fs::write(&path, stream).unwrap();
    let mut command = Command::new("git");
    command.args(["fast-import", "--quiet"]).current_dir(directory).env_clear().envs(environment(home));
    assert!(command.stdin(fs::File::open(path).unwrap()).status().unwrap().success());
}

/// Incidents that are declared, taken and resolved, and approvals.
fn entry(index: usize) -> Entry {
    let incident = incident_id((index / 4 + 1) as u32);
    let happening = match index % 4 {
        0 => Happening::IncidentDeclared {
            incident,
            severity: Severity::High,
            title: "a bench's incident".into(),
            service: Some(repository::name(index % 1_000).into()),
            deployment: None,
            post_mortem_due: None,
        },
        1 => Happening::IncidentAcknowledged { incident },
        2 => Happening::IncidentResolved { incident, note: None },
        _ => Happening::ChangeApproved {
            change: format!("change-{}", index / 8).into(),
            gate: Gate::CodeReview,
            head: format!("{index:040x}").into(),
            base: format!("{index:040x}").into(),
            digest: None,
            answers: None,
            note: Some("read and tried".into()),
        },
    };
    Entry {
        commit: format!("{index:040x}").into(),
        at: DateTime::from_timestamp(1_780_000_000 + index.cast_signed() as i64, 0).unwrap(),
        actor: Identity { name: "Bench".into(), email: "bench@example.com".into() },
        subject: happening.subject(),
        body: EntryBody::Known(happening),
    }
}

/// What each of the eight processes does.
fn worker(clone: &Path) {
    let home = clone.parent().unwrap().to_owned();
    let runtime = Runtime::new().unwrap();
    let ledger = GitLedger::new(&GitRepository::open(clone, own(&home)).unwrap());
    for _ in 0..EVENTS {
        append(&runtime, &ledger);
    }
}

/// Eight processes in eight clones append fifty events each.
fn eight(table: &mut Table) {
    let home = tempfile::tempdir().unwrap();
    git(home.path(), home.path(), &["init", "--quiet", "--bare", "remote.git"]);
    let clones: Vec<PathBuf> = (0..PROCESSES)
        .map(|number| {
            let name = format!("clone-{number}");
            git(home.path(), home.path(), &["clone", "--quiet", "remote.git", &name]);
            home.path().join(name)
        })
        .collect();
    let began = Instant::now();
    let children: Vec<_> = clones
        .iter()
        .map(|clone| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.env(WORKER, clone).stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let took = began.elapsed();
    let remote = home.path().join("remote.git");
    let count = git(&remote, home.path(), &["rev-list", "--count", BRANCH]);
    let merges = git(&remote, home.path(), &["rev-list", "--merges", "--count", BRANCH]);
    assert_eq!((count.trim(), merges.trim()), ("400", "0"));
    table.value("8 processes × 50 events at once, all 400 there", "", milliseconds(took));
}
