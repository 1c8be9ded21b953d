//! One entry of the file of keys: what its fields may hold, and what is wrong with one.

use std::fmt::Write as _;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::caller::Caller;
use super::key::{KeyHash, StoredKey};
use super::limits::{KeyLimits, Scope, parse_network};
use super::role::Role;
use super::safe_word::safe_word;

const MAX_NAME: usize = 64;
/// More requests in a minute than one process answers.
const MAX_REQUESTS: i64 = 1_000_000;
const FIELDS: &str = "`name`, `role`, `hash`, `scopes`, `org`, `objects`, `addresses`, `requests_per_minute` and `expires`";

/// A key that is to be added to a file.
#[derive(Debug, Clone)]
pub struct KeyEntry {
    /// Who will use it.
    pub name: String,
    /// What it may do at most.
    pub role: Role,
    /// What it may do less.
    pub limits: KeyLimits,
    /// The hash of the key.
    pub hash: KeyHash,
}

impl KeyEntry {
    /// The entry as the file has it, or what is wrong with it.
    pub fn to_text(&self) -> Result<String, String> {
        check_name(&self.name)?;
        check_scopes(self.role, &self.limits.scopes)?;
        let Self { name, role, limits, hash } = self;
        let mut text = format!("[[key]]\nname = \"{name}\"\nrole = \"{role}\"\n");
        let mut list = |field: &str, values: Vec<String>| {
            if !values.is_empty() {
                let values: Vec<String> =
                    values.iter().map(|value| format!("\"{value}\"")).collect();
                let _ = writeln!(text, "{field} = [{}]", values.join(", "));
            }
        };
        list("scopes", limits.scopes.iter().map(ToString::to_string).collect());
        list("objects", limits.objects.iter().map(ToString::to_string).collect());
        list("addresses", limits.addresses.iter().map(ToString::to_string).collect());
        if let Some(org) = &limits.org {
            let _ = writeln!(text, "org = \"{org}\"");
        }
        if let Some(requests) = limits.requests_per_minute {
            let _ = writeln!(text, "requests_per_minute = {requests}");
        }
        if let Some(expires) = &limits.expires {
            let _ = writeln!(text, "expires = \"{expires}\"");
        }
        let _ = writeln!(text, "hash = \"{hash}\"");
        Ok(text)
    }
}

/// Names stand in logs and in HTTP Basic, which ends a name at a colon.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(format!("a name has 1 to {MAX_NAME} letters, digits, `-`, `_` and `.`"))
}

/// A scope that a role leaves nothing of is a mistake about one of the two.
fn check_scopes(role: Role, scopes: &[Scope]) -> Result<(), String> {
    match role {
        Role::Viewer if !scopes.is_empty() => {
            Err("a `viewer` cannot start anything, so scopes have no effect; leave `scopes` out"
                .to_owned())
        }
        Role::Caller if scopes.contains(&Scope::EndDate) => Err(
            "only an `operator` may end billing; give the key with the scope `end_date` this role"
                .to_owned(),
        ),
        _ => Ok(()),
    }
}

/// What one field, or the whole entry, has wrong: where, in bytes from the beginning of the text,
/// and in words.
pub(super) type Wrong = (usize, String);

/// Reads an entry; `at` is where it begins.
pub(super) fn read(table: &DeTable<'_>, at: usize) -> Result<StoredKey, Vec<Wrong>> {
    let mut entry = Reader::default();
    for (field, value) in table {
        let place = value.span().start;
        if let Err(message) = entry.field(field.get_ref(), value) {
            entry.wrong.push((place, message));
        }
    }
    for (field, is_there) in [
        ("name", entry.name.is_some()),
        ("role", entry.role.is_some()),
        ("hash", entry.hash.is_some()),
    ] {
        if !is_there && !table.iter().any(|(name, _)| name.get_ref() == field) {
            entry.wrong.push((at, format!("`{field}` is missing")));
        }
    }
    if let Some(Err(message)) = entry.role.map(|role| check_scopes(role, &entry.limits.scopes)) {
        entry.wrong.push((at, message));
    }
    match (entry.name, entry.role, entry.hash) {
        (Some(name), Some(role), Some(hash)) if entry.wrong.is_empty() => Ok(StoredKey {
            caller: Caller {
                name: name.into(),
                role,
                key: hash.id().into(),
                limits: entry.limits.into(),
            },
            hash,
        }),
        _ => Err(entry.wrong),
    }
}

#[derive(Default)]
struct Reader {
    name: Option<String>,
    role: Option<Role>,
    hash: Option<KeyHash>,
    limits: KeyLimits,
    wrong: Vec<Wrong>,
}

impl Reader {
    fn field(&mut self, field: &str, value: &Spanned<DeValue<'_>>) -> Result<(), String> {
        let value = value.get_ref();
        match field {
            "name" => {
                let name = text(field, value)?;
                check_name(name)?;
                self.name = Some(name.to_owned());
            }
            "role" => self.role = Some(text(field, value)?.parse()?),
            "hash" => self.hash = Some(text(field, value)?.parse()?),
            "scopes" => self.list(field, value, |limits, text| {
                limits.scopes.push(text.parse()?);
                Ok(())
            })?,
            "objects" => self.list(field, value, |limits, text| {
                limits.objects.push(text.parse()?);
                Ok(())
            })?,
            "addresses" => self.list(field, value, |limits, text| {
                limits.addresses.push(parse_network(text)?);
                Ok(())
            })?,
            "org" => self.limits.org = Some(parse_org(text(field, value)?)?),
            "requests_per_minute" => {
                let number = value
                    .as_integer()
                    .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok());
                let number = number
                    .filter(|number| (1..=MAX_REQUESTS).contains(number))
                    .and_then(|number| u32::try_from(number).ok());
                let number = number.ok_or_else(|| {
                    format!("`requests_per_minute` takes a whole number from 1 to {MAX_REQUESTS}")
                })?;
                self.limits.requests_per_minute = Some(number);
            }
            "expires" => {
                // A date of TOML's own is as good as one in quotes.
                let written = value.as_datetime().map(ToString::to_string);
                let written = written.as_deref().map_or_else(|| text(field, value), Ok)?;
                self.limits.expires = Some(written.parse()?);
            }
            other => {
                return Err(format!(
                    "`{}` is not a field of a key; the fields are {FIELDS}",
                    safe_word(other)
                ));
            }
        }
        Ok(())
    }

    /// Each value of a list is looked at, so that each fault has its own line.
    fn list(
        &mut self,
        field: &str,
        value: &DeValue<'_>,
        mut add: impl FnMut(&mut KeyLimits, &str) -> Result<(), String>,
    ) -> Result<(), String> {
        let values = value.as_array().filter(|values| !values.is_empty());
        let values = values.ok_or_else(|| {
            format!(
                "`{field}` takes a list such as {}; leave it out if it should not restrict the key",
                example(field)
            )
        })?;
        for value in values {
            if let Err(message) =
                text(field, value.get_ref()).and_then(|text| add(&mut self.limits, text))
            {
                self.wrong.push((value.span().start, message));
            }
        }
        Ok(())
    }
}

fn example(field: &str) -> &'static str {
    match field {
        "scopes" => "`[\"dry_run\"]`",
        "objects" => "`[\"Opportunity\", \"801\"]`",
        _ => "`[\"203.0.113.0/24\"]`",
    }
}

fn text<'a>(field: &str, value: &'a DeValue<'_>) -> Result<&'a str, String> {
    value.as_str().ok_or_else(|| format!("`{field}` takes text in quotes"))
}

/// The id of an org.
pub fn parse_org(text: &str) -> Result<crate::domain::ids::SalesforceId, String> {
    let id =
        crate::domain::ids::SalesforceId::parse(text).ok().filter(|id| id.key_prefix() == "00D");
    id.ok_or_else(|| {
        format!("`{}` is not an organization ID (00D…, 15 or 18 characters)", safe_word(text))
    })
}
