//! The real program in processes of its own, which are killed, paused, stopped and cut off from
//! their database.
//!
//! Both vendors are emulated in the test's process. Nothing here waits for luck: what is awaited is
//! looked for until a deadline.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect fails")]

mod bouncer;
mod changes;
mod cluster;
mod crowded;
mod database;
#[path = "../it/support/document.rs"]
mod document;
mod ended;
mod killed;
mod outage;
mod plans;
mod portions;
#[path = "../it/support/ports.rs"]
mod ports;
mod postgres;
mod queue;
mod replicas;
mod restored;
mod rolling;
mod shares;
mod starting;
mod stopping;
mod strangers;
mod turns;
mod upgraded;
mod verify;
