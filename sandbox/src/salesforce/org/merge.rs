//! Merges of two records into one. REST has none; users merge in the browser, programs by SOAP or
//! Apex. Source: SOAP API Developer Guide, `merge`.

use serde_json::json;

use super::super::tables::{Data, Table};
use super::{Org, WriteError, id_of, is_deleted, now};

impl Org {
    /// Merges one record into another: what names the loser names the master from then on, and the
    /// loser goes to the recycle bin, where `MasterRecordId` names the master.
    pub(crate) fn merge(&mut self, master: &str, loser: &str) -> Result<(), WriteError> {
        let side = |id: &str| -> Result<(&'static Table, String), WriteError> {
            let found = self.find_anywhere(id).filter(|(_, record)| !is_deleted(record));
            let (table, record) = found.ok_or_else(|| {
                WriteError::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
            })?;
            Ok((table, id_of(record)))
        };
        let ((table, master), (other, loser)) = (side(master)?, side(loser)?);
        if table.column("MasterRecordId").is_none() || table.name != other.name || master == loser {
            return Err(WriteError::new(
                "INVALID_OPERATION",
                "Merge takes two records of one object: Account or Lead",
            ));
        }
        self.reparent(table, &master, &loser);
        self.delete(table, &loser);
        self.overwrite(
            table,
            &loser,
            [("MasterRecordId".to_owned(), json!(master))].into_iter().collect(),
        );
        Ok(())
    }

    /// Lets every record that names the loser name the master; the master itself names nothing
    /// then.
    fn reparent(&mut self, target: &Table, master: &str, loser: &str) {
        let (schema, stamp) = (self.schema, now());
        for (name, record) in &mut self.records {
            let references = schema.table(name).into_iter().flat_map(Table::columns);
            let references = references
                .filter(|column| matches!(column.data, Data::Lookup(_, to) if to == target.name));
            let naming: Vec<&str> = references
                .map(|column| column.name)
                .filter(|name| {
                    *name != "MasterRecordId" && record.get(*name) == Some(&json!(loser))
                })
                .collect();
            for field in &naming {
                record.remove(*field);
                if id_of(record) != master {
                    record.insert((*field).to_owned(), json!(master));
                }
            }
            if !naming.is_empty() {
                record.insert("LastModifiedDate".to_owned(), json!(stamp));
            }
        }
        self.note_hidden();
    }
}
