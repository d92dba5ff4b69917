//! Readers over a channel that ran: the machine itself, driven by the step loop.

use foedus_policy::action::{Action, Actor, Given, Outcome};
use foedus_policy::apply::apply;
use foedus_policy::decide::decide;
use foedus_policy::id::MemberId;
use foedus_policy::state::{Scopes, State};
use foedus_policy::time::Now;

use super::*;
use crate::channel::{Channel, Effect, Input, Posted, ReplyTo, Request, Setup, Text, Verb};
use crate::examples::{ACME, AT, chain, key, org, public, sign_seed};
use crate::org::{OrgSnapshot, OurKeys};
use crate::steploop::{Answer, Ask, StepLoop};

struct Ran {
    kept: Kept,
    steps: StepLoop<Channel>,
    view: Option<Arc<ChannelView>>,
    now: Now,
    channel: ChannelId,
    anna: MemberId,
    bob: MemberId,
}

fn act(state: &mut State, action: Action) -> Outcome {
    let operator = Actor::Operator {
        uid: 1,
        as_member: None,
    };
    by(state, operator, action)
}

fn by(state: &mut State, actor: Actor, action: Action) -> Outcome {
    let entropy = [u8::try_from(state.version()).expect("few acts") + 1; 64];
    let permit = decide(state, &actor, &action, AT)
        .into_result()
        .expect("permitted");
    let given = Given {
        now: AT,
        entropy,
        addresses: Vec::new(),
    };
    apply(state, permit, &given).outcome
}

fn member(member: MemberId) -> Actor {
    Actor::Member {
        member,
        scopes: Scopes::ALL,
    }
}

/// An organisation with a channel in which Anna and Bob are.
fn organisation() -> (State, ChannelId, MemberId, MemberId) {
    let mut state = State::default();
    act(
        &mut state,
        Action::Init {
            org: org(ACME),
            root: *public(ACME).as_bytes(),
            handle: "acme.example".to_owned(),
            display_name: "Acme".to_owned(),
            administrator: "anna".to_owned(),
        },
    );
    let anna = state.member_named("anna").expect("she came with it");
    let Outcome::MemberAdded { member: bob } = act(
        &mut state,
        Action::AddMember {
            name: "bob".to_owned(),
            display_name: "Bob".to_owned(),
            administrator: false,
        },
    ) else {
        panic!("a member")
    };
    let create = Action::CreateChannel {
        name: "launch".to_owned(),
        topic: String::new(),
        private: false,
    };
    let Outcome::ChannelCreated { channel, .. } = by(&mut state, member(anna), create) else {
        panic!("a channel")
    };
    by(&mut state, member(bob), Action::JoinChannel { channel });
    (state, channel, anna, bob)
}

impl Ran {
    fn new() -> Self {
        let mut ran = Self::loaded();
        ran.input(Input::Tick);
        ran
    }

    /// The channel exists, and nothing is in it yet.
    fn loaded() -> Self {
        let (state, channel, anna, bob) = organisation();
        Self {
            kept: Kept::default(),
            steps: StepLoop::new(setup(&state, channel, 1)),
            view: None,
            now: Now {
                wall: AT,
                steady_millis: 0,
            },
            channel,
            anna,
            bob,
        }
    }

    /// The daemon stopped and began anew, over what is stored.
    fn restart(&mut self, run: u8) {
        let (state, channel, ..) = organisation();
        self.steps = StepLoop::new(setup(&state, channel, run));
        self.input(Input::Tick);
        // A machine that has nothing to write shows what it was loaded with.
        self.view = self.steps.settled().map(Channel::view);
    }

    fn input(&mut self, input: Input) -> Vec<Effect> {
        self.now.wall = self.now.wall.plus_millis(1);
        self.steps.push(input);
        let mut out = Vec::new();
        let mut answer = None;
        while let Some(ask) = self.steps.advance(self.now, answer.take(), &mut out) {
            answer = Some(match ask {
                Ask::Read(reads) => {
                    Answer::Rows(reads.iter().map(|read| self.kept.read(read)).collect())
                }
                Ask::Commit(batch) => {
                    for key in &batch.deletes {
                        self.kept.0.remove(key);
                    }
                    self.kept.0.extend(batch.puts);
                    Answer::Committed(crate::batch::CommitOutcome::Durable)
                }
            });
        }
        for effect in &out {
            if let Effect::View(view) = effect {
                self.view = Some(view.clone());
            }
        }
        out
    }

    fn ask(&mut self, who: MemberId, verb: Verb) -> Posted {
        let request = Request {
            verb,
            idempotency: None,
            entropy: [3; 32],
        };
        let effects = self.input(Input::Request {
            reply: ReplyTo(1),
            actor: member(who),
            request,
        });
        let reply = effects.into_iter().find_map(|effect| match effect {
            Effect::Reply(_, result) => Some(result),
            _ => None,
        });
        reply.expect("an answer").expect("done")
    }

    fn post(&mut self, who: MemberId, text: &str) -> EntryRef {
        let text = Text {
            text: text.to_owned(),
            reply_to: None,
        };
        self.ask(who, Verb::Post(vec![text])).first
    }

    fn view(&self) -> Arc<ChannelView> {
        self.view.clone().expect("there was a step")
    }
}

fn setup(state: &State, channel: ChannelId, run: u8) -> Setup {
    let identity = chain(ACME, "acme.example");
    Setup {
        channel,
        keys: Arc::new(OurKeys {
            org: org(ACME),
            sign: key(sign_seed(ACME)),
            identity,
        }),
        run: RunId([run; 16]),
        seed: [run; 32],
        org: Arc::new(OrgSnapshot {
            state: state.clone(),
            ..OrgSnapshot::default()
        }),
    }
}

#[test]
fn a_channel_that_ran_reads_as_it_was_written() {
    let mut ran = Ran::new();
    let (anna, bob) = (ran.anna, ran.bob);
    let first = ran.post(anna, "hello");
    let second = ran.post(bob, "hi");
    ran.ask(
        anna,
        Verb::Edit {
            target: first,
            text: "hello all".to_owned(),
        },
    );
    ran.ask(
        anna,
        Verb::React {
            target: second,
            emoji: "👍".to_owned(),
            on: true,
        },
    );
    let items = ran.kept.history(&ran.view(), Order::OldestFirst, 3);
    let texts: Vec<Option<String>> = items
        .iter()
        .filter_map(|item| match &item.what {
            What::Message(message) => Some(message.text.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(texts, [Some("hello all".to_owned()), Some("hi".to_owned())]);
    assert_eq!(
        items
            .iter()
            .filter(|item| item.what == What::Joined)
            .count(),
        2
    );
    let reacted = items
        .iter()
        .find(|item| item.entry == second)
        .expect("Bob's");
    assert_eq!(reacted.reactions[0].authors.len(), 1);
    let shown = who(
        &ran.view(),
        &OrgSnapshot::default(),
        first.origin,
        items[0].author,
    );
    assert!(!shown.external && shown.verified);
    assert_eq!(ran.view().channel, ran.channel);
}

#[test]
fn a_cursor_outlives_runs_in_which_nothing_arrives() {
    let mut ran = Ran::new();
    let anna = ran.anna;
    ran.post(anna, "one");
    let first = ran.view().cursor();
    // A quiet run, and its cursor.
    ran.restart(2);
    let quiet = ran.view().cursor();
    assert!(ran.view().knows(first));
    ran.restart(3);
    assert!(
        ran.view().knows(quiet),
        "a quiet run gives cursors that last"
    );
    let before = ran.kept.clone();
    ran.post(anna, "two");
    assert!(ran.view().knows(first) && ran.view().knows(quiet));
    let reader = ArrivalReader::new(ran.view(), quiet, 0, 16).expect("a known cursor");
    let list = ran.kept.arrivals(reader);
    let events: Vec<Event> = list
        .list
        .into_iter()
        .flat_map(|arrived| arrived.events)
        .collect();
    assert_eq!(events.len(), 1, "only what came after: {events:?}");
    let lost = ran.view().cursor();
    // An old copy of the store is put back.
    ran.kept = before;
    ran.restart(4);
    assert!(!ran.view().knows(lost));
    ran.post(anna, "three");
    assert!(!ran.view().knows(lost) && ran.view().knows(quiet));
}

/// Whoever reads the log from its first entry on knows of everybody who says something in it.
#[test]
fn the_log_says_that_somebody_joined_before_what_they_say() {
    let mut ran = Ran::loaded();
    let bob = ran.bob;
    let posted = ran.post(bob, "first of all");
    let items = ran.kept.history(&ran.view(), Order::OldestFirst, 16);
    let post = items.iter().position(|item| item.entry == posted);
    let joined = items
        .iter()
        .position(|item| item.what == What::Joined && Some(item.author) == author_of(&items, post));
    assert!(joined.is_some() && joined < post, "{joined:?} {post:?}");
}

fn author_of(items: &[Item], at: Option<usize>) -> Option<AuthorId> {
    Some(items.get(at?)?.author)
}
