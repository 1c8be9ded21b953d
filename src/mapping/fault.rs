//! A fault in a mapping file: where it is, what is wrong, and a hint.

use std::fmt;

/// One fault of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingFault {
    /// The file's name.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The key, with its table (`commitment.amount`).
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl MappingFault {
    pub(super) fn new(
        file: &str,
        line: usize,
        key: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            file: file.to_owned(),
            line,
            key: key.into(),
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// The file and the line.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// What is wrong there, and what to do.
    pub fn advice(&self) -> String {
        let Self { key, message, hint, .. } = self;
        if key.is_empty() {
            return format!("{message}; {hint}");
        }
        format!("`{key}`: {message}; {hint}")
    }
}

impl fmt::Display for MappingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.advice())
    }
}
