//! `mapping import`: the connector's metadata records become mapping files of this service.
//!
//! What the records say is carried over where it is right here; what would bill wrongly, and what
//! has no counterpart, stands as a comment beside it. The result is a file to read and finish,
//! which the service's own parser takes.

mod kind;
mod names;
mod nested;
mod objects;
mod records;
mod table;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::command::text_file;
use crate::mapping::{MappingSource, Mappings};
use kind::Kind;
use objects::Source;
use records::MetadataRecord;

/// Where the records are, and where the mappings go.
#[derive(Debug, Clone, clap::Args)]
pub struct Import {
    /// Retrieved files (`*.md-meta.xml`), or the JSON of a query of the connector's metadata types.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The directory that gets one file for each root object; without it they are printed.
    #[arg(long)]
    pub output: Option<PathBuf>,
}

/// One mapping file that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The root object.
    pub root: String,
    /// The file's text.
    pub text: String,
}

/// Reads the files and prints or writes the mappings.
pub(super) fn run(import: &Import) -> anyhow::Result<super::Outcome> {
    let mut files = Vec::new();
    for path in &import.files {
        let text = text_file::read(path, "XML or JSON").map_err(anyhow::Error::msg)?;
        files.push((
            path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            text,
        ));
    }
    for imported in import_records(&files)? {
        match &import.output {
            None => super::print(&imported.text),
            Some(directory) => {
                super::print(format_args!("written: {}", write(directory, &imported)?.display()));
            }
        }
    }
    Ok(super::Outcome::Done)
}

/// Writes a mapping beside those that are there; none of them is overwritten.
fn write(directory: &Path, imported: &Imported) -> anyhow::Result<PathBuf> {
    let path = directory.join(format!("{}.toml", imported.root.to_ascii_lowercase()));
    let mut file = std::fs::File::create_new(&path)
        .with_context(|| format!("`{}` could not be made", path.display()))?;
    std::io::Write::write_all(&mut file, imported.text.as_bytes())?;
    Ok(path)
}

/// The mappings that the records of some files, each with its name, come to.
pub fn import_records(files: &[(String, String)]) -> anyhow::Result<Vec<Imported>> {
    let mut by_root: BTreeMap<String, Vec<(Kind, MetadataRecord)>> = BTreeMap::new();
    let mut unplaced = Vec::new();
    for (name, text) in files {
        for record in records::read(name, text)? {
            match Kind::of(&record).and_then(|kind| Some((kind, kind.root(&record)?))) {
                Some((kind, root)) => by_root.entry(root).or_default().push((kind, record)),
                None => unplaced.push(record),
            }
        }
    }
    // Bands name their own rows, and the way to those that they are the prices of: they go with the
    // root of these, or with the only one.
    let roots: Vec<String> = by_root.keys().cloned().collect();
    let mut comments = Vec::new();
    for record in unplaced {
        if Kind::of(&record) == Some(Kind::Account) {
            // Every root has its Account.
            for records in by_root.values_mut() {
                records.push((Kind::Account, record.clone()));
            }
            continue;
        }
        let own = nested::priced_object(&record)
            .or_else(|| record.path("PricingBandsObject").map(ToOwned::to_owned));
        let home = roots.iter().find(|root| {
            by_root[*root].iter().any(|(kind, priced)| {
                *kind == Kind::Pricing
                    && own.is_some()
                    && priced.get("PricingObject") == own.as_deref()
            })
        });
        match (home.or(if roots.len() == 1 { roots.first() } else { None }), Kind::of(&record)) {
            (Some(root), Some(kind)) => {
                by_root.entry(root.clone()).or_default().push((kind, record));
            }
            _ => comments.push(record),
        }
    }
    anyhow::ensure!(
        !by_root.is_empty(),
        "none of the records says which object it starts from (`accountMapping_m3Id`)"
    );
    let mut imported = Vec::new();
    for (root, records) in by_root {
        let mut text = Source::new(&root, records).toml();
        for record in &comments {
            let _ = writeln!(
                text,
                "\n# Not imported: the record `{}`, which does not belong to a root object:",
                record.name
            );
            for (field, value) in record.filled() {
                let _ = writeln!(text, "#   {field} = {}", value.replace(['\n', '\r'], " "));
            }
        }
        // JSON leaves it as it is in a string, TOML does not.
        let text = text.replace('\u{7f}', "\\u007F");
        check(&root, &text)?;
        imported.push(Imported { root, text });
    }
    Ok(imported)
}

/// The service's own parser has the last word.
fn check(root: &str, text: &str) -> anyhow::Result<()> {
    let source = MappingSource {
        name: format!("{}.toml", root.to_ascii_lowercase()),
        bytes: text.as_bytes().to_vec(),
    };
    Mappings::parse(&[source]).map(drop).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("what was made of the records is not a mapping:\n{}", faults.join("\n"))
    })
}
