//! An emulated Salesforce org and an emulated m3ter organization: real HTTP servers on loopback,
//! their state in memory.
//!
//! Start one with [`m3ter::start`] or [`salesforce::start`]; the [`Emulator`] that comes back is
//! also its control panel, and the same controls are served under `/sandbox/`. Both enforce their
//! vendor's rules; official clients are their judges in the tests.

pub mod control;
mod emulator;
pub mod m3ter;
pub mod salesforce;
mod vendor;

pub use emulator::Emulator;

/// Client id, secret, API key and API secret of both emulators.
pub const CREDENTIAL: &str = "sandbox";
