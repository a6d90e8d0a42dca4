import pytest

from sfumato import InputError
from sfumato.datasets import load
from sfumato.reproduction.planning import planned
from sfumato.reproduction.table_jobs import sources, table_jobs
from sfumato.retrieval.build import build
from tables import TOML, table, write_data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


def jobs(plan, data):
    return table_jobs(plan, sources(plan, lambda name, **options: load(name, data=data, **options), build))


def test_the_runs_are_known_without_data():
    runs = planned(table(), scale="small").wanted
    # 2 settings x (hard, two LS, KWLS and its three controls), and each of four classes x (hard, KWLS, controls)
    assert len(runs) == 3 * (2 * 7 + 4 * 5)
    assert len(set(runs)) == len(runs)
    assert {run.model for run in runs} == {"L"}  # CNN is cut, BERT needs an encoder
    assert {run.variant for run in runs if run.setting == "rare"} == {0, 1, 2, 3}
    assert {run.variant for run in runs if run.setting != "rare"} == {None}


def test_what_is_cut_is_named():
    assert planned(table(), scale="small").cut() == {"models": ["CNN", "BERT"]}
    assert planned(table(), scale="small", encoder="folder").cut() == {"models": ["CNN"]}
    assert planned(table(), scale="full").cut() == {}


def test_blocks_of_a_scale_stand_in_place_of_the_tables():
    blocks = '[[scale.small.blocks]]\nsettings = [""]\nmethods = ["hard"]\n'
    blocks += '[[scale.small.blocks]]\nsettings = ["noise"]\nmethods = ["KWLS"]\n'
    plan = planned(table(TOML + blocks), scale="small")
    assert {(run.setting, run.method) for run in plan.wanted} == {("", "hard"), ("noise", "KWLS")}
    cut = {"settings": ["rare"], "models": ["CNN", "BERT"], "methods": ["LS .1", "LS .3"]}
    assert {key: plan.cut()[key][:2] for key in plan.cut()} == cut
    assert len(planned(table(TOML + blocks), scale="full").wanted) == len(planned(table(), scale="full").wanted)


def test_smoke_is_one_place_one_model_one_repeat_every_method_and_no_control():
    runs = planned(table(), scale="smoke").wanted
    assert [(run.method, run.control, run.repeat) for run in runs] == [
        (name, "", 0) for name in ("hard", "LS .1", "LS .3", "KWLS")
    ]


def test_only_narrows_the_runs_and_names_a_title_that_there_is_not():
    runs = planned(table(), scale="small", only={"setting": ["noise"], "method": ["KWLS"], "repeat": ["1"]}).wanted
    assert {(run.setting, run.method, run.repeat) for run in runs} == {("noise", "KWLS", 1)}
    with pytest.raises(InputError, match=r"has no method 'KWSL' \(did you mean 'KWLS'\?\); it has: 'hard', 'LS \.1'"):
        planned(table(), scale="small", only={"method": ["KWSL"]})
    with pytest.raises(InputError, match=r"has no model 'cnn' \(did you mean 'CNN'\?\)"):
        planned(table(), scale="small", only={"model": ["cnn"]})
    with pytest.raises(InputError, match="has no repeat '7'; it has: '0', '1', '2'"):
        planned(table(), scale="small", only={"repeat": ["7"]})
    with pytest.raises(InputError, match="has no control 'unifrom'"):
        planned(table(), scale="small", only={"control": ["unifrom"]})
    with pytest.raises(InputError, match="--only takes data, setting, model"):
        planned(table(), scale="small", only={"models": ["L"]})


def test_training_settings_of_the_scale_and_of_a_model_in_it_win():
    plan = planned(table(), scale="small")
    assert plan.training("L").max_length == 8  # linear has no epochs of a loop
    other = planned(table(TOML.replace('models = ["L", "BERT"]', "")), scale="small")
    assert (other.training("CNN").epochs, other.training("CNN").max_length) == (2, 16)


def test_what_dev_chooses_by_reaches_models_fitted_in_one_batch_and_is_in_their_key():
    plain = planned(table(), scale="small")
    text = TOML.replace('"L" = { name = "linear" }', '"L" = { name = "linear", training = { choose = "noise-aware" } }')
    plan = planned(table(text), scale="small")
    assert (plain.training("L").choose, plan.training("L").choose) == ("auto", "noise-aware")
    first = next(run for run in plan.wanted if run.model == "L")
    assert plan.run(first, "x").key != plain.run(first, "x").key


def test_folds_share_the_test_rows_and_meet_in_every_training_row_once(data):
    pairs = jobs(planned(table(), scale="small", only={"setting": [""], "method": ["hard"]}), data)
    sets = [job.data for _, job in pairs]
    assert len(sets) == 3
    assert len({tuple(s.test.inputs) for s in sets}) == 1
    assert len(sets[0].test) == 60
    rows = sorted(text for s in sets for text in s.dev.inputs)
    assert rows == sorted([*sets[0].train.inputs, *sets[0].dev.inputs])
    assert len(rows) == 120


def test_random_splits_draw_test_rows_too_and_keep_equal_texts_together(data):
    text = TOML.replace('{ kind = "folds", number = 3 }', '{ kind = "splits", number = 3, share = 0.7, dev = 0.2 }')
    pairs = jobs(planned(table(text), scale="small", only={"setting": [""], "method": ["hard"]}), data)
    sets = [job.data for _, job in pairs]
    assert len({tuple(s.test.inputs) for s in sets}) == 3
    for s in sets:
        assert len(s.train) + len(s.dev) <= 120
        assert len(s.test) / (len(s.train) + len(s.dev) + len(s.test)) == pytest.approx(0.3, abs=0.02)
        assert not set(s.test.inputs) & {*s.train.inputs, *s.dev.inputs}
        assert not len(s.leaked)


def test_damage_reaches_train_and_dev_and_never_test(data):
    plan = planned(table(), scale="small", only={"method": ["hard"], "repeat": ["0"]})
    sets = {(run.setting, run.variant): job.data for run, job in jobs(plan, data)}
    clean, noisy = sets["", None], sets["noise", None]
    assert (clean.train.labels != noisy.train.labels).mean() == pytest.approx(0.2, abs=0.01)
    assert (clean.dev.labels != noisy.dev.labels).mean() == pytest.approx(0.2, abs=0.02)
    assert (clean.test.labels == noisy.test.labels).all()
    for k in range(4):
        rare = sets["rare", k].train.labels
        before = (clean.train.labels == k).sum()
        assert (rare == k).sum() == max(round(before / 10), 1)
        assert (rare != k).sum() == (clean.train.labels != k).sum()


def test_leaked_rows_of_a_published_split_are_known(data):
    plan = planned(table(), scale="full", only={"setting": [""], "method": ["hard"], "repeat": ["0"], "model": ["L"]})
    ((_, job),) = jobs(plan, data)
    assert [job.data.test.inputs[row] for row in job.data.leaked] == [job.data.test.inputs[-1]]


def test_a_control_of_a_method_without_a_record_waits_for_nothing(data):
    plan = planned(table(), scale="small", only={"setting": [""], "method": ["KWLS"], "repeat": ["0"]})
    assert all(job.source is None for _, job in jobs(plan, data))
    text = TOML.replace('name = "kwls-paper"', 'name = "lcm-paper"')
    plan = planned(table(text), scale="small", only={"setting": [""], "method": ["KWLS"], "repeat": ["0"]})
    waiting = {run.control: job.source for run, job in jobs(plan, data)}
    assert waiting[""] is None
    assert all(waiting[name].control == "" for name in ("uniform", "class-mean", "shuffled"))
