//! Who may call, and what: API keys, each with a name, a role and what it may do less than that.
//!
//! [`Callers`] holds the keys of one file and tells who presents one; [`Callers::watch`] takes in
//! what the file says now. Entries that are right count, whatever is wrong with others; a file that
//! cannot be read leaves the earlier keys as they are. A key is 256 random bits, so its SHA-256
//! hash needs neither salt nor slowness: nobody can run through the keys, and a stolen file opens
//! nothing. A key itself is never kept, logged or shown again.

mod caller;
mod edit;
mod entry;
mod file;
mod key;
mod limits;
mod role;
mod safe_word;
mod uses;
mod watch;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ipnet::IpNet;
use jiff::Timestamp;
use tokio::time::Instant;

pub use caller::Caller;
pub use edit::{append, append_entry, revoke};
pub use entry::{KeyEntry, parse_org};
pub use file::{KeyFault, KeysFileError};
pub use key::{KeyHash, NewKey, new_key};
pub use limits::{Expiry, KeyLimits, Reason, Refusal, RootObject, Scope, parse_network};
pub use role::{Permission, Role};
pub use uses::KeyUse;
pub use watch::{KeysChange, Reload};

use key::StoredKey;

/// What `CALLER_REQUESTS_PER_MINUTE` is by default. A sync takes six of m3ter's 50 requests a
/// second: this is more than it follows.
pub const REQUESTS_PER_MINUTE: u32 = 600;

/// How callers are told apart.
#[derive(Debug, Clone)]
pub struct Access {
    /// The keys. `None`: anyone who reaches loopback is an operator.
    pub callers: Option<Callers>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Requests that one caller may make in a minute, if its key says nothing else.
    pub requests_per_minute: u32,
}

/// Why nobody is let in, although somebody may be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejected {
    /// It is nobody's key.
    Unknown,
    /// It is somebody's, who may not come in now or from there.
    Known(Caller, Refusal),
}

/// The keys that are valid now; a clone is another handle.
#[derive(Debug, Clone)]
pub struct Callers {
    path: Arc<Path>,
    keys: Arc<RwLock<Keys>>,
    uses: Arc<uses::Uses>,
    lock_out_after: Option<Duration>,
}

#[derive(Debug)]
struct Keys {
    /// The file as it was read, to see that it changed.
    text: String,
    valid: Vec<StoredKey>,
    /// What is wrong with other entries.
    faults: Vec<KeyFault>,
    /// When the file was read last.
    read_at: Instant,
    /// Why it cannot be read since then.
    unreadable: Option<String>,
}

/// One key as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// Who stands behind it.
    pub caller: Caller,
    /// Whether it has ended.
    pub is_over: bool,
}

impl Callers {
    /// The keys of a file.
    pub fn from_file(path: PathBuf) -> Result<Self, KeysFileError> {
        let text = file::read(&path)?;
        let file::Parsed { keys, faults } = file::parse(&path, &text, Timestamp::now())?;
        let keys = Keys { text, valid: keys, faults, read_at: Instant::now(), unreadable: None };
        Ok(Self {
            path: path.into(),
            keys: Arc::new(RwLock::new(keys)),
            uses: Arc::default(),
            lock_out_after: None,
        })
    }

    /// Lets nobody in any more once the file could not be read for so long; `None`: the earlier
    /// keys stay.
    #[must_use]
    pub fn locking_out_after(self, time: Option<Duration>) -> Self {
        Self { lock_out_after: time, ..self }
    }

    /// Who stands behind the value of an `Authorization` header, from where it came.
    pub fn authenticate(&self, authorization: &str, client: IpAddr) -> Result<Caller, Rejected> {
        self.admit(self.present(authorization).ok_or(Rejected::Unknown)?, client)
    }

    /// Who has the key with this id and name, which was presented before, from where it is used
    /// now.
    pub fn readmit(&self, key: &str, name: &str, client: IpAddr) -> Result<Caller, Rejected> {
        let is_it =
            |stored: &&StoredKey| *stored.caller.key == *key && *stored.caller.name == *name;
        let caller = self.keys().valid.iter().find(is_it).map(|stored| stored.caller.clone());
        self.admit(caller.ok_or(Rejected::Unknown)?, client)
    }

    /// Whether a caller that was recognised may come in now, and from there.
    fn admit(&self, caller: Caller, client: IpAddr) -> Result<Caller, Rejected> {
        let name = &caller.name;
        let refusal = if self.is_locked_out() {
            let message = "The file of API keys has been unreadable for too long; every key is refused until it can be read";
            Refusal { reason: Reason::LockedOut, message: message.to_owned() }
        } else if let Some(expires) =
            caller.limits.expires.as_ref().filter(|_| caller.limits.is_over(Timestamp::now()))
        {
            Refusal {
                reason: Reason::Expired,
                message: format!("The API key `{name}` expired on {expires}; ask for a new one"),
            }
        } else if !caller.limits.covers_address(client) {
            let message = format!(
                "The API key `{name}` may not be used from the address {}",
                client.to_canonical()
            );
            Refusal { reason: Reason::Address, message }
        } else {
            return Ok(caller);
        };
        Err(Rejected::Known(caller, refusal))
    }

    /// Notes that a request of a key was let in.
    pub fn note_use(&self, caller: &Caller) {
        self.uses.note(caller);
    }

    /// The uses that were noted since this was last asked, at most one for each key.
    pub fn take_uses(&self) -> Vec<KeyUse> {
        self.uses.take()
    }

    /// Gives uses back that could not be kept.
    pub fn return_uses(&self, uses: Vec<KeyUse>) {
        self.uses.put_back(uses);
    }

    /// All keys of the file, also those that have ended.
    pub fn list(&self) -> Vec<ListedKey> {
        let now = Timestamp::now();
        let keys = self.keys();
        keys.valid
            .iter()
            .map(|key| ListedKey {
                caller: key.caller.clone(),
                is_over: key.caller.limits.is_over(now),
            })
            .collect()
    }

    /// What is wrong with entries that do not count.
    pub fn faults(&self) -> Vec<KeyFault> {
        self.keys().faults.clone()
    }

    /// Whether others than the file's owner may read it.
    pub fn others_may_read(&self) -> bool {
        file::others_may_read(&self.path)
    }

    /// What an operator should look at, one sentence each.
    pub fn problems(&self) -> Vec<String> {
        let keys = self.keys();
        let unreadable = keys.unreadable.iter().map(|problem| {
            let minutes = keys.read_at.elapsed().as_secs() / 60;
            format!("The file of API keys has been unreadable for {minutes} min, so the last valid keys still apply: {problem}")
        });
        let wrong = keys.faults.iter().filter(|fault| !fault.is_expiry);
        unreadable.chain(wrong.map(|fault| format!("An API key is ignored: {fault}"))).collect()
    }

    /// Whether the file could not be read for so long that nobody is let in.
    pub fn is_locked_out(&self) -> bool {
        let keys = self.keys();
        keys.unreadable.is_some()
            && self.lock_out_after.is_some_and(|time| keys.read_at.elapsed() >= time)
    }

    fn keys(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn present(&self, authorization: &str) -> Option<Caller> {
        let (scheme, credentials) = authorization.split_once(' ')?;
        let credentials = credentials.trim_matches(' ');
        if scheme.eq_ignore_ascii_case("bearer") {
            return self.find(credentials);
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(BASE64_STANDARD.decode(credentials).ok()?).ok()?;
        let (name, key) = decoded.split_once(':')?;
        // The user name of HTTP Basic is what a proxy logs: it must not say another name than the
        // key's.
        self.find(key).filter(|caller| *caller.name == *name)
    }

    /// Every key is compared, and each in constant time: how long it takes tells nothing about
    /// which one is near.
    fn find(&self, key: &str) -> Option<Caller> {
        let hash = KeyHash::of(key);
        self.keys().valid.iter().fold(None, |found, stored| {
            if stored.hash.is(&hash) { Some(stored.caller.clone()) } else { found }
        })
    }
}

#[cfg(test)]
mod tests;
