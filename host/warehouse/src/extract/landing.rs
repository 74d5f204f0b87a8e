//! The object that rows are read into. Nobody sees it before it is whole.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek};
use std::path::Path;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use object_store::{ObjectStoreExt, WriteMultipart};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use wasmill_runtime::plan::ExtractPlan;
use wasmill_runtime::store::{self, Found, Location};
use wasmill_runtime::table_source::Extracted;

use crate::delta::durable;

/// Rows of a group, which a reader has in memory at once.
const GROUP: usize = 64 << 10;

/// How much is sent at once to a store over the network, in bytes.
const PART: usize = 8 << 20;

/// What an object is called in a folder while it is written; no trigger takes a name that begins with a dot.
const PREFIX: &str = ".wasmill-";
const SUFFIX: &str = ".tmp";

/// After how long what was not finished never will be: whoever wrote it was killed.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// An object that is being written.
pub struct Landing {
    to: Location,
    name: String,
    writer: ArrowWriter<BufWriter<File>>,
    file: NamedTempFile,
    rows: u64,
    is_whole: bool,
}

impl Landing {
    /// An object of an extract, for rows of these columns.
    pub fn create(plan: &ExtractPlan, schema: &SchemaRef) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX);
        // Like any file that a program writes, not like a secret.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = match &plan.to {
            Location::File(folder) => {
                std::fs::create_dir_all(folder)?;
                builder.tempfile_in(folder)?
            }
            Location::Url(_) => builder.tempfile()?,
        };
        let properties =
            WriterProperties::builder().set_compression(Compression::SNAPPY).set_max_row_group_row_count(Some(GROUP));
        let writer = BufWriter::new(file.reopen()?);
        let writer = ArrowWriter::try_new(writer, schema.clone(), Some(properties.build()))?;
        // By name they are in the order in which they were read.
        let now = chrono::Utc::now().format("%Y%m%dT%H%M%S%6f");
        let name = format!("{}-{now}-{:08x}.parquet", plan.id, rand::random::<u32>());
        Ok(Self { to: plan.to.clone(), name, writer, file, rows: 0, is_whole: false })
    }

    /// Adds rows.
    pub fn write(&mut self, rows: &RecordBatch) -> io::Result<()> {
        if rows.num_rows() > 0 {
            self.rows += rows.num_rows() as u64;
            self.writer.write(rows)?;
        }
        Ok(())
    }

    /// A digest of all rows, after the last.
    pub fn digest(&mut self) -> io::Result<String> {
        self.end()?;
        let mut hash = Sha256::new();
        io::copy(&mut self.file.reopen()?, &mut hash)?;
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Puts the object where it belongs, if there are rows.
    pub async fn finish(mut self, state: String) -> io::Result<Extracted> {
        let rows = self.rows;
        let object = if rows > 0 {
            self.end()?;
            Some(self.put().await?)
        } else {
            None
        };
        Ok(Extracted { state, object, rows })
    }

    fn end(&mut self) -> io::Result<()> {
        if !self.is_whole {
            self.writer.finish()?;
            self.is_whole = true;
        }
        Ok(())
    }

    async fn put(self) -> io::Result<Found> {
        let Self { to, name, file, .. } = self;
        let object = to.join(&name).ok_or_else(|| io::Error::other(format!("`{name}` is no name of an object")))?;
        match &object {
            Location::File(path) => {
                path.parent().map_or(Ok(()), remove_abandoned)?;
                file.persist_noclobber(path)?;
                durable::files(&to, [name.as_str()])?;
            }
            Location::Url(url) => {
                let (client, path) = store::client(url)?;
                let upload = client.put_multipart(&path).await.map_err(io::Error::other)?;
                let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
                let mut file = file.into_file();
                file.rewind()?;
                let mut buffer = vec![0; PART];
                loop {
                    let read = file.read(&mut buffer)?;
                    match buffer.get(..read) {
                        Some([]) | None => break,
                        Some(bytes) => upload.write(bytes),
                    }
                    // At most so many parts are on their way at once.
                    upload.wait_for_capacity(2).await.map_err(io::Error::other)?;
                }
                upload.finish().await.map_err(io::Error::other)?;
            }
        }
        object.look_while_others_wait().await
    }
}

/// Removes what was left by readers that were killed.
fn remove_abandoned(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_ours = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        // Another reader may have removed it already.
        let Some(changed) = is_ours.then(|| entry.metadata().and_then(|file| file.modified()).ok()).flatten() else {
            continue;
        };
        if changed.elapsed().is_ok_and(|age| age > ABANDONED) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_abandoned_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for (name, age) in [(".wasmill-a.tmp", 48), (".wasmill-b.tmp", 1), (".other.tmp", 48), ("c.parquet", 48)] {
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_modified(std::time::SystemTime::now() - Duration::from_secs(age * 60 * 60)).unwrap();
        }
        remove_abandoned(folder.path()).unwrap();
        let mut left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".other.tmp", ".wasmill-b.tmp", "c.parquet"]);
    }
}
