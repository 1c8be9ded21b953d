//! Queries for counts, sums and extremes, by groups.

use std::cmp::Ordering;

use axum::http::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::super::answer::ApiError;
use super::super::numbers;
use super::super::org::Fields;
use super::super::soql::{Aggregate, Filter, Function, Query, Selected};
use super::super::tables::Table;
use super::{Evaluation, Rows, compare, matches};

/// The rows that share the values of the fields that a query groups by.
struct Group<'r> {
    keys: Vec<(String, Json)>,
    records: Vec<&'r Fields>,
}

impl Evaluation<'_> {
    pub(super) fn groups(
        &self,
        query: &Query,
        table: &'static Table,
        records: &[&Fields],
    ) -> Result<Rows, ApiError> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        if query.group.is_empty() {
            groups.push(Group { keys: Vec::new(), records: records.to_vec() });
        }
        for record in records.iter().filter(|_| !query.group.is_empty()) {
            let keys: Vec<(String, Json)> = query
                .group
                .iter()
                .map(|path| (path.names.join("."), self.value(table, record, &path.names)))
                .collect();
            match groups.iter_mut().find(|group| group.keys == keys) {
                Some(group) => group.records.push(record),
                None => groups.push(Group { keys, records: vec![record] }),
            }
        }
        if let Some(having) = &query.having {
            groups.retain(|group| self.group_holds(having, group, table));
        }
        groups.sort_by(|one, other| {
            let orders = query.order.iter().map(|order| {
                let [one, other] = [one, other]
                    .map(|group| self.of_group(&order.path.names.join("."), group, table));
                if order.descending { compare(&other, &one) } else { compare(&one, &other) }
            });
            orders.fold(Ordering::Equal, Ordering::then)
        });
        let groups = groups.iter().skip(query.offset).take(query.limit.unwrap_or(usize::MAX));
        let records =
            groups.map(|group| self.group_row(query, group, table)).collect::<Result<_, _>>()?;
        Ok(Rows { records, count: None })
    }

    fn group_row(
        &self,
        query: &Query,
        group: &Group<'_>,
        table: &'static Table,
    ) -> Result<Json, ApiError> {
        let mut row = Map::new();
        row.insert("attributes".to_owned(), json!({ "type": "AggregateResult" }));
        let mut unnamed = 0;
        for selected in &query.select {
            match selected {
                Selected::Aggregate(aggregate, alias) => {
                    let name = alias.clone().unwrap_or_else(|| {
                        unnamed += 1;
                        format!("expr{}", unnamed - 1)
                    });
                    row.insert(name, self.aggregate(aggregate, group, table));
                }
                Selected::Path(path) => {
                    let name = path.names.join(".");
                    let Some((_, value)) =
                        group.keys.iter().find(|(key, _)| key.eq_ignore_ascii_case(&name))
                    else {
                        let problem = self.with_place(
                            path.at,
                            &format!("Field must be grouped or aggregated: {name}"),
                        );
                        return Err(ApiError::new(
                            StatusCode::BAD_REQUEST,
                            "MALFORMED_QUERY",
                            problem,
                        ));
                    };
                    row.insert(path.names.last().cloned().unwrap_or_default(), value.clone());
                }
                _ => {
                    let problem = "Grouped query cannot use child relationships, COUNT() or functions in the SELECT list";
                    return Err(ApiError::new(StatusCode::BAD_REQUEST, "MALFORMED_QUERY", problem));
                }
            }
        }
        Ok(Json::Object(row))
    }

    fn aggregate(
        &self,
        Aggregate { function, path }: &Aggregate,
        group: &Group<'_>,
        table: &'static Table,
    ) -> Json {
        let values: Vec<Json> = group
            .records
            .iter()
            .map(|record| self.value(table, record, &path.names))
            .filter(|value| !value.is_null())
            .collect();
        let numbers = || values.iter().filter_map(|value| value.to_string().parse::<f64>().ok());
        match function {
            Function::Count => json!(values.len()),
            Function::CountDistinct => {
                let mut texts: Vec<String> = values.iter().map(Json::to_string).collect();
                texts.sort();
                texts.dedup();
                json!(texts.len())
            }
            Function::Sum | Function::Average if values.is_empty() => Json::Null,
            Function::Sum => numbers::double(numbers().sum()),
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            Function::Average => numbers::double(numbers().sum::<f64>() / values.len() as f64),
            Function::Least => values.into_iter().min_by(compare).unwrap_or_default(),
            Function::Greatest => values.into_iter().max_by(compare).unwrap_or_default(),
        }
    }

    /// The value of a group by the name of a field that it is grouped by, or of an aggregate.
    fn of_group(&self, name: &str, group: &Group<'_>, table: &'static Table) -> Json {
        if let Some((_, value)) = group.keys.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))
        {
            return value.clone();
        }
        let functions = [
            Function::Count,
            Function::CountDistinct,
            Function::Sum,
            Function::Average,
            Function::Least,
            Function::Greatest,
        ];
        let Some((_, inner)) = name.strip_suffix(')').and_then(|name| name.split_once('(')) else {
            return Json::Null;
        };
        let path = super::Path { names: inner.split('.').map(ToOwned::to_owned).collect(), at: 0 };
        let aggregate = functions
            .into_iter()
            .map(|function| Aggregate { function, path: path.clone() })
            .find(|one| one.name() == name);
        aggregate.map_or(Json::Null, |aggregate| self.aggregate(&aggregate, group, table))
    }

    fn group_holds(&self, filter: &Filter, group: &Group<'_>, table: &'static Table) -> bool {
        match filter {
            Filter::And(parts) => parts.iter().all(|part| self.group_holds(part, group, table)),
            Filter::Or(parts) => parts.iter().any(|part| self.group_holds(part, group, table)),
            Filter::Not(part) => !self.group_holds(part, group, table),
            Filter::Compare(path, operator, literal) => {
                matches(&self.of_group(&path.names.join("."), group, table), *operator, literal)
            }
            Filter::In(path, literals) => {
                let value = self.of_group(&path.names.join("."), group, table);
                literals.iter().any(|literal| matches(&value, super::Operator::Equal, literal))
            }
            Filter::InQuery(..) => false,
        }
    }
}
