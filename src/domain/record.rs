//! A Salesforce record as the REST API answers it: fields, parent records and child records in one
//! JSON object.

use serde_json::{Map, Value as Json};

use super::ids::SalesforceId;
use super::text::is_blank;

/// Where people read what a record is called: an Order or a Contract without a name has a number.
pub const NAME_FIELDS: [&str; 3] = ["Name", "OrderNumber", "ContractNumber"];
/// A map of the standard library with as many entries is one piece of memory, however it was made.
const MAX_FIELDS_OF_A_NODE: usize = 11;
/// Rows of about a kilobyte each whose room is not worth the time to make them smaller.
const FEW_ROWS: usize = 200;

/// A record of a query. Field names are found without regard to case, as in SOQL.
#[derive(Debug, Clone, PartialEq)]
pub struct Record(Map<String, Json>);

/// A record within an answer: the one that was asked for, or a row below it.
#[derive(Debug, Clone, Copy)]
pub struct RecordRow<'r>(&'r Map<String, Json>);

impl Record {
    /// Wraps the JSON object of one record.
    pub fn new(fields: Map<String, Json>) -> Self {
        Self(fields)
    }

    /// The record as a row with others below it.
    pub fn row(&self) -> RecordRow<'_> {
        RecordRow(&self.0)
    }

    /// The record's own id, if the query asked for it.
    pub fn id(&self) -> Option<SalesforceId> {
        self.row().id()
    }

    /// The value at a path of parents (`Account.Name`); `None` where it is absent, null or blank.
    pub fn value(&self, path: &str) -> Option<&Json> {
        self.row().value(path)
    }

    /// What people call it, as far as it was read.
    pub fn name(&self) -> Option<&str> {
        let mut values = NAME_FIELDS.into_iter().filter_map(|field| self.value(field)?.as_str());
        values.find(|name| !name.trim().is_empty())
    }

    /// Forgets what Salesforce says of each row beside its fields: its type and its address.
    pub fn forget_attributes(&mut self) {
        forget_attributes(&mut self.0, false);
    }

    /// Forgets the rows below it, and what they hold.
    pub fn forget_rows(&mut self) {
        self.0.retain(|_, value| value.get("records").is_none());
    }

    /// The JSON object.
    pub fn fields(&self) -> &Map<String, Json> {
        &self.0
    }
}

impl<'r> RecordRow<'r> {
    /// The row's own id, if the query asked for it.
    pub fn id(self) -> Option<SalesforceId> {
        self.value("Id").and_then(Json::as_str).and_then(|id| SalesforceId::parse(id).ok())
    }

    /// The value at a path of parents (`Account.Name`); `None` where it is absent, null or blank.
    pub fn value(self, path: &str) -> Option<&'r Json> {
        match self.at(path)? {
            Json::Null => None,
            Json::String(text) if is_blank(text) => None,
            value => Some(value),
        }
    }

    /// Whether the query asked for the field at a path, whatever it holds.
    pub fn has_field(self, path: &str) -> bool {
        self.at(path).is_some()
    }

    fn at(self, path: &str) -> Option<&'r Json> {
        let mut names = path.split('.');
        let first = member(self.0, names.next()?)?;
        names.try_fold(first, |value, name| member(value.as_object()?, name))
    }

    /// The rows of a child relationship, in the query's order.
    pub fn children(self, relationship: &str) -> impl Iterator<Item = RecordRow<'r>> {
        member(self.0, relationship)
            .and_then(|children| children.get("records"))
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(|child| child.as_object().map(RecordRow))
    }
}

/// Of a row and what is below it; `is_of_many`: there are so many rows that their room counts.
fn forget_attributes(fields: &mut Map<String, Json>, is_of_many: bool) {
    if is_of_many && fields.len() > MAX_FIELDS_OF_A_NODE {
        // A map that is made in one go takes less room than one that has grown.
        let all = std::mem::take(fields).into_iter();
        *fields = all.filter(|(name, _)| name != "attributes").collect();
    } else {
        fields.remove("attributes");
    }
    for value in fields.values_mut() {
        match value {
            Json::Object(fields) => forget_attributes(fields, is_of_many),
            Json::Array(rows) => {
                let is_of_many = is_of_many || rows.len() > FEW_ROWS;
                for row in rows.iter_mut().filter_map(Json::as_object_mut) {
                    forget_attributes(row, is_of_many);
                }
            }
            _ => {}
        }
    }
}

fn member<'a>(object: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    object.get(name).or_else(|| {
        object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    })
}
