//! The command line, as a process of its own against the emulators.

use std::path::Path;
use std::process::Command;

use serde_json::{Value as Json, json};
use sync_to_m3ter::domain::ids::SalesforceId;
use sync_to_m3ter::store::Store;

use crate::support::*;

/// Exit code and both outputs of the program.
pub(crate) async fn run(world: &World, directory: &Path, arguments: &[&str]) -> (i32, String) {
    run_with(world, directory, arguments, &[]).await
}

/// The same, with further variables of the environment.
pub(crate) async fn run_with(
    world: &World,
    directory: &Path,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> (i32, String) {
    let mut command = environment(world, directory, env!("CARGO_BIN_EXE_sync-to-m3ter"));
    command.args(arguments).envs(variables.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), text)
}

/// Makes the database that commands in this directory look into, as a service does that starts.
pub(crate) async fn make_database(directory: &Path) {
    let url = format!("sqlite://{}", directory.join("commands.db").display());
    Store::open(&url).await.unwrap().close().await;
}

/// A program that speaks to the emulators.
pub(crate) fn environment(world: &World, directory: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("DATABASE_URL", format!("sqlite://{}", directory.join("commands.db").display()))
        .env("SALESFORCE_LOGIN_URL", world.org.base_url())
        .env("SALESFORCE_CLIENT_ID", "sandbox")
        .env("SALESFORCE_CLIENT_SECRET", "sandbox")
        .env("M3TER_BASE_URL", world.organization.base_url())
        .env("M3TER_ORG_ID", sync_to_m3ter_sandbox::m3ter::ORGANIZATION)
        .env("COMMITMENT_BILLING", "paid_outside")
        .env("M3TER_API_KEY", "sandbox")
        .env("M3TER_API_SECRET", "sandbox");
    command
}

/// The same for a person at a terminal who types something.
pub(crate) async fn at_a_terminal(
    world: &World,
    directory: &Path,
    arguments: &[&str],
    typed: &str,
) -> (i32, String) {
    let program = env!("CARGO_BIN_EXE_sync-to-m3ter");
    // A new terminal has no width.
    let sized = ["sh", "-c", "stty cols 100 && exec \"$@\"", "sh", program];
    let words: Vec<&str> = sized.into_iter().chain(arguments.iter().copied()).collect();
    // The answer is typed once it is asked for.
    let script = format!(
        "import os, pty, sys\nasked = [b'']\ndef read(fd):\n    data = os.read(fd, 1024)\n    asked[0] += data\n    if asked[0].rstrip().endswith((b'[y/N]', b'to do it:')):\n        asked[0] = b''\n        os.write(fd, {typed:?}.encode())\n    return data\nsys.exit(os.waitstatus_to_exitcode(pty.spawn({words:?}, read, lambda fd: b'')))\n"
    );
    let path = directory.join("terminal.py");
    std::fs::write(&path, script).unwrap();
    let of_program = environment(world, directory, program);
    let mut command = Command::new("python3");
    command
        .envs(of_program.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .arg(&path)
        .stdin(std::process::Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat();
    (output.status.code().unwrap(), text)
}

/// The built-in Opportunity mapping with some texts replaced, alone in a directory.
fn mappings(directory: &Path, replacements: &[(&str, &str)]) -> String {
    let built_in = include_str!("../../../mappings/opportunity.toml").to_owned();
    let text = replacements.iter().fold(built_in, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    let mappings = directory.join("mappings");
    std::fs::create_dir_all(&mappings).unwrap();
    std::fs::write(mappings.join("opportunity.toml"), text).unwrap();
    mappings.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_is_shown_with_sources_steps_and_types() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let (code, listed) = run(&world, directory.path(), &["mapping", "list"]).await;
    assert!(
        code == 0 && listed.contains("Opportunity") && listed.contains("mappings/opportunity.toml"),
        "{listed}"
    );
    let (code, shown) = run(&world, directory.path(), &["mapping", "show", "opportunity"]).await;
    assert_eq!(code, 0, "{shown}");
    for words in [
        "Contract of Opportunity",
        "endDate",
        "the day after",
        "plan template with the code",
        "date",
        "once",
        "Account of this sync",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains("Without Salesforce types"), "{shown}");
    let (code, unknown) = run(&world, directory.path(), &["mapping", "show", "Lead"]).await;
    assert!(code == 2 && unknown.contains("There is no mapping for `Lead`"), "{unknown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_against_the_org_names_what_does_not_fit() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let own = mappings(
        directory.path(),
        &[
            ("map = { Tiered = true, Volume = false }", "map = { Tiered = true }"),
            (
                "daysBeforeBillDue = { field = \"Account.M3ter_Payment_Terms_Days__c\", optional = true, zero_is_blank = true }",
                "daysBeforeBillDue = \"Account.Name\"",
            ),
            (
                "minimumSpend = { field = \"M3ter_Minimum_Spend__c\", optional = true }",
                "minimumSpend = \"Nowhere__c\"",
            ),
            ("order_by = \"SortOrder NULLS LAST, Id\"", "order_by = \"Product2.Rank__c DESC, Id\""),
        ],
    );
    let (code, text) =
        run(&world, directory.path(), &["mapping", "check", "--org", "--mappings-dir", &own]).await;
    assert_eq!(code, 1, "{text}");
    for words in [
        "`M3ter_Pricing_Type__c`",
        "can be `Volume`, which the map does not have",
        "is a string, and m3ter takes a number",
        "`OpportunityLineItem.Nowhere__c`",
        "`Product2.Rank__c`",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let (code, text) =
        run(&world, directory.path(), &["mapping", "check", "--mappings-dir", &own]).await;
    assert!(code == 0 && text.contains("is well-formed"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_against_the_org_covers_operands_and_parts_of_lists() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let own = mappings(
        directory.path(),
        &[
            ("months = \"M3ter_Term_Months__c\"", "months = \"CloseDate\""),
            (
                "{ unit_price = \"UnitPrice\", discount_percent = \"Discount\", ",
                "{ list = [{ lowerLimit = { value = 0 }, unitPrice = \"ServiceDate\" }] }, { unit_price = \"Product2.Name\", discount_percent = \"M3ter_Skip_Plan__c\", ",
            ),
            (
                "standingCharge = { field = \"M3ter_Standing_Charge__c\", optional = true }",
                "standingCharge = { field = \"M3ter_Standing_Charge__c\", optional = true, times = \"M3ter_End_Date__c\" }",
            ),
        ],
    );
    let (code, text) =
        run(&world, directory.path(), &["mapping", "check", "--org", "--mappings-dir", &own]).await;
    assert_eq!(code, 1, "{text}");
    let said = |severity: &str, field: &str, words: &str| {
        let line =
            text.lines().find(|line| line.contains(&format!("`{field}`")) && line.contains(words));
        assert!(
            line.is_some_and(|line| line.starts_with(severity)),
            "{severity} {field} {words}: {text}"
        );
    };
    said("red", "CloseDate", "is a date, and must be a number to compute with");
    said("yellow", "Product2.Name", "is a string, and must be a number");
    said("red", "M3ter_Skip_Plan__c", "is a boolean, and must be a number");
    said("red", "M3ter_End_Date__c", "is a date, and must be a number");
    said("red", "ServiceDate", "is a date, and m3ter takes a number");
    // The mappings that come with the service have nothing of the kind.
    let (code, text) = run(&world, directory.path(), &["mapping", "check", "--org"]).await;
    assert!(code == 0 && !text.contains("red"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_against_m3ter_names_every_code_that_it_does_not_have() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let constant = |lookup: &str, code: &str| format!("{{ lookup = \"{lookup}\", code = {code} }}");
    let own = mappings(
        directory.path(),
        &[
            (
                "planId = { this = \"plan\" }\naggregationId",
                &format!("planId = {}\naggregationId", constant("plan", "{ value = \"NO_PLAN\" }")),
            ),
            (
                "\"Product2.ProductCode\"] } }\ncode = { field = \"Id\", once = true }\ntype",
                "\"Product2.ProductCode\", { value = \"NO_AGGREGATION\" }] } }\ncode = { field = \"Id\", once = true }\ntype",
            ),
            (
                "purchaseOrderNumber = ",
                &format!(
                    "billGroupingKeyId = {}\npurchaseOrderNumber = ",
                    constant(
                        "bill_grouping_key",
                        "{ field = \"Name\", map = { Acme = \"NO_KEY\" } }"
                    )
                ),
            ),
            (
                "overageSurchargePercent = ",
                "productIds = { list = [{ lookup = \"product\", code = { value = \"NO_PRODUCT\" } }, { lookup = \"product\", code = { value = \"SEATS\" } }] }\noverageSurchargePercent = ",
            ),
            (
                "[account_plan]\n",
                "[[product_rule]]\nproduct = \"A\"\nplan_template = \"NO_TEMPLATE_AT_ALL\"\n\n[[product_rule]]\nproduct = \"B\"\nplan = \"NO_SHARED_PLAN\"\n\n[account_plan]\n",
            ),
            (
                "daysBeforeBillDue = ",
                &format!(
                    "parentAccountId = {}\ndaysBeforeBillDue = ",
                    constant(
                        "account",
                        "{ field = \"Account.AccountNumber\", default = \"NO_ACCOUNT\" }"
                    )
                ),
            ),
        ],
    );
    let (code, text) =
        run(&world, directory.path(), &["mapping", "check", "--org", "--mappings-dir", &own]).await;
    assert_eq!(code, 1, "{text}");
    for words in [
        "plan with the code `NO_PLAN`",
        "aggregation with the code `NO_AGGREGATION`",
        "bill grouping key with the code `NO_KEY`",
        "product with the code `NO_PRODUCT`",
        "plan template with the code `NO_TEMPLATE_AT_ALL`",
        "plan with the code `NO_SHARED_PLAN`",
        "account with the code `NO_ACCOUNT`",
    ] {
        assert!(text.contains(&format!("m3ter has no {words}")), "{words}: {text}");
    }
    assert!(!text.contains("`SEATS`"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_refuses_connections_is_told_as_that() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let away = format!("postgres://sync:hunter2@127.0.0.1:{}/sync", ports::free_port());
    let variables = [("DATABASE_URL", away.as_str())];
    let (code, text) = run_with(&world, directory.path(), &["runs", "list"], &variables).await;
    assert!(code == 2 && text.contains("Connection refused"), "{text}");
    assert!(!text.contains("hunter2") && !text.contains("pool"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_is_synced_and_ended_from_the_terminal() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let (code, text) = run(&world, directory.path(), &["sync", DEAL, "--dry-run"]).await;
    assert!(code == 0 && text.contains("Dry run: 6 to create; nothing was written."), "{text}");
    let (code, text) = run(&world, directory.path(), &["sync", DEAL]).await;
    assert!(code == 0 && text.contains("Completed"), "{text}");
    let ending = ["end-date", DEAL, "--date", "2026-07-01", "--entities", "CONTRACT,accountplan"];
    let (code, text) = run(&world, directory.path(), &[&ending[..], &["--dry-run"]].concat()).await;
    assert!(
        code == 0
            && text.contains("endDate  2027-01-01 → 2026-07-01")
            && text.contains("2 to update"),
        "{text}"
    );
    // Nobody is at a terminal: it refuses, before anything, unless it is told to.
    world.organization.clear_requests();
    let (code, refused) = run(&world, directory.path(), &ending).await;
    assert!(
        code == 2
            && refused.contains("nothing was ended. Use --dry-run")
            && refused.contains("--yes"),
        "{refused}"
    );
    assert!(world.organization.requests().is_empty());
    let plan = text.lines().find_map(|line| line.strip_prefix("Plan: ")).unwrap().to_owned();
    let (code, text) = run(
        &world,
        directory.path(),
        &[
            &ending[..2],
            &["--date", "2026-08-01"],
            &ending[4..],
            &["--expected-plan", plan.as_str()],
        ]
        .concat(),
    )
    .await;
    assert!(code == 1 && text.contains("PLAN_CHANGED"), "{text}");
    assert!(world.m3ter_writes().is_empty());
    // A person is asked.
    let (code, text) = at_a_terminal(&world, directory.path(), &ending, "n\n").await;
    assert!(
        code == 1
            && text.contains("End these 2 objects of the org 127.0.0.1? [y/N]")
            && text.contains("Nothing was ended."),
        "{text}"
    );
    assert!(world.m3ter_writes().is_empty());
    let (code, text) = at_a_terminal(&world, directory.path(), &ending, "y\n").await;
    assert!(code == 0 && text.contains("2026-07-01") && text.contains("Completed"), "{text}");
    assert_eq!(world.object("contracts", "code", DEAL)["endDate"], "2026-07-01");
    for (arguments, words) in [
        (["end-date", DEAL, "--date", "soon", "--entities", "CONTRACT"], "is not an end date"),
        (
            ["end-date", DEAL, "--date", "2026-07-01", "--entities", "BALANCE"],
            "`BALANCE` is not a billing entity",
        ),
        (
            ["end-date", "abc", "--date", "2026-07-01", "--entities", "CONTRACT"],
            "is not a Salesforce record ID",
        ),
    ] {
        let (code, text) = run(&world, directory.path(), &arguments).await;
        assert!(code == 2 && text.contains(words), "{text}");
    }
    let children =
        ["end-date", DEAL, "--date", "2026-07-01", "--entities", "CONTRACT", "--apply-to-children"];
    let (code, text) = run(&world, directory.path(), &[&children[..], &["--yes"]].concat()).await;
    assert!(code == 1 && text.contains("APPLY_TO_CHILDREN_WITHOUT_ACCOUNT"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_is_paused_from_the_terminal() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    make_database(directory.path()).await;
    let (code, text) = run(&world, directory.path(), &["pause", "--reason", " "]).await;
    assert!(code == 2 && text.contains("--reason is blank"), "{text}");
    let (code, text) = run(&world, directory.path(), &["pause", "--reason", "wrong prices"]).await;
    assert!(code == 0 && text.contains("The service is paused"), "{text}");
    let (code, text) = run(&world, directory.path(), &["pause", "--reason", "again"]).await;
    assert!(
        code == 0 && text.contains("paused already, since") && text.contains("wrong prices"),
        "{text}"
    );
    let (code, text) = run(&world, directory.path(), &["sync", DEAL, "--dry-run"]).await;
    assert!(code == 0, "{text}");
    let (code, text) = run(&world, directory.path(), &["sync", DEAL]).await;
    assert!(
        code == 1 && text.contains("The service is paused: the run") && text.contains("resume"),
        "{text}"
    );
    assert!(world.m3ter_writes().is_empty());
    let (code, text) = run(&world, directory.path(), &["resume"]).await;
    assert!(code == 0 && text.contains("has resumed") && text.contains("wrong prices"), "{text}");
    let (code, text) = run(&world, directory.path(), &["sync", DEAL]).await;
    assert!(code == 0 && text.contains("Completed"), "{text}");
    let (code, text) = run(&world, directory.path(), &["resume"]).await;
    assert!(code == 0 && text.contains("is not paused"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_of_the_service_is_asked_from_the_terminal() {
    let mut world = World::new().await;
    let ask = |listens: &str, arguments: &'static [&'static str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sync-to-m3ter"));
        // A proxy of the environment is not asked for the machine itself.
        command
            .env_clear()
            .env("LISTEN_ADDRESS", listens)
            .env("http_proxy", "http://127.0.0.1:1")
            .arg("health")
            .args(arguments);
        async move {
            let output =
                tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
            let text = [output.stdout, output.stderr]
                .map(|bytes| String::from_utf8(bytes).unwrap())
                .concat();
            (output.status.code().unwrap(), text.trim().to_owned())
        }
    };
    let address = world.address().to_owned();
    let everywhere = address.replace("127.0.0.1", "0.0.0.0");
    for listens in [&address, &everywhere] {
        assert_eq!(
            ask(listens, &[]).await,
            (0, format!("healthy: http://{address}/livez answers 200"))
        );
    }
    assert_eq!(
        ask(&address, &["--ready"]).await,
        (0, format!("healthy: http://{address}/readyz answers 200"))
    );
    let other = SalesforceId::parse("00DS90000000002MAA").unwrap();
    world.reconfigure(move |config| config.salesforce.org_id = Some(other.clone())).await;
    let address = world.address().to_owned();
    assert_eq!(ask(&address, &[]).await.0, 0, "a vendor that is away is no reason for a new start");
    let (code, text) = ask(&address, &["--ready"]).await;
    assert!(
        code == 1 && text.starts_with(&format!("unhealthy: http://{address}/readyz answers 503: ")),
        "{text}"
    );
    let free = format!("127.0.0.1:{}", crate::support::ports::free_port());
    let (code, text) = ask(&free, &[]).await;
    assert!(
        code == 1 && text.starts_with(&format!("unhealthy: http://{free}/livez does not answer: ")),
        "{text}"
    );
    for (listens, words) in
        [("here", "LISTEN_ADDRESS must be an address"), ("127.0.0.1:0", "port 0")]
    {
        let (code, text) = ask(listens, &[]).await;
        assert!(code == 2 && text.contains(words), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_whether_m3ter_s_organization_allows_overlapping_plans() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let replaces = (
        "[account_plan]\nrows = \"lines\"\noverlap = \"report\"",
        "[account_plan]\nrows = \"lines\"\noverlap = \"replace\"",
    );
    let own = mappings(directory.path(), &[replaces]);
    let own = [("MAPPINGS_DIR", own.as_str())];
    let (_, text) = run_with(&world, directory.path(), &["check"], &own).await;
    assert!(
        text.contains("plans of one product must not overlap")
            && !text.contains("replaces nothing"),
        "{text}"
    );
    let organization = world.organization.vendor();
    let mut config = organization.request("GET", "/organizationconfig", &Json::Null).unwrap();
    config["allowOverlappingPlans"] = json!(true);
    organization.request("PUT", "/organizationconfig", &config).unwrap();
    let (_, text) = run_with(&world, directory.path(), &["check"], &own).await;
    assert!(text.contains("plans of one product may overlap"), "{text}");
    assert!(text.contains("`overlap` of the AccountPlan replaces nothing"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_reports_that_commitment_billing_is_not_stated() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    let unstated = [("COMMITMENT_BILLING", "")];
    let (_, text) = run_with(&world, directory.path(), &["check"], &unstated).await;
    let lines: Vec<&str> =
        text.lines().filter(|line| line.contains("`COMMITMENT_BILLING` is not set")).collect();
    assert_eq!(lines.len(), 4, "all mappings with a Commitment: {text}");
    assert!(
        lines.iter().all(|line| line.contains("no Commitment is made")
            && line.contains("COMMITMENT_BILLING=paid_outside")),
        "{text}"
    );
    run(&world, directory.path(), &["sync", DEAL]).await;
    let (_, text) = run_with(&world, directory.path(), &["check"], &unstated).await;
    let told = |words: &str| text.lines().filter(|line| line.contains(words)).count();
    assert_eq!((told("Commitments are still"), told("no Commitment is made")), (1, 3), "{text}");
    assert!(!run(&world, directory.path(), &["check"]).await.1.contains("nobody has said"));
}
