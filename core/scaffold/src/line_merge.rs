//! Merges lines three ways: applies the changes from `base` to `theirs` to `ours`.
//!
//! A change concerns the lines that it removes or inserts, and no others: it does not conflict with
//! an adjacent line that the other side has changed. Differences in `ours` that come only from a
//! checkout or a formatter are not changes: line endings and white space.

use diffy::{DiffOptions, Line};
use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// What is known about the text that is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spaces {
    /// Formatters may change the white space of a line.
    Free,
    /// The indentation of a line has a meaning.
    Indented,
}

/// What happens to lines that both sides have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clash {
    /// Both are written, with markers around them.
    Marked,
    /// They stay as in `ours`, and moved lines are looked up at their new place.
    Ours,
    /// They become as in `theirs`, and moved lines are looked up at their new place.
    Theirs,
}

/// A merged text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Merged {
    pub(crate) text: Vec<u8>,
    /// The lines that both sides have changed, as in `ours`.
    pub(crate) clashes: Vec<Vec<String>>,
}

impl Spaces {
    /// Returns the meaning of white space in a file, by its name.
    pub(crate) fn of(path: &str) -> Self {
        const FREE: [&str; 8] = ["c", "go", "java", "js", "json", "rs", "toml", "ts"];
        match path.rsplit_once('.') {
            Some((_, extension)) if FREE.contains(&extension) => Self::Free,
            _ => Self::Indented,
        }
    }

    /// Returns the part of a line that counts.
    fn key(self, line: &[u8]) -> Vec<u8> {
        match self {
            Self::Free => line.iter().copied().filter(|it| !it.is_ascii_whitespace()).collect(),
            Self::Indented => line.trim_ascii_end().to_vec(),
        }
    }

    /// Returns whether two texts differ at most by the changes of a checkout or a formatter.
    pub(crate) fn are_same(self, one: &[u8], other: &[u8]) -> bool {
        if one == other {
            return true;
        }
        match self {
            Self::Free => unformatted(one) == unformatted(other),
            Self::Indented => {
                let keys = |text| lines(text).map(|it| self.key(it)).collect::<Vec<_>>();
                keys(one) == keys(other)
            }
        }
    }
}

/// Returns a text without white space, and without the comma after a last element, which formatters
/// add when they break a line.
fn unformatted(text: &[u8]) -> Vec<u8> {
    let mut kept: Vec<u8> = Vec::with_capacity(text.len());
    for byte in text.iter().copied().filter(|it| !it.is_ascii_whitespace()) {
        if matches!(byte, b')' | b']' | b'}') && kept.last() == Some(&b',') {
            kept.pop();
        }
        kept.push(byte);
    }
    kept
}

/// Returns whether most lines of a text end as on Windows.
pub(crate) fn has_crlf(text: &[u8]) -> bool {
    let n_crlf = text.windows(2).filter(|it| it == b"\r\n").count();
    n_crlf * 2 > text.iter().filter(|it| **it == b'\n').count()
}

/// Returns a text with line endings as on Windows.
pub(crate) fn with_crlf(text: &[u8]) -> Vec<u8> {
    let ended = |it: &[u8]| match it.ends_with(b"\n") {
        true => [content(it), b"\r\n"].concat(),
        false => it.to_vec(),
    };
    lines(text).flat_map(ended).collect()
}

fn ending(like: &[u8]) -> &'static [u8] {
    if has_crlf(like) { b"\r\n" } else { b"\n" }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|it| *it == b'\n')
}

/// Returns a line without its ending.
fn content(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Returns the lines that were inserted into `old` to create `new`, and that are not in `there`.
pub(crate) fn lost(old: &[u8], new: &[u8], there: &[u8], spaces: Spaces) -> Vec<String> {
    let [old, new, there] = [old, new, there].map(|it| Text::new(it, spaces));
    let there: HashSet<&Vec<u8>> = there.keys.iter().collect();
    let put_in = edits(&old.keys, &new.keys).into_iter().flat_map(|it| it.new);
    let is_lost = |it: &usize| !new.keys[*it].is_empty() && !there.contains(&new.keys[*it]);
    put_in.filter(is_lost).map(|it| shown(new.lines[it])).collect()
}

/// Merges three texts.
pub(crate) fn merge(
    base: &[u8],
    ours: &[u8],
    theirs: &[u8],
    spaces: Spaces,
    clash: Clash,
) -> Merged {
    let merge = Merge::new([base, ours, theirs], spaces, clash);
    // Where a change among equal lines begins is arbitrary: the last of them may be the inserted
    // one, or the first. A conflict in one interpretation need not be one in another.
    const WAYS: [[Way; 2]; 4] =
        [[Way::Down, Way::Down], [Way::Up, Way::Up], [Way::Up, Way::Down], [Way::Down, Way::Up]];
    let mut best: Option<Merged> = None;
    for ways in WAYS {
        let merged = merge.run(ways);
        if merged.clashes.is_empty() {
            return merged;
        }
        if best.as_ref().is_none_or(|it| merged.clashes.len() < it.clashes.len()) {
            best = Some(merged);
        }
    }
    best.unwrap_or_default()
}

/// Whether a change among equal lines concerns the last or the first of them.
#[derive(Clone, Copy)]
enum Way {
    Down = 0,
    Up = 1,
}

/// A change: lines of the base, possibly none, are replaced with lines of the other text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edit {
    old: Range<usize>,
    new: Range<usize>,
}

/// The lines of a text, and the part of each that counts.
struct Text<'a> {
    lines: Vec<&'a [u8]>,
    keys: Vec<Vec<u8>>,
}

impl<'a> Text<'a> {
    fn new(text: &'a [u8], spaces: Spaces) -> Self {
        let lines: Vec<_> = lines(text).collect();
        let keys = lines.iter().map(|it| spaces.key(it)).collect();
        Self { lines, keys }
    }
}

struct Merge<'a> {
    base: Text<'a>,
    ours: Text<'a>,
    theirs: Text<'a>,
    our_edits: [Vec<Edit>; 2],
    their_edits: [Vec<Edit>; 2],
    ending: &'static [u8],
    spaces: Spaces,
    clash: Clash,
}

impl<'a> Merge<'a> {
    fn new(texts: [&'a [u8]; 3], spaces: Spaces, clash: Clash) -> Self {
        let [base, ours, theirs] = texts.map(|it| Text::new(it, spaces));
        let exact = |text: &Text<'a>| -> Vec<Vec<u8>> {
            text.lines.iter().map(|it| content(it).to_vec()).collect()
        };
        let our_edits = slid(&base.keys, &ours.keys);
        // Both are created by plugins: a line with another indentation is a different line.
        let their_edits = slid(&exact(&base), &exact(&theirs));
        let ending = ending(texts[1]);
        Self { base, ours, theirs, our_edits, their_edits, ending, spaces, clash }
    }

    fn run(&self, [our_way, their_way]: [Way; 2]) -> Merged {
        let mut ours = &self.our_edits[our_way as usize][..];
        let mut theirs = &self.their_edits[their_way as usize][..];
        let mut out = Output { ending: self.ending, ..Output::default() };
        // The line of the base, and the corresponding line of ours, from which on nothing is
        // written yet.
        let (mut at, mut our_at) = (0, 0);
        while let Some([n_ours, n_theirs]) = next_group(ours, theirs) {
            let (own, rest) = ours.split_at(n_ours);
            let (their, their_rest) = theirs.split_at(n_theirs);
            (ours, theirs) = (rest, their_rest);
            let region = region(own.iter().chain(their));
            let n_kept = region.start - at;
            out.keep(&self.ours.lines[our_at..our_at + n_kept], false);
            our_at += n_kept;
            let n_ours = len_after(own, region.len());
            self.write(own, their, &region, our_at..our_at + n_ours, &mut out);
            (at, our_at) = (region.end, our_at + n_ours);
        }
        out.keep(&self.ours.lines[our_at..], false);
        if self.clash != Clash::Marked {
            self.take_out_moved(&mut out);
        }
        let clashes = std::mem::take(&mut out.clashes);
        Merged { text: out.text(), clashes }
    }

    /// Writes the result for the lines of the base that some changes concern.
    fn write(
        &self,
        own: &[Edit],
        their: &[Edit],
        region: &Range<usize>,
        our_lines: Range<usize>,
        out: &mut Output<'a>,
    ) {
        let ours = &self.ours.lines[our_lines.clone()];
        if their.is_empty() {
            return out.keep(ours, true);
        }
        let theirs = self.theirs_of(their, region);
        if own.is_empty() {
            return out.put(&theirs.lines);
        }
        out.taken.extend(their.iter().map(|it| it.old.clone()));
        if theirs.keys == self.ours.keys[our_lines] {
            return out.keep(ours, true);
        }
        // Insertions of both sides in one place do not conflict; a base without lines has no
        // places.
        if region.is_empty() && !self.base.lines.is_empty() {
            out.keep(ours, true);
            return out.put(&theirs.lines);
        }
        // The other side need not remove what one side has removed.
        if own.iter().chain(their).all(|it| it.new.is_empty()) {
            return;
        }
        out.clashes.push(ours.iter().map(|it| shown(it)).collect());
        match self.clash {
            Clash::Ours => return out.keep(ours, false),
            Clash::Theirs => return out.put(&theirs.lines),
            Clash::Marked => {}
        }
        out.put(&[b"<<<<<<< ours"]);
        out.keep(ours, false);
        out.put(&[b"||||||| original"]);
        out.put(&self.base.lines[region.clone()]);
        out.put(&[b"======="]);
        out.put(&theirs.lines);
        out.put(&[b">>>>>>> theirs"]);
    }

    /// Returns lines of the base as in theirs.
    fn theirs_of(&self, edits: &[Edit], region: &Range<usize>) -> Text<'a> {
        let mut text = Text { lines: Vec::new(), keys: Vec::new() };
        let mut add = |from: &Text<'a>, range: Range<usize>| {
            text.lines.extend(&from.lines[range.clone()]);
            text.keys.extend_from_slice(&from.keys[range]);
        };
        let mut at = region.start;
        for edit in edits {
            add(&self.base, at..edit.old.start);
            add(&self.theirs, edit.new.clone());
            at = edit.old.end;
        }
        add(&self.base, at..region.end);
        text
    }

    /// Removes lines that have been moved, if it is clear which lines these are.
    fn take_out_moved(&self, out: &mut Output<'a>) {
        for run in std::mem::take(&mut out.taken) {
            let keys = &self.base.keys[run];
            let is_said = keys.iter().flatten().any(u8::is_ascii_alphanumeric);
            if !is_said || self.theirs_puts_in(keys) {
                continue;
            }
            let is_run = |lines: &[OutLine<'a>]| {
                lines.iter().all(|it| it.is_new)
                    && lines.iter().map(|it| self.spaces.key(&it.text)).eq(keys.iter().cloned())
            };
            let mut found = (0..out.lines.len())
                .filter(|at| out.lines.get(*at..at + keys.len()).is_some_and(is_run));
            if let (Some(at), None) = (found.next(), found.next()) {
                out.lines.drain(at..at + keys.len());
            }
        }
    }

    /// Whether theirs has moved lines, too.
    fn theirs_puts_in(&self, keys: &[Vec<u8>]) -> bool {
        let edits = &self.their_edits[Way::Down as usize];
        let mut put_in = edits.iter().map(|it| &self.theirs.keys[it.new.clone()]);
        put_in.any(|it| it.windows(keys.len()).any(|it| it == keys))
    }
}

/// The text that is written.
#[derive(Default)]
struct Output<'a> {
    ending: &'static [u8],
    lines: Vec<OutLine<'a>>,
    clashes: Vec<Vec<String>>,
    /// Lines of the base that theirs has removed and ours has changed.
    taken: Vec<Range<usize>>,
}

/// A line that is written.
struct OutLine<'a> {
    text: Cow<'a, [u8]>,
    /// Whether ours has inserted it.
    is_new: bool,
}

impl<'a> Output<'a> {
    /// Writes lines of ours.
    fn keep(&mut self, lines: &[&'a [u8]], is_new: bool) {
        self.lines.extend(lines.iter().map(|it| OutLine { text: Cow::Borrowed(*it), is_new }));
    }

    /// Writes lines of theirs, with the line endings of ours.
    fn put(&mut self, lines: &[&[u8]]) {
        let ended = |it: &&[u8]| Cow::Owned([content(it), self.ending].concat());
        let lines: Vec<_> = lines.iter().map(ended).collect();
        self.lines.extend(lines.into_iter().map(|text| OutLine { text, is_new: false }));
    }

    fn text(&self) -> Vec<u8> {
        let mut text: Vec<u8> = Vec::new();
        for line in &self.lines {
            // The last line of ours may have no ending.
            if text.last().is_some_and(|it| *it != b'\n') {
                text.extend(self.ending);
            }
            text.extend(&*line.text);
        }
        text
    }
}

/// Returns how many of the next changes of both sides concern the same lines.
fn next_group(ours: &[Edit], theirs: &[Edit]) -> Option<[usize; 2]> {
    let rank = |it: &Edit| (it.old.start, it.old.end);
    let mut n = match (ours.first(), theirs.first()) {
        (None, None) => return None,
        (Some(own), Some(their)) if own.old == their.old => [1, 1],
        (Some(own), Some(their)) if rank(own) < rank(their) => [1, 0],
        (Some(_), None) => [1, 0],
        _ => [0, 1],
    };
    loop {
        let whole = region(ours[..n[0]].iter().chain(&theirs[..n[1]]));
        let meets = |it: Option<&Edit>| {
            it.is_some_and(|it| it.old.start < whole.end && whole.start < it.old.end)
        };
        match (meets(ours.get(n[0])), meets(theirs.get(n[1]))) {
            (true, _) => n[0] += 1,
            (_, true) => n[1] += 1,
            _ => return Some(n),
        }
    }
}

/// Returns the lines of the base from the first to the last that some changes concern.
fn region<'e>(edits: impl Iterator<Item = &'e Edit> + Clone) -> Range<usize> {
    let start = edits.clone().map(|it| it.old.start).min().unwrap_or_default();
    start..edits.map(|it| it.old.end).max().unwrap_or_default()
}

/// Returns how many lines `len` lines of the base become after some changes.
fn len_after(edits: &[Edit], len: usize) -> usize {
    edits.iter().fold(len, |len, it| len - it.old.len() + it.new.len())
}

fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(content(line)).into_owned()
}

/// Returns the changes from `old` to `new`, where changes among equal lines are at the last and at
/// the first of them.
fn slid(old: &[Vec<u8>], new: &[Vec<u8>]) -> [Vec<Edit>; 2] {
    let edits = edits(old, new);
    let mut down = edits.clone();
    let mut limit = old.len();
    for edit in down.iter_mut().rev() {
        while edit.old.end < limit && can_slide(edit, old, new, 0) {
            edit.slide(|it| it + 1);
        }
        limit = edit.old.start;
    }
    let mut up = edits;
    let mut limit = 0;
    for edit in &mut up {
        while edit.old.start > limit && can_slide(edit, old, new, 1) {
            edit.slide(|it| it - 1);
        }
        limit = edit.old.end;
    }
    [down, up]
}

/// Returns whether a change is the same one line further down, or up if `back` is 1: whether the
/// line that it leaves equals the one that it reaches.
fn can_slide(edit: &Edit, old: &[Vec<u8>], new: &[Vec<u8>], back: usize) -> bool {
    let (text, range) = match (edit.old.is_empty(), edit.new.is_empty()) {
        (true, false) => (new, &edit.new),
        (false, true) => (old, &edit.old),
        _ => return false,
    };
    range.start >= back && text.get(range.start - back) == text.get(range.end - back)
}

impl Edit {
    fn slide(&mut self, by: impl Fn(usize) -> usize) {
        for range in [&mut self.old, &mut self.new] {
            *range = by(range.start)..by(range.end);
        }
    }
}

fn edits(old: &[Vec<u8>], new: &[Vec<u8>]) -> Vec<Edit> {
    let text = |keys: &[Vec<u8>]| -> Vec<u8> {
        keys.iter().flat_map(|it| it.iter().copied().chain([b'\n'])).collect()
    };
    let (old_text, new_text) = (text(old), text(new));
    let mut options = DiffOptions::new();
    // All lines are needed, in one piece.
    options.set_context_len(old.len().max(new.len()));
    let patch = options.create_patch_bytes(&old_text, &new_text);
    let mut edits: Vec<Edit> = Vec::new();
    let (mut old_at, mut new_at) = (0, 0);
    for line in patch.hunks().iter().flat_map(|it| it.lines()) {
        if let Line::Context(_) = line {
            (old_at, new_at) = (old_at + 1, new_at + 1);
            continue;
        }
        let touches = |it: &&mut Edit| it.old.end == old_at && it.new.end == new_at;
        if edits.last_mut().filter(touches).is_none() {
            edits.push(Edit { old: old_at..old_at, new: new_at..new_at });
        }
        let Some(edit) = edits.last_mut() else { continue };
        match line {
            Line::Delete(_) => old_at += 1,
            _ => new_at += 1,
        }
        (edit.old.end, edit.new.end) = (old_at, new_at);
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base: &str, ours: &str, theirs: &str, expected: &str) {
        let [base, ours, theirs] = [base, ours, theirs].map(|it| it.replace(' ', "\n") + "\n");
        let merge = |spaces| {
            merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes(), spaces, Clash::Ours)
        };
        let merged = merge(Spaces::Free);
        let text = String::from_utf8(merged.text).unwrap();
        let clashes = merged.clashes.iter().map(|it| format!(" !{}", it.join(",")));
        assert_eq!(text.trim_end().replace('\n', " ") + &clashes.collect::<String>(), expected);
    }

    #[test]
    fn lines_beside_those_of_the_other_side_do_not_clash() {
        // A line inserted next to a removed one.
        check("a b c d", "a b mine c d", "a b d", "a b mine d");
        check("a b c d", "a b c mine d", "a b d", "a b mine d");
        // A line changed next to a removed or inserted one.
        check("a b c d", "a B c d", "a b d", "a B d");
        check("a b c d", "a b C d", "a b new c d", "a b new C d");
        // Both insert something in one place.
        check("a b", "a mine b", "a new b", "a mine new b");
        check("a b", "a same b", "a same b", "a same b");
        // Both remove something.
        check("a b c d", "a c d", "a d", "a d");
    }

    #[test]
    fn equal_lines_may_be_the_first_or_the_last() {
        // `- x v` is inserted before the second `-`, or after the first.
        check("- a v - b v end", "- a v mine - b v end", "- a v end", "- a v mine end");
        check("- a v - b v end", "- a v - b v mine end", "- a v end", "- a v mine end");
        check("- a v - b v end", "mine - a v - b v end", "- b v end", "mine - b v end");
    }

    #[test]
    fn lines_that_both_have_changed_stay_and_are_told() {
        check("a b c", "a B c", "a x c", "a B c !B");
        check("a b c d", "a b C d", "a d", "a b C d !b,C");
        check("a b c d", "a b mine c d", "a d", "a b mine c d !b,mine,c");
        check("a b c d e f", "a B c d e f", "a x c d f", "a B c d f !B");
    }

    #[test]
    fn what_was_moved_is_found_where_it_is() {
        check("a b c d e", "a c d b e", "a c d e", "a c d e");
        check("a b c d e f", "a d e b c f", "a d e f", "a d e f");
        // It may be a different one.
        check("a b c", "b a b c b", "a c", "b a c b");
        check("a { b c", "a b c {", "a b c", "a b c {");
    }

    #[test]
    fn a_checkout_and_a_formatter_change_nothing() {
        let merge = |ours: &str, spaces| {
            let merged =
                merge(b"a\n  b\nc\n", ours.as_bytes(), b"a\n  new\nc\n", spaces, Clash::Ours);
            (String::from_utf8(merged.text).unwrap(), merged.clashes.len())
        };
        assert_eq!(merge("a\r\n  b\r\nc\r\n", Spaces::Indented), ("a\r\n  new\r\nc\r\n".into(), 0));
        assert_eq!(merge("a\n\tb\nc\n", Spaces::Free), ("a\n  new\nc\n".into(), 0));
        assert_eq!(merge("a\n\tb\nc\n", Spaces::Indented).1, 1);
        assert_eq!(merge("a\n  b\nc", Spaces::Indented), ("a\n  new\nc".into(), 0));

        let rust = Spaces::of("src/main.rs");
        assert!(rust.are_same(b"f(a, b)\r\n", b"f(\n    a,\n    b,\n)\n"));
        assert!(!rust.are_same(b"f(a, b)\n", b"f(a, c)\n"));
        let yaml = Spaces::of("config/rbac/role.yaml");
        assert!(yaml.are_same(b"a:\r\n- b  \r\n", b"a:\n- b\n"));
        assert!(!yaml.are_same(b"a:\n- b\n", b"a:\n  - b\n"));
    }

    #[test]
    fn marks_say_what_both_have_made() {
        let merged = merge(b"1\n2\n", b"1\r\nmine\r\n", b"1\nnew\n", Spaces::Free, Clash::Marked);
        let expected = "1\r\n<<<<<<< ours\r\nmine\r\n||||||| original\r\n2\r\n=======\r\nnew\r\n\
                        >>>>>>> theirs\r\n";
        assert_eq!(String::from_utf8(merged.text).unwrap(), expected);
    }

    #[test]
    fn any_three_texts_merge_to_one_side_where_the_other_has_done_nothing() {
        // All texts of up to four lines of two kinds.
        let texts: Vec<Vec<u8>> = (0..5)
            .flat_map(|len: u32| (0..2u32.pow(len)).map(move |bits| (len, bits)))
            .map(|(len, bits)| {
                (0..len)
                    .flat_map(|it| if bits >> it & 1 == 1 { *b"a\n" } else { *b"b\n" })
                    .collect()
            })
            .collect();
        for base in &texts {
            for other in &texts {
                for clash in [Clash::Ours, Clash::Theirs, Clash::Marked] {
                    let all = |ours, theirs| merge(base, ours, theirs, Spaces::Free, clash);
                    let expected = Merged { text: other.clone(), clashes: Vec::new() };
                    assert_eq!(all(base, other), expected);
                    assert_eq!(all(other, base), expected);
                    assert_eq!(all(other, other), expected);
                }
            }
        }
    }
}
