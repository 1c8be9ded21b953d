//! Sentences about rows and values: what somebody should know although nothing is wrong.
//!
//! `warn` beside a value is told where that value is used, `warn` of rows once for each row, also
//! for one that takes no part. Rows may compare two rates.

use super::condition::render_values;
use super::language::{Remark, RowRemark};
use super::row::Row;
use crate::domain::money::decimal_in_json;
use crate::domain::rate::{Rounded, Standing, compare};
use crate::domain::rows::FieldRef;
use crate::domain::warning::Warning;

impl Remark {
    /// The sentence, as long as it is to be told of a row.
    pub(super) fn describe(&self, row: Row<'_>) -> Option<Warning> {
        let is_told = self
            .when
            .as_ref()
            .is_none_or(|condition| row.holds_for_certain(|| condition.holds(row)));
        is_told.then(|| self.warning(self.message.clone()))
    }

    fn warning(&self, text: String) -> Warning {
        Warning { attention: self.attention, text }
    }
}

impl RowRemark {
    /// The sentence about a row, if there is one. What cannot be read is told of the objects that
    /// hang on it.
    pub(super) fn describe(&self, row: Row<'_>) -> Option<Warning> {
        row.observed(|| self.sentence(row)).0
    }

    fn sentence(&self, row: Row<'_>) -> Option<Warning> {
        let told = self.remark.describe(row)?;
        let (id, place, message) = (row.own_record().id()?, &self.place, &told.text);
        let Some(rates) = &self.unless_equal else {
            return Some(self.remark.warning(format!("{message} ({id}; {place})")));
        };
        let shown = render_values(self.rate_fields(), row);
        let [one, other] = rates.each_ref().map(|rate| {
            (rounded(&rate.number, row), rate.per.as_ref().and_then(|per| rounded(per, row)))
        });
        let unknown = match compare(one, other) {
            Standing::Equal => return None,
            Standing::Different => "",
            Standing::Unknown => "This may or may not apply: ",
        };
        Some(self.remark.warning(format!("{unknown}{message} ({id}: {shown}; {place})")))
    }
}

fn rounded(field: &FieldRef, row: Row<'_>) -> Option<Rounded> {
    let number = row.field(field).and_then(decimal_in_json)?;
    Some(Rounded::new(number, row.around().context.scales.of(field)))
}
