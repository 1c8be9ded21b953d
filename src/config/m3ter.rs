//! The m3ter organization: where it is, how the service logs in, and how often it may ask.

use std::time::Duration;

use super::variables::Variables;
use crate::domain::ids::M3terId;
use crate::m3ter::Config;

/// `None` with its problems.
pub(super) fn read(variables: &mut Variables<'_>) -> Option<Config> {
    let name = "M3TER_BASE_URL";
    let base_url = variables.optional(name).unwrap_or_else(|| "https://api.m3ter.com".to_owned());
    let base_url = variables.url(name, &base_url);
    let org_id = org_id(variables);
    let api_key = variables.required_secret("M3TER_API_KEY", "M3TER_API_KEY_FILE");
    let api_secret = variables.required_secret("M3TER_API_SECRET", "M3TER_API_SECRET_FILE");
    let requests_per_second = variables.number(
        "M3TER_REQUESTS_PER_SECOND",
        50,
        0..=10_000,
        "requests, or 0 for no limit",
    );
    let margin = variables.number("M3TER_WINDOW_MARGIN_MS", 20, 0..=500, "milliseconds");
    Some(Config {
        base_url: base_url?,
        org_id: org_id?,
        api_key: api_key?,
        api_secret: api_secret?,
        requests_per_second: Some(requests_per_second).filter(|limit| *limit > 0),
        window_margin: Duration::from_millis(margin),
    })
}

fn org_id(variables: &mut Variables<'_>) -> Option<M3terId> {
    let name = "M3TER_ORG_ID";
    variables.required(name)?;
    let hint = "is not an organization ID (a UUID)";
    variables.parsed(name, |text| M3terId::parse(text).ok(), hint)
}
