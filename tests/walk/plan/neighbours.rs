//! Deals beside another one: in its way, under its Contract, and of its Account at the same time.

use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use super::{Deal, Plan};
use crate::ops::{Mode, Op, Target};

impl Plan {
    /// All that copies of an Opportunity with one of its lines bring about.
    pub(super) fn beside(&mut self, deal: &Deal, ops: &mut Vec<Op>) {
        let (year, next) = (deal.year(), deal.year() + 1);
        // The same deal once more: its AccountPlans are in the way.
        self.copy_of(deal, json!({}), json!({}), ops);
        // A deal that joins its Contract and sells something else within its time, which is now.
        let within = json!({
            "M3ter_Contract_Code__c": format!("@deal:{}", deal.number), "M3ter_Commitment_Amount__c": 0,
            "M3ter_Start_Date__c": null, "CloseDate": format!("{year}-07-01"), "End_Date__c": "2049-11-30",
        });
        let other = json!({ "Product2Id": "@product:8", "M3ter_End_Date__c": null });
        ops.push(Op::Edit {
            target: Target::Deal(deal.number),
            fields: json!({ "End_Date__c": "2049-12-31" }),
        });
        self.sync_now(deal.number, ops);
        let within = self.copy_of(deal, within, other, ops);
        self.sync_now(deal.number, ops);
        // One of the year after, which then begins earlier; nobody has synced it since.
        let later = json!({
            "M3ter_Start_Date__c": null, "CloseDate": format!("{next}-01-01"), "End_Date__c": format!("{next}-12-31"),
        });
        let later = self.copy_of(deal, later, json!({ "M3ter_End_Date__c": null }), ops);
        let fields = json!({ "CloseDate": format!("{year}-07-01") });
        ops.push(Op::Edit { target: Target::Deal(later), fields });
        self.loses_an_answer(deal, ops);
        self.at_once(deal, within, ops);
    }

    fn sync_now(&mut self, deal: u32, ops: &mut Vec<Op>) {
        ops.push(Op::Sync { deal, replica: self.replica(), mode: Mode::Wait });
    }

    /// A synced copy that no later operation touches, with the first line.
    fn copy_of(&mut self, deal: &Deal, fields: Json, mut line: Json, ops: &mut Vec<Op>) -> u32 {
        let (copy, copied) = (self.number(), Target::Line(9_000 + self.numbers));
        ops.push(Op::Clone { of: Target::Deal(deal.number), copy: Target::Deal(copy), fields });
        line["OpportunityId"] = json!(format!("@deal:{copy}"));
        ops.push(Op::Clone { of: Target::Line(deal.lines[0].0), copy: copied, fields: line });
        self.sync_now(copy, ops);
        copy
    }

    /// Its price changes, and once more so little that no page shows it; the answer to that write
    /// is lost.
    fn loses_an_answer(&mut self, deal: &Deal, ops: &mut Vec<Op>) {
        let price = |price: f64| Op::Edit {
            target: Target::Line(deal.lines[0].0),
            fields: json!({ "UnitPrice": price }),
        };
        ops.push(price(0.07));
        self.sync_now(deal.number, ops);
        let lost = Fault::new("PUT", "/*", FaultKind::DropBeforeEffect);
        ops.extend([price(0.070_000_1), Op::Fault(lost)]);
        self.sync_now(deal.number, ops);
    }

    /// While another deal's write to the Account is on its way somebody edits the Account once
    /// more, and the sync of a last deal of the Account brings that.
    fn at_once(&mut self, deal: &Deal, last: u32, ops: &mut Vec<Op>) {
        let is_other = |other: &&Deal| other.account == deal.account && other.number != deal.number;
        let Some(other) = self.deals.iter().find(is_other).map(|other| other.number) else {
            return;
        };
        let email = |address: &str| Op::Edit {
            target: Target::Account(deal.account),
            fields: json!({ "M3ter_Billing_Email__c": address }),
        };
        ops.extend([
            email("first@customer.example"),
            Op::Fault(Fault::new("PUT", "/accounts/*", FaultKind::Delay { ms: 900 })),
            Op::Sync { deal: other, replica: self.replica(), mode: Mode::Beside },
            Op::UntilMet,
            email("second@customer.example"),
        ]);
        self.sync_now(last, ops);
    }
}
