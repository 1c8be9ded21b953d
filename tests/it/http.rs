//! The HTTP face: who is let in, what is refused, and runs as callers see them.

pub(crate) mod access;
mod bad_input;
mod console;
mod encodings;
mod exposure;
pub(crate) mod hostile_clients;
mod keys;
mod running_user;
pub(crate) mod runs;
