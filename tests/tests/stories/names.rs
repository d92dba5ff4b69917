//! Step 4: each side calls the channel what it likes, and the other never learns it.

use foedus_tests::harness::disk;
use foedus_tests::harness::two::{ACME_LAUNCH, Two};

#[test]
fn what_globex_calls_the_channel_is_nowhere_at_acme() {
    let mut two = Two::sharing("+1h");
    let gwen = two.globex.member();
    gwen.must(&["post", ACME_LAUNCH, "Hello from Globex."]);
    let renamed = "kirschkern-am-see";
    two.globex
        .administrator()
        .must(&["channel", "rename", ACME_LAUNCH, renamed]);
    gwen.must(&["post", renamed, "Under another name."]);
    let hello = ["Hello from Globex.", "Under another name."];
    let reads =
        foedus_tests::harness::eventually("Acme to have both", foedus_tests::harness::SOON, || {
            let texts = two.acme.texts("launch");
            if texts == hello {
                Ok(texts)
            } else {
                Err(format!("{texts:?}"))
            }
        });
    assert_eq!(reads, hello);

    two.acme.daemon.stop();
    two.globex.daemon.stop();
    let (acme, globex) = (&two.acme.daemon.place, &two.globex.daemon.place);
    for name in [ACME_LAUNCH, renamed] {
        // The search can find it: at Globex it is there.
        assert!(!disk::holding(&globex.folder, &globex.data(), name).is_empty());
        let found = disk::holding(&acme.folder, &acme.data(), name);
        assert_eq!(found, Vec::<String>::new(), "{name} is at Acme");
    }
}
