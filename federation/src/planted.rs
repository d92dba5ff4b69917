//! Faults that the simulator's checkers have to find: each is one changed line of production code.
//!
//! Without feature `planted-faults` no line is changed: `planted` is false, and known to be so
//! when the program is built. With it, the thread that runs a simulated world says which fault is
//! in it. Must not know what a checker looks at.

/// A fault that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The step loop lets go of replies and acknowledgements before the commit that they wait for.
    AcknowledgeBeforeDurable,
    /// A body is handed to an organisation that may not read in the revision it was written under.
    BodyOutsideRevision,
    /// Entries are taken from a partner after the channel ended.
    EntryAfterEnd,
    /// An entry counts that changes what another organisation wrote.
    AnothersAuthor,
    /// The position of a partner's arrivals moves past what was stored.
    LostCursor,
    /// A run of the daemon goes on in the incarnation that an earlier run opened.
    OldIncarnation,
    /// One participant's consent is not waited for.
    SkippedConsent,
}

impl Fault {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::AcknowledgeBeforeDurable,
        Self::BodyOutsideRevision,
        Self::EntryAfterEnd,
        Self::AnothersAuthor,
        Self::LostCursor,
        Self::OldIncarnation,
        Self::SkippedConsent,
    ];

    /// The name by which it is asked for.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AcknowledgeBeforeDurable => "acknowledge-before-durable",
            Self::BodyOutsideRevision => "body-outside-revision",
            Self::EntryAfterEnd => "entry-after-end",
            Self::AnothersAuthor => "anothers-author",
            Self::LostCursor => "lost-cursor",
            Self::OldIncarnation => "old-incarnation",
            Self::SkippedConsent => "skipped-consent",
        }
    }
}

#[cfg(feature = "planted-faults")]
std::thread_local! {
    static PLANTED: std::cell::Cell<Option<Fault>> = const { std::cell::Cell::new(None) };
}

/// Plants a fault, or none, in everything that this thread runs from here on.
#[cfg(feature = "planted-faults")]
pub fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}

/// Whether `fault` is planted.
#[cfg(feature = "planted-faults")]
pub(crate) fn planted(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}

/// Whether `fault` is planted: never, in a program without the feature.
#[cfg(not(feature = "planted-faults"))]
pub(crate) const fn planted(_fault: Fault) -> bool {
    false
}
