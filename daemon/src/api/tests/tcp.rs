//! Over TCP: tokens, scopes, TLS, and what needs no token.

use tonic::transport::{Certificate, ClientTlsConfig};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::*;
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

/// The answer may hold what the lesser token is not to see: here the secret of an invitation.
#[tokio::test]
async fn a_key_does_not_give_a_lesser_token_the_answer_of_a_greater() {
    let daemon = acme_over(loopback(None)).await;
    let all = [
        v1::TokenScope::Read,
        v1::TokenScope::Write,
        v1::TokenScope::Administer,
    ];
    let (_, greater) = token(&daemon, "anna", &all).await;
    let (_, lesser) = token(&daemon, "anna", &all[..1]).await;
    let channel = clear(&daemon).await;
    let (greater, lesser) = (
        bearing(channel.clone(), &greater),
        bearing(channel, &lesser),
    );
    let invite = v1::InvitePartnerRequest {
        handle: "globex.example".to_owned(),
        idempotency_key: "i".to_owned(),
    };
    let made = greater.partners().invite_partner(invite.clone()).await;
    made.expect("invited");
    let repeated = lesser.partners().invite_partner(invite.clone()).await;
    assert_eq!(reason(repeated), "SCOPE_MISSING");
    greater
        .partners()
        .invite_partner(invite)
        .await
        .expect("the same answer");
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
