//! Planned faults: what goes wrong, with which request, and how often.
//!
//! A fault names requests by method, path and, where that is not enough, by a text in them, such as
//! a part of a query. What it does is its [`FaultKind`]: the request gets another answer, is
//! carried out in part, or its answer is changed on the way back.

use std::collections::BTreeMap;

use axum::http::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value as Json;

/// Something that goes wrong with requests of one method and path.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path as the log shows it; one that ends with `*` is a prefix.
    pub path: String,
    /// A text that the request holds, in its query or its body, as people write it:
    /// `FROM Opportunity `.
    #[serde(default)]
    pub contains: Option<String>,
    /// Which matching request it begins with, counted from 1 from the moment the fault is planned.
    #[serde(default = "one")]
    pub occurrence: u32,
    /// With how many matching requests in a row.
    #[serde(default = "one")]
    pub times: u32,
    /// What goes wrong.
    pub fault: FaultKind,
}

fn one() -> u32 {
    1
}

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum FaultKind {
    /// This status is answered and nothing is done.
    Status {
        /// The HTTP status.
        status: u16,
        /// Seconds for a `Retry-After` header.
        retry_after: Option<u32>,
        /// The message in the vendor's error shape.
        message: Option<String>,
    },
    /// This error code is answered, in the vendor's error shape, and nothing is done.
    Error {
        /// The HTTP status.
        #[serde(default = "bad_request")]
        status: u16,
        /// The vendor's code: `QUERY_TIMEOUT`, or for a login `unknown_error`.
        error_code: String,
        /// The message.
        message: Option<String>,
    },
    /// Exactly this is answered, and nothing is done.
    Answer {
        /// The HTTP status.
        status: u16,
        /// Headers, by their name.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body: JSON; a text is sent as it is, `null` is no body.
        #[serde(default)]
        body: Json,
    },
    /// Some rows of a collection request are refused; the others are carried out.
    RefuseRows {
        /// Which rows, counted from 0; all of them where none is named.
        #[serde(default)]
        rows: Vec<usize>,
        /// Salesforce's code: `UNABLE_TO_LOCK_ROW`.
        status_code: String,
        /// The message.
        message: Option<String>,
    },
    /// A query's answer holds fewer rows than it says. It is carried out.
    CutPage {
        /// The child relationship whose rows are cut; the rows of the query itself where none is
        /// named.
        relationship: Option<String>,
        /// How many rows are left.
        rows: usize,
        /// What the page says of itself.
        #[serde(default)]
        done: bool,
        /// Where the next page is said to be; nothing is said where it is left out.
        next_records_url: Option<String>,
    },
    /// The request waits so many milliseconds before it has its effect.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// The connection closes without an answer, and nothing is done.
    DropBeforeEffect,
    /// The connection closes without an answer, after the request was carried out.
    DropAfterEffect,
    /// A gateway answers with a page, after the request was carried out.
    Html,
    /// The answer breaks off in the middle, after the request was carried out.
    Truncated,
    /// Nothing is done, and another address is named.
    Redirect {
        /// The other address.
        location: String,
    },
    /// Nothing is done, and no answer comes, until the test releases it.
    Hang,
    /// The request is carried out, and no answer ever comes.
    HangAfterEffect,
}

fn bad_request() -> u16 {
    400
}

impl FaultKind {
    /// The name, as in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Error { .. } => "error",
            Self::Answer { .. } => "answer",
            Self::RefuseRows { .. } => "refuseRows",
            Self::CutPage { .. } => "cutPage",
            Self::Delay { .. } => "delay",
            Self::DropBeforeEffect => "dropBeforeEffect",
            Self::DropAfterEffect => "dropAfterEffect",
            Self::Html => "html",
            Self::Truncated => "truncated",
            Self::Redirect { .. } => "redirect",
            Self::Hang => "hang",
            Self::HangAfterEffect => "hangAfterEffect",
        }
    }

    /// A refusal with one of the vendor's codes.
    pub fn error(status: u16, error_code: &str) -> Self {
        Self::Error { status, error_code: error_code.to_owned(), message: None }
    }

    /// What no HTTP answer can be made of.
    fn problem(&self) -> Option<String> {
        let (status, headers) = match self {
            Self::Status { status, .. } | Self::Error { status, .. } => (*status, Vec::new()),
            Self::Answer { status, headers, .. } => (
                *status,
                headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            ),
            Self::Redirect { location } => (307, vec![("location", location.as_str())]),
            _ => return None,
        };
        if !(200..=599).contains(&status) {
            return Some(format!("`status` is {status}; it must be between 200 and 599"));
        }
        let is_header = |name: &str, value: &str| {
            HeaderName::try_from(name).is_ok() && HeaderValue::from_str(value).is_ok()
        };
        let (name, value) = headers.into_iter().find(|(name, value)| !is_header(name, value))?;
        Some(format!("`{name}: {value}` cannot be sent as a header"))
    }
}

impl Fault {
    /// A fault of the next request of this method and path.
    pub fn new(method: &str, path: &str, fault: FaultKind) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            contains: None,
            occurrence: 1,
            times: 1,
            fault,
        }
    }

    /// The same for so many matching requests in a row.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// The same from this matching request on, counted from 1.
    #[must_use]
    pub fn occurrence(self, occurrence: u32) -> Self {
        Self { occurrence, ..self }
    }

    /// The same for requests that hold this text only.
    #[must_use]
    pub fn containing(self, text: &str) -> Self {
        Self { contains: Some(text.to_owned()), ..self }
    }

    /// Why it cannot be planned.
    pub(super) fn problem(&self) -> Option<String> {
        self.fault.problem()
    }

    fn names(&self, request: &Asked<'_>) -> bool {
        let is_path = self
            .path
            .strip_suffix('*')
            .map_or(request.path == self.path, |prefix| request.path.starts_with(prefix));
        let holds = |text: &String| request.texts().any(|asked| asked.contains(text.as_str()));
        is_path
            && self.method.eq_ignore_ascii_case(request.method)
            && self.contains.as_ref().is_none_or(holds)
    }
}

/// What a fault looks at in a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) body: &'a [u8],
}

impl Asked<'_> {
    /// Query and body as they were sent, and without the escapes of a URL: a composite request has
    /// queries in its body.
    fn texts(&self) -> impl Iterator<Item = String> {
        [self.query.as_bytes(), self.body].into_iter().flat_map(|bytes| {
            let unescaped: Vec<String> = url::form_urlencoded::parse(bytes)
                .flat_map(|(name, value)| [name.into_owned(), value.into_owned()])
                .collect();
            std::iter::once(String::from_utf8_lossy(bytes).into_owned()).chain(unescaped)
        })
    }
}

/// The planned faults, each with the matching requests seen so far.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<(Fault, u32)>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push((fault, 0));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault that this request meets; the request counts for every fault that it matches.
    pub(crate) fn meet(&mut self, request: &Asked<'_>) -> Option<FaultKind> {
        let mut met = None;
        for (fault, seen) in self.0.iter_mut().filter(|(fault, _)| fault.names(request)) {
            *seen += 1;
            if *seen >= fault.occurrence && *seen - fault.occurrence < fault.times && met.is_none()
            {
                met = Some(fault.fault.clone());
            }
        }
        met
    }
}
