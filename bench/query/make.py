"""Makes the tables of TPC-H at scale 1: make.py FOLDER

Each table is a folder with a file of Parquet, as tpchgen-cli writes it, and a log of Delta Lake that names it. The file is not
written again, so whoever reads Parquet reads the same bytes as whoever reads Delta Lake.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

import deltalake

# Rows of each table at scale 1, which the specification has in 4.2.5.
ROWS = {
    "region": 5,
    "nation": 25,
    "supplier": 10_000,
    "customer": 150_000,
    "part": 200_000,
    "partsupp": 800_000,
    "orders": 1_500_000,
    "lineitem": 6_001_215,
}


def main() -> None:
    folder = Path(sys.argv[1])
    generator = Path(sysconfig.get_path("scripts")) / "tpchgen-cli"
    # `--parts` gives each table a folder of its own.
    subprocess.run([generator, "parquet", "--quiet", "-s", "1", "--parts", "1", "-o", folder], check=True)
    for table, rows in ROWS.items():
        deltalake.convert_to_deltalake(folder / table)
        found = deltalake.DeltaTable(folder / table).count()
        if found != rows:
            raise SystemExit(f"`{table}` has {found:,} rows and not {rows:,}")


if __name__ == "__main__":
    main()
