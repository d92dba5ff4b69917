//! What a pure crate pulls in, as `cargo tree` lists it.

/// Crates that bring I/O, threads, a clock, chance or a wire format.
const IMPURE: &[&str] = &[
    "chrono",
    "fastrand",
    "fjall",
    "foedus-proto",
    "getrandom",
    "h2",
    "hyper",
    "mio",
    "prost",
    "rand",
    "rustls",
    "sled",
    "tokio",
    "tonic",
    "tracing",
];

/// What is in a list of `name version|features` that must not be.
///
/// `rand_core` is the trait of random sources and nothing more as long as none of its features is
/// on; with one it may ask the operating system. Generators that only stretch a given seed, such
/// as the one in the tests of our immutable maps, are as deterministic as a hash.
pub fn impurities(package: &str, list: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for line in list.lines() {
        let (description, features) = line.split_once('|').unwrap_or((line, ""));
        let name = description.split(' ').next().unwrap_or_default();
        // A line that was listed before ends in ` (*)`.
        let features = features.trim_end_matches("(*)").trim();
        if IMPURE.contains(&name) {
            findings.push(format!("{package} pulls in {name}"));
        }
        if name == "rand_core" && !features.is_empty() {
            findings.push(format!("{package} pulls in rand_core with {features}"));
        }
    }
    findings.sort();
    findings.dedup();
    findings
}

#[cfg(test)]
mod tests {
    use super::impurities;

    fn check(list: &str, expected: &[&str]) {
        assert_eq!(impurities("core", list), expected, "of {list:?}");
    }

    #[test]
    fn pure() {
        check(
            "core v0.1.0 (/src)|default\nsha2 v0.11.1|alloc\nrand_core v0.9.5|\n",
            &[],
        );
        check("rand_core v0.9.5| (*)\nrand_xoshiro v0.7.0|\n", &[]);
    }

    #[test]
    fn impure() {
        check(
            "tokio v1.47.0|rt\nsha2 v0.11.1|\ntokio v1.47.0|rt (*)",
            &["core pulls in tokio"],
        );
        check("getrandom v0.3.3|", &["core pulls in getrandom"]);
        check(
            "rand_core v0.9.5|os_rng,std",
            &["core pulls in rand_core with os_rng,std"],
        );
    }
}
