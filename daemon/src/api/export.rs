//! Exports: a channel's logs, or the audit log, with what proves them, piece by piece.
//!
//! A piece is made when the connection asks for it, and whether the caller may still have it is asked
//! before each. The last piece is this organisation's signature over all before it.
//!
//! Knows nothing of what proves what: the core's readers write the lines.

use foedus_federation::batch::Read;
use foedus_federation::export::{AuditDigest, AuditLine, AuditShown, Bodies, ChannelExport};
use foedus_federation::keys;
use foedus_federation::org::{
    AuditStand, audit_stand_read, read_audit_entry, read_audit_raw, read_audit_stand,
};
use foedus_federation::org_store::read_audit;
use foedus_federation::steploop::Failure;
use foedus_policy::action::Action;
use foedus_policy::decide::decide;
use foedus_proto::api::v1;
use futures_util::stream;
use tonic::{Response, Status};

use super::audit::Filter;
use super::caller::Caller;
use super::message::Sent;
use super::refusal::Refusal;
use super::streams::OpenStream;
use super::{Api, Seen, service};
use crate::bounds::api::{AUDIT_READ_RECORDS, PAGE_BYTES_MAX};

/// One export under way, whatever of.
struct Exporting {
    api: Api,
    caller: Caller,
    /// By what it was permitted, asked again before each piece.
    action: Action,
    of: Of,
    over: bool,
    _counted: OpenStream,
}

/// What is exported, and how far that came.
enum Of {
    Channel(Box<ChannelExport>),
    Audit(Box<AuditExport>),
}

struct AuditExport {
    filter: Filter,
    stand: AuditStand,
    /// The number of the next entry; 0 before the first line.
    next: u64,
    digest: AuditDigest,
}

impl Api {
    async fn exporting(
        self,
        caller: Caller,
        action: Action,
        begin: impl AsyncFnOnce(&Api) -> Result<Of, Refusal>,
    ) -> Result<Exporting, Refusal> {
        let counted = self.inner.streams.open(&caller.actor)?;
        // In the audit log before anything goes out.
        self.runtime().act(caller.actor, action.clone()).await?;
        let of = begin(&self).await?;
        Ok(Exporting {
            api: self,
            caller,
            action,
            of,
            over: false,
            _counted: counted,
        })
    }

    async fn export_channel(
        self,
        caller: Caller,
        request: v1::ExportLogRequest,
    ) -> Result<Exporting, Refusal> {
        let channel = self.seen().channel(&caller.actor, &request.channel)?;
        let action = Action::ExportChannel {
            channel,
            all_bodies: request.all_bodies,
        };
        let bodies = match request.all_bodies {
            true => Bodies::Held,
            false => Bodies::Shown,
        };
        self.exporting(caller, action, async |api| {
            let view = api.view(channel).await?;
            let org = api.runtime().snapshot();
            let export = ChannelExport::new(view, org, bodies);
            Ok(Of::Channel(Box::new(export)))
        })
        .await
    }

    async fn export_audit_log(
        self,
        caller: Caller,
        request: v1::ExportAuditRequest,
    ) -> Result<Exporting, Refusal> {
        let filter = Filter::of_export(&self.seen(), request)?;
        self.exporting(caller, Action::ExportAudit, async |api| {
            let rows = api.read(&[audit_stand_read()]).await?;
            let stand = read_audit_stand(&rows.into_iter().next().unwrap_or_default())?;
            // The act itself is in it.
            let stand = stand.ok_or_else(|| Refusal::from(Failure::Damaged))?;
            Ok(Of::Audit(Box::new(AuditExport {
                filter,
                stand,
                next: 0,
                digest: AuditDigest::default(),
            })))
        })
        .await
    }
}

impl Exporting {
    /// The pieces, as messages of the API.
    fn pieces<T: Send + 'static>(
        self,
        message: impl Fn(Vec<u8>) -> T + Copy + Send + 'static,
    ) -> Sent<T> {
        let pieces = stream::unfold(self, move |mut export| async move {
            let piece = export.next().await?;
            Some((piece.map(message).map_err(Status::from), export))
        });
        Box::pin(pieces)
    }

    async fn next(&mut self) -> Option<Result<Vec<u8>, Refusal>> {
        if self.over {
            return None;
        }
        let piece = self.piece().await;
        self.over |= piece.is_err();
        Some(piece)
    }

    async fn piece(&mut self) -> Result<Vec<u8>, Refusal> {
        let seen = self.decide_again()?;
        let lines = match &mut self.of {
            Of::Channel(export) => self.api.found(|rows| export.advance(rows)).await?,
            Of::Audit(export) => export.lines(&self.api, &seen).await?,
        };
        if let Some(lines) = lines {
            return Ok(lines);
        }
        self.over = true;
        let keys = self.api.runtime().ours()?;
        let at = self.api.runtime().now().wall;
        Ok(match &self.of {
            Of::Channel(export) => export.statement(at, &keys.keys),
            Of::Audit(export) => export.digest.statement(at, &keys.keys).into_bytes(),
        })
    }

    /// Whether the caller may go on, by the organisation as it is now.
    fn decide_again(&mut self) -> Result<Seen, Refusal> {
        let seen = self.api.again(&mut self.caller)?;
        let decision = decide(seen.state(), &self.caller.actor, &self.action, seen.now);
        decision.into_result().map(drop)?;
        Ok(seen)
    }
}

impl AuditExport {
    /// The next lines; `None` once all but the statement were given.
    async fn lines(&mut self, api: &Api, seen: &Seen) -> Result<Option<Vec<u8>>, Refusal> {
        let lines = match self.next {
            0 => self.head(api)?,
            next if next > self.stand.entries => return Ok(None),
            _ => self.entries(api, seen).await?,
        };
        self.digest.update(lines.as_bytes());
        Ok(Some(lines.into_bytes()))
    }

    fn head(&mut self, api: &Api) -> Result<String, Refusal> {
        self.next = 1;
        let ours = api.runtime().ours()?;
        let snapshot = api.runtime().snapshot();
        let notes = snapshot.identity_bytes(ours.keys.org).unwrap_or_default();
        let head = AuditLine::Head {
            org: ours.keys.org,
            identity: notes.into_iter().map(text).collect::<Result<_, _>>()?,
            entries: self.stand.entries,
            checkpoint: text(self.stand.checkpoint.clone())?,
        };
        Ok(head.write())
    }

    async fn entries(&mut self, api: &Api, seen: &Seen) -> Result<String, Refusal> {
        let read = Read::Scan {
            start: keys::audit_run(self.next),
            end: keys::audit_run(self.stand.entries.saturating_add(1)),
            limit: AUDIT_READ_RECORDS,
            reverse: false,
        };
        let rows = api.read(&[read]).await?.into_iter().next();
        let rows = rows.filter(|rows| !rows.is_empty());
        let rows = rows.ok_or_else(|| Refusal::from(Failure::Damaged))?;
        let mut lines = String::new();
        for (key, value) in rows {
            // What is left is read again: a piece has a size.
            if lines.len() >= PAGE_BYTES_MAX {
                break;
            }
            let (number, mut raw) = read_audit_raw(&key, &value)?;
            if number != self.next {
                return Err(Failure::Damaged.into());
            }
            self.next += 1;
            let event = read_audit_entry(&key, &value)?.event;
            let mut shown = None;
            if let Some(event) = event {
                shown = self.shown(seen, number, &event)?;
                // What is left out is there by its header, so that the proof stays whole.
                raw.body = raw.body.filter(|_| shown.is_some());
            }
            let line = AuditLine::Entry {
                sequence: number - 1,
                shown,
                raw,
            };
            lines.push_str(&line.write());
        }
        Ok(lines)
    }

    /// What a record says by the names used here, if it is asked for.
    fn shown(&self, seen: &Seen, number: u64, event: &[u8]) -> Result<Option<AuditShown>, Refusal> {
        let stored = read_audit(event).map_err(|error| {
            tracing::error!(%error, number, "a record of the audit log can't be read");
            Refusal::from(Failure::Damaged)
        })?;
        let at = stored.at;
        let concerns = seen.concerns(&stored);
        let record = seen.audit_message(number, stored, &concerns);
        if !self.filter.meets(&record, &concerns) {
            return Ok(None);
        }
        Ok(Some(AuditShown {
            at,
            actor: record.actor,
            action: record.action,
            subject: record.subject,
            rule: record.rule,
            partner: record.partner,
            details: record.details.into_iter().collect(),
            count: record.count,
        }))
    }
}

fn text(note: Vec<u8>) -> Result<String, Refusal> {
    String::from_utf8(note).map_err(|_| Failure::Damaged.into())
}

service!(v1::log_service_server::LogService {}
    type ExportLogStream = Sent<v1::ExportLogResponse>;

    async fn export_log(
        &self,
        request: tonic::Request<v1::ExportLogRequest>,
    ) -> Result<Response<Self::ExportLogStream>, Status> {
        let (caller, request) = super::taken(request)?;
        let export = self.clone().export_channel(caller, request).await?;
        let entries_left_out = match &export.of {
            Of::Channel(export) => export.left_out(),
            Of::Audit(_) => 0,
        };
        let message = move |lines| v1::ExportLogResponse {
            lines,
            entries_left_out,
        };
        Ok(Response::new(export.pieces(message)))
    }
);

impl Api {
    pub(super) async fn export_audit_stream(
        &self,
        request: tonic::Request<v1::ExportAuditRequest>,
    ) -> Result<Response<Sent<v1::ExportAuditResponse>>, Status> {
        let (caller, request) = super::taken(request)?;
        let export = self.clone().export_audit_log(caller, request).await?;
        let message = |lines| v1::ExportAuditResponse { lines };
        Ok(Response::new(export.pieces(message)))
    }
}
