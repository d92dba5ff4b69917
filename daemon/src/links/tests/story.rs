//! What two organisations live through: they share, are cut apart, stop, come back, and part.

use std::time::Duration;

use foedus_federation::channel::{Input, Refused};
use foedus_policy::action::Action;
use foedus_policy::state::Sharing;

use super::proxy::Proxy;
use super::world::*;
use crate::links::delivery::{Delivery, Message};
use crate::runtime::LinkState;

/// Posts, and waits until the other side has it.
async fn say(
    from: &Org,
    to: &Org,
    channel: foedus_policy::id::ChannelId,
    member: foedus_policy::id::MemberId,
    text: &str,
) {
    let posted = from.post(channel, member, text).await.expect("posted");
    let entry = posted.first;
    to.sees(channel, text, |view| holds(view, entry)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_organisations_pair_share_and_read_each_other() {
    let shared = shared(None).await;
    let Shared {
        acme,
        globex,
        channel,
        anna,
        gerd,
    } = &shared;
    acme.link_is(globex.id(), LinkState::Up).await;
    globex.link_is(acme.id(), LinkState::Up).await;
    say(acme, globex, *channel, *anna, "hello").await;
    say(globex, acme, *channel, *gerd, "hello back").await;
    let status = &acme.runtime.links()[&globex.id()];
    assert!(
        status
            .clock_skew_millis
            .is_some_and(|skew| skew.abs() < 60_000)
    );
    assert!(status.remote_address.is_some());
    // It is counted when the partner is told that it is durable, a moment after it can be seen.
    within("a count", async {
        while !acme
            .runtime
            .metrics()
            .text()
            .contains("verdict=\"accepted\"")
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    // The link's own figures follow with its next tick.
    let figures = format!("link_up{{partner=\"{}\"}} 1", globex.id());
    within("the figures of the link", async {
        while !acme.runtime.metrics().text().contains(&figures) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let text = acme.runtime.metrics().text();
    for name in ["link_lag_entries{", "link_clock_skew_milliseconds{"] {
        assert!(text.contains(name), "{name} is missing in\n{text}");
    }
    shared.acme.stop().await;
    shared.globex.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_while_the_other_was_away_arrives_when_it_is_back() {
    let Shared {
        acme,
        globex,
        channel,
        anna,
        gerd,
    } = shared(None).await;
    say(&acme, &globex, channel, anna, "before").await;
    let (acme_id, globex_id) = (acme.id(), globex.id());
    let away = globex.stop().await;
    let is_up = || acme.runtime.links()[&globex_id].state == LinkState::Up;
    within("the end of the link", async {
        while is_up() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let mut last = None;
    for number in 0..300 {
        let posted = acme.post(channel, anna, &format!("message {number}")).await;
        last = Some(posted.expect("posted").first);
    }
    let last = last.expect("300 messages");
    let globex = away.start().await;
    globex
        .sees(channel, "all messages", |view| holds(view, last))
        .await;
    say(&globex, &acme, channel, gerd, "back again").await;
    acme.link_is(globex_id, LinkState::Up).await;
    globex.link_is(acme_id, LinkState::Up).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_link_comes_back_and_nothing_is_missing() {
    let (to_acme, to_globex) = (Proxy::start().await, Proxy::start().await);
    let Shared {
        acme,
        globex,
        channel,
        anna,
        gerd,
    } = shared_at(None, Some(&to_acme), Some(&to_globex)).await;
    for round in 0..3 {
        say(
            &acme,
            &globex,
            channel,
            anna,
            &format!("{round}: to globex"),
        )
        .await;
        say(&globex, &acme, channel, gerd, &format!("{round}: to acme")).await;
        to_acme.cut();
        to_globex.cut();
        let posted = acme
            .post(channel, anna, "written alone")
            .await
            .expect("posted");
        acme.link_is(globex.id(), LinkState::Down).await;
        globex.link_is(acme.id(), LinkState::Down).await;
        to_acme.mend();
        to_globex.mend();
        globex
            .sees(channel, "what was written alone", |view| {
                holds(view, posted.first)
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suspending_closes_the_link_at_once_and_resuming_brings_it_back() {
    let to_acme = Proxy::start().await;
    let Shared {
        acme,
        globex,
        channel,
        anna,
        gerd,
    } = shared_at(None, Some(&to_acme), None).await;
    acme.link_is(globex.id(), LinkState::Up).await;
    let partner = globex.id();
    acme.act(Action::SuspendPartner { partner }).await;
    globex.link_is(acme.id(), LinkState::Down).await;
    acme.link_is(globex.id(), LinkState::Down).await;
    let seen = acme.runtime.links()[&globex.id()].last_seen;
    assert!(seen.is_some(), "when it was last seen is known");
    let unheard = globex
        .post(channel, gerd, "is anybody there?")
        .await
        .expect("posted");
    within("globex tries again and again", to_acme.carried(3)).await;
    let view = acme.runtime.view(channel).await.expect("a view");
    assert!(!holds(&view.borrow(), unheard.first));
    // Who watches is not to wonder that it has no link.
    let label = format!("{{partner=\"{partner}\"}}");
    let metrics = || acme.runtime.metrics().text();
    for name in [
        "link_up",
        "link_resting",
        "link_lag_entries",
        "link_clock_skew_milliseconds",
    ] {
        let figure = format!("{name}{label}");
        assert!(!metrics().contains(&figure), "{}", metrics());
    }
    acme.act(Action::ResumePartner { partner }).await;
    acme.sees(channel, "what was held back", |view| {
        holds(view, unheard.first)
    })
    .await;
    say(&acme, &globex, channel, anna, "here again").await;
}

/// The end of one session and the begin of the next come from two tasks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_suspended_and_resumed_at_once_is_spoken_with_again() {
    let Shared {
        acme,
        globex,
        channel,
        anna,
        gerd,
    } = shared(None).await;
    let partner = globex.id();
    for round in 0..6 {
        acme.link_is(partner, LinkState::Up).await;
        acme.act(Action::SuspendPartner { partner }).await;
        acme.act(Action::ResumePartner { partner }).await;
        say(
            &acme,
            &globex,
            channel,
            anna,
            &format!("{round}: to globex"),
        )
        .await;
        say(&globex, &acme, channel, gerd, &format!("{round}: to acme")).await;
    }
}

/// What a channel's queue has no room for when a session ends is said later, and not lost.
#[tokio::test]
async fn a_channel_whose_queue_is_full_hears_of_the_end_of_a_session() {
    let acme = Org::new("acme.example", None).await;
    let anna = acme.member("anna").await;
    let (_, _, channel) = invite(&acme, anna, None).await;
    let runtime = acme.runtime.clone();
    let mut delivery = Delivery::new(runtime.clone());
    assert!(runtime.view(channel).await.is_some());
    let fill = || {
        runtime
            .try_tell_channel(channel, Input::Tick, None)
            .is_none()
    };
    while fill() {}
    let down = || Message::Channel(channel, Box::new(Input::PartnerDown(acme.id())));
    delivery.say(Message::Channel(channel, Box::new(Input::Tick)), None);
    assert!(!delivery.is_empty(), "there is no room for it");
    delivery.forget();
    assert!(delivery.is_empty());
    // The machine may have said so when it closed the session, before the session's own end.
    delivery.say(down(), None);
    delivery.forget();
    assert!(!delivery.is_empty());
    within("room", delivery.flush()).await;
    assert!(delivery.is_empty());
    // It is in the queue: everything that was before it has been taken.
    assert!(fill());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_side_ends_by_its_own_clock_and_the_records_are_exchanged_later() {
    let clock = crate::runtime::Clock::start();
    let ends = clock.now().wall.plus_millis(8_000);
    let Shared {
        acme,
        globex,
        channel,
        anna,
        gerd,
    } = shared(Some(ends)).await;
    say(&acme, &globex, channel, anna, "before the end").await;
    say(&globex, &acme, channel, gerd, "also before").await;
    let away = globex.stop().await;
    acme.knows("the end", |org| is_over(org, channel)).await;
    let late = acme.post(channel, anna, "after the end").await;
    assert!(
        matches!(late, Err(Refused::Denied(_) | Refused::Ended(_))),
        "{late:?}"
    );
    let globex = away.start().await;
    globex.knows("the end", |org| is_over(org, channel)).await;
    let late = globex.post(channel, gerd, "after the end").await;
    assert!(
        matches!(late, Err(Refused::Denied(_) | Refused::Ended(_))),
        "{late:?}"
    );
    for org in [&acme, &globex] {
        let records =
            |view: &foedus_federation::channel::ChannelView| view.governance.records().count() == 2;
        org.sees(channel, "both records", records).await;
        let view = org.runtime.view(channel).await.expect("a view");
        let logs: Vec<_> = {
            let view = view.borrow();
            let records = view.governance.records();
            records.map(|record| record.note().logs.clone()).collect()
        };
        assert_eq!(logs[0], logs[1], "nothing is missing at either side");
    }
}

fn is_over(
    org: &foedus_federation::org::OrgSnapshot,
    channel: foedus_policy::id::ChannelId,
) -> bool {
    let known = org.state.channels().get(&channel);
    known.is_some_and(|known| matches!(known.sharing, Sharing::Shared { ended: Some(_), .. }))
}
