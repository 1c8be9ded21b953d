//! See `checks/mappings.rs`.

#![no_main]

#[path = "../checks/mappings.rs"]
mod mappings;

libfuzzer_sys::fuzz_target!(|input: &[u8]| mappings::check(input));
