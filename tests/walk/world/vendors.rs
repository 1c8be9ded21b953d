//! What users of both vendors do, and how their servers answer.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use sync_to_m3ter_sandbox::m3ter::written_back;

use super::{World, path};
use crate::cluster::is_of_salesforce;
use crate::ops::{Op, Target};

/// Shorter than a lease.
const LAG_WITHOUT_REFUSALS_MS: u64 = 1_200;

impl World {
    /// What users of the org do, and what they see.
    pub(super) fn in_salesforce(&mut self, op: &Op) -> bool {
        let cluster = Arc::clone(&self.cluster);
        let org = cluster.org.vendor();
        let record = |world: &Self, target: &Target| world.ids.get(target).cloned();
        match op {
            Op::Add { target, sobject, fields } => {
                if let Some(fields) = self.resolved(fields) {
                    self.ids.insert(*target, (sobject, org.insert(sobject, &fields)));
                }
            }
            Op::Alias { deal, of } => {
                if let Some(record) = record(self, of) {
                    self.ids.insert(*deal, record);
                }
            }
            Op::Clone { of, copy, fields } => {
                let Some(((sobject, id), changes)) = record(self, of).zip(self.resolved(fields))
                else {
                    return true;
                };
                let Some(mut fields) = org.record(sobject, &id) else { return true };
                // What the org gives each record itself.
                fields.retain(|name, _| {
                    !matches!(name.as_str(), "Id" | "IsDeleted" | "MasterRecordId")
                        && !is_numbered(sobject, name)
                });
                fields.extend(changes.as_object().cloned().unwrap_or_default());
                self.ids.insert(*copy, (sobject, org.insert(sobject, &Json::Object(fields))));
            }
            Op::Edit { target, fields } => {
                if let Some(((sobject, id), fields)) =
                    record(self, target).zip(self.resolved(fields))
                {
                    org.update(sobject, &id, &fields);
                }
            }
            Op::Delete(target) => {
                if let Some((sobject, id)) = record(self, target) {
                    org.delete(sobject, &id);
                }
            }
            Op::Undelete(target) => {
                if let Some((sobject, id)) = record(self, target) {
                    org.undelete(sobject, &id);
                }
            }
            Op::Purge(target) => {
                if let Some((sobject, id)) = record(self, target) {
                    org.purge(sobject, &id);
                }
            }
            Op::Merge { master, loser } => {
                if let Some(((_, master), (_, loser))) =
                    record(self, master).zip(record(self, loser))
                {
                    let _ = org.merge(&master, &loser);
                }
            }
            Op::HideField(field) => self.hide(|hidden| hidden.fields.insert(field)),
            Op::HideObject(object) => self.hide(|hidden| hidden.objects.insert(object)),
            Op::HideRecord(target) => {
                if let Some((_, id)) = record(self, target) {
                    self.hide(|hidden| hidden.records.insert(id));
                }
            }
            Op::Show => self.show(),
            _ => return false,
        }
        true
    }

    /// What users of m3ter do, and how it answers.
    pub(super) fn in_m3ter(&mut self, op: &Op) -> bool {
        let cluster = Arc::clone(&self.cluster);
        let m3ter = cluster.organization.vendor();
        if matches!(op, Op::Fault(_)) {
            self.met_before = self.met();
        }
        match op {
            Op::Fault(fault)
                if is_of_salesforce(&fault.path) || fault.path.starts_with("/services") =>
            {
                cluster.org.add_fault(fault.clone());
            }
            Op::Fault(fault) => cluster.organization.add_fault(fault.clone()),
            Op::ListLag(ms) => {
                // A Commitment that m3ter would not refuse a second time is looked for over five
                // seconds, and at once by a take-over.
                let most =
                    if self.refuses_commitments { u64::MAX } else { LAG_WITHOUT_REFUSALS_MS };
                cluster.organization.set_list_lag(Duration::from_millis((*ms).min(most)));
            }
            Op::Behind(ms) => {
                m3ter.change_rules(&json!({ "commitmentOverlap": "off" })).unwrap();
                cluster.organization.set_list_lag(Duration::from_millis(*ms));
            }
            Op::Latency(ms) => {
                cluster.org.set_latency(Duration::from_millis(*ms));
                cluster.organization.set_latency(Duration::from_millis(*ms));
            }
            Op::Overlaps { commitments, account_plans } => {
                self.refuses_commitments = *commitments;
                if !commitments {
                    cluster.organization.set_list_lag(Duration::ZERO);
                }
                let word = |refused: bool, scope: &str| {
                    if refused { scope.to_owned() } else { "off".to_owned() }
                };
                let rules = json!({ "commitmentOverlap": word(*commitments, "contract"), "accountPlanOverlap": word(*account_plans, "account") });
                m3ter.change_rules(&rules).unwrap();
            }
            Op::ChangeInM3ter { row, kind, fields } => {
                if let Some(mut object) = self.object(kind, *row) {
                    object.extend(fields.as_object().cloned().unwrap_or_default());
                    let id = object["id"].as_str().unwrap().to_owned();
                    self.reopened.insert(id.clone());
                    let changed =
                        m3ter.request("PUT", &format!("/{}/{id}", path(kind)), &written(object));
                    if let Some(unmapped) = fields.get("customFields").filter(|_| changed.is_ok()) {
                        self.unmapped.insert((kind, id), unmapped.clone());
                    }
                }
            }
            Op::DeleteInM3ter { row, kind } => {
                if let Some(object) = self.object(kind, *row) {
                    let _ = m3ter.request(
                        "DELETE",
                        &format!("/{}/{}", path(kind), object["id"].as_str().unwrap()),
                        &Json::Null,
                    );
                }
            }
            Op::ForeignAccountPlan { line, deal, start, end } => {
                self.add_foreign_account_plan(*line, *deal, start, end);
            }
            _ => return false,
        }
        true
    }

    fn add_foreign_account_plan(&mut self, line: Target, deal: Target, start: &str, end: &str) {
        let Some((contract, plan)) = self.object("Contract", deal).zip(self.object("Plan", line))
        else {
            return;
        };
        let cluster = Arc::clone(&self.cluster);
        let m3ter = cluster.organization.vendor();
        let code = format!("foreign-{}", self.foreign.len());
        let bespoke = json!({"planTemplateId": plan["planTemplateId"], "name": "Foreign", "code": code, "bespoke": true, "accountId": contract["accountId"]});
        let Ok(own_plan) = m3ter.request("POST", "/plans", &bespoke) else { return };
        let attached = json!({"accountId": contract["accountId"], "planId": own_plan["id"], "code": code, "startDate": start, "endDate": end});
        for (path, object) in [
            ("plans", Ok(own_plan.clone())),
            ("accountplans", m3ter.request("POST", "/accountplans", &attached)),
        ] {
            if let Ok(object) = object {
                self.foreign.push((path, object.as_object().cloned().unwrap()));
            }
        }
    }
}

/// A field that the org numbers itself.
fn is_numbered(sobject: &str, field: &str) -> bool {
    matches!(field, "OrderNumber" | "ContractNumber" | "OrderItemNumber")
        || (field == "Name" && sobject.starts_with("SBQQ__"))
}

/// An object as it is written back, without what is blank.
fn written(object: Map<String, Json>) -> Json {
    let mut object = written_back(object);
    object.retain(|_, value| !value.is_null());
    Json::Object(object)
}
