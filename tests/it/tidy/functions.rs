//! Functions that are read at one glance: nine of ten are short, in lines and in what stands on
//! them, and none is longer than two screens.

use std::path::Path;

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use super::{code, sources_without_tests};

/// Of nine functions in ten, from the signature to the end of the body.
const MAX_LINES: usize = 30;
/// Of nine functions in ten, without white space.
const MAX_CHARACTERS: usize = 900;

/// Of every function, from the signature to the end of the body.
const MAX_LINES_OF_ANY: usize = 100;

/// The size of every function of a file, those that stand within others among them.
struct Functions<'a> {
    text: &'a str,
    lines: Vec<usize>,
    characters: Vec<usize>,
}

impl Functions<'_> {
    fn add(&mut self, signature: Span, end: Span) {
        let text = &self.text[signature.byte_range().start..end.byte_range().end];
        self.lines.push(text.lines().count());
        self.characters.push(text.chars().filter(|character| !character.is_whitespace()).count());
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(function.sig.span(), function.block.span());
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(function.sig.span(), function.block.span());
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(body) = &function.default {
            self.add(function.sig.span(), body.span());
        }
        visit::visit_trait_item_fn(self, function);
    }
}

fn functions<'a>(path: &Path, text: &'a str) -> Functions<'a> {
    let file = syn::parse_file(text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut found = Functions { text, lines: Vec::new(), characters: Vec::new() };
    found.visit_file(&file);
    found
}

#[test]
fn nine_functions_in_ten_are_short() {
    for directory in ["src", "src/mapping"] {
        let (mut lines, mut characters) = (Vec::new(), Vec::new());
        for (path, text) in sources_without_tests(directory) {
            let text = code(&text);
            let mut found = functions(&path, text);
            lines.append(&mut found.lines);
            characters.append(&mut found.characters);
        }
        let (lines, characters) = (of_nine_in_ten(lines), of_nine_in_ten(characters));
        assert!(
            lines <= MAX_LINES && characters <= MAX_CHARACTERS,
            "one function in ten in {directory} is longer than {lines} lines or {characters} \
             characters; at most {MAX_LINES} and {MAX_CHARACTERS} may be"
        );
    }
}

#[test]
fn no_function_is_long() {
    for (path, text) in sources_without_tests("src") {
        let longest = functions(&path, code(&text)).lines.into_iter().max().unwrap_or_default();
        assert!(
            longest <= MAX_LINES_OF_ANY,
            "{} has a function of {longest} lines; at most {MAX_LINES_OF_ANY} may be",
            path.display()
        );
    }
}

fn of_nine_in_ten(mut sizes: Vec<usize>) -> usize {
    sizes.sort_unstable();
    sizes[sizes.len() * 9 / 10]
}
