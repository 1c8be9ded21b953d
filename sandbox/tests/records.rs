//! What the emulated org does to records, seen through its REST API as a client sees it.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect fails")]

mod records {
    mod bin;
    mod deployed;
    mod described_fields;
    mod fields;
    mod org;
    mod queries;
    mod several;
}
