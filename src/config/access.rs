//! Who may call: the keys, and the proxies that may stand in front.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::variables::Variables;
use crate::callers::{Access, Callers, REQUESTS_PER_MINUTE};

/// A week. To wait longer makes no sense; use 0.
const MAX_LOCKOUT_MINUTES: u64 = 7 * 24 * 60;

pub(super) fn read(variables: &mut Variables<'_>) -> Access {
    let callers = callers(variables);
    Access {
        callers,
        trusted_proxies: trusted_proxies(variables),
        requests_per_minute: variables.number(
            "CALLER_REQUESTS_PER_MINUTE",
            REQUESTS_PER_MINUTE,
            1..=1_000_000,
            "requests",
        ),
    }
}

fn callers(variables: &mut Variables<'_>) -> Option<Callers> {
    let callers = variables.optional("API_KEYS_FILE").and_then(|path| {
        let read = Callers::from_file(path.into());
        variables.noted(read.map_err(|error| format!("API_KEYS_FILE: {error}")))
    });
    let minutes = variables.number(
        "KEYS_LOCKOUT_MINUTES",
        0,
        0..=MAX_LOCKOUT_MINUTES,
        "minutes, or 0 to keep the last valid keys",
    );
    let lock_out_after = Some(Duration::from_mins(minutes)).filter(|time| !time.is_zero());
    callers.map(|callers| callers.locking_out_after(lock_out_after))
}

fn trusted_proxies(variables: &mut Variables<'_>) -> Vec<IpNet> {
    let Some(list) = variables.optional("TRUSTED_PROXIES") else { return Vec::new() };
    let mut proxies = Vec::new();
    for text in list.split(',').map(str::trim) {
        match network(text) {
            Some(network) => proxies.push(network),
            None => variables
                .problem("TRUSTED_PROXIES must hold addresses or networks, such as 10.0.0.0/8"),
        }
    }
    if !proxies.is_empty() && !variables.is_set("API_KEYS_FILE") {
        variables.problem("TRUSTED_PROXIES is set but API_KEYS_FILE is not: without keys, requests through a proxy are refused (`sync-to-m3ter keys new` makes keys)");
    }
    proxies
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse().ok().map(|address: IpAddr| address.into()))
}
