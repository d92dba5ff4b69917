//! What a disk may hold after a power cut: everything that was synced, and of the rest whatever chance leaves.
//!
//! The rules are stricter than any one file system: what a file holds is safe once a sync of that file has ended
//! that began after the write; that it has a name is safe once its *folder* was synced. Of what is not safe each
//! write may be there, or not, or some of its sectors, whatever came before or after it; names change in their order,
//! up to any point.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::{Path, PathBuf};

use super::trace::Act;
use crate::harness::chance::Chance;

/// Smallest piece that a disk writes whole.
const SECTOR_BYTES: usize = 512;

/// Of the flags with which a file is opened: it is made if it is not there.
pub const O_CREAT: u64 = 0o100;
const O_TRUNC: u64 = 0o1000;

/// What is on a disk: paths below the root, with what the files hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// Folders below the root, parents first.
    pub folders: Vec<PathBuf>,
    /// Files.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
}

/// How much of what is not safe a cut leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaves {
    /// Nothing.
    Nothing,
    /// All of it.
    Everything,
    /// Some of it, in pieces.
    Some,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, data: Vec<u8> },
    Cut(usize),
}

#[derive(Debug, Default)]
struct File {
    safe: Vec<u8>,
    /// What came after, and how much came before it.
    pending: VecDeque<Change>,
    settled: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    File(usize),
    Folder(usize),
}

/// Names that change together.
type Step = Vec<(String, Option<Node>)>;

#[derive(Debug, Default)]
struct Folder {
    safe: BTreeMap<String, Node>,
    now: BTreeMap<String, Node>,
    pending: VecDeque<Step>,
    settled: u64,
}

/// A disk as the acts of a daemon leave it.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
    files: Vec<File>,
    folders: Vec<Folder>,
    open: HashMap<i32, Node>,
    /// Syncs under way: of what, and how much of it they cover.
    syncs: HashMap<i32, VecDeque<u64>>,
}

/// Why a trace can't be followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The recorder does not follow it, either.
    #[error("the daemon did something that is not recorded: {0}")]
    Unknown(String),
    /// A path that nothing made.
    #[error("nothing is at {}", .0.display())]
    NoSuchPath(PathBuf),
    /// A number that nothing has.
    #[error("no open file has number {0}")]
    NoSuchFile(i32),
}

impl Disk {
    /// A disk whose folder `root` is empty.
    #[must_use]
    pub fn empty(root: PathBuf) -> Self {
        Self {
            root,
            files: Vec::new(),
            folders: vec![Folder::default()],
            open: HashMap::new(),
            syncs: HashMap::new(),
        }
    }

    /// Follows one act.
    ///
    /// # Errors
    ///
    /// If it can't be followed: then nothing that comes after means anything.
    pub fn follow(&mut self, act: &Act) -> Result<(), Lost> {
        match act {
            Act::Started => {
                self.open.clear();
                self.syncs.clear();
            }
            Act::Opened { file, path, flags } => {
                let node = self.opened(path, *flags)?;
                self.open.insert(*file, node);
            }
            Act::Duplicated { file, of } => {
                let node = self.node(*of)?;
                self.open.insert(*file, node);
            }
            Act::Closed(file) => {
                self.open.remove(file);
                self.syncs.remove(file);
            }
            Act::Wrote { file, offset, data } => {
                let offset = usize::try_from(*offset).expect("an offset fits");
                let data = data.clone();
                self.change(*file, Change::Write { offset, data })?;
            }
            Act::Cut { file, length } => {
                let length = usize::try_from(*length).expect("a length fits");
                self.change(*file, Change::Cut(length))?;
            }
            Act::SyncBegins(file) => {
                let covers = match self.node(*file)? {
                    Node::File(at) => self.files[at].settled + self.files[at].pending.len() as u64,
                    Node::Folder(at) => {
                        self.folders[at].settled + self.folders[at].pending.len() as u64
                    }
                };
                self.syncs.entry(*file).or_default().push_back(covers);
            }
            Act::SyncEnded(file) => self.sync_ended(*file)?,
            Act::Renamed { from, to } => self.renamed(from, to)?,
            Act::Removed(path) | Act::FolderRemoved(path) => {
                let (folder, name) = self.place(path)?;
                self.name(folder, vec![(name, None)]);
            }
            Act::FolderMade(path) if *path == self.root => {}
            Act::FolderMade(path) => {
                let (folder, name) = self.place(path)?;
                self.folders.push(Folder::default());
                let node = Node::Folder(self.folders.len() - 1);
                self.name(folder, vec![(name, Some(node))]);
            }
            Act::Unknown(what) => return Err(Lost::Unknown(what.clone())),
        }
        Ok(())
    }

    fn node(&self, file: i32) -> Result<Node, Lost> {
        self.open.get(&file).copied().ok_or(Lost::NoSuchFile(file))
    }

    /// The folder that a path lies in, and its last name.
    fn place(&self, path: &Path) -> Result<(usize, String), Lost> {
        let none = || Lost::NoSuchPath(path.to_owned());
        let name = path.file_name().and_then(|name| name.to_str());
        let (name, parent) = (name.ok_or_else(none)?, path.parent().ok_or_else(none)?);
        match self.at(parent)? {
            Node::Folder(folder) => Ok((folder, name.to_owned())),
            Node::File(_) => Err(none()),
        }
    }

    fn at(&self, path: &Path) -> Result<Node, Lost> {
        let none = || Lost::NoSuchPath(path.to_owned());
        let below = path.strip_prefix(&self.root).map_err(|_| none())?;
        let mut node = Node::Folder(0);
        for name in below {
            let Node::Folder(folder) = node else {
                return Err(none());
            };
            let name = name.to_str().ok_or_else(none)?;
            node = *self.folders[folder].now.get(name).ok_or_else(none)?;
        }
        Ok(node)
    }

    fn opened(&mut self, path: &Path, flags: u64) -> Result<Node, Lost> {
        let node = match self.at(path) {
            Err(_) if flags & O_CREAT != 0 => {
                let (folder, name) = self.place(path)?;
                self.files.push(File::default());
                let node = Node::File(self.files.len() - 1);
                self.name(folder, vec![(name, Some(node))]);
                node
            }
            found => found?,
        };
        if let (Node::File(at), true) = (node, flags & O_TRUNC != 0) {
            self.files[at].pending.push_back(Change::Cut(0));
        }
        Ok(node)
    }

    fn change(&mut self, file: i32, change: Change) -> Result<(), Lost> {
        match self.node(file)? {
            Node::File(at) => self.files[at].pending.push_back(change),
            Node::Folder(_) => return Err(Lost::NoSuchFile(file)),
        }
        Ok(())
    }

    fn name(&mut self, folder: usize, step: Step) {
        let folder = &mut self.folders[folder];
        for (name, node) in &step {
            set(&mut folder.now, name, *node);
        }
        folder.pending.push_back(step);
    }

    fn renamed(&mut self, from: &Path, to: &Path) -> Result<(), Lost> {
        let node = self.at(from)?;
        let ((from, old), (to, new)) = (self.place(from)?, self.place(to)?);
        if from != to {
            return Err(Lost::Unknown("a file went into another folder".to_owned()));
        }
        self.name(from, vec![(old, None), (new, Some(node))]);
        Ok(())
    }

    /// Which of several syncs of one file ended is not recorded: the one that covers least.
    fn sync_ended(&mut self, file: i32) -> Result<(), Lost> {
        let under_way = self.syncs.get_mut(&file).and_then(VecDeque::pop_front);
        let covers = under_way.ok_or(Lost::NoSuchFile(file))?;
        match self.node(file)? {
            Node::File(at) => {
                let file = &mut self.files[at];
                while file.settled < covers {
                    let change = file.pending.pop_front().expect("it was counted");
                    apply(&mut file.safe, &change);
                    file.settled += 1;
                }
            }
            Node::Folder(at) => {
                let folder = &mut self.folders[at];
                while folder.settled < covers {
                    let step = folder.pending.pop_front().expect("it was counted");
                    for (name, node) in step {
                        set(&mut folder.safe, &name, node);
                    }
                    folder.settled += 1;
                }
            }
        }
        Ok(())
    }

    /// What is on the disk after a cut at this point.
    #[must_use]
    pub fn cut(&self, leaves: Leaves, chance: &mut Chance) -> Tree {
        let mut tree = Tree::default();
        self.cut_folder(0, Path::new(""), leaves, chance, &mut tree);
        tree
    }

    fn cut_folder(
        &self,
        at: usize,
        path: &Path,
        leaves: Leaves,
        chance: &mut Chance,
        tree: &mut Tree,
    ) {
        let folder = &self.folders[at];
        let mut names = folder.safe.clone();
        let pending = folder.pending.len() as u64;
        let kept = match leaves {
            Leaves::Nothing => 0,
            Leaves::Everything => pending,
            Leaves::Some => chance.between(0, pending + 1),
        };
        for step in folder
            .pending
            .iter()
            .take(usize::try_from(kept).expect("a count fits"))
        {
            for (name, node) in step {
                set(&mut names, name, *node);
            }
        }
        for (name, node) in names {
            let path = path.join(name);
            match node {
                Node::File(file) => {
                    tree.files
                        .insert(path, self.files[file].cut(leaves, chance));
                }
                Node::Folder(folder) => {
                    tree.folders.push(path.clone());
                    self.cut_folder(folder, &path, leaves, chance, tree);
                }
            }
        }
    }
}

impl File {
    fn cut(&self, leaves: Leaves, chance: &mut Chance) -> Vec<u8> {
        let mut held = self.safe.clone();
        for change in &self.pending {
            match (leaves, change) {
                (Leaves::Nothing, _) => {}
                (Leaves::Everything, change) => apply(&mut held, change),
                (Leaves::Some, Change::Cut(_)) if chance.coin() => {}
                (Leaves::Some, Change::Cut(_)) => apply(&mut held, change),
                (Leaves::Some, Change::Write { offset, data }) => match chance.between(0, 8) {
                    0..=2 => apply(&mut held, change),
                    3..=4 => torn(&mut held, *offset, data, chance),
                    // Its length is there, and not what it was for.
                    5 => held.resize(held.len().max(offset + data.len()), 0),
                    _ => {}
                },
            }
        }
        held
    }
}

fn set(names: &mut BTreeMap<String, Node>, name: &str, node: Option<Node>) {
    match node {
        Some(node) => names.insert(name.to_owned(), node),
        None => names.remove(name),
    };
}

fn apply(held: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { offset, data } => put(held, *offset, data),
        Change::Cut(length) => held.resize(*length, 0),
    }
}

fn put(held: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if held.len() < end {
        held.resize(end, 0);
    }
    held[offset..end].copy_from_slice(data);
}

/// Of a write, some sectors.
fn torn(held: &mut Vec<u8>, offset: usize, data: &[u8], chance: &mut Chance) {
    let mut at = 0;
    while at < data.len() {
        let to_boundary = SECTOR_BYTES - (offset + at) % SECTOR_BYTES;
        let end = data.len().min(at + to_boundary);
        if chance.coin() {
            put(held, offset + at, &data[at..end]);
        }
        at = end;
    }
}

#[cfg(test)]
mod tests;
