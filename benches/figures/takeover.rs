//! From `kill -9` of a process to another one that takes over its run, in multiples of the lease.

use std::time::{Duration, Instant};

use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::Figures;
use crate::postgres::Server;
use crate::world::{World, median};

/// A short lease several times, and the one that the service has unless it is told otherwise.
const LEASES: [(u32, usize); 2] = [(3, 5), (30, 1)];
/// The whole lease at most, a look later, and what a busy machine adds.
const TAKEOVER_LIMIT: f64 = 1.1;

pub(crate) async fn measure(figures: &mut Figures, server: &Server) {
    println!("Takeover after kill -9, time until another process has the run / lease");
    for (lease_seconds, trials) in LEASES {
        let text = lease_seconds.to_string();
        let settings = [("RUN_LEASE", text.as_str())];
        let mut world = World::with(Some(server.database()), &settings).await;
        let products = world.add_products(1);
        let mut after = Vec::new();
        for _ in 0..trials {
            let deal = world.add_deal(&products);
            let hang = FaultKind::HangAfterEffect;
            world.organization.add_fault(Fault::new("POST", "/contracts", hang));
            world.take_requests();
            let survivor = world.another(&settings).await;
            let run = world.begin(&deal).await;
            while !world.organization.requests().iter().any(|request| request.fault.is_some()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let killed = Instant::now();
            world.service.kill();
            while world.run(&survivor, &run).await["takeovers"] != 1 {
                assert!(
                    killed.elapsed() < Duration::from_secs(u64::from(lease_seconds) * 3),
                    "nobody takes the run over"
                );
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            after.push(killed.elapsed().as_secs_f64() / f64::from(lease_seconds));
            let ended = async {
                while world.run(&survivor, &run).await["result"]["syncStatus"] != "Completed" {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(20), ended)
                .await
                .expect("the run ends `Completed`");
            world.service = survivor;
        }
        let longest = after.iter().copied().fold(0.0, f64::max);
        let note = format!("the longest of {trials}; the median is {:.2}", median(after));
        figures.at_most(
            &format!("taken over, lease of {lease_seconds} s"),
            longest,
            TAKEOVER_LIMIT,
            "leases",
            note,
        );
    }
}
