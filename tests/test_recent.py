from sfumato.recent import Recent


def test_a_result_is_found_by_its_texts_and_settings_and_by_no_others():
    recent = Recent(1000)
    texts = ["one", "two"]
    recent.keep("made", 10, texts, 3)
    assert recent.find(["one", "two"], 3) == "made"
    assert recent.find(("one", "two"), 3) == "made"
    assert recent.find(["one", "two"], 4) is None
    assert recent.find(["one"], 3) is None
    texts[1] = "three"
    assert recent.find(texts, 3) is None


def test_what_was_not_asked_for_longest_goes_when_there_is_too_much():
    recent = Recent(100)
    recent.keep("a", 39, ["a"])
    recent.keep("b", 39, ["b"])
    assert recent.find(["a"]) == "a"
    recent.keep("c", 39, ["c"])
    assert (recent.find(["a"]), recent.find(["b"]), recent.find(["c"])) == ("a", None, "c")


def test_a_result_larger_than_all_may_be_is_not_kept_and_drives_nothing_out():
    recent = Recent(100)
    recent.keep("a", 39, ["a"])
    recent.keep("large", 100, ["b"])
    recent.keep("of a long text", 10, ["b" * 91])
    assert recent.find(["a"]) == "a"
    assert recent.find(["b"]) is None
    assert recent.find(["b" * 91]) is None
    recent.keep("of a shorter text", 10, ["b" * 90])
    assert recent.find(["b" * 90]) == "of a shorter text"


def test_keeping_the_same_again_takes_its_place_once():
    recent = Recent(100)
    for made in ("first", "second"):
        recent.keep(made, 59, ["a"])
    recent.keep("other", 39, ["b"])
    assert recent.find(["a"]) == "second"
    assert recent.find(["b"]) == "other"


def test_the_longest_start_of_the_texts_is_found():
    recent = Recent(1000)
    recent.keep("a", 10, ["a"])
    recent.keep("a b", 10, ["a", "b"])
    recent.keep("b", 10, ["b"])
    assert recent.find_start(["a", "b", "c"]) == ("a b", 2)
    assert recent.find_start(["a", "c"]) == ("a", 1)
    assert recent.find_start(["c", "a"]) is None


def test_what_is_forgotten_is_made_anew():
    kept = Recent(100)
    kept.keep("found", 5, ["a"])
    kept.forget()
    assert kept.find(["a"]) is None
    kept.keep("again", 5, ["a"])
    assert kept.find(["a"]) == "again"
