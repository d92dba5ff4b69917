//! The organisation, its members and tokens, lists by pages, and the audit log.

use super::*;

#[tokio::test]
async fn a_daemon_without_identity_serves_init_and_status_only() {
    let daemon = Daemon::start().await;
    let operator = daemon.client(None).await;
    let status = operator
        .organisation()
        .get_status(v1::GetStatusRequest {})
        .await;
    let status = status.expect("served").into_inner();
    assert!(!status.initialised && status.started_at.is_some() && !status.version.is_empty());
    let identity = operator
        .organisation()
        .get_identity(v1::GetIdentityRequest {})
        .await;
    let expected = (Code::FailedPrecondition, "NOT_INITIALISED".to_owned());
    assert_eq!(refused(identity), expected);
    let members = operator
        .members()
        .list_members(v1::ListMembersRequest::default())
        .await;
    assert_eq!(refused(members), expected);
    let streamed = operator
        .messages()
        .subscribe(v1::SubscribeRequest::default())
        .await;
    assert_eq!(refused(streamed), expected);
    daemon.stop().await;
}

fn init(key: &str) -> v1::InitRequest {
    v1::InitRequest {
        handle: "acme.example".to_owned(),
        administrator: "anna".to_owned(),
        idempotency_key: key.to_owned(),
        ..v1::InitRequest::default()
    }
}

#[tokio::test]
async fn an_organisation_is_made_once() {
    let daemon = Daemon::start().await;
    let operator = daemon.client(None).await;
    let bad_handle = v1::InitRequest {
        handle: "Not a domain".to_owned(),
        ..init("")
    };
    let refusal = operator.organisation().init(bad_handle).await;
    assert_eq!(
        refused(refusal),
        (Code::InvalidArgument, "HANDLE_INVALID".to_owned())
    );
    let no_domain = v1::InitRequest {
        handle: "acme".to_owned(),
        ..init("")
    };
    assert_eq!(
        reason(operator.organisation().init(no_domain).await),
        "HANDLE_INVALID"
    );
    let bad_endpoint = v1::InitRequest {
        endpoints: vec!["acme.example".to_owned()],
        ..init("")
    };
    assert_eq!(
        reason(operator.organisation().init(bad_endpoint).await),
        "ENDPOINT_INVALID"
    );
    let made = operator
        .organisation()
        .init(init("k"))
        .await
        .expect("made")
        .into_inner();
    let again = operator
        .organisation()
        .init(init("k"))
        .await
        .expect("repeated")
        .into_inner();
    assert_eq!(made, again);
    assert_eq!(made.administrator, "anna@acme.example");
    // Who is named by the address that lists show is the same.
    let anna = daemon.client(Some("anna@acme.example")).await;
    let asked = v1::GetIdentityRequest {};
    assert!(anna.organisation().get_identity(asked).await.is_ok());
    let other = daemon.client(Some("anna@globex.example")).await;
    assert_eq!(
        reason(other.organisation().get_identity(asked).await),
        "MEMBER_UNKNOWN"
    );
    let other = v1::InitRequest {
        handle: "other.example".to_owned(),
        ..init("k")
    };
    assert_eq!(
        reason(operator.organisation().init(other).await),
        "IDEMPOTENCY_KEY_REUSED"
    );
    let refusal = operator.organisation().init(init("")).await;
    assert_eq!(
        refused(refusal),
        (Code::AlreadyExists, "ALREADY_INITIALISED".to_owned())
    );
    let shown = operator
        .organisation()
        .get_identity(v1::GetIdentityRequest {})
        .await;
    let identity = shown.expect("there").into_inner().identity.expect("which");
    assert_eq!(Some(&identity), made.identity.as_ref());
    assert_eq!(identity.endpoints, ["acme.example:7433"]);
    assert!(identity.note.starts_with("foedus/identity/v1\n"));
    let status = operator
        .organisation()
        .get_status(v1::GetStatusRequest {})
        .await;
    let status = status.expect("served").into_inner();
    assert!(
        status.initialised && status.store_engine == "memory" && status.disk_free_bytes > Some(0)
    );
    assert_eq!(status.counts.expect("counted").members, 1);
}

#[tokio::test]
async fn members_come_and_go() {
    let daemon = Daemon::acme().await;
    let operator = daemon.client(None).await;
    let bob = daemon.client(Some("bob")).await;
    let add = v1::AddMemberRequest {
        name: "carol".to_owned(),
        display_name: "Carol".to_owned(),
        roles: vec![v1::Role::Administrator.into()],
        idempotency_key: "1".to_owned(),
        ..v1::AddMemberRequest::default()
    };
    assert_eq!(
        reason(bob.members().add_member(add.clone()).await),
        "NOT_ADMINISTRATOR"
    );
    let carol = operator
        .members()
        .add_member(add.clone())
        .await
        .expect("added")
        .into_inner();
    let again = operator
        .members()
        .add_member(add.clone())
        .await
        .expect("repeated")
        .into_inner();
    assert_eq!(carol, again);
    let carol = carol.member.expect("who");
    assert_eq!(carol.address, "carol@acme.example");
    assert!(carol.active && carol.roles().any(|role| role == v1::Role::Administrator));
    let taken = v1::AddMemberRequest {
        idempotency_key: "2".to_owned(),
        ..add.clone()
    };
    assert_eq!(
        reason(operator.members().add_member(taken).await),
        "NAME_TAKEN"
    );
    let long_key = v1::AddMemberRequest {
        idempotency_key: "k".repeat(65),
        ..add
    };
    assert_eq!(
        reason(operator.members().add_member(long_key).await),
        "IDEMPOTENCY_KEY_TOO_LONG"
    );
    let auditor = v1::AddMemberRequest {
        name: "dave".to_owned(),
        roles: vec![v1::Role::Auditor.into()],
        ..v1::AddMemberRequest::default()
    };
    let refusal = operator.members().add_member(auditor).await;
    assert_eq!(
        refused(refusal),
        (Code::Unimplemented, "NOT_IN_THIS_RELEASE".to_owned())
    );
    for name in [carol.member_id.as_str(), "nobody", "mem_x", ""] {
        let request = v1::DeactivateMemberRequest {
            member: name.to_owned(),
            preview: false,
        };
        let gone = operator.members().deactivate_member(request).await;
        let expected = match name {
            "nobody" => "MEMBER_UNKNOWN",
            "mem_x" => "ID_INVALID",
            "" => "FIELD_NEEDED",
            _ => {
                assert!(!gone.expect("done").into_inner().member.expect("who").active);
                continue;
            }
        };
        assert_eq!(reason(gone), expected);
    }
    let as_carol = daemon.client(Some("carol")).await;
    let refusal = as_carol
        .messages()
        .post(posting("launch", "still here"))
        .await;
    assert_eq!(reason(refusal), "MEMBER_INACTIVE");
    let as_nobody = daemon.client(Some("nobody")).await;
    assert_eq!(
        reason(as_nobody.messages().post(posting("launch", "x")).await),
        "MEMBER_UNKNOWN"
    );
}

#[tokio::test]
async fn lists_come_in_pages() {
    let daemon = Daemon::acme().await;
    let operator = daemon.client(None).await;
    for number in 0..5 {
        add_member(&operator, &format!("m{number}")).await;
    }
    let mut names = Vec::new();
    let mut token = String::new();
    let mut pages = 0;
    loop {
        let request = v1::ListMembersRequest {
            page_size: 3,
            page_token: token,
            ..v1::ListMembersRequest::default()
        };
        let page = operator
            .members()
            .list_members(request)
            .await
            .expect("listed")
            .into_inner();
        names.extend(page.members.into_iter().map(|member| member.name));
        pages += 1;
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["anna", "bob", "m0", "m1", "m2", "m3", "m4"]);
    assert_eq!(pages, 3);
    let bad = |page_token: &str| v1::ListMembersRequest {
        page_token: page_token.to_owned(),
        ..v1::ListMembersRequest::default()
    };
    assert_eq!(
        reason(operator.members().list_members(bad("nonsense")).await),
        "PAGE_TOKEN_INVALID"
    );
    let of_channels = page::seal("channels", b"launch");
    assert_eq!(
        reason(operator.members().list_members(bad(&of_channels)).await),
        "PAGE_TOKEN_INVALID"
    );
}

#[tokio::test]
async fn tokens_are_made_shown_once_and_revoked() {
    let daemon = Daemon::acme().await;
    let operator = daemon.client(None).await;
    let create = v1::CreateTokenRequest {
        member: "bob".to_owned(),
        label: "laptop".to_owned(),
        idempotency_key: "t".to_owned(),
        ..v1::CreateTokenRequest::default()
    };
    let made = operator
        .tokens()
        .create_token(create.clone())
        .await
        .expect("made")
        .into_inner();
    assert!(made.secret.starts_with("foedus_"));
    let again = operator
        .tokens()
        .create_token(create)
        .await
        .expect("repeated")
        .into_inner();
    assert_eq!((again.secret.as_str(), &again.token), ("", &made.token));
    let token = made.token.expect("which");
    assert_eq!(token.member, "bob@acme.example");
    assert!(token.expires_at.is_some() && token.scopes.len() == 2);
    let nobodys = v1::CreateTokenRequest::default();
    assert_eq!(
        reason(operator.tokens().create_token(nobodys).await),
        "MEMBER_NEEDED"
    );
    let bob = daemon.client(Some("bob")).await;
    let list = |member: &str| v1::ListTokensRequest {
        member: member.to_owned(),
        ..v1::ListTokensRequest::default()
    };
    let own = bob
        .tokens()
        .list_tokens(list(""))
        .await
        .expect("his own")
        .into_inner();
    assert_eq!(own.tokens.len(), 1);
    assert_eq!(
        reason(bob.tokens().list_tokens(list("anna")).await),
        "NOT_ADMINISTRATOR"
    );
    let revoke = |token_id: &str| v1::RevokeTokenRequest {
        token_id: token_id.to_owned(),
    };
    assert_eq!(
        reason(operator.tokens().revoke_token(revoke("tok_")).await),
        "ID_INVALID"
    );
    let revoked = bob
        .tokens()
        .revoke_token(revoke(&token.token_id))
        .await
        .expect("his own");
    assert!(revoked.into_inner().token.expect("which").revoked);
    let left = operator
        .tokens()
        .list_tokens(list(""))
        .await
        .expect("listed")
        .into_inner();
    assert!(left.tokens.is_empty());
}

#[tokio::test]
async fn the_audit_log_says_who_did_what() {
    let daemon = Daemon::acme().await;
    let operator = daemon.client(None).await;
    let bob = daemon.client(Some("bob")).await;
    let add = v1::AddMemberRequest {
        name: "eve".to_owned(),
        ..v1::AddMemberRequest::default()
    };
    assert_eq!(
        reason(bob.members().add_member(add).await),
        "NOT_ADMINISTRATOR"
    );
    let list = v1::ListAuditRecordsRequest::default();
    assert_eq!(
        reason(bob.audit().list_audit_records(list.clone()).await),
        "NOT_ADMINISTRATOR"
    );
    let all = operator
        .audit()
        .list_audit_records(list)
        .await
        .expect("listed")
        .into_inner();
    let newest = &all.records[0];
    assert_eq!(
        (newest.actor.as_str(), newest.action.as_str()),
        ("bob@acme.example", "member.add")
    );
    assert_eq!(newest.outcome(), v1::AuditOutcome::Denied);
    assert_eq!(newest.rule, "NOT_ADMINISTRATOR");
    assert!(
        all.records
            .last()
            .expect("the first")
            .action
            .contains("init")
    );
    let created = all
        .records
        .iter()
        .find(|record| record.action == "channel.create");
    assert_eq!(created.expect("there").actor, "anna@acme.example");
    let mut paged = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListAuditRecordsRequest {
            page_size: 2,
            page_token,
            ..v1::ListAuditRecordsRequest::default()
        };
        let page = operator
            .audit()
            .list_audit_records(request)
            .await
            .expect("listed")
            .into_inner();
        paged.extend(page.records);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, all.records);
    let denied = v1::ListAuditRecordsRequest {
        denied_only: true,
        actor: "bob".to_owned(),
        ..v1::ListAuditRecordsRequest::default()
    };
    let denied = operator
        .audit()
        .list_audit_records(denied)
        .await
        .expect("listed")
        .into_inner();
    assert_eq!(denied.records, all.records[..1]);
}

#[tokio::test]
async fn names_that_mean_nothing_are_refused_each_in_its_way() {
    let daemon = Daemon::acme().await;
    let anna = daemon.client(Some("anna")).await;
    let channel = |channel: &str| v1::GetChannelRequest {
        channel: channel.to_owned(),
    };
    for (name, expected) in [
        ("nowhere", "CHANNEL_UNKNOWN"),
        ("", "FIELD_NEEDED"),
        ("chan_x", "ID_INVALID"),
        (&ChannelId([9; 32]).to_string(), "CHANNEL_UNKNOWN"),
    ] {
        assert_eq!(
            reason(anna.channels().get_channel(channel(name)).await),
            expected,
            "{name}"
        );
    }
    let partner = |partner: &str| v1::GetPartnerRequest {
        partner: partner.to_owned(),
    };
    for (name, expected) in [
        ("globex.example", "PARTNER_UNKNOWN"),
        ("Not A Handle", "HANDLE_INVALID"),
        ("org_x", "ID_INVALID"),
        ("", "FIELD_NEEDED"),
    ] {
        assert_eq!(
            reason(anna.partners().get_partner(partner(name)).await),
            expected,
            "{name}"
        );
    }
    let project = v1::GetProjectRequest {
        project: "Launch".to_owned(),
    };
    assert_eq!(
        reason(anna.projects().get_project(project).await),
        "PROJECT_UNKNOWN"
    );
    let request = v1::GetRequestRequest { number: 7 };
    assert_eq!(
        reason(anna.requests().get_request(request).await),
        "REQUEST_UNKNOWN"
    );
    let accept = v1::AcceptInvitationRequest {
        invitation_text: "foedus-invitation-v1.x".to_owned(),
        ..v1::AcceptInvitationRequest::default()
    };
    assert_eq!(
        reason(anna.partners().accept_invitation(accept).await),
        "INVITATION_INVALID"
    );
    let confirm = v1::ConfirmPartnerRequest {
        reply_text: "foedus-reply-v1.x".to_owned(),
        ..v1::ConfirmPartnerRequest::default()
    };
    assert_eq!(
        reason(anna.partners().confirm_partner(confirm).await),
        "REPLY_INVALID"
    );
}

/// A caller that goes away in mid-call leaves nothing half done, and gets the answer when it asks again.
#[tokio::test]
async fn what_was_begun_is_done_also_when_its_caller_is_gone() {
    let daemon = Daemon::start().await;
    let facts = Facts {
        store_engine: "memory".to_owned(),
        data: daemon.folder.path().to_owned(),
        link_listen_addresses: Vec::new(),
        disk_reserve_bytes: 0,
        store_advised_bytes: 1 << 30,
    };
    let api = Api::new(daemon.runtime.clone(), facts, None, daemon.tasks.clone());
    let caller = super::super::caller::Caller {
        credential: super::super::caller::Credential::Socket {
            uid: 1000,
            as_member: None,
        },
        actor: foedus_policy::action::Actor::Operator {
            uid: 1000,
            as_member: None,
        },
        deadline: None,
    };
    let (go_on, told) = tokio::sync::watch::channel(false);
    let ask = || v1::InitRequest {
        handle: "acme.example".to_owned(),
        idempotency_key: "key".to_owned(),
        ..v1::InitRequest::default()
    };
    let first = api.once(&caller, "init", "key".to_owned(), ask(), {
        let mut told = told.clone();
        move |api, caller, request| async move {
            told.wait_for(|told| *told).await.expect("it is told");
            api.initialise(&caller, request).await
        }
    });
    let gone = tokio::time::timeout(Duration::from_millis(20), first).await;
    assert!(gone.is_err(), "the caller is gone before anything was done");
    assert!(daemon.runtime.snapshot().org().is_none());
    go_on.send_replace(true);
    let again = api
        .once(&caller, "init", "key".to_owned(), ask(), |_, _, _| async {
            panic!("it is not done again")
        })
        .await;
    let again: v1::InitResponse = again.expect("the first answer");
    assert_eq!(again.identity.expect("whose").handle, "acme.example");
}

/// What somebody may not find is not counted for him either.
#[tokio::test]
async fn private_channels_are_counted_for_those_who_may_find_them() {
    let daemon = Daemon::acme().await;
    let create = v1::CreateChannelRequest {
        name: "secret".to_owned(),
        visibility: v1::Visibility::Private.into(),
        ..v1::CreateChannelRequest::default()
    };
    let anna = daemon.client(Some("anna")).await;
    anna.channels().create_channel(create).await.expect("made");
    for (who, local) in [(Some("anna"), 2), (Some("bob"), 1), (None, 2)] {
        let client = daemon.client(who).await;
        let mut organisation = client.organisation();
        let status = organisation.get_status(v1::GetStatusRequest {}).await;
        let counts = status.expect("served").into_inner().counts;
        assert_eq!(counts.expect("counted").local_channels, local, "{who:?}");
    }
}
