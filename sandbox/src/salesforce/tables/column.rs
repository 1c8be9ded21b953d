//! One field of an object: its type, who sets it, and with what it is filled in.

/// One field of an sObject.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) data: Data,
    pub(crate) tie: Tie,
    pub(crate) access: Access,
    pub(crate) fill: Fill,
    /// Never blank, and to be given on create.
    pub(crate) is_required: bool,
    /// A picklist that takes its own values only.
    pub(crate) is_restricted: bool,
    /// A key of another system: records are found by it, and no two have the same.
    pub(crate) is_external_id: bool,
    /// Digits in all and behind the point; none for what is no number.
    pub(crate) digits: (u32, u32),
}

/// The type of a field, with what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Data {
    Id,
    Text(usize),
    LongText(usize),
    Email,
    Checkbox,
    Date,
    DateTime,
    Currency,
    Number,
    Integer,
    Percent,
    Picklist(&'static [&'static str]),
    /// The relationship's name and the sObject that it points to.
    Lookup(&'static str, &'static str),
}

/// What a reference does to its record when the record that it names goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tie {
    /// A look-up: nothing.
    Loose,
    /// Deleted with it, and seen by its own sharing.
    Deleted,
    /// Master-detail: deleted with it, and seen by everyone who sees it.
    Detail,
}

/// Who sets a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anyone who may edit the record.
    Open,
    /// The user who creates the record, and nobody later.
    Once,
    /// The org itself.
    Org,
    /// Nobody: the org computes it with a formula.
    Formula,
}

/// What the org puts into a field of a new record that was left blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    Nothing,
    Text(&'static str),
    /// The user who creates the record.
    User,
    /// That user's currency.
    UserCurrency,
    /// The next number, behind a prefix, with so many digits.
    Numbered(&'static str, usize),
    /// A field of the record that a reference names, as it is then.
    Copy(&'static str, &'static str),
    /// A field of the record that a reference names, whatever it is.
    Follow(&'static str, &'static str),
}

pub(super) const fn column(name: &'static str, data: Data) -> Column {
    let digits = match data {
        Data::Currency | Data::Percent => (18, 2),
        Data::Number => (18, 10),
        Data::Integer => (9, 0),
        _ => (0, 0),
    };
    let (tie, access, fill) = (Tie::Loose, Access::Open, Fill::Nothing);
    Column {
        name,
        data,
        tie,
        access,
        fill,
        is_required: false,
        is_restricted: false,
        is_external_id: false,
        digits,
    }
}

impl Column {
    /// Its record is a detail of the one that it names, and stays it.
    pub(super) const fn detail(self) -> Self {
        Self { tie: Tie::Detail, access: Access::Once, is_required: true, ..self }
    }

    /// Its record is deleted with the one that it names.
    pub(super) const fn deleted_with_it(self) -> Self {
        Self { tie: Tie::Deleted, ..self }
    }

    pub(super) const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    pub(super) const fn once(self) -> Self {
        Self { access: Access::Once, ..self }
    }

    pub(super) const fn by_org(self) -> Self {
        Self { access: Access::Org, ..self }
    }

    /// A formula that shows a field of the record that a reference names.
    pub(super) const fn shows(self, via: &'static str, field: &'static str) -> Self {
        Self { access: Access::Formula, fill: Fill::Follow(via, field), ..self }
    }

    pub(super) const fn filled(self, fill: Fill) -> Self {
        Self { fill, ..self }
    }

    pub(super) const fn restricted(self) -> Self {
        Self { is_restricted: true, ..self }
    }

    pub(super) const fn external_id(self) -> Self {
        Self { is_external_id: true, ..self }
    }

    pub(super) const fn digits(self, precision: u32, scale: u32) -> Self {
        Self { digits: (precision, scale), ..self }
    }

    pub(crate) fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    /// Whether a client may give it a value when it creates a record.
    pub(crate) fn is_createable(&self) -> bool {
        matches!(self.access, Access::Open | Access::Once)
    }

    /// Whether a client may change it.
    pub(crate) fn is_updateable(&self) -> bool {
        self.access == Access::Open
    }

    /// Whether the org has a value for it where a client gives none.
    pub(crate) fn is_defaulted(&self) -> bool {
        self.data == Data::Checkbox
            || matches!(
                self.fill,
                Fill::Text(_) | Fill::User | Fill::UserCurrency | Fill::Numbered(..)
            )
            || self.name == "CurrencyIsoCode"
            || (matches!(self.data, Data::DateTime) && self.access == Access::Org)
    }

    /// Whether a record may be without it.
    pub(crate) fn is_nillable(&self) -> bool {
        !(self.is_required || self.is_defaulted() || self.data == Data::Id)
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self.data, Data::Currency | Data::Number | Data::Integer | Data::Percent)
    }
}
