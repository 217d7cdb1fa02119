//! The markers that git puts around lines that both sides of a merge have changed, in the styles
//! `merge`, `diff3` and `zdiff3`.

/// Both sides of a text with conflicts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sides {
    pub(crate) ours: Vec<u8>,
    pub(crate) theirs: Vec<u8>,
    /// The common ancestor, if the style includes it.
    pub(crate) base: Option<Vec<u8>>,
}

/// Where the lines between markers belong.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Both,
    Ours,
    Base,
    Theirs,
}

/// Returns both sides of a text; `None` if it has no conflicts.
///
/// # Errors
///
/// The number of the line, from 1, whose marker has no counterpart.
pub(crate) fn sides(text: &[u8]) -> Result<Option<Sides>, usize> {
    let (mut sides, mut part, mut start) = (None, Part::Both, 0);
    let (mut ours, mut theirs, mut base) = (Vec::new(), Vec::new(), Vec::new());
    let mut has_base = true;
    for (idx, line) in text.split_inclusive(|it| *it == b'\n').enumerate() {
        let next = match (mark(line), part) {
            (Some(b'<'), Part::Both) => Part::Ours,
            (Some(b'|'), Part::Ours) => Part::Base,
            (Some(b'='), Part::Ours | Part::Base) => Part::Theirs,
            (Some(b'>'), Part::Theirs) => Part::Both,
            // A single line of `=` or `|` may be anything.
            (Some(b'<' | b'>'), _) => return Err(idx + 1),
            _ => {
                if matches!(part, Part::Both | Part::Ours) {
                    ours.extend_from_slice(line);
                }
                if matches!(part, Part::Both | Part::Theirs) {
                    theirs.extend_from_slice(line);
                }
                if matches!(part, Part::Both | Part::Base) {
                    base.extend_from_slice(line);
                }
                continue;
            }
        };
        if part == Part::Both {
            (sides, start) = (Some(()), idx + 1);
        }
        has_base &= (part, next) != (Part::Ours, Part::Theirs);
        part = next;
    }
    if part != Part::Both {
        return Err(start);
    }
    Ok(sides.map(|()| Sides { ours, theirs, base: has_base.then_some(base) }))
}

/// Returns the number, from 1, of the first line that starts or ends a conflict.
pub(crate) fn first_marker(text: &[u8]) -> Option<usize> {
    text.split(|it| *it == b'\n').position(is_marker).map(|idx| idx + 1)
}

/// Whether a line is a marker that cannot be anything else.
pub(crate) fn is_marker(line: &[u8]) -> bool {
    matches!(mark(line), Some(b'<' | b'>'))
}

/// Returns the character that a marker consists of, if the line is one.
fn mark(line: &[u8]) -> Option<u8> {
    let (mark, rest) = line.split_at_checked(7)?;
    let letter = mark[0];
    let is_mark = b"<|=>".contains(&letter) && mark.iter().all(|it| *it == letter);
    // Conflicts within the base have longer markers.
    let ends = matches!(rest.first(), None | Some(b' ' | b'\r' | b'\n'));
    (is_mark && ends).then_some(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Option<(String, String)> {
        let sides = sides(text.as_bytes()).unwrap()?;
        let text = |it| String::from_utf8(it).unwrap();
        Some((text(sides.ours), text(sides.theirs)))
    }

    #[test]
    fn both_sides_of_each_style_are_found() {
        let both = |ours: &str, theirs: &str| Some((ours.to_owned(), theirs.to_owned()));
        let text = "1\n<<<<<<< HEAD\n2\n=======\n3\n4\n>>>>>>> b\n5\n";
        assert_eq!(split(text), both("1\n2\n5\n", "1\n3\n4\n5\n"));
        let text = "<<<<<<<\n2\n||||||| 1a\n0\n<<<<<<<<< x\n=======\n>>>>>>>";
        assert_eq!(split(text), both("2\n", ""));
        let text = "1\r\n<<<<<<< HEAD\r\n2\r\n=======\r\n3\r\n>>>>>>> b\r\n";
        assert_eq!(split(text), both("1\r\n2\r\n", "1\r\n3\r\n"));
        assert_eq!(split("Title\n=======\n"), None);

        let base = |text: &str| sides(text.as_bytes()).unwrap().unwrap().base;
        let text = "1\n<<<<<<< a\n2\n||||||| 1a\n0\n=======\n>>>>>>> b\n5\n";
        assert_eq!(base(text).as_deref(), Some(&b"1\n0\n5\n"[..]));
        assert_eq!(base(&text.replace("||||||| 1a\n0\n", "")), None);
        assert_eq!(base(&(text.to_owned() + "<<<<<<< a\n=======\n>>>>>>> b\n")), None);
        assert_eq!(split("<<<<<<<<\n<<<<<<"), None);
    }

    #[test]
    fn a_marker_without_its_counterpart_is_named() {
        for (text, line) in [
            ("1\n<<<<<<< a\n2\n", 2),
            ("1\n<<<<<<< a\n=======\n", 2),
            ("<<<<<<< a\n=======\n<<<<<<< a\n", 3),
            ("<<<<<<< a\n1\n>>>>>>> b\n", 3),
            ("1\n2\n>>>>>>> b\n", 3),
        ] {
            assert_eq!(sides(text.as_bytes()), Err(line), "{text}");
        }
        assert_eq!(first_marker(b"1\n=======\n>>>>>>> b\n"), Some(3));
    }
}
