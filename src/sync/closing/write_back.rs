//! Step 6 of a sync: the m3ter ids go to the Salesforce fields that the mapping names, and the
//! outcome to the record itself, only where they change.
//!
//! Both go in one call. A Flow that this triggers again costs one sync without a write, and ends.
//! What Salesforce refuses is a warning, never a failed sync, and what it refuses of the outcome
//! does not keep an id from being written.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::changeset::adoption::is_to_confirm;
use crate::changeset::identity::Owners;
use crate::changeset::{Change, Step};
use crate::domain::desired;
use crate::domain::entity::EntityKind;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::RunOutcome;
use crate::domain::warning::{Attention, Warning};
use crate::salesforce::{self, RecordUpdate};
use crate::sync::execute::applied::Applied;
use crate::transport::{Budget, CalloutError, CalloutErrorKind, Meaning};

/// What becomes of what could not be written for the moment.
const NEXT_SYNC: &str = "the next sync of this record writes it";

type Fields = Map<String, Json>;

/// What is to be written back.
#[derive(Debug, Default)]
pub(crate) struct WriteBack {
    /// By sObject and record: Salesforce works in runs of one type.
    rows: BTreeMap<(String, SalesforceId), Row>,
}

/// What is to be written to one record.
#[derive(Debug, Default)]
struct Row {
    ids: Fields,
    /// The first object whose id it is.
    position: usize,
    status: Fields,
}

/// Why something was not written.
#[derive(Debug, Clone)]
struct Refused {
    reason: String,
    /// Nobody needs to change anything before it can be written.
    is_passing: bool,
}

impl WriteBack {
    /// The ids that the records do not hold yet. A field that holds another row's id is a warning
    /// of its object: it gets the row's own, or is cleared where the row has none and one of
    /// `owners` has what it names.
    pub(crate) fn of_ids(changes: &[Change], applied: &mut [Applied], owners: &Owners) -> Self {
        let mut write_back = Self::default();
        for (position, (change, applied)) in changes.iter().zip(applied).enumerate() {
            // An id on the record would say that the object is the record's.
            let target = change.desired.write_back.as_ref();
            let Some(target) = target.filter(|_| !is_to_confirm(&applied.result.warnings)) else {
                continue;
            };
            if let Some(value) = value_of(target, change, applied, owners) {
                let row = (target.sobject.clone(), target.record.clone());
                let rows = write_back.rows.entry(row);
                let row = rows.or_insert_with(|| Row { position, ..Row::default() });
                row.ids.insert(target.field.clone(), value);
            }
        }
        write_back
    }

    /// The ids of other rows' objects in fields of rows that have none.
    pub(crate) fn strays(changes: &[Change], applied: &[Applied]) -> Vec<M3terId> {
        let stray = |(change, applied): (&Change, &Applied)| {
            let id = foreign_id(change)
                .filter(|_| applied.id.is_none() && is_without_object(change, applied))?;
            M3terId::parse(id).ok()
        };
        changes.iter().zip(applied).filter_map(stray).collect()
    }

    /// Adds what a record is to say of its sync.
    pub(crate) fn add_status(&mut self, sobject: &str, record: &SalesforceId, fields: Fields) {
        if !fields.is_empty() {
            // A record stands in a call once, however a mapping spells its object.
            let known = self.rows.keys().find(|(_, id)| id == record).cloned();
            self.rows
                .entry(known.unwrap_or_else(|| (sobject.to_owned(), record.clone())))
                .or_default()
                .status = fields;
        }
    }

    /// Writes it all, with a warning in the outcome for what was refused; whether no status was
    /// among that.
    pub(crate) async fn apply(
        self,
        salesforce: &salesforce::Client,
        budget: &Budget,
        outcome: &mut RunOutcome,
    ) -> bool {
        let mut is_status_written = true;
        if self.rows.is_empty() {
            return is_status_written;
        }
        let updates = self.rows.iter().map(|((sobject, id), row)| {
            let fields = row.ids.iter().chain(&row.status);
            let fields = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
            RecordUpdate { sobject: sobject.clone(), id: id.clone(), fields }
        });
        let written = update_all(salesforce, updates.collect(), budget).await;
        for (((sobject, id), row), written) in self.rows.iter().zip(written) {
            let Err(refused) = written else { continue };
            let (ids, status) = row.in_two_parts(sobject, id, refused, salesforce, budget).await;
            if let Some(refused) = ids {
                let text = format!(
                    "The m3ter ID could not be written to {}: {}",
                    names(sobject, &row.ids),
                    refused.describe()
                );
                outcome.warn(Some(row.position), Warning::of(Attention::WriteBackFailed, text));
            }
            if let Some(refused) = status {
                is_status_written = false;
                let text = format!(
                    "How the sync ended could not be written to {}: {}",
                    names(sobject, &row.status),
                    refused.describe()
                );
                outcome.warn(None, Warning::of(Attention::WriteBackFailed, text));
            }
        }
        is_status_written
    }
}

impl Row {
    /// Sends what was refused together once more in two parts, as Salesforce does not say which of
    /// the fields it is that a rule refuses; why the ids and the status were not written.
    async fn in_two_parts(
        &self,
        sobject: &str,
        id: &SalesforceId,
        refused: Refused,
        salesforce: &salesforce::Client,
        budget: &Budget,
    ) -> (Option<Refused>, Option<Refused>) {
        if self.ids.is_empty() {
            return (None, Some(refused));
        }
        if self.status.is_empty() {
            return (Some(refused), None);
        }
        if refused.is_passing {
            return (Some(refused.clone()), Some(refused));
        }
        let alone = |fields: &Fields| RecordUpdate {
            sobject: sobject.to_owned(),
            id: id.clone(),
            fields: fields.clone(),
        };
        let ids = update_one(salesforce, alone(&self.ids), budget).await.err();
        let status = update_one(salesforce, alone(&self.status), budget).await.err();
        (ids, status)
    }
}

/// What goes to the field of an object; `None` if it is to stay as it is. What it held that is not
/// the object's own is told.
fn value_of(
    target: &desired::WriteBack,
    change: &Change,
    applied: &mut Applied,
    owners: &Owners,
) -> Option<Json> {
    let field = || format!("`{}.{}`", target.sobject, target.field);
    let (value, text) = match (&applied.id, foreign_id(change)) {
        (Some(id), _) if target.current.as_deref() == Some(id.as_str()) => return None,
        (Some(id), foreign) => {
            let overwritten = |other| {
                let field = field();
                format!("{field} held {other}, and this record's is {id}; it was overwritten")
            };
            (Some(Json::String(id.to_string())), foreign.map(overwritten))
        }
        (None, Some(other)) if is_without_object(change, applied) => {
            match M3terId::parse(other).ok().and_then(|id| owners.get(&id)) {
                Some(owner) => {
                    let field = field();
                    let text =
                        format!("{field} held {other}, which belongs to {owner}; it was cleared");
                    (Some(Json::Null), Some(text))
                }
                None => {
                    let field = field();
                    let text = format!("{field} holds {other}, which no sync made for this row");
                    (None, Some(text))
                }
            }
        }
        (None, _) => (None, None),
    };
    applied.result.warnings.extend(text.map(|text| Warning::of(Attention::ForeignId, text)));
    value
}

/// The id in the field of an object that is not the object's own, neither now nor before this sync.
fn foreign_id(change: &Change) -> Option<&str> {
    let current = change.desired.write_back.as_ref()?.current.as_deref()?;
    (change.step.known_id().map(M3terId::as_str) != Some(current)).then_some(current)
}

/// Whether it is certain that m3ter has no object of the row, although one was asked for. An
/// Account is shared: another deal may know more of it, and would write the id again.
fn is_without_object(change: &Change, applied: &Applied) -> bool {
    let is_asked_for = change.desired.kind() != EntityKind::Account
        && !matches!(change.step, Step::Flagged { .. });
    is_asked_for && change.step.known_id().is_none() && applied.failure.is_none()
}

impl Refused {
    fn describe(&self) -> String {
        if self.is_passing { format!("{}; {NEXT_SYNC}", self.reason) } else { self.reason.clone() }
    }
}

async fn update_all(
    salesforce: &salesforce::Client,
    updates: Vec<RecordUpdate>,
    budget: &Budget,
) -> Vec<Result<(), Refused>> {
    let count = updates.len();
    match salesforce.update_collection(updates, budget).await {
        Ok(outcomes) => {
            let refused = |why: salesforce::RowRefused| {
                let is_passing = matches!(why.meaning, Meaning::Passing | Meaning::Limit);
                Refused { reason: why.reason, is_passing }
            };
            outcomes.into_iter().map(|outcome| outcome.map_err(refused)).collect()
        }
        Err(error) => {
            vec![Err(Refused { reason: error.reason(), is_passing: is_passing(&error) }); count]
        }
    }
}

async fn update_one(
    salesforce: &salesforce::Client,
    update: RecordUpdate,
    budget: &Budget,
) -> Result<(), Refused> {
    update_all(salesforce, vec![update], budget).await.pop().unwrap_or(Ok(()))
}

fn names(sobject: &str, fields: &Fields) -> String {
    let names: Vec<String> = fields.keys().map(|field| format!("`{sobject}.{field}`")).collect();
    names.join(" and ")
}

/// Whether nobody needs to change anything before it can be written.
fn is_passing(error: &CalloutError) -> bool {
    error.refusal().is_none() && !matches!(error.kind, CalloutErrorKind::AuthFailed { .. })
}
