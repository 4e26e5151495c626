//! Asks the linker for packed relative relocations, where the system's loader understands them: the program is two and a
//! half megabytes smaller. Everywhere else it is linked as usual.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a build script is spoken to by its environment, and answers on its standard output"
)]

use std::{env, process::Command};

/// The first version of the GNU C library whose loader reads them.
const SINCE: [u32; 2] = [2, 36];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |variable: &str, value: &str| env::var(variable).is_ok_and(|found| found == value);
    let is_gnu = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    // Of another machine's library nothing is known.
    let is_here = env::var("HOST").is_ok_and(|host| is("TARGET", &host));
    if is_gnu && is_here && library().is_some_and(|version| version >= SINCE) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of the C library.
fn library() -> Option<[u32; 2]> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some([major.parse().ok()?, minor.split('.').next()?.parse().ok()?])
}
