"""What the C library does with memory that was freed: it keeps it, so that the next step need not fetch it anew."""

from __future__ import annotations

import numpy as np

_KEPT = 31 << 20  # bytes; glibc learns from blocks of up to 32 MiB


def keep_freed_memory() -> None:
    """Let glibc keep freed memory of up to twice 31 MiB instead of handing it back to the system.

    A training step frees all of its arrays, and glibc hands the end of its heap back as soon as that is longer than
    twice the largest block that it has mapped and freed so far. The next step then fetches every page anew, which took
    up to 40 % of its time (measured), or none, by chance. One large block, mapped and freed, settles it; not a page of
    it is used. Other C libraries do what they do. See ``mallopt(3)``, M_MMAP_THRESHOLD and M_TRIM_THRESHOLD.
    """
    np.empty(_KEPT, np.uint8)
