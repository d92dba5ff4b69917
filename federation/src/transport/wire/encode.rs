//! Frames to protocol buffers. What the core hands over is sent as it is; only its length is looked
//! at, where it leaves.

use foedus_proto::federation::v1 as proto;

use crate::frame::{
    Ack, Cursor, Entries, Frame, Goodbye, Hello, LogSize, Notes, RawBody, RawEntry, RawPart,
    Subscribe,
};

impl From<Frame> for proto::Frame {
    fn from(frame: Frame) -> Self {
        use proto::frame::Kind;
        let kind = match frame {
            Frame::Hello(hello) => Kind::Hello((*hello).into()),
            Frame::Notes(notes) => Kind::Notes(notes.into()),
            Frame::Subscribe(subscribe) => Kind::Subscribe(subscribe.into()),
            Frame::UnknownCursor(channel) => Kind::UnknownCursor(proto::UnknownCursor {
                channel: channel.0.to_vec(),
            }),
            Frame::Entries(entries) => Kind::Entries(entries.into()),
            Frame::Ack(ack) => Kind::Ack(ack.into()),
            Frame::Goodbye(goodbye) => Kind::Goodbye(goodbye.into()),
        };
        Self { kind: Some(kind) }
    }
}

impl From<Hello> for proto::Hello {
    fn from(hello: Hello) -> Self {
        let Hello {
            version_min,
            version_max,
            run,
            wall,
            identity,
            endpoints,
            peering,
        } = hello;
        Self {
            version_min,
            version_max,
            run: run.0.to_vec(),
            wall_millis: wall.0,
            identity,
            endpoints,
            peering,
        }
    }
}

impl From<Notes> for proto::Notes {
    fn from(frame: Notes) -> Self {
        let Notes {
            channel,
            identities,
            notes,
        } = frame;
        let identities = identities
            .into_iter()
            .map(|notes| proto::IdentityChain { notes });
        Self {
            channel: channel.0.to_vec(),
            identities: identities.collect(),
            notes,
        }
    }
}

impl From<Cursor> for proto::Cursor {
    fn from(cursor: Cursor) -> Self {
        let Cursor { run, arrival } = cursor;
        Self {
            run: run.0.to_vec(),
            arrival,
        }
    }
}

impl From<LogSize> for proto::LogSize {
    fn from(log: LogSize) -> Self {
        let LogSize {
            origin,
            incarnation,
            size,
        } = log;
        Self {
            origin: origin.0.to_vec(),
            incarnation: incarnation.0.to_vec(),
            size,
        }
    }
}

impl From<Subscribe> for proto::Subscribe {
    fn from(subscribe: Subscribe) -> Self {
        let Subscribe {
            channel,
            subscription,
            cursor,
            held,
            relayed,
            notes,
        } = subscribe;
        Self {
            channel: channel.0.to_vec(),
            subscription,
            cursor: cursor.map(Into::into),
            held: held.into_iter().map(Into::into).collect(),
            relayed: relayed.into_iter().map(|org| org.0.to_vec()).collect(),
            notes: notes.0.to_vec(),
        }
    }
}

impl From<RawEntry> for proto::Entry {
    fn from(entry: RawEntry) -> Self {
        let RawEntry { header, body } = entry;
        let body = body.map(|RawBody { salt, bytes }| proto::Body {
            salt: salt.to_vec(),
            bytes,
        });
        Self { header, body }
    }
}

impl From<RawPart> for proto::Part {
    fn from(part: RawPart) -> Self {
        let RawPart {
            origin,
            incarnation,
            first,
            entries,
            checkpoint,
            proof,
        } = part;
        Self {
            origin: origin.0.to_vec(),
            incarnation: incarnation.0.to_vec(),
            first,
            entries: entries.into_iter().map(Into::into).collect(),
            checkpoint,
            proof: proof.into_iter().map(|hash| hash.to_vec()).collect(),
        }
    }
}

impl From<Entries> for proto::Entries {
    fn from(frame: Entries) -> Self {
        let Entries {
            channel,
            subscription,
            number,
            cursor,
            parts,
        } = frame;
        Self {
            channel: channel.0.to_vec(),
            subscription,
            number,
            cursor: cursor.map(Into::into),
            parts: parts.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Ack> for proto::Ack {
    fn from(ack: Ack) -> Self {
        let Ack {
            channel,
            number,
            void,
            withheld,
        } = ack;
        Self {
            channel: channel.0.to_vec(),
            number,
            void,
            withheld,
        }
    }
}

impl From<Goodbye> for proto::Goodbye {
    fn from(goodbye: Goodbye) -> Self {
        use proto::GoodbyeReason as Reason;
        let reason = match goodbye {
            Goodbye::Restart => Reason::Restart,
            Goodbye::Duplicate => Reason::Duplicate,
            Goodbye::Version => Reason::Version,
            Goodbye::Protocol => Reason::Protocol,
            Goodbye::Refused => Reason::Refused,
            Goodbye::NothingShared => Reason::NothingShared,
        };
        Self {
            reason: reason.into(),
        }
    }
}
