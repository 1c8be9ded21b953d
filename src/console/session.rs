//! Who looks: a session that began with an API key, or whoever is at home where there are no keys.
//!
//! The browser has a random token, the store its hash. Every use asks anew whether the key still
//! lets in.

use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::{FromRequestParts, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;

use super::answer;
use super::form::{Form, Token, hash};
use crate::callers::{Caller, Permission};
use crate::http::auth::{Auth, Client};
use crate::http::fault::Fault;
use crate::http::{local, log_fields, permit};
use crate::sync::{SessionLimits, Syncs};

const COOKIE: &str = "sync_to_m3ter_session";
/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;
const LIMITS: SessionLimits =
    SessionLimits { idle: Duration::from_hours(1), absolute: Duration::from_hours(12) };
/// A use is written down no more often.
const NOTED_EVERY: Duration = Duration::from_mins(1);
/// A page that keeps itself up to date says so: that is no use of the session.
pub(super) const LIVE: &str = "console-live";

/// Who looks.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    pub(super) caller: Caller,
    pub(super) has_signed_in: bool,
    token: String,
}

impl Visitor {
    /// Whether an operation is open to them.
    pub(super) fn may(&self, permission: Permission) -> bool {
        self.caller.may(permission).is_ok()
    }

    /// Refuses a visitor who may not.
    pub(super) fn needs(&self, permission: Permission) -> Result<(), Fault> {
        self.caller.may(permission).map_err(|refusal| permit::forbidden(&refusal))
    }

    pub(super) fn form_token(&self) -> String {
        Token(self.token.clone()).for_forms()
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        parts.extensions.get::<Self>().cloned().ok_or_else(ended)
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Way {
    #[serde(default)]
    next: String,
    #[serde(default)]
    ended: String,
}

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignInPage<'a> {
    token: String,
    next: &'a str,
    problem: &'a str,
}

/// Lets those with a session in, and asks all others to sign in.
pub(super) async fn enter(
    State(syncs): State<Syncs>,
    Extension(auth): Extension<Auth>,
    Extension(Client(client)): Extension<Client>,
    mut request: Request,
    next: Next,
) -> Result<Response, Fault> {
    let path = request.uri().path();
    let is_sign_in = path == "/console/sign-in";
    let is_live = request.headers().contains_key(LIVE);
    if is_live || path.starts_with("/console/assets/") {
        log_fields::set_routine();
    }
    if path.starts_with("/console/assets/") {
        return Ok(next.run(request).await);
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads && local::is_of_another_site(request.headers()) {
        log_fields::set_reason(local::OTHER_SITE);
        let message = "A page of another site sent this form; nothing was done";
        return Err(Fault::new(StatusCode::FORBIDDEN, "FORBIDDEN", message));
    }
    let brought = cookie(request.headers());
    let token = brought.clone().unwrap_or_else(new_token);
    let visitor = match request.extensions_mut().remove::<Caller>() {
        Some(caller) => Some(Visitor { caller, has_signed_in: false, token: token.clone() }),
        None => match &brought {
            Some(token) => known(&syncs, &auth, client, token, is_live).await?,
            None => None,
        },
    };
    match visitor {
        Some(visitor) => {
            log_fields::set_caller(&visitor.caller);
            request.extensions_mut().insert(visitor.caller.clone());
            request.extensions_mut().insert(visitor);
        }
        None if is_sign_in => {}
        None if !reads => return Err(ended()),
        None => return Ok(to_sign_in(&request, brought.is_some())),
    }
    let secure = is_secure(request.headers());
    request.extensions_mut().insert(Token(token.clone()));
    let mut answer = next.run(request).await;
    if brought.is_none() && !answer.headers().contains_key(header::SET_COOKIE) {
        answer.headers_mut().insert(header::SET_COOKIE, set_cookie(&token, secure));
    }
    Ok(answer)
}

/// `GET /console/sign-in`.
pub(super) async fn ask(
    Extension(token): Extension<Token>,
    visitor: Option<Extension<Visitor>>,
    Query(way): Query<Way>,
) -> Result<Response, Fault> {
    if visitor.is_some() {
        return Ok(Redirect::to(next_page(&way.next)).into_response());
    }
    let problem = if way.ended.is_empty() { "" } else { "Your session has ended. Sign in again." };
    let page = SignInPage { token: token.for_forms(), next: next_page(&way.next), problem };
    answer::with_status(StatusCode::OK, &page)
}

/// `POST /console/sign-in`.
pub(super) async fn sign_in(
    State(syncs): State<Syncs>,
    Extension(auth): Extension<Auth>,
    Extension(Client(client)): Extension<Client>,
    Extension(token): Extension<Token>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Fault> {
    let next = next_page(form.text("next"));
    if !auth.has_keys() {
        return Ok(Redirect::to(next).into_response());
    }
    let caller = match auth.sign_in(form.text("key"), client) {
        Ok(caller) => caller,
        Err(fault) => {
            let (status, _, message) = fault.into_parts();
            let page = SignInPage { token: token.for_forms(), next, problem: &message };
            return answer::with_status(status, &page);
        }
    };
    let token = new_token();
    syncs.begin_session(&hash(&token), &caller.key, &caller.name, LIMITS).await?;
    log_fields::set_outcome("signed in".to_owned());
    let mut answer = Redirect::to(next).into_response();
    let secure = is_secure(&headers);
    answer.headers_mut().insert(header::SET_COOKIE, set_cookie(&token, secure));
    Ok(answer)
}

/// `POST /console/sign-out`.
pub(super) async fn sign_out(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    headers: HeaderMap,
    _: Form,
) -> Result<Response, Fault> {
    syncs.end_session(&hash(&visitor.token)).await?;
    log_fields::set_outcome("signed out".to_owned());
    let mut answer = Redirect::to("/console/sign-in").into_response();
    let secure = is_secure(&headers);
    answer.headers_mut().insert(header::SET_COOKIE, set_cookie(&new_token(), secure));
    Ok(answer)
}

/// Who has this token, if the session is not over and its key still lets in.
async fn known(
    syncs: &Syncs,
    auth: &Auth,
    client: std::net::IpAddr,
    token: &str,
    is_live: bool,
) -> Result<Option<Visitor>, Fault> {
    let id = hash(token);
    let Some(session) = syncs.session(&id, LIMITS).await? else { return Ok(None) };
    let Some(caller) = auth.readmit(&session.key, &session.name, client) else {
        return Ok(None);
    };
    let unused = Timestamp::now().duration_since(session.used_at).unsigned_abs();
    if !is_live && unused >= NOTED_EVERY {
        syncs.use_session(&id).await?;
        auth.note_use(&caller);
    }
    Ok(Some(Visitor { caller, has_signed_in: true, token: token.to_owned() }))
}

fn ended() -> Fault {
    log_fields::set_reason("no_session");
    let message = "Your session has ended, and nothing was done. Sign in again";
    Fault::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
}

fn to_sign_in(request: &Request, had_session: bool) -> Response {
    log_fields::set_routine();
    let page = request.uri().path_and_query().map_or("/console", |page| page.as_str());
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", page);
    if had_session && page != "/console" {
        query.append_pair("ended", "1");
    }
    Redirect::to(&format!("/console/sign-in?{}", query.finish())).into_response()
}

/// Where to go after signing in: a page of the console, and nowhere else.
fn next_page(text: &str) -> &str {
    let is_page =
        text == "/console" || text.starts_with("/console/") || text.starts_with("/console?");
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_page && is_plain && !text.starts_with("/console/sign-") { text } else { "/console" }
}

fn new_token() -> String {
    let mut bytes = [0; TOKEN_BYTES];
    // The only failure is a system without randomness, on which nothing else would work either.
    aws_lc_rs::rand::fill(&mut bytes).expect("the system gives random bytes");
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The token that the browser brings; one that cannot be ours is none.
fn cookie(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .find(|token| BASE64_URL_SAFE_NO_PAD.decode(token).is_ok_and(|t| t.len() == TOKEN_BYTES))
        .map(ToOwned::to_owned)
}

fn is_secure(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    !local::is_loopback_authority(host)
}

fn set_cookie(token: &str, secure: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let age = LIMITS.absolute.as_secs();
    let text =
        format!("{COOKIE}={token}; Path=/console; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).expect("base64 is a header's value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_only_redirects_into_the_console() {
        for page in ["/console", "/console/runs?syncStatus=Failed", "/console?x=1"] {
            assert_eq!(next_page(page), page);
        }
        for elsewhere in [
            "",
            "https://evil.example/console",
            "//evil.example/console",
            "/consoles",
            "/console/\\evil",
            "/console/ x",
            "/console/sign-out",
            "/sync-runs",
        ] {
            assert_eq!(next_page(elsewhere), "/console", "{elsewhere}");
        }
    }

    #[test]
    fn a_cookie_that_cannot_be_ours_is_ignored() {
        let headers = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, text.parse().unwrap());
            headers
        };
        let token = new_token();
        assert_eq!(cookie(&headers(&format!("a=b; {COOKIE}={token}"))), Some(token));
        for wrong in
            ["", "a=b", &format!("{COOKIE}="), &format!("{COOKIE}=x"), &format!("x{COOKIE}=a")]
        {
            assert_eq!(cookie(&headers(wrong)), None, "{wrong}");
        }
    }
}
