//! The words that notes and the organisation's own rules share: capabilities, access, kinds of
//! authors, causes of an end. Each has one text form.
//!
//! Knows nothing of notes, of how a set is laid out in one, or of who holds which right.

use std::fmt;
use std::str::FromStr;

/// A text that is no word of the vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct UnknownWord {
    /// The words that are known.
    pub expected: &'static str,
}

/// An enum whose variants have one text form each, declared in the order of that text, and
/// optionally a set of them.
macro_rules! words {
    (
        $(#[$doc:meta])* $name:ident, expected $expected:literal,
        { $( $(#[$variant_doc:meta])* $variant:ident = $text:literal, )+ }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name {
            $( $(#[$variant_doc])* $variant, )+
        }

        impl $name {
            /// All of them, in the order of their text.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The text form.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { expected: $expected }),
                }
            }
        }
    };
}

macro_rules! set_of {
    ($(#[$doc:meta])* $set:ident of $word:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $set(u16);

        impl $set {
            /// None of them.
            pub const NONE: Self = Self(0);

            /// All that are known.
            pub const ALL: Self = Self((1 << $word::ALL.len()) - 1);

            /// This set and `word`.
            #[must_use]
            pub const fn with(self, word: $word) -> Self {
                Self(self.0 | 1 << word as u16)
            }

            /// This set without `word`.
            #[must_use]
            pub const fn without(self, word: $word) -> Self {
                Self(self.0 & !(1 << word as u16))
            }

            /// Whether `word` is in it.
            pub const fn contains(self, word: $word) -> bool {
                self.0 & (1 << word as u16) != 0
            }

            /// What is in this and not in `other`.
            #[must_use]
            pub const fn difference(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// Whether all of this is in `other`.
            pub const fn is_subset_of(self, other: Self) -> bool {
                self.0 & !other.0 == 0
            }

            /// Whether there is nothing in it.
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// How many are in it.
            pub const fn len(self) -> usize {
                self.0.count_ones() as usize
            }

            /// What is in it, in the order of the text.
            pub fn iter(self) -> impl Iterator<Item = $word> {
                $word::ALL.iter().copied().filter(move |word| self.contains(*word))
            }
        }

        impl FromIterator<$word> for $set {
            fn from_iter<I: IntoIterator<Item = $word>>(words: I) -> Self {
                words.into_iter().fold(Self::NONE, Self::with)
            }
        }

        impl fmt::Debug for $set {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_set().entries(self.iter()).finish()
            }
        }
    };
}

words!(
    /// A named right that a charter grants in one channel.
    Capability, expected "custom, direct, edit, file, mention, moderate, pin, post, react, retract or thread",
    {
        /// Send the custom events that the charter names one by one.
        Custom = "custom",
        /// Open direct channels between members of the participants.
        Direct = "direct",
        /// Change the text of one's own message.
        Edit = "edit",
        /// Attach files.
        File = "file",
        /// Address a person so that they are notified.
        Mention = "mention",
        /// Hide messages of others, as the organisation's own moderators do.
        Moderate = "moderate",
        /// Pin messages for all.
        Pin = "pin",
        /// Write messages.
        Post = "post",
        /// Put a reaction on a message.
        React = "react",
        /// Take back one's own message.
        Retract = "retract",
        /// Answer a message by reference.
        Thread = "thread",
    }
);

set_of!(
    /// A set of capabilities.
    Capabilities of Capability
);

words!(
    /// What a participant may do with the channel as a whole.
    Access, expected "full, post-only or read-only",
    {
        /// Read and write.
        Full = "full",
        /// Write, and read no bodies but its own.
        PostOnly = "post-only",
        /// Read, and write nothing but its own membership and control entries.
        ReadOnly = "read-only",
    }
);

impl Access {
    /// Whether bodies of others may be handed to it.
    pub const fn may_read(self) -> bool {
        matches!(self, Self::Full | Self::ReadOnly)
    }

    /// Whether what its members write counts.
    pub const fn may_post(self) -> bool {
        matches!(self, Self::Full | Self::PostOnly)
    }

    /// Whether `self` allows something that `other` does not.
    pub const fn exceeds(self, other: Self) -> bool {
        (self.may_read() && !other.may_read()) || (self.may_post() && !other.may_post())
    }
}

words!(
    /// What kind of author somebody is within their organisation.
    AuthorKind, expected "bot, bridge, guest or member",
    {
        /// A program.
        Bot = "bot",
        /// A relay to another system.
        Bridge = "bridge",
        /// An outsider without an organisation, in named channels.
        Guest = "guest",
        /// A person of the organisation.
        Member = "member",
    }
);

set_of!(
    /// A set of kinds of authors.
    AuthorKinds of AuthorKind
);

words!(
    /// Why a shared channel came to its end for an organisation.
    EndCause, expected "disconnect, end, termination or withdrawal",
    {
        /// The peering that it needed is over.
        Disconnect = "disconnect",
        /// Its time was up.
        End = "end",
        /// Its host ended it.
        Termination = "termination",
        /// The organisation left it, or another did.
        Withdrawal = "withdrawal",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_declared_in_the_order_of_their_text_and_read_back() {
        assert!(Capability::ALL.is_sorted_by_key(|word| word.as_str()));
        assert!(Access::ALL.is_sorted_by_key(|word| word.as_str()));
        assert!(AuthorKind::ALL.is_sorted_by_key(|word| word.as_str()));
        assert!(EndCause::ALL.is_sorted_by_key(|word| word.as_str()));
        for word in Capability::ALL {
            assert_eq!(word.to_string().parse(), Ok(*word));
        }
        for word in Access::ALL {
            assert_eq!(word.to_string().parse(), Ok(*word));
        }
        for word in AuthorKind::ALL {
            assert_eq!(word.to_string().parse(), Ok(*word));
        }
        assert!("Post".parse::<Capability>().is_err());
        assert!("".parse::<Access>().is_err());
        let expected = "teapot".parse::<AuthorKind>().expect_err("no such word");
        for word in AuthorKind::ALL {
            assert!(expected.to_string().contains(word.as_str()));
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set: Capabilities = [Capability::Thread, Capability::Post].into_iter().collect();
        assert!(set.contains(Capability::Post) && !set.contains(Capability::Edit));
        assert_eq!(set.len(), 2);
        assert!(set.iter().eq([Capability::Post, Capability::Thread]));
        assert!(set.is_subset_of(Capabilities::ALL) && !Capabilities::ALL.is_subset_of(set));
        assert_eq!(
            set.without(Capability::Post).without(Capability::Thread),
            Capabilities::NONE
        );
        assert_eq!(Capabilities::ALL.len(), Capability::ALL.len());
        assert_eq!(
            Capabilities::ALL.difference(set).len(),
            Capability::ALL.len() - 2
        );
    }

    #[test]
    fn access_is_wider_where_it_allows_more() {
        assert!(Access::Full.exceeds(Access::ReadOnly) && Access::Full.exceeds(Access::PostOnly));
        assert!(Access::ReadOnly.exceeds(Access::PostOnly));
        assert!(Access::PostOnly.exceeds(Access::ReadOnly));
        assert!(!Access::ReadOnly.exceeds(Access::Full) && !Access::Full.exceeds(Access::Full));
    }
}
