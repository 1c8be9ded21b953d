//! What a key may do less than its role: kinds of runs, an org, root objects, addresses, a request
//! limit, an end.
//!
//! A limit only takes away. An operation that [`KeyLimits::allow`] does not name is closed to a key
//! with scopes or objects.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::role::Permission;
use super::safe_word::safe_word;
use crate::domain::ids::SalesforceId;

/// What a key may do less than its role; each field that is empty takes nothing away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// What it may do only.
    pub scopes: Vec<Scope>,
    /// The only org that it is good for.
    pub org: Option<SalesforceId>,
    /// The only objects that a record may be of.
    pub objects: Vec<RootObject>,
    /// From where alone it may be used.
    pub addresses: Vec<IpNet>,
    /// Requests that it may make in a minute, in place of what all others may.
    pub requests_per_minute: Option<u32>,
    /// From when on it lets nobody in.
    pub expires: Option<Expiry>,
}

/// What a key may do only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Dry runs.
    DryRun,
    /// End dating, and reading the runs that it asked for.
    EndDate,
}

/// An object whose records a key may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootObject {
    /// The three characters that its IDs begin with.
    KeyPrefix(String),
    /// Its API name.
    Name(String),
}

/// When a key ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// From when on it lets nobody in.
    pub at: Timestamp,
    /// As somebody wrote it: a day in UTC, which still counts, or an instant.
    text: String,
}

/// Why a request of a key is refused, in one word of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Nobody's key.
    WrongKey,
    /// The key has ended.
    Expired,
    /// The file of keys could not be read for too long.
    LockedOut,
    /// It may not be used from there.
    Address,
    /// Its role does not cover this.
    Role,
    /// Its scopes do not.
    Scope,
    /// It is for another org.
    Org,
    /// It is for other objects.
    Object,
    /// It asks too often.
    Limit,
}

/// A refusal: why, and what to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// For the audit log.
    pub reason: Reason,
    /// For the caller.
    pub message: String,
}

impl KeyLimits {
    /// Whether an operation is open to the key, as far as it can be told without its record.
    pub fn allow(&self, permission: Permission) -> Result<(), String> {
        let scopes = || {
            self.scopes.iter().map(|scope| format!("`{scope}`")).collect::<Vec<_>>().join(" and ")
        };
        match permission {
            Permission::Known | Permission::ReadRun | Permission::EndDate => Ok(()),
            Permission::Sync | Permission::ReadRuns => {
                let is_for_ending = self.scopes.contains(&Scope::EndDate);
                if is_for_ending {
                    Err("is for end dating only (scope `end_date`): use a key without that scope"
                        .to_owned())
                } else {
                    Ok(())
                }
            }
            Permission::Operate => {
                if !self.scopes.is_empty() {
                    return Err(format!(
                        "has the scope {}, which does not cover this: use a key without scopes",
                        scopes()
                    ));
                }
                if !self.objects.is_empty() {
                    return Err(format!(
                        "is limited to {}, and this request is not about one record: use a key without `objects`",
                        self.objects_in_words()
                    ));
                }
                Ok(())
            }
        }
    }

    /// Whether a run may write.
    pub fn may_write(&self) -> bool {
        !self.scopes.contains(&Scope::DryRun)
    }

    /// Whether a record is one of the key's, as far as its key prefix tells.
    pub fn covers_prefix(&self, record: &SalesforceId) -> bool {
        self.objects.is_empty()
            || self.objects.iter().any(|object| matches!(object, RootObject::KeyPrefix(prefix) if prefix == record.key_prefix()))
    }

    /// Whether records of an object are the key's.
    pub fn covers_object(&self, sobject: &str) -> bool {
        self.objects.iter().any(
            |object| matches!(object, RootObject::Name(name) if name.eq_ignore_ascii_case(sobject)),
        )
    }

    /// Whether it may be used from an address.
    pub fn covers_address(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        self.addresses.is_empty() || self.addresses.iter().any(|network| network.contains(&client))
    }

    /// Whether it lets nobody in any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires.as_ref().is_some_and(|expires| expires.at <= now)
    }

    /// What it may do less than its role, on one line.
    pub fn in_words(&self) -> String {
        let list =
            |values: Vec<String>| Some(values.join(", ")).filter(|values| !values.is_empty());
        let parts = [
            list(self.scopes.iter().map(ToString::to_string).collect()),
            list(self.objects.iter().map(ToString::to_string).collect()),
            self.org.as_ref().map(|org| format!("org {org}")),
            list(self.addresses.iter().map(ToString::to_string).collect())
                .map(|addresses| format!("from {addresses}")),
            self.requests_per_minute.map(|requests| format!("{requests} a minute")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    /// `Opportunity, 801`.
    pub fn objects_in_words(&self) -> String {
        self.objects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl Scope {
    /// As the file spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DryRun => "dry_run",
            Self::EndDate => "end_date",
        }
    }
}

impl Reason {
    /// As the audit log spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongKey => "wrong_key",
            Self::Expired => "expired",
            Self::LockedOut => "locked_out",
            Self::Address => "address",
            Self::Role => "role",
            Self::Scope => "scope",
            Self::Org => "org",
            Self::Object => "object",
            Self::Limit => "limit",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "dry_run" | "dry-run" => Ok(Self::DryRun),
            "end_date" | "end-date" => Ok(Self::EndDate),
            other => Err(format!(
                "`{}` is not a scope; the scopes are `dry_run` and `end_date`",
                safe_word(other)
            )),
        }
    }
}

impl fmt::Display for RootObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::KeyPrefix(text) | Self::Name(text)) = self;
        f.write_str(text)
    }
}

impl FromStr for RootObject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(Self::KeyPrefix(text.to_owned()));
        }
        if (4..=80).contains(&text.len())
            && text.bytes().all(is_plain)
            && text.as_bytes()[0].is_ascii_alphabetic()
        {
            return Ok(Self::Name(text.to_owned()));
        }
        let shown = safe_word(text);
        Err(format!(
            "`{shown}` is not an object; write its API name such as `Opportunity`, or the three characters that its IDs begin with"
        ))
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Expiry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || {
            let shown = safe_word(text);
            format!(
                "`{shown}` is not a day such as `2027-01-31`, the last one in UTC, nor an instant such as `2027-01-31T18:00:00Z`"
            )
        };
        let day = |text: &str| {
            let day: Date = text.parse().ok()?;
            TimeZone::UTC.to_timestamp(day.checked_add(1.day()).ok()?.at(0, 0, 0, 0)).ok()
        };
        let is_day = text.len() == 10;
        let at = if is_day { day(text) } else { text.parse().ok() };
        Ok(Self { at: at.ok_or_else(malformed)?, text: text.to_owned() })
    }
}

/// A network, or one address.
pub fn parse_network(text: &str) -> Result<IpNet, String> {
    let network =
        text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    network.ok_or_else(|| {
        format!(
            "`{}` is neither an address nor a network such as `203.0.113.0/24`",
            safe_word(text)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_a_key_can_only_restrict_it() {
        use Permission::{EndDate, Known, Operate, ReadRun, ReadRuns, Sync};
        let all = [Known, Sync, EndDate, ReadRun, ReadRuns, Operate];
        let object = || vec!["Order".parse().unwrap()];
        for (limits, closed) in [
            (KeyLimits::default(), vec![]),
            (KeyLimits { scopes: vec![Scope::DryRun], ..KeyLimits::default() }, vec![Operate]),
            (
                KeyLimits { scopes: vec![Scope::EndDate], ..KeyLimits::default() },
                vec![Sync, ReadRuns, Operate],
            ),
            (KeyLimits { objects: object(), ..KeyLimits::default() }, vec![Operate]),
        ] {
            for permission in all {
                assert_eq!(
                    limits.allow(permission).is_err(),
                    closed.contains(&permission),
                    "{limits:?} {permission:?}"
                );
            }
        }
    }

    #[test]
    fn a_key_expires_at_the_end_of_a_day_or_at_an_instant() {
        let at = |text: &str| text.parse::<Expiry>().map(|expiry| expiry.at.to_string());
        assert_eq!(at("2027-01-31"), Ok("2027-02-01T00:00:00Z".to_owned()));
        assert_eq!(at("2027-01-31T18:00:00+02:00"), Ok("2027-01-31T16:00:00Z".to_owned()));
        for wrong in ["", "soon", "2027-02-30", "2027-1-1", "31.01.2027", "2027-01-31T18:00:00"] {
            assert!(at(wrong).unwrap_err().contains("such as `2027-01-31`"), "{wrong}");
        }
    }

    #[test]
    fn objects_are_names_or_the_beginnings_of_ids() {
        let limits = KeyLimits {
            objects: vec!["006".parse().unwrap(), "order".parse().unwrap()],
            ..KeyLimits::default()
        };
        let record = |id: &str| SalesforceId::parse(id).unwrap();
        assert!(
            limits.covers_prefix(&record("006S900000795MMIAY"))
                && !limits.covers_prefix(&record("801S90000079AAA"))
        );
        assert!(limits.covers_object("Order") && !limits.covers_object("Opportunity"));
        for wrong in ["", "a", "O'Order", "0060", "1Order__c", "an object"] {
            assert!(wrong.parse::<RootObject>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_ipv4_address_is_the_same_mapped_to_ipv6() {
        let addresses =
            ["203.0.113.0/24", "2001:db8::1"].map(|text| parse_network(text).unwrap()).to_vec();
        let limits = KeyLimits { addresses, ..KeyLimits::default() };
        for (client, covered) in [
            ("203.0.113.9", true),
            ("::ffff:203.0.113.9", true),
            ("203.0.114.1", false),
            ("2001:db8::1", true),
            ("2001:db8::2", false),
        ] {
            assert_eq!(limits.covers_address(client.parse().unwrap()), covered, "{client}");
        }
    }
}
