//! Where each m3ter field comes from, and whether that fits the org.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::answer;
use super::form::Form;
use super::session::Visitor;
use super::shell::Shell;
use super::words::Mark;
use crate::callers::Permission;
use crate::domain::org_remark::{OrgRemark, Severity};
use crate::domain::org_schema::OrgSchema;
use crate::http::fault::Fault;
use crate::http::log_fields;
use crate::mapping::{FieldDescription, Mapping};
use crate::sync::{CheckedMapping, Syncs};

#[derive(Template)]
#[template(path = "console/mappings.html")]
struct MappingsPage {
    shell: Shell,
    unreadable: Vec<String>,
    /// How many remarks of the check are problems, if there was one.
    problems: Option<usize>,
    mappings: Vec<ShownMapping>,
}

struct ShownMapping {
    root: String,
    file: String,
    extends: String,
    fields: Vec<FieldDescription>,
    choices: [(&'static str, &'static str); 6],
    /// What the check found, if there was one.
    remarks: Option<Vec<(Mark, String)>>,
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
        problems: None,
        mappings: syncs.mappings().iter().map(|mapping| ShownMapping::new(mapping, None)).collect(),
    };
    answer::page(&headers, &page)
}

/// `POST /console/mappings/check`: the same with what Salesforce and m3ter say about it, who are
/// asked only when somebody asks for that.
pub(super) async fn check(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    _form: Form,
) -> Result<Response, Fault> {
    visitor.needs(Permission::ReadRuns)?;
    let checked = syncs.check_mappings().await.map_err(|failure| {
        Fault::new(StatusCode::BAD_GATEWAY, failure.code.as_str(), failure.reason)
    })?;
    let remarks = checked.iter().flat_map(|checked| &checked.remarks);
    let problems = remarks.filter(|remark| remark.severity == Severity::Red).count();
    log_fields::set_outcome(format!("{problems} problems"));
    let page = MappingsPage {
        shell: Shell::new(&visitor, "mappings", "Mappings"),
        unreadable: syncs.unreadable(),
        problems: Some(problems),
        mappings: checked.iter().map(ShownMapping::checked).collect(),
    };
    answer::with_status(StatusCode::OK, &page)
}

impl ShownMapping {
    fn new(mapping: &Mapping, schema: Option<&OrgSchema>) -> Self {
        Self {
            root: mapping.root().to_owned(),
            file: mapping.file().to_owned(),
            extends: mapping.extended().join(", "),
            fields: mapping.describe(schema),
            choices: mapping.settings().render_choices(mapping.states_billing()),
            remarks: None,
        }
    }

    fn checked(checked: &CheckedMapping<'_>) -> Self {
        let shown = |OrgRemark { severity, message }: &OrgRemark| {
            (Mark::of_severity(*severity), message.clone())
        };
        Self {
            remarks: Some(checked.remarks.iter().map(shown).collect()),
            ..Self::new(checked.mapping, checked.schema.as_ref().ok())
        }
    }
}
