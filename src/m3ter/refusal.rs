//! What m3ter's refusals say. They carry a message only; the two about overlaps name the existing
//! object.

use crate::domain::ids::M3terId;

/// The object that runs already, where m3ter refuses a Commitment or an AccountPlan for it.
pub fn overlapping(message: &str) -> Option<M3terId> {
    [
        "Commitment would overlap with existing Commitment ",
        "AccountPlan would overlap with AccountPlan ",
    ]
    .into_iter()
    .find_map(|words| message.split_once(words)?.1.get(..36).map(M3terId::parse)?.ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_overlap_messages_name_the_existing_object() {
        let id = |text: &str| Some(M3terId::parse(text).unwrap());
        assert_eq!(
            overlapping(
                "Commitment would overlap with existing Commitment 293b2bca-fa87-4036-9a0b-e0f1d3cd8c9e"
            ),
            id("293b2bca-fa87-4036-9a0b-e0f1d3cd8c9e")
        );
        assert_eq!(
            overlapping(
                "AccountPlan would overlap with AccountPlan 544ecdae-54a5-4654-b0fb-b503a7ed58b2 for the same product 21e063b6-2350-4add-a028-3e6ad5b233ed"
            ),
            id("544ecdae-54a5-4654-b0fb-b503a7ed58b2")
        );
        assert_eq!(overlapping("AccountPlan would overlap with AccountPlan é"), None);
        assert_eq!(overlapping("name must not be null"), None);
    }
}
