//! When keys were used last.

use super::*;

on_both_engines! {
    the_last_use_of_a_key_stays_whatever_is_told_later_of_an_earlier_one
}

async fn the_last_use_of_a_key_stays_whatever_is_told_later_of_an_earlier_one(home: Home) {
    let (one, other) = (home.store().await, home.store().await);
    let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
    let by_key = |key: &str, second| (key.to_owned(), "it's".to_owned(), at(second));
    one.save_key_uses(&[by_key("a", 10), by_key("b", 1)]).await.unwrap();
    other.save_key_uses(&[by_key("a", 5), by_key("b", 2)]).await.unwrap();
    one.save_key_uses(&[]).await.unwrap();
    let known = other.load_key_uses().await.unwrap();
    assert_eq!(known, [("a".to_owned(), at(10)), ("b".to_owned(), at(2))].into());
}
