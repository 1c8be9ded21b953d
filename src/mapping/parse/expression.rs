//! The value of one key: a path, or a table that says where the value comes from and what is done
//! to it.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{OBJECT_TABLES, Parser, Value, find, is_path};
use crate::domain::catalog::Catalogued;
use crate::domain::entity::EntityKind;
use crate::domain::field::{FieldSpec, FieldType};
use crate::domain::money::exact_decimal;
use crate::domain::text::trimmed;
use crate::mapping::fault::hint_for;
use crate::mapping::language::{Constant, Expression, Extreme, FieldRef, ROOT, SetId, Term};
use crate::mapping::org_values::constants;
use crate::mapping::parse::steps::STEP_KEYS;

/// The keys that say where a value comes from; a table has exactly one.
const SOURCES: [&str; 16] = [
    "field",
    "value",
    "first",
    "concat",
    "earliest",
    "latest",
    "lookup",
    "this",
    "same_as",
    "setting",
    "templates",
    "months",
    "bands_text",
    "unit_price",
    "each",
    "list",
];
/// The keys that stand beside any source.
const BESIDE: [&str; 5] = ["optional", "once", "clear", "when", "default"];
/// The keys that belong to one source.
const BELONGING: [(&str, &[&str]); 6] = [
    ("field", &["only_row_of"]),
    ("lookup", &["code", "by_product"]),
    ("concat", &["separator"]),
    ("months", &["after"]),
    ("unit_price", &["discount_percent"]),
    ("each", &[]),
];

impl Parser<'_> {
    /// A value, checked against the m3ter field that it feeds.
    pub(super) fn expression(
        &mut self,
        value: &Value<'_>,
        key: &str,
        set: SetId,
        spec: Option<&'static FieldSpec>,
    ) -> Option<Expression> {
        let field_type = spec.map(|spec| spec.field_type);
        match (value.get_ref(), field_type) {
            (DeValue::String(_), _) => {
                let field = self.field_ref(value, key, set)?;
                self.no_structure(value, key, spec)?;
                Some(Expression::plain(Term::Field(field)))
            }
            (DeValue::Table(table), Some(FieldType::Address)) => {
                Some(self.address(table, &value.span(), key, set))
            }
            (DeValue::Table(table), Some(FieldType::Segment | FieldType::CustomFields)) => {
                Some(self.named_values(table, &value.span(), key, set, spec))
            }
            (DeValue::Table(table), _) => self.tabular(table, &value.span(), key, set, spec),
            (other, _) => {
                let hint = "a field path in quotes, or a table such as `{ value = … }`";
                self.fault(
                    &value.span(),
                    key,
                    format!("a {} cannot stand here", other.type_str()),
                    hint,
                );
                None
            }
        }
    }

    fn tabular(
        &mut self,
        table: &DeTable<'_>,
        span: &Range<usize>,
        key: &str,
        set: SetId,
        spec: Option<&'static FieldSpec>,
    ) -> Option<Expression> {
        let sources: Vec<&str> =
            SOURCES.into_iter().filter(|source| find(table, source).is_some()).collect();
        let [source] = sources.as_slice() else {
            let known: Vec<&str> = SOURCES.into_iter().chain(BESIDE).chain(STEP_KEYS).collect();
            if sources.is_empty()
                && table.keys().any(|name| !known.contains(&name.get_ref().as_ref()))
            {
                self.check_keys(table, key, &known);
            } else {
                let hint =
                    format!("one of {}", SOURCES.map(|source| format!("`{source}`")).join(", "));
                self.fault(
                    span,
                    key,
                    format!("exactly one source is expected, there are {}", sources.len()),
                    hint,
                );
            }
            return None;
        };
        let belonging =
            BELONGING.iter().find(|(owner, _)| owner == source).map_or(&[][..], |(_, keys)| *keys);
        let parts = if *source == "each" { self.part_names(spec) } else { Vec::new() };
        let known: Vec<&str> = [source]
            .into_iter()
            .copied()
            .chain(BESIDE)
            .chain(STEP_KEYS)
            .chain(belonging.iter().copied())
            .chain(parts)
            .collect();
        self.check_keys(table, key, &known);
        for flag in ["optional", "once", "clear"] {
            self.flag(table, key, flag);
        }
        let value = find(table, source)?;
        let term = self.term(source, value, table, key, set, spec);
        let when = find(table, "when").map(|value| self.condition(value, key, set));
        let default = find(table, "default").map(|value| self.constant(value, key, spec));
        let steps = self.steps(table, key, set, spec);
        Some(Expression {
            term: term?,
            when: when.map_or(Some(None), |when| when.map(Some))?,
            steps,
            default: default.flatten(),
        })
    }

    fn term(
        &mut self,
        source: &str,
        value: &Value<'_>,
        table: &DeTable<'_>,
        key: &str,
        set: SetId,
        spec: Option<&'static FieldSpec>,
    ) -> Option<Term> {
        let optional =
            find(table, "optional").and_then(|value| value.get_ref().as_bool()) == Some(true);
        let path = |parser: &mut Self, value: &Value<'_>, set: SetId| {
            parser.field_ref(value, key, set).map(|field| FieldRef { optional, ..field })
        };
        match source {
            "bands_text" | "unit_price" => {
                if spec.is_some_and(|spec| spec.field_type != FieldType::PricingBands) {
                    self.fault(
                        &value.span(),
                        key,
                        format!("`{source}` makes pricing bands, which this field does not hold"),
                        "use `field`",
                    );
                    return None;
                }
            }
            "each" | "list" => return self.structure(source, value, table, key, set, spec),
            "first" => {}
            _ => self.no_structure(value, key, spec)?,
        }
        match source {
            "field" => match find(table, "only_row_of") {
                None => path(self, value, set).map(Term::Field),
                Some(below) => {
                    let below = self.set_below(below, key, set)?;
                    path(self, value, below).map(|field| Term::OnlyRow(below, field))
                }
            },
            "value" => self.constant(value, key, spec).map(Term::Constant),
            "first" => self.expressions(value, key, set, spec).map(Term::First),
            "concat" => {
                let separator = find(table, "separator")
                    .map(|value| (value.span(), value.get_ref().as_str().map(ToOwned::to_owned)));
                if let Some((span, None)) = &separator {
                    self.fault(span, key, "`separator` takes a text", "put it in quotes");
                }
                let parts = self.expressions(value, key, set, None)?;
                Some(Term::Concat(parts, separator.and_then(|(_, text)| text)))
            }
            "earliest" | "latest" => {
                if !spec.is_none_or(|spec| {
                    matches!(spec.field_type, FieldType::Date | FieldType::DateTime)
                }) {
                    self.fault(
                        &value.span(),
                        key,
                        format!("`{source}` gives a date, which this field does not hold"),
                        "use `first`",
                    );
                    return None;
                }
                let which = if source == "earliest" { Extreme::Earliest } else { Extreme::Latest };
                self.expressions(value, key, set, spec).map(|dates| Term::Extreme(which, dates))
            }
            "lookup" => self.lookup(value, table, key, set, spec),
            "this" => self.this(value, key, spec),
            "same_as" => self.same_as(value, key),
            "setting" => self.word(value, key, &[("currency", Term::CurrencySetting)]),
            "templates" => self.word(value, key, &[("currency", Term::TemplatesCurrency)]),
            "months" => {
                let field = path(self, value, set)?;
                let after = find(table, "after")
                    .and_then(|after| after.get_ref().as_str())
                    .unwrap_or("startDate");
                let Some(after) = EntityKind::Contract
                    .field(after)
                    .filter(|spec| spec.field_type == FieldType::Date)
                else {
                    self.fault(
                        &value.span(),
                        key,
                        "`after` names a date of the same object",
                        "use `startDate`",
                    );
                    return None;
                };
                Some(Term::MonthsAfter(field, after.name))
            }
            "bands_text" => path(self, value, set).map(Term::BandsText),
            _ => {
                let price = path(self, value, set)?;
                let discount = match find(table, "discount_percent") {
                    None => None,
                    // A discount that the org does not have or show is none.
                    Some(discount) => {
                        Some(FieldRef { optional: true, ..self.field_ref(discount, key, set)? })
                    }
                };
                Some(Term::UnitPrice(price, discount))
            }
        }
    }

    fn expressions(
        &mut self,
        value: &Value<'_>,
        key: &str,
        set: SetId,
        spec: Option<&'static FieldSpec>,
    ) -> Option<Vec<Expression>> {
        let items = self.list(value, key);
        let expressions: Vec<Expression> =
            items.iter().filter_map(|item| self.expression(item, key, set, spec)).collect();
        (!items.is_empty() && expressions.len() == items.len()).then_some(expressions)
    }

    fn lookup(
        &mut self,
        value: &Value<'_>,
        table: &DeTable<'_>,
        key: &str,
        set: SetId,
        spec: Option<&'static FieldSpec>,
    ) -> Option<Term> {
        let catalogued = self.word(
            value,
            key,
            &Catalogued::ALL.map(|catalogued| (catalogued.word(), catalogued)),
        )?;
        if let Some(spec) = spec {
            let fits = catalogued_in(spec.name);
            if !fits.contains(&catalogued) {
                let hint = match fits {
                    [] => format!("`{}` takes no id by code; use `field` or `value`", spec.name),
                    fits => format!(
                        "use {}",
                        fits.iter()
                            .map(|fit| format!("`{}`", fit.word()))
                            .collect::<Vec<_>>()
                            .join(" or ")
                    ),
                };
                self.fault(
                    &value.span(),
                    key,
                    format!("`{}` does not hold the id of a {}", spec.name, catalogued.noun()),
                    hint,
                );
                return None;
            }
        }
        let by_product = self.flag(table, key, "by_product");
        if by_product && catalogued != Catalogued::PlanTemplate {
            self.fault(
                &value.span(),
                key,
                "product rules choose plan templates",
                "use `lookup = \"plan_template\"` beside `by_product`",
            );
        }
        let Some(code) = find(table, "code") else {
            self.fault(
                &value.span(),
                key,
                "`lookup` needs a `code` beside it",
                "`code = \"Product2.ProductCode\"`, for example",
            );
            return None;
        };
        let parsed = self.expression(code, key, set, None)?;
        for named in
            constants(&parsed).into_iter().filter(|named| !catalogued.allows(trimmed(named)))
        {
            let (message, hint) = (
                format!("m3ter can have no {} with the code `{named}`", catalogued.noun()),
                catalogued.code_rule(),
            );
            self.fault(&code.span(), key, message, format!("it {hint}"));
        }
        Some(Term::Lookup { catalogued, by_product, code: Box::new(parsed) })
    }

    fn this(
        &mut self,
        value: &Value<'_>,
        key: &str,
        spec: Option<&'static FieldSpec>,
    ) -> Option<Term> {
        let kind = self.word(value, key, &OBJECT_TABLES)?;
        let fits = match spec.map(|spec| spec.name) {
            Some("accountId" | "parentAccountId") => kind == EntityKind::Account,
            Some("contractId") => kind == EntityKind::Contract,
            Some("planId" | "billingPlanId") => kind == EntityKind::Plan,
            Some(_) => false,
            None => true,
        };
        if !fits {
            self.fault(
                &value.span(),
                key,
                format!("this field does not hold the id of a {kind} of this sync"),
                "name the object that the field refers to",
            );
            return None;
        }
        Some(Term::This(kind))
    }

    fn same_as(&mut self, value: &Value<'_>, key: &str) -> Option<Term> {
        let named = value.get_ref().as_str().and_then(|text| text.split_once('.')).and_then(
            |(object, field)| {
                let (_, kind) = OBJECT_TABLES.iter().find(|(name, _)| *name == object)?;
                Some((*kind, kind.field(field)?.name))
            },
        );
        if named.is_none() {
            self.fault(
                &value.span(),
                key,
                "`same_as` names a field of another object",
                "such as `contract.endDate`",
            );
        }
        named.map(|(kind, field)| Term::SameAs(kind, field))
    }

    pub(super) fn word<T: Clone>(
        &mut self,
        value: &Value<'_>,
        key: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = value.get_ref().as_str().unwrap_or_default();
        let found =
            words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| meaning.clone());
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.fault(
                &value.span(),
                key,
                format!("`{text}` is not known here"),
                hint_for(text, &known),
            );
        }
        found
    }

    pub(super) fn constant(
        &mut self,
        value: &Value<'_>,
        key: &str,
        spec: Option<&'static FieldSpec>,
    ) -> Option<Constant> {
        let constant = match value.get_ref() {
            DeValue::String(text) => Some(Constant::Text(text.to_string())),
            DeValue::Integer(number) if number.radix() == 10 => {
                exact_decimal(number.as_str()).map(Constant::Number)
            }
            DeValue::Float(number) => exact_decimal(number.as_str()).map(Constant::Number),
            DeValue::Boolean(boolean) => Some(Constant::Boolean(*boolean)),
            _ => None,
        };
        let problem = match (&constant, spec) {
            (None, _) => Some("a text, a number or a boolean is expected".to_owned()),
            (Some(constant), Some(spec)) => {
                crate::mapping::convert::constant_problem(constant, spec)
            }
            (Some(_), None) => None,
        };
        if let Some(problem) = problem {
            self.fault(
                &value.span(),
                key,
                problem,
                "write a constant that m3ter's field takes: a text in quotes, a number or true and false without",
            );
            return None;
        }
        constant
    }

    /// A path, or `{ field = "…", optional = true }`. A row's path through its parent becomes one
    /// of the parent.
    pub(super) fn field_ref(
        &mut self,
        value: &Value<'_>,
        key: &str,
        set: SetId,
    ) -> Option<FieldRef> {
        let (text, optional) = match value.get_ref() {
            DeValue::Table(table) => {
                self.check_keys(table, key, &["field", "optional"]);
                let optional = self.flag(table, key, "optional");
                (
                    find(table, "field")
                        .and_then(|field| field.get_ref().as_str())
                        .map(ToOwned::to_owned),
                    optional,
                )
            }
            value => (value.as_str().map(ToOwned::to_owned), false),
        };
        let Some(mut path) = text.filter(|text| is_path(text)) else {
            self.fault(
                &value.span(),
                key,
                "this is not a field path",
                "an API name, with parents by dots, such as `Account.Name`",
            );
            return None;
        };
        let mut from = set;
        while from != ROOT
            && let Some(parent) = &self.sets[from].parent
            && let Some((first, rest)) = path.split_once('.')
            && first.eq_ignore_ascii_case(parent)
        {
            path = String::from(rest);
            from = self.sets[from].of;
        }
        Some(FieldRef { from, path, optional, line: self.line(&value.span()) })
    }
}

/// What the id in a field may be looked up in.
fn catalogued_in(field: &str) -> &'static [Catalogued] {
    match field {
        "planTemplateId" => &[Catalogued::PlanTemplate],
        "planId" | "billingPlanId" => &[Catalogued::Plan],
        "planGroupId" => &[Catalogued::PlanGroup],
        "aggregationId" => &[Catalogued::Aggregation],
        "compoundAggregationId" => &[Catalogued::CompoundAggregation],
        "billGroupingKeyId" => &[Catalogued::BillGroupingKey],
        "accountId" | "parentAccountId" => &[Catalogued::Account],
        "productIds" | "item" => &[Catalogued::Product],
        name if name.ends_with("ccountingProductId") => &[Catalogued::Product],
        _ => &[],
    }
}
