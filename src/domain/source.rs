//! Where a value of an object came from.

use std::fmt;
use std::sync::{Arc, LazyLock};

use super::entity::EntityKind;

/// Where a value came from; displayed, it is what a person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A Salesforce field, as the mapping names it.
    Field(Arc<str>),
    /// The mapping says the value itself.
    Constant,
    /// The mapping says it, as nothing else does.
    Default,
    /// The mapping's `currency`.
    CurrencySetting,
    /// The currency of the plan templates.
    PlanTemplates,
    /// Another object of the sync.
    This(EntityKind),
    /// A product rule, as it is shown.
    Rule(String),
    /// The value is put together.
    Several(Vec<Source>),
}

/// Sources of fields of each deal, and how they are displayed.
static COMMON: LazyLock<Vec<(Source, Arc<str>)>> = LazyLock::new(|| {
    let others = [Source::Constant, Source::Default, Source::CurrencySetting];
    let all = EntityKind::ALL.map(Source::This).into_iter().chain(others);
    all.map(|source| (source.clone(), source.to_string().into())).collect()
});

impl Source {
    /// What several values came from, each once; a constant if there are none.
    pub fn of_all(mut sources: Vec<Self>) -> Self {
        match sources.len() {
            0 => Self::Constant,
            1 => sources.remove(0),
            _ => Self::Several(sources),
        }
    }

    /// As it is displayed, without another copy of what many fields have in common.
    pub fn shown(&self) -> Arc<str> {
        match self {
            Self::Field(name) => Arc::clone(name),
            source => match COMMON.iter().find(|(common, _)| common == source) {
                Some((_, shown)) => Arc::clone(shown),
                None => source.to_string().into(),
            },
        }
    }

    /// Adds one to those of a value that is put together.
    pub fn add_to(self, sources: &mut Vec<Self>) {
        if !sources.contains(&self) {
            sources.push(self);
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => f.write_str(name),
            Self::Constant => f.write_str("constant"),
            Self::Default => f.write_str("default"),
            Self::CurrencySetting => f.write_str("setting `currency`"),
            Self::PlanTemplates => f.write_str("the plan templates of the lines"),
            Self::This(kind) => write!(f, "{kind} of this sync"),
            Self::Rule(rule) => f.write_str(rule),
            Self::Several(sources) => {
                for (index, source) in sources.iter().enumerate() {
                    let before = if index == 0 { "" } else { ", " };
                    write!(f, "{before}{source}")?;
                }
                Ok(())
            }
        }
    }
}
