"""Unpack the packaged console font: font_unpack.py FONT.psf.gz FONT.psf"""

import gzip
import sys


def main() -> None:
    packed, unpacked = sys.argv[1:]
    with gzip.open(packed) as source, open(unpacked, "wb") as target:
        target.write(source.read())


if __name__ == "__main__":
    main()
