//! A record by whatever somebody has of it: its id, its address in Salesforce, a m3ter id, a code;
//! by its name on a second click, as Salesforce must be asked for that.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::answer;
use super::form::Form;
use super::session::Visitor;
use super::shell::Shell;
use crate::callers::Permission;
use crate::domain::excerpt;
use crate::domain::ids::{SalesforceId, SyncRunId};
use crate::http::fault::Fault;
use crate::http::log_fields;
use crate::http::permit::Requester;
use crate::sync::Syncs;

/// Longer than any address.
const MAX_CHARACTERS: usize = 2_000;
/// As long as the name of an Opportunity may be.
const MAX_NAME: usize = 120;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "console/found.html")]
struct FoundPage {
    shell: Shell,
    sought: String,
    found: Vec<(String, String, String)>,
}

#[derive(Template)]
#[template(path = "console/named.html")]
struct NamedPage {
    shell: Shell,
    name: String,
    records: Vec<(String, String, String)>,
}

/// `GET /console/find`.
pub(super) async fn show(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    asker: Requester,
    Query(Asked { q }): Query<Asked>,
) -> Result<Response, Fault> {
    visitor.needs(Permission::ReadRuns)?;
    let sought = q.trim();
    if sought.chars().count() > MAX_CHARACTERS {
        let message = "The search text is too long; paste one ID or one address";
        return Err(Fault::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER", message));
    }
    if let Some(run) = SyncRunId::parse(sought)
        && syncs.run(run).await?.is_some()
    {
        return Ok(Redirect::to(&format!("/console/runs/{run}")).into_response());
    }
    let id = in_address(sought);
    let text = id.as_ref().map_or(sought, SalesforceId::as_str);
    let found = find_links(&syncs, &asker, text).await?;
    if let Some(record) = only_record(id.as_ref(), &found) {
        return Ok(Redirect::to(&format!("/console/records/{record}")).into_response());
    }
    let status =
        if found.is_empty() && !sought.is_empty() { StatusCode::NOT_FOUND } else { StatusCode::OK };
    let page = FoundPage {
        shell: Shell::new(&visitor, "records", "Find a record"),
        sought: excerpt::sentence(sought),
        found,
    };
    answer::with_status(status, &page)
}

/// What is linked under an id or a code, of the records that the visitor may see: record, row and
/// m3ter object.
async fn find_links(
    syncs: &Syncs,
    asker: &Requester,
    text: &str,
) -> Result<Vec<(String, String, String)>, Fault> {
    let mut found = Vec::new();
    if text.is_empty() {
        return Ok(found);
    }
    for link in syncs.find_links(text).await? {
        if asker.check_object(syncs, &link.root).await.is_ok() {
            let (root, object) = (link.root.to_string(), link.object.to_string());
            found.push((root, object, link.m3ter_id.to_string()));
        }
    }
    Ok(found)
}

/// The record that is meant, if there is only one: the one that is named itself, unless it is a row
/// of others only.
fn only_record(id: Option<&SalesforceId>, found: &[(String, String, String)]) -> Option<String> {
    let mut roots: Vec<&str> = found.iter().map(|(root, ..)| root.as_str()).collect();
    roots.dedup();
    match (id, roots.as_slice()) {
        (Some(id), roots) if roots.is_empty() || roots.contains(&id.as_str()) => {
            Some(id.to_string())
        }
        (_, [only]) => Some((*only).to_owned()),
        _ => None,
    }
}

/// `POST /console/find`: the records that Salesforce knows by a name. A name is no part of an
/// address, and is not kept.
pub(super) async fn by_name(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    asker: Requester,
    form: Form,
) -> Result<Response, Fault> {
    visitor.needs(Permission::ReadRuns)?;
    let name = form.text("name");
    if !(2..=MAX_NAME).contains(&name.chars().count()) {
        let message = "Type at least two characters of a name, and at most 120";
        return Err(Fault::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER", message));
    }
    let mut records = Vec::new();
    let found = syncs.find_by_name(name).await.map_err(|failure| {
        Fault::new(StatusCode::BAD_GATEWAY, failure.code.as_str(), failure.reason)
    })?;
    for record in found {
        if asker.check_object(&syncs, &record.id).await.is_ok() {
            records.push((record.id.to_string(), record.sobject, record.name));
        }
    }
    log_fields::set_outcome(format!("{} found", records.len()));
    let page = NamedPage {
        shell: Shell::new(&visitor, "records", "Find a record"),
        name: name.to_owned(),
        records,
    };
    answer::with_status(StatusCode::OK, &page)
}

/// The id itself, or the first one in an address of Salesforce.
fn in_address(text: &str) -> Option<SalesforceId> {
    if let Ok(id) = SalesforceId::parse(text) {
        return Some(id);
    }
    let url = url::Url::parse(text).ok()?;
    let query: Vec<String> = url.query_pairs().map(|(_, value)| value.into_owned()).collect();
    let mut parts = url.path_segments()?.map(ToOwned::to_owned).chain(query);
    parts.find_map(|part| SalesforceId::parse(&part).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_salesforce_names_its_record() {
        for text in [
            "006S900000795MM",
            " 006S900000795MMIAY ",
            "https://acme.lightning.force.com/lightning/r/Opportunity/006S900000795MMIAY/view",
            "https://acme.my.salesforce.com/006S900000795MM",
            "https://acme.my.salesforce.com/one/one.app?id=006S900000795MMIAY#/x",
        ] {
            assert_eq!(in_address(text).unwrap().as_str(), "006S900000795MMIAY", "{text}");
        }
        for text in ["", "Acme", "https://acme.example/", "006S900000795MMIAZ"] {
            assert_eq!(in_address(text), None, "{text}");
        }
    }
}
