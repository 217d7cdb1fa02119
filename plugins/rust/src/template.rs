//! Fills in the templates.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use pintle_plugin::Result;
use pintle_plugin::anyhow::Context as _;
use serde::Serialize;

/// Returns the text of a template; a name that `values` lacks is an error.
pub(crate) fn render(path: &str, template: &str, values: &impl Serialize) -> Result<String> {
    let mut syntax = SyntaxConfig::builder();
    syntax.keep_trailing_newline(true).trim_blocks(true).lstrip_blocks(true);
    let mut env = Environment::new();
    env.set_syntax(syntax.build().context("invalid template syntax")?);
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.render_str(template, Serde(values)).with_context(|| format!("failed to create `{path}`"))
}
