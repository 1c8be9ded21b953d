//! One mapping file by itself, for `fuzz/` and the test that replays its corpus.
//!
//! Nothing of the service uses this.

use super::parse::{self, Layer, Parsed};
use super::{Mapping, MappingFault, MappingSource, built_in};

/// The mapping in a file; `None` for a file of product rules. The built-in mappings play no part
/// but as what it extends.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Option<Mapping>, Vec<MappingFault>> {
    let (built_in, own) =
        (built_in(), MappingSource { name: name.to_owned(), bytes: bytes.to_vec() });
    let mut layers = built_in
        .iter()
        .map(|source| Layer::read(source, true))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|fault| vec![fault])?;
    layers.push(Layer::read(&own, false).map_err(|fault| vec![fault])?);
    match parse::parse(&layers[layers.len() - 1], &layers)? {
        Parsed::Mapping(mapping) => Ok(Some(*mapping)),
        Parsed::Rules(_) => Ok(None),
    }
}
