//! Tokens by which callers from outside are known: made, shown once, replaced, revoked, and looked up at each request.
//!
//! Owns what a token looks like and when it counts. All are in memory, and the store has what they are checked by;
//! what a caller holds is nowhere. Knows no request.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use host_base::failure::code;
use host_base::{Failure, Role, Scope, TenantId, Timestamp};
use host_store::records::Token;
use host_store::{Batch, ReadError, Reader};
use tokio::sync::{Mutex, watch};

use crate::core::Core;
use crate::runtime::Runtime;

/// What every token begins with: whoever finds one in a file knows what it is.
const PREFIX: &str = "host";
/// Between its parts, which do not hold it.
const BETWEEN: char = '_';
/// Random bytes of an id.
const ID_BYTES: usize = 12;
/// Longest description, in bytes: it is part of each list.
const DESCRIPTION_BYTES_MAX: usize = 256;
/// Names to which one token can be limited.
const SCOPE_NAMES_MAX: usize = 100;

/// What a token that is to be made may do.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its role.
    pub role: Role,
    /// To what it is limited; none: to its tenant alone.
    pub scope: Option<Scope>,
    /// How long it counts; none: `token_lifetime_max`.
    pub lifetime: Option<Duration>,
    /// What it is for, for people.
    pub description: String,
}

/// A token as it can be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenView {
    /// Its id, which stands in the token and is no secret.
    pub id: String,
    /// Where it stands.
    pub state: TokenState,
    /// What is kept of it.
    pub token: Token,
}

/// Whether a token counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// It does.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

/// What the holder of a token may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The token's id.
    pub token: String,
    /// Whose things it reaches.
    pub tenant: TenantId,
    /// What it may do with them.
    pub role: Role,
    /// To which of them it is limited.
    pub scope: Option<Scope>,
    /// From when on it counts no longer.
    expires: Timestamp,
}

/// Why a token does not count. Who holds it must ask for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// There is none such.
    #[error("it is not known")]
    Unknown,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// It was revoked.
    #[error("it was revoked")]
    Revoked,
}

/// All tokens there are.
pub(crate) struct Tokens {
    known: RwLock<HashMap<String, Known>>,
    /// Held while one is made or changed.
    changing: Mutex<()>,
    /// How often one was changed.
    changes: watch::Sender<u64>,
}

impl Default for Tokens {
    fn default() -> Tokens {
        Tokens {
            known: RwLock::default(),
            changing: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }
}

#[derive(Clone)]
struct Known {
    tenant: TenantId,
    token: Token,
    /// None where a newer host gave it a role that this one does not know. Another one with each secret.
    grant: Option<Arc<Grant>>,
}

impl Known {
    fn new(tenant: TenantId, id: &str, token: Token) -> Known {
        let grant = |role| Grant {
            token: id.to_owned(),
            tenant: tenant.clone(),
            role,
            scope: Scope::of(token.workflows.clone(), token.actor_types.clone()),
            expires: Timestamp(token.expires_ms),
        };
        let grant = token.role.parse().ok().map(grant).map(Arc::new);
        Known {
            tenant,
            token,
            grant,
        }
    }

    fn view(&self, id: &str, now: Timestamp) -> TokenView {
        TokenView {
            id: id.to_owned(),
            state: state(&self.token, now),
            token: self.token.clone(),
        }
    }

    /// What whoever brings this secret may do.
    fn check(&self, secret: &str, now: Timestamp) -> Result<Arc<Grant>, Unfit> {
        if !fits(&self.token, secret) {
            return Err(Unfit::Unknown);
        }
        match state(&self.token, now) {
            TokenState::Active => self.grant.clone().ok_or(Unfit::Unknown),
            TokenState::Expired => Err(Unfit::Expired),
            TokenState::Revoked => Err(Unfit::Revoked),
        }
    }
}

fn state(token: &Token, now: Timestamp) -> TokenState {
    if token.revoked_ms != 0 {
        TokenState::Revoked
    } else if token.expires_ms <= now.0 {
        TokenState::Expired
    } else {
        TokenState::Active
    }
}

/// Whether the secret is the token's. How long that takes tells nothing of how far it is right.
fn fits(token: &Token, secret: &str) -> bool {
    let salt: Option<[u8; 32]> = token.salt.as_slice().try_into().ok();
    let digest: Option<[u8; 32]> = token.digest.as_slice().try_into().ok();
    match (salt, digest) {
        (Some(salt), Some(digest)) => digest_of(&salt, secret) == blake3::Hash::from(digest),
        _ => false,
    }
}

/// The secret is random and long: a hash that is slow on purpose would only slow down who has it.
fn digest_of(salt: &[u8; 32], secret: &str) -> blake3::Hash {
    blake3::keyed_hash(salt, secret.as_bytes())
}

/// The id and the secret of what looks like a token.
fn parts(token: &str) -> Option<(&str, &str)> {
    let rest = token.strip_prefix(PREFIX)?.strip_prefix(BETWEEN)?;
    rest.split_once(BETWEEN)
}

/// Gives the token a secret made of these random bytes; returns what its holder is told.
fn arm(token: &mut Token, id: &str, secret: [u8; 32], salt: [u8; 32]) -> String {
    let secret = host_base::Digest(secret).to_string();
    token.salt = salt.to_vec();
    token.digest = digest_of(&salt, &secret).as_bytes().to_vec();
    format!("{PREFIX}{BETWEEN}{id}{BETWEEN}{secret}")
}

fn id_of(random: [u8; 32]) -> String {
    let mut id = host_base::Digest(random).to_string();
    id.truncate(2 * ID_BYTES);
    id
}

impl Tokens {
    pub(crate) fn load(&self, reader: &Reader) -> Result<(), ReadError> {
        let kept = reader.tokens()?.into_iter();
        let known = kept.map(|((tenant, id), token)| (id.clone(), Known::new(tenant, &id, token)));
        self.write(|all| all.extend(known));
        Ok(())
    }

    fn read<T>(&self, look: impl FnOnce(&HashMap<String, Known>) -> T) -> T {
        look(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, change: impl FnOnce(&mut HashMap<String, Known>)) {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner));
        self.changes.send_modify(|changes| *changes += 1);
    }

    fn check(&self, token: &str, now: Timestamp) -> Result<Arc<Grant>, Unfit> {
        let (id, secret) = parts(token).ok_or(Unfit::Unknown)?;
        self.read(|all| all.get(id).ok_or(Unfit::Unknown)?.check(secret, now))
    }

    fn views(&self, tenant: &TenantId, now: Timestamp) -> Vec<TokenView> {
        let mut views = self.read(|all| {
            let own = all.iter().filter(|(_, known)| known.tenant == *tenant);
            own.map(|(id, known)| known.view(id, now))
                .collect::<Vec<_>>()
        });
        views.sort_by(|one, other| {
            let place = |view: &TokenView| (view.token.created_ms, view.id.clone());
            place(one).cmp(&place(other))
        });
        views
    }

    /// The token, if it is the tenant's.
    fn find(&self, tenant: &TenantId, id: &str) -> Result<Known, Failure> {
        let known = self.read(|all| all.get(id).cloned());
        let own = known.filter(|known| known.tenant == *tenant);
        own.ok_or_else(|| Failure::new(code::NOT_FOUND, format!("no token has the id {id}")))
    }
}

/// When it died, of a token that has.
fn died(view: &TokenView) -> Option<u64> {
    match view.state {
        TokenState::Active => None,
        TokenState::Expired => Some(view.token.expires_ms),
        TokenState::Revoked => Some(view.token.revoked_ms),
    }
}

/// Which token makes room for one more, if one must: that which has been dead for longest.
fn makes_room(all: &[TokenView], max: usize) -> Result<Option<&str>, Failure> {
    if all.len() < max {
        return Ok(None);
    }
    let dead = all.iter().filter_map(|view| Some((died(view)?, view)));
    let oldest = dead.min_by_key(|(died, _)| *died);
    let (_, oldest) = oldest.ok_or_else(|| {
        let text = format!(
            "the tenant has {max} tokens that count, which is `tokens_max`: revoke one that is not needed"
        );
        Failure::new(code::LIMIT, text)
    })?;
    Ok(Some(&oldest.id))
}

/// What is kept of a new token, as far as it is no secret.
fn checked(core: &Core, tenant: &TenantId, new: NewToken) -> Result<Token, Failure> {
    let bad = |text: String| Err(Failure::new(code::BAD_INPUT, text));
    let max = core.limits_of(tenant).token_lifetime_max;
    let lifetime = new.lifetime.unwrap_or(max);
    if lifetime > max {
        return bad(format!(
            "a token may count for `token_lifetime_max` of {max:?}, and not for {lifetime:?}"
        ));
    }
    if lifetime < Duration::from_secs(1) {
        return bad("a token that does not count for a second is of no use".to_owned());
    }
    if new.description.len() > DESCRIPTION_BYTES_MAX {
        return bad(format!(
            "a token's description may have {DESCRIPTION_BYTES_MAX} bytes"
        ));
    }
    let Scope {
        workflows,
        actor_types,
    } = new.scope.unwrap_or_default();
    if workflows.len() + actor_types.len() > SCOPE_NAMES_MAX {
        return bad(format!("a token can be limited to {SCOPE_NAMES_MAX} names"));
    }
    for name in workflows.iter().chain(&actor_types) {
        host_base::ids::check_id("name to which a token is limited", name)?;
    }
    let now = core.clock.now();
    Ok(Token {
        role: new.role.name().to_owned(),
        workflows: workflows.into_iter().collect(),
        actor_types: actor_types.into_iter().collect(),
        created_ms: now.0,
        expires_ms: now.after(lifetime).0,
        description: new.description,
        ..Token::default()
    })
}

impl Runtime {
    /// Makes a token; durable when this returns. Its text is told here and never again.
    ///
    /// # Errors
    /// What is asked for breaks a limit, as many tokens count as may, or the store failed.
    pub async fn create_token(
        &self,
        tenant: &TenantId,
        new: NewToken,
    ) -> Result<(TokenView, String), Failure> {
        let mut token = checked(&self.core, tenant, new)?;
        let (core, tenant) = (Arc::clone(&self.core), tenant.clone());
        let create = async move {
            let _alone = core.tokens.changing.lock().await;
            let mut batch = Batch::new();
            let all = core.tokens.views(&tenant, core.clock.now());
            let leaves = makes_room(&all, core.limits_of(&tenant).tokens_max)?;
            if let Some(leaves) = leaves {
                batch.delete_token(&tenant, leaves);
            }
            let id = id_of(core.random());
            let text = arm(&mut token, &id, core.random(), core.random());
            let view = put(&core, (&tenant, &id), token, batch).await?;
            if let Some(leaves) = leaves {
                core.tokens.write(|all| drop(all.remove(leaves)));
            }
            Ok((view, text))
        };
        self.to_the_end(create).await
    }

    /// Gives a token another secret, which is told here and never again; the one before counts no longer when this
    /// returns. What it may do and how long it counts stay as they are.
    ///
    /// # Errors
    /// The tenant has no such token, it does not count any more, or the store failed.
    pub async fn rotate_token(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<(TokenView, String), Failure> {
        let (core, tenant, id) = (Arc::clone(&self.core), tenant.clone(), id.to_owned());
        let rotate = async move {
            let _alone = core.tokens.changing.lock().await;
            let mut token = core.tokens.find(&tenant, &id)?.token;
            let now = core.clock.now();
            if state(&token, now) != TokenState::Active {
                let text = format!("token {id} does not count any more: create another one");
                return Err(Failure::new(code::ALREADY_ENDED, text));
            }
            token.rotated_ms = now.0;
            let text = arm(&mut token, &id, core.random(), core.random());
            let view = put(&core, (&tenant, &id), token, Batch::new()).await?;
            Ok((view, text))
        };
        self.to_the_end(rotate).await
    }

    /// Has a token count no longer, from when this returns; durable then. One that was revoked before is left as it is.
    ///
    /// # Errors
    /// The tenant has no such token, or the store failed.
    pub async fn revoke_token(&self, tenant: &TenantId, id: &str) -> Result<TokenView, Failure> {
        let (core, tenant, id) = (Arc::clone(&self.core), tenant.clone(), id.to_owned());
        let revoke = async move {
            let _alone = core.tokens.changing.lock().await;
            let mut token = core.tokens.find(&tenant, &id)?.token;
            if token.revoked_ms == 0 {
                token.revoked_ms = core.clock.now().0;
            }
            put(&core, (&tenant, &id), token, Batch::new()).await
        };
        self.to_the_end(revoke).await
    }

    /// A tenant's tokens, the oldest first.
    pub fn tokens(&self, tenant: &TenantId) -> Vec<TokenView> {
        self.core.tokens.views(tenant, self.core.clock.now())
    }

    /// Whether any tenant has a token, be it one that does not count any more.
    pub fn has_tokens(&self) -> bool {
        self.core.tokens.read(|all| !all.is_empty())
    }

    /// What whoever brings this token may do.
    ///
    /// # Errors
    /// It does not count.
    pub fn check_token(&self, token: &str) -> Result<Arc<Grant>, Unfit> {
        self.core.tokens.check(token, self.core.clock.now())
    }

    /// Ends when the token of this grant counts no longer, or has another secret.
    pub fn token_ended(&self, grant: &Arc<Grant>) -> impl Future<Output = ()> + Send + use<> {
        let (core, grant) = (Arc::clone(&self.core), Arc::clone(grant));
        let mut changes = core.tokens.changes.subscribe();
        async move {
            while still_counts(&core, &grant) {
                let left = grant.expires.since(core.clock.now());
                tokio::select! {
                    // It is never closed while the runtime is there.
                    _ = changes.changed() => {}
                    () = tokio::time::sleep(left) => {}
                }
            }
        }
    }
}

fn still_counts(core: &Core, grant: &Arc<Grant>) -> bool {
    core.tokens.read(|all| {
        let known = all.get(&grant.token);
        known.is_some_and(|known| {
            let same = known
                .grant
                .as_ref()
                .is_some_and(|one| Arc::ptr_eq(one, grant));
            same && state(&known.token, core.clock.now()) == TokenState::Active
        })
    })
}

/// Writes a token down and has it count as it stands there.
async fn put(
    core: &Core,
    (tenant, id): (&TenantId, &str),
    token: Token,
    mut batch: Batch,
) -> Result<TokenView, Failure> {
    batch.put_token(tenant, id, &token);
    let durable = core.commit_durably(batch, Vec::new()).await;
    durable.map_err(|error| Failure::transient(code::BUSY, error.to_string()))?;
    let known = Known::new(tenant.clone(), id, token);
    let view = known.view(id, core.clock.now());
    core.tokens
        .write(|all| drop(all.insert(id.to_owned(), known)));
    Ok(view)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000);

    fn known(secret: u8, change: impl FnOnce(&mut Token)) -> (Known, String) {
        let mut token = Token {
            role: "invoker".to_owned(),
            expires_ms: NOW.0 + 1,
            ..Token::default()
        };
        let text = arm(&mut token, "id", [secret; 32], [9; 32]);
        change(&mut token);
        (Known::new(TenantId::default(), "id", token), text)
    }

    fn check(known: &Known, text: &str) -> Result<Role, Unfit> {
        let (_, secret) = parts(text).unwrap();
        known.check(secret, NOW).map(|grant| grant.role)
    }

    #[test]
    fn only_the_secret_that_it_has_opens_a_token_and_only_while_it_counts() {
        let (token, text) = known(1, |_| ());
        let (_, other) = known(2, |_| ());
        assert_eq!(check(&token, &text), Ok(Role::Invoker));
        assert_eq!(check(&token, &other), Err(Unfit::Unknown));
        let (expired, text) = known(1, |token| token.expires_ms = NOW.0);
        assert_eq!(check(&expired, &text), Err(Unfit::Expired));
        let (revoked, text) = known(1, |token| token.revoked_ms = 1);
        assert_eq!(check(&revoked, &text), Err(Unfit::Revoked));
        assert_eq!(check(&revoked, &other), Err(Unfit::Unknown));
    }

    #[test]
    fn a_role_that_only_a_newer_host_knows_counts_for_nothing() {
        let (token, text) = known(1, |token| token.role = "auditor".to_owned());
        assert_eq!(check(&token, &text), Err(Unfit::Unknown));
    }

    #[test]
    fn the_secret_is_not_in_what_is_kept() {
        let (token, text) = known(1, |_| ());
        let (_, secret) = parts(&text).unwrap();
        let kept = format!("{:?}", token.token);
        assert!(secret.len() == 64 && !kept.contains(secret), "{kept}");
        assert!(!token.token.digest.starts_with(&[1, 1]));
    }

    #[test]
    fn what_is_no_token_has_no_parts() {
        assert_eq!(parts("host_a_b"), Some(("a", "b")));
        for none in ["", "host", "host_a", "hosta_b", "ghost_a_b"] {
            assert_eq!(parts(none), None, "{none}");
        }
    }

    #[test]
    fn of_too_many_tokens_that_leaves_which_has_been_dead_for_longest() {
        let view = |id: &str, revoked_ms| {
            let (known, _) = known(1, |token| token.revoked_ms = revoked_ms);
            known.view(id, NOW)
        };
        let all = [view("a", 0), view("b", 7), view("c", 5)];
        assert_eq!(makes_room(&all, 4), Ok(None));
        assert_eq!(makes_room(&all, 3), Ok(Some("c")));
        let failure = makes_room(&all[..1], 1).unwrap_err();
        assert!(failure.message.contains("tokens_max"), "{failure}");
    }
}
