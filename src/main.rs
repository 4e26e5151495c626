//! The `quarterdeck` program: arguments to a face, a face to an exit code. Only here adapters are made.

use quarterdeck::{
    action::registry,
    adapters::{self, alertmanager, clock::SystemClock, cluster::KubeClusters, git, metrics},
    cli::{
        arguments::{self, Global, Output, Request},
        oneshot::{self, Printed},
    },
    config::{Config, keymap, load},
    demo,
    engine::{headless::Engine, live, work_limit},
    error::{Failure, FailureKind},
    generate, model,
    model::{Model, layout::Size},
    ports::{Clock, ControlRepository, Ledger, Ports},
    tui,
};
use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

fn main() -> ExitCode {
    let (global, request) = match arguments::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are answers, not mistakes.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    adapters::install_crypto();
    let printed = match runtime() {
        Ok(runtime) => {
            let printed = runtime.block_on(run(&global, request));
            // A task that waits for a dead backend must not keep the process.
            runtime.shutdown_background();
            printed
        }
        Err(failure) => Err(failure),
    };
    finish(printed)
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("could not start the program's threads").because(&error))
}

/// Prints what there is and tells the exit code. A reader that has gone away (`| head`) is no failure.
fn finish(printed: Result<Printed, Failure>) -> ExitCode {
    let printed = printed.unwrap_or_else(|failure| Printed {
        out: String::new(),
        err: failure.render() + "\n",
        code: failure.kind.exit_code(),
    });
    let _ = std::io::stdout().lock().write_all(printed.out.as_bytes());
    let _ = std::io::stderr().lock().write_all(printed.err.as_bytes());
    ExitCode::from(printed.code)
}
