//! Orders that amend others: both of one Salesforce Contract.

use serde_json::{Value as Json, json};

use super::roots::ORDER;
use super::{Deal, MAX_DEALS, Plan};
use crate::model::AMENDS;
use crate::ops::{Mode, Op, Target};

impl Plan {
    /// Two Orders of one Salesforce Contract; the later one sells more of what the first one sold,
    /// and another product.
    pub(super) fn sold_and_amended(&mut self, account: u32, ops: &mut Vec<Op>) {
        let sold = self.new_deal(&ORDER, account, 2, ops);
        let sold = self.deals.iter().find(|deal| deal.number == sold).unwrap().clone();
        let contract = self.salesforce_contract(&sold, ops);
        let year = sold.year();
        let term = json!({ "EffectiveDate": format!("{year}-01-01"), "EndDate": format!("{year}-12-31"), "M3ter_Term_Months__c": null });
        ops.push(Op::Edit { target: Target::Deal(sold.number), fields: term });
        ops.push(Op::Sync { deal: sold.number, replica: self.replica(), mode: Mode::Wait });
        let amended = self.amendment_of(&sold, contract, &format!("{year}-06-01"), ops);
        let fields = json!({ "Name": format!("{AMENDS} {}", sold.number) });
        ops.push(Op::Edit { target: Target::Deal(amended), fields });
        ops.push(Op::Sync { deal: amended, replica: self.replica(), mode: Mode::Wait });
    }

    /// One more Order of an Order's Salesforce Contract, which may be longer than its term.
    pub(super) fn amend_an_order(&mut self, ops: &mut Vec<Op>) {
        let sold = self.deal();
        let is_order = sold.root.is_some_and(|root| root.sobject == ORDER.sobject);
        if !is_order || sold.since == self.round || self.deals.len() >= MAX_DEALS {
            return;
        }
        let contract = self.salesforce_contract(&sold, ops);
        let start = self.day(sold.year()..sold.year() + 1);
        let amended = self.amendment_of(&sold, contract, &start, ops);
        ops.push(self.sync_of(amended));
    }

    /// A Salesforce Contract that nobody syncs, which an Order names from now on.
    fn salesforce_contract(&mut self, order: &Deal, ops: &mut Vec<Op>) -> u32 {
        let contract = self.number();
        let fields = json!({
            "AccountId": format!("@account:{}", order.account), "Status": "Activated", "StartDate": format!("{}-01-01", order.year()),
            "ContractTerm": 12, "CurrencyIsoCode": "USD",
        });
        ops.push(Op::Add { target: Target::Row(contract), sobject: "Contract", fields });
        ops.push(Op::Edit {
            target: Target::Deal(order.number),
            fields: json!({ "ContractId": format!("@row:{contract}") }),
        });
        contract
    }

    fn amendment_of(&mut self, sold: &Deal, contract: u32, start: &str, ops: &mut Vec<Op>) -> u32 {
        let amended = self.new_deal(&ORDER, sold.account, 1, ops);
        let fields = json!({
            "ContractId": format!("@row:{contract}"), "EffectiveDate": start, "EndDate": format!("{}-12-31", sold.year()),
            "M3ter_Term_Months__c": null,
        });
        ops.push(Op::Edit { target: Target::Deal(amended), fields });
        // More of what was sold already.
        self.lines += 1;
        let copy = self.lines;
        if let Some((line, product)) = sold.lines.first().copied() {
            let fields = json!({ ORDER.parent: format!("@deal:{amended}"), ORDER.line_start: Json::Null, ORDER.line_end: Json::Null });
            ops.push(Op::Clone { of: Target::Line(line), copy: Target::Line(copy), fields });
            let deal = self.deals.iter_mut().find(|deal| deal.number == amended).unwrap();
            deal.lines.push((copy, product));
        }
        amended
    }
}
