//! What went wrong with a callout, and whether it can have had an effect.

use std::fmt;
use std::time::Duration;

/// The far side of a callout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vendor {
    /// The org.
    Salesforce,
    /// The organization.
    M3ter,
}

impl Vendor {
    /// As it spells itself.
    pub fn name(self) -> &'static str {
        match self {
            Self::Salesforce => "Salesforce",
            Self::M3ter => "m3ter",
        }
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A callout that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalloutError {
    /// The far side.
    pub vendor: Vendor,
    /// The operation, as the vendor names it.
    pub operation: &'static str,
    /// How often it was sent.
    pub attempts: u32,
    /// From the first attempt to the last answer.
    pub elapsed: Duration,
    /// What went wrong at last.
    pub kind: CalloutErrorKind,
}

/// Which part of a budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// The time.
    Time,
    /// The callouts.
    Callouts,
}

impl From<Spent> for CalloutErrorKind {
    fn from(spent: Spent) -> Self {
        match spent {
            Spent::Time => Self::TimeLimit,
            Spent::Callouts => Self::CalloutLimit,
        }
    }
}

/// What went wrong with a callout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalloutErrorKind {
    /// The login was refused, or a fresh token was.
    AuthFailed {
        /// In the vendor's words.
        message: String,
    },
    /// The address that the login named is not the vendor's any more: it was asked at the wrong
    /// place.
    Moved {
        /// The status, where one came.
        status: Option<u16>,
        /// The cause in words.
        cause: String,
    },
    /// The vendor said no.
    Refused(Box<Refusal>),
    /// The vendor's request limit is spent.
    LimitExceeded {
        /// In the vendor's words.
        message: String,
    },
    /// No connection was made: nothing can have happened.
    NotSent {
        /// The cause in words.
        cause: String,
    },
    /// No answer, one that cannot be read, or a server error: it may have happened.
    Unavailable {
        /// The status, where one came.
        status: Option<u16>,
        /// The cause in words.
        cause: String,
    },
    /// The sync's time is spent.
    TimeLimit,
    /// The sync's callouts are spent.
    CalloutLimit,
}

/// What a refusal means for the caller. A vendor's client says it of each error code; what is
/// done follows from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meaning {
    /// Nothing was done, and the same request may work in a moment.
    Passing,
    /// The session is over, or was never good: a new login may help.
    StaleLogin,
    /// The vendor is somewhere else than the last login said: a new login may name the place.
    StaleAddress,
    /// Requests are limited, and the limit is spent.
    Limit,
    /// Somebody must grant a permission, or enable something.
    Access,
    /// The record, or what is written to it, is not as the vendor wants it.
    #[default]
    Data,
    /// It is so until somebody changes the vendor's side.
    Lasting,
    /// The service asked for something that cannot be asked for.
    Ours,
}

/// A refusal in the vendor's words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The vendor's error code, where it has such codes.
    pub code: Option<String>,
    /// The vendor's message.
    pub message: String,
    /// The sObject that the message names.
    pub sobject: Option<String>,
    /// The field that the message names.
    pub field: Option<String>,
    /// What it means.
    pub meaning: Meaning,
    /// What to do about it.
    pub advice: Option<&'static str>,
}

impl Refusal {
    /// The vendor's words, and what to do.
    pub fn in_words(&self) -> String {
        self.advice
            .map_or_else(|| self.message.clone(), |advice| format!("{}; {advice}", self.message))
    }
}

/// What a failed callout did on the far side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it was never carried out.
    None,
    /// Nothing: the vendor said no.
    Refused,
    /// It may have been carried out.
    Unknown,
}

impl CalloutError {
    /// What it did on the far side.
    pub fn effect(&self) -> Effect {
        match &self.kind {
            CalloutErrorKind::Refused(_) => Effect::Refused,
            CalloutErrorKind::Unavailable { .. } => Effect::Unknown,
            CalloutErrorKind::AuthFailed { .. }
            | CalloutErrorKind::Moved { .. }
            | CalloutErrorKind::LimitExceeded { .. }
            | CalloutErrorKind::NotSent { .. }
            | CalloutErrorKind::TimeLimit
            | CalloutErrorKind::CalloutLimit => Effect::None,
        }
    }

    /// The refusal, if the vendor said no, and not for the moment only.
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.kind {
            CalloutErrorKind::Refused(refusal) if refusal.meaning != Meaning::Passing => {
                Some(refusal)
            }
            _ => None,
        }
    }

    /// Whether the vendor refused the credentials, or what a login with them gave.
    pub fn is_auth_failed(&self) -> bool {
        matches!(self.kind, CalloutErrorKind::AuthFailed { .. })
    }

    /// The failure as a sentence for people: which side, which call, how often tried, for how long.
    pub fn reason(&self) -> String {
        let Self { vendor, operation, .. } = self;
        let tries = self.tries();
        match &self.kind {
            CalloutErrorKind::AuthFailed { message } => {
                format!(
                    "{vendor} refused the login for {operation} ({message}); check the credentials in the configuration"
                )
            }
            CalloutErrorKind::Refused(refusal) if refusal.meaning == Meaning::Passing => {
                format!(
                    "{vendor} refused {operation} for now, {tries} ({}); it is safe to sync again",
                    refusal.in_words()
                )
            }
            CalloutErrorKind::Refused(refusal) => {
                format!("{vendor} refused {operation}: {}", refusal.in_words())
            }
            CalloutErrorKind::Moved { status: None, cause } => {
                format!(
                    "{vendor} has moved: it could not be reached for {operation}, {tries} ({cause}); it is safe to sync again"
                )
            }
            CalloutErrorKind::LimitExceeded { message } => {
                format!(
                    "{vendor} allows no more requests for now: {operation} was {tries} ({message}); it is safe to sync again"
                )
            }
            CalloutErrorKind::NotSent { cause } => {
                format!(
                    "{vendor} could not be reached for {operation}, {tries} ({cause}); it is safe to sync again"
                )
            }
            CalloutErrorKind::Unavailable { status: Some(status), cause }
            | CalloutErrorKind::Moved { status: Some(status), cause } => {
                format!(
                    "{vendor} did not carry out {operation}, {tries} (status {status}: {cause}); it is safe to sync again"
                )
            }
            CalloutErrorKind::Unavailable { status: None, cause } => {
                format!(
                    "{vendor} gave no answer to {operation}, {tries} ({cause}); it is safe to sync again"
                )
            }
            CalloutErrorKind::TimeLimit => format!(
                "the time limit of the sync was reached before {operation} could be sent to {vendor}"
            ),
            CalloutErrorKind::CalloutLimit => format!(
                "the callout limit of the sync was reached before {operation} could be sent to {vendor}"
            ),
        }
    }

    fn tries(&self) -> String {
        let times = match self.attempts {
            1 => "tried once".to_owned(),
            2 => "tried twice".to_owned(),
            attempts => format!("tried {attempts} times"),
        };
        format!("{times} in {:.1} s", self.elapsed.as_secs_f64())
    }
}

impl fmt::Display for CalloutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason())
    }
}

impl std::error::Error for CalloutError {}
