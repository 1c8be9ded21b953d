//! What a record nests: custom fields and segments as JSON, and pricing bands, of the row itself or
//! of rows below it.

use serde_json::Value as Json;

use super::names::{RELATIONSHIPS, guessed_relationship, spelled};
use super::records::{MetadataRecord, is_path};

/// Rows below those that are priced: SOQL reads four levels, and the priced rows may be the first.
const MAX_LEVELS: usize = 3;

/// An expression that was carried over, if anything was, and what was not.
#[derive(Debug, Default)]
pub(super) struct Carried {
    pub(super) expression: Option<String>,
    pub(super) comments: Vec<String>,
}

/// One level of child rows on the way to the bands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ChildRows {
    pub(super) name: String,
    pub(super) of: String,
    pub(super) relationship: String,
    pub(super) sobject: String,
    pub(super) parent: String,
    /// The records do not name the relationship.
    pub(super) is_guess: bool,
}

/// A value under each name, from `{"m3ter's name": "Field__c"}`; `prefix` leads to the record that
/// the fields are of.
pub(super) fn named_values(
    field: &str,
    text: &str,
    prefix: &str,
    is_name: impl Fn(&str) -> bool,
) -> Carried {
    let mut carried = Carried::default();
    let Ok(Json::Object(names)) = serde_json::from_str::<Json>(text) else {
        carried.comments.push(format!("Not imported: {field} = {text}, which is not JSON with a Salesforce field for each name"));
        return carried;
    };
    let mut values = Vec::new();
    for (name, value) in &names {
        let expression = match value {
            Json::String(path) if is_path(&spelled(path)) => {
                Some(format!("\"{prefix}{}\"", spelled(path)))
            }
            // What cannot be a field is meant as it stands.
            Json::String(text) if !text.trim().is_empty() => Some(format!("{{ value = {value} }}")),
            Json::Number(_) => Some(format!("{{ value = {value} }}")),
            _ => None,
        };
        match expression.filter(|_| is_name(name)) {
            Some(expression) => values.push(format!("{} = {expression}", key(name))),
            None => carried
                .comments
                .push(format!("Not imported: {field}, {} = {value}", Json::from(name.as_str()))),
        }
    }
    carried.expression = (!values.is_empty()).then(|| format!("{{ {} }}", values.join(", ")));
    carried
}

/// A key of TOML; JSON's texts are TOML's as well, on one line.
fn key(name: &str) -> String {
    let is_bare =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_bare { name.to_owned() } else { Json::from(name).to_string() }
}

/// The object whose rows have the bands of a record, as far as it says so.
pub(super) fn priced_object(bands: &MetadataRecord) -> Option<String> {
    match relationships(bands)?.last() {
        None => bands.path("PricingBandsObject").map(ToOwned::to_owned),
        Some(relationship) => Some(object_of(relationship)),
    }
}

/// The rows from those that are priced, `of`, down to the rows of the bands; none where each row is
/// its own band.
pub(super) fn child_rows(bands: &MetadataRecord, of: &str) -> Option<Vec<ChildRows>> {
    let up = relationships(bands)?;
    if up.len() > MAX_LEVELS {
        return None;
    }
    let mut sobject = bands.path("PricingBandsObject")?.to_owned();
    let mut levels: Vec<ChildRows> = Vec::new();
    for (index, parent) in up.iter().enumerate() {
        let name = match index {
            0 => "bands".to_owned(),
            1 => "above_bands".to_owned(),
            _ => format!("above_bands_{index}"),
        };
        let known = RELATIONSHIPS
            .iter()
            .find(|(object, _)| *object == sobject)
            .map(|(_, name)| (*name).to_owned());
        let is_guess = known.is_none();
        let relationship = known.unwrap_or_else(|| guessed_relationship(&sobject));
        levels.push(ChildRows {
            name,
            of: of.to_owned(),
            relationship,
            sobject: sobject.clone(),
            parent: parent.clone(),
            is_guess,
        });
        sobject = object_of(parent);
    }
    levels.reverse();
    for index in 1..levels.len() {
        let above = levels[index - 1].name.clone();
        levels[index].of = above;
    }
    Some(levels)
}

/// The relationships that `NestedObjectLookup` follows from a band up to the priced row; none where
/// `Id` says that it is the row itself.
fn relationships(bands: &MetadataRecord) -> Option<Vec<String>> {
    let path = spelled(bands.path("NestedObjectLookup")?);
    let mut names: Vec<String> = path.split('.').map(ToOwned::to_owned).collect();
    let last = names.pop()?;
    if last != "Id" {
        // The lookup itself instead of the id behind it.
        names.push(
            last.strip_suffix("__c").map_or_else(
                || last.trim_end_matches("Id").to_owned(),
                |name| format!("{name}__r"),
            ),
        );
    }
    Some(names)
}

fn object_of(relationship: &str) -> String {
    relationship
        .strip_suffix("__r")
        .map_or_else(|| relationship.to_owned(), |name| format!("{name}__c"))
}

/// The bands of a record: `each` of the rows below, or one band of the row itself.
pub(super) fn pricing_bands(bands: &MetadataRecord, rows: Option<&[ChildRows]>) -> Carried {
    let mut carried = Carried::default();
    let part = |field: &str| {
        let value = bands.get(field)?;
        if bands.is_hardcoded(field) {
            return value
                .parse::<rust_decimal::Decimal>()
                .ok()
                .map(|number| format!("{{ value = {number} }}"));
        }
        let path = spelled(value);
        is_path(&path).then(|| format!("\"{path}\""))
    };
    let (lower, unit, mut fixed) = (part("lowerLimit"), part("unitPrice"), part("fixedPrice"));
    if fixed.is_some() && fixed == unit {
        let value = bands.get("fixedPrice").unwrap_or_default();
        carried.comments.push(format!(
            "Not imported: fixedPrice = {value}, which would bill the price once more as a fee"
        ));
        fixed = None;
    }
    let Some(child) = rows.and_then(<[ChildRows]>::last) else {
        let is_plain =
            fixed.is_none() && lower.as_deref().is_none_or(|lower| lower == "{ value = 0 }");
        carried.expression = match unit {
            Some(price) if is_plain && price.starts_with('"') => {
                Some(format!("{{ unit_price = {price} }}"))
            }
            None if fixed.is_none() => None,
            unit => Some(format!(
                "{{ list = [{{ {} }}] }}",
                parts(lower.or(Some("{ value = 0 }".to_owned())), None, unit, fixed)
            )),
        };
        if bands.get("unitPrice") == Some("ListPrice") {
            carried.comments.push("unit_price: `ListPrice` is the price before discount; `UnitPrice` is what was agreed".to_owned());
        }
        return carried;
    };
    let is_cpq =
        child.sobject.starts_with("SBQQ__") && child.sobject.ends_with("ConsumptionRate__c");
    let is_cpq_bound = is_cpq && lower.as_deref() == Some("\"SBQQ__LowerBound__c\"");
    if is_cpq_bound {
        carried.comments.push(
            "upperLimit: CPQ's bounds are both part of a tier (1 to 250, 251 to 500)".to_owned(),
        );
    }
    let (mut unit, mut fixed) = (unit, fixed);
    if is_cpq && unit.as_deref() == Some("\"SBQQ__Price__c\"") && fixed.is_none() {
        carried.comments.push(
            "fixedPrice: a flat fee of CPQ is a fixed price, not a price per unit".to_owned(),
        );
        let price = |test: &str| {
            format!(
                "{{ field = \"SBQQ__Price__c\", when = {{ field = \"SBQQ__PricingMethod__c\", optional = true, {test} = \"FlatFee\" }} }}"
            )
        };
        (unit, fixed) = (Some(price("is_not")), Some(price("is")));
    }
    if lower.is_some() && (unit.is_some() || fixed.is_some()) {
        let upper = is_cpq_bound.then(|| "\"SBQQ__UpperBound__c\"".to_owned());
        carried.expression =
            Some(format!("{{ each = \"{}\", {} }}", child.name, parts(lower, upper, unit, fixed)));
    }
    carried
}

fn parts(
    lower: Option<String>,
    upper: Option<String>,
    unit: Option<String>,
    fixed: Option<String>,
) -> String {
    let parts =
        [("lowerLimit", lower), ("upperLimit", upper), ("unitPrice", unit), ("fixedPrice", fixed)];
    parts
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name} = {}", value?)))
        .collect::<Vec<_>>()
        .join(", ")
}
