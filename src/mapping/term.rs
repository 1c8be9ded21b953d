//! Where a value comes from: each term with its fields, how people read it, and its value for a row.
//! How it is written is in `parse::expression`.

mod expression;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use jiff::civil::Date;
use strum::Display;

use super::evaluated::{Evaluated, Outcome};
use super::language::Slot;
use super::lookup::look_up;
use super::named::Named;
use super::row::Row;
use super::steps::Step;
use crate::domain::address::address;
use crate::domain::bands::bands_in_text;
use crate::domain::catalog::CatalogKind;
use crate::domain::condition::{Condition, Constant};
use crate::domain::conversion::{Raw, text};
use crate::domain::dates::EndExclusive;
use crate::domain::entity::{EntityKind, ObjectKey};
use crate::domain::entries::{Entry, list_of};
use crate::domain::field::{FieldSpec, UPPER_LIMIT};
use crate::domain::finding::{Finding, FindingCode};
use crate::domain::money::{count, decimal_in_json};
use crate::domain::personal;
use crate::domain::rows::{FieldRef, ROOT, SetId};
use crate::domain::source::Source;
use crate::domain::text::is_blank;
use crate::domain::value::Value;
use crate::domain::warning::Warning;

/// An expression with what is done to its value.
#[derive(Debug, Clone)]
pub(super) struct Expression {
    pub(super) term: Term,
    pub(super) when: Option<Condition>,
    pub(super) steps: Vec<Step>,
    /// Where all that gave nothing.
    pub(super) default: Option<Constant>,
}

#[derive(Debug, Clone)]
pub(super) enum Term {
    Field(FieldRef),
    /// The field of the only row of a set below this row.
    OnlyRow(SetName, FieldRef),
    Constant(Constant),
    First(Vec<Expression>),
    Concat(Vec<Expression>, Option<String>),
    Extreme(Extreme, Vec<Expression>),
    /// A code that becomes an id.
    Lookup(Lookup),
    This(EntityKind, LinkId),
    /// The Account of the same sync whose Salesforce id a field holds.
    AccountAt(FieldRef),
    /// The value of another object's field, from the same record or row.
    SameAs(EntityKind, &'static str, LinkId),
    CurrencySetting,
    /// The one currency that the plan templates of all lines share.
    TemplatesCurrency,
    /// So many months after another field of the same object.
    MonthsAfter(FieldRef, &'static str, LinkId),
    /// Street lines and the other parts of an address.
    Address(Vec<(&'static str, Expression)>),
    Segment(Vec<NamedValue>),
    /// Values by names of the customer's own.
    CustomFields(Vec<NamedValue>, Replace),
    /// Bands, one on each line of a text.
    BandsText(FieldRef),
    UnitPrice(Box<UnitPrice>),
    /// A list of structures, one for each row of a set below this row.
    Each(&'static FieldSpec, SetName, Parts),
    /// A list of structures, each written out.
    List(&'static FieldSpec, Vec<Parts>),
}

/// The position of a reference among those of a mapping, by which it is found where it leads.
pub(super) type LinkId = usize;

/// Where the currency that all plan templates share is kept: with the root.
pub(super) const TEMPLATES: Slot = Slot { set: ROOT, index: 0 };

#[derive(Debug, Clone)]
pub(super) struct SetName {
    pub(super) set: SetId,
    pub(super) name: String,
}

/// A code that becomes an id; for a plan template, by the product rules first where the mapping
/// says so.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    pub(super) catalog_kind: CatalogKind,
    pub(super) by_product: bool,
    pub(super) code: Box<Expression>,
    /// Where the code is kept: it is what m3ter was asked for.
    pub(super) slot: Slot,
}

/// One band from a price, less a percentage.
#[derive(Debug, Clone)]
pub(super) struct UnitPrice {
    pub(super) price: FieldRef,
    pub(super) discount: Option<FieldRef>,
    /// The first field of the object's mapping that gives a price without a discount.
    pub(super) undiscounted: Arc<OnceLock<Arc<str>>>,
}

pub(super) type Parts = Vec<Part>;

/// A part of a structure, as m3ter describes it.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) spec: &'static FieldSpec,
    pub(super) expression: Expression,
}

#[derive(Debug, Clone)]
pub(super) struct NamedValue {
    pub(super) name: String,
    pub(super) expression: Expression,
    /// A blank source removes it.
    pub(super) clear: bool,
}

/// Whether names that a mapping does not have are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replace {
    All,
    Named,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Display)]
#[strum(serialize_all = "lowercase")]
pub(super) enum Extreme {
    Earliest,
    Latest,
}

impl Term {
    fn own_fields(&self) -> Vec<&FieldRef> {
        match self {
            Self::Field(field)
            | Self::OnlyRow(_, field)
            | Self::BandsText(field)
            | Self::AccountAt(field) => vec![field],
            _ => self.numbers(),
        }
    }

    /// Those of them that are computed with.
    pub(super) fn numbers(&self) -> Vec<&FieldRef> {
        match self {
            Self::MonthsAfter(field, ..) => vec![field],
            Self::UnitPrice(price) => {
                std::iter::once(&price.price).chain(&price.discount).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The expressions directly inside one that feeds `spec`, each with the m3ter field or part of
    /// a list that it feeds. What is looked up or put together is of another type than what it
    /// becomes.
    pub(super) fn inner<'e>(
        &'e self,
        spec: Option<&'e FieldSpec>,
    ) -> Vec<(&'e Expression, Option<&'e FieldSpec>)> {
        let part = |part: &'e Part| (&part.expression, Some(part.spec));
        match self {
            Self::First(inner) | Self::Extreme(_, inner) => {
                inner.iter().map(|inner| (inner, spec)).collect()
            }
            Self::Concat(inner, _) => inner.iter().map(|inner| (inner, None)).collect(),
            Self::Lookup(lookup) => vec![(&lookup.code, None)],
            Self::Address(parts) => parts.iter().map(|(_, inner)| (inner, None)).collect(),
            Self::Segment(values) | Self::CustomFields(values, _) => {
                values.iter().map(|value| (&value.expression, None)).collect()
            }
            Self::Each(.., parts) => parts.iter().map(part).collect(),
            Self::List(_, entries) => entries.iter().flatten().map(part).collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn render(&self) -> String {
        let all = |inner: &[Expression], between: &str| {
            inner.iter().map(Expression::render_with_steps).collect::<Vec<_>>().join(between)
        };
        match self {
            Self::Field(field) => field.render(),
            Self::OnlyRow(set, field) => {
                format!("{} of the only row of `{}`", field.render(), set.name)
            }
            Self::Constant(constant) => constant.render(),
            Self::First(inner) => format!("first of {}", all(inner, " | ")),
            Self::Concat(inner, _) => all(inner, " + "),
            Self::Extreme(which, inner) => format!("{which} of {}", all(inner, " | ")),
            Self::Lookup(Lookup { catalog_kind, by_product, code, .. }) => {
                let rules = if *by_product { "product rules, else " } else { "" };
                let what = catalog_kind.noun();
                format!("{rules}{what} with the code {}", code.render_with_steps())
            }
            Self::AccountAt(field) => format!("Account of {}", field.render()),
            Self::This(kind, _) => format!("{kind} of this sync"),
            Self::SameAs(kind, field, _) => format!("{kind}.{field}"),
            Self::CurrencySetting => "setting `currency`".to_owned(),
            Self::TemplatesCurrency => "the currency of the lines' plan templates".to_owned(),
            Self::MonthsAfter(field, after, _) => format!("{after} + {} months", field.render()),
            Self::Address(parts) => joined_parts(parts.iter().map(|(name, inner)| (*name, inner))),
            Self::Segment(values) | Self::CustomFields(values, _) => {
                joined_parts(values.iter().map(|value| (value.name.as_str(), &value.expression)))
            }
            Self::BandsText(field) => format!("bands in the text of {}", field.render()),
            Self::UnitPrice(price) => {
                let discount = price.discount.as_ref();
                let discount = discount.map(|discount| format!(" less {} %", discount.render()));
                format!("one band of {}{}", price.price.render(), discount.unwrap_or_default())
            }
            Self::Each(_, set, each) => {
                format!("for each row of `{}`: {}", set.name, render_parts(each))
            }
            Self::List(_, entries) => {
                let entry = |entry: &Parts| format!("({})", render_parts(entry));
                entries.iter().map(entry).collect::<Vec<_>>().join(", ")
            }
        }
    }
}

fn render_parts(parts: &Parts) -> String {
    joined_parts(parts.iter().map(|part| (part.spec.name, &part.expression)))
}

fn joined_parts<'e>(parts: impl Iterator<Item = (&'e str, &'e Expression)>) -> String {
    parts
        .map(|(name, expression)| format!("{name}: {}", expression.render_with_steps()))
        .collect::<Vec<_>>()
        .join("; ")
}

impl Term {
    pub(super) fn evaluate(&self, row: Row<'_>) -> Outcome {
        let field = |field| row.field(field).map(|json| Evaluated::of_field(field, json));
        match self {
            Self::Field(of) => Ok(field(of)),
            Self::OnlyRow(set, field) => only_row(row, set.set, field),
            Self::Constant(constant) => {
                Ok(Some(Evaluated::of_constant(constant, Source::Constant)))
            }
            Self::First(inner) => first(inner, row),
            Self::Concat(parts, separator) => concat(parts, separator.as_deref(), row),
            Self::Extreme(which, dates) => extreme(*which, dates, row),
            Self::Lookup(lookup) => match lookup.code(row)? {
                Some(code) => look_up(lookup.catalog_kind, lookup.by_product, code, row),
                None => Ok(None),
            },
            Self::This(_, link) | Self::SameAs(.., link) => row.linked(*link),
            Self::AccountAt(of) => Ok(row.id_in(of).map(|id| {
                let account = ObjectKey::only(EntityKind::Account, id);
                Evaluated::made_of(of, Value::Object(account))
            })),
            Self::CurrencySetting => Ok(row.around().currency.map(|currency| {
                Evaluated::typed(Value::Text(currency.to_owned()), Source::CurrencySetting)
            })),
            Self::TemplatesCurrency => row.finished(TEMPLATES),
            Self::MonthsAfter(months, _, link) => months_after(months, *link, row),
            Self::Address(parts) => put_together(parts, row),
            Self::Segment(values) => named(values, row)?.segment(),
            Self::CustomFields(values, replace) => {
                Ok(named(values, row)?.custom_fields(*replace == Replace::All))
            }
            Self::BandsText(of) => {
                let Some(json) = row.field(of) else { return Ok(None) };
                let bands = bands_in_text(&text(json), &of.name)?;
                Ok(Some(Evaluated::made_of(of, Value::PricingBands(bands))))
            }
            Self::UnitPrice(price) => price.evaluate(row),
            Self::Each(list, set, parts) => {
                entries(list, row.below(set.set).into_iter().map(|row| (row, parts)))
            }
            Self::List(list, all) => entries(list, all.iter().map(|parts| (row, parts))),
        }
    }
}

/// The field of the only row of a set; several rows do not say which one is meant.
fn only_row(row: Row<'_>, set: SetId, field: &FieldRef) -> Outcome {
    let rows = row.below(set);
    if let [first, second, ..] = rows.as_slice() {
        let id = |row: &Row<'_>| {
            row.own_record().id().map_or_else(|| "a row".to_owned(), |id| id.to_string())
        };
        let (sobject, first, second) = (&first.set().rows.sobject, id(first), id(second));
        return Err(Finding::new(
            FindingCode::SeveralRows,
            format!("There are several `{sobject}` ({first}, {second}), and one is expected"),
            "Keep one of them, or map each to an object of its own",
        ));
    }
    let value = rows.first().and_then(|row| row.field(field));
    Ok(value.map(|json| Evaluated::of_field(field, json)))
}

fn first(inner: &[Expression], row: Row<'_>) -> Outcome {
    for expression in inner {
        if let Some(found) = expression.evaluate(row)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn concat(parts: &[Expression], separator: Option<&str>, row: Row<'_>) -> Outcome {
    let (mut texts, mut sources, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        match part.evaluate(row)? {
            Some(found) => {
                texts.push(found.raw.text());
                warnings.extend(found.warnings);
                if found.source != Source::Constant {
                    found.source.add_to(&mut sources);
                }
            }
            // Without a separator the text has one form; a part that is missing would leave a
            // torso.
            None if separator.is_none() => return Ok(None),
            None => {}
        }
    }
    let text = texts.join(separator.unwrap_or_default());
    let source = Source::of_all(sources);
    Ok((!is_blank(&text)).then(|| Evaluated { raw: Raw::Json(text.into()), source, warnings }))
}

fn extreme(which: Extreme, dates: &[Expression], row: Row<'_>) -> Outcome {
    let mut chosen: Option<(Date, Evaluated)> = None;
    for expression in dates {
        let Some(found) = expression.evaluate(row)? else { continue };
        let date = found.date(row.time_zone())?;
        let is_better = chosen.as_ref().is_none_or(|(best, _)| match which {
            Extreme::Earliest => date < *best,
            Extreme::Latest => date > *best,
        });
        if is_better {
            chosen = Some((date, found));
        }
    }
    Ok(chosen.map(|(_, found)| found))
}

fn months_after(field: &FieldRef, start: LinkId, row: Row<'_>) -> Outcome {
    let Some(json) = row.field(field) else { return Ok(None) };
    let months = decimal_in_json(json).and_then(count);
    let months = months.filter(|months| (1..=1_200).contains(months)).ok_or_else(|| {
        let name = &field.name;
        let shown = personal::redacted(name, &text(json));
        Finding::new(
            FindingCode::ValueInvalid,
            format!("`{name}` is `{shown}`, which is not a term in months"),
            format!("Enter a whole number of months, 1 or more, in `{name}`"),
        )
    })?;
    let start = row.linked(start)?.and_then(|start| start.date(row.time_zone()).ok());
    let end = start.and_then(|start| EndExclusive::months_from(start, months));
    Ok(end.map(|EndExclusive(end)| Evaluated::made_of(field, Value::Date(end))))
}

fn put_together(parts: &[(&'static str, Expression)], row: Row<'_>) -> Outcome {
    let (mut street, mut others, mut source) = (None, Vec::new(), None);
    for (part, expression) in parts {
        let Some(found) = expression.evaluate(row)? else { continue };
        let text = found.raw.text();
        if *part == "street" {
            street = Some(text);
        } else {
            others.push((*part, text));
        }
        source.get_or_insert(found.source);
    }
    let Some(source) = source else { return Ok(None) };
    let (parts, warnings) = address(street.as_deref(), &others);
    Ok(Some(Evaluated { raw: Raw::Typed(Value::Address(parts)), source, warnings }))
}

fn entries<'p, 'r>(list: &FieldSpec, all: impl Iterator<Item = (Row<'r>, &'p Parts)>) -> Outcome {
    let (mut found, mut warnings, mut is_bounded) = (Vec::new(), Vec::new(), false);
    for (row, parts) in all {
        is_bounded |= parts.iter().any(|part| part.spec.name == UPPER_LIMIT);
        found.extend(entry(list, parts, row, &mut warnings)?);
    }
    let value = list_of(&found, list, is_bounded)?;
    let source = found.into_iter().next().map(|entry| entry.source);
    Ok(value.zip(source).map(|(value, source)| Evaluated {
        raw: Raw::Typed(value),
        source,
        warnings,
    }))
}

/// One entry; none where everything in it that could be filled is blank.
fn entry(
    list: &FieldSpec,
    parts: &Parts,
    row: Row<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<Option<Entry<Source>>, Finding> {
    let is_constant = |part: &Part| matches!(part.expression.term, Term::Constant(_));
    let (all_constant, mut constant_so_far) = (parts.iter().all(is_constant), true);
    let (mut values, mut source) = (BTreeMap::new(), None);
    let (mut is_filled, mut blank) = (false, None);
    for part in parts {
        constant_so_far &= is_constant(part);
        let Some(found) = part.expression.evaluate(row)? else {
            if part.spec.required {
                blank = Some(part);
            }
            continue;
        };
        is_filled |= all_constant || !is_constant(part);
        if constant_so_far || !is_constant(part) {
            source.get_or_insert_with(|| found.source.clone());
        }
        warnings.extend(found.warnings.iter().cloned());
        values.insert(part.spec.name, found.into_field(part.spec, row.time_zone())?);
    }
    match blank {
        _ if !is_filled => Ok(None),
        None => Ok(Some(Entry { values, source: source.unwrap_or(Source::Constant) })),
        Some(part) => {
            let fields = part.expression.names();
            Err(Finding::new(
                FindingCode::RequiredValueBlank,
                format!(
                    "An entry of `{}` has no `{}`: {fields} is blank",
                    list.name, part.spec.name
                ),
                format!("Fill in {fields}, or clear the whole entry"),
            ))
        }
    }
}

fn named(values: &[NamedValue], row: Row<'_>) -> Result<Named, Finding> {
    let mut named = Named::default();
    for NamedValue { name, expression, clear } in values {
        match expression.evaluate(row)? {
            Some(found) => named.add(name, found)?,
            None => named.leave_blank(name, *clear, || expression.names()),
        }
    }
    Ok(named)
}
