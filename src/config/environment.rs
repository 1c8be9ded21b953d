//! The variables of the process and, beneath them, those of a file (`--env-file`).

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::settings::names;
use crate::domain::encoding;

/// The variables, and where each comes from.
#[derive(Clone, Default)]
pub struct Environment {
    process: BTreeMap<String, String>,
    file: Option<(PathBuf, BTreeMap<String, String>)>,
}

/// Where a variable comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The process has it.
    Process,
    /// This file has it.
    File(PathBuf),
}

/// A variable that looks like one of the service's, and is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownVariable {
    /// Its name.
    pub name: String,
    /// What may have been meant.
    pub nearest: Option<&'static str>,
}

/// The first words of the service's variables with which others' hardly begin.
const OWN_WORDS: [&str; 3] = ["SALESFORCE", "M3TER", "SYNC"];

impl Environment {
    /// The variables of the process alone.
    pub fn new(process: impl Iterator<Item = (String, String)>) -> Self {
        Self { process: process.collect(), file: None }
    }

    /// Adds those of a file; what the process has counts.
    pub fn with_file(self, path: &Path) -> Result<Self, String> {
        let name = path.display();
        let bytes = std::fs::read(path).map_err(|error| format!("--env-file {name}: {error}"))?;
        let text = encoding::text(&bytes).map_err(|what| {
            format!("--env-file {name} {what}: save it as text, with the encoding UTF-8")
        })?;
        let read = parse(text).map_err(|(line, problem)| {
            format!("--env-file {}, line {line}: {problem}", path.display())
        })?;
        Ok(Self { file: Some((path.to_owned(), read)), ..self })
    }

    /// The value of a variable. A blank one counts as absent: then the file's does.
    pub fn get(&self, name: &str) -> Option<String> {
        self.found(name).map(|(value, _)| value.to_owned())
    }

    /// Where a variable that is not blank comes from.
    pub fn origin(&self, name: &str) -> Option<Origin> {
        self.found(name).map(|(_, origin)| origin)
    }

    fn found(&self, name: &str) -> Option<(&str, Origin)> {
        let of_process = self.process.get(name).filter(|value| !value.trim().is_empty());
        if let Some(value) = of_process {
            return Some((value, Origin::Process));
        }
        let (path, variables) = self.file.as_ref()?;
        let value = variables.get(name).filter(|value| !value.trim().is_empty())?;
        Some((value, Origin::File(path.clone())))
    }

    /// Variables that nobody reads although they look like the service's.
    pub fn unknown(&self) -> Vec<UnknownVariable> {
        let of_file = self.file.iter().flat_map(|(_, variables)| variables.keys());
        let mut given: Vec<&String> = self.process.keys().chain(of_file).collect();
        given.sort();
        given.dedup();
        given.into_iter().filter_map(|name| unknown(name)).collect()
    }
}

impl fmt::Debug for Environment {
    /// Without values: some are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.process.keys()).finish_non_exhaustive()
    }
}

impl fmt::Display for UnknownVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the variable {} is not read", self.name)?;
        match self.nearest {
            Some(nearest) => write!(f, "; did you mean {nearest}?"),
            None => f.write_str("; `sync-to-m3ter config show` lists those that are"),
        }
    }
}

fn unknown(name: &str) -> Option<UnknownVariable> {
    if names().any(|known| known == name) {
        return None;
    }
    let upper = name.to_ascii_uppercase();
    let distance = |known: &&'static str| strsim::damerau_levenshtein(known, &upper);
    let nearest = names().min_by_key(distance)?;
    // A short name is near to many.
    let may_differ = match nearest.len() {
        0..8 => 1,
        8..16 => 2,
        _ => 3,
    };
    let is_own = OWN_WORDS.iter().any(|word| upper.split('_').next() == Some(word));
    // In lower case it is another program's, unless it begins as the service's do: `https_proxy`.
    let is_near = distance(&nearest) <= may_differ && (upper != *nearest || is_own);
    (is_near || is_own)
        .then(|| UnknownVariable { name: name.to_owned(), nearest: is_near.then_some(nearest) })
}

/// `NAME=value` lines as shells and container tools read them, but nothing is expanded: what would
/// be is refused, so that no secret loses its `$` unnoticed. No problem shows a value.
fn parse(text: &str) -> Result<BTreeMap<String, String>, (usize, String)> {
    let mut variables = BTreeMap::new();
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let number = number + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let assignment = line.strip_prefix("export ").map_or(line, str::trim_start);
        let Some((name, value)) = assignment.split_once('=') else {
            return Err((number, "has no `=`; write NAME=value".to_owned()));
        };
        if !is_name(name) {
            return Err((
                number,
                "does not begin with a name and `=`; write NAME=value".to_owned(),
            ));
        }
        if is_of_the_process(name) {
            return Err((
                number,
                format!("{name} is read only from the environment; set it there"),
            ));
        }
        let value =
            unquoted(value.trim()).map_err(|problem| (number, format!("{name} {problem}")))?;
        if variables.insert(name.to_owned(), value).is_some() {
            return Err((number, format!("{name} is set a second time")));
        }
    }
    Ok(variables)
}

/// Libraries read proxies, colours, and what PostgreSQL's clients take from the process by
/// themselves: a file that names them would be disregarded.
fn is_of_the_process(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    upper.ends_with("PROXY") || upper.contains("COLOR") || upper.starts_with("PG") || upper == "TZ"
}

fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

fn unquoted(value: &str) -> Result<String, String> {
    let rest_is_comment = |rest: &str| {
        let rest = rest.trim_start();
        rest.is_empty() || rest.starts_with('#')
    };
    let expanded = "holds `$`, a backquote or a backslash, which shells expand; put the value in single quotes";
    for quote in ['\'', '"'] {
        let Some(inner) = value.strip_prefix(quote) else { continue };
        return match inner.split_once(quote) {
            Some((inner, rest)) if rest_is_comment(rest) => {
                if quote == '"' && inner.contains(['$', '`', '\\']) {
                    return Err(expanded.to_owned());
                }
                Ok(inner.to_owned())
            }
            Some(_) => Err("has more after its closing quote".to_owned()),
            None => Err("has a quote that is not closed in its line".to_owned()),
        };
    }
    let value = value.split_once(" #").map_or(value, |(value, _)| value.trim_end());
    if value.contains(['$', '`', '\\']) {
        return Err(expanded.to_owned());
    }
    if value.contains(char::is_whitespace) || value.contains(['\'', '"']) {
        return Err("holds a blank or a quote; put the whole value in single quotes".to_owned());
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, (usize, String)> {
        parse(text).map(|variables| variables.into_iter().collect())
    }

    #[test]
    fn lines_are_read_as_a_shell_would_or_refused() {
        let text = "# comment\n\nA=1\nexport B='a $b \"c\"' # why\nC=\"x y\"\nD=\nE=a#b # c\n";
        let expected = [("A", "1"), ("B", "a $b \"c\""), ("C", "x y"), ("D", ""), ("E", "a#b")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read(text), Ok(expected.to_vec()));
        for (text, line, words) in [
            ("A=1\nhunter2", 2, "has no `=`"),
            ("A B=hunter2", 1, "does not begin with a name"),
            ("A=hun$ter2", 1, "single quotes"),
            ("A=\"hun\\ter2\"", 1, "single quotes"),
            ("A='hunter2", 1, "not closed"),
            ("A='hunter2'x", 1, "after its closing quote"),
            ("A=hunter 2", 1, "blank"),
            ("A=hunter2\nA=hunter3", 2, "A is set a second time"),
            ("https_proxy=hunter2", 1, "is read only from the environment"),
            ("PGPASSWORD=hunter2", 1, "is read only from the environment"),
        ] {
            let (found, problem) = read(text).unwrap_err();
            assert!(found == line && problem.contains(words), "{text}: {problem}");
            assert!(!problem.contains("hunter"), "{problem}");
        }
    }

    #[test]
    fn a_misspelt_variable_is_reported_with_the_nearest_name_and_unrelated_ones_are_ignored() {
        for (name, nearest) in [
            ("M3TER_ORGID", Some("M3TER_ORG_ID")),
            ("SALESFORCE_LOGIN", None),
            ("SALESFORCE_LOGINURL", Some("SALESFORCE_LOGIN_URL")),
            ("m3ter_org_id", Some("M3TER_ORG_ID")),
            ("DATABASE_ULR", Some("DATABASE_URL")),
            ("LISTEN_ADRESS", Some("LISTEN_ADDRESS")),
            ("SYNC_TIMEOUT", None),
        ] {
            let expected = UnknownVariable { name: name.to_owned(), nearest };
            assert_eq!(unknown(name), Some(expected), "{name}");
        }
        for name in [
            "PATH",
            "HOME",
            "LANG",
            "PWD",
            "SHLVL",
            "TERM",
            "https_proxy",
            "no_proxy",
            "CONTAINER",
            "DATABASE_URL_FILE",
            "PGHOST",
            "KUBERNETES_SERVICE_HOST",
            "rust_log",
        ] {
            assert_eq!(unknown(name), None, "{name}");
        }
    }
}
