//! Messages that write, each a transaction of its own to its sender. Those that wait at the
//! same moment are committed together: the disk is waited for once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::oneshot::{self, error::TryRecvError};

use super::connections::{Lent, SqliteConnections};
use super::fault::SqliteFault;
use super::statement::{carry_out, control};
use crate::store::row::Answer;
use crate::store::value::Value;

/// Messages that are committed together at most.
const MAX_TOGETHER: usize = 64;

/// Statements that share their values, to be carried out all or none.
#[derive(Debug)]
pub(in crate::store) struct Message {
    pub(in crate::store) operation: &'static str,
    /// As `spelled` has them.
    pub(in crate::store) statements: Vec<String>,
    pub(in crate::store) values: Vec<Value>,
    /// Whether its commit need not wait for the disk. The next one that waits takes it along: the
    /// log is synced as a whole.
    pub(in crate::store) is_provisional: bool,
}

/// A message that waits. Who does not wait for its answer any more does not want it done.
#[derive(Debug)]
struct Waiting {
    message: Message,
    answer: oneshot::Sender<Result<Answer, SqliteFault>>,
}

/// The one connection that writes, and what waits for it; a clone is another handle to it.
#[derive(Debug, Clone)]
pub(in crate::store) struct SqliteWriter {
    connection: SqliteConnections,
    waiting: Arc<Mutex<Vec<Waiting>>>,
}

impl SqliteWriter {
    pub(in crate::store) fn new(connection: SqliteConnections) -> Self {
        Self { connection, waiting: Arc::default() }
    }

    /// Waits for the connection, for a transaction of several messages.
    pub(in crate::store) async fn lend(&self) -> Result<Lent, sqlx::Error> {
        self.connection.lend().await
    }

    pub(in crate::store) async fn close(&self) {
        self.connection.close().await;
    }

    /// Carries out a message: the one that gets the connection carries out all that wait.
    pub(in crate::store) async fn write(&self, message: Message) -> Result<Answer, sqlx::Error> {
        let (sender, mut answer) = oneshot::channel();
        self.waiting().push(Waiting { message, answer: sender });
        loop {
            // Who leads waits for one thing only, and is woken once.
            let mut lent = match self.connection.try_lend() {
                Some(lent) => lent,
                None => tokio::select! {
                    biased;
                    answer = &mut answer => return received(answer.ok()),
                    lent = self.connection.lend() => lent?,
                },
            };
            let together = self.take();
            if !together.is_empty() {
                let is_synced = !together.iter().all(|waiting| waiting.message.is_provisional);
                let is_as_before = lent
                    .work_synced(is_synced, move |connection| {
                        write_together(connection, together);
                        Ok(connection.is_autocommit())
                    })
                    .await?;
                if is_as_before {
                    lent.keep();
                }
            }
            drop(lent);
            match answer.try_recv() {
                Err(TryRecvError::Empty) => {}
                answered => return received(answered.ok()),
            }
        }
    }

    /// Those that are next.
    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting();
        waiting.retain(|waiting| !waiting.answer.is_closed());
        let count = waiting.len().min(MAX_TOGETHER);
        waiting.drain(..count).collect()
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn received(answer: Option<Result<Answer, SqliteFault>>) -> Result<Answer, sqlx::Error> {
    Ok(answer.ok_or(sqlx::Error::WorkerCrashed)??)
}

/// Carries out messages in one transaction or, if one of them fails, each in one of its own.
fn write_together(connection: &Connection, messages: Vec<Waiting>) {
    if messages.len() > 1 {
        match transaction(connection, messages.iter().map(|waiting| &waiting.message)) {
            Ok(answers) => {
                for (waiting, answer) in messages.into_iter().zip(answers) {
                    let _ = waiting.answer.send(Ok(answer));
                }
                return;
            }
            // All have waited for it.
            Err(fault) if fault.is_busy() => {
                for waiting in messages {
                    let _ = waiting.answer.send(Err(fault.clone()));
                }
                return;
            }
            Err(_) => {}
        }
    }
    for waiting in messages {
        let answer = transaction(connection, std::iter::once(&waiting.message))
            .map(|mut answers| answers.swap_remove(0));
        // Who has gone away meanwhile asks nothing any more.
        let _ = waiting.answer.send(answer);
    }
}

fn transaction<'m>(
    connection: &Connection,
    messages: impl Iterator<Item = &'m Message>,
) -> Result<Vec<Answer>, SqliteFault> {
    let carry_all_out = || {
        control(connection, "BEGIN IMMEDIATE")?;
        let answers = messages.map(|message| answer(connection, message));
        let answers = answers.collect::<rusqlite::Result<Vec<_>>>()?;
        control(connection, "COMMIT")?;
        Ok(answers)
    };
    let outcome = carry_all_out();
    if !connection.is_autocommit() {
        let _ = control(connection, "ROLLBACK");
    }
    outcome.map_err(|error: rusqlite::Error| error.into())
}

fn answer(connection: &Connection, message: &Message) -> rusqlite::Result<Answer> {
    let mut answer = Answer::empty(message.operation);
    for sql in &message.statements {
        carry_out(connection, sql, &message.values, &mut answer)?;
    }
    Ok(answer)
}
