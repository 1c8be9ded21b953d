//! What people type into keys, what they do in m3ter, and what is hidden from the service.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use super::{Deal, Plan};
use crate::ops::{Mode, Op, Target};

impl Plan {
    /// While it is quiet, and mostly into an Account that m3ter does not know yet: of two that it
    /// knows, a person must decide. The first sync then is that of a deal whose links tell of the
    /// Account.
    pub(super) fn merge_accounts(&mut self, ops: &mut Vec<Op>) {
        let deal = self.deal();
        let master = if self.rng.u32(0..4) == 0 { self.account() } else { self.new_account(ops) };
        if master != deal.account && deal.root.is_some() && !deal.is_gone {
            self.merge_into(master, &deal, ops);
        }
    }

    pub(super) fn merge_into(&mut self, master: u32, deal: &Deal, ops: &mut Vec<Op>) {
        ops.push(Op::Merge {
            master: Target::Account(master),
            loser: Target::Account(deal.account),
        });
        ops.push(Op::Sync { deal: deal.number, replica: self.replica(), mode: Mode::Wait });
        self.merged.push(deal.account);
        for moved in self
            .deals
            .iter_mut()
            .filter(|moved| moved.account == deal.account && moved.root.is_some())
        {
            moved.account = master;
        }
    }

    /// Keys that people type: another deal's Contract, an own id, what names nothing, nothing; and
    /// m3ter's ids, spoiled.
    pub(super) fn type_keys(&mut self, ops: &mut Vec<Op>) {
        let deal = self.deal();
        let round = self.round;
        let others = self.deals.iter().filter(|other| {
            other.account == deal.account
                && other.number < deal.number
                && other.since + 1 < round
                && other.root.is_some()
        });
        let others: Vec<u32> = others.map(|other| other.number).collect();
        let (target, field) = match self.rng.u32(0..3) {
            0 => (Target::Account(deal.account), "M3ter_Account_Code__c"),
            1 if deal.root.is_some_and(|root| root.has_term_and_code) => {
                (Target::Deal(deal.number), "M3ter_Contract_Code__c")
            }
            _ => return self.spoil_ids(ops),
        };
        let of_account = field == "M3ter_Account_Code__c";
        let code = match self.rng.u32(0..7) {
            0 if of_account => json!(format!("@account:{}", self.rng.u32(0..self.accounts))),
            0 if !others.is_empty() => json!(format!("@deal:{}", self.pick(&others))),
            1 if !of_account && !others.is_empty() => {
                json!(format!("@deal15:{}", self.pick(&others)))
            }
            1 | 2 if of_account => json!(format!("@account15:{}", deal.account)),
            2 => json!(format!("@deal15:{}", deal.number)),
            3 if of_account => json!(format!("A-{}", deal.account)),
            3 => json!(format!("C-{}", deal.number)),
            _ => Json::Null,
        };
        self.edited(target, json!({ field: code }), deal.number, ops);
    }

    /// Ids of m3ter in Salesforce that somebody blanked, or pasted from elsewhere.
    fn spoil_ids(&mut self, ops: &mut Vec<Op>) {
        let Some((line, deal)) = self.line() else { return };
        let garbage = json!("00000000-0000-4000-8000-0000000000ff");
        let (target, field) = match self.rng.u32(0..5) {
            0 => (Target::Deal(deal.number), "M3ter_Commitment_Id__c"),
            1 => (Target::Deal(deal.number), "M3ter_Contract_Id__c"),
            2 => (Target::Line(line), "M3ter_Account_Plan_Id__c"),
            3 => (Target::Line(line), "M3ter_Plan_Id__c"),
            _ => (Target::Account(deal.account), "M3ter_Account_Id__c"),
        };
        let value = if self.rng.bool() { garbage } else { Json::Null };
        self.edited(target, json!({ field: value }), deal.number, ops);
    }

    pub(super) fn change_m3ter(&mut self, ops: &mut Vec<Op>) {
        let Some((line, deal)) = self.line() else { return };
        let year = deal.year();
        let (line, row) = (Target::Line(line), Target::Deal(deal.number));
        let number = self.rng.u32(0..1_000);
        let change = |row, kind, fields| Op::ChangeInM3ter { row, kind, fields };
        ops.push(match self.rng.u32(0..13) {
            0 => change(row, "Contract", json!({ "name": format!("Somebody's {number}") })),
            1 => change(row, "Commitment", json!({ "amount": number + 1 })),
            2 => change(row, "Contract", json!({ "endDate": "2040-01-01" })),
            3 => change(line, "Plan", json!({ "name": format!("Somebody's {number}") })),
            4 => change(line, "Pricing", json!({ "pricingBands": [{ "lowerLimit": 0, "fixedPrice": 0, "unitPrice": number }] })),
            5 => change(line, "Pricing", json!({ "endDate": format!("{year}-06-01T00:00:00Z") })),
            6 => change(line, "AccountPlan", json!({ "endDate": format!("{year}-11-01T00:00:00Z") })),
            7 => change(Target::Account(deal.account), "Account", json!({ "name": format!("Somebody's {number}") })),
            8 => Op::DeleteInM3ter { row: line, kind: "AccountPlan" },
            9 => Op::DeleteInM3ter { row: line, kind: "Pricing" },
            10 => Op::DeleteInM3ter { row, kind: "Commitment" },
            // What no mapping names stays as somebody made it.
            11 => {
                let (row, kind) =
                    self.pick(&[(row, "Contract"), (line, "Plan"), (line, "AccountPlan"), (Target::Account(deal.account), "Account")]);
                change(row, kind, json!({ "customFields": { "walk": number } }))
            }
            _ => {
                let year = self.rng.i16(2024..2036);
                Op::ForeignAccountPlan { line, deal: row, start: format!("{year}-03-01T00:00:00Z"), end: format!("{year}-04-01T00:00:00Z") }
            }
        });
        if self.rng.bool() {
            ops.push(self.sync_of(deal.number));
        }
    }

    pub(super) fn end_dating(&mut self, ops: &mut Vec<Op>) {
        let deal = self.deal();
        let year = deal.year();
        let date = self.day(year..year + 1);
        let mut entities: Vec<&'static str> = ["CONTRACT", "ACCOUNTPLAN", "PREPAYMENT", "PRICINGS"]
            .into_iter()
            .filter(|_| self.rng.bool())
            .collect();
        if entities.is_empty() {
            entities.push("PRICINGS");
        }
        ops.push(Op::EndDate { deal: deal.number, replica: self.replica(), date, entities });
    }

    pub(super) fn hide(&mut self, ops: &mut Vec<Op>) {
        let deal = self.deal();
        let lie = self.lie(deal.number, deal.account);
        ops.push(if self.rng.u32(0..5) == 0 { Op::Show } else { lie });
        ops.push(self.sync_of(deal.number));
    }

    /// What is told to a world at rest, and the deal that is synced then.
    pub(crate) fn lies(&mut self) -> Vec<(Vec<Op>, u32)> {
        let count = self.rng.usize(2..5);
        if self.round <= 2 {
            return self.first_lies();
        }
        let mut lies: Vec<(Vec<Op>, u32)> = (0..count).map(|_| self.a_lie_at_rest()).collect();
        let mut ended = Vec::new();
        self.end_dating(&mut ended);
        if let [Op::EndDate { deal, .. }] = ended[..]
            && self.deals.iter().any(|other| other.number == deal && other.root.is_some())
        {
            lies.push((ended, deal));
        }
        lies
    }

    /// Those that every walk tells: a hidden amount, a hidden start, half the lines, a hidden
    /// subscription, a list that lags, one that is empty.
    fn first_lies(&self) -> Vec<(Vec<Op>, u32)> {
        let (deal, contract) = (&self.deals[0], &self.deals[3]);
        let relationship = Some("OpportunityLineItems".to_owned());
        let half = FaultKind::CutPage { relationship, rows: 1, done: true, next_records_url: None };
        vec![
            (vec![Op::HideField("Opportunity.M3ter_Commitment_Amount__c")], deal.number),
            (vec![Op::HideField("OpportunityLineItem.M3ter_End_Date__c")], deal.number),
            (vec![Op::Fault(Fault::new("GET", "/query", half).times(20))], deal.number),
            (vec![Op::HideRecord(Target::Line(contract.lines[0].0))], contract.number),
            (vec![Op::Behind(60_000)], deal.number),
            (empty_list("/commitments"), deal.number),
        ]
    }

    fn a_lie_at_rest(&mut self) -> (Vec<Op>, u32) {
        let deal = self.deal();
        let lines = deal.root.map(|root| root.lines.to_owned());
        let cut = |relationship, rows, done| FaultKind::CutPage {
            relationship,
            rows,
            done,
            next_records_url: None,
        };
        let query = |kind| Op::Fault(Fault::new("GET", "/query", kind).times(20));
        let ops = match self.rng.u32(0..9) {
            0 => vec![query(cut(lines, self.rng.usize(0..2), self.rng.bool()))],
            1 => vec![query(cut(None, 0, self.rng.bool()))],
            // Lists that are behind, where m3ter refuses nothing that overlaps.
            2 => vec![Op::Behind(self.rng.u64(1_000..60_000))],
            3 => {
                let path = self.pick(&["/commitments", "/accountplans", "/contracts", "/pricings"]);
                empty_list(path)
            }
            4 => vec![query(FaultKind::Truncated)],
            _ => vec![self.lie(deal.number, deal.account)],
        };
        (ops, deal.number)
    }

    /// Something that the service cannot see any more.
    fn lie(&mut self, deal: u32, account: u32) -> Op {
        const FIELDS: [&str; 16] = [
            "Opportunity.M3ter_Start_Date__c",
            "Opportunity.M3ter_Commitment_Amount__c",
            "Opportunity.M3ter_Term_Months__c",
            "Opportunity.End_Date__c",
            "Opportunity.M3ter_Skip_Commitment__c",
            "OpportunityLineItem.M3ter_Price_Bands__c",
            "OpportunityLineItem.M3ter_Unit_Price__c",
            "OpportunityLineItem.M3ter_Account_Plan_Id__c",
            "OpportunityLineItem.M3ter_End_Date__c",
            "Account.M3ter_Account_Id__c",
            "Account.M3ter_Account_Code__c",
            "Account.M3ter_Billing_Email__c",
            "Opportunity.M3ter_Contract_Code__c",
            "Order.M3ter_Contract_Code__c",
            "OrderItem.M3ter_Price_Bands__c",
            "SBQQ__Subscription__c.SBQQ__TerminatedDate__c",
        ];
        match self.rng.u32(0..6) {
            0 => Op::HideRecord(Target::Account(account)),
            1 => Op::HideRecord(Target::Deal(deal)),
            2 => Op::HideObject(self.pick(&[
                "Product2",
                "OpportunityLineItem",
                "SBQQ__SubscriptionConsumptionRate__c",
            ])),
            _ => Op::HideField(self.pick(&FIELDS)),
        }
    }
}

/// A list of m3ter that shows nothing, while it refuses no second Commitment.
fn empty_list(path: &str) -> Vec<Op> {
    let empty =
        FaultKind::Answer { status: 200, headers: BTreeMap::new(), body: json!({ "data": [] }) };
    vec![Op::Behind(0), Op::Fault(Fault::new("GET", path, empty).times(9))]
}
