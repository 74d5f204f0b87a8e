//! Ways from a table to another along relationships from many rows to one, on which no row becomes several.

use crate::model::{Dimension, Relationship, Source};
use crate::problem::list;

/// A way: positions of relationships, one after another.
pub(crate) type Path = Vec<usize>;

/// The ways from a table to another that come to no table twice. To itself there is one, of no relationships.
pub(crate) fn paths(relationships: &[Relationship], from: &str, to: &str) -> Vec<Path> {
    let mut found = Vec::new();
    let mut open: Vec<(Path, Vec<&str>)> = vec![(Vec::new(), vec![from])];
    while let Some((path, seen)) = open.pop() {
        let here = seen.last().copied().unwrap_or(from);
        if here == to {
            found.push(path);
            continue;
        }
        for (index, relationship) in relationships.iter().enumerate().rev() {
            if relationship.from == here && !seen.contains(&relationship.to.as_str()) {
                let longer = path.iter().copied().chain([index]).collect();
                let seen = seen.iter().copied().chain([relationship.to.as_str()]).collect();
                open.push((longer, seen));
            }
        }
    }
    found
}

/// How a table comes to a dimension.
pub(crate) enum Reach<'m> {
    /// In one way.
    One(&'m Source, Path),
    /// In none, without rows becoming several.
    None,
    /// In several; which they are.
    Several(String),
}

/// How a table comes to a dimension. What the table has itself is nearer than anything else.
pub(crate) fn reach<'m>(relationships: &[Relationship], from: &str, dimension: &'m Dimension) -> Reach<'m> {
    if let Some(own) = dimension.sources.iter().find(|source| source.table == from && source.via.is_empty()) {
        return Reach::One(own, Path::new());
    }
    let mut ways: Vec<(&Source, Path)> = Vec::new();
    for source in &dimension.sources {
        let named = |path: &Path, name: &String| {
            path.iter().any(|at| relationships.get(*at).is_some_and(|it| it.name.as_ref() == Some(name)))
        };
        let paths = paths(relationships, from, &source.table).into_iter();
        ways.extend(paths.filter(|path| source.via.iter().all(|name| named(path, name))).map(|path| (source, path)));
    }
    if ways.len() > 1 {
        let paths: Vec<Path> = ways.into_iter().map(|(_, path)| path).collect();
        return Reach::Several(describe(relationships, &paths));
    }
    ways.pop().map_or(Reach::None, |(source, path)| Reach::One(source, path))
}

/// Ways in words.
pub(crate) fn describe(relationships: &[Relationship], paths: &[Path]) -> String {
    let label = |at: &usize| relationships.get(*at).map(Relationship::label).unwrap_or_default();
    let words: Vec<String> = paths.iter().map(|path| path.iter().map(label).collect::<Vec<_>>().join(", ")).collect();
    list(words.iter().map(String::as_str))
}
