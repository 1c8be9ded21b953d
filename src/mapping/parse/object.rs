//! The table of one kind of m3ter object, or a list of such tables.

use std::sync::Arc;

use toml::de::DeValue;

use super::key::{Form, Key, key, names, words};
use super::parser::{Above, Node, Parser, dotted};
use crate::domain::entity::EntityKind;
use crate::domain::field::FieldType;
use crate::domain::rows::{FieldRef, ROOT, SetId};
use crate::domain::settings::OverlapRule;
use crate::domain::text::hint_for;
use crate::mapping::mapped::{Cell, FieldMapping, ObjectMapping, Shared};
use crate::mapping::term::{Expression, Replace, Term};
use crate::soql::relationship_of;

/// What stands in the table of any object beside m3ter's fields.
pub const OBJECT_KEYS: [Key; 11] = [
    key("rows", Form::Text, "One object for each row of these."),
    key("row", Form::Value, "The ID of the Salesforce row, if it is not that of the rows."),
    key("sobject", Form::Text, "The object's API name."),
    key("key", Form::Value, "Tells several objects of one row apart; it is appended to the code."),
    key("skip", Form::Condition, "If on, the object is skipped."),
    key("leave_out", Form::Condition, "Rows for which this holds make no object and no result."),
    key("write_back", Form::Value, "The field of the row that gets m3ter's ID."),
    key("joins_by", Form::Value, "If filled, the deal joins a Contract of another record."),
    key(
        JOINS_WITH,
        Form::AnyOf(&[Form::Value, Form::False]),
        "A look-up by which records share a Contract; `false` for none.",
    ),
    BILLING_LINE,
    key(
        "custom_fields",
        Form::Word(|| words(&CUSTOM_FIELDS)),
        "`replace` removes the custom fields that are not named.",
    ),
];
const JOINS_WITH: &str = "joins_with";
const BILLING_LINE: Key =
    key("billing_line", Form::Condition, "Marks the line whose Plan bills the Commitment.");
const PARENTS: Key = key(
    "parents",
    Form::Whole(1, MAX_LEVELS),
    "How many levels of parent Accounts are synced, too.",
);
pub(super) const OVERLAP: Key = key(
    "overlap",
    Form::Word(|| words(&OverlapRule::WORDS)),
    "What happens if another one is already running.",
);
const CUSTOM_FIELDS: [(&str, Replace); 2] = [("merge", Replace::Named), ("replace", Replace::All)];

/// What stands only in the tables of one kind of object.
pub fn keys_of(kind: EntityKind) -> &'static [Key] {
    match kind {
        EntityKind::Account => const { &[PARENTS] },
        EntityKind::Commitment => const { &[BILLING_LINE, OVERLAP] },
        EntityKind::AccountPlan => const { &[OVERLAP] },
        _ => &[],
    }
}

/// Levels that a mapping can go up: SOQL follows five relationships, and the Account is one of
/// them.
const MAX_LEVELS: usize = 4;

/// Salesforce's own names: the lookup, and the relationship.
const PARENT_ID: &str = "ParentId";
const PARENT: &str = "Parent";

/// The table of an object: `node` is of its rows.
#[derive(Clone, Copy)]
struct Table<'t> {
    node: Node<'t>,
    kind: EntityKind,
}

impl Above {
    /// A path from the rows to a field of the Account so many levels above.
    pub(super) fn path(&self, level: usize, name: &str) -> String {
        let account = (!self.account.is_empty()).then_some(self.account.as_str());
        let parents = std::iter::repeat_n(PARENT, level);
        account.into_iter().chain(parents).chain([name]).collect::<Vec<_>>().join(".")
    }
}

impl Parser {
    /// `[plan]`, or several `[[plan]]`.
    pub(super) fn objects(&mut self, value: Node<'_>, file: Node<'_>, kind: EntityKind) {
        let levels = match kind {
            EntityKind::Account => self.at(value, PARENTS.name, Self::levels).unwrap_or_default(),
            _ => 0,
        };
        for value in self.one_or_more(value) {
            let Some(object) = self.object(value, file, kind) else { continue };
            if levels > 0 {
                self.with_parents(object, levels, value, file);
            } else {
                self.objects.push(object);
            }
        }
    }

    fn levels(&mut self, value: Node<'_>) -> Option<usize> {
        let levels = match value.is() {
            DeValue::Integer(number) => number.as_str().parse().ok(),
            _ => None,
        };
        levels.filter(|levels| (1..=MAX_LEVELS).contains(levels)).or_else(|| {
            let hint = format!("use a whole number from 1 to {MAX_LEVELS}");
            self.fault(value, "this is not a number of levels", hint)
        })
    }

    /// Parents of an Account, by opt-in: the same table once more for each level, read from the
    /// record above, and each Account linked to the one above it. A CRM hierarchy is not a billing
    /// hierarchy, so nothing is linked unless the mapping says how many levels up it goes.
    fn with_parents(&mut self, own: ObjectMapping, levels: usize, value: Node<'_>, file: Node<'_>) {
        if own.field("parentAccountId").is_some() {
            let hint = "remove `parentAccountId` or `parents`";
            self.note(value, "`parents` links the parent by itself", hint);
        }
        let account = own.row.as_ref().map(|row| relationship_of(&row.path)).unwrap_or_default();
        let rows = own.rows;
        let mut object = own;
        for level in 1..=levels {
            let above = Above { account: account.clone(), level, too_long: None };
            let path = above.path(level - 1, PARENT_ID);
            let line = self.line(value.value);
            let parent = FieldRef::new(rows, &self.sets[rows].rows.sobject, path, line);
            object.fields.extend(link_to(parent.clone()));
            self.objects.push(object);
            self.above = Some(above);
            let next = self.object(value, file, EntityKind::Account);
            if let Some(path) = self.above.take().and_then(|above| above.too_long) {
                let message = format!("`{path}` would follow more than five relationships");
                return self.note_key(value, PARENTS.name, message, "go up fewer levels");
            }
            let Some(next) = next else { return };
            object = ObjectMapping { level, row: Some(parent), ..next };
        }
        self.objects.push(object);
    }

    fn object(
        &mut self,
        value: Node<'_>,
        file: Node<'_>,
        kind: EntityKind,
    ) -> Option<ObjectMapping> {
        self.table(value)?;
        let rows = self.at(value, "rows", Self::set_named).unwrap_or(ROOT);
        let node = Node { set: rows, ..value };
        let of = Table { node, kind };
        let own_row = self.above.is_none();
        let row = own_row.then(|| self.at(node, "row", Self::field_ref)).flatten();
        // Whether the org has it is seen in the record: a field that is not there is not written.
        let write_back = self.at(node, "write_back", Self::field_ref);
        let write_back = write_back.map(|field| FieldRef { optional: true, ..field });
        let joins_by = self.at(node, "joins_by", Self::field_ref);
        let joins_with = self.joins_with(of);
        let skip = self.at(node, "skip", Self::condition);
        let leave_out = self.at(node, "leave_out", Self::condition);
        let of_plans = Node { set: self.rows_of_plans(file), ..node };
        let bills = kind == EntityKind::Commitment;
        let billing_line =
            bills.then(|| self.at(of_plans, BILLING_LINE.name, Self::condition)).flatten();
        let sobject = self.name(node, "sobject");
        let key = self.key(of);
        let fields = self.fields(of);
        self.check_required(of);
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
            slot: None,
            plan_rows: None,
            line: self.line(value.value),
        })
    }

    fn key(&mut self, of: Table<'_>) -> Option<Cell> {
        self.owner = Some(Shared::Object(self.objects.len()));
        let expression = self.at(of.node, "key", Self::expression);
        self.owner = None;
        let rows = of.node.set;
        Some(Cell { expression: expression?, slot: Some(self.sets[rows].slot(rows)) })
    }

    /// The field by which records share a Contract; `false` for none.
    fn joins_with(&mut self, of: Table<'_>) -> Option<FieldRef> {
        let value = of.node.get(JOINS_WITH)?;
        if value.is().as_bool() == Some(false) {
            return None;
        }
        let field = self.at(of.node, JOINS_WITH, Self::field_ref)?;
        let problem = match (of.kind, value.set) {
            (EntityKind::Contract, ROOT) if !field.path.contains('.') => return Some(field),
            (EntityKind::Contract, ROOT) => {
                "the field is one of the record itself: a look-up such as `ContractId`"
            }
            (EntityKind::Contract, _) => {
                "only a Contract of the record itself can be shared, not those of its rows"
            }
            _ => "only a Contract can be shared by a field",
        };
        let hint = "name a look-up of the record, or write `false`";
        self.note_key(value, JOINS_WITH, problem, hint);
        None
    }

    fn fields(&mut self, of: Table<'_>) -> Vec<FieldMapping> {
        let choice = |parser: &mut Self, value: Node<'_>| parser.word(value, &CUSTOM_FIELDS);
        let custom_fields = self.at(of.node, "custom_fields", choice);
        self.undiscounted = Arc::default();
        let mut fields = Vec::new();
        for (name, value) in of.node.table().into_iter().flatten() {
            let (text, line) = (name.get_ref().as_ref(), self.line(name));
            let key = dotted(of.node.key, text);
            if of.holds_beside(text) {
                if text == BILLING_LINE.name && of.kind != EntityKind::Commitment {
                    let message = "only a Commitment has a billing line";
                    self.fault_at(line, &key, message, "remove it");
                }
                continue;
            }
            let Some(spec) = of.kind.field(text) else {
                let known = of.kind.fields().iter().map(|field| field.name);
                let hint = hint_for(text, &known.chain(names(&OBJECT_KEYS)).collect::<Vec<_>>());
                self.fault_at(line, &key, format!("{} has no such field in m3ter", of.kind), hint);
                continue;
            };
            self.owner = Some(Shared::Field(self.objects.len(), fields.len()));
            let known = self.references.len();
            let value = Node { value, key: &key, spec: Some(spec), ..of.node };
            let Some(mut expression) = self.expression(value) else {
                self.references.truncate(known);
                continue;
            };
            if let (Term::CustomFields(_, replace), Some(wanted)) =
                (&mut expression.term, custom_fields)
            {
                *replace = wanted;
            }
            // In a table of names every name is a value.
            let has_names = matches!(spec.field_type, FieldType::Segment | FieldType::CustomFields);
            let flag = |flag: &str| !has_names && value.is_on(flag);
            let cell = Cell { expression, slot: None };
            fields.push(FieldMapping {
                spec,
                cell,
                once: flag("once"),
                clear: flag("clear"),
                line,
            });
        }
        self.owner = None;
        fields
    }

    fn check_required(&mut self, of: Table<'_>) {
        let Table { node, kind } = of;
        let has = |field: &str| node.get(field).is_some();
        for spec in kind.fields().iter().filter(|spec| spec.required && !has(spec.name)) {
            let message = format!("m3ter requires this field of {}", kind.with_article());
            self.note_key(node, spec.name, message, format!("add `{} = …`", spec.name));
        }
        for [one, other] in kind.exactly_one_of() {
            // A Pricing without either can never be made. Of an AccountPlan the records tell.
            if kind == EntityKind::Pricing && !has(one) && !has(other) {
                let message =
                    format!("m3ter requires `{one}` or `{other}` of {}", kind.with_article());
                self.note(node, message, format!("add `{one} = …` or `{other} = …`"));
            }
        }
    }

    /// The rows of the file's Plans, on which a billing line is marked.
    fn rows_of_plans(&self, file: Node<'_>) -> SetId {
        let plan = file.get("plan");
        let first = plan.and_then(|plan| plan.items().first().copied()).or(plan);
        let named = first.and_then(|plan| plan.text_of("rows"));
        named.and_then(|name| self.set_called(name)).unwrap_or(ROOT)
    }
}

impl Table<'_> {
    /// Whether a key of the table is none of m3ter's fields.
    fn holds_beside(self, key: &str) -> bool {
        OBJECT_KEYS.iter().chain(keys_of(self.kind)).any(|known| known.name == key)
    }
}

fn link_to(parent: FieldRef) -> Option<FieldMapping> {
    let (spec, line) = (EntityKind::Account.field("parentAccountId")?, parent.line);
    let cell = Cell { expression: Expression::plain(Term::AccountAt(parent)), slot: None };
    Some(FieldMapping { spec, cell, once: false, clear: false, line })
}
