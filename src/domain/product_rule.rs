//! Product rules: which plan template or plan of m3ter stands for a product of Salesforce.
//!
//! A rule may be for one billing frequency, one currency, or both; what it leaves blank it does not
//! ask. Of the rules that fit, the most specific one is used; where none fits, the mapping's own
//! code is.

use std::fmt;

use super::catalog::CatalogKind;
use super::conversion::folded;

/// What stands for a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductRule {
    /// The product's code.
    pub product: String,
    /// The billing frequency; any if there is none.
    pub billing_frequency: Option<String>,
    /// The currency; any if there is none.
    pub currency: Option<String>,
    /// A plan template, or a plan that is attached as it is.
    pub target: CatalogKind,
    /// Its code.
    pub code: String,
    /// The file that says it.
    pub file: String,
    /// The line.
    pub line: usize,
}

/// What a rule is asked about, each text folded.
pub struct Product {
    /// The product's code.
    pub code: String,
    /// The billing frequency.
    pub billing_frequency: Option<String>,
    /// The currency.
    pub currency: Option<String>,
}

impl ProductRule {
    fn fits(&self, asked: &Product) -> bool {
        let fits = |own: &Option<String>, asked: &Option<String>| {
            own.is_none() || own.as_deref().map(folded) == *asked
        };
        folded(&self.product) == asked.code
            && fits(&self.billing_frequency, &asked.billing_frequency)
            && fits(&self.currency, &asked.currency)
    }

    /// The position of the rule for a product whose texts are folded. Of two that are equally
    /// specific, which come from two files, the first one counts: that of the mapping itself.
    pub fn choose(rules: &[Self], asked: &Product) -> Option<usize> {
        let fitting = rules.iter().enumerate().rev().filter(|(_, rule)| rule.fits(asked));
        fitting
            .max_by_key(|(_, rule)| (rule.billing_frequency.is_some(), rule.currency.is_some()))
            .map(|(index, _)| index)
    }
}

impl fmt::Display for ProductRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "product rule for `{}`", self.product)?;
        self.billing_frequency
            .iter()
            .chain(&self.currency)
            .try_for_each(|asked| write!(f, ", `{asked}`"))?;
        write!(f, " ({}, line {})", self.file, self.line)
    }
}
