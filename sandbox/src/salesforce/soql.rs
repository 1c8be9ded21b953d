//! SOQL as people and clients write it, parsed into a tree. Source: SOQL and SOSL Reference.
//!
//! What an org takes and this one does not is refused as such, so that nobody looks for the fault
//! in the query.

pub(super) mod days;
mod parser;
mod tokens;

use std::fmt;

pub use parser::parse;

/// A parsed query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub select: Vec<Selected>,
    pub from: String,
    pub filter: Option<Filter>,
    pub group: Vec<Path>,
    /// Over groups; an aggregate is a path of one name, [`Aggregate::name`].
    pub having: Option<Filter>,
    pub order: Vec<Order>,
    pub limit: Option<usize>,
    pub offset: usize,
}

/// One entry of the select list.
#[derive(Debug, Clone, PartialEq)]
pub enum Selected {
    /// A field, over any number of parents.
    Path(Path),
    /// The rows of a child relationship.
    Children(Query),
    /// `COUNT()`.
    Count,
    /// `COUNT(Id)`, `SUM(Amount) total`.
    Aggregate(Aggregate, Option<String>),
    /// `toLabel(StageName)`, with its alias.
    Shown(Shown, Path, Option<String>),
    /// `FIELDS(STANDARD)`.
    Fields(FieldSet),
}

/// A number or value over the rows of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    pub function: Function,
    pub path: Path,
}

impl Query {
    /// Whether its rows are groups.
    pub(super) fn is_of_groups(&self) -> bool {
        !self.group.is_empty()
            || self.select.iter().any(|selected| matches!(selected, Selected::Aggregate(..)))
    }
}

impl Aggregate {
    /// As a `HAVING` or `ORDER BY` names it, however it is spelled.
    pub fn name(&self) -> String {
        format!("{:?}({})", self.function, self.path.names.join(".")).to_lowercase()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Count,
    CountDistinct,
    Sum,
    Average,
    Least,
    Greatest,
}

/// How a value is shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    Label,
    Formatted,
    Converted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldSet {
    All,
    Standard,
    Custom,
}

/// A field over its parents, with its place in the text for messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    pub names: Vec<String>,
    pub at: usize,
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare(Path, Operator, Literal),
    In(Path, Vec<Literal>),
    /// The values of another query's only field.
    InQuery(Path, Box<Query>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Null,
    Boolean(bool),
    Text(String),
    /// A number, a date or a date-time, as written.
    Bare(String),
    /// `TODAY`, `LAST_N_DAYS:30`, as written.
    Days(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub path: Path,
    pub descending: bool,
    pub nulls_last: bool,
}

/// Why a text is not a query: what was met, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    pub at: usize,
    pub met: String,
    /// An org knows it, and this one does not.
    pub is_of_soql: bool,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_of_soql {
            write!(f, "the emulated org does not support this part of SOQL: '{}'", self.met)
        } else {
            write!(f, "unexpected token: '{}'", self.met)
        }
    }
}

/// The columns of a query's table, as a client asks for them with `columns=true`.
pub(super) fn columns(query: &Query) -> Vec<serde_json::Value> {
    let column = |name: &str, is_aggregate: bool, below: Vec<serde_json::Value>| {
        serde_json::json!({
            "columnName": name, "displayName": name, "aggregate": is_aggregate, "booleanType": false, "custom": name.ends_with("__c"),
            "foreignKeyName": null, "insertable": false, "joinColumns": below, "numberType": false, "textType": true, "updatable": false,
        })
    };
    let mut unnamed = 0;
    let mut of = |selected: &Selected| match selected {
        // A parent's field stands below the parent's name.
        Selected::Path(path) => {
            let nested =
                path.names.iter().rev().fold(None, |below, name| {
                    Some(column(name, false, below.into_iter().collect()))
                });
            nested.unwrap_or_default()
        }
        Selected::Children(child) => column(&child.from, true, columns(child)),
        Selected::Shown(_, path, alias) => {
            column(alias.as_deref().unwrap_or(&path.names.join(".")), false, Vec::new())
        }
        Selected::Aggregate(_, Some(alias)) => column(alias, true, Vec::new()),
        Selected::Aggregate(_, None) => {
            unnamed += 1;
            column(&format!("expr{}", unnamed - 1), true, Vec::new())
        }
        Selected::Count | Selected::Fields(_) => column("Id", false, Vec::new()),
    };
    query.select.iter().map(&mut of).collect()
}

#[cfg(test)]
mod tests {
    use super::parser::DEEPEST;
    use super::*;

    #[test]
    fn a_query_with_parents_children_and_conditions_is_parsed() {
        let query = parse(
            "SELECT Id, Account.Name, (SELECT Id FROM OpportunityLineItems ORDER BY SortOrder NULLS LAST, Id) FROM Opportunity \
             WHERE (Name LIKE 'A%' OR NOT Amount >= 10.5) AND Id IN ('a', 'b') AND CloseDate != null ORDER BY Name DESC LIMIT 3 OFFSET 1",
        )
        .unwrap();
        assert_eq!((query.select.len(), query.limit, query.offset), (3, Some(3), 1));
        assert!(matches!(&query.filter, Some(Filter::And(parts)) if parts.len() == 3));
        assert!(
            matches!(&query.select[2], Selected::Children(child) if child.order.len() == 2 && child.order[0].nulls_last)
        );
    }

    #[test]
    fn what_is_not_a_query_is_refused_at_its_place() {
        for (text, at, met) in [
            ("SELECT FROM Account", 12, "Account"),
            ("SELECT Id FROM Account WHERE", 28, "<EOF>"),
            ("SELECT Id FROM Account WHERE Name = Foo", 36, "Foo"),
            ("SELECT Id FROM Account; DROP", 22, ";"),
            ("SELECT Id FROM Account WHERE Name = 'open", 36, "'"),
            ("SELECT Id,, Name FROM Account", 10, ","),
            ("SELECT COUNT FROM Account GROUP", 31, "<EOF>"),
        ] {
            let malformed = parse(text).unwrap_err();
            assert_eq!((malformed.at, malformed.met.as_str()), (at, met), "{text}");
        }
    }

    #[test]
    fn a_query_that_is_nested_too_deep_is_refused() {
        for (before, after) in [("(", ")"), ("NOT ", "")] {
            let nested = |depth: usize| {
                format!(
                    "SELECT Id FROM A WHERE {}Id = null{}",
                    before.repeat(depth),
                    after.repeat(depth)
                )
            };
            assert!(parse(&nested(DEEPEST)).is_ok());
            assert!(parse(&nested(100_000)).is_err());
        }
        assert!(parse(&"SELECT (".repeat(100_000)).is_err());
    }

    #[test]
    fn a_text_literal_keeps_its_escapes() {
        let query = parse(r"SELECT Id FROM Account WHERE Name = 'O\'Neil \\ Sons'").unwrap();
        assert!(
            matches!(query.filter, Some(Filter::Compare(_, Operator::Equal, Literal::Text(text))) if text == r"O'Neil \ Sons")
        );
    }
}
