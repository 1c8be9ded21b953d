//! No circles of imports: wherever one begins and follows what each file names, one never comes
//! back.
//!
//! A path leads to the file in which the item is defined, through whatever re-exports it. So a file
//! that only declares modules and re-exports what they hold is on no circle; one with items of its
//! own is, if a file below reads them and it reads that file.

use std::collections::{BTreeMap, BTreeSet};

use super::{code, sources_without_tests};

/// The path of a module within its crate: `sync`, `sync::walk`.
type Module = Vec<String>;

/// What one file names.
struct Named {
    file: String,
    /// What `use` brings, by the name that it has here.
    uses: BTreeMap<String, Vec<String>>,
    paths: Vec<Vec<String>>,
}

type Files = BTreeMap<Module, Named>;
/// For each module those that it names, with what it names of each.
type Edges<'a> = BTreeMap<&'a Module, BTreeMap<&'a Module, BTreeSet<String>>>;

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut told = Vec::new();
    for directory in ["src", "sandbox/src"] {
        let files = files(directory);
        let edges = edges(&files);
        for circle in &circles(&edges) {
            told.push(format!("a circle of {} files:", circle.len()));
            for from in circle {
                for (to, items) in edges[*from].iter().filter(|(to, _)| circle.contains(*to)) {
                    let items: Vec<&str> = items.iter().map(String::as_str).collect();
                    let (from, to) = (&files[*from].file, &files[*to].file);
                    told.push(format!("    {from} names {} of {to}", items.join(", ")));
                }
            }
        }
    }
    assert!(told.is_empty(), "\n{}\n", told.join("\n"));
}

fn files(directory: &str) -> Files {
    sources_without_tests(directory)
        .iter()
        .map(|(path, text)| (path.display().to_string(), text))
        .filter(|(file, _)| !file.ends_with("/main.rs"))
        .map(|(file, text)| {
            let module = file.strip_prefix(directory).unwrap().trim_end_matches(".rs");
            let module = module.split('/').filter(|part| !part.is_empty() && *part != "lib");
            (module.map(ToOwned::to_owned).collect(), named(file, text))
        })
        .collect()
}

fn named(file: String, text: &str) -> Named {
    let tokens = tokens(code(text));
    let mut named = Named { file, uses: BTreeMap::new(), paths: Vec::new() };
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let before = at.checked_sub(1).map_or("", |before| tokens[before].as_str());
        if token == "use" && tokens[at + 1] != "<" {
            at += 1;
            let uses = read_use(&tokens, &mut at, &[]);
            // What is handed on is not read here: `pub use`, `pub(crate) use`.
            if !matches!(before, "pub" | ")") {
                named.paths.extend(uses.iter().map(|(_, path)| path.clone()));
            }
            named.uses.extend(uses);
        } else if is_word(token) && before != "::" {
            let path = read_path(&tokens, &mut at);
            // One word leads on if it is the name of a type that `use` brings.
            if path.len() > 1 || path[0].starts_with(char::is_uppercase) {
                named.paths.push(path);
            }
        } else {
            at += 1;
        }
    }
    named
}

/// What one tree of a `use` brings, with the names that it gives: from its first word to what ends
/// it.
fn read_use(tokens: &[String], at: &mut usize, before: &[String]) -> Vec<(String, Vec<String>)> {
    let path = [before, &read_path(tokens, at)].concat();
    match tokens[*at].as_str() {
        "{" => {
            let mut uses = Vec::new();
            while tokens[*at] != "}" {
                *at += 1;
                if tokens[*at] != "}" {
                    uses.extend(read_use(tokens, at, &path));
                }
            }
            *at += 1;
            uses
        }
        "*" => {
            *at += 1;
            vec![("*".to_owned(), [path.as_slice(), &["*".to_owned()]].concat())]
        }
        "as" => {
            *at += 2;
            vec![(tokens[*at - 1].clone(), path)]
        }
        _ => {
            let length = path.iter().rposition(|word| word != "self").map_or(1, |last| last + 1);
            let path = path[..length].to_vec();
            vec![(path[length - 1].clone(), path)]
        }
    }
}

/// The words from here on that `::` joins.
fn read_path(tokens: &[String], at: &mut usize) -> Vec<String> {
    let mut path = Vec::new();
    while tokens.get(*at).is_some_and(|token| is_word(token)) {
        path.push(tokens[*at].clone());
        *at += 1;
        if tokens.get(*at).is_none_or(|token| token != "::") {
            break;
        }
        *at += 1;
    }
    path
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// The words, each `::`, and each other sign, without comments and texts.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(length) = text_length(rest) {
            length
        } else if word > 0 {
            tokens.push(rest[..word].to_owned());
            word
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// How long the literal of a text, of bytes or of a character is, if one begins here.
fn text_length(rest: &str) -> Option<usize> {
    let after_b = rest.strip_prefix('b').unwrap_or(rest);
    if let Some(raw) = after_b.strip_prefix('r') {
        let marks = raw.bytes().take_while(|byte| *byte == b'#').count();
        let inside = raw[marks..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(marks));
        return Some(rest.len() - inside.len() + inside.find(&end)? + end.len());
    }
    let quote = after_b.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let inside = &after_b[1..];
    let mut characters = inside.char_indices();
    let mut seen = 0;
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return Some(rest.len() - inside.len() + at + 1);
        }
        if character == '\\' {
            characters.next();
            // `'\u{e9}'` has more than one character.
            continue;
        }
        seen += 1;
        let is_escape = inside.starts_with('\\');
        if quote == '\'' && seen > 1 && !is_escape {
            // A lifetime.
            return None;
        }
    }
    None
}

fn edges(files: &Files) -> Edges<'_> {
    files
        .iter()
        .map(|(module, named)| {
            let mut names: BTreeMap<&Module, BTreeSet<String>> = BTreeMap::new();
            for path in &named.paths {
                let defined = absolute(files, module, path).and_then(|path| home(files, &path));
                if let Some((other, item)) = defined.filter(|(other, _)| *other != module) {
                    names.entry(other).or_default().insert(item);
                }
            }
            (module, names)
        })
        .collect()
}

/// A path of a file as it is from the top of the crate; none if it leads to another crate.
fn absolute(files: &Files, module: &[String], path: &[String]) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    let start = match first.as_str() {
        "crate" => Vec::new(),
        "self" => module.to_vec(),
        "super" => {
            let (_, parent) = module.split_last()?;
            if rest.first().is_some_and(|next| next == "super") {
                return absolute(files, parent, rest);
            }
            parent.to_vec()
        }
        _ => {
            let below = [module, std::slice::from_ref(first)].concat();
            if files.contains_key(&below) {
                below
            } else {
                let used = files.get(module)?.uses.get(first)?;
                // Of another crate that has the name of what it brings.
                let leads_on = used.first() != Some(first);
                leads_on.then(|| absolute(files, module, used))??
            }
        }
    };
    Some([start.as_slice(), rest].concat())
}

/// The module in which an item is defined, and its name; none if the path ends at a module.
fn home<'a>(files: &'a Files, path: &[String]) -> Option<(&'a Module, String)> {
    let length = (0..=path.len()).rev().find(|length| files.contains_key(&path[..*length]))?;
    let (module, named) = files.get_key_value(&path[..length])?;
    let (item, rest) = path[length..].split_first()?;
    match named.uses.get(item) {
        Some(used) => {
            let mut path = absolute(files, module, used)?;
            path.extend_from_slice(rest);
            home(files, &path)
        }
        None => Some((module, item.clone())),
    }
}

/// Groups of modules of which each reaches each other one.
fn circles<'a>(edges: &Edges<'a>) -> Vec<BTreeSet<&'a Module>> {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        edges.keys().map(|module| (*module, reached(edges, module))).collect();
    let mut circles: Vec<BTreeSet<&Module>> = Vec::new();
    for (module, beyond) in &reached {
        if beyond.contains(module) && !circles.iter().any(|circle| circle.contains(module)) {
            circles.push(
                beyond.iter().copied().filter(|other| reached[other].contains(module)).collect(),
            );
        }
    }
    circles
}

fn reached<'a>(edges: &Edges<'a>, module: &Module) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut open = vec![module];
    while let Some(next) = open.pop() {
        for other in edges[next].keys() {
            if reached.insert(*other) {
                open.push(other);
            }
        }
    }
    reached
}
