//! `audit`.

mod lines;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use foedus_federation::export::{AuditReport, AuditVerifier, CHANNEL_FORMAT};
use foedus_federation::note::value::format_time;
use foedus_proto::api::v1;

use super::{Limit, collect, log, wording};
use crate::connection::Session;
use crate::export_file::{NewFile, each_line, is_not_of};
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
    /// Write the records to a file, oldest first, with all that proves them
    Export(ExportArguments),
    /// Say whether the log, or an export of it, is as it was written
    Verify(VerifyArguments),
}

/// `audit export`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  foedus audit export --to audit.jsonl --partner globex.example --since 2026-11-01T00:00:00Z\n\n\
Each line is a JSON object, and each but the first and the last an entry of the log. What is not asked for is there \
without what it says, so that the file proves that nothing else was left out."
)]
pub struct ExportArguments {
    /// The file to write; it must not be there yet
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Only what records at or after this time say: 2026-11-01T00:00:00Z, -2h, -30d
    #[arg(long, value_name = "TIME", value_parser = time::parse_past_moment, allow_hyphen_values = true)]
    since: Option<Moment>,
    /// Only what records before this time say
    #[arg(long, value_name = "TIME", value_parser = time::parse_past_moment, allow_hyphen_values = true)]
    until: Option<Moment>,
    /// Only what records say that concern this partner, as in `audit list`
    #[arg(long, value_name = "PARTNER")]
    partner: Option<String>,
}

/// `audit verify`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  foedus audit verify\n  foedus audit verify audit.jsonl --output json\n\n\
Exits with 0 only if all of it is as it was written, and with 65 otherwise."
)]
pub struct VerifyArguments {
    /// The file that `audit export` wrote; needs no daemon [default: the daemon's log]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// `audit list`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  foedus audit list --denied --limit 20\n  foedus audit list --partner globex.example --since 2026-11-01T00:00:00Z"
)]
pub struct ListArguments {
    /// Only those at or after this time: 2026-11-01T00:00:00Z, -2h, -30d
    #[arg(long, value_name = "TIME", value_parser = time::parse_past_moment, allow_hyphen_values = true)]
    since: Option<Moment>,
    /// Only those before this time
    #[arg(long, value_name = "TIME", value_parser = time::parse_past_moment, allow_hyphen_values = true)]
    until: Option<Moment>,
    /// Only those by this actor
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,
    /// Only actions that begin with this, such as `request.`
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only those that concern this partner: acts by it and on it, and on requests, invitations, channels and projects
    /// that it has a part in
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
    match command {
        AuditCommand::List(arguments) => list(arguments, session, printer).await,
        AuditCommand::Export(arguments) => export(arguments, session, printer).await,
        AuditCommand::Verify(_) => verify(session, printer).await,
    }
}

async fn export(
    arguments: ExportArguments,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let ExportArguments {
        to,
        since,
        until,
        partner,
    } = arguments;
    let mut file = NewFile::create(&to)?;
    let request = v1::ExportAuditRequest {
        since: since.map(Moment::resolve_now),
        until: until.map(Moment::resolve_now),
        partner: partner.unwrap_or_default(),
    };
    let mut client = session.audit();
    let mut pieces = session.call(client.export_audit(request)).await?;
    while let Some(piece) = session.next(&mut pieces).await? {
        file.write(&piece.lines)?;
    }
    file.finish_and_tell("foedus audit verify", printer)
}

/// Has the daemon's log sent as an export of it is, and goes through that.
async fn verify(session: &Session, printer: &mut Printer) -> Result<(), Failure> {
    let mut client = session.audit();
    let request = v1::ExportAuditRequest::default();
    let mut pieces = session.call(client.export_audit(request)).await?;
    let mut verifier = AuditVerifier::default();
    while let Some(piece) = session.next(&mut pieces).await? {
        for line in piece.lines.split_inclusive(|byte| *byte == b'\n') {
            verifier.line(line, lines::read(line), line.len() as u64);
        }
    }
    told(&verifier.finish(), printer)
}

/// Goes through a file.
pub fn verify_file(file: &Path, printer: &mut Printer) -> Result<(), Failure> {
    is_not_of(file, CHANNEL_FORMAT, "a channel", "foedus log verify")?;
    let mut verifier = AuditVerifier::default();
    each_line(file, |line, length| {
        verifier.line(line, lines::read(line), length);
    })?;
    told(&verifier.finish(), printer)
}

fn told(report: &AuditReport, printer: &mut Printer) -> Result<(), Failure> {
    let AuditReport {
        org,
        handle,
        at,
        entries,
        shown,
        absent,
        incarnations,
        first,
        last,
        faults,
        faults_more,
    } = report;
    // What begins a run of the daemon says nothing else.
    let begins = entries.saturating_sub(shown.saturating_add(*absent));
    let object = serde_json::json!({
        "genuine": report.is_genuine(),
        "organisation_id": org.map(|org| org.to_string()),
        "handle": handle,
        "exported_at": at.map(format_time),
        "entries": entries,
        "shown": shown,
        "absent": absent,
        "runs": incarnations,
        "first": first.map(format_time),
        "last": last.map(format_time),
        "faults": log::faults_json(faults),
        "faults_more": faults_more,
    });
    let text = |value: Option<String>| value.unwrap_or_default();
    let page = Page::new().details([
        (
            "audit log of:",
            text(org.map(|org| format!("{handle} ({org})"))),
        ),
        ("as of:", text(at.map(format_time))),
        ("entries:", entries.to_string()),
        ("shown:", shown.to_string()),
        ("left out:", absent.to_string()),
        ("begin a run:", begins.to_string()),
        ("runs:", incarnations.to_string()),
        ("first:", text(first.map(format_time))),
        ("last:", text(last.map(format_time))),
    ]);
    let page = match org {
        None if *entries == 0 => log::no_export("foedus audit export"),
        _ => log::faults_page(page.blank(), faults, *faults_more),
    };
    printer.answer(&object, &page)?;
    log::verdict(faults.len() as u64 + faults_more)
}

async fn list(
    arguments: ListArguments,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
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
