//! Messages of the API as JSON.
//!
//! The fields are those of the .proto files, in their order and under their names, and all of them
//! are always there. Enumerations are the lower-case word without its prefix, integers are
//! numbers, times are RFC 3339 in UTC, bytes are base64; what is absent or unspecified is `null`.
//! Everything is read from the descriptors, so that the .proto files document this output too.

use std::sync::LazyLock;

use prost::{Message, Name};
use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey,
    ReflectMessage as _,
};
use serde_json::{Map, Value};

use crate::time;

static DESCRIPTORS: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(foedus_proto::FILE_DESCRIPTOR_SET)
        .expect("the build wrote the descriptors")
});

/// `message` as JSON.
pub fn of<M: Message + Name>(message: &M) -> Value {
    let descriptor = DESCRIPTORS
        .get_message_by_name(&M::full_name())
        .expect("each generated message has a descriptor");
    let mut dynamic = DynamicMessage::new(descriptor);
    dynamic
        .transcode_from(message)
        .expect("a message can be read by its own descriptor");
    object(&dynamic)
}

fn object(message: &DynamicMessage) -> Value {
    if message.descriptor().full_name() == "google.protobuf.Timestamp" {
        return timestamp(message);
    }
    let mut fields = Map::new();
    for field in message.descriptor().fields() {
        let value = if field.supports_presence() && !message.has_field(&field) {
            Value::Null
        } else {
            value(&message.get_field(&field), &field)
        };
        fields.insert(field.name().to_owned(), value);
    }
    Value::Object(fields)
}

fn timestamp(message: &DynamicMessage) -> Value {
    message
        .transcode_to::<prost_types::Timestamp>()
        .ok()
        .and_then(|at| time::rfc3339(&at))
        .map_or(Value::Null, Value::String)
}

fn value(value: &prost_reflect::Value, field: &FieldDescriptor) -> Value {
    match value {
        prost_reflect::Value::List(items) => items
            .iter()
            .map(|item| single(item, &field.kind()))
            .collect(),
        prost_reflect::Value::Map(entries) => {
            let mut sorted: Vec<(String, Value)> = entries
                .iter()
                .map(|(key, item)| (key_text(key), single(item, &map_value_kind(field))))
                .collect();
            sorted.sort_by(|left, right| left.0.cmp(&right.0));
            Value::Object(sorted.into_iter().collect())
        }
        single_value => single(single_value, &field.kind()),
    }
}

fn map_value_kind(field: &FieldDescriptor) -> Kind {
    match field.kind() {
        Kind::Message(entry) => entry.map_entry_value_field().kind(),
        kind => kind,
    }
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}

fn single(value: &prost_reflect::Value, kind: &Kind) -> Value {
    match value {
        prost_reflect::Value::Bool(value) => (*value).into(),
        prost_reflect::Value::I32(value) => (*value).into(),
        prost_reflect::Value::I64(value) => (*value).into(),
        prost_reflect::Value::U32(value) => (*value).into(),
        prost_reflect::Value::U64(value) => (*value).into(),
        prost_reflect::Value::F32(value) => (*value).into(),
        prost_reflect::Value::F64(value) => (*value).into(),
        prost_reflect::Value::String(value) => value.clone().into(),
        prost_reflect::Value::Bytes(value) => data_encoding::BASE64.encode(value).into(),
        prost_reflect::Value::EnumNumber(number) => match kind {
            Kind::Enum(descriptor) => word(descriptor, *number),
            _ => (*number).into(),
        },
        prost_reflect::Value::Message(message) => object(message),
        prost_reflect::Value::List(_) | prost_reflect::Value::Map(_) => Value::Null,
    }
}

/// The lower-case word of an enumeration; `null` for the unspecified one, the number for one that
/// this version does not know.
fn word(descriptor: &EnumDescriptor, number: i32) -> Value {
    let unspecified = descriptor.default_value();
    let prefix = unspecified.name().trim_end_matches("UNSPECIFIED");
    match descriptor.get_value(number) {
        _ if number == unspecified.number() => Value::Null,
        Some(value) => value
            .name()
            .strip_prefix(prefix)
            .unwrap_or_else(|| value.name())
            .to_lowercase()
            .into(),
        None => number.into(),
    }
}

#[cfg(test)]
mod tests {
    use foedus_proto::api::v1;
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_have_their_names_and_all_are_there() {
        let partner = v1::Partner {
            handle: "globex.example".to_owned(),
            state: v1::PartnerState::WaitingForUs.into(),
            clock_skew_ms: -5,
            words: vec!["abandon".to_owned(), "ability".to_owned()],
            last_seen_at: Some(prost_types::Timestamp {
                seconds: 1_800_000_000,
                nanos: 5_000_000,
            }),
            lag: Some(v1::Lag {
                unacknowledged_entries: u64::MAX,
                known_at: None,
            }),
            ..Default::default()
        };
        let json = of(&partner);
        assert_eq!(json["handle"], json!("globex.example"));
        assert_eq!(json["state"], json!("waiting_for_us"));
        assert_eq!(json["trust"], Value::Null);
        assert_eq!(json["clock_skew_ms"], json!(-5));
        assert_eq!(json["words"], json!(["abandon", "ability"]));
        assert_eq!(json["last_seen_at"], json!("2027-01-15T08:00:00.005Z"));
        assert_eq!(json["peered_at"], Value::Null);
        assert_eq!(json["lag"]["unacknowledged_entries"], json!(u64::MAX));
        assert_eq!(json["endpoints"], json!([]));
        assert_eq!(
            json.as_object().expect("an object").keys().next(),
            Some(&"organisation_id".to_owned())
        );
    }

    #[test]
    fn maps_bytes_and_unknown_words_are_kept() {
        let record = v1::AuditRecord {
            details: [
                ("b".to_owned(), "2".to_owned()),
                ("a".to_owned(), "1".to_owned()),
            ]
            .into(),
            outcome: 99,
            ..Default::default()
        };
        let json = of(&record);
        assert_eq!(json["details"].to_string(), r#"{"a":"1","b":"2"}"#);
        assert_eq!(json["outcome"], json!(99));
        let event = v1::Event {
            custom_body: vec![0, 255],
            ..Default::default()
        };
        assert_eq!(of(&event)["custom_body"], json!("AP8="));
    }
}
