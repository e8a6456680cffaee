"""Reading of zip archives, whose directory may state wrong sizes."""

import zipfile


def read_member(archive: zipfile.ZipFile, name: str, max_bytes: int) -> bytes:
    """Read a file of an archive, without unpacking more than the archive's directory states.

    Args:
      archive: open for reading.
      name: of the file.
      max_bytes: maximum size, unpacked.

    Raises:
      ValueError: the file is larger than `max_bytes`, or compressed in another way than by Deflate.
      KeyError: there is no such file.
      RuntimeError: the file is encrypted.
      zipfile.BadZipFile, zlib.error, EOFError: the archive is damaged, the file shorter than stated, or its checksum
        another one. A longer file is cut at the stated size.
    """
    info = archive.getinfo(name)
    stated_size = info.file_size
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is neither stored nor deflated")  # other methods unpack without a limit
    if stated_size > max_bytes:
        raise ValueError(f"{name} is larger than {max_bytes} bytes")
    with archive.open(name) as file:
        # A limit, since read() would first unpack everything and then drop what exceeds the stated size.
        content = file.read(stated_size + 1)  # one more, so that an empty file's checksum is tested too
    if len(content) != stated_size:
        raise zipfile.BadZipFile(f"{name} is shorter than the archive states")
    return content
