//! The forms in which a command lists things: for people, for programs, and for spreadsheets.
//!
//! A person at a terminal gets a table of its width, with colours and with times such as
//! `5 minutes ago`. A pipe gets one line for each row, with tabs between the cells.

use std::fmt;
use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use clap::{Args, ValueEnum};
use comfy_table::{
    Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, presets::NOTHING,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::domain::text;

/// What does not fit into this is not laid out; the terminal wraps it.
const MIN_WIDTH: u16 = 20;

/// A column of text is never narrower than its longest word, if that is not longer than an id.
const MAX_WORD: usize = 36;

/// The space between two columns.
const GAP: usize = 2;

/// How something is listed.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Form {
    /// The output format. In a pipe, a table is one line for each row, with tabs between the cells.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// Show exact times in UTC at a terminal too, not `5 minutes ago`.
    #[arg(long)]
    pub utc: bool,
}

/// The form of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A table as wide as the terminal.
    #[default]
    Table,
    /// One line of JSON for each.
    Json,
    /// Comma-separated values, with the names in the first line.
    Csv,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An id or a word: it is shown whole or not at all.
    Word,
    /// Sentences, which may be broken between words.
    Text,
    /// Instants.
    Time,
    /// How something ended, in a colour.
    Status,
}

/// A column of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    name: &'static str,
    kind: Kind,
    rank: u8,
}

impl Column {
    /// Ids and words, which are never broken or shortened.
    pub(super) const fn word(name: &'static str) -> Self {
        Self { name, kind: Kind::Word, rank: 0 }
    }

    /// Sentences and lists, which may take several lines of a terminal.
    pub(super) const fn text(name: &'static str) -> Self {
        Self { name, kind: Kind::Text, rank: 0 }
    }

    /// Instants, as `Timestamp` writes them.
    pub(super) const fn time(name: &'static str) -> Self {
        Self { name, kind: Kind::Time, rank: 0 }
    }

    /// How something ended.
    pub(super) const fn status(name: &'static str) -> Self {
        Self { name, kind: Kind::Status, rank: 0 }
    }

    /// A narrow terminal does without it: the higher, the sooner. A column of rank 0 always stays.
    pub(super) const fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }

    /// What stands above it.
    pub(super) const fn title(&self) -> &'static str {
        self.name
    }

    /// The name of a property: `askedForAt`.
    fn property(&self) -> String {
        let mut words = self.name.split([' ', '-']);
        let first = words.next().unwrap_or_default().to_lowercase();
        words.fold(first, |name, word| {
            let mut letters = word.chars();
            let capital = letters.next().map(|letter| letter.to_ascii_uppercase());
            name + &capital.into_iter().collect::<String>() + &letters.as_str().to_lowercase()
        })
    }
}

/// Where output goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Screen {
    width: Option<u16>,
    colours: bool,
}

impl Screen {
    /// A pipe or a file, without colours.
    pub(super) const PIPE: Self = Self { width: None, colours: false };

    /// Standard output, as it is. `NO_COLOR` and `CLICOLOR_FORCE` decide about colours, and without
    /// them whether it is a terminal.
    pub(super) fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        let width = stdout
            .is_terminal()
            .then(|| Table::new().width().filter(|width| *width >= MIN_WIDTH).unwrap_or(u16::MAX));
        let colours = anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
        Self { width, colours }
    }

    /// Whether a person looks on.
    pub(super) fn is_terminal(self) -> bool {
        self.width.is_some()
    }

    /// A text in a colour, where there are colours.
    pub(super) fn paint(self, colour: AnsiColor, text: &str) -> String {
        self.styled(Style::new().fg_color(Some(colour.into())), text)
    }

    /// A heading, where there are colours.
    pub(super) fn bold(self, text: &str) -> String {
        self.styled(Style::new().bold(), text)
    }

    /// What is less important, where there are colours.
    pub(super) fn dimmed(self, text: &str) -> String {
        self.styled(Style::new().dimmed(), text)
    }

    fn styled(self, style: Style, text: &str) -> String {
        if !self.colours || text.is_empty() {
            return text.to_owned();
        }
        format!("{style}{text}{style:#}")
    }

    /// Whether so many characters fit into a line.
    pub(super) fn fits(self, characters: usize) -> bool {
        self.width.is_none_or(|width| characters <= usize::from(width))
    }

    /// Rows as this screen shows them, without a line break at their end.
    pub(super) fn table(self, columns: &[Column], rows: &[Vec<String>], utc: bool) -> String {
        match self.width {
            Some(width) => self.laid_out(width, columns, rows, utc),
            None => {
                let line = |row: &Vec<String>| {
                    let cells = columns.iter().zip(row).map(|(column, cell)| {
                        let cell = without_controls(&cell.replace('\n', " "));
                        match status_colour(&cell).filter(|_| column.kind == Kind::Status) {
                            Some((colour, _)) => self.paint(colour, &cell),
                            None => cell,
                        }
                    });
                    cells.collect::<Vec<_>>().join("\t")
                };
                rows.iter().map(line).collect::<Vec<_>>().join("\n")
            }
        }
    }

    fn laid_out(self, width: u16, columns: &[Column], rows: &[Vec<String>], utc: bool) -> String {
        let now = Timestamp::now();
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| {
                let cells = columns.iter().zip(row);
                cells.map(|(column, cell)| cell_for_people(*column, cell, utc, now)).collect()
            })
            .collect();
        let fitting = fitting(columns, &rows, width);
        let mut table = Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width)
            .set_header(
                fitting.iter().map(|(index, _)| {
                    Cell::new(columns[*index].name).add_attribute(Attribute::Bold)
                }),
            );
        if self.colours {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        for row in &rows {
            table.add_row(fitting.iter().map(|(index, _)| {
                let cell = Cell::new(&row[*index]);
                match status_colour(&row[*index]).filter(|_| columns[*index].kind == Kind::Status) {
                    Some((_, colour)) => cell.fg(colour),
                    None => cell,
                }
            }));
        }
        let count = fitting.len();
        for (place, (index, least)) in fitting.iter().enumerate() {
            let Some(column) = table.column_mut(place) else { continue };
            let gap = if place + 1 == count { 0 } else { u16::try_from(GAP).unwrap_or_default() };
            column.set_padding((0, gap));
            let least = u16::try_from(*least).unwrap_or(u16::MAX).saturating_add(gap);
            column.set_constraint(if columns[*index].kind == Kind::Text {
                ColumnConstraint::LowerBoundary(comfy_table::Width::Fixed(least))
            } else {
                ColumnConstraint::ContentWidth
            });
        }
        table.trim_fmt()
    }
}

/// Which columns fit side by side, and how wide each is at least.
fn fitting(columns: &[Column], rows: &[Vec<String>], width: u16) -> Vec<(usize, usize)> {
    let least = |index: usize, column: &Column| {
        let cells = rows.iter().map(|row| row[index].as_str()).chain([column.name]);
        match column.kind {
            Kind::Text => cells
                .flat_map(str::split_whitespace)
                .map(|word| word.chars().count())
                .filter(|length| *length <= MAX_WORD)
                .max(),
            _ => cells.flat_map(str::lines).map(|line| line.chars().count()).max(),
        }
        .unwrap_or_default()
    };
    let mut fitting: Vec<(usize, usize)> =
        columns.iter().enumerate().map(|(index, column)| (index, least(index, column))).collect();
    let needed = |fitting: &[(usize, usize)]| {
        fitting.iter().map(|(_, least)| least + GAP).sum::<usize>().saturating_sub(GAP)
    };
    while needed(&fitting) > usize::from(width) {
        let spare = fitting.iter().enumerate().max_by_key(|(_, (index, _))| columns[*index].rank);
        match spare {
            Some((place, (index, _))) if columns[*index].rank > 0 => drop(fitting.remove(place)),
            _ => break,
        }
    }
    fitting
}

fn cell_for_people(column: Column, cell: &str, utc: bool, now: Timestamp) -> String {
    let instant = || cell.parse::<Timestamp>().ok().filter(|_| column.kind == Kind::Time);
    match instant() {
        Some(instant) if utc => instant.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        Some(instant) => since(instant, now),
        None => without_controls(cell),
    }
}

/// A name in a record may hold what a terminal takes for a command.
fn without_controls(text: &str) -> String {
    let is_control = |letter: char| letter.is_control() && letter != '\n';
    text.chars().map(|letter| if is_control(letter) { ' ' } else { letter }).collect()
}

/// How long ago an instant is, in one unit: `5 minutes ago`; after a month, its day.
fn since(instant: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - instant.as_second();
    let (number, unit) = match seconds.abs() {
        0..60 => (seconds.abs(), "second"),
        60..3_600 => (seconds.abs() / 60, "minute"),
        3_600..86_400 => (seconds.abs() / 3_600, "hour"),
        86_400..2_592_000 => (seconds.abs() / 86_400, "day"),
        _ => return instant.strftime("%Y-%m-%d").to_string(),
    };
    let plural = if number == 1 { "" } else { "s" };
    if seconds < 0 {
        format!("in {number} {unit}{plural}")
    } else {
        format!("{number} {unit}{plural} ago")
    }
}

fn status_colour(status: &str) -> Option<(AnsiColor, Color)> {
    match status {
        "Completed" | "created" | "Equal" => Some((AnsiColor::Green, Color::DarkGreen)),
        "Partial Success" | "updated" | "skipped" | "Differs" => {
            Some((AnsiColor::Yellow, Color::DarkYellow))
        }
        "Failed" | "failed" => Some((AnsiColor::Red, Color::DarkRed)),
        _ => None,
    }
}

/// How far something is: 30 cells.
pub(super) fn progress_bar(done: u64, of: u64) -> String {
    const WIDTH: u64 = 30;
    let full = done.saturating_mul(WIDTH).checked_div(of).unwrap_or(WIDTH).min(WIDTH);
    (0..WIDTH).map(|cell| if cell < full { '█' } else { '░' }).collect()
}

/// Writes a line to standard output. A closed pipe is not an error.
pub(super) fn print(line: impl fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Lists things, in JSON as the API has them; `rows` are what people and spreadsheets see of them.
pub(super) fn list<T: Serialize, const COLUMNS: usize>(
    form: Form,
    columns: &[Column; COLUMNS],
    things: &[T],
    rows: impl Fn(&T) -> Vec<[String; COLUMNS]>,
) -> anyhow::Result<()> {
    if form.output == Output::Json {
        for thing in things {
            print(serde_json::to_string(thing)?);
        }
        return Ok(());
    }
    let rows: Vec<Vec<String>> =
        things.iter().flat_map(rows).map(|row| row.into_iter().collect()).collect();
    list_rows(form, columns, &rows)
}

/// Lists rows of which there is nothing more to say, in JSON by the names of their columns.
pub(super) fn list_rows(
    form: Form,
    columns: &[Column],
    rows: &[Vec<String>],
) -> anyhow::Result<()> {
    match form.output {
        Output::Table => {
            let screen = Screen::of_stdout();
            if !rows.is_empty() {
                print(screen.table(columns, rows, form.utc));
            } else if screen.is_terminal() {
                print("Nothing to list.");
            }
        }
        Output::Json => {
            for row in rows {
                let properties = columns.iter().zip(row);
                let object: serde_json::Map<String, serde_json::Value> = properties
                    .map(|(column, cell)| (column.property(), cell.as_str().into()))
                    .collect();
                print(serde_json::to_string(&object)?);
            }
        }
        Output::Csv => print_csv(columns, rows, true)?,
    }
    Ok(())
}

/// Writes rows as comma-separated values, with the names above them or below earlier rows.
pub(super) fn print_csv(
    columns: &[Column],
    rows: &[Vec<String>],
    has_names: bool,
) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if has_names {
        writer.write_record(columns.iter().map(|column| column.name))?;
    }
    for row in rows {
        writer.write_record(row.iter().map(|cell| text::spreadsheet_cell(cell).into_owned()))?;
    }
    let text = String::from_utf8(writer.into_inner()?)?;
    if !text.is_empty() {
        print(text.trim_end());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        Column::word("Run"),
        Column::status("Status"),
        Column::time("Asked for at").rank(1),
        Column::text("Message").rank(2),
    ];

    fn rows() -> Vec<Vec<String>> {
        let row = [
            "0193a5a8-6b1c-7000-8000-000000000001",
            "Partial Success",
            "2020-01-01T10:00:00Z",
            "one\ntwo \u{1b}[31mthree",
        ];
        vec![row.map(str::to_owned).to_vec()]
    }

    #[test]
    fn a_pipe_gets_a_line_for_each_row_and_no_command_for_a_terminal() {
        assert_eq!(
            Screen::PIPE.table(&COLUMNS, &rows(), false),
            "0193a5a8-6b1c-7000-8000-000000000001\tPartial Success\t2020-01-01T10:00:00Z\tone two  [31mthree"
        );
    }

    #[test]
    fn a_narrow_terminal_does_without_columns_and_breaks_no_id() {
        let shown =
            |width| Screen { width: Some(width), colours: false }.table(&COLUMNS, &rows(), false);
        for (width, columns) in [(120, 4), (70, 3), (60, 2), (30, 2)] {
            let text = shown(width);
            let header = text.lines().next().unwrap();
            let found = COLUMNS.iter().filter(|column| header.contains(column.name)).count();
            assert_eq!(found, columns, "{width}:\n{text}");
            assert!(text.contains("0193a5a8-6b1c-7000-8000-000000000001"), "{text}");
            assert!(!text.contains('\u{1b}') && !text.contains(['|', '+', '─']), "{text}");
        }
        let coloured = Screen { width: Some(120), colours: true }.table(&COLUMNS, &rows(), true);
        assert!(coloured.contains("\u{1b}[") && coloured.contains("2020-01-01 10:00:00Z"));
    }

    #[test]
    fn an_instant_is_shown_in_one_unit() {
        let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        for (instant, told) in [
            ("2026-11-28T12:00:00Z", "0 seconds ago"),
            ("2026-11-28T11:59:00Z", "1 minute ago"),
            ("2026-11-28T11:00:01Z", "59 minutes ago"),
            ("2026-11-27T11:00:00Z", "1 day ago"),
            ("2026-11-28T14:30:00Z", "in 2 hours"),
            ("2026-01-02T00:00:00Z", "2026-01-02"),
        ] {
            assert_eq!(since(instant.parse().unwrap(), now), told);
        }
    }

    #[test]
    fn a_column_is_a_property_in_json() {
        for (name, property) in
            [("Run", "run"), ("Asked for at", "askedForAt"), ("m3ter id", "m3terId")]
        {
            assert_eq!(Column::word(name).property(), property);
        }
    }
}
