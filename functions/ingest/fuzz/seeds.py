"""Writes the seeds that fuzzing begins with, into a folder for each target: seeds.py FOLDER"""

import gzip
import io
import sys
import tarfile
import zipfile
from pathlib import Path

FORMATS = Path(__file__).parent.parent / "tests" / "formats"

HEADER = b"a,b,c,d,e,f,g,h,i,r.x,k\n"
ROW = b'1,"x ""y""",2026-01-31T12:00:00+01:00,-1.25,1e9,true,2026-01-31,"{""z"": [1]}","[1,2]",7,1769860800000\n'
ITEM = b'{"a":1,"b":"x\\u00e9","c":"2026-01-31 12:00","d":1.25,"e":-1e9,"f":true,"g":"2026-01-31","h":{"z":[null]},"i":[1,2],"r":{"x":7},"k":1}'


def tar(content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in ["one.csv", "long/" * 30 + "two.csv"]:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def zipped(content: bytes, method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("one.csv", content)
        archive.writestr("two/three.csv", content)
    return out.getvalue()


def seeds() -> dict[str, list[bytes]]:
    text = "é,x\n日本,y\n"
    array = b"[" + ITEM + b"," + ITEM + b"]"
    return {
        "separated": [
            bytes([options, 200, 7]) + (HEADER + ROW * 3 if options & 2 else ROW * 3).replace(b",", b"\t" if options & 1 else b",")
            for options in range(0, 64, 3)
        ],
        "json": [
            bytes([0, 255, 5]) + array,
            bytes([0, 255, 5]) + ITEM + b"\n" + ITEM,
            bytes([1, 255, 5]) + ITEM + b"\n" + ITEM,
            bytes([2, 255, 5]) + b'{"s":"}","r":{"t":[1],"q":' + array + b',"u":1}}',
            bytes([4, 255, 5]) + b'[{"a":1,"b":"x","r":[{"x":1},{"x":2}]}]',
            bytes([5, 255, 5]) + b'{"a":1,"b":"x","r":[{"x":1},7]}\n{"b":"y","r":null}',
        ],
        "packed": [
            b"\0\5" + gzip.compress(ROW * 20),
            b"\0\5" + gzip.compress(ROW) + gzip.compress(ROW),
            b"\0\5" + tar(ROW),
            b"\1\5" + tar(ROW),
            b"\0\5" + gzip.compress(tar(ROW)),
            b"\0\5" + zipped(ROW, zipfile.ZIP_DEFLATED),
            b"\0\5" + zipped(ROW, zipfile.ZIP_STORED),
            b"\0\5" + bytes.fromhex("28b52ffd2408410000612c620a312c780a") + b"\0" * 4,
        ],
        "encoded": [
            bytes([number, 3]) + text.encode(name, errors="replace")
            for number, name in enumerate(
                ["utf-16", "utf-16-le", "utf-16-be", "latin-1", "shift_jis", "gb18030", "iso2022_jp", "big5"]
            )
        ],
        "avro": [b"\7" + path.read_bytes() for path in sorted(FORMATS.glob("*.avro"))],
    }


def main() -> None:
    for target, objects in seeds().items():
        folder = Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(objects):
            (folder / f"seed-{number}").write_bytes(content)


if __name__ == "__main__":
    main()
