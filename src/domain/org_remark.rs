//! What an admin is told of an org.

/// One line about a mapping and the org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrgRemark {
    /// How bad it is.
    pub severity: Severity,
    /// What is the case and what to do.
    pub message: String,
}

/// How bad a remark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// All is well.
    Green,
    /// It works, and somebody should know.
    Yellow,
    /// A sync will fail or do the wrong thing.
    Red,
}

impl OrgRemark {
    /// A sync will fail or do the wrong thing.
    pub fn red(message: String) -> Self {
        Self { severity: Severity::Red, message }
    }

    /// It works, and somebody should know.
    pub fn yellow(message: String) -> Self {
        Self { severity: Severity::Yellow, message }
    }

    /// The remarks without those that are there twice.
    pub fn once(remarks: Vec<Self>) -> Vec<Self> {
        let mut once: Vec<Self> = Vec::new();
        for remark in remarks {
            if !once.contains(&remark) {
                once.push(remark);
            }
        }
        once
    }
}
