//! Environment variables in k3d files: `$NAME` and `${NAME}` stand for their values anywhere in the
//! text, as in k3d. Unlike in k3d, a variable that is not set is an error, unless it is in a
//! comment, and `$$` stands for a dollar sign.

use super::error::ClusterFileError;

/// Replaces all variables with their values.
///
/// # Errors
///
/// When a variable is not set.
pub(super) fn expand(
    text: &str,
    var: &dyn Fn(&str) -> Option<String>,
) -> Result<String, ClusterFileError> {
    let mut expanded = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        expand_line(line, var, &mut expanded)?;
    }
    Ok(expanded)
}

fn expand_line(
    line: &str,
    var: &dyn Fn(&str) -> Option<String>,
    expanded: &mut String,
) -> Result<(), ClusterFileError> {
    let comment = comment(line);
    let mut rest = line;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at..];
        let (name, len) = match variable(rest) {
            Variable::Named(name, len) => (name, len),
            Variable::Dollar(len) => {
                expanded.push('$');
                rest = &rest[len..];
                continue;
            }
        };
        match var(name) {
            Some(value) => expanded.push_str(&value),
            None if line.len() - rest.len() > comment => expanded.push_str(&rest[..len]),
            None => return Err(ClusterFileError::Unset { name: name.to_owned() }),
        }
        rest = &rest[len..];
    }
    expanded.push_str(rest);
    Ok(())
}

/// The meaning of a dollar sign, and the length of the expression.
enum Variable<'a> {
    Named(&'a str, usize),
    /// Only the sign itself.
    Dollar(usize),
}

fn variable(text: &str) -> Variable<'_> {
    let rest = &text[1..];
    if rest.starts_with('$') {
        return Variable::Dollar(2);
    }
    if let Some((name, _)) = rest.strip_prefix('{').and_then(|it| it.split_once('}')) {
        return match name {
            "" => Variable::Dollar(1),
            name => Variable::Named(name, name.len() + 3),
        };
    }
    let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let len = rest.find(|it| !is_name(it)).unwrap_or(rest.len());
    match rest.starts_with(|it: char| it.is_ascii_digit()) || len == 0 {
        true => Variable::Dollar(1),
        false => Variable::Named(&rest[..len], len + 1),
    }
}

/// Returns where the comment of a line begins, or else the end of the line.
fn comment(line: &str) -> usize {
    let mut signs = line.match_indices('#').map(|it| it.0);
    let begins = |at: &usize| *at == 0 || line[..*at].ends_with([' ', '\t']);
    signs.find(begins).unwrap_or(line.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str) -> Result<String, String> {
        let var = |name: &str| match name {
            "A" => Some("1".to_owned()),
            "LONG_1" => Some("$A".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        expand(text, &var).map_err(|err| err.to_string())
    }

    #[test]
    fn variables_become_their_values_once() {
        let outcome = |it: &str| outcome(it).unwrap();
        assert_eq!(outcome("a: $A\nb: ${A}0-${EMPTY}"), "a: 1\nb: 10-");
        assert_eq!(outcome("$LONG_1 ${LONG_1}"), "$A $A");
    }

    #[test]
    fn other_dollar_signs_stay() {
        let outcome = |it: &str| outcome(it).unwrap();
        assert_eq!(outcome("$ $1 $? $(date) ${} ${open"), "$ $1 $? $(date) ${} ${open");
        assert_eq!(outcome("$$A $${A} ä$"), "$A ${A} ä$");
    }

    #[test]
    fn an_unset_variable_is_named_unless_it_is_in_a_comment() {
        let text = "the environment variable `NONE` is not set";
        assert_eq!(outcome("a: ${NONE}").unwrap_err(), text);
        assert_eq!(outcome("a: x#$NONE").unwrap_err(), text);
        assert_eq!(outcome("# $NONE $A\na: b # ${NONE}").unwrap(), "# $NONE 1\na: b # ${NONE}");
    }
}
