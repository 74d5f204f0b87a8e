//! Where columns are in JSON objects.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// What a JSON object is looked through for: a tree of keys.
#[derive(Debug, Clone, Default)]
pub struct Paths(Vec<(String, Target)>);

/// What a key leads to.
#[derive(Debug, Clone)]
enum Target {
    /// The values of columns.
    Columns(Vec<usize>),
    /// An object in the object.
    Object(Paths),
}

impl Paths {
    /// Looks for a value more: where it is, and its place among the values. None if it and another cannot both be.
    pub fn insert(&mut self, keys: &[String], index: usize) -> Option<()> {
        let (key, rest) = keys.split_first()?;
        if !self.0.iter().any(|(name, _)| name == key) {
            let target = if rest.is_empty() { Target::Columns(Vec::new()) } else { Target::Object(Self::default()) };
            self.0.push((key.clone(), target));
        }
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, Target::Columns(columns))) if rest.is_empty() => columns.push(index),
            Some((_, Target::Object(paths))) if !rest.is_empty() => paths.insert(rest, index)?,
            _ => return None,
        }
        Some(())
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The keys of a path: split at dots, but not at `\.`.
pub fn split(path: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut rest = path.chars();
    while let Some(char) = rest.next() {
        match (char, keys.last_mut()) {
            ('.', _) => keys.push(String::new()),
            ('\\', Some(key)) => key.extend(rest.next()),
            (_, Some(key)) => key.push(char),
            (_, None) => {}
        }
    }
    keys
}

/// The path of keys: what [`split`] takes apart.
pub fn join<'a>(keys: impl IntoIterator<Item = &'a String>) -> String {
    let escaped = keys.into_iter().map(|key| key.replace('\\', "\\\\").replace('.', "\\."));
    escaped.collect::<Vec<_>>().join(".")
}

/// Looks through a JSON object, and notes the values of columns as they stand in the text.
pub struct Fill<'p, 'v, 'de> {
    /// What to look for.
    pub paths: &'p Paths,
    /// A value a column, none where there is none.
    pub values: &'v mut [Option<&'de RawValue>],
}

impl<'de> DeserializeSeed<'de> for Fill<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Fill<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    /// Null for an object is null for all that is in it.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let paths = self.paths;
        // Lines mostly have the keys in the order of the columns.
        let mut next = 0;
        while let Some(place) = map.next_key_seed(Key { paths, next })? {
            match place.and_then(|place| Some((place, paths.0.get(place)?))) {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some((place, (_, target))) => {
                    next = place + 1;
                    match target {
                        Target::Object(paths) => map.next_value_seed(Fill { paths, values: &mut *self.values })?,
                        Target::Columns(columns) => {
                            let value = map.next_value()?;
                            for index in columns {
                                if let Some(slot) = self.values.get_mut(*index) {
                                    *slot = Some(value);
                                }
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Finds a key among those looked for.
struct Key<'p> {
    paths: &'p Paths,
    next: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Option<usize>, E> {
        let expected = self.paths.0.get(self.next).is_some_and(|(name, _)| name == key);
        if expected { Ok(Some(self.next)) } else { Ok(self.paths.0.iter().position(|(name, _)| name == key)) }
    }
}
