//! Ending what bills: the end-date calls, the replacing of an AccountPlan, and what they need to
//! read. Source: m3ter API reference, End-date billing entities and Replace AccountPlan.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::Client;
use super::address::below;
use crate::domain::actual::ActualObject;
use crate::domain::ending::{BillingEntity, Children};
use crate::domain::ids::M3terId;
use crate::transport::{Answer, Budget, Call, CalloutError, Urgency};

/// Whose billing entities are ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndingOwner {
    /// Those of an Account.
    Account(M3terId),
    /// Those of a Contract.
    Contract(M3terId),
}

/// What m3ter says it did. It reports failures inside a 200.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endings {
    /// Its sentence about the whole.
    pub message: String,
    /// What has the end date now.
    pub updated: BTreeMap<BillingEntity, Vec<M3terId>>,
    /// What has not.
    pub failed: BTreeMap<BillingEntity, Vec<M3terId>>,
}

/// The AccountPlan that ended, and the one that follows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Replacement {
    /// As it is now.
    pub original: Option<ActualObject>,
    /// The new one.
    pub new: ActualObject,
}

impl Endings {
    /// m3ter's answer, whatever of it can be read.
    pub fn from_json(body: &Json) -> Self {
        Self {
            message: body
                .get("statusMessage")
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned(),
            updated: ids_by_entity(body.get("updatedEntities")),
            failed: ids_by_entity(body.get("failedEntities")),
        }
    }
}

impl Replacement {
    /// m3ter's answer; `None` when it does not name the new AccountPlan.
    pub fn from_json(mut body: Json) -> Option<Self> {
        let mut part =
            |name: &str| body.get_mut(name).map(Json::take).and_then(ActualObject::from_json);
        let (original, new) = (part("originalAccountPlan"), part("newAccountPlan"));
        Some(Self { original, new: new? })
    }
}

impl Client {
    /// Ends kinds of billing entities at an instant, in m3ter's spelling.
    pub async fn end_date(
        &self,
        owner: &EndingOwner,
        end_date: jiff::Timestamp,
        entities: &[BillingEntity],
        children: Children,
        budget: &Budget,
    ) -> Result<Endings, CalloutError> {
        let (operation, plural, id) = match owner {
            EndingOwner::Account(id) => ("EndDateBillingEntitiesForAccount", "accounts", id),
            EndingOwner::Contract(id) => ("EndDateBillingEntitiesForContract", "contracts", id),
        };
        // What was ended is read again where an answer is lost: the answer of a second call would
        // not name it.
        let call = Call::write(operation, Urgency::End);
        let url = below(&self.organization, &[plural, id.as_str(), "enddatebillingentities"]);
        let words: Vec<&str> = entities.iter().map(|entity| entity.word()).collect();
        let mut body = json!({ "endDate": end_date.to_string(), "billingEntities": words });
        if children == Children::Included {
            body["applyToChildren"] = json!(true);
        }
        let Answer { body, .. } =
            self.send(call, budget, |http| http.put(url.clone()).json(&body)).await?;
        Ok(Endings::from_json(&body))
    }

    /// Ends an AccountPlan at the start of another one, and creates that.
    pub async fn replace_account_plan(
        &self,
        original: &M3terId,
        body: &Map<String, Json>,
        budget: &Budget,
    ) -> Result<Replacement, CalloutError> {
        let call = Call::write("ReplaceAccountPlan", Urgency::End);
        let url = below(&self.organization, &["accountplans", original.as_str(), "replace"]);
        let Answer { status, body, .. } =
            self.send(call, budget, |http| http.post(url.clone()).json(body)).await?;
        Replacement::from_json(body).ok_or_else(|| {
            self.transport.unusable(call, status, "an answer without the new AccountPlan")
        })
    }

    /// The counter pricings of a Plan.
    pub async fn list_counter_pricings(
        &self,
        plan: &M3terId,
        budget: &Budget,
    ) -> Result<Vec<ActualObject>, CalloutError> {
        self.fetch_objects(
            "ListCounterPricings",
            &["counterpricings"],
            &[("planId", plan.as_str())],
            budget,
        )
        .await
    }

    /// The Accounts directly below an Account.
    pub async fn list_children(
        &self,
        account: &M3terId,
        budget: &Budget,
    ) -> Result<Vec<ActualObject>, CalloutError> {
        self.fetch_objects(
            "ListAccountChildren",
            &["accounts", account.as_str(), "children"],
            &[],
            budget,
        )
        .await
    }

    /// Replaces a billing entity; `body` holds all its fields and its `version`.
    pub async fn update_billing_entity(
        &self,
        entity: BillingEntity,
        id: &M3terId,
        body: &Map<String, Json>,
        budget: &Budget,
    ) -> Result<ActualObject, CalloutError> {
        let call = Call::write(put(entity), Urgency::End);
        let url = below(&self.organization, &[entity.plural(), id.as_str()]);
        let answer = self.send(call, budget, |http| http.put(url.clone()).json(body)).await?;
        self.object(call, answer)
    }

    /// The billing entity with this id; `None` when m3ter answers 404.
    pub async fn fetch_billing_entity(
        &self,
        entity: BillingEntity,
        id: &M3terId,
        budget: &Budget,
    ) -> Result<Option<ActualObject>, CalloutError> {
        let call = Call::read(get(entity));
        let url = below(&self.organization, &[entity.plural(), id.as_str()]);
        match self.send(call, budget, |http| http.get(url.clone())).await {
            Ok(answer) => self.object(call, answer).map(Some),
            Err(error) if error.refusal().is_some_and(|refusal| refusal.status == 404) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn put(entity: BillingEntity) -> &'static str {
    match entity {
        BillingEntity::Contract => "PutContract",
        BillingEntity::Prepayment => "PutCommitment",
        BillingEntity::Pricings => "PutPricing",
        BillingEntity::CounterPricings => "PutCounterPricing",
        BillingEntity::AccountPlan => "PutAccountPlan",
    }
}

fn get(entity: BillingEntity) -> &'static str {
    match entity {
        BillingEntity::Contract => "GetContract",
        BillingEntity::Prepayment => "GetCommitment",
        BillingEntity::Pricings => "GetPricing",
        BillingEntity::CounterPricings => "GetCounterPricing",
        BillingEntity::AccountPlan => "GetAccountPlan",
    }
}

/// The sets of ids. The published schema has another type for them, which cannot be meant: ids, or
/// objects that carry one, are read.
fn ids_by_entity(sets: Option<&Json>) -> BTreeMap<BillingEntity, Vec<M3terId>> {
    let id = |entry: &Json| {
        entry.as_str().or_else(|| entry.get("id")?.as_str()).and_then(|id| M3terId::parse(id).ok())
    };
    let mut by_entity = BTreeMap::new();
    for entity in BillingEntity::ALL {
        let entries = sets.and_then(|sets| sets.get(entity.word())).and_then(Json::as_array);
        let ids: Vec<M3terId> = entries.into_iter().flatten().filter_map(id).collect();
        if !ids.is_empty() {
            by_entity.insert(entity, ids);
        }
    }
    by_entity
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_ids_are_read_in_each_form_that_m3ter_may_send() {
        let id = "293b2bca-fa87-4036-9a0b-e0f1d3cd8c9e";
        let read = ids_by_entity(Some(&json!({
            "CONTRACT": [id], "PREPAYMENT": [{"id": id}], "ACCOUNTPLAN": {"empty": true}, "PRICINGS": null, "OTHER": [id], "COUNTER_PRICINGS": []
        })));
        let id = M3terId::parse(id).unwrap();
        assert_eq!(
            read,
            BTreeMap::from([
                (BillingEntity::Contract, vec![id.clone()]),
                (BillingEntity::Prepayment, vec![id])
            ])
        );
        assert!(ids_by_entity(None).is_empty());
    }
}
