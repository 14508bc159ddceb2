import ast
import re
import subprocess
import sys
from pathlib import Path

import exchange

ROOT = Path(exchange.__file__).parent


def test_it_imports_no_django_and_nothing_else_of_ours() -> None:
    program = (
        "import exchange, sys;"
        "assert 'django' not in sys.modules;"
        "assert not {'accounts', 'catalog', 'usage', 'sandbox', 'gateway_site'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT.parent, timeout=60)


def test_everything_that_is_offered_exists_and_is_listed_once() -> None:
    assert len(exchange.__all__) == len(set(exchange.__all__))
    assert all(hasattr(exchange, name) for name in exchange.__all__)


def test_no_module_is_longer_than_the_house_allows() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in ROOT.glob("*.py")}
    assert {name: length for name, length in lengths.items() if length > 300} == {}


def test_the_error_trees_picture_shows_every_error_under_its_parent() -> None:
    from exchange import errors

    branch = re.compile(r"^ *(?:│ *)*[├└]── (\w+)")
    lines = (errors.__doc__ or "").splitlines()
    drawn = [(match.start(1), match[1]) for line in lines if (match := branch.match(line))]
    for position, (depth, name) in enumerate(drawn):
        above = [other for level, other in drawn[:position] if level < depth]
        parent = getattr(errors, above[-1]) if above else Exception
        assert issubclass(getattr(errors, name), parent)
    classes = {
        node.name
        for node in ast.parse(Path(errors.__file__).read_text()).body
        if isinstance(node, ast.ClassDef)
    }
    assert {name for _, name in drawn} == classes - {"Rule", "ErrorFacts"}
