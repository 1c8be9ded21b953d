//! Brings one Salesforce record, and everything billing needs from it, into m3ter.

pub mod app;
pub mod callers;
pub mod changeset;
pub mod command;
pub mod config;
pub mod console;
pub mod domain;
pub mod http;
pub mod m3ter;
pub mod mapping;
pub mod salesforce;
pub mod secret;
pub mod soql;
pub mod store;
pub mod sync;
pub mod telemetry;
pub mod transport;
