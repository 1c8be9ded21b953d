//! Who is signed in to the console, and which of its forms were taken: known to all processes.

use std::time::Duration;

use jiff::Timestamp;

use super::transaction::Access;
use super::{Store, StoreError};

/// Sessions of one API key; of more, the one that began first ends.
const MAX_SESSIONS_OF_A_KEY: i64 = 50;

/// One session, by the hash of the token that the browser has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The id of the API key that it began with.
    pub key: String,
    /// The key's name.
    pub name: String,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it was used last.
    pub used_at: Timestamp,
}

/// How long sessions last.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// Without use.
    pub idle: Duration,
    /// In any case.
    pub absolute: Duration,
}

impl SessionLimits {
    /// The moments since which a session must have been used, and must have begun.
    fn since(&self, now: Timestamp) -> [Timestamp; 2] {
        [self.idle, self.absolute]
            .map(|time| now.checked_sub(time).unwrap_or(Timestamp::UNIX_EPOCH))
    }
}

impl Store {
    /// Begins a session, and forgets those that are over and what was taken before they began.
    pub async fn begin_session(
        &self,
        id: &str,
        session: &Session,
        limits: SessionLimits,
    ) -> Result<(), StoreError> {
        let mut transaction =
            self.database.begin(Access::Write, "begin a session of the console").await?;
        let [idle, absolute] = limits.since(session.begun_at);
        let over = "DELETE FROM console_sessions WHERE used_at_ms < $1 OR begun_at_ms < $2";
        transaction.execute(over, vec![idle.into(), absolute.into()]).await?;
        let taken = "DELETE FROM console_forms WHERE taken_at_ms < $1";
        transaction.execute(taken, vec![absolute.into()]).await?;
        let sql = "INSERT INTO console_sessions (id, key, name, begun_at_ms, used_at_ms) VALUES ($1, $2, $3, $4, $5)";
        let values = vec![
            id.into(),
            session.key.as_str().into(),
            session.name.as_str().into(),
            session.begun_at.into(),
            session.used_at.into(),
        ];
        transaction.execute(sql, values).await?;
        let bound = "DELETE FROM console_sessions WHERE id IN (
                 SELECT id FROM console_sessions WHERE key = $1 ORDER BY begun_at_ms DESC, id LIMIT 1000 OFFSET $2
             )";
        let values = vec![session.key.as_str().into(), MAX_SESSIONS_OF_A_KEY.into()];
        transaction.execute(bound, values).await?;
        transaction.commit().await
    }

    /// A session that is not over.
    pub async fn load_session(
        &self,
        id: &str,
        now: Timestamp,
        limits: SessionLimits,
    ) -> Result<Option<Session>, StoreError> {
        let [idle, absolute] = limits.since(now);
        let sql = "SELECT key, name, begun_at_ms, used_at_ms FROM console_sessions
             WHERE id = $1 AND used_at_ms >= $2 AND begun_at_ms >= $3";
        let values = vec![id.into(), idle.into(), absolute.into()];
        let rows = self.database.fetch("look for a session of the console", sql, values).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(Session {
            key: row.get("key")?,
            name: row.get("name")?,
            begun_at: row.get("begun_at_ms")?,
            used_at: row.get("used_at_ms")?,
        }))
    }

    /// Notes that a session is used.
    pub async fn use_session(&self, id: &str, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE console_sessions SET used_at_ms = $2 WHERE id = $1 AND used_at_ms < $2";
        let values = vec![id.into(), now.into()];
        self.database.execute("keep a session of the console", sql, values).await.map(drop)
    }

    /// Ends a session.
    pub async fn end_session(&self, id: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM console_sessions WHERE id = $1";
        self.database.execute("end a session of the console", sql, vec![id.into()]).await.map(drop)
    }

    /// Takes a form; `false` if it was taken before.
    pub async fn take_form(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "INSERT INTO console_forms (id, taken_at_ms) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
        let values = vec![id.into(), now.into()];
        Ok(self.database.execute("take a form of the console", sql, values).await? > 0)
    }
}
