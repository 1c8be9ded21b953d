//! What a mapping file says, as a tree.

use rust_decimal::Decimal;

use crate::domain::entity::EntityKind;
use crate::domain::field::FieldSpec;

/// Everything below the settings of a file.
#[derive(Debug, Clone)]
pub(super) struct Mapped {
    /// The currency of the whole deal, against which plan templates are checked.
    pub(super) deal_currency: Option<Expression>,
    pub(super) lines: Option<Lines>,
    /// In the order of [`EntityKind::ALL`].
    pub(super) objects: Vec<ObjectMapping>,
}

/// The child rows.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    /// The child relationship of the root.
    pub(super) relationship: String,
    pub(super) sobject: String,
    /// The child's relationship back to the root.
    pub(super) parent: String,
    pub(super) order_by: String,
    pub(super) leave_out: Option<FieldRef>,
}

/// How one kind of m3ter object comes about.
#[derive(Debug, Clone)]
pub(super) struct ObjectMapping {
    pub(super) kind: EntityKind,
    pub(super) rows: Rows,
    /// The id of the Salesforce row, where it is not the row's own.
    pub(super) row: Option<FieldRef>,
    /// The row's sObject, where it is not the root's or the line's.
    pub(super) sobject: Option<String>,
    pub(super) skip: Option<FieldRef>,
    pub(super) write_back: Option<FieldRef>,
    /// Filled: the object is another record's, and only referred to.
    pub(super) joins_by: Option<FieldRef>,
    /// Filled on a line: its Plan bills the Commitment.
    pub(super) billing_line: Option<FieldRef>,
    pub(super) fields: Vec<FieldMapping>,
}

/// Where the rows of an object come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// The root record: one object.
    Root,
    /// The lines: one object for each.
    Lines,
}

/// The value of one m3ter field.
#[derive(Debug, Clone)]
pub(super) struct FieldMapping {
    pub(super) spec: &'static FieldSpec,
    pub(super) expression: Expression,
    pub(super) once: bool,
    /// A blank source clears the field in m3ter instead of keeping it.
    pub(super) clear: bool,
}

/// A Salesforce field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldRef {
    /// Which record the path starts at.
    pub(super) from: Rows,
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
    pub(super) steps: Vec<Step>,
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub(super) enum Term {
    Field(FieldRef),
    Constant(Constant),
    /// The first that is not blank.
    First(Vec<Expression>),
    /// A code that becomes an id.
    Lookup(Catalogued, Box<Expression>),
    /// An object of the same sync.
    This(EntityKind),
    /// The value of another object's field, from the same record or line.
    SameAs(EntityKind, &'static str),
    /// The mapping's `currency`.
    CurrencySetting,
    /// The one currency that the plan templates of all lines share.
    TemplatesCurrency,
    /// So many months after another field of the same object.
    MonthsAfter(FieldRef, &'static str),
    /// Street lines and the other parts of an address.
    Address(Vec<(&'static str, FieldRef)>),
    /// Bands, one on each line of a text.
    BandsText(FieldRef),
    /// One band from a price, less a percentage.
    UnitPrice(FieldRef, Option<FieldRef>),
}

/// A literal of a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Text(String),
    Number(Decimal),
    Boolean(bool),
}

/// What a code is looked up in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Catalogued {
    PlanTemplate,
    Aggregation,
}

/// What is done to a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    Trim,
    Upper,
    /// To the most characters that m3ter's field holds, with a warning.
    Truncate,
    /// An inclusive last day becomes the first day after it.
    EndExclusive,
    ZeroIsBlank,
    /// One value for another.
    Map(Vec<(String, Constant)>),
    /// A sentence for whoever reads the result.
    Warn(String),
}

impl Mapped {
    pub(super) fn object(&self, kind: EntityKind) -> Option<&ObjectMapping> {
        self.objects.iter().find(|object| object.kind == kind)
    }

    /// All fields that the file names.
    pub(super) fn field_refs(&self) -> Vec<&FieldRef> {
        let mut refs: Vec<&FieldRef> = Vec::new();
        if let Some(currency) = &self.deal_currency {
            currency.collect(&mut refs);
        }
        refs.extend(self.lines.iter().filter_map(|lines| lines.leave_out.as_ref()));
        for object in &self.objects {
            refs.extend([&object.row, &object.skip, &object.joins_by, &object.billing_line, &object.write_back].into_iter().flatten());
            for field in &object.fields {
                field.expression.collect(&mut refs);
            }
        }
        refs
    }
}

impl ObjectMapping {
    pub(super) fn field(&self, name: &str) -> Option<&FieldMapping> {
        self.fields.iter().find(|field| field.spec.name == name)
    }
}

impl Expression {
    pub(super) fn collect<'a>(&'a self, refs: &mut Vec<&'a FieldRef>) {
        match &self.term {
            Term::Field(field) | Term::MonthsAfter(field, _) | Term::BandsText(field) => refs.push(field),
            Term::UnitPrice(price, discount) => refs.extend(std::iter::once(price).chain(discount)),
            Term::Address(parts) => refs.extend(parts.iter().map(|(_, field)| field)),
            Term::First(expressions) => expressions.iter().for_each(|expression| expression.collect(refs)),
            Term::Lookup(_, code) => code.collect(refs),
            Term::Constant(_) | Term::This(_) | Term::SameAs(..) | Term::CurrencySetting | Term::TemplatesCurrency => {}
        }
    }
}
