//! Chance that is the same in every run: a hash of a seed and a number, never the system's randomness.

/// Spreads the bits of a number over all of its 64 bits; equal numbers give equal results (splitmix64).
pub(super) const fn mix(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Tells whether the throw with this number falls within `share` (0 never, 1 always).
pub(super) fn falls(seed: u64, number: u64, share: f64) -> bool {
    /// The throws that there are: 2^53, as many as a double tells apart.
    const SIDES: f64 = 9_007_199_254_740_992.0;
    let throw = (mix(mix(seed) ^ number) >> 11) as f64 / SIDES;
    throw < share
}

#[cfg(test)]
mod tests {
    use super::falls;

    #[test]
    fn the_share_is_kept_and_every_run_is_the_same() {
        let run = |seed| (0..10_000).filter(|number| falls(seed, *number, 0.3)).count();
        assert!((2_800..3_200).contains(&run(1)), "{}", run(1));
        assert_eq!(run(1), run(1));
        let differs = (0..100).any(|number| falls(1, number, 0.5) != falls(2, number, 0.5));
        assert!(differs, "another seed throws otherwise");
    }

    #[test]
    fn a_share_of_nothing_never_falls_and_a_whole_one_always_does() {
        assert!((0..1_000).all(|number| !falls(3, number, 0.0) && falls(3, number, 1.0)));
    }
}
