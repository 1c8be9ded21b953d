//! Which mappings a command is about.

use std::path::PathBuf;

use clap::Args;

/// Where an operator's own mappings are.
#[derive(Debug, Clone, Args)]
pub struct Directory {
    /// The directory of the operator's own mappings, in place of `MAPPINGS_DIR`; without one there
    /// are those that come with the service.
    #[arg(long)]
    pub mappings_dir: Option<PathBuf>,
}
