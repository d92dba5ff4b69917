//! `million` and `restart`: what many messages cost to keep, and how long a daemon that holds them takes to serve again
//! after it was killed.

use std::thread;
use std::time::Instant;

use foedus_daemon::store::EngineKind;
use foedus_proto::api::v1;

use super::flow::costs;
use super::{Run, stage};
use crate::bench::bounds::{ANSWER_MAX, LOOK_PAUSE, MESSAGE_BYTES, SETTING_MAX};
use crate::bench::failed::Failed;
use crate::bench::figure::{Figure, Target};
use crate::bench::stage::{Stage, process};
use crate::bench::usage;
use crate::harness::client::Access;
use crate::harness::organisation::Organisation;

/// The names of the cases.
pub const CASE: &str = "million";
/// See [`CASE`].
pub const RESTART: &str = "restart";

/// Both, on one stage.
pub fn measure(run: &mut Run, engine: EngineKind) -> Result<(), Failed> {
    if !run.wants(CASE) && !run.wants(RESTART) {
        return Ok(());
    }
    let mut stage = stage(run, engine, true)?;
    stage.share(run.scale.million_channels)?;
    load(run, engine, &stage)?;
    if run.wants(RESTART) {
        restart(run, engine, &mut stage)?;
    }
    Ok(())
}

fn load(run: &mut Run, engine: EngineKind, stage: &Stage) -> Result<(), Failed> {
    let channels = stage.channels.len();
    let folders = [&stage.two.acme, &stage.two.globex];
    let bytes = |organisation: &Organisation| usage::disk_bytes(&organisation.daemon.place.data());
    let before = [bytes(folders[0])?, bytes(folders[1])?];
    let followers = stage.follow(channels)?;
    let load = stage.load(channels)?;
    stage.ledger.mark(true, false);
    let (spent, posted, began) = (stage.spent()?, stage.ledger.posted(), Instant::now());
    stage.load.run(load.post_many(run.scale.million_messages))?;
    let last = stage.settle()?;
    let count = stage.ledger.posted() - posted;
    let spent = costs(stage.spent()?, spent, count);
    drop(followers);
    if !run.wants(CASE) {
        return Ok(());
    }
    let what = format!("{count} messages in {channels} channels");
    let rate = count as f64 / last.saturating_duration_since(began).as_secs_f64();
    let bare = run.raw.engine(engine).bare.in_lists;
    let figure = Figure::new(CASE, what, rate, "messages/s")
        .beside("a bare stream", run.raw.streamed)
        .beside("the engine alone, in lists", bare);
    run.note(figure, engine);
    for (role, millis) in spent {
        run.note(Figure::new(CASE, role, millis, "ms/1,000"), engine);
    }
    thread::sleep(run.scale.rest);
    for (organisation, before) in folders.into_iter().zip(before) {
        let name = &organisation.handle;
        let resident = usage::resident_mebibytes(process(organisation)?)?;
        let figure = Figure::new(CASE, format!("{name}, resident after"), resident, "MiB");
        run.note(figure.target(Target::AtMost(200.0)), engine);
        let grown = bytes(organisation)?.saturating_sub(before) as f64 / count as f64;
        let figure = Figure::new(CASE, format!("{name}, on disk a message"), grown, "bytes");
        run.note(
            figure.beside("the text's bytes", MESSAGE_BYTES as f64),
            engine,
        );
    }
    Ok(())
}

fn restart(run: &mut Run, engine: EngineKind, stage: &mut Stage) -> Result<(), Failed> {
    let (near, far) = (
        stage.channels[0].near.clone(),
        stage.channels[0].far.clone(),
    );
    let members = [
        (stage.acme.member.clone(), near),
        (stage.globex.member.clone(), far),
    ];
    let sides = [&mut stage.two.acme, &mut stage.two.globex];
    for (organisation, (member, channel)) in sides.into_iter().zip(members) {
        organisation.daemon.kill();
        let began = Instant::now();
        organisation.daemon.launch();
        let serving = stage
            .load
            .run(async move { serves(&member, &channel).await })?;
        let took = serving.saturating_duration_since(began).as_secs_f64();
        let what = format!("{}, killed and serving", organisation.handle);
        let figure = Figure::new(RESTART, what, took, "s").target(Target::AtMost(2.0));
        run.note(figure, engine);
    }
    Ok(())
}

/// When a post is answered and history can be read.
async fn serves(member: &Access, channel: &str) -> Result<Instant, Failed> {
    let began = Instant::now();
    loop {
        if answers(member, channel).await.is_ok() {
            return Ok(Instant::now());
        }
        if began.elapsed() > SETTING_MAX {
            return Err(Failed::Waited {
                what: "a killed daemon to serve",
                within: SETTING_MAX,
            });
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

async fn answers(member: &Access, channel: &str) -> Result<(), Failed> {
    let client = member.connect().await?;
    let post = v1::PostRequest {
        channel: channel.to_owned(),
        text: "It serves.".to_owned(),
        ..v1::PostRequest::default()
    };
    let history = v1::ListHistoryRequest {
        channel: channel.to_owned(),
        ..v1::ListHistoryRequest::default()
    };
    let asked = async {
        client.messages().post(post).await?;
        let page = client.messages().list_history(history).await?.into_inner();
        match page.messages.is_empty() {
            true => Err(Failed::Incomplete("a message")),
            false => Ok(()),
        }
    };
    let answered = tokio::time::timeout(ANSWER_MAX, asked).await;
    answered.map_err(|_| Failed::Incomplete("an end"))?
}
