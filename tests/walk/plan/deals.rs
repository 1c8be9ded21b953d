//! What people do with deals, lines and Accounts.

use serde_json::{Value as Json, json};

use super::roots::{OPPORTUNITY, ORDER, QUOTE, ROOTS, Root};
use super::{Deal, MAX_DEALS, PRODUCTS, Plan};
use crate::ops::{Op, Target};

impl Plan {
    pub(super) fn new_account(&mut self, ops: &mut Vec<Op>) -> u32 {
        let account = self.accounts;
        self.accounts += 1;
        let fields = json!({
            "Name": format!("Customer {account}"), "CurrencyIsoCode": "USD", "M3ter_Billing_Email__c": format!("billing{account}@customer.example"),
            "BillingStreet": format!("{account} Main Street"), "BillingCity": "London",
        });
        ops.push(Op::Add { target: Target::Account(account), sobject: "Account", fields });
        account
    }

    /// An Account that is synced for itself.
    pub(super) fn new_account_deal(&mut self, account: u32, ops: &mut Vec<Op>) -> u32 {
        let number = self.number();
        ops.push(Op::Alias { deal: Target::Deal(number), of: Target::Account(account) });
        self.deals.push(Deal {
            number,
            root: None,
            account,
            lines: Vec::new(),
            since: self.round,
            is_gone: false,
        });
        number
    }

    pub(super) fn new_deal(
        &mut self,
        root: &'static Root,
        account: u32,
        lines: u32,
        ops: &mut Vec<Op>,
    ) -> u32 {
        let number = self.number();
        let mut deal = Deal {
            number,
            root: Some(root),
            account,
            lines: Vec::new(),
            since: self.round,
            is_gone: false,
        };
        let year = deal.year();
        let mut fields = root.ready();
        fields["Name"] = json!(format!("Deal {number}"));
        fields["CurrencyIsoCode"] = json!("USD");
        fields[root.account] = json!(format!("@account:{account}"));
        fields[root.start] = json!(format!("{year}-{:02}-01", self.rng.u8(1..7)));
        match root.end {
            None => fields["ContractTerm"] = json!(self.rng.u32(4..12)),
            Some(_) if root.has_term_and_code && self.rng.u32(0..4) == 0 => {
                fields["M3ter_Term_Months__c"] = json!(self.rng.u32(6..15));
            }
            Some(end) => fields[end] = json!(format!("{year}-12-31")),
        }
        if self.rng.u32(0..3) > 0 {
            fields["M3ter_Commitment_Amount__c"] = json!(self.rng.u32(1..50) * 100);
        }
        ops.push(Op::Add { target: Target::Deal(number), sobject: root.sobject, fields });
        for _ in 0..lines {
            self.new_line(root, &mut deal, ops);
        }
        self.deals.push(deal);
        number
    }

    fn new_line(&mut self, root: &'static Root, deal: &mut Deal, ops: &mut Vec<Op>) {
        self.lines += 1;
        let line = self.lines;
        let product = (deal.number + u32::try_from(deal.lines.len()).unwrap()) % PRODUCTS;
        let product = if self.rng.u32(0..8) == 0 { self.rng.u32(0..=PRODUCTS) } else { product };
        let mut fields = json!({
            root.parent: format!("@deal:{}", deal.number), root.product: format!("@product:{product}"), root.price: self.price(),
        });
        match root.schedules {
            None => fields["Quantity"] = json!(1),
            Some(_) => fields["SBQQ__Quantity__c"] = json!(1),
        }
        ops.push(Op::Add { target: Target::Line(line), sobject: root.line, fields });
        deal.lines.push((line, product));
        if let Some(objects) = root.schedules.filter(|_| self.rng.u32(0..3) > 0) {
            self.new_schedule(root, objects, line, ops);
        }
    }

    /// A consumption schedule with its rates, as CPQ bounds them.
    fn new_schedule(
        &mut self,
        root: &Root,
        (schedules, rates): (&'static str, &'static str),
        line: u32,
        ops: &mut Vec<Op>,
    ) {
        let (to_line, to_schedule) = root.schedule_parents();
        let schedule = self.number();
        let kind = self.pick(&["Slab", "Range"]);
        ops.push(Op::Add {
            target: Target::Row(schedule),
            sobject: schedules,
            fields: json!({ to_line: format!("@line:{line}"), "SBQQ__Type__c": kind }),
        });
        let gap = u32::from(self.rng.u32(0..12) == 0) * 40;
        for (lower, upper) in [(1, Some(250)), (251 + gap, Some(1_000)), (1_001, None)] {
            let mut fields = json!({
                to_schedule: format!("@row:{schedule}"), "SBQQ__LowerBound__c": lower, "SBQQ__Price__c": self.price(),
                "SBQQ__PricingMethod__c": if self.rng.u32(0..5) == 0 { "FlatFee" } else { "PerUnit" },
            });
            if let Some(upper) = upper {
                fields["SBQQ__UpperBound__c"] = json!(upper);
            }
            let rate = self.number();
            self.rates.push((rate, line));
            ops.push(Op::Add { target: Target::Row(rate), sobject: rates, fields });
        }
    }

    pub(super) fn edit_deal(&mut self, ops: &mut Vec<Op>) {
        let deal = self.deal();
        let Some(root) = deal.root else { return self.edit_account(ops) };
        let year = deal.year();
        let last_day = format!("{year}-{:02}-28", self.rng.u8(8..13));
        let fields = match self.rng.u32(0..12) {
            0 if root.sobject != QUOTE.sobject => {
                json!({ "Name": format!("  Deal {} as of {} ", deal.number, self.rng.u32(0..1_000)) })
            }
            0 | 1 => {
                json!({ root.start: format!("{year}-{:02}-{:02}", self.rng.u8(1..7), self.rng.u8(1..29)) })
            }
            2 | 3 => match root.end {
                Some(end) => self.one(end, json!(last_day), 8),
                None => json!({ "ContractTerm": self.rng.u32(3..14) }),
            },
            4 if root.sobject == OPPORTUNITY.sobject => {
                let day = self.day(year..year + 1);
                self.one("M3ter_Start_Date__c", json!(day), 3)
            }
            4 | 5 if root.has_term_and_code => {
                let months = self.rng.u32(1..30);
                self.one("M3ter_Term_Months__c", json!(months), 4)
            }
            4..=6 => match root.po_number {
                Some(field) => {
                    let number = self.rng.u32(1..9_999);
                    self.one(field, json!(format!("PO-{number}")), 4)
                }
                None => json!({ "M3ter_Commitment_Amount__c": self.rng.u32(1..9_999) }),
            },
            7 | 8 => {
                let amount = self.pick(&["0", "1000", "2500.5", "99.99", "1234567.89", "0.01"]);
                self.one("M3ter_Commitment_Amount__c", serde_json::from_str(amount).unwrap(), 5)
            }
            9 => {
                let percent = self.pick(&["0", "10", "12.5", "33.333"]);
                self.one("M3ter_Overage_Surcharge__c", serde_json::from_str(percent).unwrap(), 5)
            }
            10 => {
                json!({ self.pick(&["M3ter_Skip_Contract__c", "M3ter_Skip_Commitment__c"]): self.rng.u32(0..3) == 0 })
            }
            // What no sync may do: an end before the start, a quote that is none, a reduction.
            _ => match root.sobject {
                "SBQQ__Quote__c" => {
                    json!({ "SBQQ__Type__c": self.pick(&["Quote", "Quote", "Amendment", "Renewal"]) })
                }
                "Order" | "Contract" if self.rng.bool() => {
                    json!({ "Status": self.pick(&["Draft", "Activated", "Activated"]) })
                }
                "Opportunity" if self.rng.bool() => {
                    json!({ "StageName": self.pick(&["Negotiation/Review", "Closed Won"]) })
                }
                "Order" if self.rng.bool() => {
                    json!({ "IsReductionOrder": self.rng.u32(0..3) == 0 })
                }
                _ => match root.end {
                    Some(end) => json!({ end: format!("{}-01-01", year - 1) }),
                    None => json!({ "ContractTerm": 0 }),
                },
            },
        };
        self.edited(Target::Deal(deal.number), fields, deal.number, ops);
    }

    pub(super) fn edit_line(&mut self, ops: &mut Vec<Op>) {
        let Some((line, deal)) = self.line() else { return };
        let Some(root) = deal.root else { return };
        if root.schedules.is_some() && self.rng.u32(0..3) == 0 && !self.rates.is_empty() {
            let index = self.rng.usize(0..self.rates.len());
            let (rate, _) = self.rates[index];
            let fields = json!({ "SBQQ__Price__c": self.price() });
            self.edited(Target::Row(rate), fields, deal.number, ops);
            return;
        }
        let fields = self.fields_of_line(root, &deal);
        self.edited(Target::Line(line), fields, deal.number, ops);
    }

    fn fields_of_line(&mut self, root: &Root, deal: &Deal) -> Json {
        let year = deal.year();
        let has_prices = root.schedules.is_none();
        match self.rng.u32(0..13) {
            0..=3 => json!({ root.price: self.price() }),
            4 if root.sobject == OPPORTUNITY.sobject => {
                let percent = self.pick(&["5", "12.5", "33.33", "99.99"]);
                self.one("Discount", serde_json::from_str(percent).unwrap(), 3)
            }
            4 if root.sobject == ORDER.sobject => json!({ "Quantity": self.pick(&[1, 1, -1]) }),
            5 if has_prices => {
                let price = self.price();
                self.one("M3ter_Unit_Price__c", price, 2)
            }
            6 | 7 if has_prices => {
                let bands = self.pick(&[
                    "0;0.05\n100;0.04\n1000;0.031;7",
                    "0;1.005",
                    "1000;0.001\n0;0.002",
                    "0;0.1\n0;0.2",
                    "10;0.1",
                    "0;1,5",
                ]);
                let mut fields = self.one("M3ter_Price_Bands__c", json!(bands), 3);
                if self.rng.u32(0..4) > 0 {
                    fields["M3ter_Pricing_Type__c"] = json!(self.pick(&["Tiered", "Volume"]));
                }
                fields
            }
            4..=6 => {
                let kind = self.pick(&["One-Time", "Recurring", "Usage", "Usage"]);
                self.one("SBQQ__ChargeType__c", json!(kind), 2)
            }
            7 if root.sobject == QUOTE.sobject => {
                json!({ "SBQQ__Optional__c": self.rng.u32(0..3) == 0 })
            }
            7 => {
                let day = self.day(year..year + 1);
                self.one("SBQQ__TerminatedDate__c", json!(day), 2)
            }
            8 => {
                let day = self.day(year..year + 1);
                self.one(root.line_start, json!(day), 3)
            }
            9 => {
                let day = self.day(year..year + 1);
                self.one(root.line_end, json!(day), 3)
            }
            10 | 11 => {
                let field = self.pick(&["M3ter_Standing_Charge__c", "M3ter_Minimum_Spend__c"]);
                let amount = self.price();
                self.one(field, amount, 4)
            }
            _ => {
                json!({ self.pick(&["M3ter_Skip_Plan__c", "M3ter_Skip_Pricing__c", "M3ter_Skip_Account_Plan__c"]): self.rng.u32(0..3) == 0 })
            }
        }
    }

    pub(super) fn edit_account(&mut self, ops: &mut Vec<Op>) {
        let deal = self.deal();
        let number = self.rng.u32(0..1_000);
        let fields = match self.rng.u32(0..7) {
            0 => json!({ "Name": format!("Customer {} {number}", deal.account) }),
            1 => self.one(
                "M3ter_Billing_Email__c",
                json!(format!("billing{number}@customer.example")),
                12,
            ),
            2 => {
                json!({ "BillingStreet": self.pick(&["1 High Street", "7 Low Road\nBuilding 3", "House\n2 Mid Lane\nFloor 4"]) })
            }
            3 => self.one("BillingPostalCode", json!(format!("N{number}")), 4),
            4 => self.one("BillingState", json!("Kent"), 2),
            5 => self.one("M3ter_Payment_Terms_Days__c", json!(number % 90), 4),
            _ => json!({ "M3ter_Skip_Account__c": number.is_multiple_of(8) }),
        };
        self.edited(Target::Account(deal.account), fields, deal.number, ops);
    }

    pub(super) fn add_something(&mut self, ops: &mut Vec<Op>) {
        if self.deals.len() < MAX_DEALS && self.rng.bool() {
            let account = self.account();
            let (root, lines) = (self.pick(&ROOTS), self.rng.u32(0..4));
            let deal = self.new_deal(root, account, lines, ops);
            ops.push(self.sync_of(deal));
            return;
        }
        let number = self.deal().number;
        let index = self.deals.iter().position(|deal| deal.number == number).unwrap();
        let mut deal = self.deals[index].clone();
        if let Some(root) = deal.root.filter(|_| deal.lines.len() < 5) {
            self.new_line(root, &mut deal, ops);
            self.deals[index] = deal;
            ops.push(self.sync_of(number));
        }
    }

    /// As "Clone with related" does it: with the ids of m3ter in the copy.
    pub(super) fn clone_deal(&mut self, ops: &mut Vec<Op>) {
        let of = self.deal();
        let Some(root) = of.root.filter(|_| self.deals.len() < MAX_DEALS) else { return };
        let number = self.number();
        let mut copy =
            Deal { number, lines: Vec::new(), since: self.round, is_gone: false, ..of.clone() };
        let year = copy.year();
        let mut fields = json!({ root.start: format!("{year}-01-01") });
        if let Some(end) = root.end {
            fields[end] = json!(format!("{year}-12-31"));
        }
        if root.sobject == OPPORTUNITY.sobject {
            fields["M3ter_Start_Date__c"] = Json::Null;
        }
        ops.push(Op::Clone { of: Target::Deal(of.number), copy: Target::Deal(number), fields });
        for (line, product) in &of.lines {
            self.lines += 1;
            let fields = json!({ root.parent: format!("@deal:{number}"), root.line_start: null, root.line_end: null });
            ops.push(Op::Clone { of: Target::Line(*line), copy: Target::Line(self.lines), fields });
            copy.lines.push((self.lines, *product));
        }
        self.deals.push(copy);
        ops.push(self.sync_of(number));
    }

    pub(super) fn delete_something(&mut self, ops: &mut Vec<Op>) {
        let Some((line, deal)) = self.line() else { return };
        match self.rng.u32(0..10) {
            0..=3 => ops.push(Op::Delete(Target::Line(line))),
            4 | 5 => ops.push(Op::Undelete(Target::Line(line))),
            6 => ops.push(Op::Purge(Target::Line(line))),
            7 if self.deals.iter().filter(|deal| !deal.is_gone).count() > 4 => {
                ops.push(Op::Delete(Target::Deal(deal.number)));
                self.mark(deal.number, true);
            }
            _ => {
                let gone = self
                    .deals
                    .iter()
                    .filter(|deal| deal.is_gone)
                    .map(|deal| deal.number)
                    .collect::<Vec<_>>();
                if !gone.is_empty() {
                    let deal = self.pick(&gone);
                    ops.push(Op::Undelete(Target::Deal(deal)));
                    self.mark(deal, false);
                    ops.push(self.sync_of(deal));
                    return;
                }
            }
        }
        ops.push(self.sync_of(deal.number));
    }

    fn mark(&mut self, number: u32, is_gone: bool) {
        for deal in self.deals.iter_mut().filter(|deal| deal.number == number) {
            deal.is_gone = is_gone;
        }
    }
}
