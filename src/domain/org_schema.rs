//! What the org's describe shows to the integration user: objects, fields and relationships.

use std::collections::BTreeMap;
use std::fmt;

use super::field::FieldType;

/// The described objects, by API name.
#[derive(Debug, Clone, Default)]
pub struct OrgSchema {
    sobjects: BTreeMap<String, SObject>,
}

/// One described sObject.
#[derive(Debug, Clone, Default)]
pub struct SObject {
    /// The API name, as the org spells it.
    pub name: String,
    /// How the ids of its records begin; none for a few objects.
    pub key_prefix: Option<String>,
    /// The fields that the integration user may see.
    pub fields: Vec<OrgField>,
    /// The relationships to the objects whose records lie below its own.
    pub child_relationships: Vec<ChildRelationship>,
}

/// A relationship from a record to the records below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChildRelationship {
    /// The name that a subquery uses (`OpportunityLineItems`).
    pub name: String,
    /// The sObject of the records below.
    pub sobject: String,
    /// Their field that names the record above (`OpportunityId`).
    pub field: String,
    /// Whether they are deleted with the record above: they are its parts, and visible where it is.
    /// Else they only look up to it, and may be hidden or moved one by one.
    pub cascade_delete: bool,
}

/// One field of a described sObject.
#[derive(Debug, Clone, Default)]
pub struct OrgField {
    /// The API name, as the org spells it.
    pub name: String,
    /// Salesforce's field type: `string`, `currency`, `double`, `percent`, `date`, `datetime`,
    /// `boolean`, `picklist`, `reference`, …
    pub field_type: String,
    /// Most characters a text field holds; 0 where it does not apply.
    pub length: usize,
    /// The decimals that a number keeps; none where it is no number.
    pub scale: Option<u32>,
    /// The values that a picklist offers; none for other fields.
    pub picklist_values: Vec<String>,
    /// Whether the integration user may change it.
    pub updateable: bool,
    /// Whether a query may ask for records by it.
    pub filterable: bool,
    /// Whether it is what the object's records are called by.
    pub is_name: bool,
    /// The sObjects that a reference points to.
    pub reference_to: Vec<String>,
    /// The name that goes into a path to the parent (`Account` for `AccountId`).
    pub relationship_name: Option<String>,
}

/// A field or a parent relationship on a path, with its object.
#[derive(Debug, Clone, Copy)]
pub struct Named<'s> {
    /// The object.
    pub sobject: &'s str,
    /// Its own name.
    pub name: &'s str,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.sobject, self.name)
    }
}

impl OrgSchema {
    /// The field at the end of a path of parents (`Account.Name`) from a record of `sobject`, or
    /// what is not shown. What is shown on the way goes to `show`, the field itself as well.
    pub fn follow<'s>(
        &'s self,
        sobject: &'s str,
        path: &'s str,
        mut show: impl FnMut(Named<'s>),
    ) -> Result<&'s OrgField, Named<'s>> {
        let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
        let mut sobject = sobject;
        for name in parents.split('.').filter(|name| !name.is_empty()) {
            let named = Named { sobject, name };
            sobject = self.sobject(sobject).and_then(|above| above.parent(name)).ok_or(named)?;
            show(named);
        }
        let named = Named { sobject, name };
        let field = self.sobject(sobject).and_then(|described| described.field(name));
        field.inspect(|_| show(named)).ok_or(named)
    }

    /// Adds a description, or puts it in place of an older one.
    pub fn insert(&mut self, sobject: SObject) {
        self.sobjects.insert(sobject.name.to_ascii_lowercase(), sobject);
    }

    /// The description of an sObject, if it was read.
    pub fn sobject(&self, name: &str) -> Option<&SObject> {
        self.sobjects.get(&name.to_ascii_lowercase())
    }
}

impl OrgField {
    /// Whether it may hold anything, as texts and formulas do: what is in it shows when a record is
    /// synced.
    pub fn is_open(&self) -> bool {
        self.is_one_of(&[
            "string",
            "textarea",
            "picklist",
            "combobox",
            "anyType",
            "encryptedstring",
        ])
    }

    /// Whether it holds a number.
    pub fn is_number(&self) -> bool {
        self.is_one_of(&["double", "currency", "percent", "int", "long"])
    }

    /// What m3ter's field takes, where a field of this type cannot hold it.
    pub fn misfit(&self, wanted: FieldType) -> Option<&'static str> {
        let is = |types: &[&str]| self.is_one_of(types);
        match wanted {
            FieldType::Date | FieldType::DateTime
                if !is(&["date", "datetime"]) && !self.is_open() =>
            {
                Some("a date")
            }
            FieldType::Decimal { .. } | FieldType::Integer { .. } if !self.is_number() => {
                Some("a number")
            }
            FieldType::Boolean if !is(&["boolean"]) => Some("true or false"),
            FieldType::Email if self.is_number() || is(&["boolean", "date", "datetime"]) => {
                Some("an e-mail address")
            }
            _ => None,
        }
    }

    fn is_one_of(&self, types: &[&str]) -> bool {
        types.contains(&self.field_type.as_str())
    }
}

impl SObject {
    /// The field called `name`, without regard to case.
    pub fn field(&self, name: &str) -> Option<&OrgField> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The fields by which people know a record: its own name first, then those of its Accounts
    /// (`Account.Name`). None where the object has no name, or does not show it.
    pub fn known_by(&self) -> Vec<String> {
        let Some(own) = self.fields.iter().find(|field| field.is_name) else { return Vec::new() };
        let to_account = |field: &&OrgField| field.reference_to == ["Account"];
        let accounts = self.fields.iter().filter(to_account);
        let accounts = accounts.filter_map(|field| field.relationship_name.as_deref());
        [own.name.clone()]
            .into_iter()
            .chain(accounts.map(|relationship| format!("{relationship}.Name")))
            .collect()
    }

    /// The sObject that the parent relationship `name` leads to; the first where it could be
    /// several.
    pub fn parent(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|field| {
                field
                    .relationship_name
                    .as_deref()
                    .is_some_and(|relationship| relationship.eq_ignore_ascii_case(name))
            })
            .and_then(|field| field.reference_to.first())
            .map(String::as_str)
    }

    /// The child relationship `name`.
    pub fn child_relationship(&self, name: &str) -> Option<&ChildRelationship> {
        self.child_relationships
            .iter()
            .find(|relationship| relationship.name.eq_ignore_ascii_case(name))
    }

    /// The sObject of the child relationship `name`.
    pub fn child(&self, name: &str) -> Option<&str> {
        self.child_relationship(name).map(|relationship| relationship.sobject.as_str())
    }
}
