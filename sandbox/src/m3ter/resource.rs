//! What a resource of the Config API is: its fields with their types and limits, and the filters of
//! its list.

/// One resource.
#[derive(Debug)]
pub(super) struct Resource {
    /// The path below the organization, without the leading slash.
    pub(super) path: &'static str,
    /// The entity's name, as in messages.
    pub(super) name: &'static str,
    /// What a request may hold.
    pub(super) fields: &'static [Field],
    /// The largest `pageSize`.
    pub(super) largest_page: usize,
    /// The filters of its list beside `ids`, `pageSize` and `nextToken`.
    pub(super) filters: &'static [Filter],
}

/// One filter of a list.
#[derive(Debug)]
pub(super) enum Filter {
    /// Objects whose field is one of the values.
    Field(&'static str, &'static str),
    /// Objects that are active on a date.
    ActiveOn,
    /// Ends at or after, ends before: `endDateStart` and `endDateEnd`.
    EndBetween,
    /// Commitments that a product may draw down.
    DrawnBy,
    /// `includeall`: also inactive ones.
    IncludeAll,
    /// A flag that must be as given.
    Flag(&'static str),
    /// Aggregations whose meter belongs to a product.
    ProductOfMeter,
}

/// One field of a request.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: FieldType,
    pub(super) required: bool,
}

/// The type and the limits of a field.
#[derive(Debug, Clone, Copy)]
pub(super) enum FieldType {
    Text {
        least: usize,
        most: usize,
    },
    /// 1 to 80 characters, no control characters, plain spaces inside only.
    CodeA,
    /// Letters, `_`, `$` and digits, none first; at most 80.
    CodeB,
    Email,
    Date,
    DateTime,
    Number(Minimum),
    Integer {
        least: i64,
        most: i64,
    },
    Boolean,
    OneOf(&'static [&'static str]),
    ListOf(&'static [&'static str]),
    Address,
    Bands,
    FeeDates,
    UsageFilters,
    Segment,
    CustomFields,
    /// The id of an object of another resource.
    Reference(&'static str),
    /// Ids of objects of another resource.
    IdList(&'static str),
    /// An id of something that is not emulated.
    Id,
    /// Whatever JSON.
    Any,
}

/// The lower limit of a number.
#[derive(Debug, Clone, Copy)]
pub(super) enum Minimum {
    None,
    Zero,
    AboveZero,
}
