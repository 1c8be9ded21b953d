//! What m3ter should hold of a record, by a person's reading of docs/mapping.md and of the built-in
//! mappings: the service's code is not asked, and nothing of it is used.

mod arithmetic;
mod cpq;
mod opportunity;
mod shared;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};
use sync_to_m3ter_sandbox::m3ter::M3ter;
use sync_to_m3ter_sandbox::salesforce::Salesforce;

pub(crate) use arithmetic::{Band, double};

pub(crate) type Fields = Map<String, Json>;

/// How an Order is called that lies within the term of the one that it amends, and was first synced
/// after it.
pub(crate) const AMENDS: &str = "Amends";

/// Both vendors as they are, with all that is hidden from the service.
pub(crate) struct Sight<'a> {
    pub(crate) org: &'a Salesforce,
    pub(crate) m3ter: &'a M3ter,
    pub(crate) zone: TimeZone,
    /// Object and id of every record that the walk made.
    pub(crate) rows: Vec<(&'static str, String)>,
}

/// What a field should be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Want {
    Text(String),
    /// To the last bit.
    Number(f64),
    Flag(bool),
    Day(Date),
    Instant(Timestamp),
    Bands(Vec<Band>),
    /// These parts, and no line of a street beyond them.
    Address(BTreeMap<String, String>),
    /// The id of the object of this sync: its kind and its row.
    Of(&'static str, String),
    /// The id of what m3ter has under a code, in the list of this path.
    Coded(&'static str, String),
}

/// One object that a record asks for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// `Account`, as answers call it.
    pub(crate) kind: &'static str,
    pub(crate) row: String,
    /// What is blank in Salesforce is not here: m3ter's value stays.
    pub(crate) fields: BTreeMap<&'static str, Want>,
    /// Why the record does not allow it: each a finding that would be right.
    pub(crate) faults: BTreeSet<&'static str>,
    /// It may be another record's, which this one joins and does not change.
    pub(crate) joined: bool,
    /// So may a Contract of an Order that names a Salesforce Contract, unless it has one of its
    /// own.
    pub(crate) shared: Option<String>,
}

impl Wanted {
    pub(crate) fn new(kind: &'static str, row: &str) -> Self {
        Self {
            kind,
            row: row.to_owned(),
            fields: BTreeMap::new(),
            faults: BTreeSet::new(),
            joined: false,
            shared: None,
        }
    }

    /// Sets a field, where there is a value.
    pub(crate) fn set(&mut self, field: &'static str, want: Option<Want>) {
        if let Some(want) = want {
            self.fields.insert(field, want);
        }
    }

    /// Sets a field that m3ter requires.
    pub(crate) fn require(&mut self, field: &'static str, want: Option<Want>) {
        if want.is_none() {
            self.faults.insert("REQUIRED_VALUE_BLANK");
        }
        self.set(field, want);
    }

    /// A person said not to sync it.
    pub(crate) fn flag(&mut self, record: &Fields, field: &str) {
        if shared::is_on(record, field) {
            self.faults.insert("FLAGGED");
        }
    }
}

/// What a record asks for.
pub(crate) enum Asked {
    /// Nobody reads it: it is deleted, or gone.
    Gone,
    /// Its state does not allow a sync; the code of the failure.
    NotReady(&'static str),
    Objects(Vec<Wanted>),
}

pub(crate) fn asked(
    sight: &Sight<'_>,
    sobject: &str,
    id: &str,
    lines: &[String],
    was_synced: bool,
) -> Asked {
    let Some(record) = sight.live(sobject, id) else { return Asked::Gone };
    // Its first sync waits until somebody activated it; what was synced before is kept up to date.
    let is_draft =
        matches!(record.get("StatusCode").and_then(Json::as_str), Some("Draft" | "InApproval"));
    if matches!(sobject, "Order" | "Contract") && is_draft && !was_synced {
        return Asked::NotReady("RECORD_NOT_READY");
    }
    Asked::Objects(match sobject {
        "Opportunity" => opportunity::opportunity(sight, &record, lines),
        "Order" if shared::is_on(&record, "IsReductionOrder") => {
            return Asked::NotReady("RECORD_NOT_READY");
        }
        "Order" => opportunity::order(sight, &record, lines),
        "Contract" => cpq::contract_of_subscriptions(sight, &record, lines),
        "SBQQ__Quote__c" if !cpq::is_ready(&record) => return Asked::NotReady("RECORD_NOT_READY"),
        "SBQQ__Quote__c" => cpq::quote(sight, &record, lines),
        "Account" => vec![shared::account(sight, id)],
        _ => unreachable!("{sobject} is not modelled"),
    })
}

impl Sight<'_> {
    /// A record that is not deleted.
    pub(crate) fn live(&self, sobject: &str, id: &str) -> Option<Fields> {
        self.org
            .record(sobject, id)
            .filter(|record| record.get("IsDeleted") != Some(&Json::Bool(true)))
    }

    pub(crate) fn by_code(&self, path: &str, code: &str) -> Option<Fields> {
        self.m3ter
            .objects(path)
            .into_iter()
            .find(|object| object.get("code").and_then(Json::as_str) == Some(code))
    }
}
