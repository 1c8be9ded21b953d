//! `warn`: a sentence in quotes, or a table with its condition.

use toml::de::{DeTable, DeValue};

use super::parser::{Parser, Place, Value, dotted, find};
use crate::domain::warning::Attention;
use crate::mapping::fault::hint_for;
use crate::mapping::language::{FieldRef, Rate, Remark, RowRemark};

pub(super) const KEYS: [&str; 3] = ["message", "attention", "when"];
pub(super) const RATES_KEY: &str = "unless_equal";
const HOW: &str = "a sentence in quotes, or `{ message = \"…\", when = … }`";

impl Parser<'_> {
    /// The sentence beside a value.
    pub(super) fn remark(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Remark> {
        match value.get_ref() {
            DeValue::String(message) => {
                Some(Remark { message: message.to_string(), attention: None, when: None })
            }
            DeValue::Table(table) => {
                self.check_keys(table, place.key, &KEYS);
                self.remark_in(table, value, place)
            }
            _ => self.fault(value, place.key, "`warn` takes a sentence", HOW),
        }
    }

    /// The sentences about the rows of a set: one, or a list.
    pub(super) fn row_remarks(&mut self, value: &Value<'_>, place: Place<'_>) -> Vec<RowRemark> {
        let remarks = self.one_or_more(value, place.key).iter();
        remarks.filter_map(|value| self.row_remark(value, place)).collect()
    }

    fn row_remark(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<RowRemark> {
        let table = self.table(value, place.key)?;
        self.check_keys(table, place.key, &[&KEYS[..], &[RATES_KEY]].concat());
        let remark = self.remark_in(table, value, place)?;
        let unless_equal = match find(table, RATES_KEY) {
            Some(rates) => {
                let key = dotted(place.key, RATES_KEY);
                Some(self.rates(rates, Place { key: &key, ..place })?)
            }
            None => None,
        };
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
        let when = match find(table, "when") {
            Some(when) => {
                let key = dotted(place.key, "when");
                Some(self.condition(when, Place { key: &key, ..place })?)
            }
            None => None,
        };
        let attention = match find(table, "attention") {
            Some(code) => Some(self.attention(code, &dotted(place.key, "attention"))?),
            None => None,
        };
        Some(Remark { message: message?.to_owned(), attention, when })
    }

    fn attention(&mut self, value: &Value<'_>, key: &str) -> Option<Attention> {
        let code = value.get_ref().as_str().unwrap_or_default();
        code.parse().ok().or_else(|| {
            let hint = hint_for(code, &Attention::codes());
            self.fault(value, key, format!("`{code}` is not a code of `attention`"), hint)
        })
    }

    /// Two fields, each with the one that says how much it is for.
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
        let per = match find(table, "per") {
            Some(per) => Some(self.field_ref(per, Place { key: &dotted(key, "per"), ..place })?),
            None => None,
        };
        let so = |field: FieldRef| FieldRef { optional: field.optional || optional, ..field };
        Some(Rate { number: so(number), per: per.map(so) })
    }
}
