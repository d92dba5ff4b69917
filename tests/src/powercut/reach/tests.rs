use super::*;

fn wrote(path: &str, offset: u64) -> [Record; 2] {
    let (file, flags) = (3, 0);
    let path = path.into();
    let data = vec![1; 100];
    [
        Act::Opened { file, path, flags },
        Act::Wrote { file, offset, data },
    ]
    .map(|act| Record { end: 0, act })
}

#[test]
fn one_segment_is_not_far() {
    let segment = SLED_SEGMENT_BYTES as u64;
    let check = |offset: u64, segments: usize, far: bool| {
        let records = wrote("/data/store/sled/db", offset);
        let reach = Reach::of(&records, EngineKind::Sled);
        assert_eq!(reach, Reach::Sled { segments });
        assert_eq!(reach.is_far(), far);
    };
    check(0, 1, false);
    check(segment - 100, 1, false);
    check(segment - 99, 2, true);
}

#[test]
fn only_tables_of_ours_and_removed_journals_are_far() {
    let ours = "/data/store/fjall/keyspaces/1/tables/0";
    let journals = ["/data/store/fjall/0.jnl", "/data/store/fjall/1.jnl"];
    let removed = Record {
        end: 0,
        act: Act::Removed(journals[0].into()),
    };
    let of = |paths: &[&str], removed: Option<&Record>| {
        let mut records: Vec<Record> = paths.iter().flat_map(|path| wrote(path, 0)).collect();
        records.extend(removed.cloned());
        Reach::of(&records, EngineKind::Fjall)
    };
    let all = of(&[ours, journals[0], journals[1]], Some(&removed));
    let (tables, journals_begun, gone) = (1, 2, 1);
    let wanted = Reach::Fjall {
        tables,
        journals: journals_begun,
        removed: gone,
    };
    assert_eq!(all, wanted);
    assert!(all.is_far());
    let lists = "/data/store/fjall/keyspaces/0/tables/0";
    assert!(!of(&[lists, journals[0], journals[1]], Some(&removed)).is_far());
    assert!(!of(&[ours, journals[0]], Some(&removed)).is_far());
    assert!(!of(&[ours, journals[0], journals[1]], None).is_far());
}
