//! The files that a mapping was made of: its own first, then what it extends.
//!
//! Their lines are counted through, as if they were one text, so that a line says its file too.

/// A file that is larger is not a mapping, and need not be read any further.
pub const MAX_FILE_BYTES: usize = 256 * 1024;

/// A mapping file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingSource {
    /// The name that messages show.
    pub name: String,
    /// What it holds, as it was read.
    pub bytes: Vec<u8>,
}

/// The names of the files, each with the number of lines before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Files(Vec<(usize, String)>);

impl Files {
    /// The texts of files, each with its name, as one, with the byte at which each of them begins.
    pub(super) fn joined<'a>(
        files: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> (Self, String, Vec<usize>) {
        let (mut names, mut joined, mut starts, mut lines) =
            (Vec::new(), String::new(), Vec::new(), 0);
        for (name, text) in files {
            names.push((lines, name.to_owned()));
            starts.push(joined.len());
            joined.push_str(text);
            joined.push('\n');
            lines += text.matches('\n').count() + 1;
        }
        (Self(names), joined, starts)
    }

    /// The mapping's own file.
    pub(super) fn own(&self) -> &str {
        self.0.first().map_or("", |(_, name)| name)
    }

    /// What the own file extends, the nearest first.
    pub(super) fn extended(&self) -> impl Iterator<Item = &str> {
        self.0.iter().skip(1).map(|(_, name)| name.as_str())
    }

    /// The file of a line, and the line in it, counted from 1.
    pub(super) fn place(&self, line: usize) -> (&str, usize) {
        let file = self.0.iter().rev().find(|(before, _)| *before < line);
        file.map_or((self.own(), line), |(before, name)| (name, line - before))
    }

    pub(super) fn describe_line(&self, line: usize) -> String {
        let (file, line) = self.place(line);
        format!("{file}, line {line}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_its_file() {
        let (files, text, starts) =
            Files::joined([("own", "a\nb\n"), ("base", "c"), ("last", "")].into_iter());
        assert_eq!((text.as_str(), starts), ("a\nb\n\nc\n\n", vec![0, 5, 7]));
        let places: Vec<(&str, usize)> = (1..=5).map(|line| files.place(line)).collect();
        assert_eq!(places, [("own", 1), ("own", 2), ("own", 3), ("base", 1), ("last", 1)]);
        assert_eq!((files.own(), files.describe_line(4)), ("own", "base, line 1".to_owned()));
        assert_eq!(files.extended().collect::<Vec<_>>(), ["base", "last"]);
    }
}
