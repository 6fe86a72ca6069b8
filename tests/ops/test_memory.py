"""Freed memory stays with the process: a step that frees all of its arrays does not fetch their pages anew."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FETCHED = """
import resource
import ops
import numpy as np

def step():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(1 << 20, np.uint8) for _ in range(20)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

step()
print(step(), step())
"""
PAGES = (20 << 20) // 4096


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries do what they do")
def test_a_later_step_fetches_few_pages() -> None:
    """Without it each step fetches all of them."""
    done = subprocess.run([sys.executable, "-c", FETCHED], check=True, capture_output=True, text=True)
    assert all(int(pages) < PAGES / 10 for pages in done.stdout.split())
