//! Requests that nobody's key came with: one line of the log for an address and minute, whatever
//! they ask, so that nobody can fill it.
//!
//! What a stranger writes, a method, a path, a head, is not kept: addresses are counted, and words
//! of the service's own.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::forwarded::network;

/// Networks that get a line of their own in a minute; all others share one.
const MAX_NETWORKS: usize = 100;
const MINUTE: Duration = Duration::from_mins(1);

/// The requests of this minute; a clone is another handle.
#[derive(Debug, Clone, Default)]
pub struct Strangers(Arc<Mutex<Tallies>>);

#[derive(Debug, Default)]
struct Tallies {
    by_network: HashMap<IpAddr, Tally>,
    others: Tally,
}

/// How many requests ended in which way, by a word of the service's own: there are few.
#[derive(Debug, Default)]
struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    fn count(&self) -> u64 {
        self.0.values().sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (outcome, count)) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_char(' ')?;
            }
            write!(f, "{outcome}={count}")?;
        }
        Ok(())
    }
}

impl Strangers {
    /// Counts a request: it was `answered` or `unavailable`, or refused for the reason that
    /// `outcome` is.
    pub(super) fn note(&self, client: IpAddr, outcome: &'static str) {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Tallies { by_network, others } = &mut *tallies;
        let network = network(client);
        let is_full = by_network.len() >= MAX_NETWORKS;
        let tally = match by_network.get_mut(&network) {
            Some(tally) => tally,
            None if is_full => others,
            None => by_network.entry(network).or_default(),
        };
        *tally.0.entry(outcome).or_default() += 1;
    }

    /// Writes the lines of each minute when it ends, until `shutdown`.
    pub async fn log_every_minute(self, shutdown: CancellationToken) {
        while shutdown.run_until_cancelled(tokio::time::sleep(MINUTE)).await.is_some() {
            self.log();
        }
    }

    /// Writes the lines of those who asked since the last time.
    pub fn log(&self) {
        for (client, requests, outcomes) in self.take() {
            tracing::info!(target: "audit", client, requests, outcomes, "asked without a key");
        }
    }

    /// The address, the number of its requests and how they ended; those that share a line come
    /// last.
    fn take(&self) -> Vec<(String, u64, String)> {
        let Tallies { by_network, others } =
            std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut networks: Vec<(IpAddr, Tally)> = by_network.into_iter().collect();
        networks.sort_unstable_by_key(|(network, _)| *network);
        let mut lines: Vec<_> = networks
            .iter()
            .map(|(network, tally)| (render_network(*network), tally.count(), tally.to_string()))
            .collect();
        if others.count() > 0 {
            lines.push(("others".to_owned(), others.count(), others.to_string()));
        }
        lines
    }
}

fn render_network(network: IpAddr) -> String {
    match network {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{address}/64"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_line_and_the_table_is_bounded() {
        let strangers = Strangers::default();
        for number in 0..1_000_u32 {
            let number = number % 500;
            strangers.note(
                IpAddr::from([
                    10,
                    0,
                    u8::try_from(number >> 8).unwrap(),
                    u8::try_from(number & 255).unwrap(),
                ]),
                "no_key",
            );
        }
        strangers.note("10.0.0.7".parse().unwrap(), "answered");
        let lines = strangers.take();
        assert_eq!(lines.len(), MAX_NETWORKS + 1);
        assert_eq!(lines[7], ("10.0.0.7".to_owned(), 3, "answered=1 no_key=2".to_owned()));
        assert_eq!(lines[MAX_NETWORKS], ("others".to_owned(), 800, "no_key=800".to_owned()));
        assert!(strangers.take().is_empty(), "a minute is told once");
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let strangers = Strangers::default();
        for address in ["2001:db8::1", "2001:db8::ffff:1:2"] {
            strangers.note(address.parse().unwrap(), "wrong_key");
        }
        assert_eq!(strangers.take(), [("2001:db8::/64".to_owned(), 2, "wrong_key=2".to_owned())]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_minute_is_reported_when_it_ends() {
        let (strangers, shutdown) = (Strangers::default(), CancellationToken::new());
        let telling = tokio::spawn(strangers.clone().log_every_minute(shutdown.clone()));
        strangers.note(IpAddr::from([192, 0, 2, 1]), "answered");
        let is_told = |strangers: &Strangers| strangers.0.lock().unwrap().by_network.is_empty();
        tokio::time::sleep(Duration::from_secs(59)).await;
        assert!(!is_told(&strangers));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(is_told(&strangers));
        shutdown.cancel();
        telling.await.unwrap();
    }
}
