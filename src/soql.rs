//! What an org is asked for, and how that is written. Source: SOQL and SOSL Reference.
//!
//! [`Reads`] is what a mapping reads; held against the org's describe it comes to a [`Query`], and
//! to what the org does not show. Whatever goes into a query is a checked name, an id or escaped
//! here.

mod filter;
#[doc(hidden)]
pub mod fuzzing;
mod query;
mod readability;
mod reads;
mod report;
mod text;
mod unreadable;

pub use filter::SelectionQuery;
pub use query::{LineObject, Query, Scales};
pub use reads::{NotShown, Reads};
pub use text::{
    MAX_CHILDREN, MAX_LEVELS, MAX_PARTS, any_id, containing, is_name, is_path, literal, order_by,
    relationship_of,
};
pub use unreadable::{Unreadable, not_readable, remembered_name};
