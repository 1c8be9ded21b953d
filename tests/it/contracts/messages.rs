//! Every message of the program in one list, so that their wording is seen as a whole.
//!
//! The list is read from the sources and the built-in mappings: each text of more than one word, in
//! the order in which it is there, with the codes of its function (`#`), the remedy behind `→`. So
//! a new message is in the list by itself. `{…}` is what a message is filled with.
//!
//! After a change of wording, `INSTA_UPDATE=always cargo test --test it messages` writes the list
//! again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Write as _};
use std::fs;
use std::path::Path;

use strum::VariantArray;
use syn::buffer::{Cursor, TokenBuffer};
use syn::visit::{self, Visit};
use sync_to_m3ter::domain::finding::FindingCode;
use sync_to_m3ter::domain::outcome::ErrorCode;
use sync_to_m3ter::domain::warning::Attention;
use sync_to_m3ter::http::RequestCode;

/// The codes by the names that they have in the sources.
type Codes = BTreeMap<String, &'static str>;

/// Macros and methods whose texts only a programmer sees.
const OF_PROGRAMMERS: [&str; 8] = [
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "include_str",
    "panic",
    "unreachable",
    "expect",
];
const LOG_MACROS: [&str; 4] = ["error", "warn", "info", "debug"];
/// What only a query of the database has, or a mapping that is written.
const NO_MESSAGE: [&str; 16] = [
    "SELECT ",
    "INSERT ",
    "UPDATE ",
    "DELETE ",
    "BEGIN",
    "COMMIT",
    "PRAGMA",
    "CREATE ",
    "WITH ",
    "WHERE ",
    "FROM ",
    "ORDER BY",
    "CAST(",
    " = '",
    "RETURNING",
    "LOCK TABLE",
];

/// The messages of one file.
struct Reader<'a> {
    codes: &'a Codes,
    /// What the present text is, as far as its place says so.
    role: &'static str,
    /// The function that is read.
    function: String,
    /// Whether doc comments are the help of the command line.
    is_help: bool,
    entries: Vec<Entry>,
}

/// A text or a code, with the function in which it is.
struct Entry {
    function: String,
    text: String,
    is_code: bool,
}

fn codes_of<T: VariantArray + Copy + Debug + Into<&'static str>>(name: &str) -> Codes {
    T::VARIANTS.iter().map(|code| (format!("{name}::{code:?}"), (*code).into())).collect()
}

fn all_codes() -> Codes {
    let mut codes = codes_of::<FindingCode>("FindingCode");
    codes.extend(codes_of::<Attention>("Attention"));
    codes.extend(codes_of::<ErrorCode>("ErrorCode"));
    codes.extend(codes_of::<RequestCode>("RequestCode"));
    codes
}

/// Whether a text is more than a name, and for people.
fn is_sentence(text: &str) -> bool {
    let has_word = text.split(|c: char| !c.is_ascii_lowercase()).any(|word| word.len() > 1);
    let is_code = text.starts_with("{ ")
        || text.starts_with("{{ ")
        || NO_MESSAGE.iter().any(|part| text.contains(part));
    text.trim().contains(' ') && has_word && !is_code
}

impl Reader<'_> {
    fn within(&mut self, role: &'static str, read: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.role, role);
        read(self);
        self.role = before;
    }

    fn in_function(&mut self, name: String, read: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.function, name);
        let role = if self.function.contains("remedy") { "→ " } else { self.role };
        self.within(role, read);
        self.function = before;
    }

    fn text(&mut self, text: &str) {
        if is_sentence(text) {
            let text = text.trim().replace('\n', "\n      ");
            let text = format!("{}{text}", self.role);
            self.entries.push(Entry { function: self.function.clone(), text, is_code: false });
        }
    }

    fn code(&mut self, enumeration: &str, variant: &str) {
        if let Some(code) = self.codes.get(&format!("{enumeration}::{variant}")) {
            let text = (*code).to_owned();
            self.entries.push(Entry { function: self.function.clone(), text, is_code: true });
        }
    }

    /// Reads what is in a macro or an attribute.
    fn tokens(&mut self, mut at: Cursor<'_>) {
        while !at.eof() {
            if let Some((literal, next)) = at.literal() {
                if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                    self.text(&text.value());
                }
                at = next;
            } else if let Some((inner, _, _, next)) = at.any_group() {
                self.tokens(inner);
                at = next;
            } else if let Some((name, next)) = at.ident() {
                let variant = next.punct().and_then(|(_, colon)| colon.punct());
                if let Some((variant, _)) = variant.and_then(|(_, path)| path.ident()) {
                    self.code(&name.to_string(), &variant.to_string());
                }
                at = next;
            } else if let Some((_, next)) = at.token_tree() {
                at = next;
            } else {
                break;
            }
        }
    }
}

/// What the name of a field or a variable says of the text that it holds.
fn role_of(name: &str, present: &'static str) -> &'static str {
    if name.ends_with("remedy") || name.ends_with("hint") { "→ " } else { present }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

fn is_command_line(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let mut is = false;
        if attribute.path().is_ident("derive") {
            let _ = attribute.parse_nested_meta(|meta| {
                is |= ["Args", "Parser", "Subcommand"].iter().any(|name| meta.path.is_ident(name));
                Ok(())
            });
        }
        is
    })
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            self.in_function(item.sig.ident.to_string(), |reader| {
                visit::visit_item_fn(reader, item);
            });
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            self.in_function(item.sig.ident.to_string(), |reader| {
                visit::visit_impl_item_fn(reader, item);
            });
        }
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.in_function(item.ident.to_string(), |reader| visit::visit_item_const(reader, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.in_function(item.ident.to_string(), |reader| visit::visit_item_static(reader, item));
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        let before = std::mem::replace(&mut self.is_help, is_command_line(&item.attrs));
        self.in_function(item.ident.to_string(), |reader| visit::visit_item_enum(reader, item));
        self.is_help = before;
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        let before = std::mem::replace(&mut self.is_help, is_command_line(&item.attrs));
        self.in_function(item.ident.to_string(), |reader| visit::visit_item_struct(reader, item));
        self.is_help = before;
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        match &attribute.meta {
            syn::Meta::NameValue(pair) if pair.path.is_ident("doc") && self.is_help => {
                self.within("help: ", |reader| reader.visit_expr(&pair.value));
            }
            syn::Meta::List(list) if list.path.is_ident("error") => {
                self.tokens(TokenBuffer::new2(list.tokens.clone()).begin());
            }
            _ => {}
        }
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let name = call.path.segments.last().unwrap().ident.to_string();
        if OF_PROGRAMMERS.contains(&name.as_str()) {
            return;
        }
        let role = if LOG_MACROS.contains(&name.as_str()) {
            "log: "
        } else if name.starts_with("describe_") {
            "metric: "
        } else {
            self.role
        };
        self.within(role, |reader| {
            reader.tokens(TokenBuffer::new2(call.tokens.clone()).begin());
        });
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "expect" {
            self.visit_expr(&call.receiver);
        } else {
            visit::visit_expr_method_call(self, call);
        }
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        let path = match &*call.func {
            syn::Expr::Path(path) => path.path.segments.iter().map(|s| s.ident.to_string()),
            _ => return visit::visit_expr_call(self, call),
        };
        let path: Vec<String> = path.collect();
        let is_with_remedy =
            ["Finding", "MappingFault"].iter().any(|name| path.iter().any(|part| part == name));
        let count = call.args.len();
        self.visit_expr(&call.func);
        for (index, argument) in call.args.iter().enumerate() {
            let is_remedy = is_with_remedy && count > 2 && index + 1 == count;
            match argument {
                // The code of a fault that HTTP answers is a text.
                syn::Expr::Lit(literal)
                    if path.iter().any(|part| part == "Fault") && index == 1 =>
                {
                    if let syn::Lit::Str(code) = &literal.lit {
                        let (function, text) = (self.function.clone(), code.value());
                        self.entries.push(Entry { function, text, is_code: true });
                    }
                }
                _ if is_remedy => self.within("→ ", |reader| reader.visit_expr(argument)),
                _ => self.visit_expr(argument),
            }
        }
    }

    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        let role = match &field.member {
            syn::Member::Named(name) => role_of(&name.to_string(), self.role),
            syn::Member::Unnamed(_) => self.role,
        };
        self.within(role, |reader| visit::visit_field_value(reader, field));
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        let role = match &local.pat {
            syn::Pat::Ident(name) => role_of(&name.ident.to_string(), self.role),
            _ => self.role,
        };
        self.within(role, |reader| visit::visit_local(reader, local));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        if let [.., enumeration, variant] = names.as_slice() {
            self.code(enumeration, variant);
        }
        visit::visit_path(self, path);
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        self.text(&literal.value());
    }
}

/// All files of the program, with their paths below `src`.
fn sources() -> BTreeMap<String, String> {
    fn walk(directory: &Path, root: &Path, files: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, files);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                files.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    walk(&root, &root, &mut files);
    files
}

/// The files that only tests or fuzzers read.
fn of_tests(sources: &BTreeMap<String, String>) -> Vec<String> {
    let mut names = Vec::new();
    for (path, text) in sources {
        let folder = match path.as_str() {
            "lib.rs" | "main.rs" => String::new(),
            path => format!("{}/", path.trim_end_matches(".rs")),
        };
        let file = syn::parse_file(text).unwrap();
        for item in file.items {
            match item {
                syn::Item::Mod(item) if item.content.is_none() && is_test(&item.attrs) => {
                    names.push(format!("{folder}{}", item.ident));
                }
                _ => {}
            }
        }
    }
    names
}

/// The messages of each file, by its path.
fn messages(codes: &Codes) -> BTreeMap<String, Vec<Entry>> {
    let sources = sources();
    let tests = of_tests(&sources);
    let is_of_tests = |path: &String| tests.iter().any(|test| path.starts_with(test.as_str()));
    let of_sources = sources
        .iter()
        .filter(|(path, _)| !is_of_tests(path) && !path.ends_with("fuzzing.rs"))
        .map(|(path, text)| {
            let mut reader = Reader {
                codes,
                role: "",
                function: String::new(),
                is_help: false,
                entries: Vec::new(),
            };
            reader.visit_file(&syn::parse_file(text).unwrap());
            (format!("src/{path}"), reader.entries)
        });
    of_sources.chain(of_mappings()).collect()
}

/// What the built-in mappings say.
fn of_mappings() -> Vec<(String, Vec<Entry>)> {
    fn walk(value: &toml::Value, entries: &mut Vec<Entry>) {
        match value {
            toml::Value::Array(list) => list.iter().for_each(|value| walk(value, entries)),
            toml::Value::Table(table) => {
                for (key, value) in table {
                    let is_code = key == "attention";
                    match value.as_str() {
                        Some(text) if is_code || key == "message" && is_sentence(text) => {
                            let (function, text) = (String::new(), text.to_owned());
                            entries.push(Entry { function, text, is_code });
                        }
                        _ => walk(value, entries),
                    }
                }
            }
            _ => {}
        }
    }
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .map(|path| {
            let mut entries = Vec::new();
            walk(&toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap(), &mut entries);
            (format!("mappings/{}", path.file_name().unwrap().display()), entries)
        })
        .collect()
}

/// The parts of a file's list: what each function says, and which codes go with it.
fn by_function(entries: &[Entry]) -> Vec<&[Entry]> {
    let parts: Vec<&[Entry]> =
        entries.chunk_by(|one, other| one.function == other.function).collect();
    let says = |part: &[Entry]| part.iter().any(|entry| !entry.is_code);
    let with_text: BTreeSet<&str> = parts
        .iter()
        .filter(|part| says(part))
        .flat_map(|part| part.iter().map(|entry| entry.text.as_str()))
        .collect();
    // A function that hands over to another one is there for the codes that are in no other.
    let has_own_code = |part: &[Entry]| {
        !with_text.is_empty() && part.iter().any(|entry| !with_text.contains(entry.text.as_str()))
    };
    parts.iter().filter(|part| says(part) || has_own_code(part)).copied().collect()
}

#[test]
fn all_messages_are_in_the_snapshot() {
    let mut list = String::new();
    for (path, entries) in messages(&all_codes()) {
        let functions = by_function(&entries);
        if functions.is_empty() {
            continue;
        }
        let _ = writeln!(list, "\n{path}");
        for part in functions {
            if !part[0].function.is_empty() {
                let _ = writeln!(list, "  {}", part[0].function);
            }
            let mut before = "";
            for entry in part.iter().filter(|entry| !entry.text.is_empty()) {
                if !entry.is_code {
                    let _ = writeln!(list, "      {}", entry.text);
                } else if entry.text != before {
                    let _ = writeln!(list, "    # {}", entry.text);
                }
                before = &entry.text;
            }
        }
    }
    insta::assert_snapshot!("messages", list.trim_start());
}

#[test]
fn every_code_has_a_message() {
    let codes = all_codes();
    let messages = messages(&codes);
    let with_message: BTreeSet<&str> = messages
        .values()
        .flat_map(|entries| by_function(entries))
        .flat_map(|part| part.iter().filter(|entry| entry.is_code))
        .map(|entry| entry.text.as_str())
        .collect();
    let lacking: Vec<&str> =
        codes.values().copied().filter(|code| !with_message.contains(code)).collect();
    assert!(lacking.is_empty(), "no message goes with {lacking:?}");
}
