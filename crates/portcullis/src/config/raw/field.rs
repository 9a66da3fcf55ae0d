//! What the reader gives beside what serde knows: places, keys that are wrong and do not matter, secrets.

use std::fmt;
use std::marker::PhantomData;

use portcullis_core::secret::Secret;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::config::source::Place;

/// How the types of this module ask the reader for what they are.
pub(super) const FIELD: &str = "$field";
pub(super) const AT: &str = "$at";
pub(super) const SECRET: &str = "$secret";
pub(super) const MANY: &str = "$many";

/// What stands for a key.
#[derive(Debug, Default)]
pub(in crate::config) enum Field<T> {
    #[default]
    Absent,
    /// Something that was found wrong.
    Wrong,
    There(At<T>),
}

/// A value and its place.
#[derive(Debug)]
pub(in crate::config) struct At<T> {
    pub(in crate::config) place: Place,
    pub(in crate::config) value: T,
    /// Whether it is written as `file:`.
    is_file: bool,
}

impl<T> Field<T> {
    pub(in crate::config) fn get(&self) -> Option<&At<T>> {
        if let Field::There(at) = self { Some(at) } else { None }
    }

    pub(in crate::config) fn take(self) -> Option<At<T>> {
        if let Field::There(at) = self { Some(at) } else { None }
    }

    pub(in crate::config) fn value(&self) -> Option<&T> {
        self.get().map(|at| &at.value)
    }

    pub(in crate::config) fn place(&self) -> Option<Place> {
        self.get().map(|at| at.place)
    }

    pub(in crate::config) fn is_absent(&self) -> bool {
        matches!(self, Field::Absent)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Asking<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Asking<T> {
            type Value = Field<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Field<T>, D::Error> {
                // The reader has noted what is wrong.
                Ok(At::deserialize(deserializer).map_or(Field::Wrong, Field::There))
            }
        }
        deserializer.deserialize_newtype_struct(FIELD, Asking(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Asking<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Asking<T> {
            type Value = At<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<At<T>, A::Error> {
                let missing = || A::Error::custom("no place");
                let start = seq.next_element()?.ok_or_else(missing)?;
                let end = seq.next_element()?.ok_or_else(missing)?;
                let is_file = seq.next_element::<usize>()?.ok_or_else(missing)? == 1;
                let value = seq.next_element()?.ok_or_else(missing)?;
                Ok(At { place: Place { start, end }, value, is_file })
            }
        }
        deserializer.deserialize_tuple_struct(AT, 4, Asking(PhantomData))
    }
}

/// Tables by their names, in order.
#[derive(Debug)]
pub(in crate::config) struct Named<T>(pub(in crate::config) Vec<(At<String>, Field<T>)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Asking<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Asking<T> {
            type Value = Named<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
                let mut named = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    named.push(entry);
                }
                Ok(Named(named))
            }
        }
        deserializer.deserialize_map(Asking(PhantomData))
    }
}

/// A list. A wrong item does not keep the others from being read.
#[derive(Debug)]
pub(in crate::config) struct List<T>(Vec<Field<T>>);

/// One, or a list.
#[derive(Debug)]
pub(in crate::config) struct Many<T>(Vec<Field<T>>);

macro_rules! list {
    ($name:ident, $ask:ident) => {
        impl<T> $name<T> {
            /// What is right in it.
            pub(in crate::config) fn iter(&self) -> impl Iterator<Item = &At<T>> {
                self.0.iter().filter_map(Field::get)
            }

            pub(in crate::config) fn values(&self) -> impl Iterator<Item = &T> {
                self.iter().map(|at| &at.value)
            }

            /// Whether nothing was written in it.
            pub(in crate::config) fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl<'de, T: Deserialize<'de>> Deserialize<'de> for $name<T> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Asking<T>(PhantomData<T>);
                impl<'de, T: Deserialize<'de>> Visitor<'de> for Asking<T> {
                    type Value = $name<T>;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a list")
                    }
                    fn visit_seq<A: SeqAccess<'de>>(
                        self,
                        mut seq: A,
                    ) -> Result<$name<T>, A::Error> {
                        let mut items = Vec::new();
                        while let Some(item) = seq.next_element()? {
                            items.push(item);
                        }
                        Ok($name(items))
                    }
                }
                $ask(deserializer, Asking(PhantomData))
            }
        }
    };
}
impl<T> List<T> {
    /// What is right in it, with its numbers in the list, from 1.
    pub(in crate::config) fn numbered(&self) -> impl Iterator<Item = (usize, &At<T>)> {
        (1..).zip(&self.0).filter_map(|(number, item)| Some((number, item.get()?)))
    }
}

impl<T> Many<T> {
    /// Whether all that was written in it is right.
    pub(in crate::config) fn is_whole(&self) -> bool {
        self.0.iter().all(|item| item.get().is_some())
    }
}

list!(List, ask_list);
list!(Many, ask_many);

fn ask_list<'de, D: Deserializer<'de>, V: Visitor<'de>>(
    deserializer: D,
    visitor: V,
) -> Result<V::Value, D::Error> {
    deserializer.deserialize_seq(visitor)
}

fn ask_many<'de, D: Deserializer<'de>, V: Visitor<'de>>(
    deserializer: D,
    visitor: V,
) -> Result<V::Value, D::Error> {
    deserializer.deserialize_newtype_struct(MANY, visitor)
}

/// A text that nobody is to see, written as it is or as `file:` and where it stands.
#[derive(Debug)]
pub(in crate::config) enum SecretText {
    Plain(Secret),
    File(String),
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Asking;
        impl<'de> Visitor<'de> for Asking {
            type Value = SecretText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<SecretText, D::Error> {
                let At { value: Hidden(secret), is_file, .. } = At::deserialize(deserializer)?;
                Ok(match secret.expose().strip_prefix("file:") {
                    Some(path) if is_file => SecretText::File(path.to_owned()),
                    _ => SecretText::Plain(secret),
                })
            }
        }
        deserializer.deserialize_newtype_struct(SECRET, Asking)
    }
}

/// A text that goes straight into a [`Secret`].
struct Hidden(Secret);

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Asking;
        impl Visitor<'_> for Asking {
            type Value = Hidden;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E>(self, text: &str) -> Result<Hidden, E> {
                Ok(Hidden(Secret::new(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Asking)
    }
}

/// A table of a later version.
#[derive(Debug)]
pub(in crate::config) struct Later;

impl<'de> Deserialize<'de> for Later {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Later)
    }
}
