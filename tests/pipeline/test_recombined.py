from __future__ import annotations

import json

import cv2
import numpy as np

from models.image import GrayImage
from pipeline.benchmark.orand import amounts_like
from pipeline.benchmark.recombined import Recombined, taken_apart
from pipeline.training.running_hand import WrittenLine


def amount(text: str, *, paper: int, ink: int) -> WrittenLine:
    """Digits on ruled paper, with their boxes."""
    image = np.full((60, 20 + 30 * len(text)), paper, np.uint8)
    image[::7] = paper - 18
    boxes = []
    for place, digit in enumerate(text):
        x, y = 10 + 30 * place, 45
        cv2.putText(image, digit, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (ink,), 3, cv2.LINE_AA)
        boxes.append([x - 2, y - 30, 28, 34])
    return WrittenLine(np.asarray(image, np.uint8), text, json.dumps(boxes))


def ink_in_boxes(image: GrayImage, line: WrittenLine) -> list[int]:
    paper = int(np.median(image))
    return [int((image[y : y + h, x : x + w] < 0.7 * paper).sum()) for x, y, w, h in json.loads(line.writer)]


def test_a_recombined_string_has_ink_wherever_its_text_has_a_digit() -> None:
    line = amount("4170", paper=210, ink=40)
    recombined = Recombined([line])
    rng = np.random.default_rng(3)

    drawn = [recombined.draw(rng) for _ in range(20)]

    assert {len(text) for _, text in drawn} == {4}
    assert all(min(ink_in_boxes(image, line)) > 15 for image, _ in drawn)


def test_recombined_strings_say_what_no_string_said() -> None:
    recombined = Recombined([amount("123", paper=220, ink=30), amount("908", paper=170, ink=60)])
    rng = np.random.default_rng(4)

    texts = {recombined.draw(rng)[1] for _ in range(60)}

    assert len(texts - {"123", "908"}) > 20
    assert set("".join(texts)) == set("123908")


def test_a_borrowed_digit_is_as_faint_as_the_pen_of_its_new_string() -> None:
    faint = amount("333", paper=200, ink=140)
    recombined = Recombined([faint, amount("8888", paper=200, ink=10)])
    rng = np.random.default_rng(5)

    drawn = [recombined.draw(rng) for _ in range(60)]

    borrowed = [image for image, text in drawn if image.shape == faint.image.shape and "8" in text]
    assert len(borrowed) > 10
    assert min(int(image.min()) for image in borrowed) > 100


def test_a_neighbours_stroke_in_the_box_stays_with_the_neighbour() -> None:
    image = np.full((60, 120), 220, np.uint8)
    cv2.line(image, (20, 10), (20, 50), (20,), 4)
    cv2.line(image, (100, 10), (45, 50), (20,), 4)
    line = WrittenLine(np.asarray(image, np.uint8), "17", json.dumps([[15, 8, 45, 44], [43, 8, 60, 44]]))

    first = taken_apart(line).digits[0]

    assert first.ink[:, :10].max() > 0.5
    assert first.ink[:, 30:].max() < 0.05


def test_amounts_are_often_round() -> None:
    likely = amounts_like(10 * ["12000", "45000", "3000", "81273", "9164"])

    assert likely("350", "0") > 1.2 * likely("350", "7")
    assert likely("35000", "") > likely("35", "")
    assert all(likely(before, following) > 0 for before in ("", "77") for following in ("4", ""))
