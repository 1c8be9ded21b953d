//! The recycle bin. Source: SOAP API Developer Guide, `delete`, `undelete` and `emptyRecycleBin`.

use std::collections::HashSet;

use serde_json::json;

use super::super::tables::Table;
use super::{Fields, Org, id_of, is_deleted};

impl Org {
    /// Moves a record to the recycle bin, and with it what is deleted with it. Whether there was
    /// one to delete.
    pub(crate) fn delete(&mut self, table: &'static Table, id: &str) -> bool {
        let Some(id) = self.find(table, id).filter(|record| !is_deleted(record)).map(id_of) else {
            return false;
        };
        let going = self.below(table.name, id.clone());
        self.mark(&going, |record| {
            record.insert("IsDeleted".to_owned(), json!(true));
        });
        self.sum_up_after(table, &id);
        true
    }

    /// Takes a record out of the recycle bin, and with it what was deleted with it. Whether it was
    /// there.
    pub(crate) fn undelete(&mut self, table: &'static Table, id: &str) -> bool {
        let Some(id) = self.find(table, id).filter(|record| is_deleted(record)).map(id_of) else {
            return false;
        };
        let coming = self.below(table.name, id.clone());
        self.mark(&coming, |record| {
            record.remove("IsDeleted");
            record.remove("MasterRecordId");
        });
        self.sum_up_after(table, &id);
        true
    }

    /// Removes a record for good, and with it what is deleted with it: not even `queryAll` shows
    /// it. Whether there was one.
    pub(crate) fn purge(&mut self, table: &'static Table, id: &str) -> bool {
        let Some(id) = self.find(table, id).map(id_of) else { return false };
        self.delete(table, &id);
        let going = self.below(table.name, id);
        self.records.retain(|(name, record)| !going.contains(&(*name, id_of(record))));
        self.note_places();
        true
    }

    fn sum_up_after(&mut self, table: &'static Table, id: &str) {
        if let Some(record) = self.find(table, id).cloned() {
            self.sum_up_beside(table, &record);
        }
    }

    /// A record and all that is tied to it, each by object and id.
    fn below(&self, name: &'static str, id: String) -> HashSet<(&'static str, String)> {
        let mut found = HashSet::from([(name, id)]);
        loop {
            let known = found.len();
            for (name, record) in &self.records {
                let ties = self.schema.table(name).into_iter().flat_map(Table::ties);
                let mut masters = ties.filter_map(|(column, target)| {
                    Some((target, record.get(column.name)?.as_str()?.to_owned()))
                });
                if masters.any(|master| found.contains(&master)) {
                    found.insert((*name, id_of(record)));
                }
            }
            if found.len() == known {
                return found;
            }
        }
    }

    fn mark(&mut self, records: &HashSet<(&'static str, String)>, change: impl Fn(&mut Fields)) {
        for (_, record) in self
            .records
            .iter_mut()
            .filter(|(name, record)| records.contains(&(*name, id_of(record))))
        {
            change(record);
        }
    }

    /// The object and the record with this id, whatever its object.
    pub(crate) fn find_anywhere(&self, id: &str) -> Option<(&'static Table, &Fields)> {
        let (name, record) = &self.records[self.place(id)?];
        Some((self.schema.table(name)?, record))
    }
}
