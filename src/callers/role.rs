//! What a key may do at most.

use std::fmt;
use std::str::FromStr;

use super::safe_word::safe_word;

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
    /// To end what is billed.
    EndDate,
    /// To read one run: whose, the operation itself looks at.
    ReadRun,
    /// To read all runs.
    ReadRuns,
    /// Everything else.
    Operate,
}

impl Role {
    /// All of them, the one that may do least first.
    const ALL: [Self; 3] = [Self::Caller, Self::Viewer, Self::Operator];

    /// Whether the role covers an operation.
    pub fn may(self, permission: Permission) -> bool {
        match permission {
            Permission::Known | Permission::ReadRun => true,
            Permission::Sync => matches!(self, Self::Caller | Self::Operator),
            Permission::ReadRuns => matches!(self, Self::Viewer | Self::Operator),
            Permission::EndDate | Permission::Operate => self == Self::Operator,
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

impl Permission {
    /// The roles that cover an operation, in words: `` `viewer` or `operator` ``.
    pub fn roles_in_words(self) -> String {
        let roles = Role::ALL.into_iter().filter(|role| role.may(self));
        roles.map(|role| format!("`{role}`")).collect::<Vec<_>>().join(" or ")
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
            other => Err(format!(
                "`{}` is not a role; the roles are `caller`, `viewer` and `operator`",
                safe_word(other)
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_names_the_roles_that_cover_it() {
        for (permission, roles) in [
            (Permission::Sync, "`caller` or `operator`"),
            (Permission::ReadRuns, "`viewer` or `operator`"),
            (Permission::EndDate, "`operator`"),
            (Permission::Operate, "`operator`"),
        ] {
            assert_eq!(permission.roles_in_words(), roles);
        }
    }

    #[test]
    fn each_role_covers_its_operations_only() {
        use Permission::{EndDate, Known, Operate, ReadRun, ReadRuns, Sync};
        for (role, allowed) in [
            (Role::Caller, vec![Known, Sync, ReadRun]),
            (Role::Viewer, vec![Known, ReadRun, ReadRuns]),
            (Role::Operator, vec![Known, Sync, EndDate, ReadRun, ReadRuns, Operate]),
        ] {
            for permission in [Known, Sync, EndDate, ReadRun, ReadRuns, Operate] {
                assert_eq!(
                    role.may(permission),
                    allowed.contains(&permission),
                    "{role} {permission:?}"
                );
            }
        }
    }
}
