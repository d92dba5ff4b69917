//! Idempotency keys of administrative calls: the same call with the same key gives the first answer again.
//!
//! Kept in memory, bounded, for 24 hours by the clock that does not leap; posts are remembered by their channel, durably. What a restart forgets
//! does no harm when it is asked again: members, channels, requests and invitations may exist only once, so that a
//! repetition is refused (`NAME_TAKEN`, `REQUEST_EXISTS`, `INVITATION_OPEN`, `PARTNER_EXISTS`, `ALREADY_INITIALISED`)
//! and makes nothing; what ends or decides something finds it ended or decided. A token is made again, since the
//! secret of the first is not kept anywhere: the first is in the list, and can be revoked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use foedus_policy::action::Actor;
use foedus_policy::state::Scopes;
use foedus_policy::time::Now;
use prost::Message;
use sha2::{Digest as _, Sha256};
use tonic::Code;
use tracing::Instrument as _;

use super::Api;
use super::caller::Caller;
use super::refusal::Refusal;
use crate::bounds::api::{IDEMPOTENCY_KEY_BYTES_MAX, REPEATS_MAX, REPEATS_MILLIS};

/// What was answered.
#[derive(Debug)]
struct Given {
    request: [u8; 32],
    answer: Vec<u8>,
}

type Slot = Arc<tokio::sync::Mutex<Option<Given>>>;

/// The calls that are remembered.
#[derive(Debug, Default)]
pub struct Repeats(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    slots: BTreeMap<[u8; 32], (u64, Slot)>,
    /// By the order in which they came, with when that was by the steady clock.
    ages: BTreeMap<u64, (u64, [u8; 32])>,
    next: u64,
}

impl Repeats {
    fn slot(&self, key: [u8; 32], now: Now) -> Slot {
        // By the other clock, one leap of it would forget everything at once.
        let now = now.steady_millis;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((age, (at, oldest))) = kept.ages.first_key_value().map(|(a, b)| (*a, *b)) {
            let over = kept.ages.len() >= REPEATS_MAX || now.saturating_sub(at) >= REPEATS_MILLIS;
            if !over {
                break;
            }
            kept.ages.remove(&age);
            kept.slots.remove(&oldest);
        }
        if let Some((_, slot)) = kept.slots.get(&key) {
            return slot.clone();
        }
        let age = kept.next;
        kept.next += 1;
        let slot = Slot::default();
        kept.ages.insert(age, (now, key));
        kept.slots.insert(key, (age, slot.clone()));
        slot
    }
}

impl Api {
    /// Does what is asked, unless the same was asked with the same key before: then the first answer is given
    /// again. A refusal is not remembered.
    ///
    /// It is done to its end also if the caller goes away meanwhile: what has several steps is not left half done,
    /// and whoever asks again gets the answer.
    pub(super) async fn once<Q, A, F>(
        &self,
        caller: &Caller,
        call: &'static str,
        key: String,
        request: Q,
        act: impl FnOnce(Self, Caller, Q) -> F + Send + 'static,
    ) -> Result<A, Refusal>
    where
        Q: Message + 'static,
        A: Message + Default + Clone + 'static,
        F: Future<Output = Result<A, Refusal>> + Send + 'static,
    {
        let whole = |answer| answer;
        self.once_kept(caller, call, key, request, whole, act).await
    }

    /// As [`Api::once`], where what is remembered of the answer is what `kept` makes of it.
    pub(super) async fn once_kept<Q, A, F>(
        &self,
        caller: &Caller,
        call: &'static str,
        key: String,
        request: Q,
        kept: impl FnOnce(A) -> A + Send + 'static,
        act: impl FnOnce(Self, Caller, Q) -> F + Send + 'static,
    ) -> Result<A, Refusal>
    where
        Q: Message + 'static,
        A: Message + Default + Clone + 'static,
        F: Future<Output = Result<A, Refusal>> + Send + 'static,
    {
        check_key(&key)?;
        let asked: [u8; 32] = Sha256::new()
            .chain_update(call)
            .chain_update([0])
            .chain_update(request.encode_to_vec())
            .finalize()
            .into();
        let slot = (!key.is_empty()).then(|| {
            let id = Sha256::new()
                .chain_update(source(&caller.actor))
                .chain_update(permitted(&caller.actor))
                .chain_update(&key);
            let now = self.runtime().now();
            self.inner.repeats.slot(id.finalize().into(), now)
        });
        let (api, caller) = (self.clone(), caller.clone());
        let work = async move {
            let Some(slot) = slot else {
                return act(api, caller, request).await;
            };
            // A repetition that comes while the first is under way waits for it.
            let mut given = slot.lock().await;
            if let Some(given) = given.as_ref() {
                return given.answer_to(asked);
            }
            let answer = act(api, caller, request).await?;
            *given = Some(Given {
                request: asked,
                answer: kept(answer.clone()).encode_to_vec(),
            });
            Ok(answer)
        };
        let span = tracing::Span::current();
        let done = self.inner.tasks.spawn(work.instrument(span)).await;
        done.unwrap_or_else(|_| Err(Refusal::internal("CALL_FAILED", "the call did not end")))
    }
}

impl Given {
    /// The answer, if it was to this request.
    fn answer_to<A: Message + Default>(&self, asked: [u8; 32]) -> Result<A, Refusal> {
        if self.request != asked {
            return Err(Refusal::new(
                Code::AlreadyExists,
                "IDEMPOTENCY_KEY_REUSED",
                "this idempotency key was used for another request",
                "use a new one; to repeat a request that was cut off, repeat it exactly",
            ));
        }
        A::decode(self.answer.as_slice())
            .map_err(|_| Refusal::internal("ANSWER_LOST", "the first answer can't be read"))
    }
}

/// Refuses a key that is too long.
pub fn check_key(key: &str) -> Result<(), Refusal> {
    if key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
        return Err(Refusal::malformed(
            "IDEMPOTENCY_KEY_TOO_LONG",
            format!(
                "an idempotency key has at most {IDEMPOTENCY_KEY_BYTES_MAX} bytes, found {}",
                key.len()
            ),
            "use a shorter one",
        ));
    }
    Ok(())
}

/// Keys of different callers are different keys.
pub(super) fn source(actor: &Actor) -> Vec<u8> {
    match actor {
        Actor::Operator {
            uid,
            as_member: None,
        } => [b"uid".as_slice(), &uid.to_be_bytes()].concat(),
        Actor::Operator {
            as_member: Some(member),
            ..
        }
        | Actor::Member { member, .. } => [b"mem".as_slice(), member.as_bytes()].concat(),
        Actor::Partner(org) => org.as_bytes().to_vec(),
        Actor::System => Vec::new(),
    }
}

/// What is given again was answered to who may as much. Who may less asks anew, and is asked what it may.
fn permitted(actor: &Actor) -> [u8; 4] {
    match actor {
        Actor::Member {
            scopes:
                Scopes {
                    read,
                    write,
                    administer,
                },
            ..
        } => [1, (*read).into(), (*write).into(), (*administer).into()],
        Actor::Operator { .. } | Actor::Partner(_) | Actor::System => [0; 4],
    }
}

#[cfg(test)]
mod tests {
    use foedus_policy::time::Timestamp;

    use super::*;

    #[test]
    fn the_oldest_goes_first_and_a_day_is_the_end() {
        let repeats = Repeats::default();
        let key = |number: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            key
        };
        let at = |steady_millis| Now {
            wall: Timestamp(steady_millis),
            steady_millis,
        };
        let first = repeats.slot(key(0), at(0));
        assert!(Arc::ptr_eq(&first, &repeats.slot(key(0), at(1))));
        for number in 1..=REPEATS_MAX {
            repeats.slot(key(number), at(1));
        }
        assert!(!Arc::ptr_eq(&first, &repeats.slot(key(0), at(1))));
        let kept = repeats.slot(key(5), at(1));
        let leapt = Now {
            wall: Timestamp(REPEATS_MILLIS * 365),
            ..at(1)
        };
        assert!(Arc::ptr_eq(&kept, &repeats.slot(key(5), leapt)));
        let later = at(1 + REPEATS_MILLIS);
        assert!(!Arc::ptr_eq(&kept, &repeats.slot(key(5), later)));
        let kept = repeats.0.lock().expect("not poisoned");
        assert_eq!((kept.slots.len(), kept.ages.len()), (1, 1));
    }
}
