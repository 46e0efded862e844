"""The second rung of `checks`: the arithmetic of budget, time and memory."""

import numpy as np

from colorbench.record import Record

_PEAK_FLOPS = 2.5e15
"""No single accelerator of today does more dense bf16 arithmetic a second."""
_CARD_BYTES = {
    "H200": 144e9,
    "H100": 96e9,
    "A100": 81e9,
    "B200": 192e9,
    "L40": 48e9,
    "4090": 25e9,
    "3090": 25e9,
    "T4": 16e9,
}
_MOST_CARD_BYTES = 300e9


def plausible(record: Record) -> list[str]:
    """Steps times batch are the images; no step is faster than arithmetic allows; memory fits the card."""
    if record.origin == "submission" or record.cell.is_baseline or record.status == "skipped":
        return [] if record.spent.steps == 0 else ["an entry that was not trained counts training steps"]
    spent, cost, protocol = record.spent, record.cost, record.cell.protocol
    problems = []
    if spent.images != spent.steps * protocol.batch:
        problems.append(f"{spent.steps} steps of {protocol.batch} are not {spent.images} images")
    if spent.planned_steps is not None and spent.steps > spent.planned_steps:
        problems.append(f"{spent.steps} steps, {spent.planned_steps} were planned")
    if record.status == "done" and spent.steps == 0:
        problems.append("done after no step")
    problems += _budget_kept(record) + _arithmetic(record)
    tried = sum(attempt.train_seconds for attempt in record.attempts)
    if record.attempts and not np.isclose(tried, cost.train_seconds, rtol=0.02, atol=1.0):
        problems.append(f"attempts took {tried:.1f} s together, the record says {cost.train_seconds:.1f} s")
    return problems


def _budget_kept(record: Record) -> list[str]:
    budget, spent = record.cell.protocol.budget, record.spent
    if spent.kind != budget.kind:
        return [f"spent in {spent.kind}, the budget is in {budget.kind}"]
    used = {
        "steps": spent.steps,
        "samples": spent.images,
        "seconds": record.cost.train_seconds,
        "flops": spent.model_flops,
    }
    amount = used.get(budget.kind)
    slack = 1.25 if budget.kind == "seconds" else 1.02
    if amount is not None and amount > slack * budget.amount + (
        record.cell.protocol.batch if budget.kind == "samples" else 0
    ):
        return [f"used {amount:g} of {budget}"]
    if record.status == "done" and budget.kind == "steps" and spent.steps < budget.amount:
        return [f"done after {spent.steps} of {budget}"]
    return []


def _arithmetic(record: Record) -> list[str]:
    spent, cost, facts = record.spent, record.cost, record.generator
    problems = []
    floor = (spent.model_flops or 6.0 * (facts.macs or 0) * spent.images) / _PEAK_FLOPS
    if spent.steps and cost.train_seconds < max(floor, 1e-5 * spent.steps):
        problems.append(f"{spent.steps} steps in {cost.train_seconds:g} s: faster than any device")
    if facts.trainable_parameters > facts.parameters:
        problems.append("more trainable parameters than parameters")
    card = next(
        (size for name, size in _CARD_BYTES.items() if name in (record.environment.gpu or "")), _MOST_CARD_BYTES
    )
    if cost.peak_bytes is not None and cost.peak_bytes > card:
        problems.append(f"{cost.peak_bytes / 1e9:.0f} GB in use on {record.environment.gpu or 'one device'}")
    if cost.peak_bytes is not None and record.status == "done" and cost.peak_bytes < 4 * facts.parameters:
        problems.append(f"{cost.peak_bytes} bytes do not hold {facts.parameters} parameters")
    return problems
