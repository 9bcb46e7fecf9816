//! Ids and tokens that depend on the seed alone.
//!
//! SplitMix64 is predictable by design. That is the point here: two runs with one seed give the same ids, and a
//! simulator that listens on loopback and holds made-up people has nothing for an attacker to guess.

/// The generator of one sandbox.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// Goes on where another left off.
    pub(crate) fn resume(state: u64) -> Self {
        Self(state)
    }

    /// Where it stands, to be handed to [`Random::resume`].
    pub(crate) fn state(&self) -> u64 {
        self.0
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; the slight bias of the remainder does not matter for ids.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// A number from 0 up to, but not, 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        // As many bits as an f64 holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "53 bits lose nothing")]
        let numerator = (self.next() >> 11) as f64;
        numerator / (1_u64 << 53) as f64
    }

    /// 32 lower-case hexadecimal digits, the form of the vendor's consumer ids.
    pub(crate) fn hex_id(&mut self) -> String {
        format!("{:016x}{:016x}", self.next(), self.next())
    }

    /// 20 letters and digits, the form of the vendor's sample tokens.
    pub(crate) fn token(&mut self) -> String {
        const ALPHABET: &[u8; 62] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        (0..20)
            .map(|_| char::from(ALPHABET[(self.next() % 62) as usize]))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let (mut one, mut other) = (Random::from_seed(7), Random::from_seed(7));
        assert_eq!(one.token(), other.token());
        assert_eq!(one.hex_id(), other.hex_id());
        assert_ne!(one.token(), Random::from_seed(8).token());
    }

    #[test]
    fn ids_have_the_vendors_form() {
        let mut random = Random::from_seed(0);
        let id = random.hex_id();
        assert_eq!(id.len(), 32);
        assert!(
            id.bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        );
        let token = random.token();
        assert_eq!(token.len(), 20);
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
