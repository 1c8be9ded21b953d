//! Tests through the front door: the real server, real sockets, a real SQLite file, the emulated
//! vendors.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect fails")]

mod contracts;
mod http;
mod mapping;
mod operations;
mod support;
mod sync;
mod tidy;
