//! `sync_status`: the fields of the root that say how its last sync ended.

use super::key::{Form, Key, key, names};
use super::parser::{Node, Parser};
use crate::domain::record_status::StatusPaths;
use crate::domain::rows::FieldRef;

pub(super) const STATUS_KEYS: [Key; 3] = [
    key("status", Form::Path, "The field that gets `Completed`, `Partial Success` or `Failed`."),
    key("message", Form::Path, "The field that gets the sentences."),
    key("synced_at", Form::Path, "The field that gets the time of the last change."),
];

impl Parser {
    pub(super) fn sync_status(&mut self, value: Node<'_>) -> Option<StatusPaths> {
        self.table_of(value, &names(&STATUS_KEYS))?;
        let [status, message, synced_at] =
            STATUS_KEYS.map(|key| self.at(value, key.name, Self::own_field));
        if value.get("status").is_none() {
            let hint = "name the field that gets the status";
            self.note_key(value, "status", "this key is missing", hint);
        }
        Some(StatusPaths { status: status?, message, synced_at })
    }

    /// A field of the root itself: what is written goes to the record that is synced.
    fn own_field(&mut self, value: Node<'_>) -> Option<FieldRef> {
        let field = self.field_ref(value)?;
        if field.path.contains('.') {
            let message = "the status is written to the record that is synced, and this path leads to another one";
            return self.fault(value, message, "name a field of the root object itself");
        }
        // Whether the org has it is seen in its describe: what is not there is not written.
        Some(FieldRef { optional: true, ..field })
    }
}
