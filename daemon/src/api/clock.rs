//! `ClockService`.

use foedus_federation::org::OrgSnapshot;
use foedus_policy::action::Action;
use foedus_policy::time::Now;
use foedus_proto::api::v1;

use super::caller::{Caller, reader};
use super::refusal::Refusal;
use super::{Api, service, show};

impl Api {
    async fn get_clock(
        &self,
        caller: &Caller,
        _request: v1::GetClockRequest,
    ) -> Result<v1::GetClockResponse, Refusal> {
        reader(&caller.actor)?;
        Ok(v1::GetClockResponse {
            clock: Some(self.clock()),
        })
    }

    async fn confirm_clock(
        &self,
        caller: &Caller,
        _request: v1::ConfirmClockRequest,
    ) -> Result<v1::ConfirmClockResponse, Refusal> {
        let shown = self.runtime().now().wall;
        let action = Action::ConfirmClock { shown };
        self.runtime().act(caller.actor, action).await?;
        Ok(v1::ConfirmClockResponse {
            clock: Some(self.clock()),
        })
    }

    fn clock(&self) -> v1::Clock {
        clock_message(&self.runtime().snapshot(), self.runtime().now())
    }
}

/// The clock as the organisation knows it.
pub(super) fn clock_message(org: &OrgSnapshot, now: Now) -> v1::Clock {
    let reading = org.clock(now);
    // One of the two is what it says, and the other what it should say.
    let expected = match reading.surely == now.wall {
        true => reading.perhaps,
        false => reading.surely,
    };
    v1::Clock {
        now: show::time(now.wall),
        paused: reading.is_paused,
        expected: show::time(expected).filter(|_| reading.is_paused),
        leapt_at_start: org.state.leap().is_some_and(|leap| leap.at_start),
        unconfirmed: !reading.is_paused && !reading.may_end,
    }
}

service!(v1::clock_service_server::ClockService {
    get_clock: GetClockRequest => GetClockResponse,
    confirm_clock: ConfirmClockRequest => ConfirmClockResponse,
});
