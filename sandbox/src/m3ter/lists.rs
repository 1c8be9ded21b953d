//! Lists: filters, pages, newest first, and as far behind the writes as a test wants them.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::refusal::{Refusal, bad_request, not_found};
use super::resource::{Filter, Resource};
use super::state::{History, State};
use crate::control::Control;

/// The query of a list, each parameter with all its values: repeated or joined by commas.
struct Query(HashMap<String, Vec<String>>);

impl Query {
    fn parse(query: &str) -> Self {
        let mut parameters: HashMap<String, Vec<String>> = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let values = parameters.entry(name.trim_end_matches("[]").to_owned()).or_default();
            values
                .extend(value.split(',').filter(|value| !value.is_empty()).map(ToOwned::to_owned));
        }
        Self(parameters)
    }

    fn all(&self, name: &str) -> Option<&[String]> {
        self.0.get(name).map(Vec::as_slice).filter(|values| !values.is_empty())
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.all(name)?.first().map(String::as_str)
    }
}

impl Filter {
    fn parameters(&self) -> &[&'static str] {
        match self {
            Self::Field(parameter, _) => std::slice::from_ref(parameter),
            Self::ActiveOn => &["date"],
            Self::EndBetween => &["endDateStart", "endDateEnd"],
            Self::DrawnBy | Self::ProductOfMeter => &["productId"],
            Self::IncludeAll => &["includeall"],
            Self::Flag(name) => std::slice::from_ref(name),
        }
    }

    fn admits(&self, state: &State, object: &Map<String, Json>, query: &Query) -> bool {
        let text = |field: &str| object.get(field).and_then(Json::as_str);
        match self {
            Self::Field(parameter, field) => query.all(parameter).is_none_or(|values| {
                text(field).is_some_and(|actual| values.iter().any(|value| value == actual))
            }),
            Self::ActiveOn => query.one("date").is_none_or(|date| is_active_on(object, date)),
            Self::EndBetween => {
                let end = text("endDate").unwrap_or("9999");
                query.one("endDateStart").is_none_or(|start| end >= start)
                    && query.one("endDateEnd").is_none_or(|before| end < before)
            }
            Self::DrawnBy => query.one("productId").is_none_or(|product| {
                object.get("productIds").and_then(Json::as_array).is_none_or(|products| {
                    products.is_empty() || products.iter().any(|id| id == product)
                })
            }),
            Self::ProductOfMeter => query.all("productId").is_none_or(|products| {
                let product = object
                    .get("meterId")
                    .and_then(|id| state.find("meters", id))
                    .and_then(|meter| meter.get("productId")?.as_str());
                product.is_some_and(|product| products.iter().any(|wanted| wanted == product))
            }),
            Self::IncludeAll => true,
            Self::Flag(name) => query
                .one(name)
                .is_none_or(|value| (value == "true") == (object.get(*name) == Some(&json!(true)))),
        }
    }
}

/// Whether a date, or the day of a date-time, lies in the object's half-open period.
fn is_active_on(object: &Map<String, Json>, date: &str) -> bool {
    let text = |field: &str| object.get(field).and_then(Json::as_str);
    let comparable =
        |field: &str| text(field).map(|value| value.get(..date.len()).unwrap_or(value));
    comparable("startDate").is_none_or(|start| start <= date)
        && comparable("endDate").is_none_or(|end| date < end)
}

/// The largest page of an account's children.
const MAX_PAGE_OF_CHILDREN: usize = 200;

/// One page of a resource.
pub(super) fn list(
    state: &State,
    resource: &Resource,
    query: &str,
    control: &Control,
) -> Result<Json, Refusal> {
    let query = Query::parse(query);
    let known = |name: &str| {
        matches!(name, "ids" | "pageSize" | "nextToken")
            || resource.filters.iter().any(|filter| filter.parameters().contains(&name))
    };
    if let Some(unknown) = query.0.keys().find(|name| !known(name)) {
        return Err(bad_request(format!("Unknown parameter {unknown}")));
    }
    if resource.path == "accountplans" {
        check_account_plan_filters(&query)?;
    }
    page(state, resource, &query, resource.largest_page, control, |_| true)
}

/// One page of the accounts below an account.
pub(super) fn children(
    state: &State,
    accounts: &Resource,
    id: &str,
    query: &str,
    control: &Control,
) -> Result<Json, Refusal> {
    let query = Query::parse(query);
    if let Some(unknown) =
        query.0.keys().find(|name| !matches!(name.as_str(), "pageSize" | "nextToken"))
    {
        return Err(bad_request(format!("Unknown parameter {unknown}")));
    }
    if state.get(accounts, id).is_none() {
        return Err(not_found(accounts, id));
    }
    let is_child = |account: &Map<String, Json>| {
        account.get("parentAccountId").is_some_and(|parent| parent == id)
    };
    page(state, accounts, &query, MAX_PAGE_OF_CHILDREN, control, is_child)
}

fn page<'a>(
    state: &'a State,
    resource: &Resource,
    query: &Query,
    largest_page: usize,
    control: &Control,
    belongs: impl Fn(&Map<String, Json>) -> bool,
) -> Result<Json, Refusal> {
    let page_size = match query.one("pageSize").map(str::parse::<usize>) {
        None => largest_page,
        Some(Ok(size)) if (1..=largest_page).contains(&size) => size,
        Some(_) => return Err(bad_request(format!("pageSize must be from 1 to {largest_page}"))),
    };
    let offset = match query
        .one("nextToken")
        .map(|token| token.strip_prefix("page-").and_then(|offset| offset.parse::<usize>().ok()))
    {
        None => 0,
        Some(Some(offset)) => offset,
        Some(None) => return Err(bad_request("nextToken is not valid")),
    };
    let lag_ms = u64::try_from(control.list_lag().as_millis()).unwrap_or(u64::MAX);
    let instant = control.elapsed_ms().saturating_sub(lag_ms);
    let visible = |history: &'a History| history.at(if lag_ms == 0 { u64::MAX } else { instant });
    let ids: Option<HashSet<&str>> =
        query.all("ids").map(|ids| ids.iter().map(String::as_str).collect());
    let mut matching: Vec<&Map<String, Json>> = candidates(state, resource, query)
        .into_iter()
        .rev()
        .filter_map(visible)
        .filter(|object| {
            let id = || object.get("id").and_then(Json::as_str);
            ids.as_ref().is_none_or(|ids| id().is_some_and(|id| ids.contains(id)))
        })
        .filter(|object| belongs(object))
        .filter(|object| resource.filters.iter().all(|filter| filter.admits(state, object, query)))
        .filter(|object| resource.path != "accountplans" || shows_account_plan(object, query))
        .skip(offset)
        .take(page_size + 1)
        .collect();
    let has_more = matching.len() > page_size;
    matching.truncate(page_size);
    let mut page = json!({ "data": matching });
    if has_more {
        page["nextToken"] = json!(format!("page-{}", offset + page_size));
    }
    Ok(page)
}

/// The histories that a query's values leave over, oldest first; its filters look at each.
fn candidates<'a>(state: &'a State, resource: &Resource, query: &Query) -> Vec<&'a History> {
    let by_field = || {
        resource.filters.iter().find_map(|filter| match filter {
            Filter::Field(parameter, field) => Some((*field, query.all(parameter)?)),
            _ => None,
        })
    };
    match query.all("ids").map(|ids| ("id", ids)).or_else(by_field) {
        Some((field, values)) => state.histories_with(resource.path, field, values),
        None => state.histories(resource.path),
    }
}

fn check_account_plan_filters(query: &Query) -> Result<(), Refusal> {
    if query.one("product").is_some() && query.one("account").is_none() {
        return Err(bad_request("product needs account"));
    }
    if query.one("includeall") == Some("true")
        && ["account", "plan", "contract"].iter().all(|name| query.one(name).is_none())
    {
        return Err(bad_request("includeall needs account, plan or contract"));
    }
    Ok(())
}

/// With `account` alone only what is active now is shown.
fn shows_account_plan(object: &Map<String, Json>, query: &Query) -> bool {
    let only_active = query.one("account").is_some()
        && query.one("includeall") != Some("true")
        && query.one("date").is_none()
        && query.all("ids").is_none();
    let instant = |field: &str| {
        object.get(field).and_then(Json::as_str).and_then(|text| text.parse::<Timestamp>().ok())
    };
    let now = Timestamp::now();
    !only_active
        || (instant("startDate").is_none_or(|start| start <= now)
            && instant("endDate").is_none_or(|end| now < end))
}
