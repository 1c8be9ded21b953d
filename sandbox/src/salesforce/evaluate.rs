//! Queries over the records, as the integration user sees them.

mod aggregates;
mod check;
mod index;
mod metadata;

use std::cmp::Ordering;

use axum::http::StatusCode;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

use super::answer::ApiError;
use super::limits;
use super::numbers;
use super::org::{Fields, Org, is_id, is_id_of, short};
use super::soql::{FieldSet, Filter, Literal, Operator, Path, Query, Selected, Shown, days};
use super::tables::{Data, Table};
pub(super) use index::Index;

/// Rows of a query with `FIELDS(ALL)` or `FIELDS(CUSTOM)`.
const MAX_ROWS_OF_FIELDS: usize = 200;
/// Rows that `OFFSET` may skip.
const MAX_OFFSET: usize = 2_000;

/// What a query is evaluated with.
pub(super) struct Evaluation<'a> {
    pub(super) org: &'a Org,
    /// The query's text, which error messages show a part of.
    pub(super) text: &'a str,
    pub(super) with_deleted: bool,
    pub(super) version: &'a str,
    pub(super) index: Index<'a>,
}

/// The rows of a query; `None` for a count, with how many there are.
pub(super) struct Rows {
    pub(super) records: Vec<Json>,
    pub(super) count: Option<usize>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn rows(&self, query: &Query) -> Result<Rows, ApiError> {
        if let Some(rows) = self.of_metadata(query)? {
            return Ok(rows);
        }
        limits::check_children(query)?;
        let table = self
            .org
            .schema
            .table(&query.from)
            .filter(|table| self.org.shows_table(table))
            .ok_or_else(|| self.unknown_type(&query.from))?;
        let ids = query.filter.as_ref().and_then(index::ids_in);
        let candidates = self.org.all(table).filter(|record| {
            let id = || record.get("Id").and_then(Json::as_str).map(short);
            ids.as_ref().is_none_or(|ids| id().is_some_and(|id| ids.contains(id)))
        });
        self.rows_among(&self.spelled_out(query, table)?, table, candidates)
    }

    /// The query with `FIELDS()` in the fields that it stands for.
    fn spelled_out(&self, query: &Query, table: &'static Table) -> Result<Query, ApiError> {
        let mut query = query.clone();
        let sets: Vec<FieldSet> = query
            .select
            .iter()
            .filter_map(
                |selected| if let Selected::Fields(set) = selected { Some(*set) } else { None },
            )
            .collect();
        let is_unbounded = query.limit.is_none_or(|limit| limit > MAX_ROWS_OF_FIELDS);
        if sets.iter().any(|set| *set != FieldSet::Standard) && is_unbounded {
            let problem = format!(
                "The SOQL FIELDS function must have a LIMIT of at most {MAX_ROWS_OF_FIELDS}"
            );
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "MALFORMED_QUERY", problem));
        }
        let belongs = |set: FieldSet, name: &str| match set {
            FieldSet::All => true,
            FieldSet::Custom => name.ends_with("__c"),
            FieldSet::Standard => !name.ends_with("__c"),
        };
        let spell = |selected: Selected| match selected {
            Selected::Fields(set) => table
                .columns()
                .filter(|column| self.org.shows_column(table, column) && belongs(set, column.name))
                .map(|column| Selected::Path(Path { names: vec![column.name.to_owned()], at: 7 }))
                .collect(),
            other => vec![other],
        };
        query.select = query.select.into_iter().flat_map(spell).collect();
        Ok(query)
    }

    fn rows_among(
        &self,
        query: &Query,
        table: &'static Table,
        candidates: impl Iterator<Item = &'a Fields>,
    ) -> Result<Rows, ApiError> {
        self.check(query, table)?;
        let mut records = Vec::new();
        for record in candidates.filter(|record| self.org.is_visible(record, self.with_deleted)) {
            if query.filter.as_ref().map_or(Ok(true), |filter| self.holds(filter, table, record))? {
                records.push(record);
            }
        }
        if query.is_of_groups() {
            return self.groups(query, table, &records);
        }
        records.sort_by(|one, other| self.compare_by(&query.order, table, one, other));
        let records: Vec<&Fields> = records
            .into_iter()
            .skip(query.offset)
            .take(query.limit.unwrap_or(usize::MAX))
            .collect();
        if query.select.contains(&Selected::Count) {
            return Ok(Rows { records: Vec::new(), count: Some(records.len()) });
        }
        let records = records
            .into_iter()
            .map(|record| self.row(query, table, record))
            .collect::<Result<_, _>>()?;
        Ok(Rows { records, count: None })
    }

    fn child(
        &self,
        table: &'static Table,
        query: &Query,
    ) -> Result<(&'static str, &'static Table, &'static str), ApiError> {
        let child = self.org.schema.child(table, &query.from).filter(|(_, child, _)| self.org.shows_table(child)).ok_or_else(|| {
            let problem = format!("Didn't understand relationship '{}' in FROM part of query call. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name.", query.from);
            ApiError::new(StatusCode::BAD_REQUEST, "INVALID_TYPE", problem)
        })?;
        self.check(query, child.1)?;
        Ok(child)
    }

    fn row(&self, query: &Query, table: &'static Table, record: &Fields) -> Result<Json, ApiError> {
        let mut row = Fields::new();
        row.insert("attributes".to_owned(), self.attributes(table, record));
        for selected in &query.select {
            match selected {
                Selected::Path(path) => self.select(&mut row, table, record, &path.names),
                Selected::Children(child) => {
                    let (relationship, child_table, field) = self.child(table, child)?;
                    let id = record.get("Id").and_then(Json::as_str).unwrap_or_default();
                    let candidates = self.index.holders(self.org, child_table, field, id);
                    let records = self
                        .rows_among(
                            child,
                            child_table,
                            candidates
                                .into_iter()
                                .filter(|candidate| candidate.get(field) == record.get("Id")),
                        )?
                        .records;
                    let children = if records.is_empty() {
                        Json::Null
                    } else {
                        json!({ "totalSize": records.len(), "done": true, "records": records })
                    };
                    row.insert(relationship.to_owned(), children);
                }
                Selected::Shown(shown, path, alias) => {
                    let value = self.value(table, record, &path.names);
                    let value = match (shown, &value) {
                        (Shown::Formatted, Json::Number(number)) => json!(number.to_string()),
                        _ => value,
                    };
                    row.insert(alias.clone().unwrap_or_else(|| path.names.join(".")), value);
                }
                Selected::Count | Selected::Aggregate(..) | Selected::Fields(_) => {}
            }
        }
        Ok(Json::Object(row))
    }

    /// Adds one field to a row; parents become objects, or null where there is none.
    fn select(&self, row: &mut Fields, table: &'static Table, record: &Fields, names: &[String]) {
        let Some((first, rest)) = names.split_first() else { return };
        if rest.is_empty() {
            if let Some(column) = table.column(first) {
                row.insert(
                    column.name.to_owned(),
                    numbers::shown(column, value(table, column.name, record)),
                );
            }
            return;
        }
        let Some((column, relationship, parent_table)) = self.org.schema.parent(table, first)
        else {
            return self.select(row, table, record, rest);
        };
        let parent = self.parent(column.name, parent_table, record);
        match parent {
            None => {
                row.insert(relationship.to_owned(), Json::Null);
            }
            Some(parent) => {
                let nested = row.entry(relationship).or_insert_with(
                    || json!({ "attributes": self.attributes(parent_table, parent) }),
                );
                if let Json::Object(nested) = nested {
                    self.select(nested, parent_table, parent, rest);
                }
            }
        }
    }

    fn parent(&self, field: &str, parent: &'static Table, record: &Fields) -> Option<&'a Fields> {
        let id = record.get(field)?.as_str()?;
        let candidates = self.index.holders(self.org, parent, "Id", id);
        candidates.into_iter().find(|candidate| is_id_of(candidate, id))
    }

    fn attributes(&self, table: &Table, record: &Fields) -> Json {
        let id = record.get("Id").and_then(Json::as_str).unwrap_or_default();
        json!({ "type": table.name, "url": format!("/services/data/{}/sobjects/{}/{id}", self.version, table.name) })
    }

    /// The value at a path.
    fn value(&self, table: &'static Table, record: &Fields, names: &[String]) -> Json {
        let Some((first, rest)) = names.split_first() else { return Json::Null };
        if rest.is_empty() {
            return value(table, first, record);
        }
        match self.org.schema.parent(table, first) {
            Some((column, _, parent_table)) => self
                .parent(column.name, parent_table, record)
                .map_or(Json::Null, |parent| self.value(parent_table, parent, rest)),
            None => self.value(table, record, rest),
        }
    }

    fn holds(
        &self,
        filter: &Filter,
        table: &'static Table,
        record: &Fields,
    ) -> Result<bool, ApiError> {
        match filter {
            Filter::And(parts) => {
                parts.iter().try_fold(true, |all, part| Ok(all && self.holds(part, table, record)?))
            }
            Filter::Or(parts) => parts
                .iter()
                .try_fold(false, |any, part| Ok(any || self.holds(part, table, record)?)),
            Filter::Not(part) => Ok(!self.holds(part, table, record)?),
            Filter::Compare(path, operator, literal) => {
                Ok(matches(&self.value(table, record, &path.names), *operator, literal))
            }
            Filter::InQuery(path, query) => {
                let actual = self.value(table, record, &path.names);
                let inner = self
                    .org
                    .schema
                    .table(&query.from)
                    .ok_or_else(|| self.unknown_type(&query.from))?;
                let [Selected::Path(selected)] = query.select.as_slice() else { return Ok(false) };
                for candidate in self.org.visible(inner, self.with_deleted) {
                    let belongs = query
                        .filter
                        .as_ref()
                        .map_or(Ok(true), |filter| self.holds(filter, inner, candidate))?;
                    if belongs
                        && !actual.is_null()
                        && self.value(inner, candidate, &selected.names) == actual
                    {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Filter::In(path, literals) => {
                let actual = self.value(table, record, &path.names);
                Ok(literals.iter().any(|literal| matches(&actual, Operator::Equal, literal)))
            }
        }
    }

    fn compare_by(
        &self,
        order: &[super::soql::Order],
        table: &'static Table,
        one: &Fields,
        other: &Fields,
    ) -> Ordering {
        for order in order {
            let (one, other) = (
                self.value(table, one, &order.path.names),
                self.value(table, other, &order.path.names),
            );
            let ordering = match (one.is_null(), other.is_null()) {
                (true, true) => Ordering::Equal,
                (true, false) => {
                    if order.nulls_last {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    }
                }
                (false, true) => {
                    if order.nulls_last {
                        Ordering::Less
                    } else {
                        Ordering::Greater
                    }
                }
                (false, false) if order.descending => compare(&other, &one),
                (false, false) => compare(&one, &other),
            };
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        Ordering::Equal
    }

    fn unknown_type(&self, name: &str) -> ApiError {
        let at = self.text.to_ascii_lowercase().find(" from ").map_or(0, |at| at + 6);
        let problem = format!(
            "sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name."
        );
        ApiError::new(StatusCode::BAD_REQUEST, "INVALID_TYPE", self.with_place(at, &problem))
    }

    /// The message as Salesforce shows it: a part of the query, a mark, the place, the problem.
    fn with_place(&self, at: usize, problem: &str) -> String {
        let from = self.text[..at.min(self.text.len())]
            .char_indices()
            .rev()
            .nth(20)
            .map_or(0, |(index, _)| index);
        let shown: String = self.text[from..].chars().take(60).collect();
        format!(
            "\n{shown}\n{}^\nERROR at Row:1:Column:{}\n{problem}",
            " ".repeat(at.saturating_sub(from)),
            at + 1
        )
    }
}

/// A field's value; a checkbox always has one.
fn value(table: &Table, name: &str, record: &Fields) -> Json {
    let column = table.column(name);
    let stored = column.and_then(|column| record.get(column.name)).cloned();
    let default = || {
        if column.is_some_and(|column| column.data == Data::Checkbox) {
            Json::Bool(false)
        } else {
            Json::Null
        }
    };
    stored.unwrap_or_else(default)
}

fn matches(actual: &Json, operator: Operator, literal: &Literal) -> bool {
    let equal = match literal {
        Literal::Null => actual.is_null(),
        Literal::Boolean(boolean) => actual.as_bool() == Some(*boolean),
        Literal::Text(text) => actual.as_str().is_some_and(|actual| {
            actual.eq_ignore_ascii_case(text) && (!is_id(text) || actual == text)
                || (text.len() == 15 && is_id(text) && actual.get(..15) == Some(text))
        }),
        Literal::Bare(written) => bare_ordering(actual, written) == Some(Ordering::Equal),
        Literal::Days(literal) => days_ordering(actual, literal) == Some(Ordering::Equal),
    };
    let ordering = || match literal {
        Literal::Text(text) => {
            actual.as_str().map(|actual| actual.to_lowercase().cmp(&text.to_lowercase()))
        }
        Literal::Bare(written) => bare_ordering(actual, written),
        Literal::Days(literal) => days_ordering(actual, literal),
        Literal::Null | Literal::Boolean(_) => None,
    };
    match operator {
        Operator::Equal => equal,
        Operator::NotEqual => !equal,
        Operator::Less => ordering() == Some(Ordering::Less),
        Operator::LessOrEqual => equal || ordering() == Some(Ordering::Less),
        Operator::Greater => ordering() == Some(Ordering::Greater),
        Operator::GreaterOrEqual => equal || ordering() == Some(Ordering::Greater),
        Operator::Like => match (actual.as_str(), literal) {
            (Some(actual), Literal::Text(pattern)) => {
                is_like(&actual.to_lowercase(), &pattern.to_lowercase())
            }
            _ => false,
        },
    }
}

/// What a literal outside of quotes is.
#[derive(Clone, Copy, PartialEq)]
enum Written {
    Number,
    Date,
    DateTime,
}

fn is_of(literal: &Literal, wanted: Written) -> bool {
    match literal {
        Literal::Days(_) => wanted != Written::Number,
        Literal::Bare(written) => {
            let kind = if written.parse::<jiff::civil::Date>().is_ok() && !written.contains('T') {
                Written::Date
            } else if written.contains('T') {
                Written::DateTime
            } else {
                Written::Number
            };
            kind == wanted
        }
        _ => false,
    }
}

/// How a date or date-time stands to a range of days.
fn days_ordering(actual: &Json, literal: &str) -> Option<Ordering> {
    let today = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date();
    let (from, to) = days::range(literal, today)?;
    let day: jiff::civil::Date = actual.as_str()?.get(..10)?.parse().ok()?;
    Some(if day < from {
        Ordering::Less
    } else if day >= to {
        Ordering::Greater
    } else {
        Ordering::Equal
    })
}

/// A number by value, a date or date-time by its text.
fn bare_ordering(actual: &Json, written: &str) -> Option<Ordering> {
    match actual {
        Json::Number(number) => {
            Some(number.to_string().parse::<Decimal>().ok()?.cmp(&written.parse().ok()?))
        }
        Json::String(text) => {
            let length = text.len().min(written.len()).min(19);
            Some(text.get(..length)?.cmp(written.get(..length)?))
        }
        _ => None,
    }
}

fn compare(one: &Json, other: &Json) -> Ordering {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => {
            match (one.to_string().parse::<Decimal>(), other.to_string().parse::<Decimal>()) {
                (Ok(one), Ok(other)) => one.cmp(&other),
                _ => Ordering::Equal,
            }
        }
        (Json::String(one), Json::String(other)) => one.cmp(other),
        (Json::Bool(one), Json::Bool(other)) => one.cmp(other),
        _ => Ordering::Equal,
    }
}

/// `%` is any text, `_` one character; `\%` and `\_` are themselves.
fn is_like(text: &str, pattern: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix('\\')
        && let Some(escaped @ ('%' | '_')) = rest.chars().next()
    {
        return text.strip_prefix(escaped).is_some_and(|text| is_like(text, &rest[1..]));
    }
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('%') => {
            let rest = &pattern[1..];
            text.char_indices()
                .map(|(index, _)| index)
                .chain([text.len()])
                .any(|index| is_like(&text[index..], rest))
        }
        Some(expected) => text.chars().next().is_some_and(|first| {
            (expected == '_' || expected == first)
                && is_like(&text[first.len_utf8()..], &pattern[expected.len_utf8()..])
        }),
    }
}
