//! What m3ter's refusals say. They carry a message only; the two about overlaps name the blocker.

use crate::domain::ids::M3terId;

/// What a refusal is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusalKind {
    /// Another Commitment runs in the same time.
    CommitmentOverlap {
        /// The other one.
        blocker: M3terId,
    },
    /// Another AccountPlan of the same product runs in the same time.
    AccountPlanOverlap {
        /// The other one.
        blocker: M3terId,
    },
    /// Anything else.
    Other,
}

impl RefusalKind {
    /// Reads m3ter's message.
    pub fn of(message: &str) -> Self {
        let id_after = |words: &str| {
            message.split_once(words).and_then(|(_, rest)| M3terId::parse(rest.get(..36)?).ok())
        };
        if let Some(blocker) = id_after("Commitment would overlap with existing Commitment ") {
            return Self::CommitmentOverlap { blocker };
        }
        if let Some(blocker) = id_after("AccountPlan would overlap with AccountPlan ") {
            return Self::AccountPlanOverlap { blocker };
        }
        Self::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_overlap_messages_name_their_blocker() {
        let id = |text: &str| M3terId::parse(text).unwrap();
        assert_eq!(
            RefusalKind::of(
                "Commitment would overlap with existing Commitment 293b2bca-fa87-4036-9a0b-e0f1d3cd8c9e"
            ),
            RefusalKind::CommitmentOverlap { blocker: id("293b2bca-fa87-4036-9a0b-e0f1d3cd8c9e") }
        );
        assert_eq!(
            RefusalKind::of(
                "AccountPlan would overlap with AccountPlan 544ecdae-54a5-4654-b0fb-b503a7ed58b2 for the same product 21e063b6-2350-4add-a028-3e6ad5b233ed"
            ),
            RefusalKind::AccountPlanOverlap { blocker: id("544ecdae-54a5-4654-b0fb-b503a7ed58b2") }
        );
        assert_eq!(
            RefusalKind::of("AccountPlan would overlap with AccountPlan é"),
            RefusalKind::Other
        );
        assert_eq!(RefusalKind::of("name must not be null"), RefusalKind::Other);
    }
}
