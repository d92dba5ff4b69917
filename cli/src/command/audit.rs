//! `audit`.

use clap::{Args, Subcommand};
use foedus_proto::api::v1;

use super::{Limit, collect, wording};
use crate::connection::Session;
use crate::failure::Failure;
use crate::json;
use crate::page::Page;
use crate::printer::Printer;
use crate::time::{self, Moment};

/// `audit`
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Show the records, newest first
    List(ListArguments),
}

/// `audit list`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  foedus audit list --denied --limit 20\n  foedus audit list --partner globex.example --since 2026-11-01T00:00:00Z"
)]
pub struct ListArguments {
    /// Only those at or after this time: 2026-11-01T00:00:00Z, -2h, -30d
    #[arg(long, value_name = "TIME", value_parser = time::parse_any_moment, allow_hyphen_values = true)]
    since: Option<Moment>,
    /// Only those before this time
    #[arg(long, value_name = "TIME", value_parser = time::parse_any_moment, allow_hyphen_values = true)]
    until: Option<Moment>,
    /// Only those by this actor
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,
    /// Only actions that begin with this, such as `request.`
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only those that concern this partner
    #[arg(long, value_name = "PARTNER")]
    partner: Option<String>,
    /// Only denials
    #[arg(long)]
    denied: bool,
    #[command(flatten)]
    limit: Limit,
}

pub async fn run(
    command: AuditCommand,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let AuditCommand::List(arguments) = command;
    let ListArguments {
        since,
        until,
        actor,
        action,
        partner,
        denied,
        limit,
    } = arguments;
    let wanted = v1::ListAuditRecordsRequest {
        since: since.map(Moment::resolve_now),
        until: until.map(Moment::resolve_now),
        actor: actor.unwrap_or_default(),
        action_prefix: action.unwrap_or_default(),
        partner: partner.unwrap_or_default(),
        denied_only: denied,
        ..v1::ListAuditRecordsRequest::default()
    };
    let mut client = session.audit();
    let (records, next_page_token) =
        collect(limit.limit, String::new(), async |page_size, page_token| {
            let request = v1::ListAuditRecordsRequest {
                page_size,
                page_token,
                ..wanted.clone()
            };
            let page = session.call(client.list_audit_records(request)).await?;
            Ok((page.records, page.next_page_token))
        })
        .await?;
    let response = v1::ListAuditRecordsResponse {
        records,
        next_page_token,
    };
    let rows = response.records.iter().map(row).collect();
    let page = Page::new().table(
        &[
            "NUMBER",
            &time::head("TIME"),
            "ACTOR",
            "ACTION",
            "SUBJECT",
            "OUTCOME",
            "DETAILS",
        ],
        rows,
        "There are no such records.",
    );
    printer.answer(&json::of(&response), &page)
}

fn row(record: &v1::AuditRecord) -> Vec<String> {
    let mut outcome = wording::value(record.outcome().as_str_name(), "AUDIT_OUTCOME_");
    if !record.rule.is_empty() {
        outcome.push_str(&format!(" by {}", record.rule));
    }
    if record.count > 1 {
        outcome.push_str(&format!(" ({} times)", record.count));
    }
    let details: Vec<String> = record
        .details
        .iter()
        .map(|(name, value)| detail(name, value))
        .collect();
    vec![
        record.sequence.to_string(),
        time::listed(record.at.as_ref()),
        record.actor.clone(),
        record.action.clone(),
        record.subject.clone(),
        outcome,
        details.join(" "),
    ]
}

/// One detail; a time is shown as one, where programs are given milliseconds.
fn detail(name: &str, value: &str) -> String {
    let time = name
        .strip_suffix("_ms")
        .and_then(|name| Some((name, time::show_millis(value)?)));
    match time {
        Some((name, at)) => format!("{name}={at}"),
        None => format!("{name}={value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_names_its_rule_and_how_often() {
        let record = v1::AuditRecord {
            outcome: v1::AuditOutcome::Denied.into(),
            rule: "peer.words".to_owned(),
            count: 12,
            details: [
                ("ends_ms".to_owned(), "253402207200999".to_owned()),
                ("request".to_owned(), "REQ-0001".to_owned()),
            ]
            .into(),
            ..v1::AuditRecord::default()
        };
        let row = row(&record);
        assert_eq!(row[5], "denied by peer.words (12 times)");
        assert!(row[6].starts_with("ends=") && row[6].contains(" Dec 9999 "));
        assert!(row[6].ends_with(" request=REQ-0001"), "{}", row[6]);
    }
}
