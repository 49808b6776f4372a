//! WASI's randomness by role: from a seed that replay repeats, or from the operating system.
//!
//! Three independent streams come out of one seed, so that what one interface is asked for does not
//! shift what another one answers.

use rand::rngs::SysRng;
use rand::{Rng, SeedableRng, TryRng};
use rand_chacha::ChaCha20Rng;

use crate::stop::Stop;

/// More is not asked for at once by anything sensible, and each byte is computed while the guest waits.
const BYTES_MAX: u64 = 1 << 20;

/// Which of WASI's interfaces is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `wasi:random/random`.
    Secure,
    /// `wasi:random/insecure`.
    Insecure,
    /// `wasi:random/insecure-seed`: what hash maps are ordered by.
    HashSeed,
}

/// Where random bytes come from.
pub(crate) enum Randomness {
    /// The operating system.
    System,
    /// A seed; each generator is made when it is first asked, for most guests only ask for one.
    Seeded {
        /// The seed.
        seed: [u8; 32],
        /// One per [`Kind`].
        generators: [Option<Box<ChaCha20Rng>>; 3],
    },
}

impl Randomness {
    /// Bytes that the same seed always repeats.
    pub(crate) fn seeded(seed: [u8; 32]) -> Randomness {
        Randomness::Seeded {
            seed,
            generators: [None, None, None],
        }
    }

    /// The next so many bytes.
    pub(crate) fn bytes(&mut self, kind: Kind, length: u64) -> Result<Vec<u8>, Stop> {
        if length > BYTES_MAX {
            return Err(Stop::Broke(
                "it asked for more than 1 MiB of random bytes at once",
            ));
        }
        let length = usize::try_from(length).expect("BYTES_MAX fits");
        let mut bytes = vec![0; length];
        self.fill(kind, &mut bytes)?;
        Ok(bytes)
    }

    /// The next number.
    pub(crate) fn number(&mut self, kind: Kind) -> Result<u64, Stop> {
        let mut bytes = [0; 8];
        self.fill(kind, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn fill(&mut self, kind: Kind, bytes: &mut [u8]) -> Result<(), Stop> {
        match self {
            Randomness::System => SysRng
                .try_fill_bytes(bytes)
                .map_err(|_| Stop::Broke("the operating system gives no random bytes")),
            Randomness::Seeded { seed, generators } => {
                let generator = &mut generators[kind as usize];
                let generator = generator.get_or_insert_with(|| Box::new(stream(*seed, kind)));
                generator.fill_bytes(bytes);
                Ok(())
            }
        }
    }
}

fn stream(seed: [u8; 32], kind: Kind) -> ChaCha20Rng {
    let mut generator = ChaCha20Rng::from_seed(seed);
    // Stream 0 is left to whoever else draws from the same seed.
    generator.set_stream(1 + kind as u64);
    generator
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_repeats_and_the_streams_differ() {
        let draw = |kind| {
            Randomness::seeded([7; 32])
                .bytes(kind, 16)
                .expect("16 bytes")
        };
        assert_eq!(draw(Kind::Secure), draw(Kind::Secure));
        assert_ne!(draw(Kind::Secure), draw(Kind::HashSeed));
    }

    #[test]
    fn what_a_seed_gives_never_changes() {
        let number = Randomness::seeded([0; 32]).number(Kind::Secure);
        assert_eq!(number, Ok(18_120_257_044_477_853_679));
    }

    #[test]
    fn asking_for_too_much_at_once_is_refused() {
        assert!(
            Randomness::System
                .bytes(Kind::Secure, BYTES_MAX + 1)
                .is_err()
        );
    }
}
