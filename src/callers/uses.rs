//! When each key was used last, since somebody last wrote it down: one instant for each key, in
//! memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::caller::Caller;

/// When a key was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    /// The key's id.
    pub key: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// The last request that was let in.
    pub at: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct Uses(Mutex<HashMap<Arc<str>, KeyUse>>);

impl Uses {
    pub(super) fn note(&self, caller: &Caller) {
        let used =
            KeyUse { key: caller.key.clone(), name: caller.name.clone(), at: Timestamp::now() };
        self.locked().insert(caller.key.clone(), used);
    }

    pub(super) fn take(&self) -> Vec<KeyUse> {
        std::mem::take(&mut *self.locked()).into_values().collect()
    }

    pub(super) fn put_back(&self, uses: Vec<KeyUse>) {
        let mut held = self.locked();
        for used in uses {
            held.entry(used.key.clone()).or_insert(used);
        }
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<Arc<str>, KeyUse>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
