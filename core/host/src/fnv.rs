//! A hash that is the same in every release, for data that outlives the host that wrote it; and for
//! tables of installed plugins, because it is cheaper than the one of the standard library.

use std::hash::{BuildHasherDefault, Hasher};

/// A table of items that are not chosen to slow it down.
pub type Map<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<Fnv>>;

const START: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// Returns the FNV-1a hash of some bytes.
pub fn fnv(bytes: &[u8]) -> u64 {
    continued(START, bytes)
}

/// Returns the hash of `bytes` appended to the bytes whose hash is `before`.
pub fn continued(before: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(before, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

/// FNV-1a, eight bytes at a time.
pub struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(START)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|it| self.write_u64(u64::from_le_bytes(*it)));
        self.0 = continued(self.0, rest);
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(PRIME);
    }

    fn finish(&self) -> u64 {
        // Tables also use the upper bits, which short keys hardly change.
        self.0 ^ (self.0 << 32)
    }
}
