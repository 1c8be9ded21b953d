//! Which operations a seed stands for. The plan knows numbers, not ids: what it does next never
//! hangs on what was answered.

mod amendments;
mod deals;
mod faults;
mod keys;
mod neighbours;
mod opening;
pub(crate) mod roots;

use fastrand::Rng;
use serde_json::{Value as Json, json};

use crate::ops::{Mode, Op, Target};
use roots::Root;

/// Products that m3ter bills; the last one is not metered.
pub(crate) const PRODUCTS: u32 = 9;
const ACCOUNTS: u32 = 5;
const MAX_DEALS: usize = 24;
/// The scripted rounds at the beginning.
pub(crate) const OPENING: usize = 4;
/// Operations of one round.
const OPERATIONS: std::ops::Range<usize> = 25..45;

/// A deal as the plan knows it.
#[derive(Debug, Clone)]
struct Deal {
    number: u32,
    /// None for an Account that is synced for itself.
    root: Option<&'static Root>,
    account: u32,
    lines: Vec<(u32, u32)>,
    /// The round in which it was made: what is older has been synced.
    since: usize,
    is_gone: bool,
}

impl Deal {
    /// Deals of one Account mostly have years of their own.
    fn year(&self) -> i16 {
        2024 + i16::try_from(self.number % 6).unwrap() * 2
    }
}

pub(crate) struct Plan {
    rng: Rng,
    deals: Vec<Deal>,
    accounts: u32,
    merged: Vec<u32>,
    lines: u32,
    /// Rates of CPQ, each with its line.
    rates: Vec<(u32, u32)>,
    numbers: u32,
    round: usize,
    replicas: usize,
}

/// What may be left out of a round: name and weight.
const KINDS: [(&str, u32); 19] = [
    ("sync", 26),
    ("burst", 5),
    ("dry", 4),
    ("edit deal", 12),
    ("edit line", 14),
    ("edit account", 7),
    ("add", 4),
    ("amend", 2),
    ("clone", 2),
    ("delete", 4),
    ("keys", 4),
    ("m3ter", 7),
    ("end dating", 2),
    ("replay", 3),
    ("fault", 16),
    ("slow", 4),
    ("hide", 5),
    ("processes", 4),
    ("database", 1),
];

impl Plan {
    pub(crate) fn new(seed: u64, replicas: usize) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            deals: Vec::new(),
            accounts: 0,
            merged: Vec::new(),
            lines: 0,
            rates: Vec::new(),
            numbers: 0,
            round: 0,
            replicas,
        }
    }

    /// The operations up to the next quiet point.
    pub(crate) fn next_round(&mut self) -> Vec<Op> {
        let round = self.round;
        self.round += 1;
        if round == 0 {
            return self.founding();
        }
        if let Some(ops) = self.opening(round) {
            return ops;
        }
        // A random part is left out, so that what remains happens more often, and in other company.
        let kept: Vec<(&str, u32)> = KINDS
            .into_iter()
            .filter(|(name, _)| *name == "sync" || self.rng.u32(0..3) > 0)
            .collect();
        let sum: u32 = kept.iter().map(|(_, weight)| weight).sum();
        let mut ops = Vec::new();
        if self.rng.u32(0..4) == 0 {
            self.merge_accounts(&mut ops);
        }
        for _ in 0..self.rng.usize(OPERATIONS) {
            let mut at = self.rng.u32(0..sum);
            let (kind, _) = kept
                .iter()
                .find(|(_, weight)| {
                    if at < *weight {
                        true
                    } else {
                        at -= weight;
                        false
                    }
                })
                .unwrap();
            self.some(kind, &mut ops);
            if self.rng.u32(0..4) == 0 {
                ops.push(Op::Pause(self.rng.u64(5..80)));
            }
        }
        ops
    }

    fn some(&mut self, kind: &str, ops: &mut Vec<Op>) {
        match kind {
            "sync" => {
                let deal = self.deal().number;
                ops.push(self.sync_of(deal));
            }
            "burst" => {
                let deal = self.deal().number;
                for replica in 0..self.rng.usize(2..7) {
                    ops.push(Op::Sync {
                        deal,
                        replica,
                        mode: if replica % 2 == 0 { Mode::Beside } else { Mode::Forget },
                    });
                }
            }
            "dry" => {
                let deal = self.deal().number;
                ops.push(Op::Sync { deal, replica: self.replica(), mode: Mode::Dry });
            }
            "edit deal" => self.edit_deal(ops),
            "edit line" => self.edit_line(ops),
            "edit account" => self.edit_account(ops),
            "add" => self.add_something(ops),
            "amend" => self.amend_an_order(ops),
            "clone" => self.clone_deal(ops),
            "delete" => self.delete_something(ops),
            "keys" => self.type_keys(ops),
            "m3ter" => self.change_m3ter(ops),
            "end dating" => self.end_dating(ops),
            "replay" => ops.push(if self.rng.bool() {
                Op::Replay { replica: self.replica() }
            } else {
                let deal = self.deal().number;
                Op::ReplayFailed { deal, replica: self.replica() }
            }),
            "fault" => {
                let fault = faults::any(&mut self.rng);
                ops.push(Op::Fault(fault));
            }
            "slow" => ops.push(match self.rng.u32(0..4) {
                0 => Op::ListLag(self.rng.u64(200..3_000)),
                1 => Op::Latency(self.rng.u64(5..60)),
                2 => Op::Latency(0),
                _ => Op::Overlaps {
                    commitments: self.rng.bool(),
                    account_plans: self.rng.u32(0..3) > 0,
                },
            }),
            "hide" => self.hide(ops),
            "processes" => self.disturb(ops),
            "database" => ops.push(Op::Outage { ms: self.rng.u64(50..900) }),
            _ => unreachable!("{kind}"),
        }
    }

    fn disturb(&mut self, ops: &mut Vec<Op>) {
        let replica = self.replica();
        match self.rng.u32(0..8) {
            0 => ops.push(Op::Freeze { replica, ms: self.rng.u64(100..2_600) }),
            1 => ops.extend([Op::Terminate(replica), Op::Start(replica)]),
            _ => {
                // In the middle of something.
                let deal = self.deal().number;
                ops.push(Op::Sync { deal, replica, mode: Mode::Beside });
                ops.extend([
                    Op::Pause(self.rng.u64(1..60)),
                    Op::Kill(replica),
                    Op::Pause(self.rng.u64(1..300)),
                    Op::Start(replica),
                ]);
            }
        }
    }

    /// An Account that was not merged into another one.
    fn account(&mut self) -> u32 {
        let there: Vec<u32> =
            (0..self.accounts).filter(|account| !self.merged.contains(account)).collect();
        self.pick(&there)
    }

    fn replica(&mut self) -> usize {
        self.rng.usize(0..self.replicas)
    }

    fn sync_of(&mut self, deal: u32) -> Op {
        let mode = match self.rng.u32(0..6) {
            0 => Mode::Forget,
            1 | 2 => Mode::Beside,
            _ => Mode::Wait,
        };
        Op::Sync { deal, replica: self.replica(), mode }
    }

    /// Some deal; rather one that is there.
    fn deal(&mut self) -> Deal {
        let there: Vec<usize> =
            (0..self.deals.len()).filter(|index| !self.deals[*index].is_gone).collect();
        let index = if self.rng.u32(0..20) == 0 {
            self.rng.usize(0..self.deals.len())
        } else {
            there[self.rng.usize(0..there.len())]
        };
        self.deals[index].clone()
    }

    fn line(&mut self) -> Option<(u32, Deal)> {
        let deal = self.deal();
        let index = self.rng.usize(0..deal.lines.len().max(1));
        deal.lines.get(index).map(|(line, _)| (*line, deal.clone()))
    }

    fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.rng.usize(0..choices.len())]
    }

    fn edited(&mut self, target: Target, fields: Json, deal: u32, ops: &mut Vec<Op>) {
        ops.push(Op::Edit { target, fields });
        if self.rng.u32(0..3) > 0 {
            ops.push(self.sync_of(deal));
        }
    }

    fn day(&mut self, years: std::ops::Range<i16>) -> String {
        jiff::civil::date(self.rng.i16(years), self.rng.i8(1..13), self.rng.i8(1..29)).to_string()
    }

    fn price(&mut self) -> Json {
        let number = match self.rng.u32(0..6) {
            0 => format!("{}", self.rng.u32(1..2_000)),
            1 => format!("{}.{:02}", self.rng.u32(0..900), self.rng.u32(1..100)),
            2 => format!("0.{:06}", self.rng.u32(1..999_999)),
            3 => format!("0.{:09}", self.rng.u32(1..999_999_999)),
            // Those that hardly differ are still not the same.
            4 => format!("0.05{:07}", self.rng.u32(1..100)),
            _ => format!("0.0{}", self.rng.u32(1..999)),
        };
        serde_json::from_str(&number).unwrap()
    }

    /// `{field: value}` of one choice, blank one time in so many.
    fn one(&mut self, field: &str, value: Json, blank_in: u32) -> Json {
        let is_blank = blank_in > 0 && self.rng.u32(0..blank_in) == 0;
        json!({ field: if is_blank { Json::Null } else { value } })
    }
}
