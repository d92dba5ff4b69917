//! What the fields of bodies may hold, the same for writing and for reading.

use super::body::{ClosedLog, Head};
use super::invalid::{Field, InvalidBody};
use crate::bounds::{
    ADDRESS_BYTES_MAX, CLOSES_ROWS_MAX, CUSTOM_BYTES_MAX, DISPLAY_NAME_BYTES_MAX, EMOJI_BYTES_MAX,
    HEADS_ROWS_MAX, NOTE_BYTES_MAX, TEXT_BYTES_MAX,
};

pub(super) fn utf8(field: Field, bytes: &[u8]) -> Result<&str, InvalidBody> {
    std::str::from_utf8(bytes).map_err(|_| InvalidBody::Utf8 { field })
}

/// Text of a message may have any character but NUL; whoever shows it makes it harmless.
pub(super) fn check_text(text: &str) -> Result<&str, InvalidBody> {
    check_length(Field::Text, text.len(), 1, TEXT_BYTES_MAX as usize)?;
    check_characters(Field::Text, text, |character| character == '\0')
}

pub(super) fn check_emoji(emoji: &str) -> Result<&str, InvalidBody> {
    check_length(Field::Emoji, emoji.len(), 1, EMOJI_BYTES_MAX)?;
    check_characters(Field::Emoji, emoji, char::is_control)
}

pub(super) fn check_address(address: &str) -> Result<&str, InvalidBody> {
    check_length(Field::Address, address.len(), 1, ADDRESS_BYTES_MAX)?;
    check_characters(Field::Address, address, char::is_control)
}

pub(super) fn check_display_name(name: &str) -> Result<&str, InvalidBody> {
    check_length(Field::DisplayName, name.len(), 0, DISPLAY_NAME_BYTES_MAX)?;
    check_characters(Field::DisplayName, name, char::is_control)
}

pub(super) fn check_note(note: &[u8]) -> Result<&[u8], InvalidBody> {
    check_length(Field::Note, note.len(), 1, NOTE_BYTES_MAX).map(|()| note)
}

pub(super) fn check_custom(bytes: &[u8]) -> Result<&[u8], InvalidBody> {
    check_length(Field::Custom, bytes.len(), 0, CUSTOM_BYTES_MAX).map(|()| bytes)
}

fn check_length(
    field: Field,
    found: usize,
    expected_min: usize,
    expected_max: usize,
) -> Result<(), InvalidBody> {
    if found < expected_min {
        return Err(InvalidBody::Empty { field });
    }
    if found > expected_max {
        return Err(InvalidBody::TooLong {
            field,
            expected_max,
            found,
        });
    }
    Ok(())
}

fn check_characters(
    field: Field,
    text: &str,
    forbidden: impl Fn(char) -> bool,
) -> Result<&str, InvalidBody> {
    match text.chars().any(forbidden) {
        true => Err(InvalidBody::Character { field }),
        false => Ok(text),
    }
}

pub(super) fn check_closes(closes: &[ClosedLog]) -> Result<(), InvalidBody> {
    check_length(Field::Closes, closes.len(), 0, CLOSES_ROWS_MAX)?;
    check_order(Field::Closes, closes, |row| row.incarnation)
}

pub(super) fn check_heads(heads: &[Head]) -> Result<(), InvalidBody> {
    check_length(Field::Heads, heads.len(), 1, HEADS_ROWS_MAX)?;
    check_order(Field::Heads, heads, |row| (row.origin, row.incarnation))
}

fn check_order<T, K: Ord>(
    field: Field,
    rows: &[T],
    key: impl Fn(&T) -> K,
) -> Result<(), InvalidBody> {
    match rows.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])) {
        true => Ok(()),
        false => Err(InvalidBody::Order { field }),
    }
}
