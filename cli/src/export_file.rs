//! Files of exports: written once and for their owner only, and read line by line.
//!
//! Knows nothing of what the lines say.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use foedus_federation::bounds::EXPORT_LINE_BYTES_MAX;
use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::page::Page;
use crate::printer::Printer;

/// A file that is being written. Unless it is finished, it goes away again.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    bytes: u64,
}

impl NewFile {
    /// A file that was not there before: no export is written over another.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let mut options = OpenOptions::new();
        // What people said is in it, or what administrators did.
        let made = options.write(true).create_new(true).mode(0o600).open(path);
        let file = made.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => Failure::new(
                Exit::CannotCreate,
                format!("{} exists already", path.display()),
                "give another name, or remove the file first",
            ),
            _ => Failure::io(format_args!("cannot make {}", path.display()), &source),
        })?;
        Ok(Self {
            path: path.to_owned(),
            file: Some(BufWriter::new(file)),
            bytes: 0,
        })
    }

    /// Adds lines.
    pub fn write(&mut self, lines: &[u8]) -> Result<(), Failure> {
        let file = self.file.as_mut().expect("it is written until finished");
        let written = file.write_all(lines);
        self.bytes += lines.len() as u64;
        written.map_err(|source| self.cannot_write(&source))
    }

    /// The file is whole, and on disk: says so, and by which command it is checked.
    pub fn finish_and_tell(self, check: &str, printer: &mut Printer) -> Result<(), Failure> {
        let name = self.path.display().to_string();
        let bytes = self.finish()?;
        let object = json!({ "file": name, "bytes": bytes });
        printer.answer(&object, &written_page(&name, bytes, check))
    }

    /// The same, of a channel that may have been written to before it was shared.
    pub fn finish_and_tell_what_is_left_out(
        self,
        check: &str,
        entries_left_out: u64,
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        let name = self.path.display().to_string();
        let bytes = self.finish()?;
        let object = json!({ "file": name, "bytes": bytes, "entries_left_out": entries_left_out });
        let left_out = match entries_left_out {
            0 => String::new(),
            1 => "Left out is 1 entry from before the channel was shared: it was given to nobody."
                .to_owned(),
            count => format!(
                "Left out are {count} entries from before the channel was shared: they were given to nobody."
            ),
        };
        let page = written_page(&name, bytes, check).sentence_if(left_out);
        printer.answer(&object, &page)
    }

    /// Says how many bytes it has.
    fn finish(mut self) -> Result<u64, Failure> {
        let mut file = self.file.take().expect("it is finished once");
        let whole = file.flush().and_then(|()| file.get_ref().sync_all());
        match whole {
            Ok(()) => Ok(self.bytes),
            Err(source) => {
                self.file = Some(file);
                Err(self.cannot_write(&source))
            }
        }
    }

    fn cannot_write(&self, source: &io::Error) -> Failure {
        let what = format_args!("cannot write {}", self.path.display());
        Failure::io(what, source)
    }
}

fn written_page(name: &str, bytes: u64, check: &str) -> Page {
    Page::new()
        .sentence(format!("Wrote {bytes} bytes to {name}."))
        .sentence(format!("To check it anywhere: {check} {name}"))
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // Half an export is none; where it can't be removed, it is found to be cut off.
        if self.file.take().is_some() {
            drop(std::fs::remove_file(&self.path));
        }
    }
}

/// Says so where a file is an export of the other kind, which only the other command verifies. One that is damaged
/// is of neither.
pub fn is_not_of(
    path: &Path,
    other_begins: &str,
    other: &str,
    other_command: &str,
) -> Result<(), Failure> {
    let mut first = Vec::new();
    // What can't be read is told by whoever reads it, and what is read here from a pipe would be gone.
    let is_file = path.metadata().is_ok_and(|about| about.is_file());
    if is_file && let Ok(file) = File::open(path) {
        let read = file.take(other_begins.len() as u64).read_to_end(&mut first);
        drop(read);
    }
    if first != other_begins.as_bytes() {
        return Ok(());
    }
    Err(Failure {
        reason: "OTHER_EXPORT".to_owned(),
        ..Failure::new(
            Exit::Data,
            format!("{} is an export of {other}", path.display()),
            format!("{other_command} {}", path.display()),
        )
    })
}

/// Hands each line on, its newline included, with its length. A line that is longer than any of an
/// export is handed on cut.
pub fn each_line(path: &Path, mut take: impl FnMut(&[u8], u64)) -> Result<(), Failure> {
    let cannot = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => Failure::new(
            Exit::NotFound,
            format!("there is no file {}", path.display()),
            "name the file that `export` wrote",
        ),
        _ => Failure::io(format_args!("cannot read {}", path.display()), &source),
    };
    let mut file = BufReader::new(File::open(path).map_err(cannot)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        let most = EXPORT_LINE_BYTES_MAX as u64 + 1;
        let read = file.by_ref().take(most).read_until(b'\n', &mut line);
        let mut length = read.map_err(cannot)? as u64;
        if length == 0 {
            return Ok(());
        }
        if length == most && !line.ends_with(b"\n") {
            length += file.skip_until(b'\n').map_err(cannot)? as u64;
        }
        take(&line, length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_written_over_nothing_and_half_of_one_goes_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("one.foedus");
        let mut file = NewFile::create(&path).expect("new");
        file.write(b"half\n").expect("room");
        let refused = NewFile::create(&path).expect_err("it is there");
        assert_eq!(refused.exit, Exit::CannotCreate);
        drop(file);
        assert!(!path.exists());
        let mut file = NewFile::create(&path).expect("new");
        file.write(b"whole\n").expect("room");
        assert_eq!(file.finish().expect("on disk"), 6);
        assert_eq!(std::fs::read(&path).expect("readable"), b"whole\n");
    }

    #[test]
    fn an_export_of_the_other_kind_is_told_by_its_first_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("one");
        let check = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("room");
            is_not_of(&path, "other/v1", "the other kind", "other verify")
        };
        let refused = check(b"other/v1\nmore\n").expect_err("of the other kind");
        assert_eq!(refused.reason, "OTHER_EXPORT");
        assert!(refused.fix.starts_with("other verify "), "{refused:?}");
        for bytes in [&b"this/v1\n"[..], b"othfr/v1\n", b"other", b""] {
            assert_eq!(check(bytes), Ok(()));
        }
        let missing = folder.path().join("none");
        assert_eq!(is_not_of(&missing, "x", "", ""), Ok(()));
    }

    #[test]
    fn a_line_without_end_takes_no_memory() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lines");
        let long = "x".repeat(3 * EXPORT_LINE_BYTES_MAX);
        std::fs::write(&path, format!("a\n{long}\nb")).expect("room");
        let mut found = Vec::new();
        each_line(&path, |line, length| found.push((line.len(), length))).expect("readable");
        let whole = 3 * EXPORT_LINE_BYTES_MAX as u64 + 1;
        assert_eq!(found, [(2, 2), (EXPORT_LINE_BYTES_MAX + 1, whole), (1, 1)]);
        let missing = each_line(&folder.path().join("none"), |_, _| {});
        assert_eq!(missing.expect_err("not there").exit, Exit::NotFound);
    }
}
