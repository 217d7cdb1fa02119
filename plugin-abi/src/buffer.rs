//! Bytes that host and plugin share, instead of copying them into a message.

use crate::error::ErrorReply;
use crate::node::Node;
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cell::RefCell;
use std::fmt::Display;
use std::ops::Deref;

/// Bytes that cross the boundary without a copy, for example an image or a recording.
///
/// A buffer can be anywhere in the request and in the reply of an
/// [interface](mod@crate::interface): the message contains its number, and both sides share the
/// buffer itself. Clones share the bytes, too. Either side may keep it for as long as it is needed,
/// regardless of which side created it.
///
/// ```
/// use pintle_plugin::Buffer;
///
/// let image = Buffer::from(vec![1, 2, 3]);
/// let shared = image.clone();
/// assert_eq!(shared.len(), 3);
/// ```
#[derive(Clone)]
pub struct Buffer(Node);

impl Buffer {
    /// Returns the bytes.
    ///
    /// ```
    /// use pintle_plugin::Buffer;
    ///
    /// assert_eq!(Buffer::from(vec![1, 2]).bytes(), [1, 2]);
    /// ```
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

/// Takes ownership of the bytes without copying them.
impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Node::new("", bytes, 0))
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes()
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0) || self.bytes() == other.bytes()
    }
}

impl Eq for Buffer {}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} bytes)", self.bytes().len())
    }
}

thread_local! {
    /// The buffers of the message that this thread is writing or reading; `None` otherwise.
    ///
    /// Serde cannot pass such context down to a field, so it is stored here.
    static CARRIED: RefCell<Option<Vec<Node>>> = const { RefCell::new(None) };
}

const OUTSIDE: &str = "a buffer can only be sent in a request or a reply of an interface";

impl Serialize for Buffer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = CARRIED.with_borrow_mut(|carried| {
            let nodes = carried.as_mut()?;
            nodes.push(self.0.clone());
            Some(nodes.len() - 1)
        });
        match number {
            Some(number) => number.serialize(serializer),
            None => Err(S::Error::custom(OUTSIDE)),
        }
    }
}

impl<'de> Deserialize<'de> for Buffer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = usize::deserialize(deserializer)?;
        CARRIED.with_borrow(|carried| {
            let nodes = carried.as_ref().ok_or_else(|| D::Error::custom(OUTSIDE))?;
            let node = nodes.get(number);
            node.cloned()
                .map(Self)
                .ok_or_else(|| D::Error::custom(format!("there is no buffer {number}")))
        })
    }
}

/// Gives this thread buffers, and takes them back when `work` ends or panics.
fn carrying<T>(nodes: Vec<Node>, work: impl FnOnce() -> T) -> (T, Vec<Node>) {
    struct Restore(Option<Vec<Node>>);

    impl Drop for Restore {
        fn drop(&mut self) {
            CARRIED.set(self.0.take());
        }
    }

    // A message may be written while another one is being written: a field's own code can call
    // anything.
    let outer = Restore(CARRIED.replace(Some(nodes)));
    let done = work();
    let nodes = CARRIED.take().unwrap_or_default();
    drop(outer);
    (done, nodes)
}

/// Converts a message to bytes, and the buffers that are sent with them.
///
/// `name` is the name of the message for errors.
pub(crate) fn encode<T: Serialize>(
    name: impl Display,
    value: &T,
) -> Result<(Vec<u8>, Vec<Node>), ErrorReply> {
    let (bytes, nodes) = carrying(Vec::new(), || serde_json::to_vec(value));
    match bytes {
        Ok(bytes) => Ok((bytes, nodes)),
        Err(err) => Err(invalid(format!("the {name} cannot be written as a message"), &err)),
    }
}

/// Reads a message, and the buffers that were sent with it.
pub(crate) fn decode<T: DeserializeOwned>(
    name: impl Display,
    bytes: &[u8],
    nodes: Vec<Node>,
) -> Result<T, ErrorReply> {
    let (value, _) = carrying(nodes, || serde_json::from_slice(bytes));
    value.map_err(|err| invalid(format!("the {name} is not a valid message"), &err))
}

fn invalid(message: String, err: &serde_json::Error) -> ErrorReply {
    ErrorReply { message, causes: vec![err.to_string()], ..ErrorReply::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn buffers_keep_their_places_and_are_not_copied() {
        let (one, two) = (Buffer::from(vec![1]), Buffer::from(vec![2; 1000]));
        let message =
            BTreeMap::from([("a", vec![two.clone(), one.clone()]), ("b", vec![two.clone()])]);
        let (bytes, nodes) = encode("test", &message).unwrap();
        assert_eq!(bytes, br#"{"a":[0,1],"b":[2]}"#);
        let read: BTreeMap<String, Vec<Buffer>> = decode("test", &bytes, nodes).unwrap();
        assert_eq!(read["a"], [two.clone(), one]);
        assert!(std::ptr::eq(read["b"][0].bytes(), two.bytes()));
    }

    #[test]
    fn a_buffer_outside_of_an_interface_is_an_error() {
        let err = serde_json::to_string(&Buffer::default()).unwrap_err();
        assert_eq!(err.to_string(), OUTSIDE);
        let err = serde_json::from_str::<Buffer>("0").unwrap_err();
        assert_eq!(err.to_string(), OUTSIDE);
    }

    #[test]
    fn a_number_without_a_buffer_is_an_error() {
        let err = decode::<Buffer>("test", b"1", vec![Node::new("", Vec::new(), 0)]).unwrap_err();
        assert!(err.causes[0].contains("there is no buffer 1"), "{err:?}");
    }

    #[test]
    fn a_panic_while_a_message_is_written_leaves_nothing_behind() {
        struct Faulty;

        impl Serialize for Faulty {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                panic!("faulty")
            }
        }

        assert!(std::panic::catch_unwind(|| encode("test", &Faulty)).is_err());
        assert!(serde_json::to_string(&Buffer::default()).is_err());
    }
}
