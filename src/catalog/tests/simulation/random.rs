/// Numbers that follow from a seed (xorshift64*, Vigna 2014): the same everywhere.
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        // Seeds that follow one another have to differ in many bits (SplitMix64).
        let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self((bits ^ (bits >> 31)) | 1)
    }

    /// A number below `end`.
    pub(super) const fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }

    pub(super) const fn choice(&mut self, count: usize) -> usize {
        self.below(count as u64) as usize
    }

    /// Never, where `n` is 0.
    pub(super) const fn one_in(&mut self, n: u64) -> bool {
        n != 0 && self.below(n) == 0
    }
}
