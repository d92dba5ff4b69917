//! What is drawn of partners.

use super::*;
use crate::page::Style;

const SAME: &str = "foedus --as NAME partner confirm globex.example --words \"...\"";
const DIFFER: &str = "foedus --as NAME partner disconnect globex.example --yes";

/// Invited without a request, so that there is no number to name.
fn waiting() -> v1::Partner {
    v1::Partner {
        handle: "globex.example".to_owned(),
        state: v1::PartnerState::WaitingForUs.into(),
        words: vec!["oak".to_owned(), "river".to_owned()],
        if_words_same: SAME.to_owned(),
        if_words_differ: DIFFER.to_owned(),
        next_step: "an administrator compares the words".to_owned(),
        ..v1::Partner::default()
    }
}

#[test]
fn a_partner_that_waits_shows_its_words_and_what_to_type() {
    let drawn = of(&waiting()).draw(Style::PLAIN);
    assert!(
        drawn.contains("waiting for us") && drawn.contains("Six words:  oak river\n"),
        "{drawn}"
    );
    for command in [SAME, DIFFER] {
        assert!(drawn.contains(&format!("\n  {command}\n")), "{drawn}");
    }
    assert!(!drawn.contains("request show"), "{drawn}");
    assert!(drawn.contains("last seen  unknown"), "{drawn}");
}

#[test]
fn a_reply_alone_confirms_nothing() {
    let response = v1::ConfirmPartnerResponse::default();
    let drawn = confirmed(&waiting(), false, &response).draw(Style::PLAIN);
    assert!(drawn.contains("Nothing is confirmed"), "{drawn}");
    assert!(
        drawn.contains("oak river") && drawn.contains(SAME),
        "{drawn}"
    );
    assert!(
        !drawn.contains("approved") && !drawn.contains("REQ-"),
        "{drawn}"
    );
}

fn approved() -> v1::Partner {
    v1::Partner {
        state: v1::PartnerState::WaitingForThem.into(),
        words: Vec::new(),
        next_step: "the partner's step".to_owned(),
        ..waiting()
    }
}

#[test]
fn who_was_confirmed_is_said_first_and_then_what_comes_next() {
    let mut response = v1::ConfirmPartnerResponse::default();
    let drawn =
        |response: &_, compared| confirmed(&approved(), compared, response).draw(Style::PLAIN);
    assert_eq!(
        drawn(&response, true),
        "globex.example is confirmed.\nNext: the partner's step\n"
    );
    response.request = Some(v1::Request {
        name: "REQ-0001".to_owned(),
        kind: v1::RequestKind::Share.into(),
        state: v1::RequestState::Approved.into(),
        next_step: "the request's step".to_owned(),
        ..v1::Request::default()
    });
    let shared = drawn(&response, true);
    let first = "globex.example is confirmed.\n";
    assert!(shared.starts_with(first), "{shared}");
    assert!(shared.contains("REQ-0001: share, approved"), "{shared}");
    assert!(shared.ends_with("Next: the request's step\n"), "{shared}");
    let again = drawn(&response, false);
    assert!(again.contains("was confirmed already"), "{again}");
}

#[test]
fn a_reply_to_carry_is_shown_before_the_words() {
    let request = v1::Request {
        name: "REQ-0007".to_owned(),
        words: vec!["oak".to_owned()],
        next_step: "send the reply".to_owned(),
        ..v1::Request::default()
    };
    let response = v1::AcceptInvitationResponse {
        reply_text: "foedus-reply-v1.AbCd".to_owned(),
        problem: "the invitation names no address of the inviter".to_owned(),
        ..v1::AcceptInvitationResponse::default()
    };
    let drawn = accepted(&request, &waiting(), &response).draw(Style::PLAIN);
    let (reply, words) = (drawn.find("\nfoedus-reply-v1."), drawn.find("Six words"));
    assert!(reply.is_some() && reply < words, "{drawn}");
    let first = "globex.example does not have our reply yet: the invitation names";
    assert!(drawn.starts_with(first), "{drawn}");
    assert_eq!(drawn.matches("Six words").count(), 1, "{drawn}");
    assert!(!drawn.contains("Next:"), "{drawn}");
}

#[test]
fn an_invitation_that_led_to_a_peering_says_so() {
    let active = v1::Partner {
        state: v1::PartnerState::Active.into(),
        peered_at: Some(prost_types::Timestamp::default()),
        ..approved()
    };
    let response = v1::AcceptInvitationResponse {
        delivered: true,
        ..v1::AcceptInvitationResponse::default()
    };
    let drawn = |partner: &v1::Partner| {
        accepted(&v1::Request::default(), partner, &response).draw(Style::PLAIN)
    };
    let again = drawn(&active);
    let first = "The peering with globex.example exists already, since 1 Jan 1970";
    assert!(again.starts_with(first), "{again}");
    assert!(again.contains("from this very invitation"), "{again}");
    assert!(!again.contains("Nothing else flows"), "{again}");
    // Approved here only: the inviter may need the reply once more.
    let again = drawn(&approved());
    assert!(again.contains("is approved here already"), "{again}");
    assert!(again.contains("has our reply"), "{again}");
    assert!(again.ends_with("Next: the partner's step\n"), "{again}");
}

#[test]
fn what_a_suspension_touches_is_explained() {
    let launch = v1::AffectedChannel {
        channel_name: "launch".to_owned(),
        held_back: true,
        ..v1::AffectedChannel::default()
    };
    let drawn = suspended("globex.example", std::slice::from_ref(&launch));
    let drawn = drawn.draw(Style::PLAIN);
    assert!(
        drawn.starts_with("While globex.example is suspended, "),
        "{drawn}"
    );
    assert!(drawn.contains("refused"), "{drawn}");
    let ended = disconnected("globex.example", &[launch]).draw(Style::PLAIN);
    assert!(
        ended.contains("for good:") && !ended.contains("OUR NEW"),
        "{ended}"
    );
    let none = suspended("globex.example", &[]).draw(Style::PLAIN);
    assert_eq!(none, "No channel is shared with it.\n");
}

#[test]
fn a_partners_own_words_do_no_harm() {
    let partner = v1::Partner {
        handle: "glo\u{202e}bex\u{1b}[2J".to_owned(),
        ..v1::Partner::default()
    };
    let drawn = of(&partner).draw(Style::PLAIN);
    assert!(
        !drawn.contains('\u{202e}') && !drawn.contains('\u{1b}'),
        "{drawn:?}"
    );
}
