//! How often addresses have sent wrong tokens, and when that is too often.
//!
//! Pure: the time is an argument. Knows no request. Whoever guesses learns nothing once it is too often: a token is
//! looked at then only where the same address has sent it before and it was right.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use host_base::ServerLimits;

/// Bits of an address of version 6 that one customer of a network has for all its machines.
const CUSTOMER_BITS: u32 = 64;

/// Which addresses have guessed.
pub(super) struct Guesses {
    max: u32,
    kept: Duration,
    addresses_max: usize,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    wrong: HashMap<IpAddr, Wrong>,
    /// Digests of an address with a token of it that was right.
    right: HashSet<blake3::Hash>,
}

#[derive(Clone, Copy)]
struct Wrong {
    number: u32,
    since: Instant,
}

impl Guesses {
    pub(super) fn new(limits: &ServerLimits) -> Guesses {
        Guesses {
            max: limits.wrong_tokens_max,
            kept: limits.wrong_tokens_kept,
            addresses_max: limits.wrong_token_addresses_max,
            seen: Mutex::default(),
        }
    }

    /// Whether a token of this address is to be looked at.
    ///
    /// # Errors
    /// It is not; after how long it would be.
    pub(super) fn may_try(
        &self,
        address: IpAddr,
        token: &str,
        now: Instant,
    ) -> Result<(), Duration> {
        let customer = customer(address);
        let seen = self.seen();
        let Some(wrong) = seen.wrong.get(&customer) else {
            return Ok(());
        };
        let age = now.saturating_duration_since(wrong.since);
        let is_known = || seen.right.contains(&together(customer, token));
        if wrong.number < self.max || age >= self.kept || is_known() {
            return Ok(());
        }
        Err(self.kept.saturating_sub(age))
    }

    /// The token was right.
    pub(super) fn right(&self, address: IpAddr, token: &str) {
        let known = together(customer(address), token);
        let mut seen = self.seen();
        if seen.right.len() >= self.addresses_max && !seen.right.contains(&known) {
            // All that is lost is what helps an address that guesses as well.
            seen.right.clear();
        }
        seen.right.insert(known);
    }

    /// The token was wrong.
    pub(super) fn wrong(&self, address: IpAddr, now: Instant) {
        let customer = customer(address);
        let mut seen = self.seen();
        let kept = self.kept;
        let is_old = |wrong: &Wrong| now.saturating_duration_since(wrong.since) >= kept;
        if seen.wrong.len() >= self.addresses_max && !seen.wrong.contains_key(&customer) {
            seen.wrong.retain(|_, wrong| !is_old(wrong));
        }
        if seen.wrong.len() >= self.addresses_max && !seen.wrong.contains_key(&customer) {
            let oldest = seen.wrong.iter().min_by_key(|(_, wrong)| wrong.since);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                seen.wrong.remove(&oldest);
            }
        }
        let none = Wrong {
            number: 0,
            since: now,
        };
        let wrong = seen.wrong.entry(customer).or_insert(none);
        if is_old(wrong) {
            *wrong = none;
        }
        wrong.number = wrong.number.saturating_add(1);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same for all addresses that one customer of a network can choose among.
fn customer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let mask = u128::MAX << (u128::BITS - CUSTOMER_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

fn together(address: IpAddr, token: &str) -> blake3::Hash {
    blake3::hash(format!("{address} {token}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn guesses() -> Guesses {
        Guesses::new(&ServerLimits {
            wrong_tokens_max: 2,
            wrong_tokens_kept: Duration::from_secs(60),
            wrong_token_addresses_max: 2,
            ..ServerLimits::default()
        })
    }

    fn guess(guesses: &Guesses, address: IpAddr, now: Instant) {
        guesses.wrong(address, now);
        guesses.wrong(address, now);
    }

    #[test]
    fn who_guesses_too_often_waits_and_nobody_else_does() {
        let (guesses, now) = (guesses(), Instant::now());
        guesses.wrong(HERE, now);
        assert_eq!(guesses.may_try(HERE, "a", now), Ok(()));
        guesses.wrong(HERE, now);
        let later = now + Duration::from_secs(59);
        assert_eq!(
            guesses.may_try(HERE, "a", later),
            Err(Duration::from_secs(1))
        );
        assert_eq!(guesses.may_try(THERE, "a", later), Ok(()));
        let over = now + Duration::from_secs(60);
        assert_eq!(guesses.may_try(HERE, "a", over), Ok(()));
        guesses.wrong(HERE, over);
        assert_eq!(guesses.may_try(HERE, "a", over), Ok(()));
    }

    #[test]
    fn a_token_that_was_right_goes_on_working_where_somebody_guesses() {
        let (guesses, now) = (guesses(), Instant::now());
        guesses.right(HERE, "good");
        guess(&guesses, HERE, now);
        assert_eq!(guesses.may_try(HERE, "good", now), Ok(()));
        assert!(guesses.may_try(HERE, "another", now).is_err());
        guess(&guesses, THERE, now);
        assert!(guesses.may_try(THERE, "good", now).is_err());
    }

    #[test]
    fn a_network_of_version_6_is_one_guesser() {
        let (guesses, now) = (guesses(), Instant::now());
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        guesses.wrong(address("2001:db8:0:1::1"), now);
        guesses.wrong(address("2001:db8:0:1:ffff::2"), now);
        assert!(
            guesses
                .may_try(address("2001:db8:0:1::3"), "a", now)
                .is_err()
        );
        assert!(
            guesses
                .may_try(address("2001:db8:0:2::3"), "a", now)
                .is_ok()
        );
        guess(&guesses, address("::ffff:192.0.2.1"), now);
        assert!(guesses.may_try(HERE, "a", now).is_err());
    }

    #[test]
    fn so_many_addresses_and_tokens_are_kept_and_no_more() {
        let (guesses, now) = (guesses(), Instant::now());
        guess(&guesses, HERE, now);
        let later = now + Duration::from_secs(1);
        guess(&guesses, THERE, later);
        guess(&guesses, "192.0.2.3".parse().unwrap(), later);
        // The oldest is forgotten.
        assert!(guesses.may_try(HERE, "a", later).is_ok());
        assert!(guesses.may_try(THERE, "a", later).is_err());
        for token in ["a", "b", "c"] {
            guesses.right(THERE, token);
        }
        let seen = guesses.seen();
        assert_eq!((seen.wrong.len(), seen.right.len()), (2, 1));
    }
}
