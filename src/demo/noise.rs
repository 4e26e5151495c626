//! Numbers that look random and are the same for the same seed: names, identities, small variation.

/// Letters and digits that Kubernetes uses in generated names: no vowels, so no words.
const SAFE: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// A well-mixed number from `seed` (`SplitMix64`'s finaliser).
pub fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number from `seed` and text; the parts are kept apart, so `["ab", "c"]` is not `["a", "bc"]`.
pub fn hash(seed: u64, parts: &[&str]) -> u64 {
    let mut state = seed ^ 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    mix(state)
}

/// A number in `0.0..1.0` from `seed`.
pub fn unit(seed: u64) -> f64 {
    (mix(seed) >> 11) as f64 / (1_u64 << 53) as f64
}

/// `length` letters and digits of Kubernetes' alphabet for generated names.
pub fn suffix(seed: u64, length: usize) -> String {
    let mut state = seed;
    (0..length)
        .map(|_| {
            state = mix(state);
            char::from(SAFE[(state % SAFE.len() as u64) as usize])
        })
        .collect()
}

/// An object's `uid`, in the form of a version 4 UUID.
pub fn uid(seed: u64) -> String {
    let (high, low) = (mix(seed), mix(seed ^ 0x5bd1_e995));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | ((low >> 48) & 0x3fff),
        low & 0xffff_ffff_ffff
    )
}

/// Forty hexadecimal digits, as a Git revision has them.
pub fn revision(seed: u64) -> String {
    let part = |part: u64| mix(seed.wrapping_add(part));
    format!("{:016x}{:016x}{:08x}", part(0), part(1), part(2) >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_and_the_forms_are_right() {
        assert_eq!(hash(1, &["a", "b"]), hash(1, &["a", "b"]));
        assert_ne!(hash(1, &["ab", "c"]), hash(1, &["a", "bc"]));
        assert_ne!(hash(1, &["a"]), hash(2, &["a"]));
        assert!((0.0..1.0).contains(&unit(7)));
        assert_eq!(suffix(3, 5).len(), 5);
        assert_eq!(uid(9).len(), 36);
        assert_eq!(revision(9).len(), 40);
    }
}
