"""Which known form a page is: its printed matter is found again by features, then compared word by word.

Features (ORB) say where the form would lie on the page, upside down or turned as well; small pictures of the blank's
own print say whether it is that form or one that merely looks alike, and place it to a fraction of a millimetre.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from models.definitions import ZoneKind
from models.geometry import MM_PER_INCH, Box
from models.image import GrayImage, peaks_apart, shrunk
from models.reading import FormMatch
from models.templates import FormTemplate

Matrix = NDArray[np.float64]
"""Homography, shape (3, 3)."""
Points = NDArray[np.float64]
"""Shape (n, 2)."""

WORK_DPI = 100.0
_LONGEST_PX = 1500
_FEATURES, _CORNERS = 900, 4000
"""Features of a page, and corners from which they are chosen."""
_PART_PX = 160
"""Side of the parts of a page that give features in turn: four centimetres."""
_CLOSE_BITS = 64
"""Descriptors of 256 bits that differ in more are not the same print."""
_FEWEST_PAIRS = 8
_PATCH = (64, 24)
"""Width and height in pixels at `WORK_DPI` of a piece of print: about one word."""
_PATCHES = 40
_BENT = 0.1
"""Share of the corners of the piece with most, which another must have: a piece of a bare line slides along it."""
_SEARCH = 9
"""Pixels around the expected place in which a piece of print is looked for at first."""
_ROUNDS = 3
"""How often a form is placed again by what was found: a photograph's slant comes out bit by bit."""
_SURELY = 0.9
"""Likeness at which it is placed well enough."""
_WHOLLY = 0.995
"""So much found again needs no other guess of where the form lies; laid one tick too far along a comb, much is too."""
_FAR_PX = 5.0
"""Print further from its place than a fold explains (1.3 mm) is print of another form."""
_SAME_PRINT = 0.55
"""Correlation from which a piece of print is taken for the same."""
_SOME = 8
"""One feature of so many says which forms to place first."""
_CANDIDATES = 4
_RIVAL = 0.5
"""A form with so large a share of the likeliest one's votes is compared with it before the page is decided."""
_TOO_CLOSE = 0.008
"""Forms whose print is found again alike, but for less than a word, cannot be told apart on this page."""
_DOUBTFUL = 0.85
_NEARLY_ALL, _PERHAPS = 0.85, 0.6
"""Likeness at which a page without the form's frames is perhaps the form, and the confidence that says so."""
_ALIKE_PX = 24.0
MIN_CONFIDENCE = 0.5
"""Below it the page is no known form."""


@dataclass(frozen=True, slots=True, eq=False)
class _PreparedPage:
    """One page of a form, ready to be found."""

    form: str
    number: int
    points: Points
    """Of the features, pixels at `WORK_DPI`."""
    descriptors: NDArray[np.uint8]
    size: tuple[int, int]
    """Width and height in pixels at `WORK_DPI`."""
    patches: tuple[tuple[int, int, GrayImage], ...]
    """(left, top, picture) of pieces of print that are always there."""
    frames: tuple[tuple[NDArray[np.intp], NDArray[np.intp]], ...]
    """(rows, columns) of the printed frame of each zone that has one."""


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """How well one form page explains a page."""

    page: _PreparedPage
    to_work: Matrix
    """Pixels of the blank at `WORK_DPI` -> pixels of the page at working size."""
    likeness: float
    """Share of the visible print that is found again in its place, weighted by how well; 0..1."""
    frames: float
    """Share of the visible zones whose frames are there; 0..1. As `likeness` on a page without frames."""
    visible: float
    """Share of the print that lies on the page image."""
    error_px: float


def match_form(page: GrayImage, *, dpi: float, templates: Sequence[FormTemplate]) -> FormMatch | None:
    """Which form, and which page of it, a page image shows; `None` when it is none of them.

    Pages of a form without zones (terms, notes) are found too. The page may be turned by any angle, upside down,
    shrunk or stretched to a half or the double, photographed at a slant, folded or cut at a corner: the homography
    says how it lies.

    Args:
        page: shape (height, width), uint8, 0 ink, 255 paper.
        dpi: of the page; a rough guess will do.
    Source: ORB, Rublee et al., ICCV 2011; RANSAC, Fischler and Bolles, CACM 1981.
    """
    prepared = [each for template in templates for each in _prepared(template)]
    if not prepared or min(page.shape) < 64:
        return None
    work, scale = _working(page, dpi)
    points, descriptors = _features(work)
    if len(points) < _FEWEST_PAIRS:
        return None
    trials: list[_Trial] = []
    for each, placements, rivals in _candidates(prepared, points, descriptors):
        for matrix in placements:
            trial = _tried(each, matrix, work)
            if trial is not None:
                trials.append(trial)
                if _found_again(trial) > _WHOLLY:
                    break
        # Another edition of the same form is as sure as the right one; only beside one another they can be told.
        if not rivals and any(_confidence(made) > 0.99 for made in trials):
            break
    best = max(trials, key=_found_again, default=None)
    if best is None or _confidence(best) < MIN_CONFIDENCE:
        return None
    confidence = _confidence(best)
    others = (_found_again(trial) for trial in trials if trial.page.form != best.page.form)
    if _found_again(best) - max(others, default=0.0) < _TOO_CLOSE:
        confidence = min(confidence, _DOUBTFUL)
    return FormMatch(
        form=best.page.form,
        form_page=best.page.number,
        confidence=confidence,
        to_page=_in_millimetres(best.to_work, scale),
        error_mm=best.error_px * MM_PER_INCH / WORK_DPI,
    )


def prepare(templates: Sequence[FormTemplate]) -> None:
    """Do once what `match_form` needs of each form, before processes are forked that share it."""
    for template in templates:
        _prepared(template)


def _candidates(
    prepared: Sequence[_PreparedPage], points: Points, descriptors: NDArray[np.uint8]
) -> Iterator[tuple[_PreparedPage, Iterable[Matrix], bool]]:
    """Form pages that the page may show, where each may lie, and whether one as likely follows.

    The likeliest come first, the others only when asked for. Most pages lie straight: some of a form's features,
    all moved alike, tell which forms to place first.
    """
    votes = [_moved_alike(each, points, descriptors) for each in prepared]
    ranked = sorted(range(len(votes)), key=lambda number: -len(votes[number][0]))
    likeliest = len(votes[ranked[0]][0])
    alike = [number for number in ranked[:_CANDIDATES] if len(votes[number][0]) >= _RIVAL * likeliest]
    for number in alike:
        yield prepared[number], _placements(prepared[number], votes[number], points, descriptors), number != alike[-1]
    placed = []
    for number in ranked[len(alike) :]:
        placements, agreeing = _placed(prepared[number], points, descriptors)
        if placements:
            placed.append((agreeing, prepared[number], placements))
    placed.sort(key=lambda item: -item[0])
    yield from ((each, placements, False) for _, each, placements in placed[: _CANDIDATES - 1])


def _placements(
    page: _PreparedPage, moved: tuple[Points, Points], points: Points, descriptors: NDArray[np.uint8]
) -> Iterator[Matrix]:
    """Where a form page may lie: first by the features that moved alike, which is right for most scans."""
    if len(moved[0]) >= _FEWEST_PAIRS:
        straight, _ = cv2.estimateAffinePartial2D(*moved, method=cv2.RANSAC, ransacReprojThreshold=3.0)
        if straight is not None and _is_paper(whole := np.vstack((straight, (0, 0, 1)))):
            yield whole
    yield from _placed(page, points, descriptors)[0]


def _moved_alike(page: _PreparedPage, points: Points, descriptors: NDArray[np.uint8]) -> tuple[Points, Points]:
    """The most features of a form page that are found on the page with the same shift, to within `_ALIKE_PX`: where
    they are on the form, and on the page."""
    nothing: Points = np.zeros((0, 2))
    if len(page.points) < _FEWEST_PAIRS:
        return nothing, nothing
    some = slice(None, None, _SOME)
    distances, nearest = cv2.batchDistance(
        page.descriptors[some], descriptors, cv2.CV_32S, normType=cv2.NORM_HAMMING, K=1
    )
    close = distances[:, 0] < _CLOSE_BITS
    source, target = page.points[some][close], points[nearest[close, 0]]
    most = np.zeros(0, np.intp)
    for offset in (0.0, 0.5):
        cells = np.floor((target - source) / _ALIKE_PX + offset).astype(np.int64)
        _, number, counts = np.unique(cells[:, 0] * 100_000 + cells[:, 1], return_inverse=True, return_counts=True)
        if counts.max(initial=0) > len(most):
            most = np.flatnonzero(number == counts.argmax())
    return source[most], target[most]


def _confidence(trial: _Trial) -> float:
    """Logistic in what is found again of print and frames.

    Fitted by hand between true forms, scanned badly, photographed and cut (0.91 and more), and forms made of the same
    blocks in other places (0.80 and less). Where nearly all print is in its place and the frames alone are gone,
    as a threshold for black and white takes pale ones away, it is perhaps the form: a person says.
    """
    likely = 1.0 / (1.0 + math.exp(-45.0 * (_found_again(trial) - 0.83)))
    perhaps = _PERHAPS if trial.likeness > _NEARLY_ALL else 0.0
    return max(likely, perhaps) * min(1.0, trial.visible / 0.4)


def _found_again(trial: _Trial) -> float:
    """How much of the form is found again, print and frames together; 0..1."""
    # Thin or coloured frames may be lost to a scanner's threshold: then nearly all print must be there.
    return max(0.6 * trial.likeness + 0.4 * trial.frames, trial.likeness - 0.08)


def _in_millimetres(to_work: Matrix, scale: float) -> tuple[float, ...]:
    """Homography from millimetres on the blank to pixels of the page, as 9 numbers.

    Arrays count pixels by their centres, paper by edges: half a pixel lies between.
    """
    blank = np.array([[WORK_DPI / MM_PER_INCH, 0, -0.5], [0, WORK_DPI / MM_PER_INCH, -0.5], [0, 0, 1]])
    page = np.array([[1 / scale, 0, 0.5 / scale], [0, 1 / scale, 0.5 / scale], [0, 0, 1]])
    whole = page @ to_work @ blank
    whole = whole / whole[2, 2]
    return tuple(float(value) for value in whole.ravel())


def _working(page: GrayImage, dpi: float) -> tuple[GrayImage, float]:
    """The page at about `WORK_DPI`, and the factor that made it."""
    scale = min(1.0, WORK_DPI / dpi, _LONGEST_PX / max(page.shape))
    return shrunk(page, scale), scale


def _features(work: GrayImage) -> tuple[Points, NDArray[np.uint8]]:
    # Bitonal scans have corners on every pixel of a stroke's edge; a slight blur makes them like gray ones.
    smooth = cv2.GaussianBlur(work, (0, 0), 1.0)
    orb = cv2.ORB.create(
        nfeatures=_CORNERS, scaleFactor=1.25, nlevels=4, edgeThreshold=16, patchSize=31, fastThreshold=12
    )
    corners = orb.detect(smooth, None)
    keypoints, descriptors = orb.compute(smooth, [corners[number] for number in _spread(corners)])
    if descriptors is None:
        return np.zeros((0, 2)), np.zeros((0, 32), np.uint8)
    return np.array([k.pt for k in keypoints], np.float64), np.asarray(descriptors, np.uint8)


def _spread(corners: Sequence[cv2.KeyPoint]) -> NDArray[np.intp]:
    """Indices of the strongest corners of the page, and of the strongest of each of its parts, half and half.

    A barcode and a broad pen have more and stronger corners than all that is printed beside them; where little is
    printed, the parts that are bare have none but noise.
    """
    strength = np.array([corner.response for corner in corners])
    column, row = np.floor_divide(np.reshape(cv2.KeyPoint.convert(corners), (-1, 2)), _PART_PX).astype(np.intp).T
    part = row * (_LONGEST_PX // _PART_PX + 1) + column
    by_part = np.lexsort((-strength, part))
    counts = np.bincount(part)
    rank = np.empty(len(corners), np.intp)
    rank[by_part] = np.arange(len(corners)) - np.repeat(np.cumsum(counts) - counts, counts)
    rank[np.argsort(-strength, kind="stable")[: _FEATURES // 2]] = -1
    return np.lexsort((-strength, rank))[:_FEATURES]


@lru_cache(maxsize=256)
def _prepared(template: FormTemplate) -> tuple[_PreparedPage, ...]:
    pages = []
    for number, blank in enumerate(template.blanks, start=1):
        scale = WORK_DPI / template.dpi
        work = shrunk(blank, scale) if scale < 1 else np.asarray(cv2.resize(blank, None, fx=scale, fy=scale), np.uint8)
        points, descriptors = _features(work)
        zones = [zone.box.grown(0.8).scaled(WORK_DPI / MM_PER_INCH) for zone in template.definition.zones_on(number)]
        size = (work.shape[1], work.shape[0])
        framed = [
            zone.box.grown(0.6).scaled(WORK_DPI / MM_PER_INCH)
            for zone in template.definition.zones_on(number)
            if zone.kind in (ZoneKind.COMB, ZoneKind.CHECKBOX, ZoneKind.SIGNATURE)
        ]
        frames = _frames(work, framed)
        pages.append(_PreparedPage(template.id, number, points, descriptors, size, _patches(work, zones), frames))
    return tuple(pages)


def _frames(work: GrayImage, zones: Sequence[Box]) -> tuple[tuple[NDArray[np.intp], NDArray[np.intp]], ...]:
    frames = []
    for zone in zones:
        top, left = max(0, round(zone.y)), max(0, round(zone.x))
        part = work[top : round(zone.bottom), left : round(zone.right)]
        rows, columns = np.nonzero(part < 190)
        if len(rows) >= 24:
            step = max(1, len(rows) // 160)
            frames.append((rows[::step] + top, columns[::step] + left))
    return tuple(frames)


def _patches(work: GrayImage, zones: Sequence[Box]) -> tuple[tuple[int, int, GrayImage], ...]:
    """The pieces of print with most ink, spread over the page, outside what is filled in; inside too if need be."""
    smooth = np.asarray(cv2.GaussianBlur(work, (0, 0), 0.8), np.uint8)
    detail = np.abs(cv2.Laplacian(smooth, cv2.CV_32F, ksize=3))
    fixed = np.ones(work.shape, np.float32)
    for zone in zones:
        fixed[max(0, round(zone.y)) : round(zone.bottom), max(0, round(zone.x)) : round(zone.right)] = 0
    corners = np.sqrt(np.maximum(cv2.cornerMinEigenVal(smooth, blockSize=3, ksize=3), 0))
    chosen = _most_detailed(detail, corners, fixed, _PATCHES)
    if len(chosen) < 8:
        chosen = _most_detailed(detail, corners, np.ones_like(fixed), _PATCHES)
    width, height = _PATCH
    return tuple((x, y, smooth[y : y + height, x : x + width].copy()) for x, y in chosen)


def _most_detailed(
    detail: NDArray[np.float32], corners: NDArray[np.float32], fixed: NDArray[np.float32], most: int
) -> list[tuple[int, int]]:
    width, height = _PATCH
    if detail.shape[0] <= height or detail.shape[1] <= width:
        return []
    total, bent, free = (
        cv2.boxFilter(part, -1, _PATCH, anchor=(0, 0), normalize=True, borderType=cv2.BORDER_CONSTANT)
        for part in (detail * fixed, corners * fixed, fixed)
    )
    usable = (free > 0.97) & (bent > _BENT * bent.max(initial=0))
    total = np.where(usable, total, 0)[: -height or None, : -width or None].copy()
    floor = 0.12 * float(total.max(initial=0)) + 1e-3
    return peaks_apart(np.asarray(total, np.float32), apart=_PATCH, floor=floor, most=most)


def _placed(page: _PreparedPage, points: Points, descriptors: NDArray[np.uint8]) -> tuple[Sequence[Matrix], int]:
    """Where the form page may lie, the likeliest first, and the number of features that agree on that."""
    if len(page.points) < _FEWEST_PAIRS:
        return (), 0
    distances, nearest = cv2.batchDistance(page.descriptors, descriptors, cv2.CV_32S, normType=cv2.NORM_HAMMING, K=2)
    kept = (distances[:, 0] < _CLOSE_BITS) & (distances[:, 0] < 0.9 * distances[:, 1])
    pairs = _one_to_one(np.flatnonzero(kept), nearest[:, 0], distances[:, 0])
    if len(pairs) < _FEWEST_PAIRS:
        return (), 0
    source, target = page.points[pairs], points[nearest[pairs, 0]]
    # A sheet is turned, scaled and shifted; less often stretched, or seen at a slant. More freedom finds more that
    # agrees, sometimes on nonsense: what agrees most is laid over the page first, the others where that is not it.
    alike, alike_agreeing = cv2.estimateAffinePartial2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=6.0, maxIters=3000, confidence=0.999
    )
    affine, affine_agreeing = cv2.estimateAffine2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=6.0, maxIters=1500, confidence=0.995
    )
    bent, bent_agreeing = cv2.findHomography(source, target, cv2.USAC_MAGSAC, 3.0, maxIters=3000, confidence=0.999)
    found = ((affine, affine_agreeing), (bent, bent_agreeing), (alike, alike_agreeing))
    sheets = [
        (int(agreeing.sum()), whole)
        for matrix, agreeing in found
        if matrix is not None and agreeing.sum() >= _FEWEST_PAIRS
        if _is_paper(whole := np.vstack((matrix, (0, 0, 1)))[:3])
    ]
    sheets.sort(key=lambda sheet: -sheet[0])
    return [matrix for _, matrix in sheets], sheets[0][0] if sheets else 0


def _one_to_one(kept: NDArray[np.intp], nearest: cv2.typing.MatLike, distances: cv2.typing.MatLike) -> NDArray[np.intp]:
    """Of the features that mean the same one of the page, the likest alone.

    All ticks of all combs look alike: together they would agree on a form shrunk to a line.
    """
    likest_first = kept[np.argsort(distances[kept], kind="stable")]
    _, first = np.unique(nearest[likest_first], return_index=True)
    return np.sort(likest_first[first])


def _is_paper(matrix: Matrix) -> bool:
    """Whether a homography is a sheet seen from the front: not mirrored, no more than halved or doubled or sheared."""
    a, b, c, d = matrix[0, 0], matrix[0, 1], matrix[1, 0], matrix[1, 1]
    area = a * d - b * c
    if area <= 0:
        return False
    wide, tall = math.hypot(a, c), math.hypot(b, d)
    return 0.3 < wide < 3 and 0.3 < tall < 3 and 0.75 < wide / tall < 1.33 and area > 0.85 * wide * tall


def _tried(page: _PreparedPage, matrix: Matrix, work: GrayImage) -> _Trial | None:
    """Compare the print piece by piece, place the form again by what was found, and compare once more."""
    likeness, visible, error, frames = 0.0, 0.0, math.inf, 0.0
    smooth = np.asarray(cv2.GaussianBlur(work, (0, 0), 0.8), np.uint8)
    for again in range(_ROUNDS):
        level, inside_page = _levelled(page, matrix, smooth)
        scores, found = _compared(page, level, inside_page, reach=math.ceil(_FAR_PX) if again else _SEARCH)
        seen = ~np.isnan(scores)
        visible = float(seen.mean()) if len(seen) else 0.0
        if seen.sum() < 4:
            return None
        in_place = np.hypot(*found.T) < (_FAR_PX if again else 2 * _SEARCH)
        likeness = float((np.clip((scores[seen] - 0.2) / (0.75 - 0.2), 0, 1) * in_place[seen]).mean())
        same = seen & (np.nan_to_num(scores) > _SAME_PRINT)
        if again:
            frames = _framed(page, level, inside_page, likeness)
        if same.sum() < 6:
            break
        width, height = _PATCH
        centers = np.array([(x + width / 2, y + height / 2) for x, y, _ in page.patches])
        seen_at = _projected(centers + found, matrix)
        found_again, inside = cv2.findHomography(centers[same], seen_at[same], cv2.RANSAC, 3.0)
        if found_again is None or inside.sum() < 6:
            break
        better = np.asarray(found_again, np.float64)
        if not _is_paper(better):
            break
        left = np.linalg.norm(_projected(centers[same], better) - seen_at[same], axis=1)
        error = float(np.median(left)) + 0.3
        matrix = better
        if again and likeness > _SURELY:
            break
    return _Trial(page, matrix, likeness, frames, visible, min(error, 10.0))


def _levelled(page: _PreparedPage, matrix: Matrix, smooth: GrayImage) -> tuple[GrayImage, GrayImage]:
    """The page as it lies on the blank, and where it shows anything of it (255)."""
    back: Matrix = np.asarray(np.linalg.inv(matrix), np.float64)
    level = cv2.warpPerspective(smooth, back, page.size, flags=cv2.INTER_LINEAR, borderValue=255)
    height, width = smooth.shape
    rim = np.array([(-0.5, -0.5), (width - 0.5, -0.5), (width - 0.5, height - 0.5), (-0.5, height - 0.5)], np.float64)
    inside = np.zeros(level.shape, np.uint8)
    cv2.fillConvexPoly(inside, np.round(_projected(rim, back)).astype(np.int32), 255)
    return np.asarray(level, np.uint8), inside


def _framed(page: _PreparedPage, level: GrayImage, inside: GrayImage, likeness: float) -> float:
    """Share of the zones' frames that are on the page; `likeness` when there is none to look for."""
    depth = cv2.subtract(cv2.dilate(level, np.ones((15, 15), np.uint8)), level)
    near = cv2.dilate(depth, np.ones((7, 7), np.uint8))
    shown = [(rows, columns) for rows, columns in page.frames if (inside[rows, columns] > 0).mean() > 0.9]
    if not shown:
        return likeness
    usual = float(np.median([np.median(near[rows, columns]) for rows, columns in shown]))
    limit = max(12.0, 0.4 * usual)
    present = [float((near[rows, columns] > limit).mean()) > 0.75 for rows, columns in shown]
    return float(np.mean(present))


def _compared(page: _PreparedPage, level: GrayImage, inside: GrayImage, *, reach: int) -> tuple[Points, Points]:
    """Correlation of each piece of print with the page, NaN where the page does not show it, and how far off it is.

    Args:
        reach: pixels around the expected place in which it is looked for.
    """
    scores = np.full(len(page.patches), np.nan)
    offsets = np.zeros((len(page.patches), 2))
    width, height = _PATCH
    for number, (x, y, patch) in enumerate(page.patches):
        if inside[y : y + height, x : x + width].mean() < 250:
            continue
        left, top = max(0, x - reach), max(0, y - reach)
        window = level[top : y + height + reach, left : x + width + reach]
        answer = cv2.matchTemplate(window, patch, cv2.TM_CCOEFF_NORMED)
        _, best, _, at = cv2.minMaxLoc(answer)
        scores[number] = best
        offsets[number] = (left + at[0] - x, top + at[1] - y)
    return scores, offsets


def _projected(points: Points, matrix: Matrix) -> Points:
    return np.asarray(cv2.perspectiveTransform(points[None].astype(np.float64), matrix)[0], np.float64)
