//! The body and the query of a sync request; what is wrong with them is said with its place.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::fault::Fault;
use super::wait::LONGEST_WAIT_SECONDS;
use crate::domain::shown;
use crate::sync::SyncMode;

/// Elements that a Flow sends at most at once.
const MOST_REQUESTS: usize = 200;

/// One element of the request list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SyncRequest {
    /// The Salesforce id; null, absent and blank are answered by a result.
    #[serde(default)]
    pub(super) parent_record_id: Option<String>,
    /// The org that the request comes from, if it says so.
    #[serde(default)]
    pub(super) organization_id: Option<String>,
    /// The user of the org as whom it is asked, if it says so.
    #[serde(default)]
    pub(super) salesforce_user_id: Option<String>,
    /// The `planHash` of a dry run: nothing else is written.
    #[serde(default)]
    pub(super) expected_plan: Option<String>,
}

/// Where a request comes from, as far as it says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Origin {
    /// The org.
    pub(super) organization: Option<String>,
    /// The user of the org as whom it is asked.
    pub(super) salesforce_user: Option<String>,
}

/// The query parameters of both sync operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SyncParameters {
    pub(super) mode: SyncMode,
    pub(super) wait_seconds: u64,
}

impl SyncRequest {
    pub(super) fn origin(&self) -> Origin {
        Origin {
            organization: self.organization_id.clone(),
            salesforce_user: self.salesforce_user_id.clone(),
        }
    }
}

impl SyncParameters {
    /// Reads the query string; unknown names are refused, for a misspelled `dryRun` would write.
    pub(super) fn parse(query: Option<&str>) -> Result<Self, Fault> {
        Self::parse_with(query, |_, _| false, "`dryRun` and `waitSeconds`")
    }

    /// The same, and what else is said about the one record.
    pub(super) fn parse_of_record(query: Option<&str>) -> Result<(Self, SyncRequest), Fault> {
        let mut request = SyncRequest {
            parent_record_id: None,
            organization_id: None,
            salesforce_user_id: None,
            expected_plan: None,
        };
        let take = |name: &str, value: &str| {
            let place = match name {
                "organizationId" => &mut request.organization_id,
                "salesforceUserId" => &mut request.salesforce_user_id,
                "expectedPlan" => &mut request.expected_plan,
                _ => return false,
            };
            *place = Some(value.to_owned());
            true
        };
        let known =
            "`dryRun`, `waitSeconds`, `organizationId`, `salesforceUserId` and `expectedPlan`";
        let parameters = Self::parse_with(query, take, known)?;
        Ok((parameters, request))
    }

    fn parse_with(
        query: Option<&str>,
        mut take: impl FnMut(&str, &str) -> bool,
        known: &str,
    ) -> Result<Self, Fault> {
        let refuse =
            |message: String| Fault::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER", message);
        let mut parameters = Self { mode: SyncMode::Apply, wait_seconds: LONGEST_WAIT_SECONDS };
        for (name, value) in query_parameters(query)? {
            match name.as_ref() {
                "dryRun" => parameters.mode = mode_of(&value)?,
                "waitSeconds" => {
                    let seconds = value
                        .parse()
                        .ok()
                        .filter(|seconds| (0..=LONGEST_WAIT_SECONDS).contains(seconds));
                    let message = || {
                        let value = shown::word(&value);
                        format!(
                            "`waitSeconds` is `{value}`; it takes whole seconds from 0 to {LONGEST_WAIT_SECONDS}"
                        )
                    };
                    parameters.wait_seconds = seconds.ok_or_else(|| refuse(message()))?;
                }
                name if take(name, &value) => {}
                other => {
                    return Err(refuse(format!(
                        "`{}` is not a parameter here; there are {known}",
                        shown::word(other)
                    )));
                }
            }
        }
        Ok(parameters)
    }
}

/// Whether something is only to be said, where that is the only parameter.
pub(super) fn dry_run_parameter(query: Option<&str>) -> Result<SyncMode, Fault> {
    let mut mode = SyncMode::Apply;
    for (name, value) in query_parameters(query)? {
        if name != "dryRun" {
            let message =
                format!("`{}` is not a parameter here; there is `dryRun`", shown::word(&name));
            return Err(Fault::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER", message));
        }
        mode = mode_of(&value)?;
    }
    Ok(mode)
}

fn mode_of(value: &str) -> Result<SyncMode, Fault> {
    match value {
        "true" => Ok(SyncMode::DryRun),
        "false" => Ok(SyncMode::Apply),
        other => {
            let message =
                format!("`dryRun` is `{}`; it takes `true` or `false`", shown::word(other));
            Err(Fault::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER", message))
        }
    }
}

/// The name and the value of a parameter.
type Parameter<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The parameters of a query. One that is there twice is refused: `dryRun=true&dryRun=false` must
/// not write.
pub(super) fn query_parameters(query: Option<&str>) -> Result<Vec<Parameter<'_>>, Fault> {
    let parameters: Vec<_> =
        url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect();
    let mut names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    match names.windows(2).find(|names| names[0] == names[1]) {
        None => Ok(parameters),
        Some(names) => {
            let message =
                format!("`{}` was given more than once; send it once", shown::word(names[0]));
            Err(Fault::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER", message))
        }
    }
}

/// Whether a body has to be there.
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
    // The gate has read it already: whole, small enough and in time.
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
                shown::word(&content_type.unwrap_or_default())
            );
            Err(Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message))
        }
    }
}

/// The request list; `example` shows whoever sends something else what it looks like.
pub(super) fn parse_requests<T: DeserializeOwned>(
    bytes: &[u8],
    example: &str,
) -> Result<Vec<T>, Fault> {
    if bytes.trim_ascii().is_empty() {
        return Err(invalid(format!("The body is empty; send a list with one object: {example}")));
    }
    if bytes.trim_ascii_start().starts_with(b"{") {
        return Err(invalid(format!(
            "The body is an object; send a list with one object: {example}"
        )));
    }
    let requests: Vec<Object<T>> = parse(bytes)?;
    if requests.len() > MOST_REQUESTS {
        return Err(invalid(format!(
            "The list has {} elements; at most {MOST_REQUESTS} are answered",
            requests.len()
        )));
    }
    Ok(requests.into_iter().map(|Object(request)| request).collect())
}

/// An object of JSON. Without it a list would be taken too, its elements for the properties in the
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

pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
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
            if path == "." { String::new() } else { format!("at `{}`: ", shown::word(&path)) };
        invalid(format!("The body is not what is expected: {place}{}", shown::sentence(&text)))
    })?;
    deserializer
        .end()
        .map_err(|error| invalid(format!("The body goes on after its end: {error}")))?;
    Ok(parsed)
}

fn invalid(message: String) -> Fault {
    Fault::new(StatusCode::BAD_REQUEST, "INVALID_BODY", message)
}
