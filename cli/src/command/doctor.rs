//! `doctor`.

use foedus_proto::api::v1;

use super::organisation::problem_page;
use crate::connection::Session;
use crate::failure::{Exit, Failure};
use crate::json;
use crate::page::Page;
use crate::printer::Printer;

/// Prints what is found. Warnings and errors are told to scripts, too.
pub async fn run(session: &Session, printer: &mut Printer) -> Result<(), Failure> {
    let mut client = session.doctor();
    let response = session.call(client.examine(v1::ExamineRequest {})).await?;
    printer.answer(&json::of(&response), &findings_page(&response.findings))?;
    match response.findings.iter().any(is_wrong) {
        true => Err(Failure {
            told: true,
            ..Failure::new(Exit::Found, "something is wrong", "")
        }),
        false => Ok(()),
    }
}

fn is_wrong(finding: &v1::Finding) -> bool {
    finding.severity() != v1::Severity::Notice
}

fn findings_page(findings: &[v1::Finding]) -> Page {
    let groups = [
        (v1::Severity::Error, "Does not work:"),
        (
            v1::Severity::Warning,
            "Will not work, or waits for somebody:",
        ),
        (v1::Severity::Notice, "Worth knowing:"),
    ];
    let mut page = Page::new();
    for (severity, heading) in groups {
        let mut of_it = findings.iter().filter(|one| one.severity() == severity);
        let problems: Vec<_> = of_it
            .by_ref()
            .filter_map(|one| one.problem.as_ref())
            .collect();
        if !problems.is_empty() {
            page = page.heading(heading);
        }
        for problem in problems {
            page = page.then(problem_page(problem));
        }
    }
    match findings.iter().any(is_wrong) {
        true => page,
        false => page.sentence("Nothing is wrong."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Style;

    fn finding(severity: v1::Severity, reason: &str) -> v1::Finding {
        v1::Finding {
            severity: severity.into(),
            problem: Some(v1::Problem {
                reason: reason.to_owned(),
                text: "it is so".to_owned(),
                fix: "do this".to_owned(),
                subject: "globex.example".to_owned(),
            }),
        }
    }

    #[test]
    fn the_worst_comes_first_and_a_notice_is_nothing_wrong() {
        let notice = finding(v1::Severity::Notice, "END_NEAR");
        let drawn = findings_page(std::slice::from_ref(&notice)).draw(Style::PLAIN);
        assert!(
            drawn.contains("END_NEAR") && drawn.contains("Nothing is wrong."),
            "{drawn}"
        );
        let error = finding(v1::Severity::Error, "WRONG_KEY");
        let drawn = findings_page(&[notice, error]).draw(Style::PLAIN);
        let place = |what: &str| drawn.find(what).expect("it is told");
        assert!(place("WRONG_KEY") < place("END_NEAR"), "{drawn}");
        assert!(!drawn.contains("Nothing is wrong."), "{drawn}");
        assert!(drawn.contains("to do: do this"), "{drawn}");
    }
}
