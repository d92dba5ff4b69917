//! `clock`.

use clap::Subcommand;
use foedus_proto::api::v1;

use super::present;
use crate::connection::Session;
use crate::failure::Failure;
use crate::page::Page;
use crate::printer::Printer;
use crate::{json, time};

/// `clock`
#[derive(Debug, Subcommand)]
pub enum ClockCommand {
    /// Show what the daemon's clock says, and whether it is relied on
    #[command(after_help = "Example:\n  foedus clock show")]
    Show,
    /// Say that the clock is right, after it leapt or after a start: what ended by it is ended for good
    #[command(after_help = "Example:\n  foedus clock confirm --as alice")]
    Confirm,
}

pub async fn run(
    command: ClockCommand,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut client = session.clock();
    match command {
        ClockCommand::Show => {
            let response = session
                .call(client.get_clock(v1::GetClockRequest {}))
                .await?;
            let clock = present(response.clock)?;
            printer.answer(&json::of(&clock), &clock_page(&clock))
        }
        ClockCommand::Confirm => {
            let request = v1::ConfirmClockRequest {};
            let response = session.call(client.confirm_clock(request)).await?;
            let clock = present(response.clock)?;
            let page = Page::new()
                .sentence("The clock is relied on.")
                .then(clock_page(&clock));
            printer.answer(&json::of(&clock), &page)
        }
    }
}

fn clock_page(clock: &v1::Clock) -> Page {
    let shown = |at: Option<&prost_types::Timestamp>| {
        at.map_or_else(String::new, |at| time::show(Some(at)))
    };
    let page = Page::new().details([
        ("now", shown(clock.now.as_ref())),
        ("expected", shown(clock.expected.as_ref())),
    ]);
    match (clock.paused, clock.unconfirmed) {
        (true, _) => page
            .sentence("It leapt by more than 48 hours: nothing ends or lapses by it, and nothing is posted to shared channels.")
            .sentence("Put it right if it is wrong; then: foedus clock confirm")
            .sentence_if(match clock.leapt_at_start {
                true => "A partner whose clock agrees within 5 minutes ends this, too.".to_owned(),
                false => String::new(),
            }),
        (false, true) => page
            .sentence("No partner's clock has agreed with it since the start: an end by the clock is not recorded yet.")
            .sentence("If it is right: foedus clock confirm"),
        (false, false) => page.sentence("It is relied on."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Style;

    fn drawn(paused: bool, leapt_at_start: bool, unconfirmed: bool) -> String {
        let clock = v1::Clock {
            paused,
            leapt_at_start,
            unconfirmed,
            ..v1::Clock::default()
        };
        clock_page(&clock).draw(Style::PLAIN)
    }

    #[test]
    fn what_to_do_is_told_when_there_is_something() {
        assert!(!drawn(false, false, false).contains("confirm"));
        assert!(drawn(false, false, true).contains("foedus clock confirm"));
        let leapt = drawn(true, false, false);
        assert!(
            leapt.contains("foedus clock confirm") && !leapt.contains("agrees"),
            "{leapt}"
        );
        assert!(drawn(true, true, false).contains("agrees"));
    }
}
