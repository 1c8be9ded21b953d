//! What a record comes to without m3ter and without an org, as a document that is compared: the test
//! of a mapping.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use crate::domain::catalog::{Catalog, CatalogKind, PlanTemplate};
use crate::domain::desired::{DesiredObject, FieldAction, Intent, NaturalKeys, Resolution};
use crate::domain::entity::EntityKind;
use crate::domain::finding::Finding;
use crate::domain::ids::M3terId;
use crate::domain::record::Record;
use crate::domain::settings::Otherwise;
use crate::domain::value::Value;
use crate::domain::warning::Warning;
use crate::mapping::{Context, Explanation, Mapping, Reading};
use crate::soql::{Scales, Unreadable};

/// What stands for m3ter: it has everything that a record names by code, but for what is said to be
/// missing.
#[derive(Debug, Clone)]
pub(super) struct StandIn {
    /// The codes that m3ter does not have.
    pub(super) missing: BTreeMap<CatalogKind, BTreeSet<String>>,
    /// The currencies of plan templates, by code.
    pub(super) currencies: BTreeMap<String, String>,
    /// The products of plan templates, by code; others have one each.
    pub(super) products: BTreeMap<String, String>,
    /// The currency of all other plan templates.
    pub(super) currency: String,
    /// In which a date begins, if the mapping does not say it.
    pub(super) time_zone: jiff::tz::TimeZone,
}

/// Made-up ids, each with what it stands for.
#[derive(Default)]
struct Ids(Vec<String>);

impl Ids {
    /// The id of something; the same for the same.
    fn of(&mut self, what: String) -> Option<M3terId> {
        let known = self.0.iter().position(|known| *known == what);
        let index = known.unwrap_or_else(|| {
            self.0.push(what);
            self.0.len() - 1
        });
        M3terId::parse(&format!("00000000-0000-4000-8000-{index:012}")).ok()
    }

    /// The text with what an id stands for in its place.
    fn named(&self, text: &str) -> Option<&str> {
        let index = text.strip_prefix("00000000-0000-4000-8000-")?.parse::<usize>().ok()?;
        self.0.get(index).map(String::as_str)
    }

    /// The same inside a sentence.
    fn name_in(&self, text: &mut String) {
        for (index, what) in self.0.iter().enumerate() {
            let id = format!("00000000-0000-4000-8000-{index:012}");
            if text.contains(&id) {
                *text = text.replace(&id, what);
            }
        }
    }

    /// The same for a whole document.
    fn name_all(&self, json: &mut Json) {
        match json {
            Json::String(text) => {
                if let Some(named) = self.named(text) {
                    named.clone_into(text);
                }
            }
            Json::Array(items) => items.iter_mut().for_each(|item| self.name_all(item)),
            Json::Object(fields) => fields.values_mut().for_each(|value| self.name_all(value)),
            _ => {}
        }
    }
}

impl StandIn {
    fn catalog(&self, keys: &NaturalKeys, ids: &mut Ids) -> Catalog {
        let mut catalog = Catalog::default();
        let mut templates = HashMap::new();
        for (kind, codes) in &keys.codes {
            let missing = self.missing.get(kind);
            let is_there = |code: &&String| missing.is_none_or(|missing| !missing.contains(*code));
            for code in codes.iter().filter(is_there) {
                let Some(id) = ids.of(format!("{} `{code}`", kind.noun())) else { continue };
                if *kind == CatalogKind::PlanTemplate {
                    templates.extend(self.template(code, id, ids));
                } else {
                    catalog.ids.entry(*kind).or_default().insert(code.clone(), id);
                }
            }
        }
        catalog.plan_templates = Arc::new(templates);
        catalog
    }

    fn template(&self, code: &str, id: M3terId, ids: &mut Ids) -> Option<(String, PlanTemplate)> {
        let product = self.products.get(code).map_or(code, String::as_str);
        let product_id = ids.of(format!("product of plan template `{product}`"))?;
        let currency = self.currencies.get(code).unwrap_or(&self.currency).clone();
        Some((code.to_owned(), PlanTemplate { id, product_id, currency }))
    }
}

/// What the mapping makes of a record: the objects with their values, findings and warnings.
pub(super) fn settle(mapping: &Mapping, record: &Record, m3ter: &StandIn) -> Json {
    let (resolution, ids) =
        read(mapping, record, m3ter, |reading, catalog| reading.resolve(catalog));
    let Resolution { objects, warnings, not_allowed, not_ready } = resolution;
    let mut document = Map::new();
    let objects: Map<String, Json> =
        objects.iter().map(|object| (object.key.to_string(), shown(object, mapping))).collect();
    document.insert("objects".to_owned(), Json::Object(objects));
    insert_filled(&mut document, "warnings", without_lines_each(&warnings, mapping));
    if let Some(reason) = not_allowed {
        document.insert("notAllowed".to_owned(), without_lines(&reason, mapping).into());
    }
    if let Some((reason, otherwise)) = not_ready {
        let refused = otherwise == Otherwise::Refuse;
        let name = if refused { "notReady" } else { "notReadyWarning" };
        document.insert(name.to_owned(), without_lines(&reason, mapping).into());
    }
    let mut document = Json::Object(document);
    ids.name_all(&mut document);
    document
}

/// The ways to a field in the objects of such a record.
pub(super) fn explain(
    mapping: &Mapping,
    record: &Record,
    m3ter: &StandIn,
    kind: Option<EntityKind>,
    field: &str,
) -> Vec<Explanation> {
    let (mut explanations, ids) =
        read(mapping, record, m3ter, |reading, catalog| reading.explain(catalog, kind, field));
    for Explanation { steps, outcome, .. } in &mut explanations {
        let texts = steps.iter_mut().map(|(_, text)| text).chain([outcome]);
        texts.for_each(|text| ids.name_in(text));
    }
    explanations
}

/// What comes of a record with what stands for m3ter, and what its made-up ids stand for.
fn read<T>(
    mapping: &Mapping,
    record: &Record,
    m3ter: &StandIn,
    then: impl FnOnce(Reading<'_>, &Catalog) -> T,
) -> (T, Ids) {
    let (unreadable, scales) = (Unreadable::default(), Scales::default());
    let time_zone = mapping.time_zone(&m3ter.time_zone);
    let context = Context { time_zone, unreadable: &unreadable, scales: &scales };
    let reading = mapping.read(record, context);
    let mut ids = Ids::default();
    let catalog = m3ter.catalog(&reading.keys(), &mut ids);
    (then(reading, &catalog), ids)
}

fn shown(object: &DesiredObject, mapping: &Mapping) -> Json {
    let mut shown = Map::new();
    match &object.intent {
        Intent::Flagged => drop(shown.insert("skipped".to_owned(), Json::Bool(true))),
        Intent::Invalid(findings) => {
            let finding = |Finding { code, message, .. }: &Finding| json!({ "code": code.to_string(), "message": without_lines(message, mapping) });
            shown.insert("findings".to_owned(), findings.iter().map(finding).collect());
        }
        Intent::Sync(fields) => {
            let mut set = Map::new();
            let mut cleared = Vec::new();
            for field in fields {
                match &field.action {
                    FieldAction::Set(Value::Object(key)) => {
                        set.insert(field.name.to_owned(), key.to_string().into());
                    }
                    FieldAction::Set(value) => {
                        set.insert(field.name.to_owned(), value.to_json());
                    }
                    FieldAction::Clear => cleared.push(field.name.to_owned()),
                }
            }
            shown.insert("fields".to_owned(), Json::Object(set));
            insert_filled(&mut shown, "cleared", cleared);
        }
    }
    insert_filled(&mut shown, "warnings", without_lines_each(&object.warnings, mapping));
    Json::Object(shown)
}

fn without_lines_each(warnings: &[Warning], mapping: &Mapping) -> Vec<String> {
    warnings.iter().map(|warning| without_lines(warning, mapping)).collect()
}

/// A sentence without the lines of the mapping: a comment more in the file changes none of what
/// it does.
fn without_lines(text: &str, mapping: &Mapping) -> String {
    let mut text = text.to_owned();
    for file in std::iter::once(mapping.file()).chain(mapping.extended()) {
        let start = format!("{file}, line ");
        while let Some(place) = text.find(&start) {
            let digits = &text[place + start.len()..];
            let end = digits.len() - digits.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            text.replace_range(place..place + start.len() + end, "the mapping");
        }
    }
    text
}

fn insert_filled(document: &mut Map<String, Json>, name: &str, texts: Vec<String>) {
    if !texts.is_empty() {
        document.insert(name.to_owned(), texts.into());
    }
}
