//! Brings one Salesforce record, and everything billing needs from it, into m3ter.

pub mod changeset;
pub mod domain;
pub mod m3ter;
pub mod salesforce;
pub mod transport;
