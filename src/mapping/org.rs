//! A mapping held against the org's describe: what `check` tells an admin.

use std::collections::{BTreeMap, BTreeSet};

use super::Mapping;
use super::language::{FieldRef, SyncStatusFields, Term};
use crate::domain::entity::EntityKind;
use crate::domain::org_schema::OrgSchema;

/// One line about a mapping and the org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgRemark {
    /// How bad it is.
    pub severity: Severity,
    /// What is the case and what to do.
    pub message: String,
}

/// How bad a remark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// All is well.
    Green,
    /// It works, and somebody should know.
    Yellow,
    /// A sync will fail or do the wrong thing.
    Red,
}

impl Mapping {
    /// What an admin should know about the fields that the mapping names. `shown_before` is what
    /// the org is remembered to have shown.
    pub fn org_report(
        &self,
        schema: &OrgSchema,
        shown_before: &BTreeSet<String>,
    ) -> Vec<OrgRemark> {
        if let Some(absent) = self.absent(schema).filter(|_| self.is_built_in) {
            let message = format!(
                "`{absent}` is not in the org or not visible: no {} can be synced",
                self.root
            );
            return vec![OrgRemark { severity: Severity::Yellow, message }];
        }
        let mut remarks = Vec::new();
        let mut remark = |severity, message| {
            let remark = OrgRemark { severity, message };
            if !remarks.contains(&remark) {
                remarks.push(remark);
            }
        };
        let mut package_fields: BTreeMap<String, (Vec<String>, Vec<String>)> = BTreeMap::new();
        for reference in self.mapped.field_refs() {
            let shown = self.org_field(schema, reference);
            let name = reference.path.rsplit('.').next().unwrap_or_default();
            if name.starts_with("M3ter_") && !self.mapped.tells_of_a_sync(reference) {
                let owner = reference.path.rsplit_once('.').map_or_else(
                    || self.sobject_of(reference).to_owned(),
                    |(parents, _)| parents.to_owned(),
                );
                let (visible, hidden) = package_fields.entry(owner).or_default();
                if shown.is_ok() {
                    visible.push(name.to_owned())
                } else {
                    hidden.push(name.to_owned())
                }
            }
            match shown {
                Err(missing) if !reference.optional => {
                    let place = self.files.shown(reference.line);
                    remark(
                        Severity::Red,
                        format!(
                            "`{missing}` ({place}) does not exist in the org or is not visible to the integration user"
                        ),
                    );
                }
                Err(_) | Ok(_) => {}
            }
        }
        for name in self.unreadable(schema, shown_before).names() {
            let message = format!(
                "`{name}` could be read before and cannot be read now: what it feeds is not written; check the permission set, or `mapping forget-field {name}`"
            );
            remark(Severity::Red, message);
        }
        for (object, fields) in self.never_shown(schema, shown_before) {
            let fields: Vec<String> =
                fields.into_iter().map(|field| format!("`{field}`")).collect();
            let message = format!(
                "{object} does not show {}, which count as blank: not in the org, or hidden?",
                fields.join(", ")
            );
            remark(Severity::Yellow, message);
        }
        for (owner, (visible, hidden)) in package_fields {
            if !visible.is_empty() && !hidden.is_empty() {
                let hidden = hidden.join(", ");
                remark(
                    Severity::Red,
                    format!(
                        "{owner} shows some M3ter_ fields and hides {hidden}: a hidden skip flag counts as off; check the permission set"
                    ),
                );
            }
        }
        for fault in self.query(schema).err().into_iter().flatten().filter(|fault| {
            self.mapped
                .sets
                .iter()
                .any(|set| self.files.place(set.line) == (fault.file.as_str(), fault.line))
        }) {
            remark(Severity::Red, fault.message);
        }
        for reference in self.mapped.objects.iter().filter_map(|object| object.write_back.as_ref())
        {
            let field = self.org_field(schema, reference).ok();
            if let Some(field) = field.filter(|field| !field.updateable) {
                let name = &field.name;
                remark(
                    Severity::Red,
                    format!(
                        "`{name}` cannot be written by the integration user: m3ter's ids are not written back"
                    ),
                );
            }
        }
        if let Some(message) = self.untold(schema) {
            remark(Severity::Yellow, message);
        }
        if !self.has_end(schema) {
            let message = "The org has none of the fields that a Contract's end comes from; no deal can be synced".to_owned();
            remark(Severity::Red, message);
        }
        remarks
    }

    /// Which fields for the outcome of a sync cannot be kept; nothing where the org has none of
    /// them.
    fn untold(&self, schema: &OrgSchema) -> Option<String> {
        let named: Vec<&FieldRef> =
            self.mapped.sync_status.iter().flat_map(SyncStatusFields::refs).collect();
        let is_there = |reference: &&&FieldRef| self.org_field(schema, reference).is_ok();
        let is_kept = |reference: &&FieldRef| {
            self.org_field(schema, reference).is_ok_and(|field| field.updateable)
        };
        if named.iter().filter(is_there).count() == 0 {
            return None;
        }
        let lacking: Vec<String> = named
            .iter()
            .filter(|field| !is_kept(field))
            .map(|field| format!("`{}`", field.path))
            .collect();
        (!lacking.is_empty()).then(|| {
            let lacking = lacking.join(", ");
            format!("{lacking} cannot be written by the integration user: a record does not tell how its last sync ended; check the permission set")
        })
    }

    /// Whether at least one source of the Contract's end is there.
    fn has_end(&self, schema: &OrgSchema) -> bool {
        let end =
            self.mapped.object(EntityKind::Contract).and_then(|contract| contract.field("endDate"));
        let Some(end) = end else { return true };
        let mut refs: Vec<&FieldRef> = Vec::new();
        end.expression.collect(&mut refs);
        matches!(end.expression.term, Term::Constant(_))
            || refs.iter().any(|reference| self.org_field(schema, reference).is_ok())
    }
}
