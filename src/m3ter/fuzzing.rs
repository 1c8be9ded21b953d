//! What the bytes of m3ter's answers mean, for `fuzz/` and the test that replays its corpus.
//!
//! The functions are those of the client. Nothing of the service uses this.

use serde_json::Value as Json;

use super::catalog::read_template;
use super::{list, login, read_error};
use crate::domain::catalog::PlanTemplate;
use crate::transport::{CalloutErrorKind, Token, meaning, read_body};

/// Any answer: its body, or what went wrong.
pub fn answer(status: u16, bytes: &[u8]) -> Result<Json, CalloutErrorKind> {
    meaning(read_error, status, read_body(bytes))
}

/// The answer of a login.
pub fn token(body: &Json) -> Option<Token> {
    login::read_token(body)
}

/// A page of a list, and what asks for the next one.
pub fn page(body: Json) -> Option<(Vec<Json>, Option<String>)> {
    list::read_page(body)
}

/// A plan template with its code.
pub fn template(body: &Json) -> Option<(String, PlanTemplate)> {
    read_template(body)
}
