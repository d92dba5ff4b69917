use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{CLI, DAEMON, FEDERATION, POLICY, PROTO, TESTS, XTASK, edges, takes_the_lints};
use crate::workspace::{Dependency, Package};

fn package(name: &str, dependencies: Vec<Dependency>) -> Package {
    Package {
        name: name.to_owned(),
        manifest_path: PathBuf::from("Cargo.toml"),
        dependencies,
        features: BTreeMap::new(),
        targets: Vec::new(),
    }
}

fn on(name: &str) -> Dependency {
    Dependency {
        name: name.to_owned(),
        optional: false,
        uses_default_features: false,
        features: Vec::new(),
    }
}

fn optional(name: &str) -> Dependency {
    Dependency {
        optional: true,
        ..on(name)
    }
}

/// The house as it should be, with one package as given.
fn check(changed: Package, expected: &[&str]) {
    let mut packages = vec![
        package(PROTO, vec![on("prost")]),
        package(POLICY, vec![on("imbl")]),
        package(FEDERATION, vec![on(POLICY), optional(PROTO)]),
        package(DAEMON, vec![on(PROTO), on(POLICY), on(FEDERATION)]),
        package(CLI, vec![on(PROTO), on(FEDERATION)]),
        package(TESTS, vec![on(DAEMON), on(CLI), on(FEDERATION)]),
        package(XTASK, vec![on("anyhow")]),
    ];
    packages.retain(|package| package.name != changed.name);
    packages.push(changed);
    assert_eq!(edges(&packages), expected);
}

fn with_feature(mut package: Package, feature: &str, enables: &[&str]) -> Package {
    let enables = enables.iter().map(|name| (*name).to_owned()).collect();
    package.features.insert(feature.to_owned(), enables);
    package
}

#[test]
fn the_house_stands() {
    check(package(XTASK, vec![on("serde")]), &[]);
}

#[test]
fn nobody_looks_up() {
    check(
        package(POLICY, vec![on(PROTO)]),
        &["foedus-policy must not know foedus-proto"],
    );
    check(
        package(XTASK, vec![on(TESTS)]),
        &["xtask must not know foedus-tests"],
    );
    check(
        package(CLI, vec![on(DAEMON)]),
        &["foedus-cli must not know foedus-daemon"],
    );
}

#[test]
fn a_new_crate_needs_a_place() {
    check(
        package("foedus-utils", Vec::new()),
        &["foedus-utils has no place in the house: the law does not name it"],
    );
}

#[test]
fn the_core_does_not_see_the_wire() {
    check(
        package(FEDERATION, vec![on(POLICY), on(PROTO)]),
        &["foedus-federation may know foedus-proto for its feature only"],
    );
    let honest = || package(FEDERATION, vec![on(POLICY), optional(PROTO)]);
    check(
        with_feature(honest(), "transport", &["dep:foedus-proto"]),
        &[],
    );
    check(
        with_feature(honest(), "default", &["transport"]),
        &["foedus-federation: feature default turns transport on"],
    );
    check(
        with_feature(honest(), "handy", &["dep:foedus-proto"]),
        &["foedus-federation: feature handy turns transport on"],
    );
}

#[test]
fn the_client_takes_the_core_only() {
    let transport = Dependency {
        features: vec!["transport".to_owned()],
        ..on(FEDERATION)
    };
    let expected = ["foedus-cli takes the core of foedus-federation only: no feature"];
    check(package(CLI, vec![on(PROTO), transport]), &expected);
}

#[test]
fn only_the_tests_plant_faults() {
    let planting = || Dependency {
        features: vec!["planted-faults".to_owned()],
        ..on(FEDERATION)
    };
    check(package(TESTS, vec![planting()]), &[]);
    check(
        package(DAEMON, vec![planting()]),
        &["foedus-daemon lets faults be planted in foedus-federation"],
    );
    check(
        with_feature(
            package(DAEMON, Vec::new()),
            "default",
            &["foedus-federation/planted-faults"],
        ),
        &["foedus-daemon: feature default lets faults be planted"],
    );
}

#[test]
fn lints() {
    assert!(takes_the_lints("[package]\n\n[lints]\nworkspace = true\n"));
    assert!(!takes_the_lints("[package]\nworkspace = true\n"));
    assert!(!takes_the_lints("[lints]\n"));
}
