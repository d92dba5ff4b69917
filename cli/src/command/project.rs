//! `project`.

use clap::{Args, Subcommand};
use foedus_proto::api::v1;

use super::{Limit, collect, present, unconfirmed, wording};
use crate::connection::Session;
use crate::failure::Failure;
use crate::json;
use crate::page::Page;
use crate::printer::Printer;
use crate::time::{self, Moment};

/// `project`
#[derive(Debug, Subcommand)]
pub enum ProjectCommand {
    /// Begin a project before anything is shared for it
    #[command(
        after_help = "Examples:\n  foedus project create Launch --ends 90d --as alice\n  foedus project create Library --no-end --as alice"
    )]
    Create {
        /// What to call it
        name: String,
        #[command(flatten)]
        end: EndArguments,
    },
    /// Show the projects
    #[command(after_help = "Example:\n  foedus project list --all")]
    List {
        /// Also those that have ended
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        limit: Limit,
    },
    /// Show one project; after its end, what each side held and what did not arrive
    #[command(after_help = "Example:\n  foedus project show Launch")]
    Show {
        /// Its name or identifier
        project: String,
    },
    /// Have a project end later: the others in its channels have to agree, until then the old end holds
    #[command(
        after_help = "Examples:\n  foedus project extend Launch --until 2027-03-31T18:00:00Z --as alice\n  foedus project extend Launch --until 30d --as alice"
    )]
    Extend {
        /// Its name or identifier
        project: String,
        /// When it ends then: 2027-03-31T18:00:00Z, +2h, 30d from now
        // Also under the name that it has where a channel is shared.
        #[arg(long, alias = "ends", value_name = "TIME", value_parser = time::parse_moment, allow_hyphen_values = true)]
        until: Moment,
    },
    /// End a project and its channels now, for good
    #[command(after_help = "Example:\n  foedus project end Launch --yes")]
    End {
        /// Its name or identifier
        project: String,
        /// Why, for the audit log; not in this release
        #[arg(long, value_name = "TEXT", hide = true)]
        reason: Option<String>,
        /// Do it; without this, only what would end is shown
        #[arg(long)]
        yes: bool,
    },
}

/// When it ends: one of these is to be said.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct EndArguments {
    /// When it ends: 2026-12-31T18:00:00Z, +2h, 30d
    #[arg(long, value_name = "TIME", value_parser = time::parse_moment, allow_hyphen_values = true)]
    ends: Option<Moment>,
    /// It has no end, until somebody ends it
    #[arg(long)]
    no_end: bool,
}

pub async fn run(
    command: ProjectCommand,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    match command {
        ProjectCommand::Create { name, end } => create(name, end, session, printer).await,
        ProjectCommand::Extend { project, until } => extend(project, until, session, printer).await,
        ProjectCommand::List { all, limit } => list(all, limit, session, printer).await,
        ProjectCommand::Show { project } => {
            let response = session
                .call(
                    session
                        .projects()
                        .get_project(v1::GetProjectRequest { project }),
                )
                .await?;
            let page = page(&present(response.project.clone())?, &response.channel_ends);
            printer.answer(&json::of(&response), &page)
        }
        ProjectCommand::End {
            project,
            reason,
            yes,
        } => end(project, reason, yes, session, printer).await,
    }
}

async fn create(
    name: String,
    end: EndArguments,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let request = v1::CreateProjectRequest {
        name,
        ends_at: end.ends.map(Moment::resolve_now),
        no_end: end.no_end,
        idempotency_key: session.idempotency_key(),
    };
    let response = session
        .call(session.projects().create_project(request))
        .await?;
    let project = present(response.project)?;
    let page = Page::new()
        .sentence(format!(
            "{} has begun, and ends: {}.",
            project.name,
            time::show_or(project.ends_at.as_ref(), "never")
        ))
        .sentence(format!(
            "To share a channel for it:  foedus channel share CHANNEL --with PARTNER --project {} --ends-with-project",
            project.name
        ));
    printer.answer(&json::of(&project), &page)
}

async fn extend(
    project: String,
    until: Moment,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let request = v1::ExtendProjectRequest {
        project,
        ends_at: Some(until.resolve_now()),
        idempotency_key: session.idempotency_key(),
    };
    let response = session
        .call(session.projects().extend_project(request))
        .await?;
    let project = present(response.project)?;
    printer.answer(&json::of(&project), &extended_page(&project))
}

/// What an extension came to so far.
fn extended_page(project: &v1::Project) -> Page {
    let ends = time::show_or(project.ends_at.as_ref(), "never");
    if project.extended_to.is_none() {
        return Page::new().sentence(format!("{} ends: {ends}.", project.name));
    }
    Page::new()
        .sentence(format!(
            "{} is proposed to end later: {}.",
            project.name,
            time::show(project.extended_to.as_ref())
        ))
        .sentence(format!(
            "An administrator of {} agrees with `foedus request approve`; until then it ends: {ends}.",
            project.extension_awaits.join(", ")
        ))
}

async fn list(
    all: bool,
    limit: Limit,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut client = session.projects();
    let (projects, next_page_token) =
        collect(limit.limit, String::new(), async |page_size, page_token| {
            let request = v1::ListProjectsRequest {
                include_ended: all,
                page_size,
                page_token,
            };
            let page = session.call(client.list_projects(request)).await?;
            Ok((page.projects, page.next_page_token))
        })
        .await?;
    let response = v1::ListProjectsResponse {
        projects,
        next_page_token,
    };
    let rows = response
        .projects
        .iter()
        .map(|project| {
            vec![
                project.name.clone(),
                state(project),
                time::listed_or(project.ends_at.as_ref(), "never"),
                project.channels.join(", "),
                project.partners.join(", "),
            ]
        })
        .collect();
    let page = Page::new().table(
        &[
            "PROJECT",
            "STATE",
            &time::head("ENDS"),
            "CHANNELS",
            "PARTNERS",
        ],
        rows,
        "There are no projects.",
    );
    printer.answer(&json::of(&response), &page)
}

fn state(project: &v1::Project) -> String {
    wording::value(project.state().as_str_name(), "PROJECT_STATE_")
}

fn page(project: &v1::Project, ends: &[v1::ChannelEnd]) -> Page {
    let page = Page::new().heading(&project.name).details([
        ("project", project.project_id.clone()),
        ("state", state(project)),
        (
            if project.state() == v1::ProjectState::Ended {
                "ended"
            } else {
                "ends"
            },
            time::show(project.ends_at.as_ref()),
        ),
        ("proposed to end", proposed(project)),
        ("channels", project.channels.join(", ")),
        ("partners", project.partners.join(", ")),
    ]);
    ends.iter()
        .filter(|end| end.ended)
        .fold(page, |page, end| page.blank().then(end_page(end)))
}

/// The later end that waits for others to agree.
fn proposed(project: &v1::Project) -> String {
    match time::show(project.extended_to.as_ref()) {
        until if until.is_empty() => until,
        until => format!(
            "{until}, once {} agrees",
            project.extension_awaits.join(", ")
        ),
    }
}

fn end_page(end: &v1::ChannelEnd) -> Page {
    let rows = end
        .records
        .iter()
        .flat_map(|record| record.logs.iter().map(move |log| (record, log)))
        .map(|(record, log)| {
            vec![
                if record.ours {
                    format!("{} (us)", record.handle)
                } else {
                    record.handle.clone()
                },
                log.origin_handle.clone(),
                wording::short_identifier(&log.incarnation_id),
                log.size.to_string(),
                log.root.chars().take(16).collect(),
            ]
        })
        .collect();
    let page = Page::new().heading(format!("Disconnect records of {}", end.channel_name));
    let page = end.records.iter().fold(page, |page, record| {
        let who = if record.ours {
            format!("{} (us)", record.handle)
        } else {
            record.handle.clone()
        };
        page.sentence(format!(
            "{who} stopped at {} ({})",
            time::show(record.at.as_ref()),
            record.cause
        ))
    });
    let page = page.table(
        &["HELD BY", "LOG OF", "INCARNATION", "ENTRIES", "ROOT"],
        rows,
        "There are no records yet.",
    );
    page.then(difference_page(end))
}

fn difference_page(end: &v1::ChannelEnd) -> Page {
    let page = Page::new();
    let page = if end.records_missing.is_empty() {
        page
    } else {
        page.sentence(format!(
            "Still to come: the record of {}.",
            end.records_missing.join(", ")
        ))
    };
    match end.reconciliation() {
        v1::Reconciliation::Equal => page.sentence("Difference: none. Everything arrived."),
        v1::Reconciliation::Different => {
            let page = page.sentence("Difference:");
            end.differences.iter().fold(page, |page, difference| {
                page.sentence(difference_words(difference))
            })
        }
        v1::Reconciliation::Waiting | v1::Reconciliation::Unspecified => {
            page.sentence("Difference: not known until all records are here.")
        }
    }
}

fn difference_words(difference: &v1::LogDifference) -> String {
    let v1::LogDifference {
        origin_handle,
        incarnation_id,
        our_size,
        their_handle,
        their_size,
        forked,
        ..
    } = difference;
    let log = format!(
        "the log of {origin_handle} ({})",
        wording::short_identifier(incarnation_id)
    );
    if *forked {
        return format!(
            "- {log} forked: we and {their_handle} hold {our_size} entries each, and not the same ones"
        );
    }
    let (who, count) = if their_size < our_size {
        (format!("at {their_handle}"), our_size - their_size)
    } else {
        ("here".to_owned(), their_size - our_size)
    };
    format!(
        "- of {log}, the last {count} did not arrive {who} (we hold {our_size}, {their_handle} {their_size})"
    )
}

async fn end(
    project: String,
    reason: Option<String>,
    yes: bool,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let request = v1::EndProjectRequest {
        project,
        reason: reason.unwrap_or_default(),
        idempotency_key: session.idempotency_key(),
        preview: !yes,
    };
    let response = session
        .call(session.projects().end_project(request))
        .await?;
    let project = present(response.project)?;
    if !yes {
        let channels = match project.channels.is_empty() {
            true => "; it has no channels here".to_owned(),
            false => format!(
                ", and with it its channels: {}",
                project.channels.join(", ")
            ),
        };
        let what = format!("{} would end for good{channels}", project.name);
        return Err(unconfirmed(what));
    }
    let page = Page::new()
        .sentence(format!("{} is {}.", project.name, state(&project)))
        .sentence(format!(
            "What each side held:  foedus project show {}",
            project.name
        ));
    printer.answer(&json::of(&project), &page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Style;

    fn ended(reconciliation: v1::Reconciliation, differences: Vec<v1::LogDifference>) -> String {
        let end = v1::ChannelEnd {
            channel_name: "launch".to_owned(),
            ended: true,
            reconciliation: reconciliation.into(),
            differences,
            ..v1::ChannelEnd::default()
        };
        page(&v1::Project::default(), &[end]).draw(Style::PLAIN)
    }

    #[test]
    fn no_difference_is_said_to_be_none() {
        assert!(
            ended(v1::Reconciliation::Equal, Vec::new())
                .contains("Difference: none. Everything arrived.")
        );
        assert!(
            ended(v1::Reconciliation::Waiting, Vec::new())
                .contains("not known until all records are here")
        );
    }

    #[test]
    fn an_extension_says_whose_yes_it_awaits() {
        let mut project = v1::Project {
            name: "Launch".to_owned(),
            extended_to: Some(prost_types::Timestamp {
                seconds: 1_798_740_000,
                nanos: 0,
            }),
            extension_awaits: vec!["globex.example".to_owned()],
            ..v1::Project::default()
        };
        let said = extended_page(&project).draw(Style::PLAIN);
        assert!(
            said.contains("An administrator of globex.example agrees"),
            "{said}"
        );
        let shown = page(&project, &[]).draw(Style::PLAIN);
        assert!(shown.contains("once globex.example agrees"), "{shown}");
        project.extended_to = None;
        let said = extended_page(&project).draw(Style::PLAIN);
        assert_eq!(said, "Launch ends: never.\n");
    }

    #[test]
    fn what_did_not_arrive_is_counted() {
        let difference = v1::LogDifference {
            origin_handle: "acme.example".to_owned(),
            incarnation_id: "inc_abcdefghijkl".to_owned(),
            our_size: 10,
            their_handle: "globex.example".to_owned(),
            their_size: 7,
            ..v1::LogDifference::default()
        };
        let drawn = ended(v1::Reconciliation::Different, vec![difference.clone()]);
        assert!(
            drawn.contains(
                "the last 3 did not arrive at globex.example (we hold 10, globex.example 7)"
            ),
            "{drawn}"
        );
        let missing = v1::LogDifference {
            our_size: 7,
            their_size: 10,
            ..difference.clone()
        };
        assert!(difference_words(&missing).contains("the last 3 did not arrive here"));
        let forked = v1::LogDifference {
            their_size: 10,
            forked: true,
            ..difference
        };
        assert!(difference_words(&forked).contains("forked"));
    }
}
