//! What the console gives the router: pages for people, under a path of their own.

use axum::Router;
use axum::http::{HeaderMap, StatusCode};

use crate::sync::Syncs;

/// Where people look, and where no program does: the console's own pages.
const CONSOLE: &str = "/console";

/// What people see of the service, beside its endpoints.
#[derive(Debug, Clone)]
pub struct Console {
    /// Its pages, all under `/console`.
    pub routes: Router<Syncs>,
    /// What every answer under `/console` gets, also a fault of the gate.
    pub guard: fn(&mut HeaderMap),
    /// A fault as a page.
    pub fault_page: fn(&FaultShown<'_>) -> String,
}

/// A fault, as it is shown to a person.
#[derive(Debug, Clone, Copy)]
pub struct FaultShown<'a> {
    /// The status of the answer.
    pub status: StatusCode,
    /// What is wrong, as a sentence.
    pub message: &'a str,
    /// By which the log has it.
    pub request_id: &'a str,
}

/// Whether a path is the console's.
pub(super) fn is_of_console(path: &str) -> bool {
    path.strip_prefix(CONSOLE).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
