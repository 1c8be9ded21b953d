//! What a person types or pastes: records, instants, runs.

use std::collections::HashSet;
use std::path::Path;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, civil};
use url::Url;
use uuid::Uuid;

use super::line_faults::{LineFault, told};
use super::place::Place;
use super::text_file;
use crate::domain::entity::EntityKind;
use crate::domain::ids::{InvalidSalesforceId, SalesforceId, SyncRunId};
use crate::domain::verification::Verification;
use crate::store::RunFilter;

/// A record: its id, or the address of its page in Salesforce.
pub(super) fn record(text: &str) -> Result<SalesforceId, InvalidSalesforceId> {
    let address = Url::parse(text.trim()).ok().filter(|url| url.host().is_some());
    let Some(address) = address else { return SalesforceId::parse(text) };
    let is_id = |word: &&str| word.bytes().any(|byte| byte.is_ascii_digit());
    address[url::Position::BeforePath..]
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(is_id)
        .find_map(|word| SalesforceId::parse(word).ok())
        .map_or_else(|| SalesforceId::parse(text), Ok)
}

/// Records, each once: as arguments, or, for `-`, the lines of standard input. All that are none are
/// named together.
pub(super) fn records(texts: &[String]) -> Result<Vec<SalesforceId>, String> {
    // Each with its line, where it has one.
    let mut words = Vec::new();
    for text in texts {
        if text != "-" {
            words.push((None, text.clone()));
            continue;
        }
        let lines = text_file::read_stdin("one ID a line")?;
        let before = words.len();
        let lines = lines.trim_start_matches('\u{feff}').lines().map(str::trim).enumerate();
        let filled = lines.filter(|(_, line)| !line.is_empty());
        words.extend(filled.map(|(index, line)| (Some(index + 1), line.to_owned())));
        if words.len() == before {
            return Err("standard input names no record; give one ID a line".to_owned());
        }
    }
    let (mut known, mut records, mut problems) = (HashSet::new(), Vec::new(), Vec::new());
    for (line, word) in words {
        match (record(&word), line) {
            (Ok(record), _) if known.insert(record.clone()) => records.push(record),
            (Ok(_), _) => {}
            (Err(_), None) if Path::new(&word).is_file() => problems.push(format!(
                "`{word}` is a file and not a record: `- < {word}` takes the IDs in it, one a line"
            )),
            (Err(invalid), None) => problems.push(invalid.to_string()),
            (Err(invalid), Some(line)) => {
                problems.push(LineFault { line, what: invalid.to_string() }.to_string());
            }
        }
    }
    if problems.is_empty() { Ok(records) } else { Err(told(&problems)) }
}

/// A kind of m3ter object, in capitals or not.
pub(super) fn kind(word: &str) -> Option<EntityKind> {
    EntityKind::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(word))
}

/// An instant: `2026-12-31T00:00:00Z`, a day in UTC, `today`, `yesterday`, or how long ago, such as
/// `90m`, `36h`, `1d` or `2w`.
pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    instant_before(text.trim(), Timestamp::now()).ok_or_else(|| {
        "it takes an instant such as 2026-12-31T00:00:00Z, a day in UTC such as 2026-12-31, `today`, `yesterday`, or how long ago: 90m, 36h, 1d, 2w".to_owned()
    })
}

fn instant_before(text: &str, now: Timestamp) -> Option<Timestamp> {
    let start_of = |day: civil::Date| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok();
    let today = TimeZone::UTC.to_datetime(now).date();
    match text {
        "today" => return start_of(today),
        "yesterday" => return start_of(today.yesterday().ok()?),
        _ => {}
    }
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let minutes_of = match unit {
        "m" => Some(1),
        "h" => Some(60),
        "d" => Some(24 * 60),
        "w" => Some(7 * 24 * 60),
        _ => None,
    };
    match minutes_of.filter(|_| is_number) {
        Some(minutes) => {
            let ago = number.parse::<i64>().ok()?.checked_mul(minutes)?;
            now.checked_sub(Span::new().try_minutes(ago).ok()?).ok()
        }
        None => start_of(text.parse().ok()?),
    }
}

/// A run: its id, a beginning of it that no other run has, or `latest`.
pub(super) async fn run(place: &Place, text: &str) -> anyhow::Result<Result<SyncRunId, String>> {
    if let Some(id) = SyncRunId::parse(text) {
        return Ok(Ok(id));
    }
    if text == "latest" {
        let newest = place.list_runs(&RunFilter { limit: 1, ..RunFilter::default() }).await?;
        let newest = newest.first().map(|run| run.sync_run_id);
        return Ok(newest.ok_or_else(|| "there is no run yet".to_owned()));
    }
    let none = || format!("there is no run `{text}`");
    let is_beginning = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if text.is_empty() || !is_beginning {
        return Ok(Err(none()));
    }
    Ok(match place.find_runs(&text.to_ascii_lowercase()).await?.as_slice() {
        [] => Err(none()),
        [one] => Ok(*one),
        _ => Err(format!("several runs have ids that begin with `{text}`; give more of it")),
    })
}

/// A verification: its id, a beginning of it that no other one has, or `latest`.
pub(super) async fn verification(
    place: &Place,
    text: &str,
) -> anyhow::Result<Result<Verification, String>> {
    let none = || format!("there is no verification `{text}`");
    let id = if text == "latest" {
        match place.newest_verification().await? {
            Some(newest) => newest,
            None => return Ok(Err("there is no verification yet".to_owned())),
        }
    } else if let Ok(id) = Uuid::try_parse(text) {
        id.to_string()
    } else {
        let is_beginning = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        if text.is_empty() || !is_beginning {
            return Ok(Err(none()));
        }
        let mut found = place.find_verifications(&text.to_ascii_lowercase()).await?;
        match (found.pop(), found.is_empty()) {
            (None, _) => return Ok(Err(none())),
            (Some(one), true) => one,
            (Some(_), false) => {
                return Ok(Err(format!(
                    "several verifications have ids that begin with `{text}`; give more of it"
                )));
            }
        }
    };
    Ok(place.verification(&id).await?.ok_or_else(none))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_address_names_its_record() {
        for text in [
            "006S900000795MM",
            "https://acme.lightning.force.com/lightning/r/Opportunity/006S900000795MMIAY/view",
            "https://acme.my.salesforce.com/006S900000795MM",
            "https://acme.my.salesforce.com/one/one.app#/sObject/006S900000795MMIAY/view?a=b",
            "https://acme15letters00.lightning.force.com/lightning/r/006S900000795MMIAY/view",
        ] {
            assert_eq!(record(text).unwrap().as_str(), "006S900000795MMIAY", "{text}");
        }
        for text in ["https://acme.my.salesforce.com/home", "abc", "https://006S900000795MM/x"] {
            assert!(record(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_instant_can_be_given_as_people_write_it() {
        let now: Timestamp = "2026-11-28T12:30:00Z".parse().unwrap();
        for (text, instant) in [
            ("2026-11-27T18:00:00Z", Some("2026-11-27T18:00:00Z")),
            ("2026-11-27T18:00:00+02:00", Some("2026-11-27T16:00:00Z")),
            ("2026-11-27", Some("2026-11-27T00:00:00Z")),
            ("today", Some("2026-11-28T00:00:00Z")),
            ("yesterday", Some("2026-11-27T00:00:00Z")),
            ("90m", Some("2026-11-28T11:00:00Z")),
            ("36h", Some("2026-11-27T00:30:00Z")),
            ("1d", Some("2026-11-27T12:30:00Z")),
            ("2w", Some("2026-11-14T12:30:00Z")),
            ("-1d", None),
            ("d", None),
            ("", None),
            ("ü", None),
            ("someday", None),
            ("99999999999d", None),
            ("2026-02-30", None),
        ] {
            let expected = instant.map(|instant| instant.parse::<Timestamp>().unwrap());
            assert_eq!(instant_before(text, now), expected, "{text}");
        }
    }
}
