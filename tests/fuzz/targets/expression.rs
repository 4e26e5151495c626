//! Feeds expressions to the CEL parser and evaluates them over a service, its project and a change.
#![no_main]

#[path = "../input.rs"]
mod input;

libfuzzer_sys::fuzz_target!(|data: &[u8]| input::expression(data));
