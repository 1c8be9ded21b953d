//! What the vendors answered, for whoever takes it along.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;

use super::error::Vendor;

/// One thing that was read.
#[derive(Debug, Clone)]
pub struct ReadAnswer {
    /// Who answered.
    pub vendor: Vendor,
    /// What it is: an operation of Salesforce's, a resource of m3ter's.
    pub what: String,
    /// As it was answered, from all pages: a describe, a row or an object.
    pub body: Json,
}

/// All that is read while somebody records, in its order.
#[derive(Debug, Clone, Default)]
pub struct Recording(Arc<Mutex<Vec<ReadAnswer>>>);

impl Recording {
    /// Notes an answer.
    pub fn note(&self, vendor: Vendor, what: impl Into<String>, body: Json) {
        let answer = ReadAnswer { vendor, what: what.into(), body };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
    }

    /// What was read so far.
    pub fn take(&self) -> Vec<ReadAnswer> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
