//! What to do about an error.

use crate::identity::Identity;

/// What to do about an error: an instruction to the user.
pub struct Hint(Box<dyn Fn(&Identity) -> String + Send + Sync>);

impl Hint {
    /// Returns a hint that depends on the host, for example on its command's name.
    pub fn new(text: impl Fn(&Identity) -> String + Send + Sync + 'static) -> Self {
        Self(Box::new(text))
    }

    /// Returns the hint for one host.
    pub fn text(&self, host: &Identity) -> String {
        self.0(host)
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        Self::new(move |_| text.clone())
    }
}

impl From<&'static str> for Hint {
    fn from(text: &'static str) -> Self {
        Self::new(move |_| text.to_owned())
    }
}
