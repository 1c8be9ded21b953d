//! What a repeated sync without a change leaves in the database, beside an earlier program.

use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use crate::Figures;
use crate::baseline;
use crate::world::{Setup, World};

const SYNCS: u32 = 100;
const LINES: usize = 5;

pub(crate) async fn measure(figures: &mut Figures) {
    println!("Rows of a repeated sync of {LINES} lines without a change ({SYNCS} of them)");
    let today = rows(Setup::default()).await;
    let name = "rows of a repeated sync";
    match baseline::before_the_house() {
        Some(program) => {
            let before = rows(Setup { program, ..Setup::default() }).await;
            figures.at_most(name, today, before, "rows", "the limit is what there were before");
        }
        None => Figures::note(name, format!("{today:.2}"), "rows"),
    }
}

/// How many rows of all tables there are more for each sync.
async fn rows(setup: Setup<'_>) -> f64 {
    let world = World::of(setup).await;
    let products = world.add_products(LINES);
    let deal = world.add_deal(&products);
    // The second one is the first without a change.
    for _ in 0..2 {
        world.sync(&deal).await;
    }
    let before = count(&world).await;
    for _ in 0..SYNCS {
        world.sync(&deal).await;
    }
    f64::from(count(&world).await - before) / f64::from(SYNCS)
}

/// All rows of the database.
async fn count(world: &World) -> i32 {
    let mut connection =
        SqliteConnection::connect(&world.database_url).await.expect("the database");
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'";
    let tables: Vec<String> =
        sqlx::query_scalar(tables).fetch_all(&mut connection).await.expect("the tables");
    let mut rows = 0;
    for table in tables {
        let sql = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        rows += sqlx::query_scalar::<_, i32>(sql).fetch_one(&mut connection).await.expect("rows");
    }
    connection.close().await.expect("it is closed");
    rows
}
