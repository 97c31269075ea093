"""Parquet: bytes → a table whose columns are read when they are asked for."""

from ..errors import DataError
from .raw_table import RawTable


def read_parquet(data: bytes, source: str) -> RawTable:
    """The table in a Parquet file.

    Raises:
        DataError: the file is damaged or incomplete.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        # No threads, and none that asks Python for bytes: one that still runs when Python ends aborts it.
        file = parquet.ParquetFile(pyarrow.BufferReader(data), pre_buffer=False)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{source} is a damaged or incomplete Parquet file: {error}") from None
    names = list(file.schema_arrow.names)

    def column(index: int) -> list[object]:
        try:
            return file.read(columns=[names[index]], use_threads=False).column(0).to_pylist()
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"{source}, column {names[index]!r} cannot be read: {error}") from None

    return RawTable(source, file.metadata.num_rows, len(names), column, names=names)
