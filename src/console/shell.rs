//! What all pages have around them.

use super::session::Visitor;
use crate::callers::Permission;

/// Around a page: its title, where it is, and who looks.
#[derive(Debug, Clone)]
pub(super) struct Shell {
    pub(super) title: String,
    /// The entry of the navigation that it belongs to.
    pub(super) at: &'static str,
    pub(super) name: String,
    pub(super) role: &'static str,
    pub(super) has_signed_in: bool,
    pub(super) operates: bool,
    pub(super) token: String,
    /// After how many milliseconds it looks again; 0: never.
    pub(super) live_ms: u32,
}

impl Shell {
    pub(super) fn new(visitor: &Visitor, at: &'static str, title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            at,
            name: visitor.caller.name.to_string(),
            role: visitor.caller.role.as_str(),
            has_signed_in: visitor.has_signed_in,
            operates: visitor.may(Permission::Operate),
            token: visitor.form_token(),
            live_ms: 0,
        }
    }

    /// The same for a page that changes while somebody looks.
    pub(super) fn live(self, live_ms: u32) -> Self {
        Self { live_ms, ..self }
    }
}
