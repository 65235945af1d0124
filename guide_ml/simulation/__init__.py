"""Traffic on a deployment, simulated: requests arrive, wait, prefill, decode and leave.

In: a deployment as closed loads (``asked`` asks the predictions once), how its engine schedules
(``policies``), and traffic. ``surface`` turns what was asked into times of steps, ``engine`` takes
a replica from event to event, ``routing`` sends requests to replicas. Out: what becomes of each
request (``run``). A new engine is a file in ``policies``.
"""
