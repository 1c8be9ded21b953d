//! `warn`: a sentence in quotes, or a table with its condition.

use toml::de::{DeTable, DeValue};

use super::{Parser, Value, dotted, find};
use crate::domain::warning::Attention;
use crate::mapping::fault::hint_for;
use crate::mapping::language::{FieldRef, SetId};
use crate::mapping::remark::{Rate, Remark, RowRemark};

const KEYS: [&str; 3] = ["message", "attention", "when"];
const RATES_KEY: &str = "unless_equal";
const HOW: &str = "a sentence in quotes, or `{ message = \"…\", when = … }`";

impl Parser<'_> {
    /// The sentence beside a value.
    pub(super) fn remark(&mut self, value: &Value<'_>, key: &str, set: SetId) -> Option<Remark> {
        match value.get_ref() {
            DeValue::String(message) => {
                Some(Remark { message: message.to_string(), attention: None, when: None })
            }
            DeValue::Table(table) => {
                self.check_keys(table, key, &KEYS);
                self.remark_in(table, value, key, set)
            }
            _ => {
                self.fault(&value.span(), key, "`warn` takes a sentence", HOW);
                None
            }
        }
    }

    /// The sentences about the rows of a set: one, or a list.
    pub(super) fn row_remarks(
        &mut self,
        value: &Value<'_>,
        key: &str,
        set: SetId,
    ) -> Vec<RowRemark> {
        let one = std::slice::from_ref(value);
        let values = if value.get_ref().is_array() { self.list(value, key) } else { one };
        values.iter().filter_map(|value| self.row_remark(value, key, set)).collect()
    }

    fn row_remark(&mut self, value: &Value<'_>, key: &str, set: SetId) -> Option<RowRemark> {
        let table = self.table(value, key)?;
        self.check_keys(table, key, &[&KEYS[..], &[RATES_KEY]].concat());
        let remark = self.remark_in(table, value, key, set)?;
        let unless_equal = match find(table, RATES_KEY) {
            Some(rates) => Some(self.rates(rates, &dotted(key, RATES_KEY), set)?),
            None => None,
        };
        Some(RowRemark { remark, unless_equal, line: self.line(&value.span()) })
    }

    fn remark_in(
        &mut self,
        table: &DeTable<'_>,
        value: &Value<'_>,
        key: &str,
        set: SetId,
    ) -> Option<Remark> {
        let message = find(table, "message")
            .and_then(|message| message.get_ref().as_str())
            .map(ToOwned::to_owned);
        if message.is_none() {
            self.fault(&value.span(), key, "a warning has a `message`", HOW);
        }
        let when = match find(table, "when") {
            Some(when) => Some(self.condition(when, &dotted(key, "when"), set)?),
            None => None,
        };
        let attention = match find(table, "attention") {
            Some(code) => Some(self.attention(code, &dotted(key, "attention"))?),
            None => None,
        };
        Some(Remark { message: message?, attention, when })
    }

    fn attention(&mut self, value: &Value<'_>, key: &str) -> Option<Attention> {
        let code = value.get_ref().as_str().unwrap_or_default();
        let attention = code.parse().ok();
        if attention.is_none() {
            let hint = hint_for(code, &Attention::codes());
            self.fault(&value.span(), key, format!("`{code}` is not a code of `attention`"), hint);
        }
        attention
    }

    /// Two fields, each with the one that says how much it is for.
    fn rates(&mut self, value: &Value<'_>, key: &str, set: SetId) -> Option<[Rate; 2]> {
        let items = value.get_ref().as_array().map_or(&[][..], |items| items);
        if items.len() != 2 {
            let hint = "such as `[{ field = \"Price__c\", per = \"Months__c\" }, { field = \"Old_Price__c\", per = \"Old_Months__c\" }]`";
            self.fault(&value.span(), key, "two values are compared", hint);
            return None;
        }
        let rates: Vec<Rate> = items.iter().filter_map(|item| self.rate(item, key, set)).collect();
        rates.try_into().ok()
    }

    fn rate(&mut self, value: &Value<'_>, key: &str, set: SetId) -> Option<Rate> {
        if value.get_ref().is_str() {
            return self.field_ref(value, key, set).map(|number| Rate { number, per: None });
        }
        let table = self.table(value, key)?;
        self.check_keys(table, key, &["field", "optional", "per"]);
        let optional = self.flag(table, key, "optional");
        let Some(number) = find(table, "field") else {
            self.fault(
                &value.span(),
                key,
                "a value that is compared names a `field`",
                "add `field = \"…\"`",
            );
            return None;
        };
        let number = self.field_ref(number, key, set)?;
        let per = match find(table, "per") {
            Some(per) => Some(self.field_ref(per, &dotted(key, "per"), set)?),
            None => None,
        };
        let so = |field: FieldRef| FieldRef { optional: field.optional || optional, ..field };
        Some(Rate { number: so(number), per: per.map(so) })
    }
}
