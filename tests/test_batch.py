import csv
import json
import os

import numpy as np
import pytest
from conftest import COFFEE, SWIRLS, options
from PIL import Image

from neural_style.cli import batch, flags, summary
from neural_style.cli.main import main
from neural_style.core import peak_memory
from neural_style.core.errors import UserError
from neural_style.engine import Engine

QUICK = ["--weights=random", "--rows=32", "--iterations=1", "--evaluations_per_iteration=2", "--noplots"]
SMALL = ["--weights=random", "--iterations=0", "--style_layers=block1_conv1", "--content_layers=block1_conv2"]


def table(path, *rows, header="content,style,prefix,style_weight"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return f"--manifest={path}"


def paint_table(path, paint):
    """Paints the rows of a table by a function of paths, settings and options; returns the exit code."""
    command_line = flags.parse([f"--manifest={path}"])
    return batch.paint_batch(batch.read_table(command_line), command_line, paint)


def test_a_failed_row_does_not_stop_the_others_and_a_second_run_paints_missing_rows(tmp_path, fake_engine, capsys):
    a, b, c = (tmp_path / name for name in "abc")
    given = table(
        tmp_path / "pairs.csv",
        f"{COFFEE},{SWIRLS},{a},2",
        f"{tmp_path}/missing.png,{SWIRLS},{b},",
        f'"{COFFEE}",{SWIRLS};{COFFEE},{c}.jpg,',
    )
    assert main([given, *QUICK]) == 1
    out, err = capsys.readouterr()
    assert out.endswith("3 rows: 2 made, 0 complete already, 1 failed (line 3).\n")
    first, then = err.splitlines()  # reported at the start, and in its turn
    assert "line 3: '" in first
    assert "missing.png' does not exist yet" in first
    assert "line 3: Expected an image file" in then
    assert json.loads((tmp_path / "a.json").read_text())["flags"]["style_weight"] == 2.0
    assert len(json.loads((tmp_path / "c.json").read_text())["styles"]) == 2
    assert Image.open(tmp_path / "c.jpg").format == "JPEG"

    (tmp_path / "missing.png").write_bytes(COFFEE.read_bytes())
    before = (tmp_path / "a.png").stat().st_mtime_ns
    assert main([given, *QUICK]) == 0
    assert capsys.readouterr().out.endswith("3 rows: 1 made, 2 complete already, 0 failed.\n")
    assert (tmp_path / "a.png").stat().st_mtime_ns == before

    assert main([given, *QUICK, "--tv_weight=2"]) == 0  # other flags, other pictures
    assert capsys.readouterr().out.endswith("3 rows: 3 made, 0 complete already, 0 failed.\n")


def test_weights_network_and_traces_are_made_once_for_each_size(monkeypatch):
    from neural_style.vgg import model, weights

    built, drawn, build, load_random = [], [], model.build, weights.load_random
    monkeypatch.setattr(model, "build", lambda *a, **k: built.append(build(*a, **k)) or built[-1])
    monkeypatch.setattr(weights, "load_random", lambda *a: drawn.append(a) or load_random(*a))
    engine, traced = Engine(), []
    for rows, content in ((32, COFFEE), (32, SWIRLS), (32, COFFEE), (48, COFFEE), (32, COFFEE)):
        # A square frame, so that every pair is of one size.
        settings = options(*SMALL, f"--rows={rows}", f"--cols={rows}")
        list(engine.steps(content, [SWIRLS], settings))
        traced.append(engine.traces)
    assert (len(built), len(drawn)) == (1, 1)
    assert traced == [1, 1, 1, 2, 2]


def test_the_cache_is_limited():
    engine = Engine(memory=1)  # a byte: only what was asked for last
    for rows in (32, 48):
        list(engine.steps(COFFEE, [SWIRLS], options(*SMALL, f"--rows={rows}")))
    assert len(engine.cache) == 1


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (["a,b"], "content,style", "prefix is missing from 'content', 'style'"),
        (["d,e,f"], "a.png,b.png,c", "in the first line; content, style, prefix is missing from 'a.png', 'b.png', 'c'"),
        ([], "content,style,prefix", "contains no rows"),
        (["a,b,c,1"], "content,style,prefix,rosw", "line 2: Unknown setting 'rosw'. Did you mean rows"),
        (["a,b,c,0"], "content,style,prefix,rows", "line 2: --rows takes a whole number from 1"),
        (["a,b,c", "d,e,c"], "content,style,prefix", "line 3: the prefix 'c' is line 2's"),
        (["a,,c"], "content,style,prefix", "line 2: expected content, style and prefix, and style is empty"),
        (["a,b;,c"], "content,style,prefix", "line 2: .* and one of several styles is empty: fill it in"),
        (["a,b,c,d"], "content,style,prefix", "line 2: more values than columns"),
        (["a,b,c\0d"], "content,style,prefix", "line 2: a value contains a NUL character"),
    ],
)
def test_an_invalid_table_raises_an_error_before_any_work(tmp_path, rows, header, message):
    path = tmp_path / "pairs.csv"
    table(path, *rows, header=header)
    with pytest.raises(UserError, match=message) as caught:
        batch.read_table(flags.parse([f"--manifest={path}"]))
    assert caught.value.exit_code == 2


TABLES = {
    "semicolons": b"content;style;prefix;rows\r\n%s;%s;%s;40\r\n",
    "tabs": b"content\tstyle\tprefix\trows\n%s\t%s\t%s\t40\n",
    "capitals": b"Content, Style ,PREFIX,Rows\n%s,%s,%s,40\n",
    "blanks": b"content,style,prefix,rows\n  %s , %s , %s ,40 \n",
    "quotes": b'"content";"style";"prefix";"rows"\n"%s";"%s";"%s";"40"\n',
    "another order": b"rows;prefix;content;style\n40;{2};{0};{1}\n",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("kind", TABLES)
def test_tables_are_read_as_spreadsheets_save_them(tmp_path, kind, encoding):
    prefix = tmp_path / "Gemälde"
    text = TABLES[kind].decode().replace("%s", "{}").format(COFFEE, SWIRLS, prefix)
    (tmp_path / "pairs.csv").write_bytes(text.encode(encoding))
    painted = []
    assert paint_table(tmp_path / "pairs.csv", lambda *row, **options: painted.append(row) or True) == 0
    ((paths, settings),) = painted
    assert paths == [str(COFFEE), str(SWIRLS), str(prefix)]
    assert settings.picture.rows == 40


def test_empty_rows_are_ignored(tmp_path):
    lines = ["content,style,prefix,", ",,,", f"{COFFEE},{SWIRLS},{tmp_path / 'a'},", ",,,", ""]
    (tmp_path / "pairs.csv").write_text("\n".join(lines))
    painted = []
    paint_table(tmp_path / "pairs.csv", lambda *row, **options: painted.append(row) or True)
    assert [paths[-1] for paths, _ in painted] == [str(tmp_path / "a")]


def test_a_missing_table_and_extra_arguments_raise_errors(tmp_path):
    with pytest.raises(UserError, match="takes a CSV file"):
        batch.read_table(flags.parse([f"--manifest={tmp_path / 'none.csv'}"]))
    with pytest.raises(UserError, match="a.jpg was given besides"):
        batch.read_table(flags.parse(["a.jpg", "--manifest=pairs.csv"]))


def test_an_unexpected_failure_is_reported_and_the_other_rows_are_painted(tmp_path, capsys):
    path, done = tmp_path / "pairs.csv", []

    def paint(images, settings, options):
        if images[0] == "a":
            raise MemoryError("no more")
        done.append(images)
        return True

    table(path, "a,b,c", "d,e,f", header="content,style,prefix")
    assert paint_table(path, paint) == 1
    out, err = capsys.readouterr()
    assert done == [["d", "e", "f"]]
    assert "MemoryError: no more" in err
    assert out.endswith("2 rows: 1 made, 0 complete already, 1 failed (line 2).\n")


def test_the_summary_of_a_table_lies_beside_it(tmp_path, fake_engine):
    given = table(tmp_path / "pairs.csv", f"{COFFEE},{SWIRLS},{tmp_path}/a,2", f"missing.png,{SWIRLS},{tmp_path}/b,")
    assert main([given, *QUICK]) == 1
    first, second = csv.DictReader((tmp_path / "pairs_summary.csv").read_text().splitlines())
    record = json.loads((tmp_path / "a.json").read_text())
    assert (first["line"], first["content"], first["prefix"]) == ("2", str(COFFEE), f"{tmp_path}/a")
    assert (first["outcome"], second["outcome"]) == ("made", "failed")
    assert float(first["loss"]) == record["iterations"][-1]["loss"]
    assert int(first["evaluations"]) == len(record["losses"])
    assert float(first["seconds"]) >= 0
    assert second["loss"] == ""


def test_another_programs_summary_is_kept_unless_it_may_be_overwritten(tmp_path, fake_engine, capsys):
    given = table(tmp_path / "pairs.csv", f"{COFFEE},{SWIRLS},{tmp_path}/a,2")
    (tmp_path / "pairs_summary.csv").write_text("mine\n")
    assert main([given, *QUICK]) == 0
    assert "pairs_summary.csv' is another program's: rename it, or say --overwrite" in capsys.readouterr().err
    assert (tmp_path / "pairs_summary.csv").read_text() == "mine\n"
    assert main([given, *QUICK, "--overwrite"]) == 0
    assert (tmp_path / "pairs_summary.csv").read_text().startswith("line,content,prefix,outcome")


def test_a_summary_that_cannot_be_written_is_a_warning(tmp_path, fake_engine, capsys):
    given = table(tmp_path / "pairs.csv", f"{COFFEE},{SWIRLS},{tmp_path}/a,2")
    (tmp_path / "pairs_summary.csv").mkdir()
    assert main([given, *QUICK]) == 0
    assert "the summary is not written" in capsys.readouterr().err


def test_the_summary_adds_up_scales_and_frames(tmp_path):
    scale = {"initial": {"loss": 9.0}, "iterations": [{"loss": 5.0}], "losses": [9.0, 5.0]}
    frame = {"loss": 3.0, "evaluations": 4}
    for name, record, expected in (
        ("scales", {"scales": [scale, {**scale, "iterations": []}]}, (9.0, 4)),
        ("film", {"frames": [frame, {**frame, "loss": 5.0}]}, (4.0, 8)),
        ("instant", {"initial": {"loss": 0.0}, "iterations": [], "losses": []}, (None, None)),
        ("other", {"mine": 1}, (None, None)),
        ("list", [1], (None, None)),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
        assert summary.read_cost(str(tmp_path / name)) == expected
    assert summary.read_cost(str(tmp_path / "none")) == (None, None)


def test_the_peak_of_memory_is_that_since_the_reset():
    held = np.ones(30_000_000)  # 240 MB
    peak_memory.reset()
    before = peak_memory.megabytes()
    del held
    peak_memory.reset()
    assert before - peak_memory.megabytes() > 100 or not os.access("/proc/self/clear_refs", os.W_OK)
