//! Who may call, and what: API keys, each with a name and a role.
//!
//! [`Callers`] holds the keys of one file and tells who presents one; [`Callers::reload`] takes in what the file says now. A key is
//! 256 random bits, so its SHA-256 hash needs neither salt nor slowness: nobody can run through the keys, and a stolen file opens
//! nothing. A key itself is never kept, logged or shown again.

mod file;
mod key;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

pub use file::{KeysFileError, append, entry};
pub use key::{KeyHash, NewKey, new_key};

use key::StoredKey;

/// What `CALLER_REQUESTS_PER_MINUTE` is by default. A sync takes six of m3ter's 50 requests a second: this is more than it follows.
pub const REQUESTS_PER_MINUTE: u32 = 600;
/// How often the file is looked at; a revoked key works this much longer at most.
const RELOAD_INTERVAL: Duration = Duration::from_secs(1);

/// How callers are told apart.
#[derive(Debug, Clone)]
pub struct Access {
    /// The keys; `None`: whoever reaches loopback is an operator.
    pub callers: Option<Callers>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Requests that one caller may make in a minute.
    pub requests_per_minute: u32,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Start syncs, and read the runs that it asked for.
    Caller,
    /// Read all runs.
    Viewer,
    /// Everything: also replay and end-date.
    Operator,
}

/// What an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Any key.
    Known,
    /// To start a sync.
    Sync,
    /// To read one run: whose, the operation itself looks at.
    ReadRun,
    /// To read all runs.
    ReadRuns,
    /// Everything else.
    Operate,
}

impl Role {
    /// Whether the role covers an operation.
    pub fn may(self, permission: Permission) -> bool {
        match permission {
            Permission::Known | Permission::ReadRun => true,
            Permission::Sync => matches!(self, Self::Caller | Self::Operator),
            Permission::ReadRuns => matches!(self, Self::Viewer | Self::Operator),
            Permission::Operate => self == Self::Operator,
        }
    }

    /// As the file and the logs spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "caller" => Ok(Self::Caller),
            "viewer" => Ok(Self::Viewer),
            "operator" => Ok(Self::Operator),
            other => Err(format!("`{other}` is not a role; there are `caller`, `viewer` and `operator`")),
        }
    }
}

/// Whoever stands behind a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The key's name.
    pub name: Arc<str>,
    /// What it may do.
    pub role: Role,
}

/// The keys that are valid now; a clone is another handle.
#[derive(Debug, Clone)]
pub struct Callers {
    path: Arc<Path>,
    keys: Arc<RwLock<Keys>>,
}

#[derive(Debug)]
struct Keys {
    /// The file as it was read, to see that it changed.
    text: String,
    keys: Vec<StoredKey>,
}

/// What looking at the file again brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// The same as before.
    Unchanged,
    /// So many keys are valid now.
    Changed(usize),
}

impl Callers {
    /// The keys of a file.
    pub fn from_file(path: PathBuf) -> Result<Self, KeysFileError> {
        let text = file::read(&path)?;
        let keys = file::parse(&path, &text)?;
        Ok(Self { path: path.into(), keys: Arc::new(RwLock::new(Keys { text, keys })) })
    }

    /// Takes in what the file says now. A file that cannot be used changes nothing.
    pub fn reload(&self) -> Result<Reload, KeysFileError> {
        let text = file::read(&self.path)?;
        if self.keys.read().unwrap_or_else(PoisonError::into_inner).text == text {
            return Ok(Reload::Unchanged);
        }
        let keys = file::parse(&self.path, &text)?;
        let count = keys.len();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Keys { text, keys };
        Ok(Reload::Changed(count))
    }

    /// Keeps up with the file until `shutdown`: once a second, and at once on SIGHUP.
    pub async fn watch(self, shutdown: CancellationToken) {
        let mut hangup = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) {
            Ok(hangup) => hangup,
            Err(error) => return tracing::error!(%error, "the API keys are not kept up with: SIGHUP cannot be received"),
        };
        let mut last_problem = None;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(RELOAD_INTERVAL) => {}
                _ = hangup.recv() => last_problem = None,
            }
            match self.reload() {
                Ok(Reload::Unchanged) => last_problem = None,
                Ok(Reload::Changed(keys)) => {
                    last_problem = None;
                    tracing::info!(target: "audit", keys, "the API keys were read again");
                }
                Err(problem) => {
                    let problem = problem.to_string();
                    if last_problem.as_ref() != Some(&problem) {
                        tracing::error!(problem, "the API keys could not be read again; those from before stay valid");
                        last_problem = Some(problem);
                    }
                }
            }
        }
    }

    /// The caller behind the value of an `Authorization` header.
    pub fn authenticate(&self, authorization: &str) -> Option<Caller> {
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
        // The user name of HTTP Basic is what a proxy logs: it must not say another name than the key's.
        self.find(key).filter(|caller| *caller.name == *name)
    }

    /// Every key is compared, and each in constant time: how long it takes tells nothing about which one is near.
    fn find(&self, key: &str) -> Option<Caller> {
        let hash = KeyHash::of(key);
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.keys.iter().fold(None, |found, stored| if stored.hash.is(&hash) { Some(stored.caller.clone()) } else { found })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn basic(name: &str, key: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{key}")))
    }

    fn secret(key: &NewKey) -> String {
        key.key.expose_secret().to_owned()
    }

    #[test]
    fn a_key_works_as_bearer_and_as_basic_until_it_is_revoked() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys.toml");
        let (old, new) = (new_key(), new_key());
        append(&path, "flow", Role::Caller, &old.hash).unwrap();
        append(&path, "flow", Role::Caller, &new.hash).unwrap();
        append(&path, "ops", Role::Operator, &new_key().hash).unwrap();
        let callers = Callers::from_file(path.clone()).unwrap();
        let flow = Some(Caller { name: "flow".into(), role: Role::Caller });
        for key in [&old, &new] {
            assert_eq!(callers.authenticate(&format!("Bearer {}", secret(key))), flow);
            assert_eq!(callers.authenticate(&format!("bearer  {} ", secret(key))), flow);
            assert_eq!(callers.authenticate(&basic("flow", &secret(key))), flow);
        }
        for nobody in [
            String::new(),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            secret(&old),
            format!("Bearer {}", secret(&new_key())),
            format!("Bearer {}x", secret(&old)),
            format!("Bearer {}", old.hash),
            format!("Digest {}", secret(&old)),
            basic("ops", &secret(&old)),
            basic("", &secret(&old)),
            format!("Basic {}", secret(&old)),
        ] {
            assert_eq!(callers.authenticate(&nobody), None, "{nobody}");
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&secret(&old)), "the file holds hashes only");
        std::fs::write(&path, text.replace(&old.hash.to_string(), &new_key().hash.to_string())).unwrap();
        assert_eq!(callers.reload().unwrap(), Reload::Changed(3));
        assert_eq!(callers.authenticate(&format!("Bearer {}", secret(&old))), None);
        assert_eq!(callers.authenticate(&format!("Bearer {}", secret(&new))), flow);
        assert_eq!(callers.reload().unwrap(), Reload::Unchanged);
        std::fs::write(&path, "[[key]]\nname = ").unwrap();
        assert!(callers.reload().is_err());
        assert_eq!(callers.authenticate(&format!("Bearer {}", secret(&new))), flow, "a broken file changes nothing");
    }

    #[test]
    fn each_role_covers_its_operations_only() {
        use Permission::{Known, Operate, ReadRun, ReadRuns, Sync};
        for (role, allowed) in [
            (Role::Caller, vec![Known, Sync, ReadRun]),
            (Role::Viewer, vec![Known, ReadRun, ReadRuns]),
            (Role::Operator, vec![Known, Sync, ReadRun, ReadRuns, Operate]),
        ] {
            for permission in [Known, Sync, ReadRun, ReadRuns, Operate] {
                assert_eq!(role.may(permission), allowed.contains(&permission), "{role} {permission:?}");
            }
        }
    }
}
