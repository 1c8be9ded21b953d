//! Lists: what is asked for, and all pages of an answer.

use std::borrow::Cow;
use std::ops::ControlFlow;

use jiff::civil::Date;
use serde_json::{Map, Value as Json};
use url::Url;

use super::address::below;
use super::{Client, operation};
use crate::domain::actual::ActualObject;
use crate::domain::entity::EntityKind;
use crate::domain::ids::M3terId;
use crate::transport::{Budget, Call, CalloutError};

/// The largest page that every list allows.
const PAGE_SIZE: &str = "100";
/// Pages of one list: 20,000 objects, more than an organization has of what a sync lists whole.
const MAX_PAGES: usize = 200;
/// Ids or codes in one request: a page holds them all, and the URL stays below 8 KiB.
pub(super) const MAX_VALUES: usize = 100;

/// A list of objects of one kind. Source: m3ter API reference, List operations.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ListQuery {
    kind: EntityKind,
    selection: Selection,
}

/// Which objects of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selection {
    /// All of them; of AccountPlans, m3ter lists some only.
    All,
    /// Those that run on a day: AccountPlans.
    ActiveOn(Date),
    /// Those with these ids.
    Ids(Vec<M3terId>),
    /// Those with these codes.
    Codes(Vec<String>),
    /// Those that lie under something.
    Under(OwnerIds),
}

/// What an object lies under, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct OwnerIds {
    /// The Account of a Contract, a Commitment, a (bespoke) Plan or an AccountPlan.
    pub account: Option<M3terId>,
    /// The Contract of a Commitment; of an AccountPlan where the Account is not known.
    pub contract: Option<M3terId>,
    /// The Plan of a Pricing.
    pub plan: Option<M3terId>,
}

impl OwnerIds {
    /// An Account.
    pub fn account(id: M3terId) -> Self {
        Self { account: Some(id), ..Self::default() }
    }

    /// A Contract.
    pub fn contract(id: M3terId) -> Self {
        Self { contract: Some(id), ..Self::default() }
    }

    /// A Plan.
    pub fn plan(id: M3terId) -> Self {
        Self { plan: Some(id), ..Self::default() }
    }

    /// Those that an object names, read or about to be written.
    pub fn of(fields: &Map<String, Json>) -> Self {
        let id = |field: &str| M3terId::parse(fields.get(field)?.as_str()?).ok();
        Self { account: id("accountId"), contract: id("contractId"), plan: id("planId") }
    }

    /// Those by which m3ter lists a kind.
    fn of_list(self, kind: EntityKind) -> Self {
        let Self { account, contract, plan } = self;
        let none = Self::default();
        match kind {
            EntityKind::Account => none,
            EntityKind::Contract | EntityKind::Plan => Self { account, ..none },
            EntityKind::Commitment => Self { account, contract, ..none },
            EntityKind::Pricing => Self { plan, ..none },
            EntityKind::AccountPlan if account.is_some() => Self { account, ..none },
            EntityKind::AccountPlan => Self { contract, ..none },
        }
    }

    /// As m3ter spells them. An AccountPlan of the past or the future is listed only where that is
    /// asked for.
    fn parameters(&self, kind: EntityKind) -> Vec<(&'static str, &str)> {
        let (account, contract, all) = match kind {
            EntityKind::AccountPlan => ("account", "contract", Some(("includeall", "true"))),
            _ => ("accountId", "contractId", None),
        };
        let owners = [(account, &self.account), (contract, &self.contract), ("planId", &self.plan)];
        let given = owners.into_iter().filter_map(|(name, id)| Some((name, id.as_ref()?.as_str())));
        given.chain(all).collect()
    }
}

impl ListQuery {
    /// All objects of a kind.
    pub fn all(kind: EntityKind) -> Self {
        Self { kind, selection: Selection::All }
    }

    /// The objects with these ids.
    pub fn ids(kind: EntityKind, ids: Vec<M3terId>) -> Self {
        Self { kind, selection: Selection::Ids(ids) }
    }

    /// The objects with these codes: Accounts or Contracts.
    pub fn codes(kind: EntityKind, codes: Vec<String>) -> Self {
        Self { kind, selection: Selection::Codes(codes) }
    }

    /// The objects that lie under something, also those of the past and the future.
    pub fn under(kind: EntityKind, owners: OwnerIds) -> Self {
        Self { kind, selection: Selection::Under(owners.of_list(kind)) }
    }

    /// All AccountPlans that run on a day.
    pub fn account_plans_on(date: Date) -> Self {
        Self { kind: EntityKind::AccountPlan, selection: Selection::ActiveOn(date) }
    }

    /// Which objects are asked for.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// What kind is asked for.
    pub fn kind(&self) -> EntityKind {
        self.kind
    }

    /// Arrays go out as repeated parameters: a code may hold a comma.
    fn parameters(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        match &self.selection {
            Selection::All => Vec::new(),
            Selection::ActiveOn(date) => vec![("date", date.to_string().into())],
            Selection::Ids(ids) => ids.iter().map(|id| ("ids", id.as_str().into())).collect(),
            Selection::Codes(codes) => {
                codes.iter().map(|code| ("codes", code.as_str().into())).collect()
            }
            Selection::Under(owners) => {
                let parameters = owners.parameters(self.kind).into_iter();
                parameters.map(|(name, value)| (name, value.into())).collect()
            }
        }
    }

    /// The same query in parts that fit into one request each.
    fn parts(&self) -> Vec<Self> {
        let part = |selection| Self { kind: self.kind, selection };
        match &self.selection {
            Selection::Ids(ids) => {
                ids.chunks(MAX_VALUES).map(|ids| part(Selection::Ids(ids.to_vec()))).collect()
            }
            Selection::Codes(codes) => codes
                .chunks(MAX_VALUES)
                .map(|codes| part(Selection::Codes(codes.to_vec())))
                .collect(),
            Selection::All | Selection::ActiveOn(_) | Selection::Under(_) => vec![self.clone()],
        }
    }
}

impl Client {
    /// All objects that a query asks for.
    pub async fn list(
        &self,
        query: &ListQuery,
        budget: &Budget,
    ) -> Result<Vec<ActualObject>, CalloutError> {
        let parts = query
            .parts()
            .into_iter()
            .map(|part| async move { self.list_page_by_page(&part, budget).await });
        Ok(futures::future::try_join_all(parts).await?.into_iter().flatten().collect())
    }

    async fn list_page_by_page(
        &self,
        query: &ListQuery,
        budget: &Budget,
    ) -> Result<Vec<ActualObject>, CalloutError> {
        let parameters = query.parameters();
        let parameters: Vec<(&str, &str)> =
            parameters.iter().map(|(name, value)| (*name, value.as_ref())).collect();
        let path = [query.kind.plural()];
        self.fetch_objects(operation::list(query.kind), &path, &parameters, budget).await
    }

    /// One page of a list, and what asks for the next one.
    pub async fn list_page(
        &self,
        query: &ListQuery,
        next_token: Option<&str>,
        budget: &Budget,
    ) -> Result<(Vec<ActualObject>, Option<String>), CalloutError> {
        let operation = operation::list(query.kind);
        let parameters = query.parameters();
        let parameters: Vec<(&str, &str)> =
            parameters.iter().map(|(name, value)| (*name, value.as_ref())).collect();
        let path = [query.kind.plural()];
        let (objects, next) =
            self.fetch_page(operation, &path, &parameters, next_token, budget).await?;
        Ok((self.read_objects(operation, objects)?, next))
    }

    fn read_objects(
        &self,
        operation: &'static str,
        objects: Vec<Json>,
    ) -> Result<Vec<ActualObject>, CalloutError> {
        let call = Call::read(operation);
        let unreadable = || self.transport.unusable(call, 200, "an object without ID and version");
        objects
            .into_iter()
            .map(|json| ActualObject::from_json(json).ok_or_else(unreadable))
            .collect()
    }

    /// The objects of all pages of a list, as they are answered.
    pub(super) async fn fetch_all(
        &self,
        operation: &'static str,
        path: &[&str],
        parameters: &[(&str, &str)],
        budget: &Budget,
    ) -> Result<Vec<Json>, CalloutError> {
        let mut objects = Vec::new();
        let take = |page: Vec<Json>| {
            objects.extend(page);
            Ok(ControlFlow::Continue(()))
        };
        self.each_page(operation, path, parameters, budget, take).await?;
        Ok(objects)
    }

    /// The objects of all pages of a list. Each page becomes objects as it comes: as JSON they take
    /// several times as much.
    pub(super) async fn fetch_objects(
        &self,
        operation: &'static str,
        path: &[&str],
        parameters: &[(&str, &str)],
        budget: &Budget,
    ) -> Result<Vec<ActualObject>, CalloutError> {
        let mut objects = Vec::new();
        let take = |page: Vec<Json>| {
            objects.extend(self.read_objects(operation, page)?);
            Ok(ControlFlow::Continue(()))
        };
        self.each_page(operation, path, parameters, budget, take).await?;
        Ok(objects)
    }

    /// Reads a list page by page until `is_enough` says so of one of its objects.
    pub(super) async fn fetch_until(
        &self,
        operation: &'static str,
        path: &[&str],
        budget: &Budget,
        mut is_enough: impl FnMut(&Json) -> bool,
    ) -> Result<(), CalloutError> {
        let take = |page: Vec<Json>| {
            let is_enough = page.iter().any(&mut is_enough);
            Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        self.each_page(operation, path, &[], budget, take).await
    }

    /// Reads a list page by page until `take` breaks off, or to its end.
    async fn each_page(
        &self,
        operation: &'static str,
        path: &[&str],
        parameters: &[(&str, &str)],
        budget: &Budget,
        mut take: impl FnMut(Vec<Json>) -> Result<ControlFlow<()>, CalloutError>,
    ) -> Result<(), CalloutError> {
        let mut next_token: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let (page, next) =
                self.fetch_page(operation, path, parameters, next_token.as_deref(), budget).await?;
            next_token = next;
            if take(page)?.is_break() || next_token.is_none() {
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
        let page = read_page(answer.body)
            .ok_or_else(|| self.transport.unusable(call, answer.status, "a list without data"))?;
        for object in &page.0 {
            self.record(path, object);
        }
        Ok(page)
    }

    fn too_many_pages(&self, operation: &'static str) -> CalloutError {
        let call = Call::read(operation);
        self.transport.unusable(call, 200, &format!("a list of more than {MAX_PAGES} pages"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_listed_by_its_owner() {
        let id =
            |digit: u32| M3terId::parse(&format!("293b2bca-fa87-4036-9a0b-e0f1d3cd8c9{digit}"));
        let [account, contract, plan] = [1, 2, 3].map(|digit| id(digit).ok());
        let all = OwnerIds { account, contract, plan };
        let without_account = OwnerIds { account: None, ..all.clone() };
        for (kind, owners, expected) in [
            (EntityKind::Account, &all, ""),
            (EntityKind::Contract, &all, "accountId=1"),
            (EntityKind::Plan, &all, "accountId=1"),
            (EntityKind::Commitment, &all, "accountId=1 contractId=2"),
            (EntityKind::Pricing, &all, "planId=3"),
            (EntityKind::AccountPlan, &all, "account=1 includeall=true"),
            (EntityKind::AccountPlan, &without_account, "contract=2 includeall=true"),
        ] {
            let query = ListQuery::under(kind, owners.clone());
            let shown = query.parameters().into_iter().map(|(name, value)| {
                format!(
                    "{name}={}",
                    value.strip_prefix("293b2bca-fa87-4036-9a0b-e0f1d3cd8c9").unwrap_or(&value)
                )
            });
            assert_eq!(shown.collect::<Vec<_>>().join(" "), expected, "{kind}");
        }
    }
}
