//! Step 12: a partner is suspended in mid-conversation. From that moment nothing goes out or comes in; resumed, both
//! catch up.

use foedus_tests::harness::command::Refusal;
use foedus_tests::harness::organisation::{Organisation, told};
use foedus_tests::harness::posting::Posting;
use foedus_tests::harness::two::{ACME, ACME_LAUNCH, GLOBEX, LAUNCH, PROJECT, Two};
use foedus_tests::harness::{LATER, eventually};

/// Waits until the link with `partner` is not up.
#[track_caller]
fn is_cut_off(of: &Organisation, partner: &str) {
    let administrator = of.administrator();
    eventually("the link to end", LATER, || {
        let shown = told(administrator.try_json(&["partner", "show", partner]))?;
        match shown["link_state"] == "up" {
            true => Err(shown.to_string()),
            false => Ok(()),
        }
    });
}

/// Waits until connections were made again to where `of` is reached, and came to nothing.
#[track_caller]
fn is_dialled_in_vain(of: &Organisation) {
    let before = of.network.connections();
    eventually("further attempts to dial", LATER, || {
        let found = of.network.connections();
        match found >= before + 3 {
            true => Ok(()),
            false => Err(format!("{found}, {before} before")),
        }
    });
}

/// How much of the load of each side is in a history.
#[derive(Debug)]
struct Said {
    acme: usize,
    globex: usize,
}

fn said(texts: &[String]) -> Said {
    let by = |who: &str| texts.iter().filter(|text| text.starts_with(who)).count();
    Said {
        acme: by("acme-"),
        globex: by("globex-"),
    }
}

/// Waits until `of` is told that its partner takes no link with it.
#[track_caller]
fn is_told_that_it_is_refused(of: &Organisation, by: &str) {
    let administrator = of.administrator();
    eventually("it to be said why there is no link", LATER, || {
        let shown = told(administrator.try_json(&["partner", "show", by]))?;
        let problem = shown["link_problem"].as_str().unwrap_or_default();
        match problem.contains("it refuses this organisation") {
            true => Ok(()),
            false => Err(shown.to_string()),
        }
    });
}

#[test]
fn a_partner_that_is_suspended_in_mid_conversation_is_cut_off_until_it_is_resumed() {
    let two = Two::sharing("+1h");
    let (alice, gwen) = (two.acme.administrator(), two.globex.member());
    let load = Posting::start_endless(&gwen, ACME_LAUNCH, "globex");
    let ours = Posting::start_endless(&two.acme.member(), LAUNCH, "acme");
    load.reaches(60);
    ours.reaches(60);
    two.acme.member().must(&["post", LAUNCH, "Before."]);
    eventually("both to have met in it", LATER, || {
        let there = told(two.globex.try_messages(ACME_LAUNCH))?;
        match there.iter().any(|message| message["text"] == "Before.") {
            true => Ok(()),
            false => Err(format!("{} messages", there.len())),
        }
    });

    let preview = alice.json(&["partner", "suspend", GLOBEX, "--preview"]);
    let touched = &preview["affected_channels"][0];
    assert_eq!(touched["channel_name"], LAUNCH, "{preview}");
    assert_eq!(touched["held_back"], true, "{preview}");
    let member = two.acme.member();
    let suspend = ["partner", "suspend", GLOBEX];
    assert_eq!(member.refused(&suspend).reason, "NOT_ADMINISTRATOR");
    let before = [&two.acme.texts(LAUNCH), &two.globex.texts(ACME_LAUNCH)].map(|texts| said(texts));
    let posted = [load.acknowledged(), ours.acknowledged()];
    alice.must(&suspend);

    // What had been said when the command came back is all that there is; the load goes on.
    let held = two.acme.texts(LAUNCH);
    let posted_on = [load.acknowledged(), ours.acknowledged()];
    assert!(
        posted_on[0] > posted[0] && posted_on[1] > posted[1],
        "{posted:?} {posted_on:?}"
    );
    let moved = said(&held).globex > before[0].globex;
    assert!(moved, "nothing came in until then");
    load.reaches(load.acknowledged() + 60);
    let mut acknowledged = load.finish();
    // What Acme's side still took from its own people is taken for good.
    acknowledged.extend(ours.finish());
    let there = said(&two.globex.texts(ACME_LAUNCH));
    gwen.must(&["post", ACME_LAUNCH, "Does anybody hear me?"]);
    let refusal = member.refused(&["post", LAUNCH, "Held back."]);
    assert_eq!(refusal.reason, "PARTNER_SUSPENDED", "{refusal:?}");
    names_whom(&refusal, "partner resume");
    is_cut_off(&two.acme, GLOBEX);
    is_cut_off(&two.globex, ACME);
    is_dialled_in_vain(&two.acme);
    assert_eq!(two.acme.texts(LAUNCH), held, "nothing came in");
    let went_out = said(&two.globex.texts(ACME_LAUNCH)).acme - there.acme;
    assert_eq!(went_out, 0, "of what Acme's people wrote meanwhile");

    alice.must(&["partner", "resume", GLOBEX]);
    two.acme.linked_with(GLOBEX);
    member.must(&["post", LAUNCH, "We are back."]);
    let found = two.agree();
    acknowledged.extend(["Before.", "Does anybody hear me?", "We are back."].map(str::to_owned));
    acknowledged.sort();
    let mut sorted = found.clone();
    sorted.sort();
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|text| sorted.binary_search(text).is_err())
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
    sorted.dedup();
    assert_eq!(sorted.len(), found.len(), "something is there twice");
    let audit = alice.json(&["audit", "list"]).to_string();
    assert!(
        audit.contains("partner.suspend") && audit.contains("partner.resume"),
        "{audit}"
    );
}

/// Something waits for the partner on both sides, as there is no network; then one side suspends the other, and the
/// network is there again.
#[track_caller]
fn what_waits_goes_neither_out_nor_in(by: fn(&Two) -> (&Organisation, &Organisation)) {
    let two = Two::sharing("+1h");
    let (ours, theirs) = by(&two);
    let both = [&two.acme, &two.globex];
    both.iter().for_each(|one| one.network.cut());
    two.acme.member().must(&["post", LAUNCH, "Waits at Acme."]);
    two.globex
        .member()
        .must(&["post", ACME_LAUNCH, "Waits at Globex."]);
    ours.administrator()
        .must(&["partner", "suspend", &theirs.handle]);
    both.iter().for_each(|one| one.network.mend());

    // The other side calls, and is told that it is refused; whatever could have gone over has had its chance.
    is_dialled_in_vain(ours);
    is_told_that_it_is_refused(theirs, &ours.handle);
    assert_eq!(two.acme.texts(LAUNCH), ["Waits at Acme."]);
    assert_eq!(two.globex.texts(ACME_LAUNCH), ["Waits at Globex."]);

    ours.administrator()
        .must(&["partner", "resume", &theirs.handle]);
    two.acme.linked_with(GLOBEX);
    let mut texts = two.agree();
    texts.sort();
    assert_eq!(texts, ["Waits at Acme.", "Waits at Globex."]);
}

#[test]
fn what_waits_for_a_partner_stays_here_while_it_is_suspended() {
    what_waits_goes_neither_out_nor_in(|two| (&two.acme, &two.globex));
}

#[test]
fn what_waits_for_a_host_stays_here_while_it_is_suspended() {
    what_waits_goes_neither_out_nor_in(|two| (&two.globex, &two.acme));
}

/// A line on the deny list that comes later cuts off a partner that is active, and says so on both sides.
/// Who stands in the way is named, and the command that lets them in.
#[track_caller]
fn names_whom(refusal: &Refusal, command: &str) {
    let command = format!("foedus --as NAME {command} {GLOBEX}");
    let named = refusal.message.contains(GLOBEX) && refusal.fix.contains(&command);
    assert!(named, "{refusal:?}");
}

#[test]
fn a_partner_that_is_denied_is_cut_off_until_the_line_goes() {
    let two = Two::sharing("+1h");
    two.acme.linked_with(GLOBEX);
    let alice = two.acme.administrator();
    alice.must(&["partner", "deny", GLOBEX]);
    is_cut_off(&two.acme, GLOBEX);
    is_cut_off(&two.globex, ACME);
    let shown = alice.json(&["partner", "show", GLOBEX]);
    assert_eq!(shown["state"], "denied", "{shown}");
    assert_eq!(shown["link_state"], "closed", "{shown}");
    // What was known of it when the link ended is known still, and since when.
    assert!(shown["last_seen_at"].is_string(), "{shown}");
    assert!(shown["lag"]["known_at"].is_string(), "{shown}");
    let figures = alice.text(&["partner", "list"]);
    assert!(!figures.contains("unknown"), "{figures}");
    let found = alice.json(&["doctor"]).to_string();
    assert!(found.contains("PARTNER_DENIED"), "{found}");
    let member = two.acme.member();
    let refusal = member.refused(&["post", LAUNCH, "To nobody."]);
    assert_eq!(refusal.reason, "PARTNER_DENIED", "{refusal:?}");
    names_whom(&refusal, "partner deny");
    member.must(&["channel", "create", "second"]);
    let share = ["channel", "share", "second", "--with", GLOBEX];
    let for_it = ["--project", PROJECT, "--ends-with-project"];
    let refusal = member.refused(&[&share[..], &for_it].concat());
    assert_eq!(refusal.reason, "PARTNER_DENIED", "{refusal:?}");
    names_whom(&refusal, "partner deny");

    // The other side is refused in the handshake, says so in words, and comes ever more seldom.
    is_dialled_in_vain(&two.acme);
    is_told_that_it_is_refused(&two.globex, ACME);

    alice.must(&["partner", "deny", GLOBEX, "--remove"]);
    two.acme.linked_with(GLOBEX);
    member.must(&["post", LAUNCH, "We are back."]);
    assert_eq!(two.agree(), ["We are back."]);
}

#[test]
fn a_suspension_holds_over_a_restart_of_both() {
    let mut two = Two::sharing("+1h");
    let alice = two.acme.administrator();
    alice.must(&["partner", "suspend", GLOBEX]);
    two.acme.daemon.kill();
    two.globex.daemon.kill();
    two.acme.daemon.start();
    two.globex.daemon.start();
    two.globex.member().must(&["post", ACME_LAUNCH, "Not yet."]);
    is_dialled_in_vain(&two.acme);
    assert_eq!(two.acme.texts(LAUNCH), [""; 0]);
    let shown = two.acme.administrator().json(&["partner", "show", GLOBEX]);
    assert_eq!(shown["state"], "suspended", "{shown}");
    two.acme
        .administrator()
        .must(&["partner", "resume", GLOBEX]);
    assert_eq!(two.agree(), ["Not yet."]);
}
