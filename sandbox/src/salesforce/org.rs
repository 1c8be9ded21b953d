//! The records of the org and what the integration user may see of them.

mod bin;
mod derived;
mod merge;
mod orders;
mod validity;

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::numbers::stored;
use super::tables::{Column, Schema, Table, Tie};
pub(super) use orders::{ACTIVATE_ORDERS, EDIT_ACTIVATED_ORDERS};

/// What follows the key prefix in the ids that the emulator makes up.
const MADE: &str = "SB";

/// One record with its fields by their API names; a field without a value is absent.
pub(super) type Fields = Map<String, Json>;

/// The records of all objects, and the rules.
#[derive(Debug)]
pub(super) struct Org {
    pub(super) schema: Schema,
    records: Vec<(&'static str, Fields)>,
    /// Where a record stands, by the 15 characters of its id that say which one it is.
    places: HashMap<String, usize>,
    pub(super) rules: Rules,
    /// The ids of what the integration user may not see: what the rules hide, and the details of
    /// it.
    hidden: HashSet<String>,
    created: u64,
}

/// The records at one moment.
pub(super) struct Checkpoint {
    records: Vec<(&'static str, Fields)>,
    hidden: HashSet<String>,
}

/// What a test can change about access and about the org.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Rules {
    /// Whether `CurrencyIsoCode` exists.
    multi_currency: bool,
    /// `Opportunity.M3ter_PO_Number__c`: neither readable nor writable.
    hidden_fields: HashSet<String>,
    /// `Product2`.
    hidden_objects: HashSet<String>,
    /// Ids of records that the integration user may not see, beside those of the examples.
    hidden_records: HashSet<String>,
    /// `Account.M3ter_Account_Id__c`: readable only.
    read_only_fields: HashSet<String>,
    /// Ids of records that refuse every change.
    locked_records: HashSet<String>,
    /// What the integration user may do beyond its fields: `EditActivatedOrders`, `ActivateOrder`.
    permissions: HashSet<String>,
    /// The public key, in PEM, of the certificate that the app holds: who signs with its private
    /// key may log in.
    pub(super) jwt_public_key: Option<String>,
    /// What a login names as its instance; else the emulator's own address.
    pub(super) instance_url: Option<String>,
    /// What every answer to a query names as its next page, for want of a page of its own.
    pub(super) next_records_url: Option<String>,
    /// Rows on one page of a child relationship; else as many as on one page of the query.
    pub(super) child_page_rows: Option<usize>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            multi_currency: true,
            hidden_fields: HashSet::new(),
            hidden_objects: HashSet::new(),
            hidden_records: HashSet::new(),
            read_only_fields: HashSet::new(),
            locked_records: HashSet::new(),
            permissions: ["EditActivatedOrders", "ActivateOrder"].map(ToOwned::to_owned).into(),
            jwt_public_key: None,
            instance_url: None,
            next_records_url: None,
            child_page_rows: None,
        }
    }
}

/// What is being done to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    Create,
    Update,
}

/// Why a record was not written: status code and message, with the fields concerned.
#[derive(Debug, Clone)]
pub(super) struct WriteError {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) fields: Vec<String>,
}

impl Org {
    pub(super) fn new(
        schema: Schema,
        records: Vec<(&'static str, Fields)>,
        hidden: impl IntoIterator<Item = String>,
    ) -> Self {
        let rules = Rules { hidden_records: hidden.into_iter().collect(), ..Rules::default() };
        // The ids of records that an earlier emulator made are not given again.
        let is_made = |fields: &Fields| {
            fields.get("Id").and_then(Json::as_str).is_some_and(|id| id.get(3..5) == Some(MADE))
        };
        let created = records.iter().filter(|(_, fields)| is_made(fields)).count() as u64;
        let places = HashMap::new();
        let mut org = Self { schema, records, places, rules, hidden: HashSet::new(), created };
        org.note_places();
        for index in 0..org.records.len() {
            let (name, mut record) = (org.records[index].0, org.records[index].1.clone());
            // What a describe goes with is complete as it is.
            if let Some(table) =
                schema.table(name).filter(|table| schema.described(table).is_none())
            {
                org.complete(table, &mut record);
            }
            org.records[index].1 = record;
        }
        org.note_lines();
        org.note_hidden();
        org
    }

    /// An object that is known to be there.
    pub(super) fn emulated(&self, name: &str) -> &'static Table {
        self.schema.table(name).expect("an emulated object")
    }

    /// The records as they are, for a change that is all or none.
    pub(super) fn checkpoint(&self) -> Checkpoint {
        Checkpoint { records: self.records.clone(), hidden: self.hidden.clone() }
    }

    /// Takes back what was done since.
    pub(super) fn roll_back(&mut self, Checkpoint { records, hidden }: Checkpoint) {
        (self.records, self.hidden) = (records, hidden);
        self.note_places();
    }

    /// Finds out anew where each record stands.
    fn note_places(&mut self) {
        let place = |(place, (_, record)): (usize, &(&str, Fields))| {
            (short(&id_of(record)).to_owned(), place)
        };
        self.places = self.records.iter().enumerate().rev().map(place).collect();
    }

    /// Where the record with this id of 15 or 18 characters stands.
    fn place(&self, id: &str) -> Option<usize> {
        let place = *self.places.get(short(id))?;
        is_id_of(&self.records[place].1, id).then_some(place)
    }

    /// Puts other rules in place; the records that the examples hide stay hidden.
    pub(super) fn set_rules(
        &mut self,
        mut rules: Rules,
        examples_hide: impl IntoIterator<Item = String>,
    ) {
        rules.hidden_records.extend(examples_hide);
        self.rules = rules;
        self.note_hidden();
    }

    /// Finds out anew what is hidden: a detail has no sharing of its own, and is seen by whoever
    /// sees its master.
    fn note_hidden(&mut self) {
        self.hidden.clone_from(&self.rules.hidden_records);
        loop {
            let known = self.hidden.len();
            for (name, record) in &self.records {
                if self
                    .schema
                    .table(name)
                    .is_some_and(|table| has_master_among(table, record, &self.hidden))
                {
                    self.hidden.insert(id_of(record));
                }
            }
            if self.hidden.len() == known {
                return;
            }
        }
    }

    pub(super) fn shows_table(&self, table: &Table) -> bool {
        !self.rules.hidden_objects.contains(table.name)
    }

    pub(super) fn is_multi_currency(&self) -> bool {
        self.rules.multi_currency
    }

    pub(super) fn shows_column(&self, table: &Table, column: &Column) -> bool {
        (self.rules.multi_currency || column.name != "CurrencyIsoCode")
            && !self.rules.hidden_fields.contains(&format!("{}.{}", table.name, column.name))
    }

    pub(super) fn is_writable(&self, table: &Table, column: &Column, write: Write) -> bool {
        let is_open =
            if write == Write::Create { column.is_createable() } else { column.is_updateable() };
        is_open && !self.rules.read_only_fields.contains(&format!("{}.{}", table.name, column.name))
    }

    pub(super) fn is_hidden(&self, record: &Fields) -> bool {
        record.get("Id").and_then(Json::as_str).is_some_and(|id| self.hidden.contains(id))
    }

    /// All records of an object, hidden and deleted ones among them.
    pub(super) fn all(&self, table: &Table) -> impl Iterator<Item = &Fields> + use<'_> {
        let wanted = table.name;
        self.records.iter().filter(move |(name, _)| *name == wanted).map(|(_, record)| record)
    }

    /// The records that the integration user sees.
    pub(super) fn visible(
        &self,
        table: &Table,
        with_deleted: bool,
    ) -> impl Iterator<Item = &Fields> + use<'_> {
        self.all(table).filter(move |record| self.is_visible(record, with_deleted))
    }

    pub(super) fn is_visible(&self, record: &Fields, with_deleted: bool) -> bool {
        !self.is_hidden(record) && (with_deleted || !is_deleted(record))
    }

    /// The record with this id of 15 or 18 characters.
    pub(super) fn find(&self, table: &Table, id: &str) -> Option<&Fields> {
        let (name, record) = &self.records[self.place(id)?];
        (*name == table.name).then_some(record)
    }

    fn find_mut(&mut self, table: &Table, id: &str) -> Option<&mut Fields> {
        let place = self.place(id)?;
        let (name, record) = &mut self.records[place];
        (*name == table.name).then_some(record)
    }

    /// Changes some fields of a record as the integration user.
    pub(super) fn update(
        &mut self,
        table: &'static Table,
        id: &str,
        changes: &Fields,
    ) -> Result<(), WriteError> {
        let record = self.find(table, id).filter(|record| !self.is_hidden(record));
        let Some(record) = record else {
            return Err(WriteError::new(
                "INVALID_CROSS_REFERENCE_KEY",
                "invalid cross reference id",
            ));
        };
        if is_deleted(record) {
            return Err(WriteError::new("ENTITY_IS_DELETED", "entity is deleted"));
        }
        let full_id = record["Id"].as_str().unwrap_or_default().to_owned();
        if self.rules.locked_records.contains(&full_id) {
            return Err(WriteError::new("ENTITY_IS_LOCKED", "the entity is locked for editing"));
        }
        let mut changes = self.checked(table, changes, Write::Update)?;
        self.check_unique(table, Some(&full_id), &changes)?;
        self.check_change(table, record, &changes)?;
        if record.get("HasOpportunityLineItem") == Some(&json!(true)) {
            // Ignored, not refused: it is the sum of the lines.
            changes.remove("Amount");
        }
        self.overwrite(table, &full_id, changes);
        Ok(())
    }

    /// Creates a record as the integration user; its id.
    pub(super) fn create(
        &mut self,
        table: &'static Table,
        fields: &Fields,
    ) -> Result<String, WriteError> {
        if !table.is_createable() {
            let message = format!("entity type cannot be inserted: {}", table.name);
            return Err(WriteError::new("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message));
        }
        let checked = self.checked(table, fields, Write::Create)?;
        self.check_complete(table, &checked)?;
        self.check_unique(table, None, &checked)?;
        self.check_new(table, &checked)?;
        Ok(self.insert(table, checked))
    }

    /// Changes fields without asking whether anybody may: what a test does to the org.
    pub(super) fn overwrite(&mut self, table: &'static Table, id: &str, changes: Fields) {
        let moves = table
            .ties()
            .any(|(column, _)| changes.keys().any(|name| name.eq_ignore_ascii_case(column.name)));
        let Some(before) = self.find(table, id).cloned() else { return };
        let named = |(name, value): (String, Json)| {
            let column = table.column(&name);
            (column.map_or(name, |column| column.name.to_owned()), stored(column, value))
        };
        let mut changes: Fields = changes.into_iter().map(named).collect();
        self.revised(table, &before, &mut changes);
        changes.retain(|name, _| table.column(name).is_some());
        let Some(record) = self.find_mut(table, id) else { return };
        for (name, value) in &changes {
            if value.is_null() {
                record.remove(name)
            } else {
                record.insert(name.clone(), value.clone())
            };
        }
        let record = record.clone();
        let other: Vec<String> = changes
            .into_iter()
            .filter(|(name, value)| before.get(name) != Some(value))
            .map(|(name, _)| name)
            .collect();
        self.follow(table, &record, &other);
        if moves {
            self.note_hidden();
        }
    }

    /// Adds a record; its id, made up where `fields` holds none.
    pub(super) fn insert(&mut self, table: &'static Table, fields: Fields) -> String {
        self.created += 1;
        let id = fields.get("Id").and_then(Json::as_str).map_or_else(
            || with_checksum(&format!("{}{MADE}{:010}", table.key_prefix, self.created)),
            ToOwned::to_owned,
        );
        let mut record: Fields = fields
            .into_iter()
            .map(|(name, value)| (name.clone(), stored(table.column(&name), value)))
            .collect();
        record.insert("Id".to_owned(), json!(id));
        self.complete(table, &mut record);
        if has_master_among(table, &record, &self.hidden) {
            self.hidden.insert(id.clone());
        }
        self.places.insert(short(&id).to_owned(), self.records.len());
        self.records.push((table.name, record.clone()));
        let changed: Vec<String> = record.keys().cloned().collect();
        self.count_in(table, &record, &changed);
        id
    }

    /// All records by object, as `GET /sandbox/state` shows them.
    pub(super) fn snapshot(&self) -> Json {
        let by_object = self.schema.tables().map(|table| {
            (table.name.to_owned(), self.all(table).cloned().map(Json::Object).collect())
        });
        Json::Object(by_object.collect())
    }
}

impl WriteError {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: Vec::new() }
    }

    /// As a row of a collection's answer says it.
    pub(super) fn as_row(&self) -> Json {
        json!({ "statusCode": self.code, "message": self.message, "fields": self.fields })
    }

    fn of_field(code: &'static str, field: &str, message: String) -> Self {
        Self { code, message, fields: vec![field.to_owned()] }
    }
}

/// A number without the rounding of a double.
fn decimal(value: &Json) -> Option<Decimal> {
    let text = value.as_number()?.to_string();
    text.parse().or_else(|_| Decimal::from_scientific(&text)).ok()
}

/// Whether a record is a detail of one of these.
fn has_master_among(table: &Table, record: &Fields, masters: &HashSet<String>) -> bool {
    let mut details = table.columns().filter(|column| column.tie == Tie::Detail);
    details.any(|column| {
        record
            .get(column.name)
            .and_then(Json::as_str)
            .is_some_and(|master| masters.contains(master))
    })
}

/// The time as the API writes it.
fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}

pub(super) fn id_of(record: &Fields) -> String {
    record.get("Id").and_then(Json::as_str).unwrap_or_default().to_owned()
}

pub(super) fn is_deleted(record: &Fields) -> bool {
    record.get("IsDeleted") == Some(&json!(true))
}

pub(super) fn is_id_of(record: &Fields, id: &str) -> bool {
    record
        .get("Id")
        .and_then(Json::as_str)
        .is_some_and(|own| own == id || (id.len() == 15 && own.get(..15) == Some(id)))
}

/// An id without its ending, which says nothing new.
pub(super) fn short(id: &str) -> &str {
    id.get(..15).unwrap_or(id)
}

/// Whether a text has the form of an id: 15 letters and digits, or 18 with the right ending.
pub(super) fn is_id(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && match text.len() {
            15 => true,
            18 => with_checksum(&text[..15]) == text,
            _ => false,
        }
}

/// The 18-character form of an id of 15.
pub(super) fn with_checksum(base: &str) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let ending = base.as_bytes().chunks(5).map(|block| {
        let capitals = block.iter().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase());
        char::from(ALPHABET[capitals.fold(0, |bits, (position, _)| bits | 1 << position)])
    });
    base.chars().chain(ending).collect()
}
