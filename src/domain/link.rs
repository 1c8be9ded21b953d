//! Links as people and callers see them: which m3ter object belongs to which Salesforce row.

use serde::{Deserialize, Serialize};

use super::run::AcceptedRun;

/// One link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownLink {
    /// The Salesforce ID of the record that was synced.
    pub parent_record_id: String,
    /// That of the row of it which the object comes from.
    pub salesforce_id: String,
    /// `Account`, `Contract` and so on.
    pub object_name: String,
    /// Tells several objects of a kind and a row apart; blank where there is one.
    pub key: String,
    /// The object's ID in m3ter.
    pub m3ter_id: String,
    /// `owned`, `referred` or `to confirm`.
    pub relation: String,
    /// The object's code or ID as the record had it when the link was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_key: Option<String>,
}

/// The answer of `GET /links`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkList {
    /// In the order of records and rows.
    pub links: Vec<ShownLink>,
}

/// What was done with links, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedLinks {
    /// Whether it is only told.
    pub dry_run: bool,
    /// The links that it concerns, as they were.
    pub links: Vec<ShownLink>,
    /// The runs that tell of it, one for each record; none in a dry run.
    pub runs: Vec<AcceptedRun>,
}

/// Links that somebody asks for, each as it was found to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkVerdicts {
    /// The record that is to have them.
    pub parent_record_id: String,
    /// In the order in which they were asked for.
    pub links: Vec<LinkVerdict>,
}

/// One link that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkVerdict {
    /// `Account`, `Contract` and so on.
    pub object_name: String,
    /// The object's ID in m3ter.
    pub m3ter_id: String,
    /// How it is.
    pub verdict: Verdict,
    /// The row that the object is of; `None` if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salesforce_id: Option<String>,
    /// `owned` or `referred`; `None` of a wrong one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<String>,
    /// What is wrong with it, or what the next sync would do with the object.
    pub message: String,
}

/// Whether a link can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It can.
    New,
    /// The record has it already.
    Linked,
    /// It cannot.
    Wrong,
}
