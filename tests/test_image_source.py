"""Images from folders, idx files and the digits, and the fronts that take them."""

import json

import numpy as np
import polars
import pytest
from image_samples import idx_folder, png_folder, squares

import sfumato
from sfumato.dataset import cut_data
from sfumato.errors import InputError
from sfumato.image_source import read_images
from sfumato.source import read_examples

QUICK = {"model": "image-cnn", "model_options": {"filters": (4,), "hidden": 8}, "device": "cpu", "lr": 1e-2}


def test_a_folder_of_idx_files_is_trained_on_its_training_images_and_measured_on_the_others(tmp_path):
    images, numbers = idx_folder(tmp_path)
    train, notes = read_examples(str(tmp_path))
    assert np.array_equal(train.inputs, images[:20])
    assert train.classes == ("0", "1")
    assert notes == [f"{tmp_path}: 20 training images of 6 × 8 pixels"]
    held_out, _ = read_examples(str(tmp_path), classes=("1", "0"))
    assert np.array_equal(held_out.inputs, images[20:])
    assert np.array_equal(held_out.labels, 1 - numbers[20:])
    named, _ = read_examples(tmp_path / "train-images-idx3-ubyte.gz", classes=("0", "1"))
    assert len(named) == 20
    data = cut_data("idx", str(tmp_path))
    assert (len(data.train) + len(data.dev), len(data.test)) == (20, 10)
    idx_folder(tmp_path / "part", test=False)
    with pytest.raises(InputError, match="has no test images, only train"):
        read_examples(str(tmp_path / "part"), classes=("0", "1"))


def test_a_folder_of_pictures_names_the_classes(tmp_path):
    images, labels = png_folder(tmp_path)
    rows = read_images(tmp_path)
    order = sorted(range(24), key=lambda row: (labels[row], row))
    assert np.array_equal(rows.images, images[order])
    assert rows.labels == [labels[row] for row in order]
    assert rows.names[0] == "left/001.png"
    assert read_images(tmp_path / "left").labels is None
    with pytest.raises(InputError, match="holds images without classes"):
        read_examples(tmp_path / "left")


def test_one_picture_in_colours_makes_all_of_them_rgb(tmp_path):
    images, _ = png_folder(tmp_path)
    png_folder(tmp_path / "colour", rows=2, colours=(3,))
    (tmp_path / "colour" / "left" / "001.png").rename(tmp_path / "left" / "999.png")
    for folder in ("left", "right"):
        (tmp_path / "colour" / folder / "000.png").unlink(missing_ok=True)
        (tmp_path / "colour" / folder).rmdir()
    (tmp_path / "colour").rmdir()
    rows = read_images(tmp_path)
    assert rows.images.shape == (25, 6, 8, 3)
    assert np.array_equal(rows.images[0], np.stack([images[1]] * 3, axis=2))
    assert "RGB" in rows.notes[0]


def test_files_that_are_no_pictures_are_refused_together_or_left_out(tmp_path):
    image = pytest.importorskip("PIL.Image")
    png_folder(tmp_path)
    (tmp_path / "left" / "words.png").write_text("not a picture")
    image.fromarray(np.zeros((5, 5), np.uint8)).save(tmp_path / "right" / "small.png")
    image.fromarray(np.full((6, 8, 4), 9, np.uint8)).save(tmp_path / "right" / "thin.png")
    image.fromarray(np.zeros((6, 8), np.uint16)).save(tmp_path / "right" / "deep.png")
    with pytest.raises(InputError, match="4 files cannot be used") as refused:
        read_images(tmp_path)
    for said in (
        "left/words.png cannot",
        "small.png .* 5 × 5, and the first 6 × 8",
        "thin.png .* transparent",
        "8 bits",
    ):
        assert refused.match(said)
    rows = read_images(tmp_path, bad_rows="drop")
    assert len(rows.images) == 24
    assert rows.dropped == 4
    assert rows.notes[1].startswith("4 of 28 images left out")


def test_a_folder_of_something_else_says_what_is_looked_for(tmp_path):
    with pytest.raises(InputError, match=r"a folder without images; images lie in folder/<class>/\*.png"):
        read_images(tmp_path)
    png_folder(tmp_path / "train", rows=2)
    with pytest.raises(InputError, match=r"give one of its parts: .*train"):
        read_images(tmp_path)


def test_the_digits_are_cut_so_that_no_test_image_is_trained_on():
    train, test = read_images("digits"), read_images("digits", split="test")
    assert (len(train.images), len(test.images)) == (1438, 359)
    assert not set(train.names) & set(test.names)
    assert train.images.max() == 255


def test_fit_predict_and_evaluate_take_arrays_and_folders(tmp_path):
    images, labels = png_folder(tmp_path, rows=60)
    model = sfumato.fit(str(tmp_path), method="label-smoothing", epochs=8, **QUICK)
    assert model.reads == "images"
    assert model.predict(images) == labels
    assert model.predict(list(images[:3])) == labels[:3]
    assert model.predict(str(tmp_path / "left")) == ["left"] * 30
    assert model.evaluate((images, labels)).metrics["accuracy"].value == 1
    again = sfumato.fit((images, np.array(labels)), method="label-smoothing", dev=(images, labels), epochs=8, **QUICK)
    assert again.info["rows"] == {"train": 60, "dev": 60}
    other = model.evaluate((images[:4], ["left", "right", "above", "left"]))
    assert other.unseen == 1
    assert "classes that training did not have (above): 1 rows counted as errors" in other.notes


def test_texts_and_images_are_not_taken_for_each_other(tickets):
    images, labels = squares()
    with pytest.raises(
        InputError, match="the model linear reads texts, and it was given images; choose model='image-cnn'"
    ):
        sfumato.fit((images, labels), model="linear", method="baseline")
    with pytest.raises(InputError, match="the model image-cnn reads images, and it was given texts; choose a model of"):
        sfumato.fit(tickets, method="baseline", **QUICK)
    model = sfumato.fit((images, labels), method="baseline", epochs=1, **QUICK)
    with pytest.raises(InputError, match="image-cnn reads images, and it was given texts"):
        model.predict(["a text"])
    with pytest.raises(InputError, match="reads images of 6 × 8 grey pixels, got 6 × 8 RGB"):
        model.predict(squares(colours=(3,))[0])
    with pytest.raises(InputError, match="kwls reads the words of texts, and these are images; use a method that"):
        sfumato.soften(images, labels)
    with pytest.raises(InputError, match="model linear reads texts"):
        sfumato.soften(images, labels, "lcm")
    text_model = sfumato.fit(tickets, model="linear", method="baseline")
    with pytest.raises(InputError, match="the model linear reads texts, and it was given images"):
        text_model.predict(images)


def test_what_names_a_column_or_a_length_is_refused_for_images():
    images, labels = squares()
    with pytest.raises(InputError, match="images have no columns, so text and votes cannot name one"):
        sfumato.fit((images, labels), text="body", votes="rows", **QUICK)
    with pytest.raises(InputError, match="image-cnn has no max_length: images are read whole"):
        sfumato.fit((images, labels), max_length=10, **QUICK)
    with pytest.raises(InputError, match="one label an image, got 40 images and 39 labels"):
        sfumato.fit((images, labels[1:]), **QUICK)


def test_soft_targets_of_images_belong_to_these_images():
    images, labels = squares()
    soft = sfumato.soften(images, labels, "label-smoothing")
    assert "an image of 6 × 8" in soft._repr_html_()
    assert sfumato.fit((images, labels), soft_targets=soft, method="baseline", epochs=1, **QUICK).info["dev"]
    with pytest.raises(InputError, match="row 1 was made for 'an image of 6 × 8'"):
        sfumato.fit((images[::-1], labels[::-1]), soft_targets=soft, method="baseline", **QUICK)


def test_compare_refuses_what_reads_words_before_the_first_run(tmp_path):
    data = squares(60)
    with pytest.raises(InputError, match="tfidf reads the words of texts"):
        sfumato.compare(data, models="image-cnn", methods=["baseline", "tfidf"], output=tmp_path / "out")
    with pytest.raises(InputError, match="textcnn reads texts"):
        sfumato.compare(data, models=["image-cnn", "textcnn"], methods="baseline", output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_compare_runs_methods_and_controls_on_several_sets_of_images():
    sets = {"one": squares(60), "two": squares(60, seed=1)}
    models = [("image-cnn", {"filters": (4,), "hidden": 8})]
    found = sfumato.compare(sets, models=models, methods=["baseline", "lcm"], seeds=1, epochs=1, max_length=9, jobs=1)
    assert not found.failed
    assert len(found.lines) == 2 * (1 + 1 + 3)
    assert all(line["model"].startswith("image-cnn") for line in found.lines)


@pytest.mark.slow
def test_the_commands_take_folders_of_pictures(tmp_path, monkeypatch, capfd):
    from sfumato.cli.app import app

    def run(*arguments):
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            app([str(argument) for argument in arguments], prog_name="sfumato")
        return ended.value.code or 0, *capfd.readouterr()

    png_folder(tmp_path / "shapes", rows=60)
    settings = [
        "--model",
        "image-cnn",
        "--set",
        "filters=4",
        "--epochs",
        "4",
        "--method",
        "baseline",
        "--device",
        "cpu",
    ]
    code, out, err = run("fit", tmp_path / "shapes", *settings, "--lr", "0.02", "-o", tmp_path / "model")
    assert code == 0, err
    assert "60 images of 6 × 8 pixels, grey" in err
    assert "images/ -o scored.csv" in out
    code, _, err = run("predict", tmp_path / "model", tmp_path / "shapes", "--proba", "-o", tmp_path / "scored.csv")
    assert code == 0, err
    scored = polars.read_csv(tmp_path / "scored.csv")
    assert scored.columns == ["image", "predicted", "confidence", "p_left", "p_right"]
    assert [name.split("/")[0] for name in scored["image"]] == scored["predicted"].to_list()
    code, out, _ = run("evaluate", tmp_path / "model", tmp_path / "shapes", "--json")
    assert json.loads(out)["metrics"]["accuracy"]["value"] == 1
    assert run("predict", tmp_path / "model", tmp_path / "scored.csv")[0] == 2
    code, _, err = run("soften", tmp_path / "shapes")
    assert code == 2
    assert "soften writes a table" in err
    code, _, err = run("fit", tmp_path / "shapes", "-o", tmp_path / "other", "--method", "baseline")
    assert code == 2
    assert "linear reads texts" in err
    assert not (tmp_path / "other").exists()
