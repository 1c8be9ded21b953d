//! Which Account or Contract of m3ter a record means: by its link, or by its natural key where
//! nothing is linked.
//!
//! A wrong answer ends somebody else's billing: what belongs to another record is refused, and so
//! is a choice between two.

use futures::future::try_join_all;
use jiff::tz::TimeZone;

use crate::domain::actual::ActualObject;
use crate::domain::desired::NaturalKey;
use crate::domain::ending::Children;
use crate::domain::entity::EntityKind;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::domain::outcome::{ErrorCode, Failure};
use crate::m3ter::{EndingOwner, ListQuery};
use crate::mapping::{Context, Mapping};
use crate::store::{Link, LinkRelation};
use crate::sync::context::RunContext;
use crate::sync::load::read::{ReadRecord, fetch_record};
use crate::transport::CalloutError;

/// Whose billing is ended.
pub(super) struct Owner {
    pub(super) id: EndingOwner,
    /// The Account, which is the Contract's where that is the owner.
    pub(super) account: M3terId,
    /// The Contract, where that is the owner.
    pub(super) contract: Option<ActualObject>,
    /// In which a day begins that the caller named, where it is not m3ter's own.
    pub(super) time_zone: Option<TimeZone>,
}

/// The object that a Salesforce Account is in m3ter.
const ACCOUNT: &str = "Account";

pub(super) async fn find_owner(
    context: &RunContext<'_>,
    children: Children,
) -> Result<Owner, Failure> {
    let RunContext { metadata, record, budget, .. } = *context;
    let sobject = metadata.sobject_of(record.key_prefix(), budget).await?;
    let is_account = sobject.as_deref() == Some(ACCOUNT);
    if children == Children::Included && !is_account {
        return Err(Failure::new(
            ErrorCode::ApplyToChildrenWithoutAccount,
            format!("`applyToChildren` is for Accounts, and {record} is not one"),
        ));
    }
    let mapping = sobject.as_deref().and_then(|sobject| metadata.mapping(sobject));
    let time_zone = mapping.and_then(|mapping| mapping.settings().time_zone.clone());
    let kind = if is_account { EntityKind::Account } else { EntityKind::Contract };
    let found = match linked(context, kind).await? {
        Some(linked) => linked,
        None => by_natural_key(context, kind, mapping).await?,
    };
    refuse_foreign(context, kind, &found).await?;
    if is_account {
        let account = found.id.clone();
        return Ok(Owner {
            id: EndingOwner::Account(found.id),
            account,
            contract: None,
            time_zone,
        });
    }
    let account = found.text("accountId").and_then(|id| M3terId::parse(id).ok());
    let account = account.ok_or_else(|| {
        Failure::new(
            ErrorCode::M3terUnavailable,
            format!("m3ter's answer for the Contract {} does not name its Account", found.id),
        )
    })?;
    Ok(Owner {
        id: EndingOwner::Contract(found.id.clone()),
        account,
        contract: Some(found),
        time_zone,
    })
}

/// What a sync linked to the record, as far as m3ter still has it.
async fn linked(
    context: &RunContext<'_>,
    kind: EntityKind,
) -> Result<Option<ActualObject>, Failure> {
    let RunContext { m3ter, record, budget, .. } = *context;
    let links = match kind {
        EntityKind::Account => {
            context.store.with(|store| store.load_links_of_row(kind, record)).await?
        }
        _ => context.store.with(|store| store.load_links(record)).await?,
    };
    let waits =
        |link: &&Link| link.object.kind == kind && link.relation == LinkRelation::Unconfirmed;
    if let Some(link) = links
        .iter()
        .find(waits)
        .filter(|_| links.iter().all(|link| link.object.kind != kind || waits(&link)))
    {
        let (row, account) = (&link.object.row, &link.m3ter_id);
        let reason = format!(
            "it is not confirmed that m3ter's Account {account} is that of {row}: if it is, run `sync-to-m3ter adopt --confirm {row}`, then end it"
        );
        return Err(Failure::new(ErrorCode::AdoptionToConfirm, reason));
    }
    let mut ids: Vec<M3terId> = links
        .into_iter()
        .filter(|link| link.object.kind == kind)
        .map(|link| link.m3ter_id)
        .collect();
    ids.sort();
    ids.dedup();
    let found = try_join_all(ids.iter().map(|id| m3ter.fetch(kind, id, budget))).await?;
    only(context, kind, found.into_iter().flatten().collect())
}

/// What m3ter has under the record's code.
async fn by_natural_key(
    context: &RunContext<'_>,
    kind: EntityKind,
    mapping: Option<&Mapping>,
) -> Result<ActualObject, Failure> {
    let record = context.record;
    let (account_codes, codes) = match (mapping, kind) {
        (Some(mapping), _) => {
            let ReadRecord { record, query } = fetch_record(context, mapping, record).await?;
            let organization = context.metadata.organization(context.budget).await?;
            let time_zone = mapping.time_zone(&organization.time_zone);
            let keys = mapping.read(&record, Context::new(&query, time_zone)).keys();
            let codes =
                |keys: Vec<NaturalKey>| keys.iter().flat_map(NaturalKey::codes).collect::<Vec<_>>();
            let accounts = codes(keys.accounts);
            if kind == EntityKind::Account {
                (Vec::new(), accounts)
            } else {
                (accounts, codes(keys.contracts))
            }
        }
        // Without a mapping an Account's code is its id, as in those that come with the service.
        (None, EntityKind::Account) => (Vec::new(), vec![record.to_string()]),
        (None, _) => {
            let reason = format!(
                "There is no mapping for the object that {record} belongs to, and no sync linked it to a m3ter Contract"
            );
            return Err(Failure::new(ErrorCode::UnsupportedObject, reason));
        }
    };
    let (found, accounts) = tokio::join!(
        with_codes(context, kind, &codes),
        with_codes(context, EntityKind::Account, &account_codes)
    );
    let Some(found) = only(context, kind, found?)? else {
        return Err(not_synced(record, kind, &codes));
    };
    let accounts = accounts?;
    let owner = found.text("accountId");
    if !account_codes.is_empty()
        && !accounts.iter().any(|account| Some(account.id.as_str()) == owner)
    {
        let reason = format!(
            "m3ter's Contract {} has the record's code, and belongs to the Account {}, which is not the record's",
            found.id,
            owner.unwrap_or("of no id")
        );
        return Err(Failure::new(ErrorCode::OwnedByAnotherRecord, reason));
    }
    Ok(found)
}

async fn with_codes(
    context: &RunContext<'_>,
    kind: EntityKind,
    codes: &[String],
) -> Result<Vec<ActualObject>, CalloutError> {
    if codes.is_empty() {
        return Ok(Vec::new());
    }
    context.m3ter.list(&ListQuery::codes(kind, codes.to_vec()), context.budget).await
}

fn only(
    context: &RunContext<'_>,
    kind: EntityKind,
    mut found: Vec<ActualObject>,
) -> Result<Option<ActualObject>, Failure> {
    match found.as_slice() {
        [] | [_] => Ok(found.pop()),
        [first, second, ..] => {
            let reason = format!(
                "{} could mean two m3ter {kind} objects: {} and {}",
                context.record, first.id, second.id
            );
            Err(Failure::new(ErrorCode::AmbiguousRecord, reason))
        }
    }
}

/// An Account of another row, or a Contract that another record made and this one only joins, is
/// ended where it belongs.
async fn refuse_foreign(
    context: &RunContext<'_>,
    kind: EntityKind,
    found: &ActualObject,
) -> Result<(), Failure> {
    let ids = std::slice::from_ref(&found.id);
    let owners = context.store.with(|store| store.load_owners(ids)).await?;
    let row = |link: &Link| -> SalesforceId {
        if kind == EntityKind::Account { link.object.row.clone() } else { link.root.clone() }
    };
    let owners: Vec<SalesforceId> =
        owners.iter().filter(|link| link.object.kind == kind).map(row).collect();
    match owners.first() {
        Some(owner) if !owners.contains(context.record) => {
            let reason = format!(
                "m3ter's {kind} {} belongs to the Salesforce record {owner}; end it there",
                found.id
            );
            Err(Failure::new(ErrorCode::OwnedByAnotherRecord, reason))
        }
        _ => Ok(()),
    }
}

fn not_synced(record: &SalesforceId, kind: EntityKind, codes: &[String]) -> Failure {
    let code = codes.first().map_or_else(String::new, |code| format!(" under the code `{code}`"));
    let reason =
        format!("m3ter has no {kind} of {record}: no sync linked one, and there is none{code}");
    Failure::new(ErrorCode::RecordNotSynced, reason)
}
