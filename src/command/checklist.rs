//! What was checked, and how each thing is: green, yellow or red.

use std::fmt;

use anstyle::AnsiColor;

use super::Outcome;
use super::output::{Column, Form, Output, Screen, list_rows, print};
use crate::domain::org_remark::Severity;

/// Lines of a report: each at once for people, all together in another form.
pub(super) struct Checklist {
    output: Output,
    rows: Vec<Vec<String>>,
    worst: Severity,
}

impl Checklist {
    pub(super) fn new(output: Output) -> Self {
        Self { output, rows: Vec::new(), worst: Severity::Green }
    }

    /// `green   about: message`.
    pub(super) fn add(&mut self, severity: Severity, about: &str, message: &str) {
        let told = format!("{}  {about}: {message}", in_colour(severity));
        self.say(severity, about, message, told);
    }

    /// `green   message`, where people see from the message what it is about.
    pub(super) fn add_plain(&mut self, severity: Severity, about: &str, message: &str) {
        let told = format!("{}  {message}", in_colour(severity));
        self.say(severity, about, message, told);
    }

    /// A line that people read in other words.
    pub(super) fn say(
        &mut self,
        severity: Severity,
        about: &str,
        message: &str,
        told: impl fmt::Display,
    ) {
        self.worst = self.worst.max(severity);
        if self.output == Output::Table {
            print(told);
        } else {
            let cells = [word(severity), about, message];
            self.rows.push(cells.map(str::to_owned).to_vec());
        }
    }

    /// Red lines make the command fail.
    pub(super) fn end(self) -> anyhow::Result<Outcome> {
        if self.output != Output::Table {
            let columns =
                [Column::word("Severity"), Column::text("About"), Column::text("Message")];
            list_rows(Form { output: self.output, utc: true }, &columns, &self.rows)?;
        }
        Ok(if self.worst == Severity::Red { Outcome::Failed } else { Outcome::Done })
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Green => "green",
        Severity::Yellow => "yellow",
        Severity::Red => "red",
    }
}

fn in_colour(severity: Severity) -> String {
    let colour = match severity {
        Severity::Green => AnsiColor::Green,
        Severity::Yellow => AnsiColor::Yellow,
        Severity::Red => AnsiColor::Red,
    };
    Screen::of_stdout().paint(colour, &format!("{:6}", word(severity)))
}
