//! The six words, as people type them.
//!
//! Which words they are is drawn elsewhere, from both roots and the secret.

/// Whether what somebody typed is these six words, in this order. Case does not matter, nor
/// whether spaces or hyphens stand between.
pub fn match_words(expected: &[String; 6], typed: &str) -> bool {
    let typed = typed
        .split(|c: char| c.is_whitespace() || c == '-')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase);
    typed.eq(expected.iter().map(|word| word.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_six_words_match() {
        let words = ["able", "acid", "baby", "cage", "dad", "each"].map(String::from);
        for typed in [
            "able acid baby cage dad each",
            "  Able-ACID\tbaby\n cage --dad each ",
            "ABLE-acid-baby-Cage-dad-each",
            " able\tacid\nbaby  cage dad - each ",
        ] {
            assert!(match_words(&words, typed), "{typed:?}");
        }
        for typed in [
            "",
            "able",
            "acid able baby cage dad each",
            "able acid baby cage dad each each",
            "ableacid baby cage dad each",
            "able acid baby cage dad eaches",
            "able,acid,baby,cage,dad,each",
        ] {
            assert!(!match_words(&words, typed), "{typed:?}");
        }
    }
}
