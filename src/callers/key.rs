//! One key: how it is made, and how it is recognised.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::SecretString;

use super::caller::Caller;

/// By which people and secret scanners recognise a key.
const PREFIX: &str = "s2m_";
/// Hexadecimal digits of the hash by which a key is told from others of its name.
const ID_DIGITS: usize = 12;
/// Random bytes of a key.
const KEY_BYTES: usize = 32;
const HASH_PREFIX: &str = "sha256:";
const HASH_BYTES: usize = 32;

/// A key that nobody has yet.
#[derive(Debug)]
pub struct NewKey {
    /// What the caller sends; to be shown once.
    pub key: SecretString,
    /// What the file holds.
    pub hash: KeyHash,
}

/// Makes a key.
pub fn new_key() -> NewKey {
    let mut bytes = [0; KEY_BYTES];
    // The only failure is a system without randomness, on which nothing else would work either.
    aws_lc_rs::rand::fill(&mut bytes).expect("the system gives random bytes");
    let key = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
    NewKey { hash: KeyHash::of(&key), key: key.into() }
}

/// The SHA-256 hash of a key.
#[derive(Clone, Copy)]
pub struct KeyHash([u8; HASH_BYTES]);

impl KeyHash {
    pub(super) fn of(key: &str) -> Self {
        let mut hash = [0; HASH_BYTES];
        hash.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
        Self(hash)
    }

    /// By which a key is told from others of its name, in logs and lists: the beginning of the
    /// hash.
    pub fn id(&self) -> String {
        self.to_string()[HASH_PREFIX.len()..][..ID_DIGITS].to_owned()
    }

    /// Whether both are the same; takes as long for any two.
    pub(super) fn is(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HASH_PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

impl FromStr for KeyHash {
    type Err = String;

    /// The message never shows the text: someone may have put the key itself there.
    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || {
            format!(
                "`hash` must be `{HASH_PREFIX}` and 64 hexadecimal digits, as `sync-to-m3ter keys new` prints it"
            )
        };
        let digits = text
            .strip_prefix(HASH_PREFIX)
            .filter(|digits| digits.len() == 2 * HASH_BYTES && digits.is_ascii());
        let digits = digits.ok_or_else(malformed)?;
        let mut hash = [0; HASH_BYTES];
        for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair)
                .ok()
                .filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()));
            *byte = u8::from_str_radix(pair.ok_or_else(malformed)?, 16).map_err(|_| malformed())?;
        }
        Ok(Self(hash))
    }
}

/// A key as the file holds it.
#[derive(Debug, Clone)]
pub(super) struct StoredKey {
    pub(super) caller: Caller,
    pub(super) hash: KeyHash,
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let new = new_key();
        let read: KeyHash = new.hash.to_string().parse().unwrap();
        assert!(read.is(&new.hash) && read.is(&KeyHash::of(new.key.expose_secret())));
        assert!(!read.is(&new_key().hash));
        // The published hash of `abc`.
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(KeyHash::of("abc").to_string(), abc);
        for malformed in [
            "",
            "sha256:",
            &abc[7..],
            &abc[..70],
            &format!("{abc}0"),
            &abc.replace('b', "+"),
            &abc.replace("ba", "é"),
        ] {
            assert!(
                malformed.parse::<KeyHash>().unwrap_err().contains("64 hexadecimal digits"),
                "{malformed}"
            );
        }
    }

    #[test]
    fn a_key_has_256_bits_and_no_debug_output() {
        let new = new_key();
        let bits = BASE64_URL_SAFE_NO_PAD
            .decode(new.key.expose_secret().strip_prefix(PREFIX).unwrap())
            .unwrap();
        assert_eq!(bits.len(), 32);
        let shown = format!("{new:?}");
        assert!(
            !shown.contains(new.key.expose_secret()) && !shown.contains(&new.hash.to_string()),
            "{shown}"
        );
    }
}
