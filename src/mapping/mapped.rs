//! The mapping of one root object: its tables, compiled. References are positions, and what several
//! values come from is in the order in which it is computed.

use jiff::tz::TimeZone;

use super::evaluated::Outcome;
use super::files::Files;
use super::language::{Guard, RowRemark, RowSet, Slot};
use super::row::{Around, Context, Row};
use super::term::Expression;
use crate::domain::condition::Condition;
use crate::domain::entity::EntityKind;
use crate::domain::field::FieldSpec;
use crate::domain::product_rule::ProductRule;
use crate::domain::record_status::StatusPaths;
use crate::domain::rows::{FieldRef, ROOT, SetId};
use crate::domain::settings::{CommitmentBilling, Otherwise, Settings};
use crate::soql::Reads;

/// The mapping of one root object.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub(super) files: Files,
    /// Not replaced by a file of the operator's own.
    pub(super) is_built_in: bool,
    pub(super) root: String,
    pub(super) settings: Settings,
    /// What the root must meet before anything is written.
    pub(super) only_when: Vec<Guard>,
    pub(super) ready_when: Vec<Readiness>,
    /// The currency of the whole deal, against which plan templates are checked.
    pub(super) deal_currency: Option<Expression>,
    /// Where records come from: the root first, every other set after the one that it lies under.
    pub(super) sets: Vec<RowSet>,
    /// In the order of [`EntityKind::ALL`], then of the file.
    pub(super) objects: Vec<ObjectMapping>,
    pub(super) product: Option<ProductKeys>,
    /// The file's own, then those of files for all mappings.
    pub(super) product_rules: Vec<ProductRule>,
    pub(super) sync_status: Option<StatusPaths>,
    /// Where each reference leads.
    pub(super) links: Vec<Option<Slot>>,
    /// What others are computed from, each before those.
    pub(super) shared: Vec<Shared>,
}

/// A value from which others are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shared {
    ProductRule,
    /// Which object it is, by its position.
    Object(usize),
    /// A field of an object, both by their positions.
    Field(usize, usize),
}

/// A condition that a record comes to fulfil, and what happens before that.
#[derive(Debug, Clone)]
pub(super) struct Readiness {
    pub(super) guard: Guard,
    pub(super) otherwise: Otherwise,
}

/// Where a row's product, billing frequency and currency stand, by which product rules are chosen.
#[derive(Debug, Clone)]
pub(super) struct ProductKeys {
    pub(super) rows: SetId,
    pub(super) product: Expression,
    pub(super) billing_frequency: Option<Expression>,
    pub(super) currency: Option<Expression>,
}

#[derive(Debug, Clone)]
pub(super) struct ObjectMapping {
    pub(super) kind: EntityKind,
    pub(super) rows: SetId,
    /// The id of the Salesforce row, where it is not the row's own.
    pub(super) row: Option<FieldRef>,
    /// The row's sObject, where it is not that of the rows.
    pub(super) sobject: Option<String>,
    /// Tells several objects of one row apart, and is appended to the code.
    pub(super) key: Option<Cell>,
    pub(super) skip: Option<Condition>,
    pub(super) leave_out: Option<Condition>,
    pub(super) write_back: Option<FieldRef>,
    /// Filled: the object is another record's, and only referred to.
    pub(super) joins_by: Option<FieldRef>,
    /// Records with the same value share the object, as far as its period allows.
    pub(super) joins_with: Option<FieldRef>,
    /// Holds on the row of a Plan: it bills the Commitment.
    pub(super) billing_line: Option<Condition>,
    pub(super) fields: Vec<FieldMapping>,
    /// How far above the row's own Account a parent stands; 0 for every object that is no parent.
    pub(super) level: usize,
    /// Where it is kept which object it is, if others refer to it.
    pub(super) slot: Option<Slot>,
    /// The rows whose product rule may take its place: those of its Plan.
    pub(super) plan_rows: Option<SetId>,
    pub(super) line: usize,
}

#[derive(Debug, Clone)]
pub(super) struct FieldMapping {
    pub(super) spec: &'static FieldSpec,
    pub(super) cell: Cell,
    pub(super) once: bool,
    /// A blank source clears the field in m3ter instead of keeping it.
    pub(super) clear: bool,
    pub(super) line: usize,
}

/// An expression whose value may be kept with its row.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) expression: Expression,
    pub(super) slot: Option<Slot>,
}

impl Cell {
    /// The value for a row, computed once if it is asked for more than once.
    pub(super) fn of(&self, row: Row<'_>) -> Outcome {
        match self.slot {
            Some(slot) => row.cached(slot, |row| self.expression.evaluate(row)),
            None => self.expression.evaluate(row),
        }
    }
}

impl RowSet {
    fn fields(&self) -> impl Iterator<Item = &FieldRef> {
        let told = self.warn.iter().filter_map(|remark| remark.remark.when.as_ref());
        let refused = self.refuse.iter().map(|guard| &guard.condition);
        let conditions = self.leave_out.iter().chain(refused).chain(told);
        self.ordered_by
            .iter()
            .chain(conditions.flat_map(Condition::fields))
            .chain(self.warn.iter().flat_map(RowRemark::rate_fields))
    }
}

impl ObjectMapping {
    pub(super) fn field(&self, name: &str) -> Option<&FieldMapping> {
        self.fields.iter().find(|field| field.spec.name == name)
    }

    /// The Salesforce fields that a field's value would come from.
    pub(super) fn names(&self, field: &str) -> Option<String> {
        let names = self.field(field)?.cell.expression.names();
        (!names.is_empty()).then_some(names)
    }

    fn fields(&self) -> impl Iterator<Item = &FieldRef> {
        let own = [&self.row, &self.joins_by, &self.joins_with, &self.write_back];
        let conditions = [&self.skip, &self.leave_out, &self.billing_line];
        let cells = self.key.iter().chain(self.fields.iter().map(|field| &field.cell));
        own.into_iter()
            .flatten()
            .chain(conditions.into_iter().flatten().flat_map(Condition::fields))
            .chain(cells.flat_map(|cell| cell.expression.fields()))
    }
}

impl Mapping {
    /// The root object's API name.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The file's name.
    pub fn file(&self) -> &str {
        self.files.own()
    }

    /// The files that its own one extends, the nearest first.
    pub fn extended(&self) -> Vec<&str> {
        self.files.extended().collect()
    }

    /// Whether it came with the service: an org that lacks its objects need not have them.
    pub fn is_built_in(&self) -> bool {
        self.is_built_in
    }

    /// The settings at the file's head.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether it is said how Commitments are billed: by the mapping's setting, by the
    /// configuration, by the fields of each Commitment itself, or because there are none.
    pub fn states_billing(&self) -> bool {
        let mut commitments = self.of_kind(EntityKind::Commitment);
        self.settings.commitment_billing.is_some() || commitments.all(ObjectMapping::states_payment)
    }

    /// The file in which an operator says something else than the mapping does.
    pub fn file_to_state_in(&self) -> String {
        if self.is_built_in {
            format!("a file in `MAPPINGS_DIR` that begins with `extends = \"{}\"`", self.root)
        } else {
            format!("the mapping `{}`", self.file())
        }
    }

    /// Where the mapping names a field of an object, as Salesforce's error message has them.
    pub fn locate_field(&self, sobject: &str, field: &str) -> Option<(&str, usize)> {
        self.reads().line_of(sobject, field).map(|line| self.files.place(line))
    }

    /// Lets a mapping that does not say how Commitments are billed have what the configuration
    /// says.
    pub(super) fn state_billing(&mut self, billing: Option<CommitmentBilling>) {
        self.settings.commitment_billing = self.settings.commitment_billing.or(billing);
    }

    pub(super) fn of_kind(&self, kind: EntityKind) -> impl Iterator<Item = &ObjectMapping> {
        self.objects.iter().filter(move |object| object.kind == kind)
    }

    pub(super) fn object(&self, kind: EntityKind) -> Option<&ObjectMapping> {
        self.of_kind(kind).next()
    }

    pub(super) fn sets_below(&self) -> impl Iterator<Item = SetId> {
        ROOT + 1..self.sets.len()
    }

    /// What is asked of the record itself.
    pub(super) fn guards(&self) -> impl Iterator<Item = &Guard> {
        let ready = self.ready_when.iter().map(|readiness| &readiness.guard);
        self.only_when.iter().chain(ready)
    }

    /// What it reads of an org.
    pub fn reads(&self) -> Reads<'_> {
        let product = self.product.iter().flat_map(|keys| {
            std::iter::once(&keys.product).chain(&keys.billing_frequency).chain(&keys.currency)
        });
        let expressions = self.deal_currency.iter().chain(product);
        let fields = self
            .guards()
            .flat_map(|guard| guard.condition.fields())
            .chain(self.sets.iter().flat_map(RowSet::fields))
            .chain(expressions.flat_map(Expression::fields))
            .chain(self.objects.iter().flat_map(ObjectMapping::fields))
            .chain(self.sync_status.iter().flat_map(StatusPaths::fields));
        let remarks = self.sets.iter().flat_map(|set| &set.warn);
        Reads {
            rows: self.sets.iter().map(|set| &set.rows).collect(),
            fields: fields.collect(),
            status: self.sync_status.as_ref(),
            rates: remarks.flat_map(RowRemark::rate_fields).collect(),
        }
    }

    /// In which a date of Salesforce begins: the mapping's own time zone, else the organization's.
    pub fn time_zone<'z>(&'z self, of_organization: &'z TimeZone) -> &'z TimeZone {
        self.settings.time_zone.as_ref().unwrap_or(of_organization)
    }

    /// What the rows of a record are evaluated with, before m3ter is asked.
    pub(super) fn around<'r>(&'r self, context: Context<'r>) -> Around<'r> {
        let product = self.product.as_ref().filter(|_| !self.product_rules.is_empty());
        Around {
            context,
            sets: &self.sets,
            currency: self.settings.currency.as_deref(),
            product_rows: product.map(|keys| keys.rows),
            rules: &self.product_rules,
            links: &self.links,
            catalog: None,
        }
    }
}

/// How a commitment is paid, where the mapping says it itself.
const PAYMENT_FIELDS: [&str; 4] = ["amountPrePaid", "amountFirstBill", "billingPlanId", "feeDates"];

impl ObjectMapping {
    pub(super) fn states_payment(&self) -> bool {
        PAYMENT_FIELDS.iter().any(|field| self.field(field).is_some())
    }
}
