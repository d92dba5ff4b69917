//! What the daemon wires around the scopes: new snapshots, links, pages that are read for them, and
//! its timer.

use std::sync::Arc;

use foedus_federation::batch::Reading;
use foedus_federation::channel::{self, Govern};
use foedus_federation::feed::PageReader;
use foedus_federation::link::{self, Link};
use foedus_federation::org::{self, OrgSnapshot};
use foedus_policy::id::{ChannelId, OrgId};

use super::disk;
use super::organisation::{Boundary, Cause, Wire};
use super::world::{Event, World};

impl World {
    /// The organisation changed: whoever works from a snapshot gets the new one.
    pub(super) fn on_snapshot(&mut self, at: usize, snapshot: Arc<OrgSnapshot>) {
        let us = self.orgs[at].id;
        let Some(run) = &mut self.orgs[at].run else {
            return;
        };
        run.snapshot = snapshot.clone();
        let pinned: Vec<OrgId> = snapshot.pins().map(|(partner, _)| partner).collect();
        for partner in &pinned {
            let link = || Link::new(us, *partner, run.id, snapshot.clone());
            run.links.entry(*partner).or_insert_with(|| Wire {
                link: link(),
                connection: None,
            });
        }
        let views: Vec<_> = run.views.values().cloned().collect();
        let partners: Vec<OrgId> = run.links.keys().copied().collect();
        let channels: Vec<ChannelId> = snapshot.state.channels().keys().copied().collect();
        for channel in channels {
            let input = channel::Input::Org(snapshot.clone());
            self.push_channel(at, channel, Cause::Inside, input);
        }
        for partner in partners {
            for view in &views {
                self.tell_link(at, partner, link::Input::View(view.clone()));
            }
            self.tell_link(at, partner, link::Input::Org(snapshot.clone()));
            if let Some(other) = self.index_of(partner) {
                self.dial_soon(at, other);
            }
        }
    }

    pub fn tell_link(&mut self, at: usize, partner: OrgId, input: link::Input) {
        let now = self.time(at);
        let Some(run) = &mut self.orgs[at].run else {
            return;
        };
        let number = run.number;
        let Some(wire) = run.links.get_mut(&partner) else {
            return;
        };
        self.inputs += 1;
        let mut effects = Vec::new();
        wire.link.handle(now, input, &mut effects);
        for effect in effects {
            let boundary = match &effect {
                link::Effect::Send(_) | link::Effect::Close(_) => Boundary::Send,
                link::Effect::Read(..) => Boundary::Read,
                link::Effect::ToChannel(..) | link::Effect::ToOrg(_) | link::Effect::Skew(_) => {
                    Boundary::Tell
                }
            };
            if self.boundary(at, boundary) {
                return;
            }
            match effect {
                link::Effect::Send(frame) => self.send(at, partner, frame),
                link::Effect::ToChannel(channel, input) => {
                    let cause = match &*input {
                        channel::Input::PartnerUp { .. } | channel::Input::PartnerDown(_) => {
                            Cause::Session
                        }
                        _ => Cause::Partner(partner),
                    };
                    self.push_channel(at, channel, cause, *input);
                }
                link::Effect::ToOrg(input) => self.push_org(at, Cause::Partner(partner), *input),
                link::Effect::Read(channel, subscription, reader) => {
                    let event = Event::Page {
                        at,
                        run: number,
                        partner,
                        channel,
                        subscription,
                        reader: Box::new(reader),
                    };
                    let delay = self.random.below(3);
                    self.after(delay, event);
                }
                link::Effect::Close(closing) => self.close(at, partner, closing.goodbye()),
                link::Effect::Skew(_) => {}
            }
        }
    }

    pub fn on_page(
        &mut self,
        at: usize,
        number: u64,
        partner: OrgId,
        channel: ChannelId,
        subscription: u32,
        mut reader: PageReader,
    ) {
        if self.orgs[at].run.as_ref().map(|run| run.number) != Some(number) {
            return;
        }
        let mut rows = Vec::new();
        let input = loop {
            match reader.advance(std::mem::take(&mut rows)) {
                Ok(Reading::Read(reads)) => {
                    let disk = &self.orgs[at].disk;
                    rows = reads
                        .iter()
                        .map(|read| disk::answer(disk, read).unwrap_or_default())
                        .collect();
                }
                Ok(Reading::Ready(page)) => break link::Input::Page(channel, subscription, page),
                Err(damaged) => {
                    self.checker.damaged(at, &damaged);
                    break link::Input::PageFailed(channel, subscription);
                }
            }
        };
        self.tell_link(at, partner, input);
        self.settle(at);
    }

    pub fn on_tick(&mut self, at: usize, number: u64) {
        let Some(run) = self.orgs[at]
            .run
            .as_ref()
            .filter(|run| run.number == number)
        else {
            return;
        };
        let channels: Vec<ChannelId> = run.channels.keys().copied().collect();
        let partners: Vec<OrgId> = run.links.keys().copied().collect();
        if self.orgs[at].clock_offset != 0 {
            self.happened("clock offset");
        }
        let entropy = self.random.bytes();
        self.push_org(at, Cause::Clock, org::Input::Tick { entropy });
        for channel in channels {
            self.push_channel(at, channel, Cause::Clock, channel::Input::Tick);
        }
        for partner in partners {
            self.tell_link(at, partner, link::Input::Tick);
        }
        self.settle(at);
        let period = self.tick_period();
        self.after(period, Event::Tick { at, run: number });
    }

    /// What the third organisation's part in the first charter is: programs for that come later,
    /// so that an administrator's hand draws it up here.
    pub(super) fn plan_charter(&self, govern: Govern) -> Govern {
        match govern {
            Govern::Propose(charter) if self.plan.orgs == 3 && charter.number == 1 => {
                let mut charter = foedus_federation::charter::Charter::clone(&charter);
                let third = self.orgs[2].id;
                charter.participants.insert(third, self.plan.third_access);
                let second = self.orgs[1].id;
                charter.participants.insert(second, self.plan.second_access);
                Govern::Propose(Arc::new(charter))
            }
            other => other,
        }
    }
}
