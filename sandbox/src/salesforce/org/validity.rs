//! Which writes of the integration user the org takes: known fields, values of their types,
//! references to records that are there. Source: SOAP API Developer Guide, status codes; Object
//! Reference, field properties.

use serde_json::Value as Json;

use super::super::tables::{Column, Data, Table};
use super::{Fields, Org, Write, WriteError, decimal, is_deleted, is_id};

const NOT_WRITABLE: &str = "INVALID_FIELD_FOR_INSERT_UPDATE";

impl Org {
    /// The fields as they are stored, if the integration user may write each of them with such a
    /// value.
    pub(super) fn checked(
        &self,
        table: &'static Table,
        changes: &Fields,
        write: Write,
    ) -> Result<Fields, WriteError> {
        let mut checked = Fields::new();
        // All of them are named together, before what is wrong with a value.
        let (mut unwritable, mut wrong) = (Vec::new(), None);
        for (name, value) in changes.iter().filter(|(name, _)| *name != "attributes") {
            if name.eq_ignore_ascii_case("Id") {
                if write == Write::Create && !value.is_null() {
                    let message = "cannot specify Id in an insert call".to_owned();
                    return Err(WriteError::of_field(NOT_WRITABLE, "Id", message));
                }
                // It says which record is changed.
                continue;
            }
            let by_key = self.by_key(table, name, value)?;
            let (name, value) =
                by_key.as_ref().map_or((name.as_str(), value), |(name, id)| (*name, id));
            let column = table.column(name).filter(|column| self.shows_column(table, column));
            let Some(column) = column else {
                let message = format!("No such column '{name}' on sobject of type {}", table.name);
                return Err(WriteError::of_field("INVALID_FIELD", name, message));
            };
            if !self.is_writable(table, column, write) {
                unwritable.push(column.name);
                continue;
            }
            match self.as_stored(column, value, write) {
                Ok(value) => {
                    checked.insert(column.name.to_owned(), value);
                }
                Err(error) => {
                    wrong.get_or_insert(error);
                }
            }
        }
        if unwritable.is_empty() {
            return wrong.map_or(Ok(checked), Err);
        }
        let message = format!(
            "Unable to create/update fields: {}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.",
            unwritable.join(", ")
        );
        Err(WriteError {
            fields: unwritable.into_iter().map(ToOwned::to_owned).collect(),
            ..WriteError::new(NOT_WRITABLE, message)
        })
    }

    /// The value of a field as it is stored, if there can be such a one.
    fn as_stored(&self, column: &Column, value: &Json, write: Write) -> Result<Json, WriteError> {
        let read = read_text(column, value);
        let value = read.as_ref().unwrap_or(value);
        if value.is_null()
            && write == Write::Update
            && !column.is_nillable()
            && column.data != Data::Checkbox
        {
            return Err(missing(&[column.name]));
        }
        check_value(column, value)?;
        self.referred(column, value)
    }

    /// A reference that is written as the key of another system: the field, and the id of the
    /// record with that key.
    fn by_key(
        &self,
        table: &'static Table,
        name: &str,
        value: &Json,
    ) -> Result<Option<(&'static str, Json)>, WriteError> {
        let (Some((column, _, target)), Some(key)) =
            (self.schema.parent(table, name), value.as_object())
        else {
            return Ok(None);
        };
        let mut keys = key.iter().filter(|(name, _)| *name != "attributes");
        let (Some((key, value)), None) = (keys.next(), keys.next()) else {
            return Err(WriteError::of_field(
                "INVALID_FIELD",
                name,
                format!("{name} takes one external id field"),
            ));
        };
        let found = target.column(key).filter(|key| key.is_external_id).and_then(|key| {
            self.visible(target, false)
                .find(|record| record.get(key.name) == Some(value))
                .map(|record| record["Id"].clone())
        });
        let message = format!(
            "Foreign key external ID: {value} not found for field {key} in entity {}",
            target.name
        );
        found
            .map(|id| Some((column.name, id)))
            .ok_or_else(|| WriteError::of_field("INVALID_FIELD", column.name, message))
    }

    /// Refuses a new record that lacks what it must have.
    pub(crate) fn check_complete(
        &self,
        table: &'static Table,
        fields: &Fields,
    ) -> Result<(), WriteError> {
        let is_blank = |name: &str| {
            fields
                .get(name)
                .is_none_or(|value| value.is_null() || value.as_str().is_some_and(str::is_empty))
        };
        let required = table
            .columns()
            .filter(|column| column.is_required && self.is_writable(table, column, Write::Create));
        let mut blank: Vec<&str> =
            required.map(|column| column.name).filter(|name| is_blank(name)).collect();
        if table.name == "OpportunityLineItem" && is_blank("UnitPrice") && is_blank("TotalPrice") {
            blank.push("UnitPrice");
        }
        if blank.is_empty() { Ok(()) } else { Err(missing(&blank)) }
    }

    /// Refuses a key of another system that another record has.
    pub(crate) fn check_unique(
        &self,
        table: &'static Table,
        id: Option<&str>,
        fields: &Fields,
    ) -> Result<(), WriteError> {
        for column in table.columns().filter(|column| column.is_external_id) {
            let Some(value) = fields.get(column.name).filter(|value| !value.is_null()) else {
                continue;
            };
            let others = self.all(table).filter(|record| {
                !is_deleted(record) && record.get("Id").and_then(Json::as_str) != id
            });
            if let Some(other) =
                others.into_iter().find(|record| record.get(column.name) == Some(value))
            {
                let other = other["Id"].as_str().unwrap_or_default();
                let message = format!(
                    "duplicate value found: {} duplicates value on record with id: {other}",
                    column.name
                );
                return Err(WriteError::of_field("DUPLICATE_VALUE", column.name, message));
            }
        }
        Ok(())
    }

    /// A value as it is stored: a reference with 18 characters, to a record that the user may refer
    /// to.
    fn referred(&self, column: &Column, value: &Json) -> Result<Json, WriteError> {
        let (Data::Lookup(_, target), Some(id)) = (column.data, value.as_str()) else {
            return Ok(value.clone());
        };
        let name = column.name;
        // Of an object that is not described, nobody knows which records there are.
        let Some(target) = self.schema.table(target) else { return Ok(value.clone()) };
        if !is_id(id) || !id.starts_with(target.key_prefix) {
            return Err(WriteError::of_field(
                "MALFORMED_ID",
                name,
                format!("{name}: id value of incorrect type: {id}"),
            ));
        }
        match self.find(target, id) {
            None => Err(WriteError::of_field(
                "INVALID_CROSS_REFERENCE_KEY",
                name,
                "invalid cross reference id".to_owned(),
            )),
            Some(record) if self.is_hidden(record) => Err(WriteError::of_field(
                "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
                name,
                "insufficient access rights on cross-reference id".to_owned(),
            )),
            Some(record) if is_deleted(record) => {
                Err(WriteError::of_field("ENTITY_IS_DELETED", name, "entity is deleted".to_owned()))
            }
            Some(record) => Ok(record["Id"].clone()),
        }
    }
}

fn missing(names: &[&str]) -> WriteError {
    let message = format!("Required fields are missing: [{}]", names.join(", "));
    WriteError {
        fields: names.iter().map(|name| (*name).to_owned()).collect(),
        ..WriteError::new("REQUIRED_FIELD_MISSING", message)
    }
}

fn check_value(column: &Column, value: &Json) -> Result<(), WriteError> {
    let name = column.name;
    let wrong_type = || {
        WriteError::of_field(
            "JSON_PARSER_ERROR",
            name,
            format!("Cannot deserialize the value of {name}: {value}"),
        )
    };
    let too_long = |text: &str, most: usize| {
        let message = format!("{name}: data value too large: {text} (max length={most})");
        if text.chars().count() > most {
            Err(WriteError::of_field("STRING_TOO_LONG", name, message))
        } else {
            Ok(())
        }
    };
    if value.is_null() {
        return Ok(());
    }
    match column.data {
        Data::Text(most) | Data::LongText(most) => {
            too_long(value.as_str().ok_or_else(wrong_type)?, most)
        }
        Data::Checkbox if !value.is_boolean() => Err(wrong_type()),
        Data::Currency | Data::Number | Data::Percent | Data::Integer => {
            check_number(column, value).ok_or_else(wrong_type)?
        }
        Data::Date
            if value.as_str().is_none_or(|date| date.parse::<jiff::civil::Date>().is_err()) =>
        {
            Err(wrong_type())
        }
        Data::Email => {
            let text = value.as_str().ok_or_else(wrong_type)?;
            too_long(text, 80)?;
            let message = format!("{name}: invalid email address: {text}");
            if is_email(text) {
                Ok(())
            } else {
                Err(WriteError::of_field("INVALID_EMAIL_ADDRESS", name, message))
            }
        }
        Data::Picklist(values) => {
            let text = value.as_str().ok_or_else(wrong_type)?;
            too_long(text, 255)?;
            if !column.is_restricted || values.contains(&text) {
                return Ok(());
            }
            let message = format!("{name}: bad value for restricted picklist field: {text}");
            Err(WriteError::of_field("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", name, message))
        }
        Data::Id | Data::Lookup(..) | Data::DateTime if !value.is_string() => Err(wrong_type()),
        _ => Ok(()),
    }
}

/// A number or a checkbox that came as text, as the Salesforce CLI sends what it was given on its
/// command line.
fn read_text(column: &Column, value: &Json) -> Option<Json> {
    let text = value.as_str()?;
    match column.data {
        Data::Checkbox => text.parse().ok().map(Json::Bool),
        _ if column.is_number() => text.parse().ok().map(Json::Number),
        _ => None,
    }
}

/// `None` where the value is no number. What is behind the point is kept, however long it is: a
/// field's scale is how it is shown. Source: Salesforce Help 000387302.
fn check_number(column: &Column, value: &Json) -> Option<Result<(), WriteError>> {
    let Json::Number(number) = value else { return None };
    let (precision, scale) = column.digits;
    let limit = 10_f64.powi(i32::try_from(precision - scale).unwrap_or(i32::MAX));
    let double: f64 = number.to_string().parse().ok()?;
    let fits = double.abs() < limit
        && (column.data != Data::Integer
            || decimal(value).is_some_and(|number| number.is_integer()));
    let message =
        format!("{}: value outside of valid range on numeric field: {number}", column.name);
    Some(if fits {
        Ok(())
    } else {
        Err(WriteError::of_field("NUMBER_OUTSIDE_VALID_RANGE", column.name, message))
    })
}

/// One address: letters, digits and a few signs, an `@`, and a host of at least two labels.
fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else { return false };
    let is_local = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (1..=64).contains(&local.chars().count())
        && local.chars().all(is_local)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && host.contains('.')
        && host.split('.').all(is_label)
}
