//! Verifications: many records compared with m3ter as a dry run of each would, with what they need
//! read for many at once. Nothing is written but what was found.
//!
//! `candidates` says which records are next, `bulk` reads what a page of them needs, `page` lets
//! each go through a dry run's own steps, `judge` says what that means, and `work` goes from page
//! to page.

mod asked;
mod bulk;
mod candidates;
mod judge;
mod page;
mod strays;
mod work;

pub use asked::{InvalidVerification, NotResumed, Verifications, Worker};
pub(super) use work::work;
