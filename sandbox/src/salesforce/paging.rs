//! Pages of a query's rows, and of the rows of each child relationship. Source: REST API Developer Guide, Query.
//!
//! The rows of a child relationship that do not fit stand behind a cursor of their own, in the row that they belong to.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

/// Rows on one page, unless the client asks for fewer.
pub(super) const PAGE_ROWS: usize = 2_000;

/// Rows that are still to be fetched.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    by_name: HashMap<String, Rest>,
}

/// What lies behind a cursor. It can be asked for again.
#[derive(Debug, Clone)]
struct Rest {
    rows: Vec<Json>,
    total: usize,
    page_rows: usize,
}

impl Cursors {
    /// The first page of a query, with the first pages of all child relationships in it.
    pub(super) fn first_page(&mut self, mut rows: Vec<Json>, page_rows: usize, child_rows: usize, version_path: &str) -> Json {
        for row in &mut rows {
            self.page_children(row, child_rows, version_path);
        }
        let total = rows.len();
        self.page(Rest { rows, total, page_rows }, version_path)
    }

    /// The page behind a cursor; `None` where there is no such cursor.
    pub(super) fn next_page(&mut self, cursor: &str, version_path: &str) -> Option<Json> {
        let rest = self.by_name.get(cursor)?.clone();
        Some(self.page(rest, version_path))
    }

    fn page_children(&mut self, row: &mut Json, child_rows: usize, version_path: &str) {
        for child in row.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
            let Some(Json::Array(mut rows)) = child.get_mut("records").map(Json::take) else { continue };
            for row in &mut rows {
                self.page_children(row, child_rows, version_path);
            }
            let total = rows.len();
            *child = self.page(Rest { rows, total, page_rows: child_rows }, version_path);
        }
    }

    /// A page of rows; what does not fit is kept under a cursor.
    fn page(&mut self, Rest { mut rows, total, page_rows }: Rest, version_path: &str) -> Json {
        if rows.len() <= page_rows {
            return json!({ "totalSize": total, "done": true, "records": rows });
        }
        let rest = rows.split_off(page_rows);
        let cursor = format!("01gS9{:010}AAA-{page_rows}", self.by_name.len());
        self.by_name.insert(cursor.clone(), Rest { rows: rest, total, page_rows });
        json!({ "totalSize": total, "done": false, "nextRecordsUrl": format!("{version_path}/query/{cursor}"), "records": rows })
    }
}
