//! What a test gives to the host that calls a plugin.

use crate::containers::ContainerInfo;
use crate::message::Terminal;
use std::path::PathBuf;

/// What a test gives to the host of a call.
#[derive(Clone, Default)]
pub(super) struct Given {
    pub(super) answers: Vec<String>,
    pub(super) containers: Vec<ContainerInfo>,
    /// The location of the plugin's own directories.
    pub(super) directories: Option<PathBuf>,
    pub(super) terminal: Terminal,
    pub(super) is_cancelled: bool,
    /// The text at which the call is interrupted.
    pub(super) interrupted_at: Option<String>,
}

/// Adds the methods that set the properties of the host of a call; all kinds of calls share them.
macro_rules! host_methods {
    ($test:ident) => {
        impl $test {
            /// Answers the next question.
            ///
            /// ```
            /// use pintle_plugin::testing;
            ///
            /// let stage = testing::Stage::new().answer("Ada");
            /// assert_eq!(stage.host().ask("Who?", None).unwrap(), "Ada");
            /// ```
            pub fn answer(mut self, text: impl Into<String>) -> Self {
                self.given.answers.push(text.into());
                self
            }

            /// Adds a container that the plugin created before.
            ///
            /// ```
            /// use pintle_plugin::{ContainerInfo, testing};
            ///
            /// let mut quay = ContainerInfo::default();
            /// quay.name = "quay".to_owned();
            /// let stage = testing::Stage::new().container(quay);
            /// assert!(stage.host().containers().find("quay").unwrap().is_some());
            /// ```
            pub fn container(mut self, container: $crate::containers::ContainerInfo) -> Self {
                self.given.containers.push(container);
                self
            }

            /// Gives the plugin directories of its own: `config`, `cache` and `state` below `root`.
            /// They are created when the plugin requests them.
            ///
            /// ```
            /// use pintle_plugin::testing;
            ///
            /// # fn main() -> pintle_plugin::Result<()> {
            /// let root = tempfile::tempdir()?;
            /// let stage = testing::Stage::new().directories(root.path());
            /// assert_eq!(stage.host().directories()?.cache, root.path().join("cache"));
            /// # Ok(())
            /// # }
            /// ```
            pub fn directories(mut self, root: impl Into<std::path::PathBuf>) -> Self {
                self.given.directories = Some(root.into());
                self
            }

            /// Changes the properties of the host's standard streams. By default, none of them is a
            /// terminal.
            ///
            /// ```
            /// use pintle_plugin::testing;
            ///
            /// let stage = testing::Stage::new().terminal(|it| it.width = Some(80));
            /// assert_eq!(stage.host().terminal().unwrap().width, Some(80));
            /// ```
            pub fn terminal(mut self, change: impl FnOnce(&mut $crate::message::Terminal)) -> Self {
                change(&mut self.given.terminal);
                self
            }

            /// Cancels the call from the start, like Ctrl-C.
            ///
            /// ```
            /// use pintle_plugin::testing;
            ///
            /// assert!(testing::Stage::new().cancelled().host().is_cancelled());
            /// ```
            pub fn cancelled(mut self) -> Self {
                self.given.is_cancelled = true;
                self
            }

            /// Interrupts the call when the plugin writes or logs `text`, like Ctrl-C: from then
            /// on, the call is cancelled. If the plugin has not checked before whether it is, its
            /// [cleanups](crate::Host::on_cancel) run at once, as in a host that ends.
            ///
            /// ```
            /// use pintle_plugin::testing;
            ///
            /// # fn main() -> pintle_plugin::Result<()> {
            /// let stage = testing::Stage::new().interrupted_at("half");
            /// let (sender, receiver) = std::sync::mpsc::channel();
            /// let cleanup = stage.host().on_cancel(move || sender.send("cleaned up").unwrap())?;
            /// stage.host().println("half of it");
            /// assert_eq!(receiver.try_recv()?, "cleaned up");
            /// drop(cleanup);
            /// # Ok(())
            /// # }
            /// ```
            pub fn interrupted_at(mut self, text: impl Into<String>) -> Self {
                self.given.interrupted_at = Some(text.into());
                self
            }
        }
    };
}

pub(super) use host_methods;
