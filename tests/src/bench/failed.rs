//! Why a case has no figure. A message that is lost, repeated, garbled or out of its order is such a reason: speed
//! does not count without it.

use std::io;
use std::time::Duration;

use foedus_daemon::store::StoreError;
use foedus_federation::batch::CommitOutcome;

use crate::harness::client::NotConnected;

/// What ended a case.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// A call was refused or broke.
    #[error("a call was answered with {0}")]
    Call(#[from] Box<tonic::Status>),
    /// No connection or server for the bare stream.
    #[error("no connection")]
    Connection(#[from] tonic::transport::Error),
    /// A certificate for the bare stream.
    #[error("no certificate")]
    Certificate(#[from] rcgen::Error),
    /// sled by itself.
    #[error("sled by itself failed")]
    Sled(#[from] sled::Error),
    /// fjall by itself.
    #[error("fjall by itself failed")]
    Fjall(#[from] fjall::Error),
    /// No connection to a daemon.
    #[error("no connection to a daemon")]
    NotConnected(#[from] NotConnected),
    /// A list was not taken as a whole.
    #[error("of list {list}, {posted} of {sent} messages were posted")]
    List {
        /// Its number.
        list: u64,
        /// Messages in it.
        sent: usize,
        /// Messages that were posted.
        posted: usize,
    },
    /// The daemon ended a stream of answers too early.
    #[error("{answered} of {sent} lists were answered")]
    Unanswered {
        /// Lists that were sent.
        sent: u64,
        /// Lists that were answered.
        answered: u64,
    },
    /// What was posted did not arrive.
    #[error("{arrived} of {posted} messages had arrived {within:?} after the last was posted")]
    Lost {
        /// Messages that were posted.
        posted: u64,
        /// Different messages that arrived.
        arrived: u64,
        /// How long they had.
        within: Duration,
    },
    /// A message came twice.
    #[error("message {0} arrived twice")]
    Repeated(u64),
    /// Something arrived that was not posted like this.
    #[error("in {channel} arrived what nobody posted: {text:?}")]
    Garbled {
        /// What the far organisation calls the channel.
        channel: String,
        /// What arrived.
        text: String,
    },
    /// Lists of one stream keep their order.
    #[error("message {number} of {channel} arrived after {before}")]
    Disordered {
        /// What the far organisation calls the channel.
        channel: String,
        /// The message.
        number: u64,
        /// The one that arrived before it.
        before: u64,
    },
    /// The stream of the far subscriber ended.
    #[error("the far subscriber's stream ended")]
    StreamEnded,
    /// What should be seen at one side was not.
    #[error("waited {within:?} for {what}")]
    Waited {
        /// For what.
        what: &'static str,
        /// How long.
        within: Duration,
    },
    /// An answer lacks what it always has.
    #[error("an answer without {0}")]
    Incomplete(&'static str),
    /// Nothing was measured of which there could be a figure.
    #[error("not one sample was taken")]
    NoSample,
    /// A role's task panicked.
    #[error("a task of the bench panicked")]
    Panicked,
    /// A file, a folder, a thread.
    #[error("the operating system refused")]
    Io(#[from] io::Error),
    /// An engine, in the raw limits.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The same.
    #[error("a commit ended as {0:?}")]
    Commit(CommitOutcome),
    /// What `/proc` says has another form.
    #[error("/proc/{pid} can't be read")]
    Process {
        /// Of which process.
        pid: u32,
    },
}

impl From<tonic::Status> for Failed {
    fn from(status: tonic::Status) -> Self {
        Self::Call(Box::new(status))
    }
}

/// An error with all that caused it, in one line.
#[must_use]
pub fn told(failed: &Failed) -> String {
    let mut text = failed.to_string();
    let mut cause = std::error::Error::source(failed);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
