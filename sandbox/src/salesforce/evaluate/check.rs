//! What an org refuses of a query before it looks at a record.

use super::super::answer::ApiError;
use super::super::limits;
use super::super::org::is_id;
use super::super::soql::{Aggregate, Filter, Literal, Path, Query, Selected};
use super::super::tables::{Data, Table};
use super::{Evaluation, MAX_OFFSET, Written, is_of};
use axum::http::StatusCode;

impl Evaluation<'_> {
    /// Refuses unknown names before any row is looked at, as an empty table would not.
    pub(super) fn check(&self, query: &Query, table: &'static Table) -> Result<(), ApiError> {
        let mut named: Vec<String> = Vec::new();
        for selected in &query.select {
            match selected {
                Selected::Path(path) | Selected::Shown(_, path, None) => {
                    self.column(table, path)?;
                    let name = path.names.join(".").to_ascii_lowercase();
                    if named.contains(&name) {
                        let problem = self.with_place(
                            path.at,
                            &format!("duplicate field selected: {}", path.names.join(".")),
                        );
                        return Err(ApiError::new(
                            StatusCode::BAD_REQUEST,
                            "INVALID_FIELD",
                            problem,
                        ));
                    }
                    named.push(name);
                }
                Selected::Shown(_, path, Some(_))
                | Selected::Aggregate(Aggregate { path, .. }, _) => {
                    self.column(table, path)?;
                }
                Selected::Children(child) => {
                    self.child(table, child)?;
                }
                Selected::Count | Selected::Fields(_) => {}
            }
        }
        if query.offset > MAX_OFFSET {
            let problem = format!("Maximum SOQL offset allowed is {MAX_OFFSET}");
            return Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "NUMBER_OUTSIDE_VALID_RANGE",
                problem,
            ));
        }
        for path in &query.group {
            self.column(table, path)?;
        }
        if !query.is_of_groups() {
            for order in &query.order {
                self.column(table, &order.path)?;
            }
        }
        query.filter.as_ref().map_or(Ok(()), |filter| self.check_filter(filter, table))
    }

    pub(super) fn check_filter(
        &self,
        filter: &Filter,
        table: &'static Table,
    ) -> Result<(), ApiError> {
        match filter {
            Filter::And(parts) | Filter::Or(parts) => {
                parts.iter().try_for_each(|part| self.check_filter(part, table))
            }
            Filter::Not(part) => self.check_filter(part, table),
            Filter::Compare(path, _, literal) => {
                self.check_literals(table, path, std::slice::from_ref(literal))
            }
            Filter::In(path, literals) => self.check_literals(table, path, literals),
            Filter::InQuery(path, query) => {
                self.column(table, path)?;
                let [Selected::Path(_)] = query.select.as_slice() else {
                    let problem = self.with_place(
                        path.at,
                        "an inner query selects one field, an id or a reference",
                    );
                    return Err(ApiError::new(StatusCode::BAD_REQUEST, "MALFORMED_QUERY", problem));
                };
                let inner =
                    self.org.schema.table(&query.from).filter(|table| self.org.shows_table(table));
                self.check(query, inner.ok_or_else(|| self.unknown_type(&query.from))?)
            }
        }
    }

    pub(super) fn check_literals(
        &self,
        table: &'static Table,
        path: &Path,
        literals: &[Literal],
    ) -> Result<(), ApiError> {
        let data = self.column(table, path)?;
        for literal in literals {
            let of_type = |wanted: &str, quotes: &str| {
                Some(format!(
                    "value of filter criterion for field '{}' must be of type {wanted} and should {quotes}be enclosed in quotes",
                    path.names.join(".")
                ))
            };
            let problem = match (data, literal) {
                (_, Literal::Null) => None,
                (Data::Id | Data::Lookup(..), Literal::Text(text))
                    if !text.is_empty() && !is_id(text) =>
                {
                    Some(format!("invalid ID field: {text}"))
                }
                (Data::Date, literal) if !is_of(literal, Written::Date) => of_type("date", "not "),
                (Data::DateTime, literal) if !is_of(literal, Written::DateTime) => {
                    of_type("dateTime", "not ")
                }
                (Data::Currency | Data::Number | Data::Integer | Data::Percent, literal)
                    if !is_of(literal, Written::Number) =>
                {
                    of_type("double", "not ")
                }
                (Data::Checkbox, literal) if !matches!(literal, Literal::Boolean(_)) => {
                    of_type("boolean", "not ")
                }
                (
                    Data::Text(_)
                    | Data::LongText(_)
                    | Data::Email
                    | Data::Picklist(_)
                    | Data::Id
                    | Data::Lookup(..),
                    literal,
                ) if !matches!(literal, Literal::Text(_)) => of_type("string", ""),
                _ => None,
            };
            if let Some(problem) = problem {
                let code = if matches!(data, Data::Id | Data::Lookup(..)) {
                    "INVALID_QUERY_FILTER_OPERATOR"
                } else {
                    "INVALID_FIELD"
                };
                return Err(ApiError::new(
                    StatusCode::BAD_REQUEST,
                    code,
                    self.with_place(path.at, &problem),
                ));
            }
        }
        Ok(())
    }

    /// The type of the field at the end of a path.
    pub(super) fn column(&self, table: &'static Table, path: &Path) -> Result<Data, ApiError> {
        let (last, parents) =
            path.names.split_last().unwrap_or_else(|| unreachable!("a path has a name"));
        let mut table = table;
        let names_own_object = parents.first().is_some_and(|name| {
            name.eq_ignore_ascii_case(table.name) && self.org.schema.parent(table, name).is_none()
        });
        limits::check_parents(parents.len() - usize::from(names_own_object), || {
            self.with_place(path.at, "")
        })?;
        for name in parents {
            // A query may name its own object before a field.
            let own = name.eq_ignore_ascii_case(table.name);
            table = match self.org.schema.parent(table, name) {
                Some((column, _, parent))
                    if self.org.shows_column(table, column) && self.org.shows_table(parent) =>
                {
                    parent
                }
                _ if own => table,
                _ => {
                    let problem = format!(
                        "Didn't understand relationship '{name}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name."
                    );
                    return Err(ApiError::new(
                        StatusCode::BAD_REQUEST,
                        "INVALID_FIELD",
                        self.with_place(path.at, &problem),
                    ));
                }
            };
        }
        let column = table.column(last).filter(|column| self.org.shows_column(table, column));
        column.map(|column| column.data).ok_or_else(|| {
            let entity = table.name;
            let problem = format!(
                "No such column '{last}' on entity '{entity}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name."
            );
            ApiError::new(StatusCode::BAD_REQUEST, "INVALID_FIELD", self.with_place(path.at, &problem))
        })
    }
}
