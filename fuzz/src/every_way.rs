//! JSON as any parser could read it: repeated members kept, and names folded as loosely as it gets.
//!
//! A gateway is by-passed where some upstream reads another call than the one that was allowed. Instead
//! of guessing at upstreams, this finds all the values that one of them could take for a member.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value with every member of every object, in order.
pub enum Json {
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
    Other,
}

impl Json {
    pub fn read(bytes: &[u8]) -> Json {
        serde_json::from_slice(bytes).unwrap_or(Json::Other)
    }

    /// All values at the end of a path of members that a reader could take for those of these names.
    pub fn at<'j>(&'j self, path: &[&str]) -> Vec<&'j Json> {
        path.iter().fold(vec![self], |found, name| {
            found.into_iter().flat_map(|json| json.members(folded(name))).collect()
        })
    }

    fn members(&self, wanted: String) -> impl Iterator<Item = &Json> {
        let members = if let Json::Object(members) = self { &members[..] } else { &[] };
        let like = members.iter().filter(move |(name, _)| folded(name) == wanted);
        like.map(|(_, value)| value)
    }

    pub fn text(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }

    pub fn items(&self) -> &[Json] {
        if let Json::Array(items) = self { items } else { std::slice::from_ref(self) }
    }
}

/// Letters and digits only, without regard to case; `ſ` is `s` and the Kelvin sign is `k`, as for Go.
fn folded(name: &str) -> String {
    let upper = name.chars().flat_map(char::to_lowercase).flat_map(char::to_uppercase);
    upper.filter(|c| c.is_alphanumeric()).collect()
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(de: D) -> Result<Self, D::Error> {
        de.deserialize_any(Reader)
    }
}

struct Reader;

#[rustfmt::skip]
impl<'de> Visitor<'de> for Reader {
    type Value = Json;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str("JSON") }
    fn visit_unit<E>(self) -> Result<Json, E> { Ok(Json::Other) }
    fn visit_bool<E>(self, _: bool) -> Result<Json, E> { Ok(Json::Other) }
    fn visit_u64<E>(self, _: u64) -> Result<Json, E> { Ok(Json::Other) }
    fn visit_i64<E>(self, _: i64) -> Result<Json, E> { Ok(Json::Other) }
    fn visit_f64<E>(self, _: f64) -> Result<Json, E> { Ok(Json::Other) }
    fn visit_str<E>(self, text: &str) -> Result<Json, E> { Ok(Json::Text(text.to_owned())) }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? { items.push(item); }
        Ok(Json::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? { members.push(member); }
        Ok(Json::Object(members))
    }
}
