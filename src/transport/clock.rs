//! What a vendor's answers tell of this machine's clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::header::{DATE, HeaderMap};

/// No answer has told a time yet.
const UNKNOWN: i64 = i64::MIN;

/// By how many seconds this machine was ahead at the last answer.
#[derive(Debug)]
pub(super) struct Clock(AtomicI64);

impl Default for Clock {
    fn default() -> Self {
        Self(AtomicI64::new(UNKNOWN))
    }
}

impl Clock {
    /// Compares the time of an answer with that of its arrival.
    pub(super) fn note(&self, headers: &HeaderMap, now: SystemTime) {
        let told = headers
            .get(DATE)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| httpdate::parse_http_date(text).ok());
        if let (Some(told), Some(now)) = (told.and_then(seconds), seconds(now)) {
            self.0.store(now - told, Ordering::Relaxed);
        }
    }

    pub(super) fn get(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|ahead| *ahead != UNKNOWN)
    }
}

fn seconds(time: SystemTime) -> Option<i64> {
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}
