//! What an admin is told of what is read and not shown, or not written.

use std::collections::{BTreeMap, BTreeSet};

use super::reads::Reads;
use crate::domain::org_remark::OrgRemark;
use crate::domain::org_schema::OrgSchema;
use crate::domain::rows::FieldRef;

impl Reads<'_> {
    /// What cannot be read, is not there or is hidden. `shown_before` is what the org is remembered
    /// to have shown.
    pub fn report(&self, schema: &OrgSchema, shown_before: &BTreeSet<String>) -> Vec<OrgRemark> {
        let mut remarks = Vec::new();
        remarks.extend(self.unreadable(schema, shown_before).names().into_iter().map(|name| {
            OrgRemark::red(format!(
                "`{name}` could be read before and cannot be read now: what depends on it is not written; check the permission set, or `mapping forget-field {name}`"
            ))
        }));
        remarks.extend(self.never_shown(schema, shown_before).into_iter().map(
            |(object, fields)| {
                let fields: Vec<String> =
                    fields.into_iter().map(|field| format!("`{field}`")).collect();
                let counts = if fields.len() == 1 { "counts as" } else { "count as" };
                OrgRemark::yellow(format!(
                    "{object} does not show {}, which {counts} blank: not in the org, or hidden?",
                    fields.join(", ")
                ))
            },
        ));
        remarks.extend(self.hidden_package_fields(schema));
        remarks
    }

    /// Which fields for the outcome of a sync cannot be kept; nothing where the org has none of
    /// them.
    pub fn status_report(&self, schema: &OrgSchema) -> Option<OrgRemark> {
        let named: Vec<&FieldRef> = self.status.iter().flat_map(|status| status.fields()).collect();
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
            OrgRemark::yellow(format!(
                "The integration user cannot write {lacking}, so records do not show how their last sync ended; check the permission set"
            ))
        })
    }

    /// Objects of which the org shows some fields of the package and hides others.
    fn hidden_package_fields(&self, schema: &OrgSchema) -> Vec<OrgRemark> {
        let mut package: BTreeMap<&str, (bool, Vec<&str>)> = BTreeMap::new();
        for field in self.fields.iter().copied() {
            let name = field.last();
            if name.starts_with("M3ter_") && !self.is_status(field) {
                let parents = field.path.rsplit_once('.').map(|(parents, _)| parents);
                let owner = parents.unwrap_or_else(|| &self.rows[field.from].sobject);
                let (is_shown, hidden) = package.entry(owner).or_default();
                match self.org_field(schema, field) {
                    Ok(_) => *is_shown = true,
                    Err(_) => hidden.push(name),
                }
            }
        }
        package.retain(|_, (is_shown, hidden)| *is_shown && !hidden.is_empty());
        let remark = |(owner, (_, hidden)): (&str, (bool, Vec<&str>))| {
            let hidden = hidden.join(", ");
            OrgRemark::red(format!(
                "{owner} shows some M3ter_ fields and hides {hidden}: a hidden skip checkbox is treated as off; check the permission set"
            ))
        };
        package.into_iter().map(remark).collect()
    }
}
