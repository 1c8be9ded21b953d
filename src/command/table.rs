//! Tables as the terminal shows them.

use comfy_table::{ContentArrangement, Table};

/// An empty table with a header, as wide as the terminal.
pub(super) fn table<'a>(header: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header.into_iter().collect::<Vec<_>>());
    table
}
