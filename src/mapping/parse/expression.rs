//! The value of one key: a path, or a table that says where the value comes from and what is done
//! to it. What a term is worth for a row is in `mapping::term`.

use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::key::{Form, Key, key, names, words};
use super::layers::OBJECT_TABLES;
use super::parser::{Node, Parser, To};
use super::steps::STEPS;
use crate::domain::catalog::CatalogKind;
use crate::domain::entity::EntityKind;
use crate::domain::field::{FieldSpec, FieldType};
use crate::domain::rows::{FieldRef, ROOT};
use crate::domain::text::trimmed;
use crate::mapping::term::{Expression, Extreme, Lookup, Term, UnitPrice};
use crate::soql::{MAX_PARTS, is_path};

/// A key that says where a value comes from.
pub struct Source {
    /// The key itself.
    pub key: Key,
    /// The keys that belong to this one.
    pub beside: &'static [Key],
    gives: Gives,
    parse: ParseSource,
}

/// From what stands under the key, and the table around it.
type ParseSource = fn(&mut Parser, Node<'_>, Node<'_>) -> Option<Term>;

/// Which fields of m3ter a source can feed.
enum Gives {
    /// Those that hold one value.
    Scalar,
    /// Pricing bands.
    Bands,
    /// What its parts can feed.
    AnyOf,
}

const fn source(
    name: &'static str,
    form: Form,
    meaning: &'static str,
    parse: ParseSource,
) -> Source {
    Source { key: key(name, form, meaning), beside: &[], gives: Gives::Scalar, parse }
}

/// All sources; a table has exactly one.
pub static SOURCES: [Source; 16] = [
    Source {
        beside: &[key("only_row_of", Form::Text, "The field of the only row of these rows.")],
        ..source(
            "field",
            Form::Text,
            "A Salesforce field by its API name; dots lead to parents.",
            Parser::field,
        )
    },
    source(
        "value",
        Form::Constant,
        "A constant: a text, a number, true or false.",
        |parser, value, _| parser.constant(value).map(Term::Constant),
    ),
    Source {
        gives: Gives::AnyOf,
        ..source("first", VALUES, "The first of these that is not blank.", |parser, value, _| {
            parser.expressions(value).map(Term::First)
        })
    },
    Source {
        beside: &[key(
            "separator",
            Form::Text,
            "What stands between the texts; without it, one blank part makes the whole blank.",
        )],
        ..source("concat", VALUES, "Texts that are joined.", Parser::concat)
    },
    source("earliest", VALUES, "The earliest of these dates.", |parser, value, _| {
        parser.extreme(Extreme::Earliest, value)
    }),
    source("latest", VALUES, "The latest of these dates.", |parser, value, _| {
        parser.extreme(Extreme::Latest, value)
    }),
    Source {
        beside: &[
            key("code", Form::Value, "The code that is looked up."),
            key("by_product", Form::Flag, "Product rules go first."),
        ],
        ..source(
            "lookup",
            Form::Word(|| CatalogKind::ALL.map(CatalogKind::word).into()),
            "The ID of the m3ter object with the code beside it.",
            Parser::lookup,
        )
    },
    source(
        "this",
        Form::Word(|| words(&OBJECT_TABLES)),
        "The ID of an object of this sync.",
        |parser, value, _| parser.this(value),
    ),
    source(
        "same_as",
        Form::Text,
        "A value of another object of this sync: `contract.endDate`.",
        |parser, value, _| parser.same_as(value),
    ),
    source("setting", CURRENCY, "A setting of the file: `currency`.", |parser, value, _| {
        parser.word(value, &[("currency", Term::CurrencySetting)])
    }),
    source(
        "templates",
        CURRENCY,
        "The one currency that all plan templates have: `currency`.",
        |parser, value, _| parser.word(value, &[("currency", Term::TemplatesCurrency)]),
    ),
    Source {
        beside: &[key("after", Form::Text, "A date of the same object, such as `startDate`.")],
        ..source(
            "months",
            Form::Text,
            "A number of months, counted from the date that `after` names.",
            Parser::months,
        )
    },
    Source {
        gives: Gives::Bands,
        ..source(
            "bands_text",
            Form::Text,
            "A text with a pricing band on each line.",
            |parser, value, table| parser.path(value, table).map(Term::BandsText),
        )
    },
    Source {
        beside: &[key("discount_percent", Form::Value, "The field with a discount in percent.")],
        gives: Gives::Bands,
        ..source("unit_price", Form::Text, "A price per unit, as one band.", Parser::unit_price)
    },
    Source {
        gives: Gives::AnyOf,
        ..source("each", Form::Text, "An entry for each of these rows.", Parser::each)
    },
    Source {
        gives: Gives::AnyOf,
        ..source("list", Form::Entries, "Entries that are written out.", |parser, value, _| {
            parser.entries(value)
        })
    },
];
const VALUES: Form = Form::List(&Form::Value);
const CURRENCY: Form = Form::Word(|| vec!["currency"]);
/// The keys that stand beside any source.
pub static BESIDE: [Key; 5] = [
    key("optional", Form::Flag, "The org need not have it."),
    ONCE,
    CLEAR,
    WHEN,
    key("default", Form::Constant, "The value if it is blank."),
];
pub(super) const ONCE: Key = key("once", Form::Flag, "Sent only when the object is created.");
pub(super) const CLEAR: Key = key("clear", Form::Flag, "A blank value clears m3ter's field.");
pub(super) const WHEN: Key = key("when", Form::Condition, "Blank where this does not hold.");

fn beside_any() -> impl Iterator<Item = &'static Key> {
    BESIDE.iter().chain(STEPS.iter().map(|step| &step.key))
}

impl Parser {
    /// A value, checked against the m3ter field that it feeds.
    pub(super) fn expression(&mut self, value: Node<'_>) -> Option<Expression> {
        match (value.is(), value.spec.map(|spec| spec.field_type)) {
            (DeValue::String(_), _) => {
                let field = self.field_ref(value)?;
                self.no_structure(value)?;
                Some(Expression::plain(Term::Field(field)))
            }
            (DeValue::Table(_), Some(FieldType::Address)) => Some(self.address(value)),
            (DeValue::Table(_), Some(FieldType::Segment | FieldType::CustomFields)) => {
                Some(self.named_values(value))
            }
            (DeValue::Table(_), _) => self.tabular(value),
            (other, _) => {
                let hint = "a field path in quotes, or a table such as `{ value = … }`";
                self.fault(value, format!("a {} is not allowed here", other.type_str()), hint)
            }
        }
    }

    fn tabular(&mut self, table: Node<'_>) -> Option<Expression> {
        let source = self.source(table)?;
        let parts =
            table.spec.filter(|_| source.key.name == "each").map_or(&[][..], FieldSpec::parts);
        let keys = [&source.key].into_iter().chain(beside_any()).chain(source.beside);
        let parts = parts.iter().map(|part| part.name);
        self.check_keys(table, &names(keys).into_iter().chain(parts).collect::<Vec<_>>());
        for flag in ["optional", "once", "clear"] {
            self.flag(table, flag);
        }
        let term = self.term(source, table);
        let when = table.get("when").map(|value| self.condition(value));
        let default = table.get("default").and_then(|value| self.constant(value));
        let steps = self.steps(table);
        let when = when.map_or(Some(None), |when| when.map(Some))?;
        Some(Expression { term: term?, when, steps, default })
    }

    fn source(&mut self, table: Node<'_>) -> Option<&'static Source> {
        let sources: Vec<&Source> =
            SOURCES.iter().filter(|source| table.get(source.key.name).is_some()).collect();
        if let [source] = sources.as_slice() {
            return Some(source);
        }
        let all = || SOURCES.iter().map(|source| &source.key);
        let known = names(all().chain(beside_any()));
        let mut written = table.table().into_iter().flat_map(DeTable::keys);
        if sources.is_empty() && !written.all(|name| known.contains(&name.get_ref().as_ref())) {
            self.check_keys(table, &known);
            return None;
        }
        let hint = format!("one of `{}`", names(all()).join("`, `"));
        self.fault(table, format!("exactly one source is expected, found {}", sources.len()), hint)
    }

    fn term(&mut self, source: &Source, table: Node<'_>) -> Option<Term> {
        let value = table.get(source.key.name)?;
        match source.gives {
            Gives::Scalar => self.no_structure(value)?,
            Gives::Bands => self.only_bands(source.key.name, value)?,
            Gives::AnyOf => {}
        }
        (source.parse)(self, value, table)
    }

    fn only_bands(&mut self, source: &str, value: Node<'_>) -> Option<()> {
        if value.spec.is_none_or(|spec| spec.field_type == FieldType::PricingBands) {
            return Some(());
        }
        let message = format!("`{source}` makes pricing bands, which this field does not hold");
        self.fault(value, message, "use `field`")
    }

    /// The path of a source, beside which the table says whether the org need have the field.
    fn path(&mut self, value: Node<'_>, table: Node<'_>) -> Option<FieldRef> {
        let field = self.field_ref(value)?;
        Some(FieldRef { optional: table.is_on("optional"), ..field })
    }

    fn field(&mut self, value: Node<'_>, table: Node<'_>) -> Option<Term> {
        let Some(below) = table.get("only_row_of") else {
            return self.path(value, table).map(Term::Field);
        };
        let below = self.set_below(below)?;
        let field = self.path(Node { set: below.set, ..value }, table)?;
        Some(Term::OnlyRow(below, field))
    }

    fn expressions(&mut self, value: Node<'_>) -> Option<Vec<Expression>> {
        self.all(value, Self::expression)
    }

    fn concat(&mut self, value: Node<'_>, table: Node<'_>) -> Option<Term> {
        let separator = table.text_of("separator");
        if let (Some(named), None) = (table.get("separator"), separator) {
            self.note(named, "`separator` takes a text", "put it in quotes");
        }
        let parts = self.expressions(value.inside())?;
        Some(Term::Concat(parts, separator.map(ToOwned::to_owned)))
    }

    fn extreme(&mut self, which: Extreme, value: Node<'_>) -> Option<Term> {
        if !value.spec.is_none_or(|spec| spec.field_type.is_date()) {
            let message = format!("`{which}` gives a date, which this field does not hold");
            return self.fault(value, message, "use `first`");
        }
        self.expressions(value).map(|dates| Term::Extreme(which, dates))
    }

    fn lookup(&mut self, value: Node<'_>, table: Node<'_>) -> Option<Term> {
        let known = CatalogKind::ALL.map(|catalog_kind| (catalog_kind.word(), catalog_kind));
        let catalog_kind = self.word(value, &known)?;
        let noun = catalog_kind.noun();
        if let Some(spec) = value.spec
            && !CatalogKind::of_field(spec.name).contains(&catalog_kind)
        {
            let message = format!("`{}` does not hold the ID of a {noun}", spec.name);
            return self.fault(value, message, hint_to_look_up(spec));
        }
        let by_product = self.flag(table, "by_product");
        if by_product && catalog_kind != CatalogKind::PlanTemplate {
            let hint = "use `lookup = \"plan_template\"` beside `by_product`";
            self.note(value, "product rules choose plan templates", hint);
        }
        let Some(code) = table.get("code") else {
            let hint = "`code = \"Product2.ProductCode\"`, for example";
            return self.fault(value, "`lookup` needs a `code` beside it", hint);
        };
        let parsed = self.expression(code.inside())?;
        for named in parsed.constants() {
            if !catalog_kind.allows(trimmed(named)) {
                let message = format!("m3ter cannot have any {noun} with the code `{named}`");
                self.note(code, message, format!("it {}", catalog_kind.code_rule()));
            }
        }
        if by_product && catalog_kind == CatalogKind::PlanTemplate {
            self.refer(To::ProductRule, value.set);
        }
        let slot = self.sets[value.set].slot(value.set);
        Some(Term::Lookup(Lookup { catalog_kind, by_product, code: Box::new(parsed), slot }))
    }

    fn this(&mut self, value: Node<'_>) -> Option<Term> {
        let kind = self.word(value, &OBJECT_TABLES)?;
        let fits = value.spec.is_none_or(|spec| EntityKind::of_field(spec.name) == Some(kind));
        if !fits {
            let message = format!("this field does not hold the ID of a {kind} of this sync");
            return self.fault(value, message, "name the object that the field refers to");
        }
        Some(Term::This(kind, self.refer(To::Object(kind), value.set)))
    }

    fn same_as(&mut self, value: Node<'_>) -> Option<Term> {
        let named = value.text().and_then(|text| text.split_once('.'));
        let named = named.and_then(|(object, field)| {
            let (_, kind) = OBJECT_TABLES.iter().find(|(name, _)| *name == object)?;
            Some((*kind, kind.field(field)?.name))
        });
        let Some((kind, field)) = named else {
            let message = "`same_as` names a field of another object";
            return self.fault(value, message, "such as `contract.endDate`");
        };
        Some(Term::SameAs(kind, field, self.refer(To::Field(kind, field), value.set)))
    }

    fn months(&mut self, value: Node<'_>, table: Node<'_>) -> Option<Term> {
        let field = self.path(value, table)?;
        let after = EntityKind::Contract.field(table.text_of("after").unwrap_or("startDate"));
        let Some(after) = after.filter(|spec| spec.field_type == FieldType::Date) else {
            let message = "`after` names a date of the same object";
            return self.fault(value, message, "use `startDate`");
        };
        let link = self.refer(To::Own(after.name), value.set);
        Some(Term::MonthsAfter(field, after.name, link))
    }

    fn unit_price(&mut self, value: Node<'_>, table: Node<'_>) -> Option<Term> {
        let price = self.path(value, table)?;
        let discount = match table.get("discount_percent") {
            // A discount that the org does not have or show is none.
            Some(discount) => Some(FieldRef { optional: true, ..self.field_ref(discount)? }),
            None => None,
        };
        let undiscounted = Arc::clone(&self.undiscounted);
        if discount.is_none() {
            undiscounted.get_or_init(|| Arc::clone(&price.name));
        }
        Some(Term::UnitPrice(Box::new(UnitPrice { price, discount, undiscounted })))
    }

    /// A path, or `{ field = "…", optional = true }`. A row's path through its parent becomes one
    /// of the parent.
    pub(super) fn field_ref(&mut self, value: Node<'_>) -> Option<FieldRef> {
        let (text, optional) = match value.is() {
            DeValue::Table(_) => {
                self.check_keys(value, &["field", "optional"]);
                (value.text_of("field"), self.flag(value, "optional"))
            }
            _ => (value.text(), false),
        };
        let Some(mut path) = text.filter(|text| is_path(text)) else {
            let hint = "an API name, with parents by dots, such as `Account.Name`";
            return self.fault(value, "this is not a field path", hint);
        };
        let mut from = value.set;
        while from != ROOT
            && let Some(parent) = &self.sets[from].rows.parent
            && let Some((first, rest)) = path.split_once('.')
            && first.eq_ignore_ascii_case(parent)
        {
            path = rest;
            from = self.sets[from].rows.of;
        }
        let path = self.path_above(path);
        let line = self.line(value.value);
        Some(FieldRef {
            optional,
            ..FieldRef::new(from, &self.sets[from].rows.sobject, path, line)
        })
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

fn hint_to_look_up(spec: &FieldSpec) -> String {
    let fits = CatalogKind::of_field(spec.name).iter().map(|fit| format!("`{}`", fit.word()));
    let fits: Vec<String> = fits.collect();
    if fits.is_empty() {
        return format!("`{}` takes no ID by code; use `field` or `value`", spec.name);
    }
    format!("use {}", fits.join(" or "))
}
