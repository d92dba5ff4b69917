//! Pages of lists: opaque tokens, and where a page ends.

use data_encoding::BASE64URL_NOPAD;
use prost::Message;
use sha2::{Digest as _, Sha256};

use super::refusal::Refusal;
use crate::bounds::api::{
    PAGE_BYTES_MAX, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, TOKEN_TEXT_BYTES_MAX,
};

const VERSION: u8 = 1;
const CHECK_BYTES: usize = 4;

/// An opaque text that gives `bytes` back. `kind` names what it is for, so that no token passes for another.
pub fn seal(kind: &str, bytes: &[u8]) -> String {
    let mut sealed = vec![VERSION];
    sealed.extend_from_slice(&check(kind, bytes));
    sealed.extend_from_slice(bytes);
    BASE64URL_NOPAD.encode(&sealed)
}

/// What was sealed as this kind.
pub fn open(kind: &str, text: &str) -> Option<Vec<u8>> {
    if text.len() > TOKEN_TEXT_BYTES_MAX {
        return None;
    }
    let sealed = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    let (version, rest) = sealed.split_first()?;
    let (checked, bytes) = rest.split_at_checked(CHECK_BYTES)?;
    (*version == VERSION && checked == check(kind, bytes)).then(|| bytes.to_vec())
}

/// Finds slips of copying and tokens of other lists; it keeps nobody from making one.
fn check(kind: &str, bytes: &[u8]) -> [u8; CHECK_BYTES] {
    let hash = Sha256::new()
        .chain_update(b"foedus/page/v1\n")
        .chain_update(kind)
        .chain_update([0])
        .chain_update(bytes)
        .finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

/// How many items a page has at most.
pub fn size(wish: u32) -> usize {
    match usize::try_from(wish) {
        Ok(0) | Err(_) => PAGE_ITEMS_DEFAULT,
        Ok(wish) => wish.min(PAGE_ITEMS_MAX),
    }
}

/// The place after which the page begins; `None`: at the beginning.
pub fn after(kind: &str, token: &str) -> Result<Option<Vec<u8>>, Refusal> {
    if token.is_empty() {
        return Ok(None);
    }
    let bad = || {
        Refusal::malformed(
            "PAGE_TOKEN_INVALID",
            "the page token is not one that this list gave",
            "begin again without a token",
        )
    };
    open(kind, token).map(Some).ok_or_else(bad)
}

/// A page that is being filled.
#[derive(Debug)]
pub struct Page<T> {
    kind: String,
    size: usize,
    bytes: usize,
    last: Vec<u8>,
    /// What is in it so far.
    pub items: Vec<T>,
    /// The token of the next, once it is known that there is one.
    pub next: String,
}

impl<T: Message> Page<T> {
    /// An empty page.
    pub fn new(kind: &str, wish: u32) -> Self {
        Self {
            kind: kind.to_owned(),
            size: size(wish),
            bytes: 0,
            last: Vec::new(),
            items: Vec::new(),
            next: String::new(),
        }
    }

    /// Whether the page has room for nothing more; then the next one begins after its last item.
    pub fn is_full(&mut self) -> bool {
        let full = self.items.len() >= self.size || self.bytes >= PAGE_BYTES_MAX;
        if full {
            self.next = seal(&self.kind, &self.last);
        }
        full
    }

    /// Puts an item into the page. `place` sorts as the list does.
    pub fn push(&mut self, place: Vec<u8>, item: T) {
        self.bytes += item.encoded_len();
        self.last = place;
        self.items.push(item);
    }
}

/// The page of a list whose items have places, in their order.
pub fn list<K, T: Message>(
    kind: &str,
    wish: u32,
    token: &str,
    mut all: Vec<(Vec<u8>, K)>,
    show: impl Fn(K) -> T,
) -> Result<(Vec<T>, String), Refusal> {
    let after = after(kind, token)?;
    all.retain(|(place, _)| after.as_ref().is_none_or(|after| place > after));
    all.sort_by(|(left, _), (right, _)| left.cmp(right));
    let mut page = Page::new(kind, wish);
    for (place, item) in all {
        if page.is_full() {
            break;
        }
        page.push(place, show(item));
    }
    Ok((page.items, page.next))
}

/// A place that sorts the other way round: for lists with the newest first.
pub fn reversed(number: u64) -> Vec<u8> {
    (u64::MAX - number).to_be_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_list_only() {
        let token = seal("members", b"anna");
        assert_eq!(after("members", &token), Ok(Some(b"anna".to_vec())));
        assert_eq!(after("members", ""), Ok(None));
        let longer = "a".repeat(TOKEN_TEXT_BYTES_MAX + 1);
        for bad in ["x", "AAAA", &token[1..], longer.as_str(), "ü"] {
            let refusal = after("members", bad).expect_err(bad);
            assert_eq!(refusal.reason, "PAGE_TOKEN_INVALID");
        }
        assert!(after("channels", &token).is_err());
    }

    #[test]
    fn pages_give_everything_once() {
        let all: Vec<(Vec<u8>, u32)> = (0..25_u32)
            .map(|number| (number.to_be_bytes().to_vec(), number))
            .collect();
        let mut found = Vec::new();
        let mut token = String::new();
        loop {
            let (items, next) =
                list("numbers", 10, &token, all.clone(), |number| number).expect("a good token");
            found.extend(items);
            if next.is_empty() {
                break;
            }
            token = next;
        }
        assert_eq!(found, (0..25).collect::<Vec<_>>());
        let big = |_| "x".repeat(PAGE_BYTES_MAX);
        let (items, next) = list("numbers", 0, "", all, big).expect("no token");
        assert_eq!((items.len(), next.is_empty()), (1, false));
    }
}
