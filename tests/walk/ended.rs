//! Ends that end datings made: they stay while the record says no later end than it said then.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value as Json};

use crate::judge::{Broken, Deal, KINDS};
use crate::model::{self, Asked, Want, Wanted};
use crate::ops::Target;
use crate::rest;
use crate::world::{World, path};

/// The ends that records said at a moment, as instants; of a row without an end the last instant.
type Said = HashMap<(&'static str, String), Timestamp>;

/// An end dating, and what was said about the ends of everything around it.
#[derive(Debug)]
pub(crate) struct Ordered {
    day: Timestamp,
    /// When it was asked for.
    said: Said,
    /// At the quiet point after it: somebody may have edited a record before it was carried out.
    later: Option<Said>,
    /// Objects of m3ter that ended then.
    ended: Vec<String>,
}

/// A calendar day begins within so much of midnight in Greenwich, wherever it is.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

impl World {
    /// Remembers an end dating that is about to be asked for.
    pub(crate) fn note_end_dating(&mut self, date: &str) {
        let day = midnight(date).unwrap();
        let ordered = Ordered { day, said: said(self), later: None, ended: Vec::new() };
        self.end_datings.push(ordered);
    }

    /// What became of the end datings since the last quiet point, before anything is synced.
    pub(crate) fn look_at_ends(&mut self) {
        let said = said(self);
        let m3ter = self.cluster.organization.vendor();
        let objects: Vec<Map<String, Json>> =
            KINDS.iter().flat_map(|kind| m3ter.objects(path(kind))).collect();
        for ordered in self.end_datings.iter_mut().filter(|ordered| ordered.later.is_none()) {
            let of_day = objects
                .iter()
                .filter(|object| end_of(object).is_some_and(|end| is_about(end, ordered.day)));
            ordered.ended =
                of_day.map(|object| object["id"].as_str().unwrap().to_owned()).collect();
            ordered.later = Some(said.clone());
        }
    }
}

/// Whether an end that is earlier than the record's is one of an end dating, and is told.
pub(crate) fn stays(deal: &Deal<'_>, wanted: &Wanted, object: &Map<String, Json>) -> bool {
    let Some(end) = end_of(object).filter(|_| is_told(deal)) else { return false };
    let asked = asked(wanted).unwrap_or(Timestamp::MAX);
    let of_contract = || {
        let contract = deal.object("Contract", deal.id).and_then(end_of);
        contract.is_some_and(|contract| is_about(end, contract)).then_some(contract).flatten()
    };
    deal.world.end_datings.iter().any(|ordered| {
        let is_of_it = is_about(end, ordered.day)
            || of_contract().is_some_and(|contract| is_about(contract, ordered.day));
        is_of_it
            && ordered
                .said(wanted.kind, &wanted.row)
                .into_iter()
                .max()
                .is_none_or(|said| asked <= said)
    })
}

/// Whether one of the prices of an AccountPlan was ended so.
pub(crate) fn is_of_price(deal: &Deal<'_>, prices: &[&Map<String, Json>]) -> bool {
    let is_ended =
        |end: Timestamp| deal.world.end_datings.iter().any(|ordered| is_about(end, ordered.day));
    is_told(deal) && prices.iter().filter_map(|price| end_of(price)).any(is_ended)
}

/// An object that bills on although it was ended, and nobody said a later end since.
pub(crate) fn taken_up_again(
    deal: &Deal<'_>,
    wanted: &Wanted,
    object: &Map<String, Json>,
) -> Option<Broken> {
    let id = object["id"].as_str()?;
    if deal.world.reopened.contains(id) || wanted.kind == "Pricing" {
        return None;
    }
    let asked = asked(wanted)?;
    let end = end_of(object).unwrap_or(Timestamp::MAX);
    let ordered = deal.world.end_datings.iter().find(|ordered| {
        let is_later = end.duration_since(ordered.day) > A_DAY;
        is_later
            && ordered.ended.iter().any(|ended| ended == id)
            && ordered
                .said(wanted.kind, &wanted.row)
                .into_iter()
                .min()
                .is_some_and(|said| asked <= said)
    })?;
    let what = format!(
        "{} of {} was ended at {}, and is {object:?}",
        wanted.kind, wanted.row, ordered.day
    );
    Some(Broken::new("an end stays an end", what, &[deal.id, &wanted.row]))
}

impl Ordered {
    /// The ends that the record said about the time of the end dating: it was carried out at one of
    /// them.
    fn said(&self, kind: &'static str, row: &str) -> Vec<Timestamp> {
        let key = (kind, row.to_owned());
        let later = self.later.as_ref().and_then(|later| later.get(&key));
        self.said.get(&key).into_iter().chain(later).copied().collect()
    }
}

fn is_told(deal: &Deal<'_>) -> bool {
    deal.answer["attention"]
        .as_array()
        .is_some_and(|codes| codes.iter().any(|code| code == "ENDED"))
}

fn is_about(one: Timestamp, other: Timestamp) -> bool {
    one.duration_since(other).abs() <= A_DAY
}

/// The end of an object in m3ter, a day or an instant.
fn end_of(object: &Map<String, Json>) -> Option<Timestamp> {
    let text = object.get("endDate")?.as_str()?;
    text.parse().ok().or_else(|| midnight(text))
}

fn midnight(day: &str) -> Option<Timestamp> {
    format!("{}T00:00:00Z", day.get(..10)?).parse().ok()
}

/// The end that a record asks for.
fn asked(wanted: &Wanted) -> Option<Timestamp> {
    match wanted.fields.get("endDate")? {
        Want::Instant(instant) => Some(*instant),
        Want::Day(day) => midnight(&day.to_string()),
        _ => None,
    }
}

/// What all records say of their ends now.
fn said(world: &World) -> Said {
    let sight = world.sight();
    let lines = world.lines();
    let mut said = Said::new();
    for (target, (sobject, id)) in &world.ids {
        if !matches!(target, Target::Deal(_)) {
            continue;
        }
        if let Asked::Objects(wanted) =
            model::asked(&sight, sobject, id, &lines, rest::was_synced(world, id))
        {
            let ends = wanted.iter().map(|wanted| {
                ((wanted.kind, wanted.row.clone()), asked(wanted).unwrap_or(Timestamp::MAX))
            });
            said.extend(ends);
        }
    }
    said
}
