//! The program itself against a daemon that only refuses: what it says, and what it exits with.
//!
//! What it does with a real daemon is told by the whole-system tests.

use std::pin::Pin;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use foedus_proto::api::v1::message_service_server::{MessageService, MessageServiceServer};
use foedus_proto::api::v1::organisation_service_server::{
    OrganisationService, OrganisationServiceServer,
};
use foedus_proto::api::v1::{self, subscribe_item::Item};
use tokio::net::{TcpListener, UnixListener};
use tokio_stream::Stream;
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tonic::transport::server::Router;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt as _};

/// Refuses each call, and says in the refusal who asked.
#[derive(Clone, Default)]
struct Refusing {
    subscriptions: Arc<AtomicUsize>,
}

impl Refusing {
    fn refuse<T, R>(&self, request: &Request<T>) -> Result<Response<R>, Status> {
        let asked_by = |name| {
            request
                .metadata()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or("-")
        };
        let details = ErrorDetails::with_error_info(
            "NOT_FOR_YOU",
            "foedus",
            [
                ("rule".to_owned(), "test.rule".to_owned()),
                ("fix".to_owned(), "ask nicely\u{1b}[2J".to_owned()),
            ],
        );
        let message = format!(
            "refused {} as {}",
            asked_by("authorization"),
            asked_by("foedus-as")
        );
        Err(Status::with_error_details(
            Code::PermissionDenied,
            message,
            details,
        ))
    }
}

#[tonic::async_trait]
impl OrganisationService for Refusing {
    async fn init(
        &self,
        request: Request<v1::InitRequest>,
    ) -> Result<Response<v1::InitResponse>, Status> {
        self.refuse(&request)
    }

    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        self.refuse(&request)
    }

    async fn get_identity(
        &self,
        _: Request<v1::GetIdentityRequest>,
    ) -> Result<Response<v1::GetIdentityResponse>, Status> {
        Err(Status::new(Code::AlreadyExists, "it is there already"))
    }

    async fn renew_keys(
        &self,
        request: Request<v1::RenewKeysRequest>,
    ) -> Result<Response<v1::RenewKeysResponse>, Status> {
        self.refuse(&request)
    }
}

type Sent<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl MessageService for Refusing {
    type PostManyStream = Sent<v1::PostManyResponse>;
    type SubscribeStream = Sent<v1::SubscribeResponse>;

    async fn post(
        &self,
        _: Request<v1::PostRequest>,
    ) -> Result<Response<v1::PostResponse>, Status> {
        Err(Status::unavailable("the daemon is stopping"))
    }

    async fn post_many(
        &self,
        request: Request<Streaming<v1::PostManyRequest>>,
    ) -> Result<Response<Self::PostManyStream>, Status> {
        let mut lists = request.into_inner();
        let list = lists
            .message()
            .await?
            .ok_or_else(|| Status::invalid_argument("no list"))?;
        let refusal = v1::Refusal {
            reason: "CHANNEL_ENDED".to_owned(),
            text: format!("{} has ended", list.channel),
            rule: "channel.end".to_owned(),
            fix: "open another".to_owned(),
            code: Code::FailedPrecondition.into(),
        };
        let answer = v1::PostManyResponse {
            list_number: list.list_number,
            entry_refs: Vec::new(),
            refusal: Some(refusal),
        };
        Ok(Response::new(Box::pin(tokio_stream::iter([Ok(answer)]))))
    }

    async fn edit(
        &self,
        request: Request<v1::EditRequest>,
    ) -> Result<Response<v1::EditResponse>, Status> {
        self.refuse(&request)
    }

    async fn retract(
        &self,
        request: Request<v1::RetractRequest>,
    ) -> Result<Response<v1::RetractResponse>, Status> {
        self.refuse(&request)
    }

    async fn react(
        &self,
        request: Request<v1::ReactRequest>,
    ) -> Result<Response<v1::ReactResponse>, Status> {
        self.refuse(&request)
    }

    async fn list_history(
        &self,
        request: Request<v1::ListHistoryRequest>,
    ) -> Result<Response<v1::ListHistoryResponse>, Status> {
        self.refuse(&request)
    }

    /// Breaks off after one event; then goes on for whoever names the cursor; then refuses.
    async fn subscribe(
        &self,
        request: Request<v1::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let list = |text: &str, cursor: &str| {
            let event = v1::Event {
                entry_ref: format!("org_a/inc_b/{text}"),
                kind: v1::EventKind::Posted.into(),
                text: text.to_owned(),
                ..v1::Event::default()
            };
            Ok(v1::SubscribeResponse {
                items: vec![v1::SubscribeItem {
                    item: Some(Item::Event(event)),
                }],
                cursor: cursor.to_owned(),
            })
        };
        let asked = request.get_ref();
        match (
            self.subscriptions.fetch_add(1, Ordering::SeqCst),
            asked.cursor.as_str(),
            asked.from_start,
        ) {
            (0, "", true) => Ok(Response::new(Box::pin(tokio_stream::iter([
                list("one", "c1"),
                Err(Status::unavailable("the daemon is stopping")),
            ])))),
            (1, "c1", _) => Ok(Response::new(Box::pin(tokio_stream::iter([list(
                "two", "c2",
            )])))),
            (2, "c2", _) => self.refuse(&request),
            _ => Err(Status::internal(format!("unexpected {asked:?}"))),
        }
    }
}

fn services(server: &mut Server) -> Router {
    let refusing = Refusing::default();
    server
        .add_service(OrganisationServiceServer::new(refusing.clone()))
        .add_service(MessageServiceServer::new(refusing))
}

/// A daemon behind a socket in a folder that lasts as long as the value.
fn over_socket() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("admin.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    tokio::spawn(
        services(&mut Server::builder()).serve_with_incoming(UnixListenerStream::new(listener)),
    );
    (folder, format!("unix:{}", path.display()))
}

async fn foedus(words: &[&str], input: &'static str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foedus"));
    command.args(words).env_clear().env("HOME", "/nonexistent");
    tokio::task::spawn_blocking(move || {
        use std::io::Write as _;
        use std::process::Stdio;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdin = child.stdin.take().expect("piped");
        stdin
            .write_all(input.as_bytes())
            .expect("the program reads");
        drop(stdin);
        child.wait_with_output().expect("the program ends")
    })
    .await
    .expect("the wait does not panic")
}

fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_happened_which_rule_and_what_to_do() {
    let (_folder, server) = over_socket();
    let output = foedus(&["--server", &server, "--as", "anna", "status"], "").await;
    assert_eq!(
        error(&output),
        "error:  refused - as anna\nrule:   NOT_FOR_YOU (test.rule)\nto do:  ask nicely\\u{1b}[2J\n"
    );
    assert_eq!(output.status.code(), Some(77));
    assert_eq!(out(&output), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_get_the_refusal_as_an_object() {
    let (_folder, server) = over_socket();
    let output = foedus(
        &["--server", &server, "--output", "json", "history", "launch"],
        "",
    )
    .await;
    let json: serde_json::Value = serde_json::from_slice(&output.stderr).expect("JSON");
    assert_eq!(json["error"]["reason"], "NOT_FOR_YOU");
    assert_eq!(json["error"]["rule"], "test.rule");
    assert_eq!(json["error"]["exit_code"], 77);
    assert!(!error(&output).contains('\u{1b}'));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_refusals_have_other_codes() {
    let (_folder, server) = over_socket();
    let output = foedus(&["--server", &server, "identity", "show"], "").await;
    assert_eq!(output.status.code(), Some(73), "{}", error(&output));
    let output = foedus(&["--server", &server, "member", "list"], "").await;
    assert_eq!(output.status.code(), Some(76), "{}", error(&output));
    let output = foedus(&["--server", "unix:/nonexistent/admin.sock", "status"], "").await;
    assert_eq!(output.status.code(), Some(69), "{}", error(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_may_have_happened_says_how_to_repeat_it() {
    let (_folder, server) = over_socket();
    let output = foedus(
        &[
            "--server",
            &server,
            "--idempotency-key",
            "k1",
            "post",
            "launch",
            "-",
        ],
        "hello\n",
    )
    .await;
    assert_eq!(output.status.code(), Some(69));
    assert!(
        error(&output).contains("repeated with --idempotency-key k1 it is not done twice"),
        "{}",
        error(&output)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_list_ends_the_lines() {
    let (_folder, server) = over_socket();
    let output = foedus(
        &["--server", &server, "post", "launch", "--lines"],
        "one\ntwo\n",
    )
    .await;
    assert_eq!(output.status.code(), Some(77), "{}", error(&output));
    assert!(
        error(&output).contains("launch has ended (after 0 messages that are posted)"),
        "{}",
        error(&output)
    );
    assert!(
        error(&output).contains("CHANNEL_ENDED (channel.end)"),
        "{}",
        error(&output)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_goes_on_after_a_break_and_ends_with_a_refusal() {
    let (folder, server) = over_socket();
    let state = folder.path().join("state");
    let state = state.to_str().expect("UTF-8");
    let output = foedus(
        &[
            "--server", &server, "tail", "launch", "--from", "start", "--output", "json",
            "--state", state,
        ],
        "",
    )
    .await;
    assert_eq!(output.status.code(), Some(77), "{}", error(&output));
    let told: Vec<String> = out(&output)
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .map(|line: serde_json::Value| {
            let text = if line["item"] == "cursor" {
                &line["cursor"]
            } else {
                &line["text"]
            };
            text.as_str().expect("text").to_owned()
        })
        .collect();
    assert_eq!(told, ["one", "c1", "two", "c2"]);
    let kept = std::fs::read_to_string(state).expect("kept");
    assert!(kept.contains("\"c2\""), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_only_a_trusted_daemon_gets_the_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let certified = |name: &str| {
        let certified =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let path = folder.path().join(name);
        std::fs::write(&path, certified.cert.pem()).expect("written");
        (certified, path.to_str().expect("UTF-8").to_owned())
    };
    let (ours, trusted) = certified("ours.pem");
    let (_, other) = certified("other.pem");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let server = format!(
        "https://localhost:{}",
        listener.local_addr().expect("bound").port()
    );
    let identity = Identity::from_pem(ours.cert.pem(), ours.signing_key.serialize_pem());
    let mut tls = Server::builder()
        .tls_config(ServerTlsConfig::new().identity(identity))
        .expect("a configuration");
    tokio::spawn(services(&mut tls).serve_with_incoming(TcpListenerStream::new(listener)));

    let output = foedus(
        &[
            "--server", &server, "--ca", &trusted, "--token", "secret", "status",
        ],
        "",
    )
    .await;
    assert_eq!(output.status.code(), Some(77), "{}", error(&output));
    assert!(
        error(&output).contains("refused Bearer secret as -"),
        "{}",
        error(&output)
    );

    let output = foedus(
        &[
            "--server", &server, "--ca", &other, "--token", "secret", "status",
        ],
        "",
    )
    .await;
    assert_eq!(output.status.code(), Some(69), "{}", error(&output));
    assert!(error(&output).contains("certificate"), "{}", error(&output));
}
/// What the program says of itself with `--help` after these words.
async fn help(words: &[String]) -> String {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    out(&foedus(&[&words, ["--help"].as_slice()].concat(), "").await)
}

/// The commands below these words, as the help lists them.
fn listed(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// The words of the first example of a help, without what the shell does with it.
fn example(help: &str) -> Vec<String> {
    let line = help
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("foedus "))
        .unwrap_or_else(|| panic!("no example in {help}"));
    let line = line.split(['|', '<', '>']).next().expect("a first part");
    let mut words = Vec::new();
    for (position, part) in line.split('"').enumerate() {
        match position % 2 {
            1 => words.push(part.to_owned()),
            _ => words.extend(part.split_whitespace().map(str::to_owned)),
        }
    }
    words.split_off(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_answers_programs_in_json() {
    let (folder, server) = over_socket();
    let mut above: Vec<Vec<String>> = vec![Vec::new()];
    let mut asked = 0;
    while let Some(words) = above.pop() {
        let help = help(&words).await;
        let below = listed(&help);
        if !below.is_empty() {
            let one = |name| [words.as_slice(), &[name]].concat();
            above.extend(below.into_iter().map(one));
            continue;
        }
        // A script for a shell is what it is: `each_shell_is_given_a_script` has a look at it.
        if words == ["completion"] {
            continue;
        }
        asked += 1;
        let mut example = example(&help);
        assert_eq!(example[..words.len()], words, "the example of {words:?}");
        if words == ["man"] {
            // What it writes goes elsewhere than where a machine has its manual pages.
            let to = folder.path().join("man1");
            let place = example.last_mut().expect("it names a folder");
            *place = to.to_str().expect("UTF-8").to_owned();
        }
        let mut line = vec!["--server", &server, "--output", "json"];
        line.extend(example.iter().map(String::as_str));
        let output = foedus(&line, "").await;
        for line in out(&output).lines().filter(|_| output.status.success()) {
            assert!(!line.contains('\u{1b}'), "{example:?}: {line}");
        }
        let (said, complained) = (out(&output), error(&output));
        let values = serde_json::Deserializer::from_str(&said).into_iter::<serde_json::Value>();
        assert!(
            values.count() > 0 || !output.status.success(),
            "{example:?} said nothing"
        );
        let values = serde_json::Deserializer::from_str(&said).into_iter::<serde_json::Value>();
        for value in values {
            assert!(value.is_ok(), "{example:?}: {said}");
        }
        if output.status.success() {
            assert_eq!(complained, "", "{example:?}");
            continue;
        }
        let refusal: serde_json::Value = serde_json::from_str(&complained)
            .unwrap_or_else(|error| panic!("{example:?}: {error}: {complained}"));
        assert_eq!(
            refusal["error"]["exit_code"].as_i64(),
            output.status.code().map(i64::from),
            "{example:?}: {refusal}"
        );
    }
    assert!(asked > 40, "only {asked} commands were found");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_shell_is_given_a_script_that_knows_the_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = foedus(&["completion", shell], "").await;
        assert!(output.status.success(), "{shell}: {}", error(&output));
        let script = out(&output);
        for command in ["archive", "withdraw"] {
            assert!(script.contains(command), "{shell} is not told of {command}");
        }
    }
    let script = out(&foedus(&["completion", "bash"], "").await);
    // As the shell reads it, without doing it.
    let read = tokio::task::spawn_blocking(move || {
        use std::io::Write as _;
        use std::process::Stdio;
        let mut bash = Command::new("bash")
            .arg("-n")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("there is bash");
        let mut input = bash.stdin.take().expect("piped");
        input.write_all(script.as_bytes()).expect("it reads");
        drop(input);
        bash.wait_with_output().expect("it ends")
    });
    let read = read.await.expect("it does not panic");
    assert!(read.status.success(), "{}", error(&read));
    assert_eq!(error(&read), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_makes_no_sense_is_an_object_too() {
    let check = async |line: &str, what: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let output = foedus(&words, "").await;
        assert_eq!(output.status.code(), Some(64), "{line}");
        let json: serde_json::Value =
            serde_json::from_slice(&output.stderr).unwrap_or_else(|_| panic!("{}", error(&output)));
        let message = json["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(what), "{line}: {json}");
        assert_eq!(json["error"]["exit_code"], 64);
    };
    check("--output json bogus", "unrecognized subcommand 'bogus'").await;
    check(
        "status --output=json --bogus",
        "unexpected argument '--bogus'",
    )
    .await;
    check("post --output json", "required arguments were not provided").await;
    check("--output json", "a command is missing").await;
    let output = foedus(&["bogus"], "").await;
    assert!(error(&output).starts_with("error: "), "{}", error(&output));
    assert_eq!(output.status.code(), Some(64));
}
