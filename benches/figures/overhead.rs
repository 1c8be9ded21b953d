//! What the program itself adds: a repeated sync against the bare callouts that it makes, with
//! vendors that answer at once.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value as Json, json};
use sync_to_m3ter_sandbox::control::LoggedRequest;
use sync_to_m3ter_sandbox::{CREDENTIAL, m3ter};

use crate::Figures;
use crate::postgres::Server;
use crate::world::{World, median, send};

const RUNS: usize = 300;
const STARTS: usize = 5;
const OVERHEAD_LIMIT_MS: f64 = 2.0;
const POSTGRES_OVERHEAD_LIMIT_MS: f64 = 3.0;
const MEMORY_LIMIT_MB: f64 = 40.0;
const READY_LIMIT_MS: f64 = 50.0;

pub(crate) async fn measure(figures: &mut Figures, server: &Server) {
    println!(
        "Own overhead, with vendors that answer at once ({RUNS} syncs in turn with the bare callouts, p50)"
    );
    for (name, database, limit) in [
        ("SQLite", None, OVERHEAD_LIMIT_MS),
        ("PostgreSQL", Some(server.database()), POSTGRES_OVERHEAD_LIMIT_MS),
    ] {
        measure_store(figures, name, World::with(database, &[]).await, limit).await;
    }
    let mut ready = Vec::new();
    for _ in 0..STARTS {
        ready.push(in_ms(World::start().await.service.ready_after));
    }
    figures.at_most(
        "ready after its start",
        median(ready),
        READY_LIMIT_MS,
        "ms",
        "new database, both logins, describes and plan templates",
    );
}

async fn measure_store(figures: &mut Figures, name: &str, world: World, limit_ms: f64) {
    let products = world.add_products(1);
    let deal = world.add_deal(&products);
    world.sync(&deal).await;
    world.take_requests();
    world.sync(&deal).await;
    let callouts = BareCallouts::of_a_sync(&world).await;

    let (mut syncs, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        syncs.push(in_ms(world.sync(&deal).await.1));
        bare.push(in_ms(callouts.make().await));
    }
    let (sync, bare) = (median(syncs), median(bare));
    Figures::note(
        &format!("a repeated sync, {name}"),
        format!("{sync:.2}"),
        "ms, as its caller sees it",
    );
    Figures::note(
        "its callouts alone, side by side",
        format!("{bare:.2}"),
        format!("ms, {} callouts", callouts.len()),
    );
    figures.at_most(
        &format!("own overhead of a repeated sync, {name}"),
        sync - bare,
        limit_ms,
        "ms",
        format!("{:.2} times the bare callouts", sync / bare),
    );

    let mut new = Vec::new();
    for _ in 0..RUNS / 3 {
        new.push(in_ms(world.sync(&world.add_deal(&products)).await.1));
    }
    Figures::note(
        &format!("a new deal of one line, {name}"),
        format!("{:.2}", median(new)),
        "ms, 6 round trips one after the other among it",
    );
    let (resident, own) = world.service.memory_mb();
    figures.at_most(
        &format!("memory after these syncs, {name}"),
        resident,
        MEMORY_LIMIT_MB,
        "MB",
        format!("{own:.1} MB of it not the program's file"),
    );
}

/// The callouts of a repeated sync, made directly and all at once.
struct BareCallouts {
    http: reqwest::Client,
    urls: Vec<(String, String)>,
}

impl BareCallouts {
    /// Those that the vendors have logged since they were last asked: all of them reads.
    async fn of_a_sync(world: &World) -> Self {
        let (salesforce, m3ter) = world.take_requests();
        let org = world.org.base_url();
        let organization = world.organization.base_url();
        let http = world.http.clone();
        let form = http
            .post(format!("{org}/services/oauth2/token"))
            .basic_auth(CREDENTIAL, Some(CREDENTIAL));
        let org_token = token(form.form(&[("grant_type", "client_credentials")])).await;
        let json = http
            .post(format!("{organization}/oauth/token"))
            .basic_auth(CREDENTIAL, Some(CREDENTIAL));
        let organization_token =
            token(json.json(&json!({ "grant_type": "client_credentials" }))).await;
        let url = |base: String, token: &str| {
            let token = token.to_owned();
            move |request: &LoggedRequest| {
                assert_eq!(request.method, "GET", "a repeated sync only reads");
                (format!("{base}{}?{}", request.path, request.query), token.clone())
            }
        };
        let urls = salesforce
            .iter()
            .map(url(format!("{org}/services/data/v60.0"), &org_token))
            .chain(m3ter.iter().map(url(
                format!("{organization}/organizations/{}", m3ter::ORGANIZATION),
                &organization_token,
            )))
            .collect();
        Self { http, urls }
    }

    fn len(&self) -> usize {
        self.urls.len()
    }

    async fn make(&self) -> Duration {
        let started = Instant::now();
        let answers = self.urls.iter().map(async |(url, token)| {
            let answer = send(self.http.get(url).bearer_auth(token)).await.expect("an answer");
            assert!(answer.status().is_success(), "{url}: {}", answer.status());
            answer.bytes().await.expect("a whole answer")
        });
        join_all(answers).await;
        started.elapsed()
    }
}

async fn token(request: reqwest::RequestBuilder) -> String {
    let body: Json = send(request).await.expect("an answer").json().await.expect("JSON");
    body["access_token"].as_str().expect("a token").to_owned()
}

fn in_ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
