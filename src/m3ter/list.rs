//! Lists: filters, and all pages of an answer.

use serde_json::Value as Json;
use url::Url;

use super::{Client, below, operation};
use crate::domain::actual::ActualObject;
use crate::domain::entity::EntityKind;
use crate::domain::ids::M3terId;
use crate::transport::{Budget, Call, CalloutError};

/// The largest page that every list allows.
const PAGE_SIZE: &str = "100";
/// Pages of one list: 20,000 objects, more than an organization has of what a sync lists whole.
const MOST_PAGES: usize = 200;
/// Ids or codes in one request: a page holds them all, and the URL stays below 8 KiB.
pub(super) const MOST_VALUES: usize = 100;

/// One filter of a list. Not every entity has every one; source: m3ter API reference, List
/// operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListFilter {
    /// Objects with these ids: any entity.
    Ids(Vec<M3terId>),
    /// Objects with these codes: Accounts and Contracts.
    Codes(Vec<String>),
    /// Objects of an Account: Contracts, Commitments and (bespoke) Plans.
    AccountId(M3terId),
    /// Commitments of a Contract.
    ContractId(M3terId),
    /// Pricings of a Plan.
    PlanId(M3terId),
    /// AccountPlans of an Account; only those active now, unless `IncludeAll` stands beside it.
    Account(M3terId),
    /// AccountPlans of a Contract.
    Contract(M3terId),
    /// AccountPlans of the past and the future as well.
    IncludeAll,
}

impl ListFilter {
    /// Arrays go out as repeated parameters: a code may hold a comma.
    fn parameters(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Ids(ids) => ids.iter().map(|id| ("ids", id.as_str())).collect(),
            Self::Codes(codes) => codes.iter().map(|code| ("codes", code.as_str())).collect(),
            Self::AccountId(id) => vec![("accountId", id.as_str())],
            Self::ContractId(id) => vec![("contractId", id.as_str())],
            Self::PlanId(id) => vec![("planId", id.as_str())],
            Self::Account(id) => vec![("account", id.as_str())],
            Self::Contract(id) => vec![("contract", id.as_str())],
            Self::IncludeAll => vec![("includeall", "true")],
        }
    }

    /// The same filter in parts that fit into one request each.
    fn parts(&self) -> Vec<Self> {
        match self {
            Self::Ids(ids) => ids.chunks(MOST_VALUES).map(|ids| Self::Ids(ids.to_vec())).collect(),
            Self::Codes(codes) => {
                codes.chunks(MOST_VALUES).map(|codes| Self::Codes(codes.to_vec())).collect()
            }
            other => vec![other.clone()],
        }
    }
}

impl Client {
    /// All objects of a kind that the filters admit; none asks for all there are.
    pub async fn list(
        &self,
        kind: EntityKind,
        filters: &[ListFilter],
        budget: &Budget,
    ) -> Result<Vec<ActualObject>, CalloutError> {
        let Some((first, rest)) = filters.split_first() else {
            return self.list_page_by_page(kind, &[], budget).await;
        };
        let parts = first.parts().into_iter().map(|part| {
            let filters: Vec<ListFilter> =
                std::iter::once(part).chain(rest.iter().cloned()).collect();
            async move { self.list_page_by_page(kind, &filters, budget).await }
        });
        Ok(futures::future::try_join_all(parts).await?.into_iter().flatten().collect())
    }

    async fn list_page_by_page(
        &self,
        kind: EntityKind,
        filters: &[ListFilter],
        budget: &Budget,
    ) -> Result<Vec<ActualObject>, CalloutError> {
        let parameters: Vec<(&str, &str)> =
            filters.iter().flat_map(ListFilter::parameters).collect();
        let call = Call::read(operation::list(kind));
        let objects = self.fetch_all(call.operation, &[kind.plural()], &parameters, budget).await?;
        let unreadable = || self.transport.unusable(call, 200, "an object without id and version");
        objects
            .into_iter()
            .map(|json| ActualObject::from_json(json).ok_or_else(unreadable))
            .collect()
    }

    /// The objects of all pages of a list.
    pub(super) async fn fetch_all(
        &self,
        operation: &'static str,
        path: &[&str],
        parameters: &[(&str, &str)],
        budget: &Budget,
    ) -> Result<Vec<Json>, CalloutError> {
        let mut objects = Vec::new();
        let mut next_token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let (data, next) =
                self.fetch_page(operation, path, parameters, next_token.as_deref(), budget).await?;
            objects.extend(data);
            next_token = next;
            if next_token.is_none() {
                return Ok(objects);
            }
        }
        Err(self.too_many_pages(operation))
    }

    /// Reads a list page by page until `is_enough` says so of one of its objects.
    pub(super) async fn fetch_until(
        &self,
        operation: &'static str,
        path: &[&str],
        budget: &Budget,
        mut is_enough: impl FnMut(&Json) -> bool,
    ) -> Result<(), CalloutError> {
        let mut next_token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let (data, next) =
                self.fetch_page(operation, path, &[], next_token.as_deref(), budget).await?;
            next_token = next;
            if data.iter().any(&mut is_enough) || next_token.is_none() {
                return Ok(());
            }
        }
        Err(self.too_many_pages(operation))
    }

    async fn fetch_page(
        &self,
        operation: &'static str,
        path: &[&str],
        parameters: &[(&str, &str)],
        next_token: Option<&str>,
        budget: &Budget,
    ) -> Result<(Vec<Json>, Option<String>), CalloutError> {
        let call = Call::read(operation);
        let url = page(&below(&self.organization, path), parameters, next_token);
        let answer = self.send(call, budget, |http| http.get(url.clone())).await?;
        read_page(answer.body)
            .ok_or_else(|| self.transport.unusable(call, answer.status, "a list without data"))
    }

    fn too_many_pages(&self, operation: &'static str) -> CalloutError {
        let call = Call::read(operation);
        self.transport.unusable(call, 200, &format!("a list of more than {MOST_PAGES} pages"))
    }
}

/// The objects of a page, and what asks for the next one.
pub(super) fn read_page(mut page: Json) -> Option<(Vec<Json>, Option<String>)> {
    let Some(Json::Array(data)) = page.get_mut("data").map(Json::take) else { return None };
    let next = page
        .get("nextToken")
        .and_then(Json::as_str)
        .filter(|token| !token.is_empty())
        .map(ToOwned::to_owned);
    Some((data, next))
}

fn page(url: &Url, parameters: &[(&str, &str)], next_token: Option<&str>) -> Url {
    let mut url = url.clone();
    url.query_pairs_mut()
        .append_pair("pageSize", PAGE_SIZE)
        .extend_pairs(parameters)
        .extend_pairs(next_token.map(|token| ("nextToken", token)));
    url
}
