//! The holder of a key, and what it may do.

use std::sync::Arc;

use super::limits::{KeyLimits, Reason, Refusal};
use super::role::{Permission, Role};

/// The holder of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The key's name.
    pub name: Arc<str>,
    /// What it may do at most.
    pub role: Role,
    /// The beginning of the key's hash, which tells it from others of its name; empty without keys.
    pub key: Arc<str>,
    /// What it may do less than its role.
    pub limits: Arc<KeyLimits>,
}

impl Caller {
    /// Anyone who reaches loopback where no keys are required.
    pub fn local() -> Self {
        Self { name: "local".into(), role: Role::Operator, key: "".into(), limits: Arc::default() }
    }

    /// Whether an operation is open to the caller, as far as it can be told without its record.
    pub fn may(&self, permission: Permission) -> Result<(), Refusal> {
        let Self { name, role, limits, .. } = self;
        if !role.may(permission) {
            let message = format!(
                "The API key `{name}` has the role `{role}`, which does not cover this: use a key with the role {}",
                permission.roles_in_words()
            );
            return Err(Refusal { reason: Reason::Role, message });
        }
        limits.allow(permission).map_err(|what| {
            let reason = if limits.scopes.is_empty() { Reason::Object } else { Reason::Scope };
            Refusal { reason, message: format!("The API key `{name}` {what}") }
        })
    }
}
