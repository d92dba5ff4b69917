//! Exports: who gets one, and until when.

use foedus_federation::export::{Claims, Report, Verifier};
use tonic::Streaming;

use super::*;

async fn export(client: &Client, all_bodies: bool) -> Streaming<v1::ExportLogResponse> {
    let request = v1::ExportLogRequest {
        channel: "launch".to_owned(),
        all_bodies,
    };
    let begun = client.logs().export_log(request).await;
    begun.expect("begun").into_inner()
}

async fn whole(client: &Client) -> Vec<u8> {
    let mut pieces = export(client, false).await;
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.message().await.expect("goes on") {
        bytes.extend(piece.lines);
    }
    bytes
}

fn verified(bytes: &[u8]) -> Report {
    let lines = || bytes.split_inclusive(|byte| *byte == b'\n');
    let mut claims = Claims::default();
    lines().for_each(|line| claims.line(line));
    let mut verifier = Verifier::new(claims);
    lines().for_each(|line| verifier.line(line, line.len() as u64));
    verifier.finish()
}

/// More than the connection keeps for a reader that does not read.
async fn write_much(client: &Client) {
    let text = "x".repeat(8 * 1024);
    for _ in 0..200 {
        post(client, &text).await;
    }
}

#[tokio::test]
async fn an_export_of_many_pieces_is_whole() {
    let daemon = Daemon::acme().await;
    let anna = daemon.client(Some("anna")).await;
    write_much(&anna).await;
    let report = verified(&whole(&anna).await);
    assert!(report.is_genuine(), "{:?}", report.faults);
    let entries = report.organisations.values().map(|known| known.entries);
    assert!(entries.sum::<u64>() > 200);
}

#[tokio::test]
async fn an_export_ends_when_its_caller_loses_the_right() {
    let daemon = Daemon::acme().await;
    write_much(&daemon.client(Some("anna")).await).await;
    let bob = daemon.client(Some("bob")).await;
    let mut pieces = export(&bob, false).await;
    let first = pieces.message().await.expect("goes on").expect("a piece");
    let mut bytes = first.lines;
    let operator = daemon.client(None).await;
    let gone = v1::DeactivateMemberRequest {
        member: "bob".to_owned(),
        preview: false,
    };
    let gone = operator.members().deactivate_member(gone).await;
    gone.expect("done");
    let status = loop {
        match pieces.message().await {
            Ok(Some(piece)) => bytes.extend(piece.lines),
            Ok(None) => panic!("it says why it ends"),
            Err(status) => break status,
        }
    };
    let info = status.get_details_error_info().expect("a reason");
    assert_eq!(info.reason, "MEMBER_INACTIVE");
    let report = verified(&bytes);
    assert!(!report.is_genuine(), "what came is no whole export");
}

#[tokio::test]
async fn what_is_refused_is_in_the_audit_log_too() {
    let daemon = Daemon::acme().await;
    let bob = daemon.client(Some("bob")).await;
    let request = v1::ExportLogRequest {
        channel: "launch".to_owned(),
        all_bodies: true,
    };
    let refusal = bob.logs().export_log(request).await;
    assert_eq!(reason(refusal), "NOT_ADMINISTRATOR");
    drop(whole(&bob).await);
    let operator = daemon.client(None).await;
    let asked = v1::ListAuditRecordsRequest {
        action_prefix: "channel.export".to_owned(),
        ..v1::ListAuditRecordsRequest::default()
    };
    let records = operator.audit().list_audit_records(asked).await;
    let records = records.expect("told").into_inner().records;
    let told: Vec<(&str, bool)> = records
        .iter()
        .map(|record| (record.actor.as_str(), record.rule.is_empty()))
        .collect();
    assert_eq!(
        told,
        [("bob@acme.example", true), ("bob@acme.example", false)]
    );
}
