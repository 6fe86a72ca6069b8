"""What all tests look at: a report, and a browser. At the top nothing may be imported from this repository."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from experiments.recorded import Study
    from tests.experiments.reports import Report


@pytest.fixture(scope="session", autouse=True)
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One folder for decoded data and verdicts, shared by the workers of a test run and by the commands they start."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "kept"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADSPEC_CACHE", str(folder))
        patch.delenv("GRADSPEC_DATA", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c() -> None:
    """Commands that tests start heed Ctrl-C, also where the test run itself was started in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One test that needs the report first, the others last: meanwhile no worker waits for it."""
    needing = [item for item in items if "report" in getattr(item, "fixturenames", ())]
    first, rest = set(needing[:1]), set(needing[1:])
    items.sort(key=lambda item: (item in rest) - (item in first))


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A small report, with its folder of runs."""
    from tests.experiments.reports import shared_report

    return shared_report(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def grid() -> Study:
    """The grid on CIFAR-10, three seeds, and two of them by torch."""
    from experiments.catalogue import find
    from tests.experiments.made_up import REAL, recorded_runs, study_of

    theirs = recorded_runs(find("cnn_grid"), (0, 1), **REAL, backend="torch")
    return study_of(find("cnn_grid"), *recorded_runs(find("cnn_grid"), (0, 1, 2), **REAL), *theirs)


@pytest.fixture(scope="session")
def optimizers() -> Study:
    """Adam and SGD on CIFAR-10, three seeds."""
    from experiments.catalogue import find
    from tests.experiments.made_up import REAL, recorded_runs, study_of

    return study_of(find("optimizers"), *recorded_runs(find("optimizers"), (0, 1, 2), **REAL))


@pytest.fixture(scope="session")
def driver() -> Iterator[Any]:
    """Headless Chromium, driven by selenium."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not chromedriver:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
    yield browser
    browser.quit()
