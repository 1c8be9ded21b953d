//! The body of a request; what is wrong with it is said with its place.

use std::fmt;
use std::marker::PhantomData;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::fault::Fault;
use super::record::RecordRequest;
use crate::domain::excerpt;

/// Elements that a Flow sends at most at once.
const MAX_REQUESTS: usize = 200;

/// A list of requests, each about one record.
#[derive(Debug)]
pub(super) struct RequestList<T>(pub(super) Vec<T>);

impl<S: Sync, T: RecordRequest> FromRequest<S> for RequestList<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        parse_requests(&json_bytes(request, Presence::Required).await?).map(Self)
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Object<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        parse(&json_bytes(request, Presence::Required).await?)
    }
}

/// Nothing, or an object of JSON with nothing in it.
#[derive(Debug)]
pub(super) struct NoBody;

impl<S: Sync> FromRequest<S> for NoBody {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        check_nothing(&json_bytes(request, Presence::Optional).await?).map(|()| Self)
    }
}

/// Whether a body is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// JSON, with its content type.
    Required,
    /// Nothing is as good.
    Optional,
}

/// The bytes of a JSON body. The content type is looked at where there are any, or there must be.
pub(super) async fn json_bytes(request: Request, presence: Presence) -> Result<Bytes, Fault> {
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(str::to_ascii_lowercase);
    // `auth.rs` has read it already: whole, small enough and in time.
    let bytes = Bytes::from_request(request, &()).await;
    let bytes = bytes.map_err(|rejection| {
        Fault::new(rejection.status(), "INVALID_BODY", "The body could not be read")
    })?;
    let is_json = content_type
        .as_deref()
        .map(|value| value.split(';').next().unwrap_or_default().trim() == "application/json");
    match (is_json, presence) {
        (Some(true), _) => Ok(bytes),
        (_, Presence::Optional) if bytes.trim_ascii().is_empty() || is_json.is_none() => Ok(bytes),
        (None, _) => Err(Fault::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            "The content type is missing; send `application/json`",
        )),
        (Some(false), _) => {
            let message = format!(
                "The content type is `{}`; send `application/json`",
                excerpt::word(&content_type.unwrap_or_default())
            );
            Err(Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message))
        }
    }
}

/// The requests in a body; a caller that sends something else is told what a list looks like.
pub(super) fn parse_requests<T: RecordRequest>(bytes: &[u8]) -> Result<Vec<T>, Fault> {
    let no_list = |what: &str| {
        invalid_body(format!("The body is {what}; send a list with one object: {}", T::EXAMPLE))
    };
    if bytes.trim_ascii().is_empty() {
        return Err(no_list("empty"));
    }
    if bytes.trim_ascii_start().starts_with(b"{") {
        return Err(no_list("an object"));
    }
    let requests: Vec<Object<T>> = parse(bytes)?;
    if requests.len() > MAX_REQUESTS {
        return Err(invalid_body(format!(
            "The list has {} elements; at most {MAX_REQUESTS} are allowed",
            requests.len()
        )));
    }
    Ok(requests.into_iter().map(|Object(request)| request).collect())
}

/// What is there is a text, and not null.
pub(super) fn a_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

/// An object of JSON. Without this type a list would be taken too, its elements for the properties in the
/// order that they are declared in.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Properties<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Properties<T> {
            type Value = T;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_map(Properties(PhantomData)).map(Self)
    }
}

/// Refuses whatever a body holds where none is needed.
pub(super) fn check_nothing(bytes: &[u8]) -> Result<(), Fault> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    if bytes.trim_ascii().is_empty() {
        Ok(())
    } else {
        parse::<Option<Object<Nothing>>>(bytes).map(drop)
    }
}

/// What a body begins with that is in another form than a JSON parser reads, and in no words of
/// its own.
fn other_form(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [0xef, 0xbb, 0xbf, ..] => "begins with a byte order mark; send UTF-8 without one",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "is in UTF-16; send UTF-8",
        [0x1f, 0x8b, ..] => "is compressed; send it as it is",
        _ => return None,
    })
}

pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    if let Some(form) = other_form(bytes) {
        return Err(invalid_body(format!("The body {form}")));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let text = error.inner().to_string();
        // The parser's words, in those of who writes JSON.
        let text = match text.split_once(", expected ") {
            Some((met, expected)) => {
                format!(
                    "{met}, expected {}",
                    expected.replacen("a sequence", "a list", 1).replacen(
                        "u32",
                        "a whole number",
                        1
                    )
                )
            }
            None => text,
        };
        let place =
            if path == "." { String::new() } else { format!("at `{}`: ", excerpt::word(&path)) };
        invalid_body(format!("The body is not as expected: {place}{}", excerpt::sentence(&text)))
    })?;
    deserializer.end().map_err(|error| invalid_body(format!("The body has {error}")))?;
    Ok(parsed)
}

/// A body that does not hold what it must.
pub(super) fn invalid_body(message: impl Into<String>) -> Fault {
    Fault::new(StatusCode::BAD_REQUEST, "INVALID_BODY", message)
}
