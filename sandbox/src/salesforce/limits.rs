//! How much one call may hold, and how far one query may reach. Source: SOQL and SOSL Reference,
//! Understanding Relationship Query Limitations.
//!
//! The page fixes the numbers and not the words; the words of the errors are the emulator's own.

use axum::http::StatusCode;

use super::answer::ApiError;
use super::soql::{Query, Selected};

/// Records in one call.
pub(super) const MAX_RECORDS: usize = 200;
/// Relationships from a child to its parents in one path.
const MAX_PARENTS: usize = 5;
/// Levels of children below the root, since API version 58.0.
const MAX_LEVELS: usize = 4;
/// Relationships from a parent to its children in one query.
const MAX_CHILDREN: usize = 20;

/// Refuses a path over too many parents; `place` shows where it stands.
pub(super) fn check_parents(
    parents: usize,
    place: impl FnOnce() -> String,
) -> Result<(), ApiError> {
    if parents <= MAX_PARENTS {
        return Ok(());
    }
    let message = format!(
        "{}A path can follow at most {MAX_PARENTS} relationships to parents, and this one follows {parents}",
        place()
    );
    Err(ApiError::new(StatusCode::BAD_REQUEST, "MALFORMED_QUERY", message))
}

/// Refuses a query whose children lie too deep, or are too many.
pub(super) fn check_children(query: &Query) -> Result<(), ApiError> {
    let (levels, relationships) = reach(query);
    let problem = if levels > MAX_LEVELS {
        format!(
            "A query can read at most {MAX_LEVELS} levels of children below its root, and this one reads {levels}"
        )
    } else if relationships > MAX_CHILDREN {
        format!(
            "A query can read at most {MAX_CHILDREN} relationships to children, and this one reads {relationships}"
        )
    } else {
        return Ok(());
    };
    Err(ApiError::new(StatusCode::BAD_REQUEST, "MALFORMED_QUERY", problem))
}

/// The levels of children below a query, and their relationships in all.
fn reach(query: &Query) -> (usize, usize) {
    let children = query.select.iter().filter_map(|selected| match selected {
        Selected::Children(child) => Some(reach(child)),
        _ => None,
    });
    children.fold((0, 0), |(levels, relationships), (below, inside)| {
        (levels.max(below + 1), relationships + inside + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::super::evaluate::{Evaluation, Index};
    use super::super::soql::parse;
    use super::*;

    /// Queries of so many levels of children, one in the other.
    fn nested(levels: usize) -> String {
        let inner = if levels == 0 { String::new() } else { format!(", ({})", nested(levels - 1)) };
        format!("SELECT Id{inner} FROM X")
    }

    #[test]
    fn a_query_takes_four_levels_of_children_and_twenty_relationships() {
        let refused = |soql: &str| {
            check_children(&parse(soql).unwrap()).err().map(|error| (error.code, error.message))
        };
        assert_eq!(refused(&nested(MAX_LEVELS)), None);
        assert!(refused(&nested(MAX_LEVELS + 1)).is_some_and(|(code, message)| code
            == "MALFORMED_QUERY"
            && message.contains("reads 5")));
        let beside =
            |count: usize| format!("SELECT Id{} FROM X", ", (SELECT Id FROM Y)".repeat(count));
        assert_eq!(refused(&beside(MAX_CHILDREN)), None);
        assert!(
            refused(&beside(MAX_CHILDREN + 1))
                .is_some_and(|(_, message)| message.contains("reads 21"))
        );
    }

    #[test]
    fn a_path_follows_five_relationships_at_most() {
        let org = super::super::examples::Contents::examples().org();
        let refused = |text: &str| {
            let evaluation = Evaluation {
                org: &org,
                text,
                with_deleted: false,
                version: "v60.0",
                index: Index::default(),
            };
            evaluation.rows(&parse(text).unwrap()).err().map(|error| (error.code, error.message))
        };
        let over = |parents: usize| format!("{}Name", "Parent.".repeat(parents));
        assert_eq!(refused(&format!("SELECT {} FROM Account", over(MAX_PARENTS))), None);
        // The object's own name before a path is no relationship.
        assert_eq!(refused(&format!("SELECT Account.{} FROM Account", over(MAX_PARENTS))), None);
        for soql in [
            format!("SELECT {} FROM Account", over(MAX_PARENTS + 1)),
            format!("SELECT Id FROM Account ORDER BY {}", over(MAX_PARENTS + 1)),
            format!(
                "SELECT Id, (SELECT Account.{} FROM Opportunities) FROM Account",
                over(MAX_PARENTS)
            ),
        ] {
            let (code, message) = refused(&soql).unwrap();
            assert!(
                code == "MALFORMED_QUERY"
                    && message.contains("ERROR at Row:1:Column:")
                    && message.contains("follows 6"),
                "{message}"
            );
        }
    }
}
