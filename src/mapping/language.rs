//! What a mapping file says, as a tree.

use jiff::tz::TimeZone;
use rust_decimal::{Decimal, RoundingStrategy};

use super::remark::{Remark, RowRemark};
use crate::domain::catalog::Catalogued;
use crate::domain::entity::EntityKind;
use crate::domain::field::FieldSpec;
use crate::domain::settings::Otherwise;

/// Everything below the settings of a file.
#[derive(Debug, Clone)]
pub(super) struct Mapped {
    /// What has to hold of the root before anything is written.
    pub(super) only_when: Vec<Guard>,
    pub(super) ready_when: Vec<Readiness>,
    /// The currency of the whole deal, against which plan templates are checked.
    pub(super) deal_currency: Option<Expression>,
    /// Where records come from: the root first, every other set after the one that it lies under.
    pub(super) sets: Vec<RowSet>,
    /// In the order of [`EntityKind::ALL`], then of the file.
    pub(super) objects: Vec<ObjectMapping>,
    pub(super) product: Option<ProductKeys>,
    pub(super) sync_status: Option<SyncStatusFields>,
}

/// The root's own fields that say how its last sync ended. The org need not have them.
#[derive(Debug, Clone)]
pub(super) struct SyncStatusFields {
    pub(super) status: FieldRef,
    pub(super) message: Option<FieldRef>,
    pub(super) synced_at: Option<FieldRef>,
}

/// The position of a row set in [`Mapped::sets`].
pub(super) type SetId = usize;
/// The set that holds the root record.
pub(super) const ROOT: SetId = 0;

/// The rows of one child relationship.
#[derive(Debug, Clone)]
pub(super) struct RowSet {
    pub(super) name: String,
    /// The set whose rows these are children of; the root is its own.
    pub(super) of: SetId,
    pub(super) relationship: String,
    pub(super) sobject: String,
    /// The child's relationship back to its parent.
    pub(super) parent: Option<String>,
    pub(super) order_by: String,
    /// The fields of that order.
    pub(super) ordered_by: Vec<FieldRef>,
    /// The org need not have the relationship: there are no rows then.
    pub(super) optional: bool,
    pub(super) leave_out: Option<Condition>,
    pub(super) refuse: Vec<Guard>,
    /// What is told of each row, also of one that is left out.
    pub(super) warn: Vec<RowRemark>,
    /// The line of the file.
    pub(super) line: usize,
}

/// A condition with what to say about it.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    pub(super) condition: Condition,
    pub(super) message: Option<String>,
    /// The line of the file.
    pub(super) line: usize,
}

/// A condition that a record comes to fulfil, and what happens before that.
#[derive(Debug, Clone)]
pub(super) struct Readiness {
    pub(super) guard: Guard,
    pub(super) otherwise: Otherwise,
}

/// Something that holds for a row or not.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Test(FieldRef, Test),
}

/// What is asked of a field.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Is(Constant),
    IsNot(Constant),
    In(Vec<Constant>),
    NotIn(Vec<Constant>),
    Blank(bool),
    Above(Decimal),
    Below(Decimal),
    Equals(FieldRef),
    DiffersFrom(FieldRef),
}

/// How one kind of m3ter object comes about.
#[derive(Debug, Clone)]
pub(super) struct ObjectMapping {
    pub(super) kind: EntityKind,
    pub(super) rows: SetId,
    /// The id of the Salesforce row, where it is not the row's own.
    pub(super) row: Option<FieldRef>,
    /// The row's sObject, where it is not that of the rows.
    pub(super) sobject: Option<String>,
    /// Tells several objects of one row apart, and is appended to the code.
    pub(super) key: Option<Expression>,
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
    /// The line of the file.
    pub(super) line: usize,
}

/// The value of one m3ter field.
#[derive(Debug, Clone)]
pub(super) struct FieldMapping {
    pub(super) spec: &'static FieldSpec,
    pub(super) expression: Expression,
    pub(super) once: bool,
    /// A blank source clears the field in m3ter instead of keeping it.
    pub(super) clear: bool,
    /// The line of the file.
    pub(super) line: usize,
}

/// A Salesforce field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldRef {
    /// Which record the path starts at.
    pub(super) from: SetId,
    /// Parents by dots.
    pub(super) path: String,
    /// The org need not have it.
    pub(super) optional: bool,
    /// The line of the file.
    pub(super) line: usize,
}

/// An expression with what is done to its value.
#[derive(Debug, Clone)]
pub(super) struct Expression {
    pub(super) term: Term,
    /// Blank where it does not hold.
    pub(super) when: Option<Condition>,
    /// In the order in which they are applied.
    pub(super) steps: Vec<Step>,
    /// Where all that gave nothing.
    pub(super) default: Option<Constant>,
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub(super) enum Term {
    Field(FieldRef),
    /// The field of the only row of a set below this row.
    OnlyRow(SetId, FieldRef),
    Constant(Constant),
    /// The first that is not blank.
    First(Vec<Expression>),
    /// Texts one after the other.
    Concat(Vec<Expression>, Option<String>),
    /// The earliest of several dates, or the latest.
    Extreme(Extreme, Vec<Expression>),
    /// A code that becomes an id; for a plan template, by the product rules first where the mapping
    /// says so.
    Lookup {
        catalogued: Catalogued,
        by_product: bool,
        code: Box<Expression>,
    },
    /// An object of the same sync.
    This(EntityKind),
    /// The Account of the same sync whose Salesforce id a field holds.
    AccountAt(FieldRef),
    /// The value of another object's field, from the same record or row.
    SameAs(EntityKind, &'static str),
    /// The mapping's `currency`.
    CurrencySetting,
    /// The one currency that the plan templates of all lines share.
    TemplatesCurrency,
    /// So many months after another field of the same object.
    MonthsAfter(FieldRef, &'static str),
    /// Street lines and the other parts of an address.
    Address(Vec<(&'static str, Expression)>),
    /// Values by names of the customer's own: a segment's dimensions, custom fields.
    Named(Vec<NamedValue>, Replace),
    /// Bands, one on each line of a text.
    BandsText(FieldRef),
    /// One band from a price, less a percentage.
    UnitPrice(FieldRef, Option<FieldRef>),
    /// A list of structures, one for each row of a set below this row.
    Each(SetId, Parts),
    /// A list of structures, each written out.
    List(Vec<Parts>),
}

/// The parts of one structure, by their names in m3ter.
pub(super) type Parts = Vec<(&'static str, Expression)>;

/// A value under a name.
#[derive(Debug, Clone)]
pub(super) struct NamedValue {
    pub(super) name: String,
    pub(super) expression: Expression,
    /// A blank source removes it.
    pub(super) clear: bool,
}

/// Whether names that a mapping does not have are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replace {
    All,
    Named,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extreme {
    Earliest,
    Latest,
}

/// A literal of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Text(String),
    Number(Decimal),
    Boolean(bool),
}

/// What is done to a value.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// The part at a place, counted from 1, of a text that is cut at a separator.
    Split(String, usize),
    Trim,
    /// One value for another.
    Map(Vec<(String, Constant)>),
    Upper,
    Lower,
    ZeroIsBlank,
    Times(Operand),
    DividedBy(Operand),
    /// So many percent of another number.
    PercentOf(Operand),
    /// Less so many percent.
    LessPercent(Operand),
    Round(u32, RoundingStrategy),
    /// A text of digits becomes a number, or a number a text.
    AsNumber,
    AsText,
    /// The date of an instant in a time zone; that of the mapping where none is named.
    DateIn(Option<TimeZone>),
    AddMonths(Operand),
    AddDays(Operand),
    /// An inclusive last day becomes the first day after it.
    EndExclusive,
    /// To so many characters, or to as many as m3ter's field holds, with a warning.
    Truncate(Option<usize>),
    /// A sentence for whoever reads the result.
    Warn(Remark),
}

/// What a number or a date is computed with.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Number(Decimal),
    Field(FieldRef),
}

/// Where a row's product, billing frequency and currency stand, by which product rules are chosen.
#[derive(Debug, Clone)]
pub(super) struct ProductKeys {
    pub(super) rows: SetId,
    pub(super) product: Expression,
    pub(super) billing_frequency: Option<Expression>,
    pub(super) currency: Option<Expression>,
}

/// Which plan template or plan stands for a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProductRule {
    pub(super) product: String,
    pub(super) billing_frequency: Option<String>,
    pub(super) currency: Option<String>,
    /// The code of a plan template, or of a plan that is attached as it is.
    pub(super) target: Catalogued,
    pub(super) code: String,
    pub(super) file: String,
    pub(super) line: usize,
}

impl Mapped {
    /// The first mapping of a kind.
    pub(super) fn object(&self, kind: EntityKind) -> Option<&ObjectMapping> {
        self.objects.iter().find(|object| object.kind == kind)
    }

    /// The mappings of a kind that a row of `set` can refer to: those on the nearest set above it,
    /// or on the set itself.
    pub(super) fn reachable(&self, kind: EntityKind, mut set: SetId) -> Vec<&ObjectMapping> {
        loop {
            let found: Vec<&ObjectMapping> = self
                .objects
                .iter()
                .filter(|object| object.kind == kind && object.rows == set && object.level == 0)
                .collect();
            if !found.is_empty() || set == ROOT {
                return found;
            }
            set = self.sets[set].of;
        }
    }

    /// Whether a field says how a sync ended, and nothing about the deal.
    pub(super) fn tells_of_a_sync(&self, field: &FieldRef) -> bool {
        self.sync_status.iter().flat_map(SyncStatusFields::refs).any(|own| std::ptr::eq(own, field))
    }

    /// All fields that the file names.
    pub(super) fn field_refs(&self) -> Vec<&FieldRef> {
        let mut refs: Vec<&FieldRef> = Vec::new();
        let ready = self.ready_when.iter().map(|readiness| &readiness.guard);
        self.only_when.iter().chain(ready).for_each(|guard| guard.condition.collect(&mut refs));
        for set in &self.sets {
            refs.extend(&set.ordered_by);
            let told = set.warn.iter().filter_map(|remark| remark.remark.when.as_ref());
            let conditions = set
                .leave_out
                .iter()
                .chain(set.refuse.iter().map(|guard| &guard.condition))
                .chain(told);
            conditions.for_each(|condition| condition.collect(&mut refs));
            refs.extend(set.warn.iter().flat_map(RowRemark::rate_fields));
        }
        let product = self.product.iter().flat_map(|keys| {
            std::iter::once(&keys.product).chain(&keys.billing_frequency).chain(&keys.currency)
        });
        self.deal_currency
            .iter()
            .chain(product)
            .for_each(|expression| expression.collect(&mut refs));
        for object in &self.objects {
            refs.extend(
                [&object.row, &object.joins_by, &object.joins_with, &object.write_back]
                    .into_iter()
                    .flatten(),
            );
            let conditions =
                [&object.skip, &object.leave_out, &object.billing_line].into_iter().flatten();
            conditions.for_each(|condition| condition.collect(&mut refs));
            object.key.iter().for_each(|key| key.collect(&mut refs));
            object.fields.iter().for_each(|field| field.expression.collect(&mut refs));
        }
        refs.extend(self.sync_status.iter().flat_map(SyncStatusFields::refs));
        refs
    }
}

impl SyncStatusFields {
    /// Those that the file names.
    pub(super) fn refs(&self) -> impl Iterator<Item = &FieldRef> {
        std::iter::once(&self.status).chain(&self.message).chain(&self.synced_at)
    }
}

impl ObjectMapping {
    pub(super) fn field(&self, name: &str) -> Option<&FieldMapping> {
        self.fields.iter().find(|field| field.spec.name == name)
    }
}

impl Condition {
    pub(super) fn collect<'a>(&'a self, refs: &mut Vec<&'a FieldRef>) {
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter().for_each(|condition| condition.collect(refs))
            }
            Self::Test(field, Test::Equals(other) | Test::DiffersFrom(other)) => {
                refs.extend([field, other])
            }
            Self::Test(field, _) => refs.push(field),
        }
    }
}

impl Step {
    /// The field that the step computes with, where that is no number of the file.
    pub(super) fn operand_field(&self) -> Option<&FieldRef> {
        match self {
            Self::Times(Operand::Field(field))
            | Self::DividedBy(Operand::Field(field))
            | Self::PercentOf(Operand::Field(field))
            | Self::LessPercent(Operand::Field(field))
            | Self::AddMonths(Operand::Field(field))
            | Self::AddDays(Operand::Field(field)) => Some(field),
            _ => None,
        }
    }
}

impl Expression {
    /// An expression without anything beside its source.
    pub(super) fn plain(term: Term) -> Self {
        Self { term, when: None, steps: Vec::new(), default: None }
    }

    /// The expressions directly inside this one.
    pub(super) fn inner(&self) -> Vec<&Expression> {
        match &self.term {
            Term::First(expressions)
            | Term::Concat(expressions, _)
            | Term::Extreme(_, expressions) => expressions.iter().collect(),
            Term::Lookup { code, .. } => vec![code.as_ref()],
            Term::Address(parts) | Term::Each(_, parts) => {
                parts.iter().map(|(_, expression)| expression).collect()
            }
            Term::List(entries) => {
                entries.iter().flatten().map(|(_, expression)| expression).collect()
            }
            Term::Named(values, _) => values.iter().map(|value| &value.expression).collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn collect<'a>(&'a self, refs: &mut Vec<&'a FieldRef>) {
        match &self.term {
            Term::Field(field)
            | Term::OnlyRow(_, field)
            | Term::MonthsAfter(field, _)
            | Term::BandsText(field)
            | Term::AccountAt(field) => {
                refs.push(field);
            }
            Term::UnitPrice(price, discount) => refs.extend(std::iter::once(price).chain(discount)),
            _ => {}
        }
        self.inner().into_iter().for_each(|expression| expression.collect(refs));
        self.when.iter().for_each(|condition| condition.collect(refs));
        refs.extend(self.steps.iter().filter_map(Step::operand_field));
        let told = self.steps.iter().filter_map(|step| {
            if let Step::Warn(remark) = step { remark.when.as_ref() } else { None }
        });
        told.for_each(|condition| condition.collect(refs));
    }

    /// Calls `visit` with every object that the expression refers to, and the field of it where one
    /// is named.
    pub(super) fn references(&self, visit: &mut impl FnMut(EntityKind, Option<&'static str>)) {
        match &self.term {
            Term::This(kind) => visit(*kind, None),
            Term::SameAs(kind, field) => visit(*kind, Some(field)),
            _ => {}
        }
        self.inner().into_iter().for_each(|expression| expression.references(visit));
    }
}
