//! Statements that the server plans once for each connection, and not each time.
//!
//! A connection prepares a statement before it carries it out for the first time; from then on only
//! its name and its values are sent. The name is made of the text, so that it never means another
//! statement, whoever has prepared it.
//!
//! Behind `PgBouncer` in transaction mode the next message may meet another server, where the name
//! is missing, or is there already. Such a message is refused as a whole: nothing is done. Then no
//! plans are kept any more.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};

use super::literals::{named, push_literal, replace_parameters};
use crate::domain::text::hex;
use crate::store::connections::Prepared;
use crate::store::value::Value;

/// Of the digest of a text, so many bytes are in its name: which has 63 characters at most.
const BYTES_OF_NAME: usize = 16;

/// The statements that are planned once, and whether they still are.
#[derive(Debug, Default)]
pub(super) struct Plans {
    are_given_up: AtomicBool,
    known: Mutex<HashMap<Key, Arc<Plan>>>,
}

/// A statement, and of which kinds the parameters of its message are.
type Key = (&'static str, Vec<Kind>);

/// A statement as the server knows it.
#[derive(Debug)]
pub(super) struct Plan {
    name: String,
    /// What prepares it under its name.
    prepares: String,
    /// The numbers of the message's parameters that it has, in the order of its own.
    parameters: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Text,
    Integer,
}

impl Kind {
    fn of(value: &Value) -> Self {
        match value {
            Value::Text(_) | Value::Shared(_) => Self::Text,
            Value::Integer(_) => Self::Integer,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Integer => "BIGINT",
        }
    }
}

impl Plans {
    /// The plans of statements that share their parameters; `None` if no plans are kept, or one of
    /// the statements has none.
    pub(super) fn of(
        &self,
        statements: &[&'static str],
        values: &[Value],
    ) -> Option<Vec<Arc<Plan>>> {
        let has_no_plan = |sql: &&str| sql.starts_with("LOCK");
        if self.are_given_up.load(Ordering::Relaxed) || statements.iter().any(has_no_plan) {
            return None;
        }
        let kinds: Vec<Kind> = values.iter().map(Kind::of).collect();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = |sql: &&'static str| {
            let plan = known.entry((*sql, kinds.clone()));
            Arc::clone(plan.or_insert_with(|| Arc::new(Plan::of(sql, &kinds))))
        };
        Some(statements.iter().map(plan).collect())
    }

    /// No plans are kept any more.
    pub(super) fn give_up(&self) {
        if !self.are_given_up.swap(true, Ordering::Relaxed) {
            tracing::info!(
                "the database is behind a pooler that shares its sessions: it plans each statement each time"
            );
        }
    }
}

impl Plan {
    fn of(sql: &str, kinds: &[Kind]) -> Self {
        let (mut parameters, mut text) = (Vec::new(), String::new());
        replace_parameters(&named(sql), &mut text, |text, number| {
            let own = parameters.iter().position(|known| *known == number).unwrap_or_else(|| {
                parameters.push(number);
                parameters.len() - 1
            });
            let _ = write!(text, "${}", own + 1);
        });
        let types: Vec<&str> = parameters.iter().map(|number| kinds[number - 1].name()).collect();
        let types =
            if types.is_empty() { String::new() } else { format!("({})", types.join(", ")) };
        let prepared = format!("{types} AS {text}");
        let digest = digest(&SHA256, prepared.as_bytes());
        let name = format!("sync_to_m3ter_{}", hex(&digest.as_ref()[..BYTES_OF_NAME]));
        Self { prepares: format!("PREPARE {name}{prepared}; "), name, parameters }
    }
}

/// What prepares the statements that a connection has not prepared yet; `None` if it has all.
pub(super) fn prepared(plans: &[Arc<Plan>], known: &mut Prepared) -> Option<String> {
    let mut message = String::new();
    for plan in plans {
        if !known.contains(&plan.name) {
            known.insert(plan.name.clone());
            message.push_str(&plan.prepares);
        }
    }
    (!message.is_empty()).then_some(message)
}

/// The statements with their values, as the server is asked to carry them out.
pub(super) fn executed(plans: &[Arc<Plan>], values: &[Value]) -> String {
    let mut message = String::with_capacity(1_000);
    for plan in plans {
        message.push_str("EXECUTE ");
        message.push_str(&plan.name);
        for (position, number) in plan.parameters.iter().enumerate() {
            message.push_str(if position == 0 { "(" } else { ", " });
            push_literal(&mut message, &values[number - 1]);
        }
        message.push_str(if plan.parameters.is_empty() { "; " } else { "); " });
    }
    message
}

/// Whether a session did not hold what was prepared on its connection, or held it before. By
/// SQLSTATE: a name that is missing, one that is there, and a plan whose columns have other types by
/// now.
pub(super) fn is_of_another_session(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| ["26000", "42P05", "0A000"].contains(&code.as_ref()))
}
