//! Performs one operation on several registries: a failure does not stop the others.

use pintle_plugin::anyhow;
use pintle_plugin::prelude::*;

/// The names of the registries that failed, each with the reason.
#[derive(Default)]
pub(crate) struct Failures(Vec<(String, anyhow::Error)>);

impl Failures {
    /// Records a failure, or returns the value.
    pub(crate) fn note<T>(&mut self, name: &str, result: Result<T>) -> Option<T> {
        result.map_err(|err| self.0.push((name.to_owned(), err))).ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Drops the failures that do not matter.
    pub(crate) fn retain(&mut self, matters: impl Fn(&str) -> bool) {
        self.0.retain(|it| matters(&it.0));
    }

    /// Returns one error with all names and reasons. `verb` names the operation.
    ///
    /// # Errors
    ///
    /// When there is a failure.
    pub(crate) fn into_result(mut self, verb: &str) -> Result<()> {
        if self.0.len() <= 1 {
            let Some((name, err)) = self.0.pop() else { return Ok(()) };
            return Err(err.context(format!("cannot {verb} `{name}`")));
        }
        let names: Vec<_> = self.0.iter().map(|it| format!("`{}`", it.0)).collect();
        let reasons: Vec<_> = self.0.iter().map(|it| format!("`{}`: {:#}", it.0, it.1)).collect();
        Err(anyhow!(reasons.join("; ")).context(format!("cannot {verb} {}", names.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(names: &[&str]) -> Failures {
        let mut failures = Failures::default();
        for name in names {
            let result: Result<()> = Err(anyhow!("{name} is stuck").context("the engine fails"));
            assert_eq!(failures.note(name, result), None);
        }
        failures
    }

    #[test]
    fn nothing_failed() {
        let mut failures = Failures::default();
        assert_eq!(failures.note("a", Ok(1)), Some(1));
        assert!(failures.into_result("stop").is_ok());
    }

    #[test]
    fn one_failure_keeps_its_causes() {
        let err = failed(&["a"]).into_result("stop").unwrap_err();
        assert_eq!(format!("{err:#}"), "cannot stop `a`: the engine fails: a is stuck");
    }

    #[test]
    fn several_failures_are_all_named() {
        let err = failed(&["a", "b"]).into_result("stop").unwrap_err();
        assert_eq!(err.to_string(), "cannot stop `a`, `b`");
        assert!(format!("{err:#}").ends_with("`b`: the engine fails: b is stuck"));
    }
}
