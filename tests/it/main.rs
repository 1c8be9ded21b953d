//! Tests through the front door: the real server, real sockets, a real SQLite file, the emulated vendors.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect fails")]

mod access;
mod activated_orders;
mod after_login;
mod attacks;
mod bad_input;
mod commands;
mod contract;
mod corpus;
mod deal;
mod delivery;
mod document;
mod dry_run;
mod end_dating;
mod errors;
mod faults;
mod held;
mod identity;
mod imported;
mod language;
mod laws;
mod link_commands;
mod m3ter_schema;
mod mapping_files;
mod mapping_import;
mod merges;
mod observability;
mod openapi;
mod outward;
mod overlaps;
mod own_objects;
mod parents;
mod personal;
mod price_ends;
mod readability;
mod refusals;
mod removed_lines;
mod roots;
mod runs;
mod samples;
mod settings;
mod several;
#[cfg(feature = "otel")]
mod spans;
mod support;
mod survival;
mod tidy;
mod traps;
mod typed_keys;
mod updates;
mod upgrades;
