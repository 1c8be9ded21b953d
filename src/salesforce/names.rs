//! Records by what people call them. Source: SOQL and SOSL Reference, `LIKE` and its reserved
//! characters.

use serde_json::Value as Json;

use super::Client;
use crate::domain::ids::SalesforceId;
use crate::domain::record::Record;
use crate::soql::{containing, is_name};
use crate::transport::{Budget, CalloutError};

/// Records that one object shows of a name: who sees as many types more of it.
const MAX_NAMED: usize = 20;

/// A record and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRecord {
    /// Its id.
    pub id: SalesforceId,
    /// The name of its object.
    pub sobject: String,
    /// What it is called.
    pub name: String,
}

impl Client {
    /// The records of an object that a text names, those that changed last first: a part of the
    /// first of `fields`, or of another one, which may lead to a parent (`Account.Name`).
    pub async fn find_by_name(
        &self,
        sobject: &str,
        fields: &[String],
        text: &str,
        budget: &Budget,
    ) -> Result<Vec<NamedRecord>, CalloutError> {
        let names = fields.iter().flat_map(|field| field.split('.')).chain([sobject]);
        let [own, ..] = fields else { return Ok(Vec::new()) };
        if text.is_empty() || !names.into_iter().all(is_name) {
            return Ok(Vec::new());
        }
        let rows = self.query(&name_query(sobject, own, fields, text), budget).await?;
        let record = |row: &Record| {
            let name = row.value(own).and_then(Json::as_str)?.to_owned();
            Some(NamedRecord { id: row.id()?, sobject: sobject.to_owned(), name })
        };
        Ok(rows.iter().filter_map(record).collect())
    }
}

fn name_query(sobject: &str, own: &str, fields: &[String], text: &str) -> String {
    let conditions: Vec<String> = fields.iter().map(|field| containing(field, text)).collect();
    format!(
        "SELECT Id, {own} FROM {sobject} WHERE {} ORDER BY LastModifiedDate DESC LIMIT {MAX_NAMED}",
        conditions.join(" OR ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_literal_without_wildcards() {
        let fields = ["Name".to_owned(), "Account.Name".to_owned()];
        for (text, written) in [
            ("Acme", "Acme"),
            ("50% off", "50\\% off"),
            ("a_b", "a\\_b"),
            ("O'Neil", "O\\'Neil"),
            ("\\", "\\\\"),
            ("' OR Name LIKE '%", "\\' OR Name LIKE \\'\\%"),
        ] {
            assert_eq!(
                name_query("Opportunity", "Name", &fields, text),
                format!(
                    "SELECT Id, Name FROM Opportunity WHERE Name LIKE '%{written}%' OR Account.Name LIKE '%{written}%' ORDER BY LastModifiedDate DESC LIMIT 20"
                )
            );
        }
    }
}
