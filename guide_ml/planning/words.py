"""The answer as sentences that need no knowledge of GPUs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from guide_ml import catalogue
from guide_ml.offers.read import HOURS_PER_MONTH
from guide_ml.planning import ways
from guide_ml.planning.naming import gpus, money, plural, seconds
from guide_ml.planning.presets import lookup, presets, reading_words
from guide_ml.units import MS_PER_S

__all__ = ["Said", "tell"]

S_PER_H = 3600.0
#: From this headroom on it is said that there is room.
ROOMY = 0.2


@dataclass(frozen=True)
class Said:
    """A heading and what is said below it.

    Parameters
    ----------
    key : str
        Which sentence it is: ``headline``, ``cost``, ``feel``, ...
    title : str
        A plain heading.
    lines : tuple of str
        One sentence or more each.
    """

    key: str
    title: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it in one line."""
        return " ".join(self.lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {"lines": list(self.lines), "text": self.text}


def tell(answer: Any) -> tuple[Said, ...]:
    """Say everything there is to say of an :class:`guide_ml.planning.Answer`."""
    parts = _SERVES if answer.serves else _FAILS
    told = [(key, title, tuple(line[:1].upper() + line[1:] for line in say(answer) if line))
            for key, title, say in parts]  # fmt: skip
    return tuple(Said(key, title, lines) for key, title, lines in told if lines)


def _headline(a: Any) -> list[str]:
    p = a.best
    if a.questions.where == "own":
        return [f"Yes, your machine serves this: {gpus(p.num_devices, p.hardware)}."]
    bill = (f"about {money(p.job_usd)} for the whole pile" if p.job_usd is not None
            else f"about {money(p.usd_month)} a month")  # fmt: skip
    guess = " This is a guess: nobody has measured anything much like it."
    return [f"Rent {gpus(p.num_devices, p.hardware)} from {p.provider}: {bill}."
            + (guess if p.in_domain == "far" else "")]  # fmt: skip


def _asked(a: Any) -> list[str]:
    """Say how the question was understood."""
    q, r = a.questions, a.found.request if a.found else None
    use = lookup("uses", q.use)
    input_len, output_len = q.lengths
    given = q.input_len or q.output_len or "input_len" not in use
    usual = "lengths that you gave" if given and (q.input_len or q.output_len) else (
        "an assumption" if given else use["source"])  # fmt: skip
    model = r.model.model if r else q.llm_name
    lengths = (f"A request has {input_len:,.0f} tokens in and {output_len:,.0f} out on average"
               f" ({usual}).")  # fmt: skip
    if q.pile:
        return [f"{use['title']} of {q.pile_documents:,.0f} documents within"
                f" {q.pile_hours:g} hours with {model}.", lengths]  # fmt: skip
    share = 100 * lookup("busy", q.busy)["share"]
    busy = "as you said" if q.at_once else f"{share:g} %: {presets()['busy_source']['text']}"
    people = f"{plural(q.crowd, 'person', 'people')}" + ("" if q.people else " (none were given)")
    wait = "waits" if round(q.in_flight) == 1 else "wait"
    return [f"{use['title']} with {model} for {people}: about {q.in_flight:,.0f} of them {wait} for"
            f" an answer at the same moment ({busy}).", lengths]  # fmt: skip


def _cost(a: Any) -> list[str]:
    p, own = a.best, a.questions.where == "own"
    if own and not catalogue.hardware(p.hardware).tdp_w:
        return ["What its energy costs is not known: the draw of this device is not listed."]
    if p.job_usd is not None and p.job_h is not None:
        each = p.job_usd / a.questions.pile_documents * 1000
        return [f"{money(p.job_usd)} for {p.job_h:,.1f} hours at {p.usd_h:,.2f} USD an hour;"
                " the machines are given back afterwards.",
                f"A thousand documents cost {money(each)}."]  # fmt: skip
    kwh = a.questions.power_usd_kwh
    price = f"{kwh:g} USD a kWh, as you said" if kwh else presets()["power"]["source"]
    lines = [f"{money(p.usd_month)} a month for energy alone, its GPUs at full draw day and night"
             f" ({price})." if own else
             f"{money(p.usd_month)} a month if it runs day and night: {p.usd_h:,.2f} USD an hour"
             f" for {HOURS_PER_MONTH:.0f} hours."]  # fmt: skip
    if p.e2e_ms:
        an_hour = a.questions.in_flight / (p.e2e_ms / MS_PER_S) * S_PER_H
        office = presets()["hours"]
        lines.append(
            f"A thousand requests cost {money(1000 * p.usd_h / an_hour)} if it is always as busy as"
            f" that, and {money(1000 * p.usd_month / (an_hour * office['office_h_month']))} if it"
            f" is so only in office hours ({office['source']}) and paid for day and night."
        )
    return lines


def _feel(a: Any) -> list[str]:
    p = a.best
    if p.ttft_ms is None:
        return [f"Nobody waits. The pile is done in {p.job_h:,.1f} hours."]
    if p.tok_s_per_user is None:
        return [f"The answer comes after about {seconds(p.ttft_ms)}."]
    return [f"The first words come after about {seconds(p.ttft_ms)}. Then come about"
            f" {0.75 * p.tok_s_per_user:,.0f} words a second, {reading_words(p.tok_s_per_user)}. A"
            f" whole answer takes about {seconds(p.e2e_ms)}."]  # fmt: skip


def _room(a: Any) -> list[str]:
    p = a.best
    if p.ttft_ms is None or p.headroom < ROOMY:
        return []
    people = p.capacity_users / a.questions.busy_share  # not of those in flight, who are whole
    return [f"It keeps this up to about {p.capacity_users:,} waiting at once, which is about"
            f" {people:,.0f} people."]  # fmt: skip


_SURE = {
    "measured": "This very set-up was measured, under this load.",
    "interpolated": "This set-up was measured, under other loads.",
    "near": "This set-up is much like others that were measured.",
    "far": "Nobody has measured anything much like this set-up: take the figures as a guess, and"
    " try it before you rely on it.",
}


def _sure(a: Any) -> list[str]:
    p, predicted = a.best, a.prediction
    lines = [_SURE.get(p.in_domain, ""), *ways.surer(a)]
    if predicted and p.tok_s_per_user and all(
        predicted.low.get(name) for name in ("ttft_ms", "tpot_ms")
    ):
        low, high = predicted.low, predicted.high
        lines.append(
            f"In nine of ten set-ups like it the first words come after {seconds(low['ttft_ms'])}"
            f" to {seconds(high['ttft_ms'])}, and {MS_PER_S / high['tpot_ms']:,.0f} to"
            f" {MS_PER_S / low['tpot_ms']:,.0f} tokens a second follow."
        )
    sure = p.usd_h_sure
    if a.questions.where == "own" or p.job_usd is not None:
        return lines
    if sure is None:
        lines.append("No number of these machines keeps your limits for sure (nine in ten).")
    elif sure > p.usd_h * 1.01:
        lines.append(f"To be nine in ten sure, take more of them: {money(sure * HOURS_PER_MONTH)}"
                     " a month.")  # fmt: skip
    else:
        lines.append("The same machines are enough to be nine in ten sure.")
    return lines


def _care(a: Any) -> list[str]:
    """Say what must be looked at before money is spent."""
    p = a.best
    lines = list(_weights(a))
    if p.hardware and a.questions.where == "rent":
        lines += [line for line in a.found.why if line.startswith("The price of the best plan")]
        if p.instances > 1:
            lines.append(f"That is {p.instances} machines of {p.devices_per_instance}; something"
                         " must share the requests out among them.")  # fmt: skip
        if a.questions.countries:
            lines.append("Providers that do not say where their machines stand were left out.")
    if p.not_started:
        lines.append(f"No start command can be written: {p.not_started}.")
    return lines


def _weights(a: Any) -> list[str]:
    if a.narrowed:
        return ["The model fits only with its weights squeezed to about 4 bits"
                f" ({a.best.weight_dtype}): check the quality of its answers."]  # fmt: skip
    squeezed = next((w for w in a.found.why if w.startswith("Weights are narrowed")), "")
    return [f"The model's weights are stored in {a.best.weight_dtype}, which is less exact than"
            " published: check the quality of its answers."] if squeezed else []  # fmt: skip


def _fails(a: Any) -> list[str]:
    if a.found is None:
        return ["No, your machine cannot hold this model." if a.questions.where == "own" else
                "No machine that is allowed can hold this model."]  # fmt: skip
    return ["No, your machine does not keep up with this." if a.questions.where == "own" else
            "Nothing that can be rented keeps all of this."]  # fmt: skip


def _reason(a: Any) -> list[str]:
    return [f"{a.refused}."] if a.found is None else ways.reason(a)


Say = Callable[[Any], list[str]]
_SERVES: tuple[tuple[str, str, Say], ...] = (
    ("headline", "the answer", _headline),
    ("cost", "what it costs", _cost),
    ("feel", "what people will feel", _feel),
    ("room", "how much more it carries", _room),
    ("sure", "how sure this is", _sure),
    ("cheaper", "what would be cheaper", ways.cheaper),
    ("step", "the next step up", ways.step_up),
    ("care", "before you decide", _care),
    ("asked", "how your answers were understood", _asked),
)
_FAILS: tuple[tuple[str, str, Say], ...] = (
    ("headline", "the answer", _fails),
    ("why", "why", _reason),
    ("ways", "what would help", ways.ways_out),
    ("asked", "how your answers were understood", _asked),
)
