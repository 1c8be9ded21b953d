//! Mapping files: how a Salesforce record becomes m3ter objects.
//!
//! A file is parsed and checked as a whole when the service starts; the query is derived from it; a record resolves to desired
//! objects and findings. The language is closed and declarative on purpose. Nothing here does I/O or reads a clock.

mod address;
mod bands;
mod condition;
mod convert;
mod evaluate;
mod fault;
#[doc(hidden)]
pub mod fuzzing;
mod language;
mod org;
mod org_values;
mod parents;
mod parse;
mod product;
mod query;
mod readability;
mod resolve;
mod row;
mod rules;
mod show;
mod steps;
mod structure;
mod typed_key;

use std::collections::BTreeMap;

pub use fault::MappingFault;
pub use org::{OrgRemark, Severity};
pub use query::{LineObject, Query};
pub use readability::{Unreadable, remembered_name};
pub use resolve::{Context, NaturalKeys};
pub use show::ShownField;

use crate::domain::settings::Settings;
use language::{FieldRef, Mapped, ProductRule};
use parse::Parsed;

/// A mapping file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingSource {
    /// The name that messages show.
    pub name: String,
    /// What it holds, as it was read.
    pub bytes: Vec<u8>,
}

/// A file that is larger is not a mapping; whoever reads one needs to read no further.
pub const LARGEST_FILE_BYTES: usize = parse::LARGEST_FILE_BYTES;

/// All mappings, by root object.
#[derive(Debug, Clone)]
pub struct Mappings(BTreeMap<String, Mapping>);

/// The mapping of one root object.
#[derive(Debug, Clone)]
pub struct Mapping {
    file: String,
    /// Not replaced by a file of the operator's own.
    is_built_in: bool,
    root: String,
    settings: Settings,
    mapped: Mapped,
    /// The file's own, then those of files for all mappings.
    product_rules: Vec<ProductRule>,
}

/// The mappings that come with the service.
const BUILT_IN: [(&str, &str); 5] = [
    ("mappings/account.toml", include_str!("../mappings/account.toml")),
    ("mappings/contract.toml", include_str!("../mappings/contract.toml")),
    ("mappings/opportunity.toml", include_str!("../mappings/opportunity.toml")),
    ("mappings/order.toml", include_str!("../mappings/order.toml")),
    ("mappings/quote.toml", include_str!("../mappings/quote.toml")),
];

impl Mappings {
    /// The built-in mappings with those of `sources` beside or in place of them; all faults of all files at once.
    pub fn parse(sources: &[MappingSource]) -> Result<Self, Vec<MappingFault>> {
        let mut mappings: BTreeMap<String, Mapping> = BTreeMap::new();
        let mut faults = Vec::new();
        let mut shared_rules = Vec::new();
        let built_in = BUILT_IN.iter().map(|(name, text)| MappingSource { name: (*name).to_owned(), bytes: text.as_bytes().to_vec() });
        let mut own_roots: BTreeMap<String, String> = BTreeMap::new();
        for (index, source) in built_in.chain(sources.iter().cloned()).enumerate() {
            match parse::parse(&source) {
                Err(found) => faults.extend(found),
                Ok(Parsed::Rules(rules)) => shared_rules.extend(rules),
                Ok(Parsed::Mapping(mapping)) => {
                    let root = mapping.root.to_ascii_lowercase();
                    let is_own = index >= BUILT_IN.len();
                    if let Some(other) = is_own.then(|| own_roots.insert(root.clone(), source.name.clone())).flatten() {
                        let message = format!("`{}` is mapped in {other} already", mapping.root);
                        faults.push(MappingFault::new(&source.name, 1, "root", message, "keep one file for each root object"));
                    }
                    mappings.insert(root, Mapping { is_built_in: !is_own, ..*mapping });
                }
            }
        }
        for mapping in mappings.values_mut() {
            mapping.product_rules.extend(shared_rules.iter().cloned());
        }
        if faults.is_empty() { Ok(Self(mappings)) } else { Err(faults) }
    }

    /// The mapping of a root object.
    pub fn for_root(&self, sobject: &str) -> Option<&Mapping> {
        self.0.get(&sobject.to_ascii_lowercase())
    }

    /// All mappings.
    pub fn iter(&self) -> impl Iterator<Item = &Mapping> {
        self.0.values()
    }
}

impl Mapping {
    /// The root object's API name.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The file's name.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether it came with the service: an org that lacks its objects need not have them.
    pub fn is_built_in(&self) -> bool {
        self.is_built_in
    }

    /// The settings at the file's head.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where the mapping names a field of an object, as Salesforce's error message has them.
    pub fn locate_field(&self, sobject: &str, field: &str) -> Option<(&str, usize)> {
        let is_it = |reference: &&FieldRef| {
            let last = reference.path.rsplit('.').next().unwrap_or_default();
            last.eq_ignore_ascii_case(field) && (reference.path.contains('.') || self.sobject_of(reference).eq_ignore_ascii_case(sobject))
        };
        self.mapped.field_refs().into_iter().find(is_it).map(|reference| (self.file.as_str(), reference.line))
    }
}
