//! What is shown of a request, and how its number and words are read.

use super::*;
use crate::page::Style;

#[test]
fn a_request_is_named_by_its_number() {
    for text in ["42", "REQ-0042", "req-42"] {
        assert_eq!(parse_number(text), Ok(42));
    }
    for text in ["", "0", "REQ-", "REQ-x", "+1", "-1", "99999999999", "ÄÖÜ-1"] {
        assert!(parse_number(text).is_err(), "{text}");
    }
}

#[test]
fn six_words_are_read_as_people_write_them() {
    let expected = Ok("oak river cat lamp moon stone".to_owned());
    assert_eq!(parse_words("oak river cat lamp moon stone"), expected);
    assert_eq!(
        parse_words(" Oak, RIVER,\ncat - lamp\tmoon stone. "),
        expected
    );
    assert_eq!(
        parse_words("oak river"),
        Err("expected six words, found 2".to_owned())
    );
    assert!(parse_words("").is_err());
}

fn peer_request() -> v1::Request {
    v1::Request {
        number: 7,
        name: "REQ-0007".to_owned(),
        kind: v1::RequestKind::Peer.into(),
        state: v1::RequestState::Waiting.into(),
        partner_handle: "acme.example".to_owned(),
        channel_id: "chan_x".to_owned(),
        pairing_side: v1::PairingSide::Invitee.into(),
        if_words_same: "foedus --as NAME request approve REQ-0007 --words \"...\"".to_owned(),
        if_words_differ: "foedus --as NAME request decline REQ-0007".to_owned(),
        next_step: "an administrator compares the words".to_owned(),
        words: ["oak", "river", "cat", "lamp", "moon", "stone"]
            .map(str::to_owned)
            .to_vec(),
        ..v1::Request::default()
    }
}

#[test]
fn a_waiting_peer_request_asks_for_the_words_to_be_compared() {
    let drawn = page(&peer_request()).draw(Style::PLAIN);
    assert!(drawn.contains("oak river cat lamp moon stone"), "{drawn}");
    assert!(
        drawn.contains("Telephone the administrator of acme.example"),
        "{drawn}"
    );
    let request = peer_request();
    for command in [request.if_words_same, request.if_words_differ] {
        assert!(drawn.contains(&format!("\n  {command}\n")), "{drawn}");
    }
    // What to do stands there once.
    assert!(!drawn.contains("Next:"), "{drawn}");
}

#[test]
fn a_revision_shows_the_end_that_holds_beside_the_one_asked_for() {
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let revision = v1::Request {
        name: "REQ-0008".to_owned(),
        kind: v1::RequestKind::Revise.into(),
        state: v1::RequestState::Waiting.into(),
        project: "Launch".to_owned(),
        ends_at: at(2_000_000_000),
        agreed_ends_at: at(1_900_000_000),
        ..v1::Request::default()
    };
    let lines = |request: &v1::Request| page(request).draw(Style::PLAIN);
    let drawn = lines(&revision);
    let now = time::show(revision.agreed_ends_at.as_ref());
    let then = time::show(revision.ends_at.as_ref());
    let has = |name: &str, value: &str| {
        let mut lines = drawn.lines();
        lines.any(|line| line.starts_with(name) && line.ends_with(value))
    };
    assert!(
        has("ends now ", &now) && has("would end ", &then),
        "{drawn}"
    );
    let decided = v1::Request {
        state: v1::RequestState::Done.into(),
        agreed_ends_at: None,
        ..revision
    };
    let drawn = lines(&decided);
    assert!(
        !drawn.contains("ends now") && drawn.contains("\nends "),
        "{drawn}"
    );
}

#[test]
fn an_approval_says_what_the_channel_is_called_and_who_is_in_it() {
    let request = v1::Request {
        channel_name: "acme-launch".to_owned(),
        ..peer_request()
    };
    let drawn = channel_page(&request, &["gina@globex.example".to_owned()]);
    let drawn = drawn.draw(Style::PLAIN);
    for said in [
        "is called acme-launch here",
        "channel rename acme-launch NEW-NAME",
        "gina@globex.example is in it",
    ] {
        assert!(drawn.contains(said), "{drawn}");
    }
    assert_eq!(channel_page(&request, &[]).draw(Style::PLAIN), "");
}

#[test]
fn an_invitation_is_asked_to_be_sent_once() {
    let request = v1::Request {
        next_step: "send the invitation".to_owned(),
        invitation_id: "inv_x".to_owned(),
        ..peer_request()
    };
    let mut response = v1::ApproveRequestResponse {
        invitation_text: "foedus-invitation-v1.AbCd".to_owned(),
        invitation: Some(v1::Invitation {
            invitation_id: "inv_x".to_owned(),
            addresses: vec!["acme.example:7433".to_owned()],
            ..v1::Invitation::default()
        }),
        ..v1::ApproveRequestResponse::default()
    };
    let drawn = invitation_page(&request, &response).draw(Style::PLAIN);
    assert_eq!(drawn.to_lowercase().matches("send ").count(), 1, "{drawn}");
    assert!(drawn.ends_with("foedus invitation show inv_x\n"), "{drawn}");
    response.invitation_text = String::new();
    let drawn = invitation_page(&request, &response).draw(Style::PLAIN);
    assert_eq!(drawn, "Next: send the invitation\n");
}

#[test]
fn a_decided_request_does_not() {
    let decided = v1::Request {
        state: v1::RequestState::Approved.into(),
        words: Vec::new(),
        ..peer_request()
    };
    let drawn = page(&decided).draw(Style::PLAIN);
    assert!(
        !drawn.contains("Six words") && !drawn.contains("--words"),
        "{drawn}"
    );
    let next = "Next: an administrator compares the words\n";
    assert!(drawn.ends_with(next), "{drawn}");
}
