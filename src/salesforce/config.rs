//! Where the org is, and how the service proves who it is.

use url::Url;

use crate::domain::ids::SalesforceId;
use crate::secret::{ReadSecrets, Secret};

/// Where the org is and who asks.
#[derive(Debug, Clone)]
pub struct Config {
    /// The org's My Domain, `https://<domain>.my.salesforce.com`.
    pub login_url: Url,
    /// The consumer key of the External Client App.
    pub client_id: String,
    /// How it proves who it is.
    pub credentials: Credentials,
    /// The only org whose login is used.
    pub org_id: Option<SalesforceId>,
    /// `60.0`.
    pub api_version: String,
}

/// How the service proves who it is.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Client credentials: the app's secret; the org decides which user runs it.
    ClientSecret(Secret),
    /// JWT bearer: a statement about a user, signed with a key whose certificate the app holds.
    SignedAssertion {
        /// The integration user's name in the org.
        username: String,
        /// The key, in PEM.
        key: Secret,
    },
}

impl Credentials {
    /// What a login shows now.
    pub(super) fn read(&self) -> Result<ReadSecrets, String> {
        let (Self::ClientSecret(secret) | Self::SignedAssertion { key: secret, .. }) = self;
        ReadSecrets::read(&[secret])
    }

    /// Whether it is in a file, which may change.
    pub fn may_change(&self) -> bool {
        let (Self::ClientSecret(secret) | Self::SignedAssertion { key: secret, .. }) = self;
        secret.is_in_a_file()
    }
}
