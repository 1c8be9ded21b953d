//! Where values are read: the rows of a record, and their fields by paths of parents.

use std::sync::Arc;

/// The position of a set of rows among those of a mapping.
pub type SetId = usize;
/// The record itself, of which all other rows are children.
pub const ROOT: SetId = 0;

/// A field of a row, or of a parent of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRef {
    /// Which record the path starts at.
    pub from: SetId,
    /// Parents by dots.
    pub path: String,
    /// As people know it: `Opportunity.Amount`, `Product2.ProductCode`.
    pub name: Arc<str>,
    /// The org need not have it.
    pub optional: bool,
    /// Where it is named.
    pub line: usize,
}

impl FieldRef {
    /// A field of a record of `sobject`, or of a parent of it.
    pub fn new(from: SetId, sobject: &str, path: String, line: usize) -> Self {
        let name = if path.contains('.') {
            path.as_str().into()
        } else {
            format!("{sobject}.{path}").into()
        };
        Self { from, path, name, optional: false, line }
    }

    /// By what it is found among the fields of an org: Salesforce's names have no case.
    pub fn id(&self) -> (SetId, String) {
        (self.from, self.path.to_ascii_lowercase())
    }

    /// The field itself, without the parents on the way to it.
    pub fn last(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }

    /// As people read it.
    pub fn render(&self) -> String {
        format!("{}{}", self.name, if self.optional { " (optional)" } else { "" })
    }
}

/// The rows of one child relationship; the first of a mapping's rows are the record itself.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// What a mapping calls them.
    pub name: String,
    /// The rows whose children these are; the root's are its own.
    pub of: SetId,
    /// The child relationship.
    pub relationship: String,
    /// The object.
    pub sobject: String,
    /// The child's relationship back to its parent.
    pub parent: Option<String>,
    /// Their order, as SOQL has it.
    pub order_by: String,
    /// The org need not have the relationship: there are no rows then.
    pub optional: bool,
    /// Where they are named.
    pub line: usize,
}
