//! A link rests when nothing is shared any more, and comes back when something is.

use std::time::Duration;

use foedus_policy::action::Action;
use foedus_policy::state::Sharing;
use foedus_policy::time::Timestamp;

use super::proxy::Proxy;
use super::world::*;
use crate::links::Rests;
use crate::runtime::{LinkState, Trouble};

const AFTER: Duration = Duration::from_millis(1_500);

/// As long as nobody would dial in vain but by mistake.
const A_WHILE: Duration = Duration::from_secs(3);

fn soon() -> Timestamp {
    let clock = crate::runtime::Clock::start();
    clock.now().wall.plus_millis(8_000)
}

/// Waits until the only channel is over at both sides, both have both records, and both links rest.
async fn part(shared: &Shared) {
    let channel = shared.channel;
    for org in [&shared.acme, &shared.globex] {
        org.knows("the end", |org| {
            let known = org.state.channels().get(&channel);
            known.is_some_and(|known| {
                matches!(known.sharing, Sharing::Shared { ended: Some(_), .. })
            })
        })
        .await;
        org.sees(channel, "both records", |view| {
            view.governance.records().count() == 2
        })
        .await;
    }
    let Shared { acme, globex, .. } = shared;
    acme.link_is(globex.id(), LinkState::Resting).await;
    globex.link_is(acme.id(), LinkState::Resting).await;
}

/// Both write in a new channel.
async fn share_and_speak(shared: &Shared) {
    let Shared {
        acme,
        globex,
        anna,
        gerd,
        ..
    } = shared;
    let channel = share_again(acme, globex, *anna, *gerd).await;
    for (from, to, member) in [(acme, globex, *anna), (globex, acme, *gerd)] {
        let posted = from.post(channel, member, "here again").await;
        let entry = posted.expect("posted").first;
        to.sees(channel, "what was said", |view| holds(view, entry))
            .await;
    }
    acme.link_is(globex.id(), LinkState::Up).await;
    globex.link_is(acme.id(), LinkState::Up).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_link_ends_with_the_last_channel_and_comes_back_with_the_next() {
    let (to_acme, to_globex) = (Proxy::start().await, Proxy::start().await);
    let rests = Rests {
        after: AFTER,
        look_in: Duration::from_secs(600),
    };
    let shared = shared_that_rest(Some(soon()), Some(&to_acme), Some(&to_globex), rests).await;
    part(&shared).await;
    let Shared { acme, globex, .. } = &shared;
    let carried = || (to_acme.count(), to_globex.count());
    // What was open when the link began to rest may go a moment later.
    let mut before = carried();
    for tries in 0.. {
        tokio::time::sleep(A_WHILE).await;
        if carried() == before {
            break;
        }
        assert!(tries < 3, "nobody dials for a while");
        before = carried();
    }
    for (org, other) in [(acme, globex), (globex, acme)] {
        let status = &org.runtime.links()[&other.id()];
        assert_eq!(status.state, LinkState::Resting);
        assert_eq!(status.last_problem, None);
        assert!(status.last_seen.is_some());
        let text = org.runtime.metrics().text();
        for (name, value) in [("link_up", 0), ("link_resting", 1)] {
            let figure = format!("{name}{{partner=\"{}\"}} {value}", other.id());
            assert!(text.contains(&figure), "{figure} is missing in\n{text}");
        }
    }
    share_and_speak(&shared).await;
    // Much longer than it would take to rest: something is shared.
    tokio::time::sleep(AFTER * 2).await;
    acme.link_is(globex.id(), LinkState::Up).await;
    assert!(to_acme.count() + to_globex.count() <= before.0 + before.1 + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cant_be_dialled_looks_in_and_finds_the_offer() {
    let (to_acme, to_globex) = (Proxy::start().await, Proxy::start().await);
    let rests = Rests {
        after: AFTER,
        look_in: Duration::from_secs(6),
    };
    let shared = shared_that_rest(Some(soon()), Some(&to_acme), Some(&to_globex), rests).await;
    to_globex.cut();
    part(&shared).await;
    share_and_speak(&shared).await;
}

/// A daemon that begins while nothing is shared has one session, in case the other could not say something.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_begins_says_hello_and_rests_again() {
    let to_acme = Proxy::start().await;
    let rests = Rests {
        after: AFTER,
        look_in: Duration::from_secs(600),
    };
    let shared = shared_that_rest(Some(soon()), Some(&to_acme), None, rests).await;
    part(&shared).await;
    let Shared { acme, globex, .. } = shared;
    let acme_id = acme.id();
    let globex = globex.stop().await.start().await;
    globex.link_is(acme_id, LinkState::Up).await;
    acme.link_is(globex.id(), LinkState::Up).await;
    globex.link_is(acme_id, LinkState::Resting).await;
    acme.link_is(globex.id(), LinkState::Resting).await;
    // Suspending and resuming is such a beginning, too.
    let partner = globex.id();
    acme.act(Action::SuspendPartner { partner }).await;
    acme.link_is(partner, LinkState::Down).await;
    acme.act(Action::ResumePartner { partner }).await;
    globex.link_is(acme_id, LinkState::Up).await;
    globex.link_is(acme_id, LinkState::Resting).await;
}

/// Who is told by nobody that the peering has ended finds it out by looking in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rest_shows_who_has_ended_the_peering() {
    let rests = Rests {
        after: AFTER,
        look_in: Duration::from_secs(2),
    };
    let shared = shared_that_rest(Some(soon()), None, None, rests).await;
    part(&shared).await;
    let Shared { acme, globex, .. } = &shared;
    let (partner, other) = (acme.id(), globex.id());
    globex.act(Action::DisconnectPartner { partner }).await;
    within("the refusal", async {
        loop {
            let status = acme.runtime.links()[&other].clone();
            if status.trouble == Some(Trouble::Refused) {
                assert_eq!(status.state, LinkState::Resting);
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
