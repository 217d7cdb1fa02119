//! A hash that is the same in every release, for what outlives the host that wrote it.

/// Returns the FNV-1a hash of some bytes.
pub fn fnv(bytes: &[u8]) -> u64 {
    continued(0xcbf2_9ce4_8422_2325, bytes)
}

/// Returns the hash of the bytes that have the hash `before`, and of `bytes` behind them.
pub fn continued(before: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(before, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
