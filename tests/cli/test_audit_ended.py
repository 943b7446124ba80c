"""How the process of a model ended that wrote no row."""

import pytest

from certify.cli.audit._pool import LAST, how_it_ended


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (3, "the process ended with status 3"),
        (-15, "the process was ended by signal 15"),
        (-9, "the process was ended by signal 9, as the system does when memory runs out"),
    ],
)
def test_a_process_that_ended_early_says_how_and_its_last_words(status, said):
    assert how_it_ended(status, b" \n") == said
    assert how_it_ended(status, b"Killed \xff\n") == f"{said}: Killed \ufffd"
    assert how_it_ended(status, b"a" + LAST * b"b") == f"{said}: {LAST * 'b'}"
