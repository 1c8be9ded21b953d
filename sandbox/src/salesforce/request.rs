//! A request to the REST API, as the operations read it.

use axum::http::{HeaderMap, Method};

/// The versions of the API: the oldest one that Salesforce still has, to the present one.
pub(super) const VERSIONS: std::ops::RangeInclusive<u32> = 31..=68;

/// A request below one version of the API.
pub(super) struct Request<'a> {
    pub(super) method: &'a Method,
    /// `v60.0`.
    pub(super) version: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

impl Request<'_> {
    pub(super) fn version_path(&self) -> String {
        format!("/services/data/{}", self.version)
    }

    /// `Sforce-Query-Options: batchSize=…`; the org takes smaller pages than Salesforce's 200, for
    /// the sake of tests.
    pub(super) fn batch_size(&self) -> usize {
        let options = self
            .headers
            .get("Sforce-Query-Options")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        options
            .split("batchSize=")
            .nth(1)
            .and_then(|size| size.trim().parse().ok())
            .unwrap_or(super::paging::PAGE_ROWS)
    }
}

/// The path, where a client has put a second slash before it: the Salesforce CLI does, and an org
/// does not mind.
pub(super) fn with_one_slash(path: &str) -> &str {
    let slashes = path.len() - path.trim_start_matches('/').len();
    &path[slashes.saturating_sub(1)..]
}

/// The version and the path below it.
pub(super) fn versioned(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/services/data/")?;
    let (version, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let number: u32 = version.strip_prefix('v')?.strip_suffix(".0")?.parse().ok()?;
    VERSIONS.contains(&number).then_some((version, path))
}
