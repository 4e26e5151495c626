//! The command line: global options, commands of the action registry, and what only a shell can ask for.

use super::{
    agent,
    check::{self, Format, Limit},
    schema,
};
use crate::action::{
    registry,
    spec::{ActionSpec, ArgumentKind, ArgumentSpec, Arguments},
};
use crate::{
    config::environment::var,
    domain::{deployment::gate::ReleaseGate, escalation::Severity, gate::Gate, lifecycle::Lifecycle},
};
use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser};
use std::{io::IsTerminal, path::PathBuf};

/// How output is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// For people.
    Text,
    /// For programs; its shape is documented in docs/CLI.md.
    Json,
}

/// Options that stand before or behind any command.
#[derive(Debug, Clone)]
pub struct Global {
    /// The control repository.
    pub repository: PathBuf,
    /// The user's settings file instead of the one in the XDG directory.
    pub config: Option<PathBuf>,
    /// Look first at the environment of this kubeconfig context.
    pub context: Option<String>,
    /// The kubeconfig instead of `KUBECONFIG` or `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// Change nothing outside.
    pub read_only: bool,
    /// Theme by name.
    pub theme: Option<String>,
    /// Keymap by name.
    pub keymap: Option<String>,
    /// How output is wanted.
    pub output: Output,
    /// Confirm without asking.
    pub yes: bool,
    /// Standard output is a terminal that wants colours.
    pub color: bool,
}

/// What the command line asks for.
pub enum Request {
    /// The console.
    Console,
    /// The simulated platform with the console on it.
    Demo {
        /// What happens in it; `None` to list what there is.
        scenario: Option<String>,
        /// The same seed gives the same platform.
        seed: u64,
        /// Print the briefing and end.
        once: bool,
        /// Join the demo that runs, as this one of its people.
        person: Option<String>,
    },
    /// Write a new control repository.
    Init(PathBuf),
    /// Validate.
    Check(check::Options),
    /// Explain a rule by its code or name.
    Explain(String),
    /// JSON Schemas of the control files.
    Schema {
        /// Of this file; the list of all if `None`.
        file: Option<String>,
        /// Write all into this folder.
        out: Option<PathBuf>,
    },
    /// One picture of the console.
    Snapshot {
        /// Only this pane.
        pane: Option<String>,
        /// Columns and rows.
        size: (u16, u16),
        /// `text`, `ansi` or `svg`.
        format: String,
    },
    /// What is done while nobody watches.
    Agent(agent::Options),
    /// A shell's completion script.
    Completions(clap_complete::Shell),
    /// The keymap that holds.
    KeymapPrint,
    /// Every theme by name.
    ThemeList,
    /// An action of the registry.
    Action(&'static ActionSpec, Arguments),
}

/// The whole command line, for parsing, help and completion.
pub fn command() -> Command {
    let mut root = Command::new("quarterdeck")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A terminal operations console: one Git control repository, joined with clusters and metrics")
        .after_help("Exit codes: 0 done or clean · 1 findings, violations or a refused gate · 2 usage or configuration · \
                     3 a backend could not be reached · 4 an action ran and failed · 130 interrupted")
        .arg(global("repo", "DIR", "the control repository").default_value("."))
        .arg(global("config", "FILE", "settings file instead of ~/.config/quarterdeck/config.toml"))
        .arg(global("context", "NAME", "look first at the environment of this kubeconfig context"))
        .arg(global("kubeconfig", "FILE", "kubeconfig instead of KUBECONFIG or ~/.kube/config"))
        .arg(global("theme", "NAME", "theme, see `quarterdeck theme list`"))
        .arg(global("keymap", "NAME", "keymap, `default` or a file of ~/.config/quarterdeck/keymaps"))
        .arg(
            Arg::new("read-only")
                .long("read-only")
                .global(true)
                .action(ArgAction::SetTrue)
                .help("change nothing outside this process"),
        )
        .arg(
            global("output", "FORMAT", "text or json")
                .short('o')
                .value_parser(["text", "json"])
                .default_value("text"),
        )
        .arg(
            Arg::new("yes")
                .long("yes")
                .short('y')
                .global(true)
                .action(ArgAction::SetTrue)
                .help("confirm the plan without asking"),
        )
        .subcommand(
            Command::new("demo")
                .about("Open the console on a simulated platform; nothing outside this process is touched")
                .arg(Arg::new("scenario").long("scenario").value_name("NAME").default_value("default").help("what happens in it; --list-scenarios names them all"))
                .arg(Arg::new("list-scenarios").long("list-scenarios").action(ArgAction::SetTrue).conflicts_with_all(["scenario", "seed", "once", "as"]).help("print the scenarios and end"))
                .arg(Arg::new("seed").long("seed").value_name("N").default_value("1").value_parser(clap::value_parser!(u64)).help("the same seed gives the same platform"))
                .arg(Arg::new("once").long("once").action(ArgAction::SetTrue).help("print the briefing and end"))
                .arg(Arg::new("as").long("as").value_name("PERSON").conflicts_with_all(["scenario", "seed"]).help("join the demo that runs in another terminal as another of its people; without a terminal, or with --once, print where their clone is")),
        )
        .subcommand(
            Command::new("init")
                .about("Write a new, valid, commented control repository")
                .arg(Arg::new("directory").required(true).value_name("DIR").help("an empty or new directory")),
        )
        .subcommand(
            Command::new("check")
                .about("Validate the control repository")
                .after_help("A..B stands for --base A --rev B. docs/CHECK.md describes every format.")
                .arg(Arg::new("paths").value_name("PATH|A..B").num_args(0..).help("show only findings in these files and folders"))
                .arg(Arg::new("rev").long("rev").value_name("REV").help("a Git revision instead of the working tree"))
                .arg(Arg::new("base").long("base").value_name("REV").help("judge what changed since the two parted, too"))
                .arg(Arg::new("format").long("format").value_name("FORMAT").value_parser(Format::ALL.map(|(word, _)| word)).help("as --output, or for code scanning and pipelines"))
                .arg(Arg::new("deny").long("deny").value_name("LEVEL").value_parser(["warning"]).help("let warnings fail too"))
                .arg(Arg::new("limit").long("limit").value_name("COUNT|all").value_parser(Limit::parse).help("print at most so many findings as text, annotations or code quality; 200 unless said"))
                .arg(Arg::new("explain").long("explain").value_name("RULE").conflicts_with_all(["paths", "rev", "base", "format", "deny", "limit", "watch"]).help("explain a rule by its code or name"))
                .arg(Arg::new("watch").long("watch").action(ArgAction::SetTrue).help("check again whenever a file is saved")),
        )
        .subcommand(
            Command::new("schema")
                .about("Print the JSON Schema of a control file, for editors; without FILE list them")
                .arg(Arg::new("file").value_name("FILE").help("a path such as services/catalog.toml, or the schema's name"))
                .arg(Arg::new("all").long("all").action(ArgAction::SetTrue).conflicts_with("file").help("write every schema"))
                .arg(Arg::new("out").long("out").value_name("DIR").requires("all").default_value(schema::FOLDER).help("where --all writes")),
        )
        .subcommand(
            Command::new("snapshot")
                .about("Print one picture of the console")
                .arg(Arg::new("pane").long("pane").value_name("PANE").help("only this pane: inventory, graph, changes, sla, escalation"))
                .arg(Arg::new("size").long("size").value_name("CxR").default_value("160x45").help("columns and rows"))
                .arg(Arg::new("format").long("format").value_name("FORMAT").value_parser(["text", "ansi", "svg"]).default_value("text").help("what to print")),
        )
        .subcommand(
            Command::new("agent")
                .about("Do what is due while nobody watches: clocks, heads of changes, notices; one leads, others wait")
                .after_help("docs/AGENT.md describes its identity, its lease, its endpoints and how to run it.")
                .arg(Arg::new("once").long("once").action(ArgAction::SetTrue).help("look once, do what is due, and end"))
                .arg(Arg::new("dry-run").long("dry-run").action(ArgAction::SetTrue).requires("once").help("only print what would be done"))
                .arg(Arg::new("listen").long("listen").value_name("ADDRESS:PORT").conflicts_with("once").value_parser(clap::value_parser!(std::net::SocketAddr)).help("serve /healthz, /readyz and /metrics there")),
        )
        .subcommand(
            Command::new("completions")
                .about("Print a shell's completion script")
                .arg(Arg::new("shell").required(true).value_name("SHELL").value_parser(clap::value_parser!(clap_complete::Shell))),
        )
        .subcommand(Command::new("keymap").about("Keymaps").subcommand_required(true).subcommand(
            Command::new("print").about("Print the keymap that holds, with where each line comes from"),
        ))
        .subcommand(
            Command::new("theme")
                .about("Themes")
                .subcommand_required(true)
                .subcommand(Command::new("list").about("List every theme by name")),
        );
    for action in registry::all().filter(|action| !action.cli.is_empty()) {
        let leaf = leaf(action);
        root = match action.cli {
            [family, _] if root.find_subcommand(family).is_some() => {
                root.mut_subcommand(family, |known| known.subcommand(leaf))
            }
            [family, _] => root.subcommand(
                Command::new(*family).about(family_title(family)).subcommand_required(true).subcommand(leaf),
            ),
            _ => root.subcommand(leaf),
        };
    }
    root
}

fn global(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).global(true).help(help)
}

fn family_title(family: &str) -> &'static str {
    match family {
        "service" => "Services",
        "change" => "Changes under review",
        "deployment" => "Deployments that run, wait or are over",
        "release" => "Versions that must not be deployed",
        "incident" => "Incidents",
        "ledger" => "The ledger",
        "forge" => "The forge",
        "repository" => "The control repository",
        _ => "",
    }
}

fn leaf(action: &'static ActionSpec) -> Command {
    let name = action.cli.last().copied().unwrap_or(action.id);
    let mut command = Command::new(name).about(action.doc.trim_end_matches('.'));
    for spec in action.arguments {
        command = command.arg(argument(spec));
    }
    command
}

fn argument(spec: &'static ArgumentSpec) -> Arg {
    let mut arg = Arg::new(spec.name).help(spec.help).required(spec.required);
    if spec.kind == ArgumentKind::Flag {
        return arg.long(spec.name).action(ArgAction::SetTrue);
    }
    if spec.positional {
        arg = arg.value_name(spec.name.to_uppercase());
    } else {
        arg = arg.long(spec.name).value_name(spec.name.to_uppercase());
    }
    match spec.kind {
        ArgumentKind::Services => arg.num_args(1..).action(ArgAction::Append),
        ArgumentKind::Severity => {
            arg.value_parser(PossibleValuesParser::new(Severity::ALL.map(Severity::as_str)))
        }
        ArgumentKind::Status => {
            arg.value_parser(PossibleValuesParser::new(Lifecycle::ALL.map(Lifecycle::as_str)))
        }
        ArgumentKind::Choice(words) => arg.value_parser(PossibleValuesParser::new(words.iter().copied())),
        ArgumentKind::Gate => arg.value_parser(PossibleValuesParser::new(Gate::ALL.map(Gate::as_str))),
        ArgumentKind::ReleaseGate => {
            arg.value_parser(PossibleValuesParser::new(ReleaseGate::APPROVED.map(ReleaseGate::as_str)))
        }
        _ => arg,
    }
}

/// What the command line asks for.
///
/// # Errors
/// What clap answers: help, version, or what is wrong with the arguments.
pub fn parse(
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<(Global, Request), clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let output = |word: Option<&String>| match word.map(String::as_str) {
        Some("json") => Output::Json,
        _ => Output::Text,
    };
    let global = Global {
        repository: text("repo").unwrap_or_else(|| ".".to_owned()).into(),
        config: text("config").map(PathBuf::from),
        context: text("context"),
        kubeconfig: text("kubeconfig").map(PathBuf::from),
        read_only: matches.get_flag("read-only"),
        theme: text("theme"),
        keymap: text("keymap"),
        output: output(matches.get_one("output")),
        yes: matches.get_flag("yes"),
        color: std::io::stdout().is_terminal() && var("NO_COLOR").is_none(),
    };
    let request = match matches.subcommand() {
        None => Request::Console,
        Some(("demo", sub)) => Request::Demo {
            scenario: given(sub, "scenario").filter(|_| !sub.get_flag("list-scenarios")),
            seed: sub.get_one("seed").copied().unwrap_or(1),
            once: sub.get_flag("once"),
            person: given(sub, "as"),
        },
        Some(("init", sub)) => Request::Init(given(sub, "directory").unwrap_or_default().into()),
        Some(("check", sub)) => match given(sub, "explain") {
            Some(rule) => Request::Explain(rule),
            None => Request::Check(check(sub, global.output)?),
        },
        Some(("schema", sub)) => Request::Schema {
            file: given(sub, "file"),
            out: given(sub, "out").filter(|_| sub.get_flag("all")).map(PathBuf::from),
        },
        Some(("snapshot", sub)) => Request::Snapshot {
            pane: given(sub, "pane"),
            size: size(&given(sub, "size").unwrap_or_default())?,
            format: given(sub, "format").unwrap_or_default(),
        },
        Some(("agent", sub)) => Request::Agent(agent::Options {
            once: sub.get_flag("once"),
            dry_run: sub.get_flag("dry-run"),
            listen: sub.get_one("listen").copied(),
        }),
        Some(("completions", sub)) => {
            Request::Completions(sub.get_one("shell").copied().unwrap_or(clap_complete::Shell::Bash))
        }
        Some(("keymap", _)) => Request::KeymapPrint,
        Some(("theme", _)) => Request::ThemeList,
        Some((family, sub)) => {
            let (words, sub): (Vec<&str>, &ArgMatches) = match sub.subcommand() {
                Some((verb, inner)) => (vec![family, verb], inner),
                None => (vec![family], sub),
            };
            let action = registry::all().find(|action| action.cli == words.as_slice()).ok_or_else(|| {
                command().error(
                    clap::error::ErrorKind::InvalidSubcommand,
                    format!("there is no command `{}`", words.join(" ")),
                )
            })?;
            let arguments: Arguments = action
                .arguments
                .iter()
                .filter_map(|spec| match spec.kind {
                    ArgumentKind::Flag => sub.get_flag(spec.name).then(|| (spec.name, "true".to_owned())),
                    ArgumentKind::Services => {
                        let names: Vec<&str> =
                            sub.get_many::<String>(spec.name)?.map(String::as_str).collect();
                        Some((spec.name, names.join(",")))
                    }
                    _ => Some((spec.name, given(sub, spec.name)?)),
                })
                .collect();
            let missing = registry::missing(action, &arguments);
            if let Some(spec) = missing.first() {
                return Err(command().error(
                    clap::error::ErrorKind::MissingRequiredArgument,
                    format!("`{}` is missing: {}", spec.name, spec.help),
                ));
            }
            Request::Action(action, arguments)
        }
    };
    Ok((global, request))
}

/// What `check` was asked for, with a range taken apart wherever it stands.
fn check(sub: &ArgMatches, output: Output) -> Result<check::Options, clap::Error> {
    let (mut head, mut base) = (given(sub, "rev"), given(sub, "base"));
    let mut words: Vec<String> = sub.get_many("paths").into_iter().flatten().cloned().collect();
    let ranges: Vec<_> = words
        .extract_if(.., |word| check::range(word).is_some())
        .chain(head.take_if(|head| check::range(head).is_some()))
        .filter_map(|word| check::range(&word))
        .collect();
    if ranges.len() + usize::from(!ranges.is_empty() && (head.is_some() || base.is_some())) > 1 {
        return Err(command().error(
            clap::error::ErrorKind::ArgumentConflict,
            "A..B names both sides already: give one range, or --base and --rev",
        ));
    }
    if let Some((from, to)) = ranges.into_iter().next() {
        (base, head) = (Some(from), Some(to));
    }
    let format = given(sub, "format").as_deref().and_then(Format::parse).unwrap_or_else(|| output.into());
    let watch = sub.get_flag("watch");
    if watch && format != Format::Text {
        return Err(command().error(
            clap::error::ErrorKind::ArgumentConflict,
            "`check --watch` speaks to people: it prints text",
        ));
    }
    Ok(check::Options {
        paths: words,
        head,
        base,
        format,
        deny_warnings: given(sub, "deny").is_some(),
        limit: sub.get_one("limit").copied().unwrap_or_default(),
        watch,
    })
}

fn given(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.get_one::<String>(name).cloned()
}

fn size(text: &str) -> Result<(u16, u16), clap::Error> {
    let parsed = text.split_once(['x', '×']).and_then(|(columns, rows)| {
        let (columns, rows) = (columns.parse().ok()?, rows.parse().ok()?);
        ((20..=500).contains(&columns) && (5..=300).contains(&rows)).then_some((columns, rows))
    });
    parsed.ok_or_else(|| {
        command().error(
            clap::error::ErrorKind::InvalidValue,
            format!("`{text}` is no size: write columns x rows, such as 160x45 (at most 500x300)"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<(Global, Request), clap::Error> {
        parse(std::iter::once("quarterdeck").chain(line.split_whitespace()).map(Into::into))
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_is_for() {
        fn walk(command: &Command) {
            for inner in command.get_subcommands() {
                let about = inner.get_about().map(ToString::to_string).unwrap_or_default();
                assert!(!about.is_empty(), "{} {}", command.get_name(), inner.get_name());
                walk(inner);
            }
        }
        walk(&command());
    }

    #[test]
    fn every_action_with_words_can_be_asked_for() {
        for action in registry::all().filter(|action| !action.cli.is_empty()) {
            let mut line = action.cli.join(" ");
            for spec in action.arguments.iter().filter(|spec| spec.required || spec.positional) {
                let value = match spec.kind {
                    ArgumentKind::Severity => "critical",
                    ArgumentKind::Gate | ArgumentKind::ReleaseGate => "security",
                    ArgumentKind::Status => "ga",
                    ArgumentKind::Choice(words) => words[0],
                    _ if spec.name == "replicas" => "3",
                    _ => "x",
                };
                line +=
                    &if spec.positional { format!(" {value}") } else { format!(" --{} {value}", spec.name) };
            }
            let Ok((_, Request::Action(found, arguments))) = parsed(&line) else { panic!("{line}") };
            assert_eq!(found.id, action.id);
            assert!((found.build)(&arguments).is_ok(), "{line}");
        }
    }

    #[test]
    fn several_services_go_back_together() {
        use crate::action::command::{Command, ServiceCommand};
        for line in [
            "service rollback api web --environment production",
            "service rollback --environment production api,web",
        ] {
            let Ok((_, Request::Action(action, arguments))) = parsed(line) else { panic!("{line}") };
            let Ok(Command::Service(ServiceCommand::Rollback { services, .. })) = (action.build)(&arguments)
            else {
                panic!("{line}")
            };
            assert_eq!(services, ["api", "web"], "{line}");
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_refused() {
        for line in [
            "service rollback",
            "service rollback api",
            "incident declare --severity fatal --title x",
            "snapshot --size 0x0",
            "sla --bogus",
            "check --format xml",
            "check --watch --format sarif",
            "check --watch -o json",
            "check --explain QD203 --base main",
            "check --explain",
            "check a..b c..d",
            "check a..b --base c",
            "check --rev a..b --base c",
            "schema --out schemas",
            "schema catalog --all",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_range_stands_where_it_likes() {
        for (line, base, head, paths) in [
            ("check", None, None, 0),
            ("check services ../x", None, None, 2),
            ("check --base main", Some("main"), None, 0),
            ("check --base main --rev x", Some("main"), Some("x"), 0),
            ("check main..x", Some("main"), Some("x"), 0),
            ("check services main..", Some("main"), Some("HEAD"), 1),
            ("check --rev main...x services policies", Some("main"), Some("x"), 2),
        ] {
            let Ok((_, Request::Check(options))) = parsed(line) else { panic!("{line}") };
            let found = (options.base.as_deref(), options.head.as_deref(), options.paths.len());
            assert_eq!(found, (base, head, paths), "{line}");
        }
    }

    #[test]
    fn a_form_of_its_own_goes_before_the_output() {
        for (line, format) in [
            ("check", Format::Text),
            ("check -o json", Format::Json),
            ("check -o json --format sarif", Format::Sarif),
            ("check --format gitlab", Format::Gitlab),
            ("check --watch --format text", Format::Text),
        ] {
            let Ok((_, Request::Check(options))) = parsed(line) else { panic!("{line}") };
            assert_eq!(options.format, format, "{line}");
        }
        let Ok((_, Request::Schema { out, .. })) = parsed("schema --all") else { panic!() };
        assert_eq!(out, Some("schemas".into()));
        assert!(matches!(parsed("schema"), Ok((_, Request::Schema { file: None, out: None }))));
        assert!(
            matches!(parsed("check --explain QD203"), Ok((_, Request::Explain(rule))) if rule == "QD203")
        );
    }

    #[test]
    fn global_options_stand_before_or_behind() {
        for line in ["-o json --read-only service list", "service list -o json --read-only"] {
            let (global, _) = parsed(line).ok().unwrap();
            assert!(global.read_only && global.output == Output::Json, "{line}");
        }
    }
}
