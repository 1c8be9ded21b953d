//! When API keys were used last, by all processes together.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::json;

use super::{Store, StoreError};

impl Store {
    /// Notes when keys were used last: the id of each, its name, the instant. An earlier one than
    /// is known changes nothing.
    pub async fn save_key_uses(
        &self,
        uses: &[(String, String, Timestamp)],
    ) -> Result<(), StoreError> {
        let uses: Vec<_> = uses
            .iter()
            .map(|(key, name, at)| json!({ "key": key, "name": name, "at": at.as_millisecond() }))
            .collect();
        let sql = "INSERT INTO key_uses (key, name, last_used_at_ms)
                   SELECT value->>'key', value->>'name', CAST(value->>'at' AS BIGINT) FROM {objects:$1} WHERE true
                   ON CONFLICT (key) DO UPDATE SET name = excluded.name, last_used_at_ms = excluded.last_used_at_ms
                   WHERE excluded.last_used_at_ms > key_uses.last_used_at_ms";
        self.database
            .execute("note when API keys were used", sql, vec![json!(uses).to_string().into()])
            .await
            .map(drop)
    }

    /// When each key was used last, by its id.
    pub async fn load_key_uses(&self) -> Result<HashMap<String, Timestamp>, StoreError> {
        let operation = "load when API keys were used";
        let rows = self
            .database
            .fetch(operation, "SELECT key, last_used_at_ms FROM key_uses", Vec::new())
            .await?;
        rows.iter().map(|row| Ok((row.get("key")?, row.get("last_used_at_ms")?))).collect()
    }
}
