//! The encoding of a kubeconfig: it is written back in the encoding in which it was read.

/// How a text is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    /// With a byte order mark, as some Windows editors write it.
    Utf8Mark,
    Utf16Le,
    Utf16Be,
}

/// The bytes are not valid text.
#[derive(Debug, thiserror::Error)]
#[error("it is neither valid UTF-8 nor UTF-16 with a byte order mark")]
pub(super) struct NotText;

impl Encoding {
    /// Returns the text in `bytes`, without its byte order mark.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Self, String), NotText> {
        let utf8 = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned);
        let (encoding, text) = match bytes {
            [0xef, 0xbb, 0xbf, rest @ ..] => (Self::Utf8Mark, utf8(rest).ok()),
            [0xff, 0xfe, rest @ ..] => (Self::Utf16Le, utf16(rest, u16::from_le_bytes)),
            [0xfe, 0xff, rest @ ..] => (Self::Utf16Be, utf16(rest, u16::from_be_bytes)),
            _ => (Self::Utf8, utf8(bytes).ok()),
        };
        Ok((encoding, text.ok_or(NotText)?))
    }

    /// Returns the bytes of `text`.
    pub(super) fn encode(self, text: &str) -> Vec<u8> {
        let units = || "\u{feff}".encode_utf16().chain(text.encode_utf16());
        match self {
            Self::Utf8 => text.into(),
            Self::Utf8Mark => format!("\u{feff}{text}").into(),
            Self::Utf16Le => units().flat_map(u16::to_le_bytes).collect(),
            Self::Utf16Be => units().flat_map(u16::to_be_bytes).collect(),
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, []) = bytes.as_chunks::<2>() else { return None };
    let units: Vec<_> = pairs.iter().map(|it| unit(*it)).collect();
    String::from_utf16(&units).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_encoding() {
        for encoding in [Encoding::Utf8, Encoding::Utf8Mark, Encoding::Utf16Le, Encoding::Utf16Be] {
            let bytes = encoding.encode("a: ü𝄞\n");
            assert_eq!(Encoding::decode(&bytes).unwrap(), (encoding, "a: ü𝄞\n".to_owned()));
        }
        for bytes in [&b"\xff"[..], b"\xff\xfea", b"\xfe\xff\xd8\x00"] {
            assert!(Encoding::decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
