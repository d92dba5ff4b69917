//! A role of the bench: the load, the far subscriber. Each has one thread of its own for all it does, so that what it
//! costs can be told from what the daemons cost.

use std::future::Future;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::failed::Failed;

/// One role.
#[derive(Debug)]
pub struct Role {
    // A runtime with one worker: tasks, and the connections they use, live on its thread and nowhere else.
    runtime: Runtime,
}

impl Role {
    /// Begins a role; its name is the thread's.
    pub fn begin(name: &str) -> Result<Self, Failed> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(name)
            .enable_all()
            .build()?;
        Ok(Self { runtime })
    }

    /// Does something on the role's thread, and waits for it.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Failed>> + Send + 'static,
    ) -> Result<T, Failed> {
        let done = self.runtime.block_on(self.runtime.spawn(work));
        done.map_err(|_| Failed::Panicked)?
    }

    /// Begins something on the role's thread.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.runtime.spawn(work)
    }

    /// What the role's thread has computed so far.
    pub fn cpu(&self) -> Result<Duration, Failed> {
        self.run(async {
            let time = clock_gettime(ClockId::ThreadCPUTime);
            let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
            let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
            Ok(Duration::from_secs(seconds) + Duration::from_nanos(nanos))
        })
    }
}
