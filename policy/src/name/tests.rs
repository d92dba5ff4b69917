use super::*;
use crate::id::{ChannelId, MemberId};

fn check(valid: bool, parse: fn(&str) -> bool, texts: &[&str]) {
    for text in texts {
        assert_eq!(parse(text), valid, "{text:?}");
    }
}

#[test]
fn members_names_are_plain() {
    let parse = |text: &str| MemberName::parse(text).is_ok();
    check(
        true,
        parse,
        &["anna", "a", "0", "anna.b-c_d", &"a".repeat(64)],
    );
    check(
        false,
        parse,
        &[
            "",
            "Anna",
            "-a",
            ".a",
            "_a",
            "an na",
            "аnna",
            "a/b",
            &MemberId([7; 16]).to_string(),
            &OrgId([7; 32]).to_string(),
            &"a".repeat(65),
        ],
    );
}

#[test]
fn channel_names_have_no_look_alikes() {
    let parse = |text: &str| ChannelName::parse(text).is_ok();
    check(
        true,
        parse,
        &["launch", "acme-launch", "2026_q1", &"a".repeat(80)],
    );
    check(
        false,
        parse,
        &[
            "",
            "Launch",
            "../x",
            &OrgId([7; 32]).to_string(),
            &ChannelId([7; 32]).to_string(),
            &MemberId([7; 16]).to_string(),
            "a.b",
            "lаunch",
            "#a",
            "a b",
            &"a".repeat(81),
        ],
    );
}

#[test]
fn handles_are_names_as_in_dns() {
    let parse = |text: &str| Handle::parse(text).is_ok();
    check(
        true,
        parse,
        &["acme.example", "a-b.c", "acme", "xn--bcher-kva.example"],
    );
    let long = format!("{}.example", "a".repeat(64));
    let longer = format!("a.{}", "abc.".repeat(70));
    check(
        false,
        parse,
        &[
            "", ".a", "a.", "a..b", "a-.b", "a.-b", "A.b", "a_b", "ä.b", &long, &longer,
        ],
    );
}

#[test]
fn free_text_is_one_visible_line() {
    let parse = |text: &str| Label::parse(text).is_ok();
    check(
        true,
        parse,
        &[
            "Acme",
            "Zoë Müller",
            "山田",
            "a ✓ b",
            "🚀",
            &"a".repeat(128),
        ],
    );
    let refused = [
        "",
        " a",
        "a ",
        "a\nb",
        "a\u{202E}b",
        "a\u{200B}b",
        "\u{1b}[31m",
        "\u{2066}a",
        "\u{2028}",
        "\u{3164}",
        "\u{E000}",
        "\u{FEFF}a",
        "\u{85}",
        &"a".repeat(129),
    ];
    check(false, parse, &refused);
    assert!(Sentence::parse("").is_ok());
    assert!(Sentence::parse("\u{202E}").is_err());
}

#[test]
fn a_pattern_means_whom_it_says() {
    let handle = |text: &str| Handle::parse(text).expect("a valid handle");
    let matches = |pattern: &str, name: &str| {
        let org = OrgId([1; 32]);
        Pattern::parse(pattern)
            .expect("a valid pattern")
            .matches(Some(&org), Some(&handle(name)))
    };
    assert!(matches("globex.example", "globex.example"));
    assert!(!matches("globex.example", "a.globex.example"));
    assert!(matches("*.example", "globex.example") && matches("*.example", "a.b.example"));
    assert!(!matches("*.example", "example") && !matches("*.example", "globexexample"));
    assert!(matches(&OrgId([1; 32]).to_string(), "any.example"));
    assert!(!matches(&OrgId([2; 32]).to_string(), "any.example"));
    for text in ["globex.example", "*.example", &OrgId([2; 32]).to_string()] {
        assert_eq!(
            Pattern::parse(text)
                .map(|pattern| pattern.to_string())
                .as_deref(),
            Ok(text)
        );
    }
    assert!(Pattern::parse("*").is_err() && Pattern::parse("*.").is_err());
    assert!(Pattern::parse("a.*.b").is_err());
}
