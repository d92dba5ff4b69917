//! What the doctor is told of the running daemon.

use super::*;

#[tokio::test]
async fn a_disk_with_nothing_left_is_not_one_of_which_nothing_is_known() {
    let daemon = Daemon::acme().await;
    let api = daemon.api();
    for known in [Some(0), Some(1 << 40), None] {
        let sizes = Sizes {
            store_bytes: known,
            disk_free_bytes: known,
        };
        *api.inner.sizes.lock().await = Some((Instant::now(), sizes));
        let facts = api.gathered(&api.seen()).await;
        assert_eq!(facts.disk_free_bytes, known);
        assert_eq!(facts.store_bytes, known);
    }
    *api.inner.sizes.lock().await = None;
    assert!(api.gathered(&api.seen()).await.disk_free_bytes.is_some());
    daemon.stop().await;
}
