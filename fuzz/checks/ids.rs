//! Ids of Salesforce, of m3ter and of runs.

use sync_to_m3ter::domain::ids::{M3terId, SalesforceId, SyncRunId};

pub(crate) fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    salesforce(&text);
    // Any 15 letters and digits are an id: the checksum must hold for all of them.
    let base: String = text.chars().filter(char::is_ascii_alphanumeric).take(15).collect();
    if base.len() == 15 {
        let id = SalesforceId::parse(&base).expect("15 letters and digits are an id");
        assert_eq!(id.as_str(), format!("{base}{}", ending(&base)));
        salesforce(id.as_str());
    }
    if let Ok(id) = M3terId::parse(&text) {
        assert_eq!(id.as_str(), text.trim());
        assert!(
            id.as_str().len() == 36
                && id.as_str().bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'),
            "{id}"
        );
        assert_eq!(json(&id), Some(id));
    }
    if let Some(id) = SyncRunId::parse(&text) {
        assert_eq!(id.to_string(), text, "a run has one spelling");
    }
}

fn salesforce(text: &str) {
    match SalesforceId::parse(text) {
        Ok(id) => {
            let long = id.as_str();
            assert!(
                long.len() == 18 && long.bytes().all(|byte| byte.is_ascii_alphanumeric()),
                "{id}"
            );
            assert!(long.starts_with(text.trim()), "{text:?} became {id}");
            assert!(long.ends_with(&ending(&long[..15])), "{id}");
            assert_eq!(SalesforceId::parse(long).as_ref(), Ok(&id));
            assert_eq!(SalesforceId::parse(&long[..15]).as_ref(), Ok(&id));
            assert_eq!(json(&id), Some(id.clone()));
            assert_eq!(id.key_prefix(), &long[..3]);
            // The ending tells one id from another that differs in the case of a letter.
            for (at, letter) in
                long.char_indices().filter(|(_, letter)| letter.is_ascii_alphabetic())
            {
                let other = if letter.is_ascii_uppercase() {
                    letter.to_ascii_lowercase()
                } else {
                    letter.to_ascii_uppercase()
                };
                let changed = format!("{}{other}{}", &long[..at], &long[at + 1..]);
                assert!(SalesforceId::parse(&changed).is_err(), "{changed} for {id}");
            }
        }
        Err(invalid) => assert!(invalid.0.chars().count() <= 41, "{invalid}"),
    }
}

/// The last three characters, bit by bit as Salesforce describes them.
fn ending(base: &str) -> String {
    let letters: Vec<char> = base.chars().collect();
    let character = |block: &[char]| {
        let bits: String = block
            .iter()
            .rev()
            .map(|letter| if letter.is_ascii_uppercase() { '1' } else { '0' })
            .collect();
        let number = u32::from_str_radix(&bits, 2).expect("five bits");
        if number < 26 {
            char::from_u32(u32::from('A') + number)
        } else {
            char::from_digit(number - 26, 10)
        }
        .expect("a character")
    };
    letters.chunks(5).map(character).collect()
}

fn json<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> Option<T> {
    serde_json::from_str(&serde_json::to_string(value).ok()?).ok()
}
