//! What our own people ask of a channel: to post, edit, retract and react.

use std::ops::RangeInclusive;

use foedus_policy::action::{Action, Actor, CharterFacts};
use foedus_policy::decide::{Decision, decide};
use foedus_policy::id::{AuthorId, EntryRef, MemberId, NoteHash, OrgId};
use foedus_policy::reason::Reason;
use foedus_policy::state::Sharing;
use foedus_policy::time::{Now, Timestamp};
use foedus_policy::vocabulary::Capability;
use sha2::{Digest, Sha256};

use super::append::{Draft, NotAppended};
use super::read::named_record;
use super::{Channel, Effect, Log, Refused};
use crate::batch::Read;
use crate::bounds::{POST_BYTES_MAX, POST_TEXTS_MAX};
use crate::damaged::Damaged;
use crate::entry::Header;
use crate::hlc::Hlc;
use crate::kind::{Body, Kind};
use crate::steploop::{Failure, Step};
use crate::stored::{Annotation, Answered, Record, Run};

/// One message to post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// What it says.
    pub text: String,
    /// What it answers.
    pub reply_to: Option<EntryRef>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What for.
    pub verb: Verb,
    /// The same key within 24 hours means the same request: it is answered, not done again.
    pub idempotency: Option<String>,
    /// Random bytes of this request alone: salts are made of them.
    pub entropy: [u8; 32],
}

/// What a request wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// To post 1 to 256 messages, all or none.
    Post(Vec<Text>),
    /// To give a message of one's own another text.
    Edit {
        /// The message.
        target: EntryRef,
        /// The text.
        text: String,
    },
    /// To take a message of one's own back.
    Retract {
        /// The message.
        target: EntryRef,
    },
    /// To react to a message, or take the reaction back.
    React {
        /// The message.
        target: EntryRef,
        /// The reaction.
        emoji: String,
        /// Whether it is given.
        on: bool,
    },
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posted {
    /// The first entry.
    pub first: EntryRef,
    /// How many entries, consecutive.
    pub count: u32,
    /// The time of the first.
    pub hlc: Hlc,
    /// The request had been carried out before.
    pub repeated: bool,
}

impl Verb {
    fn target(&self) -> Option<EntryRef> {
        match self {
            Self::Post(_) => None,
            Self::Edit { target, .. } | Self::Retract { target } | Self::React { target, .. } => {
                Some(*target)
            }
        }
    }

    /// How many entries it takes.
    fn count(&self) -> u64 {
        match self {
            Self::Post(texts) => texts.len() as u64,
            Self::Edit { .. } | Self::Retract { .. } | Self::React { .. } => 1,
        }
    }

    fn capabilities(&self) -> Vec<Capability> {
        match self {
            Self::Post(texts) => {
                let mut needed = vec![Capability::Post];
                if texts.iter().any(|text| text.reply_to.is_some()) {
                    needed.push(Capability::Thread);
                }
                needed
            }
            Self::Edit { .. } => vec![Capability::Edit],
            Self::Retract { .. } => vec![Capability::Retract],
            Self::React { .. } => vec![Capability::React],
        }
    }

    fn bodies(&self) -> Vec<Body> {
        match self.clone() {
            Self::Post(texts) => texts
                .into_iter()
                .map(|Text { text, reply_to }| Body::Post { text, reply_to })
                .collect(),
            Self::Edit { target, text } => vec![Body::Edit { target, text }],
            Self::Retract { target } => vec![Body::Retract { target }],
            Self::React { target, emoji, on } => vec![Body::React { target, emoji, on }],
        }
    }
}

impl Request {
    /// Names the request, so that a key can't be used for another.
    fn digest(&self, member: MemberId) -> [u8; 32] {
        let mut hash = Sha256::new().chain_update(member.as_bytes());
        for body in self.verb.bodies() {
            let bytes = body.encode().unwrap_or_default();
            hash = hash
                .chain_update(body.kind().number().to_be_bytes())
                .chain_update((bytes.len() as u64).to_be_bytes())
                .chain_update(bytes);
        }
        hash.finalize().into()
    }

    fn answer_hash(&self, member: MemberId) -> Option<[u8; 32]> {
        let key = self.idempotency.as_ref()?;
        let hash = Sha256::new()
            .chain_update(member.as_bytes())
            .chain_update(key);
        Some(hash.finalize().into())
    }

    fn salt(&self, index: usize) -> [u8; 32] {
        Sha256::new()
            .chain_update(b"foedus/request-salt/v1\n")
            .chain_update(self.entropy)
            .chain_update((index as u64).to_be_bytes())
            .finalize()
            .into()
    }
}

/// Which value can't be read is for the organisation's own eyes, and noted where it was found.
impl From<Damaged> for Refused {
    fn from(_: Damaged) -> Self {
        Self::Failed(Failure::Damaged)
    }
}

impl From<NotAppended> for Refused {
    fn from(refused: NotAppended) -> Self {
        match refused {
            NotAppended::Body(invalid) => Self::Body(invalid),
            NotAppended::Void(void) => Self::NotCounted(void),
        }
    }
}

/// In whose name the rules let write, and who that is to the channel.
struct Permitted {
    member: MemberId,
    author: AuthorId,
}

/// Who says something of which message, and who wrote that.
#[derive(Clone, Copy)]
struct Said {
    author: AuthorId,
    target: EntryRef,
    writer: AuthorId,
}

impl Channel {
    /// The turns whose answers are kept: what was answered just before our clock leapt is still
    /// known once it is put right.
    pub(super) fn turns_of_answers(&self) -> RangeInclusive<u32> {
        let latest = self.head.answers_turn;
        latest.saturating_sub(2)..=latest
    }

    pub(super) fn reads_of_request(&self, actor: &Actor, request: &Request) -> Vec<Read> {
        let mut reads = Vec::new();
        if let Some(hash) = actor
            .member()
            .and_then(|member| request.answer_hash(member))
        {
            for turn in self.turns_of_answers() {
                reads.push(Read::Get(self.keys.answered(turn, &hash)));
            }
        }
        if let Some(target) = request.verb.target() {
            reads.push(self.keys.run_of(target));
            reads.push(self.keys.annotations(target));
        }
        reads
    }

    pub(super) fn on_request(
        &mut self,
        now: Now,
        actor: &Actor,
        request: &Request,
        step: &mut Step<'_, Effect>,
    ) -> Result<Posted, Refused> {
        let Permitted { member, author } = self.permitted(now, actor, request)?;
        if let Some(posted) = self.answered_before(member, request, step)? {
            return Ok(posted);
        }
        if let Some(target) = request.verb.target() {
            let writer = self.check_target(author, target, &request.verb, step)?;
            let said = Said {
                author,
                target,
                writer,
            };
            if let Some(posted) = self.said_before(said, &request.verb, step)? {
                return Ok(posted);
            }
        }
        let bodies = request.verb.bodies();
        assert!(
            (1..=POST_TEXTS_MAX).contains(&bodies.len()),
            "the API bounds a list"
        );
        // All or none: nothing is appended before everything is known to fit.
        let mut bytes = 0;
        for body in &bodies {
            bytes += body.encode()?.len();
            self.check_text(body)?;
        }
        if bytes > POST_BYTES_MAX {
            return Err(Refused::TooMuch { found: bytes });
        }
        self.tell_author(now, member, step);
        let mut posted: Option<Posted> = None;
        for (index, body) in bodies.into_iter().enumerate() {
            let salt = request.salt(index);
            let (entry, hlc) = self.append(now, Draft { author, body, salt }, step)?;
            let posted = posted.get_or_insert(Posted {
                first: entry,
                count: 0,
                hlc,
                repeated: false,
            });
            posted.count += 1;
        }
        let posted = posted.expect("a list has at least one body");
        self.remember_answer(member, request, posted, step);
        Ok(posted)
    }

    /// Asks the organisation's rules for each thing that the request needs. Nobody is written for whom they did not name.
    fn permitted(&self, now: Now, actor: &Actor, request: &Request) -> Result<Permitted, Refused> {
        // Our hybrid time may be ahead of the clock: an entry that is written at or after the end
        // would be void everywhere.
        let count = request.verb.count();
        self.clock_holds()?;
        let last = self.next_place(now, count).hlc.wall();
        if let Some(ended) = self.governance.ended(last.max(now.wall)) {
            return Err(Refused::Ended(ended));
        }
        let mut author = None;
        for capability in request.verb.capabilities() {
            let action = Action::Write {
                channel: self.keys.channel(),
                capability,
                charter: self.charter_facts(),
            };
            match decide(&self.org.state, actor, &action, now.wall) {
                Decision::Permit(permit) => author = permit.author(),
                Decision::Deny(reason) => return Err(Refused::Denied(reason)),
            }
            // The charter may be in force a moment before the organisation knows.
            if let Some(facts) = self.charter_facts()
                && !(facts.access.may_post() && facts.capabilities.contains(capability))
            {
                return Err(Refused::Denied(Reason::CapabilityNotGranted));
            }
        }
        self.judge_next(now, count).map_err(Refused::NotCounted)?;
        let permitted = actor.member().zip(author);
        let (member, author) = permitted.ok_or(Refused::NotInChannel)?;
        Ok(Permitted { member, author })
    }

    /// Nothing is written to what is shared by a clock that leapt: it could have ended, and its time
    /// would stay in our log. Found here at once, and by the organisation a moment later.
    fn clock_holds(&self) -> Result<(), Refused> {
        let ended = self.governance.ended(Timestamp::ZERO).is_some();
        match self.clock.is_paused && self.governance.is_shared() && !ended {
            true => Err(Refused::Denied(Reason::ClockPaused)),
            false => Ok(()),
        }
    }

    fn charter_facts(&self) -> Option<CharterFacts> {
        let revision = self.governance.writing_revision(self.ours.org)?;
        let charter = revision.charter();
        Some(CharterFacts {
            access: *charter.participants.get(&self.ours.org)?,
            capabilities: charter.capabilities,
        })
    }

    /// The revision that new entries name, and its number.
    pub(super) fn writing_revision(&self) -> (NoteHash, u64) {
        self.governance
            .writing_revision(self.ours.org)
            .map_or((NoteHash::LOCAL, 0), |revision| {
                (revision.hash(), revision.charter().number)
            })
    }

    /// Whether our organisation may write what is its own, membership and control entries, and
    /// whether that would count: our hybrid time may have come to the end before our clock does.
    pub(super) fn may_write_control(&self, now: Now) -> bool {
        if !self.governance.is_shared() {
            // A channel that we are about to join, or took our yes to back, is never a local one.
            let known = self.org.state.channels().get(&self.keys.channel());
            return known.is_none_or(|known| {
                matches!(known.sharing, Sharing::Local | Sharing::Offering { .. })
            });
        }
        self.is_open()
            && !self.clock.is_paused
            && self.governance.writing_revision(self.ours.org).is_some()
            && self.judge_next(now, 1).is_ok()
    }

    fn check_text(&self, body: &Body) -> Result<(), Refused> {
        let (Body::Post { text, .. } | Body::Edit { text, .. }) = body else {
            return Ok(());
        };
        let revision = self.governance.writing_revision(self.ours.org);
        let limit = revision.map_or(u32::MAX, |revision| revision.charter().text_bytes);
        match text.len() <= limit as usize {
            true => Ok(()),
            false => Err(Refused::TextTooLong {
                limit,
                found: text.len(),
            }),
        }
    }

    fn answered_before(
        &self,
        member: MemberId,
        request: &Request,
        step: &mut Step<'_, Effect>,
    ) -> Result<Option<Posted>, Refused> {
        let Some(hash) = request.answer_hash(member) else {
            return Ok(None);
        };
        for turn in self.turns_of_answers() {
            let key = self.keys.answered(turn, &hash);
            // A turn may have begun since the reads were named; what nobody has named yet, nobody
            // has answered.
            let Some(answered) = named_record::<Answered>(&key, step)? else {
                continue;
            };
            if answered.request != request.digest(member) {
                return Err(Refused::KeyReused);
            }
            return Ok(Some(Posted {
                first: EntryRef {
                    origin: self.ours.org,
                    incarnation: foedus_policy::id::IncarnationId(answered.incarnation),
                    sequence: answered.first,
                },
                count: answered.count,
                hlc: Hlc(answered.hlc),
                repeated: true,
            }));
        }
        Ok(None)
    }

    fn remember_answer(
        &self,
        member: MemberId,
        request: &Request,
        posted: Posted,
        step: &mut Step<'_, Effect>,
    ) {
        let Some(hash) = request.answer_hash(member) else {
            return;
        };
        let answered = Answered {
            request: request.digest(member),
            incarnation: posted.first.incarnation.0,
            first: posted.first.sequence,
            count: posted.count,
            hlc: posted.hlc.0,
        };
        step.put(
            self.keys.answered(self.head.answers_turn, &hash),
            answered.to_value(),
        );
    }

    /// Whether the target is a message here, and may be changed by this author; who wrote it.
    fn check_target(
        &self,
        author: AuthorId,
        target: EntryRef,
        verb: &Verb,
        step: &mut Step<'_, Effect>,
    ) -> Result<AuthorId, Refused> {
        let header = self.stored_header(target, step)?;
        let header = header.ok_or(Refused::NoSuchEntry)?;
        if header.kind != Kind::Post.number() {
            return Err(Refused::NotAMessage);
        }
        let own = target.origin == self.ours.org && header.author == author;
        match verb {
            Verb::Edit { .. } | Verb::Retract { .. } if !own => Err(Refused::NotTheAuthor),
            _ => Ok(header.author),
        }
    }

    /// The entry by which this author said the same of the target already: to say it again would tell nobody
    /// anything. What was taken back is changed no more.
    fn said_before(
        &self,
        said: Said,
        verb: &Verb,
        step: &mut Step<'_, Effect>,
    ) -> Result<Option<Posted>, Refused> {
        let Said {
            author,
            target,
            writer,
        } = said;
        let pages = self.pages_on(target, step);
        let rows: Vec<Annotation> = step.noted(pages)?.into_values().flatten().collect();
        let by = |kind: u8, org: OrgId, author: AuthorId| {
            rows.iter().filter(move |row| {
                row.kind == kind && row.origin == org.0 && row.author == *author.as_bytes()
            })
        };
        let retracted = by(Annotation::RETRACT, target.origin, writer).next();
        let found = match verb {
            Verb::Retract { .. } => retracted,
            Verb::Edit { .. } | Verb::React { on: true, .. } if retracted.is_some() => {
                return Err(Refused::Retracted);
            }
            Verb::React { emoji, on, .. } => {
                let mut ours = by(Annotation::REACT, self.ours.org, author);
                let given = ours.find(|row| row.emoji == emoji.as_bytes() && row.on != 0);
                if !on && given.is_none() {
                    return Err(Refused::NoSuchReaction);
                }
                given.filter(|_| *on)
            }
            Verb::Post(_) | Verb::Edit { .. } => None,
        };
        Ok(found.map(|row| Posted {
            first: row.entry(),
            count: 1,
            hlc: Hlc(row.hlc),
            repeated: true,
        }))
    }

    /// The header of an entry that was stored before this step. What this step appends nobody was
    /// told of yet, so nobody can mean it.
    fn stored_header(
        &self,
        target: EntryRef,
        step: &mut Step<'_, Effect>,
    ) -> Result<Option<Header>, Damaged> {
        let log = self.keys.log_id(target.origin, target.incarnation);
        let held = self.logs.get(&log).map_or(0, Log::size);
        let run = step.scanned(&self.keys.run_of(target)).first();
        let Some((key, value)) = run.filter(|_| target.sequence < held) else {
            return Ok(None);
        };
        let header = Run::from_value(key, value).and_then(|run| {
            let index = target.sequence.checked_sub(run.first);
            let index = index.and_then(|index| usize::try_from(index).ok());
            let header = index.and_then(|index| Some(&run.entries.get(index)?.header));
            let header = header.map(|header| Header::decode(header)).transpose();
            header.map_err(|wrong| {
                Damaged::new(key.clone(), "the header of an entry").caused_by(wrong)
            })
        });
        step.noted(header)
    }
}
