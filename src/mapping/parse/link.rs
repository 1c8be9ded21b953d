//! What must hold between the tables of a file: references exist, and never form a circle.
//! What they lead to gets a place beside its rows, and a turn before what comes from it.

use std::collections::BTreeSet;

use super::layers::OBJECT_TABLES;
use super::parser::{Parser, Reference, To, dotted};
use crate::domain::entity::EntityKind;
use crate::domain::rows::{ROOT, SetId};
use crate::mapping::language::Slot;
use crate::mapping::mapped::{Mapping, ObjectMapping, Shared};
use crate::mapping::term::Term;

fn table_name(kind: EntityKind) -> &'static str {
    OBJECT_TABLES.iter().find(|(_, other)| *other == kind).map_or("", |(name, _)| name)
}

struct Sources(Vec<(Shared, Shared)>);

impl Sources {
    /// What a value comes from, directly or not.
    fn of(&self, value: Shared) -> BTreeSet<Shared> {
        let (mut found, mut waiting) = (BTreeSet::new(), vec![value]);
        while let Some(next) = waiting.pop() {
            let direct = self.0.iter().filter(|(by, _)| *by == next).map(|(_, from)| *from);
            waiting.extend(direct.filter(|from| found.insert(*from)));
        }
        found
    }
}

impl Parser {
    /// Checks all references of a mapping, and resolves them.
    pub(super) fn link(&mut self, mapping: &mut Mapping) {
        let references = std::mem::take(&mut self.references);
        let targets: Vec<Result<Shared, Nowhere>> =
            references.iter().map(|reference| target(mapping, reference)).collect();
        let linked: Vec<(Option<Shared>, &Result<Shared, Nowhere>)> =
            references.iter().map(|reference| reference.by).zip(&targets).collect();
        let direct =
            linked.iter().filter_map(|(by, target)| Some(((*by)?, *target.as_ref().ok()?)));
        // A product rule may put another plan in the place of a row's own.
        let plans = (0..mapping.objects.len())
            .filter(|object| mapping.objects[*object].kind == EntityKind::Plan);
        let by_rule = plans.map(|plan| (Shared::Object(plan), Shared::ProductRule));
        let sources = Sources(direct.chain(by_rule).collect());
        for (object, table) in mapping.objects.iter().enumerate() {
            self.check_write_back(mapping, table);
            for (index, field) in table.fields.iter().enumerate() {
                let this = Shared::Field(object, index);
                let key = dotted(table_name(table.kind), field.spec.name);
                let own = linked.iter().filter(|(by, _)| *by == Some(this));
                for (message, hint) in own.filter_map(|(_, target)| target.as_ref().err()) {
                    self.fault_at(field.line, &key, message, *hint);
                }
                if sources.of(this).contains(&this) {
                    let hint = "have one of the fields read a Salesforce field";
                    let message = "the value comes from itself in a circle";
                    self.fault_at(field.line, &key, message, hint);
                }
            }
        }
        let is_asked = |reference: &Reference| matches!(reference.to, To::ProductRule);
        if !mapping.product_rules.is_empty() && !references.iter().any(is_asked) {
            let hint = "add `by_product = true` to the look-up of `plan.planTemplateId`";
            self.fault_at(1, "product_rule", "no field asks for the product rules", hint);
        }
        self.check_several(mapping);
        let targets: Vec<Option<Shared>> = targets.into_iter().map(Result::ok).collect();
        compile(mapping, &targets, &sources);
    }

    /// An id is written to the row that its object comes from, and to no other.
    fn check_write_back(&mut self, mapping: &Mapping, object: &ObjectMapping) {
        let Some(field) = object.write_back.as_ref().filter(|_| object.level == 0) else { return };
        let leads_away =
            field.path.contains('.') && (object.row.is_none() || object.sobject.is_none());
        let (message, hint) = if field.from != object.rows {
            let rows = &mapping.sets[object.rows].rows.name;
            (
                format!("all rows of `{rows}` would write to one field of a row above"),
                "name a field of the row itself",
            )
        } else if leads_away {
            (
                "the ID is written to the row, and this path leads to another record".to_owned(),
                "name a field of the row, or the record by `row` and `sobject`",
            )
        } else {
            return;
        };
        self.fault_at(field.line, &dotted(table_name(object.kind), "write_back"), message, hint);
    }

    /// Several tables of one kind on the same rows need keys that tell their objects apart. Parents
    /// are told apart by their own rows.
    fn check_several(&mut self, mapping: &Mapping) {
        let objects = mapping.objects.iter().enumerate();
        for (index, object) in objects.filter(|(_, object)| object.level == 0) {
            let name = table_name(object.kind);
            let others = || {
                mapping.objects[..index]
                    .iter()
                    .filter(|other| other.kind == object.kind && other.rows == object.rows)
            };
            if let Some(other) = others().find(|other| has_key_of(other, object)) {
                let message = format!(
                    "line {} makes a {} of the same rows with the same key",
                    self.files.place(other.line).1,
                    object.kind
                );
                let hint = "add `key = { value = \"…\" }` with a different value to one of them";
                self.fault_at(object.line, name, message, hint);
            }
            let writes_same = |other: &&ObjectMapping| {
                let (own, other) = (object.write_back.as_ref(), other.write_back.as_ref());
                own.zip(other)
                    .is_some_and(|(own, other)| own.path == other.path && own.from == other.from)
            };
            if let Some(other) = others().find(writes_same) {
                let message = format!(
                    "line {} writes its IDs to the same field of the same rows",
                    self.files.place(other.line).1
                );
                let hint = "give each a different field";
                self.fault_at(object.line, &dotted(name, "write_back"), message, hint);
            }
        }
    }
}

/// Whether two tables have the same constant as their key, or none.
fn has_key_of(one: &ObjectMapping, other: &ObjectMapping) -> bool {
    let key = |object: &ObjectMapping| object.key.as_ref().map(|key| key.expression.term.clone());
    match (key(one), key(other)) {
        (None, None) => true,
        (Some(Term::Constant(one)), Some(Term::Constant(other))) => one == other,
        _ => false,
    }
}

/// The tables of a kind that a row of `set` can refer to: those on the nearest set above it, or on
/// the set itself.
fn reachable(mapping: &Mapping, kind: EntityKind, mut set: SetId) -> Vec<usize> {
    loop {
        let is_there = |object: &usize| {
            let object = &mapping.objects[*object];
            object.kind == kind && object.rows == set && object.level == 0
        };
        let found: Vec<usize> = (0..mapping.objects.len()).filter(is_there).collect();
        if !found.is_empty() || set == ROOT {
            return found;
        }
        set = mapping.sets[set].rows.of;
    }
}

/// Why a reference leads nowhere, with a hint.
type Nowhere = (String, &'static str);

fn target(mapping: &Mapping, reference: &Reference) -> Result<Shared, Nowhere> {
    let own = match reference.by {
        Some(Shared::Object(object) | Shared::Field(object, _)) => Some(object),
        _ => None,
    };
    let field = |object: usize, name: &str| {
        let fields = &mapping.objects[object].fields;
        let field = fields.iter().position(|field| field.spec.name == name)?;
        Some(Shared::Field(object, field))
    };
    let (kind, name, what) = match reference.to {
        To::Object(kind) => (kind, None, format!("the {kind}")),
        To::Field(kind, name) => (kind, Some(name), format!("`{name}` of the {kind}")),
        To::Own(after) => {
            let message = format!("the term counts from `{after}`, which the table does not map");
            let hint = "map it, or name another date in `after`";
            return own.and_then(|own| field(own, after)).ok_or((message, hint));
        }
        To::ProductRule => {
            let message = "`by_product` needs a `[product_mapping]`".to_owned();
            let hint = "add it, with `product = \"Product2.ProductCode\"`, for example";
            return mapping.product.as_ref().map(|_| Shared::ProductRule).ok_or((message, hint));
        }
    };
    // What stands in an entry of a list refers to what its object refers to.
    let set = own.map_or(reference.set, |object| mapping.objects[object].rows);
    let found = reachable(mapping, kind, set);
    let of_nearest = |nearest: &usize| match name {
        Some(name) => field(*nearest, name),
        None => Some(Shared::Object(*nearest)),
    };
    let is_of_field = matches!(reference.by, Some(Shared::Field(..)));
    if found.len() > 1 && is_of_field {
        let message = format!("it refers to {what}, of which one row has several");
        return Err((message, "refer to an object that each row has once"));
    }
    found.first().and_then(of_nearest).ok_or_else(|| {
        if found.is_empty() && mapping.object(kind).is_some() {
            let rows = &mapping.sets[set].rows.name;
            let message = format!("it refers to {what}, whose rows are not above `{rows}`");
            (message, "refer to an object of the same rows or of rows above them")
        } else {
            let message = format!("it refers to {what}, which the file does not map");
            (message, "map it, or remove the reference")
        }
    })
}

/// Gives what others come from a slot, and puts it in order: whatever a value comes from itself
/// comes from less than the value does.
fn compile(mapping: &mut Mapping, targets: &[Option<Shared>], sources: &Sources) {
    let mut shared: BTreeSet<Shared> = targets.iter().flatten().copied().collect();
    shared.insert(Shared::ProductRule);
    for (index, object) in mapping.objects.iter().enumerate() {
        // Looked for before anything is resolved, or asked for by the rules.
        let asked = ["code", "amount"]
            .into_iter()
            .filter_map(|name| object.fields.iter().position(|field| field.spec.name == name));
        shared.extend(asked.map(|field| Shared::Field(index, field)));
    }
    mapping.links = targets.iter().map(|target| slot_of(mapping, (*target)?)).collect();
    for shared in &shared {
        slot_of(mapping, *shared);
    }
    mapping.shared = shared.into_iter().collect();
    mapping.shared.sort_by_key(|shared| sources.of(*shared).len());
    for object in 0..mapping.objects.len() {
        let ObjectMapping { kind, rows, .. } = mapping.objects[object];
        if matches!(kind, EntityKind::Plan | EntityKind::Pricing) {
            let plan = reachable(mapping, EntityKind::Plan, rows).first().copied();
            mapping.objects[object].plan_rows = plan.map(|plan| mapping.objects[plan].rows);
        }
    }
}

/// Where a value is kept; a rule has a place of its own with each row.
fn slot_of(mapping: &mut Mapping, shared: Shared) -> Option<Slot> {
    let (Shared::Object(object) | Shared::Field(object, _)) = shared else { return None };
    let object = &mut mapping.objects[object];
    let slot = match shared {
        Shared::Field(_, field) => &mut object.fields[field].cell.slot,
        _ => &mut object.slot,
    };
    Some(*slot.get_or_insert_with(|| mapping.sets[object.rows].slot(object.rows)))
}
