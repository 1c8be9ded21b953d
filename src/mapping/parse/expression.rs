//! The value of one key: a path, or a table that says where the value comes from and what is done
//! to it. What a term is worth for a row is in `mapping::term`.

use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::key::{Form, Key, key, names, words};
use super::layers::OBJECT_TABLES;
use super::parser::{MAX_PARTS, Parser, Place, To, Value, find, is_on, is_path, number};
use super::steps::STEP_KEYS;
use crate::domain::catalog::CatalogKind;
use crate::domain::entity::EntityKind;
use crate::domain::field::{FieldSpec, FieldType};
use crate::domain::money::{NoDecimal, read_decimal};
use crate::domain::text::trimmed;
use crate::mapping::convert::constant_problem;
use crate::mapping::language::{Constant, FieldRef, ROOT};
use crate::mapping::structure::parts_of;
use crate::mapping::term::{Expression, Extreme, Lookup, Term, UnitPrice};

/// The keys that say where a value comes from; a table has exactly one.
pub const SOURCES: [Key; 16] = [
    key("field", Form::Text, "A Salesforce field by its API name; dots lead to parents."),
    key("value", Form::Constant, "A constant: a text, a number, true or false."),
    key("first", Form::List(&Form::Value), "The first of these that is not blank."),
    key("concat", Form::List(&Form::Value), "Texts that are joined."),
    key("earliest", Form::List(&Form::Value), "The earliest of these dates."),
    key("latest", Form::List(&Form::Value), "The latest of these dates."),
    key(
        "lookup",
        Form::Word(|| CatalogKind::ALL.map(CatalogKind::word).into()),
        "The ID of the m3ter object with the code beside it.",
    ),
    key("this", Form::Word(|| words(&OBJECT_TABLES)), "The ID of an object of this sync."),
    key("same_as", Form::Text, "A value of another object of this sync: `contract.endDate`."),
    key("setting", Form::Word(|| vec!["currency"]), "A setting of the file: `currency`."),
    key(
        "templates",
        Form::Word(|| vec!["currency"]),
        "The one currency that all plan templates have: `currency`.",
    ),
    key("months", Form::Text, "A number of months, counted from the date that `after` names."),
    key("bands_text", Form::Text, "A text with a pricing band on each line."),
    key("unit_price", Form::Text, "A price per unit, as one band."),
    key("each", Form::Text, "An entry for each of these rows."),
    key("list", Form::Entries, "Entries that are written out."),
];
/// The keys that stand beside any source.
pub const BESIDE: [Key; 5] = [
    key("optional", Form::Flag, "The org need not have it."),
    ONCE,
    CLEAR,
    WHEN,
    key("default", Form::Constant, "The value if it is blank."),
];
pub(super) const ONCE: Key = key("once", Form::Flag, "Sent only when the object is created.");
pub(super) const CLEAR: Key = key("clear", Form::Flag, "A blank value clears m3ter's field.");
pub(super) const WHEN: Key = key("when", Form::Condition, "Blank where this does not hold.");
/// The keys that belong to one source.
pub const BELONGING: [(&str, &[Key]); 5] = [
    ("field", &[key("only_row_of", Form::Text, "The field of the only row of these rows.")]),
    (
        "lookup",
        &[
            key("code", Form::Value, "The code that is looked up."),
            key("by_product", Form::Flag, "Product rules go first."),
        ],
    ),
    (
        "concat",
        &[key(
            "separator",
            Form::Text,
            "What stands between the texts; without it, one blank part makes the whole blank.",
        )],
    ),
    ("months", &[key("after", Form::Text, "A date of the same object, such as `startDate`.")]),
    (
        "unit_price",
        &[key("discount_percent", Form::Value, "The field with a discount in percent.")],
    ),
];

impl Parser<'_> {
    /// A value, checked against the m3ter field that it feeds.
    pub(super) fn expression(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Expression> {
        match (value.get_ref(), place.spec.map(|spec| spec.field_type)) {
            (DeValue::String(_), _) => {
                let field = self.field_ref(value, place)?;
                self.no_structure(value, place)?;
                Some(Expression::plain(Term::Field(field)))
            }
            (DeValue::Table(table), Some(FieldType::Address)) => {
                Some(self.address(table, value, place))
            }
            (DeValue::Table(table), Some(FieldType::Segment | FieldType::CustomFields)) => {
                Some(self.named_values(table, value, place))
            }
            (DeValue::Table(table), _) => self.tabular(table, value, place),
            (other, _) => {
                let hint = "a field path in quotes, or a table such as `{ value = … }`";
                let message = format!("a {} is not allowed here", other.type_str());
                self.fault(value, place.key, message, hint)
            }
        }
    }

    fn tabular(
        &mut self,
        table: &DeTable<'_>,
        value: &Value<'_>,
        place: Place<'_>,
    ) -> Option<Expression> {
        let source = self.source(table, value, place.key)?;
        let belonging = BELONGING.iter().find(|(owner, _)| *owner == source);
        let parts = place.spec.filter(|_| source == "each").map_or(&[][..], parts_of);
        let belonging = belonging.map_or(&[][..], |(_, keys)| *keys);
        let known: Vec<&str> = [source]
            .into_iter()
            .chain(names(&BESIDE))
            .chain(names(&STEP_KEYS))
            .chain(names(belonging))
            .chain(parts.iter().map(|part| part.name))
            .collect();
        self.check_keys(table, place.key, &known);
        for flag in ["optional", "once", "clear"] {
            self.flag(table, place.key, flag);
        }
        let term = self.term(source, table, place);
        let when = find(table, "when").map(|value| self.condition(value, place));
        let default = find(table, "default").and_then(|value| self.constant(value, place));
        let steps = self.steps(table, place);
        let when = when.map_or(Some(None), |when| when.map(Some))?;
        Some(Expression { term: term?, when, steps, default })
    }

    fn source(
        &mut self,
        table: &DeTable<'_>,
        value: &Value<'_>,
        key: &str,
    ) -> Option<&'static str> {
        let all = names(&SOURCES);
        let sources: Vec<&str> =
            all.iter().copied().filter(|source| find(table, source).is_some()).collect();
        if let [source] = sources.as_slice() {
            return Some(source);
        }
        let known = names(&[&SOURCES[..], &BESIDE, &STEP_KEYS].concat());
        let is_known = |name: &str| known.contains(&name);
        if sources.is_empty() && !table.keys().all(|name| is_known(name.get_ref())) {
            self.check_keys(table, key, &known);
            return None;
        }
        let hint = format!("one of `{}`", all.join("`, `"));
        let message = format!("exactly one source is expected, found {}", sources.len());
        self.fault(value, key, message, hint)
    }

    fn term(&mut self, source: &str, table: &DeTable<'_>, place: Place<'_>) -> Option<Term> {
        let value = find(table, source)?;
        let key = place.key;
        if matches!(source, "bands_text" | "unit_price") {
            self.only_bands(source, value, place)?;
        } else if !matches!(source, "first" | "each" | "list") {
            self.no_structure(value, place)?;
        }
        match source {
            "field" => self.field(value, table, place),
            "value" => self.constant(value, place).map(Term::Constant),
            "first" => self.expressions(value, place).map(Term::First),
            "concat" => self.concat(value, table, place),
            "earliest" => self.extreme(Extreme::Earliest, source, value, place),
            "latest" => self.extreme(Extreme::Latest, source, value, place),
            "lookup" => self.lookup(value, table, place),
            "this" => self.this(value, place),
            "same_as" => self.same_as(value, place),
            "setting" => self.word(value, key, &[("currency", Term::CurrencySetting)]),
            "templates" => self.word(value, key, &[("currency", Term::TemplatesCurrency)]),
            "months" => self.months(value, table, place),
            "bands_text" => self.path(value, table, place).map(Term::BandsText),
            "each" => self.each(value, table, place),
            "list" => self.entries(value, place),
            _ => self.unit_price(value, table, place),
        }
    }

    fn only_bands(&mut self, source: &str, value: &Value<'_>, place: Place<'_>) -> Option<()> {
        if place.spec.is_none_or(|spec| spec.field_type == FieldType::PricingBands) {
            return Some(());
        }
        let message = format!("`{source}` makes pricing bands, which this field does not hold");
        self.fault(value, place.key, message, "use `field`")
    }

    /// The path of a source, beside which the table says whether the org need have the field.
    fn path(
        &mut self,
        value: &Value<'_>,
        table: &DeTable<'_>,
        place: Place<'_>,
    ) -> Option<FieldRef> {
        let field = self.field_ref(value, place)?;
        Some(FieldRef { optional: is_on(table, "optional"), ..field })
    }

    fn field(&mut self, value: &Value<'_>, table: &DeTable<'_>, place: Place<'_>) -> Option<Term> {
        let Some(below) = find(table, "only_row_of") else {
            return self.path(value, table, place).map(Term::Field);
        };
        let below = self.set_below(below, place)?;
        let field = self.path(value, table, Place { set: below.set, ..place })?;
        Some(Term::OnlyRow(below, field))
    }

    fn expressions(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Vec<Expression>> {
        self.all(value, place.key, |parser, item| parser.expression(item, place))
    }

    fn concat(&mut self, value: &Value<'_>, table: &DeTable<'_>, place: Place<'_>) -> Option<Term> {
        let separator = find(table, "separator");
        let text = separator.and_then(|separator| separator.get_ref().as_str());
        if let (Some(separator), None) = (separator, text) {
            self.note(separator, place.key, "`separator` takes a text", "put it in quotes");
        }
        let parts = self.expressions(value, place.inside())?;
        Some(Term::Concat(parts, text.map(ToOwned::to_owned)))
    }

    fn extreme(
        &mut self,
        which: Extreme,
        source: &str,
        value: &Value<'_>,
        place: Place<'_>,
    ) -> Option<Term> {
        if !place.spec.is_none_or(|spec| spec.field_type.is_date()) {
            let message = format!("`{source}` gives a date, which this field does not hold");
            return self.fault(value, place.key, message, "use `first`");
        }
        self.expressions(value, place).map(|dates| Term::Extreme(which, dates))
    }

    fn lookup(&mut self, value: &Value<'_>, table: &DeTable<'_>, place: Place<'_>) -> Option<Term> {
        let key = place.key;
        let known = CatalogKind::ALL.map(|catalog_kind| (catalog_kind.word(), catalog_kind));
        let catalog_kind = self.word(value, key, &known)?;
        if let Some(spec) = place.spec
            && !CatalogKind::of_field(spec.name).contains(&catalog_kind)
        {
            let message =
                format!("`{}` does not hold the ID of a {}", spec.name, catalog_kind.noun());
            return self.fault(value, key, message, hint_to_look_up(spec));
        }
        let by_product = self.flag(table, key, "by_product");
        if by_product && catalog_kind != CatalogKind::PlanTemplate {
            let hint = "use `lookup = \"plan_template\"` beside `by_product`";
            self.note(value, key, "product rules choose plan templates", hint);
        }
        let Some(code) = find(table, "code") else {
            let hint = "`code = \"Product2.ProductCode\"`, for example";
            return self.fault(value, key, "`lookup` needs a `code` beside it", hint);
        };
        let parsed = self.expression(code, place.inside())?;
        for named in parsed.constants() {
            if !catalog_kind.allows(trimmed(named)) {
                let message = format!(
                    "m3ter cannot have any {} with the code `{named}`",
                    catalog_kind.noun()
                );
                self.note(code, key, message, format!("it {}", catalog_kind.code_rule()));
            }
        }
        if by_product && catalog_kind == CatalogKind::PlanTemplate {
            self.refer(To::ProductRule, place.set);
        }
        let slot = self.sets[place.set].slot(place.set);
        Some(Term::Lookup(Lookup { catalog_kind, by_product, code: Box::new(parsed), slot }))
    }

    fn this(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Term> {
        let kind = self.word(value, place.key, &OBJECT_TABLES)?;
        let fits = place.spec.is_none_or(|spec| EntityKind::of_field(spec.name) == Some(kind));
        if !fits {
            let message = format!("this field does not hold the ID of a {kind} of this sync");
            let hint = "name the object that the field refers to";
            return self.fault(value, place.key, message, hint);
        }
        Some(Term::This(kind, self.refer(To::Object(kind), place.set)))
    }

    fn same_as(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Term> {
        let named = value.get_ref().as_str().and_then(|text| text.split_once('.'));
        let named = named.and_then(|(object, field)| {
            let (_, kind) = OBJECT_TABLES.iter().find(|(name, _)| *name == object)?;
            Some((*kind, kind.field(field)?.name))
        });
        let Some((kind, field)) = named else {
            let message = "`same_as` names a field of another object";
            return self.fault(value, place.key, message, "such as `contract.endDate`");
        };
        Some(Term::SameAs(kind, field, self.refer(To::Field(kind, field), place.set)))
    }

    fn months(&mut self, value: &Value<'_>, table: &DeTable<'_>, place: Place<'_>) -> Option<Term> {
        let field = self.path(value, table, place)?;
        let after = find(table, "after").and_then(|after| after.get_ref().as_str());
        let after = EntityKind::Contract.field(after.unwrap_or("startDate"));
        let Some(after) = after.filter(|spec| spec.field_type == FieldType::Date) else {
            let message = "`after` names a date of the same object";
            return self.fault(value, place.key, message, "use `startDate`");
        };
        let link = self.refer(To::Own(after.name), place.set);
        Some(Term::MonthsAfter(field, after.name, link))
    }

    fn unit_price(
        &mut self,
        value: &Value<'_>,
        table: &DeTable<'_>,
        place: Place<'_>,
    ) -> Option<Term> {
        let price = self.path(value, table, place)?;
        let discount = match find(table, "discount_percent") {
            // A discount that the org does not have or show is none.
            Some(discount) => Some(FieldRef { optional: true, ..self.field_ref(discount, place)? }),
            None => None,
        };
        let undiscounted = Arc::clone(&self.undiscounted);
        if discount.is_none() {
            undiscounted.get_or_init(|| Arc::clone(&price.name));
        }
        Some(Term::UnitPrice(Box::new(UnitPrice { price, discount, undiscounted })))
    }

    pub(super) fn constant(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<Constant> {
        let constant = match value.get_ref() {
            DeValue::String(text) => Some(Constant::Text(text.to_string())),
            DeValue::Boolean(boolean) => Some(Constant::Boolean(*boolean)),
            _ => number(value).map(Constant::Number),
        };
        let problem = match (&constant, place.spec) {
            (None, _) => Some(no_constant(value)),
            (Some(constant), Some(spec)) => constant_problem(constant, spec),
            (Some(_), None) => None,
        };
        match problem {
            None => constant,
            Some(problem) => {
                let hint = "write a constant that m3ter's field takes: a text in quotes, a number or true and false without";
                self.fault(value, place.key, problem, hint)
            }
        }
    }

    /// A path, or `{ field = "…", optional = true }`. A row's path through its parent becomes one
    /// of the parent.
    pub(super) fn field_ref(&mut self, value: &Value<'_>, place: Place<'_>) -> Option<FieldRef> {
        let (text, optional) = match value.get_ref() {
            DeValue::Table(table) => {
                self.check_keys(table, place.key, &["field", "optional"]);
                let optional = self.flag(table, place.key, "optional");
                (find(table, "field").and_then(|field| field.get_ref().as_str()), optional)
            }
            value => (value.as_str(), false),
        };
        let Some(mut path) = text.filter(|text| is_path(text)) else {
            let hint = "an API name, with parents by dots, such as `Account.Name`";
            return self.fault(value, place.key, "this is not a field path", hint);
        };
        let mut from = place.set;
        while from != ROOT
            && let Some(parent) = &self.sets[from].parent
            && let Some((first, rest)) = path.split_once('.')
            && first.eq_ignore_ascii_case(parent)
        {
            path = rest;
            from = self.sets[from].of;
        }
        let path = self.path_above(path);
        let line = self.line(value);
        Some(FieldRef { optional, ..FieldRef::new(from, &self.sets[from].sobject, path, line) })
    }

    /// The path of the same field of a parent, where a parent's table is parsed.
    fn path_above(&mut self, path: &str) -> String {
        let Some(above) = &mut self.above else { return path.to_owned() };
        let of_account = match above.account.as_str() {
            "" => Some(path),
            account => path.strip_prefix(account).and_then(|rest| rest.strip_prefix('.')),
        };
        let path = of_account.map_or_else(|| path.to_owned(), |rest| above.path(above.level, rest));
        if path.split('.').count() > MAX_PARTS {
            above.too_long = Some(path.clone());
        }
        path
    }
}

/// Why a value of a file is none that a mapping keeps.
fn no_constant(value: &Value<'_>) -> String {
    let unkept = match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str()),
        DeValue::Float(number) => Some(number.as_str()),
        _ => None,
    };
    match unkept.map(|number| (number, read_decimal(number))) {
        Some((number, Err(why @ (NoDecimal::TooSmall | NoDecimal::TooLarge)))) => {
            format!("{number} {why}")
        }
        Some((number, Ok(_))) => format!("{number} has more digits than can be kept exactly"),
        _ => "a text, a number or a boolean is expected".to_owned(),
    }
}

fn hint_to_look_up(spec: &FieldSpec) -> String {
    let fits = CatalogKind::of_field(spec.name).iter().map(|fit| format!("`{}`", fit.word()));
    let fits: Vec<String> = fits.collect();
    if fits.is_empty() {
        return format!("`{}` takes no ID by code; use `field` or `value`", spec.name);
    }
    format!("use {}", fits.join(" or "))
}
