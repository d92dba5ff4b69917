//! Changes to the organisation itself, its members and their tokens.

use super::Act;
use crate::action::Outcome;
use crate::bounds::TOKENS_PER_MEMBER_COUNT_MAX;
use crate::id::{ChannelId, MemberId, OrgId, TokenId};
use crate::name::{Handle, Label, MemberName};
use crate::secret::{secret_hash, token_text};
use crate::state::{Change, Identity, Member, PartnerMode, Record, Scopes, Token};
use crate::time::Timestamp;

const CHECKED: &str = "the gate parsed it";

impl Act<'_> {
    pub(super) fn init(
        &mut self,
        org: OrgId,
        root: [u8; 32],
        handle: &str,
        display_name: &str,
        administrator: &str,
    ) -> Outcome {
        self.put(Record::Identity(Identity {
            org,
            root,
            handle: Handle::parse(handle).expect(CHECKED),
            display_name: Label::parse(display_name).expect(CHECKED),
            at: self.given.now,
        }));
        self.put(Record::PartnerMode(PartnerMode::default()));
        let administrator = self.new_member(administrator, administrator, true);
        Outcome::Initialised { administrator }
    }

    fn new_member(&mut self, name: &str, display_name: &str, administrator: bool) -> MemberId {
        let id = MemberId(self.draw());
        let member = Member {
            name: MemberName::parse(name).expect(CHECKED),
            display_name: Label::parse(display_name).expect(CHECKED),
            administrator,
            active: true,
        };
        self.put(Record::Member(id, member));
        id
    }

    pub(super) fn add_member(
        &mut self,
        name: &str,
        display_name: &str,
        administrator: bool,
    ) -> Outcome {
        let member = self.new_member(name, display_name, administrator);
        Outcome::MemberAdded { member }
    }

    pub(super) fn deactivate_member(&mut self, id: MemberId) -> Outcome {
        let mut member = self
            .state
            .members()
            .get(&id)
            .expect("the gate found it")
            .clone();
        member.active = false;
        self.put(Record::Member(id, member));
        let tokens: Vec<_> = self
            .state
            .tokens()
            .iter()
            .map(|(id, token)| (*id, token.clone()))
            .collect();
        for (token_id, token) in tokens {
            if token.member == id && !token.revoked {
                self.put(Record::Token(
                    token_id,
                    Token {
                        revoked: true,
                        ..token
                    },
                ));
            }
        }
        let channels: Vec<ChannelId> = self.state.channels().keys().copied().collect();
        let mut left = Vec::new();
        for channel in channels {
            if let Some(author) = self.state.author(channel, id) {
                self.set_membership(channel, id, author, false);
                left.push((channel, author));
            }
        }
        Outcome::MemberDeactivated { left }
    }

    pub(super) fn create_token(
        &mut self,
        member: MemberId,
        name: &str,
        scopes: Scopes,
        expires: Option<Timestamp>,
    ) -> Outcome {
        self.forget_dead_tokens(member);
        let id = TokenId(self.draw());
        let secret = self.draw();
        self.put(Record::Token(
            id,
            Token {
                member,
                name: Label::parse(name).expect(CHECKED),
                secret_sha256: secret_hash(&secret),
                scopes,
                expires,
                revoked: false,
            },
        ));
        Outcome::TokenCreated {
            token: id,
            text: token_text(id, &secret),
        }
    }

    /// Dead tokens are kept, so that their use is explained, until their room is needed.
    fn forget_dead_tokens(&mut self, member: MemberId) {
        let own = self
            .state
            .tokens()
            .iter()
            .filter(|(_, token)| token.member == member);
        let own: Vec<_> = own
            .map(|(id, token)| (*id, token.is_live(self.given.now)))
            .collect();
        if own.len() < TOKENS_PER_MEMBER_COUNT_MAX {
            return;
        }
        for (id, _) in own.into_iter().filter(|(_, live)| !live) {
            self.remove(Change::Token(id));
        }
    }

    pub(super) fn revoke_token(&mut self, id: TokenId) -> Outcome {
        let token = self
            .state
            .tokens()
            .get(&id)
            .expect("the gate found it")
            .clone();
        if token.revoked {
            return Outcome::Unchanged;
        }
        self.put(Record::Token(
            id,
            Token {
                revoked: true,
                ..token
            },
        ));
        Outcome::Done
    }
}
