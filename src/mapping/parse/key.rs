//! The keys of mapping files as data: the parser takes no others, and editors are told what each
//! is. Each table of keys stands beside what parses it.

/// A key of a table.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What it takes.
    pub form: Form,
    /// What it is, in a sentence.
    pub meaning: &'static str,
}

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// A text.
    Text,
    /// Three capital letters.
    CurrencyCode,
    /// True or false.
    Flag,
    /// False.
    False,
    /// A number.
    Number,
    /// A whole number from one to another.
    Whole(usize, usize),
    /// One of several words.
    Word(fn() -> Vec<&'static str>),
    /// A Salesforce field.
    Path,
    /// A text, a number, true or false.
    Constant,
    /// A path, or a table that says where a value comes from.
    Value,
    /// What must hold of a row.
    Condition,
    /// The same with a sentence.
    Guard,
    /// The same with what happens where it does not hold.
    Readiness,
    /// A sentence with its condition.
    Remark,
    /// The same about rows.
    RowRemark,
    /// A table with these keys, and those of them that it must have.
    Table(&'static [Key], &'static [&'static str]),
    /// A table whose names are the file's own.
    Named(&'static Form),
    /// One or more.
    List(&'static Form),
    /// One, or a list of them.
    OneOrMore(&'static Form),
    /// A list of two.
    Pair,
    /// A list that its place says more about.
    Entries,
    /// One of several forms.
    AnyOf(&'static [Form]),
}

/// One row of a table of keys.
pub(super) const fn key(name: &'static str, form: Form, meaning: &'static str) -> Key {
    Key { name, form, meaning }
}

/// The names of keys.
pub(super) fn names<'k>(keys: impl IntoIterator<Item = &'k Key>) -> Vec<&'static str> {
    keys.into_iter().map(|key| key.name).collect()
}

/// The words of a choice.
pub(super) fn words<T>(choices: &[(&'static str, T)]) -> Vec<&'static str> {
    choices.iter().map(|(word, _)| *word).collect()
}
