//! Asking to share, approving, and the invitation that comes out of it.

use super::*;

fn share(partner: &str) -> v1::ShareChannelRequest {
    v1::ShareChannelRequest {
        channel: "launch".to_owned(),
        partner: partner.to_owned(),
        project: "Launch".to_owned(),
        purpose: "to launch together".to_owned(),
        idempotency_key: "s".to_owned(),
        no_end: true,
        ..v1::ShareChannelRequest::default()
    }
}

#[tokio::test]
async fn an_approved_request_gives_an_invitation() {
    let daemon = Daemon::acme().await;
    let (anna, bob) = (
        daemon.client(Some("anna")).await,
        daemon.client(Some("bob")).await,
    );
    let operator = daemon.client(None).await;
    let asked = bob
        .channels()
        .share_channel(share("globex.example"))
        .await
        .expect("asked");
    let asked = asked.into_inner().request.expect("which");
    assert_eq!(
        (asked.name.as_str(), asked.state()),
        ("REQ-0001", v1::RequestState::Waiting)
    );
    assert_eq!(asked.requester, "bob@acme.example");
    assert_eq!(
        asked.capabilities,
        ["edit", "post", "react", "retract", "thread"]
    );
    assert!(
        asked
            .next_step
            .contains("foedus --as NAME request approve REQ-0001"),
        "{}",
        asked.next_step
    );
    assert!(asked.expires_at.is_some());
    let repeated = bob
        .channels()
        .share_channel(share("globex.example"))
        .await
        .expect("repeated");
    assert_eq!(repeated.into_inner().request.as_ref(), Some(&asked));
    let approve = v1::ApproveRequestRequest {
        number: 1,
        idempotency_key: "a".to_owned(),
        ..v1::ApproveRequestRequest::default()
    };
    assert_eq!(
        reason(bob.requests().approve_request(approve.clone()).await),
        "NOT_ADMINISTRATOR"
    );
    assert_eq!(
        reason(operator.requests().approve_request(approve.clone()).await),
        "MEMBER_NEEDED"
    );
    let approved = anna
        .requests()
        .approve_request(approve.clone())
        .await
        .expect("approved")
        .into_inner();
    assert!(
        approved
            .invitation_text
            .starts_with("foedus-invitation-v1.")
    );
    assert!(approved.invitation_expires_at.is_some());
    // Whoever sends it sees whether it says where to dial.
    let made = approved.invitation.clone().expect("it was made");
    assert_eq!(made.addresses, ["acme.example:7433"]);
    assert_eq!(made.expires_at, approved.invitation_expires_at);
    assert!(approved.channel_members.is_empty(), "no channel came");
    let request = approved.request.clone().expect("which");
    assert_eq!(request.state(), v1::RequestState::Approved);
    assert_eq!(request.pairing_side(), v1::PairingSide::Inviter);
    assert!(request.words.is_empty() && request.if_words_same.is_empty());
    assert!(
        request.next_step.contains("foedus partner accept"),
        "{}",
        request.next_step
    );
    // It is no reply to itself.
    let confirm = v1::ConfirmPartnerRequest {
        partner: approved.invitation_text.clone(),
        ..v1::ConfirmPartnerRequest::default()
    };
    let confirm = anna.partners().confirm_partner(confirm).await;
    assert_eq!(reason(confirm), "REPLY_INVALID");
    let again = anna
        .requests()
        .approve_request(approve)
        .await
        .expect("repeated")
        .into_inner();
    assert_eq!(again, approved);
    let seen = bob
        .requests()
        .get_request(v1::GetRequestRequest { number: 1 })
        .await;
    assert_eq!(
        seen.expect("his own").into_inner().request,
        Some(request.clone())
    );
    let listed = operator
        .invitations()
        .list_invitations(v1::ListInvitationsRequest::default())
        .await;
    let listed = listed.expect("listed").into_inner().invitations;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].invitation_id, request.invitation_id);
    assert_eq!(
        (listed[0].request.as_str(), listed[0].channel_name.as_str()),
        ("REQ-0001", "launch")
    );
    assert_eq!(listed[0].expected_handle, "globex.example");
    // It is shown again to those who may invite, and to nobody else.
    let which = v1::GetInvitationRequest {
        invitation_id: request.invitation_id.clone(),
    };
    let shown = operator.invitations().get_invitation(which.clone()).await;
    let shown = shown.expect("shown").into_inner();
    assert_eq!(shown.invitation_text, approved.invitation_text);
    let refusal = bob.invitations().get_invitation(which.clone()).await;
    assert_eq!(reason(refusal), "NOT_ADMINISTRATOR");
    // Who invites takes up no invitation of its own.
    let accept = v1::AcceptInvitationRequest {
        invitation_text: approved.invitation_text,
        ..v1::AcceptInvitationRequest::default()
    };
    let refusal = operator.partners().accept_invitation(accept).await;
    assert_eq!(reason(refusal), "INVITATION_OWN");
    let revoke = v1::RevokeInvitationRequest {
        invitation_id: request.invitation_id,
    };
    let revoked = operator
        .invitations()
        .revoke_invitation(revoke.clone())
        .await
        .expect("revoked");
    let revoked = revoked.into_inner().invitation.expect("which");
    assert_eq!(revoked.state(), v1::InvitationState::Revoked);
    assert_eq!(
        reason(operator.invitations().revoke_invitation(revoke).await),
        "INVITATION_REVOKED"
    );
    let shown = operator.invitations().get_invitation(which).await;
    assert_eq!(shown.expect("shown").into_inner().invitation_text, "");
}

#[tokio::test]
async fn terms_that_this_release_can_not_keep_are_refused() {
    let daemon = Daemon::acme().await;
    let bob = daemon.client(Some("bob")).await;
    let cases = [
        (
            v1::ShareChannelRequest {
                access: v1::Access::ReadOnly.into(),
                ..share("globex.example")
            },
            "NOT_IN_THIS_RELEASE",
        ),
        (
            v1::ShareChannelRequest {
                at_end: v1::AtEnd::Erase.into(),
                ..share("globex.example")
            },
            "NOT_IN_THIS_RELEASE",
        ),
        (
            v1::ShareChannelRequest {
                newcomers: v1::Newcomers::All.into(),
                ..share("globex.example")
            },
            "NOT_IN_THIS_RELEASE",
        ),
        (
            v1::ShareChannelRequest {
                with_history: true,
                ..share("globex.example")
            },
            "NOT_IN_THIS_RELEASE",
        ),
        (
            v1::ShareChannelRequest {
                project: String::new(),
                ..share("globex.example")
            },
            "PROJECT_NEEDED",
        ),
        (
            v1::ShareChannelRequest {
                capabilities: vec!["fly".to_owned()],
                ..share("globex.example")
            },
            "CAPABILITY_UNKNOWN",
        ),
        (
            v1::ShareChannelRequest {
                no_end: false,
                ..share("globex.example")
            },
            "END_NEEDED",
        ),
        (
            v1::ShareChannelRequest {
                ends_at: Some(prost_types::Timestamp {
                    seconds: 4_000_000_000,
                    nanos: 0,
                }),
                ..share("globex.example")
            },
            "END_TWICE",
        ),
        (
            v1::ShareChannelRequest {
                capabilities: vec!["post".to_owned(), "file".to_owned()],
                ..share("globex.example")
            },
            "NOT_IN_THIS_RELEASE",
        ),
        (share(""), "FIELD_NEEDED"),
        (share("org_x"), "ID_INVALID"),
        (share("acme.example"), "HANDLE_TAKEN"),
        (share("Not A Handle"), "HANDLE_INVALID"),
    ];
    for (request, expected) in cases {
        assert_eq!(
            reason(bob.channels().share_channel(request).await),
            expected
        );
    }
    let ourselves = bob.channels().share_channel(share("acme.example")).await;
    let ourselves = ourselves.expect_err("refused");
    assert_eq!(
        ourselves.message(),
        "acme.example is this organisation itself"
    );
    let past = v1::ShareChannelRequest {
        ends_at: Some(prost_types::Timestamp {
            seconds: 1,
            nanos: 0,
        }),
        no_end: false,
        ..share("globex.example")
    };
    assert_eq!(
        reason(bob.channels().share_channel(past).await),
        "END_IN_PAST"
    );
    let requests = bob
        .requests()
        .list_requests(v1::ListRequestsRequest::default())
        .await;
    assert!(requests.expect("listed").into_inner().requests.is_empty());
}

#[tokio::test]
async fn a_declined_request_says_why() {
    let daemon = Daemon::acme().await;
    let (operator, bob) = (
        daemon.client(Some("anna")).await,
        daemon.client(Some("bob")).await,
    );
    bob.channels()
        .share_channel(share("globex.example"))
        .await
        .expect("asked");
    let decline = v1::DeclineRequestRequest {
        number: 1,
        reason: "ask again in January".to_owned(),
        ..v1::DeclineRequestRequest::default()
    };
    let declined = operator
        .requests()
        .decline_request(decline.clone())
        .await
        .expect("declined");
    let declined = declined.into_inner().request.expect("which");
    assert_eq!(declined.state(), v1::RequestState::Declined);
    assert_eq!(declined.decline_reason, "ask again in January");
    assert!(declined.next_step.is_empty() && declined.decided_by == "anna@acme.example");
    assert_eq!(
        reason(operator.requests().decline_request(decline).await),
        "REQUEST_NOT_WAITING"
    );
    let waiting = v1::ListRequestsRequest {
        state: v1::RequestState::Waiting.into(),
        ..v1::ListRequestsRequest::default()
    };
    let waiting = operator
        .requests()
        .list_requests(waiting)
        .await
        .expect("listed")
        .into_inner();
    assert!(waiting.requests.is_empty());
}

#[tokio::test]
async fn rules_about_partners_are_kept_and_shown() {
    let daemon = Daemon::acme().await;
    let operator = daemon.client(None).await;
    let allow = v1::AllowPartnerRequest {
        pattern: "*.example".to_owned(),
        remove: false,
    };
    let rules = operator
        .partners()
        .allow_partner(allow)
        .await
        .expect("allowed")
        .into_inner()
        .rules;
    assert_eq!(rules.len(), 1);
    let deny = |pattern: &str, remove| v1::DenyPartnerRequest {
        pattern: pattern.to_owned(),
        remove,
    };
    operator
        .partners()
        .deny_partner(deny("globex.example", false))
        .await
        .expect("denied");
    let bob = daemon.client(Some("bob")).await;
    assert_eq!(
        reason(bob.channels().share_channel(share("globex.example")).await),
        "PARTNER_DENIED"
    );
    assert_eq!(
        reason(operator.partners().deny_partner(deny("??", false)).await),
        "PATTERN_INVALID"
    );
    let rules = operator
        .partners()
        .deny_partner(deny("globex.example", true))
        .await;
    assert_eq!(rules.expect("taken off").into_inner().rules.len(), 1);
    let suspend = v1::SuspendPartnerRequest {
        partner: "globex.example".to_owned(),
        go_on: true,
        ..v1::SuspendPartnerRequest::default()
    };
    assert_eq!(
        reason(operator.partners().suspend_partner(suspend).await),
        "NOT_IN_THIS_RELEASE"
    );
    let reasoned = v1::SuspendPartnerRequest {
        partner: "globex.example".to_owned(),
        reason: "key stolen".to_owned(),
        ..v1::SuspendPartnerRequest::default()
    };
    assert_eq!(
        reason(operator.partners().suspend_partner(reasoned).await),
        "NOT_IN_THIS_RELEASE"
    );
}

#[tokio::test]
async fn a_channel_is_shown_with_what_waits_for_it() {
    let daemon = Daemon::acme().await;
    let bob = daemon.client(Some("bob")).await;
    bob.channels()
        .share_channel(share("globex.example"))
        .await
        .expect("asked");
    let again = v1::ShareChannelRequest {
        idempotency_key: String::new(),
        ..share("initech.example")
    };
    let again = bob.channels().share_channel(again).await;
    let again = again.expect_err("it waits");
    assert_eq!(
        again.message(),
        "REQ-0001 asks to share this channel already, and waits"
    );
    assert_eq!(refused::<()>(Err(again)).1, "REQUEST_EXISTS");
    let get = v1::GetChannelRequest {
        channel: "launch".to_owned(),
    };
    let channel = bob
        .channels()
        .get_channel(get)
        .await
        .expect("there")
        .into_inner()
        .channel
        .expect("which");
    assert_eq!(channel.requests_waiting, ["REQ-0001"]);
    assert!(channel.joined && !channel.shared && channel.member_count == 2);
    assert_eq!(channel.state(), v1::ChannelState::Open);
    let rename = v1::RenameChannelRequest {
        channel: channel.channel_id,
        name: "lift-off".to_owned(),
    };
    let renamed = bob
        .channels()
        .rename_channel(rename)
        .await
        .expect("renamed")
        .into_inner();
    assert_eq!(renamed.channel.expect("which").name, "lift-off");
    assert_eq!(
        reason(bob.messages().post(posting("launch", "x")).await),
        "CHANNEL_UNKNOWN"
    );
}

#[tokio::test]
async fn an_administrator_invites_without_a_channel_and_once_per_key() {
    let daemon = Daemon::acme().await;
    let anna = daemon.client(Some("anna")).await;
    let invite = v1::InvitePartnerRequest {
        handle: "globex.example".to_owned(),
        idempotency_key: "i".to_owned(),
    };
    for (client, expected) in [
        (daemon.client(Some("bob")).await, "NOT_ADMINISTRATOR"),
        (daemon.client(None).await, "MEMBER_NEEDED"),
    ] {
        let refused = client.partners().invite_partner(invite.clone()).await;
        assert_eq!(reason(refused), expected);
    }
    let made = anna.partners().invite_partner(invite.clone()).await;
    let made = made.expect("invited").into_inner();
    assert!(made.invitation_text.starts_with("foedus-invitation-v1."));
    let repeated = anna.partners().invite_partner(invite.clone()).await;
    assert_eq!(repeated.expect("the same answer").into_inner(), made);
    let another = v1::InvitePartnerRequest {
        idempotency_key: "j".to_owned(),
        ..invite
    };
    let refused = anna.partners().invite_partner(another).await;
    assert_eq!(reason(refused), "INVITATION_OPEN");
    let shown = v1::GetInvitationRequest {
        invitation_id: made.invitation.expect("which").invitation_id,
    };
    let shown = anna.invitations().get_invitation(shown).await;
    let shown = shown.expect("shown").into_inner();
    assert_eq!(shown.invitation_text, made.invitation_text);
}

#[tokio::test]
async fn a_project_is_begun_once_per_key_and_its_end_is_said() {
    let daemon = Daemon::acme().await;
    let anna = daemon.client(Some("anna")).await;
    let create = v1::CreateProjectRequest {
        name: "Library".to_owned(),
        no_end: true,
        idempotency_key: "p".to_owned(),
        ..v1::CreateProjectRequest::default()
    };
    let unsaid = v1::CreateProjectRequest {
        no_end: false,
        ..create.clone()
    };
    let refused = anna.projects().create_project(unsaid.clone()).await;
    assert_eq!(reason(refused), "END_NEEDED");
    let twice = v1::CreateProjectRequest {
        ends_at: Some(prost_types::Timestamp {
            seconds: 4_000_000_000,
            nanos: 0,
        }),
        ..create.clone()
    };
    assert_eq!(
        reason(anna.projects().create_project(twice).await),
        "END_TWICE"
    );
    let made = anna.projects().create_project(create.clone()).await;
    let made = made.expect("begun").into_inner();
    let repeated = anna.projects().create_project(create).await;
    assert_eq!(repeated.expect("the same answer").into_inner(), made);
    let extend = v1::ExtendProjectRequest {
        project: "Library".to_owned(),
        ..v1::ExtendProjectRequest::default()
    };
    let refused = anna.projects().extend_project(extend).await;
    assert_eq!(reason(refused), "END_NEEDED");
    let end = |channel: &str| v1::TerminateChannelRequest {
        channel: channel.to_owned(),
        idempotency_key: String::new(),
        preview: false,
    };
    let refused = anna.channels().terminate_channel(end("launch")).await;
    assert_eq!(reason(refused), "CHANNEL_NOT_SHARED");
}
