//! Where each m3ter field comes from.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::answer;
use super::session::Visitor;
use super::shell::Shell;
use crate::callers::Permission;
use crate::http::fault::Fault;
use crate::mapping::{FieldDescription, Mapping};
use crate::sync::Syncs;

#[derive(Template)]
#[template(path = "console/mappings.html")]
struct MappingsPage {
    shell: Shell,
    unreadable: Vec<String>,
    mappings: Vec<ShownMapping>,
}

struct ShownMapping {
    root: String,
    file: String,
    extends: String,
    fields: Vec<FieldDescription>,
    choices: [(&'static str, &'static str); 6],
}

/// `GET /console/mappings`.
pub(super) async fn show(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    visitor.needs(Permission::ReadRuns)?;
    let page = MappingsPage {
        shell: Shell::new(&visitor, "mappings", "Mappings"),
        unreadable: syncs.unreadable(),
        mappings: syncs.mappings().iter().map(ShownMapping::new).collect(),
    };
    answer::page(&headers, &page)
}

impl ShownMapping {
    fn new(mapping: &Mapping) -> Self {
        Self {
            root: mapping.root().to_owned(),
            file: mapping.file().to_owned(),
            extends: mapping.extended().join(", "),
            fields: mapping.describe(None),
            choices: mapping.render_choices(),
        }
    }
}
