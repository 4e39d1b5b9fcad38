"""Prints the tests that passed, and all that did not, from a JUnit report of pytest.

A report that is missing or empty counts as one failure, and so does every skipped test.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree

cases = []
if Path(sys.argv[1]).exists():
    cases = list(ElementTree.parse(sys.argv[1]).iter("testcase"))
bad = sum(any(case.find(tag) is not None for tag in ("failure", "error", "skipped")) for case in cases)
print(len(cases) - bad, bad if cases else 1)
