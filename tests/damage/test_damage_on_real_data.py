"""The damages of the papers on the sets they were made for: realised rates and sizes."""

import numpy as np
import polars as pl
import pytest

from sfumato.damage import class_subset, group_noise, imbalance
from sfumato.data import Examples

pytestmark = pytest.mark.data


def published(folder, name):
    rows = pl.read_parquet(folder / name / f"{name}.parquet", columns=["text", "label", "split"])
    rows = rows.filter(pl.col("split") == "train")
    return Examples.from_labels(rows["text"].to_list(), rows["label"].to_list())


@pytest.mark.parametrize("rate", [0.06, 0.12, 0.3])
def test_noise_within_groups_of_20newsgroups_has_the_rates_of_lcm_table_4(data_folder, rate):
    train = published(data_folder, "20newsgroups")
    damaged = group_noise(train, rate=rate, seed=0)
    assert len(damaged.touched) / len(train) == pytest.approx(rate, abs=1 / len(train))
    group = np.array([name.split(".")[0] for name in train.classes])
    before, after = train.labels[damaged.touched], damaged.examples.labels[damaged.touched]
    assert (before != after).all()
    assert (group[before] == group[after]).all()
    assert set(group[before]) == {"comp", "rec", "sci", "talk"}
    assert "1664 rows stay" in damaged.said  # 480 + 585 + 599: alt.atheism, misc.forsale, soc.religion.christian


def test_noise_within_groups_of_trec_has_its_rate(data_folder):
    train = published(data_folder, "trec")
    damaged = group_noise(train, rate=0.1, seed=0)
    assert len(damaged.touched) == 545  # of 5452
    group = np.array([name.split(":")[0] for name in train.classes])
    assert (group[train.labels[damaged.touched]] == group[damaged.examples.labels[damaged.touched]]).all()


@pytest.mark.parametrize("rare", ["Business", "Sci/Tech", "Sports", "World"])
def test_each_class_of_ag_news_in_turn_is_cut_to_a_hundredth(data_folder, rare):
    train = published(data_folder, "ag_news")
    before = np.bincount(train.labels)
    after = np.bincount(imbalance(train, classes=[rare], seed=0).examples.labels)
    for k, name in enumerate(train.classes):
        assert after[k] == (round(before[k] / 100) if name == rare else before[k])


def test_the_subset_4ng_h_is_four_classes_of_rec(data_folder):
    names = ["rec.autos", "rec.motorcycles", "rec.sport.baseball", "rec.sport.hockey"]
    damaged = class_subset(published(data_folder, "20newsgroups"), classes=names)
    assert np.bincount(damaged.examples.labels).tolist() == [594, 598, 597, 600]
