//! The console beside a long history: what its pages take, and what open pages take from syncs.

use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::header::{ETAG, IF_NONE_MATCH};
use sqlx::{AssertSqlSafe, Connection as _};

use crate::Figures;
use crate::postgres::Server;
use crate::world::{Setup, World, median, send};

const RUNS: usize = 1_000_000;
const LOOKS: usize = 300;
const CALLERS: usize = 32;
const SYNCS: usize = 60;
const OPEN_PAGES: usize = 20;

const PAGE_LIMIT_MS: f64 = 10.0;
const SLOW_PAGE_LIMIT_MS: f64 = 40.0;
const FIRST_PAGE_LIMIT_KB: f64 = 100.0;
const MEMORY_LIMIT_MB: f64 = 3.0;
const OPEN_PAGES_LIMIT: f64 = 1.1;

pub(crate) async fn measure(figures: &mut Figures, server: &Server) {
    println!("The console, with {RUNS} runs in the history ({LOOKS} looks at each page)");
    // The history keeps them all, for as long as they are there.
    let settings = [("RUN_HISTORY_ROWS", "0"), ("RUN_RETENTION", "0")];
    for (store, database) in [("SQLite", None), ("PostgreSQL", Some(server.database()))] {
        let mut world = World::with(database, &settings).await;
        pages(figures, store, &mut world, &settings).await;
    }
    open_pages(figures).await;
    memory(figures).await;
}

async fn pages(figures: &mut Figures, store: &str, world: &mut World, settings: &[(&str, &str)]) {
    let products = world.add_products(5);
    let deal = world.add_deal(&products);
    let (result, _) = world.sync(&deal).await;
    let run = result["syncRunId"].as_str().expect("an id").to_owned();
    // Other records, which nobody looks at.
    world.service.stop();
    multiply(&world.database_url, &run).await;
    world.service = world.another(settings).await;
    for (name, path) in [
        ("overview", "/console".to_owned()),
        ("runs", "/console/runs".to_owned()),
        ("unresolved runs", "/console/runs?unresolved=true".to_owned()),
        ("failed runs", "/console/runs?syncStatus=Failed".to_owned()),
        ("record", format!("/console/records/{deal}")),
        ("run", format!("/console/runs/{run}")),
    ] {
        let mut took = Vec::new();
        for _ in 0..LOOKS {
            let started = Instant::now();
            look(world, &path, None).await;
            took.push(started.elapsed().as_secs_f64() * 1_000.0);
        }
        took.sort_by(f64::total_cmp);
        let [p50, p99] = [took[LOOKS / 2], took[LOOKS * 99 / 100]];
        figures.at_most(&format!("{name}, p50, {store}"), p50, PAGE_LIMIT_MS, "ms", "");
        figures.at_most(&format!("{name}, p99, {store}"), p99, SLOW_PAGE_LIMIT_MS, "ms", "");
    }
    let mut bytes = 0;
    for path in [
        "/console",
        "/console/assets/console.css",
        "/console/assets/console.js",
        "/console/assets/icon.svg",
    ] {
        bytes += look(world, path, None).await.1;
    }
    let kilobytes = f64::from(u32::try_from(bytes).expect("a page")) / 1_000.0;
    figures.at_most(
        &format!("a first page with everything, {store}"),
        kilobytes,
        FIRST_PAGE_LIMIT_KB,
        "kB",
        "",
    );
}

/// Copies one run so often, of other records, spread over thirty days; one of ten failed.
async fn multiply(url: &str, run: &str) {
    let columns = "dry_run, state, kind, parameters, tries, callouts, result";
    let (is_sqlite, id, record, numbers) = if url.starts_with("sqlite") {
        (
            true,
            "printf('%08x-%04x-7%03x-8000-%012x', n.ms >> 16, n.ms & 65535, n.n & 4095, n.n)",
            "'006A' || printf('%011d', n.n) || 'AAA'",
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $RUNS)",
        )
    } else {
        (
            false,
            "lpad(to_hex(n.ms >> 16), 8, '0') || '-' || lpad(to_hex(n.ms & 65535), 4, '0') || '-7' || lpad(to_hex(n.n & 4095), 3, '0') || '-8000-' || lpad(to_hex(n.n), 12, '0')",
            "'006A' || lpad(CAST(n.n AS TEXT), 11, '0') || 'AAA'",
            "WITH numbers (n) AS (SELECT CAST(generate_series AS BIGINT) FROM generate_series(1, $RUNS))",
        )
    };
    let sql = format!(
        "{numbers}, n AS (SELECT numbers.n AS n, runs.requested_at_ms - numbers.n * 2592 AS ms FROM numbers, runs WHERE runs.id = '{run}')
         INSERT INTO runs (id, parent_record_id, requested_at_ms, started_at_ms, ended_at_ms, sync_status, error_code, {columns})
         SELECT {id}, {record}, n.ms, n.ms, n.ms + 20,
             CASE n.n % 10 WHEN 0 THEN 'Failed' ELSE 'Completed' END, CASE n.n % 10 WHEN 0 THEN 'RECORD_DELETED' END, {columns}
         FROM n, runs WHERE runs.id = '{run}'"
    )
    .replace("$RUNS", &RUNS.to_string());
    if is_sqlite {
        let mut connection = sqlx::SqliteConnection::connect(url).await.expect("the database");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("runs");
        connection.close().await.expect("it is closed");
    } else {
        let mut connection = sqlx::PgConnection::connect(url).await.expect("the database");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("runs");
        // As the server does by itself after a while.
        sqlx::raw_sql("VACUUM ANALYZE runs").execute(&mut connection).await.expect("statistics");
        connection.close().await.expect("it is closed");
    }
}

/// Looks at a page as a browser does: its tag and its size.
async fn look(world: &World, path: &str, known: Option<&str>) -> (String, usize) {
    let mut request = world.http.get(world.service.url(path));
    if let Some(known) = known {
        request = request.header(IF_NONE_MATCH, known);
    }
    let answer = send(request).await.expect("an answer");
    assert!(answer.status().is_success() || answer.status() == 304, "{path}: {}", answer.status());
    let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
    let tag = tag.unwrap_or_default().to_owned();
    (tag, answer.bytes().await.expect("a body").len())
}

/// The processor time of a sync beside open pages that look again each second.
async fn open_pages(figures: &mut Figures) {
    let world = World::start().await;
    let products = world.add_products(1);
    let deals: Vec<String> = (0..CALLERS).map(|_| world.add_deal(&products)).collect();
    for deal in &deals {
        world.sync(deal).await;
    }
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        alone.push(round(&world, &deals).await);
        let pages = join_all((0..OPEN_PAGES).map(|_| watch(&world)));
        tokio::select! {
            _ = pages => unreachable!("they go on"),
            took = round(&world, &deals) => beside.push(took),
        }
        world.take_requests();
    }
    let (alone, beside) = (median(alone), median(beside));
    figures.at_most(
        &format!("a sync beside {OPEN_PAGES} open pages, by alone"),
        beside / alone,
        OPEN_PAGES_LIMIT,
        "times",
        format!("{beside:.2} ms of the processor, {alone:.2} alone, at {CALLERS} callers"),
    );
}

/// A page that is open: each second it asks for what it has.
async fn watch(world: &World) {
    let mut tag = None;
    loop {
        tag = Some(look(world, "/console", tag.as_deref()).await.0);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// The processor time of one sync.
async fn round(world: &World, deals: &[String]) -> f64 {
    let before = world.service.processor_ms();
    join_all(deals.iter().map(|deal| async move {
        for _ in 0..SYNCS {
            world.sync(deal).await;
        }
    }))
    .await;
    let count = f64::from(u32::try_from(SYNCS * deals.len()).expect("some thousands"));
    (world.service.processor_ms() - before) / count
}

async fn memory(figures: &mut Figures) {
    let mut taken = [Vec::new(), Vec::new()];
    for _ in 0..5 {
        for (console, taken) in ["on", "off"].into_iter().zip(&mut taken) {
            let world =
                World::of(Setup { settings: &[("CONSOLE", console)], ..Setup::default() }).await;
            taken.push(world.service.memory_mb().0);
        }
    }
    let [with, without] = taken.map(median);
    figures.at_most(
        "memory of the console, idle",
        with - without,
        MEMORY_LIMIT_MB,
        "MB",
        format!("{with:.1} MB with it, {without:.1} without"),
    );
}
