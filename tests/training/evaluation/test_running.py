"""Measures of running speech on made lips whose truth is known, and the page made of them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lipsync.types import LipTrack, Waveform
from tests.support import talkers
from tests.support.faces import FPS, mouth
from training.corpus.dataset import Clip, Speaker
from training.evaluation import running, running_page
from training.evaluation.lip_metric_tables import measured_lips
from training.evaluation.running import SHIPPED_ROW, Group, Row, advance_sound
from training.evaluation.running_metrics import (
    MouthGaps,
    Pair,
    compare_dynamics,
    correlations,
    match_closures,
    measure_lag,
    split_error,
)
from training.metrics import GapLevels

GAPS = MouthGaps(GapLevels(closed=0.02, open=0.06), shut=0.005, span=0.1)
SECONDS = np.arange(500) / 25


def lips(gaps: np.ndarray, width: np.ndarray | float = 0.6, rate: Fraction = FPS) -> LipTrack:
    """A made mouth with these inner-lip gaps and widths."""
    widths = np.broadcast_to(width, gaps.shape)
    shapes = [mouth(float(gap), float(wide)) for gap, wide in zip(gaps, widths, strict=True)]
    return LipTrack(np.stack(shapes), rate)


def pair(true: np.ndarray, predicted: np.ndarray, rate: Fraction = FPS) -> Pair:
    return Pair(lips(true, rate=rate), lips(predicted, rate=rate), GAPS)


def dips(*at: int, depth: float = 0.01, frames: int = 100) -> np.ndarray:
    """A gap of 0.1 but for single frames."""
    gaps = np.full(frames, 0.1)
    gaps[list(at)] = depth
    return gaps


def speech_like(seed: int = 0, frames: int = 500, rate: float = 25) -> np.ndarray:
    """A gap around 0.2 with power up to 8 Hz, none above."""
    rng, at = np.random.default_rng(seed), np.arange(frames) / rate
    tones = [
        np.sin(2 * np.pi * hertz * at + rng.uniform(0, 6)) / hertz
        for hertz in np.arange(0.5, 8, 0.5)
    ]
    return np.asarray(0.2 + 0.02 * np.sum(tones, axis=0))


# --- closures --------------------------------------------------------------------------------


@pytest.mark.parametrize(("late", "recall", "false"), [(0, 1, 0), (1, 1, 0), (-1, 1, 0), (2, 0, 1)])
def test_a_closure_counts_within_40_ms(late: int, recall: int, false: int) -> None:
    found = match_closures([pair(dips(50), dips(50 + late))])
    # One frame of the 97 that are wide open and not beside the true closure.
    assert found[:2] == (recall, pytest.approx(false / 97))
    assert found[3:] == (0.25, 0.25)


def test_at_60_fps_40_ms_are_two_frames() -> None:
    for late, recall in ((2, 1), (3, 0)):
        assert match_closures([pair(dips(50), dips(50 + late), Fraction(60))])[0] == recall


def test_closures_that_are_missed_and_made_up() -> None:
    recall, false, depth, made, true = match_closures([pair(dips(20, 40, 60), dips(20, 80))])
    assert recall == pytest.approx(1 / 3)
    assert false == pytest.approx(1 / 91)
    assert depth == pytest.approx((0.1 - 0.005) / 0.1)  # of 0.01, 0.1 and 0.1
    assert (made, true) == (0.5, 0.75)


def test_a_run_of_frames_is_one_closure_whose_depth_is_its_lowest() -> None:
    true, predicted = dips(20, 21, 22), dips(21, depth=0.0)
    predicted[22] = 0.03
    recall, _, depth, made, count = match_closures([pair(true, predicted)])
    assert (recall, made, count) == (1, 0.25, 0.25)
    assert depth == pytest.approx(-0.05)


def test_unknown_frames_are_not_judged() -> None:
    one = pair(dips(20, 40), dips(40, 80))
    one.true.points[15:25] = np.nan
    one.true.points[75:85] = np.nan
    recall, false, _, made, true = match_closures([one])
    assert (recall, false) == (1, 0)
    assert (made, true) == pytest.approx((1 / 3.2, 1 / 3.2))


def test_without_closures_there_is_no_recall() -> None:
    recall, false, depth, made, true = match_closures([pair(dips(), dips())])
    assert np.isnan([recall, depth]).all()
    assert (false, made, true) == (0, 0, 0)


# --- shape -----------------------------------------------------------------------------------


def test_a_displaced_mouth_is_all_offset() -> None:
    true = lips(speech_like())
    moved = LipTrack(true.points + np.float32(0.03), true.rate)
    rmse, *shares = split_error([Pair(true, moved, GAPS)])
    assert rmse == pytest.approx(0.03, rel=1e-4)
    assert shares == pytest.approx([1, 0, 0], abs=1e-4)


def test_half_the_motion_is_all_gain() -> None:
    true = lips(speech_like())
    half = LipTrack((true.points + true.points.mean(0)) / 2, true.rate)
    assert split_error([Pair(true, half, GAPS)])[1:] == pytest.approx([0, 1, 0], abs=1e-4)


def test_other_motion_is_left_over() -> None:
    true, other = 0.2 + 0.05 * np.sin(SECONDS * 2 * np.pi), 0.2 + 0.05 * np.cos(SECONDS * 2 * np.pi)
    _, offset, gain, motion = split_error([pair(true, other)])
    # The best factor on motion that has nothing to do with the true one is 0.
    assert (offset, gain, motion) == pytest.approx((0, 0.5, 0.5), abs=1e-3)
    still = np.full(500, true.mean())
    assert split_error([pair(true, still)])[1:] == pytest.approx([0, 0, 1], abs=1e-3)


def test_the_truth_has_no_shares_of_error() -> None:
    rmse, *shares = split_error([pair(speech_like(), speech_like())])
    assert rmse == 0
    assert np.isnan(shares).all()


def test_correlations_are_within_clips() -> None:
    """Two mouths that differ but do not move together."""
    slow, fast = np.sin(SECONDS * 2 * np.pi), np.sin(SECONDS * 4 * np.pi)
    clips = [pair(level + 0.02 * slow, level + 0.02 * fast) for level in (0.1, 0.4)]
    assert correlations(clips)[0] == pytest.approx(0, abs=1e-3)


def test_pushed_lips_are_high_and_narrow() -> None:
    a, b = np.sin(SECONDS * 2 * np.pi), np.sin(SECONDS * 4 * np.pi)
    true = lips(0.2 + 0.05 * a, 0.6 + 0.02 * b)
    gaps, widths = (0.2 + 0.03 * a, 0.6 + 0.02 * b), (0.2 + 0.05 * a, 0.6 - 0.02 * b)
    narrow = correlations([Pair(true, lips(*gaps), GAPS)])
    wrong = correlations([Pair(true, lips(*widths), GAPS)])
    assert narrow[:2] == pytest.approx([1, 1], abs=1e-4)
    # Cosine between a − b and 0.6 a − b.
    assert narrow[2] == pytest.approx(1.6 / np.sqrt(2 * 1.36), abs=1e-3)
    assert wrong == pytest.approx([1, -1, 0], abs=1e-3)


def test_a_mouth_that_does_not_move_correlates_with_nothing() -> None:
    found = correlations([pair(speech_like(), np.full(500, 0.1))] * 2)
    assert np.isnan(found).all()


# --- dynamics --------------------------------------------------------------------------------


def test_half_the_gain_is_half_the_speed_and_a_quarter_of_the_power() -> None:
    true = speech_like()
    found = compare_dynamics([pair(true, 0.2 + 0.5 * (true - 0.2))])
    assert found == pytest.approx([0.5, 0.25, 0.25, 0.25], rel=1e-3)


def test_only_the_band_that_is_lost_is_missing() -> None:
    slow, fast = 0.05 * np.sin(2 * np.pi * SECONDS), 0.02 * np.sin(2 * np.pi * 4.5 * SECONDS)
    speed, first, second, _ = compare_dynamics([pair(0.2 + slow + fast, 0.2 + slow)])
    assert (first, second) == pytest.approx((1, 0), abs=1e-3)
    expected = 0.05 / np.hypot(0.05, 0.02 * 4.5)
    assert speed == pytest.approx(expected, rel=1e-2)


def test_noise_is_taken_off_the_true_spectrum() -> None:
    clean = [speech_like(seed, 3000, 50) for seed in range(4)]
    noise = [np.random.default_rng(seed).normal(0, 0.01, 3000) for seed in range(4)]
    noisy = [a + b for a, b in zip(clean, noise, strict=True)]
    rate = Fraction(50)
    found = compare_dynamics([pair(t, p, rate) for t, p in zip(noisy, clean, strict=True)])
    assert found == pytest.approx([1, 1, 1, 1], rel=0.08)
    kept = compare_dynamics([pair(t, t, rate) for t in noisy])
    assert kept[0] > 1.15  # the true lips themselves move faster, by their noise


def test_power_that_is_mostly_noise_is_not_compared() -> None:
    slow = 0.2 + 0.05 * np.sin(2 * np.pi * SECONDS)
    noise = np.random.default_rng(0).normal(0, 0.005, 500)
    _, first, second, third = compare_dynamics([pair(slow + noise, slow)])
    assert first == pytest.approx(1, rel=0.05)
    assert np.isnan([second, third]).all()


def test_gaps_in_the_track_split_the_spectra() -> None:
    true = speech_like()
    one = pair(true, 0.2 + 0.5 * (true - 0.2))
    one.true.points[200:210] = np.nan
    assert compare_dynamics([one]) == pytest.approx([0.5, 0.25, 0.25, 0.25], rel=1e-3)
    one.true.points[::20] = np.nan  # no second without a gap
    assert np.isnan(compare_dynamics([one])).all()


def test_lags_are_positive_where_the_prediction_is_late() -> None:
    base = speech_like(frames=520)
    for frames in (-2, 0, 3):
        late = pair(base[10:510], base[10 - frames : 510 - frames])
        assert measure_lag([late]) == pytest.approx(frames / 25, abs=2e-3)
    other = speech_like(1, 600, 50)
    mixed = [pair(base[10:510], base[8:508]), pair(other[8:], other[4:-4], Fraction(50))]
    assert measure_lag(mixed) == pytest.approx(0.08, abs=2e-3)


def test_without_a_best_lag_within_reach_there_is_none() -> None:
    slow, later = (0.2 + 0.1 * np.sin(np.pi * (SECONDS - late)) for late in (0, 0.5))
    assert np.isnan(measure_lag([pair(slow, later)]))
    assert np.isnan(measure_lag([pair(slow, np.full(500, 0.1))]))


# --- page ------------------------------------------------------------------------------------


def following(_: Speaker, clips: list[Clip]) -> list[LipTrack]:
    """Hear how loud the buzz is: as loud as the mouth of `talkers.speaker` is open."""
    found = []
    for clip in clips:
        steps = np.arange(len(clip.lips)) / float(clip.lips.rate)
        loud = np.convolve(np.abs(clip.wave.samples), np.ones(800) / 800, "same")
        at = np.clip((steps * clip.wave.rate).astype(int), 0, len(loud) - 1)
        found.append(talkers.opening_track(5 * loud[at], clip.lips.rate))
    return found


def people(count: int, seconds: float = 4.0) -> list[Speaker]:
    made = talkers.speaker(count, seconds)
    return [replace(made, name=clip.name, clips=(clip,)) for clip in made.clips]


def test_sound_is_advanced_and_lips_without_sound_are_unknown() -> None:
    samples = np.arange(1, 16001, dtype=np.float32) / 16000
    clip = Clip("someone", Waveform(samples, 16000), lips(speech_like(frames=25)))
    late = advance_sound(clip, 0.08)
    np.testing.assert_array_equal(late.wave.samples, samples[1280:])
    assert np.isfinite(late.lips.points).all((1, 2)).tolist() == [True] * 23 + [False] * 2
    early = advance_sound(clip, -0.08)
    np.testing.assert_array_equal(early.wave.samples[1280:], samples)
    assert np.isfinite(early.lips.points).all((1, 2)).tolist() == [False] * 2 + [True] * 23


def test_a_group_finds_how_late_its_sound_is() -> None:
    late = []
    for one in people(3):
        (clip,) = one.clips
        wave = Waveform(np.pad(clip.wave.samples, (1600, 0)), clip.wave.rate)
        late.append(replace(one, clips=(replace(clip, wave=wave),)))
    group = Group.of("three", late, following)
    assert group.lag_s == pytest.approx(0.1, abs=0.02)
    assert "3 clips, 12 s at 25 fps" in group.describe()
    assert "ms late." in group.describe()
    after = measure_lag(group.pairs(group.predict(Row("following", following))))
    assert after == pytest.approx(0, abs=0.01)


def test_wrong_sound_comes_from_the_next_person_on_the_own_mouth() -> None:
    group = Group.of("three", people(3), following)
    seen: list[tuple[str, Speaker, Waveform]] = []

    def listening(speaker: Speaker, clips: list[Clip]) -> list[LipTrack]:
        seen.append((clips[0].name, speaker, clips[0].wave))
        return measured_lips(speaker, clips)

    group.predict(Row("wrong", listening, wrong_sound=True))
    waves = [one.clips[0].wave for one in group.members]
    assert [name for name, _, _ in seen] == [speaker.name for _, speaker, _ in seen]
    assert [wave for _, _, wave in seen] == [waves[1], waves[2], waves[0]]


def test_the_page_has_a_section_for_everybody_and_their_mean() -> None:
    rows = [
        Row("original", measured_lips),
        Row("mean shape", running.mean_shape),
        Row("following, wrong sound", following, wrong_sound=True),
        Row(SHIPPED_ROW, following, rendered="**shipped**, as rendered"),
    ]
    groups = [Group.of("one", people(1), following), Group.of("two", people(2), following)]
    results = [(group.name, group.describe(), group.measure(rows)) for group in groups]
    adapted = [("two", "", {"plain": results[1][2]["original"]})]
    text = running_page.write_page(results, adapted)
    titles = [line for line in text.splitlines() if line.startswith("##")]
    assert titles == ["## Mean of 2", "## Adapted: mean of 1", "### two", "## one", "## two"]
    assert text.count("| plain | 1.000 |") == 2
    text = running_page.write_page(results, [])
    assert "dapted" not in text.split("## Mean")[1]
    heads = [head for head, _, _ in running_page.COLUMNS]
    assert text.count("| row | " + " | ".join(heads) + " |") == 3
    for row in (*rows, Row("**shipped**, as rendered", following)):
        assert text.count(f"| {row.name} |") == 3
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| ")
    ]
    assert {len(line) for line in cells} == {len(heads) + 1}
    mean = {line[0]: dict(zip(heads, line[1:], strict=True)) for line in cells[1:6]}
    assert (mean["original"]["r_open"], mean["original"]["RMSE"]) == ("1.000", "0.0000")
    assert mean["original"]["closure recall"] == "1.00"
    assert (mean["mean shape"]["r_open"], mean["mean shape"]["motion"]) == ("–", "100%")
    assert mean["mean shape"]["speed"] == "0.00"
    heard, wrong = (float(mean[name]["r_open"]) for name in (SHIPPED_ROW, "following, wrong sound"))
    assert heard > 0.9 > 0.5 > wrong


def test_ratios_have_a_geometric_mean_and_undefined_values_are_left_out() -> None:
    base = Group.of("one", people(1), following).measure([Row("original", measured_lips)])[
        "original"
    ]
    a = replace(base, speed=0.5, rmse=0.1, recall=float("nan"))
    b = replace(base, speed=2.0, rmse=0.3, recall=0.4)
    mean = running_page.average([a, b])
    assert (mean.speed, mean.rmse, mean.recall) == pytest.approx((1, 0.2, 0.4))


def test_what_is_missing_is_said_before_any_work(tmp_path: Path) -> None:
    page = tmp_path / "running.md"
    with pytest.raises(SystemExit, match=r"desk_french_50s\.mp4 is missing: .*--shared"):
        running.main(["--shared", str(tmp_path), "--out", str(page)])
    assert not page.exists()


def test_a_clip_is_cut_between_frames_and_too_short_a_one_not_at_all() -> None:
    from training.evaluation import running_adapted

    (one,) = Group.of("one", people(1), following).members
    (clip,) = one.clips
    rate = float(clip.lips.rate)
    part = running_adapted.cut(clip, 0.41, 1.0)
    first = round(0.41 * rate)
    assert np.array_equal(part.lips.points, clip.lips.points[first : round(rate)], equal_nan=True)
    assert len(part.wave.samples) == pytest.approx(len(part.lips) / rate * part.wave.rate, abs=1)
    assert len(running_adapted.cut(clip, 0).lips) == len(clip.lips)
    assert running_adapted.measure_adapted(one) == {}
