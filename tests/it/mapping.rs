//! Mapping files: the language, the built-in ones, and those that admins write.

pub(crate) mod built_in;
mod cases;
mod connector_mistakes;
mod connector_samples;
mod custom_objects;
mod files;
mod import;
mod imported_samples;
mod language;
mod look_ups;
mod overlays;
mod readability;
mod selection;
mod settings;
