//! See `checks/soql.rs`.

#![no_main]

#[path = "../checks/soql.rs"]
mod soql;

libfuzzer_sys::fuzz_target!(|input: &[u8]| soql::check(input));
