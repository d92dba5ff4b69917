//! Organisations that run in this process, with a port of their own each.

use std::sync::Arc;
use std::time::Duration;

use foedus_federation::channel::{ChannelView, Posted, Refused, Request, Text, Verb};
use foedus_federation::org::OrgSnapshot;
use foedus_policy::action::{Action, Actor, Ends, Outcome};
use foedus_policy::id::{ChannelId, EntryRef, MemberId, OrgId, RequestNumber};
use foedus_policy::state::{InvitationId, Sharing};
use foedus_policy::time::Timestamp;
use foedus_policy::vocabulary::Capabilities;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use super::proxy::Proxy;
use crate::links::{self, Rests};
use crate::runtime::{Initialise, LinkState, Parts, Runtime, build, invitation_text, key_files};
use crate::store::Engine;
use crate::store::memory::{MemoryEngine, VirtualDisk};

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) const OPERATOR: Actor = Actor::Operator {
    uid: 1000,
    as_member: None,
};

pub(super) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(found) => found,
        Err(_) => panic!("{what} did not happen in {PATIENCE:?}"),
    }
}

/// An organisation with its daemon.
pub(super) struct Org {
    pub(super) runtime: Runtime,
    pub(super) handle: &'static str,
    pub(super) address: String,
    pub(super) engine: MemoryEngine,
    rests: Rests,
    data: TempDir,
    fronts: TaskTracker,
}

impl Org {
    /// A new organisation, reached at `advertised` or else where it listens.
    pub(super) async fn new(handle: &'static str, advertised: Option<String>) -> Self {
        Self::that_rests(handle, advertised, Rests::default()).await
    }

    /// As `new`, whose links rest so soon.
    pub(super) async fn that_rests(
        handle: &'static str,
        advertised: Option<String>,
        rests: Rests,
    ) -> Self {
        // Printed with a test that fails; another test of this process may have begun it.
        let log = tracing_subscriber::fmt().with_test_writer();
        let _begun = log
            .with_max_level(tracing::Level::DEBUG)
            .try_init()
            .is_err();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let data = tempfile::tempdir().expect("a folder");
        let engine = MemoryEngine::new(VirtualDisk::new());
        let org = Self::start(handle, listener, advertised, rests, data, engine).await;
        let initialise = Initialise {
            actor: OPERATOR,
            handle: handle.to_owned(),
            display_name: handle.to_owned(),
            administrator: "admin".to_owned(),
            addresses: Vec::new(),
        };
        org.runtime.initialise(initialise).await.expect("made");
        org
    }

    async fn start(
        handle: &'static str,
        listener: TcpListener,
        advertised: Option<String>,
        rests: Rests,
        data: TempDir,
        engine: MemoryEngine,
    ) -> Self {
        let address = listener.local_addr().expect("bound").to_string();
        let parts = Parts {
            store: Engine::Memory(engine.clone()),
            keys: key_files(data.path()),
            addresses: vec![advertised.unwrap_or_else(|| address.clone())],
            metrics: Arc::default(),
            reach: foedus_federation::transport::Reach::Everywhere,
        };
        let runtime = build(parts).await.expect("it can be read").spawn();
        let fronts = TaskTracker::new();
        let terms = links::Terms {
            rests,
            ..links::Terms::default()
        };
        links::spawn(&runtime, Some(listener), usize::MAX, terms, &fronts);
        fronts.close();
        Self {
            runtime,
            handle,
            address,
            engine,
            rests,
            data,
            fronts,
        }
    }

    /// Drains, and lets go of the port.
    pub(super) async fn stop(self) -> Stopped {
        self.runtime.stopping().cancel();
        within("the end of all links", self.fronts.wait()).await;
        within("the end of all loops", self.runtime.drain()).await;
        Stopped {
            handle: self.handle,
            address: self.address,
            rests: self.rests,
            data: self.data,
            engine: self.engine,
        }
    }

    pub(super) fn id(&self) -> OrgId {
        self.runtime.snapshot().org().expect("initialised")
    }

    /// Its administrator, at the administration socket.
    pub(super) fn administrator(&self) -> Actor {
        let state = &self.runtime.snapshot().state;
        let administrator = state.member_named("admin");
        Actor::Operator {
            uid: 1000,
            as_member: Some(administrator.expect("initialised")),
        }
    }

    pub(super) async fn act(&self, action: Action) -> Outcome {
        let done = self.runtime.act(self.administrator(), action.clone()).await;
        done.unwrap_or_else(|refused| panic!("{}: {action:?}: {refused}", self.handle))
    }

    pub(super) async fn member(&self, name: &str) -> MemberId {
        let add = Action::AddMember {
            name: name.to_owned(),
            display_name: name.to_owned(),
            administrator: false,
        };
        match self.act(add).await {
            Outcome::MemberAdded { member } => member,
            other => panic!("expected a member, found {other:?}"),
        }
    }

    pub(super) async fn post(
        &self,
        channel: ChannelId,
        member: MemberId,
        text: &str,
    ) -> Result<Posted, Refused> {
        let request = Request {
            verb: Verb::Post(vec![Text {
                text: text.to_owned(),
                reply_to: None,
            }]),
            idempotency: None,
            entropy: [0; 32],
        };
        self.runtime
            .request(channel, as_member(member), request)
            .await
    }

    /// Waits until the organisation is as `holds` says.
    pub(super) async fn knows(&self, what: &str, holds: impl FnMut(&Arc<OrgSnapshot>) -> bool) {
        let mut org = self.runtime.org();
        let known = within(what, org.wait_for(holds)).await;
        drop(known.expect("the runtime lives"));
    }

    /// Waits until a channel is as `holds` says.
    pub(super) async fn sees(
        &self,
        channel: ChannelId,
        what: &str,
        mut holds: impl FnMut(&ChannelView) -> bool,
    ) {
        let mut view = within("a view", self.runtime.view(channel))
            .await
            .expect("it is here");
        let seen = within(what, view.wait_for(|view| holds(view))).await;
        drop(seen.expect("the channel lives"));
    }

    /// Waits until the link with a partner is in a state.
    pub(super) async fn link_is(&self, partner: OrgId, state: LinkState) {
        within(&format!("{state:?} of a link"), async {
            loop {
                let found = self.runtime.links();
                if found.get(&partner).map(|link| link.state) == Some(state) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

/// An organisation whose daemon does not run.
pub(super) struct Stopped {
    handle: &'static str,
    address: String,
    rests: Rests,
    data: TempDir,
    engine: MemoryEngine,
}

impl Stopped {
    /// On the same port, with the same data.
    pub(super) async fn start(self) -> Org {
        let listener = within("the port", async {
            loop {
                match TcpListener::bind(&self.address).await {
                    Ok(listener) => return listener,
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        })
        .await;
        Org::start(
            self.handle,
            listener,
            None,
            self.rests,
            self.data,
            self.engine,
        )
        .await
    }
}

pub(super) fn as_member(member: MemberId) -> Actor {
    Actor::Operator {
        uid: 1000,
        as_member: Some(member),
    }
}

/// Whether a view has an entry.
pub(super) fn holds(view: &ChannelView, entry: EntryRef) -> bool {
    view.logs.iter().any(|(id, log)| {
        (id.origin, id.incarnation) == (entry.origin, entry.incarnation)
            && log.size() > entry.sequence
    })
}

/// A channel of Acme's is offered to Globex: the invitation's text, and the channel.
pub(super) async fn invite(
    acme: &Org,
    anna: MemberId,
    ends: Option<Timestamp>,
) -> (String, InvitationId, ChannelId) {
    let create = Action::CreateChannel {
        name: "launch".to_owned(),
        topic: String::new(),
        private: false,
    };
    let created = acme.runtime.act(as_member(anna), create).await;
    let Ok(Outcome::ChannelCreated { channel, .. }) = created else {
        panic!("expected a channel, found {created:?}");
    };
    let share = Action::ShareChannel {
        channel,
        partner: "globex.example".to_owned(),
        project: "Launch".to_owned(),
        ends: ends.map_or(Ends::Never, Ends::At),
        capabilities: Capabilities::ALL,
        history: false,
        purpose: "to launch".to_owned(),
    };
    let asked = acme.runtime.act(as_member(anna), share).await;
    let Ok(Outcome::Requested { number }) = asked else {
        panic!("expected a request, found {asked:?}");
    };
    let approve = Action::ApproveRequest {
        number,
        words: None,
        channel_name: None,
        private: false,
    };
    let Outcome::Invited { invitation, .. } = acme.act(approve).await else {
        panic!("expected an invitation");
    };
    let text = invitation_text(&acme.runtime.snapshot(), invitation).expect("it is open");
    (text, invitation, channel)
}

/// Acme shares a further channel with Globex, its partner, and Globex joins it with this member.
pub(super) async fn share_again(
    acme: &Org,
    globex: &Org,
    anna: MemberId,
    gerd: MemberId,
) -> ChannelId {
    let create = Action::CreateChannel {
        name: "next".to_owned(),
        topic: String::new(),
        private: false,
    };
    let created = acme.runtime.act(as_member(anna), create).await;
    let Ok(Outcome::ChannelCreated { channel, .. }) = created else {
        panic!("expected a channel, found {created:?}");
    };
    let share = Action::ShareChannel {
        channel,
        partner: "globex.example".to_owned(),
        project: "Next".to_owned(),
        ends: Ends::Never,
        capabilities: Capabilities::ALL,
        history: false,
        purpose: "to go on".to_owned(),
    };
    let asked = acme.runtime.act(as_member(anna), share).await;
    let Ok(Outcome::Requested { number }) = asked else {
        panic!("expected a request, found {asked:?}");
    };
    let approve = |number, channel_name| Action::ApproveRequest {
        number,
        words: None,
        channel_name,
        private: false,
    };
    acme.act(approve(number, None)).await;
    let mut offered = None;
    globex
        .knows("the offer", |org| {
            let mut requests = org.state.requests().iter();
            offered = requests
                .find(|(_, request)| request.is_waiting())
                .map(|(number, _)| *number);
            offered.is_some()
        })
        .await;
    let offered = offered.expect("just seen");
    globex
        .act(approve(offered, Some("acme-next".to_owned())))
        .await;
    for org in [acme, globex] {
        org.knows("the charter", |org| is_shared(org, channel))
            .await;
    }
    let member = gerd;
    globex
        .act(Action::AddChannelMember { channel, member })
        .await;
    channel
}

/// Both administrators say yes, by the words that they see.
pub(super) async fn approve_both(acme: &Org, globex: &Org, request: RequestNumber) {
    let words = |org: &Org, partner: OrgId| {
        let snapshot = org.runtime.snapshot();
        let known = snapshot.state.partners().get(&partner).expect("a partner");
        known.words.join(" ")
    };
    let (seen_there, seen_here) = (words(globex, acme.id()), words(acme, globex.id()));
    assert_eq!(seen_there, seen_here);
    let approve = Action::ApproveRequest {
        number: request,
        words: Some(seen_there),
        channel_name: Some("acme-launch".to_owned()),
        private: false,
    };
    globex.act(approve).await;
    let confirm = Action::ConfirmPartner {
        partner: globex.id(),
        words: Some(seen_here),
    };
    acme.act(confirm).await;
}

/// Two partners with a shared channel, and a member of each in it.
pub(super) struct Shared {
    pub(super) acme: Org,
    pub(super) globex: Org,
    pub(super) channel: ChannelId,
    pub(super) anna: MemberId,
    pub(super) gerd: MemberId,
}

pub(super) fn is_shared(org: &OrgSnapshot, channel: ChannelId) -> bool {
    let known = org.state.channels().get(&channel);
    known.is_some_and(|known| matches!(known.sharing, Sharing::Shared { .. }))
}

pub(super) async fn shared(ends: Option<Timestamp>) -> Shared {
    shared_at(ends, None, None).await
}

/// As [`shared`], where the two are reached by way of proxies.
pub(super) async fn shared_at(
    ends: Option<Timestamp>,
    to_acme: Option<&Proxy>,
    to_globex: Option<&Proxy>,
) -> Shared {
    shared_that_rest(ends, to_acme, to_globex, Rests::default()).await
}

/// As [`shared_at`], where the link rests so soon when nothing is shared any more.
pub(super) async fn shared_that_rest(
    ends: Option<Timestamp>,
    to_acme: Option<&Proxy>,
    to_globex: Option<&Proxy>,
    rests: Rests,
) -> Shared {
    let address = |proxy: Option<&Proxy>| proxy.map(Proxy::address);
    let acme = Org::that_rests("acme.example", address(to_acme), rests).await;
    let globex = Org::that_rests("globex.example", address(to_globex), rests).await;
    for (proxy, org) in [(to_acme, &acme), (to_globex, &globex)] {
        if let Some(proxy) = proxy {
            proxy.forward_to(&org.address);
        }
    }
    let anna = acme.member("anna").await;
    let gerd = globex.member("gerd").await;
    let (text, _, channel) = invite(&acme, anna, ends).await;
    let accepted = globex.runtime.accept_invitation(OPERATOR, &text).await;
    let accepted = accepted.expect("accepted");
    approve_both(&acme, &globex, accepted.request).await;
    for org in [&acme, &globex] {
        org.knows("the charter", |org| is_shared(org, channel))
            .await;
    }
    globex
        .act(Action::AddChannelMember {
            channel,
            member: gerd,
        })
        .await;
    Shared {
        acme,
        globex,
        channel,
        anna,
        gerd,
    }
}
