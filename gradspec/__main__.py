"""``python -m gradspec`` is the ``gradspec`` command."""

import sys

from gradspec.cli import main

sys.exit(main())
