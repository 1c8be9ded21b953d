//! Who the org and the integration user are.

/// The id of the org.
pub const ORGANIZATION: &str = "00DS90000000001MAA";
/// The id of the integration user.
pub const INTEGRATION_USER: &str = "005S90000000001IAA";
/// The name of the integration user.
pub const INTEGRATION_USERNAME: &str = "integration@sandbox.example";
