//! One partner more for Acme: a real daemon with a channel that both share, by the story's own steps.

use crate::bench::failed::Failed;
use crate::harness::organisation::{Equipment, Organisation, People, text, told};
use crate::harness::two::{ACME, PROJECT, Two, words};
use crate::harness::{SOON, eventually};

/// Brings up partner number `number`, and waits until the two share a channel and have a link.
pub fn meet(two: &Two, number: usize, equipment: Equipment) -> Result<Organisation, Failed> {
    let handle = format!("partner-{number}.example");
    let people = People {
        administrator: "paula",
        member: ("peter", "Peter Prior"),
    };
    let partner = Organisation::begin_with(two.folder.path(), &handle, people, equipment);
    let channel = format!("with-{number}");
    let (anna, alice) = (two.acme.member(), two.acme.administrator());
    anna.must(&["channel", "create", &channel]);
    let share = [
        "channel",
        "share",
        &channel,
        "--with",
        &handle,
        "--project",
        PROJECT,
        "--ends-with-project",
    ];
    let asked = anna.json(&share);
    let request = text(&asked["request"], "name");
    let approved = alice.json(&["request", "approve", &request]);
    let invitation = text(&approved, "invitation_text");

    let paula = partner.administrator();
    let accepted = paula.json(&["partner", "accept", &invitation]);
    let request = text(&accepted["request"], "name");
    let six = words(&accepted["request"]);
    eventually("Acme to know who accepted", SOON, || {
        let shown = told(alice.try_json(&["partner", "show", &handle]))?;
        match words(&shown) == six {
            true => Ok(()),
            false => Err(shown.to_string()),
        }
    });
    alice.must(&["partner", "confirm", &handle, "--words", &six]);
    let approve = [
        "request",
        "approve",
        &request,
        "--words",
        &six,
        "--channel",
        "acme",
    ];
    paula.must(&approve);
    two.acme.shares(&channel);
    partner.shares("acme");
    two.acme.linked_with(&handle);
    partner.linked_with(ACME);
    Ok(partner)
}
