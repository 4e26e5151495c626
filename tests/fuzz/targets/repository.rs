//! Feeds control repositories to the reader, the rules and the printers.
#![no_main]

#[path = "../input.rs"]
mod input;

libfuzzer_sys::fuzz_target!(|data: &[u8]| input::repository(data));
