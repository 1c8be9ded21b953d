//! The remote service that a command speaks to, in place of the database and both vendors.

use url::Url;

use super::variables::Variables;
use crate::secret::Secret;

/// Where the service is, and the API key that it is shown.
#[derive(Debug, Clone)]
pub struct RemoteConfig {
    /// Its address.
    pub url: Url,
    /// What named it: the argument, or the variable.
    pub named_by: &'static str,
    /// The key; a service on this machine may take none.
    pub key: Option<Secret>,
}

/// The service at `given`, or at the address in `SYNC_TO_M3TER_URL`; `None` where nobody names one.
pub fn remote(
    variable: &dyn Fn(&str) -> Option<String>,
    given: Option<&str>,
) -> Result<Option<RemoteConfig>, String> {
    let mut variables = Variables { variable, problems: Vec::new() };
    let name = "SYNC_TO_M3TER_URL";
    let (from, text) = match given {
        Some(given) => ("--url", given.to_owned()),
        None => match variables.optional(name) {
            Some(text) => (name, text),
            None => return Ok(None),
        },
    };
    let url = variables.url(from, &text);
    if url.as_ref().is_some_and(|url| url.query().is_some() || url.fragment().is_some()) {
        variables.problem(format!(
            "{from} must be the address alone, such as https://sync.example: leave out `?` or `#` and what follows"
        ));
    }
    let key = variables.secret("SYNC_TO_M3TER_KEY", "SYNC_TO_M3TER_KEY_FILE");
    match url.filter(|_| variables.problems.is_empty()) {
        Some(url) => Ok(Some(RemoteConfig { url, named_by: from, key })),
        None => Err(variables.problems.join("\n")),
    }
}
