//! The words of the product: ids, dates, money, the six m3ter entities, findings and results.
//!
//! Everything here is data and functions on data. It never does I/O, reads a clock, or names
//! another module of the crate.

pub mod actual;
pub mod address;
pub mod answer;
pub mod backfill;
pub mod bands;
pub mod catalog;
pub mod change;
pub mod condition;
pub mod conversion;
pub mod dates;
pub mod desired;
pub mod encoding;
pub mod ending;
pub mod entity;
pub mod entries;
pub mod excerpt;
pub mod field;
pub mod finding;
pub mod ids;
pub mod instant;
pub mod link;
pub mod made_end;
pub mod money;
pub mod object_rules;
pub mod org_remark;
pub mod org_schema;
pub mod outcome;
pub mod page;
pub mod personal;
pub mod plan;
pub mod product_rule;
pub mod pseudonym;
pub mod rate;
pub mod record;
pub mod record_state;
pub mod record_status;
pub mod rows;
pub mod run;
pub mod settings;
pub mod share;
pub mod source;
pub mod text;
pub mod typed_code;
pub mod value;
pub mod verification;
pub mod warning;
