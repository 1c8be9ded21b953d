//! Steps 3 and 4 of a sync: which of m3ter's objects are this deal's, and how they differ.
//!
//! What earlier syncs linked is read beside the record. Only for what no link tells are natural
//! keys looked up, level by level: Accounts and Contracts by code, then what lies under the
//! Account, then the Pricings of the Plans that were found.

mod again;
mod ends;
mod keys;
mod merges;
mod neighbours;
mod referred;
mod sharing;

use std::collections::{HashMap, HashSet};

use futures::future::join_all;

use crate::changeset::adoption;
use crate::changeset::compare::{Circumstances, compare, compare_referred};
use crate::changeset::identity::{self, CommitmentEvidence, Owners};
use crate::changeset::price_start::{self, FirstPrice};
use crate::changeset::typed_key;
use crate::changeset::{Change, Changeset, KnownIds, Step, price_end};
use crate::domain::actual::ActualObject;
use crate::domain::desired::{DesiredObject, Intent, OnFound};
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::Failure;
use crate::domain::settings::PricingChange;
use crate::m3ter::ListFilter;
use crate::store::{CommitmentAttempt, Link, LinkRelation};
use crate::sync::context::RunContext;
use crate::transport::CalloutError;
use referred::Referred;
pub(super) use sharing::{Shared, fetch_shared};

/// What this sync has seen of m3ter so far.
pub(super) struct Seen<'a> {
    context: RunContext<'a>,
    links: Vec<Link>,
    /// All objects that a list or a GET gave, by kind; the newest version of each.
    objects: HashMap<EntityKind, HashMap<M3terId, ActualObject>>,
    /// Reads that gave no answer: objects of the kind cannot be decided.
    unread: HashMap<EntityKind, Failure>,
    /// Linked objects that their own GET no longer finds.
    gone: HashSet<M3terId>,
    /// Links of this record's Accounts in other deals.
    elsewhere: Vec<Link>,
    /// Records that were merged into others: who had something in m3ter, and who has it now.
    merged: Vec<(SalesforceId, SalesforceId)>,
}

/// The outcome of identifying one desired object.
type Identified = Result<Option<ActualObject>, Finding>;

impl<'a> Seen<'a> {
    pub(super) fn new(context: RunContext<'a>, links: Vec<Link>) -> Self {
        Self {
            context,
            links,
            objects: HashMap::new(),
            unread: HashMap::new(),
            gone: HashSet::new(),
            elsewhere: Vec::new(),
            merged: Vec::new(),
        }
    }

    /// Reads all linked objects, one list for each kind: what runs beside the query of the record.
    pub(super) async fn fetch_linked(&mut self) {
        // With parents among the Accounts it is not known yet which one is the deal's own.
        let first_of = |kind: EntityKind| {
            let mut links = self.links.iter().filter(|link| link.object.kind == kind);
            links.next().filter(|_| links.next().is_none()).map(|link| link.m3ter_id.clone())
        };
        let (account, contract) = (first_of(EntityKind::Account), first_of(EntityKind::Contract));
        let mut lists: Vec<(EntityKind, Vec<ListFilter>)> = Vec::new();
        for kind in EntityKind::ALL {
            let ids: Vec<M3terId> = self
                .links
                .iter()
                .filter(|link| link.object.kind == kind)
                .map(|link| link.m3ter_id.clone())
                .collect();
            // What lies under the Contract tells of lines that nobody remembers.
            if ids.is_empty() && (kind != EntityKind::AccountPlan || contract.is_none()) {
                continue;
            }
            let filters = match (kind, &account, &contract) {
                (EntityKind::AccountPlan, _, Some(contract)) => {
                    vec![ListFilter::Contract(contract.clone()), ListFilter::IncludeAll]
                }
                (EntityKind::Commitment, Some(account), Some(contract)) => {
                    vec![
                        ListFilter::AccountId(account.clone()),
                        ListFilter::ContractId(contract.clone()),
                    ]
                }
                _ => vec![ListFilter::Ids(ids)],
            };
            lists.push((kind, filters));
        }
        self.fetch_lists(lists).await;
    }

    /// Finds each desired object's actual one and compares the two.
    pub(super) async fn compare(
        &mut self,
        mut desired: Vec<DesiredObject>,
        attempts: &[CommitmentAttempt],
        shared: &Shared,
        circumstances: &Circumstances,
    ) -> Result<Changeset, Failure> {
        self.fetch_unlisted_links(&desired).await?;
        self.keep_joined(&mut desired);
        let mut identified: HashMap<ObjectKey, Identified> = HashMap::new();
        let mut known = KnownIds::new();
        self.identify(
            &desired,
            &[EntityKind::Account, EntityKind::Contract],
            attempts,
            &mut identified,
            &mut known,
        )
        .await?;
        self.follow_merges(&mut desired, &mut identified, &mut known).await?;
        self.join_shared(&mut desired, shared, &mut identified, &mut known);
        self.fetch_under_accounts(&desired, &known).await;
        self.identify(
            &desired,
            &[EntityKind::Plan, EntityKind::Commitment, EntityKind::AccountPlan],
            attempts,
            &mut identified,
            &mut known,
        )
        .await?;
        self.fetch_pricings(&desired, &known).await;
        self.identify(&desired, &[EntityKind::Pricing], attempts, &mut identified, &mut known)
            .await?;
        let reopened = self.keep_ends(&mut desired, &identified, circumstances).await?;
        self.take_back_early_ends(&mut desired, &identified, circumstances.pricing_change).await;
        let mut first_prices =
            self.first_prices(&desired, &identified, circumstances.pricing_change).await;
        let change = |object: DesiredObject| {
            let first_price = first_prices.remove(&object.key);
            Change { first_price, ..self.change(object, &identified, &known, circumstances) }
        };
        let mut changeset = Changeset {
            changes: desired.into_iter().map(change).collect(),
            reopened,
            ..Changeset::default()
        };
        changeset.leave_ended();
        Ok(changeset)
    }

    /// The first Pricings of rows that have several, where an AccountPlan starts earlier from now
    /// on; only then they are read.
    async fn first_prices(
        &mut self,
        desired: &[DesiredObject],
        identified: &HashMap<ObjectKey, Identified>,
        pricing_change: PricingChange,
    ) -> HashMap<ObjectKey, FirstPrice> {
        let earlier = price_start::earlier_starts(desired, |key| {
            identified.get(key)?.as_ref().ok()?.as_ref()
        });
        let plans: HashSet<M3terId> =
            earlier.iter().filter_map(|start| M3terId::parse(start.plan()?).ok()).collect();
        self.fetch_pricings_of(plans).await;
        let pricings = self.all(EntityKind::Pricing);
        earlier
            .into_iter()
            .filter_map(|start| {
                Some((start.account_plan.clone(), start.first_price(&pricings, pricing_change)?))
            })
            .collect()
    }

    async fn fetch_pricings_of(&mut self, plans: HashSet<M3terId>) {
        self.fetch_lists(
            plans
                .into_iter()
                .map(|plan| (EntityKind::Pricing, vec![ListFilter::PlanId(plan)]))
                .collect(),
        )
        .await;
    }

    /// Prices last as long as what they bill. Only where one has ended too early the other Pricings
    /// of its Plan are read.
    async fn take_back_early_ends(
        &mut self,
        desired: &mut [DesiredObject],
        identified: &HashMap<ObjectKey, Identified>,
        pricing_change: PricingChange,
    ) {
        let early =
            price_end::early_ends(desired, |key| identified.get(key)?.as_ref().ok()?.as_ref());
        if early.is_empty() {
            return;
        }
        let plans: HashSet<M3terId> =
            early.iter().filter_map(|end| M3terId::parse(end.plan()?).ok()).collect();
        self.fetch_pricings_of(plans).await;
        price_end::take_back(desired, &early, &self.all(EntityKind::Pricing), pricing_change);
    }

    /// All objects of a kind that were read.
    pub(super) fn all(&self, kind: EntityKind) -> Vec<&ActualObject> {
        self.objects.get(&kind).into_iter().flat_map(HashMap::values).collect()
    }

    /// The failures of reads, in the order of kinds.
    pub(super) fn failures(&self) -> Vec<Failure> {
        EntityKind::ALL.iter().filter_map(|kind| self.unread.get(kind).cloned()).collect()
    }

    /// Links to objects that m3ter no longer has.
    pub(super) fn gone_links(&self) -> Vec<ObjectKey> {
        self.links
            .iter()
            .filter(|link| self.gone.contains(&link.m3ter_id))
            .map(|link| link.object.clone())
            .collect()
    }

    /// What earlier syncs of the record made.
    pub(super) fn links(&self) -> &[Link] {
        &self.links
    }

    /// An object that was read.
    pub(super) fn object(&self, kind: EntityKind, id: &M3terId) -> Option<&ActualObject> {
        self.objects.get(&kind)?.get(id)
    }

    fn has(&self, kind: EntityKind, id: &M3terId) -> bool {
        self.object(kind, id).is_some()
    }

    fn link(&self, key: &ObjectKey) -> Option<&Link> {
        // One that is to be confirmed decides nothing: its code leads there again, or no more.
        let decides = |link: &&Link| {
            link.relation != LinkRelation::Unconfirmed && !self.gone.contains(&link.m3ter_id)
        };
        self.links.iter().filter(decides).find(|link| link.object == *key)
    }

    async fn fetch_lists(&mut self, lists: Vec<(EntityKind, Vec<ListFilter>)>) {
        let RunContext { m3ter, budget, .. } = self.context;
        let answers =
            join_all(lists.iter().map(|(kind, filters)| m3ter.list(*kind, filters, budget))).await;
        for ((kind, _), answer) in lists.into_iter().zip(answers) {
            self.take(kind, answer);
        }
    }

    fn take(&mut self, kind: EntityKind, answer: Result<Vec<ActualObject>, CalloutError>) {
        match answer {
            Ok(objects) => {
                let seen = self.objects.entry(kind).or_default();
                for object in objects {
                    match seen.get(&object.id) {
                        Some(newer) if newer.version > object.version => {}
                        _ => {
                            seen.insert(object.id.clone(), object);
                        }
                    }
                }
            }
            Err(error) => {
                self.unread.entry(kind).or_insert_with(|| error.into());
            }
        }
    }

    /// A linked object that no list showed counts as gone only after its own GET says so: lists may
    /// lag.
    async fn fetch_unlisted_links(&mut self, desired: &[DesiredObject]) -> Result<(), Failure> {
        let wanted: HashSet<&ObjectKey> = desired.iter().map(|object| &object.key).collect();
        let unlisted: Vec<(EntityKind, M3terId)> = self
            .links
            .iter()
            .filter(|link| {
                wanted.contains(&link.object) && !self.has(link.object.kind, &link.m3ter_id)
            })
            .map(|link| (link.object.kind, link.m3ter_id.clone()))
            .collect();
        let RunContext { m3ter, budget, .. } = self.context;
        let answers =
            join_all(unlisted.iter().map(|(kind, id)| m3ter.fetch(*kind, id, budget))).await;
        let mut lost = false;
        for ((kind, id), answer) in unlisted.into_iter().zip(answers) {
            match answer {
                Ok(None) => {
                    lost |= matches!(kind, EntityKind::Account | EntityKind::Contract);
                    self.gone.insert(id);
                }
                Ok(Some(object)) => self.take(kind, Ok(vec![object])),
                Err(error) => self.take(kind, Err(error)),
            }
        }
        if lost {
            let keys = |kind| {
                desired
                    .iter()
                    .filter(|object| object.kind() == kind)
                    .filter_map(DesiredObject::natural_key)
                    .collect::<Vec<_>>()
            };
            self.fetch_codes(&keys(EntityKind::Account), &keys(EntityKind::Contract)).await?;
        }
        Ok(())
    }

    /// Lists what lies under each Account, for the kinds of which some object of it is not linked.
    async fn fetch_under_accounts(&mut self, desired: &[DesiredObject], known: &KnownIds) {
        let owners = Referred::new(desired, known);
        let mut lists: Vec<(EntityKind, Vec<ListFilter>)> = Vec::new();
        for object in desired.iter().filter(|object| matters(object) && self.is_open(object)) {
            let Some(account) = owners.account(object) else { continue };
            let filters = match object.kind() {
                EntityKind::Plan => vec![ListFilter::AccountId(account)],
                // What it names is not there: its neighbours tell what may be meant.
                EntityKind::Contract
                    if object.on_found == OnFound::Refer && !known.contains_key(&object.key) =>
                {
                    vec![ListFilter::AccountId(account)]
                }
                EntityKind::AccountPlan => {
                    vec![ListFilter::Account(account), ListFilter::IncludeAll]
                }
                EntityKind::Commitment => match owners.contract(object) {
                    Some(contract) => {
                        vec![ListFilter::AccountId(account), ListFilter::ContractId(contract)]
                    }
                    // A Contract that is still to come has none.
                    None => continue,
                },
                _ => continue,
            };
            let list = (object.kind(), filters);
            if !lists.contains(&list) {
                lists.push(list);
            }
        }
        // A record whose lines are all gone, and that nobody remembers, has its AccountPlans under
        // its Contract.
        let is_listed = self.objects.contains_key(&EntityKind::AccountPlan)
            || lists.iter().any(|(kind, _)| *kind == EntityKind::AccountPlan);
        if let Some(contract) =
            owners.only_contract.and_then(|key| known.get(key)).filter(|_| !is_listed)
        {
            lists.push((
                EntityKind::AccountPlan,
                vec![ListFilter::Contract(contract.clone()), ListFilter::IncludeAll],
            ));
        }
        self.fetch_lists(lists).await;
    }

    /// Lists the Pricings of each Plan that m3ter has and whose Pricing is not linked.
    async fn fetch_pricings(&mut self, desired: &[DesiredObject], known: &KnownIds) {
        let owners = Referred::new(desired, known);
        let plans: HashSet<M3terId> = desired
            .iter()
            .filter(|object| {
                object.kind() == EntityKind::Pricing && matters(object) && self.is_open(object)
            })
            .filter_map(|object| owners.plan(object))
            .collect();
        self.fetch_pricings_of(plans).await;
    }

    async fn identify(
        &mut self,
        desired: &[DesiredObject],
        kinds: &[EntityKind],
        attempts: &[CommitmentAttempt],
        identified: &mut HashMap<ObjectKey, Identified>,
        known: &mut KnownIds,
    ) -> Result<(), Failure> {
        let mut desired_of_kinds = desired.iter().filter(|object| kinds.contains(&object.kind()));
        let owners = if desired_of_kinds.all(|object| self.linked(object).is_some()) {
            Owners::new()
        } else {
            self.owners(kinds).await?
        };
        let mut taken: HashSet<M3terId> =
            self.links.iter().map(|link| link.m3ter_id.clone()).collect();
        for object in kinds
            .iter()
            .flat_map(|kind| desired.iter().filter(move |object| object.kind() == *kind))
        {
            let outcome = match self.linked(object).cloned() {
                Some(linked) => Ok(Some(linked)),
                None => self.by_natural_key(
                    object,
                    &Referred::new(desired, known),
                    attempts,
                    &owners,
                    &taken,
                ),
            };
            if let Ok(Some(actual)) = &outcome {
                taken.insert(actual.id.clone());
                known.insert(object.key.clone(), actual.id.clone());
            }
            identified.insert(object.key.clone(), outcome);
        }
        Ok(())
    }

    /// The m3ter object that a desired one is linked to, if m3ter still has it. What a record only
    /// joined is its own as little as before once the record no longer names it.
    fn linked(&self, object: &DesiredObject) -> Option<&ActualObject> {
        let joined = |link: &&Link| {
            link.relation == LinkRelation::Referred && object.on_found == OnFound::Adopt
        };
        let link = self.link(&object.key).filter(|link| !joined(link))?;
        self.object(object.kind(), &link.m3ter_id)
    }

    fn by_natural_key(
        &self,
        object: &DesiredObject,
        referred: &Referred<'_>,
        attempts: &[CommitmentAttempt],
        owners: &Owners,
        taken: &HashSet<M3terId>,
    ) -> Identified {
        let kind = object.kind();
        let candidates = self.all(kind);
        match kind {
            EntityKind::Account | EntityKind::Contract => {
                let found = identity::by_code(object, &candidates, None, owners)?;
                let is_own = |own: &&ActualObject| {
                    owners.get(&own.id).is_none_or(|owner| *owner == object.key.row)
                };
                let own = || {
                    typed_key::by_own_id(object, &candidates)
                        .filter(is_own)
                        .or_else(|| self.elsewhere(object))
                };
                Ok(found.or_else(own).cloned())
            }
            EntityKind::Plan | EntityKind::AccountPlan => {
                let Some(account) = referred.account(object) else { return Ok(None) };
                identity::by_code(object, &candidates, Some(("accountId", &account)), owners)
                    .map(Option::<&_>::cloned)
            }
            EntityKind::Pricing => {
                let Some(plan) = referred.plan(object) else { return Ok(None) };
                identity::by_code(object, &candidates, Some(("planId", &plan)), owners)
                    .map(Option::<&_>::cloned)
            }
            EntityKind::Commitment => {
                let contract = referred.contract(object);
                let bodies: Vec<_> = attempts
                    .iter()
                    .filter(|attempt| attempt.object == object.key)
                    .filter_map(|attempt| attempt.body.as_object().cloned())
                    .collect();
                let evidence = CommitmentEvidence {
                    candidates: &candidates,
                    contract: contract.as_ref(),
                    attempts: &bodies,
                    owners,
                    taken,
                };
                Ok(identity::commitment(object, &evidence, referred.known).cloned())
            }
        }
    }

    /// The rows that the objects seen of some kinds are linked to.
    async fn owners(&self, kinds: &[EntityKind]) -> Result<Owners, Failure> {
        let ids: Vec<M3terId> = kinds
            .iter()
            .filter_map(|kind| self.objects.get(kind))
            .flat_map(HashMap::keys)
            .cloned()
            .collect();
        if ids.is_empty() {
            return Ok(Owners::new());
        }
        self.context.load_owners(&ids).await
    }

    fn change(
        &self,
        object: DesiredObject,
        identified: &HashMap<ObjectKey, Identified>,
        known: &KnownIds,
        circumstances: &Circumstances,
    ) -> Change {
        let mut warnings = object.warnings.clone();
        let verdict = self.judge_key(&object, identified.get(&object.key));
        let step = match identified.get(&object.key) {
            _ if self.unread.contains_key(&object.kind()) && matters(&object) => Step::Invalid {
                findings: vec![self.unread_finding(object.kind())],
                existing: known.get(&object.key).cloned(),
            },
            Some(Err(finding)) if matters(&object) => {
                Step::Invalid { findings: vec![finding.clone()], existing: None }
            }
            Some(Ok(found)) if verdict.finding.is_some() => match (found, verdict.finding) {
                (Some(actual), Some(finding)) => Step::Kept { id: actual.id.clone(), finding },
                (_, finding) => {
                    Step::Invalid { findings: finding.into_iter().collect(), existing: None }
                }
            },
            Some(Ok(Some(actual))) if self.is_referred(&object, actual) => {
                let text = format!(
                    "The {} {} was made by another record; this one joins it and does not change it",
                    object.kind(),
                    actual.id
                );
                warnings.push(text.into());
                compare_referred(&object, actual, known)
            }
            found => {
                let actual =
                    found.and_then(|outcome| outcome.as_ref().ok()).and_then(Option::as_ref);
                let (step, more) = compare(&object, actual, known, circumstances);
                warnings.extend(more);
                match actual.filter(|actual| !self.is_confirmed(&object, actual)) {
                    Some(actual) => {
                        let (step, unproven) = adoption::hold_back(&object, actual, known, step);
                        warnings.extend(unproven);
                        step
                    }
                    None => step,
                }
            }
        };
        warnings.extend(verdict.warning);
        Change {
            desired: object,
            step,
            warnings,
            remembered_key: verdict.remembered,
            first_price: None,
            refusal_ahead: None,
            makes_way: Vec::new(),
        }
    }

    fn is_referred(&self, object: &DesiredObject, actual: &ActualObject) -> bool {
        let owned = self.link(&object.key).is_some_and(|link| link.relation == LinkRelation::Owned);
        // A code that is the row's own id is of what the row made.
        let is_own = actual.code() == Some(object.key.row.as_str());
        object.on_found == OnFound::Refer
            && !owned
            && !is_own
            && matches!(object.intent, Intent::Sync(_))
    }

    fn unread_finding(&self, kind: EntityKind) -> Finding {
        let reason =
            self.unread.get(&kind).map(|failure| failure.reason.clone()).unwrap_or_default();
        Finding::new(
            FindingCode::OutcomeUnknown,
            format!("Not attempted because m3ter's {} could not be read: {reason}", kind.plural()),
            "Sync again",
        )
    }
}

/// Whether it is worth knowing if m3ter has the object: one that is flagged or invalid matters only
/// to what refers to it.
fn matters(object: &DesiredObject) -> bool {
    matches!(object.intent, Intent::Sync(_))
        || matches!(object.kind(), EntityKind::Account | EntityKind::Contract | EntityKind::Plan)
}
