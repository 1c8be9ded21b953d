//! Which of many records are asked for: what SOQL can say of conditions, and the queries for those
//! of which that holds.
//!
//! SOQL can only sort out beforehand: it compares texts in its own way. What it is asked for is
//! never less than what is meant.

use jiff::Timestamp;

use super::reads::Reads;
use super::text::{any_id, containing, literal};
use crate::domain::condition::{Condition, Constant, Test};
use crate::domain::ids::SalesforceId;
use crate::domain::org_schema::OrgSchema;
use crate::domain::record::NAME_FIELDS;
use crate::domain::rows::FieldRef;

/// Many records of one object, as far as the org shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectionQuery {
    /// The fields that are asked for.
    pub select: String,
    /// The object.
    pub root: String,
    /// What holds of each record that is ready and is meant, and may hold of others; none where
    /// SOQL cannot say it.
    pub ready: Option<String>,
    /// What holds of each record that is meant.
    pub meant: Option<String>,
}

impl SelectionQuery {
    /// The records that a condition means, of which those are ready that also meet `guards`.
    pub fn new<'c>(
        reads: &Reads<'_>,
        schema: &OrgSchema,
        condition: Option<&'c Condition>,
        guards: impl Iterator<Item = &'c Condition>,
    ) -> Self {
        let root = schema.sobject(reads.root());
        let has = |name: &&str| root.is_some_and(|root| root.field(name).is_some());
        let names = NAME_FIELDS.into_iter().filter(has);
        let asked = condition.map(Condition::fields).unwrap_or_default();
        let mut select: Vec<&str> = vec!["Id"];
        for path in names.chain(asked.into_iter().map(|field| field.path.as_str())) {
            if !select.iter().any(|known| known.eq_ignore_ascii_case(path)) {
                select.push(path);
            }
        }
        Self {
            select: select.join(", "),
            root: reads.root().to_owned(),
            ready: superset(guards.chain(condition), reads, schema),
            meant: superset(condition, reads, schema),
        }
    }

    /// How many are ready, or have changed since an instant.
    pub fn count(&self, since: Option<Timestamp>) -> String {
        format!("SELECT COUNT() FROM {}{}", self.root, self.conditions(since, None))
    }

    /// The next of them, in the order of their ids.
    pub fn page(
        &self,
        since: Option<Timestamp>,
        after: Option<&SalesforceId>,
        limit: usize,
    ) -> String {
        let (Self { select, root, .. }, conditions) = (self, self.conditions(since, after));
        format!("SELECT {select} FROM {root}{conditions} ORDER BY Id LIMIT {limit}")
    }

    /// Some records by their ids, whatever holds of them.
    pub fn any_of(&self, ids: &[SalesforceId]) -> String {
        format!("SELECT {} FROM {} WHERE {}", self.select, self.root, any_id(ids))
    }

    fn conditions(&self, since: Option<Timestamp>, after: Option<&SalesforceId>) -> String {
        // Of what has changed also that is looked at which is no longer ready.
        let chosen = if since.is_none() { &self.ready } else { &self.meant };
        let since = since.map(|since| since.strftime("SystemModstamp >= %Y-%m-%dT%H:%M:%SZ"));
        let conditions: Vec<String> = chosen
            .iter()
            .cloned()
            .chain(since.map(|since| since.to_string()))
            .chain(after.map(|after| format!("Id > '{after}'")))
            .collect();
        if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        }
    }
}

/// SOQL that holds of every record of which all conditions hold; none where it cannot say any of
/// them.
fn superset<'c>(
    conditions: impl IntoIterator<Item = &'c Condition>,
    reads: &Reads<'_>,
    schema: &OrgSchema,
) -> Option<String> {
    let filter = Filter { reads, schema };
    let known: Vec<String> =
        conditions.into_iter().filter_map(|condition| filter.superset(condition)).collect();
    (!known.is_empty()).then(|| known.join(" AND "))
}

#[derive(Clone, Copy)]
struct Filter<'f> {
    reads: &'f Reads<'f>,
    schema: &'f OrgSchema,
}

impl Filter<'_> {
    fn superset(self, condition: &Condition) -> Option<String> {
        match condition {
            Condition::All(conditions) => {
                superset(conditions, self.reads, self.schema).map(|all| format!("({all})"))
            }
            Condition::Any(conditions) => all(conditions, |one| self.superset(one), " OR "),
            Condition::Test(field, test) => self.tested(field, test),
        }
    }

    fn tested(self, field: &FieldRef, test: &Test) -> Option<String> {
        let shown = self.reads.org_field(self.schema, field).ok();
        let org_field = shown.filter(|shown| shown.filterable)?;
        let path = field.path.as_str();
        let is = |constant: &Constant| Some(containing(path, plain(constant)?));
        let differs = |constant: &Constant| {
            let quoted = literal(plain(constant)?);
            Some(format!("({path} != {quoted} OR {path} = null)"))
        };
        match (org_field.field_type.as_str(), test) {
            (_, Test::Blank(false)) => Some(format!("{path} != null")),
            // Without its parent a checkbox is off as well, and SOQL may say nothing of it.
            ("boolean", Test::Is(Constant::Boolean(true))) => Some(format!("{path} = TRUE")),
            ("boolean", Test::IsNot(Constant::Boolean(true))) if !path.contains('.') => {
                Some(format!("{path} = FALSE"))
            }
            ("string" | "picklist", test) => match test {
                // It also holds of what is longer: around a value stand spaces that nobody sees.
                Test::Is(constant) => all(std::slice::from_ref(constant), is, " OR "),
                Test::In(constants) => all(constants, is, " OR "),
                Test::IsNot(constant) => all(std::slice::from_ref(constant), differs, " AND "),
                Test::NotIn(constants) => all(constants, differs, " AND "),
                _ => None,
            },
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

/// What each of several comes to, joined; none where one of them comes to nothing.
fn all<T>(several: &[T], one: impl Fn(&T) -> Option<String>, word: &str) -> Option<String> {
    let each: Option<Vec<String>> = several.iter().map(one).collect();
    each.map(|each| format!("({})", each.join(word)))
}

/// A text that SOQL compares as mappings do: none where letters or spaces may be compared in
/// another way there.
fn plain(constant: &Constant) -> Option<&str> {
    let Constant::Text(text) = constant else { return None };
    let text = text.trim();
    let is_plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    (!text.is_empty() && text.bytes().all(is_plain)).then_some(text)
}
