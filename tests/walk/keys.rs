//! Codes that people type: an object has the one that its record names, or somebody is told.

use serde_json::{Map, Value as Json};

use crate::judge::Deal;
use crate::model::Wanted;

/// What somebody typed for an Account or a Contract.
pub(crate) struct Typed {
    /// m3ter's list of the kind.
    pub(crate) path: &'static str,
    verbatim: String,
    /// The same, as an id of 18 characters where it is one of 15.
    pub(crate) code: String,
}

pub(crate) fn typed(deal: &Deal<'_>, wanted: &Wanted) -> Option<Typed> {
    let mut ids = deal.world.ids.values();
    let (path, sobject, field) = match wanted.kind {
        "Account" => ("accounts", "Account", "M3ter_Account_Code__c"),
        "Contract" => {
            ("contracts", ids.find(|(_, id)| *id == wanted.row)?.0, "M3ter_Contract_Code__c")
        }
        _ => return None,
    };
    let record = deal.sight.live(sobject, &wanted.row)?;
    let verbatim = record.get(field)?.as_str()?.trim().to_owned();
    let mut ids = deal.world.ids.values().map(|(_, id)| id);
    let whole = ids.find(|id| id.len() == 18 && id[..15] == verbatim);
    Some(Typed { path, code: whole.cloned().unwrap_or_else(|| verbatim.clone()), verbatim })
}

/// Why an object is not the one that its typed code names, although nobody was told.
pub(crate) fn is_astray(
    deal: &Deal<'_>,
    wanted: &Wanted,
    object: &Map<String, Json>,
    result: &Json,
) -> Option<String> {
    let typed = typed(deal, wanted)?;
    deal.world.tally.count("checked", "typed keys");
    let code = object.get("code").and_then(Json::as_str).unwrap_or_default();
    if code != typed.code && code != typed.verbatim {
        let warnings = result["warnings"].as_array().into_iter().flatten().filter_map(Json::as_str);
        let is_told = warnings.into_iter().any(|warning| warning.contains(&typed.code));
        // What was handed over to the Account that is left comes without a key.
        return (!is_told && !was_merged(deal, &wanted.row))
            .then(|| format!("`{}` was typed, and nobody is told of {object:?}", typed.code));
    }
    // A code that is the id of another record is of what that one has.
    let (sobject, record) =
        deal.world.ids.values().find(|(_, id)| id == code && *id != wanted.row)?;
    let told = deal.world.told.lock().unwrap();
    let is_its = told.objects.get(&(wanted.kind.to_owned(), record.clone())).map(String::as_str)
        == object["id"].as_str();
    (!is_its && deal.sight.live(sobject, record).is_some())
        .then(|| format!("`{code}` is the id of a record that has another, or none: {object:?}"))
}

/// Whether another Account was merged into this one.
pub(crate) fn was_merged(deal: &Deal<'_>, account: &str) -> bool {
    let accounts = deal.world.ids.values().filter(|(sobject, _)| *sobject == "Account");
    let mut records = accounts.filter_map(|(_, id)| deal.sight.org.record("Account", id));
    records.any(|record| record.get("MasterRecordId") == Some(&Json::from(account)))
}
