//! The fields by which people know the records of an object.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::outcome::Failure;
use crate::salesforce;
use crate::transport::Budget;

/// The fields that name the records of an object, by object, as its describe has them.
#[derive(Debug, Default)]
pub(crate) struct KnownBy(RwLock<HashMap<String, Arc<[String]>>>);

impl KnownBy {
    pub(crate) async fn fields(
        &self,
        salesforce: &salesforce::Client,
        sobject: &str,
        budget: &Budget,
    ) -> Result<Arc<[String]>, Failure> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(sobject).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let described = salesforce.describe(sobject, budget).await?;
        let fields: Arc<[String]> =
            described.map(|sobject| sobject.known_by()).unwrap_or_default().into();
        // Somebody may give the integration user what it does not see now.
        if !fields.is_empty() {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            known.insert(sobject.to_owned(), Arc::clone(&fields));
        }
        Ok(fields)
    }
}
