//! What a mapping makes of one Salesforce record: the objects that m3ter should hold, and what
//! stands in the way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::catalog::CatalogKind;
use super::entity::{EntityKind, ObjectKey};
use super::finding::Finding;
use super::ids::SalesforceId;
use super::settings::Otherwise;
use super::value::Value;
use super::warning::Warning;

/// The outcome of resolving one record.
#[derive(Debug, Clone, Default)]
pub struct Resolution {
    /// The objects in the order of results; an object without a row or mapping is not there.
    pub objects: Vec<DesiredObject>,
    /// Sentences about the deal as a whole.
    pub warnings: Vec<Warning>,
    /// Why the mapping's guard keeps the record from being written; a dry run may go on.
    pub not_allowed: Option<String>,
    /// Why the record is not ready, and what follows.
    pub not_ready: Option<(String, Otherwise)>,
}

/// One m3ter object that a record asks for.
#[derive(Debug, Clone)]
pub struct DesiredObject {
    /// Kind, row and key.
    pub key: ObjectKey,
    /// m3ter's natural key for the object; a Commitment has none.
    pub code: Option<String>,
    /// The code as it was typed, where `code` is what it means: 15 characters of a record's id, or
    /// something unseen around it.
    pub verbatim: Option<String>,
    /// What to do.
    pub intent: Intent,
    /// Whether an object found under `code` that nothing links to this row is taken over or only
    /// referred to.
    pub on_found: OnFound,
    /// What a person should know although nothing is wrong.
    pub warnings: Vec<Warning>,
    /// The Salesforce field that holds the m3ter id, if the mapping names one.
    pub write_back: Option<WriteBack>,
}

/// By what an object can be found that no link tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NaturalKey {
    /// The object.
    pub object: ObjectKey,
    /// Its code.
    pub code: String,
    /// Its code as it was typed, where that is another one.
    pub verbatim: Option<String>,
}

/// What must be looked up before a record can be resolved and compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NaturalKeys {
    /// By what the deal's Accounts can be found.
    pub accounts: Vec<NaturalKey>,
    /// By what the deal's Contracts can be found.
    pub contracts: Vec<NaturalKey>,
    /// By what they are shared with other records.
    pub shared: Vec<SharedKey>,
    /// The codes that become ids, those that m3ter's rules forbid left out.
    pub codes: BTreeMap<CatalogKind, BTreeSet<String>>,
    /// All Salesforce rows of the record, also those that take no part.
    pub rows: Vec<SalesforceId>,
}

/// A field by which records of one object belong together: a record joins the m3ter object of
/// whoever has the same value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedKey {
    /// The object of this record.
    pub object: ObjectKey,
    /// The records' object.
    pub sobject: String,
    /// Their field.
    pub field: String,
    /// The record that it names.
    pub value: SalesforceId,
}

impl SharedKey {
    /// The field as people know it: `Order.ContractId`.
    pub fn render(&self) -> String {
        format!("{}.{}", self.sobject, self.field)
    }
}

impl NaturalKey {
    /// The codes under which the object may be found.
    pub fn codes(&self) -> impl Iterator<Item = String> {
        [self.code.clone()].into_iter().chain(self.verbatim.clone())
    }

    /// The same, and the row's own id: a code that names nothing may stand where that one did.
    pub fn codes_and_own(&self) -> impl Iterator<Item = String> {
        let own = self.object.row.to_string();
        self.codes().chain((own != self.code).then_some(own))
    }
}

/// What is to happen with a desired object.
#[derive(Debug, Clone, PartialEq)]
pub enum Intent {
    /// m3ter should hold these fields.
    Sync(Vec<DesiredField>),
    /// The row's flag says not to sync it.
    Flagged,
    /// The data does not allow it; at least one finding.
    Invalid(Vec<Finding>),
}

/// What becomes of an object that m3ter has under the code already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFound {
    /// It is this row's object: linked and updated.
    Adopt,
    /// Another record made it: linked, never updated (a deal that joins an existing contract).
    Refer,
}

/// One field of a desired object. A field that is not listed keeps what m3ter has.
#[derive(Debug, Clone, PartialEq)]
pub struct DesiredField {
    /// As m3ter spells it.
    pub name: &'static str,
    /// Set or clear.
    pub action: FieldAction,
    /// Sent on creation only.
    pub once: bool,
    /// Where the value came from: a field path from the root (`Opportunity.Amount`), `constant`, or
    /// `Account of this sync`.
    pub source: Arc<str>,
}

/// What to do with a field that is not kept as it is.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldAction {
    /// It gets this value.
    Set(Value),
    /// It is removed from the object.
    Clear,
}

/// Where the id of a m3ter object is written to in Salesforce, and what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteBack {
    /// The sObject's API name.
    pub sobject: String,
    /// The record.
    pub record: SalesforceId,
    /// The field.
    pub field: String,
    /// What the field holds now. A hint, not a key: cloning a deal copies it.
    pub current: Option<String>,
}

impl DesiredObject {
    /// The kind of m3ter object.
    pub fn kind(&self) -> EntityKind {
        self.key.kind
    }

    /// By what it can be found.
    pub fn natural_key(&self) -> Option<NaturalKey> {
        Some(NaturalKey {
            object: self.key.clone(),
            code: self.code.clone()?,
            verbatim: self.verbatim.clone(),
        })
    }

    /// Whether a m3ter code is one of its own.
    pub fn is_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code) || self.verbatim.as_deref() == Some(code)
    }

    /// Where its code comes from, as people know it.
    pub fn code_source(&self) -> Option<&str> {
        self.fields().iter().find(|field| field.name == "code").map(|field| &*field.source)
    }

    /// The fields of an object that is to be synced; none for the others.
    pub fn fields(&self) -> &[DesiredField] {
        match &self.intent {
            Intent::Sync(fields) => fields,
            Intent::Flagged | Intent::Invalid(_) => &[],
        }
    }

    /// The value that the object should get in `field`.
    pub fn value(&self, field: &str) -> Option<&Value> {
        self.fields().iter().find(|desired| desired.name == field).and_then(
            |desired| match &desired.action {
                FieldAction::Set(value) => Some(value),
                FieldAction::Clear => None,
            },
        )
    }

    /// Where the value of a field comes from, as people know it.
    pub fn source(&self, field: &str) -> String {
        let field = self.fields().iter().find(|desired| desired.name == field);
        field.map(|desired| desired.source.to_string()).unwrap_or_default()
    }

    /// Notes what is wrong with it: it is not synced then.
    pub fn find(&mut self, finding: Finding) {
        match &mut self.intent {
            Intent::Sync(_) => self.intent = Intent::Invalid(vec![finding]),
            Intent::Invalid(findings) => findings.push(finding),
            Intent::Flagged => {}
        }
    }

    /// Gives a field a value that the mapping does not.
    pub fn set(&mut self, name: &'static str, value: Value, source: Arc<str>) {
        if let Intent::Sync(fields) = &mut self.intent {
            // There is room for no more than them; without this there would be for twice as many.
            fields.reserve_exact(1);
            fields.push(DesiredField {
                name,
                action: FieldAction::Set(value),
                once: false,
                source,
            });
        }
    }

    /// The objects of the same sync that this one refers to.
    pub fn dependencies(&self) -> impl Iterator<Item = &ObjectKey> {
        self.fields().iter().filter_map(|field| match &field.action {
            FieldAction::Set(Value::Object(key)) => Some(key),
            _ => None,
        })
    }
}
