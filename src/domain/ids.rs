//! Identifiers that carry the system they belong to.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::excerpt;
use super::text::trimmed;

/// What is found by ids: a sync asks so often that it need not be safe from who makes up keys.
pub type IdMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;
/// A set of ids, the same way.
pub type IdSet<K> = HashSet<K, foldhash::fast::RandomState>;

/// Characters of an id, in their place: a sync has each id in hand many times.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Ascii<const LENGTH: usize>([u8; LENGTH]);

impl<const LENGTH: usize> Ascii<LENGTH> {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("letters and digits")
    }
}

/// A Salesforce record id in its 18-character form.
///
/// Parsing accepts the 15-character form, which it completes, and refuses an 18-character one whose
/// ending does not fit: repairing it could name another record. Source: Salesforce Object
/// Reference, "Record Type and ID field types".
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SalesforceId(Ascii<18>);

/// The text is not 15 or 18 letters and digits with the right ending.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a Salesforce record ID (15 or 18 letters and digits, with the right ending)")]
pub struct InvalidSalesforceId(pub String);

impl SalesforceId {
    /// Parses a 15- or 18-character id; white space and unseen characters around it are not part of
    /// it.
    pub fn parse(text: &str) -> Result<Self, InvalidSalesforceId> {
        let text = trimmed(text);
        let invalid = || InvalidSalesforceId(excerpt::word(text));
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) || !matches!(text.len(), 15 | 18)
        {
            return Err(invalid());
        }
        let (base, ending) = text.as_bytes().split_at(15);
        let mut id = [0; 18];
        id[..15].copy_from_slice(base);
        id[15..].copy_from_slice(&checksum(base));
        if !ending.is_empty() && id[15..] != *ending {
            return Err(invalid());
        }
        Ok(Self(Ascii(id)))
    }

    /// The 18 characters.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The three characters that tell the object: `006` is an Opportunity.
    pub fn key_prefix(&self) -> &str {
        &self.as_str()[..3]
    }
}

/// Three characters, one for each block of five; bit `i` is set where character `i` of the block is
/// a capital letter.
fn checksum(base: &[u8]) -> [u8; 3] {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    [0, 5, 10].map(|start| {
        let bits = base[start..start + 5].iter().enumerate();
        let index = bits.fold(0, |index, (position, byte)| {
            index | usize::from(byte.is_ascii_uppercase()) << position
        });
        ALPHABET[index]
    })
}

impl TryFrom<String> for SalesforceId {
    type Error = InvalidSalesforceId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<SalesforceId> for String {
    fn from(id: SalesforceId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for SalesforceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SalesforceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SalesforceId").field(&self.as_str()).finish()
    }
}

/// The ID of an object in m3ter: a UUID in the API's own spelling.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct M3terId(Ascii<36>);

/// The text cannot be a m3ter id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a m3ter ID")]
pub struct InvalidM3terId(pub String);

impl M3terId {
    /// Parses a UUID of 36 characters; its letters keep their case.
    pub fn parse(text: &str) -> Result<Self, InvalidM3terId> {
        let text = trimmed(text);
        let is_id = Uuid::try_parse(text).is_ok();
        let id = text.as_bytes().try_into().ok().filter(|_| is_id);
        id.map(|id| Self(Ascii(id))).ok_or_else(|| InvalidM3terId(excerpt::word(text)))
    }

    /// The 36 characters.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for M3terId {
    type Error = InvalidM3terId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<M3terId> for String {
    fn from(id: M3terId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for M3terId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for M3terId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("M3terId").field(&self.as_str()).finish()
    }
}

/// The id of one recorded run of a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SyncRunId(pub Uuid);

impl SyncRunId {
    /// Parses the id as it stands in an answer.
    pub fn parse(text: &str) -> Option<Self> {
        // A UUID has more spellings than the one that is compared as text.
        Uuid::try_parse(text).ok().filter(|uuid| uuid.to_string() == text).map(Self)
    }
}

impl fmt::Display for SyncRunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_of_15_characters_is_completed_to_18() {
        for (short, long) in [
            ("006S900000795MM", "006S900000795MMIAY"),
            ("001S900000RzsIU", "001S900000RzsIUIAZ"),
            ("00kS9000001Nxy5", "00kS9000001Nxy5IAC"),
        ] {
            assert_eq!(SalesforceId::parse(short).unwrap().as_str(), long);
            assert_eq!(SalesforceId::parse(long).unwrap().as_str(), long);
        }
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for text in [
            "",
            "abc",
            "006S900000795MMIA",
            "006S900000795MMIAZ",
            "006s900000795mmiay",
            "006S900000795'-",
            "006S900000795MÉ",
        ] {
            assert!(SalesforceId::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_m3ter_id_is_a_uuid_with_hyphens() {
        assert!(M3terId::parse("21e063b6-2350-4add-a028-3e6ad5b233ed").is_ok());
        assert!(M3terId::parse("21e063b623504adda0283e6ad5b233ed").is_err());
        assert!(M3terId::parse("../../accounts/aaaaaaaaaaaaaaaaaaaaa").is_err());
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused_without_a_panic(text in ".*") {
            if let Ok(id) = SalesforceId::parse(&text) {
                prop_assert_eq!(SalesforceId::parse(id.as_str()).unwrap(), id);
            }
        }
    }
}
