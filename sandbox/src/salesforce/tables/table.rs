//! One object: its fields, and the relationships to its children.

use super::column::Data::{DateTime, Lookup};
use super::column::{Column, Fill, column};

/// One sObject.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) key_prefix: &'static str,
    /// Whether `UserRecordAccess` knows it: the objects of the sharing settings.
    pub(crate) is_shared: bool,
    /// In the order of a describe, in groups: some are the same in several objects. What every
    /// object has comes on top.
    pub(super) fields: &'static [&'static [Column]],
    /// The relationships to the records below.
    pub(crate) children: Children,
}

/// Child relationship, child object, the child's field that points here.
pub(super) type Children = &'static [(&'static str, &'static str, &'static str)];

/// Who wrote a record and when.
const AUDIT: &[Column] = &[
    column("CreatedDate", DateTime).by_org(),
    column("CreatedById", Lookup("CreatedBy", "User")).by_org().filled(Fill::User),
    column("LastModifiedDate", DateTime).by_org(),
    column("LastModifiedById", Lookup("LastModifiedBy", "User")).by_org().filled(Fill::User),
    column("SystemModstamp", DateTime).by_org(),
];

/// Whether a field is one that every object has.
pub(super) fn is_audit(name: &str) -> bool {
    AUDIT.iter().any(|column| column.name.eq_ignore_ascii_case(name))
}

impl Table {
    /// All fields.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &'static Column> + use<> {
        self.fields.iter().flat_map(|group| group.iter()).chain(AUDIT)
    }

    /// Whether records are made by clients: the org itself, its settings and metadata are not.
    pub(crate) fn is_createable(&self) -> bool {
        !self.name.ends_with("__mdt") && !["Organization", "OpportunityStage"].contains(&self.name)
    }

    /// What the object's records are called by: the number that the org gives an Order and a
    /// Contract, else the name.
    pub(crate) fn name_field(&self) -> &'static str {
        match self.name {
            "Order" => "OrderNumber",
            "OrderItem" => "OrderItemNumber",
            "Contract" => "ContractNumber",
            _ => "Name",
        }
    }

    /// The field called `name`, without regard to case.
    pub(crate) fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns().find(|column| column.name.eq_ignore_ascii_case(name))
    }
}
