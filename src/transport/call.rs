//! One call, and the answer of success.

use reqwest::header::HeaderMap;
use serde_json::Value as Json;

use super::turn::Urgency;

/// Whether a call may be carried out twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeatable {
    /// It reads, or it writes the same thing again.
    Yes,
    /// It reads on in what the session has begun: as long as that lasts.
    InSession,
    /// A second time might make a second object.
    No,
}

/// One call of a vendor's operation.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The operation, as the vendor names it.
    pub operation: &'static str,
    /// Whether it may be carried out twice.
    pub repeatable: Repeatable,
    /// How much waits for its answer.
    pub urgency: Urgency,
}

impl Call {
    /// One that reads what the run continues with.
    pub fn read(operation: &'static str) -> Self {
        Self { operation, repeatable: Repeatable::Yes, urgency: Urgency::Run }
    }

    /// One that might make a second object if it were carried out twice.
    pub fn write(operation: &'static str, urgency: Urgency) -> Self {
        Self { operation, repeatable: Repeatable::No, urgency }
    }
}

/// An answer of success.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; `null` for none.
    pub body: Json,
}
