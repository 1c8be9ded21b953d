//! Where m3ter is, and how the service proves who it is.

use std::time::Duration;

use url::Url;

use crate::domain::ids::M3terId;
use crate::secret::{ReadSecrets, Secret};

/// Where m3ter is and who asks.
#[derive(Debug, Clone)]
pub struct Config {
    /// `https://api.m3ter.com`, or an emulator.
    pub base_url: Url,
    /// The organization's id.
    pub org_id: M3terId,
    /// The service user's access key id.
    pub api_key: Secret,
    /// Its secret.
    pub api_secret: Secret,
    /// The organization's limit, which all processes share; `None` lifts it.
    pub requests_per_second: Option<u32>,
    /// What a second is longer by, as the limit is kept.
    pub window_margin: Duration,
}

impl Config {
    /// What a login shows now: the access key and its secret belong together.
    pub(super) fn read(&self) -> Result<ReadSecrets, String> {
        ReadSecrets::read(&[&self.api_key, &self.api_secret])
    }

    /// Whether one of them is in a file, which may change.
    pub fn may_change(&self) -> bool {
        self.api_key.is_in_a_file() || self.api_secret.is_in_a_file()
    }
}
