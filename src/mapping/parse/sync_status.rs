//! `sync_status`: the fields of the root that say how its last sync ended.

use toml::de::DeTable;

use super::parser::{Parser, Place, Value, dotted, find};
use crate::mapping::language::{FieldRef, ROOT};
use crate::mapping::mapped::SyncStatusFields;

const KEY: &str = "sync_status";
pub(super) const KEYS: [&str; 3] = ["status", "message", "synced_at"];

impl Parser<'_> {
    pub(super) fn sync_status(&mut self, value: &Value<'_>) -> Option<SyncStatusFields> {
        let table = self.table(value, KEY)?;
        self.check_keys(table, KEY, &KEYS);
        let [status, message, synced_at] = KEYS.map(|key| self.own_field(table, key));
        if find(table, KEYS[0]).is_none() {
            let hint = "name the field that gets the status";
            self.note(value, &dotted(KEY, KEYS[0]), "this key is missing", hint);
        }
        Some(SyncStatusFields { status: status?, message, synced_at })
    }

    /// A field of the root itself: what is written goes to the record that is synced.
    fn own_field(&mut self, table: &DeTable<'_>, key: &str) -> Option<FieldRef> {
        let (value, key) = (find(table, key)?, dotted(KEY, key));
        let field = self.field_ref(value, Place::new(&key, ROOT))?;
        if field.path.contains('.') {
            let message = "the status is written to the record that is synced, and this path leads to another one";
            return self.fault(value, &key, message, "name a field of the root object itself");
        }
        // Whether the org has it is seen in its describe: what is not there is not written.
        Some(FieldRef { optional: true, ..field })
    }
}
