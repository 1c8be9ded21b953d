//! What a finding claims, looked up: an excuse that is not true hides a fault.

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use crate::judge::Deal;
use crate::keys;
use crate::model::{Want, Wanted};

/// One object that is not as its record asks, and the code that says why.
pub(crate) struct Case<'a> {
    pub(crate) deal: &'a Deal<'a>,
    pub(crate) wanted: &'a Wanted,
    pub(crate) code: &'a str,
}

pub(crate) fn is_excused(case: &Case<'_>) -> bool {
    // What the record itself does not allow.
    if case.wanted.faults.contains(case.code) {
        return true;
    }
    match case.code {
        "ACCOUNT_PLAN_OVERLAP" => case.meets_another_account_plan(),
        "COMMITMENT_OVERLAP" => case.meets_another_commitment(),
        "OUTSIDE_CONTRACT_PERIOD" => case.leaves_its_contract(),
        "PRODUCT_PERIODS_OVERLAP" => case.meets_another_line(),
        // Refused: m3ter has what it needs under another owner, which is a finding of its own.
        "DEPENDENCY_FAILED" | "REFUSED_BY_M3TER" => case.depends_on_a_failure(),
        "CODE_NOT_FOUND" => case.names_what_is_not_there(),
        "CODE_IN_USE" => case.names_what_is_another_s(),
        // m3ter knows both.
        "AMBIGUOUS_MATCH" => keys::was_merged(case.deal, &case.wanted.row),
        "IDENTITY_CHANGED" => case.has_another_owner(),
        _ => false,
    }
}

impl Case<'_> {
    /// Something that it needs has no success.
    fn depends_on_a_failure(&self) -> bool {
        let needs = self.wanted.fields.values().filter_map(|want| {
            if let Want::Of(kind, row) = want { Some((*kind, row.as_str())) } else { None }
        });
        let same_row = ["Plan", "AccountPlan"].map(|kind| (kind, self.wanted.row.as_str()));
        let contract = ("Contract", self.deal.id);
        let failed = |(kind, row): (&str, &str)| {
            kind != self.wanted.kind
                && self.deal.result(kind, row).is_none_or(|result| result["success"] != true)
        };
        needs.chain(same_row).chain([contract]).any(failed)
    }

    fn product(&self, wanted: &Wanted) -> Option<String> {
        let plan = self.deal.wanted_of("Plan", &wanted.row)?;
        let Some(Want::Coded(path, code)) = plan.fields.get("planTemplateId") else { return None };
        Some(self.deal.sight.by_code(path, code)?["productId"].as_str()?.to_owned())
    }

    fn meets_another_account_plan(&self) -> bool {
        let Some((start, end)) = self.account_plan_lasts() else { return false };
        let account = self
            .deal
            .result("Account", &self.account())
            .and_then(|result| result["m3terId"].as_str())
            .unwrap_or_default();
        let product = self.product(self.wanted).unwrap_or_default();
        let own =
            self.deal.object("AccountPlan", &self.wanted.row).map(|object| object["id"].clone());
        self.deal.objects["AccountPlan"].iter().any(|other| {
            Some(&other["id"]) != own.as_ref()
                && other.get("code") != Some(&Json::from(self.wanted.row.as_str()))
                && other["accountId"] == account
                && other.get("productId") == Some(&Json::from(product.as_str()))
                && instant(other, "startDate").is_none_or(|other| other < end)
                && instant(other, "endDate").is_none_or(|other| start < other)
        })
    }

    fn meets_another_commitment(&self) -> bool {
        let contract = self
            .deal
            .result("Contract", self.deal.id)
            .and_then(|result| result.get("m3terId"))
            .cloned()
            .unwrap_or_default();
        let own =
            self.deal.object("Commitment", &self.wanted.row).map(|object| object["id"].clone());
        let text = |object: &Map<String, Json>, field: &str| {
            object.get(field).and_then(Json::as_str).unwrap_or_default().to_owned()
        };
        let (Some(Want::Day(start)), Some(Want::Day(end))) =
            (self.wanted.fields.get("startDate"), self.wanted.fields.get("endDate"))
        else {
            return false;
        };
        self.deal.objects["Commitment"].iter().any(|other| {
            Some(&other["id"]) != own.as_ref()
                && other.get("contractId") == Some(&contract)
                && text(other, "startDate") < end.to_string()
                && start.to_string() < text(other, "endDate")
        })
    }

    /// By the Contract as m3ter has it.
    fn leaves_its_contract(&self) -> bool {
        // An answer names no Contract that could not be written.
        let by_code = || {
            self.deal.objects["Contract"]
                .iter()
                .find(|contract| contract.get("code") == Some(&Json::from(self.deal.id)))
        };
        let Some(contract) = self.deal.object("Contract", self.deal.id).or_else(by_code) else {
            return false;
        };
        let day = |field: &str| {
            contract
                .get(field)
                .and_then(Json::as_str)
                .and_then(|text| text.parse::<jiff::civil::Date>().ok())
        };
        let (Some(first), Some(last)) = (day("startDate"), day("endDate")) else { return false };
        let begins = |day: jiff::civil::Date| {
            day.to_zoned_datetime(self.deal.sight.zone.clone()).unwrap().timestamp()
        };
        match (self.wanted.fields.get("startDate"), self.wanted.fields.get("endDate")) {
            (Some(Want::Day(start)), Some(Want::Day(end))) => *start < first || *end > last,
            (Some(Want::Instant(start)), Some(Want::Instant(end))) => {
                *start < begins(first) || *end > begins(last)
            }
            (Some(Want::Instant(start)), None) => *start < begins(first),
            _ => false,
        }
    }

    /// Another line of the deal has the product in its time.
    fn meets_another_line(&self) -> bool {
        let Some((start, end)) = self.account_plan_lasts() else { return false };
        let product = self.product(self.wanted);
        self.deal
            .wanted
            .iter()
            .filter(|other| other.kind == "AccountPlan" && other.row != self.wanted.row)
            .any(|other| {
                self.product(other) == product
                    && self.lasts(other).is_some_and(|(other_start, other_end)| {
                        other_start < end && start < other_end
                    })
            })
    }

    /// The period of the AccountPlan of the object's row. A Plan and a Pricing that only an
    /// AccountPlan in the way would need are not made.
    fn account_plan_lasts(&self) -> Option<(Timestamp, Timestamp)> {
        self.lasts(self.deal.wanted_of("AccountPlan", &self.wanted.row)?)
    }

    /// The period of an AccountPlan: what the record leaves blank is as m3ter has it, and without
    /// an end it has none.
    fn lasts(&self, account_plan: &Wanted) -> Option<(Timestamp, Timestamp)> {
        let held = self.deal.objects["AccountPlan"]
            .iter()
            .find(|object| object.get("code") == Some(&Json::from(account_plan.row.as_str())));
        let of = |field: &str| match account_plan.fields.get(field) {
            Some(Want::Instant(instant)) => Some(*instant),
            _ => held.and_then(|held| self::instant(held, field)),
        };
        Some((of("startDate")?, of("endDate").unwrap_or(Timestamp::MAX)))
    }

    fn names_what_is_not_there(&self) -> bool {
        let coded = self.wanted.fields.values().filter_map(|want| {
            if let Want::Coded(path, code) = want { Some((*path, code)) } else { None }
        });
        let mut missing =
            coded.filter(|(path, code)| self.deal.sight.by_code(path, code).is_none());
        missing.next().is_some()
            || keys::typed(self.deal, self.wanted)
                .is_some_and(|typed| self.deal.sight.by_code(typed.path, &typed.code).is_none())
    }

    fn names_what_is_another_s(&self) -> bool {
        let typed = keys::typed(self.deal, self.wanted)
            .map_or_else(|| self.wanted.row.clone(), |typed| typed.code);
        let path = crate::world::path(self.wanted.kind);
        let own = self
            .deal
            .result(self.wanted.kind, &self.wanted.row)
            .and_then(|result| result.get("m3terId"))
            .cloned();
        self.deal
            .sight
            .by_code(path, &typed)
            .is_some_and(|object| Some(&object["id"]) != own.as_ref())
    }

    /// What m3ter has belongs to another Account, Plan or template; or its key names another object
    /// now.
    fn has_another_owner(&self) -> bool {
        let Some(object) = self.deal.object(self.wanted.kind, &self.wanted.row) else {
            return false;
        };
        let moved =
            ["accountId", "planTemplateId", "planId", "aggregationId", "contractId", "currency"]
                .iter()
                .any(|field| {
                    match self.wanted.fields.get(field) {
                        Some(Want::Of(kind, row)) => match self
                            .deal
                            .result(kind, row)
                            .and_then(|result| result.get("m3terId"))
                        {
                            Some(id) => object.get(*field) != Some(id),
                            // Which object that is cannot be told before the finding of its own is
                            // put right: two Accounts were merged, a code is another one's, or what
                            // m3ter requires of it is blank.
                            None => self
                                .deal
                                .result(kind, row)
                                .is_some_and(|result| result["success"] != true),
                        },
                        Some(Want::Coded(path, code)) => self
                            .deal
                            .sight
                            .by_code(path, code)
                            .is_some_and(|named| object.get(*field) != Some(&named["id"])),
                        _ => false,
                    }
                });
        let renamed = keys::typed(self.deal, self.wanted)
            .and_then(|typed| self.deal.sight.by_code(typed.path, &typed.code))
            .is_some_and(|named| named["id"] != object["id"]);
        moved || renamed
    }

    fn account(&self) -> String {
        self.deal
            .wanted
            .iter()
            .find(|other| other.kind == "Account")
            .map(|account| account.row.clone())
            .unwrap_or_default()
    }
}

fn instant(object: &Map<String, Json>, field: &str) -> Option<Timestamp> {
    object.get(field)?.as_str()?.parse().ok()
}
