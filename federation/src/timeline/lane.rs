//! One log in the merge of a channel's history.
//!
//! The place to begin is found by halving, then runs are read in reading order.

use std::collections::VecDeque;

use super::{Held, Lens, Position};
use crate::batch::Read;
use crate::bounds::TIMELINE_RUNS_READ_MAX;
use crate::damaged::Damaged;
use crate::entry::LogId;
use crate::hlc::Hlc;
use crate::keys::ChannelKeys;
use crate::steploop::Rows;

/// In which direction history is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Back from now, or from a position.
    NewestFirst,
    /// On from the beginning, or from a position.
    OldestFirst,
}

/// One log in the merge.
#[derive(Debug)]
pub(super) struct Lane {
    log: LogId,
    size: u64,
    /// Nothing that is still to come lies beyond this, in reading order.
    bound: Hlc,
    stage: Stage,
    buffer: VecDeque<Held>,
}

#[derive(Debug)]
enum Stage {
    /// The place to begin lies between the two, both included; `probe` is looked at next.
    Seeking { low: u64, high: u64, probe: u64 },
    /// Read on from here: oldest first, this is the next; newest first, the one before it is.
    /// `aligned`: a run ends there.
    Reading { next: u64, aligned: bool },
}

impl Lane {
    pub(super) fn new(
        log: LogId,
        size: u64,
        newest: Hlc,
        order: Order,
        from: Option<Position>,
    ) -> Self {
        let end = |next| Stage::Reading {
            next,
            aligned: true,
        };
        let seek = Stage::Seeking {
            low: 0,
            high: size,
            probe: size / 2,
        };
        let (bound, stage) = match (order, from) {
            (Order::NewestFirst, None) => (newest, end(size)),
            // All of the log lies before the position.
            (Order::NewestFirst, Some(from)) if newest < from.hlc => (newest, end(size)),
            (Order::NewestFirst, Some(from)) => (from.hlc, seek),
            (Order::OldestFirst, None) => (Hlc::ZERO, end(0)),
            (Order::OldestFirst, Some(from)) if newest < from.hlc => (newest, end(size)),
            (Order::OldestFirst, Some(from)) => (from.hlc, seek),
        };
        Self {
            log,
            size,
            bound,
            stage,
            buffer: VecDeque::new(),
        }
    }

    /// Whether nothing is at hand.
    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    pub(super) fn first(&self) -> Position {
        self.buffer
            .front()
            .expect("only asked if there is one")
            .position
    }

    pub(super) fn pop(&mut self) -> Held {
        let held = self.buffer.pop_front().expect("only asked if there is one");
        self.bound = held.position.hlc;
        held
    }

    pub(super) fn has_more(&self, order: Order) -> bool {
        match (&self.stage, order) {
            (Stage::Seeking { .. }, _) => true,
            (Stage::Reading { next, .. }, Order::NewestFirst) => *next > 0,
            (Stage::Reading { next, .. }, Order::OldestFirst) => *next < self.size,
        }
    }

    /// Whether something that was not read yet could come before `first`.
    pub(super) fn may_precede(&self, order: Order, first: Option<Position>) -> bool {
        first.is_none_or(|first| match order {
            Order::NewestFirst => self.bound >= first.hlc,
            Order::OldestFirst => self.bound <= first.hlc,
        })
    }

    pub(super) fn read(&self, order: Order, keys: ChannelKeys) -> Read {
        match (&self.stage, order) {
            (Stage::Seeking { probe, .. }, _) => keys.runs_from(self.log, *probe, 1),
            (Stage::Reading { next, .. }, Order::OldestFirst) => {
                keys.runs_from(self.log, *next, TIMELINE_RUNS_READ_MAX)
            }
            (
                Stage::Reading {
                    next,
                    aligned: true,
                },
                Order::NewestFirst,
            ) => keys.runs_before(self.log, *next, TIMELINE_RUNS_READ_MAX),
            // The run that has the entry before may reach beyond it.
            (Stage::Reading { next, .. }, Order::NewestFirst) => {
                keys.runs_from(self.log, *next - 1, 1)
            }
        }
    }

    pub(super) fn absorb(
        &mut self,
        lens: &Lens,
        order: Order,
        from: Option<Position>,
        rows: Rows,
    ) -> Result<(), Damaged> {
        if rows.is_empty() {
            // The head says that there are entries.
            return Err(Damaged::new(
                lens.keys.log(self.log),
                "the head of a log of which all runs are here",
            ));
        }
        match self.stage {
            Stage::Seeking { .. } => {
                let from = from.expect("a place is sought because there is a position");
                self.narrow(lens, order, from, &rows)
            }
            Stage::Reading { .. } => self.take(lens, order, rows),
        }
    }

    /// Whether the entry belongs behind the place to begin: for oldest first it comes after the
    /// position, for newest first it is the position or comes after it.
    fn is_behind(order: Order, entry: Position, from: Position) -> bool {
        match order {
            Order::OldestFirst => entry > from,
            Order::NewestFirst => entry >= from,
        }
    }

    /// Times grow within a log but for void entries, of which nothing is known here.
    fn narrow(
        &mut self,
        lens: &Lens,
        order: Order,
        from: Position,
        rows: &Rows,
    ) -> Result<(), Damaged> {
        let Stage::Seeking { low, high, probe } = &mut self.stage else {
            unreachable!("only called while seeking")
        };
        let (key, value) = rows.first().expect("there is one row");
        let run = lens.open(key, value)?;
        let middle = low.midpoint(*high);
        let mut decided = false;
        for held in &run.held {
            let sequence = held.position.sequence;
            if Self::is_behind(order, held.position, from) {
                // If nothing at or after the middle lay before, what is between is void.
                let behind = if decided {
                    sequence
                } else {
                    sequence.min(middle)
                };
                *high = (*high).min(behind);
                decided = true;
                break;
            }
            *low = (*low).max(sequence + 1);
            decided = sequence >= middle;
        }
        if !decided {
            if run.end < *high {
                // Void from the middle to the end of the run: look further on.
                *probe = run.end;
                return Ok(());
            }
            *high = (*high).min(middle);
        }
        *low = (*low).min(self.size);
        *high = (*high).max(*low);
        if low == high {
            self.stage = Stage::Reading {
                next: *low,
                aligned: false,
            };
        } else {
            *probe = low.midpoint(*high);
        }
        Ok(())
    }

    fn take(&mut self, lens: &Lens, order: Order, rows: Rows) -> Result<(), Damaged> {
        let Stage::Reading { next, aligned } = &mut self.stage else {
            unreachable!("only called while reading")
        };
        for (key, value) in rows {
            let run = lens.open(&key, &value)?;
            match order {
                Order::OldestFirst => {
                    let wanted = |held: &Held| (*next..self.size).contains(&held.position.sequence);
                    self.buffer.extend(run.held.into_iter().filter(wanted));
                    *next = (*next).max(run.end);
                }
                Order::NewestFirst => {
                    let wanted = |held: &Held| held.position.sequence < *next;
                    self.buffer
                        .extend(run.held.into_iter().rev().filter(wanted));
                    *next = (*next).min(run.first);
                    *aligned = true;
                }
            }
        }
        Ok(())
    }
}
