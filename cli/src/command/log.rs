//! `log`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use foedus_federation::export::{AUDIT_FORMAT, Claims, Contents, Fault, Missing, Report, Verifier};
use foedus_federation::note::value::format_time;
use foedus_proto::api::v1;
use serde_json::{Value, json};

use crate::connection::Session;
use crate::export_file::{NewFile, each_line, is_not_of};
use crate::failure::{Exit, Failure};
use crate::page::Page;
use crate::printer::Printer;

/// `log`
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Write a channel to a file with all that proves it
    Export(ExportArguments),
    /// Say what of an export is genuine; needs no daemon
    Verify(VerifyArguments),
}

/// `log export`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  foedus log export launch --to launch.foedus\n\n\
The file holds what was said in the channel, by all its organisations, and their signatures. It does not hold what \
the channel is called here, nor what was said before it was shared. What was taken back, or counts for nobody, is left out, unless --all-bodies is given."
)]
pub struct ExportArguments {
    /// The channel
    #[arg(value_name = "CHANNEL")]
    channel: String,
    /// The file to write; it must not be there yet
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Also what readers are not shown: taken back, void, withheld; administrators only
    #[arg(long)]
    all_bodies: bool,
}

/// `log verify`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  foedus log verify launch.foedus --output json\n\n\
Exits with 0 only if all of it is genuine, and with 65 otherwise. Whose words they are rests on the organisations' \
ids alone: compare those with what you know. A handle is what an organisation calls itself."
)]
pub struct VerifyArguments {
    /// The file that `log export` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub async fn run(
    command: LogCommand,
    session: &Session,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let LogCommand::Export(ExportArguments {
        channel,
        to,
        all_bodies,
    }) = command
    else {
        unreachable!("to verify needs no connection")
    };
    let mut file = NewFile::create(&to)?;
    let request = v1::ExportLogRequest {
        channel,
        all_bodies,
    };
    let mut client = session.logs();
    let mut pieces = session.call(client.export_log(request)).await?;
    let mut left_out = 0;
    while let Some(piece) = session.next(&mut pieces).await? {
        left_out = piece.entries_left_out;
        file.write(&piece.lines)?;
    }
    file.finish_and_tell_what_is_left_out("foedus log verify", left_out, printer)
}

/// Goes through a file twice: what organisations state of each other's logs stands before and after
/// what it is about.
pub fn verify(arguments: &VerifyArguments, printer: &mut Printer) -> Result<(), Failure> {
    let audit_begins = format!("{{\"format\":\"{AUDIT_FORMAT}\"");
    is_not_of(
        &arguments.file,
        &audit_begins,
        "the audit log",
        "foedus audit verify",
    )?;
    let mut claims = Claims::default();
    each_line(&arguments.file, |line, _| claims.line(line))?;
    let mut verifier = Verifier::new(claims);
    each_line(&arguments.file, |line, length| verifier.line(line, length))?;
    let report = verifier.finish();
    let of_nobody = report.exporter.is_none() && report.organisations.is_empty();
    let page = match of_nobody {
        true => no_export("foedus log export"),
        false => page_of(&report),
    };
    printer.answer(&json_of(&report), &page)?;
    verdict(report.faults.len() as u64 + report.faults_more)
}

/// Of a file in which nothing is what an export has: its faults, a line each, would help nobody.
pub fn no_export(command: &str) -> Page {
    let told = format!("This is no file that `{command}` wrote: nothing in it can be read as one.");
    Page::new().sentence(told)
}

/// What a command says at its end that found so many faults in a file.
pub fn verdict(faults: u64) -> Result<(), Failure> {
    if faults == 0 {
        return Ok(());
    }
    Err(Failure {
        reason: "NOT_GENUINE".to_owned(),
        ..Failure::new(
            Exit::Data,
            match faults {
                1 => "not all of it is genuine: 1 fault".to_owned(),
                _ => format!("not all of it is genuine: {faults} faults"),
            },
            "trust nothing that rests on it; have it exported anew by whom it is from, or by another who was there",
        )
    })
}

fn page_of(report: &Report) -> Page {
    let text = |value: Option<String>| value.unwrap_or_default();
    let handle = |org| {
        let contents = report.organisations.get(&org);
        contents.map_or("", |contents| contents.handle.as_str())
    };
    let exporter = report
        .exporter
        .map(|org| format!("{} ({org})", handle(org)));
    let mut page = Page::new().details([
        (
            "channel:",
            text(report.channel.map(|channel| channel.to_string())),
        ),
        ("exported by:", text(exporter)),
        ("exported at:", text(report.at.map(format_time))),
        ("charters:", report.revisions.to_string()),
        ("notes:", report.notes.to_string()),
    ]);
    let organisations = report.organisations.iter();
    let rows = organisations.map(|(org, contents)| row(&org.to_string(), contents));
    page = page.blank().table(
        &[
            "HANDLE",
            "ORGANISATION",
            "LOGS",
            "ENTRIES",
            "NO BODY",
            "VOID",
            "FROM",
            "TO",
        ],
        rows.collect(),
        "It says nothing of any organisation.",
    );
    if report.two_seals {
        page = page.sentence("The host sealed two charters after the same one: that is proven.");
    }
    for log in &report.forks {
        let (origin, incarnation) = (log.origin, log.incarnation);
        page = page.sentence(format!(
            "{} wrote two histories of log {origin}/{incarnation}: that is proven.",
            handle(origin)
        ));
    }
    let missing = report.missing.iter().map(missing_row).collect();
    page = page.blank().table(
        &["MISSING OF LOG", "ENTRIES", "STATED BY"],
        missing,
        "Nothing is missing that anybody in it stated to be there.",
    );
    if report.missing_more > 0 {
        page = page.sentence(format!("And {} more such gaps.", report.missing_more));
    }
    faults_page(page.blank(), &report.faults, report.faults_more)
}

/// The faults, or that there is none.
pub fn faults_page(mut page: Page, faults: &[Fault], more: u64) -> Page {
    for fault in faults {
        page = page.sentence(fault.to_string());
    }
    if more > 0 {
        page = page.sentence(format!("And {more} more faults."));
    }
    match faults.is_empty() {
        true => {
            page.sentence("All of it is genuine, if you know these organisations by these ids.")
        }
        false => page,
    }
}

fn row(org: &str, contents: &Contents) -> Vec<String> {
    let text = |time: Option<_>| time.map(format_time).unwrap_or_default();
    vec![
        contents.handle.clone(),
        org.to_owned(),
        contents.logs.to_string(),
        contents.entries.to_string(),
        contents.absent.to_string(),
        contents.void.to_string(),
        text(contents.first),
        text(contents.last),
    ]
}

fn missing_row(missing: &Missing) -> Vec<String> {
    let Missing {
        origin,
        incarnation,
        from,
        to,
        stated_by,
    } = missing;
    vec![
        format!("{origin}/{incarnation}"),
        format!("{from} to {}", to - 1),
        stated_by.to_string(),
    ]
}

fn json_of(report: &Report) -> Value {
    let organisations = report.organisations.iter().map(|(org, contents)| {
        let Contents {
            handle,
            logs,
            entries,
            absent,
            void,
            not_judged,
            first,
            last,
        } = contents;
        json!({
            "organisation_id": org.to_string(),
            "handle": handle,
            "logs": logs,
            "entries": entries,
            "absent": absent,
            "void": void,
            "not_judged": not_judged,
            "first": first.map(format_time),
            "last": last.map(format_time),
        })
    });
    let missing = report.missing.iter().map(|missing| {
        json!({
            "log": format!("{}/{}", missing.origin, missing.incarnation),
            "from": missing.from,
            "to": missing.to - 1,
            "stated_by": missing.stated_by.to_string(),
        })
    });
    let forks = report.forks.iter();
    let forks = forks.map(|log| format!("{}/{}", log.origin, log.incarnation));
    json!({
        "genuine": report.is_genuine(),
        "channel_id": report.channel.map(|channel| channel.to_string()),
        "exported_by": report.exporter.map(|org| org.to_string()),
        "exported_at": report.at.map(format_time),
        "charters": report.revisions,
        "notes": report.notes,
        "organisations": organisations.collect::<Vec<_>>(),
        "missing": missing.collect::<Vec<_>>(),
        "missing_more": report.missing_more,
        "forks": forks.collect::<Vec<_>>(),
        "two_seals": report.two_seals,
        "faults": faults_json(&report.faults),
        "faults_more": report.faults_more,
    })
}

/// The faults as objects.
pub fn faults_json(faults: &[Fault]) -> Value {
    let faults = faults.iter().map(|fault| {
        json!({
            "line": fault.line,
            "offset": fault.offset,
            "of": fault.place.to_string(),
            "reason": fault.wrong.id(),
            "message": fault.to_string(),
        })
    });
    faults.collect()
}
