//! Which records of a root a look at many of them is about: those that are ready, and that an
//! operator's condition names.
//!
//! SOQL can only sort out beforehand: it compares texts in its own way. What it is asked for is
//! never less than what is meant, and the operator's condition is evaluated here again.

use jiff::tz::TimeZone;

use super::fault::MappingFault;
use super::language::{Condition, Constant, FieldRef, Test};
use super::mapped::Mapping;
use super::parse;
use super::row::{Context, RowTree, Scales};
use super::unreadable::Unreadable;
use crate::domain::org_schema::OrgSchema;
use crate::domain::record::Record;

/// Where people read what a record is called: an Order or a Contract without a name has a number.
const NAME_FIELDS: [&str; 3] = ["Name", "OrderNumber", "ContractNumber"];

/// The records of one root.
#[derive(Debug, Clone)]
pub struct Selection<'m> {
    mapping: &'m Mapping,
    condition: Option<Condition>,
}

/// What Salesforce is asked for, as far as the org shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectionQuery {
    /// The fields that the operator's condition asks, the id and those that name a record.
    pub select: String,
    /// The object.
    pub root: String,
    /// What holds of each record that is ready and is meant, and may hold of others; none where
    /// SOQL cannot say it.
    pub ready: Option<String>,
    /// What holds of each record that is meant.
    pub meant: Option<String>,
}

/// What people call a record, as far as it was read.
pub fn name_of(record: &Record) -> Option<&str> {
    let mut values = NAME_FIELDS.into_iter().filter_map(|field| record.value(field)?.as_str());
    values.find(|name| !name.trim().is_empty())
}

impl Mapping {
    /// Whether it tells records that belong into m3ter from others.
    pub fn says_what_is_ready(&self) -> bool {
        !self.only_when.is_empty() || !self.ready_when.is_empty()
    }

    /// The records that are ready, of those that a condition names. It is written in the language
    /// of mappings, or is the path of a checkbox; `source` is what its faults call it.
    pub fn selection(
        &self,
        condition: Option<&str>,
        source: &str,
    ) -> Result<Selection<'_>, Vec<MappingFault>> {
        let parse = |text| parse::condition(text, source, &self.sets);
        Ok(Selection { mapping: self, condition: condition.map(parse).transpose()? })
    }
}

impl Selection<'_> {
    /// The objects whose describe is still needed to follow all paths; ask again until there are
    /// none.
    pub fn undescribed(&self, schema: &OrgSchema) -> Vec<String> {
        let mut missing = self.mapping.undescribed(schema);
        missing.extend(self.mapping.undescribed_on(self.fields(), schema));
        missing.sort();
        missing.dedup();
        missing
    }

    fn fields(&self) -> Vec<&FieldRef> {
        self.condition.as_ref().map(Condition::fields).unwrap_or_default()
    }

    /// What Salesforce is asked for. A field of the condition that the org does not show is a
    /// fault.
    pub fn query(&self, schema: &OrgSchema) -> Result<SelectionQuery, Vec<MappingFault>> {
        let unknown = |field: &&FieldRef| self.mapping.org_field(schema, field).is_err();
        let faults: Vec<MappingFault> = self
            .fields()
            .into_iter()
            .filter(unknown)
            .map(|field| {
                let message = format!(
                    "`{}` is no field of {} or of its parents that the integration user may see",
                    field.path,
                    self.mapping.root()
                );
                let hint = "name a field of the record itself, or of a parent by dots";
                MappingFault::new("condition", field.line, "", message, hint)
            })
            .collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        let root = schema.sobject(self.mapping.root());
        let has = |name: &&'static str| root.is_some_and(|root| root.field(name).is_some());
        let mut paths: Vec<&str> = NAME_FIELDS.into_iter().filter(has).collect();
        paths.extend(self.fields().into_iter().map(|field| field.path.as_str()));
        let mut select = vec!["Id".to_owned()];
        for path in paths {
            if !select.iter().any(|known| known.eq_ignore_ascii_case(path)) {
                select.push(path.to_owned());
            }
        }
        let ready = self.mapping.ready_when.iter().map(|ready| &ready.guard);
        let guards = self.mapping.only_when.iter().chain(ready).map(|guard| &guard.condition);
        let superset = |condition| self.superset(condition, schema);
        let meant = self.condition.as_ref().and_then(superset);
        let ready: Vec<String> = guards.filter_map(superset).chain(meant.clone()).collect();
        Ok(SelectionQuery {
            select: select.join(", "),
            root: self.mapping.root().to_owned(),
            ready: (!ready.is_empty()).then(|| ready.join(" AND ")),
            meant,
        })
    }

    /// Whether the operator means a record.
    pub fn admits(&self, record: &Record) -> bool {
        let Some(condition) = &self.condition else { return true };
        let (unreadable, scales) = (Unreadable::default(), Scales::default());
        let context =
            Context { time_zone: &TimeZone::UTC, unreadable: &unreadable, scales: &scales };
        let tree = RowTree::new(record.row(), self.mapping.around(context));
        condition.holds(tree.root())
    }

    /// SOQL that holds of every record of which a condition holds.
    fn superset(&self, condition: &Condition, schema: &OrgSchema) -> Option<String> {
        let of_each = |conditions: &[Condition]| -> Vec<Option<String>> {
            conditions.iter().map(|condition| self.superset(condition, schema)).collect()
        };
        match condition {
            Condition::All(conditions) => {
                let known: Vec<String> = of_each(conditions).into_iter().flatten().collect();
                (!known.is_empty()).then(|| format!("({})", known.join(" AND ")))
            }
            Condition::Any(conditions) => {
                let all: Option<Vec<String>> = of_each(conditions).into_iter().collect();
                all.map(|all| format!("({})", all.join(" OR ")))
            }
            Condition::Test(field, test) => self.tested(field, test, schema),
        }
    }

    fn tested(&self, field: &FieldRef, test: &Test, schema: &OrgSchema) -> Option<String> {
        let org_field = self.mapping.org_field(schema, field).ok().filter(|org| org.filterable)?;
        let path = &field.path;
        let all = |constants: &[Constant], one: fn(&str, &str) -> Option<String>, word: &str| {
            let each: Option<Vec<String>> = constants
                .iter()
                .map(|constant| match constant {
                    Constant::Text(literal) => one(path, literal),
                    _ => None,
                })
                .collect();
            each.map(|each| format!("({})", each.join(word)))
        };
        match (org_field.field_type.as_str(), test) {
            (_, Test::Blank(false)) => Some(format!("{path} != null")),
            // Without its parent a checkbox is off as well, and SOQL may say nothing of it.
            ("boolean", Test::Is(Constant::Boolean(true))) => Some(format!("{path} = TRUE")),
            ("boolean", Test::IsNot(Constant::Boolean(true))) if !path.contains('.') => {
                Some(format!("{path} = FALSE"))
            }
            ("string" | "picklist", Test::Is(constant)) => {
                all(std::slice::from_ref(constant), like, " OR ")
            }
            ("string" | "picklist", Test::In(constants)) => all(constants, like, " OR "),
            ("string" | "picklist", Test::IsNot(constant)) => {
                all(std::slice::from_ref(constant), differs, " AND ")
            }
            ("string" | "picklist", Test::NotIn(constants)) => all(constants, differs, " AND "),
            ("currency" | "double" | "percent" | "int", Test::Above(limit)) => {
                Some(format!("{path} >= {limit}"))
            }
            ("currency" | "double" | "percent" | "int", Test::Below(limit)) => {
                Some(format!("{path} <= {limit}"))
            }
            _ => None,
        }
    }
}

/// Holds of a text and of what is longer: around a value stand spaces that nobody sees.
fn like(path: &str, text: &str) -> Option<String> {
    let text = plain(text)?;
    Some(format!("{path} LIKE '%{}%'", text.replace('%', "\\%").replace('_', "\\_")))
}

fn differs(path: &str, text: &str) -> Option<String> {
    Some(format!("({path} != '{}' OR {path} = null)", plain(text)?))
}

/// A text in a literal; none where letters or spaces may be compared in another way there.
fn plain(text: &str) -> Option<String> {
    let text = text.trim();
    let is_plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    (!text.is_empty() && text.bytes().all(is_plain))
        .then(|| text.replace('\\', "\\\\").replace('\'', "\\'"))
}
