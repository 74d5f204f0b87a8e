//! Reading an object over the network piece by piece, from real stores. One test, because it sets this process's
//! environment.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use url::Url;
use wasmill_runtime::store::RemoteObject;
use wasmill_tests_full::store::{Kind, Store};

#[test]
fn an_object_is_read_anywhere_and_stays_the_one_that_was_opened() {
    for kind in [Kind::Azure, Kind::S3] {
        let store = Store::start(kind);
        for (name, value) in &store.variables {
            // SAFETY: nothing reads the environment meanwhile: the store's own threads are done with it.
            unsafe { std::env::set_var(name, value) };
        }
        let url = Url::parse(&format!("{}/long.bin", store.url)).unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        let content = |seed: u32| (0..5_000_000_u32).flat_map(|n| (n ^ seed).to_le_bytes()).collect::<Vec<u8>>();
        let first = content(0);
        store.put("long.bin", first.clone());

        let mut object = RemoteObject::open(&url).unwrap();
        assert_eq!(object.found.size, first.len() as u64);
        let mut read = Vec::new();
        loop {
            let part = object.read(read.len() as u64, 1 << 20, until).unwrap();
            if part.is_empty() {
                break;
            }
            read.extend(part);
        }
        assert!(read == first, "{kind:?}");
        for at in [19_999_990, 7, 12_345_678, 19_999_999, 20_000_000, 30_000_000] {
            let expect = first.get(at..first.len().min(at + 10)).unwrap_or_default();
            assert!(expect.starts_with(&object.read(at as u64, 10, until).unwrap()), "{kind:?} {at}");
        }

        // Replaced by one as long, while it is read.
        let mut object = RemoteObject::open(&url).unwrap();
        object.read(0, 100, until).unwrap();
        store.put("long.bin", content(1));
        let err = object.read(15_000_000, 100, until).unwrap_err();
        assert_eq!((err.kind(), err.to_string().as_str()), (ErrorKind::NotFound, "it changed while it was read"));
        let again = RemoteObject::open(&url).unwrap().read(15_000_000, 4, until).unwrap();
        assert_eq!(again, content(1)[15_000_000..15_000_004]);
        assert_eq!(
            RemoteObject::open(&Url::parse(&format!("{url}x")).unwrap()).unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }
}
