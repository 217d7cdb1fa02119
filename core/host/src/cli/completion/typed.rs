//! Words in the notation of a shell: their values for programs, and their spelling.
//!
//! Invariant: the text that the user has typed is kept, as far as a completed word begins with it.

/// Characters that end a word and are not part of any word.
const OPERATORS: &str = ";|&<>";

/// A notation for words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    /// The notation of bash and zsh.
    Posix,
    Fish,
    PowerShell,
}

/// The quotation at a position in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quote {
    None,
    Single,
    Double,
}

/// A word that the user has typed, up to the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Typed {
    notation: Notation,
    raw: String,
    value: String,
    /// The positions at which the word can be cut in two.
    cuts: Vec<Cut>,
    /// Whether the value is known: the value of a command substitution is not.
    is_known: bool,
}

/// A position in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    raw_len: usize,
    value_len: usize,
    quote: Quote,
}

/// Returns the values of expansions in a word: of `~`, and of variables by name.
pub(super) type Expand<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Typed {
    /// Reads a word. It ends where its notation requires it, or at the end of the text.
    pub(super) fn read(notation: Notation, text: &str, expand: Expand<'_>) -> Self {
        let word = Self {
            notation,
            raw: String::new(),
            value: String::new(),
            cuts: vec![Cut { raw_len: 0, value_len: 0, quote: Quote::None }],
            is_known: true,
        };
        let mut reader = Reader { text, at: 0, quote: Quote::None, word, expand };
        reader.read_tilde();
        while reader.read_next() {}
        reader.word.raw = text[..reader.at].to_owned();
        reader.word
    }

    /// Returns the word as it was typed.
    pub(super) fn raw(&self) -> &str {
        &self.raw
    }

    /// Returns the value of the word for a program.
    pub(super) fn value(&self) -> &str {
        &self.value
    }

    pub(super) fn is_known(&self) -> bool {
        self.is_known
    }

    /// Returns the quotation at the end of the word.
    pub(super) fn quote(&self) -> Quote {
        self.cuts.last().map_or(Quote::None, |it| it.quote)
    }

    /// Returns how many bytes of the typed word `value` begins with, and the rest of `value`.
    pub(super) fn split<'v>(&self, value: &'v str) -> (&str, &'v str) {
        let (kept, rest) = self.cut(value);
        (&self.raw[..kept.raw_len], rest)
    }

    /// Returns the word completed to `value`, in the notation of bash and zsh.
    pub(super) fn completed_to(&self, value: &str) -> String {
        let (kept, rest) = self.cut(value);
        format!("{}{}", &self.raw[..kept.raw_len], quoted(rest, kept))
    }

    fn cut<'v>(&self, value: &'v str) -> (Cut, &'v str) {
        let begins = |it: &&Cut| value.starts_with(&self.value[..it.value_len]);
        let kept = self.cuts.iter().rev().find(begins).copied();
        let kept = kept.unwrap_or(Cut { raw_len: 0, value_len: 0, quote: Quote::None });
        (kept, &value[kept.value_len..])
    }
}

/// Reads a word, character by character.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    quote: Quote,
    word: Typed,
    expand: Expand<'a>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Adds `text` to the value, and continues after the next `raw_len` bytes.
    fn take(&mut self, raw_len: usize, text: &str) {
        self.at += raw_len;
        self.word.value.push_str(text);
        let value_len = self.word.value.len();
        let cut = Cut { raw_len: self.at, value_len, quote: self.quote };
        self.word.cuts.push(cut);
    }

    fn read_tilde(&mut self) {
        if self.rest().starts_with("~/")
            && let Some(home) = (self.expand)("~")
        {
            self.take(1, &home);
        }
    }

    /// Continues reading, and returns whether there may be more of the word.
    fn read_next(&mut self) -> bool {
        let mut chars = self.rest().chars();
        let Some(first) = chars.next() else { return false };
        let second = chars.next();
        match (self.quote, first) {
            (Quote::None, it) if it.is_whitespace() || OPERATORS.contains(it) => return false,
            (Quote::None, '\'') => self.turn(Quote::Single),
            (Quote::None, '"') => self.turn(Quote::Double),
            (Quote::Single, '\'') if self.is_doubled(second, '\'') => self.take(2, "'"),
            (Quote::Double, '"') if self.is_doubled(second, '"') => self.take(2, "\""),
            (Quote::Single, '\'') | (Quote::Double, '"') => self.turn(Quote::None),
            (_, it) if self.escapes(it, second) => match second {
                Some(escaped) => {
                    self.take(1 + escaped.len_utf8(), escaped.encode_utf8(&mut [0; 4]))
                }
                // The escaped character is not typed yet.
                None => {
                    self.at += 1;
                    return false;
                }
            },
            (Quote::None | Quote::Double, '$') => return self.read_variable(),
            (Quote::None, '(') | (Quote::None | Quote::Double, '`') => return self.give_up(),
            (_, it) => self.take(it.len_utf8(), it.encode_utf8(&mut [0; 4])),
        }
        true
    }

    fn turn(&mut self, quote: Quote) {
        self.quote = quote;
        self.take(1, "");
    }

    /// In PowerShell, a doubled quotation mark is one quotation mark of the text.
    fn is_doubled(&self, second: Option<char>, mark: char) -> bool {
        self.word.notation == Notation::PowerShell && second == Some(mark)
    }

    fn escapes(&self, first: char, second: Option<char>) -> bool {
        let is_one_of = |all: &str| second.is_none_or(|it| all.contains(it));
        match (self.word.notation, self.quote) {
            (Notation::PowerShell, Quote::Single) | (Notation::Posix, Quote::Single) => false,
            (Notation::PowerShell, _) => first == '`',
            (_, Quote::None) => first == '\\',
            (Notation::Posix, _) => first == '\\' && is_one_of("$`\"\\"),
            (Notation::Fish, Quote::Single) => first == '\\' && is_one_of("'\\"),
            (Notation::Fish, _) => first == '\\' && is_one_of("$\"\\"),
        }
    }

    /// Reads `$NAME` or `${NAME}`.
    fn read_variable(&mut self) -> bool {
        let rest = &self.rest()[1..];
        let is_braced = rest.starts_with('{');
        let name = rest.strip_prefix('{').unwrap_or(rest);
        let len = name.find(|it: char| it != '_' && !it.is_ascii_alphanumeric());
        let name = &name[..len.unwrap_or(name.len())];
        let is_closed = !is_braced || rest[1 + name.len()..].starts_with('}');
        let value = (self.expand)(name).filter(|_| !name.is_empty() && is_closed);
        match value {
            Some(value) => {
                let raw_len = 1 + name.len() + if is_braced { 2 } else { 0 };
                self.take(raw_len, &value);
                true
            }
            None => self.give_up(),
        }
    }

    fn give_up(&mut self) -> bool {
        self.word.is_known = false;
        self.at = self.text.len();
        false
    }
}

/// Returns the words of a command line of bash up to the cursor; the last one is completed.
pub(super) fn words(line: &str, expand: Expand<'_>) -> Vec<Typed> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        // Operators are not words. bash itself completes the files of redirections.
        rest = rest.trim_start_matches(|it: char| it.is_whitespace() || OPERATORS.contains(it));
        let word = Typed::read(Notation::Posix, rest, expand);
        rest = &rest[word.raw.len()..];
        words.push(word);
        if rest.is_empty() {
            return words;
        }
    }
}

/// Returns `text` in the notation of bash and zsh, for a position in a word.
fn quoted(text: &str, at: Cut) -> String {
    let is_special = |idx: usize, it: char| match at.quote {
        // zsh interprets a word that begins with `=` as the path of a program.
        Quote::None if it == '=' => idx == 0 && at.raw_len == 0,
        Quote::None => " \t\"'\\$`&;|<>()*?[]{}#!^~".contains(it),
        Quote::Single => false,
        Quote::Double => "$`\"\\".contains(it),
    };
    let mut quoted = String::with_capacity(text.len());
    for (idx, it) in text.char_indices() {
        match (at.quote, it) {
            (Quote::Single, '\'') => quoted.push_str("'\\'"),
            _ if is_special(idx, it) => quoted.push('\\'),
            _ => {}
        }
        quoted.push(it);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(name: &str) -> Option<String> {
        let value = match name {
            "~" | "HOME" => "/home/ada",
            "DIR" => "my dir",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[track_caller]
    fn check_value(notation: Notation, raw: &str, expected: Option<&str>) {
        let word = Typed::read(notation, raw, &expand);
        assert_eq!(Some(word.value()).filter(|_| word.is_known), expected, "{raw}");
    }

    #[test]
    fn words_mean_what_the_shell_makes_of_them() {
        use Notation::{Fish, Posix, PowerShell};
        for notation in [Posix, Fish, PowerShell] {
            check_value(notation, "plain", Some("plain"));
            check_value(notation, "~/a", Some("/home/ada/a"));
            check_value(notation, "a~/a", Some("a~/a"));
            check_value(notation, "'~/a b", Some("~/a b"));
            check_value(notation, "\"a $DIR\"/x", Some("a my dir/x"));
            check_value(notation, "$HOME/x", Some("/home/ada/x"));
            check_value(notation, "$NONE/x", None);
            check_value(notation, "a$(b c", None);
        }
        for notation in [Posix, Fish] {
            check_value(notation, r"a\ b\$c\'", Some("a b$c'"));
            check_value(notation, r"a\", Some("a"));
            check_value(notation, r#""a\"b\c"#, Some(r#"a"b\c"#));
        }
        check_value(Posix, r"'a\'b", Some(r"a\b"));
        check_value(Posix, "${DIR}x", Some("my dirx"));
        check_value(Posix, "${DIR", None);
        check_value(Fish, r"'a\'b", Some("a'b"));
        check_value(PowerShell, "a` b`$c", Some("a b$c"));
        check_value(PowerShell, "'it''s", Some("it's"));
        check_value(PowerShell, r"C:\x", Some(r"C:\x"));
    }

    #[test]
    fn a_line_of_bash_has_words() {
        let values = |line: &str| {
            let words = words(line, &expand).into_iter().map(|it| it.value().to_owned());
            words.collect::<Vec<_>>()
        };
        assert_eq!(values("a  b 'c d' "), ["a", "b", "c d", ""]);
        assert_eq!(values("a --b=c:d"), ["a", "--b=c:d"]);
        assert_eq!(values("a >b c"), ["a", "b", "c"]);
        assert_eq!(values("a 'b c"), ["a", "b c"]);
        assert_eq!(values(""), [""]);
    }

    #[test]
    fn what_is_typed_stays_and_the_rest_is_quoted() {
        #[track_caller]
        fn check(raw: &str, value: &str, expected: &str) {
            let word = Typed::read(Notation::Posix, raw, &expand);
            assert_eq!(word.completed_to(value), expected, "{raw}");
        }
        check("", "a b", r"a\ b");
        check("", "=a=b", r"\=a=b");
        check("a", "a$'\"b", r#"a\$\'\"b"#);
        check("~/x", "/home/ada/x y", r"~/x\ y");
        check("$HOME/x", "/home/ada/x~", r"$HOME/x\~");
        check("--file=~/x", "--file=/home/ada/x", "--file=/home/ada/x");
        check("'it", "it's so", r"'it'\''s so");
        check("\"a", "a \"$b' c", "\"a \\\"\\$b' c");
        check("\"my d\"i", "my dir/", "\"my d\"ir/");
        check(r"a\", "a b", r"a\ b");
    }
}
