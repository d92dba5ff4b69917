//! Speed, measured: two organisations on real daemons with the story's policy, a load at one, a subscriber at the
//! other, and beside each figure what this machine can do at all.
//!
//! A message counts when the subscriber at the *other* organisation has it; by then it is durable at both. Texts have
//! 256 bytes and do not compress. What is measured is warm; what warms it does not count. Nothing here is a test: no
//! figure fails a run. What fails it is a message that is lost, repeated, garbled or out of its order.
//!
//! # The cases
//!
//! | case | what it measures | unit | target | the raw limit beside it |
//! |---|---|---|---|---|
//! | `raw` | the limits themselves: disk syncs, hand-overs between threads, SHA-256, Ed25519, gRPC over TLS, commits of each engine | | | |
//! | `idle` | memory of a daemon with its members loaded, at rest | MiB | 40 | |
//! | `paced` | from the call of `Post` to the far subscriber, at 20 a second: half of the messages, and 99 of 100 | ms | 3, 10 | two disk syncs, a bare call |
//! | `post-1` | `Post`, the next when the far subscriber has the last | messages/s | 300 | two disk syncs, two batches of the engine |
//! | `post-64` | `Post`, 64 in flight | messages/s | 5,000 | bare calls and commits, 64 in flight; a signature each |
//! | `post-many` | `PostMany`, lists of 256 | messages/s | 25,000 | a bare stream, the engine in lists, SHA-256 |
//! | `catch-up` | the link was cut for 30 s, 100,000 messages were missed: from the first connection to the first and to the last of them | s, messages/s | 2, 25,000 | a bare stream, the engine in lists |
//! | `million` | 1,000,000 messages in 1,000 channels: memory, bytes on disk and computing of each role | MiB, bytes, ms | 200 | the text's bytes, a bare stream, the engine in lists |
//! | `restart` | the same, a daemon killed: until it answers a post and shows history | s | 2 | |
//! | `channels` | one post where 1, 100 and 10,000 channels are loaded | ms | | two disk syncs, two batches of the engine |
//! | `partners` | one post where there are 1, 5 and 20 partners, each with a channel | ms | | two disk syncs, two batches of the engine |
//!
//! Memory, computing, a start and the time until a link is back stand beside nothing: nothing raw has them.
//!
//! `paced` to `post-many` are measured in one channel, and going round 100. The channels of `channels` are local but
//! for one, which is posted to; each has been posted to once, which loads it. Each partner of `partners` is a real
//! daemon. The daemons dial each other directly; only in `catch-up` there is a relay between them, which can be cut.
//! Load and subscriber are two threads of the bench; what the daemons compute is read from `/proc`.

pub mod bounds;
pub mod case;
pub mod failed;
pub mod figure;
pub mod follower;
pub mod ledger;
pub mod load;
pub mod raw;
pub mod role;
pub mod stage;
pub mod usage;
