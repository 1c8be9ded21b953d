//! What the org computes: fields that are filled in, that follow another record, or that sum up the
//! records below. Source: Object Reference for the Salesforce Platform.

use jiff::ToSpan as _;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

use super::super::identity::INTEGRATION_USER;
use super::super::numbers::stored;
use super::super::tables::{Fill, Schema, Table};
use super::{Fields, Org, decimal, id_of, is_deleted, now};

/// A sum that a record shows of those below it.
struct Sum {
    of: &'static str,
    via: &'static str,
    field: &'static str,
    total: &'static str,
    /// Set while there is anything to sum up.
    flag: Option<&'static str>,
}

const SUMS: [Sum; 2] = [
    Sum {
        of: "OpportunityLineItem",
        via: "OpportunityId",
        field: "TotalPrice",
        total: "Amount",
        flag: Some("HasOpportunityLineItem"),
    },
    Sum { of: "OrderItem", via: "OrderId", field: "TotalPrice", total: "TotalAmount", flag: None },
];

impl Org {
    /// Fills in what a new record was not given.
    pub(super) fn complete(&self, table: &'static Table, record: &mut Fields) {
        for column in table.columns() {
            if is_blank(record, column.name)
                && let Some(value) = self.filled(table, column.name, column.fill, record)
            {
                record.insert(column.name.to_owned(), value);
            }
        }
        let blank = Fields::new();
        let mut derived = self.consequences(table, &blank, record);
        derived.retain(|name, _| is_blank(record, name) && table.column(name).is_some());
        record.extend(derived);
        let stamp = json!(now());
        for name in ["CreatedDate", "LastModifiedDate", "SystemModstamp"] {
            record.entry(name).or_insert_with(|| stamp.clone());
        }
        record.retain(|_, value| !value.is_null());
    }

    /// What becomes of other fields of a record when these change.
    pub(super) fn revised(&self, table: &'static Table, before: &Fields, changes: &mut Fields) {
        let mut after = before.clone();
        after.extend(changes.clone());
        for column in table.columns() {
            if let Fill::Follow(via, _) = column.fill
                && changes.contains_key(via)
                && let Some(value) = self.filled(table, column.name, column.fill, &after)
            {
                changes.entry(column.name).or_insert(value);
            }
        }
        let mut derived = self.consequences(table, before, changes);
        derived.retain(|name, _| !changes.contains_key(name));
        changes.extend(derived);
        changes.insert("LastModifiedDate".to_owned(), json!(now()));
        changes.insert("SystemModstamp".to_owned(), changes["LastModifiedDate"].clone());
        changes.insert("LastModifiedById".to_owned(), json!(INTEGRATION_USER));
    }

    fn filled(
        &self,
        table: &'static Table,
        name: &str,
        fill: Fill,
        record: &Fields,
    ) -> Option<Json> {
        match fill {
            Fill::Nothing => None,
            Fill::Text(text) => Some(json!(text)),
            Fill::User => Some(json!(INTEGRATION_USER)),
            Fill::UserCurrency => Some(self.user_currency()),
            Fill::Numbered(prefix, digits) => {
                let numbers = self.all(table).filter_map(|record| {
                    record.get(name)?.as_str()?.strip_prefix(prefix)?.parse::<u64>().ok()
                });
                let next = numbers.max().unwrap_or_default() + 1;
                Some(json!(format!("{prefix}{next:0digits$}")))
            }
            Fill::Copy(via, field) | Fill::Follow(via, field) => {
                let target = self.schema.target(table, via)?;
                self.find(target, record.get(via)?.as_str()?)?.get(field).cloned()
            }
        }
    }

    pub(super) fn user_currency(&self) -> Json {
        let user = self.schema.table("User").and_then(|users| self.find(users, INTEGRATION_USER));
        user.and_then(|user| user.get("DefaultCurrencyIsoCode"))
            .cloned()
            .unwrap_or_else(|| json!("USD"))
    }

    /// What follows from changes within one record.
    fn consequences(&self, table: &'static Table, before: &Fields, changes: &Fields) -> Fields {
        let at = |name: &str| changes.get(name).or_else(|| before.get(name));
        let any_of = |names: &[&str]| names.iter().any(|name| changes.contains_key(*name));
        let mut derived = Fields::new();
        match table.name {
            "Opportunity" => {
                if let Some(stage) = changes.get("StageName") {
                    derived.extend(self.of_stage(stage));
                }
                let probability = derived
                    .get("Probability")
                    .filter(|_| !changes.contains_key("Probability"))
                    .or_else(|| at("Probability"));
                if let (Some(amount), Some(percent)) =
                    (at("Amount").and_then(decimal), probability.and_then(decimal))
                {
                    derived.insert(
                        "ExpectedRevenue".to_owned(),
                        number(amount * percent / Decimal::ONE_HUNDRED),
                    );
                }
            }
            "OpportunityLineItem" => {
                if before.is_empty() {
                    let name = |field: &str, via: &str| {
                        let target = self.schema.target(table, via)?;
                        self.find(target, changes.get(via)?.as_str()?)?
                            .get(field)?
                            .as_str()
                            .map(ToOwned::to_owned)
                    };
                    let names = [name("Name", "OpportunityId"), name("Name", "Product2Id")];
                    let names: Vec<String> = names.into_iter().flatten().collect();
                    derived.insert(
                        "Name".to_owned(),
                        json!(names.join(" ").chars().take(376).collect::<String>()),
                    );
                }
                if any_of(&["Quantity", "UnitPrice", "TotalPrice", "Discount"]) {
                    derived.extend(line_price(&at, changes));
                }
            }
            "OrderItem" if any_of(&["Quantity", "UnitPrice"]) => {
                derived.extend(line_price(&at, changes));
            }
            "Contract" if any_of(&["StartDate", "ContractTerm"]) => {
                let end = term_end(at("StartDate"), at("ContractTerm"));
                derived.insert(
                    "EndDate".to_owned(),
                    end.map_or(Json::Null, |end| json!(end.to_string())),
                );
            }
            "Lead" => {
                let names: Vec<&str> = ["FirstName", "LastName"]
                    .iter()
                    .filter_map(|name| at(name)?.as_str())
                    .collect();
                derived.insert("Name".to_owned(), json!(names.join(" ")));
            }
            _ => {}
        }
        if table.column("StatusCode").is_some()
            && let Some(status) = changes.get("Status").and_then(Json::as_str)
        {
            derived.insert(
                "StatusCode".to_owned(),
                json!(if status == "In Approval Process" { "InApproval" } else { status }),
            );
        }
        derived
    }

    fn of_stage(&self, stage: &Json) -> Fields {
        let found = self
            .schema
            .table("OpportunityStage")
            .and_then(|stages| self.all(stages).find(|known| known.get("ApiName") == Some(stage)));
        let names = [
            ("IsWon", "IsWon"),
            ("IsClosed", "IsClosed"),
            ("ForecastCategory", "ForecastCategory"),
            ("ForecastCategoryName", "ForecastCategoryName"),
            ("DefaultProbability", "Probability"),
        ];
        let of_known = |known: &Fields| {
            names
                .iter()
                .filter_map(|(from, to)| Some(((*to).to_owned(), known.get(*from)?.clone())))
                .collect()
        };
        let of_unknown = || {
            [("IsWon", false), ("IsClosed", false)]
                .map(|(name, value)| (name.to_owned(), json!(value)))
                .into_iter()
                .collect()
        };
        found.map_or_else(of_unknown, of_known)
    }

    /// Brings up to date what other records show of this one; `changed` names its fields that are
    /// new or other than before.
    pub(super) fn follow(&mut self, table: &'static Table, record: &Fields, changed: &[String]) {
        for (other, column, field) in followers(self.schema, table, changed) {
            let value = record.get(field).cloned().unwrap_or_default();
            let own = json!(id_of(record));
            let Fill::Follow(via, _) = column.fill else { continue };
            for (_, follower) in self
                .records
                .iter_mut()
                .filter(|(name, follower)| *name == other.name && follower.get(via) == Some(&own))
            {
                follower.insert(column.name.to_owned(), value.clone());
            }
        }
        self.count_in(table, record, changed);
    }

    /// Brings the sums above a record up to date, and the price book of a deal or order that has
    /// its first line.
    pub(super) fn count_in(&mut self, table: &'static Table, record: &Fields, changed: &[String]) {
        for sum in SUMS
            .iter()
            .filter(|sum| sum.of == table.name && changed.iter().any(|name| name == sum.field))
        {
            self.sum_up(sum, table, record);
        }
        let book = |org: &Self, via: &str| {
            let entries = org.schema.table("PricebookEntry")?;
            org.find(entries, record.get(via)?.as_str()?)?.get("Pricebook2Id").cloned()
        };
        for sum in SUMS.iter().filter(|sum| {
            sum.of == table.name && changed.iter().any(|name| name == "PricebookEntryId")
        }) {
            if let (Some(book), Some(target), Some(parent)) = (
                book(self, "PricebookEntryId"),
                self.schema.target(table, sum.via),
                record.get(sum.via).and_then(Json::as_str),
            ) && let Some(parent) = self.find_mut(target, parent)
            {
                parent.entry("Pricebook2Id").or_insert(book);
            }
        }
    }

    /// Sums up what lies beside a record under the same parent, after it came or went.
    pub(super) fn sum_up_beside(&mut self, table: &'static Table, record: &Fields) {
        for sum in SUMS.iter().filter(|sum| sum.of == table.name) {
            self.sum_up(sum, table, record);
        }
    }

    /// Marks the records that have something to sum up, and leaves their totals as they are given.
    pub(super) fn note_lines(&mut self) {
        for sum in &SUMS {
            let (Some(flag), Some(table)) = (sum.flag, self.schema.table(sum.of)) else { continue };
            let parents: Vec<Json> = self
                .all(table)
                .filter(|line| !is_deleted(line))
                .filter_map(|line| line.get(sum.via).cloned())
                .collect();
            for parent in parents {
                let target = self.schema.target(table, sum.via);
                let target = target.filter(|target| target.column(flag).is_some());
                if let Some(parent) = target
                    .and_then(|target| self.find_mut(target, parent.as_str().unwrap_or_default()))
                {
                    parent.insert(flag.to_owned(), json!(true));
                }
            }
        }
    }

    fn sum_up(&mut self, sum: &Sum, table: &'static Table, record: &Fields) {
        let (Some(target), Some(parent)) =
            (self.schema.target(table, sum.via), record.get(sum.via).cloned())
        else {
            return;
        };
        let below: Vec<Option<Decimal>> = self
            .all(table)
            .filter(|record| record.get(sum.via) == Some(&parent) && !is_deleted(record))
            .map(|record| record.get(sum.field).and_then(decimal))
            .collect();
        let total: Decimal = below.iter().flatten().sum();
        let mut changes = Fields::new();
        if let Some(flag) = sum.flag {
            changes.insert(flag.to_owned(), json!(!below.is_empty()));
        }
        if !below.is_empty() {
            changes.insert(sum.total.to_owned(), number(total));
        }
        self.overwrite(target, parent.as_str().unwrap_or_default(), changes);
    }
}

/// The fields that follow one of these fields of an object: their object, they themselves, and the
/// field.
fn followers(
    schema: Schema,
    table: &Table,
    changed: &[String],
) -> Vec<(&'static Table, &'static super::Column, &'static str)> {
    let mut found = Vec::new();
    for other in schema.tables() {
        for column in other.columns() {
            if let Fill::Follow(via, field) = column.fill
                && changed.iter().any(|name| name == field)
                && schema.target(other, via).is_some_and(|target| target.name == table.name)
            {
                found.push((other, column, field));
            }
        }
    }
    found
}

fn is_blank(record: &Fields, name: &str) -> bool {
    record.get(name).is_none_or(Json::is_null)
}

/// The total of a line from its unit price, or the unit price from its total.
fn line_price<'a>(at: &impl Fn(&str) -> Option<&'a Json>, changes: &Fields) -> Fields {
    let of = |name: &str| at(name).and_then(decimal);
    let share = Decimal::ONE - of("Discount").unwrap_or_default() / Decimal::ONE_HUNDRED;
    let mut derived = Fields::new();
    let Some(quantity) = of("Quantity") else { return derived };
    let from_total = changes.contains_key("TotalPrice") && !changes.contains_key("UnitPrice");
    let whole = quantity.checked_mul(share).unwrap_or_default();
    if from_total {
        if let Some(unit) = of("TotalPrice").and_then(|total| total.checked_div(whole)) {
            derived.insert("UnitPrice".to_owned(), number(unit));
        }
    } else if let Some(total) = of("UnitPrice").and_then(|unit| unit.checked_mul(whole)) {
        derived.insert("TotalPrice".to_owned(), number(total));
    }
    derived
}

/// The last day of a term of months.
fn term_end(start: Option<&Json>, months: Option<&Json>) -> Option<Date> {
    let start: Date = start?.as_str()?.parse().ok()?;
    let months: i32 =
        months?.to_string().parse::<Decimal>().ok()?.trunc().to_string().parse().ok()?;
    start.checked_add(months.months()).ok()?.checked_sub(1.day()).ok()
}

fn number(value: Decimal) -> Json {
    let text = value.normalize().to_string();
    stored(
        Schema::EXAMPLE.table("Order").and_then(|table| table.column("TotalAmount")),
        text.parse().map_or(Json::Null, Json::Number),
    )
}
