//! The sessions of people in the console, kept beside the runs so that every process knows them.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::store::{Session, SessionLimits, StoreError};
use crate::sync::clock::now;
use crate::sync::syncs::Syncs;

impl Syncs {
    /// Begins a session for the holder of a key.
    pub async fn begin_session(
        &self,
        id: &str,
        key: &str,
        name: &str,
        limits: SessionLimits,
    ) -> Result<(), StoreError> {
        let (key, name, at) = (key.to_owned(), name.to_owned(), now());
        let session = Session { key, name, begun_at: at, used_at: at };
        self.shared.store.begin_session(id, &session, limits).await
    }

    /// A session that is not over.
    pub async fn session(
        &self,
        id: &str,
        limits: SessionLimits,
    ) -> Result<Option<Session>, StoreError> {
        self.shared.store.load_session(id, now(), limits).await
    }

    /// Notes that a session is used.
    pub async fn use_session(&self, id: &str) -> Result<(), StoreError> {
        self.shared.store.use_session(id, now()).await
    }

    /// Ends a session.
    pub async fn end_session(&self, id: &str) -> Result<(), StoreError> {
        self.shared.store.end_session(id).await
    }

    /// Takes a form; `false` if it was taken before.
    pub async fn take_form(&self, id: &str) -> Result<bool, StoreError> {
        self.shared.store.take_form(id, now()).await
    }

    /// When each API key was used last, by its id, as far as it was written down.
    pub async fn key_uses(&self) -> Result<HashMap<String, Timestamp>, StoreError> {
        self.shared.store.load_key_uses().await
    }
}
