//! The query of a request; what is wrong with it is said with its name.

use std::borrow::Cow;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use jiff::Timestamp;

use super::fault::Fault;
use crate::domain::excerpt;
use crate::domain::ids::{M3terId, SalesforceId};
use crate::sync::SyncMode;

/// Salesforce gives up at 120 s; the sync itself at 100 s.
const MAX_WAIT_SECONDS: u64 = 105;

/// What a caller may say about a run, whatever it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SyncParameters {
    pub(super) mode: SyncMode,
    pub(super) wait_seconds: u64,
}

impl SyncParameters {
    /// Reads the query string; unknown names are refused, for a misspelled `dryRun` would write.
    fn parse(query: Option<&str>) -> Result<Self, Fault> {
        Self::parse_with(query, |_, _| false, "`dryRun` and `waitSeconds`")
    }

    /// The same, with more parameters: `take` says whether it knows one, and `known` names all.
    pub(super) fn parse_with(
        query: Option<&str>,
        mut take: impl FnMut(&str, &str) -> bool,
        known: &str,
    ) -> Result<Self, Fault> {
        let mut parameters = Self { mode: SyncMode::Apply, wait_seconds: MAX_WAIT_SECONDS };
        for (name, value) in query_parameters(query)? {
            match name.as_ref() {
                "dryRun" => parameters.mode = mode_of(&value)?,
                "waitSeconds" => parameters.wait_seconds = seconds_of(&value)?,
                name if take(name, &value) => {}
                other => return Err(unknown(other, &format!("there are {known}"))),
            }
        }
        Ok(parameters)
    }
}

impl<S: Sync> FromRequestParts<S> for SyncParameters {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        Self::parse(parts.uri.query())
    }
}

/// Whether something is only to be said, where that is the only parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct DryRun(pub(super) SyncMode);

impl<S: Sync> FromRequestParts<S> for DryRun {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let mut mode = SyncMode::Apply;
        for (name, value) in query_parameters(parts.uri.query())? {
            if name != "dryRun" {
                return Err(unknown(&name, "there is `dryRun`"));
            }
            mode = mode_of(&value)?;
        }
        Ok(Self(mode))
    }
}

fn mode_of(value: &str) -> Result<SyncMode, Fault> {
    match value {
        "true" => Ok(SyncMode::DryRun),
        "false" => Ok(SyncMode::Apply),
        other => Err(invalid_parameter(format!(
            "`dryRun` is `{}`; it takes `true` or `false`",
            excerpt::word(other)
        ))),
    }
}

fn seconds_of(value: &str) -> Result<u64, Fault> {
    let seconds = value.parse().ok().filter(|seconds| (0..=MAX_WAIT_SECONDS).contains(seconds));
    seconds.ok_or_else(|| {
        invalid_parameter(format!(
            "`waitSeconds` is `{}`; it takes whole seconds from 0 to {MAX_WAIT_SECONDS}",
            excerpt::word(value)
        ))
    })
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
        Some(names) => Err(invalid_parameter(format!(
            "`{}` was given more than once; send it once",
            excerpt::word(names[0])
        ))),
    }
}

/// A parameter that an operation does not have; `known` says which it has.
pub(super) fn unknown(name: &str, known: &str) -> Fault {
    invalid_parameter(format!("`{}` is not a parameter here; {known}", excerpt::word(name)))
}

/// A parameter with a wrong value.
pub(crate) fn invalid_parameter(message: impl Into<String>) -> Fault {
    Fault::new(StatusCode::BAD_REQUEST, "INVALID_PARAMETER", message)
}

/// A record's id.
pub(super) fn record_of(text: &str) -> Result<SalesforceId, Fault> {
    SalesforceId::parse(text).map_err(|error| invalid_parameter(error.to_string()))
}

/// An ID of m3ter, of the parameter with this name.
pub(super) fn m3ter_id_of(name: &str, text: &str) -> Result<M3terId, Fault> {
    M3terId::parse(text).map_err(|invalid| invalid_parameter(format!("`{name}`: {invalid}")))
}

/// A moment, of the parameter with this name.
pub(crate) fn instant_of(name: &str, text: &str) -> Result<Timestamp, Fault> {
    text.parse().map_err(|_| {
        invalid_parameter(format!(
            "`{name}` is `{}`; it takes a date-time such as `2026-12-31T00:00:00Z`",
            excerpt::word(text)
        ))
    })
}

/// The size of a page, of the parameter with this name.
pub(super) fn limit_of(name: &str, given: Option<u32>, most: u32) -> Result<u32, Fault> {
    given
        .filter(|limit| (1..=most).contains(limit))
        .ok_or_else(|| invalid_parameter(format!("`{name}` takes whole numbers from 1 to {most}")))
}

/// Whether something is so, of the parameter with this name.
pub(super) fn truth(name: &str, text: &str) -> Result<bool, Fault> {
    text.parse().map_err(|_| not_among(name, text, &["true", "false"]))
}

/// A parameter whose value is none of its words.
pub(super) fn not_among(name: &str, text: &str, words: &[&str]) -> Fault {
    let words = words.join("`, `");
    invalid_parameter(format!("`{name}` is `{}`; it takes `{words}`", excerpt::word(text)))
}
