//! How an instant is written in answers: in milliseconds, with all three digits, so that instants
//! sort as texts.

use jiff::Timestamp;
use serde::Serializer;

/// For `serialize_with`.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize<S: Serializer>(instant: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{instant:.3}"))
}

/// The same of an instant that may be absent.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize_option<S: Serializer>(
    instant: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match instant {
        Some(instant) => serialize(instant, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize)]
    struct Pause {
        #[serde(serialize_with = "serialize")]
        from: Timestamp,
        #[serde(serialize_with = "serialize_option")]
        to: Option<Timestamp>,
    }

    #[test]
    fn instants_have_all_digits_of_their_milliseconds() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        let text = |from, to| serde_json::to_string(&Pause { from, to }).unwrap();
        assert_eq!(
            text(at(1_900), Some(at(1_904))),
            r#"{"from":"1970-01-01T00:00:01.900Z","to":"1970-01-01T00:00:01.904Z"}"#
        );
        assert_eq!(text(at(2_000), None), r#"{"from":"1970-01-01T00:00:02.000Z","to":null}"#);
    }
}
