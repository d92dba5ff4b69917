//! `TokenService`.

use foedus_policy::action::{Action, Outcome};
use foedus_policy::id::TokenId;
use foedus_policy::reason::Reason;
use foedus_policy::state::Scopes;
use foedus_proto::api::v1;

use super::caller::{Caller, administrator, reader};
use super::member::unexpected;
use super::refusal::Refusal;
use super::{Api, page, parse, service};
use crate::bounds::api::TOKEN_MILLIS_DEFAULT;

impl Api {
    async fn create_token(
        &self,
        caller: &Caller,
        request: v1::CreateTokenRequest,
    ) -> Result<v1::CreateTokenResponse, Refusal> {
        let key = request.idempotency_key.clone();
        // A secret is shown once.
        let without_secret = |answer| v1::CreateTokenResponse {
            secret: String::new(),
            ..answer
        };
        let act = |api: Self, caller: Caller, request| async move {
            api.do_create_token(&caller, request).await
        };
        self.once_kept(caller, "token.create", key, request, without_secret, act)
            .await
    }

    async fn do_create_token(
        &self,
        caller: &Caller,
        request: v1::CreateTokenRequest,
    ) -> Result<v1::CreateTokenResponse, Refusal> {
        let seen = self.seen();
        let member = match request.member.is_empty() {
            true => caller.member()?,
            false => seen.member(&request.member)?,
        };
        let expires = parse::time(request.expires_at)?;
        let action = Action::CreateToken {
            member,
            scopes: scopes(&request)?,
            name: match request.label.is_empty() {
                true => "token".to_owned(),
                false => request.label,
            },
            expires: Some(expires.unwrap_or(seen.now.plus_millis(TOKEN_MILLIS_DEFAULT))),
        };
        let outcome = self.runtime().act(caller.actor, action).await?;
        let Outcome::TokenCreated { token, text } = outcome else {
            return Err(unexpected());
        };
        Ok(v1::CreateTokenResponse {
            token: Some(self.token(token)?),
            secret: text.reveal().to_owned(),
        })
    }

    fn token(&self, id: TokenId) -> Result<v1::Token, Refusal> {
        let seen = self.seen();
        let token = seen.state().tokens().get(&id).ok_or(Reason::TokenUnknown)?;
        Ok(seen.token_message(id, token))
    }

    async fn list_tokens(
        &self,
        caller: &Caller,
        request: v1::ListTokensRequest,
    ) -> Result<v1::ListTokensResponse, Refusal> {
        reader(&caller.actor)?;
        let seen = self.seen();
        let asked = match request.member.is_empty() {
            true => None,
            false => Some(seen.member(&request.member)?),
        };
        // Everybody sees their own; the others' are for administrators.
        let own = caller.actor.member();
        let may_all = administrator(seen.state(), &caller.actor);
        let only = match (&may_all, asked) {
            (Ok(()), asked) => asked,
            (Err(_), None) => Some(caller.member()?),
            (Err(_), Some(asked)) if Some(asked) == own => Some(asked),
            (Err(refusal), Some(_)) => return Err(refusal.clone()),
        };
        let all = seen
            .state()
            .tokens()
            .iter()
            .filter(|(_, token)| only.is_none_or(|member| token.member == member))
            .filter(|(_, token)| request.include_ended || token.is_live(seen.now))
            .map(|(id, token)| (newest_first(token, *id), (*id, token)))
            .collect();
        let (tokens, next_page_token) = page::list(
            "tokens",
            request.page_size,
            &request.page_token,
            all,
            |(id, token)| seen.token_message(id, token),
        )?;
        Ok(v1::ListTokensResponse {
            tokens,
            next_page_token,
        })
    }

    async fn revoke_token(
        &self,
        caller: &Caller,
        request: v1::RevokeTokenRequest,
    ) -> Result<v1::RevokeTokenResponse, Refusal> {
        let token: TokenId =
            request
                .token_id
                .parse()
                .map_err(|invalid: foedus_policy::id::InvalidId| {
                    Refusal::malformed(
                        "ID_INVALID",
                        invalid.to_string(),
                        "copy it from `foedus token list`",
                    )
                })?;
        self.runtime()
            .act(caller.actor, Action::RevokeToken { token })
            .await?;
        Ok(v1::RevokeTokenResponse {
            token: Some(self.token(token)?),
        })
    }
}

/// When a token was made is not kept; most are made to last equally long.
fn newest_first(token: &foedus_policy::state::Token, id: TokenId) -> Vec<u8> {
    let mut place = page::reversed(token.expires.map_or(u64::MAX, |expires| expires.0));
    place.extend_from_slice(id.as_bytes());
    place
}

fn scopes(request: &v1::CreateTokenRequest) -> Result<Scopes, Refusal> {
    if request.scopes.is_empty() {
        return Ok(Scopes {
            read: true,
            write: true,
            administer: false,
        });
    }
    let mut scopes = Scopes::default();
    for scope in &request.scopes {
        match v1::TokenScope::try_from(*scope) {
            Ok(v1::TokenScope::Read) => scopes.read = true,
            Ok(v1::TokenScope::Write) => scopes.write = true,
            Ok(v1::TokenScope::Administer) => scopes.administer = true,
            Ok(v1::TokenScope::Unspecified) | Err(_) => return Err(Reason::ScopesNeeded.into()),
        }
    }
    Ok(scopes)
}

service!(v1::token_service_server::TokenService {
    create_token: CreateTokenRequest => CreateTokenResponse,
    list_tokens: ListTokensRequest => ListTokensResponse,
    revoke_token: RevokeTokenRequest => RevokeTokenResponse,
});
