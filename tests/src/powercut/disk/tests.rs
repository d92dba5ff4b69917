use super::*;

const ROOT: &str = "/data";

struct Story {
    disk: Disk,
}

impl Story {
    fn begin() -> Self {
        Self {
            disk: Disk::empty(ROOT.into()),
        }
    }

    fn then(&mut self, act: Act) -> &mut Self {
        self.disk.follow(&act).expect("it can be followed");
        self
    }

    fn open(&mut self, file: i32, path: &str) -> &mut Self {
        let path = Path::new(ROOT).join(path);
        let flags = O_CREAT;
        self.then(Act::Opened { file, path, flags })
    }

    fn write(&mut self, file: i32, offset: u64, data: &[u8]) -> &mut Self {
        let data = data.to_vec();
        self.then(Act::Wrote { file, offset, data })
    }

    fn sync(&mut self, file: i32) -> &mut Self {
        self.then(Act::SyncBegins(file)).then(Act::SyncEnded(file))
    }

    /// Syncs the folder, by number 99.
    fn sync_root(&mut self) -> &mut Self {
        self.open(99, "").sync(99)
    }

    fn check(&self, leaves: Leaves, expected: &[(&str, &[u8])]) {
        let tree = self.disk.cut(leaves, &mut Chance::of(7));
        let expected = expected
            .iter()
            .map(|(name, held)| ((*name).into(), held.to_vec()));
        assert_eq!(tree.files, expected.collect());
    }
}

#[test]
fn what_was_synced_is_there() {
    let mut story = Story::begin();
    story.open(3, "a").write(3, 0, b"one").sync(3).sync_root();
    story.write(3, 3, b"two");
    story.check(Leaves::Nothing, &[("a", b"one")]);
    story.check(Leaves::Everything, &[("a", b"onetwo")]);
}

#[test]
fn a_sync_covers_what_came_before_it_began() {
    let mut story = Story::begin();
    story.open(3, "a").sync_root().write(3, 0, b"one");
    story.then(Act::SyncBegins(3)).write(3, 3, b"two");
    story.check(Leaves::Nothing, &[("a", b"")]);
    story.then(Act::SyncEnded(3));
    story.check(Leaves::Nothing, &[("a", b"one")]);
    // By another number of the same file.
    story.then(Act::Duplicated { file: 4, of: 3 }).sync(4);
    story.check(Leaves::Nothing, &[("a", b"onetwo")]);
}

#[test]
fn a_name_is_safe_with_its_folder() {
    let mut story = Story::begin();
    story.open(3, "a").write(3, 0, b"one").sync(3);
    story.check(Leaves::Nothing, &[]);
    story.sync_root();
    let (from, to) = (Path::new(ROOT).join("a"), Path::new(ROOT).join("b"));
    story.then(Act::Renamed {
        from,
        to: to.clone(),
    });
    story.check(Leaves::Nothing, &[("a", b"one")]);
    story.check(Leaves::Everything, &[("b", b"one")]);
    story.sync_root().then(Act::Removed(to));
    story.check(Leaves::Nothing, &[("b", b"one")]);
    story.check(Leaves::Everything, &[]);
}

#[test]
fn what_was_not_synced_may_be_there_in_pieces() {
    let mut story = Story::begin();
    story.open(3, "a").sync_root();
    story.write(3, 0, &[1; 2048]).write(3, 2048, &[2; 2048]);
    let mut found = std::collections::BTreeSet::new();
    let mut chance = Chance::of(1);
    for _ in 0..200 {
        let held = story
            .disk
            .cut(Leaves::Some, &mut chance)
            .files
            .remove(Path::new("a"));
        let held = held.expect("its name is safe");
        assert!(held.len() <= 4096);
        for (index, byte) in held.iter().enumerate() {
            assert!(
                *byte == 0 || usize::from(*byte) == index / 2048 + 1,
                "at {index}"
            );
        }
        found.insert(held);
    }
    let later_without_earlier = |held: &Vec<u8>| held.len() == 4096 && held[..2048] == [0; 2048];
    assert!(
        found.iter().any(later_without_earlier),
        "the order is not kept"
    );
    assert!(found.iter().any(Vec::is_empty), "nothing is left");
    assert!(found.len() > 10, "in pieces");
}

#[test]
fn what_is_not_known_is_refused() {
    let mut disk = Disk::empty(ROOT.into());
    assert_eq!(disk.follow(&Act::Closed(7)), Ok(()));
    assert_eq!(disk.follow(&Act::SyncEnded(7)), Err(Lost::NoSuchFile(7)));
    let unknown = disk.follow(&Act::Unknown("mmap".to_owned()));
    assert_eq!(unknown, Err(Lost::Unknown("mmap".to_owned())));
    let path = Path::new(ROOT).join("none");
    let opened = Act::Opened {
        file: 3,
        path: path.clone(),
        flags: 0,
    };
    assert_eq!(disk.follow(&opened), Err(Lost::NoSuchPath(path)));
}
