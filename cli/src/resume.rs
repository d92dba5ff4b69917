//! Where a `tail` has come to, kept in a file so that a restarted one continues there.
//!
//! The file is replaced after each list that was printed. A `tail` that is killed between
//! printing and storing prints that list again; whoever must not see anything twice reads
//! `--output json` and goes by its cursor lines.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::bounds;
use crate::context::write_private;
use crate::failure::{Exit, Failure};

/// Where a `tail` has come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The channel that was asked for, as it was named. Empty: all.
    pub channel: String,
    /// The cursor after the last list that was printed as a whole.
    pub cursor: String,
    /// Entries after it that were printed too.
    #[serde(default)]
    pub printed: Vec<String>,
}

/// Reads the position of a `tail` of `channel`; none when the file is not there yet.
pub fn load(path: &Path, channel: &str) -> Result<Option<Position>, Failure> {
    let cannot_read = |source| Failure::io(format_args!("cannot read {}", path.display()), &source);
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot_read(error)),
    };
    let mut text = String::new();
    file.take(bounds::STATE_FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(cannot_read)?;
    let position: Position = serde_json::from_str(&text).map_err(|_| {
        Failure::new(
            Exit::Data,
            format!("{} does not hold the state of a tail", path.display()),
            "give another file with --state",
        )
    })?;
    if position.channel != channel {
        return Err(Failure::new(
            Exit::Data,
            format!(
                "{} holds the state of a tail of another channel (`{}`)",
                path.display(),
                position.channel
            ),
            "keep one file per channel",
        ));
    }
    Ok(Some(position))
}

/// The folder of the file has to be there: one that was made for a mistyped name would not be found again.
pub fn check_folder(path: &Path) -> Result<(), Failure> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    if folder.is_dir() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::NotFound,
        format!("there is no folder {}", folder.display()),
        "make it, or give another file with --state",
    ))
}

/// Stores a position, as a whole or not at all.
pub fn store(path: &Path, position: &Position) -> Result<(), Failure> {
    let text = serde_json::to_string(position).expect("a position is made of texts");
    write_private(path, format!("{text}\n").as_bytes())
        .map_err(|source| Failure::io(format_args!("cannot write {}", path.display()), &source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("launch.state");
        assert_eq!(load(&path, "launch"), Ok(None));
        let position = Position {
            channel: "launch".to_owned(),
            cursor: "c1".to_owned(),
            printed: vec!["org_a/inc_b/3".to_owned()],
        };
        store(&path, &position).expect("stored");
        assert_eq!(load(&path, "launch"), Ok(Some(position)));
    }

    #[test]
    fn the_folder_has_to_be_there() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(check_folder(&folder.path().join("state")), Ok(()));
        assert_eq!(check_folder(Path::new("state")), Ok(()));
        let deep = folder.path().join("nodir/deep/state");
        assert_eq!(
            check_folder(&deep).expect_err("refused").exit,
            Exit::NotFound
        );
        assert!(!folder.path().join("nodir").exists());
    }

    #[test]
    fn another_channels_position_and_other_files_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        store(
            &path,
            &Position {
                channel: "a".to_owned(),
                ..Position::default()
            },
        )
        .expect("stored");
        assert_eq!(load(&path, "b").expect_err("refused").exit, Exit::Data);
        fs::write(&path, "hello").expect("written");
        assert_eq!(load(&path, "a").expect_err("refused").exit, Exit::Data);
    }
}
