//! Documents that must say what the service does, and inputs that nobody wrote.

mod error_catalogue;
mod fuzz_corpus;
mod messages;
mod named_commands;
mod openapi;
mod schemathesis;
