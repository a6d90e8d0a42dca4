"""How long the rest takes: a line through the sizes that were timed, a bound where only one was."""

import fake_training as fake
import pytest
from fake_training import a_run

from sfumato.run_report import RunReport, duration
from sfumato.runner import run_all
from sfumato.side_by_side import Job
from sfumato.time_left import TimeLeft, line_through, time_left, timed_first

SMALL, MIDDLE, LARGE = (fake.data_set(name, rows=rows) for name, rows in (("s", 30), ("m", 90), ("l", 900)))


def job(data, model="linear", seed=0):
    return Job(a_run(data, model=model, seed=seed), data)


def test_a_line_goes_through_what_lies_on_it_and_is_never_below_zero():
    assert line_through([(1, 5.0), (3, 9.0), (10, 23.0)]) == pytest.approx((3.0, 2.0))
    assert line_through([(1, 5.0), (3, 4.0)]) == pytest.approx((4.5, 0.0))  # a larger set that took less long
    assert line_through([(1, 1.0), (3, 9.0)]) == pytest.approx((0.0, 28 / 10))  # sum xy / sum xx


def test_a_line_is_the_one_with_the_least_squares():
    points = [(2, 7.1), (5, 12.4), (9, 21.2), (4, 10.9)]
    fixed, each = line_through(points)

    def wrong(a, b):
        return sum((a + b * x - y) ** 2 for x, y in points)

    steps = (-1e-3, 0, 1e-3)
    assert all(wrong(fixed, each) <= wrong(fixed + da, each + db) for da in steps for db in steps)


def test_short_and_long_sets_are_estimated_by_what_each_costs_whatever_its_size():
    """10 s for each run and a thousandth of a second for each character: not in proportion to the characters."""

    def seconds(data):
        return 10 + 0.001 * data.size

    timed = [(job(data), seconds(data)) for data in (SMALL, LARGE)]
    open_jobs = [job(MIDDLE, seed=1), job(LARGE, seed=1)]
    found = time_left(timed, open_jobs, 1)
    assert found == TimeLeft(pytest.approx(seconds(MIDDLE) + seconds(LARGE)), "")
    assert time_left(timed, open_jobs, 2).seconds == pytest.approx(found.seconds / 2)
    assert time_left(timed, open_jobs[:1], 2).seconds == pytest.approx(seconds(MIDDLE))  # one run has one process


def test_one_size_gives_a_bound_that_fixed_costs_cannot_pass():
    timed = [(job(MIDDLE), 8.0), (job(MIDDLE, seed=1), 10.0), (job(MIDDLE, seed=2), 30.0)]
    assert time_left(timed, [job(SMALL)], 1) == TimeLeft(10.0, "at most ")  # it may all be fixed costs
    assert time_left(timed, [job(LARGE)], 1) == TimeLeft(pytest.approx(10 * LARGE.size / MIDDLE.size), "at most ")
    assert time_left(timed, [job(MIDDLE, seed=3)], 1) == TimeLeft(10.0, "")  # of this very size
    assert time_left([*timed, (job(SMALL), 9.0)], [job(LARGE)], 1).words == ""


def test_a_model_that_was_not_timed_is_taken_for_the_mean_of_the_others_and_that_is_said():
    timed = [(job(SMALL), 1.0), (job(LARGE), 1.0), (job(SMALL, "textcnn"), 9.0), (job(LARGE, "textcnn"), 9.0)]
    assert time_left(timed, [job(MIDDLE, "textcnn")], 1) == TimeLeft(pytest.approx(9), "")
    assert time_left(timed, [job(MIDDLE, "lstm")], 1) == TimeLeft(pytest.approx(5), "roughly ")


def test_the_largest_the_smallest_and_a_middle_set_are_timed_first():
    jobs = [job(data, model, seed) for data in (MIDDLE, SMALL, LARGE) for model in ("a", "b") for seed in (0, 1)]
    first = timed_first(jobs, 3)
    assert [(one.data.name, one.run.model, one.run.seed) for one in first] == [
        ("l", "a", 0),
        ("s", "a", 0),
        ("m", "a", 0),
    ]
    assert timed_first([job(SMALL, seed=seed) for seed in range(4)], 3) == []


def test_a_run_that_waits_for_another_is_not_timed_first():
    source = job(LARGE)
    waiting = Job(a_run(SMALL, seed=1), SMALL, source.run)
    assert timed_first([waiting, source], 3) == [source]


def test_the_estimate_waits_for_the_three_sizes_and_the_lines_keep_the_order_of_the_jobs(tmp_path):
    jobs = [job(MIDDLE, seed=seed) for seed in range(4)] + [job(SMALL), job(LARGE)]
    ended = []
    found = run_all(
        jobs, tmp_path, workers=1, train=fake.train, report=lambda line, *rest: ended.append((line["data"], rest[2]))
    )
    assert [line["data"] for line in found] == ["m", "m", "m", "m", "s", "l"]
    assert [name for name, _ in ended] == ["l", "s", "m", "m", "m", "m"]
    assert [rest is not None for _, rest in ended] == [False, False, True, True, True, True]
    assert {rest.words for _, rest in ended if rest is not None} == {""}


def test_an_estimate_has_a_line_of_its_own_and_another_one_when_it_is_no_bound_any_more():
    said = []
    report = RunReport(said.append)
    line = {"data": "d", "model": "m", "method": "kwls", "control": "", "seed": 0, "status": "done"}
    line |= {"metrics": {"accuracy": 0.5}, "seconds": 1.0}
    for number, words in enumerate(("at most ", "at most ", "", ""), start=3):
        report(line, number, 9, TimeLeft(1200, words))
    report.end()
    assert [one for one in said if one.startswith("estimate")] == [
        "estimate from the first 3 runs: at most 20 min left for the other 6",
        "estimate from the first 5 runs: 20 min left for the other 4",
    ]
    assert said[0].endswith("at most 20 min left")


def test_lengths_of_time_are_written_as_people_say_them():
    assert (duration(40), duration(720), duration(12600)) == ("40 s", "12 min", "3.5 h")
