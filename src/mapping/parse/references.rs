//! What has to hold between the tables of a file: references lead somewhere, and never in a circle.

use super::{OBJECT_TABLES, Parser, dotted};
use crate::domain::catalog::Catalogued;
use crate::domain::entity::EntityKind;
use crate::mapping::language::{Expression, Mapped, ObjectMapping, Term};

fn table_name(kind: EntityKind) -> &'static str {
    OBJECT_TABLES.iter().find(|(_, other)| *other == kind).map_or("", |(name, _)| name)
}

impl Parser<'_> {
    pub(super) fn check_references(&mut self, mapped: &Mapped, has_product_rules: bool) {
        for object in &mapped.objects {
            self.check_write_back(mapped, object);
            for field in &object.fields {
                let key = dotted(table_name(object.kind), field.spec.name);
                field.expression.references(&mut |kind, named| {
                    self.check_reference(mapped, object, kind, named, &key, field.line)
                });
                if named_cycle(mapped, object, field.spec.name) {
                    self.fault_at(
                        field.line,
                        &key,
                        "the value comes from itself in a circle",
                        "let one of the fields read a Salesforce field",
                    );
                }
                dates_of_the_same_object(&field.expression, &mut |after| {
                    if object.field(after).is_none() {
                        self.fault_at(
                            field.line,
                            &key,
                            format!("the term counts from `{after}`, which the table does not map"),
                            "map it, or name another date in `after`",
                        );
                    }
                });
                if asks_product_rules(&field.expression) && mapped.product.is_none() {
                    self.fault_at(
                        field.line,
                        &key,
                        "`by_product` needs a `[product_mapping]`",
                        "add it, with `product = \"Product2.ProductCode\"`, for example",
                    );
                }
            }
        }
        if has_product_rules
            && !mapped
                .objects
                .iter()
                .flat_map(|object| &object.fields)
                .any(|field| asks_product_rules(&field.expression))
        {
            self.fault_at(
                1,
                "product_rule",
                "no field asks for the product rules",
                "add `by_product = true` to the look-up of `plan.planTemplateId`",
            );
        }
        self.check_several(mapped);
    }

    /// An id is written to the row that its object comes from, and to no other.
    fn check_write_back(&mut self, mapped: &Mapped, object: &ObjectMapping) {
        let Some(field) = object.write_back.as_ref().filter(|_| object.level == 0) else { return };
        let leads_away =
            field.path.contains('.') && (object.row.is_none() || object.sobject.is_none());
        let (message, hint) = if field.from != object.rows {
            let rows = &mapped.sets[object.rows].name;
            (
                format!("all rows of `{rows}` would write to one field of a row above"),
                "name a field of the row itself",
            )
        } else if leads_away {
            (
                "the id is written to the row, and this path leads to another record".to_owned(),
                "name a field of the row, or the record by `row` and `sobject`",
            )
        } else {
            return;
        };
        self.fault_at(field.line, &dotted(table_name(object.kind), "write_back"), message, hint);
    }

    fn check_reference(
        &mut self,
        mapped: &Mapped,
        object: &ObjectMapping,
        kind: EntityKind,
        named: Option<&'static str>,
        key: &str,
        line: usize,
    ) {
        let targets = mapped.reachable(kind, object.rows);
        let what =
            named.map_or_else(|| format!("the {kind}"), |named| format!("`{named}` of the {kind}"));
        match targets.as_slice() {
            [target] if named.is_none_or(|named| target.field(named).is_some()) => {}
            [] if mapped.object(kind).is_some() => {
                let rows = &mapped.sets[object.rows].name;
                let message = format!("it refers to {what}, whose rows do not lie above `{rows}`");
                self.fault_at(
                    line,
                    key,
                    message,
                    "refer to an object of the same rows or of rows above them",
                );
            }
            [_] | [] => {
                self.fault_at(
                    line,
                    key,
                    format!("it refers to {what}, which the file does not map"),
                    "map it, or take the reference out",
                );
            }
            _ => {
                let message = format!("it refers to {what}, of which one row has several");
                self.fault_at(line, key, message, "refer to an object that each row has once");
            }
        }
    }

    /// Several tables of one kind on the same rows need keys that tell their objects apart.
    fn check_several(&mut self, mapped: &Mapped) {
        // Parents are told apart by their own rows.
        for (index, object) in
            mapped.objects.iter().enumerate().filter(|(_, object)| object.level == 0)
        {
            let constant = |object: &ObjectMapping| match object.key.as_ref().map(|key| &key.term) {
                Some(Term::Constant(constant)) => Some(Some(constant.clone())),
                Some(_) => None,
                None => Some(None),
            };
            let is_like =
                |other: &&ObjectMapping| other.kind == object.kind && other.rows == object.rows;
            let is_same = |other: &&ObjectMapping| {
                constant(other).is_some() && constant(other) == constant(object)
            };
            let writes_same = |other: &&ObjectMapping| {
                other.write_back.as_ref().is_some_and(|field| {
                    object
                        .write_back
                        .as_ref()
                        .is_some_and(|own| own.path == field.path && own.from == field.from)
                })
            };
            let others = || mapped.objects[..index].iter().filter(is_like);
            if let Some(other) = others().find(is_same) {
                let message = format!(
                    "line {} makes a {} of the same rows with the same key",
                    self.files.place(other.line).1,
                    object.kind
                );
                let hint = "add `key = { value = \"…\" }` with a value of its own to one of them";
                self.fault_at(object.line, table_name(object.kind), message, hint);
            }
            if let Some(other) = others().find(writes_same) {
                let message = format!(
                    "line {} writes its ids to the same field of the same rows",
                    self.files.place(other.line).1
                );
                self.fault_at(
                    object.line,
                    &dotted(table_name(object.kind), "write_back"),
                    message,
                    "let each have a field of its own",
                );
            }
        }
    }
}

fn asks_product_rules(expression: &Expression) -> bool {
    matches!(
        expression.term,
        Term::Lookup { by_product: true, catalogued: Catalogued::PlanTemplate, .. }
    ) || expression.inner().into_iter().any(asks_product_rules)
}

/// Whether a field's value leads back to the field itself.
fn named_cycle(mapped: &Mapped, object: &ObjectMapping, field: &str) -> bool {
    fn visit<'a>(
        mapped: &'a Mapped,
        object: &'a ObjectMapping,
        field: &str,
        seen: &mut Vec<(*const ObjectMapping, String)>,
    ) -> bool {
        let here = (std::ptr::from_ref(object), field.to_owned());
        if let Some(first) = seen.first()
            && *first == here
        {
            return true;
        }
        if seen.contains(&here) {
            // Another circle, which its own fields report.
            return false;
        }
        seen.push(here);
        let Some(mapping) = object.field(field) else { return false };
        let mut next: Vec<(&ObjectMapping, &'static str)> = Vec::new();
        mapping.expression.references(&mut |kind, named| {
            if let (Some(named), Some(target)) =
                (named, mapped.reachable(kind, object.rows).first())
            {
                next.push((target, named));
            }
        });
        dates_of_the_same_object(&mapping.expression, &mut |named| next.push((object, named)));
        next.into_iter().any(|(target, named)| visit(mapped, target, named, seen))
    }
    visit(mapped, object, field, &mut Vec::new())
}

/// The fields of the same object that a term of months starts from.
fn dates_of_the_same_object(expression: &Expression, visit: &mut impl FnMut(&'static str)) {
    if let Term::MonthsAfter(_, after) = &expression.term {
        visit(after);
    }
    expression.inner().into_iter().for_each(|inner| dates_of_the_same_object(inner, visit));
}
