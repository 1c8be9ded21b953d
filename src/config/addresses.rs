//! Where the service listens, and where Prometheus finds its metrics.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::variables::{Variable, Variables, given};

/// Characters of the token for the metrics: what nobody guesses.
const MIN_TOKEN_CHARACTERS: usize = 16;

/// Where the service listens, for commands that need nothing else of the configuration.
pub fn listen_address(variable: Variable<'_>) -> Result<SocketAddr, String> {
    let text = given(variable, "LISTEN_ADDRESS").unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    text.parse().map_err(|_| {
        "LISTEN_ADDRESS must be an address with a port, such as 127.0.0.1:8080".to_owned()
    })
}

/// The same: loopback, where callers cannot be told apart.
pub(super) fn for_callers(variables: &mut Variables<'_>) -> Option<SocketAddr> {
    let address = listen_address(variables.variable);
    let address = variables.noted(address)?;
    if address.ip().is_loopback() || variables.is_set("API_KEYS_FILE") {
        return Some(address);
    }
    variables.problem(format!(
        "LISTEN_ADDRESS is {address}, which others can reach: set API_KEYS_FILE (`sync-to-m3ter keys new` makes keys), or use 127.0.0.1 or [::1]"
    ));
    None
}

/// Where Prometheus finds the metrics: loopback, unless it shows a token or it is said otherwise.
pub(super) fn for_prometheus(variables: &mut Variables<'_>) -> Option<SocketAddr> {
    let text = variables.optional("METRICS_ADDRESS")?;
    let is_open = variables
        .parsed("METRICS_OPEN", |text| text.parse().ok(), "must be `true` or `false`")
        .unwrap_or_default();
    let is_guarded = is_open || variables.is_set("METRICS_TOKEN_FILE");
    let Ok(address) = text.parse::<SocketAddr>() else {
        variables.problem("METRICS_ADDRESS must be an address with a port, such as 127.0.0.1:9090");
        return None;
    };
    if !address.ip().is_loopback() && !is_guarded {
        variables.problem(format!(
            "METRICS_ADDRESS is {address}, which others can reach: set METRICS_TOKEN_FILE, or METRICS_OPEN=true where only Prometheus reaches it"
        ));
    }
    Some(address)
}

/// The file of the token that Prometheus must show.
pub(super) fn metrics_token_file(variables: &mut Variables<'_>) -> Option<PathBuf> {
    let path = PathBuf::from(variables.optional("METRICS_TOKEN_FILE")?);
    match std::fs::read_to_string(&path) {
        Ok(token) if token.trim().len() >= MIN_TOKEN_CHARACTERS => {}
        Ok(_) => variables.problem(format!(
            "METRICS_TOKEN_FILE `{}` holds no token of at least {MIN_TOKEN_CHARACTERS} characters",
            path.display()
        )),
        Err(error) => {
            variables.problem(format!("METRICS_TOKEN_FILE `{}`: {error}", path.display()));
        }
    }
    Some(path)
}
