//! The runtime over a store in memory: one organisation, no links.

use std::collections::BTreeSet;
use std::time::Duration;

use foedus_federation::channel::{ChannelView, Posted, Refused, Request, Text, Verb};
use foedus_policy::action::{Action, Actor, Outcome};
use foedus_policy::id::{ChannelId, MemberId};
use foedus_policy::reason::Reason;
use tempfile::TempDir;

use super::*;
use crate::store::memory::{Fault, MemoryEngine, VirtualDisk};

const OPERATOR: Actor = Actor::Operator {
    uid: 1000,
    as_member: None,
};

struct Acme {
    data: TempDir,
    engine: MemoryEngine,
    runtime: Runtime,
}

async fn start_with(data: TempDir, engine: MemoryEngine) -> Acme {
    start_at(data, engine, "acme.example:7433", Reach::Everywhere).await
}

async fn start_at(data: TempDir, engine: MemoryEngine, address: &str, reach: Reach) -> Acme {
    let parts = Parts {
        store: Engine::Memory(engine.clone()),
        keys: key_files(data.path()),
        addresses: vec![address.to_owned()],
        metrics: Arc::default(),
        reach,
    };
    let runtime = build(parts).await.expect("it can be read").spawn();
    Acme {
        data,
        engine,
        runtime,
    }
}

fn initialise(handle: &str) -> Initialise {
    Initialise {
        actor: OPERATOR,
        handle: handle.to_owned(),
        display_name: "Acme".to_owned(),
        administrator: "anna".to_owned(),
        addresses: Vec::new(),
    }
}

/// An organisation with an administrator, who is in a channel.
async fn acme() -> (Acme, MemberId, ChannelId) {
    let data = tempfile::tempdir().expect("a folder");
    let acme = start_with(data, MemoryEngine::new(VirtualDisk::new())).await;
    let made = acme.runtime.initialise(initialise("acme.example")).await;
    let Ok(Outcome::Initialised { administrator }) = made else {
        panic!("expected an organisation, found {made:?}");
    };
    let create = Action::CreateChannel {
        name: "launch".to_owned(),
        topic: String::new(),
        private: false,
    };
    let created = acme.runtime.act(as_member(administrator), create).await;
    let Ok(Outcome::ChannelCreated { channel, .. }) = created else {
        panic!("expected a channel, found {created:?}");
    };
    (acme, administrator, channel)
}

fn as_member(member: MemberId) -> Actor {
    Actor::Operator {
        uid: 1000,
        as_member: Some(member),
    }
}

async fn post(
    runtime: &Runtime,
    channel: ChannelId,
    member: MemberId,
    text: &str,
    key: Option<&str>,
) -> Result<Posted, Refused> {
    let request = Request {
        verb: Verb::Post(vec![Text {
            text: text.to_owned(),
            reply_to: None,
        }]),
        idempotency: key.map(str::to_owned),
        entropy: [0; 32],
    };
    runtime.request(channel, as_member(member), request).await
}

#[tokio::test]
async fn what_was_posted_is_in_the_view_when_the_answer_comes_and_after_a_restart() {
    let (acme, anna, channel) = acme().await;
    let posted = post(&acme.runtime, channel, anna, "hello", None).await;
    let posted = posted.expect("posted");
    let view = acme.runtime.view(channel).await.expect("a view");
    let size = |view: &ChannelView| {
        let mut logs = view.logs.iter();
        let log = logs.find(|(id, _)| id.incarnation == posted.first.incarnation);
        log.map_or(0, |(_, log)| log.size())
    };
    assert!(size(&view.borrow()) > posted.first.sequence);
    acme.runtime.drain().await;
    drop(view);

    let acme = start_with(acme.data, acme.engine).await;
    let view = acme.runtime.view(channel).await.expect("a view");
    assert!(size(&view.borrow()) > posted.first.sequence);
    let again = post(&acme.runtime, channel, anna, "again", None)
        .await
        .expect("posted");
    assert_ne!(again.first.incarnation, posted.first.incarnation);
}

#[tokio::test]
async fn requests_at_one_time_share_commits_and_are_answered_each() {
    let (acme, anna, channel) = acme().await;
    let before = acme.engine.disk().syncs();
    let mut posts = tokio::task::JoinSet::new();
    for number in 0..200 {
        let runtime = acme.runtime.clone();
        posts.spawn(async move {
            post(&runtime, channel, anna, &format!("message {number}"), None).await
        });
    }
    let mut entries = BTreeSet::new();
    while let Some(posted) = posts.join_next().await {
        let posted = posted.expect("no panic").expect("posted");
        entries.insert(posted.first);
    }
    assert_eq!(entries.len(), 200);
    let commits = acme.engine.disk().syncs() - before;
    assert!(commits < 100, "{commits} commits for 200 requests");
}

#[tokio::test]
async fn a_refusal_names_its_rule_and_an_unknown_channel_is_one() {
    let (acme, anna, _) = acme().await;
    let refused = post(&acme.runtime, ChannelId([9; 32]), anna, "hello", None).await;
    assert_eq!(refused, Err(Refused::Denied(Reason::ChannelUnknown)));
    assert!(acme.runtime.view(ChannelId([9; 32])).await.is_none());
    let again = acme.runtime.initialise(initialise("acme.example")).await;
    assert!(matches!(
        again,
        Err(InitialiseError::Refused(
            foedus_federation::org::Refused::Denied(Reason::AlreadyInitialised)
        ))
    ));
}

#[tokio::test]
async fn a_refused_init_leaves_no_keys_and_one_that_crashed_is_repaired() {
    let data = tempfile::tempdir().expect("a folder");
    let acme = start_with(data, MemoryEngine::new(VirtualDisk::new())).await;
    acme.runtime
        .initialise(initialise("Not A Handle"))
        .await
        .expect_err("refused");
    assert!(!acme.data.path().join("keys").exists());

    acme.engine.disk().set_fault(Fault::LostUnknown);
    acme.runtime
        .initialise(initialise("acme.example"))
        .await
        .expect_err("not stored");
    let key = std::fs::read(acme.data.path().join("keys/root.key")).expect("made first");
    acme.runtime
        .initialise(initialise("acme.example"))
        .await
        .expect("repaired");
    let after = std::fs::read(acme.data.path().join("keys/root.key")).expect("still there");
    assert_eq!(key, after);
}

#[tokio::test]
async fn an_unknown_outcome_fails_the_request_and_its_key_tells_later() {
    let (acme, anna, channel) = acme().await;
    post(&acme.runtime, channel, anna, "first", None)
        .await
        .expect("posted");
    // The next commit fails so, and that may be one that the organisation makes by itself now and then.
    for key in ["one", "two", "three"] {
        acme.engine.disk().set_fault(Fault::AppliedUnknown);
        let failed = post(&acme.runtime, channel, anna, "second", Some(key)).await;
        if failed.is_ok() {
            continue;
        }
        assert!(matches!(failed, Err(Refused::Failed(_))), "{failed:?}");
        let asked_again = post(&acme.runtime, channel, anna, "second", Some(key)).await;
        assert!(asked_again.expect("it is there").repeated);
        return;
    }
    panic!("no post failed");
}

#[tokio::test]
async fn keys_that_are_gone_or_anothers_stop_the_start() {
    let (acme, ..) = acme().await;
    acme.runtime.drain().await;
    let start = async |data: &TempDir| {
        let parts = Parts {
            store: Engine::Memory(acme.engine.clone()),
            keys: key_files(data.path()),
            addresses: Vec::new(),
            metrics: Arc::default(),
            reach: Reach::Everywhere,
        };
        build(parts).await.map(|_| ())
    };
    let other = tempfile::tempdir().expect("a folder");
    assert!(matches!(
        start(&other).await,
        Err(StartError::Key(KeyFileError::Missing { .. }))
    ));
    key_files(other.path())
        .load_or_create(|| [3; 32])
        .expect("made");
    assert!(matches!(
        start(&other).await,
        Err(StartError::OtherKey { .. })
    ));
    start(&acme.data).await.expect("our own");
}

#[tokio::test]
async fn what_is_said_at_init_holds_when_the_answer_comes() {
    let data = tempfile::tempdir().expect("a folder");
    let parts = Parts {
        store: Engine::Memory(MemoryEngine::new(VirtualDisk::new())),
        keys: key_files(data.path()),
        addresses: Vec::new(),
        metrics: Arc::default(),
        reach: Reach::Everywhere,
    };
    let runtime = build(parts).await.expect("it can be read").spawn();
    let said = Initialise {
        addresses: vec!["foedus.acme.example:7433".to_owned()],
        ..initialise("acme.example")
    };
    runtime.initialise(said).await.expect("made");
    assert_eq!(runtime.addresses(), ["foedus.acme.example:7433"]);
}

#[tokio::test]
async fn the_address_is_signed_and_an_invitation_names_it() {
    let (acme, anna, _) = acme().await;
    let mut org = acme.runtime.org();
    let signed = |org: &Arc<OrgSnapshot>| {
        let us = org.org().expect("initialised");
        org.endpoints.contains_key(&us)
    };
    let waited = tokio::time::timeout(Duration::from_secs(5), org.wait_for(signed)).await;
    drop(waited.expect("in time").expect("the runtime lives"));
    let invite = Action::InvitePartner {
        handle: Some("globex.example".to_owned()),
    };
    let invited = acme.runtime.act(as_member(anna), invite).await;
    let Ok(Outcome::Invited { invitation, .. }) = invited else {
        panic!("expected an invitation, found {invited:?}");
    };
    let text = invitation_text(&acme.runtime.snapshot(), invitation).expect("it is open");
    let read = foedus_federation::pairing::Invitation::parse(&text).expect("it reads back");
    let addresses: Vec<String> = read.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["acme.example:7433"]);
}

/// A value that can't be read is not written over: whoever asks is told, and everything else goes on.
#[tokio::test]
async fn what_cannot_be_read_is_not_written_over() {
    let (acme, anna, channel) = acme().await;
    let posted = post(&acme.runtime, channel, anna, "hello", None).await;
    let target = posted.expect("posted").first;
    let react = async |emoji: &str| {
        let request = Request {
            verb: Verb::React {
                target,
                emoji: emoji.to_owned(),
                on: true,
            },
            idempotency: None,
            entropy: [0; 32],
        };
        let runtime = &acme.runtime;
        runtime.request(channel, as_member(anna), request).await
    };
    react("\u{1f44d}").await.expect("it is noted");
    let key = foedus_federation::keys::ChannelKeys(channel).annotation_page(target, 0);
    let spoilt = vec![0xff; 3];
    acme.engine.disk().apply(foedus_federation::batch::Batch {
        puts: vec![(key.clone(), spoilt.clone())],
        ..Default::default()
    });
    let refused = react("\u{1f44e}").await;
    assert!(
        matches!(
            refused,
            Err(Refused::Failed(
                foedus_federation::steploop::Failure::Damaged
            ))
        ),
        "{refused:?}"
    );
    assert_eq!(acme.engine.disk().get(&key).expect("it runs"), Some(spoilt));
    post(&acme.runtime, channel, anna, "still here", None)
        .await
        .expect("posted");
}

/// What was logged on this thread.
#[derive(Debug, Clone, Default)]
struct Logged(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_channel_that_cannot_be_read_is_logged_once_and_asked_seldom() {
    let (acme, anna, channel) = acme().await;
    post(&acme.runtime, channel, anna, "hello", None)
        .await
        .expect("posted");
    acme.runtime.drain().await;
    let pairs = acme.engine.disk().scan(&[0], &[0xff], 10_000, false);
    let of_channel = pairs
        .expect("it runs")
        .into_iter()
        .filter(|(key, _)| foedus_federation::keys::channel_of(key) == Some(channel));
    let spoilt = foedus_federation::batch::Batch {
        puts: of_channel.map(|(key, _)| (key, vec![0xff])).collect(),
        ..Default::default()
    };
    assert!(!spoilt.puts.is_empty());
    acme.engine.disk().apply(spoilt);

    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone());
    let _here = tracing::subscriber::set_default(subscriber.finish());
    let acme = start_with(acme.data, acme.engine).await;
    for _ in 0..20 {
        let refused = post(&acme.runtime, channel, anna, "hello?", None).await;
        assert!(matches!(refused, Err(Refused::Failed(_))), "{refused:?}");
    }
    assert!(acme.runtime.view(channel).await.is_none());
    acme.runtime.drain().await;
    let logged = logged.0.lock().expect("not poisoned");
    let text = String::from_utf8_lossy(&logged);
    assert_eq!(text.matches("ERROR").count(), 1, "{text}");
}

/// An invitation is text from anybody: its address leads to no service that trusts this machine.
#[tokio::test]
async fn an_invitation_sends_us_nowhere_on_this_machine() {
    let trusting = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let trusting = trusting.expect("a port");
    let address = trusting.local_addr().expect("bound").to_string();
    let began = async |handle: &str, reach| {
        let data = tempfile::tempdir().expect("a folder");
        let engine = MemoryEngine::new(VirtualDisk::new());
        let org = start_at(data, engine, &address, reach).await;
        let made = org.runtime.initialise(initialise(handle)).await;
        made.expect("made");
        let mut snapshots = org.runtime.org();
        let signed = |org: &Arc<OrgSnapshot>| !org.endpoints.is_empty();
        let waited = tokio::time::timeout(Duration::from_secs(5), snapshots.wait_for(signed)).await;
        drop(waited.expect("in time").expect("the runtime lives"));
        org
    };
    let acme = began("acme.example", Reach::Everywhere).await;
    let globex = began("globex.example", Reach::Elsewhere).await;
    let invite = Action::InvitePartner { handle: None };
    let administrators = acme.runtime.snapshot();
    let alice = administrators.state.members().keys().next();
    let alice = as_member(*alice.expect("it came with its first administrator"));
    let Ok(Outcome::Invited { invitation, .. }) = acme.runtime.act(alice, invite).await else {
        panic!("expected an invitation");
    };
    let text = invitation_text(&acme.runtime.snapshot(), invitation).expect("it is open");
    let accepted = globex.runtime.accept_invitation(OPERATOR, &text).await;
    let accepted = accepted.expect("a request, and a reply to carry by hand");
    assert!(
        matches!(
            accepted.delivery,
            Delivery::Undelivered {
                problem: Undelivered::Unreachable(
                    foedus_federation::transport::PairError::OutOfReach(_)
                ),
                ..
            }
        ),
        "{:?}",
        accepted.delivery
    );
    let dialled = tokio::time::timeout(Duration::from_millis(50), trusting.accept()).await;
    assert!(dialled.is_err(), "somebody came");
}
