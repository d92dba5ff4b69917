//! `OrganisationService`: the identity, and how the daemon is.

use foedus_federation::org::OrgSnapshot;
use foedus_policy::action::{Actor, RenewedKeys};
use foedus_policy::reason::Reason;
use foedus_policy::state::{InvitationState, PartnerState, Sharing};
use foedus_proto::api::v1;
use tonic::Code;

use super::caller::{Caller, administrator, reader};
use super::doctor::problem_message;
use super::parse::domain;
use super::refusal::Refusal;
use super::show::{self, held};
use super::{Api, Seen, service};
use crate::bounds::api::{PROBLEMS_SHOWN_MAX, STORE_SIZE_AGE_MAX};
use crate::disk::{free_bytes, used_bytes};
use crate::doctor::{Severity, examine};
use crate::identity_files::KeyFileError;
use crate::runtime::{Initialise, InitialiseError, LinkState, RenewError, chain};

/// The first administrator, if nobody says who it is: an organisation has one from its first day.
const ADMINISTRATOR_DEFAULT: &str = "admin";

/// What is on the disk; `None` is what can't be told.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sizes {
    pub(super) store_bytes: Option<u64>,
    pub(super) disk_free_bytes: Option<u64>,
}

impl Api {
    async fn init(
        &self,
        caller: &Caller,
        request: v1::InitRequest,
    ) -> Result<v1::InitResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "init",
            key,
            request,
            |api, caller, request| async move { api.initialise(&caller, request).await },
        )
        .await
    }

    pub(super) async fn initialise(
        &self,
        caller: &Caller,
        request: v1::InitRequest,
    ) -> Result<v1::InitResponse, Refusal> {
        let v1::InitRequest {
            handle,
            endpoints,
            administrator,
            idempotency_key: _,
        } = request;
        check_endpoints(&endpoints)?;
        domain(&handle, "claim a domain name of yours, like `acme.example`")?;
        let administrator = match administrator.is_empty() {
            true => ADMINISTRATOR_DEFAULT.to_owned(),
            false => administrator,
        };
        let initialise = Initialise {
            actor: caller.actor,
            display_name: handle.clone(),
            handle,
            administrator: administrator.clone(),
            addresses: endpoints,
        };
        self.runtime()
            .initialise(initialise)
            .await
            .map_err(|error| match error {
                InitialiseError::Refused(refused) => refused.into(),
                InitialiseError::Keys(_) | InitialiseError::Link(_) => {
                    tracing::error!(error = %chain(&error), "the organisation could not be made");
                    Refusal::internal("KEYS_FAILED", error.to_string())
                }
            })?;
        let seen = self.seen();
        let named = seen.state().member_named(&administrator);
        Ok(v1::InitResponse {
            identity: Some(self.identity(&seen)?),
            administrator: named.map_or_else(String::new, |member| seen.address(member)),
        })
    }

    fn identity(&self, seen: &Seen) -> Result<v1::Identity, Refusal> {
        let chain = seen.org.org().and_then(|us| seen.org.identity(us));
        let chain = chain.ok_or(Reason::NotInitialised)?;
        Ok(seen.identity_message(&chain, self.runtime().addresses()))
    }

    async fn get_identity(
        &self,
        caller: &Caller,
        _request: v1::GetIdentityRequest,
    ) -> Result<v1::GetIdentityResponse, Refusal> {
        reader(&caller.actor)?;
        Ok(v1::GetIdentityResponse {
            identity: Some(self.identity(&self.seen())?),
        })
    }

    async fn renew_keys(
        &self,
        caller: &Caller,
        request: v1::RenewKeysRequest,
    ) -> Result<v1::RenewKeysResponse, Refusal> {
        let key = request.idempotency_key.clone();
        self.once(
            caller,
            "renew_keys",
            key,
            request,
            |api, caller, request| async move { api.renew(&caller, &request).await },
        )
        .await
    }

    async fn renew(
        &self,
        caller: &Caller,
        request: &v1::RenewKeysRequest,
    ) -> Result<v1::RenewKeysResponse, Refusal> {
        let keys = renewed_keys(request)?;
        let renewed = match request.preview {
            true => self.runtime().may_renew_keys(caller.actor, keys),
            false => self.runtime().renew_keys(caller.actor, keys).await,
        };
        renewed.map_err(|error| not_renewed(&error))?;
        Ok(v1::RenewKeysResponse {
            identity: Some(self.identity(&self.seen())?),
        })
    }

    async fn get_status(
        &self,
        caller: &Caller,
        _request: v1::GetStatusRequest,
    ) -> Result<v1::GetStatusResponse, Refusal> {
        reader(&caller.actor)?;
        let seen = self.seen();
        let runtime = self.runtime();
        let mut status = v1::GetStatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: show::time(runtime.started()),
            ..v1::GetStatusResponse::default()
        };
        if seen.org.org().is_none() {
            return Ok(status);
        }
        let facts = &self.inner.facts;
        status.initialised = true;
        status.identity = Some(self.identity(&seen)?);
        status.counts = Some(self.counts(&seen, &caller.actor).await);
        status.problems = self.problems(&seen, &caller.actor).await;
        status.store_engine = facts.store_engine.clone();
        let sizes = self.sizes().await;
        status.store_bytes = sizes.store_bytes;
        status.disk_free_bytes = sizes.disk_free_bytes;
        status.link_listen_addresses = facts.link_listen_addresses.clone();
        status.api_listen_addresses = self.inner.api_listen.iter().cloned().collect();
        status.clock_skew_ms = self.clock_skew();
        status.now = show::time(runtime.now().wall);
        status.run_id = runtime.run().to_string();
        Ok(status)
    }

    /// Measured at most every few seconds, and by one caller at a time: it walks through a folder.
    pub(super) async fn sizes(&self) -> Sizes {
        let mut known = self.inner.sizes.lock().await;
        if let Some((at, sizes)) = known.as_ref()
            && at.elapsed() < STORE_SIZE_AGE_MAX
        {
            return *sizes;
        }
        let data = self.inner.facts.data.clone();
        let measured = tokio::task::spawn_blocking(move || Sizes {
            store_bytes: used_bytes(&data).ok(),
            disk_free_bytes: free_bytes(&data),
        });
        let sizes = measured.await.unwrap_or_default();
        *known = Some((std::time::Instant::now(), sizes));
        sizes
    }

    async fn counts(&self, seen: &Seen, actor: &Actor) -> v1::Counts {
        let OrgSnapshot { state, .. } = seen.org.as_ref();
        let links = self.runtime().links();
        // Who is no administrator is told no more than it could list.
        let all = administrator(state, actor).is_ok();
        let channels = state.channels().iter();
        let found: Vec<_> = channels
            .filter(|(id, _)| all || seen.can_find(actor, **id))
            .collect();
        let shared: Vec<_> = found
            .iter()
            .filter(|(_, channel)| channel.is_shared() && !channel.is_ended(seen.now))
            .map(|(id, _)| **id)
            .collect();
        let mut held_entries = 0;
        for channel in &shared {
            if let Ok(view) = self.view(*channel).await {
                held_entries += held(&view).0;
            }
        }
        let local =
            |sharing: &Sharing| matches!(sharing, Sharing::Local | Sharing::Offering { .. });
        let waiting = state
            .requests()
            .values()
            .filter(|request| request.is_waiting() && !request.is_due(seen.now));
        let open = state.invitations().values().filter(|invitation| {
            invitation.state == InvitationState::Open && invitation.expires > seen.now
        });
        let partners = state.partners().values();
        let up = links.values().filter(|link| link.state == LinkState::Up);
        v1::Counts {
            members: state
                .members()
                .values()
                .filter(|member| member.active)
                .count() as u64,
            local_channels: found
                .iter()
                .filter(|(_, channel)| local(&channel.sharing))
                .count() as u64,
            shared_channels: shared.len() as u64,
            partners: partners
                .filter(|partner| partner.state != PartnerState::Disconnected)
                .count() as u64,
            links_up: up.count() as u64,
            requests_waiting: if all { waiting.count() as u64 } else { 0 },
            invitations_open: if all { open.count() as u64 } else { 0 },
            held_entries,
            projects: state
                .projects()
                .values()
                .filter(|project| !super::project::has_ended(project, seen.now))
                .count() as u64,
        }
    }

    /// What an administrator should look at: what the doctor says, but for what is only worth knowing, and without
    /// trying our own addresses.
    async fn problems(&self, seen: &Seen, actor: &Actor) -> Vec<v1::Problem> {
        if administrator(seen.state(), actor).is_err() {
            return Vec::new();
        }
        let findings = examine(&self.gathered(seen).await).into_iter();
        let wrong = findings.filter(|finding| finding.severity > Severity::Notice);
        let mut problems: Vec<v1::Problem> = wrong.map(problem_message).collect();
        let more = problems.len().saturating_sub(PROBLEMS_SHOWN_MAX);
        if more > 0 {
            problems.truncate(PROBLEMS_SHOWN_MAX);
            problems.push(v1::Problem {
                reason: "MORE_PROBLEMS".to_owned(),
                text: format!("{more} more are not shown here"),
                fix: "look at all with `foedus doctor`".to_owned(),
                subject: String::new(),
            });
        }
        problems
    }

    /// The median of what the partners' clocks are ahead of ours.
    fn clock_skew(&self) -> i64 {
        let links = self.runtime().links();
        let mut skews: Vec<i64> = links
            .values()
            .filter(|link| link.state == LinkState::Up)
            .filter_map(|link| link.clock_skew_millis)
            .collect();
        skews.sort_unstable();
        skews.get(skews.len() / 2).copied().unwrap_or(0)
    }
}

impl Seen {
    /// Whether a channel has come to its end by the clock, and that is not noted yet.
    pub(super) fn end_waits(&self) -> bool {
        let channels = self.state().channels().values();
        let mut shared = channels.filter(|channel| channel.is_shared());
        shared.any(|channel| !channel.is_over() && channel.is_ended(self.now))
    }
}

fn renewed_keys(request: &v1::RenewKeysRequest) -> Result<RenewedKeys, Refusal> {
    let has = |role: v1::KeyRole| request.roles.contains(&role.into());
    let (link, sign) = (has(v1::KeyRole::Link), has(v1::KeyRole::Sign));
    let known = |role: &i32| {
        v1::KeyRole::try_from(*role).is_ok_and(|role| role != v1::KeyRole::Unspecified)
    };
    match (link, sign) {
        _ if !request.roles.iter().all(known) => None,
        (true, true) => Some(RenewedKeys::All),
        (true, false) => Some(RenewedKeys::Link),
        (false, true) => Some(RenewedKeys::Sign),
        (false, false) => None,
    }
    .ok_or_else(|| {
        Refusal::malformed(
            "KEY_ROLE_INVALID",
            "only the keys for links and for signing can be renewed",
            "name `link`, `sign` or both",
        )
    })
}

/// The root key may be kept elsewhere, so that its file is not there is no fault; where it should be is for whoever
/// may put it there.
fn not_renewed(error: &RenewError) -> Refusal {
    match error {
        RenewError::Refused(refused) => (*refused).into(),
        RenewError::Keys(KeyFileError::Missing { path }) => Refusal::new(
            Code::FailedPrecondition,
            "ROOT_KEY_NEEDED",
            format!(
                "{} is not there, and only the root key can name other keys",
                path.display()
            ),
            "put it in its place, renew, and take it away again",
        ),
        RenewError::OtherRoot => Refusal::new(
            Code::FailedPrecondition,
            "ROOT_KEY_NEEDED",
            error.to_string(),
            "put the right one in its place",
        ),
        RenewError::Keys(_) | RenewError::Link(_) => {
            tracing::error!(error = %chain(error), "keys could not be renewed");
            Refusal::internal("KEYS_FAILED", error.to_string())
        }
    }
}

fn check_endpoints(endpoints: &[String]) -> Result<(), Refusal> {
    use foedus_federation::bounds::ENDPOINT_ADDRESSES_MAX;
    use foedus_federation::record::EndpointAddress;
    if endpoints.len() > ENDPOINT_ADDRESSES_MAX {
        return Err(Refusal::malformed(
            "ENDPOINTS_TOO_MANY",
            format!("an organisation names at most {ENDPOINT_ADDRESSES_MAX} endpoints"),
            "leave some out",
        ));
    }
    for endpoint in endpoints {
        let parsed: Result<EndpointAddress, _> = endpoint.parse();
        parsed.map_err(|invalid| {
            Refusal::malformed(
                "ENDPOINT_INVALID",
                format!("`{endpoint}` is no endpoint"),
                invalid.to_string(),
            )
        })?;
    }
    Ok(())
}

service!(v1::organisation_service_server::OrganisationService {
    init: InitRequest => InitResponse,
    get_status: GetStatusRequest => GetStatusResponse,
    get_identity: GetIdentityRequest => GetIdentityResponse,
    renew_keys: RenewKeysRequest => RenewKeysResponse,
});
