//! A run whose caller waits is on the disk before anything relies on it: a write to m3ter, or a
//! caller who is told that it goes on. That it is put there shows in its lease, which is renewed.

use std::time::Duration;

use sqlx::{Connection as _, SqliteConnection};
use sync_to_m3ter_sandbox::Emulator;
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::support::*;

async fn lease(world: &World) -> i64 {
    let mut connection = SqliteConnection::connect(&world.database_url()).await.unwrap();
    let sql = "SELECT lease_until_ms FROM runs WHERE state = 'running'";
    sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
}

/// Waits until a request hangs.
async fn until_hanging<V>(emulator: &Emulator<V>) {
    while !emulator.requests().iter().any(|request| request.fault.is_some()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_on_the_disk_before_its_first_write() {
    let world = World::new().await;
    world.org.add_fault(Fault::new("GET", "/query", FaultKind::Hang).containing(DEAL));
    world.organization.add_fault(Fault::new("POST", "/accounts", FaultKind::Hang));
    let seen = async {
        until_hanging(&world.org).await;
        let reading = lease(&world).await;
        world.org.let_hanging_go();
        until_hanging(&world.organization).await;
        let writing = lease(&world).await;
        world.organization.let_hanging_go();
        (reading, writing)
    };
    let (result, (reading, writing)) = tokio::join!(world.sync(DEAL), seen);
    assert_all(&result, "created");
    assert!(writing > reading, "{writing} after {reading}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_on_the_disk_before_its_caller_is_told_that_it_goes_on() {
    let world = World::new().await;
    world.org.add_fault(Fault::new("GET", "/query", FaultKind::Hang).containing(DEAL));
    let path = format!("/sync-to-m3ter/{DEAL}?waitSeconds=1");
    let asked = world.post(&path, "");
    let seen = async {
        until_hanging(&world.org).await;
        lease(&world).await
    };
    let ((status, answer), reading) = tokio::join!(asked, seen);
    assert_eq!(
        (status, answer["errorCode"].as_str()),
        (200, Some("TIME_LIMIT_EXCEEDED")),
        "{answer}"
    );
    let told = lease(&world).await;
    assert!(told > reading, "{told} after {reading}");
    world.org.let_hanging_go();
}
