//! Planned faults: what goes wrong, with which request, and how often.

use serde::Deserialize;

/// Something that goes wrong with requests of one method and path.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path as the log shows it; one that ends with `*` is a prefix.
    pub path: String,
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
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
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
    /// Nothing is done, and no answer ever comes.
    Hang,
    /// The request is carried out, and no answer ever comes.
    HangAfterEffect,
}

impl FaultKind {
    /// The name, as in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
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
    pub(crate) fn meet(&mut self, method: &str, path: &str) -> Option<FaultKind> {
        let mut met = None;
        for (fault, seen) in &mut self.0 {
            let is_path = fault.path.strip_suffix('*').map_or(path == fault.path, |prefix| path.starts_with(prefix));
            if !is_path || !fault.method.eq_ignore_ascii_case(method) {
                continue;
            }
            *seen += 1;
            if *seen >= fault.occurrence && *seen - fault.occurrence < fault.times && met.is_none() {
                met = Some(fault.fault.clone());
            }
        }
        met
    }
}
