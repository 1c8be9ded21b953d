//! Behind `PgBouncer` in transaction mode, where a session has neither names nor locks of its own.

use std::path::Path;
use std::process::Child;

use futures::future::join_all;
use serde_json::json;
use sync_to_m3ter_sandbox::control::FaultKind;
use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::postgres;

/// Fewer servers than the replicas have connections, so that statements of one client meet
/// different servers.
const SERVERS: u32 = 3;

struct Bouncer {
    process: Child,
    port: u16,
    _directory: TempDir,
}

impl Bouncer {
    fn start(database: &str) -> Self {
        let (directory, port) = (postgres::directory(), crate::ports::free_port());
        let (server_host, server_port) = postgres::shared_address()
            .split_once(':')
            .map(|(host, port)| (host.to_owned(), port.to_owned()))
            .unwrap();
        let settings = format!(
            "[databases]\n{database} = host={server_host} port={server_port} dbname={database} user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = {SERVERS}\nmax_client_conn = 200\n"
        );
        let path = directory.path().join("pgbouncer.ini");
        std::fs::write(&path, settings).unwrap();
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
            .map(Path::new)
            .into_iter()
            .find(|program| program.exists());
        let program =
            program.expect("pgbouncer is not installed: run the tests with `scripts/test`");
        let process = postgres::as_postgres(program).arg("-q").arg(&path).spawn().unwrap();
        Self { process, port, _directory: directory }
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        // The child may be what changes the user: its own child ends with a signal that is passed
        // on.
        let _ = std::process::Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_work_through_pgbouncer_in_transaction_mode() {
    let (name, _) = postgres::database().await;
    let bouncer = Bouncer::start(&name);
    let cluster =
        Cluster::on(format!("postgres://postgres@127.0.0.1:{}/{name}", bouncer.port)).await;
    cluster
        .until("the bouncer listens", async || {
            std::net::TcpStream::connect(("127.0.0.1", bouncer.port)).is_ok()
        })
        .await;
    let deals: Vec<String> = (0..20).map(|_| cluster.add_deal()).collect();
    // Both bring the tables up to date.
    let (first, second) = tokio::join!(cluster.replica(&[]), cluster.replica(&[]));
    let answers =
        join_all(deals.iter().zip([&first, &second].into_iter().cycle()).map(|(deal, replica)| {
            let cluster = &cluster;
            async move { cluster.post(replica, &format!("/sync-to-m3ter/{deal}")).await.unwrap().1 }
        }));
    for answer in answers.await {
        assert_eq!(answer["syncStatus"], "Completed", "{answer:#}");
    }
    let deal = cluster.add_deal();
    cluster.fault("POST", "/commitments", 1, FaultKind::HangAfterEffect);
    let run = cluster.begin(&first, &deal).await;
    cluster.until_faulted(1).await;
    first.kill();
    let ended = cluster.ended(&second, &run).await;
    assert_eq!(
        (&ended["syncStatus"], &ended["takeovers"]),
        (&json!("Completed"), &json!(1)),
        "{ended:#}"
    );
    for deal in deals.iter().chain([&deal]) {
        cluster.assert_each_object_once(deal, "through PgBouncer");
    }
}
