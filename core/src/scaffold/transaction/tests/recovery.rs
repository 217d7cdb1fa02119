//! What the next command does about an interrupted run.

use super::*;
