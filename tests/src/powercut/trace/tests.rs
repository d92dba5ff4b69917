use std::path::Path;
use std::process::Command;

use super::super::disk::{Disk, Leaves, Tree};
use super::super::load::RECORDER;
use super::*;
use crate::harness::chance::Chance;
use crate::harness::preloaded::{library, program};

/// Makes a file with a name that is safe, and writes to it; what it does then, to have that on the disk, is put in.
const WRITES: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

int main(int count, char **words)
{
    if (count != 2 || chdir(words[1]) != 0)
        return 1;
    int folder = open(".", O_RDONLY), file = open("a", O_RDWR | O_CREAT, 0600);
    if (folder < 0 || file < 0 || fsync(folder) != 0)
        return 2;
    return write(file, "written", 7) != 7 || HOW != 0;
}
"#;

/// `sync_file_range` that waits for everything that it can wait for.
const RANGE: &str = "sync_file_range(file, 0, 7, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | \
                     SYNC_FILE_RANGE_WAIT_AFTER)";

/// What the program does under the recorder.
fn recorded(how: &str, without_sync: bool) -> (Vec<Act>, Disk) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("data");
    std::fs::create_dir(&root).expect("the folder can be made");
    let trace = folder.path().join("trace");
    let writes = program(folder.path(), "writes", &WRITES.replace("HOW", how));
    let mut command = Command::new(writes);
    command
        .arg(&root)
        .env("LD_PRELOAD", library(folder.path(), "recorder", RECORDER))
        .env("FOEDUS_RECORD_ROOT", &root)
        .env("FOEDUS_RECORD_TRACE", &trace);
    if without_sync {
        command.env("FOEDUS_RECORD_WITHOUT_SYNC", root.join("a"));
    }
    let ended = command.status().expect("it can be started");
    assert!(ended.success(), "{ended}");
    let mut disk = Disk::empty(root);
    let records = read(&std::fs::read(&trace).expect("there is a trace"));
    let acts: Vec<Act> = records.into_iter().map(|record| record.act).collect();
    for act in &acts {
        disk.follow(act).expect("it can be followed");
    }
    (acts, disk)
}

fn check(how: &str, without_sync: bool, kept: bool) {
    let (acts, disk) = recorded(how, without_sync);
    let wrote = |act: &&Act| matches!(act, Act::Wrote { data, .. } if data == b"written");
    assert_eq!(acts.iter().filter(wrote).count(), 1, "{acts:?}");
    let mut chance = Chance::of(1);
    let mut left = |leaves: Leaves| -> Tree { disk.cut(leaves, &mut chance) };
    let held = |tree: &Tree| tree.files[Path::new("a")].clone();
    assert_eq!(held(&left(Leaves::Everything)), b"written");
    let without: &[u8] = if kept { b"written" } else { b"" };
    assert_eq!(held(&left(Leaves::Nothing)), without, "{how}: {acts:?}");
    let all_there = (0..100).all(|_| held(&left(Leaves::Some)) == b"written");
    assert_eq!(all_there, kept, "{how}: {acts:?}");
}

#[test]
fn what_a_program_has_synced_stays() {
    check("fdatasync(file)", false, true);
    check("fsync(file)", false, true);
}

/// It syncs neither the disk's cache nor the file's length, however it is called.
#[test]
fn what_a_program_has_handed_to_sync_file_range_may_go() {
    check(RANGE, false, false);
    check("0", false, false);
}

/// Of the rest the syncs count: the name is there.
#[test]
fn syncs_can_be_made_to_count_as_nothing_under_one_path() {
    check("fdatasync(file)", true, false);
}
