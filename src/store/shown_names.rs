//! What an org has shown of what the mappings read.

use std::collections::BTreeSet;

use super::transaction::Access;
use super::{Store, StoreError};

impl Store {
    /// All names that an org has shown, in lower case. `org` is the id of the org, or empty where a
    /// login does not name it.
    pub async fn load_shown_names(&self, org: &str) -> Result<BTreeSet<String>, StoreError> {
        let sql = "SELECT name FROM shown_names WHERE org = $1";
        let rows = self.database.fetch("load what an org has shown", sql, vec![org.into()]).await?;
        rows.iter().map(|row| row.get("name")).collect()
    }

    /// Remembers names that an org shows.
    pub async fn save_shown_names(
        &self,
        org: &str,
        names: &BTreeSet<String>,
    ) -> Result<(), StoreError> {
        let mut transaction =
            self.database.begin(Access::Write, "remember what an org shows").await?;
        let names = serde_json::to_string(names).expect("names are texts");
        let sql = "INSERT INTO shown_names (org, name) SELECT $1, value FROM {texts:$2} WHERE true ON CONFLICT (org, name) DO NOTHING";
        transaction.execute(sql, vec![org.into(), names.into()]).await?;
        transaction.commit().await
    }

    /// Forgets a name in all orgs; whether it was remembered. What an org still shows is remembered
    /// again.
    pub async fn forget_shown_name(&self, name: &str) -> Result<bool, StoreError> {
        let sql = "DELETE FROM shown_names WHERE name = $1";
        Ok(self.database.execute("forget what an org has shown", sql, vec![name.into()]).await? > 0)
    }
}
