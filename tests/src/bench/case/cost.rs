//! `channels` and `partners`: what one post costs as there is more that is loaded, and more to talk with.

use std::time::Instant;

use foedus_daemon::store::EngineKind;
use foedus_proto::api::v1;

use super::{Run, equipment, stage};
use crate::bench::failed::Failed;
use crate::bench::figure::{Figure, percentile};
use crate::bench::load::Load;
use crate::bench::stage::{Stage, each, partner, process};
use crate::bench::usage;
use crate::harness::client::Access;
use crate::harness::organisation::Organisation;

/// The names of the cases.
pub const CHANNELS: &str = "channels";
/// See [`CHANNELS`].
pub const PARTNERS: &str = "partners";

/// One post where many channels are loaded.
pub fn measure_channels(run: &mut Run, engine: EngineKind) -> Result<(), Failed> {
    if !run.wants(CHANNELS) {
        return Ok(());
    }
    let stage = stage(run, engine, true)?;
    let mut there = 1;
    for wanted in run.scale.loaded_channels {
        let member = stage.acme.member.clone();
        let (first, count) = (there, wanted.saturating_sub(there));
        stage.load.run(load_channels(member, first, count))?;
        there += count;
        let what = match there {
            1 => "1 channel loaded".to_owned(),
            many => format!("{many} channels loaded"),
        };
        cost(run, engine, &stage, CHANNELS, &what)?;
    }
    Ok(())
}

/// Opens local channels, and loads each by a post.
async fn load_channels(member: Access, first: usize, count: usize) -> Result<(), Failed> {
    let client = member.connect().await?;
    each(count, move |number| {
        let (client, name) = (client.clone(), format!("local-{}", first + number));
        async move {
            let create = v1::CreateChannelRequest {
                name: name.clone(),
                ..v1::CreateChannelRequest::default()
            };
            client.channels().create_channel(create).await?;
            let post = v1::PostRequest {
                channel: name,
                text: "It is loaded.".to_owned(),
                ..v1::PostRequest::default()
            };
            client.messages().post(post).await?;
            Ok(())
        }
    })
    .await
}

/// One post where there are many partners.
pub fn measure_partners(run: &mut Run, engine: EngineKind) -> Result<(), Failed> {
    if !run.wants(PARTNERS) {
        return Ok(());
    }
    let stage = stage(run, engine, true)?;
    let equipment = equipment(engine, true);
    // Kept until the end: a partner that goes is one less.
    let mut more: Vec<Organisation> = Vec::new();
    for wanted in run.scale.partners {
        while 1 + more.len() < *wanted {
            more.push(partner::meet(&stage.two, more.len() + 2, equipment)?);
        }
        let what = match wanted {
            1 => "1 partner".to_owned(),
            many => format!("{many} partners"),
        };
        cost(run, engine, &stage, PARTNERS, &what)?;
    }
    Ok(())
}

/// One post in the shared channel, one at a time: how long until it is answered, until the far subscriber has it, and
/// what the daemon computes for it.
fn cost(
    run: &mut Run,
    engine: EngineKind,
    stage: &Stage,
    case: &'static str,
    what: &str,
) -> Result<(), Failed> {
    let far = stage.globex.member.clone();
    let channel = stage.channels[0].far.clone();
    let load: Load = stage.load(1)?;
    stage.ledger.mark(true, false);
    let warm = load.clone().post_in_turn(
        run.scale.warm_up_messages / 16,
        far.clone(),
        channel.clone(),
    );
    stage.load.run(warm)?;
    stage.settle()?;
    let pid = process(&stage.two.acme)?;
    let (before, began) = (usage::cpu(pid)?, Instant::now());
    let messages = run.scale.cost_messages;
    let mut took = stage.load.run(load.post_in_turn(messages, far, channel))?;
    stage.settle()?;
    let elapsed = began.elapsed();
    let spent = usage::cpu(pid)?.saturating_sub(before);
    let half = percentile(&mut took, 0.50)? / 1e3;
    let syncs = 2.0 * run.raw.sync_millis;
    let figure = Figure::new(
        case,
        format!("{what}, post to far subscriber, p50"),
        half,
        "ms",
    );
    let batch = 2e3 / run.raw.engine(engine).bare.in_turn;
    let figure = figure
        .beside("two disk syncs, p50", syncs)
        .beside("two batches of the engine alone", batch);
    run.note(figure, engine);
    let computed = spent.as_secs_f64() * 1e3 / took.len() as f64;
    let figure = Figure::new(
        case,
        format!("{what}, CPU of acme's daemon a post"),
        computed,
        "ms",
    );
    run.note(figure, engine);
    let share = spent.as_secs_f64() / elapsed.as_secs_f64() * 100.0;
    run.note(
        Figure::new(case, format!("{what}, CPU meanwhile"), share, "% of a core"),
        engine,
    );
    let resident = usage::resident_mebibytes(pid)?;
    run.note(
        Figure::new(
            case,
            format!("{what}, acme's daemon resident"),
            resident,
            "MiB",
        ),
        engine,
    );
    Ok(())
}
