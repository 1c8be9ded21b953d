//! How every walk begins: what each of them must have met, before chance decides.

use serde_json::json;
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use super::roots::{CONTRACT, OPPORTUNITY, ORDER, QUOTE};
use super::{ACCOUNTS, Plan};
use crate::ops::{Mode, Op, Target};

impl Plan {
    /// Customers and deals, and a first sync of each.
    pub(super) fn founding(&mut self) -> Vec<Op> {
        let mut ops = Vec::new();
        for _ in 0..ACCOUNTS {
            self.new_account(&mut ops);
        }
        for (root, account) in [
            (&OPPORTUNITY, 0),
            (&ORDER, 0),
            (&OPPORTUNITY, 1),
            (&CONTRACT, 2),
            (&QUOTE, 3),
            (&OPPORTUNITY, 4),
        ] {
            let deal = self.new_deal(root, account, 2 + account % 2, &mut ops);
            ops.push(Op::Sync { deal, replica: self.replica(), mode: Mode::Beside });
        }
        let (first, contract) = (self.deals[0].clone(), self.deals[3].clone());
        let term = json!({ "StartDate": format!("{}-01-01", first.year()), "ContractTerm": 24 });
        ops.extend([
            Op::Edit {
                target: Target::Deal(first.number),
                fields: json!({ "M3ter_Commitment_Amount__c": 1_234.5 }),
            },
            Op::Edit {
                target: Target::Line(first.lines[0].0),
                fields: json!({ "M3ter_End_Date__c": format!("{}-12-30", first.year()) }),
            },
            Op::Edit { target: Target::Deal(contract.number), fields: term },
        ]);
        let deal = self.new_account_deal(1, &mut ops);
        ops.push(Op::Sync { deal, replica: self.replica(), mode: Mode::Beside });
        ops
    }

    /// The scripted rounds; none after them.
    pub(super) fn opening(&mut self, round: usize) -> Option<Vec<Op>> {
        match round {
            1 => Some(self.with_faults()),
            2 => Some(self.with_deaths()),
            3 => Some(self.with_findings()),
            _ => None,
        }
    }

    /// Each kind of fault once, each where a sync meets it.
    fn with_faults(&mut self) -> Vec<Op> {
        let kinds = [
            FaultKind::Status { status: 503, retry_after: None, message: None },
            FaultKind::DropBeforeEffect,
            FaultKind::DropAfterEffect,
            FaultKind::Html,
            FaultKind::Truncated,
            FaultKind::Delay { ms: 100 },
            FaultKind::HangAfterEffect,
            FaultKind::error(400, "QUERY_TIMEOUT"),
            FaultKind::CutPage {
                relationship: Some("OpportunityLineItems".to_owned()),
                rows: 0,
                done: false,
                next_records_url: None,
            },
        ];
        let mut ops = Vec::new();
        let first = self.deals[0].clone();
        for kind in kinds {
            let is_of_query = matches!(kind, FaultKind::Error { .. } | FaultKind::CutPage { .. });
            let (method, path) = if is_of_query { ("GET", "/query") } else { ("PUT", "/*") };
            let price = self.price();
            ops.extend([
                Op::Edit {
                    target: Target::Line(first.lines[0].0),
                    fields: json!({ "UnitPrice": price }),
                },
                Op::Fault(Fault::new(method, path, kind)),
                Op::Sync { deal: first.number, replica: self.replica(), mode: Mode::Wait },
            ]);
        }
        let refuse = FaultKind::RefuseRows {
            rows: Vec::new(),
            status_code: "UNABLE_TO_LOCK_ROW".to_owned(),
            message: None,
        };
        ops.push(Op::Fault(Fault::new("PATCH", "/composite/sobjects", refuse)));
        let deal = self.new_deal(&OPPORTUNITY, 1, 2, &mut ops);
        ops.push(Op::Sync { deal, replica: self.replica(), mode: Mode::Wait });
        // What somebody ended or changed in m3ter, an end dating, a dry run, and once more what was
        // done last.
        let row = Target::Line(first.lines[0].0);
        let year = first.year();
        ops.extend([
            Op::ChangeInM3ter {
                row,
                kind: "Pricing",
                fields: json!({ "endDate": format!("{year}-10-01T00:00:00Z") }),
            },
            Op::Sync { deal: first.number, replica: 0, mode: Mode::Dry },
            Op::EndDate {
                deal: self.deals[1].number,
                replica: 0,
                date: format!("{year}-11-01"),
                entities: vec!["CONTRACT", "ACCOUNTPLAN", "PRICINGS"],
            },
            Op::Replay { replica: 0 },
        ]);
        ops
    }

    /// Deals that cannot be synced as they are, one of each kind.
    fn with_findings(&mut self) -> Vec<Op> {
        let mut ops = Vec::new();
        // Codes that were typed afterwards, and name nothing.
        let typed = self.deals[5].clone();
        ops.extend([
            Op::Edit {
                target: Target::Deal(typed.number),
                fields: json!({ "M3ter_Contract_Code__c": "C-TYPED" }),
            },
            Op::Edit {
                target: Target::Account(typed.account),
                fields: json!({ "M3ter_Account_Code__c": "A-TYPED" }),
            },
            Op::Sync { deal: typed.number, replica: self.replica(), mode: Mode::Wait },
        ]);
        // Of those that have a Commitment in m3ter the one that lasts longest.
        let committed = self.deals[8..11].iter().max_by_key(|deal| deal.year()).unwrap().number;
        let (master, merged) = (self.new_account(&mut ops), self.deals[2].clone());
        self.merge_into(master, &merged, &mut ops);
        let account = self.new_account(&mut ops);
        let [blank, backwards, bands, outside, flagged, twice] =
            [2, 1, 2, 1, 1, 2].map(|lines| self.new_deal(&OPPORTUNITY, account, lines, &mut ops));
        let draft = self.new_deal(&ORDER, account, 1, &mut ops);
        let (reduction, amendment) = (
            self.new_deal(&ORDER, account, 1, &mut ops),
            self.new_deal(&QUOTE, account, 1, &mut ops),
        );
        let year = |deal: u32| 2024 + deal % 6 * 2;
        let line = |plan: &Self, deal: u32, index: usize| {
            Target::Line(
                plan.deals.iter().find(|other| other.number == deal).unwrap().lines[index].0,
            )
        };
        let edit = |target, fields| Op::Edit { target, fields };
        ops.extend([
            edit(Target::Deal(blank), json!({ "End_Date__c": null, "M3ter_Term_Months__c": null })),
            edit(Target::Deal(backwards), json!({ "End_Date__c": "2000-01-01" })),
            edit(line(self, bands, 0), json!({ "M3ter_Price_Bands__c": "10;0.1" })),
            edit(
                line(self, bands, 1),
                json!({ "M3ter_Price_Bands__c": "0;0.1\n9;0.2", "M3ter_Pricing_Type__c": null }),
            ),
            edit(
                Target::Deal(outside),
                json!({ "M3ter_Start_Date__c": format!("{}-02-01", year(outside)) }),
            ),
            edit(
                line(self, outside, 0),
                json!({ "ServiceDate": format!("{}-01-01", year(outside)) }),
            ),
            edit(
                Target::Deal(flagged),
                json!({ "M3ter_Skip_Commitment__c": true, "M3ter_Commitment_Amount__c": 500 }),
            ),
            edit(line(self, reduction, 0), json!({ "Quantity": -1 })),
            edit(Target::Deal(draft), json!({ "Status": "Draft" })),
            edit(Target::Deal(committed), json!({ "M3ter_Commitment_Amount__c": 0 })),
            edit(Target::Deal(flagged), json!({ "StageName": "Negotiation/Review" })),
            edit(Target::Deal(amendment), json!({ "SBQQ__Type__c": "Amendment" })),
            Op::Clone {
                of: line(self, twice, 0),
                copy: Target::Line(9_001),
                fields: json!({ "OpportunityId": format!("@deal:{twice}") }),
            },
            // The key of a customer that was never synced.
            edit(
                Target::Deal(twice),
                json!({ "M3ter_Contract_Code__c": format!("@account:{}", account) }),
            ),
        ]);
        for deal in [blank, backwards, bands, outside, flagged, twice, reduction, amendment, draft]
        {
            ops.push(Op::Sync { deal, replica: self.replica(), mode: Mode::Wait });
        }
        self.sold_and_amended(account, &mut ops);
        let first = self.deals[0].clone();
        ops.push(Op::Delete(Target::Line(first.lines[1].0)));
        ops.push(Op::Sync { deal: first.number, replica: self.replica(), mode: Mode::Wait });
        self.beside(&first, &mut ops);
        ops
    }

    /// Processes die in the middle of new deals; Commitments whose answers are lost, with lists
    /// that lag.
    fn with_deaths(&mut self) -> Vec<Op> {
        let mut ops = Vec::new();
        for (path, fault) in [
            ("/contracts", FaultKind::HangAfterEffect),
            ("/commitments", FaultKind::HangAfterEffect),
            ("/plans", FaultKind::Hang),
        ] {
            let replica = self.replica();
            let account = self.account();
            let deal = self.new_deal(&OPPORTUNITY, account, 2, &mut ops);
            ops.extend([
                Op::Edit {
                    target: Target::Deal(deal),
                    fields: json!({ "M3ter_Commitment_Amount__c": 700 }),
                },
                Op::Fault(Fault::new("POST", path, fault)),
                Op::Sync { deal, replica, mode: Mode::Beside },
                Op::UntilMet,
                Op::Kill(replica),
                Op::Start(replica),
            ]);
        }
        ops.push(Op::Outage { ms: 300 });
        ops.push(Op::Overlaps { commitments: false, account_plans: true });
        ops.push(Op::ListLag(1_000));
        let deal = self.new_deal(&ORDER, 4, 1, &mut ops);
        ops.extend([
            Op::Edit {
                target: Target::Deal(deal),
                fields: json!({ "M3ter_Commitment_Amount__c": 900 }),
            },
            Op::Fault(Fault::new("POST", "/commitments", FaultKind::DropAfterEffect)),
            Op::Sync { deal, replica: 0, mode: Mode::Beside },
            Op::UntilMet,
            Op::Pause(300),
        ]);
        ops
    }
}
