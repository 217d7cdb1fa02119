//! Creates a plugin file with another name from a plugin file.
//!
//! Building a thousand plugins would take hours. Instead, every occurrence of the name or of the
//! command's word is overwritten: in the manifest's section, in the note, and in the constants that
//! the code compares with.

use anyhow::{Result, ensure};

/// Returns `library` with `to` written over each `from`.
pub(super) fn replace(library: &[u8], from: &str, to: &str) -> Result<Vec<u8>> {
    // Every offset in the file must stay the same.
    ensure!(from.len() == to.len(), "`{to}` and `{from}` differ in length");
    let mut patched = library.to_vec();
    let (mut start, mut n_found) = (0, 0);
    while let Some(found) = find(&patched[start..], from.as_bytes()) {
        let place = start + found;
        patched[place..place + to.len()].copy_from_slice(to.as_bytes());
        start = place + to.len();
        n_found += 1;
    }
    ensure!(n_found > 0, "the library does not contain `{from}`");
    Ok(patched)
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|it| it == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_overwritten_and_nothing_moves() {
        let patched = replace(b"\x00bench-a bench-\xffbench-a", "bench-a", "bench-b").unwrap();
        assert_eq!(patched, b"\x00bench-b bench-\xffbench-b");
    }

    #[test]
    fn words_of_other_length_and_absent_words_are_errors() {
        assert!(replace(b"bench-a", "bench-a", "bench-aa").is_err());
        assert!(replace(b"bench-", "bench-a", "bench-b").is_err());
        assert!(replace(b"", "bench-a", "bench-b").is_err());
    }
}
