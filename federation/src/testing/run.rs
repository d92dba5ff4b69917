//! The world at work: inputs, frames and pages wait in one queue and are handled in order.

use super::*;

impl World {
    /// Connects two partners, and lets both say hello.
    pub(crate) fn connect(&mut self, one: usize, other: usize) {
        self.connected.insert((one.min(other), one.max(other)));
        for (at, with) in [(one, other), (other, one)] {
            let partner = self.id(with);
            self.push_link(at, partner, link::Input::Opened);
            let side = &self.sides[at];
            let run = RunId([side.run; 16]);
            let hello = link::hello(&side.snapshot, partner, run, self.clocks(at));
            let hello = hello.expect("both agreed to the peering");
            let frame = Frame::Hello(Box::new(hello));
            self.work.push_back(Work::Frame(at, with, frame));
        }
        self.settle();
    }

    pub(crate) fn is_connected(&self, one: usize, other: usize) -> bool {
        self.connected.contains(&(one.min(other), one.max(other)))
    }

    pub(crate) fn disconnect(&mut self, one: usize, other: usize) {
        if !self.connected.remove(&(one.min(other), one.max(other))) {
            return;
        }
        for (at, with) in [(one, other), (other, one)] {
            let partner = self.id(with);
            self.push_link(at, partner, link::Input::Closed);
        }
    }

    /// What `from` sends to `to` waits until [`Self::deliver`].
    pub(crate) fn hold(&mut self, from: usize, to: usize) {
        self.held.insert((from, to), Vec::new());
    }

    /// Delivers what was held.
    pub(crate) fn deliver(&mut self, from: usize, to: usize) {
        for frame in self.held.remove(&(from, to)).unwrap_or_default() {
            self.work.push_back(Work::Frame(from, to, frame));
        }
        self.settle();
    }

    /// A frame of a partner that says what no daemon of ours would.
    pub(crate) fn send(&mut self, from: usize, to: usize, frame: Frame) {
        self.work.push_back(Work::Frame(from, to, frame));
        self.settle();
    }

    pub(crate) fn push_org(&mut self, at: usize, input: OrgInput) {
        self.work.push_back(Work::Org(at, input));
    }

    pub(crate) fn push_channel(&mut self, at: usize, channel: ChannelId, input: channel::Input) {
        self.work.push_back(Work::Channel(at, channel, input));
    }

    pub(crate) fn push_link(&mut self, at: usize, partner: OrgId, input: link::Input) {
        self.work.push_back(Work::Link(at, partner, input));
    }

    /// Time passes, and everybody looks at the clock once.
    pub(crate) fn pass(&mut self, millis: u64) {
        self.now.wall = self.now.wall.plus_millis(millis);
        self.now.steady_millis += millis;
        self.tick();
    }

    pub(crate) fn tick(&mut self) {
        for at in 0..self.sides.len() {
            let entropy = self.draw();
            self.push_org(at, OrgInput::Tick { entropy });
            let channels: Vec<ChannelId> = self.sides[at].channels.keys().copied().collect();
            for channel in channels {
                self.push_channel(at, channel, channel::Input::Tick);
            }
            let partners: Vec<OrgId> = self.sides[at].links.keys().copied().collect();
            for partner in partners {
                self.push_link(at, partner, link::Input::Tick);
            }
        }
        self.settle();
    }

    /// The daemon of an organisation starts anew over what its store holds, as another run.
    pub(crate) fn restart(&mut self, at: usize) {
        let run = self.sides[at].run.wrapping_add(100);
        self.restart_as(at, run);
    }

    /// As `restart`, with the number of the run.
    pub(crate) fn restart_as(&mut self, at: usize, run: u8) {
        for other in 0..self.sides.len() {
            self.disconnect(at, other);
        }
        self.settle();
        let side = &mut self.sides[at];
        side.run = run;
        side.started_steady_millis = self.now.steady_millis;
        side.org = StepLoop::new(org_setup(&Some(side.keys.clone()), run));
        side.channels.clear();
        side.links.clear();
        side.views.clear();
        let entropy = self.draw();
        self.push_org(at, OrgInput::Tick { entropy });
        self.settle();
        let channels: Vec<ChannelId> = self.sides[at]
            .snapshot
            .state
            .channels()
            .keys()
            .copied()
            .collect();
        for channel in channels {
            self.push_channel(at, channel, channel::Input::Tick);
        }
        self.settle();
    }

    /// Everything that can be done is done.
    pub(crate) fn settle(&mut self) {
        for _ in 0..WORK_MAX {
            match self.work.pop_front() {
                None => return,
                Some(Work::Org(at, input)) => self.run_org(at, input),
                Some(Work::Channel(at, channel, input)) => {
                    self.run_channel(at, channel, vec![input]);
                }
                Some(Work::Link(at, partner, input)) => self.run_link(at, partner, input),
                Some(Work::Page(at, partner, channel, subscription, reader)) => {
                    self.run_page(at, partner, channel, subscription, *reader);
                }
                Some(Work::Frame(from, to, frame)) => self.run_frame(from, to, frame),
            }
        }
        panic!("the world does not come to rest: there is a loop");
    }

    pub(super) fn run_org(&mut self, at: usize, input: OrgInput) {
        let now = self.clocks(at);
        let side = &mut self.sides[at];
        let mut effects = Vec::new();
        side.org.push(input);
        let mut answer = None;
        while let Some(ask) = self.sides[at].org.advance(now, answer.take(), &mut effects) {
            answer = Some(self.answer(at, ask));
        }
        assert_eq!(self.sides[at].org.take_damage(), None);
        for effect in effects {
            match effect {
                org::Effect::Reply(reply, result) => {
                    self.sides[at].done.insert(reply.0, result);
                }
                org::Effect::Snapshot(snapshot) => self.on_snapshot(at, snapshot),
                org::Effect::Govern(..) if self.sides[at].channels_full => {}
                org::Effect::Govern(channel, govern) => {
                    let govern = self.planned(govern);
                    self.push_channel(at, channel, channel::Input::Govern(govern));
                }
                org::Effect::Refused(partner, reason) => {
                    self.sides[at].refused.push((partner, reason));
                }
            }
        }
    }

    pub(super) fn planned(&self, govern: Govern) -> Govern {
        match (govern, self.plan) {
            (Govern::Propose(charter), Some(plan)) if charter.number == 1 => {
                let mut charter = Charter::clone(&charter);
                plan(&mut charter);
                Govern::Propose(Arc::new(charter))
            }
            (govern, _) => govern,
        }
    }

    pub(super) fn answer(&mut self, at: usize, ask: Ask) -> Answer {
        let side = &mut self.sides[at];
        match ask {
            Ask::Read(reads) => Answer::Rows(reads.iter().map(|read| side.read(read)).collect()),
            Ask::Commit(batch) => Answer::Committed(side.commit(batch)),
        }
    }

    pub(super) fn on_snapshot(&mut self, at: usize, snapshot: Arc<OrgSnapshot>) {
        let side = &mut self.sides[at];
        side.snapshot = snapshot.clone();
        let pins: Vec<OrgId> = snapshot.pins().map(|(partner, _)| partner).collect();
        for partner in pins {
            let run = RunId([side.run; 16]);
            side.links
                .entry(partner)
                .or_insert_with(|| Link::new(side.id, partner, run, snapshot.clone()));
        }
        let channels: Vec<ChannelId> = snapshot.state.channels().keys().copied().collect();
        let partners: Vec<OrgId> = side.links.keys().copied().collect();
        let views: Vec<_> = side.views.values().cloned().collect();
        for partner in partners {
            for view in &views {
                self.push_link(at, partner, link::Input::View(view.clone()));
            }
            self.push_link(at, partner, link::Input::Org(snapshot.clone()));
        }
        for channel in channels {
            self.push_channel(at, channel, channel::Input::Org(snapshot.clone()));
        }
    }

    /// Lets a channel take several inputs in one step.
    pub(crate) fn run_channel(&mut self, at: usize, id: ChannelId, inputs: Vec<channel::Input>) {
        let now = self.clocks(at);
        let side = &mut self.sides[at];
        let setup = || channel::Setup {
            channel: id,
            keys: side.keys.clone(),
            run: RunId([side.run; 16]),
            seed: [side.run ^ 0x55; 32],
            org: side.snapshot.clone(),
        };
        let steps = side
            .channels
            .entry(id)
            .or_insert_with(|| StepLoop::new(setup()));
        for input in inputs {
            steps.push(input);
        }
        let mut effects = Vec::new();
        let mut answer = None;
        loop {
            let steps = self.sides[at].channels.get_mut(&id).expect("just made");
            match steps.advance(now, answer.take(), &mut effects) {
                Some(ask) => answer = Some(self.answer(at, ask)),
                None => break,
            }
        }
        let steps = self.sides[at].channels.get_mut(&id).expect("just made");
        if let Some(damage) = steps.take_damage() {
            self.sides[at].found(damage);
        }
        for effect in effects {
            self.channel_effect(at, id, effect);
        }
    }

    pub(super) fn channel_effect(&mut self, at: usize, id: ChannelId, effect: channel::Effect) {
        let partners: Vec<OrgId> = self.sides[at].links.keys().copied().collect();
        match effect {
            channel::Effect::Reply(reply, result) => {
                self.sides[at].posted.insert(reply.0, result);
            }
            channel::Effect::View(view) => {
                self.sides[at].views.insert(id, view.clone());
                for partner in partners {
                    self.push_link(at, partner, link::Input::View(view.clone()));
                }
            }
            channel::Effect::Send(partner, frame) => {
                self.push_link(at, partner, link::Input::Send(frame));
            }
            channel::Effect::Feed(partner, start) => {
                self.push_link(at, partner, link::Input::Feed(id, start));
            }
            channel::Effect::StopFeed(partner) => {
                self.push_link(at, partner, link::Input::StopFeed(id));
            }
            channel::Effect::Attach(partner) => {
                self.push_link(at, partner, link::Input::Attach(id));
            }
            channel::Effect::Forgotten => {
                for partner in partners {
                    self.push_link(at, partner, link::Input::Forgotten(id));
                }
            }
            channel::Effect::Org(input) => self.push_org(at, *input),
            channel::Effect::Again(input) => self.push_channel(at, id, *input),
            channel::Effect::Reject(partner, reject) => {
                self.sides[at].rejects.push((partner, reject));
            }
        }
    }

    pub(super) fn run_link(&mut self, at: usize, partner: OrgId, input: link::Input) {
        let now = self.clocks(at);
        let Some(link) = self.sides[at].links.get_mut(&partner) else {
            return;
        };
        let mut effects = Vec::new();
        link.handle(now, input, &mut effects);
        for effect in effects {
            match effect {
                link::Effect::Send(frame) => {
                    self.sides[at].sent.push((partner, frame.clone()));
                    let to = self.index(partner);
                    match self.held.get_mut(&(at, to)) {
                        Some(held) => held.push(frame),
                        None => self.work.push_back(Work::Frame(at, to, frame)),
                    }
                }
                link::Effect::ToChannel(channel, input) => self.push_channel(at, channel, *input),
                link::Effect::ToOrg(input) => self.push_org(at, *input),
                link::Effect::Read(channel, subscription, reader) => {
                    let reader = Box::new(reader);
                    self.work
                        .push_back(Work::Page(at, partner, channel, subscription, reader));
                }
                link::Effect::Close(closing) => {
                    self.sides[at].closed.push((partner, closing.goodbye()));
                    let other = self.index(partner);
                    self.disconnect(at, other);
                }
                link::Effect::Skew(_) => {}
            }
        }
    }

    pub(super) fn run_page(
        &mut self,
        at: usize,
        partner: OrgId,
        channel: ChannelId,
        subscription: u32,
        mut reader: PageReader,
    ) {
        let mut rows = Vec::new();
        loop {
            match reader.advance(std::mem::take(&mut rows)) {
                Ok(Reading::Read(reads)) => {
                    rows = reads.iter().map(|read| self.sides[at].read(read)).collect();
                }
                Ok(Reading::Ready(page)) => {
                    let input = link::Input::Page(channel, subscription, page);
                    return self.push_link(at, partner, input);
                }
                Err(damage) => return self.sides[at].found(damage),
            }
        }
    }

    /// A frame arrives: it is checked by what the receiver knows, outside its machines.
    pub(super) fn run_frame(&mut self, from: usize, to: usize, frame: Frame) {
        if !self.is_connected(from, to) {
            return;
        }
        let partner = self.id(from);
        match CheckedFrame::check(frame, &self.sides[to].snapshot) {
            Ok(checked) => {
                let input = link::Input::Frame(Box::new(checked));
                self.push_link(to, partner, input);
            }
            Err(_) => {
                self.sides[to].closed.push((partner, Goodbye::Protocol));
                self.disconnect(to, from);
            }
        }
    }
}
