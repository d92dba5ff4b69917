//! The simulator itself: what one seed says, it says again.

use foedus_tests::simulator::run;

#[test]
fn a_seed_run_twice_gives_the_same_trace_hash() {
    let first = run(7, None, false);
    let second = run(7, None, false);
    assert_eq!(first.trace, second.trace);
    assert!(
        first.inputs >= 2_000,
        "a world has at least 2,000 inputs, found {}",
        first.inputs
    );
    assert_ne!(
        first.trace,
        run(8, None, false).trace,
        "another seed is another world"
    );
}
