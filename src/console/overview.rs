//! How the service stands: its vendors, limits and queue, the runs of a day, and what needs
//! attention.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use super::answer;
use super::session::Visitor;
use super::shell::Shell;
use super::verifications::needing_somebody;
use super::words::{Mark, When, number, sentence, time};
use crate::callers::Permission;
use crate::domain::verification::Verification;
use crate::http::fault::Fault;
use crate::sync::{Concern, HourOfRuns, Pause, Readiness, Syncs};

/// Between two looks of an open page.
const LIVE_MS: u32 = 5_000;
const HOURS: usize = 24;
/// Characters of what is wrong.
const MAX_MESSAGE: usize = 400;
/// The chart, in its own units.
const HEIGHT: u64 = 120;
const BAR: usize = 18;

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewPage {
    shell: Shell,
    is_ready: bool,
    problems: Vec<String>,
    vendors: [(&'static str, bool); 2],
    pause: Option<(Pause, When)>,
    pause_reason: String,
    limit: Option<[u32; 3]>,
    slots: (usize, usize),
    running: String,
    waiting: String,
    retrying: String,
    oldest: Option<String>,
    replicas: usize,
    verification: Option<LastVerification>,
    chart: Chart,
    concerns: Option<Arc<[Concern]>>,
}

/// The verification that was asked for last.
struct LastVerification {
    id: String,
    mark: Mark,
    when: When,
    attention: String,
}

/// The runs of a day, a bar for each hour.
struct Chart {
    bars: Vec<Bar>,
    most: String,
    totals: [(Mark, String); 3],
    total: u64,
}

struct Bar {
    x: usize,
    /// Class, top and height of each part.
    parts: Vec<(&'static str, u64, u64)>,
    said: String,
    label: Option<String>,
}

/// `GET /console`.
pub(super) async fn show(
    State(syncs): State<Syncs>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let now = Timestamp::now();
    let (is_ready, problems) = match syncs.readiness().await {
        Readiness::Ready => (true, syncs.unreadable()),
        Readiness::NotReady(problems) => (false, problems),
    };
    let vendors = syncs.vendors();
    // The hour that is under way is the last one.
    let hour = now.as_second().div_euclid(3_600) + 1;
    let since = Timestamp::from_second((hour - 24) * 3_600).unwrap_or(now);
    let open = syncs.open_runs().await?;
    let reads_all = visitor.may(Permission::ReadRuns) && visitor.caller.limits.objects.is_empty();
    let pause = syncs.paused().await?;
    let verification =
        if reads_all { syncs.list_verifications(None, 1).await?.pop() } else { None };
    let concerns = if reads_all { Some(syncs.concerns().await?) } else { None };
    let page = OverviewPage {
        shell: Shell::new(&visitor, "overview", "Overview").live(LIVE_MS),
        is_ready,
        problems,
        vendors: [("Salesforce", vendors.salesforce), ("m3ter", vendors.m3ter)],
        pause_reason: pause.as_ref().map(|pause| sentence(&pause.reason)).unwrap_or_default(),
        pause: pause.map(|pause| {
            let when = When::new(pause.paused_at, now);
            (pause, when)
        }),
        limit: syncs.rate_limit().places,
        slots: syncs.slots(),
        running: number(open.running),
        waiting: number(open.waiting),
        retrying: number(open.retrying),
        oldest: Some(open.oldest_waiting)
            .filter(|_| open.waiting > 0)
            .map(|oldest| time(oldest.as_secs() * 1_000)),
        replicas: syncs.replicas().await?.max(1),
        verification: verification.map(|verification| LastVerification::new(verification, now)),
        chart: Chart::new(&syncs.ended_runs(since).await?, since),
        concerns,
    };
    answer::page(&headers, &page)
}

impl LastVerification {
    fn new(verification: Verification, now: Timestamp) -> Self {
        let counts = needing_somebody().into_iter().map(|status| verification.counts.of(status));
        Self {
            attention: number(counts.sum::<u64>()),
            mark: Mark::of_verification(verification.state),
            when: When::new(verification.requested_at, now),
            id: verification.verification_id,
        }
    }
}

/// The beginning of a message: whoever wants all of it goes to the run.
fn short(message: &str) -> String {
    let mut short: String = message.chars().take(MAX_MESSAGE).collect();
    if short.len() < message.len() {
        short.push('…');
    }
    short
}

impl Chart {
    fn new(ended: &[HourOfRuns], since: Timestamp) -> Self {
        const STATUSES: [&str; 3] = ["Completed", "Partial Success", "Failed"];
        let mut counts = [[0; 3]; HOURS];
        for HourOfRuns { hour, sync_status, runs } in ended {
            let status = STATUSES.iter().position(|status| status == sync_status);
            if let (Some(hour), Some(status)) = (counts.get_mut(*hour), status) {
                hour[status] += runs;
            }
        }
        let most = counts.iter().map(|hour| hour.iter().sum()).max().unwrap_or(0);
        let marks = STATUSES.map(Mark::of_status);
        let bars = counts.iter().enumerate();
        let bars = bars.map(|(hour, counts)| Bar::new(hour, counts, &marks, most, since)).collect();
        let of = |status: usize| counts.iter().map(|hour| hour[status]).sum::<u64>();
        let total = of(0) + of(1) + of(2);
        let totals = [0, 1, 2].map(|status| (marks[status], number(of(status))));
        Self { bars, most: number(most), totals, total }
    }
}

impl Bar {
    fn new(hour: usize, counts: &[u64; 3], marks: &[Mark; 3], most: u64, since: Timestamp) -> Self {
        let begins = SignedDuration::from_hours(i64::try_from(hour).unwrap_or_default());
        let at = since.checked_add(begins).unwrap_or(since);
        let clock = at.strftime("%H:%M").to_string();
        let mut bottom = HEIGHT;
        let mut parts = Vec::new();
        for (mark, count) in marks.iter().zip(counts).filter(|(_, count)| **count > 0) {
            // One run among many is seen as well.
            let height = (count * HEIGHT / most.max(1)).max(3).min(bottom);
            bottom -= height;
            parts.push((mark.class, bottom, height));
        }
        let said = format!(
            "{clock} UTC: {} Completed, {} Partial Success, {} Failed",
            number(counts[0]),
            number(counts[1]),
            number(counts[2])
        );
        let label = hour.is_multiple_of(4).then_some(clock);
        Self { x: hour * BAR, parts, said, label }
    }
}
