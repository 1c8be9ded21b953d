//! Pages of a query's rows, and of the rows of each child relationship. Source: REST API Developer
//! Guide, Query.
//!
//! The rows of a child relationship that do not fit stand behind a cursor of their own, in the row
//! that they belong to. A cursor lives as long as the session that opened it.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

/// Rows on one page, unless the client asks for fewer.
pub(super) const PAGE_ROWS: usize = 2_000;

/// Rows that are still to be fetched.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    by_name: HashMap<String, Rest>,
    opened: usize,
}

/// What lies behind a cursor. It can be requested again.
#[derive(Debug, Clone)]
struct Rest {
    rows: Vec<Json>,
    total: usize,
    page_rows: usize,
    session: String,
}

/// Who asks, and how much of it fits on a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) session: &'a str,
    pub(super) page_rows: usize,
    /// Rows on a page of a child relationship.
    pub(super) child_rows: usize,
    pub(super) version_path: &'a str,
}

impl Cursors {
    /// The first page of a query, with the first pages of all child relationships in it.
    pub(super) fn first_page(&mut self, mut rows: Vec<Json>, reader: Reader<'_>) -> Json {
        for row in &mut rows {
            self.page_children(row, reader);
        }
        let total = rows.len();
        self.page(
            Rest { rows, total, page_rows: reader.page_rows, session: reader.session.to_owned() },
            reader.version_path,
        )
    }

    /// The page behind a cursor; `None` where there is no such cursor.
    pub(super) fn next_page(&mut self, cursor: &str, version_path: &str) -> Option<Json> {
        let rest = self.by_name.get(cursor)?.clone();
        Some(self.page(rest, version_path))
    }

    /// Forgets the cursors of all sessions but those that are open.
    pub(super) fn keep(&mut self, is_open: impl Fn(&str) -> bool) {
        self.by_name.retain(|_, rest| is_open(&rest.session));
    }

    fn page_children(&mut self, row: &mut Json, reader: Reader<'_>) {
        for child in row.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
            let Some(Json::Array(mut rows)) = child.get_mut("records").map(Json::take) else {
                continue;
            };
            for row in &mut rows {
                self.page_children(row, reader);
            }
            let total = rows.len();
            *child = self.page(
                Rest {
                    rows,
                    total,
                    page_rows: reader.child_rows,
                    session: reader.session.to_owned(),
                },
                reader.version_path,
            );
        }
    }

    /// A page of rows; what does not fit is kept under a cursor.
    fn page(
        &mut self,
        Rest { mut rows, total, page_rows, session }: Rest,
        version_path: &str,
    ) -> Json {
        if rows.len() <= page_rows {
            return json!({ "totalSize": total, "done": true, "records": rows });
        }
        let rest = rows.split_off(page_rows);
        self.opened += 1;
        let cursor = format!("01gS9{:010}AAA-{page_rows}", self.opened);
        self.by_name.insert(cursor.clone(), Rest { rows: rest, total, page_rows, session });
        json!({ "totalSize": total, "done": false, "nextRecordsUrl": format!("{version_path}/query/{cursor}"), "records": rows })
    }
}
