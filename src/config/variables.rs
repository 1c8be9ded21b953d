//! The variables as they are given, and what is wrong with them.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use secrecy::ExposeSecret as _;
use url::Url;

use crate::salesforce::is_loopback;
use crate::secret::Secret;

/// Reads one variable.
pub(super) type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The value of a variable; a blank one counts as absent.
pub(super) fn given(variable: Variable<'_>, name: &str) -> Option<String> {
    variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// A secret that is read once: of a variable, or in the file that the other one names.
pub fn optional_secret(
    variable: &dyn Fn(&str) -> Option<String>,
    name: &str,
    file_name: &'static str,
) -> Result<Option<String>, String> {
    match (given(variable, name), given(variable, file_name)) {
        (Some(_), Some(_)) => {
            Err(format!("{name} and {file_name} are both set; set one of the two"))
        }
        (None, Some(path)) => Secret::in_file(file_name, path.into())
            .read()
            .map(|secret| Some(secret.expose_secret().to_owned())),
        (given, None) => Ok(given),
    }
}

/// The variables, and the problems that were found in them so far, one sentence each. No sentence
/// shows a value: somebody may put a secret into any variable.
pub(super) struct Variables<'a> {
    pub(super) variable: Variable<'a>,
    pub(super) problems: Vec<String>,
}

impl Variables<'_> {
    pub(super) fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// A value, or its problem noted.
    pub(super) fn noted<T>(&mut self, value: Result<T, String>) -> Option<T> {
        value.map_err(|problem| self.problem(problem)).ok()
    }

    pub(super) fn optional(&self, name: &str) -> Option<String> {
        given(self.variable, name)
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.optional(name).is_some()
    }

    pub(super) fn required(&mut self, name: &str) -> Option<String> {
        let value = self.optional(name);
        if value.is_none() {
            self.problem(format!("{name} is not set"));
        }
        value
    }

    /// What `parse` makes of a variable that is set; `hint` says what it takes.
    pub(super) fn parsed<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Option<T>,
        hint: &str,
    ) -> Option<T> {
        let value = parse(&self.optional(name)?);
        if value.is_none() {
            self.problem(format!("{name} {hint}"));
        }
        value
    }

    /// A number within a range.
    pub(super) fn number<T: FromStr + PartialOrd + Display>(
        &mut self,
        name: &str,
        default: T,
        range: RangeInclusive<T>,
        unit: &str,
    ) -> T {
        self.limit(name, range, unit).unwrap_or(default)
    }

    /// The same where nothing is said unless it is set.
    pub(super) fn limit<T: FromStr + PartialOrd + Display>(
        &mut self,
        name: &str,
        range: RangeInclusive<T>,
        unit: &str,
    ) -> Option<T> {
        let hint = format!("must be {} to {} {unit}", range.start(), range.end());
        let parse = |text: &str| text.parse::<T>().ok().filter(|number| range.contains(number));
        self.parsed(name, parse, &hint)
    }

    /// `true` or `false`, which it is without being set.
    pub(super) fn switch(&mut self, name: &str) -> bool {
        let parse = |text: &str| text.parse().ok();
        self.parsed(name, parse, "must be `true` or `false`").unwrap_or_default()
    }

    /// An address that secrets are sent to: encrypted, or on this machine.
    pub(super) fn url(&mut self, name: &str, text: &str) -> Option<Url> {
        let Ok(url) = Url::parse(text) else {
            self.problem(format!("{name} is not a URL: it must begin with https://"));
            return None;
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
            self.problem(format!("{name} must begin with https:// (http:// is for loopback only)"));
            return None;
        }
        if !url.username().is_empty() || url.password().is_some() {
            self.problem(format!("{name} must not hold credentials"));
            return None;
        }
        Some(url)
    }

    /// The secret of a variable, or the one in the file that the other one names; `None` with a
    /// problem, or if neither is set.
    pub(super) fn secret(&mut self, name: &str, file_name: &'static str) -> Option<Secret> {
        match (self.optional(name), self.optional(file_name)) {
            (Some(_), Some(_)) => {
                self.problem(format!("{name} and {file_name} are both set; set one of the two"));
                None
            }
            (Some(text), None) => Some(text.into()),
            (None, Some(path)) => {
                let secret = Secret::in_file(file_name, path.into());
                let read = secret.read();
                self.noted(read).map(|_| secret)
            }
            (None, None) => None,
        }
    }

    pub(super) fn required_secret(
        &mut self,
        name: &str,
        file_name: &'static str,
    ) -> Option<Secret> {
        if !self.is_set(name) && !self.is_set(file_name) {
            self.problem(format!("{name} is not set, nor {file_name}"));
        }
        self.secret(name, file_name)
    }
}
