//! Files and folders as tables. What they are shows by their names: `orders.csv.gz`, `2013/*.parquet`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use arrow_schema::DataType;
use deltalake_core::datafusion::catalog::TableProvider;
use deltalake_core::datafusion::datasource::file_format::FileFormat;
use deltalake_core::datafusion::datasource::file_format::arrow::ArrowFormat;
use deltalake_core::datafusion::datasource::file_format::csv::CsvFormat;
use deltalake_core::datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use deltalake_core::datafusion::datasource::file_format::json::JsonFormat;
use deltalake_core::datafusion::datasource::file_format::parquet::ParquetFormat;
use deltalake_core::datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use deltalake_core::datafusion::execution::object_store::ObjectStoreUrl;
use deltalake_core::datafusion::prelude::SessionContext;
use futures_util::TryStreamExt;
use glob::{MatchOptions, Pattern};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};
use url::Url;
use wasmill_runtime::manifest::Id;
use wasmill_runtime::store::{self, Location};

use super::names::no_versions;
use super::travel::Moment;
use crate::delta;
use crate::delta::kept::Kept;

/// How many files of a folder are looked at to find out what they are.
const LOOKED_AT: usize = 1000;

/// A `*` stands for part of a name, `**` for folders.
const GLOB: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// What formats there are, by the ends of names.
const FORMATS: &str = "`.parquet`, `.csv`, `.tsv`, `.json`, `.jsonl`, `.ndjson`, `.arrow`; text may be packed, `.gz`, `.zst`, `.bz2`, `.xz`";

/// Where files are, and which of them if not all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    within: Location,
    glob: Option<String>,
}

/// Where a name leads; none if it is no path. An error tells why it leads nowhere. A path that begins with no store is relative
/// to `base`, if there is one.
pub fn locate(name: &str, stores: &BTreeMap<Id, Location>, base: Option<&Path>) -> Result<Option<Named>, String> {
    let name = name.trim_end_matches('/');
    let (literal, glob) = split_glob(name);
    let named = |within| Ok(Some(Named { within, glob: glob.map(str::to_owned) }));
    if literal.contains("://") {
        return match Location::named(literal)? {
            Location::Url(url) => named(Location::Url(url)),
            Location::File(_) => {
                Err("its url is not of a known kind\nhint: there are `s3://`, `az://`, `abfss://`, `gs://`".into())
            }
        };
    }
    let (first, rest) = literal.split_once('/').unwrap_or((literal, ""));
    if let Some((_, store)) = stores.iter().find(|(id, _)| id.as_str() == first)
        && (literal.contains('/') || glob.is_some())
    {
        return match store.join(rest) {
            Some(within) => named(within),
            None => Err(format!("the path leads out of the store `{first}`")),
        };
    }
    let path = Path::new(literal);
    let is_path =
        name.contains(['/', '*']) || format_of(name).is_some() || base.is_some_and(|base| base.join(path).exists());
    match base {
        _ if !is_path => Ok(None),
        _ if path.is_absolute() => named(Location::File(path.to_owned())),
        Some(base) => {
            let path = std::path::absolute(base.join(path)).map_err(|err| err.to_string())?;
            named(Location::File(path))
        }
        None => Err("a view names files by stores, or by whole paths\nhint: 'STORE/path/*.parquet'".into()),
    }
}

/// A path up to where it is a pattern, and the rest.
fn split_glob(name: &str) -> (&str, Option<&str>) {
    let Some(star) = name.find(['*', '?', '[']) else { return (name, None) };
    let folder = name.get(..star).and_then(|before| before.rfind('/')).map_or(0, |slash| slash + 1);
    let (literal, glob) = name.split_at(folder);
    (if literal == "/" { literal } else { literal.trim_end_matches('/') }, Some(glob))
}

/// The table of what was named.
pub async fn open(
    named: &Named,
    moment: Option<Moment>,
    context: &SessionContext,
    tables: &Kept,
) -> io::Result<Arc<dyn TableProvider>> {
    if named.glob.is_none()
        && let Some(table) = tables.newest(&named.within).await?
    {
        return delta::provider_of(table, context, moment).await;
    }
    if moment.is_some() {
        return Err(no_versions("a file, or a folder of them,"));
    }
    let place = Place::of(&named.within, context)?;
    let paths = match &named.glob {
        Some(glob) => place.matching(glob).await?,
        None => place.whole().await?,
    };
    let format = paths.format()?;
    let extension = if paths.are_folders { format.extension.clone() } else { String::new() };
    let mut options = ListingOptions::new(format.reader).with_file_extension(extension);
    let state = context.state();
    let urls = paths.urls.iter().map(|(url, glob)| {
        let url = ListingTableUrl::try_new(url.clone(), None)?;
        match glob {
            Some(glob) => url.with_glob(glob),
            None => Ok(url),
        }
    });
    let urls = urls.collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
    if let Some(first) = urls.first() {
        let columns = options.infer_partitions(&state, first).await.map_err(io::Error::other)?;
        options = options.with_table_partition_cols(columns.into_iter().map(|name| (name, DataType::Utf8)).collect());
    }
    let config = ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options);
    let config = config.infer_schema(&state).await.map_err(|err| io::Error::other(err.strip_backtrace()))?;
    let table = ListingTable::try_new(config).map_err(io::Error::other)?;
    Ok(Arc::new(table.with_cache(state.runtime_env().cache_manager.get_file_statistic_cache())))
}

/// A place in a store.
struct Place {
    shown: String,
    store: Arc<dyn ObjectStore>,
    /// Of the store.
    root: Url,
    path: ObjectPath,
}

/// What was found.
struct Found {
    shown: String,
    /// Each with a pattern for the names in it.
    urls: Vec<(Url, Option<String>)>,
    names: Vec<String>,
    are_folders: bool,
}

impl Place {
    fn of(location: &Location, context: &SessionContext) -> io::Result<Self> {
        let shown = location.to_string().trim_end_matches('/').to_owned();
        match location {
            Location::File(path) => {
                let store = context.runtime_env().object_store(ObjectStoreUrl::local_filesystem());
                let (root, store) =
                    (Url::parse("file:///").map_err(io::Error::other)?, store.map_err(io::Error::other)?);
                let path = path.to_str().ok_or_else(|| io::Error::other("its path is not UTF-8"))?;
                // A path that leads through `..` or links is found by where it leads.
                let whole = std::fs::canonicalize(path)?;
                let path = ObjectPath::from_absolute_path(whole).map_err(io::Error::other)?;
                Ok(Self { shown, store, root, path })
            }
            Location::Url(url) => {
                let (store, path) = store::client(url)?;
                let root = root(url).ok_or_else(|| io::Error::other("its url has no host"))?;
                context.runtime_env().register_object_store(&root, store.clone());
                Ok(Self { shown, store, root, path })
            }
        }
    }

    fn url(&self, path: &ObjectPath, is_folder: bool) -> io::Result<Url> {
        let mut url = self.root.clone();
        let mut parts = url.path_segments_mut().map_err(|()| io::Error::other("its url has no path"))?;
        parts.clear().extend(path.parts().map(|part| part.as_ref().to_owned()));
        if is_folder {
            parts.push("");
        }
        drop(parts);
        Ok(url)
    }

    /// A file, or what is under a folder.
    async fn whole(self) -> io::Result<Found> {
        let is_file = match self.store.head(&self.path).await {
            Ok(_) => true,
            Err(object_store::Error::NotFound { .. }) => false,
            // Stores answer in many ways to a folder's name.
            Err(_) if self.root.scheme() == "file" => false,
            Err(err) => return Err(failed(&err)),
        };
        let url = self.url(&self.path, !is_file)?;
        let mut names = vec![self.path.to_string()];
        if !is_file {
            names.clear();
            let mut listed = self.store.list(Some(&self.path));
            while let Some(meta) = listed.try_next().await.map_err(|err| failed(&err))? {
                names.push(meta.location.to_string());
                if names.len() == LOOKED_AT {
                    break;
                }
            }
        }
        Ok(Found { shown: self.shown, urls: vec![(url, None)], names, are_folders: !is_file })
    }

    /// What is like a pattern.
    async fn matching(self, glob: &str) -> io::Result<Found> {
        let shown = format!("{}/{glob}", self.shown);
        let bad = |err| io::Error::other(format!("`{glob}` is no pattern: {err}"));
        let (folders, name) = glob.rsplit_once('/').map_or((None, glob), |(folders, name)| (Some(folders), name));
        let pattern = Pattern::new(name).map_err(bad)?;
        let listed = match folders {
            None => self.store.list_with_delimiter(Some(&self.path)).await.map(|list| list.objects),
            Some(_) => self.store.list(Some(&self.path)).try_collect().await,
        };
        let folders = folders.map(Pattern::new).transpose().map_err(bad)?;
        let mut names = Vec::new();
        let mut found = BTreeSet::new();
        for meta in listed.map_err(|err| failed(&err))? {
            let Some(parts) = meta.location.prefix_match(&self.path) else { continue };
            let parts: Vec<String> = parts.map(|part| part.as_ref().to_owned()).collect();
            let Some((file, above)) = parts.split_last() else { continue };
            let is_within =
                folders.as_ref().map_or(above.is_empty(), |folders| folders.matches_with(&above.join("/"), GLOB));
            if is_within && pattern.matches_with(file, GLOB) {
                names.push(meta.location.to_string());
                let folder = above.iter().fold(self.path.clone(), |path, part| path.join(part.as_str()));
                found.insert(folder);
            }
        }
        let urls = found.iter().map(|folder| Ok((self.url(folder, true)?, Some(name.to_owned()))));
        Ok(Found { shown, urls: urls.collect::<io::Result<_>>()?, names, are_folders: false })
    }
}

impl Found {
    /// What all of it is.
    fn format(&self) -> io::Result<Format> {
        let mut found: Option<Format> = None;
        for name in &self.names {
            let Some(format) = format_of(name) else {
                if self.are_folders {
                    continue;
                }
                let message = format!("what `{name}` is does not show by its name\nhint: names end with {FORMATS}");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            };
            match &found {
                Some(first) if first.extension != format.extension => {
                    let message = format!(
                        "there are files of several kinds, `{}` and `{}`\nhint: choose some, '{}/*{}'",
                        first.extension, format.extension, self.shown, format.extension
                    );
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
                }
                _ => found = Some(format),
            }
        }
        found.ok_or_else(|| {
            let message =
                format!("there is no file at `{}` that can be read\nhint: names end with {FORMATS}", self.shown);
            io::Error::new(io::ErrorKind::NotFound, message)
        })
    }
}

/// A format.
struct Format {
    reader: Arc<dyn FileFormat>,
    /// The end of names of its files, with a dot.
    extension: String,
}

/// What a file is by its name.
fn format_of(name: &str) -> Option<Format> {
    let file = name.rsplit('/').next()?;
    let (rest, last) = file.rsplit_once('.').filter(|(rest, _)| !rest.is_empty())?;
    let packed = match last {
        "gz" => FileCompressionType::GZIP,
        "zst" => FileCompressionType::ZSTD,
        "bz2" => FileCompressionType::BZIP2,
        "xz" => FileCompressionType::XZ,
        _ => FileCompressionType::UNCOMPRESSED,
    };
    let (kind, extension) = if packed.is_compressed() {
        let kind = rest.rsplit_once('.')?.1;
        (kind, format!(".{kind}.{last}"))
    } else {
        (last, format!(".{last}"))
    };
    let text = CsvFormat::default().with_has_header(true).with_file_compression_type(packed);
    let reader: Arc<dyn FileFormat> = match kind {
        "csv" => Arc::new(text),
        "tsv" => Arc::new(text.with_delimiter(b'\t')),
        "json" | "jsonl" | "ndjson" => Arc::new(JsonFormat::default().with_file_compression_type(packed)),
        "parquet" if !packed.is_compressed() => Arc::new(ParquetFormat::default()),
        "arrow" if !packed.is_compressed() => Arc::new(ArrowFormat),
        _ => return None,
    };
    Some(Format { reader, extension })
}

/// What a store is known by. DataFusion looks at scheme and host alone, and of Azure the container stands before the host.
fn root(url: &Url) -> Option<Url> {
    let host = url.host_str()?;
    let host = if url.username().is_empty() { host.to_owned() } else { format!("{}.{host}", url.username()) };
    Url::from_str(&format!("{}://{host}/", url.scheme())).ok()
}

fn failed(err: &object_store::Error) -> io::Error {
    let kind = match err {
        object_store::Error::NotFound { .. } => io::ErrorKind::NotFound,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, err.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_files_in_stores_and_folders() {
        let id = |name: &str| Id::try_from(name.to_owned()).unwrap();
        let landing = Location::File("/pipelines/landing".into());
        let far = Location::of("s3://flights/prefix");
        let stores = BTreeMap::from([(id("landing"), landing), (id("far"), far)]);
        let shown = |name: &str, base: Option<&str>| {
            locate(name, &stores, base.map(Path::new))
                .map(|named| named.map(|Named { within, glob }| format!("{within} {}", glob.unwrap_or_default())))
        };
        for (name, expect) in [
            ("landing/a.csv", "/pipelines/landing/a.csv "),
            ("landing/2013/*.csv.gz", "/pipelines/landing/2013 *.csv.gz"),
            ("landing/*/a-*.csv", "/pipelines/landing/ */a-*.csv"),
            ("far/orders/", "s3://flights/prefix/orders "),
            ("s3://other/a/*.parquet", "s3://other/a *.parquet"),
            ("/data/x.parquet", "/data/x.parquet "),
            ("data/x.parquet", "/base/data/x.parquet "),
            ("x.csv", "/base/x.csv "),
            ("*.csv", "/base/ *.csv"),
        ] {
            assert_eq!(shown(name, Some("/base")), Ok(Some(expect.to_owned())), "{name}");
        }
        assert_eq!(shown("flights", Some("/base")), Ok(None));
        assert!(shown("landing/../a.csv", None).unwrap_err().contains("leads out"));
        assert!(shown("data/x.csv", None).unwrap_err().contains("hint: 'STORE/"));
        assert!(shown("ftp://x/a.csv", None).is_err());
    }

    #[test]
    fn names_say_what_files_are() {
        for (name, expect) in [
            ("a.csv", Some(".csv")),
            ("x/a.b.csv.gz", Some(".csv.gz")),
            ("a.jsonl.zst", Some(".jsonl.zst")),
            ("a.parquet", Some(".parquet")),
            ("a.parquet.gz", None),
            (".csv", None),
            ("a.txt", None),
            ("a", None),
        ] {
            assert_eq!(format_of(name).map(|format| format.extension).as_deref(), expect, "{name}");
        }
    }
}
