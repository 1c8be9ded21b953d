//! Mapping files: how a Salesforce record becomes m3ter objects.
//!
//! A file is parsed and checked as a whole when the service starts; the query is derived from it; a
//! record resolves to desired objects and findings. The language is closed and declarative on
//! purpose. Nothing here does I/O or reads a clock.

mod address;
mod bands;
mod condition;
mod convert;
mod evaluate;
mod fault;
mod files;
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
mod remark;
mod resolve;
mod row;
mod rules;
mod show;
mod steps;
mod structure;
mod typed_key;

use std::collections::{BTreeMap, HashSet};

pub use fault::MappingFault;
pub use org::{OrgRemark, Severity};
pub use query::{LineObject, Query};
pub use readability::{Unreadable, remembered_name};
pub use remark::Scales;
pub use resolve::{Context, NaturalKeys};
pub use show::ShownField;

use crate::domain::entity::EntityKind;
use crate::domain::settings::{CommitmentBilling, Settings};
use files::Files;
use language::{FieldRef, Mapped, ProductRule};
use parse::{Layer, Parsed};

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
    files: Files,
    /// Not replaced by a file of the operator's own.
    is_built_in: bool,
    root: String,
    settings: Settings,
    mapped: Mapped,
    /// The file's own, then those of files for all mappings.
    product_rules: Vec<ProductRule>,
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
        for mapping in self.0.values_mut() {
            mapping.settings.commitment_billing = mapping.settings.commitment_billing.or(billing);
        }
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
                    let is_own = !layer.is_built_in;
                    if let Some(other) = is_own
                        .then(|| own_roots.insert(root.clone(), mapping.file().to_owned()))
                        .flatten()
                    {
                        let message = format!("`{}` is mapped in {other} already", mapping.root);
                        faults.push(MappingFault::new(
                            mapping.file(),
                            1,
                            "root",
                            message,
                            "keep one file for each root object",
                        ));
                    }
                    mappings.insert(root, Mapping { is_built_in: !is_own, ..*mapping });
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
        if faults.is_empty() { Ok(Self(mappings)) } else { Err(faults) }
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
        self.files.own()
    }

    /// The files that its own one extends, the nearest first.
    pub fn extended(&self) -> Vec<&str> {
        self.files.extended().collect()
    }

    /// Whether it came with the service: an org that lacks its objects need not have them.
    pub fn is_built_in(&self) -> bool {
        self.is_built_in
    }

    /// Whether it is said how Commitments are billed: by the mapping's setting, by the
    /// configuration, by the fields of each Commitment itself, or because there are none.
    pub fn states_billing(&self) -> bool {
        let mut commitments =
            self.mapped.objects.iter().filter(|object| object.kind == EntityKind::Commitment);
        self.settings.commitment_billing.is_some() || commitments.all(rules::states_payment)
    }

    /// The file in which an operator says something else than the mapping does.
    pub fn file_to_state_in(&self) -> String {
        if self.is_built_in {
            format!("a file in `MAPPINGS_DIR` that begins with `extends = \"{}\"`", self.root)
        } else {
            format!("the mapping `{}`", self.file())
        }
    }

    /// The settings at the file's head.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where the mapping names a field of an object, as Salesforce's error message has them.
    pub fn locate_field(&self, sobject: &str, field: &str) -> Option<(&str, usize)> {
        let is_it = |reference: &&FieldRef| {
            let last = reference.path.rsplit('.').next().unwrap_or_default();
            last.eq_ignore_ascii_case(field)
                && (reference.path.contains('.')
                    || self.sobject_of(reference).eq_ignore_ascii_case(sobject))
        };
        self.mapped
            .field_refs()
            .into_iter()
            .find(is_it)
            .map(|reference| self.files.place(reference.line))
    }
}
