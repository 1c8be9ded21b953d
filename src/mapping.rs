//! Mapping files: how a Salesforce record becomes m3ter objects.
//!
//! A file is parsed and checked as a whole when the service starts; the query is derived from it; a
//! record resolves to desired objects and findings. The language is closed and declarative on
//! purpose. Nothing here does I/O or reads a clock.

mod condition;
mod evaluated;
mod explain;
mod fault;
mod files;
#[doc(hidden)]
pub mod fuzzing;
mod language;
mod lookup;
mod mapped;
mod named;
mod object;
mod org;
mod parse;
mod reading;
mod remark;
mod resolve;
mod row;
mod rules;
mod selection;
mod show;
mod steps;
mod term;

/// The keys of mapping files: what is written where.
pub mod keys {
    pub use super::parse::{
        ADDRESS_KEYS, BESIDE, CONDITION_KEYS, Form, GUARD_KEYS, Key, OBJECT_KEYS, OBJECT_TABLES,
        READINESS_KEYS, REMARK_KEYS, ROW_REMARK_KEYS, SEVERAL_KEYS, SOURCES, STEPS, Source,
        StepKey, TOP_KEYS, keys_of,
    };
}

use std::collections::{BTreeMap, HashSet};

use aws_lc_rs::digest::{Context as Digest, SHA256};

pub use explain::Explanation;
pub use fault::MappingFault;
pub use files::{MAX_FILE_BYTES, MappingSource};
pub use mapped::Mapping;

pub use reading::Reading;
pub use row::Context;
pub use selection::Selection;
pub use show::FieldDescription;

use crate::domain::settings::CommitmentBilling;
use crate::domain::text::hex;
use parse::{Layer, Parsed};

/// All mappings, by root object.
#[derive(Debug, Clone)]
pub struct Mappings {
    by_root: BTreeMap<String, Mapping>,
    digest: String,
}

/// The mappings that come with the service: root object, file, text.
const BUILT_IN: [(&str, &str, &str); 5] = [
    ("Account", "mappings/account.toml", include_str!("../mappings/account.toml")),
    ("Contract", "mappings/contract.toml", include_str!("../mappings/contract.toml")),
    ("Opportunity", "mappings/opportunity.toml", include_str!("../mappings/opportunity.toml")),
    ("Order", "mappings/order.toml", include_str!("../mappings/order.toml")),
    ("SBQQ__Quote__c", "mappings/quote.toml", include_str!("../mappings/quote.toml")),
];

fn built_in() -> Vec<MappingSource> {
    BUILT_IN
        .iter()
        .map(|(_, file, text)| MappingSource {
            name: (*file).to_owned(),
            bytes: text.as_bytes().to_vec(),
        })
        .collect()
}

impl Mappings {
    /// Lets each mapping that does not say how Commitments are billed have what the configuration
    /// says.
    pub fn state_billing(&mut self, billing: Option<CommitmentBilling>) {
        self.by_root.values_mut().for_each(|mapping| mapping.state_billing(billing));
    }

    /// The built-in mappings with those of `sources` beside or in place of them; all faults of all
    /// files at once.
    pub fn parse(sources: &[MappingSource]) -> Result<Self, Vec<MappingFault>> {
        let mut mappings: BTreeMap<String, Mapping> = BTreeMap::new();
        let mut faults = Vec::new();
        let mut shared_rules = Vec::new();
        let mut own_roots: BTreeMap<String, String> = BTreeMap::new();
        let mut layers = Vec::new();
        let built_in = built_in();
        for (index, source) in built_in.iter().chain(sources).enumerate() {
            match Layer::read(source, index < built_in.len()) {
                Err(fault) => faults.push(fault),
                Ok(layer) => layers.push(layer),
            }
        }
        for layer in &layers {
            match parse::parse(layer, &layers) {
                Err(found) => faults.extend(found),
                Ok(Parsed::Rules(rules)) => shared_rules.extend(rules),
                Ok(Parsed::Mapping(mapping)) => {
                    let root = mapping.root.to_ascii_lowercase();
                    let is_built_in = layer.is_built_in;
                    let other = (!is_built_in)
                        .then(|| own_roots.insert(root.clone(), mapping.file().to_owned()));
                    faults.extend(other.flatten().map(|other| mapped_twice(&mapping, &other)));
                    mappings.insert(root, Mapping { is_built_in, ..*mapping });
                }
            }
        }
        for mapping in mappings.values_mut() {
            mapping.product_rules.extend(shared_rules.iter().cloned());
        }
        // What a file has wrong is wrong in each one that extends it.
        let mut told = HashSet::new();
        faults.retain(|fault| {
            told.insert((fault.file.clone(), fault.line, fault.key.clone(), fault.message.clone()))
        });
        if !faults.is_empty() {
            return Err(faults);
        }
        let digest = digest(built_in.iter().chain(sources));
        Ok(Self { by_root: mappings, digest })
    }

    /// The text of the mapping that comes with the service, comments and all.
    pub fn built_in(sobject: &str) -> Option<&'static str> {
        BUILT_IN
            .iter()
            .find(|(root, ..)| root.eq_ignore_ascii_case(sobject))
            .map(|(.., text)| *text)
    }

    /// The root objects whose mappings come with the service.
    pub fn built_in_roots() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(root, ..)| *root)
    }

    /// The mapping of a root object.
    pub fn for_root(&self, sobject: &str) -> Option<&Mapping> {
        self.by_root.get(&sobject.to_ascii_lowercase())
    }

    /// All mappings.
    pub fn iter(&self) -> impl Iterator<Item = &Mapping> {
        self.by_root.values()
    }

    /// Tells whether two processes have the same files.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

fn digest<'s>(sources: impl Iterator<Item = &'s MappingSource>) -> String {
    let mut context = Digest::new(&SHA256);
    for source in sources {
        context.update(&source.bytes.len().to_be_bytes());
        context.update(&source.bytes);
    }
    hex(&context.finish().as_ref()[..16])
}

fn mapped_twice(mapping: &Mapping, other: &str) -> MappingFault {
    let message = format!("`{}` is already mapped in {other}", mapping.root);
    MappingFault::new(mapping.file(), 1, "root", message, "keep one file for each root object")
}
