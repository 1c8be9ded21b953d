//! See `checks/ids.rs`.

#![no_main]

#[path = "../checks/ids.rs"]
mod ids;

libfuzzer_sys::fuzz_target!(|input: &[u8]| ids::check(input));
