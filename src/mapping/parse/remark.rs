//! `warn`: a sentence in quotes, or a table with its condition.

use toml::de::{DeTable, DeValue};

use super::key::{Form, Key, key, names};
use super::parser::{Parser, Place, Value, find};
use crate::domain::warning::Attention;
use crate::mapping::fault::hint_for;
use crate::mapping::language::{FieldRef, Rate, Remark, RowRemark};

const MESSAGE: Key = key("message", Form::Text, "A sentence.");
const ATTENTION: Key = key(
    "attention",
    Form::Word(Attention::codes),
    "The code under which lists and metrics count the sentence.",
);
const WHEN: Key = key("when", Form::Condition, "Not told where this does not hold.");
/// What stands in a remark beside a value.
pub const REMARK_KEYS: [Key; 3] = [MESSAGE, ATTENTION, WHEN];
/// What stands in a remark about rows.
pub const ROW_REMARK_KEYS: [Key; 4] = [
    MESSAGE,
    ATTENTION,
    WHEN,
    key(RATES_KEY, Form::Pair, "Two rates; told only where they differ."),
];
const RATES_KEY: &str = "unless_equal";
const HOW: &str = "a sentence in quotes, or `{ message = \"…\", when = … }`";

impl Parser<'_> {
    pub(super) fn remark(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Remark> {
        match value.get_ref() {
            DeValue::String(message) => {
                Some(Remark { message: message.to_string(), attention: None, when: None })
            }
            DeValue::Table(table) => {
                self.check_keys(table, place.key, &names(&REMARK_KEYS));
                self.remark_in(table, value, place)
            }
            _ => self.fault(value, place.key, "`warn` takes a sentence", HOW),
        }
    }

    /// The sentence about the rows of a set.
    pub(super) fn row_remark(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<RowRemark> {
        let table = self.table(value, place.key)?;
        self.check_keys(table, place.key, &names(&ROW_REMARK_KEYS));
        let remark = self.remark_in(table, value, place)?;
        let unless_equal = self.optional(table, RATES_KEY, place, Self::rates).ok()?;
        Some(RowRemark { remark, unless_equal, place: self.place(value) })
    }

    fn remark_in(
        &mut self,
        table: &DeTable<'_>,
        value: &Value<'_>,
        place: Place<'_>,
    ) -> Option<Remark> {
        let message = find(table, "message").and_then(|message| message.get_ref().as_str());
        if message.is_none() {
            self.note(value, place.key, "a warning has a `message`", HOW);
        }
        let when = self.optional(table, "when", place, Self::condition).ok()?;
        let attention = self.optional(table, "attention", place, Self::attention).ok()?;
        Some(Remark { message: message?.to_owned(), attention, when })
    }

    fn attention(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Attention> {
        let code = value.get_ref().as_str().unwrap_or_default();
        code.parse().ok().or_else(|| {
            let hint = hint_for(code, &Attention::codes());
            self.fault(value, place.key, format!("`{code}` is not a code of `attention`"), hint)
        })
    }

    fn rates(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<[Rate; 2]> {
        let items = value.get_ref().as_array().map_or(&[][..], |items| items);
        if items.len() != 2 {
            let hint = "such as `[{ field = \"Price__c\", per = \"Months__c\" }, { field = \"Old_Price__c\", per = \"Old_Months__c\" }]`";
            return self.fault(value, place.key, "two values are compared", hint);
        }
        let rates: Vec<Rate> = items.iter().filter_map(|item| self.rate(item, place)).collect();
        rates.try_into().ok()
    }

    fn rate(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Rate> {
        if value.get_ref().is_str() {
            return self.field_ref(value, place).map(|number| Rate { number, per: None });
        }
        let (table, key) = (self.table(value, place.key)?, place.key);
        self.check_keys(table, key, &["field", "optional", "per"]);
        let optional = self.flag(table, key, "optional");
        let Some(number) = find(table, "field") else {
            let message = "a value that is compared names a `field`";
            return self.fault(value, key, message, "add `field = \"…\"`");
        };
        let number = self.field_ref(number, place)?;
        let per = self.optional(table, "per", place, Self::field_ref).ok()?;
        let so = |field: FieldRef| FieldRef { optional: field.optional || optional, ..field };
        Some(Rate { number: so(number), per: per.map(so) })
    }
}
