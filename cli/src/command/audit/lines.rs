//! Lines of an exported audit log, read. Whether they are in their one form is found by whoever
//! writes them again.

use data_encoding::BASE64;
use foedus_federation::export::{AUDIT_FORMAT, AuditLine, AuditShown};
use foedus_federation::frame::{RawBody, RawEntry};
use foedus_federation::note::value::parse_time;
use serde_json::{Map, Value};

/// What a line says, if it is one.
pub fn read(bytes: &[u8]) -> Option<AuditLine> {
    let Value::Object(object) = serde_json::from_slice(bytes).ok()? else {
        return None;
    };
    if let Some(note) = object.get("statement") {
        return Some(AuditLine::Statement(note.as_str()?.to_owned()));
    }
    if let Some(format) = object.get("format") {
        return (format.as_str() == Some(AUDIT_FORMAT)).then(|| head(&object))?;
    }
    let shown = object.contains_key("action").then(|| shown(&object));
    Some(AuditLine::Entry {
        sequence: number(&object, "sequence")?,
        shown: match shown {
            Some(shown) => Some(shown?),
            None => None,
        },
        raw: RawEntry {
            header: BASE64.decode(text(&object, "header")?.as_bytes()).ok()?,
            body: match object.get("body") {
                Some(body) => Some(raw_body(body.as_str()?)?),
                None => None,
            },
        },
    })
}

fn head(object: &Map<String, Value>) -> Option<AuditLine> {
    let notes = object.get("identity")?.as_array()?.iter();
    let notes = notes.map(|note| note.as_str().map(str::to_owned));
    Some(AuditLine::Head {
        org: text(object, "org")?.parse().ok()?,
        identity: notes.collect::<Option<_>>()?,
        entries: number(object, "entries")?,
        checkpoint: text(object, "checkpoint")?,
    })
}

fn shown(object: &Map<String, Value>) -> Option<AuditShown> {
    let details = object.get("details")?.as_object()?.iter();
    let details = details.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    Some(AuditShown {
        at: parse_time(&text(object, "at")?)?,
        actor: text(object, "actor")?,
        action: text(object, "action")?,
        subject: text(object, "subject")?,
        rule: text(object, "rule")?,
        partner: text(object, "partner")?,
        details: details.collect::<Option<_>>()?,
        count: number(object, "count")?,
    })
}

fn raw_body(base64: &str) -> Option<RawBody> {
    let body = BASE64.decode(base64.as_bytes()).ok()?;
    let (salt, bytes) = body.split_first_chunk()?;
    Some(RawBody {
        salt: *salt,
        bytes: bytes.to_vec(),
    })
}

fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    Some(object.get(name)?.as_str()?.to_owned())
}

fn number(object: &Map<String, Value>, name: &str) -> Option<u64> {
    object.get(name)?.as_u64()
}
