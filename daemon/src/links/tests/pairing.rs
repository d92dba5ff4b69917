//! Taking up an invitation, and all that can be wrong with it.

use foedus_federation::org;
use foedus_federation::pairing::Invitation;
use foedus_federation::transport::{PairingRefusal, Reach, pairing::identify};
use foedus_policy::action::Action;
use foedus_policy::reason::Reason;
use foedus_policy::state::PartnerState;
use tokio::net::TcpListener;

use super::world::*;
use crate::bounds::{PAIRING_CONNECTIONS_MAX, PAIRING_TIMEOUT};
use crate::runtime::{AcceptInvitationError, Delivery, LinkState, PasteReplyError, Undelivered};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_linked_before_both_have_said_yes_to_the_same_words() {
    let acme = Org::new("acme.example", None).await;
    let globex = Org::new("globex.example", None).await;
    let anna = acme.member("anna").await;
    let (text, ..) = invite(&acme, anna, None).await;
    let accepted = globex
        .runtime
        .accept_invitation(OPERATOR, &text)
        .await
        .expect("accepted");
    assert!(matches!(accepted.delivery, Delivery::Delivered));
    assert_eq!(accepted.inviter, acme.id());
    for org in [&acme, &globex] {
        assert!(org.runtime.links().is_empty());
    }
    let wrong = Action::ConfirmPartner {
        partner: globex.id(),
        words: Some("zoo zoo zoo zoo zoo zoo".to_owned()),
    };
    let refused = acme.runtime.act(acme.administrator(), wrong).await;
    assert_eq!(refused, Err(org::Refused::Denied(Reason::WordsDiffer)));
    approve_both(&acme, &globex, accepted.request).await;
    let active = |org: &foedus_federation::org::OrgSnapshot, partner| {
        let known = org.state.partners().get(&partner);
        known.is_some_and(|known| known.state == PartnerState::Active)
    };
    let (a, g) = (acme.id(), globex.id());
    acme.knows("the partner", |org| active(org, g)).await;
    globex.knows("the partner", |org| active(org, a)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_is_good_for_one_answer() {
    let acme = Org::new("acme.example", None).await;
    let globex = Org::new("globex.example", None).await;
    let anna = acme.member("anna").await;
    let (text, ..) = invite(&acme, anna, None).await;
    globex
        .runtime
        .accept_invitation(OPERATOR, &text)
        .await
        .expect("accepted");
    // Somebody of the right name, who is somebody else.
    let impostor = Org::new("globex.example", None).await;
    let refused = impostor.runtime.accept_invitation(OPERATOR, &text).await;
    assert!(
        matches!(
            refused,
            Err(AcceptInvitationError::Closed(PairingRefusal::Used))
        ),
        "{refused:?}"
    );
    assert!(
        !acme
            .runtime
            .snapshot()
            .state
            .partners()
            .contains_key(&impostor.id())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_that_stay_and_say_nothing_keep_nobody_from_answering() {
    let acme = Org::new("acme.example", None).await;
    let globex = Org::new("globex.example", None).await;
    let stranger = Org::new("stranger.example", None).await;
    let tls = stranger.runtime.ours().expect("initialised").tls.clone();
    let mut silent = Vec::new();
    for _ in 0..PAIRING_CONNECTIONS_MAX {
        let met = identify(&tls, Reach::Everywhere, &acme.address, PAIRING_TIMEOUT).await;
        silent.push(met.expect("it answers"));
    }
    let anna = acme.member("anna").await;
    let (text, ..) = invite(&acme, anna, None).await;
    let accepted = globex.runtime.accept_invitation(OPERATOR, &text).await;
    let delivery = accepted.expect("accepted").delivery;
    assert!(matches!(delivery, Delivery::Delivered), "{delivery:?}");
    drop(silent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_answers_at_the_address_must_be_who_invited() {
    let acme = Org::new("acme.example", None).await;
    let other = Org::new("other.example", None).await;
    let globex = Org::new("globex.example", None).await;
    let anna = acme.member("anna").await;
    let (text, ..) = invite(&acme, anna, None).await;
    let mut invitation = Invitation::parse(&text).expect("it reads");
    invitation.addresses = [other.address.parse().expect("an address")].into();
    let text = invitation.encode().expect("an invitation");
    let refused = globex.runtime.accept_invitation(OPERATOR, &text).await;
    assert!(
        matches!(refused, Err(AcceptInvitationError::OtherInviter)),
        "{refused:?}"
    );
    assert!(globex.runtime.snapshot().state.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inviter_that_is_not_there_gets_the_reply_as_text() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = nobody.local_addr().expect("bound").to_string();
    drop(nobody);
    let acme = Org::new("acme.example", Some(address)).await;
    let globex = Org::new("globex.example", None).await;
    let anna = acme.member("anna").await;
    let (text, ..) = invite(&acme, anna, None).await;
    let mut nowhere = Invitation::parse(&text).expect("it reads");
    nowhere.addresses.clear();
    let nowhere = nowhere.encode().expect("an invitation");

    let mut replies = Vec::new();
    for text in [&text, &nowhere] {
        let accepted = globex.runtime.accept_invitation(OPERATOR, text).await;
        let Delivery::Undelivered {
            reply_text,
            problem,
        } = accepted.expect("accepted").delivery
        else {
            panic!("expected no delivery to nobody");
        };
        let no_address = matches!(problem, Undelivered::NoAddress);
        assert_eq!(no_address, *text == nowhere, "{problem}");
        replies.push(reply_text);
    }
    assert!(acme.runtime.snapshot().state.partners().is_empty());
    for reply in replies {
        let pasted = acme.runtime.paste_reply(OPERATOR, &reply).await;
        assert_eq!(pasted.expect("taken"), globex.id());
    }
    let words = |org: &Org, of: &Org| {
        let snapshot = org.runtime.snapshot();
        snapshot.state.partners()[&of.id()].words.clone()
    };
    assert_eq!(words(&acme, &globex), words(&globex, &acme));

    let damaged = &text[..text.len() - 3];
    let refused = globex.runtime.accept_invitation(OPERATOR, damaged).await;
    assert!(
        matches!(refused, Err(AcceptInvitationError::Invitation(_))),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_is_no_reply_is_refused() {
    let acme = Org::new("acme.example", None).await;
    let refused = acme
        .runtime
        .paste_reply(OPERATOR, "foedus-reply-v1.AAAA")
        .await;
    assert!(
        matches!(refused, Err(PasteReplyError::Reply(_))),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_the_inviter_could_not_take_is_pasted_there() {
    let acme = Org::new("acme.example", None).await;
    let globex = Org::new("globex.example", None).await;
    let anna = acme.member("anna").await;
    let (text, ..) = invite(&acme, anna, None).await;
    acme.engine.disk().set_full(true);
    let accepted = globex.runtime.accept_invitation(OPERATOR, &text).await;
    let accepted = accepted.expect("accepted");
    let Delivery::Undelivered { reply_text, .. } = accepted.delivery else {
        panic!("expected no delivery to a full disk");
    };
    assert!(
        !acme
            .runtime
            .snapshot()
            .state
            .partners()
            .contains_key(&globex.id())
    );
    acme.engine.disk().set_full(false);
    let pasted = acme.runtime.paste_reply(OPERATOR, &reply_text).await;
    assert_eq!(pasted.expect("taken"), globex.id());
    approve_both(&acme, &globex, accepted.request).await;
    globex.link_is(acme.id(), LinkState::Up).await;
    // The same answer once more is no other answer, and changes nothing.
    let known = || {
        let snapshot = acme.runtime.snapshot();
        let partner = snapshot.state.partners()[&globex.id()].clone();
        (partner, snapshot.state.invitations().clone())
    };
    let before = known();
    let again = acme.runtime.paste_reply(OPERATOR, &reply_text).await;
    assert_eq!(again.expect("known"), globex.id());
    assert_eq!(known(), before);
}
