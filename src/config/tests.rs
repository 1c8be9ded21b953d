//! The configuration, as variables say it.

use std::collections::HashMap;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::*;
use crate::sync::Safety;

fn config(changes: &[(&str, &str)]) -> Result<Config, ConfigProblems> {
    let mut variables = HashMap::from([
        ("SALESFORCE_LOGIN_URL", "https://acme.my.salesforce.com"),
        ("SALESFORCE_CLIENT_ID", "id"),
        ("SALESFORCE_CLIENT_SECRET", "hunter2"),
        ("M3TER_ORG_ID", "11111111-1111-4111-8111-111111111111"),
        ("M3TER_API_KEY", "key"),
        ("M3TER_API_SECRET", "hunter3"),
    ]);
    variables.extend(changes.iter().copied());
    Config::from_variables(&|name| variables.get(name).map(|value| (*value).to_owned()))
}

#[test]
fn the_required_variables_are_enough() {
    let config = config(&[]).unwrap();
    assert_eq!(
        (config.listen_address.to_string(), config.m3ter.requests_per_second),
        ("127.0.0.1:8080".to_owned(), Some(50))
    );
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter"), "{shown}");
}

#[test]
fn retry_delays_are_minutes_and_may_have_decimals() {
    let seconds = |minutes: &'static str| {
        config(&[("SYNC_RETRY_MINUTES", minutes)]).map(|config| config.runs.retry_after)
    };
    assert_eq!(seconds(""), Ok([60, 300, 900, 3_600].map(Duration::from_secs).to_vec()));
    assert_eq!(seconds("0.05, 2"), Ok(vec![Duration::from_secs(3), Duration::from_mins(2)]));
    assert_eq!(seconds("0"), Ok(Vec::new()));
    for wrong in ["soon", "1,,2", "-1", "1,0", "100000"] {
        assert!(seconds(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_schedule_that_never_comes_is_a_problem() {
    let schedule = |text: &'static str| {
        config(&[("VERIFY_SCHEDULE", text)]).map(|config| config.runs.verify_schedule.is_some())
    };
    assert_eq!((schedule(" "), schedule("30 2 * * 1-5 Europe/London")), (Ok(false), Ok(true)));
    for (wrong, told) in [("0 0 30 2 *", "never comes"), ("daily", "takes five fields")] {
        let problems = schedule(wrong).unwrap_err().0;
        assert!(problems.len() == 1 && problems[0].contains(told), "{problems:?}");
    }
}

#[test]
fn commitment_billing_is_one_of_two_words_or_not_set() {
    let billing = |word: &'static str| {
        config(&[("COMMITMENT_BILLING", word)]).map(|config| config.commitment_billing)
    };
    assert_eq!(billing(" "), Ok(None));
    assert_eq!(billing("paid_outside"), Ok(Some(CommitmentBilling::PaidOutside)));
    assert_eq!(billing("billed_by_plan"), Ok(Some(CommitmentBilling::BilledByPlan)));
    let problems = billing("prepaid").unwrap_err().0;
    assert!(
        problems.len() == 1
            && !problems[0].contains("prepaid")
            && problems[0].contains("billed_by_plan"),
        "{problems:?}"
    );
}

#[test]
fn a_stopping_process_keeps_accepting_requests_if_a_proxy_may_be_in_front() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keys.toml");
    let key = crate::callers::new_key();
    crate::callers::append(&file, "flow", crate::callers::Role::Caller, &key.hash).unwrap();
    let keys = file.display().to_string();
    let drain = |settings: &[(&str, &str)]| {
        config(settings)
            .map(|config| config.runs.shutdown_drain.as_secs())
            .map_err(|problems| problems.0)
    };
    assert_eq!(drain(&[]), Ok(0));
    assert_eq!(drain(&[("API_KEYS_FILE", &keys)]), Ok(5));
    assert_eq!(drain(&[("API_KEYS_FILE", &keys), ("SHUTDOWN_GRACE", "4")]), Ok(2));
    assert_eq!(drain(&[("SHUTDOWN_DRAIN", "12")]), Ok(12));
    assert_eq!(drain(&[("SHUTDOWN_DRAIN", "13")]).unwrap_err().len(), 1);
}

#[test]
fn all_problems_are_reported_together() {
    let problems = config(&[
        ("LISTEN_ADDRESS", "0.0.0.0:8080"),
        ("SYNC_TIME_LIMIT", "1000"),
        ("SALESFORCE_LOGIN_URL", "http://acme.my.salesforce.com"),
        ("SALESFORCE_CLIENT_ID", " "),
        ("M3TER_ORG_ID", "acme"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, proxy"),
        ("SALESFORCE_USERNAME", "integration@acme.example"),
        ("SALESFORCE_ORG_ID", "001000000000001"),
    ])
    .unwrap_err();
    insta::assert_snapshot!(problems, @r"
    the configuration has problems:
      - TRUSTED_PROXIES must hold addresses or networks, such as 10.0.0.0/8
      - TRUSTED_PROXIES is set but API_KEYS_FILE is not: without keys, requests through a proxy are refused (`sync-to-m3ter keys new` makes keys)
      - LISTEN_ADDRESS is 0.0.0.0:8080, which others can reach: set API_KEYS_FILE (`sync-to-m3ter keys new` makes keys), or use 127.0.0.1 or [::1]
      - SYNC_TIME_LIMIT must be 1 to 110 seconds
      - SALESFORCE_LOGIN_URL must begin with https:// (http:// is for loopback only)
      - SALESFORCE_CLIENT_ID is not set
      - The Salesforce login needs SALESFORCE_CLIENT_SECRET (or SALESFORCE_CLIENT_SECRET_FILE), or SALESFORCE_USERNAME with SALESFORCE_PRIVATE_KEY_FILE; set one of the two, not both
      - SALESFORCE_ORG_ID is not an organization ID (00D…, 15 or 18 characters)
      - M3TER_ORG_ID is not an organization ID (a UUID)
    ");
}

/// Somebody may put a secret into any variable.
#[test]
fn no_problem_shows_a_value() {
    for name in [
        "LISTEN_ADDRESS",
        "METRICS_ADDRESS",
        "COMMITMENT_BILLING",
        "SYNC_RETRY_MINUTES",
        "RUN_LEASE",
        "TRUSTED_PROXIES",
        "CALLER_REQUESTS_PER_MINUTE",
        "KEYS_LOCKOUT_MINUTES",
        "SALESFORCE_LOGIN_URL",
        "SALESFORCE_ORG_ID",
        "SALESFORCE_API_VERSION",
        "M3TER_BASE_URL",
        "M3TER_ORG_ID",
        "M3TER_REQUESTS_PER_SECOND",
        "M3TER_WINDOW_MARGIN_MS",
        "DATABASE_UNVERIFIED",
    ] {
        for value in
            ["hunter2", "https://me:hunter2@acme.example", "https://me:hunter2@acme.example:port/"]
        {
            let problems =
                config(&[(name, value), ("DATABASE_URL", "postgres://me:hunter2@db.example/x")])
                    .unwrap_err()
                    .to_string();
            assert!(problems.contains(name) && !problems.contains("hunter2"), "{problems}");
        }
    }
}

#[test]
fn a_secret_is_given_or_in_a_file_and_not_both() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(directory.path().join(name), text).unwrap();
        directory.path().join(name).display().to_string()
    };
    let (secret, empty) = (file("secret", "hunter4\n"), file("empty", "\n"));
    let folder = directory.path().display().to_string();
    let url = file("url", "sqlite://elsewhere.db\n");
    let from_files = [
        ("SALESFORCE_CLIENT_SECRET", ""),
        ("SALESFORCE_CLIENT_SECRET_FILE", secret.as_str()),
        ("M3TER_API_KEY", ""),
        ("M3TER_API_KEY_FILE", &secret),
        ("M3TER_API_SECRET", ""),
        ("M3TER_API_SECRET_FILE", &secret),
        ("DATABASE_URL_FILE", &url),
    ];
    let read = config(&from_files).unwrap();
    assert_eq!(read.m3ter.api_key.read().unwrap().expose_secret(), "hunter4");
    assert_eq!(read.database_url, "sqlite://elsewhere.db");
    for (name, file_name) in [
        ("SALESFORCE_CLIENT_SECRET", "SALESFORCE_CLIENT_SECRET_FILE"),
        ("M3TER_API_KEY", "M3TER_API_KEY_FILE"),
        ("M3TER_API_SECRET", "M3TER_API_SECRET_FILE"),
        ("DATABASE_URL", "DATABASE_URL_FILE"),
    ] {
        let problems = |changes: &[(&str, &str)]| config(changes).unwrap_err().0;
        assert_eq!(
            problems(&[(name, "sqlite://x.db"), (file_name, &secret)]),
            [format!("{name} and {file_name} are both set; set one of the two")]
        );
        assert_eq!(
            problems(&[(name, ""), (file_name, &empty)]),
            [format!("{file_name}: `{empty}` is empty; it holds the secret alone")]
        );
        assert_eq!(
            problems(&[(name, ""), (file_name, &folder)]),
            [format!("{file_name}: `{folder}` is a directory; name the file in it")]
        );
        if name.starts_with("M3TER") {
            assert_eq!(problems(&[(name, "")]), [format!("{name} is not set, nor {file_name}")]);
        }
    }
}

#[test]
fn metrics_are_on_loopback_unless_configured_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "s3cret-of-16-characters\n").unwrap();
    let (token, folder) = (token.display().to_string(), directory.path().display().to_string());
    let open = ("METRICS_ADDRESS", "0.0.0.0:9090");
    for (changes, problem) in [
        (vec![("METRICS_ADDRESS", "127.0.0.1:9090")], None),
        (vec![open, ("METRICS_OPEN", "true")], None),
        (vec![open, ("METRICS_TOKEN_FILE", token.as_str())], None),
        (vec![open], Some("METRICS_ADDRESS is 0.0.0.0:9090, which others can reach")),
        (vec![open, ("METRICS_OPEN", "false")], Some("which others can reach")),
        (vec![open, ("METRICS_OPEN", "yes")], Some("METRICS_OPEN must be")),
        (vec![open, ("METRICS_TOKEN_FILE", "/dev/null")], Some("holds no token")),
        (vec![open, ("METRICS_TOKEN_FILE", folder.as_str())], Some("METRICS_TOKEN_FILE")),
    ] {
        let problems = config(&changes).err().map(|problems| problems.to_string());
        match (problem, problems) {
            (None, None) => {}
            (Some(problem), Some(problems)) => assert!(problems.contains(problem), "{problems}"),
            (_, problems) => panic!("{changes:?}: {problems:?}"),
        }
    }
}

#[test]
fn the_history_has_a_bound_and_dry_runs_are_kept_a_day() {
    let runs = |rows: &'static str| {
        config(&[("RUN_HISTORY_ROWS", rows), ("RUN_RETENTION", "0")]).map(|config| config.runs)
    };
    let kept = runs("").unwrap();
    assert_eq!(
        (kept.retention, kept.dry_run_retention, kept.history_rows),
        (None, Duration::from_hours(24), Some(500_000))
    );
    assert_eq!(kept.change_retention, Some(Duration::from_hours(730 * 24)));
    let forever = config(&[("CHANGE_RETENTION", "0")]).unwrap().runs;
    assert_eq!(forever.change_retention, None);
    assert_eq!(runs("0").unwrap().history_rows, None);
    assert_eq!(runs("1000").unwrap().history_rows, Some(1_000));
    assert!(runs("-1").is_err());
}

#[test]
fn limits_are_off_unless_they_are_set_and_right() {
    let safety = |name: &'static str, value: &'static str| {
        config(&[(name, value)]).map(|config| config.runs.safety)
    };
    assert_eq!(config(&[]).unwrap().runs.safety, Safety::default());
    assert_eq!(
        safety("END_DATES_PER_HOUR", "20").map(|safety| safety.end_dates_per_hour),
        Ok(Some(20))
    );
    assert_eq!(safety("UNUSUAL_ENDS", "0").map(|safety| safety.usual.ends), Ok(Some(0)));
    assert_eq!(
        safety("UNUSUAL_PRICE_PERCENT", "50").map(|safety| safety.usual.price_percent),
        Ok(Some(50))
    );
    assert_eq!(
        safety("END_DATE_NEEDS_PLAN", "true").map(|safety| safety.end_date_needs_plan),
        Ok(true)
    );
    for (name, wrong, told) in [
        ("END_DATES_PER_HOUR", "0", "END_DATES_PER_HOUR must be 1 to 1000000 objects"),
        ("END_DATES_PER_HOUR", "many", "END_DATES_PER_HOUR must be 1 to 1000000 objects"),
        ("UNUSUAL_ENDS", "-1", "UNUSUAL_ENDS must be 0 to 1000000 objects"),
        ("UNUSUAL_PRICE_PERCENT", "101", "UNUSUAL_PRICE_PERCENT must be 0 to 100 percent"),
        ("END_DATE_NEEDS_PLAN", "yes", "END_DATE_NEEDS_PLAN must be `true` or `false`"),
    ] {
        assert_eq!(safety(name, wrong), Err(ConfigProblems(vec![told.to_owned()])));
    }
}
