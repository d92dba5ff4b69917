//! Times as people write and read them.

use std::time::Duration;

use jiff::tz::TimeZone;

/// A text that is no time, or no length of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidTime {
    expected: &'static str,
}

impl std::fmt::Display for InvalidTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "expected {}", self.expected)
    }
}

impl std::error::Error for InvalidTime {}

const EXPECTED_MOMENT: InvalidTime = InvalidTime {
    expected: "a time with its zone such as 2026-12-31T18:00:00Z, or a time from now such as +2h, 30d or 1d12h",
};

const EXPECTED_PAST_MOMENT: InvalidTime = InvalidTime {
    expected: "a time with its zone such as 2026-11-01T00:00:00Z, or a time before now such as -2h, -30d or -1d12h",
};

const EXPECTED_LENGTH: InvalidTime = InvalidTime {
    expected: "a length of time such as 30s, 5m, 2h, 30d, 4w or 1h30m",
};

const LENGTH_TOO_LONG: InvalidTime = InvalidTime {
    expected: "a length of time of at most a hundred years",
};

/// A hundred years: whoever means more means no end, or has mistyped.
const LENGTH_SECONDS_MAX: u64 = 36_525 * 86_400;

/// A time in the future or past: either given, or counted from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// This time.
    At(jiff::Timestamp),
    /// So long from now.
    FromNow(Duration),
    /// So long before now.
    Ago(Duration),
}

impl Moment {
    /// The time that is meant when it is `now`.
    pub fn resolve(self, now: jiff::Timestamp) -> prost_types::Timestamp {
        let at = match self {
            Self::At(at) => at,
            Self::FromNow(length) => now.checked_add(length).unwrap_or(jiff::Timestamp::MAX),
            // The API knows no time before 1970.
            Self::Ago(length) => now
                .checked_sub(length)
                .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
                .max(jiff::Timestamp::UNIX_EPOCH),
        };
        prost_types::Timestamp {
            seconds: at.as_second(),
            nanos: at.subsec_nanosecond(),
        }
    }

    /// The time that is meant now.
    pub fn resolve_now(self) -> prost_types::Timestamp {
        self.resolve(jiff::Timestamp::now())
    }
}

/// Reads a moment: RFC 3339, or a length of time from now.
pub fn parse_moment(text: &str) -> Result<Moment, InvalidTime> {
    match parse_length(text.strip_prefix('+').unwrap_or(text)) {
        Ok(length) => return Ok(Moment::FromNow(length)),
        Err(LENGTH_TOO_LONG) => return Err(LENGTH_TOO_LONG),
        Err(_) => {}
    }
    text.parse().map(Moment::At).map_err(|_| EXPECTED_MOMENT)
}

/// Reads a moment of what was written down: RFC 3339, or a length of time before now, such as `-2h`. Nothing was written
/// down in two hours, so who leaves the sign away has mistyped.
pub fn parse_past_moment(text: &str) -> Result<Moment, InvalidTime> {
    match text.strip_prefix('-').map(parse_length) {
        Some(Ok(length)) => Ok(Moment::Ago(length)),
        Some(Err(LENGTH_TOO_LONG)) => Err(LENGTH_TOO_LONG),
        _ => text
            .parse()
            .map(Moment::At)
            .map_err(|_| EXPECTED_PAST_MOMENT),
    }
}

/// Reads a length of time: numbers with the units s, m, h, d, w.
pub fn parse_length(text: &str) -> Result<Duration, InvalidTime> {
    let mut total: u64 = 0;
    let mut number: Option<u64> = None;
    if text.is_empty() {
        return Err(EXPECTED_LENGTH);
    }
    for character in text.chars() {
        if let Some(digit) = character.to_digit(10) {
            let grown = number
                .unwrap_or(0)
                .checked_mul(10)
                .and_then(|tens| tens.checked_add(u64::from(digit)));
            number = Some(grown.ok_or(EXPECTED_LENGTH)?);
            continue;
        }
        let unit_seconds = match character {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(EXPECTED_LENGTH),
        };
        total = number
            .take()
            .and_then(|count| count.checked_mul(unit_seconds))
            .and_then(|seconds| total.checked_add(seconds))
            .ok_or(EXPECTED_LENGTH)?;
    }
    match number {
        None if total <= LENGTH_SECONDS_MAX => Ok(Duration::from_secs(total)),
        None => Err(LENGTH_TOO_LONG),
        Some(_) => Err(EXPECTED_LENGTH),
    }
}

/// `at` for people: in the local zone, which is named, and with the year when it is not this one. Empty for no time.
pub fn show(at: Option<&prost_types::Timestamp>) -> String {
    match at.and_then(from_wire) {
        Some(at) => show_in(at, jiff::Timestamp::now(), &local_zone(), Zone::Named),
        None => String::new(),
    }
}

/// As [`show`], with `never` for no time.
pub fn show_or(at: Option<&prost_types::Timestamp>, never: &str) -> String {
    if at.is_some() {
        show(at)
    } else {
        never.to_owned()
    }
}

/// `at` where many times are listed: the zone is named once, by [`zone`] or [`head`].
pub fn listed(at: Option<&prost_types::Timestamp>) -> String {
    match at.and_then(from_wire) {
        Some(at) => show_in(at, jiff::Timestamp::now(), &local_zone(), Zone::AsNow),
        None => String::new(),
    }
}

/// As [`listed`], with `never` for no time.
pub fn listed_or(at: Option<&prost_types::Timestamp>, never: &str) -> String {
    if at.is_some() {
        listed(at)
    } else {
        never.to_owned()
    }
}

/// What the local zone is called at present: `UTC`, `CET`.
pub fn zone() -> String {
    zone_name(&jiff::Timestamp::now().to_zoned(local_zone()))
}

/// The head of a column of times: `ENDS (UTC)`.
pub fn head(name: &str) -> String {
    format!("{name} ({})", zone())
}

/// Where the system does not say, times are in UTC.
fn local_zone() -> TimeZone {
    let zone = TimeZone::system();
    if zone.is_unknown() {
        TimeZone::UTC
    } else {
        zone
    }
}

fn zone_name(at: &jiff::Zoned) -> String {
    at.strftime("%Z").to_string()
}

/// Whether a time names its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    /// It does.
    Named,
    /// Only where it is another than at present, as in summer for who reads it in winter.
    AsNow,
}

fn show_in(at: jiff::Timestamp, now: jiff::Timestamp, zone: &TimeZone, named: Zone) -> String {
    let (local, now) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let format = if local.year() == now.year() {
        "%e %b %H:%M:%S"
    } else {
        "%e %b %Y %H:%M:%S"
    };
    let mut shown = local.strftime(format).to_string().trim_start().to_owned();
    let its_zone = zone_name(&local);
    if named == Zone::Named || its_zone != zone_name(&now) {
        shown.push(' ');
        shown.push_str(&its_zone);
    }
    shown
}

/// As [`show`], for milliseconds since 1970 as a text.
pub fn show_millis(text: &str) -> Option<String> {
    let milliseconds: i64 = text.parse().ok()?;
    let nanos = i32::try_from(milliseconds % 1000 * 1_000_000).ok()?;
    let at = jiff::Timestamp::new(milliseconds / 1000, nanos).ok()?;
    let now = jiff::Timestamp::now();
    Some(show_in(at, now, &local_zone(), Zone::Named))
}

/// `at` for programs: RFC 3339 in UTC. `None` when it is no time that can be written so.
pub fn rfc3339(at: &prost_types::Timestamp) -> Option<String> {
    from_wire(at).map(|at| at.to_string())
}

fn from_wire(at: &prost_types::Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::new(at.seconds, at.nanos).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> jiff::Timestamp {
        text.parse().expect("the test gives a time")
    }

    #[test]
    fn lengths_are_numbers_with_units() {
        let check =
            |text, seconds| assert_eq!(parse_length(text), Ok(Duration::from_secs(seconds)));
        check("30s", 30);
        check("90m", 5_400);
        check("1h30m", 5_400);
        check("30d", 2_592_000);
        check("2w", 1_209_600);
        for text in [
            "",
            "30",
            "h",
            "1h30",
            "-1h",
            "1y",
            "99999999999999999999s",
            "999999999999999999w",
            "1 h",
        ] {
            assert_eq!(parse_length(text), Err(EXPECTED_LENGTH), "{text:?}");
        }
    }

    #[test]
    fn moments_are_given_or_counted_from_now() {
        let now = at("2026-11-22T12:00:00Z");
        let check = |text: &str, expected: &str| {
            let resolved = parse_moment(text).expect("a moment").resolve(now);
            assert_eq!(rfc3339(&resolved), Some(expected.to_owned()));
        };
        check("2026-12-31T18:00:00Z", "2026-12-31T18:00:00Z");
        check("2026-12-31T18:00:00+02:00", "2026-12-31T16:00:00Z");
        check("+2h", "2026-11-22T14:00:00Z");
        check("30d", "2026-12-22T12:00:00Z");
        let before = parse_past_moment("-30d").expect("a moment").resolve(now);
        assert_eq!(rfc3339(&before), Some("2026-10-23T12:00:00Z".to_owned()));
        let long_ago = parse_past_moment("-36525d").expect("a moment");
        assert_eq!(long_ago.resolve(now).seconds, 0);
        for text in ["-", "2h", "+2h"] {
            assert_eq!(
                parse_past_moment(text),
                Err(EXPECTED_PAST_MOMENT),
                "{text:?}"
            );
        }
        for text in [
            "",
            "tomorrow",
            "2026-12-31",
            "2026-12-31T18:00:00",
            "+",
            "-5m",
        ] {
            assert_eq!(parse_moment(text), Err(EXPECTED_MOMENT), "{text:?}");
        }
        for text in ["36526d", "18446744073709551615s"] {
            assert_eq!(parse_moment(text), Err(LENGTH_TOO_LONG), "{text:?}");
        }
    }

    #[test]
    fn the_year_is_shown_when_it_is_another() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let now = at("2026-11-22T12:00:00Z");
        let check = |time, expected| {
            assert_eq!(show_in(at(time), now, &zone, Zone::AsNow), expected);
        };
        check("2026-11-02T09:05:06Z", "2 Nov 11:05:06");
        check("2025-12-31T21:59:59Z", "31 Dec 2025 23:59:59");
        check("2025-12-31T22:00:00Z", "1 Jan 00:00:00");
    }

    #[test]
    fn the_zone_is_named_where_it_is_asked_for_and_where_it_is_another_than_now() {
        let posix = "CET-1CEST,M3.5.0,M10.5.0/3";
        let zone = TimeZone::posix(posix).expect("the test gives a zone");
        let now = at("2026-11-22T12:00:00Z");
        let check = |time, named, expected| {
            assert_eq!(show_in(at(time), now, &zone, named), expected);
        };
        check("2026-11-02T09:05:06Z", Zone::Named, "2 Nov 10:05:06 CET");
        check("2026-11-02T09:05:06Z", Zone::AsNow, "2 Nov 10:05:06");
        check("2026-07-02T09:05:06Z", Zone::AsNow, "2 Jul 11:05:06 CEST");
        assert!(head("ENDS").starts_with("ENDS ("));
    }

    #[test]
    fn milliseconds_are_a_date() {
        let shown = show_millis("253402207200999").expect("a time");
        assert!(shown.contains(" 9999 "), "{shown}");
        assert_eq!(show_millis("none"), None);
        assert_eq!(show_millis("99999999999999999999"), None);
    }

    #[test]
    fn times_that_cannot_be_are_not_shown() {
        let absurd = prost_types::Timestamp {
            seconds: i64::MAX,
            nanos: -7,
        };
        assert_eq!(show(Some(&absurd)), "");
        assert_eq!(rfc3339(&absurd), None);
        assert_eq!(show_or(None, "never"), "never");
    }
}
