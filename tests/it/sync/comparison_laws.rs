//! Laws of the comparison, for any objects: nothing differs from itself, and what was applied
//! leaves nothing to do.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use sync_to_m3ter::changeset::body::{create_body, update_body};
use sync_to_m3ter::changeset::compare::{CompareContext, compare};
use sync_to_m3ter::changeset::{KnownIds, Step};
use sync_to_m3ter::domain::actual::ActualObject;
use sync_to_m3ter::domain::desired::{DesiredField, DesiredObject, FieldAction, Intent, OnFound};
use sync_to_m3ter::domain::entity::{EntityKind, ObjectKey};
use sync_to_m3ter::domain::field::{
    ADDRESS_PARTS, FieldSpec, FieldType, OnDifference, USAGE_FILTER_MODES,
};
use sync_to_m3ter::domain::ids::{M3terId, SalesforceId};
use sync_to_m3ter::domain::money::double_json;
use sync_to_m3ter::domain::settings::{EndedRule, PricingChange};
use sync_to_m3ter::domain::value::{
    CommitmentFee, CustomFields, CustomValue, PricingBand, UsageFilter, Value,
};

const ID: &str = "544ecdae-54a5-4654-b0fb-b503a7ed58b2";
const OWNER: &str = "21e063b6-2350-4add-a028-3e6ad5b233ed";

fn row() -> SalesforceId {
    SalesforceId::parse("006S900000795MM").unwrap()
}

/// The Account of the same sync, which m3ter has already.
fn owner() -> ObjectKey {
    ObjectKey::only(EntityKind::Account, row())
}

fn known() -> KnownIds {
    KnownIds::from_iter([(owner(), M3terId::parse(OWNER).unwrap())])
}

fn decimal() -> impl Strategy<Value = Decimal> {
    (any::<i64>(), 0_u32..=18).prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale))
}

fn zero_or_more() -> impl Strategy<Value = Decimal> {
    decimal().prop_map(|number| number.abs())
}

fn date() -> impl Strategy<Value = Date> {
    (0_i32..3_000_000)
        .prop_map(|days| "0001-01-01".parse::<Date>().unwrap().checked_add(days.days()).unwrap())
}

fn instant() -> impl Strategy<Value = Timestamp> {
    (-60_000_000_000_000_i64..200_000_000_000_000)
        .prop_map(|millisecond| Timestamp::from_millisecond(millisecond).unwrap())
}

fn words(list: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    proptest::sample::subsequence(list, 0..=list.len())
        .prop_map(|words| words.into_iter().map(ToOwned::to_owned).collect())
}

fn m3ter_id() -> impl Strategy<Value = M3terId> {
    any::<u128>().prop_map(|bits| M3terId::parse(&uuid::Uuid::from_u128(bits).to_string()).unwrap())
}

fn custom_fields() -> impl Strategy<Value = CustomFields> {
    let value = prop_oneof![
        "\\PC{0,9}".prop_map(CustomValue::Text),
        decimal().prop_map(CustomValue::Number)
    ];
    let names = proptest::collection::btree_map("[a-c]", proptest::option::of(value), 0..4);
    (names, any::<bool>()).prop_map(|(names, replace)| CustomFields {
        set: names
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.clone()?)))
            .collect(),
        clear: names
            .iter()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name.clone())
            .collect(),
        replace,
    })
}

/// Any value that a mapping can give to a field of a type.
fn value(field_type: FieldType) -> BoxedStrategy<Value> {
    match field_type {
        FieldType::Text { .. } => "\\PC{1,40}".prop_map(Value::Text).boxed(),
        FieldType::Code | FieldType::Currency => {
            "[A-Za-z][A-Za-z0-9_]{0,17}".prop_map(Value::Text).boxed()
        }
        FieldType::Email => "[a-z]{1,8}@[a-z]{1,8}\\.example".prop_map(Value::Text).boxed(),
        FieldType::Date => date().prop_map(Value::Date).boxed(),
        FieldType::DateTime => instant().prop_map(Value::DateTime).boxed(),
        FieldType::Decimal { .. } => zero_or_more().prop_map(Value::Number).boxed(),
        FieldType::Integer { minimum, maximum } => {
            (minimum..=maximum).prop_map(|number| Value::Number(number.into())).boxed()
        }
        FieldType::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        FieldType::Enum(list) => {
            proptest::sample::select(list).prop_map(|word| Value::Text(word.to_owned())).boxed()
        }
        FieldType::EnumList(list) => words(list).prop_map(Value::TextList).boxed(),
        FieldType::Address => proptest::collection::btree_map(
            0..ADDRESS_PARTS.len(),
            "\\PC{1,20}",
            1..=ADDRESS_PARTS.len(),
        )
        .prop_map(|parts| {
            Value::Address(
                parts
                    .into_iter()
                    .map(|(part, text)| (ADDRESS_PARTS[part].0, text))
                    .collect::<BTreeMap<_, _>>(),
            )
        })
        .boxed(),
        FieldType::PricingBands => {
            proptest::collection::btree_map(zero_or_more(), (decimal(), decimal()), 1..6)
                .prop_map(|bands| {
                    let band = |(lower_limit, (fixed_price, unit_price))| PricingBand {
                        lower_limit,
                        fixed_price,
                        unit_price,
                    };
                    Value::PricingBands(bands.into_iter().map(band).collect())
                })
                .boxed()
        }
        FieldType::FeeDates => {
            proptest::collection::btree_map(date(), (zero_or_more(), instant(), instant()), 0..4)
                .prop_map(|fees| {
                    let fee = |(date, (amount, service_period_start, service_period_end))| {
                        CommitmentFee { date, amount, service_period_start, service_period_end }
                    };
                    Value::FeeDates(fees.into_iter().map(fee).collect())
                })
                .boxed()
        }
        FieldType::UsageFilters => {
            let filter = ("[a-z]{1,6}", "\\PC{1,6}", proptest::sample::select(USAGE_FILTER_MODES));
            let filter = filter.prop_map(|(dimension_code, value, mode)| UsageFilter {
                dimension_code,
                value,
                mode: mode.to_owned(),
            });
            proptest::collection::vec(filter, 0..4).prop_map(Value::UsageFilters).boxed()
        }
        FieldType::Segment => proptest::collection::btree_map("[a-z]{1,6}", "\\PC{1,6}", 1..4)
            .prop_map(Value::Segment)
            .boxed(),
        FieldType::CustomFields => custom_fields().prop_map(Value::CustomFields).boxed(),
        FieldType::Id => {
            prop_oneof![m3ter_id().prop_map(Value::Id), Just(Value::Object(owner()))].boxed()
        }
        FieldType::IdList => proptest::collection::btree_set(m3ter_id(), 0..4)
            .prop_map(|ids| Value::TextList(ids.iter().map(|id| id.as_str().to_owned()).collect()))
            .boxed(),
    }
}

/// A field that a mapping may leave out, set, set once or clear.
fn field(spec: &'static FieldSpec) -> impl Strategy<Value = Option<DesiredField>> {
    let set = (value(spec.field_type), any::<bool>())
        .prop_map(|(value, once)| (FieldAction::Set(value), once));
    let cleared = prop_oneof![4 => set.clone(), 1 => Just((FieldAction::Clear, false))];
    let action = if spec.required || spec.on_difference != OnDifference::Update {
        set.boxed()
    } else {
        cleared.boxed()
    };
    proptest::option::weighted(
        0.6,
        action.prop_map(|(action, once)| DesiredField {
            name: spec.name,
            action,
            once,
            source: "X.Y".into(),
        }),
    )
}

fn object(kind: EntityKind) -> impl Strategy<Value = DesiredObject> {
    kind.fields().iter().map(field).collect::<Vec<_>>().prop_map(move |fields| DesiredObject {
        key: ObjectKey::only(kind, row()),
        code: Some("006S900000795MMIAY".to_owned()),
        verbatim: None,
        intent: Intent::Sync(fields.into_iter().flatten().collect()),
        on_found: OnFound::Adopt,
        warnings: Vec::new(),
        write_back: None,
    })
}

fn any_object() -> impl Strategy<Value = DesiredObject> {
    proptest::sample::select(EntityKind::ALL.to_vec()).prop_flat_map(object)
}

/// Two states of one object: what m3ter got for the first is what the second one meets.
fn two_states() -> impl Strategy<Value = (DesiredObject, DesiredObject)> {
    proptest::sample::select(EntityKind::ALL.to_vec())
        .prop_flat_map(|kind| (object(kind), object(kind)))
}

fn circumstances() -> CompareContext {
    CompareContext {
        now: "2026-06-15T12:00:00Z".parse().unwrap(),
        time_zone: TimeZone::UTC,
        pricing_change: PricingChange::InPlace,
        ended: EndedRule::Follow,
    }
}

/// The object as m3ter answers it: over the wire, with what only answers have, and in m3ter's
/// spelling of date-times.
fn held(body: &Map<String, Json>, version: i64) -> ActualObject {
    let text = serde_json::to_string(body).unwrap();
    let mut answer: Map<String, Json> = serde_json::from_str(&text).unwrap();
    for (name, value) in &mut answer {
        if matches!(name.as_str(), "startDate" | "endDate")
            && value.as_str().is_some_and(|text| text.ends_with('Z'))
        {
            let instant: Timestamp = value.as_str().unwrap().parse().unwrap();
            *value = json!(instant.strftime("%Y-%m-%dT%H:%M:%S.%3f+00:00").to_string());
        }
        for band in
            value.as_array_mut().filter(|_| name.ends_with("ricingBands")).into_iter().flatten()
        {
            band["id"] = json!(OWNER);
        }
    }
    answer.extend(
        json!({"id": ID, "version": version, "dtCreated": "2026-01-01T00:00:00Z", "createdBy": OWNER}).as_object().cloned().unwrap(),
    );
    ActualObject::from_json(Json::Object(answer)).unwrap()
}

fn step(desired: &DesiredObject, actual: &ActualObject) -> Step {
    compare(desired, Some(actual), &known(), &circumstances()).0
}

/// The object with those fields of `other` that tell it from another object.
fn of_the_same_owner(mut object: DesiredObject, other: &DesiredObject) -> DesiredObject {
    let kind = object.kind();
    let is_identity = |field: &DesiredField| {
        kind.field(field.name).is_some_and(|spec| spec.on_difference == OnDifference::Identity)
    };
    let owners: Vec<DesiredField> =
        other.fields().iter().filter(|field| is_identity(field)).cloned().collect();
    if let Intent::Sync(fields) = &mut object.intent {
        fields.retain(|field| !is_identity(field));
        fields.extend(owners);
    }
    object
}

proptest! {
    #[test]
    fn an_object_compared_with_itself_needs_no_change(desired in any_object()) {
        let actual = held(&create_body(&desired, &known()), 1);
        let (step, warnings) = compare(&desired, Some(&actual), &known(), &circumstances());
        prop_assert!(matches!(step, Step::Unchanged { .. }), "{step:?}");
        prop_assert!(warnings.is_empty(), "{warnings:?}");
    }

    #[test]
    fn an_update_that_was_applied_leaves_nothing_to_do((before, after) in two_states()) {
        let before = of_the_same_owner(before, &after);
        let actual = held(&create_body(&before, &known()), 7);
        match step(&after, &actual) {
            Step::Unchanged { .. } => {}
            Step::Update { actual, changes } => {
                prop_assert!(!changes.is_empty());
                let body = update_body(&after, &actual, &known());
                prop_assert_eq!(&body["version"], &json!(7));
                let again = step(&after, &held(&body, 8));
                prop_assert!(matches!(again, Step::Unchanged { .. }), "{again:?}");
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn an_update_keeps_what_the_mapping_does_not_name((before, after) in two_states()) {
        let before = of_the_same_owner(before, &after);
        let created = create_body(&before, &known());
        if let Step::Update { actual, .. } = step(&after, &held(&created, 1)) {
            let body = update_body(&after, &actual, &known());
            let named: BTreeSet<&str> = after.fields().iter().map(|field| field.name).collect();
            for (name, value) in created.iter().filter(|(name, _)| !named.contains(name.as_str())) {
                let sent = held(&body, 1).fields.get(name).cloned();
                let read = held(&created, 1).fields.get(name).cloned();
                prop_assert_eq!(sent, read, "{} was {}", name, value);
            }
            for name in ["id", "dtCreated", "createdBy"] {
                prop_assert!(!body.contains_key(name), "{name} is no field of a request");
            }
        }
    }

    #[test]
    fn a_changed_owner_is_never_sent(desired in any_object(), other in m3ter_id()) {
        let kind = desired.kind();
        let mut body = create_body(&desired, &known());
        let owner = desired.fields().iter().find(|field| {
            kind.field(field.name).is_some_and(|spec| spec.on_difference == OnDifference::Identity && spec.field_type == FieldType::Id)
        });
        if let Some(owner) = owner {
            body.insert(owner.name.to_owned(), json!(other.as_str()));
            prop_assume!(create_body(&desired, &known())[owner.name] != json!(other.as_str()));
            let step = step(&desired, &held(&body, 1));
            prop_assert!(matches!(step, Step::Invalid { .. }), "{step:?}");
        }
    }

    #[test]
    fn a_decimal_of_twenty_eight_digits_is_sent_as_the_nearest_double(mantissa in 0_i128..79_228_162_514_264_337_593_543_950_335, scale in 0_u32..=28) {
        let number = Decimal::try_from_i128_with_scale(mantissa, scale).unwrap();
        let sent = double_json(number);
        let double = |text: String| text.parse::<f64>().unwrap().to_bits();
        prop_assert_eq!(double(sent.to_string()), double(number.to_string()));
        prop_assert!(sent.to_string().bytes().filter(u8::is_ascii_digit).skip_while(|digit| *digit == b'0').count() <= 29, "{}", sent);
        prop_assert!(Value::Number(number).means_the_same_as(&sent));
    }
}
