//! The API keys: whose they are and what they may do, never what they are.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::Timestamp;

use super::answer;
use super::session::Visitor;
use super::shell::Shell;
use super::words::When;
use crate::callers::{Callers, ListedKey, Permission};
use crate::http::auth::Auth;
use crate::http::fault::Fault;
use crate::sync::Syncs;

#[derive(Template)]
#[template(path = "console/keys.html")]
struct KeysPage {
    shell: Shell,
    has_keys: bool,
    problems: Vec<String>,
    keys: Vec<ShownKey>,
}

struct ShownKey {
    name: String,
    role: &'static str,
    id: String,
    may_only: String,
    ends: String,
    is_over: bool,
    used: Option<When>,
}

/// `GET /console/keys`.
pub(super) async fn show(
    State(syncs): State<Syncs>,
    Extension(auth): Extension<Auth>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    visitor.needs(Permission::Operate)?;
    let uses = syncs.key_uses().await?;
    let now = Timestamp::now();
    let shown = |ListedKey { caller, is_over }: ListedKey| {
        let ends = caller.limits.expires.as_ref().map(ToString::to_string);
        ShownKey {
            name: caller.name.to_string(),
            role: caller.role.as_str(),
            used: uses.get(&*caller.key).map(|at| When::new(*at, now)),
            id: caller.key.to_string(),
            may_only: caller.limits.in_words(),
            ends: ends.unwrap_or_default(),
            is_over,
        }
    };
    let keys = auth.keys();
    let page = KeysPage {
        shell: Shell::new(&visitor, "keys", "API keys"),
        has_keys: keys.is_some(),
        problems: keys.map(Callers::problems).unwrap_or_default(),
        keys: keys.map(Callers::list).unwrap_or_default().into_iter().map(shown).collect(),
    };
    answer::page(&headers, &page)
}
