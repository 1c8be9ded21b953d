//! The console as a program sees it: who gets in, what a form needs, what a stranger can do. What
//! people see is looked at in a real browser: `tests/browser`.

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::json;
use sync_to_m3ter::callers::Role;
use sync_to_m3ter_sandbox::control::{Fault, FaultKind};

use crate::http::access::Guarded;
use crate::support::*;

/// A browser without a page: it keeps its cookie, and follows nothing by itself.
struct Browser {
    client: Client,
    cookie: String,
}

impl Browser {
    fn new() -> Self {
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Self { client, cookie: String::new() }
    }

    /// A browser that has signed in.
    async fn signed_in(world: &World, key: &str) -> Self {
        let mut browser = Self::new();
        let page = browser.open(world, "/console/sign-in").await.1;
        let answer = browser.send(world, "/console/sign-in", &page, &[("key", key)]).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", answer.text().await.unwrap());
        browser
    }

    async fn open(&mut self, world: &World, path: &str) -> (StatusCode, String) {
        let answer = self.get(world, path, &[]).await;
        (answer.status(), answer.text().await.unwrap())
    }

    async fn get(&mut self, world: &World, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self.client.get(world.url(path)).header(COOKIE, &self.cookie);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.exchange(request).await
    }

    /// Sends the form of a page, with what somebody fills in.
    async fn send(
        &mut self,
        world: &World,
        path: &str,
        page: &str,
        fields: &[(&str, &str)],
    ) -> Response {
        let mut form = vec![("token", hidden(page, "token")), ("once", hidden(page, "once"))];
        form.extend(fields.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self.send_fields(world, path, &form, &[]).await
    }

    async fn send_fields(
        &mut self,
        world: &World,
        path: &str,
        form: &[(&str, String)],
        headers: &[(&str, &str)],
    ) -> Response {
        let mut request = self.client.post(world.url(path)).header(COOKIE, &self.cookie).form(form);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.exchange(request).await
    }

    async fn exchange(&mut self, request: RequestBuilder) -> Response {
        let (client, request) = request.build_split();
        let answer = client.execute(request.unwrap()).await.unwrap();
        self.keep(&answer);
        answer
    }

    fn keep(&mut self, answer: &Response) {
        if let Some(cookie) = answer.headers().get(SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            assert!(text.contains("HttpOnly") && text.contains("SameSite=Lax"), "{text}");
            text.split(';').next().unwrap().clone_into(&mut self.cookie);
        }
    }
}

/// The value of a hidden field; blank if the page has none of the name.
fn hidden(page: &str, name: &str) -> String {
    let field = format!("name=\"{name}\" value=\"");
    let value = page.split_once(&field).map(|(_, rest)| rest.split('"').next().unwrap());
    value.unwrap_or_default().to_owned()
}

fn place(answer: &Response) -> String {
    answer.headers()[LOCATION].to_str().unwrap().to_owned()
}

/// Opens a run's page until it has ended.
async fn ended(browser: &mut Browser, world: &World, path: &str) -> String {
    for _ in 0..400 {
        let (status, page) = browser.open(world, path).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        if !page.contains("data-live") {
            return page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the run did not end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_with_a_key_and_ends_with_it() {
    let (guarded, operator) = Guarded::new(60_000, &[]).await;
    let world = &guarded.world;
    let mut stranger = Browser::new();
    let answer = stranger.get(world, "/console/runs?syncStatus=Failed", &[]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(place(&answer), "/console/sign-in?next=%2Fconsole%2Fruns%3FsyncStatus%3DFailed");
    let page = stranger.open(world, "/console/sign-in").await.1;
    let wrong = stranger.send(world, "/console/sign-in", &page, &[("key", "s2m_nothing")]).await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    assert!(!wrong.headers().contains_key("www-authenticate"), "the browser asks for nothing");
    assert!(wrong.text().await.unwrap().contains("The API key is not valid"));
    let caller = guarded.add("flow", Role::Caller).await;
    let refused = stranger.send(world, "/console/sign-in", &page, &[("key", &caller)]).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN, "a caller has nothing to see");

    let mut operating = Browser::signed_in(world, &operator).await;
    let (status, overview) = operating.open(world, "/console").await;
    assert!(status == StatusCode::OK && overview.contains("ops · operator"), "{overview}");
    // The page of a viewer_key offers no more than its key may.
    let viewer_key = guarded.add("watch", Role::Viewer).await;
    let mut watching = Browser::signed_in(world, &viewer_key).await;
    let path = format!("/console/records/{DEAL}");
    let record = watching.open(world, &path).await.1;
    assert!(!record.contains("Preview a sync") && !record.contains("End billing"), "{record}");
    let (status, keys) = watching.open(world, "/console/keys").await;
    assert!(
        status == StatusCode::FORBIDDEN && keys.contains("has the role <code>viewer</code>"),
        "{keys}"
    );
    let forced = watching.send(world, &format!("{path}/preview"), &overview, &[]).await;
    assert_eq!(forced.status(), StatusCode::FORBIDDEN, "the form of another session");
    let form = [("token", hidden(&record, "token")), ("once", hidden(&overview, "once"))];
    let forced = watching.send_fields(world, &format!("{path}/preview"), &form, &[]).await;
    assert_eq!(forced.status(), StatusCode::FORBIDDEN);
    assert!(forced.text().await.unwrap().contains("has the role <code>viewer</code>"));

    // A key that is taken out of the file takes its sessions along.
    guarded.empty();
    guarded.until(&viewer_key, |status| status == 401).await;
    assert_eq!(watching.open(world, "/console").await.0, StatusCode::SEE_OTHER);
    let out = operating.send(world, "/console/sign-out", &overview, &[]).await;
    assert_eq!((out.status(), place(&out)), (StatusCode::SEE_OTHER, "/console/sign-in".to_owned()));
    assert_eq!(operating.open(world, "/console").await.0, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_previewed_sync_is_written_once_and_cannot_be_triggered_by_another_site() {
    let (guarded, operator) = Guarded::new(60_000, &[]).await;
    let world = &guarded.world;
    let mut browser = Browser::signed_in(world, &operator).await;
    let path = format!("/console/records/{DEAL}");
    let (status, record) = browser.open(world, &path).await;
    assert!(status == StatusCode::OK && record.contains("No sync of this record is known"));
    let before = world.objects("contracts").len();
    let preview = format!("{path}/preview");
    let form = [("token", hidden(&record, "token")), ("once", hidden(&record, "once"))];
    for foreign in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let answer = browser.send_fields(world, &preview, &form, &[foreign]).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{foreign:?}");
        assert!(answer.text().await.unwrap().contains("A page of another site sent this form"));
    }
    let answer = browser.send_fields(world, &preview, &form[1..], &[]).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN, "without the token");
    let shown = browser.send_fields(world, &preview, &form, &[]).await;
    assert_eq!(shown.status(), StatusCode::SEE_OTHER, "{}", shown.text().await.unwrap());
    let again = browser.send_fields(world, &preview, &form, &[]).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    assert!(again.text().await.unwrap().contains("This form was sent before"));

    let run = place(&shown);
    let page = ended(&mut browser, world, &run).await;
    assert!(page.contains("Sync now") && page.contains("Opportunity."), "{page}");
    assert_eq!(world.objects("contracts").len(), before, "a preview writes nothing");
    let applied = browser.send(world, &format!("{run}/apply"), &page, &[]).await;
    let page = ended(&mut browser, world, &place(&applied)).await;
    assert!(page.contains("Completed") && page.contains("critical path"), "{page}");
    assert_eq!(world.objects("contracts").len(), before + 1);
    // Found by whatever somebody has of it.
    let m3ter_id = world.object("contracts", "code", DEAL)["id"].as_str().unwrap().to_owned();
    for sought in [
        &DEAL[..15],
        &format!("https://acme.lightning.force.com/lightning/r/Opportunity/{DEAL}/view"),
        &m3ter_id,
    ] {
        let query =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("q", sought).finish();
        let found = browser.get(world, &format!("/console/find?{query}"), &[]).await;
        assert_eq!(place(&found), path, "{sought}");
    }
    let (_, overview) = browser.open(world, "/console").await;
    assert!(overview.contains("1 Completed"), "{overview}");
    let (_, record) = browser.open(world, &path).await;
    assert!(record.contains(&m3ter_id) && record.contains("m3ter holds every object"), "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_progress_says_what_it_is_doing() {
    let world = World::new().await;
    let mut browser = Browser::new();
    world.organization.set_latency(std::time::Duration::from_millis(300));
    let page = browser.open(&world, &format!("/console/records/{FIVE_LINES}")).await.1;
    let preview = format!("/console/records/{FIVE_LINES}/preview");
    let path = place(&browser.send(&world, &preview, &page, &[]).await);
    let shown = ended(&mut browser, &world, &path).await;
    let path = place(&browser.send(&world, &format!("{path}/apply"), &shown, &[]).await);
    let mut seen = String::new();
    while !seen.contains("Completed") {
        let page = browser.open(&world, &path).await.1;
        if let Some((_, now)) = page.split_once("<strong>Now:</strong> ") {
            seen.push_str(now.split('<').next().unwrap());
        }
        if !page.contains("data-live") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(seen.contains("reading Salesforce and m3ter"), "{seen}");
    assert!(seen.contains("18 objects: 1 done, ") && seen.contains("waiting for the"), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_only_resent_if_changed_and_loads_nothing_from_other_sites() {
    let world = World::new().await;
    let mut browser = Browser::new();
    for path in [
        "/console",
        "/console/runs",
        "/console/verifications",
        "/console/mappings",
        "/console/keys",
        "/console/find",
    ] {
        let answer = browser.get(&world, path, &[]).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let page = answer.text().await.unwrap();
        assert!(!page.contains(" style=") && !page.contains("<script>"), "{path}");
        assert!(page.len() < 100_000, "{path} has {} bytes", page.len());
    }
    let first = browser.get(&world, "/console/keys", &[]).await;
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    let second = browser.get(&world, "/console/keys", &[("if-none-match", &tag)]).await;
    assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
    for foreign in [("origin", "https://evil.example"), ("host", "evil.example")] {
        let answer = browser.get(&world, "/console", &[foreign]).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{foreign:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_a_page_with_a_sentence_and_a_link_and_markup_is_escaped() {
    let world = World::new().await;
    let hostile = "<script>alert(1)</script>\"'<b>";
    let refusal =
        FaultKind::Status { status: 400, retry_after: None, message: Some(hostile.to_owned()) };
    world.fault("POST", "/contracts", refusal);
    world.sync(DEAL).await;
    let mut browser = Browser::new();
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("q", hostile)
        .append_pair("errorCode", hostile)
        .finish();
    for (path, status, sentence) in [
        ("/console/runs/nothing".to_owned(), 404, "There is no run"),
        ("/console/runs?syncStatus=Great".to_owned(), 400, "it takes <code>Completed</code>"),
        ("/console/records/nothing".to_owned(), 404, "is not a Salesforce record ID"),
        ("/console/nothing".to_owned(), 404, "There is no such page"),
        (format!("/console/find?{query}"), 404, "Nothing is known of"),
        (format!("/console/runs?{query}"), 400, "is not a parameter here"),
        (format!("/console/runs?{}", query.split_once('&').unwrap().1), 200, "No run is like that"),
        (format!("/console/records/{DEAL}"), 200, "in m3ter"),
    ] {
        let (answered, page) = browser.open(&world, &path).await;
        assert_eq!(answered.as_u16(), status, "{path}: {page}");
        let text = page.replace("&#39;", "'");
        assert!(text.contains(sentence), "{path}: {page}");
        assert!(page.starts_with("<!doctype html>") && page.contains("href=\"/console"), "{path}");
        assert!(!page.contains("<script>alert") && !page.contains("<b>"), "{path}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_found_by_its_salesforce_name_which_is_not_stored() {
    let (guarded, operator) = Guarded::new(60_000, &[]).await;
    let world = &guarded.world;
    let mut browser = Browser::signed_in(world, &operator).await;
    let (status, page) = browser.open(world, "/console/find?q=everything+20").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "nothing is asked of Salesforce by reading");
    assert!(page.contains("Ask Salesforce for this name"), "{page}");
    for (name, found) in [
        ("everything 20", vec![FIVE_LINES]),
        ("EVERYTHING", vec![FIVE_LINES]),
        // The Account's name; one is deleted, and one is hidden.
        ("nitec", vec!["001S90000079INIIA2", FIVE_LINES, WITHOUT_TEMPLATE, IN_EURO]),
        ("00000101", vec!["801S90000079ORDIA2"]),
        ("%", vec![]),
        ("e_e", vec![]),
        ("' OR Name LIKE '", vec![]),
    ] {
        let answer = browser.send(world, "/console/find", &page, &[("name", name)]).await;
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        if name == "%" {
            assert!(status == 400 && text.contains("at least two characters"), "{text}");
            continue;
        }
        assert_eq!(status, StatusCode::OK, "{name}: {text}");
        let links = text.matches("href=\"/console/records/").count();
        assert_eq!(links, found.len(), "{name}: {text}");
        for record in found {
            assert!(text.contains(&format!("href=\"/console/records/{record}\"")), "{text}");
        }
    }
    // A key that is for some objects sees only those.
    let key = guarded.add_entry("orders", "operator", "objects = [\"801\"]").await;
    let mut of_orders = Browser::signed_in(world, &key).await;
    let own = of_orders.open(world, "/console/find?q=nitec").await.1;
    let answer = of_orders.send(world, "/console/find", &own, &[("name", "nitec")]).await;
    let text = answer.text().await.unwrap();
    assert!(text.contains("shows this service no record"), "{text}");
    let foreign = browser.send(world, "/console/find", &own, &[("name", "nitec")]).await;
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN, "the form of another session");
    let fault = FaultKind::error(500, "UNKNOWN_EXCEPTION");
    world.org.add_fault(Fault::new("GET", "/query", fault).times(100));
    let away = browser.send(world, "/console/find", &page, &[("name", "nitec")]).await;
    let (status, text) = (away.status(), away.text().await.unwrap());
    assert!(status == StatusCode::BAD_GATEWAY && text.contains("Salesforce"), "{status} {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mappings_are_checked_against_the_org_when_somebody_asks_for_it() {
    let (guarded, _) = Guarded::new(60_000, &[]).await;
    let world = &guarded.world;
    let viewer = guarded.add("watch", Role::Viewer).await;
    let mut browser = Browser::signed_in(world, &viewer).await;
    world.org.clear_requests();
    let page = browser.open(world, "/console/mappings").await.1;
    assert!(page.contains("Check against Salesforce") && !page.contains("Salesforce type"));
    assert_eq!(world.org.requests().len(), 0, "nothing is asked of Salesforce by reading");
    let check = "/console/mappings/check";
    let fits = browser.send(world, check, &page, &[]).await;
    let (status, text) = (fits.status(), fits.text().await.unwrap());
    assert!(status == StatusCode::OK && text.contains("Checked just now"), "{status} {text}");
    assert!(text.contains("Salesforce type") && text.contains("<td>currency</td>"), "{text}");
    assert!(!text.contains("state bad"), "the sandbox's org fits: {text}");

    let hidden = json!({ "hiddenFields": ["Opportunity.CloseDate"] });
    world.org.vendor().rules(&hidden).unwrap();
    let text = browser.send(world, check, &page, &[]).await.text().await.unwrap();
    assert!(text.contains(" problems</strong>. Each is below"), "{text}");
    assert!(text.contains("Problem</span> <code>Opportunity.CloseDate</code> ("), "{text}");
    assert!(text.contains("opportunity.toml, line "), "its place: {text}");

    let forged = [("token", String::new())];
    let refused = browser.send_fields(world, check, &forged, &[]).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let fault = FaultKind::error(500, "UNKNOWN_EXCEPTION");
    world.org.add_fault(Fault::new("GET", "/sobjects/*", fault).times(1_000));
    let away = browser.send(world, check, &page, &[]).await;
    let (status, text) = (away.status(), away.text().await.unwrap());
    assert!(status == StatusCode::BAD_GATEWAY && text.contains("Salesforce"), "{status} {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_verified_from_a_form_and_synced_from_its_findings() {
    let (guarded, operator) = Guarded::new(60_000, &[]).await;
    let world = &guarded.world;
    let mut browser = Browser::signed_in(world, &operator).await;
    let list = "/console/verifications";
    let page = browser.open(world, list).await.1;
    let wrong = [("root", "Opportunity"), ("condition", "{ field = \"Nothing__c\", is = 1 }")];
    let refused = browser.send(world, list, &page, &wrong).await;
    let (status, text) = (refused.status(), refused.text().await.unwrap());
    assert!(status == 400 && text.contains("Nothing__c"), "{status} {text}");
    let page = browser.open(world, list).await.1;
    let begun = browser.send(world, list, &page, &[("root", "Opportunity")]).await;
    assert_eq!(begun.status(), StatusCode::SEE_OTHER, "{}", begun.text().await.unwrap());
    let path = place(&begun);
    let found = ended(&mut browser, world, &path).await;
    assert!(found.contains("missing") && found.contains(FIVE_LINES), "{found}");
    let preview = format!("/console/records/{FIVE_LINES}/preview");
    let [_, form] = found.split(&format!("action=\"{preview}\"")).collect::<Vec<_>>()[..] else {
        panic!("{found}")
    };
    let shown = browser.send(world, &preview, form, &[]).await;
    let run = place(&shown);
    let shown = ended(&mut browser, world, &run).await;
    let applied = browser.send(world, &format!("{run}/apply"), &shown, &[]).await;
    ended(&mut browser, world, &place(&applied)).await;

    // The next one finds it; CSV has all, one status, and nothing that is a formula.
    let page = browser.open(world, list).await.1;
    let fields = [("root", "Opportunity"), ("deep", "yes")];
    let path = place(&browser.send(world, list, &page, &fields).await);
    ended(&mut browser, world, &path).await;
    let in_sync = browser.open(world, &format!("{path}?status=in_sync")).await.1;
    assert!(in_sync.contains(FIVE_LINES), "{in_sync}");
    let all = browser.get(world, &format!("{path}/records.csv"), &[]).await;
    assert_eq!(all.headers()["content-type"], "text/csv; charset=utf-8");
    let all = all.text().await.unwrap();
    assert!(all.starts_with("Status,Record,Name,What,Error code\n"), "{all}");
    assert!(all.contains(&format!("in_sync,{FIVE_LINES},")), "{all}");
    let some = browser.get(world, &format!("{path}/records.csv?status=in_sync"), &[]).await;
    assert_eq!(some.text().await.unwrap().lines().count(), 2);

    for (path, status, sentence) in [
        (format!("{list}/nothing"), 404, "There is no verification"),
        (format!("{path}?status=great"), 400, "it takes <code>gone</code>"),
        (format!("{path}?order=name"), 400, "is shown by <code>status</code>"),
    ] {
        let (answered, text) = browser.open(world, &path).await;
        assert!(answered == status && text.contains(sentence), "{path}: {text}");
    }
    let over = browser.open(world, &path).await.1;
    let resumed = browser.send(world, &format!("{path}/resume"), &over, &[]).await;
    assert_eq!(resumed.status(), StatusCode::CONFLICT);

    // All of one status: first which, then once.
    let missing = browser.open(world, &format!("{path}?status=missing")).await.1;
    let backfill = format!("{path}/backfill");
    let which = browser.send(world, &backfill, &missing, &[("status", "missing")]).await;
    let which = which.text().await.unwrap();
    assert!(which.contains(WITHOUT_TEMPLATE) && which.contains("Sync them"), "{which}");
    let fields = [("status", "missing"), ("confirmed", "yes")];
    let planned = browser.send(world, &backfill, &which, &fields).await;
    assert_eq!(place(&planned), path);
    let again = browser.send(world, &backfill, &which, &fields).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    let over = ended(&mut browser, world, &path).await;
    assert!(
        over.contains("Syncs planned from here:") && over.contains("Partial Success"),
        "{over}"
    );
    let none = browser.send(world, &backfill, &missing, &[("status", "missing")]).await;
    assert!(none.text().await.unwrap().contains("each was planned before"));

    // A viewer looks; a key for some objects does not.
    let viewer = guarded.add("watch", Role::Viewer).await;
    let mut watching = Browser::signed_in(world, &viewer).await;
    let seen = watching.open(world, list).await.1;
    assert!(seen.contains(&path) && !seen.contains("<button class=\"main\""), "{seen}");
    let forced = watching.send(world, list, &seen, &[]).await;
    assert_eq!(forced.status(), StatusCode::FORBIDDEN);
    let orders = guarded.add_entry("orders", "operator", "objects = [\"801\"]").await;
    let mut of_orders = Browser::signed_in(world, &orders).await;
    assert_eq!(of_orders.open(world, &path).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_console_none_of_its_pages_exist() {
    let world = World::with_config(|config| config.console = false).await;
    for path in ["/console", "/console/sign-in", "/console/assets/console.js"] {
        let (status, body) = world.get(path).await;
        assert!(status == 404 && body.contains("\"NOT_FOUND\""), "{path}: {body}");
    }
}
