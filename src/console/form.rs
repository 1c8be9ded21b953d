//! A form that a page of this console sent: with the token of its session, and taken once.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::http::fault::Fault;
use crate::http::log_fields;
use crate::sync::Syncs;

/// The browser's own secret, also before anybody has signed in.
#[derive(Debug, Clone)]
pub(super) struct Token(pub(super) String);

impl Token {
    /// What a form of this browser has, and no other page knows.
    pub(super) fn for_forms(&self) -> String {
        hash(&format!("form {}", self.0))
    }
}

/// What a form says.
#[derive(Debug)]
pub(super) struct Form(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        let token = request.extensions().get::<Token>().map(Token::for_forms).unwrap_or_default();
        let unreadable =
            |_| Fault::new(StatusCode::BAD_REQUEST, "INVALID_BODY", "The form could not be read");
        let bytes = Bytes::from_request(request, state).await.map_err(unreadable)?;
        let form = Self(url::form_urlencoded::parse(&bytes).into_owned().collect());
        if verify_slices_are_equal(form.text("token").as_bytes(), token.as_bytes()).is_err() {
            log_fields::set_reason("no_form_token");
            let message = "This form is from an earlier session, and nothing was done. Open the page again and send it from there";
            return Err(Fault::new(StatusCode::FORBIDDEN, "FORBIDDEN", message));
        }
        Ok(form)
    }
}

impl Form {
    /// A field; blank if it is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.trim())
    }

    /// A field that is not blank.
    pub(super) fn given(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(ToOwned::to_owned)
    }

    /// All values of a field.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let fields = self.0.iter().filter(|(field, _)| field == name);
        fields.map(|(_, value)| value.clone()).collect()
    }

    /// Takes the form, which nobody can take again.
    pub(super) async fn take(&self, syncs: &Syncs) -> Result<(), Fault> {
        let is_new = match Uuid::try_parse(self.text("once")) {
            Ok(id) => syncs.take_form(&id.to_string()).await?,
            Err(_) => false,
        };
        if is_new {
            return Ok(());
        }
        let message = "This form was sent before, and was not taken again. The list of runs shows what came of it";
        Err(Fault::new(StatusCode::CONFLICT, "FORM_TAKEN", message))
    }
}

/// The number of a new form.
pub(super) fn once() -> String {
    Uuid::new_v4().to_string()
}

/// The SHA-256 hash of a token.
pub(super) fn hash(token: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()).as_ref())
}
