//! See `checks/answers.rs`.

#![no_main]

#[path = "../checks/answers.rs"]
mod answers;

libfuzzer_sys::fuzz_target!(|input: &[u8]| answers::check(input));
