//! The org itself, who works in it, and its settings. Source: Object Reference for the Salesforce
//! Platform.

use super::column::Data::{Checkbox, DateTime, Email, Text};
use super::column::column;
use super::shared::{CURRENCIES, ID, NAME};
use super::table::Table;

pub(super) const USER: Table = Table {
    name: "User",
    key_prefix: "005",
    is_shared: false,
    fields: &[&[
        ID,
        NAME,
        column("Username", Text(80)),
        column("Email", Email),
        column("IsActive", Checkbox),
        column("ProfileId", Text(18)),
        column("DefaultCurrencyIsoCode", CURRENCIES),
    ]],
    children: &[],
};

pub(super) const ORGANIZATION: Table = Table {
    name: "Organization",
    key_prefix: "00D",
    is_shared: false,
    fields: &[&[
        ID,
        NAME,
        column("OrganizationType", Text(40)),
        column("IsSandbox", Checkbox),
        column("InstanceName", Text(5)),
        column("TrialExpirationDate", DateTime),
        column("NamespacePrefix", Text(15)),
    ]],
    children: &[],
};

/// The custom metadata type that the Apex of this repository reads.
pub(super) const SYNC_SETTING: Table = Table {
    name: "M3ter_Sync_Setting__mdt",
    key_prefix: "m00",
    is_shared: false,
    fields: &[&[
        ID,
        column("DeveloperName", Text(40)).by_org(),
        column("MasterLabel", Text(40)).by_org(),
        column("QualifiedApiName", Text(70)).by_org(),
        column("One_Record_Per_Call__c", Checkbox).by_org(),
    ]],
    children: &[],
};
