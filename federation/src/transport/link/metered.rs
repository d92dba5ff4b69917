//! Counts what comes over a connection, whatever it is made of: a count of what frames say would leave out fields that
//! nobody knows, and whatever else a partner may fill a frame with, or send beside them. And reads nothing for a while, if
//! told to.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// What came over one connection so far, and whether more is read. Clones are of the same one.
#[derive(Debug, Clone, Default)]
pub struct Received(Arc<Reading>);

#[derive(Debug, Default)]
struct Reading {
    bytes: AtomicU64,
    held_until: Mutex<Option<Instant>>,
}

impl Received {
    /// Bytes inside of TLS: of frames, and of what HTTP/2 puts around them.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// So much more came.
    pub fn count(&self, bytes: u64) {
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Nothing more is read before this time; what the connection still holds for us waits with its sender.
    pub fn hold_until(&self, time: Instant) {
        *self.held_until() = Some(time);
    }

    /// Until when nothing is read, if that is still to come.
    fn held(&self) -> Option<Instant> {
        let mut held = self.held_until();
        *held = held.filter(|until| *until > Instant::now());
        *held
    }

    fn held_until(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        let held = self.0.held_until.lock();
        held.unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream whose reads are counted.
pub(super) struct Metered<S> {
    stream: S,
    received: Received,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<S> Metered<S> {
    /// And what counts.
    pub(super) fn new(stream: S) -> (Self, Received) {
        let received = Received::default();
        let metered = Self {
            stream,
            received: received.clone(),
            pause: None,
        };
        (metered, received)
    }

    /// Whether it has to be waited; whoever asks is woken after that.
    fn is_held(&mut self, context: &mut Context<'_>) -> bool {
        while let Some(until) = self.received.held() {
            let pause = self.pause.insert(Box::pin(sleep_until(until)));
            if pause.as_mut().poll(context).is_pending() {
                return true;
            }
        }
        false
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_held(context) {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let bytes = buffer.filled().len() - before;
        self.received.count(bytes as u64);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_held_is_read_later_and_nothing_of_it_is_lost() {
        let (mut far, near) = tokio::io::duplex(1024);
        let (mut metered, received) = Metered::new(near);
        let mut buffer = [0; 256];
        far.write_all(&[1; 100]).await.expect("room");
        assert_eq!(metered.read(&mut buffer).await.expect("read"), 100);
        received.hold_until(Instant::now() + Duration::from_secs(10));
        far.write_all(&[2; 100]).await.expect("room");
        let early = tokio::time::timeout(Duration::from_secs(9), metered.read(&mut buffer)).await;
        assert!(early.is_err() && received.bytes() == 100);
        // Also who hears of it while it waits.
        received.hold_until(Instant::now() + Duration::from_secs(10));
        let early = tokio::time::timeout(Duration::from_secs(9), metered.read(&mut buffer)).await;
        assert!(early.is_err() && received.bytes() == 100);
        assert_eq!(metered.read(&mut buffer).await.expect("read"), 100);
        assert_eq!((buffer[0], received.bytes()), (2, 200));
    }
}
