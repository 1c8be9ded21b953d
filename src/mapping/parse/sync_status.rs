//! `sync_status`: the fields of the root that say how its last sync ended.

use toml::de::DeTable;

use super::key::{Form, Key, key, names};
use super::parser::{Parser, Place, Value, find};
use crate::mapping::language::{FieldRef, ROOT};
use crate::mapping::mapped::SyncStatusFields;

const KEY: &str = "sync_status";
pub(super) const STATUS_KEYS: [Key; 3] = [
    key("status", Form::Path, "The field that gets `Completed`, `Partial Success` or `Failed`."),
    key("message", Form::Path, "The field that gets the sentences."),
    key("synced_at", Form::Path, "The field that gets the time of the last change."),
];

impl Parser<'_> {
    pub(super) fn sync_status(&mut self, value: &Value<'_>) -> Option<SyncStatusFields> {
        let table = self.table(value, KEY)?;
        self.check_keys(table, KEY, &names(&STATUS_KEYS));
        let [status, message, synced_at] = STATUS_KEYS.map(|key| self.own_field(table, key.name));
        if find(table, "status").is_none() {
            let hint = "name the field that gets the status";
            self.note(value, "sync_status.status", "this key is missing", hint);
        }
        Some(SyncStatusFields { status: status?, message, synced_at })
    }

    /// A field of the root itself: what is written goes to the record that is synced.
    fn own_field(&mut self, table: &DeTable<'_>, key: &str) -> Option<FieldRef> {
        self.at(table, key, Place::new(KEY, ROOT), |parser, value, place| {
            let field = parser.field_ref(value, place)?;
            if field.path.contains('.') {
                let message = "the status is written to the record that is synced, and this path leads to another one";
                let hint = "name a field of the root object itself";
                return parser.fault(value, place.key, message, hint);
            }
            // Whether the org has it is seen in its describe: what is not there is not written.
            Some(FieldRef { optional: true, ..field })
        })
    }
}
