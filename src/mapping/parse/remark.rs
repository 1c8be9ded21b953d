//! `warn`: a sentence in quotes, or a table with its condition.

use toml::de::DeValue;

use super::key::{Form, Key, key, names};
use super::parser::{Node, Parser};
use crate::domain::rows::FieldRef;
use crate::domain::text::hint_for;
use crate::domain::warning::Attention;
use crate::mapping::language::{Rate, Remark, RowRemark};

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

impl Parser {
    pub(super) fn remark(&mut self, value: Node<'_>) -> Option<Remark> {
        match value.is() {
            DeValue::String(message) => {
                Some(Remark { message: message.to_string(), attention: None, when: None })
            }
            DeValue::Table(_) => {
                self.check_keys(value, &names(&REMARK_KEYS));
                self.remark_in(value)
            }
            _ => self.fault(value, "`warn` takes a sentence", HOW),
        }
    }

    /// The sentence about the rows of a set.
    pub(super) fn row_remark(&mut self, value: Node<'_>) -> Option<RowRemark> {
        self.table_of(value, &names(&ROW_REMARK_KEYS))?;
        let remark = self.remark_in(value)?;
        let unless_equal = self.optional(value, RATES_KEY, Self::rates).ok()?;
        Some(RowRemark { remark, unless_equal, place: self.place(value) })
    }

    fn remark_in(&mut self, table: Node<'_>) -> Option<Remark> {
        let message = table.text_of("message");
        if message.is_none() {
            self.note(table, "a warning has a `message`", HOW);
        }
        let when = self.optional(table, "when", Self::condition).ok()?;
        let attention = self.optional(table, "attention", Self::attention).ok()?;
        Some(Remark { message: message?.to_owned(), attention, when })
    }

    fn attention(&mut self, value: Node<'_>) -> Option<Attention> {
        let code = value.text().unwrap_or_default();
        code.parse().ok().or_else(|| {
            let hint = hint_for(code, &Attention::codes());
            self.fault(value, format!("`{code}` is not a code of `attention`"), hint)
        })
    }

    fn rates(&mut self, value: Node<'_>) -> Option<[Rate; 2]> {
        let items = value.items();
        if items.len() != 2 {
            let hint = "such as `[{ field = \"Price__c\", per = \"Months__c\" }, { field = \"Old_Price__c\", per = \"Old_Months__c\" }]`";
            return self.fault(value, "two values are compared", hint);
        }
        let rates: Vec<Rate> = items.into_iter().filter_map(|item| self.rate(item)).collect();
        rates.try_into().ok()
    }

    fn rate(&mut self, value: Node<'_>) -> Option<Rate> {
        if value.is().is_str() {
            return self.field_ref(value).map(|number| Rate { number, per: None });
        }
        self.table_of(value, &["field", "optional", "per"])?;
        let optional = self.flag(value, "optional");
        let Some(number) = value.get("field") else {
            let message = "a value that is compared names a `field`";
            return self.fault(value, message, "add `field = \"…\"`");
        };
        let number = self.field_ref(number)?;
        let per = self.optional(value, "per", Self::field_ref).ok()?;
        let so = |field: FieldRef| FieldRef { optional: field.optional || optional, ..field };
        Some(Rate { number: so(number), per: per.map(so) })
    }
}
