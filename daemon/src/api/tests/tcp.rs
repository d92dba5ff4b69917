//! Over TCP: tokens, scopes, TLS, and what needs no token.

use foedus_federation::pairing::Invitation;
use tokio::net::TcpListener;
use tonic::transport::{Certificate, ClientTlsConfig};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::*;
use crate::bounds::ACCEPTING_PER_CALLER_MAX;
use crate::bounds::api::{CLOSE_GRACE, UNPROVED_TIMEOUT};

fn loopback(tls: Option<TlsFiles>) -> Option<TcpConfig> {
    Some(TcpConfig {
        listen: "127.0.0.1:0".parse().expect("an address"),
        tls,
    })
}

async fn acme_over(tcp: Option<TcpConfig>) -> Daemon {
    let folder = tempfile::tempdir().expect("a folder");
    let daemon = Daemon::start_with(folder, MemoryEngine::new(VirtualDisk::new()), tcp).await;
    daemon.make_acme().await;
    daemon
}

async fn token(daemon: &Daemon, member: &str, scopes: &[v1::TokenScope]) -> (String, String) {
    let create = v1::CreateTokenRequest {
        member: member.to_owned(),
        scopes: scopes.iter().map(|scope| (*scope).into()).collect(),
        ..v1::CreateTokenRequest::default()
    };
    let made = daemon
        .client(None)
        .await
        .tokens()
        .create_token(create)
        .await;
    let made = made.expect("made").into_inner();
    (made.token.expect("which").token_id, made.secret)
}

async fn clear(daemon: &Daemon) -> Channel {
    let address = daemon.tcp.expect("served over TCP");
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    endpoint.connect().await.expect("served")
}

fn bearing(channel: Channel, secret: &str) -> Client {
    let headers = Headers(vec![("authorization", format!("Bearer {secret}"))]);
    Client(InterceptedService::new(channel, headers))
}

#[tokio::test]
async fn a_token_gives_what_its_scopes_say() {
    let daemon = acme_over(loopback(None)).await;
    let channel = clear(&daemon).await;
    let nobody = Client(InterceptedService::new(
        channel.clone(),
        Headers(Vec::new()),
    ));
    let refusal = nobody.messages().post(posting("launch", "x")).await;
    assert_eq!(
        refused(refusal),
        (Code::Unauthenticated, "TOKEN_NEEDED".to_owned())
    );
    let stranger = bearing(channel.clone(), "foedus_nonsense");
    assert_eq!(
        reason(stranger.messages().post(posting("launch", "x")).await),
        "TOKEN_INVALID"
    );
    let (id, secret) = token(&daemon, "bob", &[]).await;
    let bob = bearing(channel.clone(), &secret);
    post(&bob, "by token").await;
    assert_eq!(
        reason(
            bob.members()
                .add_member(v1::AddMemberRequest::default())
                .await
        ),
        "NOT_ADMINISTRATOR"
    );
    let (_, secret) = token(&daemon, "bob", &[v1::TokenScope::Read]).await;
    let reader = bearing(channel.clone(), &secret);
    let read = v1::ListHistoryRequest {
        channel: "launch".to_owned(),
        ..v1::ListHistoryRequest::default()
    };
    assert!(reader.messages().list_history(read.clone()).await.is_ok());
    assert_eq!(
        reason(reader.messages().post(posting("launch", "x")).await),
        "SCOPE_MISSING"
    );
    let (_, secret) = token(&daemon, "anna", &[v1::TokenScope::Write]).await;
    let writer = bearing(channel.clone(), &secret);
    assert_eq!(
        reason(writer.messages().list_history(read).await),
        "SCOPE_MISSING"
    );
    assert_eq!(
        reason(
            writer
                .members()
                .list_members(v1::ListMembersRequest::default())
                .await
        ),
        "SCOPE_MISSING"
    );
    let revoke = v1::RevokeTokenRequest { token_id: id };
    daemon
        .client(None)
        .await
        .tokens()
        .revoke_token(revoke)
        .await
        .expect("revoked");
    assert_eq!(
        reason(bob.messages().post(posting("launch", "x")).await),
        "TOKEN_REVOKED"
    );
    let mut pretender = Headers(vec![("foedus-as", "anna".to_owned())]);
    pretender
        .0
        .push(("authorization", format!("Bearer {secret}")));
    let pretender = Client(InterceptedService::new(channel, pretender));
    assert_eq!(
        reason(pretender.messages().post(posting("launch", "x")).await),
        "AS_ONLY_ON_SOCKET"
    );
}

/// What a greater token was answered is not for a lesser one of the same member, whatever key it repeats.
#[tokio::test]
async fn a_key_repeats_nothing_to_a_token_of_other_scopes() {
    let daemon = acme_over(loopback(None)).await;
    let channel = clear(&daemon).await;
    let all = [
        v1::TokenScope::Read,
        v1::TokenScope::Write,
        v1::TokenScope::Administer,
    ];
    let invite = |secret: String| {
        let client = bearing(channel.clone(), &secret);
        let invite = v1::InvitePartnerRequest {
            handle: "globex.example".to_owned(),
            idempotency_key: "k".to_owned(),
        };
        async move { client.partners().invite_partner(invite).await }
    };
    let (_, full) = token(&daemon, "anna", &all).await;
    let invited = invite(full).await.expect("invited").into_inner();
    assert!(!invited.invitation_text.is_empty());
    let (_, reader) = token(&daemon, "anna", &all[..1]).await;
    assert_eq!(reason(invite(reader).await), "SCOPE_MISSING");
    // Another token that may as much asks for the same.
    let (_, other) = token(&daemon, "anna", &all).await;
    let again = invite(other).await.expect("repeated").into_inner();
    assert_eq!(again, invited);
}

/// An invitation by Globex that says to dial there.
async fn invitation_to(address: &str) -> String {
    let globex = Daemon::start().await;
    let init = v1::InitRequest {
        handle: "globex.example".to_owned(),
        administrator: "gina".to_owned(),
        ..v1::InitRequest::default()
    };
    let operator = globex.client(None).await;
    operator.organisation().init(init).await.expect("made");
    let invite = v1::InvitePartnerRequest {
        handle: "acme.example".to_owned(),
        ..v1::InvitePartnerRequest::default()
    };
    let gina = globex.client(Some("gina")).await;
    let invited = gina.partners().invite_partner(invite).await;
    let text = invited.expect("invited").into_inner().invitation_text;
    let mut invitation = Invitation::parse(&text).expect("it reads");
    invitation.addresses = [address.parse().expect("an address")].into();
    invitation.encode().expect("an invitation")
}

/// A listener on which nobody is answered, and an invitation that says to dial there.
async fn silent_inviter() -> (TcpListener, v1::AcceptInvitationRequest) {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("bound").to_string();
    let accept = v1::AcceptInvitationRequest {
        invitation_text: invitation_to(&address).await,
        ..v1::AcceptInvitationRequest::default()
    };
    (silent, accept)
}

/// Whoever may not take up an invitation sends the daemon nowhere, either, and is in the audit log.
#[tokio::test]
async fn an_invitation_that_is_refused_is_not_dialled() {
    let daemon = acme_over(loopback(None)).await;
    let (_, secret) = token(&daemon, "anna", &[v1::TokenScope::Read]).await;
    let reader = bearing(clear(&daemon).await, &secret);
    let (silent, accept) = silent_inviter().await;
    let mut partners = reader.partners();
    let refusal = tokio::select! {
        biased;
        _ = silent.accept() => panic!("the address was dialled"),
        refusal = partners.accept_invitation(accept) => refusal,
    };
    assert_eq!(reason(refusal), "SCOPE_MISSING");
    let dialled = tokio::time::timeout(Duration::from_millis(50), silent.accept()).await;
    assert!(dialled.is_err(), "the address was dialled afterwards");
    let operator = daemon.client(None).await;
    let list = v1::ListAuditRecordsRequest {
        denied_only: true,
        ..v1::ListAuditRecordsRequest::default()
    };
    let listed = operator.audit().list_audit_records(list).await;
    let records = listed.expect("listed").into_inner().records;
    assert_eq!(records[0].action, "partner.accept", "{records:?}");
}

/// Whoever asks and goes away, again and again, has the daemon dial a few at a time.
#[tokio::test]
async fn few_invitations_of_one_caller_are_dialled_at_a_time() {
    let daemon = acme_over(loopback(None)).await;
    let anna = daemon.client(Some("anna")).await;
    let (silent, accept) = silent_inviter().await;
    let mut refused_at_once = 0;
    let mut held = Vec::new();
    for _ in 0..2 * ACCEPTING_PER_CALLER_MAX {
        let mut partners = anna.partners();
        tokio::select! {
            biased;
            dialled = silent.accept() => held.push(dialled.expect("taken")),
            refusal = partners.accept_invitation(accept.clone()) => {
                assert_eq!(refused(refusal), (Code::ResourceExhausted, "INVITATIONS_TOO_MANY".to_owned()));
                refused_at_once += 1;
            }
        }
    }
    assert_eq!(
        (held.len(), refused_at_once),
        (ACCEPTING_PER_CALLER_MAX, ACCEPTING_PER_CALLER_MAX)
    );
    // Others go on.
    let operator = daemon.client(None).await;
    let mut partners = operator.partners();
    tokio::select! {
        dialled = silent.accept() => held.push(dialled.expect("taken")),
        refusal = partners.accept_invitation(accept.clone()) => panic!("not dialled: {refusal:?}"),
    }
    // Who does not answer has room again when its connections are over.
    held.clear();
    drop(silent);
    let room = async {
        while let Err(status) = anna.partners().accept_invitation(accept.clone()).await {
            assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let taken = tokio::time::timeout(Duration::from_secs(10), room).await;
    taken.expect("there is room again");
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let daemon = acme_over(loopback(None)).await;
    let (id, secret) = token(&daemon, "bob", &[]).await;
    let bob = bearing(clear(&daemon).await, &secret);
    let request = v1::SubscribeRequest {
        channel: "launch".to_owned(),
        ..v1::SubscribeRequest::default()
    };
    let mut lists = bob
        .messages()
        .subscribe(request)
        .await
        .expect("begun")
        .into_inner();
    lists.message().await.expect("goes on").expect("the first");
    let revoke = v1::RevokeTokenRequest { token_id: id };
    daemon
        .client(None)
        .await
        .tokens()
        .revoke_token(revoke)
        .await
        .expect("revoked");
    let ended = tokio::time::timeout(Duration::from_secs(1), lists.message()).await;
    let status = ended.expect("within a second").expect_err("it ends");
    assert_eq!(
        status.get_details_error_info().expect("a reason").reason,
        "TOKEN_REVOKED"
    );
}

#[tokio::test]
async fn health_and_unknown_calls_are_answered() {
    let daemon = acme_over(loopback(None)).await;
    let channel = clear(&daemon).await;
    let mut health = HealthClient::new(channel.clone());
    let answer = health
        .check(HealthCheckRequest::default())
        .await
        .expect("answered");
    assert_eq!(answer.into_inner().status, 1);
    let (_, secret) = token(&daemon, "bob", &[]).await;
    let mut grpc = tonic::client::Grpc::new(bearing(channel, &secret).0);
    grpc.ready().await.expect("ready");
    let path = http::uri::PathAndQuery::from_static("/foedus.api.v1.MessageService/Sing");
    let codec = tonic_prost_codec();
    let answer: Result<Response<v1::PostResponse>, Status> = grpc
        .unary(Request::new(posting("launch", "la")), path, codec)
        .await;
    assert_eq!(
        refused(answer),
        (Code::Unimplemented, "CALL_UNKNOWN".to_owned())
    );
}

fn tonic_prost_codec() -> tonic_prost::ProstCodec<v1::PostRequest, v1::PostResponse> {
    tonic_prost::ProstCodec::default()
}

fn certificate(folder: &Path) -> (TlsFiles, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let files = TlsFiles {
        certificate: folder.join("api.pem"),
        key: folder.join("api.key"),
    };
    std::fs::write(&files.certificate, made.cert.pem()).expect("written");
    std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("written");
    (files, made.cert.pem())
}

#[tokio::test]
async fn over_tls_the_certificate_is_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, pem) = certificate(folder.path());
    let daemon = acme_over(loopback(Some(files))).await;
    let (_, secret) = token(&daemon, "bob", &[]).await;
    let port = daemon.tcp.expect("served over TCP").port();
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let endpoint = |pem: &str| {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
        Endpoint::from_shared(format!("https://localhost:{port}"))
            .and_then(|endpoint| endpoint.tls_config(tls))
            .expect("a sound configuration")
    };
    let channel = endpoint(&pem)
        .connect()
        .await
        .expect("a trusted certificate");
    post(&bearing(channel, &secret), "over TLS").await;
    let other = tempfile::tempdir().expect("a folder");
    let (_, other) = certificate(other.path());
    assert!(
        endpoint(&other).connect().await.is_err(),
        "another's certificate"
    );
    // Whoever says nothing is dropped after the handshake's time, and others are served meanwhile.
    let silent = tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("accepted");
    let channel = endpoint(&pem).connect().await.expect("served meanwhile");
    post(&bearing(channel, &secret), "meanwhile").await;
    drop(silent);
}

#[tokio::test]
async fn what_would_not_be_safe_is_not_served() {
    let open = TcpConfig {
        listen: "0.0.0.0:7080".parse().expect("an address"),
        tls: None,
    };
    let folder = tempfile::tempdir().expect("a folder");
    let config = |tcp: Option<TcpConfig>| ApiConfig {
        socket: folder.path().join("admin.sock"),
        tcp,
    };
    let error = config(Some(open)).check().expect_err("refused");
    assert!(matches!(error, ApiConfigError::Cleartext { .. }));
    let missing = TlsFiles {
        certificate: folder.path().join("none.pem"),
        key: folder.path().join("none.key"),
    };
    let error = config(loopback(Some(missing)))
        .check()
        .expect_err("refused");
    assert!(matches!(error, ApiConfigError::Pem { .. }));
    let (mut files, _) = certificate(folder.path());
    let other = tempfile::tempdir().expect("a folder");
    files.key = certificate(other.path()).0.key;
    let error = config(loopback(Some(files))).check().expect_err("refused");
    assert!(matches!(error, ApiConfigError::Tls(_)), "{error:?}");
    assert!(config(None).check().is_ok());
    let first = config(None).bind().await.expect("bound");
    let error = config(None).bind().await.expect_err("taken");
    assert!(matches!(error, ApiConfigError::SocketTaken { .. }));
    // What an earlier run left is replaced; a file that is no socket never is.
    drop(first);
    let second = config(None).bind().await.expect("bound again");
    drop(second);
    let path = folder.path().join("admin.sock");
    std::fs::remove_file(&path).expect("it is there");
    std::fs::write(&path, "mine").expect("written");
    let error = config(None).bind().await.expect_err("in the way");
    assert!(matches!(error, ApiConfigError::Socket { .. }));
    assert_eq!(std::fs::read(&path).expect("kept"), b"mine");
}

/// Whoever shows no token is not waited for.
#[tokio::test]
async fn a_connection_without_a_token_ends() {
    use tokio::io::AsyncReadExt as _;
    let daemon = acme_over(loopback(None)).await;
    let address = daemon.tcp.expect("it listens");
    let mut stranger = tokio::net::TcpStream::connect(address)
        .await
        .expect("taken");
    // From here on time passes as soon as nobody has anything to do.
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let mut said = Vec::new();
    // How it is closed says nothing.
    let _reset = stranger.read_to_end(&mut said).await.is_err();
    let waited = begun.elapsed();
    assert!(waited <= UNPROVED_TIMEOUT + 2 * CLOSE_GRACE, "{waited:?}");
}
