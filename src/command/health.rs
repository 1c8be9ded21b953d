//! `health`: checks the service on this machine. For container health checks, which have no shell
//! and no `curl`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use serde_json::Value as Json;

use super::{Outcome, print, unusable};
use crate::telemetry::ErrorChain;

/// Longer than `/readyz` takes when the database is slow, shorter than a container health check
/// waits.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What to ask.
#[derive(Debug, Clone, Copy, Args)]
pub struct HealthQuestion {
    /// Ask `/readyz`, whether syncs can be started, in place of `/livez`, whether the process
    /// answers. An unavailable vendor is not a reason to restart a container.
    #[arg(long)]
    pub ready: bool,
}

/// Asks the service that listens on `listens`; the exit code is 0 if it is well and 1 if it is not
/// or does not answer.
pub async fn run(listens: SocketAddr, question: HealthQuestion) -> anyhow::Result<Outcome> {
    if listens.port() == 0 {
        return Ok(unusable(
            "LISTEN_ADDRESS has port 0, which means a different port each time, so the service cannot be found",
        ));
    }
    let url = format!(
        "http://{}{}",
        reachable(listens),
        if question.ready { "/readyz" } else { "/livez" }
    );
    // No proxy of the environment stands between a machine and itself, and nothing here is
    // encrypted.
    let client =
        reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(TIMEOUT).build()?;
    let answer = match client.execute(client.get(&url).build()?).await {
        Ok(answer) => answer,
        Err(error) => {
            print(format_args!(
                "unhealthy: {url} does not answer: {}",
                ErrorChain(&error.without_url())
            ));
            return Ok(Outcome::Failed);
        }
    };
    let status = answer.status();
    let problems = match answer.json::<Json>().await {
        Ok(body) => body["problems"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect::<Vec<_>>()
            .join("; "),
        Err(_) => String::new(),
    };
    if status.is_success() {
        print(format_args!("healthy: {url} answers {}", status.as_u16()));
        return Ok(Outcome::Done);
    }
    print(format_args!(
        "unhealthy: {url} answers {}{}{problems}",
        status.as_u16(),
        if problems.is_empty() { "" } else { ": " }
    ));
    Ok(Outcome::Failed)
}

/// Who listens on every address is asked over loopback.
fn reachable(listens: SocketAddr) -> SocketAddr {
    let ip = match listens.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listens.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_listens_on_all_addresses_is_asked_over_loopback() {
        for (listens, asked) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.1:8080", "10.0.0.1:8080"),
        ] {
            assert_eq!(reachable(listens.parse().unwrap()).to_string(), asked);
        }
    }
}
