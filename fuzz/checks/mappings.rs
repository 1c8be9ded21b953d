//! Mapping files: from bytes to a checked mapping, or to faults that say where.

use sync_to_m3ter::mapping::fuzzing;
use sync_to_m3ter::soql::fuzzing::org_of;

pub(crate) fn check(input: &[u8]) {
    let lines = input.split(|byte| *byte == b'\n').count();
    match fuzzing::parse("own.toml", input) {
        Err(faults) => {
            assert!(!faults.is_empty(), "a file that is refused has a fault");
            for fault in &faults {
                // What a file extends is one of the built-in mappings here.
                let is_own = fault.file == "own.toml" && (1..=lines).contains(&fault.line);
                assert!(
                    is_own || fault.file.starts_with("mappings/"),
                    "line {} of {lines}: {fault}",
                    fault.line
                );
                assert!(!fault.message.is_empty() && !fault.hint.is_empty(), "{fault}");
                assert!(
                    fault.to_string().starts_with(&format!("{}:{}: ", fault.file, fault.line)),
                    "{fault}"
                );
            }
        }
        Ok(None) => {}
        Ok(Some(mapping)) => {
            let root = mapping.root();
            assert!(
                root.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                    && !root.is_empty(),
                "{root}"
            );
            // A mapping that is taken can be shown and held against an org that has all of it, and
            // one that has nothing.
            let org = org_of(&mapping.reads());
            assert!(!mapping.describe(Some(&org)).is_empty(), "a mapping maps something");
            mapping.org_report(&org, &std::collections::BTreeSet::new());
            mapping.org_report(
                &sync_to_m3ter::domain::org_schema::OrgSchema::default(),
                &std::collections::BTreeSet::new(),
            );
            assert!(
                mapping.reads().undescribed(&org).is_empty(),
                "{:?}",
                mapping.reads().undescribed(&org)
            );
        }
    }
}
