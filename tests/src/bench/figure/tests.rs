use foedus_daemon::store::EngineKind;
use serde_json::json;

use super::*;

#[test]
fn a_percentile_is_a_sample() {
    let mut samples: Vec<f64> = (1..=100).rev().map(f64::from).collect();
    assert!(matches!(percentile(&mut samples, 0.50), Ok(found) if found == 50.0));
    assert!(matches!(percentile(&mut samples, 0.99), Ok(found) if found == 99.0));
    assert!(matches!(percentile(&mut samples, 1.0), Ok(found) if found == 100.0));
    assert!(matches!(percentile(&mut [7.0], 0.5), Ok(found) if found == 7.0));
    assert!(matches!(percentile(&mut [], 0.5), Err(Failed::NoSample)));
}

#[test]
fn numbers_are_read_by_people() {
    for (value, expected) in [
        (0.0, "0.00"),
        (0.012_34, "0.0123"),
        (2.345, "2.35"),
        (12.345, "12.3"),
        (999.6, "1,000"),
        (1_234_567.0, "1,234,567"),
        (-1_234.0, "-1,234"),
    ] {
        assert_eq!(number(value), expected);
    }
}

#[test]
fn a_figure_says_whether_its_target_is_met_and_what_it_stands_beside() {
    let figure = Figure::new("post-64", "one channel", 4_000.0, "messages/s")
        .on(EngineKind::Fjall)
        .target(Target::AtLeast(5_000.0))
        .beside("unary calls", 16_000.0)
        .beside("signatures", 8_000.0);
    let told = figure.json();
    assert_eq!(told["met"], false);
    assert_eq!(told["beside"][0]["ratio"], 0.25);
    assert_eq!(told["beside"][1]["ratio"], 0.5);
    assert_eq!(told["engine"], "fjall");
    assert_eq!(told["target"], json!({ "at_least": 5_000.0 }));
    let table = table(&[figure]);
    assert!(table.contains("4,000 messages/s  >= 5,000  NO"), "{table}");
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[1].ends_with("0.25×  unary calls (16,000)"), "{table}");
    assert!(lines[2].ends_with("0.50×  signatures (8,000)"), "{table}");
    assert!(Target::AtMost(3.0).is_met(3.0));
    assert!(!Target::AtMost(3.0).is_met(3.1));
}
