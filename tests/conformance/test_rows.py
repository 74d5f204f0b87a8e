"""`/v1/score`: rows in and out, in every form."""

import io
import json

import pyarrow as pa
import pyarrow.ipc
import pytest

SCORE = "/v1/score"
JSON, LINES, CSV = "application/json", "application/x-ndjson", "text/csv"
ARROW = "application/vnd.apache.arrow.stream"

# The same two rows in every form, and what comes of them.
ROWS = [{"fahrenheit": 32, "city": "Bern", "station": 7}, {"fahrenheit": 50.0, "indoors": True}]
SCORED = [
    {"city": "Bern", "station": 7, "indoors": None, "score": 0.0},
    {"city": None, "station": None, "indoors": True, "score": 20.0},
]


def arrow(table):
    """An Arrow stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


GIVEN = {
    JSON: json.dumps(ROWS).encode(),
    "application/json; charset=utf-8": json.dumps({"rows": ROWS}).encode(),
    LINES: "\n".join(map(json.dumps, ROWS)).encode(),
    "application/jsonl": "\r\n\r\n".join(map(json.dumps, ROWS)).encode() + b"\r\n",
    CSV: b"station,fahrenheit,indoors,city\n7,32,,Bern\n,50,true,\n",
    ARROW: arrow(pa.Table.from_pylist([{"indoors": None} | row for row in ROWS])),
}


def rows(answer):
    """The rows of an answer, whatever its form."""
    form = answer.headers["content-type"]
    if form == JSON:
        return answer.json()["rows"]
    if form == LINES:
        return [json.loads(line) for line in answer.body.splitlines()]
    if form == ARROW:
        return pa.ipc.open_stream(answer.body).read_all().to_pylist()
    assert form == CSV
    assert answer.body == b"city,station,indoors,score\nBern,7,,0.0\n,,true,20.0\n"
    return SCORED


@pytest.mark.parametrize("accept", [None, "*/*", JSON, LINES, CSV, ARROW, "text/html, text/csv;q=0.5"])
@pytest.mark.parametrize("form", GIVEN)
def test_rows_come_and_go_in_every_form(endpoint, form, accept):
    headers = {"content-type": form} | ({"accept": accept} if accept else {})
    answer = endpoint.post(SCORE, GIVEN[form], headers)
    assert (answer.status, rows(answer)) == (200, SCORED)
    if accept in (JSON, LINES, CSV, ARROW):
        assert answer.headers["content-type"] == accept
    assert answer.headers["content-length"] == str(len(answer.body))


def test_a_row_may_come_alone_and_untyped(endpoint):
    answer = endpoint.post(SCORE, ROWS[0])
    assert answer.body == b'{"rows":[{"city":"Bern","station":7,"indoors":null,"score":0.0}]}'
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert endpoint.post(SCORE, ROWS[0], form).body == answer.body


@pytest.mark.parametrize("query", ["score,city", "score%2Ccity", "%73core,city", "score,city&columns=station"])
def test_an_answer_has_the_columns_that_are_asked_for(endpoint, query):
    answer = endpoint.post(f"{SCORE}?verbose=1&columns={query}", ROWS)
    assert answer.body == b'{"rows":[{"score":0.0,"city":"Bern"},{"score":20.0,"city":null}]}'


@pytest.mark.parametrize(
    "form, body, expect",
    [(JSON, b"[]", b'{"rows":[]}'), (LINES, b"", b""), (LINES, b"\n\n", b"")],
)
def test_no_rows_give_no_rows(endpoint, form, body, expect):
    answer = endpoint.post(SCORE, body, {"content-type": form})
    assert (answer.status, answer.body) == (200, expect)


def test_rows_that_break_a_rule_are_named_beside_the_others(endpoint):
    given = [{"fahrenheit": 212}, {"fahrenheit": 50}, {"fahrenheit": 999}]
    reject = [{"row": row, "reason": "rule `plausible`: t < 60"} for row in (0, 2)]
    score = {"city": None, "station": None, "indoors": None, "score": 20.0}
    answer = endpoint.post(SCORE, given)
    assert (answer.status, answer.json()) == (200, {"rows": [score], "rejects": reject})
    answer = endpoint.post(SCORE, given, {"accept": LINES})
    assert rows(answer) == [score, {"reject": reject[0]}, {"reject": reject[1]}]
    # The other forms have no place for them.
    answer = endpoint.post(SCORE, given, {"accept": CSV})
    assert (answer.status, answer.json()) == (422, {"error": "row 0: rule `plausible`: t < 60"})
    answer = endpoint.post(SCORE, given[0])
    assert (answer.status, answer.json()) == (422, {"rows": [], "rejects": reject[:1]})


@pytest.mark.parametrize(
    "form, body, error",
    [
        (JSON, b"", "the body is not JSON: EOF while parsing a value"),
        (JSON, b'{"fahrenheit": ', "the body is not JSON: EOF while parsing a value"),
        (JSON, b'{"fahrenheit": 1} 2', "the body is not JSON: trailing characters"),
        (JSON, b"\xff\xfe", "the body is not JSON: expected value"),
        (JSON, b"7", "the body is neither a row (an object) nor a list of rows"),
        (JSON, b"[7]", "row 0 is not an object"),
        (JSON, b'{"rows": 7}', "`rows` is not a list"),
        (JSON, b"{}", "row 0 has no `fahrenheit` (Float64), which may not be missing"),
        (JSON, b'[{"fahrenheit": 1}, {"fahrenheit": null}]', "row 1 has no `fahrenheit`"),
        (JSON, b'{"fahrenheit": 1, "town": "Bern"}', "row 0 has `town`, which is not a column; the columns are"),
        (JSON, b'{"fahrenheit": "warm"}', "the rows do not fit the columns"),
        (JSON, b'{"fahrenheit": 1, "station": 1e99}', "the rows do not fit the columns"),
        (LINES, b'{"fahrenheit": 1}\n{', "line 2: EOF while parsing an object"),
        (CSV, b"", "`fahrenheit` (Float64) is missing"),
        (CSV, b"city\nBern\n", "`fahrenheit` (Float64) is missing"),
        (CSV, b"fahrenheit,town\n1,Bern\n", "`town` is not a column; the columns are `fahrenheit`, `city`"),
        (CSV, b"fahrenheit\n1,2\n", "the rows do not fit the columns"),
        (CSV, b"fahrenheit\nwarm\n", "the rows do not fit the columns"),
        (ARROW, b"fahrenheit\n1\n", "the body is not an Arrow stream"),
        (ARROW, GIVEN[ARROW][:300], "the body is not an Arrow stream"),
        (ARROW, arrow(pa.table({"fahrenheit": ["warm"]})), "`fahrenheit` is not Float64"),
        (ARROW, arrow(pa.table({"fahrenheit": [1.0, None]})), "`fahrenheit` (Float64) may not be missing"),
    ],
)
def test_rows_that_cannot_be_read_are_told_why(endpoint, form, body, error):
    answer = endpoint.post(SCORE, body, {"content-type": form})
    assert answer.status == 400
    assert answer.headers["content-type"] == JSON
    assert answer.json()["error"].startswith(error)


@pytest.mark.parametrize(
    "headers, status, error, more",
    [
        ({"content-type": "text/html"}, 415, "content-type `text/html` is not one of application/json", "accept"),
        ({"content-encoding": "gzip"}, 415, "content-encoding `gzip` is not taken", "accept-encoding"),
        ({"accept": "text/html"}, 406, "accept `text/html` has none of application/json", None),
    ],
)
def test_a_form_that_is_unknown_is_refused(endpoint, headers, status, error, more):
    answer = endpoint.post(SCORE, ROWS, headers)
    assert answer.status == status
    assert answer.json()["error"].startswith(error)
    assert set(answer.headers) - {more} == {"content-type", "content-length"}


@pytest.mark.parametrize("form", [JSON, LINES, CSV, ARROW])
def test_ten_thousand_rows_are_answered_at_once(endpoint, form):
    celsius = [step / 500 for step in range(10_000)]
    table = pa.table({"fahrenheit": [value * 1.8 + 32 for value in celsius], "station": range(10_000)})
    answer = endpoint.post(SCORE, arrow(table), {"content-type": ARROW, "accept": form})
    assert answer.status == 200
    if form == CSV:
        lines = answer.body.decode().splitlines()
        scored = [{"station": int(line.split(",")[1]), "score": float(line.split(",")[3])} for line in lines[1:]]
    else:
        scored = rows(answer)
    assert [row["station"] for row in scored] == list(range(10_000))
    assert [row["score"] for row in scored] == pytest.approx([2 * value for value in celsius], abs=1e-4)
