//! What a mapping file says of rows and their fields: where they come from, and what is asked of
//! them. What is made of them is in `term`, `steps` and `mapped`.

use std::sync::Arc;

use rust_decimal::Decimal;

use crate::domain::warning::Attention;

pub(super) type SetId = usize;
pub(super) const ROOT: SetId = 0;

/// The rows of one child relationship.
#[derive(Debug, Clone, Default)]
pub(super) struct RowSet {
    pub(super) name: String,
    /// The set whose rows these are children of; the root is its own.
    pub(super) of: SetId,
    pub(super) relationship: String,
    pub(super) sobject: String,
    /// The child's relationship back to its parent.
    pub(super) parent: Option<String>,
    pub(super) order_by: String,
    pub(super) ordered_by: Vec<FieldRef>,
    /// The org need not have the relationship: there are no rows then.
    pub(super) optional: bool,
    pub(super) leave_out: Option<Condition>,
    pub(super) refuse: Vec<Guard>,
    /// What is told of each row, also of one that is left out.
    pub(super) warn: Vec<RowRemark>,
    /// How many values are kept with each row.
    pub(super) slots: usize,
    pub(super) line: usize,
}

/// A place for a value that is kept with each row of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) set: SetId,
    pub(super) index: usize,
}

impl RowSet {
    /// A new place with each row of the set, which is at position `set`.
    pub(super) fn slot(&mut self, set: SetId) -> Slot {
        self.slots += 1;
        Slot { set, index: self.slots - 1 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldRef {
    /// Which record the path starts at.
    pub(super) from: SetId,
    /// Parents by dots.
    pub(super) path: String,
    /// As people know it: `Opportunity.Amount`, `Product2.ProductCode`.
    pub(super) name: Arc<str>,
    /// The org need not have it.
    pub(super) optional: bool,
    pub(super) line: usize,
}

impl FieldRef {
    /// A field of a record of `sobject`, or of a parent of it.
    pub(super) fn new(from: SetId, sobject: &str, path: String, line: usize) -> Self {
        let name = if path.contains('.') {
            path.as_str().into()
        } else {
            format!("{sobject}.{path}").into()
        };
        Self { from, path, name, optional: false, line }
    }

    /// By what it is found among the fields of an org: Salesforce's names have no case.
    pub(super) fn id(&self) -> (SetId, String) {
        (self.from, self.path.to_ascii_lowercase())
    }

    /// The field itself, without the parents on the way to it.
    pub(super) fn last(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Text(String),
    Number(Decimal),
    Boolean(bool),
}

#[derive(Debug, Clone)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Test(FieldRef, Test),
}

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

impl Condition {
    pub(super) fn fields(&self) -> Vec<&FieldRef> {
        match self {
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter().flat_map(Self::fields).collect()
            }
            Self::Test(field, Test::Equals(other) | Test::DiffersFrom(other)) => {
                vec![field, other]
            }
            Self::Test(field, _) => vec![field],
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Guard {
    pub(super) condition: Condition,
    pub(super) message: Option<String>,
    /// The file and the line.
    pub(super) place: String,
}

#[derive(Debug, Clone)]
pub(super) struct Remark {
    pub(super) message: String,
    /// The code under which lists and metrics count it.
    pub(super) attention: Option<Attention>,
    pub(super) when: Option<Condition>,
}

#[derive(Debug, Clone)]
pub(super) struct RowRemark {
    pub(super) remark: Remark,
    /// Told only where the two differ, or where that cannot be told.
    pub(super) unless_equal: Option<[Rate; 2]>,
    /// The file and the line.
    pub(super) place: String,
}

impl RowRemark {
    pub(super) fn rate_fields(&self) -> impl Iterator<Item = &FieldRef> {
        self.unless_equal
            .iter()
            .flatten()
            .flat_map(|rate| std::iter::once(&rate.number).chain(&rate.per))
    }
}

/// A number for so many units of another one.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    pub(super) number: FieldRef,
    pub(super) per: Option<FieldRef>,
}
