//! The table of one kind of m3ter object, or a list of such tables.

use toml::de::{DeTable, DeValue};

use super::{OVERLAP_KEY, Parser, Value, dotted, find};
use crate::domain::entity::EntityKind;
use crate::domain::field::FieldType;
use crate::mapping::fault::hint_for;
use crate::mapping::language::{FieldMapping, FieldRef, ObjectMapping, ROOT, Replace, SetId, Term};
use crate::mapping::parents::{MOST_LEVELS, with_parents};

/// What stands in an object's table beside m3ter's fields.
const OBJECT_KEYS: [&str; 11] = [
    "rows",
    "row",
    "sobject",
    "key",
    "skip",
    "leave_out",
    "write_back",
    "joins_by",
    JOINS_WITH_KEY,
    "billing_line",
    "custom_fields",
];

/// The key of a Contract's table that names the field by which records share one.
const JOINS_WITH_KEY: &str = "joins_with";

/// The key of an Account's table that says how many levels of its parents are synced.
const PARENTS_KEY: &str = "parents";

/// Of these fields m3ter takes exactly one, and a table without either can make nothing.
const EXACTLY_ONE: [(EntityKind, [&str; 2]); 2] = [
    (EntityKind::Pricing, ["planId", "planTemplateId"]),
    (EntityKind::Pricing, ["aggregationId", "compoundAggregationId"]),
];

impl Parser<'_> {
    /// `[plan]`, or several `[[plan]]`.
    pub(super) fn objects(
        &mut self,
        value: &Value<'_>,
        file: &DeTable<'_>,
        name: &str,
        kind: EntityKind,
    ) -> Vec<ObjectMapping> {
        let one = std::slice::from_ref(value);
        let values = if value.get_ref().is_array() { self.list(value, name) } else { one };
        let objects: Vec<ObjectMapping> =
            values.iter().filter_map(|value| self.object(value, file, name, kind)).collect();
        let levels = match value.get_ref().as_table().and_then(|table| find(table, PARENTS_KEY)) {
            Some(levels) if kind == EntityKind::Account => {
                self.levels(levels, &dotted(name, PARENTS_KEY))
            }
            _ => 0,
        };
        if levels == 0 {
            return objects;
        }
        let mut chain = Vec::new();
        for own in objects {
            if own.field("parentAccountId").is_some() {
                self.fault(
                    &value.span(),
                    name,
                    "`parents` links the parent by itself",
                    "take out `parentAccountId` or `parents`",
                );
            }
            match with_parents(&own, levels, self.line(&value.span())) {
                Ok(objects) => chain.extend(objects),
                Err(problem) => self.fault(
                    &value.span(),
                    &dotted(name, PARENTS_KEY),
                    problem,
                    "go up fewer levels",
                ),
            }
        }
        chain
    }

    /// How many levels of parents are synced.
    fn levels(&mut self, value: &Value<'_>, key: &str) -> usize {
        let levels = match value.get_ref() {
            DeValue::Integer(number) => number.as_str().parse().ok(),
            _ => None,
        };
        let levels = levels.filter(|levels| (1..=MOST_LEVELS).contains(levels));
        if levels.is_none() {
            self.fault(
                &value.span(),
                key,
                "this is no number of levels",
                format!("use a whole number from 1 to {MOST_LEVELS}"),
            );
        }
        levels.unwrap_or_default()
    }

    fn object(
        &mut self,
        value: &Value<'_>,
        file: &DeTable<'_>,
        name: &str,
        kind: EntityKind,
    ) -> Option<ObjectMapping> {
        let table = self.table(value, name)?;
        let rows = find(table, "rows")
            .map_or(Some(ROOT), |rows| self.set_named(rows, &dotted(name, "rows")))
            .unwrap_or(ROOT);
        let field_ref = |parser: &mut Self, key: &str| {
            find(table, key).and_then(|value| parser.field_ref(value, &dotted(name, key), rows))
        };
        let row = field_ref(self, "row");
        // Whether the org has it is seen in the record: a field that is not there is not written.
        let write_back =
            field_ref(self, "write_back").map(|field| FieldRef { optional: true, ..field });
        let joins_by = field_ref(self, "joins_by");
        let joins_with = find(table, JOINS_WITH_KEY)
            .and_then(|value| self.joins_with(value, &dotted(name, JOINS_WITH_KEY), rows, kind));
        let condition = |parser: &mut Self, key: &str, set: SetId| {
            find(table, key).and_then(|value| parser.condition(value, &dotted(name, key), set))
        };
        let (skip, leave_out) = (condition(self, "skip", rows), condition(self, "leave_out", rows));
        let billing_line = match kind {
            EntityKind::Commitment => {
                let plan_rows = self.rows_of_plans(file);
                condition(self, "billing_line", plan_rows)
            }
            _ => None,
        };
        let sobject = find(table, "sobject")
            .and_then(|_| self.required_name(table, name, "sobject", value.span()));
        let key = find(table, "key")
            .and_then(|value| self.expression(value, &dotted(name, "key"), rows, None));
        let choices = [("merge", Replace::Named), ("replace", Replace::All)];
        let custom_fields = find(table, "custom_fields")
            .and_then(|value| self.word(value, &dotted(name, "custom_fields"), &choices));
        let mut fields = Vec::new();
        for (field, value) in table {
            let field_name = field.get_ref().as_ref();
            let has_overlap = matches!(kind, EntityKind::Commitment | EntityKind::AccountPlan);
            let has_parents = kind == EntityKind::Account && field_name == PARENTS_KEY;
            if OBJECT_KEYS.contains(&field_name)
                || has_parents
                || has_overlap && field_name == OVERLAP_KEY
            {
                if field_name == "billing_line" && kind != EntityKind::Commitment {
                    self.fault(
                        &field.span(),
                        &dotted(name, field_name),
                        "only a Commitment has a billing line",
                        "take it out",
                    );
                }
                continue;
            }
            let Some(spec) = kind.field(field_name) else {
                let known: Vec<&str> =
                    kind.fields().iter().map(|field| field.name).chain(OBJECT_KEYS).collect();
                self.fault(
                    &field.span(),
                    &dotted(name, field_name),
                    format!("{kind} has no such field in m3ter"),
                    hint_for(field_name, &known),
                );
                continue;
            };
            let full = dotted(name, field_name);
            if let Some(mut expression) = self.expression(value, &full, rows, Some(spec)) {
                if let (Term::Named(_, replace), Some(wanted), FieldType::CustomFields) =
                    (&mut expression.term, custom_fields, spec.field_type)
                {
                    *replace = wanted;
                }
                // In a table of names every name is a value.
                let names = matches!(spec.field_type, FieldType::Segment | FieldType::CustomFields);
                let flag = |flag: &str| match value.get_ref() {
                    DeValue::Table(table) if !names => {
                        find(table, flag).and_then(|value| value.get_ref().as_bool()) == Some(true)
                    }
                    _ => false,
                };
                let (once, clear) = (flag("once"), flag("clear"));
                fields.push(FieldMapping {
                    spec,
                    expression,
                    once,
                    clear,
                    line: self.line(&field.span()),
                });
            }
        }
        self.check_required(table, value, name, kind);
        Some(ObjectMapping {
            kind,
            rows,
            row,
            sobject,
            key,
            skip,
            leave_out,
            write_back,
            joins_by,
            joins_with,
            billing_line,
            fields,
            level: 0,
            line: self.line(&value.span()),
        })
    }

    /// The field by which records share a Contract; `false` for none.
    fn joins_with(
        &mut self,
        value: &Value<'_>,
        key: &str,
        rows: SetId,
        kind: EntityKind,
    ) -> Option<FieldRef> {
        if value.get_ref().as_bool() == Some(false) {
            return None;
        }
        let field = self.field_ref(value, key, rows)?;
        let problem = match (kind, rows) {
            (EntityKind::Contract, ROOT) if !field.path.contains('.') => return Some(field),
            (EntityKind::Contract, ROOT) => {
                "the field is one of the record itself: a look-up such as `ContractId`"
            }
            (EntityKind::Contract, _) => {
                "only a Contract of the record itself can be shared, not those of its rows"
            }
            _ => "only a Contract can be shared by a field",
        };
        self.fault(&value.span(), key, problem, "name a look-up of the record, or write `false`");
        None
    }

    fn check_required(
        &mut self,
        table: &DeTable<'_>,
        value: &Value<'_>,
        name: &str,
        kind: EntityKind,
    ) {
        let has = |field: &str| find(table, field).is_some();
        for spec in kind.fields().iter().filter(|spec| spec.required && !has(spec.name)) {
            let hint = format!("add `{} = …`", spec.name);
            self.fault(
                &value.span(),
                &dotted(name, spec.name),
                format!("m3ter requires this field of a {kind}"),
                hint,
            );
        }
        for (_, [one, other]) in EXACTLY_ONE
            .iter()
            .filter(|(of, fields)| *of == kind && !fields.iter().any(|field| has(field)))
        {
            let hint = format!("add `{one} = …` or `{other} = …`");
            self.fault(
                &value.span(),
                name,
                format!("m3ter requires `{one}` or `{other}` of a {kind}"),
                hint,
            );
        }
    }

    /// The rows of the file's Plans, on which a billing line is marked.
    fn rows_of_plans(&self, file: &DeTable<'_>) -> SetId {
        let plan = find(file, "plan").map(toml::Spanned::get_ref);
        let first = match plan {
            Some(DeValue::Array(plans)) => plans.first().and_then(|plan| plan.get_ref().as_table()),
            Some(plan) => plan.as_table(),
            None => None,
        };
        let named =
            first.and_then(|table| find(table, "rows")).and_then(|rows| rows.get_ref().as_str());
        named.and_then(|name| self.sets.iter().position(|set| set.name == name)).unwrap_or(ROOT)
    }
}
