//! Reads messages of programs: structs must be objects.
//!
//! serde itself also accepts a list for a struct, with the fields in the order in which the host
//! happens to declare them.

use pintle_plugin::json::Value;
use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Unexpected, Visitor,
};
use serde_json::Error;

/// Reads a message.
///
/// # Errors
///
/// When it is not an object, or has a field of another type.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    match value.is_object() {
        true => T::deserialize(Strict(value)),
        false => Err(not_an_object(&value)),
    }
}

/// Returns the error of what should be an object.
pub(super) fn not_an_object(value: &Value) -> Error {
    let found = match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(it) => Unexpected::Bool(*it),
        Value::Number(_) => Unexpected::Other("number"),
        Value::String(it) => Unexpected::Str(it),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    };
    Error::invalid_type(found, &"an object")
}

struct Strict(Value);

impl IntoDeserializer<'_, Error> for Strict {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Strict {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(it) => visitor.visit_bool(it),
            Value::Number(it) => it.deserialize_any(visitor),
            Value::String(it) => visitor.visit_string(it),
            Value::Array(items) => {
                let mut items = SeqDeserializer::new(items.into_iter().map(Strict));
                let value = visitor.visit_seq(&mut items)?;
                items.end().map(|()| value)
            }
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, it)| (name, Strict(it)));
                visitor.visit_map(MapDeserializer::new(fields))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0.is_object() {
            true => self.deserialize_any(visitor),
            false => Err(not_an_object(&self.0)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(it) => visitor.visit_enum(it.into_deserializer()),
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, it)| (name, Strict(it)));
                visitor.visit_enum(MapAccessDeserializer::new(MapDeserializer::new(fields)))
            }
            other => Err(not_an_object(&other)),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_plugin::json::json;
    use pintle_plugin::message::program::{ProgramHookReply, ProgramNode, ProgramScaffoldReply};

    #[test]
    fn a_message_is_read_as_serde_reads_it() {
        let reply = json!({
            "veto": null, "amend": {"env": {"A": "1"}}, "replies": [1, "a"],
            "services": [{"service": "prompt", "question": "Which?"}],
            "error": {"message": "m", "hint": "h", "later": [1]}, "later": {},
        });
        let expected: ProgramHookReply = serde_json::from_value(reply.clone()).unwrap();
        assert_eq!(read::<ProgramHookReply>(reply).unwrap(), expected);
        let reply = json!({"nodes": [{"path": "a", "text": "b"}], "deleted": ["c"]});
        let expected: ProgramScaffoldReply = serde_json::from_value(reply.clone()).unwrap();
        assert_eq!(read::<ProgramScaffoldReply>(reply).unwrap(), expected);
    }

    #[test]
    fn a_list_is_not_an_object() {
        let err = |it| read::<ProgramHookReply>(it).unwrap_err().to_string();
        assert_eq!(err(json!(["a veto"])), "invalid type: sequence, expected an object");
        assert_eq!(err(json!({"error": ["x"]})), "invalid type: sequence, expected an object");
        assert!(read::<ProgramNode>(json!(["a"])).is_err());
        assert!(read::<ProgramScaffoldReply>(json!({"nodes": [["a"]]})).is_err());
    }
}
